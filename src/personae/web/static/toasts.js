// What was done, each with an Undo; also what went wrong. The key u takes the latest back.

import { complain, undo } from "./api.js";
import { keys } from "./keys.js";

const STAYS = 8000;
const MOST = 3;
const shown = [];

/** Show one; `said` is {text, operation, wrong}. */
function show(said) {
  const toast = document.createElement("div");
  toast.className = said.wrong ? "toast wrong" : "toast";
  const words = document.createElement("span");
  words.textContent = said.text;
  toast.append(words);
  const entry = { toast, operation: said.operation ?? null };
  if (entry.operation !== null) {
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
  while (shown.length > MOST) drop(shown[0]);
  wait(entry);
}

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

async function takeBack(entry) {
  const { operation } = entry;
  drop(entry);
  try {
    await undo(operation);
    show({ text: "Taken back." });
  } catch (error) {
    complain(error);
  }
}

/** What the page before has left to say. */
function left() {
  const kept = document.cookie.split("; ").find((part) => part.startsWith("said="));
  if (!kept) return;
  document.cookie = "said=; Max-Age=0; Path=/; SameSite=Lax";
  try {
    const bytes = atob(kept.slice(5).replaceAll("-", "+").replaceAll("_", "/"));
    show(JSON.parse(bytes));
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
        const latest = shown.findLast((entry) => entry.operation !== null);
        if (latest) takeBack(latest);
      },
    },
  });
  left();
}
