/* Expressions: six cards with this face in this frame, the temperature, and the other settings of the edit. */
import { h, quiet } from "/page/dom.js";
import { redraw } from "/page/redraw.js";
import { events, fetched, selectedEdit, set, setFields, state, unsaved, url, watch } from "/page/store.js";
import { chooseFace, faceNumber, faceOfEdit, faceOfShot, facesFrame, isInEdit, label, live, pointOf, seek, setFaceOfShot, shotAt, shotsOf } from "/page/viewer.js";

export const EMOTIONS = ["happy", "sad", "angry", "disgusted", "surprised", "neutral"];

class ExpressionPanel extends HTMLElement {
  connectedCallback() {
    this.cardImages = {};
    this.cards = h("div", { className: "cards", role: "radiogroup", "aria-label": "Emotion" }, ...EMOTIONS.map((emotion) => this.card(emotion)));
    this.cardsNote = h("p", { className: "hint" });
    this.faceRow = h("div", { className: "face-row", role: "group", "aria-label": "Face" });
    this.faceRule = h("div", { className: "face-rule" });
    this.temperature = h("input", { type: "range", min: "0", max: "1", step: "0.01", id: "temperature" });
    this.temperatureText = h("output", { for: "temperature" });
    this.temperature.addEventListener("input", () => this.draft({ temperature: Number(this.temperature.value) }));
    this.temperature.addEventListener("change", () => this.save({ temperature: Number(this.temperature.value) }));
    this.controls = h("div", { className: "controls-list" });
    this.liveBox = h("input", { type: "checkbox", id: "live", checked: true });
    this.liveBox.addEventListener("change", () => {
      live.on = this.liveBox.checked;
      events.dispatchEvent(new CustomEvent("live"));
    });
    this.append(
      this.faceRow, this.faceRule, this.cards, this.cardsNote,
      h("div", { className: "field" }, h("label", { for: "temperature" }, "Temperature"), this.temperature, this.temperatureText),
      h("p", { className: "live-row" }, this.liveBox, h("label", { for: "live" }, "Show it in the viewer at once"), h("span", { className: "tag" }, "local preview, not React-1")),
      h("details", {}, h("summary", {}, "More settings"), this.controls, this.consent())
    );
    this.loadCards = quiet(() => this.fillCards(), 500);
    this.saveSoon = quiet(() => this.write(), 400);
    unsaved.write = () => this.write();
    events.addEventListener("refused", () => {
      this.shown = this.rulesKey = "";
      this.fromEdit();
      this.drawRules();
    });
    watch(["project"], () => {
      this.cardsKey = "";
      for (const image of Object.values(this.cardImages)) image.removeAttribute("src");
    });
    watch(["library"], () => this.buildControls());
    watch(["selected", "job"], () => this.fromEdit());
    watch(["draft"], () => this.showDraft());
    watch(["faces", "face", "selected", "job"], () => {
      this.drawFaces();
      this.noteCards();
      this.loadCards();
    });
    watch(["frame", "tab"], () => this.loadCards());
    watch(["selected", "job", "cuts", "faces"], () => this.drawRules());
  }

  card(emotion) {
    const image = (this.cardImages[emotion] = h("img", { alt: "", width: "110", height: "110" }));
    const choose = () => {
      this.draft({ prompt: emotion });
      this.save({ prompt: emotion });
    };
    const button = h("button", { type: "button", role: "radio", "aria-checked": "false", "data-emotion": emotion, onclick: choose }, image, h("span", {}, emotion));
    button.addEventListener("keydown", (event) => {
      const by = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      if (!by) return;
      event.preventDefault();
      event.stopPropagation();
      const next = EMOTIONS[(EMOTIONS.indexOf(emotion) + by + EMOTIONS.length) % EMOTIONS.length];
      /** @type {any} */ (this.cards.querySelector(`[data-emotion=${next}]`)).focus();
      this.draft({ prompt: next });
      this.save({ prompt: next });
    });
    return button;
  }

  draft(values) {
    set({ draft: { ...state.draft, ...values } });
  }

  /** Save soon: a slider that is moved by keys would else write the file at each step. */
  save(fields) {
    if (this.unsaved && this.unsaved.edit !== state.selected) this.write();
    this.unsaved = { edit: state.selected, fields: { ...(this.unsaved?.edit === state.selected ? this.unsaved.fields : {}), ...fields } };
    this.saveSoon();
  }

  /** Save what is not saved yet. */
  async write() {
    const { edit: name, fields } = this.unsaved ?? {};
    this.unsaved = null;
    const edit = state.job?.edits.find((item) => item.name === name);
    if (!edit) return;
    this.shown = "";
    await setFields(edit, fields);
  }

