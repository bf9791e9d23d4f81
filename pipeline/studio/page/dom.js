/* Small helpers for elements; text is always set as text, so no name can be markup. */

/** Make an element. @param {string} tag @param {Object<string, any>} [attributes] @param {...(Node | string | null | undefined | false)} children @returns {any} */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    if (name.startsWith("on")) element[name] = value; // a later drawing replaces it
    else if (name === "value" && tag === "input") element.setAttribute(name, value); // a text that is typed differs from it
    else if (name === "value" || name === "checked" || name === "disabled" || name === "className" || name === "textContent") element[name] = value;
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.filter((child) => child !== null && child !== undefined && child !== false).map((child) => /** @type {any} */ (child)));
  return element;
}

/** Whether the focus was given by the pointer: what was clicked is not meant by the next key. */
export const focus = { isPointed: false };
document.addEventListener("pointerdown", () => (focus.isPointed = true), true);
document.addEventListener("keydown", (event) => event.key === "Tab" && (focus.isPointed = false), true);

const DOUBLE_CLICK_MS = 500, SAME_PLACE_PX = 6;

/** What a click does something to. @type {(target: any) => any} */
const controlOf = (target) => target.closest("label")?.control ?? target.closest("button, a, input, select, summary, [role=button]");
let clicked = { control: null, x: 0, y: 0, at: -Infinity };
/** The second half of a double click is not for what has come under the pointer by the first one. */
document.addEventListener("click", (event) => {
  if (!event.detail) return; // pressed by a key
  const { clientX: x, clientY: y, timeStamp: at } = event, control = controlOf(event.target);
  const isSecond = (event.detail > 1 || at - clicked.at < DOUBLE_CLICK_MS) && Math.hypot(x - clicked.x, y - clicked.y) < SAME_PLACE_PX;
  if (isSecond && clicked.control && control && control !== clicked.control) {
    event.preventDefault();
    event.stopPropagation();
  } else clicked = { control, x, y, at };
}, true);

/** Answers the dialog that is open. @type {(value: string) => void} */
let answer = () => {};

/** Show a dialog and wait for its answer; one that was open is answered with nothing, since no button of it was pressed. @param {string} title @param {(Node | string)[]} content @param {{text: string, value: string, main?: boolean}[]} buttons @returns {Promise<string>} */
export function ask(title, content, buttons = [{ text: "Close", value: "" }]) {
  answer("");
  const dialog = /** @type {HTMLDialogElement} */ (document.getElementById("dialog"));
  const finish = (value) => {
    dialog.returnValue = value;
    dialog.close(value);
  };
  dialog.setAttribute("aria-labelledby", "dialog-title");
  dialog.replaceChildren(
    h("h2", { id: "dialog-title" }, title),
    h("div", { className: "body" }, ...content),
    h("div", { className: "buttons" }, ...buttons.map((button) => h("button", { type: "button", className: button.main ? "main" : "", onclick: () => finish(button.value) }, button.text)))
  );
  dialog.returnValue = "";
  if (!dialog.open) dialog.showModal();
  dialog.onclose = () => answer(dialog.returnValue);
  return new Promise((resolve) => (answer = resolve));
}

/** Call a function once things are quiet. @param {() => void} call @param {number} wait_ms */
export function quiet(call, wait_ms) {
  let timer = 0;
  return () => {
    clearTimeout(timer);
    timer = window.setTimeout(call, wait_ms);
  };
}

/** Return what does something once at a time, and not again right after: a double click is one. @template {any[]} Values @param {(...values: Values) => Promise<void>} act @param {number} [calm_ms] from its beginning on */
export function once(act, calm_ms = DOUBLE_CLICK_MS) {
  let isBusy = false;
  return async (/** @type {Values} */ ...values) => {
    if (isBusy) return;
    isBusy = true;
    const calm = new Promise((resolve) => setTimeout(resolve, calm_ms));
    try {
      await act(...values);
    } finally {
      calm.then(() => (isBusy = false));
    }
  };
}

/** Copy a text that may still be on its way: WebKit lets a page copy only if it says so within the click. @param {Promise<string>} text */
export async function copy(text) {
  const content = text.then((words) => new Blob([words], { type: "text/plain" }));
  content.catch(() => {});
  try {
    await navigator.clipboard.write([new ClipboardItem({ "text/plain": content })]);
    return true;
  } catch {
    return false;
  }
}
