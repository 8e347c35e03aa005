// The list of people: arrows move through the cards.

import { roving } from "./keys.js";

function arrows() {
  for (const grid of document.querySelectorAll(".people-grid:not([data-roves])")) {
    grid.dataset.roves = "";
    roving(grid, ".person-card, .more-row a");
  }
}

arrows();
document.body.addEventListener("htmx:afterSettle", arrows);
