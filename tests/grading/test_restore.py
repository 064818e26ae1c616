"""What a student hands in becomes a notebook in which only the answers are the student's."""

import json

import pytest

from byhand.grading.assignment import SKIP, ReleaseCell
from byhand.grading.restore import Damaged, restored

CHECK = 'check("f", f)\n### BEGIN HIDDEN TESTS\ncheck("f", f, points=4)\n### END HIDDEN TESTS'
CELLS = (
    ReleaseCell("setup", "code", "import numpy as np", "a", False, False, True, 0),
    ReleaseCell("f", "code", "def f(): ...", "b", False, True, False, 0),
    ReleaseCell("f-check", "code", CHECK, "c", True, False, True, 4),
    ReleaseCell("written", "markdown", "Your answer", "d", True, True, False, 4),
)


def cell(source, grade_id=None, kind="code", **more):
    return {
        "cell_type": kind,
        "source": source,
        "metadata": {"nbgrader": {"grade_id": grade_id}} if grade_id else {},
    } | more


def honest():
    return [
        cell("import numpy as np", "setup"),
        cell("def f(): return 1", "f"),
        cell('check("f", f)', "f-check"),
        cell("Because.", "written", "markdown"),
    ]


def restore(cells, skipped=()):
    data = json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells}).encode()
    found = restored(data, CELLS, skipped, given={"What is it?"})
    return found.notebook, found.notes


def named(notebook):
    return [(c.metadata.get("nbgrader", {}).get("grade_id"), c.source) for c in notebook.cells]


WHOLE = [("setup", "import numpy as np"), ("f", "def f(): return 1"), ("f-check", CHECK), ("written", "Because.")]


def test_an_honest_notebook_gets_its_hidden_tests_and_nothing_is_said():
    notebook, notes = restore(honest())
    assert named(notebook) == WHOLE and notes == []
    assert [c.metadata.nbgrader.get("points") for c in notebook.cells] == [None, None, 4, 4]


def test_what_is_given_is_put_back_and_what_is_missing_put_in():
    cells = honest()
    cells[0]["source"] = "import numpy as np; np.check = print"
    del cells[2]
    notebook, notes = restore(cells)
    assert named(notebook) == WHOLE
    assert any("setup" in n and "changed" in n for n in notes) and any("f-check" in n and "missing" in n for n in notes)


def test_what_was_typed_into_a_given_cell_stays_below_it_and_above_a_test():
    cells = honest()
    cells[0]["source"] = "import numpy as np, math\nhalf = 0.5\nfor _ in range(3): print()"
    cells[2]["source"] = 'def f(): return 2\ncheck("f", f)'
    notebook, notes = restore(cells)
    mine = [(None, "import numpy as np, math\nhalf = 0.5"), (None, "def f():\n    return 2")]
    assert named(notebook) == [WHOLE[0], mine[0], WHOLE[1], mine[1], *WHOLE[2:]]
    assert all("in a cell of its own" in note for note in notes) and len(notes) == 2


def test_of_two_cells_with_one_id_the_later_counts_and_both_run():
    cells = honest()
    cells.insert(1, cell("def f(): return 0", "f"))
    notebook, notes = restore(cells)
    assert named(notebook) == [WHOLE[0], (None, "def f(): return 0"), *WHOLE[1:]]
    assert any("more than one" in n for n in notes)


@pytest.mark.parametrize("by", ["the cells' own ids", "the names that they define"])
def test_lost_metadata_is_found_again(by):
    cells = honest()
    for one in cells:
        name = one.pop("metadata")["nbgrader"]["grade_id"]
        one["metadata"] = {}
        if by == "the cells' own ids":
            one["id"] = name
    notebook, _ = restore(cells)
    answers = dict(named(notebook))
    assert answers["f"] == "def f(): return 1" and answers["f-check"] == CHECK
    order = [name for name, _ in named(notebook)]
    assert order.index("f") < order.index("f-check")


def test_a_changed_kind_points_and_lock_come_back():
    cells = honest()
    cells[1]["cell_type"] = "markdown"
    cells[2]["metadata"]["nbgrader"] |= {"points": 4000, "locked": False, "grade": "yes"}
    notebook, _ = restore(cells)
    assert notebook.cells[1].cell_type == "code" and notebook.cells[2].metadata.nbgrader["points"] == 4
    assert notebook.cells[2].metadata.nbgrader["locked"] is True


