"""The project as a whole: one set of versions, a student's side that needs no teaching side, clean sources."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import yaml
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
TRACKED = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True).stdout.splitlines()


def pinned():
    lines = (line.split("#")[0].strip() for line in (ROOT / "requirements.txt").read_text().splitlines())
    return {r.name.lower().replace("_", "-"): r for r in map(Requirement, filter(None, lines))}


def test_every_requirement_is_pinned():
    for requirement in pinned().values():
        assert re.fullmatch(r"==[^*]+", str(requirement.specifier)), requirement


def test_the_pins_satisfy_what_the_package_asks_for():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    groups = [project["dependencies"], *project["optional-dependencies"].values()]
    for requirement in (Requirement(line) for group in groups for line in group):
        version = str(pinned()[requirement.name.lower().replace("_", "-")].specifier).removeprefix("==")
        assert requirement.specifier.contains(version), f"{requirement} is pinned at {version}"


def test_conda_and_pip_install_the_same_versions():
    """environment.yml names no versions of its own but Python's: it takes those of requirements.txt."""
    dependencies = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    *channel, through_pip = dependencies
    assert channel == ["python=3.11", "pip", "make"]
    assert "-r requirements.txt" in through_pip["pip"] and "-e ." in through_pip["pip"]
    versions = [line for line in through_pip["pip"] if "==" in line]
    assert versions == []


def test_what_is_installed_here_is_what_is_pinned():
    installed = subprocess.run([sys.executable, "-m", "pip", "freeze"], capture_output=True, text=True).stdout
    found = dict(line.lower().replace("_", "-").split("==") for line in installed.splitlines() if "==" in line)
    for name, requirement in pinned().items():
        if name in found:  # a pin can be for another system
            assert requirement.specifier.contains(found[name].split("+")[0]), f"{name} {found[name]}"


def test_the_students_side_imports_nothing_from_the_teaching_side():
    modules = [
        ".".join(path.relative_to(ROOT / "src").with_suffix("").parts).removesuffix(".__init__")
        for path in (ROOT / "src" / "byhand").rglob("*.py")
        if not {"teaching", "grading"} & set(path.parts)
    ]
    code = (
        f"import sys, importlib\nfor m in {modules!r}: importlib.import_module(m)\n"
        "print([m for m in sys.modules if m.split('.')[0] in ('nbgrader', 'jupytext', 'yaml', 'sphinx') or 'teaching' in m or 'grading' in m])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr


def test_importing_byhand_does_not_wait_for_torch():
    done = subprocess.run(
        [sys.executable, "-c", "import byhand, sys; print('torch' in sys.modules)"], capture_output=True, text=True
    )
    assert done.stdout.strip() == "False", done.stderr


def test_students_files_import_nothing_that_students_do_not_have():
    for path in (ROOT / "course").rglob("*.py"):
        assert not re.search(r"^\s*(from|import) (byhand\.teaching|byhand\.grading|nbgrader|jupytext|yaml)", path.read_text(), re.M), path


def test_no_file_names_a_machine():
    """Paths of a machine have no place in the project."""
    for name in TRACKED:
        path = ROOT / name
        if path.suffix in {".md", ".py", ".yml", ".toml", ".ipynb", ".json", ".txt", ".bib", ".css", ".js"} and path.exists():
            found = re.search(r"/(work|root|home)/\w+", path.read_text())
            assert not found or name == "tests/test_project.py", f"{name}: {found[0]}"


def test_the_readmes_commands_exist():
    readme, makefile = (ROOT / "README.md").read_text(), (ROOT / "Makefile").read_text()
    for target in set(re.findall(r"\bmake (\w+)", readme)):
        assert re.search(rf"^{target}:", makefile, re.M), target


def test_every_unit_has_its_line_in_the_book():
    contents = (ROOT / "book" / "_toc.yml").read_text()
    for folder in sorted(p.name for p in (ROOT / "course").iterdir() if re.match(r"\d\d-", p.name)):
        assert f"units/{folder}/lesson" in contents and f"units/{folder}/exercises" in contents
