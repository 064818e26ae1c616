"""A page of feedback comes of whatever a student wrote, and nothing on it acts."""

import re

import nbformat
import pytest
from classes import ROOT
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from byhand.checking import collect_all, judge_all
from byhand.checking.exercise import load_checks
from byhand.checking.mistakes import load_mistakes
from byhand.course import Unit
from byhand.grading import feedback, written_html
from byhand.grading.markdown import is_harmless
from byhand.grading.marking import wrong_kinds
from byhand.grading.told import Said, said_of
from byhand.teaching.misconceptions import Answers, Variant
from byhand.teaching.notebooks import read_source

SCORES = {"grades": {}, "comments": {}, "score": 3, "max_score": 4, "late_penalty": 0}
DOT = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


def page(*cells):
    return feedback.page(new_notebook(cells=list(cells)), "05-simple-rnn", "ada", SCORES)[0]


def test_a_pasted_picture_is_shown_and_a_lost_one_is_said():
    pasted = new_markdown_cell("![my sketch](attachment:image%201.png)")
    pasted["attachments"] = {"image 1.png": {"image/png": DOT}}
    html = page(pasted, new_markdown_cell("See ![](attachment:gone.png) there, and ![](sketches/none.png)."))
    assert f'<img src="data:image/png;base64,{DOT}" alt="my sketch">' in html
    assert "See <em>(The picture gone.png was not handed in, or is too large to be shown.)</em> there" in html
    assert "<em>(The picture sketches/none.png was not handed in" in html


@pytest.mark.parametrize(
    "text",
    [
        "![a sketch](http://example.org/a.png)",
        "![a sketch][1]\n\n[1]: https://example.org/a.png",
        '<img src="http://example.org/a.png" alt="a sketch">',
        'See <img alt="a sketch" src="//example.org/a.png"> there.',
        '<div>\n<input type="image" alt="a sketch" src="http://example.org/a.png"/>\n</div>',
    ],
)
def test_no_picture_is_fetched_from_elsewhere_and_its_address_can_be_read(text):
    assert is_harmless(text)  # so it comes as far as the page
    for html in (page(new_markdown_cell(text)), written_html.html(text, {})):
        shown = html[html.rindex("a sketch") :]
        assert "//example.org/a.png)" in shown and not re.search(r'src="[^"]*example\.org', html)


def test_a_picture_that_is_in_the_text_itself_stays():
    tag = f'<img src="data:image/png;base64,{DOT}" alt="my sketch">'
    assert tag in page(new_markdown_cell(tag))
    assert f'src="data:image/png;base64,{DOT}"' in page(new_markdown_cell(f"![x](data:image/png;base64,{DOT})"))


def test_nothing_that_was_written_passes_for_a_part_of_the_page():
    forged = (
        '<div class="panel-heading" id="top"><span class="pull-right">Score: 50.0 / 50.0</span></div>\n\n'
        'And <b  class="score">50</b> of <a href="https://example.org" id="rnn_step-check">50</a>.'
    )
    assert is_harmless(forged)
    html = page(new_markdown_cell(forged))
    assert "<div><span>Score: 50.0 / 50.0</span></div>" in html
    assert 'And <b>50</b> of <a href="https://example.org">50</a>.' in html
    assert 'id="rnn_step-check"' not in page(new_markdown_cell("# rnn_step-check\n\n<b id='rnn_step-check'>x</b>"))
    code = page(new_markdown_cell("```python\nx = 1\n```"))
    assert '<div class="highlight">' in code  # the page's own


@pytest.mark.parametrize(
    "link",
    [
        "[x](javascript:alert(1))",
        "[x](javascript\\:alert(1))",
        "<javascript:alert(1)>",
        "[x][1]\n\n[1]: javascript&colon;alert(1)",
        "![x](javascript:alert(1))",
    ],
)
def test_a_link_has_one_of_few_schemes(link):
    html = page(new_markdown_cell(f"{link} and [y](https://example.org)"))
    assert 'href="javascript' not in html and 'src="javascript' not in html and 'href="https://example.org"' in html


def test_where_the_template_fails_the_page_is_plain_and_has_all_scores(monkeypatch):
    def fails(*_):
        raise IndexError

    monkeypatch.setattr(feedback, "_full", fails)
    code = new_code_cell("1 < 2", outputs=[new_output("stream", text="<b>")])
    html = feedback.page(
        nbformat.from_dict(new_notebook(cells=[code])),
        "05-simple-rnn",
        "ada",
        SCORES | {"grades": {"f": (3, 4)}, "comments": {"f": "Well & good."}, "late_penalty": 1},
    )[0]
    for words in ("3 of 4 points", "f: 3 of 4 points", "Well &amp; good.", "1 &lt; 2", "&lt;b&gt;", "-1 points"):
        assert words in html


def told(name, region):
    """What a student whose answer to an exercise of unit 05 has this text is told."""
    unit = Unit(ROOT, "05-simple-rnn")
    checks = load_checks(unit.course)
    answer = Answers(read_source(unit.exercises).notebook, unit.course).function(name, Variant(name, "theirs", region))
    solved = checks.solved(name)
    outcomes = collect_all(checks[name], [s.problem for s in solved], answer)
    verdicts = judge_all(checks[name], solved, outcomes)
    return wrong_kinds(checks[name], verdicts, outcomes, load_mistakes(unit.course)[name])


