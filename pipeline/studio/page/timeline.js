/* The timeline: waveform, cuts, spoken lines, edits, in and out. Wheel zooms, dragging scrubs, edges of edits move. */
import { h } from "/page/dom.js";
import { request, selectedEdit, set, setFields, state, watch } from "/page/store.js";
import { frameOfTimecode } from "/page/player.js";
import { clockOf, frameAt, label, seek, timeOf } from "/page/viewer.js";

const GRAB_PX = 7, SNAP_PX = 8;
const STEPS_S = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600];

/** The frames in [from, to) with round labels, which are `by` frames apart but for those that drop-frame leaves out. */
export function roundFrames(from, to, by, nominal) {
  const two = (value) => String(Math.floor(value)).padStart(2, "0"), found = [];
  const [hours, minutes, seconds, frames] = label(Math.ceil(from)).split(/[:;]/).map(Number);
  const first = ((hours * 60 + minutes) * 60 + seconds) * nominal + frames;
  for (let number = Math.ceil(first / by) * by; ; number += by) {
    const second = Math.floor(number / nominal), text = `${two((second / 3600) % 24)}:${two((second / 60) % 60)}:${two(second % 60)}`;
    const exact = frameOfTimecode(`${text}:${two(number % nominal)}`, clockOf());
    const frame = Number.isNaN(exact) ? frameOfTimecode(`${text}:${two(nominal / 15)}`, clockOf()) : exact; // ;00 may be left out
    if (frame >= to || frame < from) return found;
    if (frame !== found.at(-1)) found.push(frame);
  }
}

/** The frames in the middle of pauses of a fifth of a second or more. @param {Uint8Array | null} wave */
function pausesOf(wave) {
  const middles = [];
  let start = -1;
  for (let index = 0; index <= (wave?.length ?? 0); index++) {
    const isQuiet = index < wave?.length && wave[index] < 40;
    if (isQuiet && start < 0) start = index;
    if (!isQuiet && start >= 0) {
      if (index - start >= 10) middles.push(frameAt((start + index) / 100));
      start = -1;
    }
  }
  return middles;
}

