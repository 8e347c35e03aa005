// From what is dropped or chosen to the files in it; folders are walked as they are needed.

const PICTURES = /\.(jpe?g|jpe|jfif|png|webp|bmp|gif|tiff?|svg|hei[cf]|avif)$/i;

/** What a file picker gave: files, each with its place in the folder that was chosen. */
export function* chosen(files) {
  for (const file of files) {
    const place = file.webkitRelativePath || file.name;
    if (!file.webkitRelativePath || isPicture(place)) yield { place, open: async () => file };
  }
}

/**
 * What was dropped. Call it while the drop is being handled: afterwards the browser has forgotten it. Files that were dropped
 * themselves are taken whatever they are called, so that the server says what is wrong with them; of a folder, pictures.
 */
export function dropped(transfer) {
  const roots = [...transfer.items]
    .filter((item) => item.kind === "file")
    .map((item) => item.webkitGetAsEntry?.() ?? item.getAsFile())
    .filter(Boolean);
  return walk(roots);
}

async function* walk(roots) {
  for (const root of roots) {
    if (root instanceof File) yield { place: root.name, open: async () => root };
    else if (root.isFile) yield entry(root);
    else yield* folder(root);
  }
}

async function* folder(root) {
  const reader = root.createReader();
  for (;;) {
    const some = await new Promise((done, failed) => reader.readEntries(done, failed)).catch(() => []);
    if (!some.length) return;
    for (const one of some) {
      if (one.isDirectory) yield* folder(one);
      else if (isPicture(one.name)) yield entry(one);
    }
  }
}

const entry = (one) => ({
  place: one.fullPath.replace(/^\//, ""),
  open: () => new Promise((done, failed) => one.file(done, failed)),
});

/** Whether a file of a folder is named as a picture, and is no hidden one. */
function isPicture(place) {
  const name = place.slice(place.lastIndexOf("/") + 1);
  return PICTURES.test(name) && !name.startsWith(".");
}
