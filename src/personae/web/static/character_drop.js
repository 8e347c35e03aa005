// Pictures dropped on a part of the page: they are put into its file field, as if they had been chosen there.

const carries = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
const zoneOf = (target) => (target instanceof Element ? target.closest("[data-drop]") : null);

function mark(zone) {
  for (const other of document.querySelectorAll(".dropping")) if (other !== zone) other.classList.remove("dropping");
  zone?.classList.add("dropping");
}

/** Return the files as their names count: frame_2 comes before frame_10. */
export function ordered(files) {
  const collator = new Intl.Collator(undefined, { numeric: true });
  return [...files].sort((one, other) => collator.compare(one.name, other.name));
}

function put(zone, files) {
  const field = zone.querySelector(`input[type=file][name="${zone.dataset.drop}"]`);
  if (!field || !files.length) return;
  const kept = new DataTransfer();
  for (const file of field.multiple ? ordered(files) : files.slice(0, 1)) kept.items.add(file);
  field.files = kept.files;
  field.dispatchEvent(new Event("change", { bubbles: true }));
}

/** Begin to listen; a file that misses its place opens nothing. */
export function start() {
  document.addEventListener("dragover", (event) => {
    if (!carries(event)) return;
    event.preventDefault();
    const zone = zoneOf(event.target);
    event.dataTransfer.dropEffect = zone ? "copy" : "none";
    mark(zone);
  });
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) mark(null);
  });
  // So that the same files can be chosen once more.
  document.body.addEventListener("htmx:afterRequest", (event) => {
    if (event.target.matches?.("form.dropzone")) event.target.reset();
  });
  document.addEventListener("drop", (event) => {
    if (!carries(event)) return;
    event.preventDefault();
    mark(null);
    const zone = zoneOf(event.target);
    if (zone) put(zone, [...event.dataTransfer.files]);
  });
}
