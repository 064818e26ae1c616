"""The course in a real browser that reaches no other host: every unit solved, kept, taken away, graded, brought up to date."""

import contextlib
import functools
import http.server
import json
import re
import shutil
import threading

import pytest
from book_site import visitor
from book_visit import violations
from classes import run
from waiting import LONG, until

from byhand.course import find_root, find_units
from byhand.delimiters import BEGIN, END
from byhand.teaching.browser import build_browser, graded_exercises
from byhand.teaching.in_kernel import imported
from byhand.teaching.misconceptions import load_variants
from byhand.teaching.notebooks import read_source, with_solution
from byhand.teaching.pyodide import WIDGETS, NoPyodide, pyodide_files, wanted
from byhand.teaching.sliders import PLAYER, live_notebook

pytestmark = [
    pytest.mark.slow,
    # that of all tests which need the built site: a worker of its own would build it once more
    pytest.mark.xdist_group("book"),
]

UNITS = find_units(find_root())
UNIT = next(unit for unit in UNITS if unit.name.startswith("05"))
READY = "document.documentElement.dataset.byhand === 'ready'"
# In the model, since an editor shows only the lines that are in sight, each in several parts.
STAYS = """(answer) => [...(window.jupyterapp?.shell.currentWidget?.content?.model?.cells ?? [])].some(
    (cell) => cell.sharedModel.getSource() === answer)"""
SAVED = "!jupyterapp.shell.currentWidget.context.model.dirty"
RUN = """async (code) => {
    const kernel = jupyterapp.shell.currentWidget.sessionContext.session.kernel;
    const run = kernel.requestExecute({ code });
    const says = [];
    run.onIOPub = ({ content: c }) => says.push(c.text ?? c.data?.["text/plain"] ?? (c.ename ? `${c.ename}: ${c.evalue}` : ""));
    await run.done;
    return says.join("");
}"""
ANSWER = """async (answers) => {
    const notebook = jupyterapp.shell.currentWidget.content;
    for (const cell of notebook.model.cells) {
        const id = cell.getMetadata("nbgrader")?.grade_id;
        if (id in answers) cell.sharedModel.setSource(answers[id]);
    }
    for (const [number, cell] of notebook.widgets.entries()) {
        const about = cell.model.getMetadata("nbgrader");
        if (!about || cell.model.type !== "code") continue;
        notebook.activeCellIndex = number;
        await jupyterapp.commands.execute("notebook:run-cell");
    }
}"""


def answers(unit, variants=()):
    """The solution cells of a unit, by name, without marks; `variants` are put in the place of some."""
    cells = {c.metadata.get("nbgrader", {}).get("grade_id"): c for c in read_source(unit.exercises).notebook.cells}
    found = {}
    for name, cell in cells.items():
        if cell.cell_type == "code" and cell.metadata.get("nbgrader", {}).get("solution"):
            [region] = [v.region for v in variants if v.exercise == name] or [None]
            source = cell.source if region is None else with_solution(cell.source, region)
            found[name] = "\n".join(line for line in source.splitlines() if line.strip() not in (BEGIN, END))
    return found


def given(unit):
    """What the notebook gives: its locked cells of code that are no tests."""
    cells = read_source(unit.exercises).notebook.cells
    meta = [(cell, cell.metadata.get("nbgrader", {})) for cell in cells if cell.cell_type == "code"]
    return [cell.source for cell, m in meta if m.get("locked") and not m["grade_id"].endswith("-check")]


@pytest.fixture(scope="module")
def open_page(browser, address, site):
    if not (site / "browser").is_dir():
        pytest.skip("the book was built without the exercises in the browser")
    with visitor(browser, address, accept_downloads=True) as open_page:
        yield open_page


@contextlib.contextmanager
def served(handler):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


def solve(open_page):
    """The notebook of unit 05, opened by the button of its page, when Python is there."""
    page = open_page(f"units/{UNIT.name}/exercises.html")
    page.click("a.byhand-solve-button")
    page.wait_for_function(READY, timeout=2000 * LONG)
    return page


