"""The students' copy of the course: a zip file without solutions, which `byhand update` can bring up to date later."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from pathlib import Path

from byhand.course import CourseError
from byhand.update import MANIFEST, manifest

# What students do not get: the answers, and what is for those who change the course.
NOT_FOR_STUDENTS = (
    "solutions", "tests", "benchmarks", "classroom", "deploy", ".ci", ".github", ".devcontainer", "CONTRIBUTING.md", "SECURITY.md",
    "nbgrader_config.py",
)  # fmt: skip
FOLDER = "backprop-by-hand"
SITE = "site"  # the built book, with the exercises in the browser: a folder for any web server


def handout(root: Path, target: Path, browser: bool = False) -> int:
    """Write the zip file and return the number of files in it; with `browser` the built book is in it too, as `site/`.

    Raises CourseError where git does not know the files, or no book with exercises in the browser has been built.
    """
    if target.suffix != ".zip":
        raise CourseError(f"The handout is a zip file; {target} does not end in .zip.")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=root, capture_output=True, text=True)
    if listed.returncode:
        raise CourseError(f"{root} is no git repository, and git says which files belong to the course.")
    names = [name for name in listed.stdout.split("\0") if name and name.split("/")[0] not in NOT_FOR_STUDENTS]
    site = root / "book" / "_build" / "html"
    if browser and not (site / "browser").is_dir():
        raise CourseError(f"{site} has no exercises in the browser: run byhand book.")
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / FOLDER
        for name in names:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(root / name, folder / name)
        if browser:
            shutil.copytree(site, folder / SITE)
            names += [path for path in (folder / SITE).rglob("*") if path.is_file()]
        (folder / MANIFEST).write_text(json.dumps(manifest(folder), indent=1) + "\n", encoding="utf-8")
        made = shutil.make_archive(str(Path(scratch) / "handout"), "zip", scratch, FOLDER)
        shutil.move(made, target)
    return len(names)
