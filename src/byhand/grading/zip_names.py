"""For `nbgrader zip_collect`: which student handed in a file, by the names that learning platforms give to files."""

from __future__ import annotations

import re

from nbgrader.plugins import FileNameCollectorPlugin

# Moodle's folder NAME_NUMBER_assignsubmission…, Blackboard's file TITLE_STUDENT_attempt_TIME_…, Canvas's
# NAME_[LATE_]NUMBER_NUMBER_…; the outermost that fits counts.
PLATFORMS = (
    re.compile(r".+_(?P<student_id>\d+)_assignsubmission.*"),
    re.compile(r"(?:.*_)?(?P<student_id>[^_]+)_attempt_(?P<timestamp>[\d-]+)_.*"),
    re.compile(r"[^_]+_(?:LATE_)?(?P<student_id>\d+)_\d+_.*"),
)
UNIT = re.compile(r"\d\d-[a-z0-9-]+")
EXERCISES = re.compile(r".*exercises[^/]*\.ipynb(?P<ending>\.txt|\.json)?", re.I)


class Platforms(FileNameCollectorPlugin):
    """Moodle, Canvas, Blackboard, or a folder for each student, the unit's folder in it or not; any copy of the exercises.

    A `named_regexp` of one's own takes its place.
    """

    valid_ext = [".ipynb", ".txt", ".json"]

    def collect(self, submitted_file: str) -> dict[str, str] | None:
        if self.named_regexp:
            return super().collect(submitted_file)
        parts = submitted_file.rpartition("/extracted/")[2].split("/")
        file = EXERCISES.fullmatch(parts[-1])
        if not file or parts[-1].startswith("._") or "__MACOSX" in parts:
            return None
        found = next((m for part in parts for pattern in PLATFORMS if (m := pattern.fullmatch(part))), None)
        folders = [part for part in parts[:-1] if not UNIT.fullmatch(part)]
        if not found and not folders:
            return None
        who = found.groupdict() if found else {"student_id": folders[-1]}
        # nbgrader takes off what it thinks to be an ending, and puts on the file's own.
        name = f"exercises.ipynb{file['ending']}" if file["ending"] else "exercises"
        return {key: value for key, value in who.items() if value} | {"file_id": name}
