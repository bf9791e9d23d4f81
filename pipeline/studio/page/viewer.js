/* The viewer: exact stills while paused, the film or its proxy while it plays, the faces, and the live preview. */
import { frameOfTimecode, timecode } from "/page/player.js";
import { focus, h, quiet } from "/page/dom.js";
import { Stills } from "/page/stills.js";
import { events, fetched, say, selectedEdit, set, setFields, state, url, watch } from "/page/store.js";

const PAGE = Math.random().toString(36).slice(2);
const SLOW_MS = 120;
const CANNOT_PLAY = "This film cannot be played by this browser, or is not there any more. Its frames can be stepped through.";

/** When a frame is shown, in seconds. @param {number} frame */
export const timeOf = (frame) => (state.film.times ? state.film.times[frame] : state.film.first_s + (frame * state.film.rate[1]) / state.film.rate[0]);

/** The frame that is shown at a time, which its container may have rounded. @param {number} seconds */
export function frameAt(seconds) {
  const { film } = state, reached = seconds + film.slack_s;
  if (!film.times) return Math.max(0, Math.min(film.frames - 1, Math.floor(((reached - film.first_s) * film.rate[0]) / film.rate[1] + 1e-4)));
  let low = 0, high = film.frames - 1;
  while (low < high) {
    const mid = (low + high + 1) >> 1;
    if (film.times[mid] <= reached) low = mid; else high = mid - 1;
  }
  return low;
}

/** The frame that begins at a time of its container, which may be some ticks beside an even rate. @param {number} seconds */
export const frameBeginningAt = (seconds) => frameAt(state.film.times ? seconds : seconds + (0.5 * state.film.rate[1]) / state.film.rate[0] - state.film.slack_s);

/** The frame at a time that was typed; after the film the one after its last. @param {number} seconds */
const frameOfTime = (seconds) => (seconds >= state.film.length_s ? state.film.frames : frameAt(seconds));

/** What the labels of frames count by; a job may say the timecode of the first frame. */
export const clockOf = () => state.job?.clock ?? { rate: state.film.rate, drop: false, start: 0 };
export const label = (frame) => timecode(frame, clockOf());

/** The frames of about a second. */
export const second = () => Math.max(1, Math.round(state.film.rate[0] / state.film.rate[1]));

/** Stops what plays; the viewer sets it. */
let stop = () => {};

/** Move the playhead, whatever plays. @param {number} frame */
const moveTo = (frame) => set({ frame: Math.max(0, Math.min(state.film.frames - 1, Math.round(frame))) });

/** Go to a frame, and stop there. @param {number} frame */
export function seek(frame) {
  stop();
  moveTo(frame);
}

/** What is previewed now: the draft over the selected edit; null outside the edit's frames. */
export function previewChoices() {
  const edit = selectedEdit();
  const within = !edit?.frames || (state.frame >= edit.frames[0] && state.frame < edit.frames[1]);
  if (!within || state.watching || !live.on) return null;
  const { prompt, temperature, model_mode, strength } = state.draft;
  return { prompt, temperature, model_mode, strength: typeof strength === "number" ? strength : 1 };
}

export const live = { on: true };

/** The shots of an edit, as [first frame, frame after the last]. @param {any} edit @returns {number[][]} */
export function shotsOf(edit) {
  if (!edit?.frames) return [];
  const [start, end] = edit.frames, cuts = state.cuts.filter((cut) => cut > start && cut < end);
  return [start, ...cuts].map((first, index) => [first, cuts[index] ?? end]);
}

/** The number of the shot of an edit that has a frame, from 1; 0 outside the edit. @param {any} edit @param {number} frame */
export const shotAt = (edit, frame) => shotsOf(edit).findIndex(([first, end]) => frame >= first && frame < end) + 1;

/** The face that an edit names for a shot; a job may write `shot 2` or `2`. @param {any} edit @param {number} shot */
export const faceOfShot = (edit, shot) => edit?.fields.faces?.[`shot ${shot}`] ?? edit?.fields.faces?.[shot];

