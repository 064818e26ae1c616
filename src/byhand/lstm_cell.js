(() => {
  // As in player.js: keys that the list uses stay with it and do not reach JupyterLab's shortcuts.
  if (!window.bhCellKeys) {
    window.bhCellKeys = true;
    window.addEventListener("keydown", (event) => {
      const modified = event.altKey || event.ctrlKey || event.metaKey || event.shiftKey;
      if (event.target.closest?.(".bh-explorer")) {
        event.target.toggleAttribute("data-lm-suppress-shortcuts", !modified);
      }
    }, true);
  }

  for (const root of document.querySelectorAll(".bh-explorer")) {
    if (root.bhReady) continue;
    root.bhReady = true;
    const { lit, owner } = JSON.parse(root.dataset.cell);
    const list = root.querySelector("select");
    const parts = [...root.querySelectorAll("[data-name]")];
    const texts = [...root.querySelectorAll("[data-about]")];

    const show = (variable) => {
      for (const part of parts) part.classList.toggle("a", lit[variable].includes(part.dataset.name));
      for (const text of texts) text.classList.toggle("bh-now", text.dataset.about === variable);
    };
    for (const part of parts) {
      const variable = owner[part.dataset.name];
      if (!variable) continue;
      part.classList.add("bh-point");
      part.addEventListener("pointerenter", () => show(variable));
      part.addEventListener("pointerleave", () => show(list.value));
      part.addEventListener("click", () => {
        list.value = variable;
        show(variable);
      });
    }
    list.addEventListener("change", () => show(list.value));
    root.classList.add("bh-live");
    show(list.value);
  }
})();
