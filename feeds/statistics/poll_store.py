"""Who polls which feed, by hour and by day: the one thing that no folder of records holds.

So it is kept apart from the store, which is safe to delete: in a SQLite file
of its own beside it (`....stats`), where it keeps no load waiting either; on
PostgreSQL in a schema of its own. Its tables change by addition alone.

A row of an hour is a feed, a reader and its `source` (see `feeds.statistics.user_agents`).
After two days an hour becomes part of its day, where sources are folded to
how many subscribers there were at least; days are kept for some 13 months.
No addresses are kept.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    URL,
    BigInteger,
    Column,
    Connection,
    Engine,
    Index,
    Integer,
    MetaData,
    Table,
    case,
    delete,
    inspect,
    make_url,
    select,
    text,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from feeds.store import postgres, recovery
from feeds.store.bulk_insert import chunks
from feeds.store.engines import is_in_memory, sqlite_engine, sqlite_file
from feeds.store.schema import Text

HOUR: Final = 3600
DAY: Final = 86_400
HOURS_KEPT: Final = 48
DAYS_KEPT: Final = 400
_NAMESPACE: Final = "feeds_statistics"
_SUFFIX: Final = ".stats"
_PATIENCE: Final = 2.0  # seconds that another writer is waited for

metadata: Final = MetaData()
_NUMBERS: Final = ("polls", "unmodified", "deltas", "sent", "saved")


def _numbers() -> list[Column[Any]]:
    return [Column(name, BigInteger, nullable=False) for name in _NUMBERS]


hours = Table(
    "poll_hours",
    metadata,
    Column("hour", Integer, primary_key=True),  # since 1970
    Column("feed", Text, primary_key=True),
    Column("reader", Text, primary_key=True),
    Column("source", Text, primary_key=True),
    *_numbers(),
    Column("claimed", Integer, nullable=False),  # the most that it said in the hour
    Column("plain", Integer, nullable=False),  # whether it is a program of one person
)
days = Table(
    "poll_days",
    metadata,
    Column("day", Integer, primary_key=True),  # since 1970
    Column("feed", Text, primary_key=True),
    Column("reader", Text, primary_key=True),
    *_numbers(),
    Column("subscribers", Integer, nullable=False),  # at least
    Index("poll_days_feed", "feed", "day"),
)


class Key(NamedTuple):
    """Whose polls of what, in which hour since 1970."""

    hour: int
    feed: str
    reader: str
    source: str


class Polls(NamedTuple):
    """How many polls there were, and what they cost: `sent` and `saved` in bytes."""

    polls: int = 0
    unmodified: int = 0
    deltas: int = 0
    sent: int = 0
    saved: int = 0

    def plus(self, other: Polls) -> Polls:
        return total((self, other))


class PollBucket(NamedTuple):
    """The polls of a key, and whom they are for: see `feeds.statistics.user_agents.Agent`."""

    polls: Polls
    reported_subscribers: int = 0
    is_personal: bool = False

    def plus(self, other: PollBucket) -> PollBucket:
        return PollBucket(
            self.polls.plus(other.polls),
            max(self.reported_subscribers, other.reported_subscribers),
            self.is_personal or other.is_personal,
        )


Batch = Mapping[Key, PollBucket]


class PollStore:
    """The statistics of one store. Safe to share between threads, and across a fork.

    It is used every few seconds at most, and keeps no connection meanwhile.
    Every method raises SQLAlchemyError, ImportError or OSError when the store fails.
    """

    def __init__(self, url: str, warn: recovery.Warn) -> None:
        self._url = make_url(url)
        self._warn = warn
        store = sqlite_file(self._url)
        self.file = None if store is None else Path(f"{store}{_SUFFIX}")
        self._is_ready = False

    @classmethod
    def of(cls, database: str, warn: recovery.Warn) -> PollStore | None:
        """Those of the store at an SQLAlchemy URL; None for one in memory, which keeps nothing."""
        return None if is_in_memory(database) else cls(database, warn)

    @cached_property
    def _engine(self) -> Engine:
        return _engine(self._url, self.file)

    @contextmanager
    def _begin(self, *, write: bool) -> Iterator[Connection]:
        with self._engine.connect() as connection:
            if self._engine.dialect.name == "postgresql":
                connection.execution_options(isolation_level="READ COMMITTED")
            else:
                connection.execution_options(feeds_write=write)
            with connection.begin():
                yield connection

    def write(self, batch: Batch) -> None:
        """Add a batch: one short transaction. A file that is damaged is set aside."""
        if self._is_absent:
            self._is_ready = False
        try:
            self._write(batch)
        except SQLAlchemyError as error:
            self._is_ready = False
            if self.file is None or not recovery.is_damaged(error):
                raise
            recovery.set_aside(self.file, self._warn)
            self._write(batch)

    @property
    def _is_absent(self) -> bool:
        return self.file is not None and not self.file.exists()

    def _write(self, batch: Batch) -> None:
        with self._begin(write=True) as connection:
            if not self._is_ready:
                if not _exists(connection):
                    _make_schema(connection)
                metadata.create_all(connection)
            _add_hours(connection, batch)
        self._is_ready = True

    def fold(self, now: float) -> None:
        """Make days of the hours that are over for long, and drop days that are."""
        if self._is_absent:
            return
        hour, day = int(now) // HOUR, int(now) // DAY
        with self._begin(write=True) as connection:
            if not self._is_ready and not _exists(connection):
                return
            # Of several processes that do this at once, each is given other rows.
            over = delete(hours).where(hours.c.hour <= hour - HOURS_KEPT).returning(*hours.c)
            folded = by_day(map(_bucket, connection.execute(over)))
            _add_days(connection, folded)
            connection.execute(delete(days).where(days.c.day <= day - DAYS_KEPT))

    def hours(self, since: int) -> dict[Key, PollBucket]:
        """The polls of the hours from `since` (hours since 1970) on."""
        if self._is_absent:
            return {}
        with self._begin(write=False) as connection:
            if not _exists(connection):
                return {}
            return dict(
                map(_bucket, connection.execute(select(hours).where(hours.c.hour >= since)))
            )

    def days(self, since: int) -> dict[tuple[int, str, str], Day]:
        """The polls of the days from `since` (days since 1970) on, by day, feed and reader.

        Hours that aren't part of their day yet are added.
        """
        if self._is_absent:
            return {}
        with self._begin(write=False) as connection:
            if not _exists(connection):
                return {}
            folded = connection.execute(select(days).where(days.c.day >= since)).all()
            fresh = connection.execute(select(hours).where(hours.c.hour >= since * 24)).all()
        result = by_day(map(_bucket, fresh))
        for row in folded:
            key, day = (row.day, row.feed, row.reader), Day(_polls(row), row.subscribers)
            result[key] = result[key].plus(day) if key in result else day
        return result


class Day(NamedTuple):
    """The polls of a day, and how many subscribers there were at least."""

    polls: Polls
    subscribers: int

    def plus(self, other: Day) -> Day:
        """The same of the day, some of which was folded before."""
        return Day(self.polls.plus(other.polls), max(self.subscribers, other.subscribers))


def by_day(buckets: Iterable[tuple[Key, PollBucket]]) -> dict[tuple[int, str, str], Day]:
    """The hours of each day, feed and reader as one."""
    grouped: defaultdict[tuple[int, str, str], dict[Key, PollBucket]] = defaultdict(dict)
    for key, one in buckets:
        grouped[key.hour // 24, key.feed, key.reader][key] = one
    return {
        key: Day(total(one.polls for one in buckets.values()), subscribers_at_least(buckets))
        for key, buckets in grouped.items()
    }


def total(polls: Iterable[Polls]) -> Polls:
    """All polls together."""
    return Polls(*map(sum, zip(Polls(), *polls, strict=True)))


def subscribers_at_least(buckets: Batch) -> int:
    """How many subscribers one reader has for one feed, at least.

    A fetcher that polls many times with one feed's number counts once, as the
    most that it said. Programs of one person are as many as had different
    agents within one hour: over a longer time, one of them may be updated.
    """
    reported: dict[str, int] = {}
    personal: defaultdict[int, set[str]] = defaultdict(set)
    for key, one in buckets.items():
        reported[key.source] = max(reported.get(key.source, 0), one.reported_subscribers)
        if one.is_personal:
            personal[key.hour].add(key.source)
    return sum(reported.values()) + max(map(len, personal.values()), default=0)


def _polls(row: Any) -> Polls:
    return Polls(*(getattr(row, name) for name in _NUMBERS))


def _bucket(row: Any) -> tuple[Key, PollBucket]:
    key = Key(row.hour, row.feed, row.reader, row.source)
    return key, PollBucket(_polls(row), row.claimed, bool(row.plain))


def _add_hours(connection: Connection, batch: Batch) -> None:
    # In one order, so that two writers never wait for each other.
    rows = [
        key._asdict()
        | one.polls._asdict()
        | {"claimed": one.reported_subscribers, "plain": int(one.is_personal)}
        for key, one in sorted(batch.items())
    ]
    _upsert(connection, hours, rows, ("claimed", "plain"))


def _add_days(connection: Connection, batch: Mapping[tuple[int, str, str], Day]) -> None:
    rows = [
        {"day": day, "feed": feed, "reader": reader, "subscribers": one.subscribers}
        | one.polls._asdict()
        for (day, feed, reader), one in sorted(batch.items())
    ]
    _upsert(connection, days, rows, ("subscribers",))


def _upsert(
    connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]], most: Sequence[str]
) -> None:
    """Insert rows; where there is one, add up. Of the numbers in `most`, the larger stays."""
    insert: Any = {"postgresql": postgresql, "sqlite": sqlite}[connection.dialect.name].insert
    statement = insert(table)
    new, old = statement.excluded, table.c
    values = {name: old[name] + new[name] for name in _NUMBERS}
    values |= {name: case((new[name] > old[name], new[name]), else_=old[name]) for name in most}
    statement = statement.on_conflict_do_update(
        index_elements=list(table.primary_key.columns), set_=values
    )
    for chunk in chunks(rows):
        connection.execute(statement, chunk)


def _make_schema(connection: Connection) -> None:
    """Make the schema on PostgreSQL, unless there is one, which whoever made it lets us use."""
    if connection.dialect.name != "postgresql":
        return
    query = text("SELECT 1 FROM pg_namespace WHERE nspname = :name")
    if connection.execute(query, {"name": _NAMESPACE}).first() is None:
        connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {_NAMESPACE}"))


def _exists(connection: Connection) -> bool:
    return inspect(connection).has_table(hours.name)


def _engine(url: URL, file: Path | None) -> Engine:
    if postgres.is_postgresql(url):
        return postgres.engine(url, {"poolclass": NullPool}, _NAMESPACE)
    return sqlite_engine(url.set(database=str(file)), _PATIENCE, poolclass=NullPool)
