"""The store: one database that loading and serving meet in.

SQLite by default; what is PostgreSQL's own is in `feeds.store.postgres`.
"""

from __future__ import annotations

import sqlite3
import time
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Engine, PoolProxiedConnection, inspect, make_url, select
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from feeds.messages import first_line, without_passwords
from feeds.model import FeedsError
from feeds.store import fulltext, postgres
from feeds.store.engines import inode_of, is_in_memory, make_file, sqlite_file, store_engine
from feeds.store.locks import locked
from feeds.store.reader import Reader
from feeds.store.schema import SCHEMA, health, metadata, state
from feeds.store.spare import spare_path

_IDLE: Final = 2  # connections of views that are kept, as many as `documents.render_slots`
_COLUMNS: Final = {
    (table.name, column.name) for table in metadata.sorted_tables for column in table.columns
} | {(fulltext.INDEX.name, "title")}


class StoreError(FeedsError):
    """The store can't be opened, read or written."""

    public = "the store could not be written; the log says why"

    @classmethod
    def of(cls, name: str, error: Exception) -> StoreError:
        """The error of a database as one line about the store called `name`."""
        message = first_line(getattr(error, "orig", None) or error)
        return cls(f"the store {name} can't be used: {message}")


class Store:
    """One database. Safe to share between threads, not across a fork.

    Its idle connections are closed when it is collected: Python 3.13 warns of those that aren't.
    `file` is the database file, where it is one.
    `turns` counts how often `refresh` turned to another database. `remake_reason` is why tables
    that were there were made anew, empty where none were.
    """

    def __init__(
        self, url: str, locate: Callable[[], str] | None = None, *, prepare: bool = True
    ) -> None:
        """Connect to `url` and make the tables when they aren't there.

        `locate` tells `refresh` at which URL the database is now. Without
        `prepare`, nothing is connected to or made yet. Raises StoreError with
        a message that names the database.
        """
        self.url = make_url(url)
        self.name = self.described(url)
        self.turns = 0
        self.remake_reason = ""
        self._locate, self._located = locate or (lambda: url), url
        with self._errors(OSError, ImportError, ValueError):  # its folder, driver, encoding
            self.file = sqlite_file(self.url)
            if self.file is not None:
                make_file(self.file)
            self._inode = inode_of(self.file)
            self.engine = store_engine(self.url, self._inode)
            self._closing = self._close_at_end()
            if prepare:
                try:
                    self._prepare()
                except BaseException:
                    self._closing()
                    raise

    def refresh(self) -> bool:
        """Connect to another database, if `locate` names one or the file was replaced.

        Only to one that holds a load: until then, open connections still reach
        the file that was removed. Never makes one. Returns whether it did.
        """
        url = self._locate()
        if url == self._located and not self.replaced:
            return False
        parsed = make_url(url)
        inode = inode_of(sqlite_file(parsed))
        if inode is None or (inode == self._inode and parsed == self.url):
            return False
        engine = store_engine(parsed, inode)
        try:
            with engine.connect() as connection, connection.begin():
                reader = Reader(lambda: connection)
                ready = self._lack(connection) is None and reader.state().generation > 0
        except (SQLAlchemyError, StoreError):
            ready = False
        if not ready:
            engine.dispose()
            return False
        close_before, self.engine, self._located = self._closing, engine, url
        self._closing = self._close_at_end()
        self.url, self.name, self._inode = parsed, self.described(url), inode
        self.file = sqlite_file(parsed)
        self.turns += 1
        close_before()
        return True

    def _close_at_end(self) -> weakref.finalize[..., Store]:
        self._idle: list[PoolProxiedConnection] = []  # of views, taken from the engine's pool
        closing = weakref.finalize(self, _close, self.engine, self._idle)
        closing.atexit = False  # a fork doesn't close what its parent has open
        return closing

    @property
    def replaced(self) -> bool:
        """Whether the database file is gone, or another one is in its place."""
        return self.file is not None and inode_of(self.file) != self._inode

    @staticmethod
    def described(url: str) -> str:
        """A URL as messages show it: without its passwords."""
        return without_passwords(make_url(url).render_as_string())

    @contextmanager
    def _errors(self, *more: type[Exception]) -> Iterator[None]:
        """Raise errors of the database, and those of `more` kinds, as StoreErrors."""
        caught: tuple[type[Exception], ...] = (SQLAlchemyError, *more)
        try:
            yield
        except caught as error:
            raise StoreError.of(self.name, error) from error

    def _prepare(self) -> None:
        with self.read() as reader:
            if self._lack(reader.connection) is None:
                return
        # Of several processes that start at once, the first makes the tables.
        with self.write() as connection:
            lack = self._lack(connection)
            if lack is not None:
                self.remake_reason = lack
                if self._is_postgresql:
                    postgres.make(connection)
                metadata.drop_all(connection)
                metadata.create_all(connection)
                empty = {column.name: column.type.python_type() for column in state.columns}
                connection.execute(state.insert().values(empty | {"id": 1, "schema": SCHEMA}))
        if self._is_postgresql:
            postgres.tidy(self.engine)

    def _lack(self, connection: Connection) -> str | None:
        """Why the tables must be made anew; empty where there are none, None where they are right.

        Raises StoreError for a database that holds something else.
        """
        if self._is_postgresql and not postgres.exists(connection):
            return ""  # whatever else there is, is elsewhere
        tables = inspect(connection).get_multi_columns()
        there = {(name, column["name"]) for (_, name), found in tables.items() for column in found}
        missing = _COLUMNS - there
        if there and ("state", "schema") in missing and {name for name, _ in missing} != {"state"}:
            names = ", ".join(sorted(name for _, name in tables))
            raise StoreError(
                f"the store {self.name} holds something else: {names}; "
                "give FEEDS_DATABASE_URL a database of its own"
            )
        has_schema = ("state", "schema") in there
        schema = connection.execute(select(state.c.schema)).scalar() if has_schema else None
        if not missing and schema == SCHEMA:
            return None
        if schema not in (None, SCHEMA):
            return f"is of another version of feeds (schema {schema}, this one's is {SCHEMA})"
        table, column = min(missing, default=("state", "schema"))
        return f"lacks what it should have ({table}.{column})" if there else ""

    @property
    def _is_postgresql(self) -> bool:
        return postgres.is_postgresql(self.url)

    def forget_deleted(self, *, was_hidden: bool) -> None:
        """Have nothing that was hidden left in an SQLite file, its log or its spare copy.

        Pages are overwritten as rows are deleted (`secure_delete`); the index of words and the
        log keep theirs until this. Raises StoreError.
        """
        if self._is_postgresql or not was_hidden:
            return
        with self._errors(OSError):
            with self.write() as connection:
                connection.exec_driver_sql("INSERT INTO search(search) VALUES ('optimize')")
            if self.file is not None:
                spare_path(self.file).unlink(missing_ok=True)
                with self.engine.connect() as connection:
                    raw: Any = connection.connection.dbapi_connection
                    raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").close()

    def release(self) -> None:
        """Close the idle connections: none of them may be carried across a fork."""
        if not is_in_memory(self.url):
            _close(self.engine, self._idle)

    @contextmanager
    def read(self) -> Iterator[Reader]:
        """A consistent view: all queries of one `with` block see one generation.

        Raises SQLAlchemyError.
        """
        if self.file is None:
            with self.engine.connect() as connection, connection.begin():
                yield Reader(lambda: connection)
            return
        idle, engine = self._idle, self.engine  # which another thread may replace, this one first
        pooled = _take(engine, idle)
        driver: Any = pooled.dbapi_connection
        try:
            driver.execute("BEGIN")
            yield Reader(partial(Connection, engine, pooled), driver)
        finally:
            driver.rollback()
            if idle is self._idle and len(idle) < _IDLE:
                idle.append(pooled)
            else:
                pooled.close()

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One transaction that excludes other writers from its first statement on.

        Raises StoreError.
        """
        with self._errors(), self.engine.connect() as connection:
            if self._is_postgresql:
                # It sees what the one before it wrote, for which it waited.
                connection.execution_options(isolation_level="READ COMMITTED")
            else:
                connection.execution_options(feeds_write=True)
            with connection.begin():
                if self._is_postgresql:
                    postgres.lock_writes(connection)
                yield connection

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold the lock of the database's loaders, which the others wait for.

        Raises StoreError, also where the database fails meanwhile.
        """
        with self._errors(), ExitStack() as held:
            if self._is_postgresql:
                held.enter_context(postgres.alone(self.engine))
            elif self.file is not None:
                try:
                    held.enter_context(locked(Path(f"{self.file}.lock")))
                except OSError as error:
                    raise StoreError(f"the store {self.name} can't be locked: {error}") from error
            yield


