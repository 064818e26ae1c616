"""A page of feedback comes of whatever a student wrote, and nothing on it acts."""

import nbformat
import pytest
from classes import ROOT
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from byhand.checking import collect_all, judge_all
from byhand.checking.exercise import load_checks
from byhand.checking.mistakes import load_mistakes
from byhand.course import Unit
from byhand.grading import feedback
from byhand.grading.marking import wrong_kinds
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
    html = feedback.page(new_notebook(cells=cells), "05-simple-rnn", "ada", scores, exercises)[0]
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
    plain = feedback.plain(new_notebook(cells=cells), "05-simple-rnn", "ada", scores, "too long", exercises)
    assert "Hint: Count again." in plain and "<script>" not in plain


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
