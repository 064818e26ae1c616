"""The file that a student handed in, read as JSON; and where it is none, what it looks like and what is to be done."""

from __future__ import annotations

import base64
import binascii
import json
import re
from typing import Any

import nbformat

AGAIN = "download the notebook from Jupyter (File, Download) and hand that file in"
_UNPACK = "unpack it, and hand in the notebook that lies in it"
MOST_COPIES = 5  # of one notebook in one file
_BLANK = "\0\x1a\ufeff \t\r\n"  # what programs leave around a text
# How a file begins, what it then looks like, and what is to be done.
_KINDS = (
    (rb"PK\x03\x04|PK\x05\x06", "a zip archive", _UNPACK),
    (rb"\x1f\x8b|BZh|\xfd7zXZ|7z\xbc\xaf|Rar!", "an archive", _UNPACK),
    (rb"%PDF", "a PDF", f"what was printed cannot be graded; {AGAIN}"),
    (rb"\x89PNG|\xff\xd8\xff|GIF8", "a picture", AGAIN),
    (
        rb"(?i)(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]*>\s*)?<(?:!doctype|html|head|body|!--)",
        "a web page (HTML), as when the page to sign in is saved in place of a file",
        AGAIN,
    ),
    (
        rb"version https://git-lfs",
        "a pointer of Git LFS, which stands for the notebook",
        "get the file itself (git lfs pull), and hand that in",
    ),
)


class Damaged(Exception):
    """The file is no notebook; the message says why, in one sentence."""


def read_json(data: bytes, name: str = "The notebook") -> tuple[dict[str, Any], list[str]]:
    """A notebook as JSON has it, with at least a list of cells, and notes on what had to be passed over. Raises Damaged."""
    text, notes = _text(data, name)
    try:
        parsed = json.loads(text)
    except RecursionError:
        raise Damaged(f"{name} is nested too deeply to be read.") from None
    except ValueError as error:
        parsed = _copies(text, name)
        if parsed is None:
            raise Damaged(_no_json(data, text, error, name)) from None
        notes.append(f"{name} holds the same notebook more than once, one behind the other; it was read once.")
    if not isinstance(parsed, dict):
        raise Damaged(f"{name} is JSON, but no notebook: {AGAIN}.")
    if "cells" not in parsed and "worksheets" in parsed:
        try:
            parsed = nbformat.reads(text, as_version=4)
        except Exception as error:
            says = " ".join(str(error).split()).rstrip(".")
            raise Damaged(f"{name} has an old format that cannot be converted: {says}.") from None
    if not isinstance(parsed.get("cells"), list):
        raise Damaged(f"{name} has no cells: {AGAIN}.")
    return parsed, notes


def _text(data: bytes, name: str) -> tuple[str, list[str]]:
    """The text, whichever Unicode it is in: JSON begins with a sign of one byte, which tells."""
    encoding, notes = json.detect_encoding(data), []
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        raise Damaged(_no_text(data, encoding, name)) from None
    bare = text.strip(_BLANK)
    if not bare:
        what = "holds nothing but NUL bytes, as after a crash" if "\0" in text else "is empty"
        raise Damaged(f"{name} {what}: save the notebook in Jupyter (File, Save), look into it, and hand it in again.")
    if not encoding.startswith("utf-8"):
        notes.append(f"{name} is {_shown(encoding)} text, and was read as such.")
    if "\0" in text and "\0" not in bare:
        notes.append(f"NUL bytes around the text of {name} were passed over.")
    return bare, notes


def _shown(encoding: str) -> str:
    return "-".join(encoding.split("-")[:2]).upper()


def _copies(text: str, name: str) -> Any:
    """The document that a file holds more than once; None where it is not made of whole documents. Raises Damaged where they
    differ: then nobody knows which counts."""
    found, place, decode = [], 0, json.JSONDecoder().raw_decode
    try:
        while place < len(text):
            document, place = decode(text, place)
            if not isinstance(document, dict) or len(found) == MOST_COPIES:
                return None
            found.append(document)
            place += len(text[place:]) - len(text[place:].lstrip(_BLANK))
        same = all(document == found[0] for document in found)
    except (ValueError, RecursionError):
        return None
    if not same:
        raise Damaged(f"{name} looks like several JSON documents one behind the other: hand in the one that counts.")
    return found[0]


def _no_text(data: bytes, encoding: str, name: str) -> str:
    if looks := _by_first_bytes(data, name):
        return looks
    try:
        json.loads(data.decode("cp1252"))
    except ValueError:
        return f"{name} is no {_shown(encoding)} text: {AGAIN}."
    return f"{name} looks like text of Windows (cp1252, say), and is not UTF-8: save it as UTF-8, or {AGAIN}."


def _by_first_bytes(data: bytes, name: str) -> str:
    return next((f"{name} looks like {what}: {do}." for begins, what, do in _KINDS if re.match(begins, data)), "")


def _no_json(data: bytes, text: str, error: ValueError, name: str) -> str:
    if looks := _by_first_bytes(data, name):
        return looks
    if re.search(r"^<{7}", text, re.M):
        return f"{name} looks like a notebook in which git has marked a conflict (<<<<<<<): solve it, open the notebook in Jupyter, and hand it in again."
    if "\0" in text:
        return f"{name} looks like a file that was not written to its end, since NUL bytes stand in it: save the notebook in Jupyter (File, Save) and hand it in again."
    if _is_base64(text):
        return f"{name} looks like base64, as mail programs send a file: save the attachment itself, and hand that in."
    if re.match(r"\{\s*'", text):
        return f"{name} looks like what Python prints of a dict, and not like JSON: {AGAIN}."
    if re.match(r"(?:#|import |from |def |class |%)", text):
        return f"{name} looks like Python code without its notebook: {AGAIN}."
    if not isinstance(error, json.JSONDecodeError):
        return f"{name} is not JSON, as a notebook is: {AGAIN}."
    if text.startswith("{") and (error.pos >= len(text) or error.msg.startswith("Unterminated")):
        return f"{name} looks like a notebook that breaks off, as when it was not sent to its end: {AGAIN}."
    return f"{name} is not JSON, as a notebook is ({error.msg} in line {error.lineno}, column {error.colno}): {AGAIN}."


def _is_base64(text: str) -> bool:
    """Whether it is base64, and JSON is in it as far as one sees."""
    if not re.fullmatch(r"[A-Za-z0-9+/\s]+=*", text):
        return False
    begin = "".join(text[:1000].split())
    try:
        return base64.b64decode(begin[: len(begin) // 4 * 4]).lstrip().startswith(b"{")
    except binascii.Error:
        return False
