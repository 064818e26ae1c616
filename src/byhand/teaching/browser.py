"""The course in the browser: JupyterLite beside the book, with Pyodide, byhand and every unit's exercises, all of it static files.

The site lies in `browser/` of the book and asks no other host for anything. JupyterLite itself is built by `jupyter lite build`.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nbformat

from byhand.course import CourseError, Unit, find_units
from byhand.teaching.bytecode import add_bytecode
from byhand.teaching.pyodide import PUBLIC, WIDGETS, edited, plain_wheels, pyodide_files, site_lock, stand_ins, widgets
from byhand.teaching.sliders import live_notebook

FOLDER = "browser"
STORAGE = "Backprop by Hand"  # the name of the store in the browser, which the book's pages read too
KERNEL = "@jupyterlite/pyodide-kernel-extension"
# What Python begins with. The first ones JupyterLite's kernel asks for by these names, or looks for them on its index.
PACKAGES = ("micropip", "piplite", "ssl", "sqlite3", "ipykernel", "comm", "pyodide_kernel", "jedi", "ipython")
OURS = ("numpy", "byhand", "latex2mathml")
SOON = ("matplotlib", "ipywidgets", "tqdm")  # what the first cells with a figure or a progress bar ask for
# What is imported up to the first check, and by the first such cells.
AT_FIRST = (
    "micropip",
    "piplite",
    "pyodide.http",
    "pyodide_kernel",
    "numpy.random",
    "byhand.on_paper",
    "latex2mathml.converter",
)
SOON_AFTER = ("matplotlib.pyplot", "ipywidgets", "tqdm.auto")
# In the kernel: what decides which packages a cell needs, and what stands in its place.
LOADS = (
    "from pyodide_js import loadPackagesFromImports as _load_packages_from_imports\n",
    "from .in_kernel import load_packages_from_imports as _load_packages_from_imports\n",
)
# A kernel that starts before the service worker is there goes without the files beside the notebook: it has to wait for it.
START = re.compile(r"create:async \w+=>\{(?=const.{1,150}?null==(?P<worker>\w+)\?void 0:(?P=worker)\.enabled)")
WAITS = r"\g<0>navigator.serviceWorker&&await \g<worker>?.ready.then(()=>navigator.serviceWorker.ready).catch(()=>{});"
# The service worker takes every request through itself, which keeps the browser from keeping Pyodide compiled. It is for files alone.
ALL = "shouldDrop(t,a)||(n=maybeFromCache(e))"
NOT_HERE = {"lesson.md", "lesson.ipynb"}


def build_browser(root: Path, build: Path, source: Path | None = None, public: bool = False) -> Path:
    """Build the site into `build`/html/browser and return it. Pyodide's files come from `source`, where that is given; with
    `public` they stay where Pyodide publishes them, and the page fetches them there.

    Raises NoPyodide where they are not to be had, CourseError where JupyterLite cannot be built.
    """
    files = pyodide_files(root / ".cache" / "pyodide", source, public)
    stage, site = build / "lite", build / "html" / FOLDER
    shutil.rmtree(stage, ignore_errors=True)
    for name, content in course_files(root).items():
        _write(stage / "content" / "course" / name, content)
    wheels = plain_wheels(root) | _kernel_wheels() | stand_ins()
    python = stage / "static" / "pyodide"
    for name, path in files.items():
        if name != WIDGETS:
            _write(python / name, path.read_bytes())
    if public:
        loader = Path(__file__).with_name("public.js").read_text(encoding="utf-8")
        _write(python / "pyodide.js", _replaced(loader, "PUBLIC_ADDRESS", PUBLIC).encode())
    for name, content in wheels.items():
        _write(python / name, content)
    _write(python / "pyodide-lock.json", json.dumps(site_lock(wheels, PUBLIC if public else "")).encode())
    if not public:
        add_bytecode(python, [*PACKAGES, *OURS, *SOON], [*AT_FIRST, *SOON_AFTER])
    _write(stage / "jupyter-lite.json", json.dumps(_settings()).encode())
    _write(stage / "overrides.json", json.dumps(OVERRIDES).encode())
    _write(
        stage / "jupyter_lite_config.json",
        json.dumps({"LiteBuildConfig": _lite(stage, site, [_kernel(), widgets(files, stage / "widgets")])}).encode(),
    )
    shutil.rmtree(site, ignore_errors=True)
    _run_lite(stage)
    _finish(root, site)
    return site


def _finish(root: Path, site: Path) -> None:
    """Add what JupyterLite does not have: the state of loading in words, an icon, the names of all exercises, and patience."""
    shutil.copy(Path(__file__).with_name("loading.js"), site / "loading.js")
    for page in site.glob("*/index.html"):
        text = page.read_text(encoding="utf-8")
        extra = '<link rel="icon" href="../../_static/favicon.svg" />'
        extra += '<script src="../loading.js"></script>' * (page.parent.name == "notebooks")
        text = text.replace("<html>", '<html lang="en">', 1).replace("</head>", f"  {extra}\n  </head>", 1)
        page.write_text(text, encoding="utf-8")
    scripts = {
        path: path.read_text(encoding="utf-8") for path in (site / "extensions" / KERNEL / "static").glob("*.js")
    }
    starting = {path: START.sub(WAITS, text) for path, text in scripts.items() if START.search(text)}
    if len(starting) != 1:
        raise CourseError(f"JupyterLite has changed: {len(starting)} of its scripts start a kernel, and not one.")
    for path, text in starting.items():
        path.write_text(text, encoding="utf-8")
    worker = (site / "service-worker.js").read_text(encoding="utf-8")
    (site / "service-worker.js").write_text(_replaced(worker, ALL, f"!enableCache||{ALL}"), encoding="utf-8")
    names = {unit.name: graded_exercises(unit) for unit in find_units(root)}
    (site / "exercises.json").write_text(json.dumps(names), encoding="utf-8")


def _replaced(text: str, before: str, after: str) -> str:
    if before not in text:
        raise CourseError(f"JupyterLite has changed: {before!r} is gone.")
    return text.replace(before, after)


def graded_exercises(unit: Unit) -> list[str]:
    """The names of the exercises that count, in order."""
    cells = json.loads((unit.course / "exercises.ipynb").read_text(encoding="utf-8"))["cells"]
    meta = [cell["metadata"].get("nbgrader", {}) for cell in cells]
    ids = [m["grade_id"] for m in meta if m.get("grade") and m["grade_id"].endswith("-check")]
    return [name.removesuffix("-check") for name in ids]


def course_files(root: Path) -> dict[str, bytes]:
    """The notebooks and what they have beside them: `course/` with the lessons' sliders in the place of lessons, by path."""
    files = {"start.md": (root / "course" / "start.md").read_bytes()}
    for unit in find_units(root):
        for path in (unit.course / "exercises.ipynb", *_beside(unit)):
            files[f"{unit.name}/{path.relative_to(unit.course).as_posix()}"] = path.read_bytes()
        if live := live_notebook(unit):
            files[f"{unit.name}/sliders.ipynb"] = nbformat.writes(live).encode()
    return files


