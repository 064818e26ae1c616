"""The built book, served, and pages of it in a browser that reaches nothing else: fixtures for all tests of the book."""

import contextlib
import functools
import http.server
import shutil
import threading
from pathlib import Path

import pytest
from waiting import LONG

from byhand.teaching.book import build_book

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """The folder of the built book. Built from scratch in a copy, so that no earlier build hides a warning."""
    root = tmp_path_factory.mktemp("book")
    shutil.copytree(ROOT / "book", root / "book", ignore=shutil.ignore_patterns("_build"))
    (ROOT / ".cache").mkdir(exist_ok=True)
    for name in ("course", "solutions", "src", ".cache", "CONTRIBUTING.md"):
        (root / name).symlink_to(ROOT / name)
    return build_book(root, browser=True).parent


@pytest.fixture(scope="session")
def pages(site):
    return sorted(
        path.relative_to(site).as_posix()
        for path in site.rglob("*.html")
        if not {"_static", "browser"} & {*path.relative_to(site).parts}
    )


@pytest.fixture(scope="session")
def address(site):
    """The address at which the site is served."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=site))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


@contextlib.contextmanager
def visitor(browser, address, **options):
    """A function that opens a page and waits until its formulas are set; its `faults` collects what goes wrong.

    `options` are those of the browser's context, such as color_scheme.
    """
    from playwright.sync_api import TimeoutError as PlaywrightTimeout

    context = browser.new_context(**options)
    context.set_default_timeout(1000 * LONG)
    context.route(lambda url: not url.startswith(address), lambda route: route.abort())
    page = context.new_page()
    faults = []

    def fault(text):
        faults.append(f"{page.url.removeprefix(address)}: {text}")

    page.on("console", lambda message: message.type in ("error", "warning") and fault(f"console: {message.text}"))
    page.on("pageerror", lambda error: fault(f"script: {error}"))
    page.on("requestfailed", lambda request: fault(f"failed: {request.url}"))
    page.on("response", lambda response: response.status >= 400 and fault(f"{response.status}: {response.url}"))

    def open_page(name):
        page.goto(address + name, wait_until="networkidle")
        # On a page with hundreds of formulas the first promise can be kept before they are set, so ask until they are;
        # formulas that never are set fail the test that counts them.
        with contextlib.suppress(PlaywrightTimeout):
            page.wait_for_function(ALL_SET, timeout=1000 * LONG)
        page.evaluate("document.fonts.ready.then(() => null)")
        return page

    open_page.faults, open_page.context = faults, context
    yield open_page
    context.close()


@pytest.fixture(scope="session")
def visit(browser, address):
    """A visitor in the light, for all tests that do not ask for another one."""
    with visitor(browser, address) as open_page:
        yield open_page


ALL_SET = """() => document.querySelectorAll("span.math, div.math").length ===
    document.querySelectorAll(".math > mjx-container").length"""
