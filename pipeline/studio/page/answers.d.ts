/* What the endpoints answer: made from the server's models by tests/support/page_types.py; do not edit. */

/** Why a request failed, in the words of the page. */
export interface ErrorAnswer {
  error: string;
}

/** What a control offers; a field that does not fit its kind is left out. */
export interface Range {
  kind: "choice" | "slider" | "switch";
  choices?: any[];
  least?: number;
  most?: number;
}

/** A control of an edit. */
export interface Control {
  kind: "choice" | "slider" | "switch";
  choices?: any[];
  least?: number;
  most?: number;
  name: string;
  label: string;
  about: string;
  default: any;
  axis: boolean;
}

/** A film or a job that can be opened. */
export interface LibraryItem {
  path: string;
  name: string;
  kind: "film" | "job";
}

/** Who makes takes. */
export interface Provider {
  name: string;
  label: string;
  problem: string;
  price: string;
}

/** What can be opened and chosen here. */
export interface LibraryAnswer {
  folders: string[];
  files: LibraryItem[];
  first: string | null;
  controls: Control[];
  gain: Range | null;
  providers: Provider[];
}

/** One call that costs money. */
export interface BillItem {
  segment: string;
  take: string;
  usd: number;
}

/** What takes would cost. */
export interface Bill {
  usd: number;
  items: BillItem[];
  notes: string[];
}

/** What a film would cost. */
export interface FilmBill {
  usd: number;
  items: BillItem[];
  notes: string[];
  waiting: string[];
}

/** A call that was paid, or may have to be. */
export interface PaidCall {
  at: string;
  provider: string;
  segment: string;
  prompt: any;
  temperature: any;
  state: string;
  usd: number;
  request_id: string;
}

/** The newest paid calls, newest first, and what all calls cost. */
export interface LedgerAnswer {
  calls: PaidCall[];
  usd: number;
}

/** Where uploaded content lies now. */
export interface MadeFile {
  path: string;
}

/** How far the making of a proxy or a waveform is, 0 to 1, and what went wrong. */
export interface MediaProgress {
  share: number;
  problem: string;
}

/** A change, as a server-sent event; what does not belong to its kind is left out. */
export interface ServerEvent {
  kind: "alive" | "project" | "progress" | "faces" | "proxy" | "wave";
  project?: string;
  version?: string;
  item?: string;
  share?: number;
  doing?: string;
  first?: number;
}

/** What the labels of frames count by. */
export interface Clock {
  rate: [number, number];
  drop: boolean;
  start: number;
}

/** What the page needs of a film, once. */
export interface FilmFacts {
  name: string;
  path: string;
  width: number;
  height: number;
  frames: number;
  rate: [number, number];
  first_s: number;
  length_s: number;
  times: number[] | null;
  slack_s: number;
  sound: boolean;
  codec: string;
  playable: boolean;
  hdr: boolean;
  version: string;
}

/** A face as the page outlines it; places are shares of the picture. */
export interface ShownFace {
  number: number;
  left: number;
  top: number;
  right: number;
  bottom: number;
  frames: number;
}

/** The faces that a frame shows, and how far their search is. */
export interface Faces {
  share: number;
  problem: string;
  shot: [number, number] | null;
  faces: ShownFace[];
  in_shot: number;
}

/** Where a face is in each frame, as shares (left, top, right, bottom); None where it is not known. */
export interface FacePath {
  boxes: ([number, number, number, number] | null)[];
  still: [number, number, number, number] | null;
}

/** The waveform of a new line. */
export interface LineWave {
  peaks: number[];
  per_s: number;
  name: string;
  seconds: number;
}

/** The frames in [start, end) that begin a shot. */
export interface Cuts {
  start: number;
  end: number;
  cuts: number[];
}

/** A spoken line. */
export interface Cue {
  start_s: number;
  end_s: number;
  text: string;
}

/** A marker of the film or of its timeline. */
export interface Marker {
  frame: number;
  text: string;
}

/** What lies on the timeline besides edits. */
export interface Marks {
  cues: Cue[];
  markers: Marker[];
  problem: string;
}

/** A check of a finished film. */
export interface Check {
  text: string;
  passed: boolean;
}

/** The seams of one edit of a finished film, in plain words. */
export interface Seam {
  name: string;
  text: string;
  frames: [number, number] | null;
  passed: boolean;
}

/** What the checks of a finished film found. */
export interface FilmChecks {
  checks: Check[];
  seams: Seam[];
}

/** The six parameters of a call that are not URLs, complete; the defaults are the API's. */
export interface React1Choices {
  sync_mode?: "loop" | "bounce" | "cut_off" | "silence" | "remap";
  model_mode?: "lips" | "face" | "head";
  prompt?: "happy" | "sad" | "angry" | "disgusted" | "surprised" | "neutral";
  temperature?: number;
  auto_active_speaker_detection?: boolean;
  occlusion_detection_enabled?: boolean;
}

/** A take of an edit. */
export interface TakeState {
  id: string;
  name: string;
  provider: string;
  state: "waiting" | "working" | "done" | "failed" | "stopped";
  error: string;
  share: number;
  doing: string;
  cost_usd: number;
  seconds: number;
  current: boolean;
  of_film: boolean;
  differs: string;
  picked: boolean;
  choices: Record<string, any>;
  notes: string[];
  frames: [number, number] | null;
}

/** An edit as it is in the job file. */
export interface EditState {
  index: number;
  digest: string;
  name: string;
  fields: Record<string, any>;
  frames: [number, number] | null;
  problem: string;
  choices: React1Choices | null;
  matrix: string[];
  picked: Record<string, any>;
  waits: boolean;
  takes: TakeState[];
  sound: string;
}

/** A finished film, or a package for an editing system. */
export interface FilmState {
  id: string;
  kind: "film" | "turnover";
  state: "waiting" | "working" | "done" | "failed" | "stopped";
  error: string;
  run: string;
  output: string;
  notes: string[];
  status: string;
  cost_usd: number;
  created: string;
  job_version: string;
  signer: string;
  timelines: string[];
  name: string;
  exists: boolean;
  has_report: boolean;
  share: number;
  doing: string;
  is_current: boolean;
}

/** A certificate that can sign the film. */
export interface Certificate {
  value: Record<string, any>;
  signer: string;
  about: string;
  problem: string;
  current: boolean;
  test: boolean;
}

/** How the film is signed. */
export interface Signing {
  missing: string;
  wanted: any;
  certificates: Certificate[];
}

/** An input of the job; values are texts as the command line takes them. */
export interface Option {
  name: string;
  label: string;
  kind: string;
  choices: string[];
  about: string;
  default: string;
  value: string;
  differs: boolean;
  elsewhere: boolean;
}

/** Where the job is saved. */
export interface JobPlace {
  path: string;
  name: string;
  exists: boolean;
}

/** The state of a job. */
export interface JobState {
  id: string;
  version: string;
  lists: string;
  job: JobPlace;
  problem: string;
  clock: Clock;
  defaults: Record<string, any>;
  can_undo: boolean;
  can_redo: boolean;
  provider: string;
  edits: EditState[];
  signing: Signing;
  options: Option[];
  films: FilmState[];
}

/** The job after a change. */
export interface Changed {
  state: JobState;
}

/** The job after an edit was added. */
export interface Added {
  state: JobState;
  added: string;
}

/** A film and its job. */
export interface Opened {
  state: JobState;
  film: FilmFacts;
}
