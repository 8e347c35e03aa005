// The points of the map as the server packs them, and which of them is near a place. See personae.web.pages.face_map.

export const ACROSS = 65535;
const CELLS = 128;
const CELL = (ACROSS + 1) / CELLS;

/** Fetch and unpack. Answers {count, ids, xs, ys, groups, people, clusters, sizes}. */
export async function fetched(address) {
  const answer = await fetch(address, { credentials: "same-origin" });
  if (!answer.ok) throw new Error(answer.status === 404 ? "There is no map any more; lay it out again." : "The map cannot be fetched now.");
  return unpacked(await answer.arrayBuffer());
}

function unpacked(data) {
  const length = new DataView(data).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(data, 4, length)));
  const { count } = header;
  let at = 4 + length;
  const steps = new Uint32Array(data, at, count);
  const places = new Uint16Array(data, (at += 4 * count), 2 * count);
  const groups = new Int32Array(data, (at += 4 * count), count);
  const ids = new Float64Array(count);
  const xs = new Uint16Array(count);
  const ys = new Uint16Array(count);
  const sizes = new Map();
  let id = 0;
  for (let i = 0; i < count; i++) {
    ids[i] = id += steps[i];
    xs[i] = places[2 * i];
    ys[i] = places[2 * i + 1];
    if (groups[i]) sizes.set(groups[i], (sizes.get(groups[i]) ?? 0) + 1);
  }
  const points = { count, ids, xs, ys, groups, sizes, people: header.people, clusters: header.clusters };
  return { ...points, ...cells(points) };
}

/** What a group is called: people have positive numbers, unknown groups negative ones. */
export function nameOf(points, group) {
  if (!group) return "nobody yet";
  return (group > 0 ? points.people[group] : points.clusters[-group]) ?? "no name";
}

export const pageOf = (group) => (group > 0 ? `/people/${group}` : `/groups/${-group}`);

/** Put the points into cells, so that looking for one need not go through all. */
function cells({ count, xs, ys }) {
  const starts = new Uint32Array(CELLS * CELLS + 1);
  const cell = (i) => Math.floor(ys[i] / CELL) * CELLS + Math.floor(xs[i] / CELL);
  for (let i = 0; i < count; i++) starts[cell(i) + 1]++;
  for (let c = 0; c < CELLS * CELLS; c++) starts[c + 1] += starts[c];
  const members = new Uint32Array(count);
  const next = starts.slice();
  for (let i = 0; i < count; i++) members[next[cell(i)]++] = i;
  return { starts, members };
}

/** Call back with each point within a rectangle of the map. */
export function within(points, left, top, right, bottom, take) {
  const cell = (value) => Math.min(CELLS - 1, Math.max(0, Math.floor(value / CELL)));
  for (let row = cell(top); row <= cell(bottom); row++) {
    const first = points.starts[row * CELLS + cell(left)];
    const last = points.starts[row * CELLS + cell(right) + 1];
    for (let at = first; at < last; at++) {
      const i = points.members[at];
      const x = points.xs[i];
      const y = points.ys[i];
      if (x >= left && x <= right && y >= top && y <= bottom) take(i, x, y);
    }
  }
}

/** Return the point nearest to a place, no farther than `reach`; -1: there is none. `fits` leaves some out. */
export function nearest(points, x, y, reach, fits = () => true) {
  let best = -1;
  let closest = reach * reach;
  within(points, x - reach, y - reach, x + reach, y + reach, (i, px, py) => {
    const away = (px - x) ** 2 + (py - y) ** 2;
    if (away <= closest && fits(i)) {
      closest = away;
      best = i;
    }
  });
  return best;
}
