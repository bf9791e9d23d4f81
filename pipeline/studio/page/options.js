/* Film options: a control for each input that the preset of the job declares. */
import { h } from "/page/dom.js";
import { redraw } from "/page/redraw.js";
import { change, state, watch } from "/page/store.js";

class FilmOptions extends HTMLElement {
  connectedCallback() {
    this.list = h("div", { className: "controls-list" });
    this.append(h("details", {}, h("summary", {}, "Film options"), this.list));
    watch(["job"], () => this.draw());
  }

  draw() {
    const options = state.job?.options ?? [], text = JSON.stringify([state.project, options]);
    if (text === this.drawn) return;
    this.drawn = text;
    const elsewhere = options.filter((option) => option.elsewhere).map((option) => option.label);
    this.hidden = !options.length;
    redraw(this.list,
      ...options.filter((option) => !option.elsewhere).map((option) => this.row(option)),
      elsewhere.length ? h("p", { className: "hint" }, `Elsewhere on this page: ${elsewhere.join(", ")}.`) : "");
  }

  /** @param {import("/page/answers.js").Option} option */
  row(option) {
    const id = `option-${option.name}`, about = `${id}-about`;
    const shown = (name) => /** @type {any} */ (document.getElementById(name)); // it may be of an earlier drawing
    const refused = (message) => {
      shown(`${id}-problem`).textContent = message;
      shown(id).setAttribute("aria-invalid", String(!!message));
    };
    const save = (text) => {
      refused("");
      change("POST", "/options", { name: option.name, text }, refused);
    };
    const control = this.control(option, { id, "aria-describedby": `${about} ${id}-problem` }, save);
    return h("div", { className: "field text option", "data-option": option.name, "data-differs": option.differs },
      h("label", { for: id }, option.label, option.differs ? h("span", { className: "chip warn" }, "set") : ""), control,
      h("p", { className: "problem", id: `${id}-problem`, role: "alert" }),
      h("p", { className: "hint", id: about }, `${option.about}${option.default ? `; default: ${option.default}` : ""}`,
        option.differs ? h("button", { type: "button", className: "link", "aria-label": `${option.label}: back to the default`, onclick: () => save(null) }, "back to the default") : ""));
  }

  control(option, attributes, save) {
    if (option.kind === "boolean") {
      return h("input", { ...attributes, type: "checkbox", checked: option.value === "true", onchange: (event) => save(String(event.target.checked)) });
    }
    if (option.kind === "choice") {
      const values = [...new Set([...(option.default ? [] : [""]), ...option.choices, option.value])];
      return h("select", { ...attributes, onchange: (event) => save(event.target.value || null) },
        ...values.map((value) => h("option", { value, selected: value === option.value }, value || "not set")));
    }
    return h("input", { ...attributes, type: "text", value: option.value, onchange: (event) => save(event.target.value.trim() || null) });
  }
}

customElements.define("film-options", FilmOptions);