/** The face that an edit names for all of its shots: that of the take that was picked, if faces are compared. @param {any} edit */
export const faceOfEdit = (edit) => edit?.picked.face ?? edit?.fields.face;

/** Let an edit name a face for a shot; null for the face of all shots. @param {any} edit @param {number} shot @param {any} face */
export function setFaceOfShot(edit, shot, face) {
  const { [`shot ${shot}`]: _, [shot]: __, ...others } = edit.fields.faces ?? {};
  const faces = face === null ? others : { ...others, [`shot ${shot}`]: face };
  return setFields(edit, { faces: Object.keys(faces).length ? faces : null });
}

/** The frame that the listed faces are of: that of the playhead, or until its own are known the one before. */
export const facesFrame = () => state.faces?.frame ?? state.frame;

/** Whether a face that was clicked is still the one that is meant: in its shot, and while the edit says nothing else. @param {any} face */
function isClicked(face) {
  const { face: clicked, faces } = state, [start, end] = faces?.shot ?? [0, 0];
  if (!clicked || !faces?.faces.some((item) => item.number === clicked.number) || clicked.frame < start || clicked.frame >= end) return false;
  return !selectedEdit() || !clicked.saved || String(face?.at ?? "") === String(clicked.at ?? "");
}

/** The number of the face that is changed: the one that was clicked, else the one that the edit names; 0 for the largest. */
export function faceNumber() {
  const faces = state.faces?.faces ?? [];
  const edit = selectedEdit(), face = faceOfShot(edit, shotAt(edit, facesFrame())) ?? faceOfEdit(edit);
  if (state.face && isClicked(face)) return state.face.number;
  if (typeof face === "number") return face;
  if (face === "left") return faces[0]?.number ?? 0;
  if (face === "right") return faces[faces.length - 1]?.number ?? 0;
  if (!face?.at) return 0;
  const away = (item) => Math.hypot((item.left + item.right) / 2 - face.at[0], (item.top + item.bottom) / 2 - face.at[1]);
  return [...faces].sort((a, b) => away(a) - away(b))[0]?.number ?? 0;
}

class StudioViewer extends HTMLElement {
  connectedCallback() {
    this.stills = new Stills();
    this.isSlow = this.loading = false;
    this.frameProblem = "";
    /** The frame at which it was said that the film cannot be played. */
    this.refusedAt = -1;
    /** Why there is nothing to play yet. */
    this.notPlayable = "";
    this.facesTurn = 0;
    this.moved = () => {};
    this.sequence = 0;
    this.busy = false;
    this.wantedPreview = null;
    this.speed = 1;
    this.timer = 0;
    stop = () => this.pause();
    this.build();
    this.later = quiet(() => this.prefetch(), 250);
    this.askFaces = quiet(() => this.loadFaces(), 120);
    watch(["film", "watching"], () => this.openFilm());
    watch(["frame"], () => !state.playing && this.showFrame());
    watch(["draft", "selected", "face", "job"], () => this.showPreview());
    watch(["frame", "faces", "face", "playing", "watching", "selected", "job"], () => this.drawFaces());
    watch(["frame", "playing", "markIn", "markOut", "film", "job"], () => this.showPosition());
    events.addEventListener("live", () => this.showPreview());
    events.addEventListener("server-faces", (event) => this.scanned(/** @type {any} */ (event).detail));
    events.addEventListener("server-proxy", (event) => this.proxyMoved(/** @type {any} */ (event).detail.share));
    events.addEventListener("server-back", () => {
      if (!this.video.src || this.video.error) this.loadVideo();
      if (state.film && !state.playing) this.showFrame();
    });
    this.video.addEventListener("error", () => this.cannotPlay());
    new ResizeObserver(() => this.fit()).observe(this.stageBox);
    document.addEventListener("visibilitychange", () => document.hidden && state.playing && this.pause());
  }

