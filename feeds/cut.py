"""Front matter without the blocks that are long and seldom needed.

`related` and `secured` are over nine tenths of a collection's bytes, and
parsing them would be nearly all of a load's time. They are cut out of the text
before it is parsed, where that is exact; where there is any doubt the text is
left whole.

A line at column 0 surely begins a top-level key when every line before it is
over at its end. libyaml lets quoted scalars and flow collections go on at
column 0, so only lines of the plainest forms are trusted: a key, an item, a
plain scalar, a quoted one that closes in its line. Comments, anchors, tags,
block scalars, flow collections, tabs and document markers are not among them.

All of this works on bytes, which are searched several times as fast as text.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, NamedTuple

_KEY: Final = rb"[A-Za-z]++:"
_QUOTED: Final = rb'"[^"\\\n]*+(?:\\[^\n][^"\\\n]*+)*+"'
_FIRST: Final = rb"[A-Za-z0-9/\xc3-\xf4]"
_VALUE: Final = rb"(?:" + _QUOTED + rb"|" + _FIRST + rb"[^\n]*+)"
# Of an item that is no key, to the end; "x: " would make it one.
_BARE: Final = rb"(?:" + _QUOTED + rb"|" + _FIRST + rb"(?:[^\n:]|:(?=[^ \n]))*+)"
_LINES: Final = re.compile(
    rb"(?: *+(?:- )?+(?:" + _KEY + rb"(?: " + _VALUE + rb"|)|" + _BARE + rb")\n|\n)*+"
)
_TEXT: Final = bytes([0x0A, *range(0x20, 0x7F), *range(0x80, 0x100)])
# What YAML forbids, in UTF-8, and byte order marks.
_ODD: Final = re.compile(rb"\xc2[\x80-\x84\x86-\x9f]|\xef(?:\xbb\xbf|\xbf[\xbe\xbf])")
_ODD_BEGINNINGS: Final = (b"\xc2", b"\xef")
_SECURED: Final = re.compile(rb'secured: (?:"[^"\\\n]*+"|[A-Za-z0-9/][A-Za-z0-9/+=]*+)\n++\Z')
_BLOCK_END: Final = re.compile(rb"\n(?!\n| |- )")

# `related` in the shape that the collections' own program writes. Of its items,
# rank and end are known without parsing them: a value that is over at the end
# of its line is taken away, and what remains has to be one of few skeletons.
_SAFE_VALUE: Final = re.compile(
    rb':(?: "[^"\\\n]*+(?:\\["\\/nt][^"\\\n]*+)*+"'
    rb"| [A-Za-z0-9/](?:[^\n:#\"']|:(?=[^ \n]))*+)(?=\n|\Z)"
)
_SHAPE: Final = re.compile(
    rb"(?!quality:|publishedDateTime:)[A-Za-z]+:(?:\n    (?!provider:|images:)[A-Za-z]+:"
    rb"|\n    provider:(?:\n      name:)?+(?:\n      domain:)?+"
    rb"|\n    images:\n      - url:(?:\n        width:)?+(?:\n        height:)?+"
    rb"(?:\n        isCached:)?+)*+\n*+"
)
_ITEM_START: Final = b"\n  - "
_ITEM_KEY: Final = re.compile(rb"^(?:|    )([A-Za-z]+):", re.M)
_PICTURES: Final = re.compile(rb"\n    images:(?:\n      [^\n]*)+")
_QUALITY: Final = re.compile(rb"\n    quality: (\d{1,9})(?=\n|\Z)")
_DATE: Final = re.compile(
    rb"\n    publishedDateTime: ((?:19[7-9]|2[01]\d)\d-"
    rb"(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\d|3[01])"
    rb"|(?:0[469]|11)-(?:0[1-9]|[12]\d|30)|02-(?:0[1-9]|1\d|2[0-8]))"
    rb"T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\dZ)(?=\n|\Z)"
)


_HIDING: Final = b"\npublished: false\n"
_DECIDING: Final = re.compile(
    rb"\n(?:published|removed|deleted|id|webUrl|originalUrl|ampWebUrl|cdnAmpWebUrl)[ :]|\n[\"'?]"
)


class Cut(NamedTuple):
    """Front matter without the blocks, and `related` with the line it begins at."""

    rest: bytes
    related: bytes
    related_line: int


def cut(front: bytes, first_line: int = 2) -> Cut | None:
    """`front`, which begins at `first_line` of its file, without `related` and `secured`.

    Lines keep their numbers: what was cut is blank lines now. None where the
    blocks can't be told exactly, or there are none.
    """
    front = b"\n" + front
    related, secured = _block(front, b"\nrelated:\n"), _block(front, b"\nsecured: ")
    if (related is None and secured is None) or _in_doubt(front):
        return None
    if secured is not None and not _SECURED.match(front, *secured):
        return None  # nothing else would notice what is wrong in it
    rest, at = [], 1
    for start, end in sorted(span for span in (related, secured) if span):
        rest += [front[at:start], b"\n" * front.count(b"\n", start, end)]
        at = end
    rest.append(front[at:])
    if related is None:
        return Cut(b"".join(rest), b"", 0)
    line = first_line + front.count(b"\n", 1, related[0])
    return Cut(b"".join(rest), front[related[0] : related[1]], line)


def up_to_hiding(front: bytes) -> bytes | None:
    """The lines of `front` up to the one that says `published: false`.

    They are enough to know a hidden record by: None where that line isn't
    surely a key, or where something that matters may come after it.
    """
    front = b"\n" + front
    start = front.find(_HIDING)
    if start < 0:
        return None
    end = start + len(_HIDING)
    if _in_doubt(front[:end]) or _DECIDING.search(front, end - 1):
        return None
    return front[1:end]


def _block(front: bytes, key: bytes) -> tuple[int, int] | None:
    """Where the block of a top-level key begins and ends; None when there isn't just one."""
    start = front.find(key)
    if start < 0 or front.find(key.rstrip(), start + 1) >= 0:
        return None
    end = _BLOCK_END.search(front, start + len(key) - 1)
    return start + 1, end.end() if end else len(front)


