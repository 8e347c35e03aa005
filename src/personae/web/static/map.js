// The map of faces: moving about, what is in view in words, finding somebody, opening a photo.

import { announce, complain, inProject, onUndone } from "./api.js";
import { keys } from "./keys.js";
import { fetched, nameOf, nearest, pageOf, within } from "./map_data.js";
import { Painter, View } from "./map_paint.js";
import { search } from "./map_search.js";
import { localTimes } from "./times.js";

const REACH = 14;
const LISTED = 24;
const PICTURES = 12;
const STEP = 0.16;
const MOVED = 5;
const still = matchMedia("(prefers-reduced-motion: reduce)");

class FaceMap {
  constructor(root, points) {
    this.root = root;
    this.canvas = root.querySelector("canvas");
    this.card = root.querySelector("[data-card]");
    this.view = new View(this.canvas, points);
    this.only = 0;
    this.load(points);
    new ResizeObserver(() => { this.view.resize(); this.redraw(); }).observe(this.canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.recolour());
  }

  load(points) {
    this.points = points;
    this.painter = new Painter(this.canvas, points, () => this.redraw());
    this.recolour();
  }

  recolour() {
    this.painter.colour(this.root.querySelector("#map-colour").value, this.only);
    this.redraw();
  }

  redraw() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = undefined;
      this.view.resize();
      this.painter.draw(this.view);
      clearTimeout(this.telling);
      this.telling = setTimeout(() => this.tell(), 180);
    });
  }

  /** Show one group alone, or all with 0. */
  show(group) {
    this.only = group;
    this.recolour();
    if (!group) return;
    const { count, groups, xs, ys } = this.points;
    const mine = [];
    for (let i = 0; i < count; i++) if (groups[i] === group) mine.push(i);
    if (!mine.length) return;
    // Not to the very edges: a stray face far away would leave nothing to see of the others.
    const across = (values) => {
      const sorted = mine.map((i) => values[i]).sort((a, b) => a - b);
      return [sorted[Math.floor(sorted.length * 0.03)], sorted[Math.ceil(sorted.length * 0.97) - 1]];
    };
    const [left, right] = across(xs);
    const [top, bottom] = across(ys);
    const room = Math.min(this.canvas.width, this.canvas.height) * 0.6;
    this.go((left + right) / 2, (top + bottom) / 2, Math.min(room / Math.max(right - left, bottom - top, 60), this.view.whole() * 60));
    announce(`${nameOf(this.points, group)}: ${mine.length.toLocaleString("en")} faces on the map.`);
  }

  /** Move there, in a moment. */
  go(x, y, scale) {
    const from = { ...this.view.middle(), scale: this.view.scale };
    const begun = performance.now();
    const step = (now) => {
      const part = still.matches ? 1 : Math.min(1, (now - begun) / 320);
      const eased = 1 - (1 - part) ** 3;
      this.view.centre(from.x + (x - from.x) * eased, from.y + (y - from.y) * eased, from.scale * (scale / from.scale) ** eased);
      this.redraw();
      if (part < 1) this.going = requestAnimationFrame(step);
    };
    cancelAnimationFrame(this.going);
    this.going = requestAnimationFrame(step);
  }

  zoom(factor, left, top) {
    cancelAnimationFrame(this.going);
    this.view.zoom(factor, left, top);
    this.redraw();
  }

  pan(dx, dy) {
    cancelAnimationFrame(this.going);
    this.view.pan(dx, dy);
    this.redraw();
  }

  fit() {
    this.show(0);
    this.go(this.view.middleX, this.view.middleY, this.view.whole());
  }

  /** Return the point under a place of the canvas; -1: there is none. */
  under(left, top) {
    const place = this.view.at(left, top);
    const reach = Math.max(REACH * this.view.ratio, (this.painter.side ?? 0) / 2) / this.view.scale;
    return nearest(this.points, place.x, place.y, reach, (i) => !this.only || this.points.groups[i] === this.only);
  }

  /** Say what a point is, beside it. */
  point(i, left, top, open = false) {
    this.card.hidden = i < 0;
    this.canvas.classList.toggle("points", i >= 0);
    if (i < 0 || (this.card.dataset.face === String(this.points.ids[i]) && !open)) return;
    const id = this.points.ids[i];
    this.card.dataset.face = id;
    const picture = Object.assign(document.createElement("img"), { className: "crop", width: 96, height: 96, alt: "", src: inProject(`/api/faces/${id}/crop`) });
    const name = Object.assign(document.createElement("b"), { textContent: nameOf(this.points, this.points.groups[i]) });
    const size = this.points.sizes.get(this.points.groups[i]);
    const words = Object.assign(document.createElement("span"), { className: "soft small", textContent: size ? `${size.toLocaleString("en")} faces` : `face ${id}` });
    this.card.replaceChildren(picture, name, words);
    if (open) this.card.append(Object.assign(document.createElement("a"), { className: "button small", href: `/map/faces/${id}`, textContent: "Open the photo" }));
    const { clientWidth, clientHeight } = this.canvas;
    this.card.style.left = `${Math.max(4, Math.min(left + 16, clientWidth - 136))}px`;
    this.card.style.top = `${Math.max(4, Math.min(top + 16, clientHeight - (open ? 204 : 164)))}px`;
  }

  /** Say in words and pictures what is in view. */
  tell() {
    const sizes = new Map();
    const near = [];
    const middle = this.view.middle();
    let seen = 0;
    within(this.points, ...this.view.window(), (i, x, y) => {
      seen++;
      const group = this.points.groups[i];
      if (group) sizes.set(group, (sizes.get(group) ?? 0) + 1);
      near.push([(x - middle.x) ** 2 + (y - middle.y) ** 2, i]);
    });
    const people = [...sizes.keys()].filter((group) => group > 0).length;
    const all = seen === this.points.count;
    this.root.querySelector("[data-in-view]").textContent = all ? "On the map" : "In view";
    this.root.querySelector("[data-in-view-words]").textContent =
      `${seen.toLocaleString("en")} ${seen === 1 ? "face" : "faces"}, ${people.toLocaleString("en")} ${people === 1 ? "person" : "people"}, ${(sizes.size - people).toLocaleString("en")} unknown groups`;
    const listed = [...sizes].sort((a, b) => b[1] - a[1]).slice(0, LISTED);
    this.root.querySelector("[data-legend]").replaceChildren(...listed.map(([group, count]) => this.row(group, count)));
    this.root.querySelector("[data-faces-in-view]").replaceChildren(...(all ? [] : nearestOf(near, PICTURES).map((i) => this.face(i))));
  }

  row(group, count) {
    const row = document.createElement("li");
    const dot = Object.assign(document.createElement("button"), { type: "button", className: "dot" });
    const name = nameOf(this.points, group);
    dot.setAttribute("aria-label", `Show ${name} on the map`);
    dot.setAttribute("aria-pressed", String(group === this.only));
    dot.style.color = this.painter.palette.texts[this.painter.of(group)];
    dot.addEventListener("click", () => this.show(group === this.only ? 0 : group));
    const link = Object.assign(document.createElement("a"), { href: pageOf(group), textContent: name, className: group > 0 ? "name" : "unnamed" });
    row.append(dot, link, Object.assign(document.createElement("span"), { className: "soft number", textContent: count.toLocaleString("en") }));
    return row;
  }

  face(i) {
    const id = this.points.ids[i];
    const link = Object.assign(document.createElement("a"), { href: `/map/faces/${id}` });
    link.append(Object.assign(document.createElement("img"), { className: "crop", width: 64, height: 64, loading: "lazy", decoding: "async",
      alt: `${nameOf(this.points, this.points.groups[i])}, face ${id}`, src: inProject(`/api/faces/${id}/crop`) }));
    return link;
  }
}

