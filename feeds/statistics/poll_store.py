"""Who polls which feed, by hour and by day: the one thing that no folder of records holds.

So it is kept apart from the store, which is safe to delete: in a SQLite file
of its own beside it (`....stats`), where it keeps no load waiting either; on
PostgreSQL in a schema of its own. Its tables change by addition alone.

After two days an hour becomes part of its day (`feeds.statistics.polls.by_day`);
days are kept for some 13 months. No addresses are kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Engine,
    Integer,
    MetaData,
    Table,
    case,
    delete,
    inspect,
    make_url,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool
from sqlalchemy.schema import CreateSchema

from feeds.statistics.polls import DAY, HOUR, Days, Hours, Key, Polls, by_day, over_time
from feeds.store import postgres, recovery
from feeds.store.engines import is_in_memory, sqlite_engine, sqlite_file
from feeds.store.schema import Text

HOURS_KEPT: Final = 48
DAYS_KEPT: Final = 400
_NAMESPACE: Final = "feeds_statistics"
_SUFFIX: Final = ".stats"
_PATIENCE: Final = 2.0  # seconds that another writer is waited for
_NUMBERS: Final = ("polls", "unmodified", "deltas", "sent", "saved")

metadata: Final = MetaData()


def _table(name: str, keys: tuple[str, ...], people: tuple[str, ...]) -> Table:
    """A table by a number, which is the period's, and names; it has polls and whom they are for."""
    return Table(
        name,
        metadata,
        *(Column(key, Text if at else Integer, primary_key=True) for at, key in enumerate(keys)),
        *(Column(number, BigInteger, nullable=False) for number in _NUMBERS),
        *(Column(number, Integer, nullable=False) for number in people),
    )


# Hours and days are numbered since 1970. In an hour, a `source` claimed to serve so many at
# most, or is `plain`: a program of one person. In a day, there were so many at least.
hours: Final = _table("poll_hours", ("hour", "feed", "reader", "source"), ("claimed", "plain"))
days: Final = _table("poll_days", ("day", "feed", "reader"), ("subscribers",))


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

    @classmethod
    def of(cls, database: str, warn: recovery.Warn) -> PollStore | None:
        """Those of the store at an SQLAlchemy URL; None for one in memory, which keeps nothing."""
        return None if is_in_memory(database) else cls(database, warn)

    @cached_property
    def _engine(self) -> Engine:
        if postgres.is_postgresql(self._url):
            engine = postgres.engine(self._url, {"poolclass": NullPool}, _NAMESPACE)
            return engine.execution_options(isolation_level="READ COMMITTED")
        file = self._url.set(database=str(self.file))
        return sqlite_engine(file, _PATIENCE, poolclass=NullPool)

    @contextmanager
    def _begin(self, *, write: bool) -> Iterator[Connection]:
        with self._engine.connect() as connection:
            connection.execution_options(feeds_write=write)
            with connection.begin():
                yield connection

    def write(self, batch: Hours, now: float) -> None:
        """Add a batch: one short transaction. A file that is damaged is set aside.

        Hours that are over for long at `now` (seconds since 1970) become days, and days
        that are go.
        """
        try:
            self._write(batch, now)
        except SQLAlchemyError as error:
            if self.file is None or not recovery.is_damaged(error):
                raise
            recovery.set_aside(self.file, self._warn)
            self._write(batch, now)

    def _write(self, batch: Hours, now: float) -> None:
        with self._begin(write=True) as connection:
            _make_tables(connection)
            # Of several processes that do this at once, each is given other rows.
            over = delete(hours).where(hours.c.hour <= int(now) // HOUR - HOURS_KEPT)
            folded = by_day(_hours(connection.execute(over.returning(*hours.c))))
            _add(connection, days, [(*key, *polls) for key, polls in folded.items()])
            connection.execute(delete(days).where(days.c.day <= int(now) // DAY - DAYS_KEPT))
            _add(connection, hours, [_row_of(key, polls) for key, polls in batch.items()])

    def hours(self, since: int) -> Hours:
        """The polls of the hours from `since` (hours since 1970) on."""
        (rows,) = self._read({hours: since})
        return _hours(rows)

    def days(self, since: int) -> Days:
        """The polls of the days from `since` (days since 1970) on.

        Hours that aren't part of their day yet are added.
        """
        fresh, folded = self._read({hours: since * 24, days: since})
        result = by_day(_hours(fresh))
        for day, feed, reader, *numbers in folded:
            key = day, feed, reader
            result[key] = over_time([result.get(key, Polls()), Polls(*numbers)])
        return result

    def _read(self, since: Mapping[Table, int]) -> list[list[Any]]:
        """The rows of tables from a number of the first column on, of one moment."""
        if self.file is None or self.file.exists():
            with self._begin(write=False) as connection:
                if inspect(connection).has_table(hours.name):
                    return [
                        list(connection.execute(select(table).where(table.columns[0] >= first)))
                        for table, first in since.items()
                    ]
        return [[] for _ in since]


def _hours(rows: Iterable[Any]) -> Hours:
    """The polls that rows of hours are: see `_row_of`."""
    result = {}
    for hour, feed, reader, source, *numbers, claimed, plain in rows:
        key = Key(hour, feed, reader, source, is_personal=bool(plain))
        result[key] = Polls(*numbers)._replace(subscribers=claimed or plain)
    return result


def _row_of(key: Key, polls: Polls) -> tuple[Any, ...]:
    *columns, is_personal = key
    *numbers, subscribers = polls
    return (*columns, *numbers, 0 if is_personal else subscribers, int(is_personal))


def _add(connection: Connection, table: Table, rows: Iterable[tuple[Any, ...]]) -> None:
    """Insert rows. Where there is one, numbers add up; of those of people, the larger stays."""
    insert: Any = {"postgresql": postgresql, "sqlite": sqlite}[connection.dialect.name].insert
    statement = insert(table)
    values = {}
    for old in set(table.columns) - set(table.primary_key):
        new = statement.excluded[old.name]
        values[old.name] = old + new if old.name in _NUMBERS else case((new > old, new), else_=old)
    statement = statement.on_conflict_do_update(index_elements=[*table.primary_key], set_=values)
    names = table.columns.keys()
    # In one order, so that two writers never wait for each other.
    if ordered := [dict(zip(names, row, strict=True)) for row in sorted(rows)]:
        connection.execute(statement, ordered)


def _make_tables(connection: Connection) -> None:
    # Whoever made the schema lets us use it, which needs less than to make one.
    if connection.dialect.name == "postgresql" and not inspect(connection).has_schema(_NAMESPACE):
        connection.execute(CreateSchema(_NAMESPACE, if_not_exists=True))
    metadata.create_all(connection)
