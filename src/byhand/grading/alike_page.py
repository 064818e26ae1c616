"""Pairs of submissions that are alike, side by side, and what that does not prove."""

from __future__ import annotations

from html import escape

from byhand.grading.alike import LEAST, OWN, K, Likeness, Pair, Passage
from byhand.grading.clean import without_control, without_names
from byhand.grading.html_page import document
from byhand.grading.insight import count, shortened
from byhand.grading.lesson_sections import lesson_sections


class AlikePage:
    """Writes the page of one unit; `named`: whether students are named."""

    def __init__(self, likeness: Likeness, named: bool = True):
        self.likeness, self.named = likeness, named
        self.places = lesson_sections(likeness.unit)
        shown = dict.fromkeys(student for pair in likeness.pairs for student in pair.students)
        self._called = {student: student if named else f"Student {n}" for n, student in enumerate(shown, 1)}

    def html(self) -> str:
        likeness = self.likeness
        title = f"{likeness.unit.name}: submissions that are alike"
        many = count(len(likeness.pairs), "pair")
        says = (
            f"{many} of {count(len(likeness.students), 'submission')} share at least {LEAST} characters."
            if likeness.pairs
            else "No pair shares more than short pieces."
        )
        more = f" {likeness.more} more share less than these and are not shown." if likeness.more else ""
        unread = (
            f'<p class="quiet">Could not be compared: {escape(shortened(likeness.unread) if self.named else str(len(likeness.unread)))}.</p>\n'
            if likeness.unread
            else ""
        )
        rows = "".join(self._row(n, pair) for n, pair in enumerate(likeness.pairs, 1))
        table = (
            '<div class="wide" tabindex="0"><table><thead><tr><th scope="col">pair</th><th scope="col" class="number">characters shared</th>'
            f'<th scope="col">where</th></tr></thead><tbody>{rows}</tbody></table></div>\n'
        )
        body = (
            f"<h1>{escape(title)}</h1>\n<p>{says}{more}</p>\n{unread}{self._proves_nothing()}"
            + (f"<h2>All pairs</h2>\n{table}" if likeness.pairs else "")
            + "".join(self._pair(n, pair) for n, pair in enumerate(likeness.pairs, 1))
        )
        return document(title, body, "alike.css", wide=True)

    def _proves_nothing(self) -> str:
        return (
            "<h2>What this does not prove</h2>\n<ul>\n"
            "<li><strong>Likeness is no proof of copying.</strong> Answers here are short, they begin with the same lines that the course "
            "gave, and follow the same equation: two people who have never met write much of them alike. One line that is the mathematics "
            "can be written in few ways.</li>\n"
            "<li>Two who learned together, asked the same assistant, or found the same page are alike, and so are those who used what you showed in class.</li>\n"
            "<li>It does not say who had it from whom.</li>\n"
            "<li>The other way round: whoever rewrites an answer is not found, and nobody outside of this class is compared.</li>\n</ul>\n"
            "<p>So take it for a reason to read both, and then to talk: ask each, by themselves, to explain a line or to change one. "
            "The same odd detour or the same comment weighs more. Where two answers are the same letter by letter, and where both have wrong "
            "numbers that are equal and that no list has, this page says so.</p>\n"
            "<h2>How it was compared</h2>\n<p>Code without names, comments and spaces, in runs of "
            f"{K['code']} characters; prose as it is, in runs of {K['prose']}. Left out is what the course gave (notebooks and modules of this unit), what stands in the model solution, to which right answers come by themselves, and what more than "
            f"{self.likeness.common} students have in the same place. The marked passages are what both have. The list is ordered by how much that is, which grows with "
            "the length of the answers: it is no probability.</p>\n"
        )

    def _names(self, pair: Pair) -> str:
        return " and ".join(f"<bdi>{escape(self._name(student))}</bdi>" for student in pair.students)

    def _name(self, student: str) -> str:
        return without_control(self._called[student])

    def _row(self, number: int, pair: Pair) -> str:
        where = ", ".join(self._part(passage) for passage in pair.passages)
        return (
            f'<tr><th scope="row"><a href="#pair-{number}">{self._names(pair)}</a></th><td class="number" data-unit="characters shared">{pair.shared}</td>'
            f"<td>{where}</td></tr>\n"
        )

    def _part(self, passage: Passage) -> str:
        same = " (letter by letter)" if passage.same else ""
        return f"{escape(passage.part) if passage.part == OWN else f'<code>{escape(passage.part)}</code>'}{same}"

    def _pair(self, number: int, pair: Pair) -> str:
        wrong = (
            f"<p>Both have {', '.join(f'<code>{escape(name)}</code>' for name in pair.wrong)} wrong with the same numbers, which no list has.</p>\n"
            if pair.wrong
            else ""
        )
        parts = "".join(self._passage(pair, passage) for passage in pair.passages)
        return f'<section><h2 id="pair-{number}">{number}. {self._names(pair)}</h2>\n<p>{pair.shared} characters shared.</p>\n{wrong}{parts}</section>\n'

    def _passage(self, pair: Pair, passage: Passage) -> str:
        title = self.places[passage.part].title if passage.part in self.places else ""
        head = f"<h3>{self._part(passage)}{', ' + escape(title) if title else ''}: {passage.shared} characters</h3>\n"
        sides = "".join(
            f'<figure><figcaption><bdi>{escape(self._name(student))}</bdi></figcaption><pre tabindex="0"><code>{self._marked(text, slices)}</code></pre></figure>\n'
            for student, text, slices in zip(pair.students, passage.texts, passage.slices, strict=True)
        )
        return f'{head}<div class="sides">{sides}</div>\n'

    def _marked(self, text: str, slices: tuple[tuple[int, int], ...]) -> str:
        parts, at = [], 0
        for start, end in slices:
            parts += [self._safe(text[at:start]), f"<mark>{self._safe(text[start:end])}</mark>"]
            at = end
        return "".join([*parts, self._safe(text[at:])])

    def _safe(self, text: str) -> str:
        text = without_control(text)
        return escape(text if self.named else without_names(text, self.likeness.students))


def alike_page(likeness: Likeness, named: bool = True) -> str:
    return AlikePage(likeness, named).html()
