// The review: the next question is shown at once, the answer goes its way beside it, and any of it can be taken back.

import { announce, api, complain, newKey, silent, undo } from "./api.js";
import { keys, roving } from "./keys.js";
import { ranges } from "./ranges.js";
import { mergeWith, showPhotoOf } from "./review_dialogs.js";
import { naming } from "./review_names.js";
import { Tally } from "./review_tally.js";
import { keysOf, Queue } from "./review_queue.js";
import { Outbox } from "./review_send.js";

const root = document.querySelector("[data-review]");
const stage = root.querySelector("[data-stage]");
const line = root.querySelector("[data-said]");
const writes = document.body.dataset.writes === "yes";
const tally = new Tally(root);
const queue = new Queue(root.dataset.only, (rest) => tally.rest(rest));
const outbox = new Outbox((waiting) => away(waiting));
const decided = [];
const REFRESH_AFTER = 12;
let whyOpen = false;
let sinceRefresh = 0;
let takingBack = false;
/** What the focus was on when it was pressed by keyboard: there it goes in the next question. */
let byKeyboard = "";

// What is shown

function show(focus = "") {
  const article = queue.current;
  if (article) {
    article.hidden = false;
    const why = article.querySelector("[data-why]");
    if (why) why.open = whyOpen;
    const field = article.querySelector("[data-name]");
    if (writes) naming(field, (who) => give(who));
    const faces = article.querySelector("[data-faces]");
    if (!faces.dataset.roves) {
      faces.dataset.roves = "yes";
      roving(faces, "input");
    }
    if (!writes) for (const one of article.querySelectorAll("button, input")) one.disabled = true;
    article.classList.toggle("ready", writes);
    stage.replaceChildren(article);
    if (focus) (article.querySelector(`[data-do=${focus}]`) ?? article.querySelector("[data-do]"))?.focus();
    announce(`${line.textContent} ${article.querySelector("h2").textContent} ${article.querySelector("legend").textContent}`);
  } else if (queue.none) {
    queue.none.hidden = false;
    stage.replaceChildren(queue.none);
  }
}

/** At first the server knows the groups alone. As soon as it has compared faces, its proposals take their place. */
async function refine() {
  const untouched = queue.current;
  while (queue.pending && queue.rough) {
    await new Promise((done) => { setTimeout(done, 1200); });
    await queue.fill({ limit: 1 }).catch(() => null);
  }
  if (queue.rough) return;
  await queue.renew().catch(() => null);
  const busy = queue.current?.querySelector("input:checked") || queue.current?.contains(document.activeElement);
  if (untouched && queue.current === untouched && !busy && queue.waiting.length) {
    queue.current = null;
    next();
  } else if (queue.current) queue.drop(keysOf(queue.current));
}

async function next() {
  const focus = byKeyboard;
  if (queue.next()) {
    show(focus);
    return;
  }
  try {
    await queue.fill();
  } catch (error) {
    complain(error);
  }
  if (!queue.current) {
    if (queue.waiting.length) queue.next();
    else if (queue.skipped.size) again();
    show();
    if (!queue.current && queue.pending) queue.later(() => { if (!queue.current) next(); });
  }
}

/** What was skipped comes again when nothing else is left. */
async function again() {
  queue.skipped.clear();
  tell("These are left: skipped before, or not who they seemed to be.");
  await queue.fill().catch(complain);
  if (!queue.current) {
    queue.next();
    show();
  }
}

function tell(text, entry = null) {
  const words = Object.assign(document.createElement("span"), { textContent: text });
  line.replaceChildren(words);
  if (!entry) return;
  const button = Object.assign(document.createElement("button"), { type: "button", className: "button small" });
  button.append("Undo ", Object.assign(document.createElement("kbd"), { className: "key-hint", textContent: "u" }));
  button.addEventListener("click", takeBack);
  line.append(button);
}

function away(waiting) {
  if (waiting) tell(`The server is away. ${waiting} answer${waiting === 1 ? " waits" : "s wait"} here and ${waiting === 1 ? "is" : "are"} sent when it is back.`);
  else if (line.textContent.startsWith("The server is away")) tell("The server is back.");
}

// What is decided

const but = (article) => [...article.querySelectorAll("input[name=but]:checked")].map((box) => Number(box.value));

function about(article) {
  const { cluster } = article.dataset;
  // More faces than were asked about are nobody's yes.
  if (cluster) return { cluster_id: Number(cluster), face_count: Number(article.dataset.count), but: but(article) };
  const face_ids = [...article.querySelectorAll("input[name=but]")].map((box) => Number(box.value));
  return { face_ids, but: but(article) };
}

