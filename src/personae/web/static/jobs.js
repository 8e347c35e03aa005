// Rows of jobs that move by themselves: the bar as it goes, the whole row when its state is another.

import { announce, inProject } from "./api.js";
import { live } from "./live.js";
import { Pace } from "./pace.js";
import { localTimes } from "./times.js";

const paces = new Map();
const ENDED = { done: "done", failed: "failed", cancelled: "stopped" };

/** Fetch a part of a page; null while the server is away: whoever asks does so again when it is back. */
export async function fragment(from) {
  const answer = await fetch(inProject(from), { headers: { "HX-Request": "true" }, cache: "no-store" }).catch(() => null);
  return answer?.ok && !answer.redirected ? answer.text() : null;
}

/** Draw how far a job is. Returns whether its row is on the page. */
export async function draw(job) {
  const row = document.querySelector(`[data-job="${job.id}"]`);
  if (!row) return job.first && job.state in ENDED ? false : add(job);
  const state = `${job.state}${job.stopping ? " stopping" : ""}`;
  if (row.dataset.state !== state) await renew(row, job);
  else if (job.state === "running") move(row, job);
  return true;
}

function move(row, job) {
  const bar = row.querySelector("progress");
  if (!bar) return;
  const pace = paces.get(job.id) ?? new Pace();
  paces.set(job.id, pace);
  if (pace.doing !== job.doing) pace.reset();
  pace.doing = job.doing;
  if (job.total) {
    bar.max = job.total;
    bar.value = job.done;
    pace.note(job.done);
  } else {
    bar.removeAttribute("value");
  }
  row.querySelector("[data-doing]").textContent = job.doing;
  row.querySelector("[data-figures]").textContent = job.total ? `${job.done.toLocaleString("en")} of ${job.total.toLocaleString("en")}` : "";
  row.querySelector("[data-left]").textContent = pace.words(job.done, job.total);
}

const loaded = document.readyState === "complete" ? Promise.resolve() : new Promise((done) => { window.addEventListener("load", done, { once: true }); });

/** Fetch a row anew: of a page that shows one job alone, all that it shows. */
async function renew(row, job) {
  row.dataset.state = `${job.state}${job.stopping ? " stopping" : ""}`;
  const mine = `[data-job="${job.id}"]`;
  const drawn = await fragment("whole" in row.dataset ? `/jobs/${job.id}` : `/jobs/${job.id}/row`);
  if (drawn === null) {
    // The next news of this job draws it.
    row.dataset.state = "";
    return;
  }
  const focused = row.contains(document.activeElement);
  htmx.swap(row, drawn, { swapStyle: "outerHTML" }, { select: mine });
  const now = document.querySelector(mine);
  if (!now) return;
  localTimes(now);
  if (focused) (now.querySelector("button") ?? now.querySelector("a"))?.focus();
  if (job.state in ENDED) {
    paces.delete(job.id);
    announce(`${job.title}: ${ENDED[job.state]}`);
    // What a page shows of its outcome is fetched anew; before it is loaded, htmx does not listen yet.
    await loaded;
    htmx.trigger(document.body, "job-ended", { kind: job.kind });
  }
}

/** Put a job that is new at the head of a list that takes new ones. */
async function add(job) {
  const list = document.querySelector("[data-takes-new]");
  if (!list) return false;
  const place = document.createElement("li");
  place.className = "job";
  place.dataset.job = job.id;
  place.dataset.state = job.state;
  list.prepend(place);
  list.closest("[data-going-on]")?.removeAttribute("hidden");
  place.dataset.state = "";
  await renew(place, job);
  return true;
}

localTimes();
document.body.addEventListener("htmx:afterSwap", (event) => localTimes(event.target));
if (!document.querySelector("[data-arriving]")) live({ job: draw });