def test_each_special_kind_that_is_wrong_is_told_with_its_own_hint():
    hard_coded = "\n".join(
        [
            "h = np.empty((5, *h0.shape))",
            "for t in range(5):",
            "    h[t] = rnn_step(x[t], h[t - 1] if t > 0 else h0, U, W, b)",
            "return h, h @ V.T + c",
        ]
    )
    kinds = told("rnn_forward", hard_coded)
    assert [k["kind"] for k in kinds] == ["with a sequence of one step", "with nine steps and other sizes"]
    assert "IndexError" in kinds[0]["wrong"] and kinds[1]["wrong"].startswith("h: has shape (5, 2, 8)")


def test_what_is_wrong_in_general_is_told_once_with_the_hint_of_the_check():
    [kind] = told("rnn_step", "return np.tanh(h_prev @ W.T + x @ U.T)")
    assert (
        kind["kind"] == ""
        and kind["wrong"].startswith("h: largest difference")
        and "Count the terms" in kind["hints"][0]
    )


ENTRY = dict(
    points=0.0, max_points=4.0, right=False, mistake=None, hint=None, failure="h: off", fingerprint=None, begin=None
)


def test_the_page_tells_each_exercise_above_the_notebook_and_escapes_what_was_written():
    script = "<script>alert(1)</script>"
    exercises = {
        "rnn_step": ENTRY | dict(right=True, told=[]),
        "rnn_forward": ENTRY
        | dict(begin="rnn_step", told=[dict(kind="with one step", wrong=script, hints=["Count again."], fresh=False)]),
        "sample": ENTRY | dict(told=[dict(kind="", wrong="indices: off.", hints=[], fresh=True)]),
        "cross_entropy": ENTRY | dict(failure=script),  # as an earlier version wrote it
    }
    scores = SCORES | {"grades": {"rnn_step-check": (4, 4), "rnn_forward-check": (1, 4), "sample-check": (0, 3)}}
    cells = [new_markdown_cell("The notebook.")]
    html = feedback.page(new_notebook(cells=cells), "05-simple-rnn", "ada", scores, Said(exercises))[0]
    above = html[html.index("Exercise by exercise") : html.index("The notebook.")]
    for words in (
        "right, 4 of 4 points",
        "It uses your rnn_step",
        "The ordinary problem is solved",
        "With one step: &lt;script&gt;",
        "Hint: Count again.",
        "With the other numbers of grading",
        "not right, optional",
    ):
        assert words in above
    assert "<script>" not in above
    plain = feedback.plain(new_notebook(cells=cells), "05-simple-rnn", "ada", scores, "too long", Said(exercises))
    assert "Hint: Count again." in plain and "<script>" not in plain


VERDICT = {
    "status": "timed out",
    "message": "Cell 3 took more than 30 s.",
    "notes": [],
    "exercises": {"f": ENTRY | dict(right=True)},
}


def test_what_happened_to_a_notebook_is_said_once_above_it_and_escaped():
    note = "The given cell setup had been changed; it was put back."
    said = said_of(VERDICT | {"notes": [note, "<b>left</b> out", note, "long " * 200]})
    notebook = new_notebook(cells=[new_markdown_cell("The notebook.")])
    html = feedback.page(notebook, "05-simple-rnn", "ada", SCORES, said)[0]
    above = html[html.index("About your notebook") : html.index("The notebook.")]
    assert html.count("Cell 3 took more than 30 s.") == html.count(note) == 1 and note in above
    assert "&lt;b&gt;left&lt;/b&gt; out" in above and "✓ right" in above and above.count("long ") < 100
    plain = feedback.plain(notebook, "05-simple-rnn", "ada", SCORES, "too long", said)
    assert plain.count("Cell 3 took more than 30 s.") == plain.count(note) == 1 and "<b>left" not in plain


@pytest.mark.parametrize("status", ["damaged", "refused", "failed"])
def test_of_what_did_not_run_the_page_says_so_once_and_nothing_of_each_exercise(status):
    verdict = VERDICT | {
        "status": status,
        "message": "It is empty.",
        "exercises": {"f": ENTRY},
        "notes": ["a.txt was left out."],
    }
    notebook = new_notebook(cells=[new_markdown_cell("**Not graded by machine.** It is empty.")])
    html = feedback.page(notebook, "05-simple-rnn", "ada", SCORES, said_of(verdict))[0]
    assert html.count("It is empty.") == html.count("a.txt was left out.") == 1
    assert "Exercise by exercise" not in html and "not right" not in html


def test_where_nothing_happened_nothing_is_said_of_the_notebook():
    html = feedback.page(new_notebook(cells=[]), "05-simple-rnn", "ada", SCORES, said_of(VERDICT | {"message": ""}))[0]
    assert "About your notebook" not in html and "Exercise by exercise" in html


def test_a_special_kind_is_told_with_the_hint_that_was_written_for_it():
    region = """
T, N, O = o.shape
shifted = o - o.max(axis=-1, keepdims=True)
log_p = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
onehot = np.eye(y.max() + 1)[y]
return -(onehot * log_p).sum() / (T * N), (np.exp(log_p) - onehot) / (T * N)
"""
    kinds = told("cross_entropy", region)
    assert all(kind["kind"] for kind in kinds)
    assert any("How many classes there are, the scores say." in hint for kind in kinds for hint in kind["hints"])
