/* The state of the page, and its one way to the server: actions change the state, components listen. */

/** @typedef {import("/page/answers.js").EditState} StudioEdit */
/** @typedef {import("/page/answers.js").TakeState} StudioTake */
/** @typedef {import("/page/answers.js").ServerEvent} ServerEvent */

export const events = new EventTarget();

/** @type {{library: import("/page/answers.js").LibraryAnswer, film: import("/page/answers.js").FilmFacts, job: import("/page/answers.js").JobState, project: string, frame: number, selected: string, markIn: number | null, markOut: number | null, face: {number: number, frame: number, at: number[] | null, saved: boolean} | null, draft: Object<string, any>, tab: string, compare: string[] | null, watching: string, faces: import("/page/answers.js").Faces & {frame: number}, cuts: number[], cues: import("/page/answers.js").Cue[], markers: import("/page/answers.js").Marker[], marksProblem: string, wave: Uint8Array | null, playing: boolean, saving: boolean}} */
export const state = {
  library: null, film: null, job: null, project: "", frame: 0, selected: "", markIn: null, markOut: null, face: null,
  draft: { prompt: "happy", temperature: 0.7, model_mode: "face" }, tab: "expression", compare: null, watching: "",
  faces: null, cuts: [], cues: [], markers: [], marksProblem: "", wave: null, playing: false, saving: false,
};

/** Change the state and tell which parts changed. @param {Partial<typeof state>} changes */
export function set(changes) {
  const changed = Object.keys(changes).filter((name) => state[name] !== changes[name]);
  Object.assign(state, changes);
  for (const name of changed) events.dispatchEvent(new CustomEvent(name));
}

/** What the server may change at any moment. It is drawn once nothing is pressed: what is replaced under the pointer gets no click. */
const NEWS = new Set(["job", "library", "faces"]);
let isPressed = false;
/** @type {Set<() => void>} */
const waiting = new Set();

function release() {
  const calls = [...waiting];
  isPressed = false;
  waiting.clear();
  for (const call of calls) call();
}
document.addEventListener("pointerdown", (event) => (isPressed = !!(/** @type {Element} */ (event.target).closest("button, a, input, label, summary, [role=button]"))), true);
for (const name of ["pointerup", "pointercancel"]) document.addEventListener(name, () => setTimeout(release), true); // after the click
window.addEventListener("blur", release);

/** Call a function now and whenever one of these parts of the state changes. @param {string[]} names @param {() => void} call */
export function watch(names, call) {
  const calm = () => void (isPressed ? waiting.add(call) : call());
  for (const name of names) events.addEventListener(name, NEWS.has(name) ? calm : call);
  call();
}

/** The selected edit. @returns {StudioEdit | null} */
export const selectedEdit = () => state.job?.edits.find((edit) => edit.name === state.selected) ?? null;

/** A failed request, in the words of the server. */
export class Refused extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

/** Fetch from the server; one that does not answer, or a page that is left, gives a response of status 0. @param {string} address @param {RequestInit} [options] @returns {Promise<Response>} */
export const fetched = (address, options) => fetch(address, options).catch(() => Response.error());

/** Send a request and return its JSON. @param {string} method @param {string} path @param {any} [body] */
export async function request(method, path, body) {
  const isRaw = body instanceof Blob;
  const response = await fetched(`/api${path}`, {
    method,
    keepalive: body !== undefined && !isRaw, // a change that was made right before the page is left
    headers: body === undefined || isRaw ? {} : { "Content-Type": "application/json" },
    body: body === undefined ? undefined : isRaw ? body : JSON.stringify(body),
  });
  if (response.status === 0) throw new Refused("the studio does not answer; it may have been stopped in its terminal", 0);
  if (response.status === 401) throw new Refused("this page is not known to the studio; open the address in its terminal again", 401);
  const data = await response.json().catch(() => ({}));
  if (!response.ok) throw new Refused(data.error || `the studio answered with ${response.status}`, response.status);
  return data;
}

