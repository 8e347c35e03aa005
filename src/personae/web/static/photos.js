// The grid of photos: arrow keys, boxes that stay, and the next page before one has come to its end.

import { keys, roving } from "./keys.js";
import { names } from "./names.js";

const BOXES = "personae.photos.boxes";
const AHEAD = "1200px";
const grid = document.getElementById("grid");

/** The next page comes while its beginning is still out of sight. */
function ahead() {
  const seen = new IntersectionObserver(
    (entries) => {
      for (const { isIntersecting, target } of entries) {
        if (!isIntersecting) continue;
        seen.unobserve(target);
        window.htmx.trigger(target, "near");
      }
    },
    { rootMargin: AHEAD },
  );
  const watch = () => grid.querySelectorAll("[data-near]:not([data-watched])").forEach((link) => {
    link.dataset.watched = "";
    seen.observe(link);
  });
  new MutationObserver(watch).observe(grid, { childList: true });
  watch();
}

/** Boxes are shown at what is pointed at; by the button, everywhere. */
function boxes() {
  const button = document.getElementById("boxes");
  const show = (on) => {
    grid.classList.toggle("with-boxes", on);
    button.setAttribute("aria-pressed", String(on));
    localStorage.setItem(BOXES, on ? "yes" : "no");
  };
  const turn = () => show(button.getAttribute("aria-pressed") !== "true");
  button.hidden = false;
  button.addEventListener("click", turn);
  show(localStorage.getItem(BOXES) === "yes");
  keys({ b: { does: "show the faces of all photos, or not", run: turn } });
}

/** A photo whose file is gone says so instead of nothing. */
function gone() {
  const isPhoto = (target) => target.matches(".photo-tile > a > img");
  grid.addEventListener("error", (event) => isPhoto(event.target) && replace(event.target), true);
  // Those that failed before this script ran.
  for (const image of grid.querySelectorAll("img")) if (isPhoto(image) && image.complete && !image.naturalWidth) replace(image);
}

function replace(image) {
  const said = Object.assign(document.createElement("span"), { className: "tile-instead" });
  said.append(
    Object.assign(document.createElement("b"), { textContent: "The file is gone" }),
    Object.assign(document.createElement("span"), { textContent: "Its faces are kept" }),
  );
  image.closest("a").querySelector(".tile-boxes")?.remove();
  image.replaceWith(said);
}

/** Fields that say nothing stay out of the address. */
function filters() {
  const form = document.getElementById("filters");
  form?.addEventListener("submit", () => {
    for (const field of form.elements) field.disabled ||= field.name !== "" && field.value === "";
  });
  window.addEventListener("pageshow", () => {
    for (const field of form?.elements ?? []) field.disabled = false;
  });
}

if (grid) {
  roving(grid, ".photo-tile > a");
  ahead();
  boxes();
  gone();
}
filters();
names();
