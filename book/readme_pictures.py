"""Make the pictures of the README anew: the stepper of the book's first page, and what a check says to a wrong answer.

Run it by `make pictures`, after a change of how either looks. It needs Chromium and the built book (`make book`).
"""

import os
import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

BOOK = Path(__file__).parent
ROOT = BOOK.parent
TARGET = BOOK / "_static" / "readme"
WRONG = "rnn_backward", "paired-with-the-same-step"  # dW pairs each gradient with the wrong hidden state


def answer_of_a_check() -> str:
    """What the check of unit 05 shows for a known mistake, as HTML."""
    from byhand.checking import visible_report
    from byhand.checking.exercise import load_checks
    from byhand.course import Unit
    from byhand.delimiters import BEGIN, END
    from byhand.teaching.misconceptions import load_variants
    from byhand.teaching.notebooks import read_source, with_solution

    unit = Unit(ROOT, "05-simple-rnn")
    wrong = next(v for v in load_variants(unit).misconceptions if (v.exercise, v.id) == WRONG)
    space = {}
    os.chdir(unit.course)  # where the notebook runs, beside its data
    for cell in read_source(unit.exercises).notebook.cells:
        meta = cell.metadata.get("nbgrader", {})
        if cell.cell_type == "code" and not meta.get("grade") and "skip-execution" not in cell.metadata.get("tags", []):
            source = with_solution(cell.source, wrong.region) if meta.get("grade_id") == WRONG[0] else cell.source
            exec("\n".join(line for line in source.splitlines() if line.strip() not in (BEGIN, END)), space)
    return visible_report(WRONG[0], load_checks(unit.course), space[WRONG[0]])._repr_html_()


def main() -> None:
    page_of_book = BOOK / "_build" / "html" / "index.html"
    if not page_of_book.is_file():
        sys.exit("The book is not built: run `make book` first.")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    TARGET.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 800, "height": 900}, color_scheme="light")
        page.goto(page_of_book.as_uri())
        stepper = page.locator(".bh-stepper").first
        for _ in range(6):  # to the two routes of c
            stepper.get_by_role("button", name="Next step").click()
        stepper.screenshot(path=TARGET / "stepper.png")
        page.set_content(
            f'<body style="font:15px system-ui,sans-serif;padding:1em;width:46em">{answer_of_a_check()}</body>'
        )
        page.locator(".byhand-check").screenshot(path=TARGET / "check.png")
        browser.close()
    print(*sorted(path.relative_to(ROOT) for path in TARGET.glob("*.png")), sep="\n")


if __name__ == "__main__":
    main()
