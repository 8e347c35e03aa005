// Who is this? A photo is dropped, pasted or chosen; it stays with this page until somebody asks to keep it.

import { announce, complain, inProject } from "./api.js";
import { names } from "./names.js";
import { scaled, pointing } from "./stage.js";

const form = document.getElementById("ask");
const field = document.getElementById("picture");
const answer = document.getElementById("answer");
const looking = document.getElementById("looking");
const veil = document.querySelector("[data-veil]");
let asked = null;

/** Look at a file, whichever way it came. */
function look(file) {
  if (!file) return;
  const carried = new DataTransfer();
  carried.items.add(file);
  field.files = carried.files;
  form.requestSubmit();
}

function ways() {
  form.querySelector("[data-without-script]").hidden = true;
  field.addEventListener("change", () => field.files.length && form.requestSubmit());
  const files = (event) => event.dataTransfer?.types?.includes("Files");
  addEventListener("dragover", (event) => {
    if (!files(event)) return;
    event.preventDefault();
    veil.hidden = false;
  });
  addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) veil.hidden = true;
  });
  addEventListener("drop", (event) => {
    if (!files(event)) return;
    event.preventDefault();
    veil.hidden = true;
    look(event.dataTransfer.files[0]);
  });
  addEventListener("paste", (event) => look([...(event.clipboardData?.files ?? [])].find((file) => file.type.startsWith("image/"))));
}

function waiting() {
  form.addEventListener("htmx:beforeRequest", () => {
    [asked] = field.files;
    looking.hidden = false;
    answer.replaceChildren();
    form.classList.add("asked");
    looking.querySelector("[data-words]").textContent = `Looking at ${asked?.name || "it"}…`;
  });
  form.addEventListener("htmx:afterRequest", () => {
    looking.hidden = true;
    // So that the same file can be chosen again.
    field.value = "";
  });
  document.body.addEventListener("htmx:afterSettle", (event) => {
    if (event.detail.target !== answer) return;
    ready();
    const title = document.getElementById("answer-title");
    if (!title) return;
    title.focus({ preventScroll: true });
    announce(title.textContent);
    answer.scrollIntoView({ block: "start" });
  });
}

/** What only a page that still has the photo can do. */
function ready() {
  names();
  scaled(document.getElementById("canvas"));
  if (!asked) return;
  for (const hidden of answer.querySelectorAll("[data-is], [data-is-named]")) hidden.hidden = false;
}

/** Ask whether the photo may be kept, then take it in and say who it is. */
async function keep(seen, who) {
  const dialog = document.getElementById("keep");
  dialog.querySelector("[data-keep-name]").textContent = who.name;
  dialog.returnValue = "no";
  dialog.showModal();
  await new Promise((done) => dialog.addEventListener("close", done, { once: true }));
  if (dialog.returnValue !== "yes") return;
  const body = new FormData();
  body.set("picture", asked);
  for (const name of ["x", "y", "width", "height"]) body.set(name, seen.dataset[name]);
  for (const [name, value] of Object.entries(who)) if (value) body.set(name, value);
  const said = await fetch(inProject("/who/keep"), { method: "POST", body, headers: { "HX-Request": "true" } });
  const to = said.headers.get("HX-Redirect");
  if (to) location.assign(to);
  else throw new Error(JSON.parse(said.headers.get("HX-Trigger") ?? "{}").said?.text ?? "The server made a mistake.");
}

function answers() {
  answer.addEventListener("click", (event) => {
    const button = event.target.closest("[data-is]");
    if (button) keep(button.closest(".seen"), { person_id: button.dataset.is, name: button.dataset.name }).catch(complain);
  });
  answer.addEventListener("submit", (event) => {
    const naming = event.target.closest("[data-is-named]");
    if (!naming) return;
    event.preventDefault();
    const { name, person_id: person } = naming.elements;
    keep(naming.closest(".seen"), { name: name.value.trim(), person_id: person.disabled ? "" : person.value }).catch(complain);
  });
}

ways();
waiting();
answers();
pointing();
ready();
