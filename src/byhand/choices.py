"""A picture for each combination of answers to a few questions, to choose from.

Its HTML needs neither a kernel nor a network. On paper, and where scripts do not run, the combinations that `still` names
stand one below the other.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from html import escape
from importlib.resources import files
from itertools import product

from .drawing import style_html
from .stepper import Frame, drawing_html, equation_html, examine, sentence_html


class Choices:
    """Questions with their answers above the picture for what is chosen.

    questions  question -> its answers, texts; a question whose answers are (False, True) is a box to tick
    frames     a tuple of answers, one for each question -> Frame; every combination has one
    still      the combinations on paper; the first of them is what is chosen at the beginning

    Raises ValueError where a combination has no frame, or an unknown one has, where `still` names an unknown one or none, or
    where the title is empty; as Stepper does where a frame is none.
    """

    def __init__(
        self, title: str, questions: Mapping[str, Sequence], frames: Mapping[tuple, Frame], still: Sequence[tuple]
    ):
        self.title, self.frames = title, dict(frames)
        if not title.strip():
            raise ValueError("choices need a title that says what they show")
        wanted = list(product(*questions.values()))
        for choice in wanted:
            if choice not in self.frames:
                raise ValueError(f"no frame for {choice}")
            examine(self.frames[choice], choice)
        for choice in (*self.frames, *still):
            if choice not in wanted:
                raise ValueError(f"{choice} answers none of the questions {', '.join(questions)}")
        if not still:
            raise ValueError("still names no combination: paper would stay empty")
        self._html = self._page(
            {question: list(answers) for question, answers in questions.items()}, wanted, list(still)
        )

    def _repr_html_(self) -> str:
        return self._html

    def __repr__(self) -> str:
        return f"Choices: {self.title} ({len(self.frames)} pictures)"

    def _page(self, questions, wanted, still):
        controls = "".join(
            _ticked(number, question, still[0][number])
            if answers == [False, True]
            else _question(number, question, answers, still[0][number])
            for number, (question, answers) in enumerate(questions.items())
        )
        panels = "".join(self._panel(choice, questions, choice in still) for choice in wanted)
        # The form keeps the radio buttons of two players on one page apart.
        return (
            f'<div class="bh bh-choices" role="group" aria-label="{escape(self.title)}" tabindex="-1">'
            f"{style_html(_file('choices.css'))}"
            f'<p class="bh-title">{escape(self.title)}</p><form>{controls}</form><ol class="bh-frames">{panels}</ol>'
            f'<div class="bh-aloud" aria-live="polite"></div><script>{_file("choices.js")}</script></div>'
        )

    def _panel(self, choice, questions, still):
        frame = self.frames[choice]
        key = " ".join(str(answers.index(answer)) for answers, answer in zip(questions.values(), choice, strict=True))
        said = "; ".join(
            question if answer is True else f"{question}: {answer}"
            for question, answer in zip(questions, choice, strict=True)
            if answer is not False
        )
        return (
            f'<li class="bh-frame{" bh-still" * still}" data-choice="{key}"><p class="bh-count">{escape(said)}</p>'
            f'<div class="bh-drawing">{drawing_html(frame.drawing)}</div><div class="bh-equation">{equation_html(frame.equation)}</div>'
            f'<p class="bh-sentence">{sentence_html(frame.sentence)}</p></li>'
        )


def _question(number, question, answers, chosen):
    radios = "".join(
        f'<label><input type="radio" name="{number}" value="{value}"{" checked" * (answer == chosen)}><span>{escape(answer)}</span></label>'
        for value, answer in enumerate(answers)
    )
    return f"<fieldset><legend>{escape(question)}</legend>{radios}</fieldset>"


def _ticked(number, question, chosen):
    return f'<label><input type="checkbox" name="{number}"{" checked" * chosen}><span>{escape(question)}</span></label>'


@cache
def _file(name):
    return files("byhand").joinpath(name).read_text(encoding="utf-8")
