// Times of the audit as the clock on the wall says, and rows that follow when something is taken back elsewhere.

import { onUndone } from "./api.js";
import { names } from "./names.js";

const FORMS = {
  time: { timeStyle: "short" },
  moment: { dateStyle: "long", timeStyle: "short" },
  day: { dateStyle: "full" },
};

function times(root = document) {
  for (const [name, form] of Object.entries(FORMS)) {
    const written = new Intl.DateTimeFormat(undefined, name === "day" ? { ...form, timeZone: "UTC" } : form);
    for (const time of root.querySelectorAll(`time[data-${name}]`)) {
      time.textContent = written.format(new Date(time.dateTime));
      time.removeAttribute(`data-${name}`);
    }
  }
}

times();
names();
document.body.addEventListener("htmx:afterSettle", () => times());
onUndone(({ operation }) => {
  const row = document.getElementById(`operation-${operation}`);
  // What was done again by taking back an undo that is not listed yet: one of those that were taken back.
  for (const each of row ? [row] : document.querySelectorAll(".operation.undone")) {
    htmx.ajax("GET", `/audit/${each.dataset.operation}/row`, { target: each, swap: "outerHTML" });
  }
});
