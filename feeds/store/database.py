"""The store: one database that loading and serving meet in.

SQLite by default; what is PostgreSQL's own is in `feeds.store.postgres`.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import msgspec
from sqlalchemy import (
    URL,
    Connection,
    Engine,
    create_engine,
    event,
    inspect,
    make_url,
    select,
)
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import StaticPool

from feeds.config import without_passwords
from feeds.model import FeedsError
from feeds.store import postgres
from feeds.store.reader import Reader
from feeds.store.schema import SCHEMA, health, metadata, state

_WAL_ATTEMPTS: Final = 600
_WAL_PAUSE: Final = 0.1  # seconds


class StoreError(FeedsError):
    """The store can't be opened, read or written."""

    @classmethod
    def of(cls, name: str, error: Exception) -> StoreError:
        """What the database complained of, of the store called `name`, in one line."""
        return cls(f"the store {name} can't be used: {_cause(error)}")


class Store:
    """One database. Safe to share between threads, not across a fork.

    `turns` counts how often `refresh` turned to another database.
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
        self._locate = locate or (lambda: url)
        self._place = _FileIdentity(self.file)
        with self._errors(OSError, ImportError, ValueError):  # its folder, driver, encoding
            self.engine = _engine(url, self._place)
            if prepare:
                try:
                    self._prepare()
                except BaseException:
                    self.engine.dispose()
                    raise
            self._place.mark = _mark(self.file)

    def refresh(self) -> bool:
        """Turn to the database that is in the place of this one, if there is another by now.

        Only to one that holds a load: until then, the connections that are
        open still reach the file that was removed. Never makes one. True
        when it turned.
        """
        url = self._locate()
        parsed = make_url(url)
        mark = _mark(sqlite_file(parsed))
        if mark is None or (mark == self._place.mark and parsed == self.url):
            return False
        place = _FileIdentity(sqlite_file(parsed), mark)
        engine = _engine(url, place)
        try:
            with engine.connect() as connection, connection.begin():
                reader = Reader(connection)
                ready = self._is_ready(connection) and reader.state().generation > 0
        except (SQLAlchemyError, StoreError):
            ready = False
        if not ready:
            engine.dispose()
            return False
        before, self.engine = self.engine, engine
        self.url, self.name, self._place = parsed, self.described(url), place
        self.turns += 1
        before.dispose()
        return True

    @property
    def replaced(self) -> bool:
        """Whether the database file is gone, or another one is in its place."""
        return self.file is not None and _mark(self.file) != self._place.mark

    @staticmethod
    def described(url: str) -> str:
        """The URL without its passwords."""
        return without_passwords(make_url(url).render_as_string())

    @contextmanager
    def _errors(self, *more: type[Exception]) -> Iterator[None]:
        """What the database complains of as a StoreError that names it."""
        caught: tuple[type[Exception], ...] = (SQLAlchemyError, *more)
        try:
            yield
        except caught as error:
            raise StoreError.of(self.name, error) from error

    def _prepare(self) -> None:
        with self.read() as reader:
            if self._is_ready(reader.connection):
                return
        # Of several processes that start at once, the first makes the tables.
        with self.write() as connection:
            if not self._is_ready(connection):
                if self._is_postgresql:
                    postgres.make(connection)
                metadata.drop_all(connection)
                metadata.create_all(connection)
                connection.execute(
                    state.insert().values(
                        id=1, schema=SCHEMA, reading="", writes=0, generation=0, loaded=0
                    )
                )
        if self._is_postgresql:
            postgres.tidy(self.engine)

    def _is_ready(self, connection: Connection) -> bool:
        if self._is_postgresql and not postgres.exists(connection):
            return False  # whatever else there is, is elsewhere
        found = set(inspect(connection).get_table_names())
        if found and "state" not in found:
            raise StoreError(
                f"the store {self.name} holds something else: {', '.join(sorted(found))}; "
                "give FEEDS_DATABASE_URL a database of its own"
            )
        return bool(found) and connection.execute(select(state.c.schema)).scalar() == SCHEMA

    @property
    def _is_postgresql(self) -> bool:
        return postgres.is_postgresql(self.url)

    @property
    def file(self) -> Path | None:
        """The database file, where the store is one."""
        return sqlite_file(self.url)

    def release(self) -> None:
        """Close the idle connections: none of them may be carried across a fork."""
        if not _in_memory(self.url):
            self.engine.dispose()

    @contextmanager
    def read(self) -> Iterator[Reader]:
        """A consistent view: all queries of one `with` block see one generation."""
        with self.engine.connect() as connection, connection.begin():
            yield Reader(connection)

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
        """Hold the lock of the database's loaders: the second one waits, and finds it done.

        Raises StoreError.
        """
        if self._is_postgresql:
            with self._errors(), postgres.alone(self.engine):
                yield
        elif self.file is None:
            yield
        else:
            with _locked(f"{self.file}.lock", self.name):
                yield


def _is_sqlite(url: URL) -> bool:
    return url.get_backend_name() == "sqlite"


def is_in_memory(url: str) -> bool:
    """Whether an SQLAlchemy URL names a database that one process has for itself."""
    return _in_memory(make_url(url))


def _in_memory(url: URL) -> bool:
    return _is_sqlite(url) and url.database in {None, "", ":memory:"}


def sqlite_file(url: URL) -> Path | None:
    """The file of an SQLite database that is one."""
    return Path(str(url.database)) if _is_sqlite(url) and not _in_memory(url) else None


def _mark(file: Path | None) -> tuple[int, int] | None:
    """What tells a file from another one of its name."""
    try:
        status = file.stat() if file else None
    except OSError:
        return None
    return (status.st_dev, status.st_ino) if status else None


@dataclass
class _FileIdentity:
    """A database file: once it has a mark, it may be neither made nor another one."""

    file: Path | None
    mark: tuple[int, int] | None = None

    def check(self) -> None:
        if self.mark is not None and _mark(self.file) != self.mark:
            raise sqlite3.OperationalError("the database file was removed or replaced")


# Queries take a millisecond or two, and few run at a time (documents.render_slots):
# a thread that has to wait for a connection gets one soon. Each connection
# that is kept holds up to 2 MB of pages.
_POOL: Final = {"pool_size": 4, "max_overflow": 8, "pool_timeout": 30}


def _use_wal(cursor: Any) -> None:
    """Turn to write-ahead logging, so that a load keeps no reader waiting.

    SQLite doesn't wait for this one, as for other locks, when several
    processes open a new database at once.
    """
    for attempt in range(_WAL_ATTEMPTS):
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or attempt + 1 == _WAL_ATTEMPTS:
                raise
            time.sleep(_WAL_PAUSE)
        else:
            return


def _engine(url: str, place: _FileIdentity) -> Engine:
    parsed = make_url(url)
    if postgres.is_postgresql(parsed):
        return postgres.engine(parsed, _POOL)
    options: dict[str, Any] = {"connect_args": {"timeout": 60}} | _POOL
    if _in_memory(parsed):
        options = {"poolclass": StaticPool, "connect_args": {"check_same_thread": False}}
    elif place.file and place.mark is None:
        place.file.parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url, **options)

    @event.listens_for(engine, "do_connect")
    def open_only(_: object, __: object, arguments: list[Any], options: dict[str, Any]) -> None:
        if place.mark is not None:
            place.check()
            # Without this, SQLite would make a file that is missing.
            arguments[0] = f"file:{quote(str(place.file))}?mode=rw"
            options["uri"] = True

    @event.listens_for(engine, "connect")
    def connect(connection: DBAPIConnection, _: object) -> None:
        # sqlite3 begins no transaction before a SELECT; SQLAlchemy's BEGIN
        # below makes several of them see one state.
        connection.isolation_level = None
        cursor = connection.cursor()
        _use_wal(cursor)
        cursor.execute("PRAGMA synchronous=NORMAL")
        cursor.close()
        place.check()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        write = connection.get_execution_options().get("feeds_write")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

    return engine


@contextmanager
def _locked(lock: str, name: str) -> Iterator[None]:
    try:
        handle = os.open(lock, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except OSError as error:
        raise StoreError(f"the store {name} can't be locked: {error}") from None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def note_health(
    connection: Connection,
    degraded: str = "",
    counts: Mapping[str, Any] | None = None,
    now: int | None = None,
) -> None:
    """Note what came of a load: its `counts` when it was good, or what is wrong."""
    moment = int(time.time()) if now is None else now
    values: dict[str, Any] = {"checked": moment, "degraded": degraded}
    if counts is not None:
        values |= {"loaded": moment, "counts": msgspec.json.encode(counts).decode()}
    if not connection.execute(health.update().values(values)).rowcount:
        row = {"id": 1, "loaded": 0, "counts": "{}"} | values
        connection.execute(health.insert().values(row))


def _cause(error: Exception) -> str:
    return str(getattr(error, "orig", None) or error).strip().splitlines()[0]
