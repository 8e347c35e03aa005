// One photo: the faces in it by key and by pointing, and the photos beside it.

import { announce, complain, onUndone } from "./api.js";
import { keys } from "./keys.js";
import { names } from "./names.js";
import { pointing, scaled } from "./stage.js";

const stage = document.getElementById("canvas");
const cards = () => [...document.querySelectorAll(".seen")];
let current = null;

const card = (face) => document.querySelector(`.seen[data-face="${face}"]`);
const box = (face) => document.querySelector(`#canvas-boxes [data-box="${face}"]`);

/** Make one face the one that keys speak of. */
function choose(face, { focus = false } = {}) {
  current = face;
  for (const each of cards()) each.toggleAttribute("data-current", each.dataset.face === face);
  for (const each of document.querySelectorAll("#canvas-boxes [data-box]")) each.classList.toggle("current", each.dataset.box === face);
  const chosen = card(face);
  if (!chosen) return;
  if (focus) chosen.focus({ preventScroll: true });
  chosen.scrollIntoView({ block: "nearest" });
}

function step(by) {
  const all = cards();
  if (!all.length) return;
  const at = all.findIndex((each) => each.dataset.face === current);
  const to = at < 0 ? (by > 0 ? 0 : all.length - 1) : (at + by + all.length) % all.length;
  choose(all[to].dataset.face, { focus: true });
}

/** Press the button of the chosen face that a key stands for; without a choice, of the first that has one. */
function answer(key) {
  const within = current ? card(current) : document.getElementById("faces");
  const button = within?.querySelector(`[data-key="${key}"]`);
  if (!button) return false;
  current = button.closest(".seen").dataset.face;
  button.click();
  return true;
}

function nameIt() {
  const within = (current && card(current)) || cards().find((each) => each.classList.contains("unknown")) || cards()[0];
  const field = within?.querySelector("input[name=name]");
  if (!field) return false;
  choose(within.dataset.face);
  const fold = field.closest("details");
  if (fold) fold.open = true;
  field.focus();
  return true;
}

/** A click on a card, as one on its box, chooses the face. */
function clicks() {
  pointing((face) => choose(face, { focus: true }));
  document.addEventListener("click", (event) => {
    const clicked = event.target.closest(".seen");
    if (clicked) choose(clicked.dataset.face);
  });
}

/** After an answer the next face that waits for one is chosen, where there is one. */
function goOn() {
  document.body.addEventListener("htmx:afterSettle", (event) => {
    if (event.detail.target?.id !== "faces" && event.detail.elt?.id !== "faces") return;
    names();
    if (current === null) return;
    const had = document.activeElement === document.body || document.activeElement === null;
    choose(current, { focus: had });
  });
}

/** Fetch the list of faces as it is now. */
async function refresh() {
  await window.htmx.ajax("GET", location.pathname + location.search, { target: "#faces", swap: "outerHTML" });
}

/** A photo whose file is gone says so; it may have failed before this script ran. */
async function gone() {
  const picture = stage?.querySelector("image");
  if (!picture) return;
  const probe = new Image();
  probe.src = picture.href.baseVal;
  await probe.decode().catch(() => {
    stage.querySelector(".canvas-gone").hidden = false;
    stage.classList.add("gone");
  });
}

/** The photos beside this one are fetched when this one is there. */
function beside() {
  const fetchThem = () => {
    for (const link of document.querySelectorAll("[data-preview]")) new Image().src = link.dataset.preview;
  };
  window.addEventListener("load", () => setTimeout(fetchThem, 400));
}

const follow = (id) => () => {
  const link = document.getElementById(id);
  link?.click();
  return Boolean(link);
};

keys({
  ArrowLeft: { does: "newer photo", run: follow("newer") },
  ArrowRight: { does: "older photo", run: follow("older") },
  ArrowDown: { does: "next face", run: () => step(1) },
  ArrowUp: { does: "face before", run: () => step(-1) },
  y: { does: "yes, that is right", run: () => answer("y") },
  n: { does: "no, this is not that person", run: () => answer("n") },
  e: { does: "say who it is", run: nameIt },
  b: { does: "hide the boxes, or show them", run: () => stage?.classList.toggle("bare") },
  Escape: { does: "back to the photos", run: follow("back") },
});
for (let number = 1; number <= 9; number += 1) {
  keys({
    [String(number)]: {
      does: number === 1 ? "face 1; likewise 2 to 9" : "",
      run: () => {
        const chosen = cards()[number - 1];
        if (!chosen) return false;
        choose(chosen.dataset.face, { focus: true });
        announce(chosen.querySelector("h3").textContent.trim());
        return true;
      },
    },
  });
}
names();
scaled(stage);
clicks();
goOn();
gone();
beside();
onUndone(() => refresh().catch(complain));
if (location.hash.startsWith("#face-")) choose(location.hash.slice(6));
