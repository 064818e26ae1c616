"""Markdown of students, kept as it is where the page that comes of it is harmless, and made so where it is not.

Whether it is harmless is asked of the page itself, as nbconvert would write it: each tag, each attribute and each address
on it must be among those that are allowed. So no way of writing a link past a filter matters.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import unescape

from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

TAGS = (
    "a b blockquote br code dd del div dl dt em h1 h2 h3 h4 h5 h6 hr i img input kbd li ol p pre s section span strong sub "
    "sup table tbody td th thead tr u ul"
).split()
TAG = re.compile(rf"</?(?:{'|'.join(TAGS)})((?:\s+[^<>]*)?)/?>")
ATTRIBUTES = re.compile(
    r'\s+(?:(?P<name>href|src)="(?P<address>[^"<>]*)"|(?:alt|title|id)="[^"<>]*"|(?:class|start|type)="[\w -]*"'
    r'|disabled|checked|style="text-align:\s*(?:left|right|center);?")|\s*/?'
)
SCHEMES = ("http", "https", "mailto", "attachment")
PICTURE = re.compile(r"data:image/(?:png|jpeg|gif);base64,[A-Za-z0-9+/=]*")
LONGEST_FENCE = re.compile(r"`+")


def harmless(source: str, attachments: Mapping = {}) -> str:
    """`source`, where its page is harmless; else with its tags and addresses taken apart; else as plain text."""
    for attempt in (lambda text: text, _apart, as_text):
        text = attempt(source)
        if is_harmless(text, attachments):
            return text
    return re.sub(r"[^\w\s.,;?()'+-]", " ", source)


def as_text(source: str) -> str:
    """Markdown that shows the source itself, letter by letter."""
    fence = "`" * max(3, 1 + max((len(run) for run in LONGEST_FENCE.findall(source)), default=0))
    return f"{fence}text\n{source}\n{fence}"


def is_harmless(source: str, attachments: Mapping = {}) -> bool:
    names = {name: {"image/png": ""} for name in attachments}
    renderer = _Renderer(escape=False, allow_harmful_protocols=True, attachments=names)
    page = MarkdownWithMath(renderer=renderer).render(source)
    position = 0
    while (position := page.find("<", position)) >= 0:
        tag = TAG.match(page, position)
        if not tag or not _attributes_are_harmless(tag[1]):
            return False
        position = tag.end()
    return True


class _Renderer(IPythonRenderer):
    def _embed_image_or_attachment(self, src: str) -> str:
        return src  # a lost picture does no harm


def _attributes_are_harmless(text: str) -> bool:
    position = 0
    while position < len(text):
        found = ATTRIBUTES.match(text, position)
        if not found or found.end() == position:
            return False
        if found["name"] and not is_address(found["address"]):
            return False
        position = found.end()
    return True


def is_address(written: str) -> bool:
    """Whether an address, as an attribute has it, is a page, a picture, or a place nearby."""
    address = re.sub(r"[\x00-\x20\x7f]", "", unescape(written))
    scheme = re.match(r"([^/?#]*?):", address)
    return not scheme or scheme[1].lower() in SCHEMES or bool(PICTURE.fullmatch(address))


def _apart(source: str) -> str:
    """No tag and no address is left where a space stands after `<` and before `:`."""
    text = re.sub(r"<(?=[A-Za-z/!?])", "< ", source)
    text = re.sub(r"&(?=#|colon;|Tab;|NewLine;)", "& ", text)
    return re.sub(r"(?i)\b(?!https?:|mailto:|attachment:)([a-z][a-z0-9+.-]*)(\s*)(?=\\?:)", r"\1\2 ", text)