/** Send an answer to the question that is shown, and go on before the server has said anything. */
function decide(path, body, words, { changes = [], again: later = false } = {}) {
  const article = queue.current;
  if (!article || !writes) return;
  for (const key of keysOf(article)) (later ? queue.skipped : queue.answered).add(key);
  article.querySelector("[data-name]").value = "";
  const entry = { article, path, operation: null, words };
  entry.sent = outbox.send(path, body).then(
    (said) => { entry.operation = said.operation ?? said.id; },
    (error) => refused(entry, error),
  );
  decided.push(entry);
  tally.add(article);
  if (changes.length) queue.drop(changes);
  tell(words, entry);
  next();
  sinceRefresh += 1;
  if (sinceRefresh >= REFRESH_AFTER) {
    sinceRefresh = 0;
    entry.sent.then(() => queue.refresh());
  }
}

/** The server has said no: the question comes back, unless somebody else has answered it. */
function refused(entry, error) {
  entry.failed = true;
  const at = decided.indexOf(entry);
  if (at >= 0) decided.splice(at, 1);
  tally.takeBack(entry.article);
  if ([404, 409].includes(error.status)) {
    for (const key of keysOf(entry.article)) queue.answered.delete(key);
    tell("");
    const perhaps = error.afterSilence ? " The server was away meanwhile: Audit says whether it had been done before." : "";
    complain(new Error(`Not done: ${error.message}. It is asked anew if anything of it is still open.${perhaps}`));
    queue.fill().catch(() => null);
    return;
  }
  queue.putBack(entry.article);
  show();
  complain(error);
}

const named = (article) => article.querySelector(".who")?.textContent;

function counted(article) {
  const count = Number(article.dataset.count) - but(article).length;
  return count === 1 ? "1 face is" : `${count.toLocaleString("en")} faces are`;
}

function yes(person, name) {
  const article = queue.current;
  if (!article) return;
  if (Number(article.dataset.count) === but(article).length) {
    complain(new Error("You have set every face aside: then the answer is no."));
    return;
  }
  decide("/review/answer", { answer: "yes", ...about(article), person_id: person }, `${counted(article)} ${name}.`);
}

function no() {
  const article = queue.current;
  if (!article?.dataset.person) return false;
  const body = { answer: "no", ...about(article), but: [], person_id: Number(article.dataset.person) };
  // Who a group is instead is asked at the end.
  decide("/review/answer", body, `Not ${named(article)}.`, { again: Boolean(article.dataset.cluster) });
  return true;
}

/** Give the faces to a person, or to one who is made by name. */
function give({ person, name }) {
  if (person) {
    yes(person, name);
    return;
  }
  const article = queue.current;
  decide("/review/answer", { answer: "yes", ...about(article), name }, `${counted(article)} ${name}.`);
  // Now that somebody is known who was not before, others may be like them.
  const latest = decided.at(-1);
  latest?.sent.then(() => queue.refresh());
}

function digit(number) {
  const article = queue.current;
  if (number === 1 && article?.dataset.person) {
    yes(Number(article.dataset.person), named(article));
    return true;
  }
  const button = article?.querySelector(`[data-digit="${number}"]`);
  if (!button) return false;
  yes(Number(button.dataset.candidate), button.querySelector(".name").textContent);
  return true;
}

function skip() {
  const article = queue.current;
  if (!article) return false;
  for (const key of keysOf(article)) queue.skipped.add(key);
  tally.pass(article);
  tell("Skipped; it comes again at the end.");
  next();
  return true;
}

function hide() {
  const article = queue.current;
  if (!article?.dataset.cluster) return false;
  decide("/review/answer", { answer: "hide", cluster_id: Number(article.dataset.cluster) }, "Hidden: not asked about, nor shown among the people.");
  return true;
}

/** Take the marked faces out of the group; with none marked, mark those where it comes apart. */
async function split() {
  const article = queue.current;
  const cluster = Number(article?.dataset.cluster);
  if (!cluster || !writes) return;
  const marked = but(article);
  if (!marked.length) {
    await propose(article, cluster);
    return;
  }
  // An undo brings the question back as it was.
  const before = article.cloneNode(true);
  delete before.querySelector("[data-faces]").dataset.roves;
  delete before.querySelector("[data-name]").dataset.ready;
  try {
    const said = await outbox.send("/review/split", { cluster_id: cluster, face_ids: marked });
    const entry = { article: before, operation: said.operation, words: "split", sent: Promise.resolve(), parts: [`group-${cluster}`, `group-${said.group}`] };
    decided.push(entry);
    queue.drop(entry.parts);
    if (queue.current === article) queue.current = null;
    await queue.about([cluster, said.group]);
    await next();
    tell(`${marked.length} face${marked.length === 1 ? "" : "s"} taken out: a new group, asked about next.`, entry);
  } catch (error) {
    complain(error);
  }
}

