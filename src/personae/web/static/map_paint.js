// Drawing the map: all points as pixels, a few as discs, and those that are close by as the faces themselves.

import { inProject } from "./api.js";
import { ACROSS, within } from "./map_data.js";

const HUES = 24;
const FACES_AT_MOST = 260;
const DISCS_AT_MOST = 4000;
const KEPT = 600;
const FULL_TURN = 2 * Math.PI;

const dark = () => matchMedia("(prefers-color-scheme: dark)").matches;

/** Colours: 0 is nobody, 1 faded, then one for each hue. CSS text, and as a pixel is written. */
export function palette() {
  const night = dark();
  const texts = night ? ["hsl(30 6% 46%)", "hsl(30 6% 25%)"] : ["hsl(36 8% 66%)", "hsl(36 14% 86%)"];
  for (let i = 0; i < HUES; i++) {
    const hue = Math.round((i * 360 * 0.61803) % 360);
    const light = (night ? 62 : 44) + (i % 3 - 1) * 7;
    texts.push(`hsl(${hue} ${night ? 70 : 68}% ${light}%)`);
  }
  const canvas = document.createElement("canvas");
  canvas.width = texts.length;
  canvas.height = 1;
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  texts.forEach((text, i) => {
    pen.fillStyle = text;
    pen.fillRect(i, 0, 1, 1);
  });
  const ground = getComputedStyle(document.documentElement).getPropertyValue("--well");
  return { texts, ground, pixels: new Uint32Array(pen.getImageData(0, 0, texts.length, 1).data.buffer) };
}

/** Return which colour each group has: those of many faces have colours of their own as far as there are some. */
function colouring(points, by) {
  const ranked = [...points.sizes].filter(([group]) => by === "groups" || group > 0).sort((a, b) => b[1] - a[1]);
  const colour = new Map(by === "plain" ? [] : ranked.map(([group], rank) => [group, 2 + (rank % HUES)]));
  return (group) => (by === "plain" ? 2 : (colour.get(group) ?? 0));
}

/** Draws on one canvas. */
export class Painter {
  constructor(canvas, points, changed) {
    this.canvas = canvas;
    this.pen = canvas.getContext("2d", { alpha: true });
    this.points = points;
    this.changed = changed;
    this.pictures = new Map();
    this.colour("people");
  }

  /** Choose the colours; `only` fades all but one group. */
  colour(by, only = 0) {
    const of = colouring(this.points, by);
    const { count, groups } = this.points;
    this.palette = palette();
    this.of = of;
    this.only = only;
    this.colours = new Uint8Array(count);
    for (let i = 0; i < count; i++) this.colours[i] = only && groups[i] !== only ? 1 : of(groups[i]);
    // What stands out is drawn last.
    const starts = new Uint32Array(this.palette.texts.length + 1);
    const rank = (colour) => (colour === 1 ? 0 : colour === 0 ? 1 : colour);
    for (let i = 0; i < count; i++) starts[rank(this.colours[i]) + 1]++;
    for (let c = 0; c + 1 < starts.length; c++) starts[c + 1] += starts[c];
    // In the order of drawing, side by side in memory: looking for each would take longer than drawing it.
    const ordered = { xs: new Uint16Array(count), ys: new Uint16Array(count), colours: new Uint8Array(count) };
    for (let i = 0; i < count; i++) {
      const at = starts[rank(this.colours[i])]++;
      ordered.xs[at] = this.points.xs[i];
      ordered.ys[at] = this.points.ys[i];
      ordered.colours[at] = this.colours[i];
    }
    this.ordered = ordered;
    this.stamps = new Map();
  }

  /** Draw what a view shows; returns how many points are in it. */
  draw(view) {
    const { width, height } = this.canvas;
    const inView = [];
    let seen = 0;
    within(this.points, ...view.window(), (i) => {
      if (++seen <= DISCS_AT_MOST) inView.push(i);
    });
    if (seen > DISCS_AT_MOST) {
      this.pixels(view, width, height);
    } else {
      this.pen.clearRect(0, 0, width, height);
      inView.sort((a, b) => this.colours[a] - this.colours[b] || a - b);
      if (seen <= FACES_AT_MOST) this.faces(view, inView, seen);
      else this.discs(view, inView);
    }
    return seen;
  }

