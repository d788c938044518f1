"""The first heading of a Markdown body, which stands in for a title. Pure functions."""

from __future__ import annotations

import re
from typing import Final

from feeds import sanitize

_ATX: Final = re.compile(r" {0,3}#{1,2}[ \t]+(.*?)[ \t#]*\Z")
_UNDERLINE: Final = re.compile(r" {0,3}=+[ \t]*\Z")
_FENCE: Final = re.compile(r" {0,3}(```+|~~~+)")
_ANCHOR: Final = re.compile(r"[ \t]*\{#[\w-]*\}\Z")


def heading_text(source: str) -> str:
    """The text of a heading, by its Markdown."""
    return sanitize.text_of(sanitize.body(f"# {source}", "", markdown=True))


def first_heading(body: str) -> str:
    """The source of the first heading of level 1 or 2 outside of code; empty without one."""
    fence = before = ""
    for line in body.split("\n"):
        mark = _FENCE.match(line)
        if fence:
            if mark and mark[1].startswith(fence):
                fence = ""
        elif mark:
            fence = mark[1]
        elif heading := _ATX.match(line):
            if text := _ANCHOR.sub("", heading[1]):
                return text
        elif _UNDERLINE.match(line) and before.strip():
            return _ANCHOR.sub("", before.strip())
        before = "" if fence or mark else line
    return ""
