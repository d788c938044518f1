"""Whether a tool's page is hidden, and until when. Pure functions.

The words are those of `feeds.records.hiding`; here they are weighed with the
dates of the tool, which reads them in its own way.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from itertools import chain
from typing import Final, NamedTuple

from feeds.records.dates import AmbiguousDateError
from feeds.records.frontmatter import Mapping, Node, Scalar
from feeds.records.hiding import (
    EXPIRED,
    EXPIRES_IN_DOUBT,
    EXPIRY,
    HELD,
    HIDDEN_UNLESS_FALSE,
    NEVER,
    PUBLIC_IF_TRUE,
    RELEASE,
    REMOVED_UNLESS_FALSE,
    TRUE,
    WORDS,
    states,
    word_of,
)

_YES: Final = TRUE | {"y", "1"}
_NO: Final = frozenset({"false", "no", "off", "n", "0"})
_HIDE: Final = HIDDEN_UNLESS_FALSE | REMOVED_UNLESS_FALSE
_WORDS: Final = WORDS | RELEASE


class Visibility(NamedTuple):
    """Why a record is hidden, empty when it isn't, and when that changes by itself."""

    hidden: str = ""
    until: datetime | None = None


def visibility(
    front: Mapping,
    now: datetime,
    moment: Callable[[Scalar], datetime],
    *,
    release: datetime | None = None,
    future: bool = False,
    is_false: Callable[[Scalar], bool] | None = None,
) -> Visibility:
    """Whether the words of `front` hide it at `now`.

    `moment` reads a date in the zone of the tool; it raises ValueError or
    OverflowError. `release` is the date that the tool has for the record. With
    `future`, dates to come hold nothing back. `is_false` says what a word that
    hides has to be for the tool to show the record. A word that stands twice
    hides if either does.
    """
    is_false = is_false or _says_no
    expiry: datetime | None = None
    twice = ((name, node) for name, node, _ in front.repeated)
    for name, node in chain(front.items(), twice):
        word = word_of(name)
        if word not in _WORDS:
            continue
        if reason := _reason(word, node, moment, is_false):
            return Visibility(reason)
        if word in EXPIRY and (earliest := _moments(node, moment)):
            expiry = min(earliest[0], expiry or earliest[0])
        elif word in PUBLIC_IF_TRUE | RELEASE and (latest := _moments(node, moment)):
            release = max(latest[-1], release or latest[-1])
    if expiry and expiry <= now:
        return Visibility(EXPIRED)
    if release and release > now and not future:
        return Visibility(HELD, release)
    return Visibility("", expiry)


def _says_no(node: Scalar) -> bool:
    return node.text.strip().lower() in _NO


def _reason(
    word: str,
    node: Node,
    moment: Callable[[Scalar], datetime],
    is_false: Callable[[Scalar], bool],
) -> str:
    """Why a word hides for good; empty where it doesn't."""
    text = node.text.strip().lower() if isinstance(node, Scalar) else None
    if word in _HIDE:
        return "" if isinstance(node, Scalar) and is_false(node) else word
    if word in PUBLIC_IF_TRUE:
        if text in _YES or (text not in _NO and _moments(node, moment)):
            return ""
        return f"{word} is not true"
    if word == "status":
        return next((f"status is {state}" for state in states(node)), "")
    if word in EXPIRY and text not in NEVER and not _moments(node, moment):
        return EXPIRES_IN_DOUBT
    return ""


def _moments(node: Node, moment: Callable[[Scalar], datetime]) -> list[datetime]:
    """The moment that a value names, or both readings of it in their order."""
    if not isinstance(node, Scalar):
        return []
    try:
        return [moment(node)]
    except AmbiguousDateError as error:
        return sorted(
            moment(Scalar(reading.isoformat(), node.plain, node.line)) for reading in error.readings
        )
    except (ValueError, OverflowError):
        return []
