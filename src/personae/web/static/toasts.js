// What was done, each with an Undo; also what went wrong. The key u takes the latest back.

import { complain, newKey, onUndone, project, silent, undo } from "./api.js";
import { keys } from "./keys.js";

const STAYS = 8000;
const MOST = 3;
const shown = [];
/** What can be taken back, the latest last: it stays when its toast goes. */
const done = [];

/** Show one; `said` is {text, operation, back, wrong}: Undo takes the operation back, or sends the form `back`. */
function show(said) {
  const toast = document.createElement("div");
  toast.className = said.wrong ? "toast wrong" : "toast";
  const words = document.createElement("span");
  words.textContent = said.text;
  toast.append(words);
  const entry = { toast, operation: said.operation ?? null, back: said.back ?? null };
  if (undoable(entry)) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "button";
    button.append("Undo ");
    const key = document.createElement("kbd");
    key.textContent = "u";
    button.append(key);
    button.addEventListener("click", () => takeBack(entry));
    toast.append(button);
  }
  document.getElementById(said.wrong ? "alarm" : "live").textContent = said.text;
  document.getElementById("toasts").append(toast);
  shown.push(entry);
  if (undoable(entry)) done.push(entry);
  while (shown.length > MOST) drop(shown[0]);
  wait(entry);
}

const undoable = (entry) => entry.operation !== null || entry.back !== null;

/** A toast stays while somebody points at it or has come to it by keyboard. */
function wait(entry) {
  const { toast } = entry;
  let timer = setTimeout(() => drop(entry), STAYS);
  const hold = () => clearTimeout(timer);
  const go = () => { clearTimeout(timer); timer = setTimeout(() => drop(entry), STAYS); };
  toast.addEventListener("pointerenter", hold);
  toast.addEventListener("focusin", hold);
  toast.addEventListener("pointerleave", go);
  toast.addEventListener("focusout", go);
}

function drop(entry) {
  const at = shown.indexOf(entry);
  if (at < 0) return;
  shown.splice(at, 1);
  entry.toast.remove();
}

function forget(gone) {
  for (const entry of done.filter(gone)) done.splice(done.indexOf(entry), 1);
}

async function takeBack(entry) {
  const { operation, back } = entry;
  drop(entry);
  forget((one) => one === entry);
  if (back) {
    send(back);
    return;
  }
  try {
    entry.key ??= newKey();
    await undo(operation, entry.key);
    show({ text: "Taken back." });
  } catch (error) {
    if (silent(error)) done.push(entry);
    complain(error);
  }
}

/** Send a form that takes something back; it comes before a look that is under way. */
async function send({ to, values, part }) {
  const form = document.createElement("form");
  form.hidden = true;
  form.setAttribute("hx-sync", `${part}:replace`);
  document.getElementById("toasts").append(form);
  await window.htmx.ajax("POST", to, { source: form, values, target: part, swap: "outerHTML" });
  form.remove();
}

/** What the page before has left to say to this one: another window may be on its way to another page. */
function left() {
  const kept = document.cookie.split("; ").find((part) => part.startsWith("said="));
  if (!kept) return;
  try {
    const bytes = Uint8Array.from(atob(kept.slice(5).replaceAll("-", "+").replaceAll("_", "/")), (one) => one.charCodeAt(0));
    const { to, project: of, text, operation } = JSON.parse(new TextDecoder().decode(bytes));
    if (new URL(to, location.href).pathname !== location.pathname || of !== project()) return;
    document.cookie = "said=; Max-Age=0; Path=/; SameSite=Lax";
    show({ text, operation });
  } catch {
    // Somebody else's cookie of this name says nothing to us.
  }
}

/** Begin to listen. */
export function start() {
  document.body.addEventListener("said", (event) => show(event.detail));
  keys({
    u: {
      does: "undo what was done last",
      run: () => {
        const latest = done.at(-1);
        if (latest) takeBack(latest);
        else show({ text: "Nothing was done on this page that can be taken back; Audit lists all that was decided." });
      },
    },
  });
  onUndone(({ operation }) => forget((one) => one.operation === operation));
  left();
}