@pytest.fixture(scope="module")
def notebook(open_page):
    return solve(open_page)


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_every_check_of_a_unit_says_right_and_knows_a_mistake(notebook, unit):
    code = f"import os\nos.chdir('/drive/course/{unit.name}')\nimport sys; sys.path.insert(0, os.getcwd())\n"
    code += "\n".join(given(unit)) + "\n" + "\n".join(answers(unit).values()) + "\nfrom byhand import check\n"
    names = [name for name in answers(unit) if name in graded_exercises(unit)]
    code += "\n".join(f"check({name!r}, {name})" for name in names)
    assert notebook.evaluate(RUN, code).count(": right.") == len(names)
    wrong = next(v for v in load_variants(unit).misconceptions if v.exercise == names[0])
    says = notebook.evaluate(
        RUN, f"{answers(unit, [wrong])[wrong.exercise]}\ncheck({wrong.exercise!r}, {wrong.exercise})"
    )
    assert ": right." not in says and f"Hint: {wrong.hint.strip()}" in says
    notebook.evaluate(RUN, "sys.path.pop(0)\nfor name in ('lstm', 'pictures', 'weather'): sys.modules.pop(name, None)")


@pytest.mark.parametrize("unit", [unit for unit in UNITS if live_notebook(unit)], ids=lambda unit: unit.name)
def test_the_sliders_of_a_lesson_run(notebook, unit):
    cells = [cell.source for cell in live_notebook(unit).cells if cell.cell_type == "code"]
    notebook.evaluate(RUN, f"import os, sys\nos.chdir('/drive/course/{unit.name}'); sys.path.insert(0, os.getcwd())")
    says = [notebook.evaluate(RUN, cell) for cell in cells]
    assert not any(re.search(r"Error\b", text) for text in says) and "VBox(children=(" in says[-1]
    names = sorted(path.stem for path in unit.course.glob("*.py"))
    notebook.evaluate(RUN, f"sys.path.pop(0)\nfor name in {names}: sys.modules.pop(name, None)")


def test_sliders_need_nothing_that_the_browser_lacks_but_for_one_unit():
    there = {unit.name[:2] for unit in UNITS if PLAYER.search(unit.lesson.read_text())}
    assert there - {unit.name[:2] for unit in UNITS if live_notebook(unit)} == {"10"}


def test_numpy_takes_the_integers_that_it_takes_elsewhere(notebook):
    code = "import numpy as np\nx = np.array([0, 1, 2, 1], dtype=np.int64)\n"
    code += "print(np.bincount(x), np.repeat(x, x), np.take(x, indices=x), np.choose(x[:3], [x[:3]] * 3))"
    assert notebook.evaluate(RUN, code).strip() == "[1 2 1] [1 2 2 1] [0 1 2 1] [0 1 2]"


def test_what_is_imported_before_the_first_check_has_its_bytecode(notebook):
    code = "import asyncio, IPython, byhand, numpy, os\nprint(asyncio.__file__[-4:])\n"
    code += "print([module.__name__ for module in (IPython, byhand, numpy) if not os.path.exists(module.__cached__)])"
    assert notebook.evaluate(RUN, code).split() == [".pyc", "[]"]


def test_warming_up_leaves_the_names_of_a_student_alone(notebook):
    warm = "import sys\nprint('tqdm.auto' in sys.modules and 'matplotlib.pyplot' in sys.modules)"
    until(lambda: notebook.evaluate(RUN, warm).strip() == "True", "the next cells' packages are loaded")
    names = "('tqdm', 'matplotlib', 'ipywidgets')"
    mine = f"print([name for name in {names} if isinstance(globals().get(name), type(sys))])"
    assert notebook.evaluate(RUN, mine).strip() == "[]"


def test_a_cell_with_a_progress_bar_can_be_interrupted(notebook):
    """By the button of the toolbar, whatever the cell computes; the kernel keeps what it knows."""
    there = f"import os\nos.chdir('/drive/course/{UNIT.name}')"  # where the notebook began
    notebook.evaluate(RUN, f"{there}\nfrom tqdm.auto import tqdm\nkept = 7")
    begun = "jupyterapp.shell.currentWidget.sessionContext.session.kernel.status === 'busy'"
    endless = "import itertools\nfor n in tqdm(itertools.count()):\n    sum(range(1000))"
    notebook.evaluate(f"window.stopped = ({RUN})({json.dumps(endless)}); undefined")
    notebook.wait_for_function(begun)
    notebook.locator('[data-command="notebook:interrupt-kernel"]').click()
    notebook.get_by_text("A cell with a progress bar stops when the bar moves on.").wait_for()
    assert "KeyboardInterrupt" in notebook.evaluate("stopped")
    assert "kept: 7, 3" in notebook.evaluate(RUN, "print(f'kept: {kept}, {sum(tqdm(range(3)))}')")
    notebook.wait_for_function("document.getElementById('byhand-loading').hidden")


