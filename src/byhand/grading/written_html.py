"""The Markdown of rubrics and answers as HTML, with formulas that need no script, in a process of its own.

What a student wrote can take long to read. A text that takes longer than its time is shown as it is, letter by letter.
"""

from __future__ import annotations

import contextlib
import json
import re
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from html import escape
from xml.etree import ElementTree

from nbconvert.filters.markdown_mistune import MarkdownWithMath

from byhand.grading.feedback import Attachments, Renderer
from byhand.grading.limits import TEXT_MEMORY, TEXT_SECONDS
from byhand.grading.markdown import harmless
from byhand.stepper import COLOURS, mathml

Text = tuple[str, Attachments]  # Markdown and its attachments
# Of MathML what a formula needs. A length is short, so that nothing moves onto what others wrote.
TAGS = frozenset(
    "math mfrac mi mn mo mover mpadded mphantom mroot mrow mspace msqrt mstyle msub msubsup msup mtable mtd mtext mtr munder "
    "munderover".split()
)
_WORD, _LENGTH = r"[A-Za-z -]{0,40}", r"-?(\d|\d?\.\d{1,4})([a-z]{2}|%)?|(negative)?[a-z]+space"
ATTRIBUTES = {
    **dict.fromkeys(
        "display displaystyle mathvariant stretchy fence form separator symmetric largeop movablelimits accent accentunder "
        "columnalign rowlines columnlines".split(),
        _WORD,
    ),
    **dict.fromkeys(
        "width height depth lspace rspace voffset minsize maxsize linethickness columnspacing rowspacing".split(),
        _LENGTH,
    ),
    "alttext": r"(?s:.*)",
    "scriptlevel": r"[+-]?\d",
    "mathcolor": r"#?\w{1,30}",
    "class": rf"bh-({'|'.join(['left', 'right', *COLOURS.values()])})",  # and `style`, as `mathml` writes them itself
    "style": r"margin-right:\.17em",
}


class WithMathML(Renderer):
    def _formula(self, latex: str, display: str, written: str) -> str:
        try:
            return _only_mathematics(mathml(latex, display))
        except Exception:  # whatever latex2mathml makes of it: then as it was written
            return f"<code>{escape(written)}</code>"

    def inline_math(self, body: str) -> str:
        return self._formula(body, "inline", f"${body}$")

    def block_math(self, body: str) -> str:
        return self._formula(body, "block", f"$${body}$$")

    def multiline_math(self, text: str) -> str:
        return self.block_math(text)

    def latex_environment(self, name: str, body: str) -> str:
        whole = rf"\begin{{{name}}}{body}\end{{{name}}}"
        return self._formula(whole, "block", whole)


def _only_mathematics(formula: str) -> str:
    """Without what TeX can bring along: links, styles, classes of the page, room beyond its own."""
    root = ElementTree.fromstring(formula)
    for element in root.iter():
        if element.tag not in TAGS:
            element.tag = "mrow"
        for name, value in list(element.attrib.items()):
            if not re.fullmatch(ATTRIBUTES.get(name, r"(?!)"), value):
                del element.attrib[name]
    return ElementTree.tostring(root, encoding="unicode")


def html(source: str, attachments: Attachments) -> str:
    renderer = WithMathML(escape=False, allow_harmful_protocols=False, attachments=attachments)
    return MarkdownWithMath(renderer=renderer).render(harmless(source, attachments))


def all_html(texts: Sequence[Text]) -> list[str]:
    """Each text as HTML."""
    done: list[str] = []
    while len(done) < len(texts):
        done += _some(texts[len(done) :])
        if len(done) < len(texts):
            done.append(f"<pre>{escape(texts[len(done)][0])}</pre>")
    return done


def _some(texts: Sequence[Text]) -> list[str]:
    """As many as can be had, from the first one on."""
    command = [sys.executable, "-P", "-m", __name__, str(TEXT_SECONDS)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin and process.stdout  # they are pipes
        with contextlib.suppress(BrokenPipeError):  # it was killed before it had read all
            process.stdin.write(json.dumps(texts))
            process.stdin.close()
        return [json.loads(line) for line in process.stdout if line.endswith("\n")]


def _serve(seconds: int) -> None:
    resource.setrlimit(resource.RLIMIT_DATA, (TEXT_MEMORY, TEXT_MEMORY))
    for text in json.load(sys.stdin):
        _, most = resource.getrlimit(resource.RLIMIT_CPU)
        # beyond it the kernel ends this
        resource.setrlimit(resource.RLIMIT_CPU, (int(time.process_time()) + seconds, most))
        print(json.dumps(html(*text)), flush=True)


if __name__ == "__main__":
    _serve(int(sys.argv[1]))
