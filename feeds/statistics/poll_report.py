"""Subscribers and polls of a period: hours and days of polls -> feeds, readers, courses.

Pure functions but `over_period`. `feeds.statistics.table` and `feeds.statistics.page` show them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final, NamedTuple

from feeds.statistics.poll_store import PollStore
from feeds.statistics.polls import (
    DAY,
    HOUR,
    HOURS_OF_DAY,
    Days,
    Hours,
    Polls,
    by_day,
    over_time,
    total,
)

_PREFIXES: Final = ("", "k", "M", "G", "T")

Course = list[tuple[datetime, Polls]]


class Row(NamedTuple):
    """A feed and its readers, or a reader alone."""

    name: str
    polls: Polls
    readers: tuple[Row, ...] = ()


class Readership(NamedTuple):
    """Who polled what in a period: the feeds, and the readers over all feeds."""

    feeds: list[Row]
    readers: list[Row]

    @property
    def all(self) -> Polls:
        """All feeds together; who subscribes to two of them counts twice."""
        return total(row.polls for row in self.feeds)


def last_24_hours(hours: Hours, now: float) -> Readership:
    """The last 24 hours, of which the present one isn't over; `now` in seconds since 1970."""
    since = _first_hour(now)
    return over_days(by_day({key: one for key, one in hours.items() if key.hour >= since}, since))


def over_days(days: Days) -> Readership:
    """Some days: the most subscribers that a reader had on one of them."""
    pairs: defaultdict[tuple[str, str], list[Polls]] = defaultdict(list)
    for (_, feed, reader), one in days.items():
        pairs[feed, reader].append(one)
    by_feed: defaultdict[str, list[Row]] = defaultdict(list)
    by_reader: defaultdict[str, list[Polls]] = defaultdict(list)
    for (feed, reader), parts in pairs.items():
        polls = over_time(parts)
        by_feed[feed].append(Row(reader, polls))
        by_reader[reader].append(polls)
    return Readership(
        _ranked(
            Row(feed, total(row.polls for row in rows), tuple(_ranked(rows)))
            for feed, rows in by_feed.items()
        ),
        _ranked(Row(reader, total(of_feeds)) for reader, of_feeds in by_reader.items()),
    )


def _ranked(rows: Iterable[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: (-row.polls.subscribers, -row.polls.polls, row.name))


def _first_hour(now: float) -> int:
    return int(now) // HOUR - HOURS_OF_DAY + 1


def course(polls: Iterable[tuple[int, Polls]], shown: range, unit: int) -> Course:
    """All polls of each hour or day in `shown`, in order, those without any too.

    Both are counted since 1970, in units of so many seconds.
    """
    grouped: defaultdict[int, list[Polls]] = defaultdict(list)
    for at, one in polls:
        grouped[at].append(one)
    return [(_moment(at * unit), total(grouped[at])) for at in shown]


def unit_of(number: int) -> tuple[int, str]:
    """The unit for numbers up to a whole one, and its prefix: 1000 and k, ..."""
    power = min((len(str(number)) - 1) // 3, len(_PREFIXES) - 1)
    return 1000**power, _PREFIXES[power]


def size(number: int) -> str:
    """A number of bytes for people."""
    unit, prefix = unit_of(number)
    return f"{number / unit:.3g} {prefix}B"


def share(part: int, whole: int) -> str:
    """A part as percent, never rounded to all or nothing."""
    percent = 100 * part / whole if whole else 0
    if 0 < percent < 1:
        return "<1%"
    return ">99%" if 99 < percent < 100 else f"{percent:.0f}%"  # noqa: PLR2004


def cells(polls: Polls) -> tuple[str, ...]:
    """Subscribers, polls, the shares of 304 and 226, and bytes sent and saved, for people."""
    shares = (share(part, polls.polls) for part in (polls.unmodified, polls.deltas))
    sizes = size(polls.sent), size(polls.saved)
    return f"{polls.subscribers:,}", f"{polls.polls:,}", *shares, *sizes


def over_period(
    poll_store: PollStore, number: int, now: float
) -> tuple[Readership, datetime, datetime]:
    """Who polled in the last 24 hours, or in that many days with today; since when, until when.

    `number` is 1 for the former. Raises SQLAlchemyError, ImportError or OSError.
    """
    if number == 1:
        unit, first = HOUR, _first_hour(now)
        readership = last_24_hours(poll_store.hours(first), now)
    else:
        unit, first = DAY, int(now) // DAY - number + 1
        readership = over_days(poll_store.days(first))
    return readership, _moment(first * unit), _moment(now)


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(int(seconds), UTC)
