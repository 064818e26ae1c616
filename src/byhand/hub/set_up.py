"""What root runs once, and again when people come: accounts, folders, the exchange, the class's copy of the course.

It changes nothing that is there already but permissions, and the class's copy where the course has newer commits.
"""

from __future__ import annotations

import csv
import os
import pwd
import secrets
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from byhand.course import CourseError
from byhand.hub import Person, find_proxy, read_people, read_settings

LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # none that is mistaken for another
FIRST_OF_PEOPLE = 1000  # smaller numbers belong to the system
BIN = Path(sys.executable).parent


def main(folder: Path) -> int:
    try:
        if os.geteuid():
            raise CourseError("Only root can make accounts: run it with sudo.")
        set_up(folder)
    except CourseError as error:
        print(error, file=sys.stderr)
        return 2
    except subprocess.CalledProcessError as error:
        print(f"{' '.join(map(str, error.cmd))} failed:\n{error.stderr or error.stdout or ''}", file=sys.stderr)
        return 1
    return 0


def set_up(folder: Path) -> None:
    """Make what hub.toml and people.csv in `folder` say. Raises CourseError before anything is changed."""
    settings, people = read_settings(folder), read_people(folder)
    find_proxy(settings)
    for path in (Path(sys.prefix), Path(sys.base_prefix), folder):
        ensure_readable(path)
    ensure_no_system_accounts(people, settings["account"])
    if not (Path(settings["course"]) / "solutions").is_dir():
        raise CourseError(f"{settings['course']} is no course with solutions/: say in hub.toml where it is.")
    made = [person for person in people if make_account(person.account)]
    give_passwords(folder, made)
    make_account(settings["account"])
    owner = pwd.getpwnam(settings["account"])
    make_folders(Path(settings["data"]), owner)
    bring_course(Path(settings["course"]), owner)
    as_owner(owner, BIN / "byhand", "handout", Path(settings["data"]) / "handout" / "course.zip")
    print(f"{len(people)} people, {len(made)} of them new. The course is in {course_of(owner)}.")
    if made:
        print(f"First passwords: {folder / 'passwords.csv'}; delete it when they have been handed out.")
    print(f"Now: {BIN / 'jupyterhub'} --config {folder / 'jupyterhub_config.py'}, or restart it where it runs.")


def ensure_readable(path: Path) -> None:
    """Raises CourseError where an account that owns nothing cannot get into a folder."""
    for part in (path.resolve(), *path.resolve().parents):
        if part.stat().st_mode & 0o005 != 0o005:
            raise CourseError(
                f"Not everybody can read {part}, and every account's server needs {path}: put it into /opt, for example."
            )


def ensure_no_system_accounts(people: list[Person], account: str) -> None:
    for name in (account, *(person.account for person in people)):
        try:
            number = pwd.getpwnam(name).pw_uid
        except KeyError:
            continue
        if number < FIRST_OF_PEOPLE:
            raise CourseError(f"{name} is an account of the system; nobody of a class can have it.")
    if account in {person.account for person in people}:
        raise CourseError(f"{account} owns the class's files and can be nobody's own: take it out of people.csv.")


def make_account(name: str) -> bool:
    """The account with a home that it alone can read. Whether it was made now."""
    try:
        pwd.getpwnam(name)
        new = False
    except KeyError:
        run("useradd", "--create-home", "--shell", "/bin/bash", name)
        new = True
    home = Path(pwd.getpwnam(name).pw_dir)
    if home.is_dir():
        home.chmod(0o700)  # useradd makes homes that everybody can read
    return new


def give_passwords(folder: Path, made: list[Person]) -> None:
    """A first password for each new account, in a file for root alone."""
    if not made:
        return
    path = folder / "passwords.csv"
    given = {person: "".join(secrets.choice(LETTERS) for _ in range(12)) for person in made}
    new = not path.exists()
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "a", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerows([("account", "name", "password")] if new else [])
        table.writerows((person.account, person.name, password) for person, password in given.items())
    run("chpasswd", input="".join(f"{person.account}:{password}\n" for person, password in given.items()))


def make_folders(data: Path, owner: pwd.struct_passwd) -> None:
    course = data / "exchange" / "byhand"
    install(data, 0o755)
    install(data / "hub", 0o700)
    install(data / "handout", 0o755, owner)
    # nbgrader refuses an exchange that not everybody can write to. Without the sticky bit anybody could rename the course's
    # folder, put an own one there and receive what the others hand in.
    install(data / "exchange", 0o1777)
    install(course, 0o755, owner)
    install(course / "outbound", 0o755, owner)
    install(course / "inbound", 0o3733, owner)  # to be written into, not to be listed
    install(course / "feedback", 0o711, owner)


def install(folder: Path, mode: int, owner: pwd.struct_passwd | None = None) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    os.chown(folder, *((owner.pw_uid, owner.pw_gid) if owner else (0, 0)))
    folder.chmod(mode)


def course_of(owner: pwd.struct_passwd) -> Path:
    return Path(owner.pw_dir) / "course"


def bring_course(course: Path, owner: pwd.struct_passwd) -> None:
    """The class's own clone of the course, or the newer commits of root's. Root's git never works in a folder of others."""
    with tempfile.TemporaryDirectory() as scratch:
        between = Path(scratch) / "course.git"
        run("git", "clone", "--quiet", "--bare", f"file://{course.resolve()}", between)
        for path in (Path(scratch), between, *between.rglob("*")):
            os.chown(path, owner.pw_uid, owner.pw_gid)
        if not course_of(owner).exists():
            as_owner(owner, "git", "clone", "--quiet", between, course_of(owner), cwd=owner.pw_dir)
        else:
            as_owner(owner, "git", "pull", "--quiet", "--rebase", "--autostash", between, "HEAD")


def as_owner(owner: pwd.struct_passwd, *command: str | Path, cwd: str | Path | None = None) -> None:
    environment = {"HOME": owner.pw_dir, "USER": owner.pw_name, "PATH": f"{BIN}:/usr/local/bin:/usr/bin:/bin"}
    rights = dict(user=owner.pw_uid, group=owner.pw_gid, extra_groups=[], umask=0o022)
    run(*command, cwd=cwd or course_of(owner), env=environment, **rights)


def run(*command: str | Path, **options) -> None:
    if not shutil.which(command[0]):
        raise CourseError(f"There is no program {command[0]} on this machine.")
    subprocess.run(command, check=True, capture_output=True, text=True, **options)
