"""The project as a whole: one set of versions, a student's side that needs no teaching side, clean sources."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
TRACKED = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True).stdout.splitlines()


LOCKS = ROOT / "requirements"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def locked(name):
    """Requirement -> the hashes of its files, of a lock. A package can have two versions, for different Pythons."""
    found = {}
    for block in re.split(r"\n(?=\w)", re.sub(r"^ *#.*\n", "", (LOCKS / f"{name}.txt").read_text(), flags=re.M)):
        line, *hashes = (part.strip() for part in block.split("\\\n"))
        found[Requirement(line)] = hashes
    return found


def canonical(name):
    return name.lower().replace("_", "-")


def here(name):
    """Package -> version that the lock and torch.txt install into this Python."""
    both = [
        *locked(name),
        *(Requirement(line) for line in (LOCKS / "torch.txt").read_text().splitlines() if line[0] != "#"),
    ]
    return {canonical(r.name): str(r.specifier).removeprefix("==") for r in both if not r.marker or r.marker.evaluate()}


@pytest.mark.parametrize("lock", ["student", "hub", "all"])
def test_every_requirement_of_a_lock_is_pinned_and_has_hashes(lock):
    assert len(locked(lock)) > 100
    for requirement, hashes in locked(lock).items():
        assert re.fullmatch(r"==[^*]+", str(requirement.specifier)), requirement
        assert hashes and all(re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", line) for line in hashes), requirement


def test_no_lock_names_a_place_to_install_from():
    for path in LOCKS.iterdir():
        assert not re.search(r"://|--(extra-)?index-url|--find-links", path.read_text()), path.name


def test_students_install_what_they_need_in_the_versions_of_all_and_nothing_for_teachers():
    student, server, everything = here("student"), here("hub"), here("all")
    assert student.items() <= server.items() <= everything.items()
    assert not {"nbgrader", "jupytext", "playwright", "dask", "distributed", "pytest", "sphinx", "ruff", "uv"} & set(
        student
    )


def test_the_pins_satisfy_what_the_package_asks_for():
    optional = PROJECT["optional-dependencies"]
    groups = {
        "student": [PROJECT["dependencies"]],
        "hub": [optional["teach"], optional["hub"]],
        "all": optional.values(),
    }
    for lock, lists in groups.items():
        pinned = here(lock)
        for requirement in (Requirement(line) for group in lists for line in group):
            version = pinned[canonical(requirement.name)]
            assert requirement.specifier.contains(version), f"{requirement} is pinned at {version}"


def test_conda_installs_the_same_versions():
    """environment.yml names no versions of its own but Python's: setup_course.py brings those of the lock."""
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    assert environment["dependencies"] == ["python=3.11", "pip", "make"]
    assert "python setup_course.py install --here" in (ROOT / "postBuild").read_text()


def test_what_is_installed_here_is_what_is_pinned():
    installed = subprocess.run([sys.executable, "-m", "pip", "freeze"], capture_output=True, text=True).stdout
    found = dict(line.lower().replace("_", "-").split("==") for line in installed.splitlines() if "==" in line)
    for name, version in here("all").items():
        if name in found:
            assert version == found[name].split("+")[0], f"{name} {found[name]}"


def test_the_students_side_imports_nothing_from_the_teaching_side():
    modules = [
        ".".join(path.relative_to(ROOT / "src").with_suffix("").parts).removesuffix(".__init__")
        for path in (ROOT / "src" / "byhand").rglob("*.py")
        if not {"teaching", "grading", "hub"} & set(path.parts)
    ]
    code = (
        f"import sys, importlib\nfor m in {modules!r}: importlib.import_module(m)\n"
        "print([m for m in sys.modules if m.split('.')[0] in ('nbgrader', 'jupytext', 'yaml', 'sphinx') or 'teaching' in m or 'grading' in m])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr


@pytest.mark.parametrize("command, package", [("grade", "nbgrader"), ("build", "jupytext")])
def test_an_instructors_command_in_a_students_environment_says_what_to_install(command, package):
    code = f"import sys; sys.modules[{package!r}] = None; from byhand.cli import main; sys.exit(main([{command!r}, '05-simple-rnn']))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert (
        done.returncode == 2 and done.stderr == f"{command} needs {package}: run python setup_course.py install all.\n"
    )


def test_importing_byhand_does_not_wait_for_torch():
    done = subprocess.run(
        [sys.executable, "-c", "import byhand, sys; print('torch' in sys.modules)"], capture_output=True, text=True
    )
    assert done.stdout.strip() == "False", done.stderr


def test_students_files_import_nothing_that_students_do_not_have():
    for path in (ROOT / "course").rglob("*.py"):
        assert not re.search(
            r"^\s*(from|import) (byhand\.teaching|byhand\.grading|nbgrader|jupytext|yaml)", path.read_text(), re.M
        ), path


def test_no_file_names_a_machine():
    """Paths of a machine have no place in the project."""
    for name in TRACKED:
        path = ROOT / name
        if (
            path.suffix in {".md", ".py", ".yml", ".toml", ".ipynb", ".json", ".txt", ".bib", ".css", ".js"}
            and path.exists()
        ):
            found = re.search(r"/(work|root|home)/\w+", path.read_text())
            assert not found or name == "tests/test_project.py", f"{name}: {found[0]}"


def test_the_commands_that_are_named_exist():
    makefile = (ROOT / "Makefile").read_text()
    said = "".join(
        (ROOT / name).read_text() for name in ("README.md", "CONTRIBUTING.md", ".ci/run", ".github/workflows/test.yml")
    )
    for target in set(re.findall(r"(?:`|^ *|OPENBLAS_CORETYPE=\w+ )make (\w+)", said, re.M)):
        assert re.search(rf"^{target}:", makefile, re.M), target
    for command in set(re.findall(r"setup_course\.py (\w+)", said + makefile)):
        assert command in {"lab", "light", "test", "install"}, command


def test_every_unit_has_its_line_in_the_book():
    contents = (ROOT / "book" / "_toc.yml").read_text()
    for folder in sorted(p.name for p in (ROOT / "course").iterdir() if re.match(r"\d\d-", p.name)):
        assert f"units/{folder}/lesson" in contents and f"units/{folder}/exercises" in contents


@pytest.mark.xdist_group("groups")
def test_a_group_of_tests_goes_to_one_worker(request):
    """Otherwise each worker builds the book and grades the class for itself."""
    if not os.environ.get("PYTEST_XDIST_WORKER"):
        pytest.skip("all tests run in one process here: there are no workers")
    assert request.node.nodeid.endswith("@groups")
