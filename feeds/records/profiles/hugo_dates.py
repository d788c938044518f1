"""Dates of a page as Hugo looks for them: field after field, or the name of the file.

https://gohugo.io/configuration/front-matter/. Pure functions.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime, tzinfo
from functools import lru_cache
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from feeds.records.dates import AmbiguousDateError, parse_date
from feeds.records.frontmatter import Mapping, Node, Scalar

KINDS: Final = ("date", "lastmod", "publishdate")
_DEFAULTS: Final = {
    "date": ("date", "publishdate", "lastmod"),
    "lastmod": (":git", "lastmod", "date", "publishdate"),
    "publishdate": ("publishdate", "date"),
}
_ALIASES: Final = {
    "lastmod": ("modified",),
    "publishdate": ("pubdate", "published"),
}
_FILE_NAME: Final = re.compile(r"(\d{4}-\d\d-\d\d)(.*)\Z", re.ASCII | re.DOTALL)
_OFFSET: Final = re.compile(
    r"(:\d\d(?:[.,]\d+)?(?: ?[ap]\.?m\.?)?) ?(?:[a-z]{1,3}|[-+]\d\d?(?::?\d\d)?)(?: \([^()]*\))?\Z",
    re.IGNORECASE | re.ASCII,
)
# `published` is a word that hides or shows as often as it is a date.
_NO_DATE: Final = frozenset({"", "null", "~", "true", "false", "yes", "no", "on", "off"})


class Reading(NamedTuple):
    """A date: its moment in UTC, the same on its own clock, and the latest that it may mean.

    `slug` is what is left of the file's name where the date came from there.
    """

    moment: datetime | None = None
    local: datetime | None = None
    latest: datetime | None = None
    slug: str = ""


def order(kind: str, configured: Iterable[str] = ()) -> tuple[str, ...]:
    """The fields, in lower case, that are looked at for one of KINDS; `:filename` is the name's."""
    names: list[str] = []
    for name in configured or (":default",):
        for field in _DEFAULTS[kind] if name.lower() == ":default" else (name.lower(),):
            names += (field, *_ALIASES.get(field, ()))
    return tuple(dict.fromkeys(names))


def read(
    names: tuple[str, ...], fields: Mapping, file: str, zone: str, notes: dict[str, str]
) -> Reading:
    """The first date there is. `fields` has keys in lower case, `file` is the name alone.

    One that can't be read, or two ways, is noted, and no other stands in for it.
    """
    for name in names:
        if name.startswith(":"):
            match = _FILE_NAME.match(file) if name == ":filename" else None
            if match is None:
                continue
            text, rest = match[1], match[2].strip(" -_")
        else:
            node = fields.get(name)
            if not isinstance(node, Scalar) or (text := node.text.strip()).lower() in _NO_DATE:
                continue
            rest = ""
        try:
            moment, local = moment_of(text, zone)
        except AmbiguousDateError as error:
            notes[name] = str(error)
            return Reading(latest=max(_midnight(day, zone) for day in error.readings))
        except (ValueError, OverflowError) as error:
            if name != ":filename":
                notes[name] = str(error)
                return Reading()
            continue
        if moment.year > 1:  # 0001-01-01 is how Hugo writes that there is none
            return Reading(moment, local, moment, rest)
    return Reading()


@lru_cache(maxsize=4096)
def moment_of(text: str, zone: str) -> tuple[datetime, datetime]:
    """A date in UTC, and on the clock of its own offset (naive).

    Raises ValueError and OverflowError, as `parse_date`.
    """
    text = " ".join(text.split())
    moment = parse_date(text, _zone(zone))
    return moment, parse_date(_OFFSET.sub(r"\1", text), UTC).replace(tzinfo=None)


def is_unreadable(node: Node | None, zone: str) -> bool:
    """Whether a field holds what is no date at all."""
    if node is None or (isinstance(node, Scalar) and node.text.strip().lower() in _NO_DATE):
        return False
    try:
        moment_of(node.text if isinstance(node, Scalar) else "", zone)
    except AmbiguousDateError:
        return False
    except (ValueError, OverflowError):
        return True
    return False


def _midnight(day: date, zone: str) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=_zone(zone)).astimezone(UTC)


def _zone(name: str) -> tzinfo:
    return UTC if name == "UTC" else ZoneInfo(name)