  /** All points, straight into the picture: quicker than any other way without a graphics card. */
  pixels(view, width, height) {
    if (this.image?.width !== width || this.image?.height !== height) {
      this.image = this.pen.createImageData(width, height);
      this.buffer = new Uint32Array(this.image.data.buffer);
    }
    const { buffer } = this;
    const { pixels } = this.palette;
    const { xs, ys, colours } = this.ordered;
    const { scale, x, y } = view.onScreen();
    const side = Math.max(2, Math.min(5, Math.round(view.ratio * (1.1 + 0.5 * Math.log2(view.closeness())))));
    const [right, bottom] = [width - side, height - side];
    const [fromX, fromY] = [x - side / 2, y - side / 2];
    buffer.fill(0);
    for (let at = 0; at < xs.length; at++) {
      const left = (xs[at] * scale + fromX) | 0;
      const top = (ys[at] * scale + fromY) | 0;
      if (left < 0 || top < 0 || left > right || top > bottom) continue;
      const pixel = pixels[colours[at]];
      for (let row = 0, start = top * width + left; row < side; row++, start += width) {
        // From four pixels on without the corners: a dot, not a square.
        const inset = side > 3 && (row === 0 || row === side - 1) ? 1 : 0;
        for (let to = start + inset; to < start + side - inset; to++) buffer[to] = pixel;
      }
    }
    this.pen.putImageData(this.image, 0, 0);
  }

  discs(view, inView) {
    const { scale, x, y } = view.onScreen();
    const radius = Math.round(view.ratio * Math.min(7, 2 + 0.8 * Math.log2(view.closeness())));
    for (const i of inView) {
      const stamp = this.stamp(this.colours[i], radius);
      this.pen.drawImage(stamp, Math.round(this.points.xs[i] * scale + x - radius), Math.round(this.points.ys[i] * scale + y - radius));
    }
  }

  /** A disc of a colour, drawn once: to fill thousands of circles takes much longer than to copy them. */
  stamp(colour, radius) {
    const key = colour * 100 + radius;
    let made = this.stamps.get(key);
    if (!made) {
      made = document.createElement("canvas");
      made.width = made.height = 2 * radius;
      const pen = made.getContext("2d");
      pen.fillStyle = this.palette.texts[colour];
      pen.arc(radius, radius, radius, 0, FULL_TURN);
      pen.fill();
      this.stamps.set(key, made);
    }
    return made;
  }

  /** The faces themselves, each in a ring of its colour. */
  faces(view, inView, seen) {
    const { scale, x, y } = view.onScreen();
    const room = Math.sqrt((this.canvas.width * this.canvas.height) / Math.max(seen, 1));
    const side = Math.max(26 * view.ratio, Math.min(96 * view.ratio, room * 0.62));
    this.side = side;
    for (const i of inView) {
      const left = this.points.xs[i] * scale + x;
      const top = this.points.ys[i] * scale + y;
      const picture = this.picture(this.points.ids[i]);
      this.pen.save();
      this.pen.globalAlpha = this.colours[i] === 1 ? 0.35 : 1;
      this.pen.beginPath();
      this.pen.arc(left, top, side / 2, 0, FULL_TURN);
      this.pen.fillStyle = this.palette.texts[this.colours[i]];
      this.pen.fill();
      this.pen.beginPath();
      this.pen.arc(left, top, side / 2 - 2.5 * view.ratio, 0, FULL_TURN);
      this.pen.fillStyle = this.palette.ground;
      this.pen.fill();
      if (picture) {
        this.pen.clip();
        const from = Math.min(picture.naturalWidth, picture.naturalHeight);
        this.pen.drawImage(picture, (picture.naturalWidth - from) / 2, (picture.naturalHeight - from) / 2, from, from,
          left - side / 2, top - side / 2, side, side);
      }
      this.pen.restore();
    }
  }

