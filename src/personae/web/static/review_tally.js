// How many are done, how many are left, and how fast it goes.

import { asks } from "./review_queue.js";

const SHORT = 20000;

/** Counts what is decided on this page. */
export class Tally {
  constructor(root) {
    this.root = root;
    this.times = [];
    this.faces = 0;
    this.left = 0;
    this.suggested = 0;
  }

  /** The server says how many there are in all. */
  rest({ left, suggested, trouble }) {
    this.left = left;
    this.suggested = suggested;
    this.showRest();
    const banner = this.root.querySelector("[data-trouble]");
    banner.hidden = !trouble;
    banner.lastElementChild.textContent = trouble;
  }

  /** A question has gone from what is left, or (by -1) has come back. */
  pass(article, by = 1) {
    this.left -= by;
    if (asks(article)) this.suggested -= by;
    this.showRest();
  }

  add(article) {
    this.times.push(performance.now());
    this.faces += Number(article.dataset.count);
    this.pass(article);
    this.show();
  }

  takeBack(article) {
    this.times.pop();
    this.faces -= Number(article.dataset.count);
    this.pass(article, -1);
    this.show();
  }

  showRest() {
    const shown = (count) => Math.max(0, count).toLocaleString("en");
    this.put("[data-left]", shown(this.left));
    this.put("[data-suggested]", shown(this.suggested));
    this.put("[data-groups]", shown(this.left - this.suggested));
  }

  show() {
    const done = this.times.length;
    this.root.querySelector("[data-pace]").hidden = !done;
    this.put("[data-done]", done.toLocaleString("en"));
    const took = done > 1 ? this.times.at(-1) - this.times[0] : 0;
    const rate = took > SHORT ? ` · ${Math.round(((done - 1) * 60000) / took)} a minute` : "";
    this.put("[data-rate]", `· ${this.faces.toLocaleString("en")} face${this.faces === 1 ? "" : "s"}${rate}`);
  }

  put(where, text) {
    this.root.querySelector(where).textContent = text;
  }
}
