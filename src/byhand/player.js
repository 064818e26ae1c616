(() => {
  // JupyterLab takes keys before an element sees them, unless the element that has the focus (its parents do not count)
  // has this attribute. Keys with a modifier stay JupyterLab's: one can save and run from inside a stepper.
  if (!window.bhKeys) {
    window.bhKeys = true;
    window.addEventListener("keydown", (event) => {
      const modified = event.altKey || event.ctrlKey || event.metaKey || event.shiftKey;
      if (event.target.closest?.(".bh-stepper")) {
        event.target.toggleAttribute("data-lm-suppress-shortcuts", !modified);
      }
    }, true);
  }

  // Every output carries this script; it sets up all steppers on the page that no earlier copy has set up.
  for (const root of document.querySelectorAll(".bh-stepper")) {
    if (root.bhReady) continue;
    root.bhReady = true;
    const frames = [...root.querySelectorAll(".bh-frame")];
    const slider = root.querySelector("input");
    const buttons = [...root.querySelectorAll("button")];
    const where = root.querySelector(".bh-where");
    const aloud = root.querySelector(".bh-aloud");
    const last = frames.length - 1;
    let now = 0;

    const show = (wanted) => {
      const before = frames[now];
      now = Math.min(last, Math.max(0, wanted));
      frames.forEach((frame, i) => {
        frame.classList.toggle("bh-now", i === now);
        frame.inert = i !== now;
      });
      // On a narrow screen, look at the same part of the next drawing.
      frames[now].querySelector(".bh-drawing").scrollLeft = before.querySelector(".bh-drawing").scrollLeft;
      const words = `step ${now + 1} of ${frames.length}`;
      slider.value = now + 1;
      slider.setAttribute("aria-valuetext", words);
      where.textContent = words;
      for (const button of buttons) {
        // aria-disabled and not disabled: a disabled button would lose the focus, and with it the keys.
        const back = button.dataset.go === "first" || button.dataset.go === "previous";
        button.setAttribute("aria-disabled", String(back ? now === 0 : now === last));
      }
    };
    const go = (wanted) => {
      show(wanted);
      aloud.textContent = frames[now].querySelector(".bh-sentence").textContent;
    };
    const moves = { first: () => 0, previous: () => now - 1, next: () => now + 1, last: () => last };
    const keys = { ArrowLeft: "previous", ArrowRight: "next", Home: "first", End: "last" };

    for (const button of buttons) button.addEventListener("click", () => go(moves[button.dataset.go]()));
    slider.addEventListener("input", () => go(slider.value - 1));
    root.addEventListener("keydown", (event) => {
      if (event.key === "Escape") root.closest(".jp-Cell")?.focus(); // back to JupyterLab's own keys
      const move = moves[keys[event.key]];
      if (!move || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      event.stopPropagation();
      go(move());
    });
    root.classList.add("bh-live");
    show(0);
  }
})();
