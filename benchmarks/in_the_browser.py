"""How long the cells that train take in the browser, and here without one. Run from the project's root, with the book built:

    python benchmarks/in_the_browser.py > book/browser-times.txt

With the names of units it measures these alone. It wants a machine that has nothing else to do, and half an hour.
"""

import functools
import http.server
import json
import os
import shutil
import subprocess
import sys
import threading

from playwright.sync_api import sync_playwright
from tqdm import tqdm

from byhand.course import find_root, find_units
from byhand.delimiters import BEGIN, END
from byhand.teaching.notebooks import read_source

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
LONGEST = 1800  # seconds, for one cell
HERE = """\
import json, sys, time, contextlib
names, seconds, faults = {"__name__": "__main__"}, [0], []
sys.path.insert(0, "")
with contextlib.redirect_stdout(sys.stderr):
    for source, trains in json.load(sys.stdin):
        start = time.perf_counter()
        try:
            exec(source, names)
        except Exception as error:
            faults.append(f"{type(error).__name__}: {error}")
        seconds.append(trains * (time.perf_counter() - start))
print(json.dumps([seconds, faults]))
"""
THERE = """async ([code]) => {
    const kernel = jupyterapp.shell.currentWidget.sessionContext.session.kernel;
    const start = performance.now();
    const run = kernel.requestExecute({ code });
    const faults = [];
    run.onIOPub = ({ content: c }) => c.ename && faults.push(`${c.ename.split("'").at(-2) ?? c.ename}: ${c.evalue}`);
    await run.done;
    return [(performance.now() - start) / 1000, faults];
}"""


def cells(unit):
    """The notebook's code, solved: each cell's source, and whether it is one that trains. Checks are left out."""
    for cell in read_source(unit.exercises).notebook.cells:
        if cell.cell_type == "code" and not cell.metadata.get("nbgrader", {}).get("grade"):
            lines = [line for line in cell.source.splitlines() if line.strip() not in (BEGIN, END)]
            yield "\n".join(lines), "skip-execution" in cell.metadata.get("tags", [])


def here(unit):
    """Seconds of each cell that trains, on one processor without a browser, and what failed."""
    environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MPLBACKEND": "agg"}
    run = [sys.executable, "-c", HERE]
    done = subprocess.run(
        run, input=json.dumps([*cells(unit)]), cwd=unit.course, env=environment, capture_output=True, text=True
    )
    if done.returncode:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout)


def there(page, address, unit):
    """The same in the browser, from a start of its Python."""
    page.goto(f"{address}browser/notebooks/index.html?path=course/{unit.name}/exercises.ipynb")
    page.wait_for_function("document.documentElement.dataset.byhand === 'ready'")
    seconds, faults = [], []
    for source, trains in cells(unit):
        took, failed = page.evaluate(THERE, [source])
        seconds.append(trains * took)
        faults += failed
    return seconds, faults


def main(names):
    root = find_root()
    site = root / "book" / "_build" / "html"
    handler = functools.partial(Quiet, directory=site)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    executable = next(filter(None, map(shutil.which, BROWSERS)))
    print(f"{'cells that train':<28}{'browser':>9}{'longest':>9}{'native':>9}{'ratio':>7}")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        for unit in tqdm(find_units(root, names), disable=not sys.stderr.isatty()):
            page = browser.new_page()
            page.set_default_timeout(1000 * LONGEST)
            (native, failed), (wasm, faults) = here(unit), there(page, f"http://127.0.0.1:{server.server_port}/", unit)
            page.close()
            faults = [fault for fault in faults if fault not in failed]
            ratio = "      –" if faults else f"{sum(wasm) / sum(native):7.1f}"
            took = f"{sum(wasm):8.0f}s{max(wasm):8.0f}s{sum(native):8.1f}s{ratio}"
            print(f"{unit.name:<28}{took}", *[f"  {fault}" for fault in faults[:1]], flush=True)
        browser.close()


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


if __name__ == "__main__":
    main(sys.argv[1:])