  /** Return the picture of a face when it is here; else fetch it. */
  picture(id) {
    let known = this.pictures.get(id);
    if (!known) {
      known = new Image();
      known.decoding = "async";
      known.onload = () => this.changed();
      known.src = inProject(`/api/faces/${id}/crop`);
      this.pictures.set(id, known);
      if (this.pictures.size > KEPT) this.pictures.delete(this.pictures.keys().next().value);
    }
    return known.complete && known.naturalWidth ? known : null;
  }
}

/** Which part of the map is on the screen. */
export class View {
  constructor(canvas, points) {
    this.canvas = canvas;
    this.ratio = 1;
    this.frame(points);
    this.fit();
  }

  /** Note where points are: all is seen when these are. */
  frame({ count, xs, ys }) {
    const span = (values) => {
      let [low, high] = [ACROSS, 0];
      for (let i = 0; i < count; i++) {
        low = Math.min(low, values[i]);
        high = Math.max(high, values[i]);
      }
      return [(low + high) / 2, Math.max(high - low, 1)];
    };
    [this.middleX, this.across] = span(xs);
    [this.middleY, this.along] = span(ys);
  }

  /** Take the size that the page gives; keeps what is in the middle there. */
  resize() {
    const middle = this.middle();
    const ratio = Math.min(2, window.devicePixelRatio || 1);
    const { clientWidth, clientHeight } = this.canvas;
    if (this.canvas.width === Math.round(clientWidth * ratio) && this.canvas.height === Math.round(clientHeight * ratio)) return;
    const whole = this.closeness() <= 1.001;
    this.ratio = ratio;
    this.canvas.width = Math.max(1, Math.round(clientWidth * ratio));
    this.canvas.height = Math.max(1, Math.round(clientHeight * ratio));
    if (whole || !this.scale) this.fit();
    else this.centre(middle.x, middle.y, this.scale);
  }

  whole() {
    return Math.min(this.canvas.width / this.across, this.canvas.height / this.along) * 0.88;
  }

  /** How many times nearer than when all is seen. */
  closeness() {
    return Math.max(1, (this.scale ?? 0) / this.whole());
  }

  fit() {
    this.centre(this.middleX, this.middleY, this.whole());
  }

  centre(x, y, scale) {
    this.scale = Math.min(this.whole() * 4000, Math.max(this.whole() * 0.7, scale));
    this.x = this.canvas.width / 2 - x * this.scale;
    this.y = this.canvas.height / 2 - y * this.scale;
  }

  middle() {
    return { x: (this.canvas.width / 2 - this.x) / this.scale, y: (this.canvas.height / 2 - this.y) / this.scale };
  }

  /** Move by pixels of the page. */
  pan(dx, dy) {
    this.x += dx * this.ratio;
    this.y += dy * this.ratio;
    const { x, y } = this.middle();
    this.centre(Math.min(ACROSS, Math.max(0, x)), Math.min(ACROSS, Math.max(0, y)), this.scale);
  }

  /** Come closer by a factor; what is at this place of the canvas, in pixels of the page, stays there. */
  zoom(factor, left = this.canvas.clientWidth / 2, top = this.canvas.clientHeight / 2) {
    const place = this.at(left, top);
    this.scale = Math.min(this.whole() * 4000, Math.max(this.whole() * 0.7, this.scale * factor));
    this.x = left * this.ratio - place.x * this.scale;
    this.y = top * this.ratio - place.y * this.scale;
    this.pan(0, 0);
  }

  /** Return the place of the map under a place of the canvas. */
  at(left, top) {
    return { x: (left * this.ratio - this.x) / this.scale, y: (top * this.ratio - this.y) / this.scale };
  }

  onScreen() {
    return { scale: this.scale, x: this.x, y: this.y };
  }

  window() {
    return [-this.x / this.scale, -this.y / this.scale, (this.canvas.width - this.x) / this.scale, (this.canvas.height - this.y) / this.scale];
  }
}
