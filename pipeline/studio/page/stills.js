/* Stills of the film: exact frames, kept as bitmaps, and the keyframe before one that takes long to decode. */
import { fetched, url } from "/page/store.js";

const PAGE = Math.random().toString(36).slice(2);
const KEPT = 40;
let sequence = 0;

/** @typedef {{of: string, size: number}} Look */

export class Stills {
  constructor() {
    /** @type {Map<string, ImageBitmap>} */
    this.kept = new Map();
  }

  clear() {
    this.kept.clear();
  }

  /** The bitmap of a frame, if it is here. @param {number} frame @param {Look} look */
  at(frame, { of, size }) {
    return this.kept.get(url(`/still/${frame}`, { of, size })) ?? null;
  }

  /** Ask for a frame; null if a newer one was asked for meanwhile. @param {number} frame @param {Look} look @param {boolean} [isNewest] what was asked for before is not wanted any more */
  async ask(frame, look, isNewest = false) {
    const here = this.at(frame, look);
    if (isNewest) sequence++;
    if (here) return here;
    const key = url(`/still/${frame}`, look), response = await fetched(key, { headers: { "X-Page": PAGE, "X-Sequence": String(sequence) } });
    if (response.status === 204) return null;
    if (!response.ok) throw new Error(response.status ? (await response.json()).error : "the studio does not answer");
    const bitmap = await createImageBitmap(await response.blob());
    this.kept.set(key, bitmap);
    while (this.kept.size > KEPT) this.kept.delete(/** @type {string} */ (this.kept.keys().next().value));
    return bitmap;
  }

  /** The keyframe at or before a frame: it is decoded at once. @param {number} frame @param {Look} look */
  async near(frame, look) {
    const response = await fetched(url(`/still/${frame}/near`, look));
    if (response.status !== 200) return null;
    return { bitmap: await createImageBitmap(await response.blob()), frame: Number(response.headers.get("X-Frame")) };
  }
}
