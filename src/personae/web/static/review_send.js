// Answers on their way to the server, in the order in which they were given: the page does not wait for them.

import { api, newKey, silent } from "./api.js";

const FIRST_PAUSE = 1000;
const LONGEST_PAUSE = 15000;

const pause = (time) => new Promise((done) => { setTimeout(done, time); });

/** Sends one after another. `away(n)` is told how many wait while the server does not answer, 0 when it is back. */
export class Outbox {
  constructor(away) {
    this.away = away;
    this.last = Promise.resolve();
    this.waiting = 0;
    addEventListener("beforeunload", (event) => {
      if (this.waiting) event.preventDefault();
    });
  }

  /** Return a promise of what the server says; it is refused only by an answer, not by silence. */
  send(path, body) {
    this.waiting += 1;
    const sent = this.last.then(() => this.tryUntilAnswered(path, body)).finally(() => { this.waiting -= 1; });
    this.last = sent.catch(() => null);
    return sent;
  }

  async tryUntilAnswered(path, body) {
    // What was done before the connection broke is not done again, and not refused: the server knows the key.
    const key = newKey();
    for (let wait = FIRST_PAUSE; ; wait = Math.min(LONGEST_PAUSE, wait * 2)) {
      try {
        const said = await api("POST", path, body, { key });
        this.away(0);
        return said;
      } catch (error) {
        if (!silent(error)) {
          this.away(0);
          throw Object.assign(error, { afterSilence: wait > FIRST_PAUSE });
        }
        this.away(this.waiting);
        await pause(wait);
      }
    }
  }
}
