// Keys that do something on a page, the list of them at `?`, and moving through a grid by arrows.

const known = new Map();
const OFF = "personae.keys.off";

/**
 * Have keys do something: keys({n: {does: "next", run: fn}}). A key is KeyboardEvent.key, or "Shift+x" and the like. What is
 * given later outranks what was given before. `run` may return false: the key was not for it. Returns a function that
 * takes them away again.
 */
export function keys(map) {
  for (const [key, what] of Object.entries(map)) known.set(key, [...(known.get(key) ?? []), what]);
  return () => {
    for (const [key, what] of Object.entries(map)) known.set(key, (known.get(key) ?? []).filter((one) => one !== what));
  };
}

/** Whether keys are switched off: some use the page by voice, or by a device that types. */
export const off = () => localStorage.getItem(OFF) === "yes";

function typing(target) {
  if (!(target instanceof HTMLElement)) return false;
  if (target.isContentEditable || target.matches("textarea, select")) return true;
  return target.matches("input:not([type=checkbox], [type=radio], [type=button], [type=submit], [type=range])");
}

function pressed(event) {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (typing(event.target) || (off() && event.key !== "?")) return;
  if (document.querySelector("dialog[open]:not([data-keys])")) return;
  // A button or link is pressed by these itself.
  if (["Enter", " "].includes(event.key) && event.target.closest?.("a, button, summary, [role=button], input")) return;
  const name = event.shiftKey && /^[a-z]$/i.test(event.key) ? `Shift+${event.key.toLowerCase()}` : event.key;
  for (const what of [...(known.get(name) ?? [])].reverse()) {
    if (what.run(event) !== false) {
      event.preventDefault();
      return;
    }
  }
}

/** Show what the keys do. */
function help() {
  document.querySelector("dialog.help")?.remove();
  const dialog = document.createElement("dialog");
  dialog.className = "help";
  dialog.setAttribute("aria-labelledby", "help-title");
  const title = Object.assign(document.createElement("h2"), { id: "help-title", textContent: "Keys on this page" });
  const list = Object.assign(document.createElement("dl"), { className: "keys" });
  for (const [key, all] of known) {
    const what = all.at(-1);
    if (!what?.does) continue;
    const term = document.createElement("dt");
    term.append(Object.assign(document.createElement("kbd"), { textContent: shownAs(key) }));
    list.append(term, Object.assign(document.createElement("dd"), { textContent: what.does }));
  }
  const form = Object.assign(document.createElement("form"), { method: "dialog", className: "actions" });
  const toggle = Object.assign(document.createElement("button"), {
    type: "button", className: "button quiet", textContent: off() ? "Switch keys on" : "Switch keys off",
  });
  toggle.addEventListener("click", () => {
    localStorage.setItem(OFF, off() ? "no" : "yes");
    toggle.textContent = off() ? "Switch keys on" : "Switch keys off";
  });
  form.append(toggle, Object.assign(document.createElement("button"), { className: "button primary", textContent: "Close" }));
  dialog.append(title, list, form);
  document.body.append(dialog);
  dialog.addEventListener("close", () => dialog.remove());
  dialog.showModal();
  form.lastElementChild.focus();
}

const SHOWN = { ArrowLeft: "←", ArrowRight: "→", ArrowUp: "↑", ArrowDown: "↓", " ": "space", Escape: "esc", Enter: "↵" };

function shownAs(key) {
  return key.split("+").map((part) => SHOWN[part] ?? part).join(" + ");
}

/**
 * Let arrow keys, Home and End move through the items of a grid, of which one at a time is in the tab order. Items that come
 * later are taken in. Returns the item that is current.
 */
export function roving(container, selector) {
  const items = () => [...container.querySelectorAll(selector)];
  const set = (item) => {
    for (const other of items()) other.tabIndex = other === item ? 0 : -1;
  };
  const first = () => {
    const all = items();
    if (all.length && !all.some((item) => item.tabIndex === 0)) all[0].tabIndex = 0;
  };
  for (const item of items()) item.tabIndex = -1;
  first();
  new MutationObserver(() => {
    const current = items().filter((item) => item.tabIndex === 0);
    for (const item of items()) if (item !== current[0]) item.tabIndex = -1;
    first();
  }).observe(container, { childList: true, subtree: true });
  container.addEventListener("focusin", (event) => {
    const item = event.target.closest(selector);
    if (item && container.contains(item)) set(item);
  });
  container.addEventListener("keydown", (event) => {
    if (typing(event.target) || event.ctrlKey || event.metaKey || event.altKey) return;
    const all = items();
    const at = all.indexOf(event.target.closest(selector));
    const to = at < 0 ? undefined : moved(all, at, event.key);
    if (!to) return;
    event.preventDefault();
    set(to);
    to.focus();
    to.scrollIntoView({ block: "nearest" });
  });
  return () => items().find((item) => item.tabIndex === 0);
}

/** Return the item that a key leads to from one, by where they lie on the page. */
function moved(all, at, key) {
  if (key === "Home") return all[0];
  if (key === "End") return all.at(-1);
  if (key === "ArrowRight") return all[at + 1];
  if (key === "ArrowLeft") return all[at - 1];
  if (key !== "ArrowDown" && key !== "ArrowUp") return undefined;
  const from = all[at].getBoundingClientRect();
  const middle = (box) => box.left + box.width / 2;
  const down = key === "ArrowDown";
  let best;
  for (const item of down ? all.slice(at + 1) : all.slice(0, at).reverse()) {
    const box = item.getBoundingClientRect();
    if (down ? box.top < from.bottom - 1 : box.bottom > from.top + 1) continue;
    if (best && Math.abs(box.top - best.box.top) > 2) break;
    const away = Math.abs(middle(box) - middle(from));
    if (!best || away < best.away) best = { item, box, away };
  }
  return best?.item;
}

/** Begin to listen. */
export function start() {
  document.addEventListener("keydown", pressed);
  keys({
    "?": { does: "show this list", run: help },
    "/": {
      does: "search",
      run: () => {
        const field = document.querySelector("main input[type=search]");
        field?.focus();
        field?.select();
        return Boolean(field);
      },
    },
  });
}
