"""Setting up with nothing but Python: what setup_course.py does, and what it says where it cannot."""

import json
import runpy
import subprocess
import sys

import pytest
from classes import ROOT

SCRIPT = ROOT / "setup_course.py"


@pytest.fixture
def setup(tmp_path, monkeypatch):
    """The script in a course of its own, with locks of one line, that notes what it would run."""
    script = runpy.run_path(str(SCRIPT))
    names = script["main"].__globals__
    (tmp_path / "requirements").mkdir()
    (tmp_path / "tests").mkdir()
    locks = (f"requirements/{name}.txt" for name in ("student", "hub", "all", "torch"))
    for name in (*locks, "pyproject.toml"):
        (tmp_path / name).write_text(name)
    calls = []

    def run(command, cwd):
        calls.append(" ".join(map(str, command[2:])))  # after PYTHON -m
        return subprocess.CompletedProcess(command, 0)

    def create(folder, **_):
        calls.append("a new environment")
        (folder / script["BIN"].name).mkdir(parents=True)
        (folder / script["BIN"].name / "python").touch()
        (folder / script["BIN"].name / "python.exe").touch()

    monkeypatch.setattr(names["subprocess"], "run", run)
    monkeypatch.setattr(names["venv"], "create", create)
    for name, value in {
        "ROOT": tmp_path,
        "VENV": tmp_path / ".venv",
        "BIN": tmp_path / ".venv" / script["BIN"].name,
        "INSTALLED": tmp_path / ".venv" / "installed",
        "TORCH": tmp_path / "requirements" / "torch.txt",
    }.items():
        monkeypatch.setitem(names, name, value)

    def setup(*arguments):
        calls.clear()
        names["main"](list(arguments))
        return list(calls)

    setup.root = tmp_path
    return setup


def installations(calls):
    return [call for call in calls if call.startswith("pip") or call == "a new environment"]


def test_the_lab_installs_the_students_lock_once(setup):
    calls = setup("lab", "--no-browser")
    assert calls[0] == "a new environment"
    assert calls[1].endswith("student.txt") and "--require-hashes" in calls[1]
    assert calls[2].endswith("torch.txt") and "--require-hashes" not in calls[2]
    assert calls[4] == "byhand.start" and calls[5].startswith("jupyter lab") and calls[5].endswith("--no-browser")
    assert installations(setup("lab")) == []


def test_the_light_form_is_the_lab_without_torch(setup):
    calls = setup("light", "--no-browser")
    assert calls[1].endswith("student.txt") and not any(call.endswith("torch.txt") for call in calls)
    assert calls[-1].startswith("jupyter lab") and calls[-1].endswith("--no-browser")
    assert installations(setup("light")) == []
    assert len(installations(setup("lab"))) == 3 and installations(setup("light")) == []


def test_a_classs_server_has_the_package_and_no_link_to_the_course(setup):
    calls = setup("install", "hub")
    assert calls[1].endswith("hub.txt") and not any("--editable" in call for call in calls)
    assert calls[3].endswith("--no-build-isolation .")
    assert installations(setup("install", "student")) == installations(setup("install", "hub")) == []


def test_tests_install_all_which_is_enough_for_the_lab(setup):
    assert len(installations(setup("lab"))) == 4
    calls = setup("test", "-m", "not slow")
    assert [call.split("/")[-1] for call in installations(calls)][:1] == ["all.txt"]
    assert calls[-1] == "pytest -n 2 --dist loadgroup -m not slow"
    assert installations(setup("lab")) == installations(setup("test")) == []


@pytest.mark.parametrize("file", ["requirements/all.txt", "requirements/torch.txt", "pyproject.toml"])
def test_what_has_changed_is_installed_again(setup, file):
    setup("test")
    (setup.root / file).write_text("changed")
    assert len(installations(setup("test"))) == 3


def test_conda_installs_into_the_python_that_runs_it(setup):
    assert "a new environment" not in setup("install", "--here")
    assert not (setup.root / ".venv").exists()


def test_a_copy_without_tests_says_so(setup):
    (setup.root / "tests").rmdir()
    with pytest.raises(SystemExit, match="has no tests"):
        setup("test")


@pytest.mark.parametrize("arguments", [[], ["lap"], ["install", "everything"]])
def test_what_it_does_not_know_is_answered_with_what_it_does(arguments):
    done = subprocess.run([sys.executable, SCRIPT, *arguments], capture_output=True, text=True)
    assert done.returncode == 1 and "setup_course.py lab" in done.stderr and "Traceback" not in done.stderr


def test_an_old_python_is_told(setup, monkeypatch):
    monkeypatch.setattr(sys, "version_info", (3, 10, 0))
    with pytest.raises(SystemExit, match=r"Python 3\.11 or newer is needed"):
        setup("lab")


def test_the_browsers_kernel_is_put_where_jupyterlab_does_not_find_it(tmp_path):
    put_aside = runpy.run_path(str(SCRIPT))["put_aside"]
    share = tmp_path / "share" / "jupyter"
    for content in ("older", "newer"):  # a later installation brings it again
        (share / "labextensions" / "@jupyterlite" / "kernel").mkdir(parents=True)
        (share / "labextensions" / "@jupyterlite" / "kernel" / "package.json").write_text(content)
        put_aside(tmp_path)
        assert not (share / "labextensions" / "@jupyterlite").exists()
        assert (
            share / "jupyterlite" / "labextensions" / "@jupyterlite" / "kernel" / "package.json"
        ).read_text() == content
    put_aside(tmp_path)  # nothing there: nothing happens


def test_jupyterlab_does_not_begin_with_a_question(tmp_path):
    ask_for_no_news = runpy.run_path(str(SCRIPT))["ask_for_no_news"]
    overrides = tmp_path / "share" / "jupyter" / "lab" / "settings" / "overrides.json"
    ask_for_no_news(tmp_path)
    assert json.loads(overrides.read_text()) == {
        "@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False}
    }
    overrides.write_text("{}")
    ask_for_no_news(tmp_path)  # whoever has settings of their own keeps them
    assert overrides.read_text() == "{}"
