"""In Pyodide, which node runs: put bytecode of all that has been imported into the files that it came from."""

from __future__ import annotations

import importlib
import py_compile
import site
import sys
import zipfile
from collections.abc import Callable, Iterable
from importlib.util import cache_from_source
from pathlib import Path

LIBRARY = Path(py_compile.__file__).parent  # the archive of the standard library, as Pyodide has it
PACKAGES = Path(site.getsitepackages()[0])
FOLDER = Path("/folder")
SAME_DATE = (2026, 1, 1, 0, 0, 0)


def add_bytecode(modules: Iterable[str]) -> None:
    for name in modules:
        importlib.import_module(name)
    files = [getattr(module, "__file__", None) or "" for module in list(sys.modules.values())]
    imported = {Path(file) for file in files if file.endswith(".py")}
    # In an archive bytecode is looked for beside its source, in a folder in __pycache__.
    rewrite(FOLDER / "python_stdlib.zip", LIBRARY, imported, lambda path: path.with_suffix(".pyc"))
    for wheel in sorted(FOLDER.glob("*.whl")):
        rewrite(wheel, PACKAGES, imported, lambda path: Path(cache_from_source(path)))


def rewrite(archive: Path, place: Path, imported: set[Path], beside: Callable[[Path], Path]) -> None:
    """The archive anew, with bytecode for those of its modules that were imported from `place`, where it is unpacked."""
    with zipfile.ZipFile(archive) as file:
        contents = {name: file.read(name) for name in file.namelist()}
    compiled = {}
    for name in contents:
        if place / name in imported:
            compiled[beside(Path(name)).as_posix()] = bytecode(contents[name], place / name)
    if not compiled:
        return
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in (contents | compiled).items():
            file.writestr(zipfile.ZipInfo(name, SAME_DATE), content, zipfile.ZIP_DEFLATED)


def bytecode(source: bytes, path: Path) -> bytes:
    """Never compared with the source: both come from the same archive."""
    Path("/tmp/source.py").write_bytes(source)
    unchecked = py_compile.PycInvalidationMode.UNCHECKED_HASH
    py_compile.compile("/tmp/source.py", "/tmp/source.pyc", str(path), doraise=True, invalidation_mode=unchecked)
    return Path("/tmp/source.pyc").read_bytes()
