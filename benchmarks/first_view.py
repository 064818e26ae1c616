"""How soon a page of the built book shows something, on this machine's own disk: first view, formulas set, and bytes.

    make book && python benchmarks/first_view.py [PAGE ...]

Each page is opened with an empty cache, as by a reader who comes from elsewhere. Goal: a first view within one second.
"""

import functools
import http.server
import shutil
import sys
import threading
from pathlib import Path

from playwright.sync_api import sync_playwright

SITE = Path(__file__).resolve().parents[1] / "book" / "_build" / "html"
ALL_SET = "document.querySelectorAll('.math').length === document.querySelectorAll('.math > mjx-container').length"
FIRST_VIEW = "performance.getEntriesByName('first-contentful-paint')[0].startTime"


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


def main():
    pages = sys.argv[1:] or sorted(
        p.relative_to(SITE).as_posix() for p in SITE.rglob("*.html") if "_static" not in p.parts
    )
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=SITE))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"{'page':52}{'first view':>12}{'formulas':>10}{'of its own':>12}")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=shutil.which("chromium") or shutil.which("google-chrome"), args=["--no-sandbox"]
        )
        for name in pages:
            context = chromium.new_context()
            page = context.new_page()
            page.goto(f"http://127.0.0.1:{server.server_port}/{name}", wait_until="load")
            page.wait_for_function(ALL_SET)
            first, formulas = page.evaluate(FIRST_VIEW), page.evaluate("performance.now()")
            own = (SITE / name).stat().st_size
            print(f"{name:52}{first:9.0f} ms{formulas:7.0f} ms{own / 1000:9.0f} kB", flush=True)
            context.close()
        chromium.close()
    server.shutdown()


if __name__ == "__main__":
    main()
