// A click with shift ticks all boxes from the one clicked before to this one.

/** `selector` finds the boxes, in their order; `changed` is called when any of them has changed. */
export function ranges(selector, changed = () => {}) {
  let shift = false;
  let last = null;
  document.addEventListener("click", (event) => { shift = event.shiftKey; }, true);
  document.addEventListener("change", ({ target }) => {
    if (!target.matches?.(selector)) return;
    const all = [...document.querySelectorAll(selector)];
    if (shift && all.includes(last)) {
      const [from, to] = [all.indexOf(last), all.indexOf(target)].sort((a, b) => a - b);
      for (const one of all.slice(from, to + 1)) one.checked = target.checked;
    }
    last = target;
    changed();
  });
}
