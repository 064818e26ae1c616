"""The maps of trained nets in lesson 16: where each head of each layer looks, for a choice of tasks, row by row."""

import json
from html import escape

import numpy as np

from byhand.choices import Choices
from byhand.drawing import Svg
from byhand.stepper import Frame

SIZE = 17  # pixels a cell is wide
SHADES = 12  # from nearly nothing to all of the weight

SCRIPT = """(() => {
  for (const maps of document.querySelectorAll(".bh-maps")) {
    if (maps.bhReady) continue;
    maps.bhReady = true;
    const slider = maps.querySelector("input"), line = maps.querySelector("output");
    const svgs = [...maps.querySelectorAll("svg")], rows = svgs.map((svg) => JSON.parse(svg.dataset.rows));
    const show = (row) => {
      slider.value = row;
      slider.setAttribute("aria-valuetext", `row ${row + 1}`);
      svgs.forEach((svg) => svg.querySelector(".row").setAttribute("y", row));
      line.replaceChildren(...rows.map((each) => {
        const item = document.createElement("span");
        item.textContent = each[row];
        return item;
      }));
    };
    slider.addEventListener("input", () => show(Number(slider.value)));
    svgs.forEach((svg) => svg.addEventListener("pointermove", (event) => {
      const box = svg.querySelector(".cells").getBoundingClientRect();
      const row = Math.floor((event.clientY - box.top) / box.height * rows[0].length);
      if (row >= 0 && row < rows[0].length) show(row);
    }));
    show(Number(slider.value));
  }
})();"""
STYLE = (
    ".bh .bh-maps .all{display:flex;flex-wrap:wrap;justify-content:safe center;gap:.2em 1em}"
    ".bh .bh-maps svg.bh-svg{flex:0 0 auto}"
    ".bh .bh-maps .cells{stroke:var(--bh-gradient);fill:none}"
    ".bh .bh-maps .row{fill:none;stroke:var(--bh-ink);stroke-width:.1}"
    ".bh .bh-maps p{display:none}"
    "@media screen{.bh-live .bh-maps p{display:flex;flex-wrap:wrap;align-items:center;justify-content:center;gap:.2em .8em}}"
    ".bh .bh-maps label{display:flex;align-items:center;gap:.5em;margin:0}"
    ".bh .bh-maps input{width:11em;accent-color:var(--bh-input)}"
    ".bh .bh-maps output{display:flex;flex-direction:column;flex:1 1 18em;min-width:0;text-align:left;font-size:.85em;line-height:1.45}"
)


class Maps(tuple):
    """Several maps of the same rows side by side, with one slider for the row whose weights are told; row `lit` at first."""

    def __new__(cls, svgs, lit, rows):
        maps = super().__new__(cls, svgs)
        maps.lit, maps.rows = lit, rows
        return maps

    def html(self):
        return (
            f'<div class="bh-maps"><style>{STYLE}</style><div class="all">{"".join(self)}</div>'
            f'<p><label>row <input type="range" min="0" max="{self.rows - 1}" value="{self.lit}"></label>'
            f"<output></output></p><script>{SCRIPT}</script></div>"
        )


def heat_map(P, words, lit, title, about):
    """One head's weights P (T, T) as SVG: row t looks at column s, the stronger the colour, the more; row `lit` is framed."""
    T, left, top = len(P), 66, 24
    shade = np.ceil(np.array(P) * SHADES - 0.12).astype(int)  # below a hundredth, a cell stays empty
    cells = "".join(
        f'<path stroke-opacity="{level / SHADES:.2f}" d="'
        + "".join(f"M{s} {t}.5h1" for t, s in np.argwhere(shade == level))
        + '"/>'
        for level in np.unique(shade[shade > 0])
    )
    rows = [_row(P[t], words, t, title) for t in range(T)]
    sides = "".join(f'<text class="v w" x="{left - 5}" y="{top + SIZE * (t + 0.5):g}">{escape(w)}</text>' for t, w in enumerate(words))
    x, y = left + SIZE / 2, top + SIZE * T + 7
    below = "".join(f'<text class="v w" transform="translate({x + SIZE * s:g} {y})rotate(-60)">{escape(w)}</text>' for s, w in enumerate(words))
    width, height = left + SIZE * T + 10, top + SIZE * T + 58
    return Svg(
        f'<svg class="bh-svg" role="img" aria-label="{escape(f"{about} {rows[lit]}.")}" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'style="width:{width}px" data-rows="{escape(json.dumps(rows, ensure_ascii=False))}"><text class="t" x="{left + SIZE * T / 2:g}" y="10">{escape(title)}</text>'
        f'<g transform="translate({left} {top})scale({SIZE})"><g class="cells"><path stroke="none" d="M0 0h{T}v{T}H0z"/>{cells}</g>'
        f'<path d="M0 0v{T}h{T}" fill="none" style="stroke:var(--bh-muted);stroke-width:.05"/><rect class="row" x="0" y="{lit}" width="{T}" height="1"/></g>{sides}{below}</svg>'
    )