def _take(engine: Engine, idle: list[PoolProxiedConnection]) -> PoolProxiedConnection:
    """An idle connection, or else one of the pool, which takes longer. Raises SQLAlchemyError."""
    try:
        return idle.pop()
    except IndexError:
        pass
    try:
        return engine.raw_connection()
    except sqlite3.Error as error:
        raise DBAPIError(None, None, error) from error


def _close(engine: Engine, idle: list[PoolProxiedConnection]) -> None:
    """Close all connections that nobody uses now."""
    while idle:
        idle.pop().close()
    engine.dispose()


def note_health(
    connection: Connection,
    degraded: str = "",
    counts: Mapping[str, Any] | None = None,
    now: int | None = None,
) -> None:
    """Write the health of loading: the `counts` of a good load, or what is wrong (`degraded`).

    Strangers may read it, as `FeedsError.public`. `now` is in seconds since 1970.
    """
    moment = int(time.time()) if now is None else now
    values: dict[str, Any] = {"checked": moment, "degraded": degraded}
    if counts is not None:
        values |= {"loaded": moment, "counts": msgspec.json.encode(counts).decode()}
    if not connection.execute(health.update().values(values)).rowcount:
        row = {"id": 1, "loaded": 0, "counts": "{}"} | values
        connection.execute(health.insert().values(row))
