"""Files that are no notebook, notebooks that were taken apart, and code that does not run. Nobody means harm here."""

import json
import os

import nbformat
from nbformat.v4 import new_code_cell

from bad import ALL, NO_STEP, NONE, bad, find


@bad("hands in the exercises as they were released", earns=NONE)
def blank(desk):
    return desk.sheet.filled({})


@bad("a syntax error in one cell", earns=NO_STEP)
def syntax_error(desk):
    return desk.solved(rnn_step="return np.tanh(b + h_prev @ W.T")


@bad("imports a module that nobody has, in the given cell too")
def import_error(desk):
    notebook = desk.solved("import a_module_that_nobody_has", after="setup")
    find(notebook, "setup").source = "import a_module_that_nobody_has\n" + find(notebook, "setup").source
    return notebook


@bad("the file ends in the middle", "damaged", NONE)
def invalid_json(desk):
    content = nbformat.writes(desk.solved()).encode()
    return content[: len(content) // 2]


@bad("an empty file", "damaged", NONE)
def no_bytes(desk):
    return b""


@bad("NUL bytes in the file", "damaged", NONE)
def nul_bytes(desk):
    return nbformat.writes(desk.solved()).encode().replace(b"import numpy", b"import\0numpy", 1)


@bad("valid JSON that is no notebook", "damaged", NONE)
def not_a_notebook(desk):
    return b'["a", "list"]'


@bad("a hundred thousand nested brackets", "damaged", NONE)
def nested_json(desk):
    return b"[" * 100_000 + b"]" * 100_000


@bad("saved in the format of 2012 (nbformat 3)", earns=ALL)
def old_format(desk):
    return nbformat.writes(nbformat.convert(desk.solved(), 3), version=3).encode()


@bad("the notebook has another name", earns=ALL)
def renamed(desk):
    (desk.folder / "exercises (1).ipynb").write_text(nbformat.writes(desk.solved()))


@bad("an older draft lies beside the notebook", earns=ALL)
def extra_notebook(desk):
    (desk.folder / "exercises-old.ipynb").write_text(nbformat.writes(desk.sheet.filled({})))
    return desk.solved()


@bad("a folder instead of the notebook", "damaged", NONE)
def folder_for_notebook(desk):
    (desk.folder / "exercises.ipynb").mkdir()


@bad("100 MB of saved output", earns=ALL)
def huge_notebook(desk):
    notebook = desk.solved()
    find(notebook, "setup").outputs = [nbformat.v4.new_output("stream", text="x" * 100_000_000)]
    return json.dumps(notebook).encode()


@bad("the notebook is a link to another student's", "refused", NONE)
def linked_notebook(desk):
    os.symlink(desk.root / "classroom/submitted/honest/05-simple-rnn/exercises.ipynb", desk.folder / "exercises.ipynb")


@bad("a named pipe beside the notebook, on which a reader waits for ever", earns=ALL)
def named_pipe(desk):
    os.mkfifo(desk.folder / "notes.txt")
    return desk.solved()


@bad("deletes a test cell")
def test_deleted(desk):
    notebook = desk.solved()
    notebook.cells.remove(find(notebook, "rnn_forward-check"))
    return notebook


@bad("has a test cell twice, as after copy and paste")
def test_twice(desk):
    notebook = desk.solved()
    copy = nbformat.from_dict({**find(notebook, "rnn_forward-check"), "id": "copy"})
    notebook.cells.append(copy)
    return notebook


@bad("has an answer twice; the later one counts, as where the student ran it", earns=NO_STEP)
def answer_twice(desk):
    notebook = desk.solved()
    first = find(notebook, "rnn_step")
    second = nbformat.from_dict({**first, "id": "copy", "source": first.source.replace("b +", "")})
    notebook.cells.insert(notebook.cells.index(first) + 1, second)
    return notebook


@bad("splits a test cell in two")
def test_split(desk):
    notebook = desk.solved()
    cell = find(notebook, "rnn_forward-check")
    cell.source = 'name = "rnn_forward"'
    notebook.cells.insert(notebook.cells.index(cell) + 1, new_code_cell("check(name, rnn_forward)"))
    return notebook


@bad("turns a test cell into text")
def test_as_markdown(desk):
    notebook = desk.solved()
    cell = find(notebook, "rnn_forward-check")
    cell.cell_type = "markdown"
    del cell["outputs"], cell["execution_count"]
    return notebook


@bad("turns an answer into text")
def answer_as_markdown(desk):
    notebook = desk.solved()
    cell = find(notebook, "rnn_step")
    cell.cell_type = "markdown"
    del cell["outputs"], cell["execution_count"]
    return notebook


@bad("unlocks a test cell")
def lock_changed(desk):
    notebook = desk.solved()
    find(notebook, "rnn_forward-check").metadata.nbgrader.locked = False
    return notebook


@bad("asks for another kernel")
def kernelspec(desk):
    notebook = desk.solved()
    notebook.metadata.kernelspec = {"name": "julia-1.10", "display_name": "Julia", "language": "julia"}
    return notebook


@bad("all metadata stripped, as by a converter", earns=ALL)
def metadata_stripped(desk):
    notebook = desk.solved()
    notebook.metadata = nbformat.from_dict({})
    for cell in notebook.cells:
        cell.metadata = nbformat.from_dict({})
    return notebook


@bad("metadata of the wrong kind", earns=ALL)
def metadata_of_wrong_kind(desk):
    notebook = desk.solved()
    find(notebook, "rnn_forward-check").metadata.nbgrader.update(points="many", schema_version="x", grade=None)
    return notebook


@bad("types an import, a constant and a helper into given cells, and uses them")
def typed_into_given_cells(desk):
    uses = "assert sqrt(ONE) == unit()\n"
    notebook = desk.solved(leaky_backward=uses + desk.sheet.solution["leaky_backward"])
    setup, test = find(notebook, "setup"), find(notebook, "rnn_step-check")
    setup.source = (
        setup.source.replace("import numpy as np", "import numpy as np\nfrom math import sqrt") + "\nONE = np.ones(())"
    )
    test.source += "\n\n\ndef unit():\n    return 1.0"
    return notebook


@bad("types an answer into its test cell, above the check")
def typed_into_a_test_cell(desk):
    notebook = desk.solved()
    answer, test = find(notebook, "leaky_backward"), find(notebook, "leaky_backward-check")
    test.source = f"{answer.source}\n\n\n{test.source}"
    answer.source = find(desk.sheet.filled({}), "leaky_backward").source
    return notebook


# Names and places ------------------------------------------------------------------------------------------------

COPIES = {
    "capitals": "Exercises.ipynb",
    "copy-of": "Copy of exercises.ipynb",
    "kopie-von": "Kopie von exercises.ipynb",
    "ending-txt": "exercises.ipynb.txt",
    "ending-json": "exercises.ipynb.json",
    "with-a-name": "ada_exercises_final2.ipynb",
    "another-name": "homework.ipynb",
    "capital-ending": "EXERCISES.IPYNB",
    "in-a-folder": "05-simple-rnn/exercises.ipynb",
    "two-folders-down": "Downloads/05-simple-rnn/exercises (3).ipynb",
}


def _named(name):
    def make(desk):
        path = desk.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(nbformat.writes(desk.solved()))
        (path.parent / f"._{path.name}").write_bytes(b"\0\5\26\7\0\2\0\0Mac OS X")  # its shadow, from a Mac
        (path.parent / "lesson.ipynb").write_text(nbformat.writes(desk.sheet.filled({})))

    return make


for _id, _name in COPIES.items():
    bad(f"the notebook is {_name}, with a Mac's shadow file and the lesson beside it", student=f"named-{_id}")(
        _named(_name)
    )


@bad("a blank exercises.ipynb beside a solved exercises (1).ipynb")
def blank_beside_solved(desk):
    (desk.folder / "exercises (1).ipynb").write_text(nbformat.writes(desk.solved()))
    return desk.sheet.filled({})


@bad("two downloads, of which the second was worked on")
def two_downloads(desk):
    (desk.folder / "exercises (2).ipynb").write_text(nbformat.writes(desk.sheet.filled({})))
    (desk.folder / "exercises (10).ipynb").write_text(nbformat.writes(desk.solved()))


@bad("a data file in a folder in the folder, beside the notebook that reads it")
def reads_beside(desk):
    (desk.folder / "05-simple-rnn").mkdir()
    (desk.folder / "05-simple-rnn/factor.txt").write_text("1")
    step = "return float(open('factor.txt').read()) * np.tanh(b + h_prev @ W.T + x @ U.T)"
    (desk.folder / "05-simple-rnn/exercises.ipynb").write_text(nbformat.writes(desk.solved(rnn_step=step)))


@bad("a folder in the notebook's place, with a file in it", "damaged", NONE)
def full_folder_for_notebook(desk):
    (desk.folder / "exercises.ipynb").mkdir()
    (desk.folder / "exercises.ipynb/notes.txt").write_text("here")


@bad("a folder in the place of checks.py, with a file in it")
def folder_for_checks(desk):
    (desk.folder / "checks.py").unlink()
    (desk.folder / "checks.py").mkdir()
    (desk.folder / "checks.py/notes.txt").write_text("here")
    return desk.solved()


@bad("a file named as a folder that belongs to the time stamp")
def folder_for_stamp(desk):
    (desk.folder / "timestamp.txt").mkdir()
    (desk.folder / "timestamp.txt/now").write_text("here")
    return desk.solved()


@bad("a file as deep as a path can be")
def deep_file(desk):
    here = os.open(desk.folder, os.O_RDONLY)
    try:
        for _ in range(60):
            os.mkdir("d" * 200, dir_fd=here)
            here, above = os.open("d" * 200, os.O_RDONLY, dir_fd=here), here
            os.close(above)
        os.close(os.open("deep.txt", os.O_CREAT | os.O_WRONLY, dir_fd=here))
    finally:
        os.close(here)
    return desk.solved()


@bad("400 small files, each thirty folders deep")
def many_folders(desk):
    for number in range(400):
        folder = desk.folder / str(number) / "/".join("d" * 29)
        folder.mkdir(parents=True)
        (folder / "x").write_text("x")
    return desk.solved()


@bad("a folder with a name in Latin-1, and a file in it")
def latin_1(desk):
    folder = os.fsencode(desk.folder) + b"/\xfcbung"
    os.mkdir(folder)
    with open(folder + b"/notes.txt", "wb"):
        pass
    return desk.solved()


@bad("a time stamp that is none")
def no_time(desk):
    (desk.folder / "timestamp.txt").write_bytes(b"yesterday \xff\x00 " * 1000)
    return desk.solved()


def _solved(desk):
    return desk.solved()


for _id in ("O'Brien", "Brien, Flann", "Mu\u0308ller", "आरती कुमारी", "李小龙", "anna_b@uni.edu", "Łukasz+1"):
    bad(f"the student is called {_id}", student=_id)(_solved)

for _id in ("Ze\u0301", "Z\u00e9"):
    bad("a student id that looks like another one's", "refused", NONE, student=_id)(_solved)


# Cells that went astray ------------------------------------------------------------------------------------------


@bad("answers in cells that a converter made anew, without ids, tests and metadata in front of them")
def answers_alone(desk):
    notebook = desk.solved()
    names = [c.metadata.get("nbgrader", {}).get("grade_id", "") for c in notebook.cells]
    notebook.cells = [
        nbformat.v4.new_code_cell(c.source)
        for c, name in zip(notebook.cells, names, strict=True)
        if c.cell_type == "code" and name and not name.endswith("-check")
    ]
    return notebook
