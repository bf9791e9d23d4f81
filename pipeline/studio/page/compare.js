/* Judging takes: before and after in one player, or all takes beside each other. The player is the report's. */
import { attachPlayer } from "/page/player.js";
import { h } from "/page/dom.js";
import { redraw } from "/page/redraw.js";
import { request, say, set, state, url, watch } from "/page/store.js";
import { clockOf, second, timeOf } from "/page/viewer.js";
import { pick } from "/page/takes.js";

const MIDDLE = "0.25,0,0.75,1";
/** Zooms on one face differ by less than this share of their width at each edge. */
const SAME_FACE = 0.3;
/** Between the pictures of a board, below each of them, and the title and the controls around all of them. */
const GAP_PX = 10, CAPTION_PX = 30, AROUND_PX = 150, MARGINS_PX = 32;
/** The smallest picture in which a face can be judged; a board of more of them is scrolled. */
const LEAST_PX = 160;

/** Return the takes whose zooms show one face, as groups of their indexes, in the order of the first ones. @param {Object<string, string>[]} zooms */
function byFace(zooms) {
  const edges = (zoom) => zoom["data-zoom"].split(",").map(Number);
  const groups = /** @type {number[][]} */ ([]);
  zooms.forEach((zoom, index) => {
    const own = edges(zoom), reach = SAME_FACE * (own[2] - own[0]);
    const group = groups.find(([first]) => edges(zooms[first]).every((edge, side) => Math.abs(edge - own[side]) < reach));
    group ? group.push(index) : groups.push([index]);
  });
  return groups;
}

class TakePlayer extends HTMLElement {
  connectedCallback() {
    new ResizeObserver(() => this.fitBoard()).observe(this);
    document.addEventListener("fullscreenchange", () => this.fitBoard());
    watch(["compare", "project"], () => this.draw());
    watch(["job"], () => (this.heard === this.hearing() ? this.drawChoice() : this.draw()));
  }

  /** What is heard depends on the new line of the edit and its mix. */
  hearing() {
    const edit = this.edit();
    return edit ? `${edit.fields.audio ?? ""} ${edit.sound}` : "";
  }

  /** @returns {import("/page/store.js").StudioTake[]} */
  takes() {
    return (state.compare ?? []).map((id) => state.job?.edits.flatMap((edit) => edit.takes).find((take) => take.id === id)).filter((take) => take?.frames);
  }

  /** @returns {import("/page/store.js").StudioEdit} */
  edit() {
    return state.job?.edits.find((edit) => edit.takes.some((take) => take.id === state.compare?.[0])) ?? null;
  }

  async draw() {
    const turn = (this.turn = (this.turn ?? 0) + 1);
    this.player?.remove();
    this.player = this.choice = null;
    this.heard = this.hearing();
    let takes = this.takes();
    const viewer = /** @type {any} */ (document.querySelector("studio-viewer"));
    this.hidden = !takes.length;
    if (viewer) viewer.hidden = !!takes.length;
    this.replaceChildren();
    if (!takes.length) {
      viewer?.fit?.();
      return;
    }
    viewer.pause();
    const edit = this.edit(), [first, end] = takes[0].frames;
    const base = timeOf(first), times = [];
    for (let frame = first; frame <= end; frame++) times.push(frame < state.film.frames ? timeOf(frame) - base : state.film.length_s - base);
    const span = edit?.frames ?? [first, end];
    let zooms = await Promise.all(takes.map((take) => this.zoomOn(take, first, end)));
    if (turn !== this.turn) return;
    const faces = byFace(zooms), order = faces.flat();
    [takes, zooms] = [order.map((index) => takes[index]), order.map((index) => zooms[index])];
    const leads = faces.map((group) => order.indexOf(group[0]));
    this.root = h("div", { className: "player", "data-times": JSON.stringify(times), ...zooms[0], "data-first": first, "data-start": span[0], "data-end": span[1], "data-clock": JSON.stringify(clockOf()) });
    this.root.append(takes.length === 1 ? this.pair(takes[0], first, end) : this.board(takes, first, end, zooms, leads), this.controls(takes));
    this.choice = h("div", { className: "choice" });
    this.append(h("div", { className: "compare-head" }, h("h2", {}, takes.length === 1 ? `Before and ${takes[0].name}` : `${takes.length} takes of ${edit?.name ?? "the edit"}`),
      h("button", { type: "button", onclick: () => set({ compare: null }), title: "Back to the film (Escape)" }, "Back to the film")), this.root, this.choice);
    this.root.addEventListener("choose", (event) => {
      const chosen = takes.find((take) => take.id === event.detail);
      if (chosen && edit) pick(/** @type {any} */ (this.edit()), chosen);
    });
    for (const video of this.root.querySelectorAll("video")) video.addEventListener("error", () => say("a clip of this take cannot be played", "error"));
    const stage = /** @type {any} */ (this.root.querySelector(".stage"));
    stage.style.setProperty("--aspect", String(state.film.width / state.film.height));
    if (takes.length === 1) stage.style.aspectRatio = `${state.film.width} / ${state.film.height}`;
    else this.fitBoard();
    this.player = attachPlayer(this.root);
    this.waitForClips();
    this.drawChoice();
    stage.focus();
  }

