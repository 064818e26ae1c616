"""Read what a student has handed in, and trust none of it."""

from __future__ import annotations

import hashlib
import os
import re
import stat
import subprocess
import sys
import unicodedata
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path, PurePosixPath

from byhand.grading.assignment import NOTEBOOK
from byhand.grading.limits import (
    LARGEST_FILES,
    LARGEST_NOTEBOOK,
    LARGEST_READ,
    LONGEST_ID,
    LONGEST_NAME,
    MOST_FILES,
    MOST_FOLDERS,
    MOST_LOOKED_AT,
    MOST_NOTES,
    PATIENCE,
    READING_MEMORY,
    READING_SECONDS,
)

# What computers leave behind by themselves, and files that are other ones' shadows on a Mac.
LEFT_OUT = re.compile(r"\.ipynb_checkpoints|__pycache__|\.DS_Store|__MACOSX|\._.*|Thumbs\.db|desktop\.ini", re.I)
A_NOTEBOOK = re.compile(r"\.ipynb(\.txt|\.json)?", re.I)  # some browsers add an ending
PACKED = re.compile(r"\.(?:zip|rar|7z|tar|t?gz|tbz2?|bz2|xz)$", re.I)
KEYS = (b'"cells"', b'"cell_type"', b'"nbformat"')  # that every notebook has
UNWRITTEN = b"raise NotImplementedError()"  # what stands for an answer in the release
READ_AND_WRITE = """
import json, sys
try:
    import resource
    resource.setrlimit(resource.RLIMIT_DATA, (int(sys.argv[1]),) * 2)
    resource.setrlimit(resource.RLIMIT_CPU, (int(sys.argv[3]),) * 2)
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
IN_IDS = " .@+-_',\N{RIGHT SINGLE QUOTATION MARK}"  # besides letters, their marks, and digits, of any script


@dataclass(frozen=True)
class Submission:
    """`name` is the notebook's, as it can be shown; `trouble` a status and a message where it cannot be graded as it is."""

    student: str
    digest: str
    notebook: bytes | None = None
    name: str = ""
    files: Mapping[str, bytes] = field(default_factory=dict)
    trouble: tuple[str, str] | None = None
    notes: tuple[str, ...] = ()


def good_id(student: str) -> bool:
    """Whether a name can stand in file names, tables and pages: letters, digits and a few signs."""
    kinds = [unicodedata.category(c)[0] for c in student]
    return (
        0 < len(student.encode(errors="replace")) <= LONGEST_ID
        and kinds[0] in "LN"
        and all(kind in "LMN" or c in IN_IDS for kind, c in zip(kinds, student, strict=True))
        and not student.endswith((" ", "."))
    )


def laid_over(files: Mapping[str, bytes], given: Mapping[str, bytes]) -> dict[str, bytes]:
    """`given` over `files`, of which none stays that is a folder of a given one, or lies in a given one."""
    folders = {str(folder) for name in given for folder in PurePosixPath(name).parents}
    kept = {
        name: content
        for name, content in files.items()
        if name not in folders and not any(str(folder) in given for folder in PurePosixPath(name).parents)
    }
    return kept | dict(given)


def read_submission(folder: Path, student: str, salt: str, blanks: int = 0, twin: str = "") -> Submission:
    """Everything that is in a submitted folder. Raises nothing, whatever lies there.

    What lies beside the notebook and cannot be taken along is left out with a note; the notebook itself counts.

    salt    goes into the digest: what else a grade depends on.
    blanks  how many answers the release leaves open: so a notebook is known in which none was written.
    twin    another folder's name that looks the same.
    """
    digest = hashlib.sha256(salt.encode())
    try:
        return _read(folder, student, digest, blanks, twin)
    except Exception as error:  # whatever it is, it is this submission's alone
        why = error.strerror if isinstance(error, OSError) else type(error).__name__
        says = f"The folder {_shown(folder.name)} cannot be read ({why}): look at its rights, and at what lies in it."
        return Submission(student, digest.hexdigest(), trouble=("refused", says))


