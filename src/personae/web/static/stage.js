// A photo with boxes over it, and a list of its faces beside it.

/** What is written on the photo is as large on every screen. */
export function scaled(stage) {
  if (!stage) return;
  const fit = () => {
    const drawn = stage.querySelector(".canvas-boxes")?.getScreenCTM();
    if (drawn?.a) stage.style.setProperty("--pixel", String(1 / drawn.a));
  };
  new ResizeObserver(fit).observe(stage);
  fit();
}

const card = (face) => document.querySelector(`.seen[data-face="${face}"]`);
const box = (face) => document.querySelector(`#canvas-boxes [data-box="${face}"]`);

/** Pointing at a face, in the photo or in the list, shows it in the other. `chosen(face)` is called for a click. */
export function pointing(chosen = (face) => card(face)?.focus()) {
  const light = (face, on) => {
    box(face)?.classList.toggle("lit", on);
    card(face)?.classList.toggle("lit", on);
  };
  const faceOf = (target) => {
    const found = target.closest?.(".seen, #canvas-boxes [data-box]");
    return found?.dataset.face ?? found?.dataset.box;
  };
  for (const [name, on] of [["pointerover", true], ["pointerout", false], ["focusin", true], ["focusout", false]]) {
    document.addEventListener(name, (event) => {
      const face = faceOf(event.target);
      if (face) light(face, on);
    });
  }
  document.addEventListener("click", (event) => {
    const link = event.target.closest("#canvas-boxes [data-box]");
    if (!link) return;
    event.preventDefault();
    chosen(link.dataset.box);
  });
}