  /** Arrange the film and its takes so that they are as large as there is room for. */
  fitBoard() {
    const stage = /** @type {HTMLElement | null} */ (this.querySelector(".stage.board")), box = /** @type {HTMLElement} */ (document.fullscreenElement ?? this);
    const width = box.offsetWidth, height = matchMedia("(max-width:860px)").matches ? innerHeight : box.offsetHeight; // there the box is as high as what is in it
    if (!stage || !width) return;
    const aspect = state.film.width / state.film.height, counts = /** @type {number[]} */ ([]);
    for (const cell of stage.querySelectorAll(".cell")) cell.matches(".lead") ? counts.push(1) : counts[counts.length - 1]++; // each film begins a row
    const most = Math.max(1, Math.floor((width - MARGINS_PX + GAP_PX) / (LEAST_PX + GAP_PX)));
    const sizes = Array.from({ length: Math.min(Math.max(...counts), most) }, (_, index) => {
      const columns = index + 1, rows = counts.reduce((sum, count) => sum + Math.ceil(count / columns), 0);
      return Math.min((width - MARGINS_PX - GAP_PX * index) / columns, aspect * ((height - AROUND_PX - GAP_PX * (rows - 1)) / rows - CAPTION_PX));
    });
    const size = Math.max(...sizes);
    stage.style.setProperty("--columns", String(sizes.indexOf(size)));
    stage.style.setProperty("--cell", `${Math.max(LEAST_PX, Math.floor(size))}px`);
  }

  /** Say that the clips are being made, until all of them can be played. */
  waitForClips() {
    const note = h("p", { className: "notice", role: "status" }, "Preparing the clips…"), root = this.root;
    const videos = [...root.querySelectorAll("video")], look = () => videos.every((video) => video.readyState >= 2 || video.error) && note.remove();
    for (const video of videos) for (const name of ["loadeddata", "seeked", "error"]) video.addEventListener(name, look); // Firefox loads the first data within a seek, which ends later
    root.querySelector(".stage").append(note);
    look();
  }

  /** What the zoom shows of a take, which is the face that it changes: a box, and one in each frame, smoothed over a second, which are of one size. */
  async zoomOn(take, first, end) {
    /** @type {import("/page/answers.js").FacePath} */
    let found;
    try {
      found = await request("GET", `/projects/${state.project}/faces-path?start=${first}&end=${end}&take=${take.id}`);
    } catch {
      return { "data-zoom": MIDDLE };
    }
    const { boxes, still } = found, known = boxes.filter((box) => box !== null), face = still ?? known[0];
    if (!face) return { "data-zoom": MIDDLE };
    const grow = 0.25 * (face[3] - face[1]);
    const zoom = { "data-zoom": [face[0] - grow, face[1] - grow, face[2] + grow, face[3] + grow].map((share) => Math.min(1, Math.max(0, share)).toFixed(4)).join() };
    if (!known.length) return zoom;
    const half = 0.6 * Math.max(...known.map(([left, top, right, bottom]) => Math.max(right - left, bottom - top)));
    const reach = Math.round(second() / 2);
    const path = boxes.map((_, frame) => {
      const near = boxes.slice(Math.max(0, frame - reach), frame + reach + 1).filter((box) => box !== null);
      if (!near.length) return null;
      const middle = (low) => near.reduce((sum, box) => sum + box[low] + box[low + 2], 0) / near.length / 2;
      return [middle(0) - half, middle(1) - half, middle(0) + half, middle(1) + half].map((share) => Number(share.toFixed(4)));
    });
    return { ...zoom, "data-path": JSON.stringify(path) };
  }

  /** The new line alone, to be listened to with the clips. */
  line(take) {
    return this.edit()?.fields.audio ? h("audio", { preload: "auto", "data-sound": "line", src: url(`/takes/${take.id}/line`, { of: this.edit().fields.audio }) }) : "";
  }

  clip(take) {
    return url(`/takes/${take.id}/clip`, { sound: this.edit()?.sound });
  }

  video(name, source, sound) {
    return h("video", { className: name, playsinline: true, preload: "auto", "data-sound": sound, src: source, "aria-label": name });
  }