  fromEdit() {
    const edit = selectedEdit();
    if (!edit) this.showControls();
    const key = `${edit?.name} ${edit?.digest} ${JSON.stringify(state.job?.defaults)}`;
    if (!edit?.choices || this.unsaved?.edit === edit.name || this.shown === key) return;
    this.shown = key;
    const { strength } = edit.fields;
    set({ draft: { ...edit.choices, strength: typeof strength === "number" ? strength : 1 } });
    this.showControls();
  }

  showDraft() {
    const { prompt, temperature } = state.draft;
    for (const button of this.cards.children) {
      const chosen = button.dataset.emotion === prompt;
      button.setAttribute("aria-checked", String(chosen));
      button.tabIndex = chosen ? 0 : -1;
    }
    if (document.activeElement !== this.temperature) this.temperature.value = String(temperature);
    this.temperatureText.textContent = Number(temperature).toFixed(2);
    this.loadCards();
  }

  drawFaces() {
    const faces = state.faces?.faces ?? [];
    const isChosen = (face) => state.faces?.in_shot === 1 || faceNumber() === face.number;
    redraw(this.faceRow, ...faces.map((face) => h("button", {
      type: "button", "data-face": face.number, "aria-pressed": String(isChosen(face)), onclick: () => chooseFace(face), title: `Change face ${face.number}`,
    }, h("img", { alt: "", width: "48", height: "48", src: url(`/card/${state.faces.frame}`, { face: face.number }) }), h("span", {}, `Face ${face.number}`))));
  }

  /** Which face is meant: in the whole edit, or in each of its shots where it has several. */
  drawRules() {
    const edit = selectedEdit(), shots = shotsOf(edit);
    const key = JSON.stringify([edit?.digest, shots, state.faces?.faces.map((face) => face.number), state.faces?.in_shot, shotAt(edit, facesFrame())]);
    if (!edit || key === this.rulesKey) return void (edit || this.faceRule.replaceChildren());
    this.rulesKey = key;
    const rows = shots.length > 1 ? shots.map((frames, index) => this.shotRule(edit, frames, index + 1)) : [];
    const several = rows.length > 0 || (state.faces?.in_shot ?? 0) > 1 || faceOfEdit(edit) !== undefined || edit.fields.faces !== undefined;
    redraw(this.faceRule, ...(several ? [this.rule("face-rule", rows.length ? "Face, all shots" : "Face", faceOfEdit(edit), (face) => setFields(edit, { face })), ...rows] : []));
    return undefined;
  }

  shotRule(edit, frames, shot) {
    const [start, end] = frames;
    const rule = this.rule(`face-shot-${shot}`, `Shot ${shot}`, faceOfShot(edit, shot), (face) => setFaceOfShot(edit, shot, face), "as in all shots", shotAt(edit, facesFrame()) === shot);
    rule.append(h("button", { type: "button", className: "link hint", onclick: () => seek(start), title: "Go to this shot" }, `${label(start)} – ${label(end - 1)}`));
    return rule;
  }

  /** A choice of a face by a rule, as it is shown now, or as it was clicked; a job may also name a number. */
  rule(id, text, value, save, none = "the largest", isShown = true) {
    const numbers = isShown ? (state.faces?.faces ?? []).map((face) => String(face.number)) : [];
    const now = value === undefined || value === null ? "" : typeof value === "object" ? "point" : String(value);
    const options = [["", none], ...(none === "the largest" ? [] : [["largest", "the largest"]]), ["speaker", "the one that speaks"], ["left", "the leftmost"], ["right", "the rightmost"], ...numbers.map((number) => [number, `face ${number}`])];
    if (now === "point") options.push(["point", "the one you clicked"]);
    else if (now && !options.some(([known]) => known === now)) options.push([now, `face ${now}`]);
    const chosen = (event) => {
      const wanted = event.target.value, face = (state.faces?.faces ?? []).find((item) => String(item.number) === wanted);
      if (wanted === "point") return;
      if (!face) save(wanted === "" ? null : /^\d+$/.test(wanted) ? Number(wanted) : wanted);
      else if (isInEdit(selectedEdit())) save(pointOf(face));
      else event.target.value = now;
    };
    const select = h("select", { id, onchange: chosen }, ...options.map(([known, words]) => h("option", { value: known }, words)));
    select.value = now;
    return h("div", { className: "field" }, h("label", { for: id }, text), select);
  }

