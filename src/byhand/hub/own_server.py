"""A person's own server on the hub: makes the copy of the course, or brings it up to date, and becomes JupyterLab.

It runs under the person's account: nothing of root follows what somebody may have put into a home.
"""

from __future__ import annotations

import os
import resource
import shutil
import sys
import tempfile
import zipfile
from pathlib import Path

from byhand.start import write_start_page
from byhand.update import UpdateError, digest, update


def main() -> None:
    os.umask(0o077)
    limit_memory(int(os.environ.get("MEM_LIMIT") or 0))
    try:
        prepare(Path(os.environ["BYHAND_HANDOUT"]), Path.home() / "backprop-by-hand")
    except (OSError, UpdateError, zipfile.BadZipFile, ValueError) as error:
        print(f"The copy of the course could not be made or brought up to date: {error}", file=sys.stderr)
    program = Path(sys.executable).parent / "jupyterhub-singleuser"
    os.execv(program, [str(program), *sys.argv[1:]])


def limit_memory(most: int) -> None:
    """For this process and, each for itself, all that it starts. Where systemd holds all of them together, that counts too."""
    if most:
        resource.setrlimit(resource.RLIMIT_DATA, (most, most))


def prepare(handout: Path, copy: Path) -> None:
    """The copy of the course, complete or not there; of a newer handout what the person has not edited."""
    if not handout.is_file():
        return
    newest, seen = digest(handout), Path.home() / ".local/share/byhand-handout"
    if not copy.exists():
        with tempfile.TemporaryDirectory(dir=copy.parent, prefix=".backprop-by-hand-") as half:
            with zipfile.ZipFile(handout) as packed:
                packed.extractall(half)
            shutil.move(Path(half) / "backprop-by-hand", copy)
    elif not seen.is_file() or seen.read_text() != newest:
        update(copy, handout)
    write_start_page(copy)
    seen.parent.mkdir(parents=True, exist_ok=True)
    seen.write_text(newest)


if __name__ == "__main__":
    main()