/** Return the points of the few smallest distances. */
function nearestOf(near, wanted) {
  const best = [];
  for (const each of near) {
    if (best.length === wanted && each[0] >= best.at(-1)[0]) continue;
    let at = best.length;
    while (at > 0 && best[at - 1][0] > each[0]) at--;
    best.splice(at, 0, each);
    best.length = Math.min(best.length, wanted);
  }
  return best.map(([, i]) => i);
}

/** Pointer: drag, pinch, wheel, hover, click. */
function byPointer(map) {
  const { canvas } = map;
  const down = new Map();
  let moved = 0;
  const place = (event) => {
    const box = canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    canvas.setPointerCapture(event.pointerId);
    down.set(event.pointerId, place(event));
    if (down.size === 1) moved = 0;
  });
  canvas.addEventListener("pointermove", (event) => {
    const now = place(event);
    const before = down.get(event.pointerId);
    if (!before) {
      if (event.pointerType === "mouse") map.point(map.under(...now), ...now);
      return;
    }
    const other = [...down].find(([id]) => id !== event.pointerId)?.[1];
    moved += Math.hypot(now[0] - before[0], now[1] - before[1]);
    down.set(event.pointerId, now);
    if (moved < MOVED) return;
    map.point(-1);
    if (other) map.zoom(apart(now, other) / Math.max(1, apart(before, other)), (now[0] + other[0]) / 2, (now[1] + other[1]) / 2);
    map.pan((now[0] - before[0]) / down.size, (now[1] - before[1]) / down.size);
  });
  const up = (event) => {
    const was = down.delete(event.pointerId);
    if (!was || event.type !== "pointerup" || moved >= MOVED) return;
    const now = place(event);
    const i = map.under(...now);
    if (event.pointerType === "touch") map.point(i, ...now, true);
    else if (i >= 0) location.assign(`/map/faces/${map.points.ids[i]}`);
    else if (map.only) map.show(0);
  };
  canvas.addEventListener("pointerup", up);
  canvas.addEventListener("pointercancel", up);
  canvas.addEventListener("pointerleave", (event) => event.pointerType === "mouse" && map.point(-1));
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    const lines = event.deltaMode === 1 ? 20 : 1;
    map.zoom(Math.exp(-Math.max(-120, Math.min(120, event.deltaY * lines)) * (event.ctrlKey ? 0.01 : 0.0025)), ...place(event));
  }, { passive: false });
}