  pair(take, first, end) {
    return h("div", { className: "stage", tabindex: "0", role: "group", "data-mode": "wipe", "aria-label": "Before and after. Space plays, arrow keys step one frame, J K L, A changes between before and after, B holds before, S shows both sides, D the difference, Z zooms on the face, R loops." },
      this.video("before", url("/clip", { start: first, end }), "before"), this.video("after", this.clip(take), "after"), this.line(take),
      h("span", { className: "divider", "aria-hidden": "true" }), h("span", { className: "tag left", "aria-hidden": "true" }, "Before"), h("span", { className: "tag right", "aria-hidden": "true" }, take.name));
  }

  /** The film, zoomed on a face, and after it the takes of that face, for each face; `leads` are the first takes. */
  board(takes, first, end, zooms, leads) {
    const film = (index) => h("figure", { className: "cell lead", ...zooms[index] },
      this.video("before", url("/clip", { start: first, end }), index ? "" : "before"), h("figcaption", {}, h("b", {}, "film"))); // it is heard once
    const cell = (take, number) => h("figure", { className: "cell take", "data-number": number, "data-id": take.id, ...zooms[number - 1] },
      this.video(number === 1 ? "after" : "other", this.clip(take), `take${number}`),
      h("figcaption", {}, h("button", { type: "button", className: "choose", "aria-pressed": String(take.picked) }, h("b", {}, String(number)), ` ${take.name}${take.differs ? `, ${take.differs}` : ""}`)));
    return h("div", { className: "stage board", tabindex: "0", role: "group", "aria-label": "All takes. Space plays, arrow keys step one frame, digits choose a take." }, this.line(takes[0]),
      ...takes.flatMap((take, index) => [leads.includes(index) ? film(index) : "", cell(take, index + 1)]));
  }

  controls(takes) {
    const button = (name, text, title) => h("button", { type: "button", className: name, title, ...(["loop", "zoom"].includes(name) ? { "aria-pressed": "false" } : {}) }, text);
    const single = takes.length === 1;
    const sounds = single ? [["after", takes[0].name], ["before", "film"]] : [["before", "film"], ...takes.map((take, index) => [`take${index + 1}`, take.name])];
    if (this.edit()?.fields.audio) sounds.push(["line", "new line alone"]);
    const frames = takes[0].frames;
    return h("div", { className: "controls" },
      button("play", "Play", "Play (space)"), button("back", "−1", "One frame back"), button("forward", "+1", "One frame forward"),
      h("label", { className: "grow" }, h("span", {}, "Frame"), h("input", { type: "range", className: "scrub", min: "0", max: String(frames[1] - frames[0] - 1), step: "1", value: "0" })),
      h("output", { className: "where" }), button("loop", "Loop", "Loop from seam to seam, then with the handles (R)"), button("zoom", "Zoom", "Zoom on the face (Z)"),
      single ? button("hold", "Before", "Hold to see before (B)") : "",
      single ? h("label", {}, h("span", {}, "View"), h("select", { className: "mode" }, ...[["wipe", "wipe"], ["side", "side by side"], ["after", "after"], ["before", "before"], ["difference", "difference"]].map(([value, text]) => h("option", { value }, text)))) : "",
      single ? h("label", {}, h("span", {}, "Wipe"), h("input", { type: "range", className: "wipe", min: "0", max: "100", value: "50" })) : "",
      h("label", {}, h("span", {}, "Sound"), h("select", { className: "sound" }, ...sounds.map(([value, text]) => h("option", { value }, text)), h("option", { value: "off" }, "off"))),
      button("full", "Full screen", "Full screen (F)"));
  }

  drawChoice() {
    if (!this.choice || this.hidden) return;
    const takes = this.takes(), edit = this.edit();
    if (!takes.length || !edit) return;
    const notes = takes.length === 1 ? takes[0].notes : [], focused = document.activeElement, isPressed = this.choice.contains(focused);
    redraw(this.choice,
      ...notes.map((note) => h("p", { className: "hint" }, note)),
      takes.length === 1 && takes[0].current ? h("button", { type: "button", className: takes[0].picked ? "" : "main", disabled: takes[0].picked, onclick: () => pick(edit, takes[0]) }, takes[0].picked ? "This take is chosen" : "Choose this take") : "");
    if (isPressed && !focused?.isConnected) this.root.querySelector(".stage").focus(); // its keys go on
    for (const cell of this.root.querySelectorAll(".take")) {
      const picked = takes.find((take) => take.id === cell.dataset.id)?.picked;
      cell.classList.toggle("chosen", !!picked);
      cell.querySelector(".choose").setAttribute("aria-pressed", String(!!picked));
    }
  }
}

customElements.define("take-player", TakePlayer);