def _row(p, words, t, title):
    """The largest weights of a row, in words; of equal words the place is told."""
    most = [s for s in np.argsort(p, kind="stable")[::-1][:3] if p[s] >= 0.01]
    looks = ", ".join(f"{words[s]}{f' (place {s + 1})' if words.count(words[s]) > 1 else ''}: {p[s]:.2f}" for s in most)
    place = f" (place {t + 1})" if words.count(words[t]) > 1 else ""
    return f"{title}: {words[t]}{place} looks at {looks}"


LETTERS = "abcdefghijkl"
SIGNS = [*"0123456789", "+", "="]


def maps_choices(found):
    """All maps of the trained nets: for each task and each layer two examples, with all heads; `found` is the lesson's results."""
    frames = {}

    def add(task, layer, shown, lit, sentence):
        """shown  a list of (title, words, maps of all layers); the row `lit` is where the answer is read."""
        about = f"Weights of layer {layer}. Rows look at columns."
        svgs = [
            heat_map(P, words, lit, f"{title}, head {head}", about)
            for title, words, maps in shown
            for head, P in enumerate(maps[layer - 1], 1)
        ]
        frames[task, f"{layer}"] = Frame(Maps(svgs, lit, len(shown[0][1])), "", sentence)

    for layer in (1, 2):
        for task, name, lit, where in (
            ("it, with the mask", "causal, read at ?", 12, "the question mark"),
            ("it, without a mask", "no mask, read at it", 8, "the word it"),
        ):
            part = found["sentences"][name]
            shown = [
                (f"{part['words'][s['ids'][11]]}: {s['answer']}", [part["words"][i] for i in s["ids"]], s["maps"])
                for s in part["shown"]
            ]
            add(task, layer, shown, lit, f"One sentence, with two adjectives; above each map stands the adjective with the answer that the net gives. Framed is {where}, where the answer is read. Does the framed row move with the answer?")
        for layers in (1, 2):
            task, shown = f"copying, {layers} layer{'s' * (layers > 1)}", found["copying"][f"maps {layers}"]
            if layer > layers:
                frames[task, "2"] = Frame(None, "", "This net has one layer. Choose layer 1.")
                continue
            shown = [(f"{period} letters", [LETTERS[i] for i in s["ids"]], s["maps"]) for period, s in zip((5, 7), shown, strict=True)]
            add(task, layer, shown, 12, "A string of 5 letters that repeats, and one of 7. Framed is place 13. Does it look at its own letter, or at the one that came after it? And does it look as far back in both strings?")
        shown = [
            ("digits to sort", ["|" if i == 0 else str(i) for i in s["ids"]], s["maps"]) for s in found["sorting"]["maps"]
        ]
        targets = " and ".join(str(s["targets"][10]) for s in found["sorting"]["maps"])
        add("sorting", layer, shown, 10, f"Eight digits, a separator, and the answer so far, twice. Framed is the place at which the third digit of the answer is read: {targets}.")
        shown = [("".join(SIGNS[i] for i in s["ids"][:6]), [SIGNS[i] for i in s["ids"]], s["maps"]) for s in found["addition"]["maps"]]
        add("adding", layer, shown, 5, "Two sums that were never trained. The answer is written from its last digit on. Framed is the equals sign, at which that last digit is read: does it look at the last digits of both numbers?")
    tasks = list(dict.fromkeys(task for task, _ in frames))
    still = [("it, without a mask", "2"), ("it, with the mask", "2"), ("copying, 2 layers", "2")]
    return Choices("Where trained nets look", {"task": tasks, "layer": ["1", "2"]}, frames, still)
