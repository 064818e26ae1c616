"""Read what a student has handed in, and trust none of it."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from byhand.grading.paper import NOTEBOOK

LARGEST_NOTEBOOK = 20 << 20
LARGEST = 50 << 20  # bytes of all files together
MOST_FILES = 500
LEFT_OUT = {".ipynb_checkpoints", "__pycache__", ".DS_Store", "__MACOSX"}
ID = re.compile(r"[^\W_][\w.@+ -]{0,99}")


@dataclass(frozen=True)
class Submission:
    """`trouble` is a status and a message where it cannot be graded as it is."""

    student: str
    digest: str
    notebook: bytes | None = None
    files: Mapping[str, bytes] = field(default_factory=dict)
    trouble: tuple[str, str] | None = None
    notes: tuple[str, ...] = ()


def good_id(student: str) -> bool:
    """Whether a name can stand in file names, tables and pages: letters, digits and a few signs."""
    return bool(ID.fullmatch(student)) and not student.endswith((" ", "."))


def read_submission(folder: Path, student: str, salt: str) -> Submission:
    """Everything that is in a submitted folder. `salt` goes into the digest: what else a grade depends on."""
    digest = hashlib.sha256(salt.encode())
    files, total = {}, 0

    def done(**rest) -> Submission:
        return Submission(student, digest.hexdigest(), **rest)

    if not good_id(student):
        return done(
            trouble=("refused", "The student's id holds characters that an id must not hold: rename the folder.")
        )
    if folder.is_symlink() or folder.parent.is_symlink():
        return done(trouble=("refused", "The submitted folder is a link to another place."))
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(set(folders) - LEFT_OUT)
        for name in sorted(set(names) - LEFT_OUT) + [f for f in folders if os.path.islink(os.path.join(parent, f))]:
            path = Path(parent, name)
            relative = str(path.relative_to(folder))
            kind = path.lstat()
            digest.update(f"{relative}\0{kind.st_mode}\0{kind.st_size}\0".encode(errors="surrogateescape"))
            if not stat.S_ISREG(kind.st_mode):
                what = "a link to another place" if stat.S_ISLNK(kind.st_mode) else "no ordinary file"
                return done(trouble=("refused", f"{_shown(relative)} is {what}."))
            total += kind.st_size
            if total > LARGEST or len(files) >= MOST_FILES:
                says = f"It is larger than {LARGEST >> 20} MB or has more than {MOST_FILES} files."
                return done(trouble=("refused", says))
            files[relative] = path.read_bytes()
            digest.update(files[relative])
    try:
        "".join(files).encode()
    except UnicodeEncodeError:
        return done(trouble=("refused", "The name of a file is no text."))
    notebooks = {name: files.pop(name) for name in list(files) if name.endswith(".ipynb")}
    chosen, trouble, notes = _choose(notebooks)
    if trouble:
        return done(trouble=("damaged", trouble), files=files)
    if len(notebooks[chosen]) > LARGEST_NOTEBOOK:
        return done(trouble=("refused", f"The notebook is larger than {LARGEST_NOTEBOOK >> 20} MB."))
    return done(notebook=notebooks[chosen], files=files, notes=notes)


def _choose(notebooks: Mapping[str, bytes]) -> tuple[str, str, tuple[str, ...]]:
    wanted = f"{NOTEBOOK}.ipynb"
    if wanted in notebooks:
        more = sorted(set(notebooks) - {wanted})
        return wanted, "", (f"Other notebooks were left alone: {', '.join(map(_shown, more))}.",) if more else ()
    if len(notebooks) == 1:
        [only] = notebooks
        return only, "", (f"There is no {wanted}; {_shown(only)} was taken for it.",)
    if notebooks:
        return "", f"There is no {wanted}, and more than one other notebook: {', '.join(map(_shown, notebooks))}.", ()
    return "", f"There is no {wanted}.", ()


def _shown(name: str) -> str:
    return re.sub(r"[^\w./() -]", "?", name)[:100]
