// The page of a character.

import * as continuity from "./character_continuity.js";
import * as drop from "./character_drop.js";
import { onReferences, refresher } from "./character_live.js";
import * as selector from "./character_selector.js";

const page = document.querySelector("[data-character]");

drop.start();
if (page) {
  // Whoever took back that this is a character, or deleted it elsewhere, has no page of it any more.
  document.body.addEventListener("htmx:responseError", (event) => {
    if (event.detail.elt.id === "anchors" && event.detail.xhr.status === 404) location.assign("/characters");
  });
  selector.start();
  continuity.start();
  const anchors = refresher("#anchors");
  const scores = refresher("#checks");
  onReferences((changed) => {
    if (changed && String(changed.person_id) !== page.dataset.character) return;
    if (changed?.status === "deleted") {
      location.assign("/characters");
      return;
    }
    anchors();
    if (changed && String(changed.version) === page.dataset.version) return;
    if (changed) page.dataset.version = changed.version;
    scores();
  });
}
