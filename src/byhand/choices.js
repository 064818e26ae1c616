(() => {
  // As in player.js: JupyterLab leaves plain keys alone where this attribute is; keys with a modifier stay its own.
  if (!window.bhChoiceKeys) {
    window.bhChoiceKeys = true;
    window.addEventListener("keydown", (event) => {
      const modified = event.altKey || event.ctrlKey || event.metaKey || event.shiftKey;
      if (event.target.closest?.(".bh-choices")) {
        event.target.toggleAttribute("data-lm-suppress-shortcuts", !modified);
      }
    }, true);
  }

  // Every output carries this script; it sets up all players on the page that no earlier copy has set up.
  for (const root of document.querySelectorAll(".bh-choices")) {
    if (root.bhReady) continue;
    root.bhReady = true;
    const form = root.querySelector("form");
    const frames = [...root.querySelectorAll(".bh-frame")];
    const aloud = root.querySelector(".bh-aloud");
    const show = () => {
      const answers = {};
      for (const input of form.elements) {
        if (input.type === "checkbox") answers[input.name] = Number(input.checked);
        if (input.type === "radio" && input.checked) answers[input.name] = input.value;
      }
      const choice = Object.keys(answers).sort((a, b) => a - b).map((name) => answers[name]).join(" ");
      const before = root.querySelector(".bh-now .bh-drawing")?.scrollLeft ?? 0;
      for (const frame of frames) frame.classList.toggle("bh-now", frame.dataset.choice === choice);
      const now = root.querySelector(".bh-now");
      now.querySelector(".bh-drawing").scrollLeft = before;
      return now.querySelector(".bh-sentence").textContent;
    };
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("change", () => { aloud.textContent = show(); });
    root.classList.add("bh-live");
    show();
  }
})();
