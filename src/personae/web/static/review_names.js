// A field for a name that proposes who is known.

import { page } from "./review_queue.js";

const AFTER = 90;
let count = 0;

/** Make a field propose people. `chosen({person, name})` is called with a person's id, or with the name as typed. */
export function naming(field, chosen) {
  const list = field.parentElement.querySelector("[role=listbox]");
  if (!list || field.dataset.ready) return;
  field.dataset.ready = "yes";
  count += 1;
  list.id = `proposals-${count}`;
  field.setAttribute("aria-controls", list.id);
  field.setAttribute("role", "combobox");
  field.setAttribute("aria-autocomplete", "list");
  field.setAttribute("aria-expanded", "false");
  let timer = 0;
  let asked = "";

  const options = () => [...list.children];
  const marked = () => list.querySelector("[aria-selected=true]");
  const close = () => {
    list.hidden = true;
    field.setAttribute("aria-expanded", "false");
    field.removeAttribute("aria-activedescendant");
  };
  const mark = (option) => {
    for (const other of options()) other.setAttribute("aria-selected", String(other === option));
    if (option) {
      field.setAttribute("aria-activedescendant", option.id);
      option.scrollIntoView({ block: "nearest" });
    }
  };
  const take = (option) => {
    const person = option?.dataset.person;
    const name = field.value.trim();
    if (!person && !name) return;
    close();
    chosen(person ? { person: Number(person), name: option.dataset.name } : { name });
  };

  const show = (found, typed) => {
    const people = [...found.querySelectorAll("[role=option]")];
    const same = people.find((one) => key(one.dataset.name) === key(typed));
    list.replaceChildren(...people);
    if (!same) list.append(newPerson(typed));
    options().forEach((option, at) => { option.id = `${list.id}-${at}`; });
    list.hidden = false;
    field.setAttribute("aria-expanded", "true");
    const begins = people.filter((one) => key(one.dataset.name).startsWith(key(typed)));
    mark(same ?? (typed.length > 1 && begins.length === 1 ? begins[0] : options().at(-1)));
  };

  const ask = async () => {
    const typed = field.value.trim();
    asked = typed;
    if (!typed) {
      close();
      return;
    }
    try {
      const found = await page(`/review/names?q=${encodeURIComponent(typed)}`);
      if (asked === typed && field.isConnected && document.activeElement === field) show(found, typed);
    } catch {
      // Without proposals the name can be given all the same.
    }
  };

  field.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(ask, AFTER);
  });
  field.addEventListener("blur", () => { setTimeout(close, 150); });
  list.addEventListener("mousedown", (event) => event.preventDefault());
  list.addEventListener("click", (event) => {
    const option = event.target.closest("[role=option]");
    if (option) take(option);
  });
  field.addEventListener("keydown", (event) => {
    const all = list.hidden ? [] : options();
    const at = all.indexOf(marked());
    if (event.key === "ArrowDown" && all.length) mark(all[(at + 1) % all.length]);
    else if (event.key === "ArrowUp" && all.length) mark(all[(at + all.length - 1) % all.length]);
    else if (event.key === "Escape") {
      // The first time the proposals go, then the field is left.
      if (list.hidden) field.blur();
      else close();
    } else if (event.key === "Enter") {
      clearTimeout(timer);
      // Proposals for what was typed before do not count.
      take(event.shiftKey || list.hidden || asked !== field.value.trim() ? null : marked());
    } else return;
    event.preventDefault();
    event.stopPropagation();
  });
}

const key = (text) => text.normalize("NFKC").toLowerCase();

function newPerson(typed) {
  const option = document.createElement("li");
  option.setAttribute("role", "option");
  option.className = "new-person";
  option.append("New person ", Object.assign(document.createElement("b"), { textContent: typed }));
  return option;
}
