// Sliders go with their number, and the line on the scores goes with the slider: what it means is said as it moves.

import { localTimes } from "./times.js";

const WIDTH = 1000;

function share(counts, pairs, score) {
  const at = (score - counts.lowest) / counts.step;
  const whole = Math.min(Math.max(Math.trunc(at), 0), pairs.length);
  let above = pairs.slice(whole + 1).reduce((sum, count) => sum + count, 0);
  if (whole < pairs.length) above += pairs[whole] * (1 - Math.min(Math.max(at - whole, 0), 1));
  return above / Math.max(1, pairs.reduce((sum, count) => sum + count, 0));
}

function percent(part) {
  if (part === 0 || part === 1) return `${part * 100}%`;
  if (part >= 0.001) return `${(Math.min(part, 0.999) * 100).toFixed(1)}%`;
  return `1 in ${Number((1 / part).toPrecision(2)).toLocaleString("en")}`;
}

function tell(value) {
  const figure = document.querySelector("[data-counts]");
  if (!figure || !Number.isFinite(value)) return;
  const counts = JSON.parse(figure.dataset.counts);
  const x = Math.min(1, Math.max(0, (value - counts.lowest) / (counts.step * counts.other.length))) * WIDTH;
  const line = figure.querySelector("[data-line]");
  line.setAttribute("x1", x);
  line.setAttribute("x2", x);
  const other = share(counts, counts.other, value);
  figure.querySelector("[data-reach]").textContent = counts.people
    ? `${percent(share(counts, counts.same, value))} of pairs of one person reach it, and ${percent(other)} of pairs of two people.`
    : `Of any two faces, ${percent(other)} are this much alike.`;
}

function go(form, value, from) {
  for (const field of form.querySelectorAll("[data-slide], [data-number]")) if (field !== from) field.value = value;
  form.classList.add("changed");
  if (form.id === "person_match_threshold") tell(Number(value));
}

document.addEventListener("input", (event) => {
  const form = event.target.closest("[data-setting]");
  if (!form) return;
  if (event.target.matches("[data-slide], [data-number]")) go(form, event.target.value, event.target);
  else form.classList.add("changed");
});
document.body.addEventListener("htmx:afterSettle", () => {
  localTimes();
  tell(Number(document.querySelector("#person_match_threshold [data-number]")?.value));
});
localTimes();
