// The start page: photos are dropped, chosen or pasted; how far they are, what is found, and what goes on.

import { announce, complain, inProject, say } from "./api.js";
import { chosen, dropped } from "./dropped.js";
import { draw, fragment } from "./jobs.js";
import { live } from "./live.js";
import { Pace } from "./pace.js";
import { Uploads } from "./uploads.js";

const SHOWN_FACES = 36;
const SHOWN_REFUSED = 200;
const FOUND_EVERY = 2000;
const LEFT = "personae.uploads.left";
const ENDS = { done: "done", failed: "it failed", cancelled: "stopped" };

const form = document.getElementById("upload");
const panel = document.getElementById("uploads");
const part = (name) => panel.querySelector(`[data-${name}]`);
const number = (value) => value.toLocaleString("en");
const photos = (count) => (count === 1 ? "1 photo" : `${number(count)} photos`);
const title = document.title;

// --- what is brought ---------------------------------------------------------------------------

/** Listen to all ways in which photos are brought. */
function ways(uploads) {
  form.querySelector("[data-without-script]").remove();
  const [files, folder] = form.querySelectorAll("input[type=file]");
  files.required = false;
  if ("webkitdirectory" in folder && !matchMedia("(pointer: coarse)").matches) {
    folder.disabled = false;
    folder.tabIndex = 0;
    form.querySelector("label[for=whole-folder]").hidden = false;
  }
  for (const input of [files, folder]) {
    input.addEventListener("change", () => {
      uploads.add([...chosen(input.files)]);
      input.value = "";
    });
  }
  form.addEventListener("submit", (event) => event.preventDefault());
  window.addEventListener("paste", (event) => {
    const pasted = [...(event.clipboardData?.files ?? [])];
    if (pasted.length) uploads.add(pasted.map((file) => ({ place: file.name || "pasted picture", open: async () => file })));
  });
  dropping(uploads);
}

/** Anywhere on the page is the place to drop. */
function dropping(uploads) {
  const veil = document.querySelector("[data-veil]");
  const files = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
  window.addEventListener("dragenter", (event) => {
    if (files(event)) veil.hidden = false;
  });
  window.addEventListener("dragover", (event) => {
    if (!files(event)) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = "copy";
  });
  window.addEventListener("dragleave", (event) => {
    if (event.relatedTarget === null) veil.hidden = true;
  });
  window.addEventListener("drop", (event) => {
    veil.hidden = true;
    if (!files(event)) return;
    event.preventDefault();
    uploads.add(dropped(event.dataTransfer));
  });
}

// --- how far it is -----------------------------------------------------------------------------

/** Make room: the page is no longer empty. */
function begun() {
  document.getElementById("steps")?.remove();
  document.querySelector(".start.first")?.classList.remove("first");
}

/** Show how far the uploads are; drawn once a frame however often something changes. */
function showing(uploads) {
  const pace = new Pace();
  let due = false;
  let refused = -1;
  const show = () => {
    due = false;
    panel.hidden = false;
    const { counts, state } = uploads;
    document.body.classList.toggle("uploading", uploads.busy);
    if (state === "going") pace.note(uploads.done);
    else pace.reset();
    const bar = part("bar");
    bar.hidden = state === "idle";
    bar.max = Math.max(1, counts.total);
    bar.value = uploads.sent;
    part("title").textContent = headline(uploads);
    part("state").textContent = details(uploads, pace);
    note(uploads);
    part("pause").hidden = state === "idle" || state === "barred";
    part("pause").textContent = state === "paused" ? "Go on" : "Pause";
    part("stop").hidden = state === "idle";
    document.title = state === "idle" ? title : `${Math.floor((100 * uploads.sent) / Math.max(1, counts.total))} % · ${title}`;
    if (refused !== uploads.refused.length) list(uploads.refused);
    refused = uploads.refused.length;
  };
  uploads.addEventListener("change", () => {
    begun();
    if (!due) requestAnimationFrame(show);
    due = true;
  });
  part("pause").addEventListener("click", () => (uploads.state === "paused" ? uploads.resume() : uploads.pause()));
  part("stop").addEventListener("click", () => uploads.stop());
  part("again").addEventListener("click", () => uploads.again());
  setInterval(() => uploads.state === "going" && uploads.dispatchEvent(new Event("change")), 1000);
}

function headline({ state, why, counts }) {
  if (why === "stopped") return "Stopped";
  if (state === "away") return "The server is away. Your photos wait here.";
  if (state === "paused") return "Paused";
  if (state === "barred") return "This has to stop here";
  if (state === "going") return `Taking in ${photos(counts.total)}`;
  return counts.fresh + counts.known ? "Your photos are in" : "Nothing was taken in";
}

function details(uploads, pace) {
  const { counts, state, refused } = uploads;
  const said = [];
  if (state === "idle") {
    if (counts.fresh) said.push(`${photos(counts.fresh)} taken in`);
    if (counts.known) said.push(`${number(counts.known)} ${counts.known === 1 ? "was" : "were"} here already`);
  } else {
    said.push(`${number(uploads.done)} of ${number(counts.total)}${uploads.finding ? " so far" : ""}`);
  }
  if (counts.faces) said.push(`${number(counts.faces)} ${counts.faces === 1 ? "face" : "faces"} found`);
  const words = state === "going" ? pace.words(uploads.done, counts.total, "photos") : "";
  return [...said, words].filter(Boolean).join(" · ");
}