def _beside(unit: Unit) -> list[Path]:
    return [path for path in unit.materials if path.name not in NOT_HERE]


def _kernel() -> Path:
    """JupyterLite's Python kernel, a part of JupyterLab; `setup_course.py` puts it aside, where JupyterLab does not find it."""
    share = Path(sys.prefix) / "share" / "jupyter"
    for folder in (share / "jupyterlite" / "labextensions" / KERNEL, share / "labextensions" / KERNEL):
        if folder.is_dir():
            return folder
    raise CourseError("jupyterlite-pyodide-kernel is not installed: run python setup_course.py install all.")


def _kernel_wheels() -> dict[str, bytes]:
    """The wheels that come with JupyterLite's kernel: itself, and stand-ins for what no browser needs."""
    index = _kernel() / "static" / "pypi"
    wheels = {path.name: path.read_bytes() for path in sorted(index.glob("*.whl")) if "-3.6.999-" not in path.name}
    [kernel] = [name for name in wheels if name.startswith("pyodide_kernel-")]
    ours = {"pyodide_kernel/in_kernel.py": Path(__file__).with_name("in_kernel.py").read_bytes()}
    return wheels | {kernel: edited(wheels[kernel], "pyodide_kernel/kernel.py", *LOADS, ours)}


def _settings() -> dict[str, Any]:
    options: dict[str, Any] = {"packages": [*PACKAGES, *OURS]}
    kernel = {"pyodideUrl": "./static/pyodide/pyodide.js", "disablePyPIFallback": True, "loadPyodideOptions": options}
    return {
        "jupyter-lite-schema-version": 0,
        "jupyter-config-data": {
            "appName": "Backprop by Hand",
            "appUrl": "./tree",
            "contentsStorageName": STORAGE,
            "settingsStorageName": f"{STORAGE}, settings",
            "enableMemoryStorage": True,  # where the browser refuses storage, the page still works, and forgets
            "exposeAppInBrowser": True,
            "litePluginSettings": {f"{KERNEL}:kernel": kernel},
        },
    }


OVERRIDES = {
    "@jupyterlab/apputils-extension:themes": {"adaptive-theme": True},
    "@jupyterlab/docmanager-extension:plugin": {"autosaveInterval": 10},  # seconds
}


def _lite(stage: Path, site: Path, extensions: list[Path]) -> Mapping[str, Any]:
    return {
        "lite_dir": str(stage),
        "output_dir": str(site),
        "cache_dir": str(stage / ".cache"),
        "contents": [str(stage / "content")],
        "apps": ["notebooks", "tree"],
        "ignore_sys_prefix": ["federated_extensions"],
        "federated_extensions": [str(path) for path in extensions],
        "no_sourcemaps": True,
        "no_unused_shared_packages": True,
    }


def _run_lite(stage: Path) -> None:
    command = [sys.executable, "-m", "jupyterlite_core", "build", "--config", str(stage / "jupyter_lite_config.json")]
    done = subprocess.run(command, cwd=stage, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        raise CourseError("JupyterLite could not be built:\n" + "\n".join(done.stdout.splitlines()[-15:]))


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
