"""Which packages a cell needs, where Python runs in the browser and loads a package before the cell that imports it.

JupyterLite's kernel sees what a cell imports itself. What the modules beside the notebook import, it would not load.
"""

from __future__ import annotations

import ast
import sys
from pathlib import Path


async def load_packages_from_imports(code: str) -> None:
    """Stands in JupyterLite's kernel in the place of Pyodide's function of this name."""
    from pyodide_js import loadPackagesFromImports

    await loadPackagesFromImports("\n".join(f"import {name}" for name in sorted(imported(code))))


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