  build() {
    this.canvas = h("canvas", { role: "img", "aria-label": "The shown frame" });
    this.video = h("video", { playsinline: true, preload: "auto", tabindex: "-1", "aria-label": "The film while it plays" });
    this.overlay = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    this.overlay.setAttribute("class", "faces");
    this.badge = h("p", { className: "badge", hidden: true }, "local preview");
    this.notice = h("p", { className: "notice", hidden: true, role: "status" });
    this.stage = h("div", { className: "stage-film" }, this.video, this.canvas, this.overlay, this.badge);
    this.stageBox = h("div", { className: "stage-box" }, this.stage, this.notice);
    const button = (text, title, action, className = "") => h("button", { type: "button", title, "aria-label": title.replace(/ \(.*/, ""), onclick: action, className }, text);
    this.playButton = button("▶", "Play (space)", () => this.toggle(), "play");
    this.time = h("input", { type: "text", className: "timecode", "aria-label": "Timecode or frame: type one to go there", spellcheck: "false", autocomplete: "off" });
    this.time.addEventListener("focus", () => this.time.select());
    this.time.addEventListener("mousedown", (event) => {
      if (document.activeElement === this.time) return;
      event.preventDefault(); // WebKit would place its cursor after the text was selected
      this.time.focus();
    });
    this.time.addEventListener("keydown", (event) => {
      event.stopPropagation();
      if (event.key === "Enter") this.jump(this.time.value);
      if (event.key === "Enter" || event.key === "Escape") this.time.blur();
    });
    this.time.addEventListener("blur", () => this.showPosition());
    this.number = h("output", { className: "frame-number" });
    this.marks = h("output", { className: "marks" });
    this.original = h("button", { type: "button", title: "Hold to see the film without the preview (B)", className: "hold" }, "Before");
    const hold = (isHeld) => () => this.holdBefore(isHeld);
    this.original.addEventListener("pointerdown", hold(true));
    for (const name of ["pointerup", "pointerleave", "blur"]) this.original.addEventListener(name, hold(false));
    this.append(
      this.stageBox,
      h("div", { className: "transport", role: "group", "aria-label": "Transport" },
        this.time, this.number,
        h("span", { className: "keys" },
          button("|◀", "To the start (Home)", () => seek(0)),
          button("◀◀", "One second back (Shift+←)", () => this.step(-second())),
          button("◀", "One frame back (←)", () => this.step(-1)),
          this.playButton,
          button("▶", "One frame forward (→)", () => this.step(1)),
          button("▶▶", "One second forward (Shift+→)", () => this.step(second())),
          button("▶|", "To the end (End)", () => seek(state.film.frames - 1))
        ),
        h("span", { className: "keys" }, button("In", "Mark in (I)", () => this.mark("in")), button("Out", "Mark out (O)", () => this.mark("out")), this.original),
        this.marks
      )
    );
  }

  of() {
    return state.watching ? `film:${state.watching}` : "source";
  }

  openFilm() {
    if (!state.film) return;
    this.pause();
    this.stills.clear();
    this.canvas.width = 0;
    delete this.canvas.dataset.shows;
    delete this.canvas.dataset.frame;
    this.fit();
    this.loadVideo();
    this.showFrame();
  }

  async loadVideo() {
    const source = url("/video", { of: this.of() });
    this.video.removeAttribute("src");
    this.video.load();
    this.say("");
    this.notPlayable = "";
    if (!state.watching && !state.film.playable) {
      const response = await fetched(source, { headers: { Range: "bytes=0-0" } });
      if (source !== url("/video", { of: this.of() })) return; // another one is shown now
      if (response.status === 202) return this.proxyMoved((await response.json()).share);
      if (response.status === 422) return this.say((this.notPlayable = `This film cannot be played: ${(await response.json()).problem}`));
    }
    this.video.src = source;
  }

  proxyMoved(share) {
    if (state.watching) return;
    if (share === 1) this.loadVideo();
    else this.say((this.notPlayable = `Making a small copy to play, ${Math.round(100 * share)} %. Frames are shown from the film itself meanwhile.`));
  }

  /** Say why the film does not play; its frames can be stepped through all the same. */
  cannotPlay() {
    if (!this.video.src) return; // what was played before was taken away
    if (state.playing) this.pause();
    this.refusedAt = state.frame;
    this.say(CANNOT_PLAY);
  }

  say(text) {
    this.notice.textContent = text;
    this.notice.hidden = !text;
  }

  fit() {
    if (!state.film) return;
    const { width, height } = state.film, box = this.stageBox.getBoundingClientRect();
    const scale = Math.min(box.width / width, box.height / height);
    this.stage.style.width = `${Math.floor(width * scale)}px`;
    this.stage.style.height = `${Math.floor(height * scale)}px`;
    this.drawFaces();
  }

  /** The longer side of stills. */
  side() {
    const box = this.stage.getBoundingClientRect();
    const wanted = Math.max(box.width, box.height) * Math.min(2, devicePixelRatio);
    return [320, 640, 960, 1280, 1920].find((size) => size >= wanted * 0.8) ?? 1920;
  }

  look() {
    return { of: this.of(), size: this.side() };
  }

  /** Return what says whether the film that is shown now is still shown: an answer may come after another was opened. */
  sameFilm() {
    const { film } = state, of = this.of();
    return () => film === state.film && of === this.of();
  }

  /** Draw a picture of the shown frame; `near` is the keyframe before it. @param {ImageBitmap} bitmap @param {"still" | "preview" | "near"} what @param {number} [nearFrame] */
  draw(bitmap, what, nearFrame = 0) {
    if (this.canvas.width !== bitmap.width || this.canvas.height !== bitmap.height) {
      this.canvas.width = bitmap.width;
      this.canvas.height = bitmap.height;
    }
    this.canvas.getContext("2d").drawImage(bitmap, 0, 0);
    this.canvas.dataset.shows = what;
    if (what !== "near") this.canvas.dataset.frame = String(state.frame);
    this.badge.textContent = what === "near" ? `${label(nearFrame)}, until this frame is decoded` : state.watching ? "finished film; Escape goes back to the source" : "local preview";
    this.badge.hidden = what === "still" && !state.watching;
    this.stage.classList.toggle("playing", false);
  }

  /** Show the frame of the playhead: at once if it is here, else one after the other, the newest next. */
  showFrame() {
    if (!state.film) return;
    const here = this.stills.at(state.frame, this.look());
    this.wanted = here ? null : state.frame;
    this.moved();
    if (here) this.arrived(state.frame, here);
    else if (!this.loading) this.loadFrames();
  }

  async loadFrames() {
    this.loading = true;
    while (this.wanted !== null) {
      const frame = this.wanted, isShown = this.sameFilm(), began = performance.now(), moved = new Promise((resolve) => (this.moved = () => resolve(null)));
      this.wanted = null;
      const exact = this.stills.ask(frame, this.look(), true).then((bitmap) => bitmap && isShown() && this.arrived(frame, bitmap), (error) => frame === state.frame && isShown() && this.say((this.frameProblem = error.message)));
      const done = exact.then(() => true);
      let isDone = await Promise.race([done, new Promise((resolve) => setTimeout(resolve, this.isSlow ? 0 : SLOW_MS, false))]);
      if (!isDone) {
        await this.showNear(frame);
        isDone = await Promise.race([done, moved]);
      }
      if (isDone) this.isSlow = performance.now() - began > SLOW_MS;
    }
    this.loading = false;
  }

  /** The exact frame is here. */
  arrived(frame, bitmap) {
    if (frame !== state.frame || state.playing) return;
    if (this.notice.textContent === this.frameProblem) this.say("");
    this.draw(bitmap, "still");
    this.showPreview();
    this.later();
    this.askFaces();
  }

  /** Show the keyframe before a frame that takes long. */
  async showNear(frame) {
    const isShown = this.sameFilm(), near = await this.stills.near(frame, this.look()).catch(() => null);
    if (!near || state.playing || !isShown() || this.stills.at(state.frame, this.look())) return;
    if (near.frame === state.frame) this.arrived(near.frame, near.bitmap);
    else this.draw(near.bitmap, "near", near.frame);
  }

  prefetch() {
    if (state.playing || !this.stills.at(state.frame, this.look())) return;
    for (const by of [1, 2, -1]) {
      const frame = state.frame + by;
      if (frame >= 0 && frame < state.film.frames) this.stills.ask(frame, this.look()).catch(() => {});
    }
  }

  async loadFaces() {
    const frame = state.frame, project = state.project;
    if (state.watching || state.playing) return;
    const turn = ++this.facesTurn, response = await fetched(url(`/faces/${frame}`));
    if (!response.ok) return;
    const faces = await response.json();
    if (turn !== this.facesTurn || frame !== state.frame || project !== state.project) return;
    set({ faces: { ...faces, frame } });
    this.scanNotice();
    this.showPreview();
  }

  scanNotice() {
    const faces = state.faces, shown = this.notice.textContent;
    if (!faces || (this.frameProblem && shown === this.frameProblem)) return; // that is worse
    if (shown === CANNOT_PLAY && this.refusedAt === state.frame) return; // whoever wants to play reads it until the playhead moves
    if (faces.problem) this.say(`No live preview: ${faces.problem}`);
    else if (faces.share < 1) this.say(`Looking for faces in this part of the film, ${Math.round(100 * faces.share)} %. The picture is the film's own until then.`);
    else if (faces.shot && !faces.faces.length) this.say("No face is found in this frame.");
    else if (this.notice.textContent.startsWith("Looking") || this.notice.textContent.startsWith("No face")) this.say("");
  }

  /** @param {import("/page/store.js").ServerEvent} event */
  scanned(event) {
    const isOfFrame = state.faces?.frame === state.frame;
    if (state.frame < event.first || state.frame >= event.first + 125 || (isOfFrame && state.faces.share >= 1)) return;
    if (event.share === 1) this.loadFaces(); // also while an answer from before is still on its way
    else if (isOfFrame) {
      set({ faces: { ...state.faces, share: event.share } });
      this.scanNotice();
    }
  }

  /** Draw the newest preview; one is under way at any time, and of those that wait only the newest is asked for. */
  async showPreview(began = performance.now()) {
    if (!state.film || state.playing || !this.canvas.width) return;
    const choices = this.held ? null : previewChoices();
    const ready = state.faces?.share === 1 && state.faces.faces.length && state.faces.frame === state.frame;
    if (!choices || !ready) {
      if (this.canvas.dataset.shows === "preview") this.showFrame();
      return;
    }
    this.wantedPreview = { choices, frame: state.frame, face: faceNumber(), began };
    if (this.busy) return;
    this.busy = true;
    while (this.wantedPreview) {
      const wanted = this.wantedPreview;
      this.wantedPreview = null;
      try {
        await this.preview(wanted);
      } catch {
        break;
      }
    }
    this.busy = false;
  }

  async preview({ choices, frame, face, began }) {
    const query = { ...choices, face, size: Math.min(960, this.side()), page: PAGE, sequence: ++this.sequence }, isShown = this.sameFilm();
    const response = await fetched(url(`/preview/${frame}`, query));
    if (response.status !== 200) return;
    const bitmap = await createImageBitmap(await response.blob());
    if (frame !== state.frame || !isShown() || state.playing || this.held || !previewChoices()) return;
    this.draw(bitmap, "preview");
    await new Promise((resolve) => requestAnimationFrame(resolve));
    performance.measure("preview", { start: began, end: performance.now(), detail: choices });
    events.dispatchEvent(new CustomEvent("previewed"));
  }

  holdBefore(isHeld) {
    this.held = isHeld;
    this.showPreview();
  }

  drawFaces() {
    const faces = state.faces, svg = this.overlay, focused = svg.contains(document.activeElement) && document.activeElement?.getAttribute("aria-label");
    svg.replaceChildren();
    if (!faces || state.playing || state.watching || faces.frame !== state.frame) return;
    svg.setAttribute("viewBox", "0 0 1000 1000");
    svg.setAttribute("preserveAspectRatio", "none");
    const box = this.stage.getBoundingClientRect();
    const make = (name, attributes, parent) => {
      const element = document.createElementNS("http://www.w3.org/2000/svg", name);
      for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value));
      parent.append(element);
      return element;
    };
    for (const face of faces.faces) {
      const chosen = faces.in_shot === 1 || faceNumber() === face.number;
      const group = make("g", { class: chosen ? "face chosen" : "face", role: "button", tabindex: 0, "aria-label": `Face ${face.number}`, "aria-pressed": chosen }, svg);
      make("rect", { x: 1000 * face.left, y: 1000 * face.top, width: 1000 * (face.right - face.left), height: 1000 * (face.bottom - face.top), rx: 8, "vector-effect": "non-scaling-stroke" }, group);
      if (focused === `Face ${face.number}`) group.focus();
      const choose = () => chooseFace(face);
      group.addEventListener("click", choose);
      group.addEventListener("keydown", (event) => {
        if ((event.key === "Enter" || event.key === " ") && !focus.isPointed) {
          event.preventDefault();
          event.stopPropagation();
          choose();
        }
      });
      if (faces.faces.length > 1 && box.width) {
        const scale = 1000 / box.width;
        const text = make("text", { x: 1000 * face.left + 6 * scale, y: 0, "font-size": 1 }, group);
        text.setAttribute("transform", `translate(0 ${1000 * face.top - 8}) scale(1 ${box.width / box.height})`);
        text.setAttribute("font-size", String(15 * scale));
        text.textContent = String(face.number);
      }
    }
  }

  showPosition() {
    if (!state.film) return;
    if (document.activeElement !== this.time) this.time.value = label(state.frame);
    this.number.ariaLive = state.playing ? "off" : "polite"; // read aloud in steps, not while it plays
    this.number.textContent = `frame ${state.frame}`;
    const { markIn, markOut } = state;
    this.marks.textContent = markIn === null && markOut === null ? "" : `${markIn === null ? "…" : label(markIn)} – ${markOut === null ? "…" : label(markOut - 1)}`;
    this.playButton.textContent = state.playing ? "❚❚" : "▶";
    this.playButton.setAttribute("aria-label", state.playing ? "Pause" : "Play");
  }

  /** Go to a timecode, a time, a frame such as 310f, or a spoken line. */
  jump(text) {
    const words = text.trim().toLowerCase(), frames = /^(\d+)\s*f?$/.exec(words), time = /^(\d+):(\d+):(\d+)[.,](\d+)$/.exec(words);
    if (!words) return undefined;
    if (frames) return this.goTo(Number(frames[1]), text);
    if (time) return this.goTo(frameOfTime(3600 * Number(time[1]) + 60 * Number(time[2]) + Number(`${time[3]}.${time[4]}`)), text);
    const clock = frameOfTimecode(text, clockOf());
    if (!Number.isNaN(clock)) return this.goTo(clock, text);
    const cue = state.cues.find((line) => line.text.toLowerCase().includes(words));
    const marker = state.markers.find((item) => item.text.toLowerCase().includes(words));
    if (cue) return this.goTo(frameAt(cue.start_s), text);
    if (marker) return this.goTo(marker.frame, text);
    return say(`"${text.trim()}" is neither a timecode, a time, a frame, a spoken line nor a marker.`, "error");
  }

  /** Go to a frame that was typed; one that the film does not have is said to be none. */
  goTo(frame, text) {
    const last = state.film.frames - 1;
    if (frame >= 0 && frame <= last) seek(frame);
    else say(`${text.trim()} is not in the film, which goes from ${label(0)} to ${label(last)}, frames 0 to ${last}.`, "error");
  }

  step(by) {
    this.pause();
    seek(state.frame + by);
  }

  mark(side) {
    const at = side === "in" ? { markIn: state.frame } : { markOut: state.frame + 1 };
    const marks = { markIn: state.markIn, markOut: state.markOut, ...at };
    if (marks.markIn !== null && marks.markOut !== null && marks.markIn >= marks.markOut) marks[side === "in" ? "markOut" : "markIn"] = null;
    set(marks);
  }

  toggle() {
    return state.playing || this.speed < 0 ? this.pause() : this.play(1);
  }

  /** Play at a speed; below 0 backwards, by stills. */
  async play(speed) {
    clearTimeout(this.timer);
    this.speed = speed;
    if (speed < 0) {
      if (state.playing) this.pause();
      this.speed = speed;
      return this.rewind();
    }
    if (this.video.error) return this.cannotPlay();
    if (!this.video.src) return this.say(this.notPlayable || "The film is not ready to play yet."); // another notice may have come since
    if (state.frame >= state.film.frames - 1) moveTo(0);
    this.video.currentTime = (timeOf(state.frame) + timeOf(state.frame + 1)) / 2;
    this.video.playbackRate = speed;
    set({ playing: true });
    try {
      await this.video.play();
    } catch {
      return this.pause();
    }
    this.stage.classList.add("playing");
    const name = (_now, meta) => {
      if (!state.playing) return;
      set({ frame: frameBeginningAt(meta.mediaTime) });
      if (this.video.ended) return this.pause();
      this.video.requestVideoFrameCallback(name);
    };
    this.video.requestVideoFrameCallback(name);
    this.video.onended = () => this.pause();
    return undefined;
  }

  rewind() {
    this.timer = window.setTimeout(() => {
      if (state.frame <= 0) return this.pause();
      moveTo(state.frame - Math.max(1, Math.round(-this.speed * 2)));
      return this.rewind();
    }, 80);
  }

  pause() {
    clearTimeout(this.timer);
    this.speed = 1;
    if (!state.playing) return;
    this.video.pause();
    const frame = frameAt(this.video.currentTime);
    set({ playing: false });
    set({ frame });
    this.showFrame();
  }

  faster(direction) {
    const moving = state.playing || this.speed < 0;
    const same = moving && Math.sign(this.speed) === direction;
    this.play(same ? direction * Math.min(4, Math.abs(this.speed) * 2) : direction);
  }
}

