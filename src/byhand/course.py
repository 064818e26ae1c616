"""Where things lie: the project's root, its units, and the errors of its sources."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path


class CourseError(Exception):
    """Something in the sources is wrong; the message says what and where, in one sentence or a few."""


@dataclass(frozen=True)
class Unit:
    """A unit is a folder that lies in `course/` (what students have) and in `solutions/` (what only instructors have)."""

    root: Path
    name: str

    @property
    def course(self) -> Path:
        return self.root / "course" / self.name

    @property
    def solutions(self) -> Path:
        return self.root / "solutions" / self.name

    @property
    def lesson(self) -> Path:
        return self.course / "lesson.md"

    @property
    def exercises(self) -> Path:
        return self.solutions / "exercises.md"

    @property
    def misconceptions(self) -> Path:
        return self.solutions / "misconceptions.yml"

    @property
    def materials(self) -> list[Path]:
        """What the exercises need beside the notebook: checks, data, modules."""
        skip = {"lesson.md", "lesson.ipynb", "exercises.ipynb"}
        return sorted(
            p for p in self.course.rglob("*")
            if p.is_file() and p.name not in skip and not set(p.parts) & {"__pycache__", ".ipynb_checkpoints"}
        )  # fmt: skip


def find_root(start: Path | None = None) -> Path:
    """The folder that holds `course/` and `solutions/`, here or above. Raises CourseError where there is none."""
    here = (start or Path.cwd()).resolve()
    for folder in (here, *here.parents):
        if (folder / "course").is_dir() and (folder / "solutions").is_dir():
            return folder
    raise CourseError(f"{here} is not inside a course: no folder here or above holds both course/ and solutions/.")


def find_units(root: Path, names: list[str] | None = None) -> list[Unit]:
    """The units in order, or those named. Raises CourseError for an unknown or an incomplete one."""
    folders = {p.name for side in ("course", "solutions") for p in (root / side).iterdir() if p.is_dir()}
    known = sorted(name for name in folders if re.fullmatch(r"\d\d-[a-z0-9-]+", name))
    for name in names or []:
        if name not in known:
            raise CourseError(f"There is no unit {name!r}; the units are {', '.join(known)}.")
    units = [Unit(root, name) for name in names or known]
    for unit in units:
        needed = (unit.lesson, unit.course / "checks.py", unit.exercises, unit.misconceptions)
        missing = [str(p.relative_to(root)) for p in needed if not p.exists()]
        if missing:
            raise CourseError(f"Unit {unit.name} is incomplete: {', '.join(missing)} is missing.")
    return units
