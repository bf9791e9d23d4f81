/* The list of edits: choose one, add one from the marks, remove one. */
import { h, once } from "/page/dom.js";
import { redraw } from "/page/redraw.js";
import { change, selectedEdit, set, setFields, state, watch } from "/page/store.js";
import { label, seek } from "/page/viewer.js";

/** Make an edit of the marked frames; without marks of two seconds from the playhead on. */
export const addEdit = once(async () => {
  const { film, frame } = state;
  const second = Math.round(film.rate[0] / film.rate[1]);
  let { markIn: start, markOut: end } = state;
  if (start === null) start = end === null ? frame : Math.max(0, end - 2 * second);
  if (end === null) end = Math.min(film.frames, start + 2 * second, ...state.cuts.filter((cut) => cut > /** @type {number} */ (start)));
  const { prompt, temperature, model_mode } = state.draft;
  const fields = { prompt, temperature, ...(model_mode === state.job.defaults.model_mode ? {} : { model_mode }) };
  const answer = await change("POST", "/edits", { start, end, fields });
  if (answer) {
    set({ markIn: null, markOut: null, selected: answer.added });
    if (state.frame < start || state.frame >= end) seek(start);
  }
});

/** Give the selected edit the marked frames, as dragging its edges does. */
const moveEdit = once(async () => {
  const edit = selectedEdit(), { markIn, markOut } = state;
  if (edit && markIn !== null && markOut !== null && (await setFields(edit, {}, [markIn, markOut]))) set({ markIn: null, markOut: null });
});

const removing = new Set();
/** Remove the selected edit, unless that is under way. */
export async function removeEdit() {
  const edit = selectedEdit();
  if (!edit || removing.has(edit.digest)) return;
  removing.add(edit.digest);
  await change("POST", "/edits/remove", { index: edit.index, digest: edit.digest });
  removing.delete(edit.digest);
}

class EditList extends HTMLElement {
  connectedCallback() {
    watch(["job", "selected", "markIn", "markOut", "film"], () => this.draw());
    watch(["saving"], () => this.draw());
  }

  savedText() {
    const { name, exists } = state.job.job;
    return state.saving ? "Saving…" : exists ? `Saved in ${name}` : "Nothing is saved yet";
  }

  draw() {
    if (!state.job) return;
    const marked = state.markIn !== null || state.markOut !== null, selected = selectedEdit();
    const isSpan = state.markIn !== null && state.markOut !== null;
    const focused = document.activeElement?.closest?.("edit-list button")?.id;
    redraw(this,
      state.job.problem ? h("p", { className: "problem" }, state.job.problem) : "",
      h("ol", { className: "edits" }, ...state.job.edits.map((edit) => this.item(edit))),
      state.job.edits.length ? "" : h("p", { className: "hint" }, "Find the moment, mark it with I and O, then make an edit of it."),
      h("div", { className: "buttons" },
        h("button", { type: "button", id: "add-edit", className: marked || !state.job.edits.length ? "main" : "", onclick: addEdit, title: "Make an edit (Enter)" }, marked ? "New edit from In to Out" : "New edit here"),
        selected && isSpan ? h("button", { type: "button", id: "move-edit", onclick: moveEdit, title: "Give the selected edit the marked frames" }, `Move ${selected.name} there`) : "",
        selected ? h("button", { type: "button", id: "remove-edit", onclick: removeEdit, title: "Remove the selected edit (Delete)" }, "Remove") : ""),
      h("p", { className: "hint path", title: state.job.job.path }, this.savedText())
    );
    const isGone = focused && !document.getElementById(focused); // with its edit
    if (isGone) /** @type {any} */ (this.querySelector(".edit[aria-pressed=true]") ?? document.getElementById("add-edit")).focus();
  }

  /** @param {import("/page/store.js").StudioEdit} edit */
  item(edit) {
    const chosen = edit.takes.find((take) => take.picked), made = edit.takes.filter((take) => take.state === "done" && take.of_film).length;
    const working = edit.takes.some((take) => take.state === "working" || take.state === "waiting");
    const select = () => {
      set({ selected: edit.name });
      if (edit.frames && (state.frame < edit.frames[0] || state.frame >= edit.frames[1])) seek(edit.frames[0]);
    };
    const count = edit.frames ? edit.frames[1] - edit.frames[0] : 0;
    return h("li", { id: `row-${edit.name}` },
      h("button", { type: "button", id: `select-${edit.name}`, className: "edit", "data-name": edit.name, "aria-pressed": String(edit.name === state.selected), onclick: select },
        h("b", {}, edit.name),
        h("span", { className: "what" }, edit.matrix.length && edit.waits ? `${edit.matrix.length} takes to choose from` : edit.choices ? `${edit.choices.prompt} ${edit.choices.temperature}` : ""),
        h("span", { className: "when" }, edit.frames ? `${label(edit.frames[0])} – ${label(edit.frames[1] - 1)}` : edit.fields.in ?? ""),
        edit.frames ? h("span", { className: "frames" }, count === 1 ? `frame ${edit.frames[0]}` : `frames ${edit.frames[0]}–${edit.frames[1] - 1}`) : "",
        edit.problem ? h("span", { className: "problem" }, edit.problem)
          : h("span", { className: "status" }, working ? "takes are being made" : chosen ? `take chosen: ${chosen.name}` : made ? `${made} take${made > 1 ? "s" : ""} made` : "no take yet"))
    );
  }
}

customElements.define("edit-list", EditList);
