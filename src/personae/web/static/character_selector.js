// The faces on a source image: boxes that are chosen by click, by arrows and Enter, or by number.

import { keys } from "./keys.js";

const ZOOMS = [1, 1.5, 2, 3, 4];
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

const middle = (box) => {
  const around = box.getBoundingClientRect();
  return [around.left + around.width / 2, around.top + around.height / 2];
};

/** Return the box that lies nearest in a direction. */
function beside(boxes, from, [right, down]) {
  const [x, y] = middle(from);
  let best;
  for (const box of boxes) {
    if (box === from) continue;
    const [other, below] = middle(box);
    const along = (other - x) * right + (below - y) * down;
    const across = Math.abs((other - x) * down) + Math.abs((below - y) * right);
    if (along > 1 && (!best || along + 2 * across < best.away)) best = { box, away: along + 2 * across };
  }
  return best?.box;
}

/** Choose a face: its button in the list is what sends. */
function choose(selector, face) {
  const button = selector.querySelector(`.choice[value="${face}"]`);
  button?.click();
}

function boxesOf(selector) {
  return [...selector.querySelectorAll("[data-choice]")];
}

function enter(boxes, box) {
  for (const other of boxes) other.setAttribute("tabindex", other === box ? "0" : "-1");
}

function choosing(selector) {
  const boxes = boxesOf(selector);
  if (!boxes.length) return;
  enter(boxes, boxes.find((box) => box.classList.contains("chosen")) ?? boxes[0]);
  for (const box of boxes) {
    box.addEventListener("click", () => choose(selector, box.dataset.face));
    box.addEventListener("focus", () => enter(boxes, box));
    box.addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === " ") {
        event.preventDefault();
        choose(selector, box.dataset.face);
        return;
      }
      const to = ARROWS[event.key] && beside(boxes, box, ARROWS[event.key]);
      if (ARROWS[event.key]) event.preventDefault();
      if (to) to.focus();
    });
  }
  pairing(selector, boxes);
}

/** A face that is pointed at in the list shows on the picture, and the other way round. */
function pairing(selector, boxes) {
  for (const box of boxes) {
    const button = selector.querySelector(`.choice[value="${box.dataset.face}"]`);
    for (const [from, to] of [[box, button], [button, box]]) {
      for (const [what, on] of [["pointerenter", true], ["pointerleave", false], ["focus", true], ["blur", false]]) {
        from.addEventListener(what, () => to.classList.toggle("hot", on));
      }
    }
  }
}

/** Words and edges keep their size on the screen, however large the picture is drawn. */
function sizing(stage) {
  const fit = () => {
    const scale = stage.getScreenCTM()?.a;
    if (scale) stage.style.setProperty("--unit", 1 / scale);
    stage.classList.toggle("sized", Boolean(scale));
  };
  new ResizeObserver(fit).observe(stage);
  fit();
}

/** Return what is in the middle of the view, as shares of the picture's width and height. */
function inView(view) {
  return [(view.scrollLeft + view.clientWidth / 2) / view.scrollWidth, (view.scrollTop + view.clientHeight / 2) / view.scrollHeight];
}

/** Return the middle of the chosen face, else of all faces, likewise. */
function amongFaces(stage) {
  const chosen = stage.querySelectorAll(".chosen .hit");
  const boxes = [...(chosen.length ? chosen : stage.querySelectorAll(".hit"))].map((hit) => hit.getBBox());
  const mean = (of) => boxes.reduce((sum, box) => sum + of(box), 0) / boxes.length;
  const { width, height } = stage.viewBox.baseVal;
  if (!boxes.length) return [0.5, 0.5];
  return [mean((box) => box.x + box.width / 2) / width, mean((box) => box.y + box.height / 2) / height];
}

function zooming(selector, stage) {
  const view = selector.querySelector(".selector-view");
  let at = 0;
  const tools = Object.assign(document.createElement("div"), { className: "zoom tools" });
  const button = (words, label, step) => {
    const made = Object.assign(document.createElement("button"), { type: "button", className: "button small round", textContent: words });
    made.setAttribute("aria-label", label);
    made.addEventListener("click", () => set(at + step));
    tools.append(made);
    return made;
  };
  const less = button("−", "Smaller", -1);
  const more = button("+", "Larger", 1);
  function set(to) {
    const held = at ? inView(view) : amongFaces(stage);
    at = Math.min(Math.max(to, 0), ZOOMS.length - 1);
    stage.classList.toggle("zoomed", at > 0);
    stage.style.setProperty("--zoom", ZOOMS[at]);
    view.tabIndex = at > 0 ? 0 : -1;
    view.scrollLeft = held[0] * view.scrollWidth - view.clientWidth / 2;
    view.scrollTop = held[1] * view.scrollHeight - view.clientHeight / 2;
    less.disabled = at === 0;
    more.disabled = at === ZOOMS.length - 1;
  }
  set(0);
  view.after(tools);
}

function bind(root) {
  for (const selector of root.querySelectorAll("[data-selector]:not([data-bound])")) {
    selector.dataset.bound = "";
    const stage = selector.querySelector(".stage");
    sizing(stage);
    zooming(selector, stage);
    choosing(selector);
  }
}

/** The selector that waits for a choice, else the first that has one. */
function current() {
  const waits = document.querySelector("[data-status=multi_face_pending] [data-selector]");
  return waits ?? [...document.querySelectorAll("[data-selector]")].find((one) => boxesOf(one).length);
}

/** Bind what is on the page, and what comes later; whoever was at a face is there again when the part was replaced. */
export function start() {
  let at = null;
  bind(document);
  document.body.addEventListener("htmx:beforeSwap", () => {
    at = document.activeElement?.closest("[data-choice]")?.id ?? null;
  });
  document.body.addEventListener("htmx:load", (event) => {
    bind(event.detail.elt.parentNode ?? document);
    if (at && document.activeElement === document.body) document.getElementById(at)?.focus();
  });
  const numbers = Object.fromEntries([..."123456789"].map((number) => [number, {
    does: number === "1" ? "choose this face (1–9)" : "",
    run: () => {
      const selector = current();
      const box = selector?.querySelector(`[data-choice][data-number="${number}"]`);
      if (!box) return false;
      choose(selector, box.dataset.face);
      return true;
    },
  }]));
  const into = () => {
    const box = current()?.querySelector("[data-choice][tabindex='0']");
    if (!box || document.activeElement !== document.body) return false;
    box.focus();
    return true;
  };
  keys({ ...numbers, ArrowRight: { does: "go to the faces on the picture", run: into }, ArrowLeft: { run: into } });
}
