/* A new line of dialogue: dropped, chosen or recorded; its waveform, its mix with the film's sound, its gain. */
import { drawPeaks } from "/page/player.js";
import { h } from "/page/dom.js";
import { events, putLine, request, say, selectedEdit, setFields, state, watch } from "/page/store.js";

const MIXES = [["", "replace the film's sound in the span"], ["mix", "mix both"], ["keep", "keep the film's sound; the line only moves the lips"]];

class LinePanel extends HTMLElement {
  connectedCallback() {
    watch(["selected", "job"], () => this.draw());
    events.addEventListener("refused", () => {
      this.shown = "";
      this.draw();
    });
    for (const name of ["dragover", "drop"]) this.addEventListener(name, (event) => this.dropped(/** @type {any} */ (event)));
  }

  draw() {
    const edit = selectedEdit(), key = edit ? `${state.project} ${edit.name} ${edit.digest}` : "";
    if (this.shown === key || this.recorder) return;
    this.shown = key;
    if (!edit) {
      this.replaceChildren(h("p", { className: "hint" }, "Make an edit first; a new line belongs to an edit."));
      return;
    }
    const file = h("input", { type: "file", id: "line-file", accept: "audio/*", onchange: () => file.files[0] && this.send(file.files[0], file.files[0].name) });
    this.record = h("button", { type: "button", onclick: () => this.toggleRecording() }, "Record");
    const parts = [
      h("div", { className: "drop" }, h("p", {}, "Drop a sound file here, or"), h("p", { className: "buttons" }, h("label", { for: "line-file", className: "button" }, "choose a file"), file, this.record)),
    ];
    if (edit.fields.audio) parts.push(...this.line(edit));
    else parts.push(h("p", { className: "hint" }, "Without a new line the lips keep the film's own words."));
    const focused = this.contains(document.activeElement) ? document.activeElement?.id : "";
    this.replaceChildren(...parts);
    if (focused) document.getElementById(focused)?.focus();
    if (edit.fields.audio) this.loadWave(edit);
  }

  line(edit) {
    this.wave = h("canvas", { className: "wave", role: "img", "aria-label": "Waveform of the new line" });
    this.facts = h("p", { className: "hint" });
    const query = new URLSearchParams({ file: edit.fields.audio });
    return [
      h("h3", {}, edit.fields.audio), this.wave, this.facts,
      h("audio", { controls: true, preload: "none", src: `/api/projects/${state.project}/line/sound?${query}`, "aria-label": "The new line" }),
      h("div", { className: "field" }, h("label", { for: "mix" }, "In the span"),
        h("select", { id: "mix", className: "mix", onchange: (event) => setFields(edit, { audio_mix: event.target.value || null }) }, ...MIXES.map(([value, text]) => h("option", { value, selected: (edit.fields.audio_mix ?? "") === value }, text)))),
      ...this.gain(edit),
      h("div", { className: "buttons" }, h("button", { type: "button", onclick: () => setFields(edit, { audio: null, audio_mix: null, audio_gain: null }) }, "Remove the line")),
    ];
  }

  /** How much louder or softer the line is than the film's dialogue; takes stay as they are. */
  gain(edit) {
    const { least, most } = state.library.gain, now = edit.fields.audio_gain ?? 0, isKept = edit.fields.audio_mix === "keep";
    const text = (value) => `${value > 0 ? "+" : ""}${value} dB`;
    const output = h("output", { for: "gain" }, text(now));
    const slider = h("input", { type: "range", id: "gain", min: least, max: most, step: "0.5", disabled: isKept, "aria-describedby": "gain-about" });
    slider.value = String(now);
    slider.addEventListener("input", () => (output.textContent = text(Number(slider.value))));
    slider.addEventListener("change", () => setFields(edit, { audio_gain: Number(slider.value) || null }));
    return [h("div", { className: "field" }, h("label", { for: "gain" }, "Gain"), slider, output,
      h("p", { className: "hint", id: "gain-about" }, isKept ? "The line is not heard in the film." : "0 dB is as loud as the film's dialogue around it. The takes stay; only the film's sound changes."))];
  }

  async loadWave(edit) {
    const { wave, facts } = this; // another edit may be shown when the answer comes
    try {
      /** @type {import("/page/answers.js").LineWave} */
      const answer = await request("GET", `/projects/${state.project}/line?${new URLSearchParams({ file: edit.fields.audio })}`);
      const redraw = new ResizeObserver(() => (wave.isConnected ? wave.clientWidth && drawPeaks(wave, answer.peaks) : redraw.disconnect()));
      redraw.observe(wave); // the panel may be hidden now, and then has no width
      const span = edit.frames ? ((edit.frames[1] - edit.frames[0]) * state.film.rate[1]) / state.film.rate[0] : 0;
      const difference = answer.seconds - span;
      facts.textContent = `${answer.seconds.toFixed(2)} s, the span has ${span.toFixed(2)} s${Math.abs(difference) > 0.1 ? `: the line is ${Math.abs(difference).toFixed(2)} s too ${difference > 0 ? "long" : "short"}` : ""}`;
    } catch (error) {
      facts.textContent = error.message;
      facts.className = "problem";
    }
  }

  dropped(event) {
    event.preventDefault();
    const file = event.type === "drop" && event.dataTransfer.files[0];
    if (file) this.send(file, file.name);
  }

  /** Put a sound into an edit, which may not be the selected one any more when a recording ends. */
  async send(content, name, edit = selectedEdit()) {
    if (edit) await putLine(edit, name, content);
  }

  async toggleRecording() {
    if (this.recorder) return this.recorder.stop();
    if (this.starting) return undefined;
    this.starting = true;
    const edit = selectedEdit(), { project } = state;
    let stream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({ audio: { echoCancellation: false, noiseSuppression: false, autoGainControl: false } });
    } catch (error) {
      return say(`The microphone cannot be used: ${error.message}`, "error");
    } finally {
      this.starting = false;
    }
    const parts = [], recorder = (this.recorder = new MediaRecorder(stream));
    recorder.addEventListener("dataavailable", (event) => parts.push(event.data));
    recorder.addEventListener("stop", () => {
      this.recorder = null;
      for (const track of stream.getTracks()) track.stop();
      this.record.textContent = "Record";
      this.shown = "";
      this.draw();
      if (project !== state.project) return say("The recording was not used: another film was opened before it ended.", "error");
      const type = recorder.mimeType.includes("mp4") ? "m4a" : recorder.mimeType.includes("ogg") ? "ogg" : "webm";
      return this.send(new Blob(parts, { type: recorder.mimeType }), `recorded.${type}`, edit);
    });
    recorder.start();
    this.record.textContent = "Stop recording";
    return undefined;
  }
}

customElements.define("line-panel", LinePanel);
