"""Texts for messages and the log: in one line, without passwords. Pure functions."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Final

# A character without which there is none, what to look for, and what is written instead.
# All are bounded: strangers write what is looked through.
_PASSWORDS: Final = (
    ("@", re.compile(r"(://[^\s/:@]{0,200}:)(?:[^\s/@]{1,500}@)+"), r"\1***@"),
    ("=", re.compile(r"((?:password|passwd|secret)=)(?:'[^']*'|[^\s&]*[^\s&'\"])", re.I), r"\1***"),
)
_WHOLE: Final = re.compile(r"(://[^\s/:@]*:).*@", re.S)


def without_passwords(text: str, *, one_url: bool = False) -> str:
    """A text with *** for the passwords of the URLs and settings in it.

    In `one_url`, which may be a wrong one, a password may also hold spaces
    and slashes that should have been encoded.
    """
    if one_url:
        text = _WHOLE.sub(r"\1***@", text)
    for needed, pattern, instead in _PASSWORDS:
        if needed in text:
            text = pattern.sub(instead, text)
    return text


def printable(text: str) -> str:
    """A text in one line: what doesn't print, or turns text around, is written as an escape."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def counted(number: int, one: str, more: str = "") -> str:
    """A number and its noun: `1 entry`, `2,000 entries`; without `more` the plural ends in s."""
    return f"{number:,} {one if number == 1 else more or one + 's'}"


def did_you_mean(name: str, known: Collection[str]) -> str:
    """The known name that is nearest to a wrong one, as a question; all of them, if none is."""
    near = nearest(name, known)
    return f"did you mean {near}?" if near else f"there are {', '.join(known)}"


def nearest(name: str, known: Collection[str], cutoff: float = 0.6) -> str:
    """The known name that a wrong one is most like, by at least `cutoff`; empty for none."""
    from difflib import get_close_matches  # for errors alone

    return next(iter(get_close_matches(name.lower(), known, 1, cutoff)), "")


def first_line(text: object) -> str:
    """The first line of a message of a library."""
    return str(text).strip().partition("\n")[0]


def causes(error: BaseException) -> Iterator[BaseException]:
    """An error and those it came from, the last one first; a driver's instead of SQLAlchemy's."""
    cause: BaseException | None = error
    while cause is not None:
        yield getattr(cause, "orig", None) or cause
        cause = cause.__cause__ or cause.__context__


def root_cause(error: BaseException) -> str:
    """The message of the error that began a chain, in one line; of the system's, without a path."""
    lines = [first_line(getattr(one, "strerror", None) or one) for one in causes(error)]
    return next((text for text in reversed(lines) if text), type(error).__name__)
