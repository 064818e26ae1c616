"""One server for a class: `byhand hub FOLDER` writes its files, `FOLDER/set_up` makes the accounts, JupyterHub runs it."""

from __future__ import annotations

import csv
import re
import shutil
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

from byhand.course import CourseError

TEMPLATE = Path(__file__).parent / "template"
OWN = ("hub.toml", "people.csv")  # what whoever runs the server writes into; kept where they are there already
ROLES = ("instructor", "student")
ACCOUNT = re.compile(r"[a-z_][a-z0-9_-]{0,31}")


@dataclass(frozen=True)
class Person:
    """A line of people.csv: an account of the machine, what it may do, and who it is."""

    account: str
    role: str
    name: str = ""


def write_hub(root: Path, folder: Path) -> list[Path]:
    """Write what a server for the course at `root` needs, and return what was written.

    Raises CourseError where the folder cannot be written. What its owner writes into is kept.
    """
    folder = folder.resolve()
    values = {"@COURSE@": str(root), "@ENVIRONMENT@": sys.prefix, "@FOLDER@": str(folder)}
    written = []
    try:
        for source in sorted(path for path in TEMPLATE.rglob("*") if path.is_file() and path.suffix != ".pyc"):
            target = folder / source.relative_to(TEMPLATE)
            if target.name in OWN and target.exists():
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            text = source.read_text(encoding="utf-8")
            for name, value in values.items():
                text = text.replace(name, value)
            target.write_text(text, encoding="utf-8")
            # Servers run under their owners' accounts and read this folder; who is in the class is root's to know.
            target.chmod(0o600 if target.name == "people.csv" else 0o755 if target.name == "set_up" else 0o644)
            written.append(target)
        for part in {folder, *(target.parent for target in written)}:
            part.chmod(0o755)
    except OSError as error:
        raise CourseError(f"{folder} cannot be written ({error.strerror}); root can.") from None
    return written


def read_settings(folder: Path) -> dict:
    """What hub.toml says. Raises CourseError where it is not there or no TOML."""
    try:
        return tomllib.loads((folder / "hub.toml").read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise CourseError(f"{folder / 'hub.toml'} cannot be read: {error}.") from None


def read_people(folder: Path) -> list[Person]:
    """The class, as people.csv has it. Raises CourseError with the line that is wrong."""
    path = folder / "people.csv"
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise CourseError(f"{path} cannot be read: {error}.") from None
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    rows = csv.DictReader(lines, skipinitialspace=True)
    if not {"account", "role"} <= set(rows.fieldnames or ()):
        raise CourseError(f"{path} begins with a line of its columns: account,role,name.")
    people: dict[str, Person] = {}
    for row in rows:
        account, role = (row["account"] or "").strip(), (row["role"] or "").strip().lower()
        if not ACCOUNT.fullmatch(account):
            raise CourseError(
                f"{path}: {account!r} is no name for an account: small letters, digits, - and _, 32 at most, no digit first."
            )
        if role not in ROLES:
            raise CourseError(f"{path}: {account} is a {role!r}; a role is {' or '.join(ROLES)}.")
        if account in people:
            raise CourseError(f"{path} names {account} twice.")
        people[account] = Person(account, role, (row.get("name") or "").strip())
    if not any(person.role == "instructor" for person in people.values()):
        raise CourseError(f"{path} has no instructor: write at least one line NAME,instructor.")
    return list(people.values())


def find_proxy(settings: dict) -> str:
    """The proxy's program. Raises CourseError where there is none."""
    found = shutil.which(settings["proxy"])
    if not found:
        raise CourseError(
            f"There is no {settings['proxy']}: npm install -g configurable-http-proxy, or say in hub.toml where it is."
        )
    return found
