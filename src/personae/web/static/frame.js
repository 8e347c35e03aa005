// What every page has: keys, toasts, menus that close, and htmx told how to behave.

import { complain, inProject, project, signIn } from "./api.js";
import * as keys from "./keys.js";
import * as toasts from "./toasts.js";

const AFTER_LOAD = 600;
const AFTER_CHANGE = 2500;
const AFTER_OUTDATED = 10_000;

/** Menus are <details>: they close when somebody goes elsewhere. */
function menus() {
  const open = () => document.querySelectorAll("details.menu[open]");
  document.addEventListener("click", (event) => {
    for (const menu of open()) if (!menu.contains(event.target)) menu.open = false;
  });
  document.addEventListener("focusin", (event) => {
    for (const menu of open()) if (!menu.contains(event.target)) menu.open = false;
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const menu of open()) {
      menu.open = false;
      menu.querySelector("summary").focus();
    }
  });
}

/** Fields that send their form as soon as they change. */
function submitting() {
  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-submits]")) event.target.form.requestSubmit();
  });
}

/** What htmx is refused is said in a toast: the header of the answer has the sentence; without an answer, we do. */
function requests() {
  document.body.addEventListener("htmx:sendError", () => complain(new Error("The server does not answer; try again in a moment.")));
  document.body.addEventListener("htmx:timeout", () => complain(new Error("The server takes too long; try again in a moment.")));
  document.body.addEventListener("htmx:responseError", (event) => {
    const { xhr } = event.detail;
    if (xhr.status === 401) signIn();
    else if (!xhr.getResponseHeader("HX-Trigger")) complain(new Error("The server made a mistake; its log says which."));
  });
}

/** Show how many questions wait beside Review: what was known a moment ago at once, then what is so now. */
function waiting() {
  const marks = document.querySelectorAll("[data-waiting]");
  const kept = `personae.waiting.${document.body.dataset.project}`;
  const show = (count) => {
    for (const mark of marks) {
      mark.hidden = !count;
      mark.textContent = count > 999 ? `${Math.floor(count / 1000)}k` : String(count);
      mark.parentElement.setAttribute("aria-label", count ? `Review, ${count} waiting` : "Review");
    }
  };
  const ask = async () => {
    const answer = await fetch(inProject("/waiting"), { headers: { Accept: "application/json" } }).catch(() => null);
    if (!answer?.ok || answer.redirected) return;
    const { waiting: count, outdated } = await answer.json();
    sessionStorage.setItem(kept, String(count));
    show(count);
    if (outdated) soon(AFTER_OUTDATED);
  };
  let timer = null;
  const soon = (pause) => { clearTimeout(timer); timer = setTimeout(ask, pause); };
  if (!marks.length) return;
  show(Number(sessionStorage.getItem(kept) ?? 0));
  soon(AFTER_LOAD);
  document.body.addEventListener("said", () => soon(AFTER_CHANGE));
  document.body.addEventListener("undone", () => soon(AFTER_CHANGE));
}

/** Another window may have chosen another project: what this one asks for, and opens, is of its own. */
function ownProject() {
  document.body.addEventListener("htmx:configRequest", (event) => {
    event.detail.headers["X-Project"] = encodeURIComponent(project());
  });
  if (!document.querySelector("form.project")) return;
  const chosen = `project=${encodeURIComponent(project())}`;
  const choose = () => {
    if (!document.cookie.split("; ").includes(chosen)) document.cookie = `${chosen}; Path=/; Max-Age=31536000; SameSite=Lax`;
  };
  for (const moment of ["focus", "beforeunload"]) addEventListener(moment, choose);
}

keys.start();
toasts.start();
menus();
submitting();
requests();
ownProject();
waiting();
