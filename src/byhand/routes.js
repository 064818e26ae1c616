(() => {
  // As in player.js: JupyterLab leaves plain keys alone where this attribute is; keys with a modifier stay its own.
  if (!window.bhRouteKeys) {
    window.bhRouteKeys = true;
    window.addEventListener("keydown", (event) => {
      const modified = event.altKey || event.ctrlKey || event.metaKey || event.shiftKey;
      if (event.target.closest?.(".bh-routes")) {
        event.target.toggleAttribute("data-lm-suppress-shortcuts", !modified);
      }
    }, true);
  }

  // Every output carries this script; it sets up all pickers on the page that no earlier copy has set up.
  for (const root of document.querySelectorAll(".bh-routes")) {
    if (root.bhReady) continue;
    root.bhReady = true;
    const form = root.querySelector(".bh-from");
    const svg = root.querySelector("svg.bh-svg");
    const graph = svg.getAttribute("aria-label");
    const marked = [...svg.querySelectorAll("[data-part]")];
    const panels = [...root.querySelectorAll(".bh-panel")];
    const aloud = root.querySelector(".bh-aloud");

    // Light the routes of the chosen variable, or one of them alone.
    const show = (only) => {
      const name = form.elements.from.value;
      const panel = panels.find((each) => each.dataset.from === name);
      for (const each of panels) each.hidden = each !== panel;
      const routes = [...panel.querySelectorAll("li")];
      for (const button of root.querySelectorAll(".bh-panel button")) {
        const route = button.closest("li");
        route.classList.toggle("on", route === only);
        button.setAttribute("aria-pressed", String(route === only));
      }
      const made = new Set(only ? [] : panel.dataset.made.split(" "));
      const lit = new Set((only ? [only] : routes).flatMap((route) => route.dataset.parts.split(" ")));
      for (const part of marked) {
        const on = lit.has(part.dataset.part);
        const start = part.dataset.part === panel.dataset.part;
        const isNumberOfNode = part.matches("text.g") && svg.querySelector(`g[data-part="${part.dataset.part}"]>.n`);
        // Of the nodes only the chosen one shows its total, and only where all its routes are lit.
        part.classList.toggle("on", on && !(isNumberOfNode && (!start || only)));
        part.classList.toggle("made", made.has(part.dataset.part) && !part.matches("text.g"));
        part.classList.toggle("off", !on && !made.has(part.dataset.part) && !part.matches("text.g"));
        part.classList.toggle("a", start && part.matches("g"));
      }
      const words = (element) => element.textContent.replace("Only route", "route");
      const says = only
        ? `Lit: ${words(only.querySelector("button"))}.`
        : `${panel.querySelector(".bh-made")?.textContent ?? ""} ${panel.querySelector(".bh-head").textContent}: ${routes.map((r) => words(r.querySelector("button"))).join("; ")}.`.trim();
      svg.setAttribute("aria-label", `${graph} ${says}`);
      return says;
    };
    const pick = (only) => { aloud.textContent = show(only); };

    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("change", () => pick());
    for (const button of root.querySelectorAll(".bh-panel button")) {
      button.addEventListener("click", () => {
        pick(button.getAttribute("aria-pressed") === "true" ? undefined : button.closest("li"));
      });
    }
    svg.addEventListener("click", (event) => {
      const name = event.target.closest("[data-from]")?.dataset.from;
      const choice = [...form.elements].find((input) => input.value === name);
      if (!choice) return;
      choice.checked = true;
      choice.focus();
      pick();
    });
    root.classList.add("bh-live");
    show();
  }
})();