/** The address of something of the open film; it names the film's content, so that a browser keeps nothing of an earlier one. */
export const url = (path, query = {}) => {
  const text = new URLSearchParams(Object.entries({ ...query, film: state.film?.version }).filter(([, value]) => value !== undefined && value !== null && value !== "")).toString();
  return `/api/projects/${state.project}${path}${text ? `?${text}` : ""}`;
};

/** Show a message for a while, or with Infinity until the returned element is removed. @param {string} text @param {"info" | "error"} kind */
export function say(text, kind = "info", shown_ms = kind === "error" ? 12000 : 4000) {
  const line = document.createElement("p");
  line.className = kind;
  line.textContent = text;
  const close = document.createElement("button");
  close.type = "button";
  close.textContent = "×";
  close.setAttribute("aria-label", "Close this message");
  close.addEventListener("click", () => line.remove());
  line.append(close);
  const messages = document.getElementById("messages");
  messages?.append(line);
  if (document.querySelector("dialog[open]")) messages?.togglePopover?.(false); // it was below the dialog
  messages?.togglePopover?.(true);
  if (shown_ms < Infinity) setTimeout(() => line.remove(), shown_ms);
  return line;
}

let lastJob = "";
/** Take a new state of the job. @param {import("/page/answers.js").JobState} job */
export function takeJob(job) {
  const text = JSON.stringify(job);
  if (text === lastJob) return;
  lastJob = text;
  const names = job.edits.map((edit) => edit.name);
  set({ job, selected: names.includes(state.selected) ? state.selected : names[0] ?? "" });
}

/** What an edit became by this page's own changes: of a digest the next one. @type {Map<string, string>} */
const successors = new Map();

/** The digest that an edit has now, if only this page has changed it. @param {string} digest */
function newest(digest) {
  const isShown = () => state.job?.edits.some((edit) => edit.digest === digest); // also again, after undo
  for (let next = successors.get(digest); next && !isShown(); next = successors.get(digest)) digest = next;
  return digest;
}

/** Note what an edit became, so that a change that was made meanwhile is no conflict with the one before it. */
function noteSuccessor(before, job) {
  const next = before && job.edits.find((edit) => edit.name === before.name);
  if (next && next.digest !== before.digest) {
    successors.delete(next.digest);
    successors.set(before.digest, next.digest);
  }
}

/** Writes what a slider or a choice has changed and what is not sent yet; the panel of expressions sets it. */
export const unsaved = { write: () => {} };

let queue = Promise.resolve(), refusedAt = -Infinity;
const REACTION_MS = 1000, SLOW_MS = 200;
let unfinished = 0, slow = 0;

/** Do something with the job after all changes that were made before. @template Result @param {() => Promise<Result>} act @returns {Promise<Result>} */
function inTurn(act) {
  unsaved.write(); // what was changed before goes first
  const turn = queue.then(act);
  if (!unfinished++) slow = window.setTimeout(() => set({ saving: true }), SLOW_MS);
  queue = turn.catch(() => {}).then(() => {
    if (--unfinished) return;
    clearTimeout(slow);
    set({ saving: false });
  });
  return turn;
}

/** Change the job, one change after the other; a conflict shows the new state and says so, or tells `refused`. @param {string} method @param {string} path @param {any} [body] @param {(message: string) => void} [refused] @returns {Promise<any>} */
export function change(method, path, body, refused = (message) => say(message, "error")) {
  const { project } = state;
  return inTurn(() => changeNow(project, method, path, body?.digest ? { ...body, digest: newest(body.digest) } : body, refused));
}

/** Put a sound file into an edit as its new line. @param {StudioEdit} edit @param {string} name @param {Blob} content */
export function putLine(edit, name, content) {
  const { project } = state;
  return inTurn(() => {
    const digest = newest(edit.digest), query = new URLSearchParams({ name, index: String(edit.index), digest });
    return changeNow(project, "PUT", `/line?${query}`, content, (message) => say(message, "error"), digest);
  });
}

/** Save all changes; false if the last one was refused, which nobody can have seen yet: what is made now would be made of the job as it was. */
export async function saved() {
  const began = performance.now();
  unsaved.write();
  await queue;
  if (refusedAt < began - REACTION_MS) return true;
  say("Nothing is made: the change before was refused. Look at it, then do this again.", "error");
  return false;
}