def _read(folder: Path, student: str, digest: hashlib._Hash, blanks: int, twin: str) -> Submission:
    def done(**rest) -> Submission:
        return Submission(student, digest.hexdigest(), **rest)

    def refused(says: str) -> Submission:
        return done(trouble=("refused", says))

    if not good_id(student):
        return refused("The student's id holds characters that an id must not hold: rename the folder.")
    if twin:
        return refused("Another folder has a name that looks the same, in other code points: keep one of the two.")
    if folder.is_symlink() or folder.parent.is_symlink():
        return refused("The submitted folder is a link to another place.")
    if not folder.is_dir():
        return refused(
            f"{folder.parent.name}/{folder.name} is no folder; the notebook belongs into a folder of that name."
        )
    notebooks: dict[str, int] = {}
    files: dict[str, bytes] = {}
    folders: set[str] = set()
    total, left_out = 0, []
    for path in _paths(folder):
        relative = str(path.relative_to(folder))
        try:
            kind = path.lstat()
            digest.update(f"{relative}\0{kind.st_mode}\0{kind.st_size}\0".encode(errors="surrogateescape"))
            why = _why_not(relative, kind)
            above = {str(parent) for parent in PurePosixPath(relative).parents}
            if why:
                pass
            elif _is_notebook(relative) and len(notebooks) < MOST_FILES:
                notebooks[relative] = kind.st_size
            elif len(files) == MOST_FILES or total + kind.st_size > LARGEST_FILES:
                why = f"is beyond {MOST_FILES} files, or beyond {LARGEST_FILES >> 20} MB together"
            elif len(folders | above) > MOST_FOLDERS:
                why = f"is beyond {MOST_FOLDERS} folders"
            else:
                files[relative] = path.read_bytes()
                digest.update(files[relative])
                total += kind.st_size
                folders |= above
        except OSError as error:
            why = f"cannot be read ({error.strerror})"
        if why and relative == f"{NOTEBOOK}.ipynb":
            return refused(f"{_shown(relative)} {why}.")
        if why:
            left_out.append(f"{_shown(relative)} was left out: it {why}.")
    notes = tuple(left_out[:MOST_NOTES])
    if more := left_out[MOST_NOTES:]:
        notes += (f"More files were left out: {len(more)}.",)
    try:
        chosen, remarks = _choose(folder, notebooks, blanks) if notebooks else _instead(folder, files)
        if not chosen:
            return done(trouble=("damaged", remarks), files=files, notes=notes)
        notebook = (folder / chosen).read_bytes()
    except OSError as error:
        return refused(
            f"{_shown(Path(error.filename or NOTEBOOK).name)} cannot be read ({error.strerror}): look at its rights."
        )
    digest.update(f"{chosen}\0".encode() + notebook)
    if len(notebook) > LARGEST_NOTEBOOK:
        notebook = without_outputs(notebook)
        if not notebook:
            return refused(
                f"The notebook is larger than {LARGEST_NOTEBOOK >> 20} MB and does not get small without its saved outputs."
            )
    home = PurePosixPath(chosen).parent
    if home.name:  # a folder in the folder: what lies beside the notebook is what counts
        files = laid_over(
            files, {n[len(str(home)) + 1 :]: c for n, c in files.items() if home in PurePosixPath(n).parents}
        )
    return done(
        notebook=notebook,
        name=_shown(PurePosixPath(chosen).name),
        files=files,
        notes=notes + ((remarks,) if remarks else ()),
    )


def twins(students: Collection[str]) -> dict[str, str]:
    """Student -> another one whose name differs in code points alone, as `é` in one and in two."""
    seen: dict[str, list[str]] = {}
    for student in students:
        seen.setdefault(unicodedata.normalize("NFC", student), []).append(student)
    return {one: next(n for n in same if n != one) for same in seen.values() if len(same) > 1 for one in same}


def _paths(folder: Path) -> Iterator[Path]:
    """Every file below a folder, and every link, in an order that does not depend on the disk; a folder that lies too deep,
    instead of what is in it. Of very many the first ones, where there are many the notebooks first."""
    todo, looked_at = [folder], 0
    while todo:
        parent = todo.pop()
        with os.scandir(parent) as found:
            entries = [e for e in islice(found, MOST_LOOKED_AT) if not LEFT_OUT.fullmatch(e.name)]
        many = len(entries) > MOST_FILES
        entries.sort(key=lambda e: (many and not _is_notebook(e.name), e.is_symlink() and e.is_dir(), e.name))
        below = []
        for entry in entries:
            looked_at += 1
            if looked_at > MOST_LOOKED_AT:
                return
            path = parent / entry.name
            if entry.is_dir(follow_symlinks=False) and len(os.fsencode(path.relative_to(folder))) <= LONGEST_NAME:
                below.append(path)
            else:
                yield path
        todo += reversed(below)


def _why_not(relative: str, kind: os.stat_result) -> str:
    """Why a file is not taken along; "" where it is."""
    if len(os.fsencode(relative)) > LONGEST_NAME:
        return "lies too deep, or has too long a name"
    if stat.S_ISLNK(kind.st_mode):
        return "is a link to another place"
    if stat.S_ISDIR(kind.st_mode):
        return "lies too deep"
    if not stat.S_ISREG(kind.st_mode):
        return "is no ordinary file"
    largest = LARGEST_READ if _is_notebook(relative) else LARGEST_FILES
    if kind.st_size > largest:
        return f"is larger than {largest >> 20} MB"
    try:
        relative.encode()
    except UnicodeEncodeError:
        return "has a name that is no text"
    return ""


def without_outputs(notebook: bytes) -> bytes:
    """A large notebook without its saved outputs; b"" where it stays large or cannot be read within the limits.

    JSON can take fifty times its size as objects, so a process of its own reads it.
    """
    limits = map(str, (READING_MEMORY, LARGEST_NOTEBOOK, READING_SECONDS))
    command = [sys.executable, "-I", "-S", "-c", READ_AND_WRITE, *limits]
    try:
        return subprocess.run(command, input=notebook, capture_output=True, timeout=PATIENCE * READING_SECONDS).stdout
    except subprocess.TimeoutExpired:
        return b""


