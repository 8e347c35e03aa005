// The queue of photos on their way to the server: several at once, and each until the server has said what it makes of it.

import { inProject } from "./api.js";

const AT_ONCE = 3;
const TRIES = 5;
const FIRST_WAIT = 1000;
const LONGEST = 15_000;
const SILENCE = 120_000;
/** Statuses that pass by themselves: the server starts anew, its store is away, or it has too much to do. */
const PASSING = new Set([408, 429, 502, 503, 504]);

/** The connection broke off before there was an answer. */
class Broken extends Error {}

/**
 * Takes photos to the server. Dispatches `change` whenever something is another, and `idle` when nothing is left to do.
 * `state`: "idle", "going", "away" (it tries again by itself), "paused", or "barred" (somebody has to do something).
 */
export class Uploads extends EventTarget {
  state = "idle";
  why = "";
  refused = [];
  counts = { total: 0, fresh: 0, known: 0, faces: 0 };
  finding = 0;
  #waiting = [];
  #next = 0;
  #going = new Map();
  #stopped = new AbortController();
  #back;
  #wait = FIRST_WAIT;

  constructor({ most }) {
    super();
    this.most = most;
  }

  /** How many have been dealt with; those on their way count by what of them has been sent. */
  get done() {
    return this.counts.fresh + this.counts.known + this.refused.length;
  }

  get sent() {
    return this.done + [...this.#going.values()].reduce((sum, share) => sum + 0.9 * share, 0);
  }

  get left() {
    return this.#waiting.length - this.#next + this.#going.size;
  }

  get busy() {
    return this.left > 0 || this.finding > 0;
  }

  /** Take photos from an iterable of {place, open}; what a folder holds is found while the first are on their way. */
  async add(photos) {
    if (!this.busy && this.state !== "barred") this.#begin();
    const { signal } = this.#stopped;
    this.finding += 1;
    try {
      for await (const photo of photos) {
        if (signal.aborted) break;
        this.#waiting.push({ ...photo, tries: 0 });
        this.counts.total += 1;
        if (this.counts.total % 50 === 1) this.#run();
      }
    } finally {
      this.finding -= 1;
      this.#run();
      this.#tell();
    }
  }

  /** Try those again that were refused. */
  again() {
    const photos = this.refused.filter((one) => one.open);
    this.refused = this.refused.filter((one) => !one.open);
    this.counts.total -= photos.length;
    this.add(photos);
  }

  pause() {
    if (this.state === "going" || this.state === "away") this.#set("paused");
  }

  resume() {
    if (this.state === "paused" || this.state === "barred") {
      this.#set("going");
      this.#run();
    }
  }

  /** Leave out what has not been sent. What is in stays in. */
  stop() {
    this.#stopped.abort();
    this.#waiting.length = this.#next = 0;
    this.#set("idle", "stopped");
    this.dispatchEvent(new Event("idle"));
  }

  #begin() {
    this.#stopped = new AbortController();
    this.#waiting.length = this.#next = 0;
    this.counts = { total: 0, fresh: 0, known: 0, faces: 0 };
    this.refused = [];
    this.why = "";
    this.#set("going");
  }

