"""Front matter that stands where it isn't read: above no body, or in one. Pure functions."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from feeds.records.hiding import WORDS, hidden_by_line

# A fence in the wrong place or of other signs, above what looks like a field; or such fields alone.
_NEAR_FRONT: Final = re.compile(
    r"(?P<before>[\s\ufeff\u200b-\u200d\u2060]*+(?:<!--\s*+)?)"
    r"(?P<fence>(?:-{2,}|\+{2,}|[\u2013\u2014]+)[^\n]{0,40}\n\s*+(?=[\w\"']+[ \t]*[:=]))?"
    r"(?P<block>(?:[^\n]*\S[^\n]*(?:\n|\Z)){0,100})"
)
_FENCE: Final = re.compile(r"(?:---|\+\+\+|\.\.\.)[ \t]*\Z")
_LONGEST_REST: Final = 20  # lines
_KEY: Final = r"[\"']?({})[\"']?[ \t]*[:=](?:\s|\Z)"
_FIELD: Final = re.compile(r"\s|\Z|-[ \t]|[#\]}]|" + _KEY.format(r"[\w.-]+"))
_WORD: Final = re.compile(_KEY.format("|".join({*WORDS, "secured"})), re.IGNORECASE)


class NearFront(NamedTuple):
    """Where front matter stands that isn't read, counted from 1, and why it isn't."""

    line: int
    reason: str


def above(text: str) -> NearFront | None:
    """What a text without front matter begins with, where that was meant as such."""
    match = _NEAR_FRONT.match(text)
    if not match or not (match["fence"] or hidden_by_line(match["block"].encode())):
        return None
    fence = (match["fence"] or "").partition("\n")[0].strip()
    if not fence:
        reason = "its fields stand below no line that says ---"
    elif fence == "---":
        reason = f"{'a comment' if '<' in match['before'] else 'a blank'} stands before its ---"
    elif fence.startswith("+"):
        reason = "it begins with +++, which is read in folders of other tools alone"
    else:
        reason = f"it begins with {fence[:40]} instead of ---"
    return NearFront(text.count("\n", 0, match.start("block")) + 1, reason)


def within(body: str) -> NearFront | None:
    """The fields at the beginning of a body that a stray fence made part of it.

    They end with another line `---`, `...` or `+++`, and one of them hides records, or is
    `secured`, which no other fields need follow. Ahead of them may be the rest of a text
    that the stray fence cut; then the word has to hide this record.
    """
    stray, is_cut = None, False
    for number, line in enumerate(body.split("\n"), 1):
        if _FENCE.match(line):
            if stray:
                return stray
            is_cut = False
        elif stray is None and (word := _WORD.match(line)):
            is_secret = word[1].lower() == "secured"
            if is_cut and not (is_secret or hidden_by_line(line.encode())):
                return None
            stray = NearFront(number, f"{word[1]} stands below a line that ends the front matter")
            if is_secret:
                return stray
        elif not _FIELD.match(line):
            if stray or number > _LONGEST_REST:
                return None
            is_cut = True
        elif is_cut and not line.strip():
            return None
    return None
