"""Bring corrected units into a student's copy of the course, and leave alone whatever the student has edited.

A file counts as edited when it differs from the version that was handed out. Of a notebook only the cells' text counts: a lesson that
was run and saved is not edited. An edited file stays as it is under its name; where its original has been corrected too, the corrected
one is put beside it, as `exercises.new.ipynb`.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import tempfile
import zipfile
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

MANIFEST = "released.json"


class UpdateError(Exception):
    """The update cannot be done; the message says why in a sentence. Nothing has been changed."""


@dataclass
class Changes:
    """What an update did, as paths: new files, corrected ones, removed ones, and edited ones whose correction lies beside."""

    added: list[str] = field(default_factory=list)
    corrected: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)


def update(root: Path, source: Path | None = None) -> Changes:
    """Update the course at `root` from a newer handout, a zip file or a folder; without one, from where git got this clone.

    Raises UpdateError, with nothing changed, where the source is no handout or git cannot say what is newer.
    """
    with tempfile.TemporaryDirectory() as scratch:
        if source is None:
            old, new = _from_git(root, Path(scratch))
            changes = sync(root, manifest(old), new)
            _git(root, "reset", "--quiet", "FETCH_HEAD")  # moves the branch; the files stay as they are
            return changes
        new = _from_handout(source, Path(scratch))
        if not (root / MANIFEST).is_file():
            raise UpdateError(
                f"{root} was not handed out as a zip file (it has no {MANIFEST}); in a git clone, leave the source out."
            )
        changes = sync(root, json.loads((root / MANIFEST).read_text(encoding="utf-8")), new)
        shutil.copy(new / MANIFEST, root / MANIFEST)  # last: an update that was interrupted can be repeated
        return changes


def sync(root: Path, base: dict[str, str], new: Path) -> Changes:
    """Bring the files of the folder `new` to `root`, where `base` has the digests of what was handed out before."""
    changes, wanted = Changes(), manifest(new)
    for name, wanted_digest in wanted.items():
        mine = root / name
        if not mine.is_file():
            _copy(new / name, mine)
            changes.added.append(name)
        elif (have := digest(mine)) == wanted_digest:
            continue
        elif have == base.get(name):
            _copy(new / name, mine)
            changes.corrected.append(name)
        elif base.get(name) != wanted_digest:
            _copy(new / name, mine.with_name(f"{mine.stem}.new{mine.suffix}"))
            changes.kept.append(name)
    for name in set(base) - set(wanted):
        if (root / name).is_file() and digest(root / name) == base[name]:
            (root / name).unlink()
            changes.removed.append(name)
    return changes


def manifest(folder: Path) -> dict[str, str]:
    """The digest of every file of a handout, by its path."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != MANIFEST)
    return {path.relative_to(folder).as_posix(): digest(path) for path in files}


def digest(path: Path) -> str:
    """What a file says, as a number: its bytes; of a notebook its cells, not what running and saving leaves in it."""
    content = path.read_bytes()
    if path.suffix == ".ipynb":
        try:
            cells = [
                (c["cell_type"], "".join(c["source"]), c["metadata"].get("nbgrader"))
                for c in json.loads(content)["cells"]
            ]
            content = json.dumps(cells, sort_keys=True).encode()
        except (ValueError, KeyError, TypeError, AttributeError):
            pass  # no notebook any more: then its bytes count
    return hashlib.sha256(content).hexdigest()


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.partial")
    shutil.copy(source, partial)
    partial.replace(target)


def _from_handout(source: Path, scratch: Path) -> Path:
    """The folder of a newer handout, unpacked where it is a zip file."""
    folder = source
    if source.is_file():
        try:
            with zipfile.ZipFile(source) as archive:
                for name in archive.namelist():
                    if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
                        raise UpdateError(
                            f"{source} holds {name!r}, which would lie outside the course; it is no handout."
                        )
                archive.extractall(scratch)
        except zipfile.BadZipFile:
            raise UpdateError(f"{source} is no zip file, or it is damaged.") from None
        folder = next((path.parent for path in sorted(scratch.rglob(MANIFEST))), scratch)
    elif not source.is_dir():
        raise UpdateError(f"There is no file or folder {source}.")
    if not (folder / MANIFEST).is_file() or not (folder / "course" / "start.md").is_file():
        raise UpdateError(f"{source} is no handout of this course: it has no {MANIFEST} beside a folder course/.")
    return folder


def _from_git(root: Path, scratch: Path) -> tuple[Path, Path]:
    """The version that this clone is at and the newest one, each in a folder."""
    if not (root / ".git").exists():
        raise UpdateError("This copy is no git clone: name the newer handout, for example `byhand update course.zip`.")
    remote = _git(
        root, "rev-parse", "--abbrev-ref", "@{upstream}", says="The branch of this clone follows no other one."
    ).strip()
    host, _, branch = remote.partition("/")
    _git(root, "fetch", "--quiet", host, branch, says=f"git could not fetch {remote}; is there a connection?")
    own = "This clone has commits of its own; merge them with git instead."
    _git(root, "merge-base", "--is-ancestor", "HEAD", "FETCH_HEAD", says=own)
    folders = []
    for version in ("HEAD", "FETCH_HEAD"):
        folder = scratch / version
        folder.mkdir()
        archive = scratch / f"{version}.zip"
        _git(root, "archive", "--format=zip", f"--output={archive}", version)
        with zipfile.ZipFile(archive) as packed:
            packed.extractall(folder)
        folders.append(folder)
    return folders[0], folders[1]


def _git(root: Path, *command: str, says: str = "") -> str:
    try:
        done = subprocess.run(["git", *command], cwd=root, capture_output=True, text=True)
    except FileNotFoundError:
        raise UpdateError(
            "git is not installed; name the newer handout, for example `byhand update course.zip`."
        ) from None
    if done.returncode:
        raise UpdateError(f"{says} {done.stderr.strip()}".strip())
    return done.stdout
