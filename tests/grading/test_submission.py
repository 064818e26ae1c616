"""Reading a submission: what lies beside the notebook never costs its points, and nothing too large is taken in."""

import json
import os
import tracemalloc

import pytest

from byhand.grading import submission
from byhand.grading.submission import read_submission

NOTEBOOK = {
    "cells": [{"cell_type": "code", "source": "1", "outputs": []}],
    "metadata": {},
    "nbformat": 4,
    "nbformat_minor": 5,
}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "exercises.ipynb").write_text(json.dumps(NOTEBOOK))
    return tmp_path


def read(folder):
    return read_submission(folder, "anna", "salt")


def test_what_cannot_be_taken_along_is_left_out_with_a_note(folder):
    (folder / "data.csv").write_text("1, 2")
    os.symlink("/etc/hostname", folder / "link.txt")
    os.symlink("/etc", folder / "etc")
    os.mkfifo(folder / "pipe")
    found = read(folder)
    assert found.trouble is None and json.loads(found.notebook) == NOTEBOOK
    assert found.files == {"data.csv": b"1, 2"}
    assert found.notes == (
        "link.txt was left out: it is a link to another place.",
        "pipe was left out: it is no ordinary file.",
        "etc was left out: it is a link to another place.",
    )


def test_a_name_that_is_no_text_is_left_out(folder):
    with open(os.fsencode(folder) + b"/\xff.txt", "wb"):
        pass
    found = read(folder)
    assert (
        found.trouble is None
        and found.files == {}
        and found.notes == ("?.txt was left out: it has a name that is no text.",)
    )


def test_too_much_beside_the_notebook_is_left_out(folder, monkeypatch):
    monkeypatch.setattr(submission, "LARGEST_FILES", 100)
    (folder / "a.bin").write_bytes(b"a" * 60)
    (folder / "b.bin").write_bytes(b"b" * 60)
    (folder / "c.bin").write_bytes(b"c" * 101)
    found = read(folder)
    assert found.trouble is None and set(found.files) == {"a.bin"}
    assert found.notes == (
        "b.bin was left out: it is beyond 500 files, or beyond 0 MB together.",
        "c.bin was left out: it is larger than 0 MB.",
    )


def test_a_folder_full_of_links_makes_few_notes(folder):
    for number in range(50):
        os.symlink("/etc/hostname", folder / f"{number}.txt")
    found = read(folder)
    assert found.trouble is None and len(found.notes) == 11 and found.notes[-1] == "More files were left out: 40."


def test_other_notebooks_are_not_read(folder):
    other = folder / "other.ipynb"
    with other.open("wb") as file:
        file.truncate(150 << 20)  # a hole, which takes no disk
    tracemalloc.start()
    found = read(folder)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found.notes == ("Other notebooks were left alone: other.ipynb.",) and peak < 10 << 20


def test_a_notebook_that_is_large_by_its_outputs_is_read_without_them(folder, monkeypatch):
    monkeypatch.setattr(submission, "LARGEST_NOTEBOOK", 10_000)
    large = json.loads(json.dumps(NOTEBOOK))
    large["cells"][0]["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "x" * 20_000}]
    (folder / "exercises.ipynb").write_text(json.dumps(large))
    assert json.loads(read(folder).notebook) == NOTEBOOK


@pytest.mark.parametrize(
    "content",
    [
        json.dumps({**NOTEBOOK, "metadata": {"x": "y" * 20_000}}),  # large without its outputs too
        "[" * 20_000,  # no notebook, and too deep to read
        json.dumps({"cells": [[]] * 20_000}),  # cells that are none
    ],
)
def test_a_notebook_that_stays_large_is_refused(folder, monkeypatch, content):
    monkeypatch.setattr(submission, "LARGEST_NOTEBOOK", 10_000)
    (folder / "exercises.ipynb").write_text(content)
    status, says = read(folder).trouble
    assert status == "refused" and "does not get small without its saved outputs" in says


def test_reading_a_large_notebook_has_a_limit_of_memory(monkeypatch):
    many = json.dumps({"cells": [], "metadata": [[]] * 3_000_000}).encode()
    assert submission.without_outputs(many)
    monkeypatch.setattr(submission, "READING_MEMORY", 100 << 20)
    assert submission.without_outputs(many) == b""


def test_the_notebook_itself_may_be_no_link(folder):
    os.rename(folder / "exercises.ipynb", folder / "elsewhere.txt")
    os.symlink("elsewhere.txt", folder / "exercises.ipynb")
    assert read(folder).trouble == ("refused", "exercises.ipynb is a link to another place.")


def test_any_change_of_the_files_changes_the_digest(folder):
    before = read(folder).digest
    assert read(folder).digest == before
    (folder / "data.csv").write_text("1")
    assert read(folder).digest != before


@pytest.mark.parametrize(
    "name, shown",
    [
        ("exercises.json", "exercises.json"),
        ("my work.txt", "my work.txt"),
        ("exercises.ipynb ", '"exercises.ipynb "'),
        ("exercises.ipynb.", '"exercises.ipynb."'),
        ("home/exercises.json", "home/exercises.json"),
    ],
)
def test_a_file_that_holds_the_notebook_is_taken_whatever_it_is_called(folder, name, shown):
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / "exercises.ipynb").rename(folder / name)
    (folder / "mistakes.json").write_text('{"cells": 3}')
    found = read(folder)
    assert found.trouble is None and json.loads(found.notebook) == NOTEBOOK
    assert found.notes == (f"There is no exercises.ipynb; {shown} was taken for it.",)
    assert found.name == shown.rpartition("/")[2]


def test_of_two_files_that_hold_notebooks_the_exercises_are_taken_and_else_none(folder):
    (folder / "exercises.ipynb").rename(folder / "exercises.json")
    (folder / "other.json").write_text(json.dumps(NOTEBOOK))
    assert read(folder).name == "exercises.json"
    (folder / "exercises.json").rename(folder / "mine.json")
    says = "There is no exercises.ipynb. These files hold notebooks: mine.json, other.json. Call the one that counts exercises.ipynb."
    assert read(folder).trouble == ("damaged", says)


@pytest.mark.parametrize(
    "name, says",
    [
        ("05-simple-rnn.zip", "Archives are not unpacked (05-simple-rnn.zip): unpack it"),
        ("work/all.tar.gz", "Archives are not unpacked (work/all.tar.gz): unpack it"),
        (
            ".ipynb_checkpoints/exercises-checkpoint.ipynb",
            ".ipynb_checkpoints/exercises-checkpoint.ipynb is what Jupyter saves by itself, and may be older",
        ),
        ("essay.docx", "What was handed in: essay.docx."),
        (None, "Nothing was handed in that can be read."),
    ],
)
def test_where_there_is_no_notebook_it_is_said_what_there_is_and_what_to_do(folder, name, says):
    (folder / "exercises.ipynb").unlink()
    if name:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(json.dumps(NOTEBOOK) if name.endswith(".ipynb") else "PK")
    status, said = read(folder).trouble
    assert status == "damaged" and said.startswith(f"There is no exercises.ipynb. {says}")
    assert "exercises.ipynb" in said.removeprefix("There is no exercises.ipynb.")
