"""`byhand hub`: what it writes, what it says of a class that is no class, and a person's copy of the course."""

import json
import sys
import zipfile

import pytest
from classes import ROOT

from byhand.course import CourseError
from byhand.hub import read_people, read_settings, write_hub
from byhand.hub import set_up as setting_up
from byhand.hub.own_server import prepare
from byhand.update import MANIFEST, manifest

CLASS = "account,role,name\nmpoe, Instructor, Mary Poe\n\n# the first row\nu1234,student,Ada L.\n"


@pytest.fixture
def folder(tmp_path):
    write_hub(ROOT, tmp_path / "hub")
    return tmp_path / "hub"


def test_the_files_name_the_course_and_the_environment_and_are_whole(folder):
    settings = read_settings(folder)
    assert settings["course"] == str(ROOT) and settings["environment"] == sys.prefix
    for path in folder.rglob("*.json"):
        assert json.loads(path.read_text())
    for path in folder.rglob("*"):
        assert path.is_dir() or "@" not in path.read_text().replace("@jupyter", ""), path
    config = (folder / "jupyterhub_config.py").read_text()
    compile(config, "jupyterhub_config.py", "exec")
    assert all(
        f'settings["{name}"]' in config.replace("'", '"')
        for name in settings
        if name not in ("course", "environment", "proxy")
    )
    assert (folder / "people.csv").stat().st_mode & 0o777 == 0o600 and (folder / "set_up").stat().st_mode & 0o100


def test_written_again_the_class_and_the_settings_stay_and_the_rest_is_new(folder):
    (folder / "people.csv").write_text(CLASS)
    (folder / "hub.toml").write_text("port = 9\n")
    (folder / "local_config.py").write_text("# the school's\n")
    (folder / "jupyterhub_config.py").write_text("")
    written = write_hub(ROOT, folder)
    assert (folder / "people.csv").read_text() == CLASS and (folder / "hub.toml").read_text() == "port = 9\n"
    assert (folder / "local_config.py").exists() and (folder / "jupyterhub_config.py").read_text()
    assert not {"people.csv", "hub.toml"} & {path.name for path in written}


def test_the_class_is_read_with_its_roles(folder):
    (folder / "people.csv").write_text("\ufeff" + CLASS, encoding="utf-8")
    assert [(p.account, p.role, p.name) for p in read_people(folder)] == [
        ("mpoe", "instructor", "Mary Poe"),
        ("u1234", "student", "Ada L."),
    ]


@pytest.mark.parametrize(
    "text, says",
    [
        ("name,role\nAda,student\n", "begins with a line of its columns"),
        ("account,role\nAda L.,student\n", "'Ada L.' is no name for an account"),
        ("account,role\n-rf,student\n", "'-rf' is no name for an account"),
        ("account,role\nada,pupil\n", "ada is a 'pupil'; a role is instructor or student"),
        ("account,role\nada,student\nada,instructor\n", "names ada twice"),
        ("account,role\nada\n", "ada is a ''"),
        ("account,role\nada,student\n", "has no instructor"),
    ],
)
def test_a_class_that_is_none_is_told_why(folder, text, says):
    (folder / "people.csv").write_text(text)
    with pytest.raises(CourseError, match=says):
        read_people(folder)


def test_only_root_sets_up(folder, monkeypatch, capsys):
    monkeypatch.setattr(setting_up.os, "geteuid", lambda: 1000)
    assert (
        setting_up.main(folder) == 2 and capsys.readouterr().err == "Only root can make accounts: run it with sudo.\n"
    )


def test_nothing_is_made_where_not_everybody_can_read_the_environment(folder, monkeypatch, capsys):
    (folder / "people.csv").write_text(CLASS)
    closed = folder / "closed"
    (closed / "env").mkdir(parents=True)
    closed.chmod(0o700)
    monkeypatch.setattr(setting_up.os, "geteuid", lambda: 0)
    monkeypatch.setattr(setting_up, "find_proxy", lambda settings: "proxy")
    monkeypatch.setattr(setting_up.sys, "prefix", str(closed / "env"))
    monkeypatch.setattr(setting_up, "run", lambda *command, **_: pytest.fail(f"it ran {command}"))
    assert setting_up.main(folder) == 2 and f"Not everybody can read {closed}," in capsys.readouterr().err


def test_an_account_of_the_system_is_nobodys(folder, monkeypatch, capsys):
    people = read_people_of(folder, CLASS + "daemon,student,\n")
    with pytest.raises(CourseError, match="daemon is an account of the system"):
        setting_up.ensure_no_system_accounts(people, "byhand-class")
    with pytest.raises(CourseError, match="mpoe owns the class's files"):
        setting_up.ensure_no_system_accounts(people[:2], "mpoe")


def read_people_of(folder, text):
    (folder / "people.csv").write_text(text)
    return read_people(folder)


def pack(target, unit, text):
    """A handout of one unit."""
    course = target.parent / f"{target.stem}-files" / "backprop-by-hand"
    for name, content in {"course/start.md": "%UNITS%\n%NOW%\n", f"course/{unit}/lesson.md": text}.items():
        (course / name).parent.mkdir(parents=True, exist_ok=True)
        (course / name).write_text(content)
    (course / MANIFEST).write_text(json.dumps(manifest(course)))
    with zipfile.ZipFile(target, "w") as packed:
        for path in course.rglob("*"):
            packed.write(path, path.relative_to(course.parent))
    return target


def test_a_person_gets_a_copy_once_and_corrections_after(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr("byhand.hub.own_server.write_start_page", lambda copy: None)
    copy = tmp_path / "backprop-by-hand"
    lesson, note = copy / "course/01-a/lesson.md", copy / "course/note.txt"
    prepare(tmp_path / "none.zip", copy)
    assert not copy.exists()
    prepare(pack(tmp_path / "one.zip", "01-a", "first"), copy)
    assert lesson.read_text() == "first" and [p.name for p in tmp_path.glob(".backprop*")] == []
    note.write_text("mine")
    prepare(pack(tmp_path / "two.zip", "01-a", "corrected"), copy)
    assert lesson.read_text() == "corrected" and note.read_text() == "mine"
    lesson.write_text("edited")
    prepare(tmp_path / "two.zip", copy)
    assert lesson.read_text() == "edited"
