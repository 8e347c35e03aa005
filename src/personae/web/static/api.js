// Calls to the JSON API in the project of the page, and the sentence that a toast says.

const project = () => document.body.dataset.project;

/** Return an address of the API with the page's project in it; pictures take it from here. */
export function inProject(path) {
  return `${path}${path.includes("?") ? "&" : "?"}project=${encodeURIComponent(project())}`;
}

/** What the server answered, or why it did not. `status` is 0 when it is away. */
export class Refused extends Error {
  constructor(sentence, status, kind) {
    super(sentence);
    this.status = status;
    this.kind = kind;
  }
}

/**
 * Ask the API. `body` is sent as JSON, or as it is when it is a FormData; the answer is what its JSON says.
 * Throws Refused with a sentence for a person.
 */
export async function api(method, path, body, options = {}) {
  const form = body instanceof FormData;
  let answer;
  try {
    answer = await fetch(inProject(path), {
      method,
      headers: { Accept: "application/json", ...(body && !form ? { "Content-Type": "application/json" } : {}) },
      body: body === undefined ? undefined : form ? body : JSON.stringify(body),
      credentials: "same-origin",
      ...options,
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refused("The server does not answer; try again in a moment.", 0, "Away");
  }
  const said = answer.status === 204 ? null : await answer.json().catch(() => null);
  if (answer.status === 401) signIn();
  if (!answer.ok) throw new Refused(said?.detail ?? "The server made a mistake.", answer.status, said?.error ?? "");
  return said;
}

/** Lead to the sign-in, and back here afterwards. */
export function signIn() {
  location.assign(`/signin?next=${encodeURIComponent(location.pathname + location.search)}`);
}

/** Have a toast say what was done; with the id of an operation it can be taken back. */
export function say(text, operation = null) {
  document.body.dispatchEvent(new CustomEvent("said", { detail: { text, operation } }));
}

/** Have a toast say what went wrong. */
export function complain(error) {
  if (error?.name === "AbortError") return;
  document.body.dispatchEvent(new CustomEvent("said", { detail: { text: error?.message ?? String(error), wrong: true } }));
}

/** Call back with {operation} whenever an operation was taken back on this page. */
export function onUndone(callback) {
  document.body.addEventListener("undone", (event) => callback(event.detail));
}

/** Take an operation back, and tell the page. */
export async function undo(operation) {
  const done = await api("POST", `/api/decisions/${operation}/undo`);
  document.body.dispatchEvent(new CustomEvent("undone", { detail: { operation, by: done.id } }));
  return done;
}

/** Tell those who listen rather than look. */
export function announce(text) {
  document.getElementById("live").textContent = text;
}
