/* Takes: which to make and what they cost, how far they are, and the choice. */
import { ask, h, once } from "/page/dom.js";
import { redraw } from "/page/redraw.js";
import { change, events, request, saved, say, selectedEdit, set, state, watch } from "/page/store.js";
import { EMOTIONS } from "/page/expression.js";

const TEMPERATURES = [0.3, 0.5, 0.7, 1];
const REGIONS = ["lips", "face", "head"];

/** The provider that `auto` means here. */
export function providerRow() {
  const name = state.job?.provider ?? "auto";
  const rows = state.library.providers;
  if (name !== "auto") return rows.find((row) => row.name === name);
  return rows.find((row) => row.name !== "local" && !row.problem) ?? rows[0];
}

/** A select for the provider. */
export function providerSelect(id) {
  const rows = state.library.providers;
  return h("select", { id, onchange: (event) => change("POST", "/provider", { provider: event.target.value }) },
    ...rows.map((row) => h("option", { value: row.name, selected: row === providerRow(), disabled: !!row.problem }, `${row.label} (${row.problem || row.price})`)));
}

/** Show a bill and return the agreed cost; null if it was declined, 0 if nothing is to be paid. @param {import("/page/answers.js").Bill} bill @param {string} what */
export async function agree(bill, what) {
  if (!bill.usd) return 0;
  const rows = bill.items.map((item) => h("tr", {}, h("th", { scope: "row" }, [item.segment, item.take].filter(Boolean).join(" ")), h("td", {}, `$${item.usd.toFixed(2)}`)));
  const total = h("tr", { className: "total" }, h("th", { scope: "row" }, "together"), h("td", {}, `$${bill.usd.toFixed(2)}`));
  const answer = await ask(`${what} cost money`, [
    h("p", {}, `${providerRow().label} charges about this, by the price list:`),
    h("table", {}, h("tbody", {}, ...rows, total)),
    ...bill.notes.map((note) => h("p", { className: "hint" }, note)),
  ], [{ text: "Do not send", value: "" }, { text: `Pay up to $${bill.usd.toFixed(2)}`, value: "pay", main: true }]);
  return answer === "pay" ? bill.usd : null;
}

class TakesPanel extends HTMLElement {
  connectedCallback() {
    this.wanted = { prompt: new Set(), temperature: new Set(), model_mode: new Set(), face: new Set() };
    this.makeOnce = once(() => this.make(), 0); // the server makes equal takes once
    this.picker = h("div", { className: "matrix" });
    this.list = h("ol", { className: "takes-list" });
    this.append(this.picker, h("h3", {}, "Takes of this edit"), this.list);
    watch(["selected", "job", "library", "draft", "faces", "refused"], () => this.drawPicker());
    watch(["selected", "job", "compare"], () => this.drawList());
    events.addEventListener("progress", (event) => this.moved(/** @type {any} */ (event).detail));
  }

  choices() {
    const own = state.draft;
    const of = (name, order) => {
      const values = order.filter((value) => this.wanted[name].has(value));
      return values.length ? values : [];
    };
    return { prompt: of("prompt", EMOTIONS), temperature: of("temperature", [...new Set([...TEMPERATURES, own.temperature])].sort()), model_mode: of("model_mode", REGIONS), face: of("face", this.faces()) };
  }

  /** The faces that can be compared, if the shot has several: by rules, since a number of the page may be another one in the span. */
  faces() {
    return (state.faces?.in_shot ?? 0) > 1 ? ["left", "right"] : [];
  }

  count() {
    return Object.values(this.choices()).reduce((count, values) => count * Math.max(1, values.length), 1);
  }

  drawPicker() {
    const edit = selectedEdit();
    if (!state.library || !state.job) return;
    if (!edit) {
      redraw(this.picker, h("p", { className: "hint" }, "Make an edit first: mark In and Out in the viewer."));
      return;
    }
    const group = (name, title, values) => h("fieldset", {}, h("legend", {}, title), ...values.map((value) => this.box(name, value)));
    const count = this.count();
    const make = h("button", { type: "button", className: "main", id: "make-takes", disabled: !!edit.problem, onclick: this.makeOnce },
      count === 1 ? "Make this take" : `Make ${count} takes`);
    redraw(this.picker,
      group("prompt", "Emotions to compare", EMOTIONS), group("temperature", "Temperatures to compare", TEMPERATURES), group("model_mode", "Regions to compare", REGIONS),
      this.faces().length ? group("face", "Faces to compare", this.faces()) : "",
      h("p", { className: "hint" }, this.hint(count)),
      h("div", { className: "field wide" }, h("label", { for: "take-provider" }, "Made by"), providerSelect("take-provider")),
      edit.problem ? h("p", { className: "problem" }, `${edit.name}: ${edit.problem}`) : "",
      h("div", { className: "buttons" }, make)
    );
  }

