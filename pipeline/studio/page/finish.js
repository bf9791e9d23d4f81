/* Finishing: the film, the package for an editing system, what the checks found, and the job as text. */
import { ask, copy, h, once } from "/page/dom.js";
import { redraw } from "/page/redraw.js";
import { change, events, fetched, request, saved, say, set, state, url, watch } from "/page/store.js";
import { agree, providerRow, providerSelect } from "/page/takes.js";
import { label, seek } from "/page/viewer.js";

/** What a timeline is for, and its format, such as `resolve EDL`. @param {string} name */
function timelineLabel(name) {
  const [system, format] = name.split(".").slice(-2);
  return name.split(".").length > 2 ? `${system} ${format.toUpperCase()}` : format.toUpperCase();
}

class FinishPanel extends HTMLElement {
  connectedCallback() {
    this.checks = new Map();
    this.makeOnce = once((kind) => this.make(kind));
    this.againOnce = once((kind) => this.make(kind)); // of its own: a click here soon after one there is no double click
    watch(["job", "library", "watching", "refused"], () => this.draw());
    events.addEventListener("progress", (event) => this.moved(/** @type {any} */ (event).detail));
  }

  draw() {
    if (!state.job || !state.library) return;
    const { edits, films } = state.job, open = edits.filter((edit) => edit.waits || edit.problem);
    const unready = !edits.length || open.length > 0;
    redraw(this,
      edits.length ? h("table", { className: "summary" }, h("tbody", {}, ...edits.map((edit) => this.row(edit)))) : h("p", { className: "hint" }, "There is no edit yet: the film would be the same."),
      open.length ? h("p", { className: "problem" }, `${open.map((edit) => edit.name).join(", ")}: choose a take first, or put the edit right.`) : "",
      h("div", { className: "field wide" }, h("label", { for: "film-provider" }, "New takes by"), providerSelect("film-provider")),
      this.signing(state.job.signing),
      h("div", { className: "buttons" },
        h("button", { type: "button", id: "make-film", className: "main", disabled: unready, onclick: () => this.makeOnce("film") }, state.job.signing.wanted ? "Make the signed film" : "Make the film"),
        h("button", { type: "button", id: "make-turnover", disabled: unready, onclick: () => this.makeOnce("turnover"), title: "Clips and timelines for Avid, Final Cut, Premiere or Resolve" }, "Make a turnover")),
      h("ol", { className: "films" }, ...films.map((film) => this.film(film, unready))),
      h("h3", {}, "Take it elsewhere"),
      h("div", { className: "buttons" }, ...[["yaml", "Copy as YAML"], ["command", "Copy as command"], ["python", "Copy as Python"]].map(([kind, text]) => h("button", { type: "button", id: `copy-${kind}`, onclick: () => this.copy(kind) }, text))));
  }

  /** Whether the film is signed, and by which certificate; it stands in the job. @param {import("/page/answers.js").Signing} signing */
  signing({ missing, wanted, certificates }) {
    const usable = certificates.filter((row) => !row.problem);
    const save = (body) => change("POST", "/signing", body);
    const box = h("input", { type: "checkbox", id: "sign", checked: !!wanted, disabled: !!missing && !wanted, "aria-describedby": "sign-about",
      onchange: ({ target }) => save(!target.checked ? { sign: false } : usable.length ? { sign: true, ...usable[0].value } : { sign: true, make_test: true }) });
    const select = h("select", { id: "certificate", onchange: ({ target }) => save(target.value === "test" ? { sign: true, make_test: true } : { sign: true, ...certificates[Number(target.value)].value }) },
      ...certificates.map((row, index) => h("option", { value: String(index), selected: row.current, disabled: !!row.problem }, `${row.signer || row.value.certificate || "a certificate"} (${row.problem || row.about})`)),
      certificates.some((row) => row.test) ? "" : h("option", { value: "test" }, "a test certificate, made now; nobody trusts it"));
    const problem = certificates.find((row) => row.current)?.problem;
    return h("fieldset", { className: "signing" }, h("legend", {}, "Provenance"),
      h("div", { className: "tick" }, box, h("label", { for: "sign" }, "Sign the film (C2PA)")),
      wanted ? h("div", { className: "field" }, h("label", { for: "certificate" }, "Certificate"), select) : "",
      problem ? h("p", { className: "problem" }, problem) : "",
      h("p", { className: "hint", id: "sign-about" }, missing || "A signed film says which spans were changed, when and by what. Picture and sound stay as they are."));
  }

  /** @param {import("/page/store.js").StudioEdit} edit */
  row(edit) {
    const chosen = edit.takes.find((take) => take.picked);
    const text = edit.problem || (edit.waits ? "no take is chosen" : chosen ? `take ${chosen.name}` : "its take is made with the film");
    return h("tr", {}, h("th", { scope: "row" }, edit.name), h("td", { className: edit.problem || edit.waits ? "problem" : "" }, text));
  }

