"""Dates as people write them. Pure functions.

One rule, whether a value was quoted or not: ISO 8601 and RFC 3339 with one or
two digits, blanks or a lower-case t and z, offsets with and without colon;
RFC 5322 (mail); a day beside the name of its month; day, month and year parted
by slashes, dots or hyphens where only one order is possible; and seconds since
1970. A time without an offset is one of the zone that is passed in.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from typing import Final

# Offsets that RFC 5322 4.3 still names, in hours.
_NAMED_ZONES: Final = {
    "z": 0, "ut": 0, "utc": 0, "gmt": 0, "est": -5, "edt": -4, "cst": -6, "cdt": -5,
    "mst": -7, "mdt": -6, "pst": -8, "pdt": -7,
}  # fmt: skip
_MONTHS: Final = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september",
    "october", "november", "december",
)  # fmt: skip
_MONTH: Final = r"(?P<month>[a-z]{3,9})\.?"
_DAY: Final = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?"
_DATES: Final = tuple(
    re.compile(pattern + r"(?![0-9])", re.IGNORECASE | re.ASCII)
    for pattern in (
        r"(?P<year>\d{4})(?P<sign>[-/.])(?P<month>\d{1,2})(?P=sign)(?P<day>\d{1,2})",
        r"(?P<year>\d{4})(?P<month>\d\d)(?P<day>\d\d)",
        r"(?P<one>\d{1,2})(?P<sign>[-/.])(?P<two>\d{1,2})(?P=sign)(?P<year>\d{4})",
        rf"(?:[a-z]{{3,9}},? +)?{_DAY}[ -]{_MONTH},?[ -](?P<year>\d{{4}}|\d\d(?= ))",
        rf"(?:[a-z]{{3,9}},? +)?{_MONTH} {_DAY},? (?P<year>\d{{4}})",
    )
)
_YEAR_LAST: Final = _DATES[2]
_TIME: Final = re.compile(
    r"(?:[t ]| at )(?P<hour>\d{1,2}):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:[.,]\d+)?)?"
    r"(?: ?(?P<half>[ap])\.?m\.?)?"
    r"(?: ?(?P<zone>[a-z]{1,3}|(?P<sign>[-+])(?P<hours>\d\d?)(?::?(?P<minutes>\d\d))?))?"
    r"(?: \([^()]*\))?\Z",
    re.IGNORECASE | re.ASCII,
)
_EPOCH: Final = re.compile(r"\d{9,10}\Z", re.ASCII)  # seconds; 1973 to 2286
EARLIEST: Final = datetime(1970, 1, 1, tzinfo=UTC)
LATEST: Final = datetime(2200, 1, 1, tzinfo=UTC)  # a record's date is before it
_LONGEST: Final = 64
_NOON: Final = 12
_MINUTES: Final = 60
_CENTURY_TURNS: Final = 50
_LEAP: Final = 60  # the second that RFC 3339 5.7 lets a minute have


class AmbiguousDateError(ValueError):
    """Day and month can't be told apart; `readings` are the two dates, `moments` the times."""

    def __init__(self, one: date, other: date) -> None:
        super().__init__(
            f"is {one.isoformat()} or {other.isoformat()}; write the one that is meant"
        )
        self.readings = (one, other)
        self.moments: tuple[datetime, ...] = ()


def parse_date(text: str, zone: tzinfo = UTC) -> datetime:
    """The moment that `text` names, as an aware `datetime` in UTC, of whole seconds.

    `zone` is that of times without an offset. Raises AmbiguousDateError where
    day and month could be either, and ValueError for what is no date.
    """
    written = " ".join(text.split())
    if len(written) > _LONGEST:
        raise ValueError("is not a date")
    if _EPOCH.match(written):
        return datetime.fromtimestamp(int(written), UTC)
    for pattern in _DATES:
        if match := pattern.match(written):
            rest = written[match.end() :]
            try:
                return _at(_day(match), rest, zone)
            except AmbiguousDateError as error:
                error.moments = tuple(_at(day, rest, zone) for day in error.readings)
                raise
    raise ValueError("is not a date")


def has_year_last(text: str) -> bool:
    """Whether a text begins with day and month as numbers, in either order, and the year."""
    return _YEAR_LAST.match(text.strip()) is not None


def readings(text: str, zone: tzinfo = UTC) -> tuple[datetime, ...]:
    """The moment that `text` names, or the two that it may name. Raises ValueError."""
    try:
        return (parse_date(text, zone),)
    except AmbiguousDateError as error:
        return error.moments


def _day(match: re.Match[str]) -> date:
    """The day of a match. Raises ValueError."""
    parts = match.groupdict()
    year = int(parts["year"])
    if len(parts["year"]) == len("yy"):  # RFC 822 5, read as RFC 5322 4.3 has it
        year += 2000 if year < _CENTURY_TURNS else 1900
    if "one" in parts:
        one, two = int(parts["one"]), int(parts["two"])
        orders = [(one, two), (two, one)]
    else:
        named = parts["month"]
        orders = [(int(parts["day"]), int(named) if named.isdigit() else _month(named))]
    readings = []
    for day, month in orders:
        try:
            readings.append(date(year, month, day))
        except ValueError:
            continue
    if not readings:
        raise ValueError("is not a date")
    if len(set(readings)) > 1:
        raise AmbiguousDateError(*readings)
    return readings[0]


def _month(name: str) -> int:
    for number, month in enumerate(_MONTHS, 1):
        if name.lower() in (month, month[:3], month[:4]):
            return number
    raise ValueError("names no month")


def _at(day: date, rest: str, zone: tzinfo) -> datetime:
    """The moment of a day that `rest`, all that is written after it, names. Raises ValueError."""
    if not rest:
        return _utc(datetime(day.year, day.month, day.day, tzinfo=zone))
    match = _TIME.match(rest)
    if match is None:
        raise ValueError("has no time that can be read after its day")
    hour, minute, second = (int(match[name] or 0) for name in ("hour", "minute", "second"))
    if half := match["half"]:
        if not 1 <= hour <= _NOON:
            raise ValueError("has an hour that no clock of twelve hours shows")
        hour = hour % _NOON + (_NOON if half.lower() == "p" else 0)
    leap = second == _LEAP
    zone = _zone(match, zone)
    try:
        clock = time(hour, minute, second - leap)
    except ValueError:
        raise ValueError("has a time that no clock shows") from None
    return _utc(datetime.combine(day, clock, zone))


def _utc(moment: datetime) -> datetime:
    """A moment in UTC; one of the first or last hours that there are stays where it is."""
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        return moment.replace(tzinfo=UTC)


def _zone(match: re.Match[str], zone: tzinfo) -> tzinfo:
    """The zone of a time. Raises ValueError."""
    if not match["zone"]:
        return zone
    if match["sign"]:
        hours, minutes = int(match["hours"]), int(match["minutes"] or 0)
        if minutes >= _MINUTES:
            raise ValueError("has an offset of too many minutes")
        offset = timedelta(hours=hours, minutes=minutes)
        return timezone(-offset if match["sign"] == "-" else offset)
    hours_east = _NAMED_ZONES.get(match["zone"].lower())
    if hours_east is None:
        raise ValueError(f"names no time zone that is known: {match['zone']}")
    return timezone(timedelta(hours=hours_east))
