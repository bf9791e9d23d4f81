/* The player of takes: of the report, where it stands inside the page, and of the studio, which imports it.

   It plays clips in sync, and what else is heard with them: an `audio` element of the same length. `data-times` has when each frame is shown, so a step is always exactly one frame. Frames are
   counted from 0, and a span is written with its first and its last frame. */

/** The label of a frame on the clock of a film.
 * @param {number} frame @param {{rate: number[], drop: boolean, start: number}} clock @returns {string} */
export function timecode(frame, clock) {
  const nominal = Math.max(1, Math.round(clock.rate[0] / clock.rate[1]));
  let number = frame + clock.start;
  if (clock.drop) {
    const dropped = Math.floor(nominal / 15), perTen = nominal * 600 - dropped * 9, perMinute = nominal * 60 - dropped;
    const tens = Math.floor(number / perTen), rest = number % perTen;
    const minutes = Math.floor((rest - dropped) / perMinute) + (rest < dropped ? 1 : 0);
    number += dropped * (9 * tens + minutes);
  }
  const two = (value) => String(value).padStart(2, "0");
  const seconds = Math.floor(number / nominal);
  const hours = Math.floor(seconds / 3600) % 24;
  return `${two(hours)}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}${clock.drop ? ";" : ":"}${two(number % nominal)}`;
}

/** The frame of a label, or NaN where there is no such label. @param {string} text @param {{rate: number[], drop: boolean, start: number}} clock */
export function frameOfTimecode(text, clock) {
  const match = /^\s*(\d{1,2}):(\d{2}):(\d{2})[:;.](\d{2,3})\s*$/.exec(text);
  if (!match) return NaN;
  const nominal = Math.max(1, Math.round(clock.rate[0] / clock.rate[1]));
  const [hours, minutes, seconds, frames] = match.slice(1).map(Number);
  const dropped = clock.drop ? Math.floor(nominal / 15) : 0, total = hours * 60 + minutes;
  if (minutes > 59 || seconds > 59 || frames >= nominal || (seconds === 0 && frames < dropped && total % 10)) return NaN;
  const count = (label, passed) => label - dropped * (passed - Math.floor(passed / 10));
  const frame = count((total * 60 + seconds) * nominal + frames, total) - clock.start;
  return frame >= 0 ? frame : frame + count(86400 * nominal, 1440); // the film may go on after midnight
}

/** Draw peaks, 0 to 255, into a canvas. @param {HTMLCanvasElement} canvas @param {ArrayLike<number>} peaks */
export function drawPeaks(canvas, peaks, color = "currentColor") {
  const context = canvas.getContext("2d");
  if (!context) return;
  const width = (canvas.width = Math.max(1, Math.round(canvas.clientWidth * devicePixelRatio)));
  const height = (canvas.height = Math.max(1, Math.round(canvas.clientHeight * devicePixelRatio)));
  context.fillStyle = color === "currentColor" ? getComputedStyle(canvas).color : color;
  for (let x = 0; x < width; x++) {
    const first = Math.floor((x * peaks.length) / width), last = Math.max(first + 1, Math.floor(((x + 1) * peaks.length) / width));
    let peak = 0;
    for (let index = first; index < last && index < peaks.length; index++) peak = Math.max(peak, peaks[index]);
    const half = Math.max(0.5, (peak / 255) * height * 0.5);
    context.fillRect(x, height / 2 - half, 1, 2 * half);
  }
}

