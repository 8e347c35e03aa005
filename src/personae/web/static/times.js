// Times as the clock on the wall says.

const FORM = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

/** Write every <time data-local> in the visitor's own way. */
export function localTimes(root = document) {
  for (const time of root.querySelectorAll("time[data-local]")) {
    time.textContent = FORM.format(new Date(time.dateTime));
    time.removeAttribute("data-local");
  }
}
