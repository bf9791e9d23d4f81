/* The page: starts the components, the keys, the tabs, the theme, undo and the ledger. */
import { ask, focus, h } from "/page/dom.js";
import { change, events, listen, open, request, say, selectedEdit, set, state, unsaved, watch } from "/page/store.js";
import { faceOfEdit, second, seek } from "/page/viewer.js";
import "/page/library.js";
import { addEdit, removeEdit } from "/page/edits.js";
import { EMOTIONS } from "/page/expression.js";
import "/page/takes.js";
import "/page/compare.js";
import "/page/line.js";
import "/page/finish.js";
import "/page/options.js";
import "/page/timeline.js";

const KEYS = [
  ["Space", "play, pause"], ["J K L", "backwards, stop, forwards; again for faster"], ["← →", "one frame"], ["Shift+← →", "one second"],
  ["Home End", "start and end of the film"], ["↑ ↓", "previous and next cut, marker or edge of an edit"], ["I O", "mark in and out"], ["Enter", "make an edit of the marks"],
  ["Delete", "remove the selected edit"], ["1 … 6", "emotion of the edit"], ["[ ]", "temperature down and up"], ["B", "hold to see the film without the preview"],
  ["M", "make the take"], ["A", "in takes: before or after"], ["S D", "in takes: side by side, difference"], ["Z R F", "in takes: zoom on the face, loop, full screen"], ["Ctrl+Z, Ctrl+Shift+Z", "undo, redo"], ["Escape", "back from takes to the film"], ["?", "this list"],
];
const viewer = () => /** @type {any} */ (document.querySelector("studio-viewer"));

function selectTab(name) {
  for (const tab of document.querySelectorAll("[role=tab]")) {
    const chosen = tab.id === `tab-${name}`;
    tab.setAttribute("aria-selected", String(chosen));
    /** @type {any} */ (tab).tabIndex = chosen ? 0 : -1;
    /** @type {any} */ (document.getElementById(tab.getAttribute("aria-controls") ?? "")).hidden = !chosen;
  }
  set({ tab: name });
}

function startTabs() {
  const tabs = [.../** @type {any} */ (document.querySelectorAll("[role=tab]"))];
  for (const [index, tab] of tabs.entries()) {
    tab.addEventListener("click", () => selectTab(tab.id.slice(4)));
    tab.addEventListener("keydown", (event) => {
      const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!by) return;
      event.preventDefault();
      event.stopPropagation();
      const next = tabs[(index + by + tabs.length) % tabs.length];
      selectTab(next.id.slice(4));
      next.focus();
    });
  }
}

function startTheme() {
  const button = document.getElementById("theme");
  const apply = (theme) => {
    document.documentElement.dataset.theme = theme;
    button?.setAttribute("aria-pressed", String(theme === "light"));
    document.dispatchEvent(new Event("theme"));
  };
  apply(localStorage.getItem("theme") ?? "dark");
  button?.addEventListener("click", () => {
    const theme = document.documentElement.dataset.theme === "light" ? "dark" : "light";
    localStorage.setItem("theme", theme);
    apply(theme);
  });
}

const showKeys = () => ask("Keys", [h("table", { className: "keys-table" }, h("tbody", {}, ...KEYS.map(([key, text]) => h("tr", {}, h("th", { scope: "row" }, h("kbd", {}, key)), h("td", {}, text))))), h("p", { className: "hint" }, "For programs: ", h("a", { href: "/page/api.html", target: "_blank", rel: "noopener" }, "the endpoints of this page"), ".")]);

async function showLedger() {
  try {
    const ledger = /** @type {import("/page/answers.js").LedgerAnswer} */ (await request("GET", "/ledger"));
    const rows = ledger.calls.map((call) => h("tr", {}, h("td", {}, new Date(call.at).toLocaleString()), h("td", {}, call.provider), h("td", {}, `${call.segment} ${call.prompt ?? ""} ${call.temperature ?? ""}`), h("td", {}, call.state), h("td", {}, `$${call.usd.toFixed(2)}`)));
    await ask("Paid calls", rows.length
      ? [h("table", {}, h("thead", {}, h("tr", {}, ...["when", "provider", "what", "state", "cost"].map((text) => h("th", { scope: "col" }, text)))), h("tbody", {}, ...rows)), h("p", {}, `Together $${ledger.usd.toFixed(2)}.`)]
      : [h("p", {}, "Nothing was paid yet. Takes of the local preview engine are free.")]);
  } catch (error) {
    say(error.message, "error");
  }
}

/** Go to the next place of interest. @param {number} direction */
function jump(direction) {
  const places = [0, state.film.frames - 1, ...state.cuts, ...state.markers.map((marker) => marker.frame), ...state.job.edits.flatMap((edit) => (edit.frames ? [edit.frames[0], edit.frames[1] - 1] : []))].sort((a, b) => a - b);
  const next = direction > 0 ? places.find((place) => place > state.frame) : places.reverse().find((place) => place < state.frame);
  if (next !== undefined) seek(next);
}

function setEmotion(index) {
  const button = document.querySelector(`expression-panel [data-emotion=${EMOTIONS[index]}]`);
  /** @type {any} */ (button)?.click();
}

