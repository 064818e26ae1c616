"""Read what a student has handed in, and trust none of it."""

from __future__ import annotations

import hashlib
import os
import re
import stat
import subprocess
import sys
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from byhand.grading.paper import NOTEBOOK

LARGEST_NOTEBOOK = 20 << 20  # bytes
LARGEST_READ = 200 << 20  # bytes of a notebook that may get small enough without its outputs
LARGEST = 50 << 20  # bytes of all other files together
MOST_FILES = 500
MOST_NOTES = 10  # of files that are named because they were left out
LEFT_OUT = {".ipynb_checkpoints", "__pycache__", ".DS_Store", "__MACOSX"}
MEMORY, SECONDS = 1 << 30, 20  # for reading a large notebook
READ_AND_WRITE = """
import json, sys
try:
    import resource
    resource.setrlimit(resource.RLIMIT_DATA, (int(sys.argv[1]),) * 2)
except ImportError:
    pass
notebook = json.load(sys.stdin.buffer)
for cell in notebook["cells"]:
    if "outputs" in cell:
        cell["outputs"] = []
text = json.dumps(notebook)
if len(text) <= int(sys.argv[2]):
    sys.stdout.write(text)
"""
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
    """Everything that is in a submitted folder. `salt` goes into the digest: what else a grade depends on.

    What lies beside the notebook and cannot be taken along is left out with a note; the notebook itself counts.
    """
    digest = hashlib.sha256(salt.encode())

    def done(**rest) -> Submission:
        return Submission(student, digest.hexdigest(), **rest)

    if not good_id(student):
        return done(
            trouble=("refused", "The student's id holds characters that an id must not hold: rename the folder.")
        )
    if folder.is_symlink() or folder.parent.is_symlink():
        return done(trouble=("refused", "The submitted folder is a link to another place."))
    notebooks: dict[str, int] = {}
    files: dict[str, bytes] = {}
    total, left_out = 0, []
    for path in _paths(folder):
        relative, kind = str(path.relative_to(folder)), path.lstat()
        digest.update(f"{relative}\0{kind.st_mode}\0{kind.st_size}\0".encode(errors="surrogateescape"))
        if why := _why_not(relative, kind):
            if relative == f"{NOTEBOOK}.ipynb":
                return done(trouble=("refused", f"{_shown(relative)} {why}."))
        elif relative.endswith(".ipynb"):
            notebooks[relative] = kind.st_size
        elif len(files) == MOST_FILES or total + kind.st_size > LARGEST:
            why = f"is beyond {MOST_FILES} files, or beyond {LARGEST >> 20} MB together"
        else:
            files[relative] = path.read_bytes()
            digest.update(files[relative])
            total += kind.st_size
        if why:
            left_out.append(f"{_shown(relative)} was left out: it {why}.")
    notes = tuple(left_out[:MOST_NOTES])
    if more := left_out[MOST_NOTES:]:
        notes += (f"More files were left out: {len(more)}.",)
    chosen, trouble, remarks = _choose(notebooks)
    if trouble:
        return done(trouble=("damaged", trouble), files=files, notes=notes)
    notebook = (folder / chosen).read_bytes()
    digest.update(notebook)
    if len(notebook) > LARGEST_NOTEBOOK:
        notebook = without_outputs(notebook)
        if not notebook:
            says = f"The notebook is larger than {LARGEST_NOTEBOOK >> 20} MB and does not get small without its saved outputs."
            return done(trouble=("refused", says), notes=notes)
    return done(notebook=notebook, files=files, notes=notes + remarks)


def _paths(folder: Path) -> Iterator[Path]:
    """Every file below a folder, and every link, in an order that does not depend on the disk."""
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(set(folders) - LEFT_OUT)
        links = [name for name in folders if os.path.islink(os.path.join(parent, name))]
        yield from (Path(parent, name) for name in sorted(set(names) - LEFT_OUT) + links)


def _why_not(relative: str, kind: os.stat_result) -> str:
    """Why a file is not taken along; "" where it is."""
    if stat.S_ISLNK(kind.st_mode):
        return "is a link to another place"
    if not stat.S_ISREG(kind.st_mode):
        return "is no ordinary file"
    largest = LARGEST_READ if relative.endswith(".ipynb") else LARGEST
    if kind.st_size > largest:
        return f"is larger than {largest >> 20} MB"
    try:
        relative.encode()
    except UnicodeEncodeError:
        return "has a name that is no text"
    return ""


def without_outputs(notebook: bytes) -> bytes:
    """A large notebook without its saved outputs; b"" where it stays large or cannot be read in `MEMORY` and `SECONDS`.

    JSON can take fifty times its size as objects, so a process of its own reads it.
    """
    command = [sys.executable, "-I", "-S", "-c", READ_AND_WRITE, str(MEMORY), str(LARGEST_NOTEBOOK)]
    try:
        return subprocess.run(command, input=notebook, capture_output=True, timeout=SECONDS).stdout
    except subprocess.TimeoutExpired:
        return b""


def _choose(notebooks: Collection[str]) -> tuple[str, str, tuple[str, ...]]:
    wanted = f"{NOTEBOOK}.ipynb"
    if wanted in notebooks:
        more = sorted(set(notebooks) - {wanted})
        return wanted, "", (f"Other notebooks were left alone: {_list(more)}.",) if more else ()
    if len(notebooks) == 1:
        [only] = notebooks
        return only, "", (f"There is no {wanted}; {_shown(only)} was taken for it.",)
    if notebooks:
        return "", f"There is no {wanted}, and more than one other notebook: {_list(sorted(notebooks))}.", ()
    return "", f"There is no {wanted}.", ()


def _list(names: list[str]) -> str:
    shown = [_shown(name) for name in names[:MOST_NOTES]]
    return ", ".join(shown) + (f" and {len(names) - len(shown)} more" if len(names) > len(shown) else "")


def _shown(name: str) -> str:
    return re.sub(r"[^\w./() -]", "?", name)[:100]