/** Where a listed face is in its frame, as an edit names it. A number of the page may be another one in the span of the edit. */
export function pointOf(face) {
  const at = [(face.left + face.right) / 2, (face.top + face.bottom) / 2].map((share) => Math.round(share * 1000) / 1000);
  return { at, frame: `${facesFrame()}f` };
}

/** Whether the shown frame, and that of the listed faces, are of an edit; if not, say that faces are chosen in it. @param {any} edit */
export function isInEdit(edit) {
  const isOf = (frame) => !edit.frames || (frame >= edit.frames[0] && frame < edit.frames[1]);
  if (!isOf(state.frame)) say(`Go to a frame of ${edit.name} to choose its face: it is named by its place there.`, "error");
  else if (!isOf(facesFrame())) say("The faces of this frame are not found yet; choose one when they are shown.", "error");
  return isOf(state.frame) && isOf(facesFrame());
}

/** Choose a face for the selected edit. */
export async function chooseFace(face) {
  const edit = selectedEdit(), several = state.faces.in_shot > 1;
  if (edit && !isInEdit(edit)) return;
  const point = several ? pointOf(face) : null, frame = facesFrame(), clicked = { number: face.number, frame, at: point?.at ?? null, saved: false };
  set({ face: clicked });
  if (!edit) return;
  await (shotsOf(edit).length < 2 ? setFields(edit, { face: point }) : setFaceOfShot(edit, shotAt(edit, frame), point));
  if (state.face === clicked) set({ face: { ...clicked, saved: true } });
}

customElements.define("studio-viewer", StudioViewer);
