// Finding a person on the map by a part of the name.

const MOST = 8;

/** `points` returns what there is; `choose` is given the group that was chosen, 0 for none. */
export function search(root, points, choose) {
  const field = root.querySelector("#map-find");
  const list = root.querySelector("#map-found");
  let found = [];
  let at = -1;

  function look() {
    const wanted = field.value.trim().toLocaleLowerCase();
    const { people, sizes } = points();
    found = !wanted ? [] : Object.entries(people)
      .filter(([id, name]) => name.toLocaleLowerCase().includes(wanted) && sizes.has(Number(id)))
      .sort((a, b) => sizes.get(Number(b[0])) - sizes.get(Number(a[0])))
      .slice(0, MOST);
    at = found.length ? 0 : -1;
    draw(wanted);
  }

  function draw(wanted) {
    const { sizes } = points();
    list.replaceChildren(...found.map(([id, name], i) => {
      const row = Object.assign(document.createElement("li"), { id: `map-found-${i}` });
      row.setAttribute("role", "option");
      row.setAttribute("aria-selected", String(i === at));
      row.append(Object.assign(document.createElement("span"), { className: "name", textContent: name }),
        Object.assign(document.createElement("span"), { className: "soft number", textContent: sizes.get(Number(id)).toLocaleString("en") }));
      row.addEventListener("pointerdown", (event) => { event.preventDefault(); take(i); });
      return row;
    }));
    if (wanted && !found.length) {
      const none = Object.assign(document.createElement("li"), { className: "soft", textContent: "Nobody of this name is on the map" });
      none.setAttribute("role", "option");
      none.setAttribute("aria-disabled", "true");
      list.append(none);
    }
    list.hidden = !wanted;
    field.setAttribute("aria-expanded", String(!list.hidden));
    if (at >= 0) field.setAttribute("aria-activedescendant", `map-found-${at}`);
    else field.removeAttribute("aria-activedescendant");
  }

  function close() {
    list.hidden = true;
    field.setAttribute("aria-expanded", "false");
    field.removeAttribute("aria-activedescendant");
  }

  function take(i) {
    if (!found[i]) return;
    field.value = found[i][1];
    choose(Number(found[i][0]));
    close();
  }

  field.addEventListener("input", () => {
    look();
    if (!field.value) choose(0);
  });
  field.addEventListener("blur", close);
  field.addEventListener("keydown", (event) => {
    if (event.key === "Enter") take(at);
    else if (event.key === "Escape") close();
    else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      at = found.length ? (at + (event.key === "ArrowDown" ? 1 : found.length - 1)) % found.length : -1;
      draw(field.value.trim());
    } else return;
    event.preventDefault();
  });
}
