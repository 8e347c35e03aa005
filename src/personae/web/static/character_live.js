// What others, and the workers, do to references: the page is told as it happens, and asks for its parts anew.

import { live } from "./live.js";

const SOON = 120;

/** Call back with {person_id, status, version} when a reference changes, and with null after the server was away. */
export function onReferences(callback) {
  live({
    changed: ({ references }) => { for (const each of references) callback(each); },
    back: () => callback(null),
  });
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
