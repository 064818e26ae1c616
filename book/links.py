"""The links of the book that lead to other hosts: listed in `links.txt`, and asked whether they still answer.

    python book/links.py list     write links.txt from the built book
    python book/links.py check    ask each address; prints those that do not answer, exit code 1 if there are any

`make links` does the second. It needs the internet, so it is no part of the tests; that the list is complete is.
"""

import re
import sys
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from html import unescape
from pathlib import Path

BOOK = Path(__file__).parent
LIST = BOOK / "links.txt"
SECONDS = 20
REFUSES_ROBOTS = {401, 403, 405, 406, 418, 429, 999}  # the page is there, but not for programs


def links_of(site: Path) -> list[str]:
    """Every address of another host to which a page of the built book links, in order."""
    found = set()
    for page in site.rglob("*.html"):
        found |= {
            unescape(link) for link in re.findall(r'<a\s[^>]*href="(https?://[^"]+)"', page.read_text(encoding="utf-8"))
        }
    return sorted(found)


def fault_of(address: str) -> str | None:
    """What is wrong with an address; None where it answers."""
    request = urllib.request.Request(address, headers={"User-Agent": "Mozilla/5.0 (link check of a course)"})
    try:
        with urllib.request.urlopen(request, timeout=SECONDS):
            return None
    except urllib.error.HTTPError as error:
        return None if error.code in REFUSES_ROBOTS else f"{error.code} {error.reason}"
    except (OSError, ValueError) as error:
        return str(error)


def main(what: str) -> int:
    if what == "list":
        LIST.write_text("\n".join(links_of(BOOK / "_build" / "html")) + "\n", encoding="utf-8")
        return 0
    addresses = LIST.read_text(encoding="utf-8").split()
    with ThreadPoolExecutor(8) as pool:
        faults = {
            address: fault for address, fault in zip(addresses, pool.map(fault_of, addresses), strict=True) if fault
        }
    for address, fault in faults.items():
        print(f"{address}: {fault}")
    print(f"{len(addresses) - len(faults)} of {len(addresses)} answer.")
    return 1 if faults else 0


if __name__ == "__main__":
    if sys.argv[1:] not in (["list"], ["check"]):
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1]))