function nudge(by) {
  const temperature = Math.min(1, Math.max(0, Math.round((state.draft.temperature + by) * 100) / 100));
  const panel = /** @type {any} */ (document.querySelector("expression-panel"));
  panel.draft({ temperature });
  panel.save({ temperature });
}

const ACTIONS = {
  " ": () => viewer().toggle(), j: () => viewer().faster(-1), k: () => viewer().pause(), l: () => viewer().faster(1),
  i: () => viewer().mark("in"), o: () => viewer().mark("out"), Home: () => seek(0), End: () => seek(state.film.frames - 1),
  ArrowUp: () => jump(-1), ArrowDown: () => jump(1), Enter: () => (state.markIn !== null && state.markOut !== null ? addEdit() : say("Mark In (I) and Out (O) first; then Enter makes an edit of them.")),
  Delete: removeEdit, Backspace: removeEdit, b: () => viewer().holdBefore(true), "[": () => nudge(-0.05), "]": () => nudge(0.05),
  Escape: () => (state.compare ? set({ compare: null }) : set({ watching: "" })), "?": showKeys,
  m: () => {
    selectTab("takes");
    /** @type {any} */ (document.getElementById("make-takes"))?.click();
  },
};

function pressed(event) {
  const target = event.target, type = target.type;
  const typing = target.isContentEditable || ["TEXTAREA", "SELECT", "AUDIO"].includes(target.tagName) || (target.tagName === "INPUT" && !["checkbox", "range", "radio"].includes(type));
  if (typing || event.defaultPrevented || !state.film || document.querySelector("dialog[open]")) return;
  if (event.ctrlKey || event.metaKey) {
    if (event.key.toLowerCase() === "z") {
      event.preventDefault();
      change("POST", event.shiftKey ? "/redo" : "/undo");
    }
    return;
  }
  if (event.altKey) return;
  const onControl = ["BUTTON", "A", "SUMMARY", "INPUT"].includes(target.tagName);
  if (onControl && event.repeat && event.key === "Enter" && !target.closest(".transport")) return event.preventDefault(); // a held key is one press
  if (onControl && (event.key === "Enter" || event.key === " ")) {
    if (!focus.isPointed || target.tagName !== "BUTTON" || state.compare) return;
    target.blur(); // it would be pressed once more
  }
  if (type === "range" && /^(Arrow|Home|End|Page)/.test(event.key)) return;
  if (state.compare && !["Escape", "?"].includes(event.key)) return;
  if (event.key === "ArrowLeft" || event.key === "ArrowRight") {
    event.preventDefault();
    const by = event.key === "ArrowLeft" ? -1 : 1;
    viewer().step(event.shiftKey ? by * second() : by);
    return;
  }
  if (event.repeat && !/^(Arrow|\[|\])/.test(event.key)) return event.preventDefault(); // a held key is one press
  if (/^[1-6]$/.test(event.key)) return void setEmotion(Number(event.key) - 1);
  const action = ACTIONS[event.key] ?? ACTIONS[event.key.toLowerCase()];
  if (action) {
    event.preventDefault();
    action();
  }
}

async function start() {
  startTheme();
  startTabs();
  listen();
  document.addEventListener("keydown", pressed);
  window.addEventListener("blur", () => state.film && viewer().holdBefore(false)); // the key may be let go elsewhere
  window.addEventListener("pagehide", () => unsaved.write());
  document.addEventListener("keyup", (event) => event.key.toLowerCase() === "b" && state.film && viewer().holdBefore(false));
  document.getElementById("undo")?.addEventListener("click", () => change("POST", "/undo"));
  document.getElementById("redo")?.addEventListener("click", () => change("POST", "/redo"));
  document.getElementById("help")?.addEventListener("click", showKeys);
  document.getElementById("ledger")?.addEventListener("click", showLedger);
  watch(["film", "job"], () => {
    const name = /** @type {any} */ (document.getElementById("film-name"));
    name.textContent = state.film ? state.film.name : "No film is open";
    document.title = state.film ? `${state.film.name} – react1 studio` : "react1 studio";
    /** @type {any} */ (document.getElementById("studio")).hidden = !state.film;
    /** @type {any} */ (document.getElementById("undo")).disabled = !state.job?.can_undo;
    /** @type {any} */ (document.getElementById("redo")).disabled = !state.job?.can_redo;
  });
  watch(["selected"], () => {
    const edit = selectedEdit();
    if (faceOfEdit(edit) || edit?.fields.faces) set({ face: null });
    if (edit?.frames && state.compare && !edit.takes.some((take) => state.compare?.includes(take.id))) set({ compare: null });
  });
  try {
    const library = await request("GET", "/library");
    set({ library });
    const wanted = decodeURIComponent(location.hash.slice(1)) || library.first || (library.files.length === 1 ? library.files[0].path : "");
    const isOpen = wanted && (await open(wanted));
    if (!isOpen) /** @type {any} */ (document.querySelector("film-library")).show();
  } catch (error) {
    say(error.message, "error");
  }
  events.dispatchEvent(new CustomEvent("started"));
  document.documentElement.dataset.started = "";
}

start();
