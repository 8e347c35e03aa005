// How fast something goes, and how long it will take; over the last half minute, so that it follows what happens.

const WINDOW = 30_000;
const FEWEST = 2_000;

/** Measures one kind of progress. */
export class Pace {
  #seen = [];

  /** Note how much is done now. */
  note(done) {
    const now = performance.now();
    if (this.#seen.length && done < this.#seen.at(-1).done) this.#seen = [];
    if (this.#seen.length && done === this.#seen.at(-1).done) return;
    this.#seen.push({ now, done });
    while (this.#seen.length > 2 && now - this.#seen[0].now > WINDOW) this.#seen.shift();
  }

  /** Forget what was: it goes on after a pause. */
  reset() {
    this.#seen = [];
  }

  /** Return how many a second; 0 while too little is known. */
  get rate() {
    const first = this.#seen[0];
    const last = this.#seen.at(-1);
    if (!first || performance.now() - first.now < FEWEST || last.done === first.done) return 0;
    return ((last.done - first.done) * 1000) / (performance.now() - first.now);
  }

  /** Return the rate and the time left in words; empty while too little is known. */
  words(done, total, unit = "") {
    const { rate } = this;
    if (!rate || total <= done) return "";
    const each = unit ? ` ${unit}` : "";
    const fast = rate >= 1 ? `${rate >= 10 ? Math.round(rate) : rate.toFixed(1)}${each} a second` : `${Math.max(1, Math.round(rate * 60))}${each} a minute`;
    return `${fast}, ${left((total - done) / rate)}`;
  }
}

/** Return a time that is left in words: nobody needs it to the second. */
export function left(seconds) {
  if (seconds < 10) return "a few seconds left";
  if (seconds < 55) return `about ${Math.round(seconds / 10) * 10} seconds left`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 2) return "about a minute left";
  if (minutes < 60) return `about ${minutes} minutes left`;
  const hours = Math.floor(minutes / 60);
  const rest = Math.round((minutes % 60) / 10) * 10;
  if (rest === 60) return `about ${hours + 1} hours left`;
  return `about ${hours === 1 ? "1 hour" : `${hours} hours`}${rest ? ` ${rest} minutes` : ""} left`;
}