class FilmTimeline extends HTMLElement {
  connectedCallback() {
    this.from = 0;
    this.to = 1;
    /** Waveforms of new lines, by the name of their edit. @type {Map<string, {key: string, peaks: number[], per_s: number}>} */
    this.lines = new Map();
    /** @type {{scrub?: boolean, edit?: any, side?: number, frames?: number[], playhead?: number} | null} */
    this.drag = null;
    /** @type {number[]} */
    this.pauses = [];
    this.canvas = h("canvas", { role: "slider", tabindex: "0", "aria-label": "Playhead", "aria-valuemin": "0" });
    const button = (text, title, factor) => h("button", { type: "button", title, "aria-label": title, onclick: () => this.zoom(factor) }, text);
    this.search = h("input", { type: "search", placeholder: "Find a line or a marker", "aria-label": "Find a spoken line or a marker", list: "cues" });
    this.cueList = h("datalist", { id: "cues" });
    this.search.addEventListener("keydown", (event) => {
      event.stopPropagation();
      if (event.key === "Enter") /** @type {any} */ (document.querySelector("studio-viewer")).jump(this.search.value);
    });
    this.searchBox = h("span", { className: "search", hidden: true }, this.search, this.cueList);
    this.problem = h("p", { className: "problem", role: "status" });
    this.append(
      h("div", { className: "timeline-tools" }, this.searchBox, this.problem, h("span", { className: "spacer" }),
        button("−", "Zoom out", 1.6), button("+", "Zoom in", 1 / 1.6),
        h("button", { type: "button", onclick: () => this.show(0, state.film.frames) }, "All")),
      this.canvas
    );
    watch(["film"], () => state.film && this.show(0, state.film.frames));
    watch(["frame"], () => this.follow());
    watch(["cues", "markers"], () => {
      const texts = [...state.cues, ...state.markers].map((item) => item.text);
      this.searchBox.hidden = !texts.length;
      this.cueList.replaceChildren(...texts.slice(0, 300).map((text) => h("option", { value: text })));
    });
    watch(["wave"], () => (this.pauses = pausesOf(state.wave)));
    watch(["marksProblem"], () => (this.problem.textContent = state.marksProblem));
    watch(["job"], () => this.loadLines());
    watch(["job", "selected", "markIn", "markOut", "cuts", "cues", "markers", "wave"], () => this.redraw());
    new ResizeObserver(() => this.redraw()).observe(this.canvas);
    this.canvas.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    this.canvas.addEventListener("pointerdown", (event) => this.down(event));
    this.canvas.addEventListener("pointermove", (event) => this.move(event));
    this.canvas.addEventListener("pointerup", () => this.up());
    this.canvas.addEventListener("pointercancel", () => (this.drag = null));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.redraw());
    document.addEventListener("theme", () => this.redraw());
  }

  show(from, to) {
    const span = Math.max(10, Math.min(state.film.frames, to - from));
    this.from = Math.max(0, Math.min(state.film.frames - span, from));
    this.to = this.from + span;
    this.redraw();
  }

  zoom(factor, at = state.frame) {
    const share = Math.min(1, Math.max(0, (at - this.from) / (this.to - this.from)));
    const span = Math.max(10, Math.min(state.film.frames, (this.to - this.from) * factor));
    this.show(at - share * span, at - share * span + span);
  }

  wheel(event) {
    event.preventDefault();
    const span = this.to - this.from;
    if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
      const by = ((event.deltaX || event.deltaY) / this.canvas.clientWidth) * span;
      return this.show(this.from + by, this.to + by);
    }
    return this.zoom(Math.exp(event.deltaY * 0.0016), this.frameOf(event.offsetX));
  }

  frameOf(x) {
    return this.from + (x / Math.max(1, this.canvas.clientWidth)) * (this.to - this.from);
  }

  x(frame) {
    return ((frame - this.from) / (this.to - this.from)) * this.canvas.clientWidth;
  }

  follow() {
    if (state.film && (state.frame < this.from || state.frame >= this.to)) {
      const span = this.to - this.from;
      this.show(state.frame - span / 4, state.frame - span / 4 + span);
    } else this.redraw();
  }

  /** The nearest cut, marker, middle of a pause, edge of another edit, or playhead within reach, else the frame itself. */
  snap(frame, playhead = state.frame) {
    const edges = (state.job?.edits ?? []).flatMap((edit) => (edit.frames && edit.name !== this.drag?.edit?.name ? edit.frames : []));
    let best = Math.round(frame), distance = (SNAP_PX / this.canvas.clientWidth) * (this.to - this.from);
    for (const place of [...state.cuts, ...state.markers.map((marker) => marker.frame), ...edges, playhead, ...this.pauses]) {
      const away = Math.abs(place - frame);
      if (away < distance) [best, distance] = [place, away];
    }
    return best;
  }

  edge(x) {
    const edit = selectedEdit();
    for (const item of [edit, ...(state.job?.edits ?? [])]) {
      if (!item?.frames) continue;
      for (const side of [0, 1]) if (Math.abs(this.x(item.frames[side]) - x) <= GRAB_PX) return { edit: item, side };
    }
    return null;
  }

  down(event) {
    if (event.button) return; // another button opens a menu, which takes the end of the drag
    this.canvas.setPointerCapture(event.pointerId);
    const frame = this.frameOf(event.offsetX), edge = event.offsetY > 20 ? this.edge(event.offsetX) : null;
    if (edge) {
      this.drag = { ...edge, frames: [...edge.edit.frames], playhead: state.frame };
      set({ selected: edge.edit.name });
      return;
    }
    const inside = state.job?.edits.find((edit) => edit.frames && frame >= edit.frames[0] && frame < edit.frames[1]);
    if (inside) set({ selected: inside.name });
    this.drag = { scrub: true };
    seek(Math.floor(frame));
  }

  move(event) {
    const frame = this.frameOf(event.offsetX);
    if (!this.drag) {
      this.canvas.style.cursor = event.offsetY > 20 && this.edge(event.offsetX) ? "ew-resize" : "pointer";
      return;
    }
    if (this.drag.scrub) return seek(Math.floor(frame));
    const { frames, side, playhead } = this.drag; // the playhead shows the edge meanwhile
    const place = Math.max(0, Math.min(state.film.frames, this.snap(frame, playhead)));
    frames[side] = side === 0 ? Math.min(place, frames[1] - 1) : Math.max(place, frames[0] + 1);
    seek(side === 0 ? frames[0] : frames[1] - 1);
    this.redraw();
  }

  up() {
    const drag = this.drag;
    this.drag = null;
    if (drag?.frames && drag.frames.join() !== drag.edit.frames.join()) setFields(drag.edit, {}, drag.frames);
    this.redraw();
  }

  redraw() {
    if (!this.pending) this.pending = requestAnimationFrame(() => {
      this.pending = 0;
      this.draw();
    });
  }

  draw() {
    const canvas = this.canvas, context = canvas.getContext("2d");
    if (!state.film || !canvas.clientWidth) return;
    const width = canvas.clientWidth, height = canvas.clientHeight, scale = devicePixelRatio;
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
    context.scale(scale, scale);
    const style = getComputedStyle(this), color = (name) => style.getPropertyValue(name).trim();
    context.fillStyle = color("--well");
    context.fillRect(0, 0, width, height);
    this.drawRuler(context, width, height, color);
    this.drawWave(context, width, height, color);
    context.fillStyle = color("--cut");
    for (const cut of state.cuts) if (cut >= this.from && cut <= this.to) context.fillRect(Math.round(this.x(cut)), 20, 1, height - 20);
    this.drawCues(context, height, color);
    this.drawMarkers(context, color);
    this.drawEdits(context, height, color);
    this.drawMarks(context, height, color);
    const at = this.x(state.frame), frameWidth = Math.max(2, this.x(state.frame + 1) - at);
    context.fillStyle = color("--playhead");
    context.globalAlpha = 0.35;
    context.fillRect(at, 0, frameWidth, height);
    context.globalAlpha = 1;
    context.fillRect(Math.round(at), 0, 2, height);
    canvas.setAttribute("aria-valuemax", String(state.film.frames - 1));
    canvas.setAttribute("aria-valuenow", String(state.frame));
    canvas.setAttribute("aria-valuetext", `${label(state.frame)}, frame ${state.frame}`);
  }

  drawRuler(context, width, height, color) {
    const rate = state.film.rate[0] / state.film.rate[1];
    const nominal = Math.round(rate), fits = (frames) => (frames / (this.to - this.from)) * width >= 96;
    const by = [1, 2, 5, 10].find((frames) => frames < nominal && nominal % frames === 0 && fits(frames)) ?? STEPS_S.map((seconds) => seconds * nominal).find(fits) ?? 3600 * nominal;
    context.font = "11px system-ui, sans-serif";
    for (const frame of roundFrames(this.from, this.to, by, nominal)) {
      const x = Math.round(this.x(frame));
      context.fillStyle = color("--line");
      context.fillRect(x, 0, 1, height);
      context.fillStyle = color("--soft");
      if (x < width - 70) context.fillText(label(frame), x + 4, 13);
    }
  }

  drawWave(context, width, height, color) {
    const wave = state.wave;
    if (!wave?.length) return;
    context.fillStyle = color("--wave");
    const top = 40, room = height - top - 4;
    const seconds = (frame) => timeOf(Math.max(0, Math.min(state.film.frames - 1, Math.floor(frame)))) + (frame % 1) / (state.film.rate[0] / state.film.rate[1]);
    const from = seconds(this.from) * 50, to = seconds(this.to) * 50;
    for (let x = 0; x < width; x++) {
      const first = Math.floor(from + (x / width) * (to - from)), last = Math.max(first + 1, Math.floor(from + ((x + 1) / width) * (to - from)));
      let peak = 0;
      for (let index = first; index < last && index < wave.length; index++) peak = Math.max(peak, wave[index]);
      const size = Math.max(1, (peak / 255) * room);
      context.fillRect(x, top + (room - size) / 2, 1, size);
    }
  }

  drawCues(context, height, color) {
    context.font = "11px system-ui, sans-serif";
    for (const cue of state.cues) {
      const left = this.x(frameAt(cue.start_s)), right = this.x(frameAt(cue.end_s));
      if (right < 0 || left > this.canvas.clientWidth) continue;
      context.fillStyle = color("--cue");
      context.fillRect(left, height - 16, Math.max(2, right - left - 1), 14);
      context.save();
      context.beginPath();
      context.rect(left, height - 16, Math.max(2, right - left - 3), 14);
      context.clip();
      context.fillStyle = color("--ink");
      context.fillText(cue.text, Math.max(0, left) + 3, height - 5);
      context.restore();
    }
  }

  drawMarkers(context, color) {
    context.font = "11px system-ui, sans-serif";
    for (const { frame, text } of state.markers) {
      const x = Math.round(this.x(frame));
      if (x < -200 || x > this.canvas.clientWidth) continue;
      context.fillStyle = color("--warn");
      context.beginPath();
      context.moveTo(x - 5, 15);
      context.lineTo(x + 5, 15);
      context.lineTo(x, 22);
      context.fill();
      context.fillText(text.slice(0, 24), x + 8, 32);
    }
  }

  drawEdits(context, height, color) {
    for (const edit of state.job?.edits ?? []) {
      const frames = this.drag?.edit?.name === edit.name ? this.drag.frames : edit.frames;
      if (!frames) continue;
      const left = this.x(frames[0]), right = Math.max(left + 3, this.x(frames[1])), chosen = edit.name === state.selected;
      context.globalAlpha = chosen ? 0.34 : 0.2;
      context.fillStyle = color("--accent");
      context.fillRect(left, 20, right - left, height - 20);
      context.globalAlpha = 1;
      context.fillRect(left, 20, right - left, 16);
      context.fillRect(left, 20, chosen ? 3 : 1, height - 20);
      context.fillRect(right - (chosen ? 3 : 1), 20, chosen ? 3 : 1, height - 20);
      context.save();
      context.beginPath();
      context.rect(left, 20, right - left, 16);
      context.clip();
      context.fillStyle = color("--on-accent");
      context.font = "600 11px system-ui, sans-serif";
      context.fillText(edit.choices ? `${edit.name} · ${edit.choices.prompt} ${edit.choices.temperature}` : edit.name, Math.max(0, left) + 6, 32); // also when its beginning is not seen
      context.restore();
      this.drawLine(context, height, color, edit, frames);
    }
  }

  /** Load the waveforms of the edits' new lines that are not loaded yet. */
  async loadLines() {
    for (const edit of state.job?.edits ?? []) {
      const key = `${state.project} ${edit.fields.audio}`;
      if (!edit.fields.audio) this.lines.delete(edit.name);
      if (!edit.fields.audio || this.lines.get(edit.name)?.key === key) continue;
      this.lines.set(edit.name, { key, peaks: [], per_s: 50 });
      try {
        const { peaks, per_s } = await request("GET", `/projects/${state.project}/line?${new URLSearchParams({ file: edit.fields.audio })}`);
        this.lines.set(edit.name, { key, peaks, per_s });
      } catch {
        this.lines.delete(edit.name); // the panel of the line says what is wrong with it
      }
    }
    this.dataset.lines = [...this.lines].filter(([, line]) => line.peaks.length).map(([name]) => name).join();
    this.redraw();
  }

  /** Draw the new line of an edit from its in point on; what is longer than the span is not heard. */
  drawLine(context, height, color, edit, frames) {
    const line = this.lines.get(edit.name);
    if (!line?.peaks.length) return;
    const start = timeOf(frames[0]), middle = height - 28, right = Math.min(this.canvas.clientWidth, this.x(frames[1]));
    context.fillStyle = color("--mark");
    for (let x = Math.max(0, Math.floor(this.x(frames[0]))); x < right; x++) {
      const at = (frame) => (timeOf(Math.max(0, Math.min(state.film.frames - 1, Math.floor(frame)))) - start + (frame % 1) * (state.film.rate[1] / state.film.rate[0])) * line.per_s;
      const first = Math.max(0, Math.floor(at(this.frameOf(x)))), last = Math.max(first + 1, Math.floor(at(this.frameOf(x + 1))));
      const size = Math.max(0, ...line.peaks.slice(first, last)) / 255 * 18;
      if (first < line.peaks.length) context.fillRect(x, middle - size / 2, 1, Math.max(1, size));
    }
  }

  drawMarks(context, height, color) {
    const { markIn, markOut } = state;
    context.fillStyle = color("--mark");
    if (markIn !== null && markOut !== null) {
      context.globalAlpha = 0.25;
      context.fillRect(this.x(markIn), 20, this.x(markOut) - this.x(markIn), height - 20);
      context.globalAlpha = 1;
    }
    for (const [frame, text] of [[markIn, "I"], [markOut, "O"]]) {
      if (frame === null) continue;
      context.fillRect(Math.round(this.x(frame)) - 1, 18, 2, height);
      context.font = "700 11px system-ui, sans-serif";
      context.fillText(String(text), this.x(frame) + (text === "I" ? 4 : -11), 32);
    }
  }
}

customElements.define("film-timeline", FilmTimeline);
