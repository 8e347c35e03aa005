// The list of characters: statuses as they change, and the picture of a new one shown before it is sent.

import * as drop from "./character_drop.js";
import { onReferences, refresher } from "./character_live.js";
import { keys } from "./keys.js";

const menu = document.querySelector(".add-character");
const name = document.getElementById("name");

drop.start();
const refresh = refresher("#characters");
onReferences(refresh);

menu?.addEventListener("toggle", () => {
  if (menu.open) name.focus();
});
document.getElementById("picture")?.addEventListener("change", (event) => {
  const shown = document.getElementById(event.target.dataset.shows);
  URL.revokeObjectURL(shown.src);
  const file = event.target.files[0];
  shown.hidden = !file;
  if (file) shown.src = URL.createObjectURL(file);
});
if (name) {
  keys({
    a: { does: "add a character", run: () => (menu ? void (menu.open = true) : name.focus()) },
  });
}
