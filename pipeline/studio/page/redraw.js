/* Drawing a part of the page again. What was there before stays the same element: it keeps the focus, its open list, its
   scroll position, and what is pressed, selected or being typed in it. */

/** What makes two elements the same one: an id, or what a button or a link says. @param {any} node */
const keyOf = (node) => [node.nodeName, node.id || (node.matches?.("button, a") ? node.textContent : "")].join(" ");

/** Give an element these children. @param {Element} parent @param {...(Node | string | false | null | undefined)} children */
export function redraw(parent, ...children) {
  const focused = /** @type {any} */ (document.activeElement);
  arrange(parent, children.filter((child) => child).map((child) => (child instanceof Node ? child : new Text(String(child)))));
  if (focused !== document.activeElement && parent.contains(focused)) focused.focus({ preventScroll: true }); // it was moved
}

/** @param {Element} parent @param {Node[]} wanted */
function arrange(parent, wanted) {
  const before = /** @type {Map<string, any[]>} */ (new Map());
  for (const node of parent.childNodes) before.set(keyOf(node), [...(before.get(keyOf(node)) ?? []), node]);
  const nodes = wanted.map((next) => {
    const same = before.get(keyOf(next))?.shift();
    return same ? update(same, next) : next;
  });
  for (const gone of [...before.values()].flat()) gone.remove();
  let place = parent.firstChild;
  for (const node of nodes) {
    if (node === place) place = place.nextSibling;
    else parent.insertBefore(node, place); // what stays in its order is not moved
  }
}

/** Let an element be like another one. @param {any} old @param {any} next */
function update(old, next) {
  if (old.nodeType === Node.TEXT_NODE) {
    if (old.data !== next.data) old.data = next.data;
    return old;
  }
  const { selectedIndex } = next; // an option that is new is taken out of it
  const isTyped = old === document.activeElement && old.value !== old.defaultValue;
  for (const { name } of [...old.attributes]) if (!next.hasAttribute(name)) old.removeAttribute(name);
  for (const { name, value } of next.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  for (const name of ["onclick", "onchange"]) old[name] = next[name];
  arrange(old, [...next.childNodes]);
  if (old.nodeName === "SELECT" && old.selectedIndex !== selectedIndex) old.selectedIndex = selectedIndex;
  if (old.nodeName === "INPUT") {
    if (old.checked !== next.checked) old.checked = next.checked;
    if (!isTyped && old.type !== "file" && old.value !== next.value) old.value = next.value;
  }
  return old;
}
