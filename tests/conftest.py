import gc
import os
import shutil

import pytest
from filelock import FileLock
from playwright.sync_api import expect, sync_playwright

# The problems of the checks are tiny, and tests may run side by side: one thread each. Set before numpy is imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from book_site import address, pages, site, visit  # noqa: F401 - fixtures
from book_visit import book  # noqa: F401 - a fixture
from classes import PATIENT, UNIT, copy_course, make_class, run, submit
from waiting import LONG
from warm_kernels import kernels

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM_ARGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run "
    "--disable-background-networking --disable-component-update --disable-sync"
).split()


@pytest.hookimpl(tryfirst=True)  # before xdist asks for the groups
def pytest_collection_modifyitems(items):
    """Tests that share a fixture of their module go to one worker: otherwise each worker would make it."""
    for item in items:
        shares = any(made.scope == "module" for mades in item._fixtureinfo.name2fixturedefs.values() for made in mades)
        if shares and not item.get_closest_marker("xdist_group"):
            item.add_marker(pytest.mark.xdist_group(item.path.stem))


def pytest_collection_finish():
    """Python's search for garbage leaves out what is here to stay: torch, Jupyter, thousands of tests."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def warm_kernels():
    """Notebooks that a test runs in its own process run in kernels that are warm."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JUPYTER_PATH", str(kernels()))
        yield


@pytest.fixture(scope="session")
def browser():
    """A headless Chromium. Where there is none, tests that use it are skipped, and fail where CI is set: a run that has
    seen no page must not be green."""
    executable = next(filter(None, map(shutil.which, BROWSERS)), None)
    if executable is None:
        says = f"no browser on this machine: none of {', '.join(BROWSERS)} is on the PATH"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(says)
    expect.set_options(timeout=1000 * LONG)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=executable, args=CHROMIUM_ARGS)
        yield chromium
        chromium.close()


@pytest.fixture
def standalone(browser, tmp_path):
    """Open a body as a page of its own. Afterwards nothing may have gone wrong in it, nor been asked of anyone else."""
    contexts, messages, requests = [], [], []
    path = tmp_path / "page.html"

    def open_page(body, attributes="", width=800, **options):
        path.write_text(
            f'<!doctype html><html lang="en" {attributes}><meta charset="utf-8"><title>Test</title>'
            f'<meta name="viewport" content="width=device-width">{body}',
            encoding="utf-8",
        )
        contexts.append(browser.new_context(viewport={"width": width, "height": 700}, **options))
        contexts[-1].set_default_timeout(1000 * LONG)
        page = contexts[-1].new_page()
        page.on("console", lambda message: messages.append(message.text))
        page.on("pageerror", lambda error: messages.append(str(error)))
        page.on("request", lambda request: requests.append(request.url))
        page.goto(path.as_uri())
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert messages == []
    assert set(requests) == {path.as_uri()}


@pytest.fixture(scope="session")
def built_course(tmp_path_factory):
    """The root of a course that has been built, once for all workers; to be copied, and never changed."""
    base = tmp_path_factory.getbasetemp()
    root = (base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base) / "built-course"
    with FileLock(f"{root}.lock"):
        if not root.exists():
            half = root.with_name("half-built-course")
            shutil.rmtree(half, ignore_errors=True)  # of an attempt that failed
            run(copy_course(half), "byhand", "build")
            half.rename(root)
    return root


@pytest.fixture(scope="session")
def graded_class(built_course, tmp_path_factory):
    """The root of a course with a whole class in it, built and graded by the commands that an instructor types."""
    root = shutil.copytree(built_course, tmp_path_factory.mktemp("graded-class") / "course")
    submit(root, make_class(root))
    run(root, "nbgrader", "autograde", UNIT, *PATIENT)
    return root
