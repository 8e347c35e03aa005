// The questions that come next: fetched before they are needed, with their pictures.

import { inProject, Refused, signIn } from "./api.js";

const ENOUGH = 14;
const LOW = 8;
const SEEN_AHEAD = 4;
const AGAIN = 1500;
const MOST_SKIPPED = 4000;

/** Keeps questions ready. `changed` is called with what the server says of the rest: {left, suggested, pending, trouble}. */
export class Queue {
  constructor(only, changed) {
    this.only = only;
    this.changed = changed;
    this.waiting = [];
    this.skipped = new Set();
    this.answered = new Set();
    this.current = null;
    this.none = null;
    this.fetching = null;
    this.stale = false;
    // What is in the page is loaded by the browser although it is not seen.
    this.ahead = document.createElement("div");
    this.ahead.hidden = true;
    this.ahead.inert = true;
    document.body.append(this.ahead);
  }

  /** Take the questions of a part of a page that the server has made. */
  take(part, first = false) {
    const none = part.querySelector("[data-none]");
    if (none && !first) {
      this.none = none;
      this.pending = none.dataset.pending === "yes";
      this.rough = none.dataset.rough === "yes";
      this.count(none.dataset);
    }
    const met = this.taken();
    const fresh = [...part.querySelectorAll("[data-question]")].filter((one) => !keysOf(one).some((key) => met.has(key)));
    for (const one of fresh) one.hidden = false;
    if (first) this.waiting.unshift(...fresh);
    else this.waiting.push(...fresh);
    this.warm();
    return fresh.length;
  }

  /** The server counts what it was not told of; what is held here comes on top. */
  count({ left, suggested, trouble }) {
    const held = this.current ? [this.current, ...this.waiting] : this.waiting;
    this.changed({ left: Number(left) + held.length, suggested: Number(suggested) + held.filter(asks).length, trouble });
  }

  /** The keys of all that need not be sent again. */
  taken() {
    const open = [...this.waiting, ...(this.current ? [this.current] : [])].flatMap(keysOf);
    return new Set([...open, ...this.skipped, ...this.answered]);
  }

  /** Go on to the next question; null when there is none (yet). */
  next() {
    this.current = this.waiting.shift() ?? null;
    // What comes after is made ready when this one is drawn.
    setTimeout(() => {
      this.warm();
      if (this.waiting.length < LOW) this.fill().catch(() => null);
    });
    return this.current;
  }

  /** Show this question now; the present one comes after it. */
  putBack(article) {
    for (const key of keysOf(article)) {
      this.answered.delete(key);
      this.skipped.delete(key);
    }
    if (this.current) this.waiting.unshift(this.current);
    this.current = article;
    this.warm();
  }

  /** Forget questions that a decision has changed: the server is asked for them anew. */
  drop(keys) {
    const gone = new Set(keys);
    this.waiting = this.waiting.filter((one) => !keysOf(one).some((key) => gone.has(key)));
    for (const key of gone) this.answered.delete(key);
  }

  /** Ask for all but the next few anew: what was decided makes other questions likelier. */
  refresh() {
    this.waiting.length = Math.min(this.waiting.length, SEEN_AHEAD);
    return this.fill().catch(() => null);
  }

  /** Put the pictures of the next questions into the page. */
  warm() {
    const wanted = this.waiting.slice(0, SEEN_AHEAD);
    for (const one of [...this.ahead.children]) if (!wanted.includes(one)) one.remove();
    for (const one of wanted) if (one.parentElement !== this.ahead) this.ahead.append(one);
  }

  /** Fetch more, one time after another. */
  fill(extra = {}) {
    this.fetching ??= this.fetchMore(extra).finally(() => { this.fetching = null; });
    return this.fetching;
  }

  async fetchMore(extra) {
    const wanted = { limit: ENOUGH, only: this.only, skip: [...this.taken()].slice(-MOST_SKIPPED), ...extra };
    return this.take(await page("/review/questions", wanted));
  }

  /** Ask about these groups next. */
  async about(groups) {
    await this.fetching?.catch(() => null);
    return this.take(await page("/review/questions", { groups }), true);
  }

  /** Ask for everything anew, the question that is shown too; it stays until the answer is here. */
  async renew() {
    const skip = [...this.skipped, ...this.answered].slice(-MOST_SKIPPED);
    const part = await page("/review/questions", { limit: ENOUGH, only: this.only, skip });
    const shown = this.current;
    this.waiting = [];
    this.current = null;
    this.take(part);
    this.current = shown;
  }

  /** Look again in a while, as long as the server is comparing faces. */
  later(found) {
    setTimeout(() => this.fill().then(found, found), AGAIN);
  }
}

/** Whether a question proposes a person. */
export const asks = (article) => Boolean(article.dataset.person);

export const keysOf = (article) => article.dataset.keys.split(" ");

/** Ask for a part of a page; `body` is sent as JSON. */
export async function page(path, body) {
  let answer;
  try {
    answer = await fetch(inProject(path), {
      method: body ? "POST" : "GET",
      headers: { "HX-Request": "true", ...(body ? { "Content-Type": "application/json" } : {}) },
      body: body && JSON.stringify(body),
    });
  } catch {
    throw new Refused("The server does not answer; it is asked again.", 0, "Away");
  }
  if (answer.status === 401 || answer.headers.get("HX-Redirect")) signIn();
  if (!answer.ok) throw new Refused("The server made a mistake; its log says which.", answer.status, "");
  return new DOMParser().parseFromString(await answer.text(), "text/html").body;
}