  hint(count) {
    if (count > 1) return "Every combination of what is ticked is one take.";
    const [prompt, temperature] = ["prompt", "temperature"].map((name) => this.choices()[name][0] ?? state.draft[name]);
    const isTicked = Object.values(this.choices()).some((values) => values.length);
    return `${isTicked ? "One take with what is ticked, else with" : "Nothing ticked: one take with"} the settings of the edit, ${prompt} ${temperature}.`;
  }

  box(name, value) {
    const id = `want-${name}-${value}`;
    const toggle = (event) => {
      if (event.target.checked) this.wanted[name].add(value);
      else this.wanted[name].delete(value);
      this.drawPicker();
    };
    return h("span", { className: "tick" }, h("input", { type: "checkbox", id, checked: this.wanted[name].has(value), onchange: toggle }), h("label", { for: id }, String(value)));
  }

  async make() {
    try {
      const edit = (await saved()) && selectedEdit();
      if (!edit) return;
      const body = { index: edit.index, digest: edit.digest, choices: this.choices(), provider: providerRow().name };
      let agreed = null;
      if (body.provider !== "local") {
        agreed = await agree(await request("POST", `/projects/${state.project}/bill`, body), this.count() === 1 ? "This take would" : "These takes would");
        if (agreed === null) return;
      }
      if (await change("POST", "/takes", { ...body, agreed_usd: agreed })) for (const values of Object.values(this.wanted)) values.clear();
      this.drawPicker();
    } catch (error) {
      say(error.message, "error");
    }
  }

  drawList() {
    const edit = selectedEdit();
    if (!state.job) return;
    const takes = edit?.takes ?? [], playable = takes.filter((take) => take.state === "done" && take.of_film);
    const newest = [...playable].reverse().find((take) => take.current) ?? playable.at(-1);
    const together = playable.filter((take) => String(take.frames) === String(newest?.frames)); // in sync, frame by frame
    const focused = /** @type {HTMLElement | null} */ (this.list.contains(document.activeElement) ? document.activeElement : null);
    const row = focused?.closest("[data-take]");
    redraw(this.list,
      together.length > 1 ? h("li", {}, h("button", { type: "button", onclick: () => set({ compare: together.map((take) => take.id) }) }, "Compare all")) : "",
      ...takes.map((take) => this.take(edit, take)),
      takes.length ? "" : h("li", { className: "hint" }, "None yet."));
    if (row?.isConnected && !focused?.isConnected) row.querySelector("button")?.focus(); // what was pressed is gone from it
  }

  /** @param {import("/page/store.js").StudioEdit} edit @param {import("/page/store.js").StudioTake} take */
  take(edit, take) {
    const act = (path, text, title) => h("button", { type: "button", title, onclick: () => change("POST", path, { item: take.id }) }, text);
    const moving = take.state === "working" || take.state === "waiting";
    const bar = moving ? h("progress", { max: "1", value: take.share, "aria-label": `Progress of ${take.name}` }) : "";
    const line = moving ? take.doing || take.state : take.state === "done" ? [take.provider === "local" ? "local preview engine" : take.provider, `${take.seconds.toFixed(0)} s`, take.cost_usd ? `$${take.cost_usd.toFixed(2)}` : ""].filter(Boolean).join(" · ") : "";
    return h("li", { id: `take-${take.id}`, className: `take-item ${take.state}${take.picked ? " picked" : ""}`, "data-take": take.id, "data-name": take.name, "data-state": take.state },
      h("p", { className: "name" }, h("b", {}, take.name), take.picked ? h("span", { className: "chip" }, "chosen") : "", take.current ? "" : h("span", { className: "chip warn" }, take.of_film ? "other settings" : "of the film as it was")),
      bar, h("p", { className: "doing" }, line), take.differs ? h("p", { className: "hint" }, `made with ${take.differs}`) : "",
      take.error ? h("p", { className: "problem" }, take.error) : "",
      h("div", { className: "buttons" },
        take.state === "done" && take.of_film ? h("button", { type: "button", onclick: () => set({ compare: [take.id] }), "aria-pressed": String(state.compare?.includes(take.id) ?? false) }, "Watch") : "",
        take.state === "done" && take.current && !take.picked ? h("button", { type: "button", className: "main", onclick: () => pick(edit, take) }, "Choose") : "",
        moving ? act("/stop", "Stop", "Stop making this take") : "",
        take.state === "failed" || take.state === "stopped" ? act("/takes/again", "Make again", "Make this take again") : "",
        moving ? "" : act("/takes/remove", "Remove", "Remove this take from the list")));
  }

  /** @param {import("/page/store.js").ServerEvent} event */
  moved({ item, share, doing }) {
    const row = this.list.querySelector(`[data-take="${CSS.escape(item)}"]`);
    if (!row) return;
    const bar = row.querySelector("progress"), text = row.querySelector(".doing");
    if (bar) bar.value = share;
    if (text) text.textContent = `${doing}, ${Math.round(100 * share)} %`;
  }
}

/** Choose a take for the film. */
export const pick = (edit, take) => change("POST", "/pick", { index: edit.index, digest: edit.digest, take: take.id });

customElements.define("takes-panel", TakesPanel);