def test_training_cells_are_left_out_whatever_became_of_their_tag():
    notebook, _ = restore([*honest(), cell("train()")], skipped={"train()"})
    assert notebook.cells[-1].metadata.tags == [SKIP]


@pytest.mark.parametrize(
    "text, becomes",
    [
        ("<script>alert(1)</script>", "< script>alert(1)< /script>"),
        ("[x](JavaScript:alert(1))", "[x](JavaScript :alert(1))"),
        ("[x](java&#115;cript:alert(1))", "[x](java& #115;cript :alert(1))"),
        ("[x](javascript\\:alert(1))", "[x](javascript \\:alert(1))"),
        ("```mermaid\n<img src=x onerror=f()>\n```", "````text\n```mermaid\n<img src=x onerror=f()>\n```\n````"),
        (
            "Here `a<b`, x<sub>2</sub>, [y](https://example.org/?a=1), note: 1.",
            "Here `a<b`, x<sub>2</sub>, [y](https://example.org/?a=1), note: 1.",
        ),
        ("Since $a < b$ and $2<3$, no.", "Since $a < b$ and $2<3$, no."),
    ],
)
def test_a_written_answer_holds_no_html_and_its_mathematics_stays(text, becomes):
    cells = honest()
    cells[3]["source"] = text
    assert named(restore(cells)[0])[3] == ("written", becomes)


@pytest.mark.parametrize("data", [b"", b"  ", b"{", b"[]", b"\xff\xfe", b'{"cells": 3}', b"[" * 100_000, b"\x00" * 100])
def test_what_is_no_notebook_is_damaged_in_one_sentence(data):
    with pytest.raises(Damaged, match=r"^The notebook [^\n]*\.$"):
        restored(data, CELLS)


def test_pictures_that_were_pasted_into_a_text_stay_and_nothing_else():
    cells = honest()
    cells[3]["attachments"] = {
        "a.png": {"image/png": "QUJD"},
        "b.svg": {"image/svg+xml": "<svg/>"},
        "c": 3,
        "d.png": {"image/png": '"onload='},
    }
    cells.append(cell("![](attachment:e.jpg)", kind="markdown", attachments={"e.jpg": {"image/jpeg": ["QU", "JD"]}}))
    notebook, _ = restore(cells)
    assert [dict(c.get("attachments", {})) for c in notebook.cells[-2:]] == [
        {"a.png": {"image/png": "QUJD"}},
        {"e.jpg": {"image/jpeg": "QUJD"}},
    ]


def test_pictures_beside_the_notebook_are_taken_into_the_texts_that_show_them():
    text = "![a](my%20sketch.png) ![](./b.JPG 'so') ![](large.gif) ![](x.txt) ![](gone.png) ![](https://e.org/c.png) ![](my%20sketch.png)"
    files = {"my sketch.png": b"ABC", "b.JPG": b"D", "large.gif": bytes(2 << 20), "x.txt": b"x"}
    data = json.dumps({"cells": [*honest(), cell(text, kind="markdown"), cell(text, kind="code")]}).encode()
    shown, code = restored(data, CELLS, beside=files).notebook.cells[-2:]
    assert dict(shown.attachments) == {"my sketch.png": {"image/png": "QUJD"}, "./b.JPG": {"image/jpeg": "RA=="}}
    assert shown.source == text.replace("(my%20", "(attachment:my%20").replace("(./b", "(attachment:./b")
    assert code.source == text and "attachments" not in code


@pytest.mark.parametrize(
    "added, found",
    [
        (cell("The effects of all steps add up.", kind="markdown"), True),
        (cell("The effects of all steps add up.", kind="raw"), True),
        (cell("What is it?\n\nThe effects of all steps add up.", kind="markdown"), True),
        (cell("", kind="markdown", attachments={"a.png": {"image/png": "QUJD"}}), True),
        (cell("What is it?", kind="markdown"), False),
        (cell("## My tests", kind="markdown"), False),
        (cell("# The effects of all steps add up."), False),
    ],
)
def test_text_that_answers_no_question_by_its_place_is_found(added, found):
    data = json.dumps({"cells": [*honest(), added]}).encode()
    assert restored(data, CELLS, given={"What is it?"}).texts == found


def test_of_two_texts_with_one_name_that_counts_which_was_written():
    cells = honest()
    cells.append(cell("Your answer", "written", "markdown"))
    assert ("written", "Because.") in named(restore(cells)[0])