/** What somebody has to know or do. */
function note(uploads) {
  const place = part("note");
  const { state, why } = uploads;
  place.replaceChildren();
  place.hidden = !["away", "barred", "going"].includes(state);
  if (state === "away") place.textContent = `It is tried again by itself; nothing is lost. Leave this page open.${why ? ` The server says: ${why}` : ""}`;
  if (state === "going") place.textContent = "Leave this page open until they are in: links on it open beside it.";
  if (state === "barred" && why !== "signin") place.textContent = why;
  if (state === "barred" && why === "signin") {
    const link = Object.assign(document.createElement("a"), { href: "/signin?next=/", target: "_blank", textContent: "Sign in beside this page" });
    const go = Object.assign(document.createElement("button"), { type: "button", className: "button small", textContent: "Go on" });
    go.addEventListener("click", () => uploads.resume());
    place.append("You are signed out. ", link, ", then go on here. ", go);
  }
}

function list(refused) {
  part("refused").hidden = !refused.length;
  part("again").hidden = !refused.some((one) => one.open);
  part("refused-title").textContent = `${number(refused.length)} could not be used`;
  const rows = refused.slice(0, SHOWN_REFUSED).map(({ place, why }) => {
    const row = document.createElement("li");
    const name = Object.assign(document.createElement("b"), { textContent: place });
    row.append(name, " ", Object.assign(document.createElement("span"), { textContent: why }));
    return row;
  });
  if (refused.length > SHOWN_REFUSED) {
    rows.push(Object.assign(document.createElement("li"), { textContent: `and ${number(refused.length - SHOWN_REFUSED)} more` }));
  }
  part("refused-list").replaceChildren(...rows);
}

// --- when they are in, and when the page is left -------------------------------------------------

/** Have the new faces grouped. */
async function group() {
  const answer = await fetch(inProject("/group"), { method: "POST", headers: { "HX-Request": "true" } }).catch(() => null);
  if (!answer?.ok) complain(new Error("The faces could not be put into the queue for grouping; press “Group them now” below."));
}

function ending(uploads) {
  uploads.addEventListener("idle", () => {
    const { counts, refused } = uploads;
    const said = `${photos(counts.fresh + counts.known)} in, ${refused.length} could not be used.`;
    if (counts.fresh) group();
    refresh();
    announce(said);
    if (!counts.fresh && counts.known && !refused.length) say("All of these photos were here already.");
  });
  // To go elsewhere would break them off.
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a[href]:not([target], [href^='#'])");
    if (!link || !uploads.busy || event.defaultPrevented) return;
    event.preventDefault();
    window.open(link.href, "_blank");
  });
  window.addEventListener("beforeunload", (event) => {
    if (uploads.busy && uploads.state !== "barred") event.preventDefault();
  });
  window.addEventListener("pagehide", () => {
    if (!uploads.busy && !uploads.refused.length) return;
    const refused = uploads.refused.slice(0, SHOWN_REFUSED).map(({ place, why }) => ({ place, why }));
    sessionStorage.setItem(LEFT, JSON.stringify({ left: uploads.left, refused }));
    if (uploads.busy && uploads.counts.fresh) navigator.sendBeacon(inProject("/group"));
  });
}

/** Say what the page had in hand when it was left. */
function leftBefore() {
  const kept = sessionStorage.getItem(LEFT);
  sessionStorage.removeItem(LEFT);
  if (!kept) return;
  const { left, refused } = JSON.parse(kept);
  panel.hidden = false;
  part("title").textContent = left ? `${photos(left)} were still to come` : "Not taken in";
  part("state").textContent = left ? "This page was left before they were sent. Drop the same folder or photos again: those that are here already are skipped." : "";
  list(refused);
}

// --- what is found -----------------------------------------------------------------------------

let asked = 0;
let again = false;

/** Show anew what was found; at most every two seconds, and not while somebody is in it. */
async function refresh() {
  if (again) return;
  again = true;
  await new Promise((done) => setTimeout(done, Math.max(0, asked + FOUND_EVERY - performance.now())));
  again = false;
  asked = performance.now();
  const place = document.getElementById("found");
  if (place.contains(document.activeElement) || place.querySelector("details[open]")) return;
  const found = await fragment("/found");
  if (found !== null) htmx.swap(place, found, { swapStyle: "outerHTML" });
}

/** Show the faces that have just been found, newest first. */
function arriving(faces) {
  if (!faces.length) return;
  begun();
  const strip = document.querySelector("[data-arriving]");
  strip.hidden = false;
  for (const { face, image } of faces) {
    const link = Object.assign(document.createElement("a"), { href: `/photos/${image}`, target: "_blank", tabIndex: -1 });
    const crop = Object.assign(document.createElement("img"), {
      className: "crop", width: 72, height: 72, decoding: "async", alt: "A face", src: inProject(`/api/faces/${face}/crop`),
    });
    link.append(crop);
    strip.prepend(link);
  }
  while (strip.childElementCount > SHOWN_FACES) strip.lastElementChild.remove();
}

live({
  async job(job) {
    await draw(job);
    if (job.first || !(job.state in ENDS)) return;
    say(`${job.title}: ${ENDS[job.state]}.`);
    refresh();
  },
  changed({ kinds, faces }) {
    arriving(faces);
    refresh();
    if (kinds["faces.grouped"]) document.querySelector("[data-arriving]").hidden = true;
  },
  back: refresh,
});

if (form) {
  const uploads = new Uploads({ most: Number(form.dataset.mostBytes) });
  ways(uploads);
  showing(uploads);
  ending(uploads);
  leftBefore();
}
