// Over the review: the whole photo of a face, and with whom a group is one.

import { complain, inProject } from "./api.js";
import { naming } from "./review_names.js";
import { page } from "./review_queue.js";

/** Show the photo of a face, with a box around it. `box` is the face's checkbox. */
function showPhoto(box) {
  const dialog = document.querySelector("[data-photo]");
  const picture = dialog.querySelector("img");
  const frame = dialog.querySelector(".photo-box");
  const { image } = box.dataset;
  frame.hidden = true;
  picture.onload = () => place(frame, box.dataset, picture);
  picture.onerror = () => { frame.hidden = true; };
  picture.src = inProject(`/api/images/${image}/thumbnail`);
  dialog.querySelector("[data-photo-link]").href = `/photos/${image}`;
  dialog.showModal();
}

/** The box is in pixels of the photo, and the picture is a smaller copy of it. */
async function place(frame, data, picture) {
  const answer = await fetch(inProject(`/api/images/${data.image}`)).catch(() => null);
  if (!answer?.ok || !picture.complete) return;
  const { width, height } = await answer.json();
  const [x, y, wide, high] = data.box.split(" ").map(Number);
  const share = (part, whole) => `${(100 * part) / whole}%`;
  Object.assign(frame.style, { left: share(x, width), top: share(y, height), width: share(wide, width), height: share(high, height) });
  frame.hidden = false;
}

/** Ask with whom a group is one; the promise is of {group}, {person, name}, {name} or null. */
export function mergeWith(cluster) {
  const dialog = document.querySelector("[data-merge]");
  const groups = dialog.querySelector("[data-merge-groups]");
  const field = dialog.querySelector("[data-merge-name]");
  groups.replaceChildren();
  field.value = "";
  let chosen = null;
  const choose = (what) => {
    chosen = what;
    dialog.close();
  };
  dialog.choose = choose;
  naming(field, (what) => dialog.choose(what));
  groups.onclick = (event) => {
    const group = event.target.closest("[data-group]")?.dataset.group;
    if (group) choose({ group: Number(group) });
  };
  page(`/review/groups/${cluster}/alike`)
    .then((found) => groups.replaceChildren(...found.children))
    .catch(complain);
  dialog.showModal();
  field.focus();
  return new Promise((done) => { dialog.addEventListener("close", () => done(chosen), { once: true }); });
}

/** Show the photo of the face that has the focus, else of the first one asked about. */
export function showPhotoOf(article) {
  const focused = document.activeElement?.closest?.("input[name=but]");
  const box = focused && article.contains(focused) ? focused : article.querySelector("input[name=but]");
  if (box) showPhoto(box);
}
