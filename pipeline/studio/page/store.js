/* The state of the page, and its one way to the server: actions change the state, components listen. */

/** @typedef {import("/page/answers.js").EditState} StudioEdit */
/** @typedef {import("/page/answers.js").TakeState} StudioTake */
/** @typedef {import("/page/answers.js").ServerEvent} ServerEvent */

export const events = new EventTarget();

/** @type {{library: import("/page/answers.js").LibraryAnswer, film: import("/page/answers.js").FilmFacts, job: import("/page/answers.js").JobState, project: string, frame: number, selected: string, markIn: number | null, markOut: number | null, face: {number: number, frame: number, at: number[] | null, saved: boolean} | null, draft: Object<string, any>, tab: string, compare: string[] | null, watching: string, faces: import("/page/answers.js").Faces & {frame: number}, cuts: number[], cues: import("/page/answers.js").Cue[], markers: import("/page/answers.js").Marker[], wave: Uint8Array | null, playing: boolean}} */
export const state = {
  library: null, film: null, job: null, project: "", frame: 0, selected: "", markIn: null, markOut: null, face: null,
  draft: { prompt: "happy", temperature: 0.7, model_mode: "face" }, tab: "expression", compare: null, watching: "",
  faces: null, cuts: [], cues: [], markers: [], wave: null, playing: false,
};

/** Change the state and tell which parts changed. @param {Partial<typeof state>} changes */
export function set(changes) {
  const changed = Object.keys(changes).filter((name) => state[name] !== changes[name]);
  Object.assign(state, changes);
  for (const name of changed) events.dispatchEvent(new CustomEvent(name));
}

/** Call a function now and whenever one of these parts of the state changes. @param {string[]} names @param {() => void} call */
export function watch(names, call) {
  for (const name of names) events.addEventListener(name, call);
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

/** Show a message. @param {string} text @param {"info" | "error"} kind */
export function say(text, kind = "info") {
  const line = document.createElement("p");
  line.className = kind;
  line.textContent = text;
  const close = document.createElement("button");
  close.type = "button";
  close.textContent = "×";
  close.setAttribute("aria-label", "Close this message");
  close.addEventListener("click", () => line.remove());
  line.append(close);
  document.getElementById("messages")?.append(line);
  setTimeout(() => line.remove(), kind === "error" ? 12000 : 4000);
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

let queue = Promise.resolve();
/** Change the job, one change after the other; a conflict shows the new state and says so, or tells `refused`. @returns {Promise<any>} */
export function change(method, path, body, refused = (message) => say(message, "error")) {
  const turn = queue.then(() => changeNow(method, path, body, refused));
  queue = turn.then(() => {}, () => {});
  return turn;
}

async function changeNow(method, path, body, refused) {
  const project = state.project, sent = body?.digest ? { ...body, digest: newest(body.digest) } : body;
  const before = sent?.digest ? state.job?.edits.find((edit) => edit.digest === sent.digest) : null;
  try {
    const answer = await request(method, `/projects/${project}${path}`, sent);
    if (answer.state && project === state.project) {
      noteSuccessor(before, answer.state);
      takeJob(answer.state);
    }
    return answer;
  } catch (error) {
    refused(error.message);
    await refresh();
    return null;
  }
}

/** Set fields of an edit. @param {StudioEdit} edit @param {Object<string, any>} fields @param {number[]} [span] */
export const setFields = (edit, fields, span) =>
  change("PATCH", "/edits", { index: edit.index, digest: edit.digest, fields, start: span?.[0] ?? null, end: span?.[1] ?? null });

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
const NOTHING_OF_A_FILM = { markIn: null, markOut: null, face: null, faces: null, cuts: [], cues: [], markers: [], wave: null, compare: null, watching: "" };

/** Show the film as it is now, if another program has written it. @param {import("/page/answers.js").FilmFacts} film */
function takeFilm(film) {
  if (film.version === state.film.version) return;
  set({ ...NOTHING_OF_A_FILM, film, frame: Math.min(state.frame, film.frames - 1) });
  say(`${film.name} was changed by another program, and is shown as it is now. Takes of the film as it was are not used.`, "error");
  loadMarks();
}

/** Open a film or a job. @param {string} path */
export async function open(path) {
  try {
    const answer = /** @type {import("/page/answers.js").Opened} */ (await request("POST", "/open", { path }));
    lastJob = "";
    set({ ...NOTHING_OF_A_FILM, film: answer.film, project: answer.state.id, job: null, frame: 0 });
    takeJob(answer.state);
    const first = state.job.edits[0];
    if (!first?.choices) set({ draft: { prompt: "happy", temperature: 0.7, model_mode: state.job.defaults.model_mode } });
    if (first?.frames) set({ frame: first.frames[0] });
    history.replaceState(null, "", `#${encodeURIComponent(path)}`);
    loadMarks();
    return true;
  } catch (error) {
    say(error.message, "error");
    return false;
  }
}

let moved = -Infinity;
events.addEventListener("frame", () => (moved = performance.now()));

/** Load what lies on the timeline: the waveform, the spoken lines, the cuts. */
async function loadMarks() {
  const { project, film } = state, isShown = () => project === state.project && film === state.film;
  loadWave();
  request("GET", `/projects/${project}/cues`).then((answer) => isShown() && set({ cues: answer.cues, markers: answer.markers }), () => {});
  const block = 500;
  for (let start = 0; start < film.frames && isShown(); start += block) {
    while (performance.now() - moved < 700) await new Promise((resolve) => setTimeout(resolve, 300)); // scrubbing comes first
    try {
      const answer = await request("GET", `/projects/${project}/cuts?start=${start}&end=${start + block + 1}`);
      if (isShown() && answer.cuts.length) set({ cuts: [...new Set([...state.cuts, ...answer.cuts])].sort((a, b) => a - b) });
    } catch {
      return;
    }
  }
}

/** Load the waveform, if it is ready. */
export async function loadWave() {
  const response = await fetched(url("/wave"));
  if (response.status === 200) set({ wave: new Uint8Array(await response.arrayBuffer()) });
}

/**
 * Listen to the server while the page is seen, and catch up with what was missed; it reconnects by itself.
 * A hidden page holds no connection: a browser opens six to one server, for all its tabs together.
 */
export function listen() {
  /** @type {EventSource | null} */
  let source = null;
  let missed = false;
  const follow = () => {
    source = document.hidden ? null : new EventSource("/api/events");
    source?.addEventListener("open", () => {
      document.body.classList.remove("offline");
      if (missed) catchUp();
      missed = false;
    });
    source?.addEventListener("error", () => {
      missed = true;
      document.body.classList.add("offline");
    });
    source?.addEventListener("message", heard);
  };
  document.addEventListener("visibilitychange", () => {
    missed ||= document.hidden;
    source?.close();
    follow();
  });
  follow();
}

/** Ask for everything that the server may have reported while nobody listened. */
function catchUp() {
  if (!state.project) return;
  refresh();
  loadWave();
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
