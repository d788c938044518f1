"""Connections to databases: SQLite's, opened one way whatever they hold, or PostgreSQL's."""

from __future__ import annotations

import os
import sqlite3
import time
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import StaticPool

from feeds.setting_types import state_folder
from feeds.store import postgres

# Queries take a millisecond or two, and few run at a time (documents.render_slots):
# a thread that has to wait for a connection gets one soon. Each connection
# that is kept holds up to 2 MB of pages.
_POOL: Final[dict[str, Any]] = {"pool_size": 4, "max_overflow": 8, "pool_timeout": 30}
_PATIENCE: Final = 60.0  # seconds that a lock of SQLite is waited for
_WAL_PAUSE: Final = 0.1  # seconds


def is_in_memory(url: str | URL) -> bool:
    """Whether an SQLAlchemy URL names a database that one process has for itself."""
    parsed = make_url(url)
    return _is_sqlite(parsed) and parsed.database in {None, "", ":memory:"}


def sqlite_file(url: URL) -> Path | None:
    """The file of an SQLite database that is one."""
    return Path(str(url.database)) if _is_sqlite(url) and not is_in_memory(url) else None


def _is_sqlite(url: URL) -> bool:
    return url.get_backend_name() == "sqlite"


def inode_of(file: Path | None) -> tuple[int, int] | None:
    """The device and inode of a file, which tell it from another one of its name; None for none."""
    try:
        status = file.stat() if file else None
    except OSError:
        return None
    return (status.st_dev, status.st_ino) if status else None


def make_file(file: Path) -> None:
    """Make the file of a database, where there is none: SQLite doesn't say why it can't.

    Raises OSError; only the folder of our own need not be there.
    """
    if file.parent == state_folder():  # no setting names it
        state_folder().mkdir(parents=True, exist_ok=True)
    os.close(os.open(file, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o644))


def store_engine(url: URL, inode: tuple[int, int] | None) -> Engine:
    """Connections to a store; where it is a file, to no other one than that with `inode`.

    Raises ImportError without a driver.
    """
    if postgres.is_postgresql(url):
        return postgres.engine(url, _POOL)
    file = sqlite_file(url)
    if file is None:
        alone = {"check_same_thread": False}
        return sqlite_engine(url, poolclass=StaticPool, connect_args=alone)
    # Otherwise SQLite would make a file that is missing.
    existing = url.set(database=f"file:{quote(str(file))}")
    existing = existing.update_query_dict({"mode": "rw", "uri": "true"})
    engine = sqlite_engine(existing, **_POOL)

    @event.listens_for(engine, "connect")
    def check(_: DBAPIConnection, __: object) -> None:
        if inode_of(file) != inode:
            raise sqlite3.OperationalError("the database file was removed or replaced")

    return engine


def sqlite_engine(
    url: URL,
    patience: float = _PATIENCE,
    connect_args: dict[str, Any] | None = None,
    **options: Any,
) -> Engine:
    """Connections to an SQLite database, whose locks are waited for `patience` seconds.

    A transaction sees one state from its first statement on; one with the
    execution option `feeds_write` excludes other writers from then on.
    `options` are those of `create_engine`.
    """
    arguments = {"timeout": patience} | (connect_args or {})
    engine = create_engine(url, connect_args=arguments, **options)

    @event.listens_for(engine, "connect")
    def connect(connection: DBAPIConnection, _: object) -> None:
        # sqlite3 begins no transaction before a SELECT; SQLAlchemy's BEGIN
        # below makes several of them see one state.
        connection.isolation_level = None
        cursor = connection.cursor()
        _use_wal(cursor, patience)
        cursor.execute("PRAGMA synchronous=NORMAL")
        cursor.execute("PRAGMA secure_delete=ON")  # what is withdrawn is in no free page
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        if connection.get_execution_options().get("feeds_write"):
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        else:  # which waits for nothing, and can't fail
            driver: Any = connection.connection.dbapi_connection
            if not driver.in_transaction:  # that of a view
                driver.execute("BEGIN")

    return engine


def _use_wal(cursor: Any, patience: float) -> None:
    """Turn to write-ahead logging, so that a load keeps no reader waiting.

    SQLite doesn't wait for this one, as for other locks, when several
    processes open a new database at once.
    """
    end = time.monotonic() + patience
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > end:
                raise
            time.sleep(_WAL_PAUSE)
        else:
            return
