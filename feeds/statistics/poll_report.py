"""Subscribers and polls of a period: hours and days of polls -> feeds, readers, courses.

Pure functions but `over_period`. `feeds.statistics.table` and `feeds.statistics.page` show them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from feeds.statistics.poll_store import (
    DAY,
    HOUR,
    Batch,
    Day,
    Key,
    PollBucket,
    Polls,
    PollStore,
    subscribers_at_least,
    total,
)

DAYS_SHOWN: Final = 90
HOURS_SHOWN: Final = 48
_OF_A_DAY: Final = 24
_UNITS: Final = ("B", "kB", "MB", "GB", "TB")
_THOUSAND: Final = 1000

Days = Mapping[tuple[int, str, str], Day]  # by day since 1970, feed, reader


class Row(NamedTuple):
    """A feed and its readers, or a reader alone. Subscribers are a lower bound."""

    name: str
    subscribers: int
    polls: Polls
    readers: tuple[Row, ...] = ()

    @property
    def unmodified(self) -> float:
        """The share of polls that 304 answered, from 0 to 1."""
        return self.polls.unmodified / self.polls.polls if self.polls.polls else 0.0

    @property
    def deltas(self) -> float:
        """The share of polls that 226 answered, from 0 to 1."""
        return self.polls.deltas / self.polls.polls if self.polls.polls else 0.0


class Readership(NamedTuple):
    """Who polled what in a period: the feeds, and the readers over all feeds."""

    feeds: list[Row]
    readers: list[Row]

    @property
    def all(self) -> Row:
        """All feeds together; who subscribes to two of them counts twice."""
        return _over("", self.feeds)._replace(readers=())


def last_24_hours(hours: Batch, now: float) -> Readership:
    """The last 24 hours, of which the present one isn't over; `now` in seconds since 1970."""
    since = int(now) // HOUR - _OF_A_DAY + 1
    grouped: defaultdict[tuple[str, str], dict[Key, PollBucket]] = defaultdict(dict)
    for key, bucket in hours.items():
        if key.hour >= since:
            grouped[key.feed, key.reader][key] = bucket
    return _readership({
        pair: Day(total(one.polls for one in buckets.values()), subscribers_at_least(buckets))
        for pair, buckets in grouped.items()
    })  # fmt: skip


def over_days(days: Days) -> Readership:
    """Some days: the most subscribers that a reader had on one of them."""
    grouped: dict[tuple[str, str], Day] = {}
    for (_, feed, reader), day in days.items():
        before = grouped.get((feed, reader))
        grouped[feed, reader] = day if before is None else before.plus(day)
    return _readership(grouped)


def _readership(pairs: Mapping[tuple[str, str], Day]) -> Readership:
    by_feed: defaultdict[str, list[Row]] = defaultdict(list)
    by_reader: defaultdict[str, list[Row]] = defaultdict(list)
    for (feed, reader), day in pairs.items():
        by_feed[feed].append(Row(reader, day.subscribers, day.polls))
        by_reader[reader].append(Row(feed, day.subscribers, day.polls))
    feeds = [_over(feed, sorted(rows, key=_rank)) for feed, rows in by_feed.items()]
    readers = [_over(reader, rows)._replace(readers=()) for reader, rows in by_reader.items()]
    return Readership(sorted(feeds, key=_rank), sorted(readers, key=_rank))


def _over(name: str, rows: Sequence[Row]) -> Row:
    """Rows as one, of which they are parts."""
    subscribers = sum(row.subscribers for row in rows)
    return Row(name, subscribers, total(row.polls for row in rows), tuple(rows))


def _rank(row: Row) -> tuple[int, int, str]:
    return -row.subscribers, -row.polls.polls, row.name


def by_hour(hours: Batch, now: float) -> list[tuple[datetime, Polls]]:
    """All polls of each of the last 48 hours, in order, those without any too."""
    last = int(now) // HOUR
    sums: defaultdict[int, Polls] = defaultdict(Polls)
    for key, bucket in hours.items():
        sums[key.hour] = sums[key.hour].plus(bucket.polls)
    shown = range(last - HOURS_SHOWN + 1, last + 1)
    return [(datetime.fromtimestamp(hour * HOUR, UTC), sums[hour]) for hour in shown]


def by_day(days: Days, now: float) -> list[tuple[datetime, Day]]:
    """All polls and subscribers of each day, in order, from the first there is; no more than 90.

    Today, which isn't over, is among them.
    """
    today = int(now) // DAY
    sums: defaultdict[int, Day] = defaultdict(lambda: Day(Polls(), 0))
    for (day, _, _), one in days.items():
        before = sums[day]
        sums[day] = Day(before.polls.plus(one.polls), before.subscribers + one.subscribers)
    first = max(min(sums, default=today), today - DAYS_SHOWN + 1)
    return [(datetime.fromtimestamp(day * DAY, UTC), sums[day]) for day in range(first, today + 1)]


def unit_of(most: int) -> tuple[int, str]:
    """The unit for numbers of bytes up to `most`, in bytes, and its name."""
    power = 0
    while power + 1 < len(_UNITS) and most >= _THOUSAND ** (power + 1):
        power += 1
    return _THOUSAND**power, _UNITS[power]


def size(number: int) -> str:
    """A number of bytes for people."""
    unit, name = unit_of(number)
    return f"{number / unit:.3g} {name}" if unit > 1 else f"{number} B"


def share(part: float) -> str:
    """A share from 0 to 1 as percent, never rounded to all or nothing."""
    percent = part * 100
    if 0 < percent < 1:
        return "<1%"
    return ">99%" if 99 < percent < 100 else f"{percent:.0f}%"  # noqa: PLR2004


def over_period(
    poll_store: PollStore, number: int, now: float
) -> tuple[Readership, datetime, datetime]:
    """Who polled in the last 24 hours, or in that many days with today; since when, until when.

    `number` is 1 for the former. Raises SQLAlchemyError, ImportError or OSError.
    """
    until = datetime.fromtimestamp(int(now), UTC)
    if number == 1:
        since = datetime.fromtimestamp((int(now) // HOUR - _OF_A_DAY + 1) * HOUR, UTC)
        return last_24_hours(poll_store.hours(int(since.timestamp()) // HOUR), now), since, until
    first = until.replace(hour=0, minute=0, second=0) - timedelta(days=number - 1)
    return over_days(poll_store.days(int(first.timestamp()) // DAY)), first, until