def test_a_solved_notebook_is_kept_taken_away_and_graded(open_page, address, built_course, tmp_path):
    course = shutil.copytree(built_course, tmp_path / "course")
    notebook = solve(open_page)
    notebook.evaluate(ANSWER, answers(UNIT))
    notebook.wait_for_function(SAVED)
    count = len(graded_exercises(UNIT))
    page = open_page(f"units/{UNIT.name}/exercises.html")
    page.get_by_text(f"{count} of {count} checks are right").wait_for()
    assert page.locator(".byhand-right").count() == count
    with page.expect_download() as download:
        page.get_by_role("button", name="Download my notebook").click()
    work = course / "classroom" / "submitted" / "browser" / UNIT.name
    work.mkdir(parents=True)
    download.value.save_as(work / "exercises.ipynb")
    says = run(course, "byhand", "grade", UNIT.name, "--student", "browser")
    assert "1 graded" in says
    verdict = json.loads((course / "classroom" / "verdicts" / UNIT.name / "browser.json").read_text())
    earned = {name: (entry["points"], entry["max_points"]) for name, entry in verdict["exercises"].items()}
    assert len(earned) == count and all(points == most for points, most in earned.values()), earned
    page.click("a.byhand-solve-button")
    page.wait_for_selector(".jp-Notebook .jp-Cell")
    page.wait_for_function(STAYS, arg=answers(UNIT)["rnn_step"])
    asked = [fault.partition("failed: ")[2] for fault in open_page.faults if "failed: " in fault]
    assert all(url.startswith(address) for url in asked), "another host was asked"
    assert not [fault for fault in open_page.faults if re.search(r": [45]\d\d: |console: .*[Ee]rror", fault)]


PAGE = f"units/{UNIT.name}/exercises.html"
MINE = f"course/{UNIT.name}/exercises.ipynb"


@pytest.fixture
def fresh(browser, address, site):
    """A browser that has never been here; its pages are gone afterwards."""
    if not (site / "browser").is_dir():
        pytest.skip("the book was built without the exercises in the browser")
    with visitor(browser, address, accept_downloads=True) as open_page:
        yield open_page


def with_answer(site):
    """A notebook with an answer in it, as a student brings it from another device."""
    released = json.loads((site / "browser" / "files" / MINE).read_text())
    for cell in released["cells"]:
        if cell["metadata"].get("nbgrader", {}).get("grade_id") == "rnn_step":
            cell["source"] = "def rnn_step(x, h_prev, U, W, b):\n    return 1"
    return json.dumps(released).encode()


def bring(page, content, name="exercises.ipynb"):
    page.set_input_files(
        ".byhand-solve input[type=file]", {"name": name, "mimeType": "application/json", "buffer": content}
    )


def test_a_notebook_is_brought_back_and_taken_away_again(fresh, site, tmp_path):
    page = fresh(PAGE)
    take = page.get_by_role("button", name="Download my notebook")
    assert not take.is_visible()
    bring(page, b"{}", "shopping.ipynb")
    page.get_by_text("shopping.ipynb is no notebook with the exercises of this unit; nothing has changed.").wait_for()
    bring(page, with_answer(site))
    page.get_by_text("exercises.ipynb is here now").wait_for()
    page = fresh(PAGE)  # it is kept
    with page.expect_download() as download:
        take.click()
    download.value.save_as(tmp_path / "exercises.ipynb")
    taken, brought = json.loads((tmp_path / "exercises.ipynb").read_text()), json.loads(with_answer(site))
    assert taken["cells"] == brought["cells"] and taken["metadata"]["kernelspec"]["name"] == "python3"
    assert fresh.faults == []


def test_a_newer_version_lies_beside_what_was_written(fresh, site):
    released = site / "browser" / "files" / MINE
    before = released.read_text()
    page = fresh(PAGE)
    bring(page, with_answer(site))
    page.get_by_text("exercises.ipynb is here now").wait_for()
    try:
        released.write_text(before.replace("one step", "a single step"))
        page = fresh(PAGE)
        page.get_by_text(
            "These exercises have been corrected since you began. Your answers are as they were."
        ).wait_for()
        assert (
            page.get_by_role("link", name="Open the corrected one")
            .get_attribute("href")
            .endswith("exercises.new.ipynb")
        )
        with page.expect_download() as download:
            page.get_by_role("button", name="Download my notebook").click()
        assert "return 1" in download.value.path().read_text()
    finally:
        released.write_text(before)


