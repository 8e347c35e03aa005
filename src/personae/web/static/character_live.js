// What others, and the workers, do to references: the page is told as it happens, and asks for its parts anew.

import { inProject } from "./api.js";

const SOON = 120;
const AGAIN = [1000, 2000, 5000, 10000];

/** Call back with {person_id, status, version} when a reference changes, and after the server was away. */
export function onReferences(callback) {
  let last = null;
  let failures = 0;
  function open() {
    const path = "/api/events?kind=reference.changed";
    const stream = new EventSource(inProject(last === null ? path : `${path}&after=${last}`));
    stream.addEventListener("open", () => {
      if (failures) callback(null);
      failures = 0;
    });
    stream.addEventListener("reference.changed", (event) => {
      last = event.lastEventId;
      callback(JSON.parse(event.data).payload);
    });
    stream.addEventListener("error", () => {
      stream.close();
      setTimeout(open, AGAIN[Math.min(failures, AGAIN.length - 1)]);
      failures += 1;
    });
    addEventListener("pagehide", () => stream.close(), { once: true });
  }
  open();
}

/** Return a function that has a part of the page asked for anew: once for many calls in a moment, and after what is sent. */
export function refresher(selector) {
  let timer;
  function refresh() {
    clearTimeout(timer);
    timer = setTimeout(() => {
      if (document.querySelector("form.htmx-request:not([data-drop=frames])")) refresh();
      else htmx.trigger(selector, "changed-elsewhere");
    }, SOON);
  }
  return refresh;
}
