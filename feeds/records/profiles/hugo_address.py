"""Addresses as Hugo 0.111 makes them: names, permalink patterns, output formats.

https://gohugo.io/content-management/urls/. Pure functions; an address here is
a path that begins with a slash, not yet percent-encoded.
"""

from __future__ import annotations

import posixpath
import re
import unicodedata
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from typing import Final, NamedTuple
from urllib.parse import quote, unquote

_SIGNS: Final = frozenset("./\\_#+~-@")
_CLEAN: Final = re.compile(r"[a-z0-9/._@~-]*\Z")  # as it is, and so are most
_HEX_PAIR: Final = re.compile(r"%[0-9A-Fa-f]{2}")
_VARIABLE: Final = re.compile(r":(\w+)(\[[^\]]*\])?")
_SLICE: Final = re.compile(r"\[(\d+|last)?(:)?(\d+|last)?\]\Z")
# What Go leaves as it is in a path, where nothing in it needs to be escaped.
_ESCAPED: Final = re.compile(r"(?:[-A-Za-z0-9_.~$&+,/:;=@!'()*\[\]]|%[0-9A-Fa-f]{2})*\Z")
_IN_QUERY: Final = "/-_.~$&+,:;=@!'()*[]%?"
_DATED: Final = frozenset(
    {"year", "month", "monthname", "day", "weekday", "weekdayname", "yearday"}
)
_FORMAT_FILES: Final = {
    "json": "index.json", "rss": "index.xml", "csv": "index.csv", "calendar": "index.ics",
}  # fmt: skip
_MONTHS: Final = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip
_DAYS: Final = (
    "Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday",
)  # fmt: skip


class PermalinkError(ValueError):
    """A pattern that gives no address; the message says why."""


class Names(NamedTuple):
    """What patterns may name: `local` is the date on its own clock, `sections` the folders."""

    title: str
    slug: str
    file: str
    sections: tuple[str, ...]
    section: str
    local: datetime | None


@lru_cache(maxsize=8192)
def sanitized(text: str, lower: bool = True, accents: bool = True) -> str:
    """A path as Hugo cleans it: letters, digits, marks and `._@~/-+#` stay, blanks are one `-`."""
    if _CLEAN.match(text):
        return text
    if not accents:
        parts = unicodedata.normalize("NFD", text)
        text = "".join(part for part in parts if unicodedata.category(part) != "Mn")
        text = unicodedata.normalize("NFC", text)
    kept: list[str] = []
    blank = hyphen = False
    for at, sign in enumerate(text):
        if _is_kept(sign) or (sign == "%" and _HEX_PAIR.match(text, at)):
            hyphen = sign == "-"
            if blank and not hyphen:
                kept.append("-")
            blank = False
            kept.append(_lower(sign) if lower else sign)
        elif kept and not hyphen and sign.isspace():
            blank = True
    return "".join(kept)


def _is_kept(sign: str) -> bool:
    if sign.isascii():
        return sign.isalnum() or sign in _SIGNS
    category = unicodedata.category(sign)
    return category[0] in "LM" or category == "Nd"


def _lower(sign: str) -> str:
    """One letter for one, whatever stands beside it, as Go does."""
    return "i" if sign == "\u0130" else sign.lower()


def expand(pattern: str, names: Names, clean: Callable[[str], str]) -> str:
    """The path that a permalink pattern gives. Raises PermalinkError.

    `clean` is `sanitized` with the site's settings.
    """

    def value(match: re.Match[str]) -> str:
        name, part = match[1], match[2] or ""
        if name == "sections":
            return "/".join(_cut(names.sections, part))
        if name in _DATED:
            if names.local is None:
                raise PermalinkError(f"has :{name}, and the record no date; give it a date")
            return _dated(name, names.local)
        if name == "section":
            return names.section
        texts = {
            "title": names.title,
            "slug": names.slug or names.title,
            "filename": names.file,
            "contentbasename": names.file,
            "slugorfilename": names.slug or names.file,
            "slugorcontentbasename": names.slug or names.file,
        }
        if name not in texts:
            raise PermalinkError(f"has :{name[:40]}, which is no variable that is known")
        path, sign, fragment = clean(texts[name]).partition("#")
        return path + (sign if fragment else "") + fragment

    # Hugo reads the path as a query: a plus sign is a blank in it.
    return unquote(_VARIABLE.sub(value, pattern).replace("+", " "))


def _cut(sections: tuple[str, ...], part: str) -> tuple[str, ...]:
    """The sections that `[1]`, `[last]` or `[1:last]` names."""
    if not part:
        return sections
    match = _SLICE.match(part)
    if match is None:
        raise PermalinkError(f"has :sections{part[:40]}; [1], [last] and [1:last] are known")
    last = len(sections) - 1
    first, end = (last if mark == "last" else mark and int(mark) for mark in match.group(1, 3))
    if not match[2]:
        return sections[int(first or 0) : int(first or 0) + 1]
    return sections[int(first or 0) : len(sections) if end is None else int(end)]


def _dated(name: str, local: datetime) -> str:
    match name:
        case "year":
            return str(local.year)
        case "month":
            return f"{local.month:02}"
        case "monthname":
            return _MONTHS[local.month - 1]
        case "day":
            return f"{local.day:02}"
        case "weekday":
            return str(local.isoweekday() % 7)
        case "weekdayname":
            return _DAYS[local.isoweekday() % 7]
    return str(local.timetuple().tm_yday)


def page_path(path: str, output: str, ugly: bool, clean: Callable[[str], str]) -> str:
    """The address of a page without a `url` of its own; `output` is its first format."""
    path = _joined("amp" if output == "amp" else "", path)
    file = _FORMAT_FILES.get(output, "")
    if ugly:
        extension = file.rpartition(".")[2] or "html"
        return clean(f"{path.rstrip('/')}.{extension}")
    return clean(posixpath.join(path, file) if file else path.rstrip("/") + "/")


def own_path(url: str, output: str) -> str:
    """The address of a page with a `url` of its own, which is taken as written."""
    path = _joined(url)
    file = _FORMAT_FILES.get(output, "")
    if "." in url and not url.endswith("/"):
        return path
    return posixpath.join(path, file) if file else path.rstrip("/") + "/"


def _joined(*parts: str) -> str:
    """A clean path from the root: neither `..` nor empty parts lead out of it."""
    return "/" + posixpath.normpath("/" + "/".join(parts)).lstrip("/")


def encoded(path: str) -> str:
    """A path percent-encoded as an address has it, `?` and `#` too."""
    if _ESCAPED.match(path):
        return path
    return quote(unquote(path), safe="/-_.~$&+,:;=@")


def as_linked(path: str) -> str:
    """A path as Hugo writes it in links and in its feed, where `?` and the first `#` stay."""
    path, sign, fragment = path.partition("#")
    path, mark, query = path.partition("?")
    written = encoded(path) + mark + quote(query, safe=_IN_QUERY)
    return written + sign + quote(fragment, safe=_IN_QUERY)