  /** Say why the cards do not show the frame of the playhead. */
  noteCards() {
    const { faces } = state, last = this.cardsKey ? "the cards show the last one." : "go to one that shows a face from the front.";
    if (!faces || faces.share < 1) this.cardsNote.textContent = faces?.problem ? "" : "The cards appear when the faces of this part of the film are found.";
    else this.cardsNote.textContent = faces.faces.length ? "" : `No face in this frame: ${last}`;
  }

  async fillCards() {
    if (state.tab !== "expression" || state.playing || !state.film) return;
    const { faces, frame } = state, face = faceNumber();
    this.noteCards();
    if (!faces || faces.share < 1 || !faces.faces.length || faces.frame !== frame) return;
    const { temperature, model_mode } = state.draft;
    const key = [state.project, state.film.version, frame, face, temperature, model_mode].join();
    if (key === this.cardsKey) return;
    this.cardsKey = key;
    for (const emotion of EMOTIONS) {
      const response = await fetched(url(`/card/${frame}`, { prompt: emotion, temperature, model_mode, face }));
      if (this.cardsKey !== key) return;
      if (!response.status) return void (this.cardsKey = ""); // the studio does not answer now
      if (response.status !== 200) continue;
      const image = this.cardImages[emotion];
      URL.revokeObjectURL(image.src);
      image.src = URL.createObjectURL(await response.blob());
    }
    this.dataset.cards = key;
  }

  /** Who agreed to the edit. A document that the job file names is kept. */
  consent() {
    const box = (name, text) => h("input", { type: "text", id: `consent-${name}`, placeholder: text, onchange: () => this.saveConsent() });
    const row = (input, label) => h("div", { className: "field text" }, h("label", { for: input.id }, label), input);
    this.performer = box("performer", "who agreed to this edit");
    this.scope = box("scope", "what was agreed to");
    return h("fieldset", {}, h("legend", {}, "Consent"), row(this.performer, "Performer"), row(this.scope, "Scope"),
      h("p", { className: "hint" }, "Kept in the record of the run, in the report and in a signed film."));
  }

  saveConsent() {
    const edit = selectedEdit(), performer = this.performer.value.trim(), scope = this.scope.value.trim();
    if (!edit) return;
    const { scope: _, ...rest } = edit.fields.consent ?? {};
    this.shown = "";
    setFields(edit, { consent: performer ? { ...rest, performer, ...(scope ? { scope } : {}) } : null });
  }

  buildControls() {
    if (!state.library) return;
    this.controls.replaceChildren(...state.library.controls.map((control) => this.control(control)));
    this.showControls();
  }

  /** @param {import("/page/answers.js").Control} control */
  control(control) {
    const id = `control-${control.name}`, about = `${id}-about`;
    const save = (value) => {
      this.draft({ [control.name]: value });
      this.save({ [control.name]: value === this.standard(control.name, control.default) ? null : value });
    };
    let input;
    if (control.kind === "choice") {
      const values = control.default === null ? ["", ...control.choices] : control.choices;
      input = h("select", { id, "aria-describedby": about, onchange: (event) => save(event.target.value || null) }, ...values.map((value) => h("option", { value }, value || "as the job says")));
    } else if (control.kind === "slider") {
      input = h("input", { type: "range", id, min: control.least, max: control.most, step: "0.01", "aria-describedby": about });
      input.addEventListener("input", () => this.draft({ [control.name]: Number(input.value) }));
      input.addEventListener("change", () => save(Number(input.value)));
    } else {
      input = h("input", { type: "checkbox", id, "aria-describedby": about, onchange: (event) => save(event.target.checked) });
    }
    return h("div", { className: `field ${control.kind}`, "data-control": control.name, "data-default": JSON.stringify(control.default) },
      h("label", { for: id }, control.label), input, h("p", { className: "hint", id: about }, control.about.replace(/API default/g, "default")));
  }

  /** What a setting is that an edit does not have: what the job says, else `usual`. */
  standard(name, usual) {
    return state.job?.defaults[name] ?? usual;
  }

  showControls() {
    const edit = selectedEdit(), { performer = "", scope = "" } = edit?.fields.consent ?? {};
    for (const [input, value] of [[this.performer, performer], [this.scope, scope]]) if (document.activeElement !== input) input.value = value;
    for (const field of /** @type {any} */ (this.controls.children)) {
      const input = field.querySelector("input, select"), standard = this.standard(field.dataset.control, JSON.parse(field.dataset.default));
      const value = edit?.fields[field.dataset.control] ?? edit?.choices?.[field.dataset.control] ?? standard;
      if (input.type === "checkbox") input.checked = !!value;
      else input.value = value ?? "";
    }
  }
}

customElements.define("expression-panel", ExpressionPanel);