def test_a_newer_version_takes_the_place_of_what_nobody_has_edited(fresh, site):
    released = site / "browser" / "files" / MINE
    before = released.read_text()
    page = fresh(PAGE)
    bring(page, before.encode())
    page.get_by_text("exercises.ipynb is here now").wait_for()
    try:
        released.write_text(before.replace("one step", "a single step"))
        page = fresh(PAGE)
        page.wait_for_function("document.querySelector('.byhand-solve button').hidden")
        assert not page.get_by_text("have been corrected").count()
    finally:
        released.write_text(before)


@pytest.mark.parametrize(
    "without, says",
    [
        (
            "IDBFactory.prototype.open = () => { throw new DOMException('no', 'SecurityError'); }",
            "keeps nothing for this page",
        ),
        ("delete window.WebAssembly", "This browser is too old"),
        ("Object.defineProperty(window, 'isSecureContext', {value: false})", "begins with https or is localhost"),
        ("delete Navigator.prototype.serviceWorker", "as private windows of some browsers do"),
    ],
)
def test_what_a_browser_lacks_is_said(browser, address, site, without, says):
    with visitor(browser, address) as open_page:
        open_page.context.add_init_script(without)
        page = open_page(PAGE)
        page.get_by_text(says).wait_for()
        assert page.locator("a.byhand-solve-button").count() == (says == "keeps nothing for this page")


def test_python_waits_for_the_files_beside_the_notebook(fresh):
    fresh.context.add_init_script("""const register = ServiceWorkerContainer.prototype.register;
        ServiceWorkerContainer.prototype.register = async function (...where) {
            await new Promise((go) => setTimeout(go, 6000));
            return register.apply(this, where);
        };""")
    page = solve(fresh)
    assert "'checks.py'" in page.evaluate(RUN, "import os\nprint(os.listdir())")


def test_pyodide_comes_from_its_public_address_where_that_is_asked(browser, tmp_path, monkeypatch):
    try:
        files = pyodide_files(find_root() / ".cache" / "pyodide")
    except NoPyodide as error:
        pytest.skip(str(error))
    asked = []

    class Public(http.server.SimpleHTTPRequestHandler):
        def end_headers(self):
            self.send_header("Access-Control-Allow-Origin", "*")
            super().end_headers()

        def log_message(self, *args):
            asked.append(self.path)

    with served(functools.partial(Public, directory=files["pyodide.js"].parent)) as public:
        monkeypatch.setattr("byhand.teaching.browser.PUBLIC", public)
        (tmp_path / WIDGETS).write_bytes(files[WIDGETS].read_bytes())
        site = build_browser(find_root(), tmp_path, source=tmp_path, public=True)
        here = functools.partial(http.server.SimpleHTTPRequestHandler, directory=site)
        with served(here) as address, visitor(browser, address) as open_page:
            open_page.context.unroute_all()
            page = open_page("notebooks/index.html?path=course/05-simple-rnn/exercises.ipynb")
            page.wait_for_function(READY)
            assert "2.0.2" in page.evaluate(RUN, "import numpy, byhand\nprint(numpy.__version__)")
    assert {"/pyodide.js", "/pyodide.asm.wasm"} <= {*asked} and not any("byhand" in path for path in asked)


def test_a_module_beside_the_notebook_says_what_it_imports(tmp_path):
    (tmp_path / "beside.py").write_text(
        "from __future__ import annotations\nimport matplotlib.pyplot as plt\nimport further"
    )
    (tmp_path / "further.py").write_text("def f():\n    from PIL import Image")
    code = "import numpy as np\nfrom beside import thing"
    assert imported(code, tmp_path) >= {"numpy", "beside", "matplotlib", "further", "PIL"}
    assert imported("this is no Python") == set()


def test_what_is_loaded_is_said_to_everyone(open_page):
    notebook = solve(open_page)
    says = notebook.locator("#byhand-loading [role=status]")
    assert says.text_content() == "Python is ready."
    notebook.evaluate("document.getElementById('byhand-loading').hidden = false")
    found = violations(notebook)
    assert not [fault for fault in found if "byhand-loading" in fault]


def test_a_file_of_pyodide_that_is_another_one_is_refused(tmp_path):
    with pytest.raises(NoPyodide, match=r"lacks pyodide\.js"):
        pyodide_files(tmp_path, tmp_path)
    for name in wanted():
        (tmp_path / name).write_bytes(b"")
    with pytest.raises(NoPyodide, match="SHA-256 is another one"):
        pyodide_files(tmp_path, tmp_path)


def test_the_names_of_the_exercises_lie_beside_the_site(site):
    names = json.loads((site / "browser" / "exercises.json").read_text())
    assert names == {unit.name: graded_exercises(unit) for unit in UNITS}