async function propose(article, cluster) {
  try {
    const found = await api("GET", `/review/groups/${cluster}/parts`);
    const wanted = new Set(found.face_ids);
    let marked = 0;
    for (const box of article.querySelectorAll("input[name=but]")) {
      box.checked = wanted.has(Number(box.value));
      marked += box.checked;
    }
    announce(`${marked} faces marked`);
    if (!found.sure) tell("They look like one person. These differ most: press s again to take them out, or click others.");
    else tell("This may be two people. Press s again to take the marked faces out.");
  } catch (error) {
    complain(error);
  }
}

async function merge() {
  const article = queue.current;
  const cluster = Number(article?.dataset.cluster);
  if (!cluster || !writes) return;
  const chosen = await mergeWith(cluster);
  if (!chosen || queue.current !== article) return;
  if (chosen.group) {
    decide(`/api/clusters/${cluster}/merge`, { cluster_id: chosen.group }, "Merged with the other group.", { changes: [`group-${chosen.group}`] });
  } else give(chosen);
}

/** Take the last decision back: its question is shown again. */
async function takeBack() {
  if (takingBack) return;
  const at = decided.length - 1;
  const entry = decided.pop();
  if (!entry) {
    tell("Nothing was decided here yet.");
    return;
  }
  takingBack = true;
  try {
    await entry.sent;
    if (entry.failed) return;
    entry.key ??= newKey();
    await undo(entry.operation, entry.key);
    if (entry.parts) {
      queue.drop(entry.parts);
      if (queue.current && entry.parts.includes(keysOf(queue.current)[0])) queue.current = null;
    } else tally.takeBack(entry.article);
    queue.putBack(entry.article);
    show();
    tell(`Taken back: ${entry.words.replace(/\.$/, "")}.`);
  } catch (error) {
    if (silent(error)) decided.splice(at, 0, entry);
    complain(error.status === 409 ? new Error(`Not taken back: ${error.message}.`) : error);
  } finally {
    takingBack = false;
  }
}

const photo = () => { if (queue.current) showPhotoOf(queue.current); };

function why() {
  const fold = queue.current?.querySelector("[data-why]");
  if (!fold) return false;
  whyOpen = !fold.open;
  fold.open = whyOpen;
  return true;
}

function toFaces(event) {
  const faces = queue.current?.querySelector("[data-faces]");
  if (!faces || faces.contains(event.target)) return false;
  faces.querySelector("input[tabindex='0']")?.focus();
  return true;
}

function toName() {
  const field = queue.current?.querySelector("[data-name]");
  field?.focus();
  return Boolean(field);
}

// How it is told

const actions = {
  yes: () => digit(1), no, skip, split, merge, hide, photo,
  candidate: (button) => digit(Number(button.dataset.digit)),
};

stage.addEventListener("click", (event) => {
  const button = event.target.closest("[data-do]");
  if (!button || !writes) return;
  event.preventDefault();
  // A click of the mouse leaves no focus behind: the space bar shall skip, not press the button again.
  byKeyboard = event.detail === 0 ? button.dataset.do : "";
  actions[button.dataset.do](button);
  byKeyboard = "";
});
stage.addEventListener("click", (event) => {
  if (event.detail > 0 && event.target.matches("input[name=but]")) event.target.blur();
});
ranges("[data-stage] input[name=but]");
stage.addEventListener("submit", (event) => {
  if (!queue.current) return;
  event.preventDefault();
  const name = queue.current.querySelector("[data-name]").value.trim();
  if (name) give({ name });
});

const answering = {
  y: { does: "yes, it is", run: () => digit(1) },
  n: { does: "no, it is not; never asked again", run: no },
  " ": { does: "skip; it comes again at the end", run: skip },
  "/": { does: "type who it is", run: toName },
  Enter: { does: "", run: toName },
  x: { does: "mark the face that has the focus: somebody else", run: (event) => { const box = event.target.closest?.("input[name=but]"); box?.click(); return Boolean(box); } },
  s: { does: "split: take the marked faces out; with none marked, propose which", run: () => { split(); } },
  m: { does: "merge with a person or another group", run: () => { merge(); } },
  h: { does: "hide: nobody I want to see", run: hide },
  o: { does: "see the whole photo", run: photo },
  w: { does: "why: scores, next candidate, model", run: why },
  u: { does: "undo the last decision", run: () => { takeBack(); } },
  ArrowRight: { does: "go to the faces", run: toFaces },
  ArrowDown: { does: "", run: toFaces },
};
for (let number = 1; number <= 9; number += 1) {
  answering[number] = { does: number === 1 ? "1 to 9: it is this candidate" : "", run: () => digit(number) };
}
if (writes) keys(answering);
else keys({ o: answering.o, w: answering.w, " ": answering[" "] });

queue.take(stage);
queue.next();
show();
if (!queue.current && queue.pending) queue.later(() => next());
if (queue.rough) refine();
else queue.fill().catch(() => null);
