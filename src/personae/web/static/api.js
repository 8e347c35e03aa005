// Calls to the JSON API in the project of the page, and the sentence that a toast says.

/** Name of the project that the page shows. */
export const project = () => document.body.dataset.project;

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

/** Whether an error says that nothing was heard of the server, so that the same may be asked again. */
export const silent = (error) => error.status === 0 || error.status === 503;

/** Return a key for something that is to be done once, however often it is asked for. */
export const newKey = () => [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");

/**
 * Ask the API. `body` is sent as JSON, or as it is when it is a FormData; the answer is what its JSON says. With the `key`
 * of before it is answered as before. Throws Refused with a sentence for a person.
 */
export async function api(method, path, body, { key = "", ...options } = {}) {
  const form = body instanceof FormData;
  let answer;
  try {
    answer = await fetch(inProject(path), {
      method,
      headers: {
        Accept: "application/json",
        ...(body && !form ? { "Content-Type": "application/json" } : {}),
        ...(key ? { "Idempotency-Key": key } : {}),
      },
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

/** Take an operation back, and tell the page; the second time with the key of the first. */
export async function undo(operation, key = newKey()) {
  const done = await api("POST", `/api/decisions/${operation}/undo`, undefined, { key });
  document.body.dispatchEvent(new CustomEvent("undone", { detail: { operation, by: done.id } }));
  return done;
}

/** Tell those who listen rather than look. */
export function announce(text) {
  document.getElementById("live").textContent = text;
}
