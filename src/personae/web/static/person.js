// A person, or an unknown group: ticking faces, deciding by keys, and taking it back without losing the place.

import { announce, onUndone } from "./api.js";
import { keys, roving } from "./keys.js";
import { names } from "./names.js";
import { ranges } from "./ranges.js";

const page = () => document.getElementById("person");
const grid = () => document.getElementById("faces");
const ticks = () => [...document.querySelectorAll("#faces input[name=face]")];
const ticked = () => ticks().filter((box) => box.checked);
/** Tiles that a decision took away, by its operation: they come back where they were when it is undone. */
const taken = new Map();
let renewed = Promise.resolve();

function count() {
  const bar = document.querySelector(".pick-bar");
  if (!bar) return;
  const n = ticked().length;
  bar.classList.toggle("open", n > 0);
  document.getElementById("picked").textContent = n;
}

function clear() {
  for (const box of ticked()) box.checked = false;
  count();
}

const tileOf = (id) => grid()?.querySelector(`[data-face="${id}"].face-tile`);

function remove(faces, operation) {
  const gone = faces.map(tileOf).filter(Boolean);
  const next = gone.at(-1)?.nextElementSibling?.querySelector("input");
  // From the end on, so that each knows a follower that is still there when it comes back.
  const kept = gone.reverse().map((tile) => {
    const before = tile.nextElementSibling;
    tile.remove();
    return { tile, before };
  });
  taken.set(operation, kept.reverse());
  count();
  if (document.activeElement === document.body) next?.focus();
  if (!ticks().length && !document.querySelector("#faces .more-row")) refresh();
}

function bringBack(operation) {
  const kept = taken.get(operation);
  taken.delete(operation);
  for (const { tile, before } of [...kept].reverse()) {
    // The page may have been fetched after the faces were back.
    if (tileOf(tile.dataset.face)) continue;
    tile.querySelector("input").checked = false;
    grid().insertBefore(tile, before?.parentElement === grid() ? before : null);
  }
}

/** Show how it stands by now. */
function refresh(target = "#person") {
  const order = grid()?.dataset.order;
  const path = page().dataset.base + (order ? `?order=${order}` : "");
  renewed = htmx.ajax("GET", path, { target, select: target, swap: "outerHTML" }).catch(() => null);
  return renewed;
}

function said(xhr) {
  try {
    return JSON.parse(xhr.getResponseHeader("HX-Trigger")).said;
  } catch {
    return null;
  }
}

/** What was decided is done: the tiles go, or lose their ticks. */
function decided(event) {
  const { xhr, elt, successful } = event.detail;
  // Without an operation it was refused, and the answer shows why.
  const operation = said(xhr)?.operation ?? null;
  if (!successful || operation === null) return;
  if (elt.matches("[data-takes]")) remove(ticked().map((box) => box.value), operation);
  else if (elt.matches("[data-confirms]")) {
    if (grid().dataset.order === "unsure") remove(ticked().map((box) => box.value), operation);
    else for (const box of ticked()) box.closest(".face-tile").classList.add("sure");
    clear();
  } else if (elt.matches("[data-takes-listed]")) {
    remove([...elt.querySelectorAll("[name=face]")].map((field) => field.value), operation);
    sheet()?.close?.();
  } else if (elt.matches("[data-answers]")) {
    elt.closest("li").remove();
    if (!document.querySelector("#also li")) document.getElementById("also").replaceChildren();
  }
}

const sheet = () => document.getElementById("sheet");

function sheets() {
  document.body.addEventListener("htmx:afterSwap", (event) => {
    if (event.detail.target?.id !== "sheet" || !sheet().showModal) return;
    if (!sheet().open) sheet().showModal();
    sheet().querySelector("[autofocus]")?.focus();
  });
  document.addEventListener("click", (event) => {
    if (event.target === sheet()) sheet().close?.();
    if (event.target.closest("[data-closes-sheet]") && sheet().open) {
      event.preventDefault();
      sheet().close();
    }
    const closes = event.target.closest("[data-closes]");
    if (closes) closes.closest("details").open = false;
    if (event.target.closest("[data-clears]")) clear();
  });
}

/** What lies folded on a small page is open on a wide one. */
function unfold() {
  if (!matchMedia("(min-width: 1100px)").matches) return;
  for (const part of document.querySelectorAll("[data-wide-open]")) part.open = true;
}

function enhance() {
  names();
  unfold();
  count();
  const faces = grid();
  if (faces && !faces.dataset.roves) {
    faces.dataset.roves = "";
    roving(faces, "input[name=face], .more-row a");
  }
}

function rename() {
  const field = document.getElementById("new-name") ?? document.getElementById("group-name");
  if (!field) return false;
  const fold = field.closest("details");
  if (fold) fold.open = true;
  field.focus();
  field.select();
  return true;
}

const press = (selector) => {
  const button = document.querySelector(selector);
  button?.click();
  return Boolean(button);
};
const whenTicked = (selector) => () => ticked().length > 0 && press(selector);

function decideByKeys() {
  keys({
    x: {
      does: "tick the face, or take the tick away",
      run: () => {
        const box = document.activeElement?.matches?.("#faces input[name=face]") ? document.activeElement : null;
        box?.click();
        return Boolean(box);
      },
    },
    a: { does: "tick all faces that are shown", run: () => { for (const box of ticks()) box.checked = true; count(); return ticks().length > 0; } },
    s: { does: "split the ticked faces off: type who they are, or nothing", run: () => { if (!ticked().length) return false; document.getElementById("split-name").focus(); return true; } },
    n: { does: "the ticked faces are not this person", run: whenTicked("#reject-picked") },
    y: { does: "the ticked faces are this person", run: whenTicked("#confirm-picked") },
    e: { does: "type a name", run: rename },
    m: { does: "make one with somebody else", run: () => press("#merge-link") },
    h: { does: "hide, or show again", run: () => press("#hide-button") },
    Escape: { does: "take all ticks away", run: () => { if (!ticked().length) return false; clear(); return true; } },
  });
  for (let n = 1; n <= 6; n += 1) {
    keys({ [n]: { does: n === 1 ? "say that it is the first of those whom it may be" : "", run: () => press(`#also .likely > li:nth-child(${n}) .button`) } });
  }
}

function listen() {
  ranges("#faces input[name=face]", count);
  document.addEventListener("keydown", (event) => {
    const { target } = event;
    if (event.key === "Enter" && target.matches?.("#faces input[name=face]")) {
      event.preventDefault();
      target.closest(".face-tile").querySelector(".face-more").click();
    }
    if (event.key === "Escape" && target.closest?.("details.rename")) target.closest("details").open = false;
  });
  document.addEventListener("toggle", (event) => {
    if (event.target.matches?.("details.rename") && event.target.open) rename();
  }, true);
  document.body.addEventListener("htmx:afterRequest", decided);
  document.body.addEventListener("htmx:afterSettle", enhance);
  onUndone(async ({ operation }) => {
    // What is on its way shows how it stood before.
    await renewed;
    if (!page()) return;
    // Where every face was taken away there is no grid any more to put them back into.
    if (taken.has(operation) && grid()) {
      bringBack(operation);
      refresh("#person-head");
      announce("The faces are back.");
    } else refresh();
    const also = document.getElementById("also");
    if (also) htmx.trigger(also, "again");
  });
}

listen();
sheets();
decideByKeys();
enhance();
