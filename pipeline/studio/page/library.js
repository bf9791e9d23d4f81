/* The films and jobs that can be opened; a film may also be dropped anywhere on the page. */
import { h } from "/page/dom.js";
import { open, request, say, set, state, watch } from "/page/store.js";

class FilmLibrary extends HTMLElement {
  connectedCallback() {
    this.dialog = h("dialog", { "aria-labelledby": "library-title", className: "library" });
    this.append(this.dialog);
    watch(["library"], () => this.draw());
    document.getElementById("open-library")?.addEventListener("click", () => this.show());
    for (const name of ["dragover", "drop"]) document.addEventListener(name, (event) => this.dropped(/** @type {any} */ (event)));
  }

  async show() {
    try {
      set({ library: await request("GET", "/library") });
    } catch (error) {
      say(error.message, "error");
    }
    if (!this.dialog.open) this.dialog.showModal();
  }

  draw() {
    const library = state.library;
    if (!library) return;
    const item = (/** @type {import("/page/answers.js").LibraryItem} */ file) => h("li", {}, h("button", { type: "button", "data-path": file.path, onclick: async () => (await open(file.path)) && this.dialog.close() },
      h("b", {}, file.name), h("span", { className: "chip" }, file.kind), h("span", { className: "hint" }, file.path)));
    const file = h("input", { type: "file", id: "film-file", accept: "video/*,.mxf,.mkv,.mts", onchange: () => file.files[0] && this.send(file.files[0]) });
    this.dialog.replaceChildren(
      h("h2", { id: "library-title" }, "Open a film or a job"),
      library.files.length ? h("ul", { className: "files" }, ...library.files.map(item)) : h("p", { className: "hint" }, `No film in ${library.folders.join(", ")}.`),
      h("p", { className: "hint" }, "Drop a film on the page to copy it into ", library.folders[0] ?? "the folder", ", or ", h("label", { for: "film-file", className: "button" }, "choose one"), file),
      h("div", { className: "buttons" }, h("button", { type: "button", onclick: () => this.dialog.close() }, "Close")));
  }

  dropped(event) {
    if (event.defaultPrevented || !event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    const file = event.type === "drop" && event.dataTransfer.files[0];
    if (file) this.send(file);
  }

  async send(file) {
    const line = say(`Copying ${file.name}…`, "info", Infinity); // it may take minutes
    try {
      const { path } = await request("PUT", `/films?${new URLSearchParams({ name: file.name })}`, file);
      if (await open(path)) this.dialog.close();
    } catch (error) {
      say(error.message, "error");
    } finally {
      line.remove();
    }
  }
}

customElements.define("film-library", FilmLibrary);
