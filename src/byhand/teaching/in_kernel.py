"""What JupyterLite's kernel lacks for the course. The site puts this module into it, and lets it ask here which packages a cell needs.

It sees what a cell imports itself. What the modules beside the notebook import, it would not load.
"""

from __future__ import annotations

import ast
import functools
import logging
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)  # it would say in red that it looks for fonts


async def load_packages_from_imports(code: str) -> None:
    """Stands in JupyterLite's kernel in the place of Pyodide's function of this name."""
    from pyodide_js import loadPackagesFromImports  # pyright: ignore[reportMissingImports]  # it is there in the browser alone

    names = sorted(imported(code))
    await loadPackagesFromImports("\n".join(f"import {name}" for name in names))
    if {"numpy", "byhand"} & {*names}:
        let_counts_be_long()
    if "tqdm" in names:
        let_bars_be_stopped()


def imported(code: str, folder: Path = Path()) -> set[str]:
    """The packages that the code imports, itself or through modules in the folder that nobody has imported yet."""
    names: set[str] = set()
    unread = [code]
    while unread:
        try:
            tree = ast.parse(unread.pop())
        except SyntaxError:  # the cell says so itself when it runs
            continue
        for node in ast.walk(tree):
            found = [node.module] if isinstance(node, ast.ImportFrom) and not node.level else []
            found += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            for name in {str(module).partition(".")[0] for module in found} - names:
                names.add(name)
                if name not in sys.modules and (folder / f"{name}.py").is_file():
                    unread.append((folder / f"{name}.py").read_text(encoding="utf-8"))
    return names


# A running cell hears nothing of the page. But it can read files, and the page, asked to interrupt, writes this one (loading.js)
# beside the notebook, so that another notebook goes on.
STOP = Path(".byhand-stop")
LOOKS = 0.5  # seconds between two looks for it


@functools.cache  # once
def let_bars_be_stopped() -> None:
    """Every progress bar looks whether the cell is to be interrupted, as it moves on."""
    from tqdm.std import tqdm

    move, looked = tqdm.update, time.monotonic()

    @functools.wraps(move)
    def update(self: Any, n: float | None = 1) -> bool | None:
        nonlocal looked
        if time.monotonic() - looked > LOOKS:
            looked = time.monotonic()
            if STOP.exists():
                STOP.unlink(missing_ok=True)  # the page takes it away too
                raise KeyboardInterrupt
        return move(self, n)

    tqdm.update = update


# Functions of numpy that take integers of 64 bits on every ordinary machine and refuse them here, where it counts with 32; and
# which of their arguments these are. What is right elsewhere must be right in the browser.
COUNTS = {"bincount": (0, "x"), "repeat": (1, "repeats"), "take": (1, "indices"), "choose": (0, "a"), "put": (1, "ind")}


@functools.cache  # once
def let_counts_be_long() -> None:
    import numpy

    def narrow(value: Any) -> Any:
        long = isinstance(value, numpy.ndarray) and value.dtype == numpy.int64
        return value.astype(numpy.intp) if long else value

    def taking(function: Callable[..., Any], place: int, name: str) -> Callable[..., Any]:
        @functools.wraps(function)
        def with_any(*args: Any, **named: Any) -> Any:
            args = tuple(narrow(value) if number == place else value for number, value in enumerate(args))
            return function(*args, **{key: narrow(value) if key == name else value for key, value in named.items()})

        return with_any

    for function, (place, name) in COUNTS.items():
        setattr(numpy, function, taking(getattr(numpy, function), place, name))
