// The plot of a sequence: the frame that is pointed at is shown beside it, from the files that this tab has sent.

// A moment into a frame: at its very beginning some browsers still show the one before.
const INTO = 0.002;
let sent = [];
const addresses = new Map();

function addressOf(file) {
  if (!addresses.has(file)) addresses.set(file, URL.createObjectURL(file));
  return addresses.get(file);
}

function forget() {
  for (const address of addresses.values()) URL.revokeObjectURL(address);
  addresses.clear();
}

const isVideo = () => sent.length === 1 && !sent[0].type.startsWith("image/");

/** Show a frame of what was sent; `mark` is a dot of the plot or a button of the table. */
function show(result, mark) {
  const figure = result.querySelector(".frame-shown");
  const [picture, video] = [figure.querySelector("img"), figure.querySelector("video")];
  const frame = Number(mark.dataset.frame);
  const names = JSON.parse(result.dataset.names);
  const file = isVideo() ? sent[0] : sent.find((one) => one.name === names[frame]);
  if (!file) return;
  const dot = result.querySelector(`.dot[data-frame="${frame}"]`);
  figure.hidden = false;
  picture.hidden = isVideo();
  video.hidden = !isVideo();
  if (isVideo()) {
    if (video.dataset.name !== file.name) Object.assign(video, { src: addressOf(file) }).dataset.name = file.name;
    video.currentTime = Number((dot ?? mark).dataset.seconds ?? 0) + INTO;
  } else {
    picture.src = addressOf(file);
    picture.alt = `Frame ${frame}`;
  }
  figure.querySelector("figcaption").textContent = dot?.querySelector("title").textContent ?? `frame ${frame}`;
  for (const other of result.querySelectorAll(".dot.here")) other.classList.remove("here");
  dot?.classList.add("here");
}

/** Small pictures of the worst frames, in the table of drops. */
function thumbs(result) {
  const names = JSON.parse(result.dataset.names);
  for (const button of result.querySelectorAll(".drop-frame")) {
    const file = sent.find((one) => one.name === names[Number(button.dataset.frame)]);
    if (!file || isVideo()) continue;
    const picture = Object.assign(document.createElement("img"), { src: addressOf(file), width: 96, height: 72, alt: "", loading: "lazy" });
    button.replaceChildren(picture);
  }
}

/** Return the dot nearest to a place across the plot. */
function nearest(result, x) {
  let best;
  for (const dot of result.querySelectorAll(".dot")) {
    const box = dot.getBoundingClientRect();
    const away = Math.abs(box.left + box.width / 2 - x);
    if (!best || away < best.away) best = { dot, away };
  }
  return best && best.away < 24 ? best.dot : null;
}

function bind(result) {
  const plot = result.querySelector(".plot");
  const pointed = (event) => {
    const dot = nearest(result, event.clientX);
    if (dot) show(result, dot);
  };
  plot.addEventListener("pointermove", pointed);
  plot.addEventListener("click", pointed);
  result.addEventListener("click", (event) => {
    const button = event.target.closest(".drop-frame");
    if (button) show(result, button);
  });
  thumbs(result);
  const worst = result.querySelector(".drop-frame") ?? result.querySelector(".dot");
  if (worst) show(result, worst);
}

/** Begin to listen. */
export function start() {
  const form = document.querySelector("form[data-drop=frames]");
  if (!form) return;
  const words = form.querySelector("[data-sending]");
  form.addEventListener("htmx:beforeRequest", () => {
    forget();
    sent = [...form.elements.frames.files];
    words.textContent = `Sending ${sent.length === 1 ? sent[0].name : `${sent.length} frames`}…`;
  });
  form.addEventListener("htmx:xhr:progress", (event) => {
    const { loaded, total, lengthComputable } = event.detail;
    if (lengthComputable && loaded >= total) words.textContent = "Looking at the frames…";
  });
  document.body.addEventListener("htmx:afterSwap", (event) => {
    const result = event.detail.target.querySelector?.(".continuity");
    if (event.detail.target.id === "continuity" && result) bind(result);
  });
}