  #set(state, why = "") {
    this.state = state;
    this.why = why;
    this.#tell();
  }

  #tell() {
    this.dispatchEvent(new Event("change"));
  }

  #run() {
    while (this.#going.size < AT_ONCE && this.#next < this.#waiting.length && ["going", "away"].includes(this.state)) {
      const photo = this.#waiting[this.#next];
      this.#waiting[this.#next] = undefined;
      this.#next += 1;
      this.#going.set(photo, 0);
      this.#one(photo, this.#stopped.signal);
    }
    if (!this.busy && (this.state === "going" || this.state === "away")) {
      this.#set("idle");
      this.dispatchEvent(new Event("idle"));
    }
  }

  async #one(photo, stopped) {
    let again = false;
    try {
      again = !(await this.#deal(photo, stopped));
    } catch (error) {
      if (stopped.aborted) return;
      this.#refuse(photo, `it could not be sent: ${error.message}`);
    } finally {
      this.#going.delete(photo);
    }
    if (stopped.aborted) return;
    if (again) this.#waiting.splice(this.#next, 0, photo);
    if (again && this.state === "away") await this.#until();
    this.#run();
    this.#tell();
  }

  /** Bring one photo. Returns whether it is dealt with; if not, it is to be tried again. */
  async #deal(photo, stopped) {
    const data = await this.#read(photo);
    if (!data) return true;
    try {
      if (await known(data, stopped)) {
        this.counts.known += 1;
        return this.#there();
      }
      const answer = await send(photo, data, stopped, (share) => {
        this.#going.set(photo, share);
        this.#tell();
      });
      return this.#answered(photo, answer);
    } catch (error) {
      if (!(error instanceof Broken)) throw error;
      return this.#broke(photo, error.message);
    }
  }

  /** Read a photo from the disk here; what cannot be read or is too large need not be sent. */
  async #read(photo) {
    try {
      const file = await photo.open();
      if (file.size > this.most) {
        this.#refuse(photo, `it has ${megabytes(file.size)}, and the server takes ${megabytes(this.most)} at most`);
        return null;
      }
      return new Blob([await file.arrayBuffer()], { type: file.type });
    } catch {
      this.#refuse(photo, "it could not be read here: was it moved or removed?", true);
      return null;
    }
  }

  #answered(photo, { status, said }) {
    if (status === 200 || status === 201) {
      this.counts[said?.new === false ? "known" : "fresh"] += 1;
      this.counts.faces += said?.new === false ? 0 : (said?.faces ?? []).filter((face) => face.role !== "refused").length;
      return this.#there();
    }
    if (PASSING.has(status)) return this.#broke(photo, said?.detail ?? "", false);
    if (status === 401 || status === 403) {
      this.#set("barred", status === 401 ? "signin" : (said?.detail ?? "You may not add photos here."));
      return false;
    }
    photo.tries += 1;
    if (status >= 500 && photo.tries < 3) return false;
    this.#refuse(photo, said?.detail ?? "the server made a mistake", status >= 500);
    return this.#there();
  }

  #there() {
    this.#wait = FIRST_WAIT;
    if (this.state === "away") this.#set("going");
    return true;
  }

  /** The server was not there, or not all of it: wait until it is; a photo that always breaks off is the cause itself. */
  #broke(photo, why, counted = true) {
    photo.tries += counted ? 1 : 0;
    if (photo.tries >= TRIES) {
      this.#refuse(photo, "the upload broke off again and again", true);
      return true;
    }
    if (this.state === "going") this.#set("away", why);
    return false;
  }

  #refuse(photo, why, again = false) {
    this.refused.push({ place: photo.place, why, tries: 0, ...(again ? { open: photo.open } : {}) });
    this.#tell();
  }

  /** Wait until the server answers; all who wait ask it once. */
  #until() {
    this.#back ??= this.#ask().finally(() => {
      this.#back = undefined;
    });
    return this.#back;
  }

  async #ask() {
    while (!this.#stopped.signal.aborted) {
      await pause(this.#wait);
      this.#wait = Math.min(LONGEST, this.#wait * 2);
      const answer = await fetch("/health", { cache: "no-store" }).catch(() => null);
      if (answer?.ok) return;
    }
  }
}

/** Whether the server has this photo; where it cannot be told, it is sent. */
async function known(data, stopped) {
  if (!crypto.subtle) return false;
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", await data.arrayBuffer()));
  const hexadecimal = [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  let answer;
  try {
    answer = await fetch(inProject(`/upload/known/${hexadecimal}`), { headers: { "HX-Request": "true" }, cache: "no-store", signal: stopped });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Broken();
  }
  return answer.ok ? (await answer.json().catch(() => null))?.known === true : false;
}

/** Send one photo; resolves to its answer whatever that is, and throws Broken when there is none. */
function send(photo, data, stopped, tell) {
  const form = new FormData();
  form.append("picture", data, photo.place.slice(photo.place.lastIndexOf("/") + 1));
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const stop = () => request.abort();
    request.open("POST", inProject("/api/images"));
    request.timeout = SILENCE + data.size / 50;
    request.setRequestHeader("Accept", "application/json");
    request.upload.addEventListener("progress", (event) => tell(event.loaded / Math.max(1, event.total)));
    request.addEventListener("load", () => resolve({ status: request.status, said: parsed(request.responseText) }));
    for (const end of ["error", "timeout", "abort"]) request.addEventListener(end, () => reject(new Broken()));
    request.addEventListener("loadend", () => stopped.removeEventListener("abort", stop));
    stopped.addEventListener("abort", stop);
    request.send(form);
  });
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** Wait, but no longer than until the network is said to be back. */
function pause(milliseconds) {
  return new Promise((done) => {
    const timer = setTimeout(done, milliseconds);
    window.addEventListener("online", () => { clearTimeout(timer); done(); }, { once: true });
  });
}

const megabytes = (bytes) => (bytes >= 1e6 ? `${(bytes / 1e6).toFixed(bytes >= 1e7 ? 0 : 1)} MB` : `${Math.ceil(bytes / 1e3)} kB`);