def _in_doubt(front: bytes) -> bool:
    """Whether there is a line that may go on after its end, or a character YAML forbids."""
    lines = _LINES.match(front)
    if lines is None or lines.end() != len(front) or front.translate(None, _TEXT):
        return True
    return any(mark in front for mark in _ODD_BEGINNINGS) and _ODD.search(front) is not None


def best(related: bytes, wanted: int) -> bytes | None:
    """The items of a `related` block that rank highest by quality, then date, in their order.

    At least `wanted` of them, and all that rank as high as the last; without
    their pictures. The others are left as blank lines. `related` is one that
    `cut` found. None when it has another shape than the collections' program
    gives it.
    """
    head, *items = related.split(_ITEM_START)
    _, *skeletons = _SAFE_VALUE.sub(b":", related).split(_ITEM_START)
    if not items or not all(map(_is_plain, set(skeletons))):
        return None
    ranks = _ranks(items, skeletons)
    if ranks is None:
        return None
    least = sorted(ranks, reverse=True)[:wanted][-1]
    kept = [
        _ITEM_START + _PICTURES.sub(_blank, item)
        if rank >= least
        else b"\n" * (item.count(b"\n") + 1)
        for item, rank in zip(items, ranks, strict=True)
    ]
    return head + b"".join(kept)


def _ranks(items: list[bytes], skeletons: list[bytes]) -> list[tuple[int, bytes]] | None:
    """Quality and date of each item; None where one has them in another form."""
    text = b"\n".join(items)
    qualities, dates = _QUALITY.findall(text), _DATE.findall(text)
    rated = [b"\n    quality:" in skeleton for skeleton in skeletons]
    dated = [b"\n    publishedDateTime:" in skeleton for skeleton in skeletons]
    if len(qualities) != sum(rated) or len(dates) != sum(dated):
        return None
    numbers, times = iter(qualities), iter(dates)
    return [
        (int(next(numbers)) if has_quality else 0, next(times) if has_date else b"")
        for has_quality, has_date in zip(rated, dated, strict=True)
    ]


@lru_cache(maxsize=1024)
def _is_plain(skeleton: bytes) -> bool:
    """Whether an item without its values is of the one shape, with each key once."""
    keys = _ITEM_KEY.findall(skeleton)
    return _SHAPE.fullmatch(skeleton) is not None and len(set(keys)) == len(keys)


def _blank(block: re.Match[bytes]) -> bytes:
    return b"\n" * block[0].count(b"\n")
