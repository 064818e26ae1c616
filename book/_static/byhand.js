// What scrolls inside the page can be reached and scrolled with the keyboard: it is a tab stop while it is wider than its place.
(() => {
  const boxes = ".math, mjx-container[display=true], table.table, div.highlight pre, .bh-drawing, .bh-equation, .wide, div.output pre, .text_html";
  const look = () => {
    for (const box of document.querySelectorAll(boxes)) {
      const scrolls = box.scrollWidth > box.clientWidth + 1 && /auto|scroll/.test(getComputedStyle(box).overflowX);
      if (scrolls) box.tabIndex = 0;
      else if (box.getAttribute("tabindex") === "0") box.removeAttribute("tabindex");
    }
  };
  const begin = () => {
    const formulas = window.MathJax?.startup?.promise ?? Promise.resolve();
    // after each layout in which one has become wider or narrower: the page has, or what it lies in was unfolded
    const observer = new ResizeObserver(look);
    formulas.then(() => document.fonts.ready).then(() => document.querySelectorAll(boxes).forEach((box) => observer.observe(box)));
  };
  if (document.readyState === "complete") begin();
  else addEventListener("load", begin);

  // Paper is white, whatever the screen shows, and has nothing to unfold.
  let before;
  addEventListener("beforeprint", () => {
    const root = document.documentElement;
    const folded = [...document.querySelectorAll("article details:not([open])")];
    before = { theme: root.dataset.theme, folded };
    root.dataset.theme = "light";
    for (const details of folded) details.open = true;
  });
  addEventListener("afterprint", () => {
    if (!before) return;
    document.documentElement.dataset.theme = before.theme;
    for (const details of before.folded) details.open = false;
    before = undefined;
  });
})();
