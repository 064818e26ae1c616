"""A stepper: frames of a drawing, its equation and a sentence, to go through one at a time.

Its HTML needs neither a kernel nor a network: equations are MathML, and the little script is inside. Where scripts do
not run, all frames stand one below the other.

Equations are LaTeX. ``\\inp{..} \\hid{..} \\out{..} \\loss{..} \\par{..} \\grad{..}`` give their argument the colour
that the palette has for it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from html import escape, unescape
from importlib.resources import files
from typing import Protocol
from xml.etree import ElementTree

from latex2mathml.converter import convert_to_element

from .drawing import style_html

COLOURS = {"inp": "input", "hid": "hidden", "out": "output", "loss": "loss", "par": "parameter", "grad": "gradient"}

# Sums and products have their limits above and below where there is room, as browsers decide.
LIMITS = {"msub": "munder", "msup": "mover", "msubsup": "munderover"}

# Drawn, since few fonts have all four signs.
BUTTONS = {
    "first": "M1 1h2v12H1zM13 1v12L4 7z",
    "previous": "M11 1v12L2 7z",
    "next": "M3 1v12l9-6z",
    "last": "M11 1h2v12h-2zM1 1v12l9-6z",
}


class Several(Protocol):
    """A tuple of SVGs that says how they stand beside each other, as `lstm_cell.Pictures` does."""

    def html(self) -> str: ...

    def __iter__(self) -> Iterator[str]: ...


@dataclass(frozen=True)
class Frame:
    """One step: an SVG with a description (or None), LaTeX (one text or a list of lines, "" for none), a sentence.

    The drawing may also be several such SVGs in an object whose html() arranges them, as lstm_cell.pictures gives.
    The sentence is plain text in which $...$ is LaTeX; \\$ is a dollar sign. Lines are aligned at their &.
    """

    drawing: str | Several | None
    equation: str | list[str]
    sentence: str


class Stepper:
    """Frames to step through, with buttons, a slider, and the keys Left, Right, Home and End.

    Raises TypeError if something is not a Frame or a part of a frame is not text, ValueError if there are no frames,
    the title is empty, a drawing is not an SVG with a description, or LaTeX has an unknown command.
    """

    def __init__(self, frames, title):
        self.frames, self.title = list(frames), title
        if not self.frames:
            raise ValueError("a stepper needs at least one frame")
        if not isinstance(title, str) or not title.strip():
            raise ValueError("a stepper needs a title that says what it shows")
        for number, frame in enumerate(self.frames, 1):
            examine(frame, number)
        # Made now rather than when displayed, so that wrong LaTeX is reported where it was written.
        self._html = _stepper_html(self.frames, title)

    def _repr_html_(self) -> str:
        return self._html

    def __repr__(self) -> str:
        return f"Stepper: {self.title} ({len(self.frames)} frames)"


def examine(frame, number):
    """Raise as Stepper says, where one of its frames is none; `number` says which."""
    if not isinstance(frame, Frame):
        raise TypeError(f"step {number} is a {type(frame).__name__}, not a Frame")
    lines = frame.equation if isinstance(frame.equation, (list, tuple)) else [frame.equation]
    if not all(isinstance(text, str) for text in (*lines, frame.sentence)):
        raise TypeError(f"step {number}: equation must be text or a list of texts, sentence must be text")
    if frame.drawing is None:
        return
    several = isinstance(frame.drawing, tuple) and hasattr(frame.drawing, "html")
    for drawing in frame.drawing if several else [frame.drawing]:
        if not isinstance(drawing, str):
            raise TypeError(f"step {number}: drawing is a {type(drawing).__name__}, not SVG text; use Drawing.svg(...)")
        opening = re.match(r"\s*(<svg\b[^>]*>)", drawing)
        if not opening:
            raise ValueError(f"step {number}: drawing does not begin with <svg")
        if not re.search(r'aria-label="[^"]', opening[1]):
            raise ValueError(f"step {number}: the drawing has no description (aria-label) for those who cannot see it")


# HTML


def _stepper_html(frames, title):
    count = len(frames)
    steps = "".join(
        f'<li class="bh-frame"><p class="bh-count">Step {number} of {count}</p>'
        f'<div class="bh-drawing">{drawing_html(frame.drawing)}</div>'
        f'<div class="bh-equation">{equation_html(frame.equation)}</div>'
        f'<p class="bh-sentence">{sentence_html(frame.sentence)}</p></li>'
        for number, frame in enumerate(frames, 1)
    )
    buttons = "".join(
        f'<button type="button" data-go="{go}" aria-label="{go.capitalize()} step">'
        f'<svg aria-hidden="true" width="14" height="14" viewBox="0 0 14 14"><path d="{path}"/></svg></button>'
        for go, path in BUTTONS.items()
    )
    # tabindex lets a click into the drawing give the stepper the keyboard; the live region tells a screen reader the
    # sentence of the new step.
    return (
        f'<div class="bh bh-stepper" role="group" aria-label="{escape(title)}" tabindex="-1">'
        f"{style_html()}"
        f'<p class="bh-title">{escape(title)}</p>'
        f'<div class="bh-controls">{buttons}'
        f'<input type="range" min="1" max="{count}" value="1" step="1" aria-label="Step">'
        f'<span class="bh-where">step 1 of {count}</span></div>'
        f'<ol class="bh-frames">{steps}</ol>'
        f'<div class="bh-aloud" aria-live="polite"></div>'
        f"<script>{_script()}</script></div>"
    )


def drawing_html(drawing: str | Several | None) -> str:
    return drawing or "" if drawing is None or isinstance(drawing, str) else drawing.html()


@cache
def _script():
    return files("byhand").joinpath("player.js").read_text(encoding="utf-8")


def equation_html(equation):
    lines = [equation] if isinstance(equation, str) else list(equation)
    lines = [line for line in lines if line.strip()]
    if any("&" in line and r"\begin" not in line for line in lines):
        lines = [r"\begin{aligned}" + r" \\ ".join(lines) + r"\end{aligned}"]
    return "".join(mathml(line, "block") for line in lines)


def sentence_html(sentence):
    parts = re.split(r"(?<!\\)\$", sentence)
    if len(parts) % 2 == 0:
        raise ValueError(f"a $ without its partner in the sentence {sentence!r}")
    return "".join(mathml(part) if i % 2 else escape(part.replace(r"\$", "$")) for i, part in enumerate(parts))


# MathML


def mathml(latex: str, display: str = "inline") -> str:
    """LaTeX as MathML that browsers show without help; `display` is "inline" or "block".

    Raises ValueError if a command is not known, a brace has no partner, or an & stands outside aligned and cases.
    """
    plain = re.sub(rf"\\({'|'.join(COLOURS)})(?![A-Za-z])\s*", "", latex).strip()
    latex = re.sub(rf"\\({'|'.join(COLOURS)})(?![A-Za-z])", lambda m: rf"\class{{bh-{COLOURS[m[1]]}}}", latex)
    # latex2mathml aligns split, which is the same thing, but not aligned.
    latex = re.sub(r"\\(begin|end)\{(aligned|align\*?)\}", r"\\\1{split}", latex)
    if len(re.findall(r"(?<!\\)\{", latex)) != len(re.findall(r"(?<!\\)\}", latex)):
        raise ValueError(f"a brace without its partner in the LaTeX {plain!r}")
    try:
        root = convert_to_element(latex, display=display)
    except Exception as error:
        raise ValueError(f"cannot read the LaTeX {plain!r}: {str(error) or type(error).__name__}") from error
    del root.attrib["xmlns"]
    root.set("alttext", plain)
    for parent in root.iter():
        for child in list(parent):
            _fix(child, parent, latex=plain)
    return ElementTree.tostring(root, encoding="unicode")


def _fix(element, parent, latex):
    """Put one element into the MathML that browsers implement (MathML Core)."""
    raw = element.text or ""
    text = element.text = unescape(raw)
    if element.tag == "mi" and text.startswith("\\"):
        raise ValueError(f"unknown command {text} in the LaTeX {latex!r}")
    if element.tag == "mi" and text == "&":
        raise ValueError(f"an & outside aligned and cases in the LaTeX {latex!r}")
    variant = element.attrib.pop("mathvariant", None)
    if variant in ("bold", "bold-italic"):
        element.text = "".join(_bold(c, variant == "bold-italic") for c in text)
    elif variant == "normal" or (element.tag == "mi" and raw.startswith("&#") and text.isascii() and len(text) == 1):
        element.set("mathvariant", "normal")  # \mathrm comes out as a letter's number
    align = element.get("columnalign")
    if align in ("left", "right"):
        element.set("class", f"bh-{align}")
    name = len(text) > 1 and text.isalpha() and "movablelimits" not in element.attrib  # tanh, diag
    if element.tag == "mo" and (name or text in ("⊤", "∂", "∇")):
        element.tag = "mi"  # as operators they would have space around them
    if element.tag == "mo" and parent.tag == "mover":
        element.text = {"^": "\u02c6", "~": "\u02dc"}.get(text, text)
    if element.tag == "mo" and text in ("|", "‖", "[", "]", "⟨", "⟩") and "stretchy" not in element.attrib:
        element.attrib.update(stretchy="false", lspace="0", rspace="0")  # only \left and \right stretch
    if element.tag in LIMITS and unescape(element[0].text or "") in ("∑", "∏"):
        element.tag = LIMITS[element.tag]
    if element.tag == "mi" and name and parent.tag in ("mrow", "mtd", "mstyle"):
        following = list(parent)[list(parent).index(element) + 1 :]
        if following and following[0].tag != "mo":
            element.set("style", "margin-right:.17em")  # tanh z, not tanhz


def _bold(letter, italic):
    """The bold or bold italic form of a Latin or Greek letter, else the letter."""
    code = ord(letter)
    for first, last, upright, slanted in (
        ("A", "Z", 0x1D400, 0x1D468),
        ("a", "z", 0x1D41A, 0x1D482),
        ("Α", "Ω", 0x1D6A8, 0x1D71C),
        ("α", "ω", 0x1D6C2, 0x1D736),
    ):
        if first <= letter <= last:
            return chr((slanted if italic else upright) + code - ord(first))
    return letter