  /** @param {import("/page/answers.js").FilmState} film @param {boolean} unready whether no film can be made now */
  film(film, unready) {
    const moving = film.state === "working" || film.state === "waiting";
    const isWatched = state.watching === film.id;
    return h("li", { id: `made-${film.id}`, className: `film-item ${film.state}`, "data-film": film.id, "data-state": film.state },
      h("p", { className: "name" }, h("b", {}, film.kind === "film" ? "Film" : "Turnover"), ` ${new Date(film.created).toLocaleTimeString()}`, film.signer ? h("span", { className: "chip good" }, `signed by ${film.signer}`) : "", film.state === "done" && !film.is_current ? h("span", { className: "chip warn" }, "the job or the film has changed since") : ""),
      moving ? h("progress", { max: "1", value: film.share, "aria-label": "Progress of the film" }) : "",
      h("p", { className: "doing" }, moving ? film.doing : film.output),
      film.state === "done" && film.kind === "film" && !film.exists ? h("p", { className: "hint" }, "This file was moved or removed, or a film that was made later has replaced it.") : "",
      film.error ? h("p", { className: "problem" }, film.error) : "",
      film.status === "kept-original" ? h("p", { className: "problem" }, "Some edits kept the film's own pictures; the notes say why.") : "",
      ...(film.error || film.status === "kept-original" ? film.notes.slice(0, 4).map((note) => h("p", { className: "hint" }, note)) : []),
      h("div", { className: "checks" }, ...(film.state === "done" && film.has_report ? this.checksOf(film) : [])),
      h("div", { className: "buttons" },
        film.state === "done" && film.kind === "film" && film.exists ? h("button", { type: "button", id: `watch-${film.id}`, "aria-pressed": String(isWatched), onclick: (event) => event.detail < 2 && set({ compare: null, watching: isWatched ? "" : film.id }) }, isWatched ? "Back to the source" : "Watch") : "",
        ...film.timelines.map((name) => h("a", { className: "button", href: url(`/films/${film.id}/timelines/${encodeURIComponent(name)}`), title: `Save ${name}` }, timelineLabel(name))),
        film.has_report ? h("a", { className: "button", href: url(`/films/${film.id}/report`), target: "_blank", rel: "noopener" }, "Report") : "",
        film.state === "done" && film.kind === "film" && film.exists ? h("a", { className: "button", href: url(`/films/${film.id}/download`) }, "Save a copy") : "",
        film.state === "failed" || film.state === "stopped" ? h("button", { type: "button", id: `again-${film.id}`, disabled: unready, title: "Make it again, from the job as it is now", onclick: () => this.againOnce(film.kind) }, "Make again") : "",
        moving ? h("button", { type: "button", id: `stop-${film.id}`, onclick: () => change("POST", "/stop", { item: film.id }) }, "Stop") : ""));
  }

  /** What the checks of a film found; they are asked for once. @param {import("/page/answers.js").FilmState} film */
  checksOf(film) {
    if (!this.checks.has(film.id)) {
      this.checks.set(film.id, null);
      request("GET", `/projects/${state.project}/films/${film.id}/seams`).then((found) => {
        this.checks.set(film.id, found);
        this.draw();
      }, () => this.checks.delete(film.id)); // asked for again when the list is drawn
    }
    const { checks, seams } = this.checks.get(film.id) ?? /** @type {import("/page/answers.js").FilmChecks} */ ({ checks: [], seams: [] });
    const failed = checks.filter((check) => !check.passed);
    const go = (frame) => h("button", { type: "button", className: "link", onclick: () => {
      if (film.exists) set({ compare: null, watching: film.id });
      seek(frame);
    } }, label(frame));
    return [
      checks.length ? h("p", { className: failed.length ? "problem" : "good" }, failed.length ? failed.map((check) => `not: ${check.text}`).join("; ") : `Checked: ${checks[0].text}.`) : "",
      ...seams.map((seam) => h("p", { className: seam.passed ? "good" : "problem" }, `${seam.name}: ${seam.text} `, ...(seam.frames ? [go(seam.frames[0]), " ", go(seam.frames[1])] : [])))];
  }

  async make(kind) {
    try {
      if (!(await saved())) return;
      const body = { kind, provider: providerRow().name };
      let agreed = null;
      if (body.provider !== "local") {
        agreed = await agree(await request("POST", `/projects/${state.project}/films/bill`, body), "The missing takes");
        if (agreed === null) return;
      }
      await change("POST", "/films", { ...body, agreed_usd: agreed, replace: false });
    } catch (error) {
      say(error.message, "error");
    }
  }

  async copy(kind) {
    const text = this.text(kind), isCopied = await copy(text);
    try {
      const words = await text;
      if (isCopied) say("Copied.");
      else ask("Copy this", [h("textarea", { readonly: true, rows: "12", "aria-label": "The job as text", value: words })]);
    } catch (error) {
      if (error.message) say(error.message, "error");
    }
  }

  /** Return the job as text, of all that was changed before; an error without a message was shown already. */
  async text(kind) {
    if (!(await saved())) throw new Error();
    const response = await fetched(url(`/text/${kind}`)), text = await response.text();
    if (!response.ok) throw new Error(response.status ? JSON.parse(text).error : "the studio does not answer");
    return text;
  }

  /** @param {import("/page/store.js").ServerEvent} event */
  moved({ item, share, doing }) {
    const row = this.querySelector(`[data-film="${CSS.escape(item)}"]`);
    const bar = row?.querySelector("progress"), text = row?.querySelector(".doing");
    if (bar) bar.value = share;
    if (bar && text) text.textContent = `${doing}, ${Math.round(100 * share)} %`;
  }
}

customElements.define("finish-panel", FinishPanel);