async function changeNow(project, method, path, body, refused, digest = body?.digest) {
  const before = digest ? state.job?.edits.find((edit) => edit.digest === digest) : null;
  try {
    const answer = await request(method, `/projects/${project}${path}`, body);
    if (answer.state && project === state.project) {
      noteSuccessor(before, answer.state);
      takeJob(answer.state);
    }
    return answer;
  } catch (error) {
    refusedAt = performance.now();
    refused(error.message);
    if (error.status) await refresh();
    events.dispatchEvent(new CustomEvent("refused")); // controls show again what the job has
    return null;
  }
}

/** Set fields of an edit; one of those whose values it compares ends that, and what was picked of the others stays. @param {StudioEdit} edit @param {Object<string, any>} fields @param {number[]} [span] */
export function setFields(edit, fields, span) {
  const ends = Object.keys(edit.fields.takes ?? {}).some((name) => name in fields);
  const all = ends ? { ...edit.picked, ...fields, takes: null } : fields;
  return change("PATCH", "/edits", { index: edit.index, digest: edit.digest, fields: all, start: span?.[0] ?? null, end: span?.[1] ?? null });
}

let refreshing = false, wanted = false;
/** Ask for the state of the job again. */
export async function refresh() {
  if (!state.project) return;
  if (refreshing) {
    wanted = true;
    return;
  }
  refreshing = true;
  const project = state.project;
  try {
    const answer = /** @type {import("/page/answers.js").Opened} */ (await request("GET", `/projects/${project}`));
    if (project === state.project) {
      takeFilm(answer.film);
      takeJob(answer.state);
    }
  } catch (error) {
    say(error.message, "error");
  } finally {
    refreshing = false;
    if (wanted) {
      wanted = false;
      refresh();
    }
  }
}

/** What belongs to a film, and to none after it. */
const NOTHING_OF_A_FILM = { markIn: null, markOut: null, face: null, faces: null, cuts: [], cues: [], markers: [], marksProblem: "", wave: null, compare: null, watching: "" };

/** Show the film as it is now, if another program has written it. @param {import("/page/answers.js").FilmFacts} film */
function takeFilm(film) {
  if (film.version === state.film.version) return;
  set({ ...NOTHING_OF_A_FILM, film, frame: Math.min(state.frame, film.frames - 1) });
  say(`${film.name} was changed by another program, and is shown as it is now. Takes of the film as it was are not used.`, "error");
  loadMarks();
}

let opening = 0;
/** Open a film or a job. @param {string} path */
export async function open(path) {
  unsaved.write();
  /** @type {HTMLElement | undefined} */
  let line;
  const turn = ++opening, slow = setTimeout(() => (line = say(`Opening ${path.split(/[\\/]/).pop()}…`, "info", Infinity)), 700);
  try {
    const answer = /** @type {import("/page/answers.js").Opened} */ (await request("POST", "/open", { path }));
    if (turn !== opening) return false; // another one was chosen meanwhile
    lastJob = "";
    set({ ...NOTHING_OF_A_FILM, film: answer.film, project: answer.state.id, job: null, selected: "", frame: 0 });
    takeJob(answer.state);
    const first = state.job.edits[0];
    if (!first?.choices) set({ draft: { prompt: "happy", temperature: 0.7, model_mode: state.job.defaults.model_mode } });
    if (first?.frames) set({ frame: first.frames[0] });
    history.replaceState(null, "", `#${encodeURIComponent(path)}`);
    loadMarks();
    return true;
  } catch (error) {
    if (turn === opening) say(error.message, "error");
    return false;
  } finally {
    clearTimeout(slow);
    line?.remove();
  }
}

let moved = -Infinity;
events.addEventListener("frame", () => (moved = performance.now()));

/** Load what lies on the timeline: the waveform, the spoken lines, the cuts. */
function loadMarks() {
  marksKey = "";
  loadWave();
  loadCues();
  loadCuts(0);
}

