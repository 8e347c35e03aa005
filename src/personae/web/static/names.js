// Names that somebody may be typing, under the field: a combobox over /people/names.
//
// A field with data-names proposes people who are known. With data-names="FIELD" the hidden field of that name, beside it,
// takes the number of the person who was picked, so that of two of one name the right one is meant.

import { inProject } from "./api.js";

const WAIT = 120;
let count = 0;

class Names {
  constructor(field) {
    this.field = field;
    this.found = [];
    this.at = -1;
    this.list = document.createElement("ul");
    this.list.className = "proposals";
    this.list.id = `proposals-${++count}`;
    this.list.setAttribute("role", "listbox");
    this.list.setAttribute("aria-label", "People who are known");
    this.list.hidden = true;
    field.parentElement.append(this.list);
    field.setAttribute("role", "combobox");
    field.setAttribute("aria-autocomplete", "list");
    field.setAttribute("aria-controls", this.list.id);
    field.setAttribute("aria-expanded", "false");
    field.addEventListener("input", () => this.typed());
    field.addEventListener("keydown", (event) => this.key(event));
    field.addEventListener("blur", () => setTimeout(() => this.close(), 150));
  }

  picked() {
    const name = this.field.dataset.names;
    return name ? this.field.parentElement.querySelector(`input[type=hidden][name="${name}"]`) : null;
  }

  typed() {
    const hidden = this.picked();
    if (hidden) hidden.disabled = true;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.ask(), WAIT);
  }

  async ask() {
    const text = this.field.value.trim();
    this.asking?.abort();
    if (!text) return this.close();
    this.asking = new AbortController();
    try {
      const answer = await fetch(inProject(`/people/names?q=${encodeURIComponent(text)}`), { signal: this.asking.signal });
      if (answer.ok) this.show(await answer.json());
    } catch (error) {
      if (error.name !== "AbortError") this.close();
    }
  }

  show(found) {
    this.found = found;
    this.at = -1;
    this.list.replaceChildren(...found.map((person, at) => this.item(person, at)));
    this.list.hidden = !found.length;
    this.field.setAttribute("aria-expanded", String(Boolean(found.length)));
    this.field.removeAttribute("aria-activedescendant");
  }

  item(person, at) {
    const item = document.createElement("li");
    item.id = `${this.list.id}-${at}`;
    item.setAttribute("role", "option");
    item.setAttribute("aria-selected", "false");
    if (person.face) {
      const crop = Object.assign(document.createElement("img"), {
        className: "crop", src: inProject(`/api/faces/${person.face}/crop`), width: 36, height: 36, alt: "",
      });
      item.append(crop);
    }
    const words = Object.assign(document.createElement("span"), { textContent: person.name });
    const faces = Object.assign(document.createElement("span"), {
      className: "soft small number", textContent: `${person.faces} ${person.faces === 1 ? "face" : "faces"}`,
    });
    item.append(words, faces);
    // Before the field loses the focus.
    item.addEventListener("pointerdown", (event) => {
      event.preventDefault();
      this.pick(at);
    });
    return item;
  }

  key(event) {
    const open = !this.list.hidden;
    if (event.key === "Escape" && open) {
      event.preventDefault();
      event.stopPropagation();
      this.close();
    } else if ((event.key === "ArrowDown" || event.key === "ArrowUp") && open) {
      event.preventDefault();
      const step = event.key === "ArrowDown" ? 1 : -1;
      this.mark((this.at + step + this.found.length + (this.at < 0 && step < 0 ? 1 : 0)) % this.found.length);
    } else if (event.key === "Enter" && open && this.at >= 0) {
      // Picks; a second Enter sends.
      event.preventDefault();
      this.pick(this.at);
    }
  }

  mark(at) {
    this.at = at;
    [...this.list.children].forEach((item, i) => item.setAttribute("aria-selected", String(i === at)));
    this.field.setAttribute("aria-activedescendant", `${this.list.id}-${at}`);
    this.list.children[at].scrollIntoView({ block: "nearest" });
  }

  pick(at) {
    this.field.value = this.found[at].name;
    const hidden = this.picked();
    if (hidden) {
      hidden.value = this.found[at].id;
      hidden.disabled = false;
    }
    this.close();
    this.field.focus();
  }

  close() {
    clearTimeout(this.timer);
    this.list.hidden = true;
    this.field.setAttribute("aria-expanded", "false");
    this.field.removeAttribute("aria-activedescendant");
  }
}

/** Give every field that asks for it its proposals; call again when fields have come. */
export function names(root = document) {
  for (const field of root.querySelectorAll("input[data-names]:not([role=combobox])")) new Names(field);
}