/** Connect a player to its element. @param {HTMLElement} player */
export function attachPlayer(player) {
  const find = (name) => /** @type {any} */ (player.querySelector(name));
  const on = (name, event, handle) => find(name)?.addEventListener(event, handle);
  const stage = find(".stage"), scrub = find(".scrub"), wipe = find(".wipe"), sound = find(".sound");
  const before = find("video.before"), clips = /** @type {HTMLMediaElement[]} */ ([...player.querySelectorAll("video, audio")]), lead = find("video.after") || before;
  const takes = /** @type {HTMLElement[]} */ ([...player.querySelectorAll(".take")]);
  const times = JSON.parse(player.dataset.times), count = times.length - 1;
  const first = Number(player.dataset.first), start = Number(player.dataset.start), end = Number(player.dataset.end);
  const clock = player.dataset.clock ? JSON.parse(player.dataset.clock) : null;
  const seamIn = Math.max(0, start - first), seamOut = Math.min(count, end - first);
  const LOOPS = [
    { name: "", text: "Loop", low: 0, high: count },
    { name: "edit", text: "Loop: edit", low: seamIn, high: seamOut },
    { name: "handles", text: "Loop: handles", low: 0, high: count },
  ];
  /** What is zoomed, and where the face is in it, if known also in each frame: the stage, and in it the pictures that say where theirs is. */
  const zooms = /** @type {HTMLElement[]} */ ([player, ...player.querySelectorAll("[data-zoom]")]).filter((place) => place.dataset.zoom).map((place) => ({
    style: (place === player ? stage : place).style, still: (place.dataset.zoom ?? "").split(",").map(Number), path: place.dataset.path ? JSON.parse(place.dataset.path) : null,
  }));
  let shown = 0, playing = false, speed = 1, loop = 0, timer = 0, gone = false;

  const middle = (frame) => (times[frame] + times[frame + 1]) / 2;
  const showPosition = () => {
    const filmFrame = first + shown, edited = filmFrame >= start && filmFrame < end;
    const place = clock ? timecode(filmFrame, clock) : `${times[shown].toFixed(3)} s`;
    scrub.value = shown;
    scrub.setAttribute("aria-valuetext", `frame ${filmFrame}`);
    if (isZoomed()) setZoom(true);
    find(".where").textContent = `${place} · frame ${filmFrame}${edited ? " · edited" : " · handle"}`;
    player.dispatchEvent(new CustomEvent("frame", { detail: filmFrame }));
  };
  /** Where a clip goes once it has reached where it is going now: browsers may hang on a seek within a seek. */
  const next = new Map();
  const move = (clip, seconds) => {
    if (clip.seeking) next.set(clip, seconds);
    else clip.currentTime = seconds;
  };
  const settled = (clip) => new Promise((done) => {
    const look = () => (clip.seeking || next.has(clip) ? clip.addEventListener("seeked", look, { once: true }) : done(clip));
    look();
  });
  for (const clip of clips) clip.addEventListener("seeked", () => {
    const seconds = next.get(clip);
    next.delete(clip);
    if (seconds !== undefined) clip.currentTime = seconds;
  });
  const go = (frame) => {
    shown = Math.min(count - 1, Math.max(0, frame));
    for (const clip of clips) move(clip, middle(shown));
    showPosition();
  };
  const frameAt = (seconds) => {
    let low = 0, high = count - 1;
    while (low < high) {
      const mid = (low + high + 1) >> 1;
      if (times[mid] <= seconds + 1e-6) low = mid; else high = mid - 1;
    }
    return low;
  };
  const label = (text) => {
    find(".where").ariaLive = text === "Pause" ? "off" : "polite"; // read aloud in steps, not while it plays
    find(".play").textContent = text;
    find(".play").setAttribute("aria-label", text);
  };
  const stop = () => {
    const wasForward = playing && speed > 0;
    playing = false;
    speed = 1;
    clearTimeout(timer);
    for (const clip of clips) clip.pause();
    label("Play");
    go(wasForward ? frameAt(lead.currentTime) : shown);
  };
  const rewind = () => {
    if (!playing || speed > 0 || gone) return;
    const { low, high } = LOOPS[loop];
    go(shown <= low ? (loop ? high - 1 : 0) : shown - 1);
    if (shown <= 0 && !loop) return stop();
    timer = setTimeout(rewind, (1000 * (times[shown + 1] - times[shown])) / -speed);
  };
  const keepInSync = () => {
    if (!playing || speed < 0 || gone) return;
    const last = times[LOOPS[loop].high];
    if (lead.ended || lead.currentTime >= last - 1e-3) {
      if (!loop) return stop();
      go(LOOPS[loop].low);
      return play(speed);
    }
    const frame = times[1] - times[0];
    for (const clip of clips) {
      if (clip === lead) continue;
      const drift = clip.currentTime - lead.currentTime;
      if (Math.abs(drift) > 0.3) move(clip, lead.currentTime);
      clip.playbackRate = speed * (Math.abs(drift) > 0.5 * frame ? 1 - 0.15 * Math.sign(drift) : 1);
    }
    shown = frameAt(lead.currentTime);
    showPosition();
    requestAnimationFrame(keepInSync);
  };
  const play = (newSpeed = 1) => {
    clearTimeout(timer);
    playing = true;
    speed = newSpeed;
    label("Pause");
    if (speed < 0) {
      for (const clip of clips) clip.pause();
      return rewind();
    }
    for (const clip of clips) clip.playbackRate = speed;
    return Promise.all(clips.map(settled))
      .then(() => (playing && speed > 0 && !gone ? Promise.all(clips.map((clip) => clip.paused && clip.play())) : null)) // WebKit may never answer for one that plays
      .then((started) => started && requestAnimationFrame(keepInSync), stop);
  };
  const toggle = () => {
    if (playing) return stop();
    const { low, high } = LOOPS[loop];
    if (loop && (shown < low || shown >= high - 1)) go(low);
    else if (shown >= count - 1) go(0);
    return play();
  };
  const step = (by) => {
    if (playing) stop();
    go(shown + by);
  };
  const faster = (direction) => {
    const same = playing && Math.sign(speed) === direction;
    const next = same ? direction * Math.min(4, Math.abs(speed) * 2) : direction;
    if (playing && !same) stop();
    play(next);
  };
  const setWipe = (percent) => {
    if (!wipe) return;
    wipe.value = Math.min(100, Math.max(0, percent));
    stage.style.setProperty("--wipe", `${wipe.value}%`);
  };
  const selectSound = () => {
    for (const clip of clips) clip.muted = !sound || sound.value !== clip.dataset.sound;
  };
  const choose = (number) => {
    const chosen = takes.find((take) => Number(take.dataset.number) === number);
    if (!chosen || chosen.querySelector(".choose:disabled")) return;
    for (const take of takes) {
      take.classList.toggle("chosen", take === chosen);
      take.querySelector(".choose").setAttribute("aria-pressed", String(take === chosen));
    }
    if (find(".command")) find(".command").textContent = chosen.dataset.command;
    player.dispatchEvent(new CustomEvent("choose", { detail: chosen.dataset.id || number }));
  };
  const setMode = (mode) => {
    stage.dataset.mode = mode;
    if (find(".mode")) find(".mode").value = mode;
    if (isZoomed()) setZoom(true);
  };
  const press = (name, pressed) => find(name)?.setAttribute("aria-pressed", String(pressed));
  const setLoop = (number) => {
    loop = number % LOOPS.length;
    press(".loop", loop > 0);
    if (find(".loop")) find(".loop").textContent = LOOPS[loop].text;
    player.dataset.loop = LOOPS[loop].name;
  };
  const setZoom = (value) => {
    if (!zooms.length) return;
    const high = stage.dataset.mode === "side" && !takes.length ? 0.5 : 1; // beside each other pictures fill half of their height
    for (const { style, still, path } of zooms) {
      const [left, top, right, bottom] = (value && path?.[shown]) || still;
      const scale = value ? Math.min(6, 0.95 / Math.max(right - left, high * (bottom - top))) : 1;
      /** Where the picture goes, in percent: the face in the middle, unless that would show what lies outside of it. */
      const shift = (low, up, size) => {
        const edge = (1 - size) / 2, middle = scale * size < 1 ? 0.5 : edge + (size * (low + up)) / 2;
        return Math.min(-100 * scale * edge, Math.max(100 - 100 * scale * (1 - edge), 50 - 100 * scale * middle));
      };
      style.setProperty("--zoom", String(scale));
      style.setProperty("--zoom-x", `${value ? shift(left, right, 1) : 0}%`);
      style.setProperty("--zoom-y", `${value ? shift(top, bottom, high) : 0}%`);
    }
    press(".zoom", value);
  };
  const isZoomed = () => find(".zoom")?.getAttribute("aria-pressed") === "true";
  const fullScreen = () => (document.fullscreenElement ? document.exitFullscreen() : player.requestFullscreen?.());
  let heldMode = "";
  const hold = (isHeld) => {
    if (isHeld === !!heldMode) return;
    if (isHeld) {
      heldMode = stage.dataset.mode || "wipe";
      setMode("before");
    } else {
      setMode(heldMode);
      heldMode = "";
    }
  };

  // The keys of the player go on after a click, which would else give them to the button.
  for (const button of player.querySelectorAll(".controls button")) button.addEventListener("click", (event) => /** @type {any} */ (event).detail && stage.focus());
  on(".play", "click", toggle);
  on(".back", "click", () => step(-1));
  on(".forward", "click", () => step(1));
  on(".loop", "click", () => setLoop(loop + 1));
  on(".zoom", "click", () => setZoom(!isZoomed()));
  on(".full", "click", fullScreen);
  on(".mode", "change", (event) => setMode(event.target.value));
  on(".hold", "pointerdown", () => hold(true));
  for (const event of ["pointerup", "pointerleave", "pointercancel"]) on(".hold", event, () => hold(false));
  on(".hold", "keydown", (event) => (event.key === " " || event.key === "Enter") && hold(true));
  on(".hold", "keyup", () => hold(false));
  scrub.addEventListener("input", () => {
    const frame = Number(scrub.value);
    if (playing) stop();
    go(frame);
  });
  if (wipe) wipe.addEventListener("input", () => setWipe(wipe.value));
  if (sound) sound.addEventListener("change", selectSound);
  on(".copy", "click", async (event) => {
    const text = find(".command").textContent;
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const range = document.createRange();
      range.selectNodeContents(find(".command"));
      getSelection().removeAllRanges();
      getSelection().addRange(range);
      document.execCommand("copy");
    }
    event.target.textContent = "Copied";
    setTimeout(() => (event.target.textContent = "Copy"), 1500);
  });
  for (const take of takes) take.addEventListener("click", () => choose(Number(take.dataset.number)));
  if (wipe) stage.addEventListener("pointerdown", (event) => {
    stage.setPointerCapture(event.pointerId);
    stage.dispatchEvent(new PointerEvent("pointermove", event));
  });
  stage.addEventListener("pointermove", (event) => {
    if (!event.buttons || (stage.dataset.mode && stage.dataset.mode !== "wipe")) return;
    const box = stage.getBoundingClientRect();
    setWipe((100 * (event.clientX - box.left)) / box.width);
  });
  stage.addEventListener("keydown", (event) => {
    const keys = {
      " ": toggle,
      ArrowLeft: () => step(-1),
      ArrowRight: () => step(1),
      Home: () => step(start - first - shown),
      End: () => step(end - 1 - first - shown),
      "[": () => setWipe(Number(wipe?.value) - 5),
      "]": () => setWipe(Number(wipe?.value) + 5),
      j: () => faster(-1),
      k: () => playing && stop(),
      l: () => faster(1),
      a: () => setMode(stage.dataset.mode === "before" ? "after" : "before"),
      b: () => hold(true),
      d: () => setMode(stage.dataset.mode === "difference" ? "wipe" : "difference"),
      s: () => setMode(stage.dataset.mode === "side" ? "wipe" : "side"),
      z: () => setZoom(!isZoomed()),
      f: fullScreen,
      r: () => setLoop(loop + 1),
    };
    if (event.ctrlKey || event.metaKey || event.altKey || event.target !== stage) return;
    if (takes.length && /^[1-9]$/.test(event.key)) choose(Number(event.key));
    const action = keys[event.key] || keys[event.key.toLowerCase()];
    if (!action) return;
    event.preventDefault();
    event.stopPropagation();
    action();
  });
  stage.addEventListener("keyup", (event) => event.key.toLowerCase() === "b" && hold(false));
  stage.addEventListener("blur", () => hold(false));
  for (const canvas of player.querySelectorAll("canvas.wave")) drawPeaks(/** @type {any} */ (canvas), JSON.parse(/** @type {any} */ (canvas).dataset.peaks || "[]"));
  selectSound();
  go(Math.floor((start + end) / 2) - first);
  return {
    go: (filmFrame) => step(filmFrame - first - shown),
    stop,
    remove: () => {
      gone = true;
      stop();
    },
  };
}