def _is_notebook(name: str) -> bool:
    name = name.rstrip(". \u00a0")  # with a blank behind it it is another name to us, and none to who sees it
    return bool(A_NOTEBOOK.fullmatch("".join(PurePosixPath(name).suffixes[-2:])) or name.lower().endswith(".ipynb"))


def _instead(folder: Path, files: Mapping[str, bytes]) -> tuple[str, str]:
    """Where no file has the name of a notebook: one that holds one whatever it is called; or what there is, and what to do."""
    wanted = f"{NOTEBOOK}.ipynb"
    holding = sorted(name for name, content in files.items() if _holds_notebook(content))
    called = [name for name in holding if NOTEBOOK[:-1] in PurePosixPath(name).name.lower()]
    if len(called or holding) == 1:
        [chosen] = called or holding
        return chosen, f"There is no {wanted}; {_shown(chosen)} was taken for it."
    says = [f"There is no {wanted}."]
    if holding:
        says.append(f"These files hold notebooks: {_list(holding)}. Call the one that counts {wanted}.")
    elif packed := sorted(name for name in files if PACKED.search(name)):
        says.append(
            f"Archives are not unpacked ({_list(packed)}): unpack it, and put {wanted} from it into the submitted folder."
        )
    elif saved := _saved_by_itself(folder, files):
        says.append(
            f"{_shown(saved)} is what Jupyter saves by itself, and may be older than what was to be handed in: hand in {wanted} "
            "itself."
        )
    elif files:
        says.append(f"What was handed in: {_list(sorted(files))}. Hand in {wanted}.")
    else:
        says.append(f"Nothing was handed in that can be read. Hand in {wanted}.")
    return "", " ".join(says)


def _holds_notebook(content: bytes) -> bool:
    """By its text alone: to read JSON takes fifty times its size, and whether it can be read is found out later."""
    return content.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{") and all(key in content for key in KEYS)


def _saved_by_itself(folder: Path, files: Mapping[str, bytes]) -> str:
    """A notebook that Jupyter keeps beside those that are open; "" where there is none."""
    for parent in sorted({folder, *((folder / name).parent for name in files)}):
        kept = parent / ".ipynb_checkpoints"
        if kept.is_dir() and not kept.is_symlink() and (names := sorted(kept.glob("*.ipynb"))):
            return str(names[0].relative_to(folder))
    return ""


def _choose(folder: Path, notebooks: Mapping[str, int], blanks: int) -> tuple[str, str]:
    """Which notebook is graded, and a sentence where that is not plain; no notebook, and why.

    The exercises by their name, or else the only notebook that is no lesson. Of copies one in which something was written,
    nearest to the name that is asked for; of several the last.
    """
    wanted, names = f"{NOTEBOOK}.ipynb", sorted(notebooks)
    called = [n for n in names if NOTEBOOK[:-1] in PurePosixPath(n).name.lower()]
    others = [n for n in names if "lesson" not in PurePosixPath(n).name.lower()]
    candidates = called or (others if len(others) == 1 else names)
    if not called and len(candidates) > 1:
        says = f"There is no {wanted}, and more than one other notebook: {_list(names)}. Call the one that counts {wanted}."
        return "", says
    plain = next((n for n in candidates if n == wanted), None)
    chosen, why = plain, ""
    if len(candidates) > 1 and (plain is None or _unwritten(folder / plain, notebooks[plain]) >= blanks > 0):
        ranked = sorted(candidates, key=lambda n: (-n.count("/"), _natural(n)))
        best = max(
            ranked, key=lambda n: (-min(_unwritten(folder / n, notebooks[n]), blanks), n == wanted, ranked.index(n))
        )
        why = f"{wanted} is as it was released" if plain and best != plain else ""
        chosen = best
    chosen = chosen or candidates[-1]
    rest = [n for n in names if n != chosen]
    said = []
    if chosen != wanted:
        said.append(f"{why or f'There is no {wanted}'}; {_shown(chosen)} was taken for it.")
    if rest:
        said.append(f"Other notebooks were left alone: {_list(rest)}.")
    return chosen, " ".join(said)


def _unwritten(path: Path, size: int) -> int:
    """How many answers are still open in a notebook, by its text alone."""
    return path.read_bytes().count(UNWRITTEN) if size <= LARGEST_NOTEBOOK else 0


def _natural(name: str) -> list:
    """Of `exercises (2)` and `exercises (10)` the tenth is the later."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]


def _list(names: list[str]) -> str:
    shown = [_shown(name) for name in names[:MOST_NOTES]]
    return ", ".join(shown) + (f" and {len(names) - len(shown)} more" if len(names) > len(shown) else "")


def _shown(name: str) -> str:
    shown = re.sub(r"[^\w./() '+,-]", "?", name)[:100]
    return (
        f'"{shown}"' if shown != shown.strip() or shown.endswith(".") else shown
    )  # or nobody sees what is at its ends
