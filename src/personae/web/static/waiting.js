// Answering faces that wait: y, n and o speak of the one that is chosen, or of the first.

import { onUndone } from "./api.js";
import { keys } from "./keys.js";

const list = document.getElementById("waiting");
const done = document.querySelector("[data-all-answered]");

function chosen() {
  return document.activeElement?.closest?.("[data-candidate]") ?? list?.querySelector("[data-candidate]");
}

function answer(key) {
  const row = chosen();
  const button = row?.querySelector(`[data-answer="${key}"]`);
  if (!button || row.classList.contains("htmx-request") || row.querySelector(".htmx-request")) return false;
  button.click();
  return true;
}

function move(step) {
  const rows = [...document.querySelectorAll("[data-candidate]")];
  const to = rows[rows.indexOf(chosen()) + step];
  if (!to) return false;
  to.focus();
  to.scrollIntoView({ block: "nearest" });
  return true;
}

keys({
  y: { does: "yes, it is this person", run: () => answer("y") },
  n: { does: "no", run: () => answer("n") },
  o: { does: "it is the other person", run: () => answer("o") },
  j: { does: "next face", run: () => move(1) },
  k: { does: "face before", run: () => move(-1) },
});

// The focus stays in the list: on what has come into the place of the answered one.
let at = 0;
document.body.addEventListener("htmx:beforeSwap", (event) => {
  const row = event.target.closest?.("[data-candidate]");
  if (row) at = [...document.querySelectorAll("[data-candidate]")].indexOf(row);
});
if (list) {
  new MutationObserver((changes) => {
    if (!changes.some((change) => [...change.removedNodes].some((node) => node.matches?.("[data-candidate]")))) return;
    const rows = [...document.querySelectorAll("[data-candidate]")];
    (rows[at] ?? rows.at(-1))?.focus();
    if (!rows.length && !document.querySelector(".pager") && done) done.hidden = false;
  }).observe(list, { childList: true });
}
onUndone(() => location.reload());
