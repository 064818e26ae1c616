"""What students get, and how corrections reach it without touching what they have written."""

import json
import subprocess
import zipfile

import nbformat
import pytest
from classes import copy_course, run_as_typed

from byhand.course import CourseError
from byhand.teaching.handout import handout
from byhand.update import Changes, UpdateError, update

UNIT = "course/05-simple-rnn"


def git(folder, *command):
    who = ["-c", "user.name=Someone", "-c", "user.email=someone@example.org", "-c", "init.defaultBranch=main"]
    return subprocess.run(["git", *who, *command], cwd=folder, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def ours(tmp_path):
    """The instructor's repository, with one unit."""
    root = copy_course(tmp_path / "ours")
    git(root, "init", "--quiet")
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", "The course")
    return root


def handed_out(ours, name="course.zip"):
    run_as_typed(ours, "byhand", "handout", f"../{name}")
    return ours.parent / name


def test_the_site_can_be_handed_out_too(ours):
    with pytest.raises(CourseError, match="run byhand book"):
        handout(ours, ours.parent / "site.zip", browser=True)
    page = ours / "book" / "_build" / "html" / "browser" / "index.html"
    page.parent.mkdir(parents=True)
    page.write_text("a page")
    count = handout(ours, ours.parent / "plain.zip")
    assert handout(ours, ours.parent / "site.zip", browser=True) == count + 1
    with zipfile.ZipFile(ours.parent / "site.zip") as packed:
        assert packed.read("backprop-by-hand/site/browser/index.html") == b"a page"


@pytest.fixture
def theirs(ours, tmp_path):
    """A student's copy, unpacked from the handout, with an answer in it."""
    with zipfile.ZipFile(handed_out(ours)) as packed:
        packed.extractall(tmp_path / "theirs")
    root = tmp_path / "theirs" / "backprop-by-hand"
    edit(root / UNIT / "exercises.ipynb", "raise NotImplementedError()", "return 42  # my answer")
    return root


def edit(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def correct(ours):
    """The instructor corrects the lesson, the exercises and a hint, adds a file and drops one; committed."""
    edit(ours / UNIT / "lesson.ipynb", "A simple recurrent network", "A corrected recurrent network")
    edit(ours / UNIT / "exercises.ipynb", "# 05 Exercises", "# Corrected exercises")
    edit(ours / UNIT / "mistakes.json", "hint", "hint ")
    (ours / "course" / "new.txt").write_text("new")
    (ours / UNIT / "pictures.py").unlink()
    git(ours, "add", "--all")
    git(ours, "commit", "--quiet", "--message", "Corrections")


def ran(path):
    """As JupyterLab leaves a notebook that was run and saved."""
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.execution_count, cell.outputs = 1, [nbformat.v4.new_output("stream", text="something")]
    nbformat.write(notebook, path)


def after_the_update(theirs):
    """What must hold whichever way the corrections came."""
    assert "return 42  # my answer" in (theirs / UNIT / "exercises.ipynb").read_text()
    assert "# Corrected exercises" not in (theirs / UNIT / "exercises.ipynb").read_text()
    assert "# Corrected exercises" in (theirs / UNIT / "exercises.new.ipynb").read_text()
    assert "A corrected recurrent network" in (theirs / UNIT / "lesson.ipynb").read_text()
    assert (theirs / "course" / "new.txt").read_text() == "new"
    assert not (theirs / UNIT / "pictures.py").exists()


def test_the_handout_has_no_solutions_and_nothing_for_instructors(ours):
    names = zipfile.ZipFile(handed_out(ours)).namelist()
    assert f"backprop-by-hand/{UNIT}/exercises.ipynb" in names and "backprop-by-hand/requirements/student.txt" in names
    assert [
        name for name in names if "solutions" in name or "nbgrader_config" in name or "misconceptions" in name
    ] == []


def test_corrections_come_and_edited_notebooks_stay(ours, theirs):
    ran(theirs / UNIT / "lesson.ipynb")  # running is not editing
    correct(ours)
    changes = update(theirs, handed_out(ours, "newer.zip"))
    after_the_update(theirs)
    assert changes.kept == [f"{UNIT}/exercises.ipynb"] and f"{UNIT}/lesson.ipynb" in changes.corrected
    assert changes.added == ["course/new.txt"] and changes.removed == [f"{UNIT}/pictures.py"]
    # A second time there is nothing to do but to say again which correction waits.
    assert update(theirs, ours.parent / "newer.zip") == Changes()


def test_what_was_edited_and_not_corrected_is_left_in_peace(ours, theirs):
    assert update(theirs, ours.parent / "course.zip") == Changes()
    assert not (theirs / UNIT / "exercises.new.ipynb").exists()


def test_a_git_clone_is_updated_the_same_way(ours, tmp_path):
    git(tmp_path, "clone", "--quiet", str(ours), "theirs")
    theirs = tmp_path / "theirs"
    edit(theirs / UNIT / "exercises.ipynb", "raise NotImplementedError()", "return 42  # my answer")
    correct(ours)
    output = run_as_typed(theirs, "byhand", "update")
    after_the_update(theirs)
    assert f"Kept as you edited it: {UNIT}/exercises.ipynb." in output and "exercises.new.ipynb" in output
    assert git(theirs, "rev-parse", "HEAD") == git(ours, "rev-parse", "HEAD")
    assert "Nothing to do" in run_as_typed(theirs, "byhand", "update")


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("missing.zip", "There is no file or folder"),
        ("text.zip", "is no zip file, or it is damaged"),
        ("empty", "is no handout of this course"),
        ("outside.zip", "outside the course"),
        (None, "is no git clone"),
    ],
)
def test_a_wrong_source_is_one_sentence_and_changes_nothing(theirs, tmp_path, source, says):
    (tmp_path / "text.zip").write_text("no zip")
    (tmp_path / "empty").mkdir()
    with zipfile.ZipFile(tmp_path / "outside.zip", "w") as archive:
        archive.writestr("../outside.txt", "no")
    before = {path: path.read_bytes() for path in theirs.rglob("*") if path.is_file()}
    with pytest.raises(UpdateError, match=says):
        update(theirs, source and tmp_path / source)
    assert {path: path.read_bytes() for path in theirs.rglob("*") if path.is_file()} == before
    assert not (tmp_path / "outside.txt").exists()


def test_a_clone_with_commits_of_its_own_is_left_to_git(ours, tmp_path):
    git(tmp_path, "clone", "--quiet", str(ours), "theirs")
    theirs = tmp_path / "theirs"
    edit(theirs / UNIT / "exercises.ipynb", "raise NotImplementedError()", "return 42")
    git(theirs, "commit", "--quiet", "--all", "--message", "My answers")
    correct(ours)
    with pytest.raises(UpdateError, match="commits of its own"):
        update(theirs)
    assert "# Corrected" not in (theirs / UNIT / "exercises.ipynb").read_text()


def test_every_file_of_the_handout_is_in_its_manifest(ours, theirs):
    manifest = json.loads((theirs / "released.json").read_text())
    files = {path.relative_to(theirs).as_posix() for path in theirs.rglob("*") if path.is_file()}
    assert files - {"released.json"} == set(manifest)
