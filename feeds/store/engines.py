"""Connections to databases: SQLite's, opened one way whatever they hold, or PostgreSQL's."""

from __future__ import annotations

import sqlite3
import time
from dataclasses import dataclass
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


@dataclass
class FileIdentity:
    """A database file: once its inode is known, it may be neither made nor another one."""

    file: Path | None
    inode: tuple[int, int] | None = None

    @property
    def is_another(self) -> bool:
        """Whether the file is gone, or another one is in its place."""
        return self.inode is not None and inode_of(self.file) != self.inode

    def check(self) -> None:
        """Raises sqlite3.OperationalError when it is another one."""
        if self.is_another:
            raise sqlite3.OperationalError("the database file was removed or replaced")


def store_engine(url: URL, identity: FileIdentity) -> Engine:
    """Connections to a store, to no other file than that of `identity`.

    Raises ImportError without a driver, and OSError when the folder of our own for a new
    file can't be made; any other folder must be there.
    """
    if postgres.is_postgresql(url):
        return postgres.engine(url, _POOL)
    if is_in_memory(url):
        alone = {"check_same_thread": False}
        return sqlite_engine(url, poolclass=StaticPool, connect_args=alone)
    if identity.file and identity.inode is None:
        if identity.file.parent == state_folder():  # no setting names it
            state_folder().mkdir(parents=True, exist_ok=True)
        (identity.file.parent / "..").stat()  # SQLite doesn't say why it can't make one
    engine = sqlite_engine(url, **_POOL)

    @event.listens_for(engine, "do_connect")
    def open_only(_: object, __: object, arguments: list[Any], options: dict[str, Any]) -> None:
        if identity.inode is not None:
            identity.check()
            # Without this, SQLite would make a file that is missing.
            arguments[0] = f"file:{quote(str(identity.file))}?mode=rw"
            options["uri"] = True

    @event.listens_for(engine, "connect")
    def check(_: DBAPIConnection, __: object) -> None:
        identity.check()

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
        write = connection.get_execution_options().get("feeds_write")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

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
