"""A page of feedback comes of whatever a student wrote, and nothing on it acts."""

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from byhand.grading import feedback

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


@pytest.mark.parametrize("link", ["[x](javascript:alert(1))", "[x](javascript\\:alert(1))", "<javascript:alert(1)>", "[x][1]\n\n[1]: javascript&colon;alert(1)", "![x](javascript:alert(1))"])
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