const apart = (a, b) => Math.hypot(a[0] - b[0], a[1] - b[1]);

/** Keys: on the canvas arrows move; everywhere + and - come closer and go away. */
function byKey(map) {
  const ways = { ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
  map.canvas.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const way = ways[event.key];
    if (way) map.pan(way[0] * STEP * map.canvas.clientWidth, way[1] * STEP * map.canvas.clientHeight);
    else if (event.key === "Enter") {
      const i = map.under(map.canvas.clientWidth / 2, map.canvas.clientHeight / 2);
      if (i >= 0) location.assign(`/map/faces/${map.points.ids[i]}`);
    } else return;
    event.preventDefault();
  });
  keys({
    "+": { does: "closer", run: () => map.zoom(1.6) },
    "=": { run: () => map.zoom(1.6) },
    "-": { does: "farther away", run: () => map.zoom(1 / 1.6) },
    0: { does: "the whole map", run: () => map.fit() },
  });
}

async function start(root) {
  const wait = root.querySelector("[data-wait]");
  try {
    const map = new FaceMap(root, await fetched(root.dataset.points));
    wait.remove();
    byPointer(map);
    byKey(map);
    search(root, () => map.points, (group) => map.show(group));
    root.querySelector("#map-colour").addEventListener("change", () => map.recolour());
    const does = { in: () => map.zoom(1.6), out: () => map.zoom(1 / 1.6), fit: () => map.fit() };
    for (const button of root.querySelectorAll("[data-zoom]")) button.addEventListener("click", does[button.dataset.zoom]);
    onUndone(async () => map.load(await fetched(root.dataset.points)));
    root.dataset.ready = "yes";
  } catch (error) {
    wait.textContent = error.message;
    complain(error);
  }
}

/** When a drawing that is under way ends, the page shows it. */
function follow() {
  const before = document.getElementById("map-job")?.dataset;
  if (!before) return;
  const [drawn, drawing] = [before.map, "drawing" in before];
  document.body.addEventListener("htmx:afterSettle", () => {
    const now = document.getElementById("map-job")?.dataset;
    if (now && drawing && !("drawing" in now)) location.reload();
    else if (now && now.map !== drawn) location.reload();
  });
}

localTimes();
follow();
const root = document.querySelector("[data-points]");
if (root) start(root);
