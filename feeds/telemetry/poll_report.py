"""What the hours and days of polls say together, for people and programs. Pure functions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from feeds.telemetry.poll_store import DAY, HOUR, Batch, Day, Key, Polls, PollStore, at_least

DAYS_SHOWN: Final = 90
HOURS_SHOWN: Final = 48
_OF_A_DAY: Final = 24
_UNITS: Final = ("B", "kB", "MB", "GB", "TB")
_THOUSAND: Final = 1000
_SHOWN: Final = 6  # readers of a feed in a line of a table

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
        polls = _sum(row.polls for row in self.feeds)
        return Row("", sum(row.subscribers for row in self.feeds), polls)


def lately(hours: Batch, now: float) -> Readership:
    """The last 24 hours, of which the present one isn't over."""
    since = int(now) // HOUR - _OF_A_DAY + 1
    grouped: defaultdict[tuple[str, str], dict[Key, Any]] = defaultdict(dict)
    for key, seen in hours.items():
        if key.hour >= since:
            grouped[key.feed, key.reader][key] = seen
    return _readership({
        pair: Day(_sum(one.polls for one in of.values()), at_least(of))
        for pair, of in grouped.items()
    })  # fmt: skip


def of_days(days: Days) -> Readership:
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
    feeds = [_over(feed, rows, with_parts=True) for feed, rows in by_feed.items()]
    readers = [_over(reader, rows, with_parts=False) for reader, rows in by_reader.items()]
    return Readership(sorted(feeds, key=_rank), sorted(readers, key=_rank))


def _over(name: str, rows: list[Row], *, with_parts: bool) -> Row:
    parts = tuple(sorted(rows, key=_rank)) if with_parts else ()
    subscribers = sum(row.subscribers for row in rows)
    return Row(name, subscribers, _sum(row.polls for row in rows), parts)


def _rank(row: Row) -> tuple[int, int, str]:
    return -row.subscribers, -row.polls.polls, row.name


def _sum(polls: Any) -> Polls:
    return Polls(*map(sum, zip(Polls(), *polls, strict=True)))


def by_hour(hours: Batch, now: float) -> list[tuple[datetime, Polls]]:
    """All polls of each of the last hours, in order, those without any too."""
    last = int(now) // HOUR
    sums: defaultdict[int, Polls] = defaultdict(Polls)
    for key, seen in hours.items():
        sums[key.hour] = sums[key.hour].plus(seen.polls)
    shown = range(last - HOURS_SHOWN + 1, last + 1)
    return [(datetime.fromtimestamp(hour * HOUR, UTC), sums[hour]) for hour in shown]


def by_day(
    days: Days, now: float, belongs: Callable[[str], bool] = lambda _: True
) -> list[tuple[datetime, Day]]:
    """All polls and subscribers of each day, in order, from the first there is; no more than 90.

    `belongs` chooses feeds. Today, which isn't over, is among them.
    """
    today = int(now) // DAY
    sums: dict[int, Day] = {}
    for (day, feed, _), one in days.items():
        if belongs(feed):
            before = sums.get(day, Day(Polls(), 0))
            subscribers = before.subscribers + one.subscribers
            sums[day] = Day(before.polls.plus(one.polls), subscribers)
    first = max(min(sums, default=today), today - DAYS_SHOWN + 1)
    nothing = Day(Polls(), 0)
    return [
        (datetime.fromtimestamp(day * DAY, UTC), sums.get(day, nothing))
        for day in range(first, today + 1)
    ]


def told(found: Readership, since: datetime, until: datetime) -> dict[str, Any]:
    """The same for programs."""
    return {
        "since": _iso(since),
        "until": _iso(until),
        **_row(found.all),
        "feeds": [
            {"path": row.name} | _row(row) | {"readers": [_named(part) for part in row.readers]}
            for row in found.feeds
        ],
        "readers": [_named(row) for row in found.readers],
    }


def lines(found: Readership) -> list[tuple[str, ...]]:
    """The feeds as rows of text, in the columns of the table."""
    return [(row.name, *map(str, _row(row).values()), _readers(row)) for row in found.feeds]


def table(found: Readership, since: datetime, until: datetime) -> Table:
    """The feeds for a terminal."""
    made = Table(
        title=f"{since:%Y-%m-%d %H:%M} to {until:%Y-%m-%d %H:%M} UTC", title_justify="left",
        box=SIMPLE_HEAD, pad_edge=False,
    )  # fmt: skip
    made.add_column("Feed", overflow="fold", footer="All")
    for name in ("At least", "Polls", "304", "Delta", "Sent", "Saved"):
        made.add_column(name, justify="right", no_wrap=True)
    made.add_column("Subscribers by reader", overflow="fold")
    for row in found.feeds:
        made.add_row(*_cells(row), _readers(row, _SHOWN))
    made.add_section()
    made.add_row(*_cells(found.all._replace(name="All")), "", style="bold")
    return made


def _cells(row: Row) -> list[Text]:
    polls = row.polls
    shares = share(row.unmodified), share(row.deltas)
    numbers = f"{row.subscribers:,}", f"{polls.polls:,}"
    cells = (row.name, *numbers, *shares, size(polls.sent), size(polls.saved))
    return [Text(cell) for cell in cells]


def _readers(row: Row, most: int = 1000) -> str:
    """The readers with subscribers, and how many each has."""
    named = [part for part in row.readers if part.subscribers]
    said = ", ".join(f"{part.name} {part.subscribers:,}" for part in named[:most])
    return f"{said}, {len(named) - most} more" if len(named) > most else said


def unit_of(most: int) -> tuple[int, str]:
    """The unit that numbers of bytes up to `most` are told in, and its name."""
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


def _named(row: Row) -> dict[str, Any]:
    return {"name": row.name} | _row(row)


def _row(row: Row) -> dict[str, Any]:
    polls = row.polls
    return {
        "subscribers_at_least": row.subscribers,
        "polls": polls.polls,
        "not_modified": polls.unmodified,
        "deltas": polls.deltas,
        "bytes_sent": polls.sent,
        "bytes_saved": polls.saved,
    }


def _iso(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def of_period(
    audience: PollStore, number: int, now: float
) -> tuple[Readership, datetime, datetime]:
    """Who polled in the last 24 hours, or in that many days with today; since when, until when.

    Raises what `Audience` does.
    """
    until = datetime.fromtimestamp(int(now), UTC)
    if number == 1:
        since = datetime.fromtimestamp((int(now) // HOUR - _OF_A_DAY + 1) * HOUR, UTC)
        return lately(audience.hours(int(since.timestamp()) // HOUR), now), since, until
    first = until.replace(hour=0, minute=0, second=0) - timedelta(days=number - 1)
    return of_days(audience.days(int(first.timestamp()) // DAY)), first, until