const MARK_OPTIONS = ["cues", "timeline", "start_tc"];
let marksKey = "";
/** Load the spoken lines and the markers, again if the job names other files, or another program has written them. */
function loadCues() {
  const { project, film, job } = state;
  if (!job) return;
  const key = JSON.stringify([project, film.version, job.lists, ...job.options.filter((option) => MARK_OPTIONS.includes(option.name)).map((option) => option.value)]);
  if (key === marksKey) return;
  marksKey = key;
  request("GET", `/projects/${project}/cues`).then((answer) => key === marksKey && set({ cues: answer.cues, markers: answer.markers, marksProblem: answer.problem }), () => key === marksKey && (marksKey = ""));
}
events.addEventListener("job", loadCues);

/** The first frame from which on cuts are not known, because the server did not answer. @type {number | null} */
let cutsMissedFrom = null;
/** Load the cuts from a frame on. @param {number} from */
async function loadCuts(from) {
  const { project, film } = state, isShown = () => project === state.project && film === state.film;
  const block = 500;
  cutsMissedFrom = null;
  for (let start = from; start < film.frames && isShown(); start += block) {
    while (performance.now() - moved < 700) await new Promise((resolve) => setTimeout(resolve, 300)); // scrubbing comes first
    try {
      const answer = await request("GET", `/projects/${project}/cuts?start=${start}&end=${start + block + 1}`);
      if (isShown() && answer.cuts.length) set({ cuts: [...new Set([...state.cuts, ...answer.cuts])].sort((a, b) => a - b) });
    } catch {
      if (isShown()) cutsMissedFrom = start;
      return;
    }
  }
}

/** Load the waveform, if it is ready. */
export async function loadWave() {
  const { film } = state, response = await fetched(url("/wave"));
  if (response.status !== 200) return;
  const wave = new Uint8Array(await response.arrayBuffer());
  if (film === state.film) set({ wave });
}

const AGAIN_MS = 2000, SILENT_MS = 10_000;

/**
 * Listen to the server while the page is seen, and catch up with what was missed; it reconnects by itself.
 * A hidden page holds no connection: a browser opens six to one server, for all its tabs together.
 * The server is heard every few seconds. One that hangs keeps its connections and says nothing: no request is given up
 * for that, since many take long, and those that wait are answered when it goes on; but the page says so.
 */
export function listen() {
  /** @type {EventSource | null} */
  let source = null;
  let missed = false, silence = 0;
  const lost = () => {
    missed = true;
    document.body.classList.add("offline");
  };
  const isHeard = () => {
    clearTimeout(silence);
    silence = window.setTimeout(() => {
      lost();
      follow(); // the connection may be dead, and the server not
    }, SILENT_MS);
  };
  const follow = () => {
    source?.close();
    clearTimeout(silence);
    const opened = (source = document.hidden ? null : new EventSource("/api/events"));
    if (source) isHeard();
    source?.addEventListener("open", () => {
      isHeard();
      document.body.classList.remove("offline");
      if (missed) catchUp();
      missed = false;
    });
    source?.addEventListener("error", () => {
      lost();
      // A proxy that answers for the studio is an end to the browser, which tries no more.
      if (opened?.readyState === EventSource.CLOSED) setTimeout(() => opened === source && follow(), AGAIN_MS);
    });
    source?.addEventListener("message", (message) => {
      isHeard();
      heard(message);
    });
  };
  document.addEventListener("visibilitychange", () => {
    missed ||= document.hidden;
    follow();
  });
  follow();
}

/** Ask for everything that the server may have reported while nobody listened. */
function catchUp() {
  if (!state.project) return;
  refresh();
  loadWave();
  loadCues();
  if (cutsMissedFrom !== null) loadCuts(cutsMissedFrom);
  events.dispatchEvent(new CustomEvent("server-back"));
}

function heard(message) {
  const event = /** @type {ServerEvent} */ (JSON.parse(message.data));
  if (event.kind === "progress") {
    events.dispatchEvent(new CustomEvent("progress", { detail: event }));
  } else if (event.project === state.project) {
    if (event.kind === "project") refresh();
    if (event.kind === "wave" && event.share === 1) loadWave();
    events.dispatchEvent(new CustomEvent(`server-${event.kind}`, { detail: event }));
  }
}
