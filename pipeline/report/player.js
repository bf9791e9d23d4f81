"use strict";
/* Plays clips in sync. `times` has when each frame is shown, so a step is always exactly one frame. */
for (const player of document.querySelectorAll(".player")) {
  const find = (name) => player.querySelector(name);
  const stage = find(".stage"), scrub = find(".scrub"), wipe = find(".wipe"), sound = find(".sound");
  const before = find("video.before"), clips = [...player.querySelectorAll("video")], lead = find("video.after") || before;
  const takes = [...player.querySelectorAll(".take")];
  const times = JSON.parse(player.dataset.times), count = times.length - 1;
  const first = Number(player.dataset.first), start = Number(player.dataset.start), end = Number(player.dataset.end);
  let shown = 0, playing = false;

  const middle = (frame) => (times[frame] + times[frame + 1]) / 2;
  const showPosition = () => {
    const filmFrame = first + shown, edited = filmFrame >= start && filmFrame < end;
    scrub.value = shown;
    scrub.setAttribute("aria-valuetext", `frame ${filmFrame}`);
    find(".where").textContent = `frame ${filmFrame} · ${times[shown].toFixed(3)} s${edited ? " · edited" : " · handle"}`;
  };
  const go = (frame) => {
    shown = Math.min(count - 1, Math.max(0, frame));
    for (const clip of clips) clip.currentTime = middle(shown);
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
  const stop = () => {
    playing = false;
    for (const clip of clips) clip.pause();
    find(".play").textContent = "Play";
    find(".play").setAttribute("aria-label", "Play");
    go(frameAt(lead.currentTime));
  };
  const keepInSync = () => {
    if (!playing) return;
    if (lead.ended || lead.currentTime >= times[count] - 1e-3) {
      go(0);
      play();
      return;
    }
    const frame = times[1] - times[0];
    for (const clip of clips) {
      if (clip === lead) continue;
      const drift = clip.currentTime - lead.currentTime;
      if (Math.abs(drift) > 0.3 && !clip.seeking) clip.currentTime = lead.currentTime;
      clip.playbackRate = Math.abs(drift) > 0.5 * frame ? 1 - 0.15 * Math.sign(drift) : 1;
    }
    shown = frameAt(lead.currentTime);
    showPosition();
    requestAnimationFrame(keepInSync);
  };
  const play = () => {
    playing = true;
    find(".play").textContent = "Pause";
    find(".play").setAttribute("aria-label", "Pause");
    Promise.all(clips.map((clip) => clip.play())).then(() => requestAnimationFrame(keepInSync), stop);
  };
  const toggle = () => (playing ? stop() : (shown >= count - 1 && go(0), play()));
  const step = (by) => {
    if (playing) stop();
    go(shown + by);
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
    if (!chosen || chosen.querySelector(".choose").disabled) return;
    for (const take of takes) {
      take.classList.toggle("chosen", take === chosen);
      take.querySelector(".choose").setAttribute("aria-pressed", String(take === chosen));
    }
    find(".command").textContent = chosen.dataset.command;
  };

  find(".play").addEventListener("click", toggle);
  find(".back").addEventListener("click", () => step(-1));
  find(".forward").addEventListener("click", () => step(1));
  scrub.addEventListener("input", () => {
    const frame = Number(scrub.value);
    if (playing) stop();
    go(frame);
  });
  if (wipe) wipe.addEventListener("input", () => setWipe(wipe.value));
  if (sound) sound.addEventListener("change", selectSound);
  for (const take of takes) take.addEventListener("click", () => choose(Number(take.dataset.number)));
  if (wipe) stage.addEventListener("pointerdown", (event) => {
    stage.setPointerCapture(event.pointerId);
    stage.dispatchEvent(new PointerEvent("pointermove", event));
  });
  stage.addEventListener("pointermove", (event) => {
    if (!event.buttons) return;
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
      "[": () => setWipe(Number(wipe.value) - 5),
      "]": () => setWipe(Number(wipe.value) + 5),
    };
    if (event.ctrlKey || event.metaKey || event.altKey || event.target !== stage) return;
    if (takes.length && /^[1-9]$/.test(event.key)) choose(Number(event.key));
    if (!keys[event.key]) return;
    event.preventDefault();
    keys[event.key]();
  });
  selectSound();
  go(Math.floor((start + end) / 2) - first);
}
