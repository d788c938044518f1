"""Recovery of a database that is damaged or can't be written.

A damaged one is set aside; its spare copy takes its place, or it is made anew
from the folder. One that can't be written is replaced by a fallback in memory:
an SQLite file in /dev/shm, which all processes of a server find by themselves and
which a load removes as soon as it has reached the database again. Either is one
line for `warn`.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
import stat
import tempfile
from collections.abc import Callable
from contextlib import closing, suppress
from functools import lru_cache, partial
from pathlib import Path
from threading import Thread
from typing import Final, TypeVar
from urllib.parse import quote

from sqlalchemy import URL, make_url
from sqlalchemy.exc import NoResultFound

from feeds.messages import causes, root_cause
from feeds.store import postgres, spare
from feeds.store.database import Store, StoreError
from feeds.store.engines import sqlite_file
from feeds.store.locks import locked

Warn = Callable[[str], None]
T = TypeVar("T")

_DAMAGED: Final = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_UNWRITABLE: Final = {
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_NOLFS,
}
_MISSING: Final = ("no such table", "no such column")
_PARTS: Final = ("-wal", "-shm")  # what SQLite keeps beside a file
_FILE: Final = "feeds.db"
_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - only in a folder that is ours alone


def open_store(url: str, warn: Warn) -> Store:
    """Open the store at `url`; a damaged one is replaced, one that can't be written has a fallback.

    Raises StoreError when the database holds something else, doesn't answer,
    or can't be replaced.
    """
    try:
        return _open(url, warn)
    except StoreError as error:
        return _recovered(url, error, warn)


def open_for_reading(url: str, warn: Warn) -> Store:
    """Open the database at `url`, or its fallback where there is one, to read it.

    PostgreSQL is not connected to yet: it may be away just now, or empty.
    Raises StoreError as `open_store` does.
    """
    if postgres.is_postgresql(make_url(url)):
        return Store(url, prepare=False)
    try:
        return _open(url, warn, current_url(url))
    except StoreError:
        return open_store(url, warn)


def with_recovery(
    url: str, warn: Warn, work: Callable[[Store], T], store: Store | None = None
) -> T:
    """Call `work`, which loads, with the store; once more with a recovered one on a StoreError.

    Returns what `work` does, and raises what it raises the second time. A
    load that reached the database drops the fallback. `store` is one that is open already.
    """
    store = store or open_store(url, warn)
    try:
        result = work(store)
    except StoreError as error:
        store.release()
        store = _recovered(url, error, warn)
        result = work(store)
    if not is_fallback(store, url):
        drop_fallback(url)
    return result


def _open(url: str, warn: Warn, present: str = "") -> Store:
    """Open the database at `present`, by default at `url`, which turns to where that one is."""
    store = Store(present or url, partial(current_url, url))
    if store.remake_reason:
        warn(f"the store {store.name} {store.remake_reason}; it is made anew from the folder")
    return store


def _recovered(url: str, error: StoreError, warn: Warn) -> Store:
    """Open what replaces the store that failed. Raises StoreError when nothing can."""
    file = sqlite_file(make_url(url))
    if is_damaged(error) or is_incomplete(error):
        try:
            if file is not None:
                _refuse_foreign(file, error)
                set_aside(file, warn)
            return _open(url, warn)
        except StoreError as failure:
            error = failure
        except OSError as failure:
            error = StoreError(f"the damaged database {file} can't be replaced: {failure}")
            error.__cause__ = failure
    folder = _fallback_folder(url)
    if folder is None or not is_unwritable(error):
        raise error
    exists = current_url(url) != url
    if not _make_private(folder):
        raise error
    if not exists:
        warn(
            f"the database {file} can't be written ({root_cause(error)}); "
            f"until it can, {folder / _FILE} in memory stands in for it"
        )
    try:
        return _open(url, warn, _url_in(folder))
    except StoreError:  # it is damaged
        drop_fallback(url)
        _make_private(folder)
        return _open(url, warn, _url_in(folder))


# -- kinds of errors --------------------------------------------------------


def is_damaged(error: BaseException) -> bool:
    """Whether the cause is a file that SQLite can't make sense of."""
    return _code(error) in _DAMAGED


def is_unwritable(error: BaseException) -> bool:
    """Whether the cause is a file or folder that can't be opened or written."""
    if _code(error) in _UNWRITABLE:
        return True
    return any(isinstance(cause, OSError) for cause in causes(error))


def is_incomplete(error: BaseException) -> bool:
    """Whether the cause are tables, columns or the state, which aren't there any more."""
    return any(
        postgres.is_missing(cause)
        or isinstance(cause, NoResultFound)
        or (isinstance(cause, sqlite3.Error) and str(cause).startswith(_MISSING))
        for cause in causes(error)
    )


def flag_corruption(store: Store, error: BaseException) -> None:
    """If an error tells of damage, set the file's time, so that the follower checks the file."""
    if store.file and is_damaged(error):
        with suppress(OSError):  # it looks at one that is gone or can't be written anyway
            os.utime(store.file)


def _code(error: BaseException) -> int | None:
    for cause in causes(error):
        code: int | None = getattr(cause, "sqlite_errorcode", None)
        if code is not None:
            return code & 0xFF  # the rest tells more of the same
    return None


def damage_in(file: Path) -> str:
    """What SQLite finds wrong with a database file, all of which it reads; empty for nothing."""
    try:
        with closing(sqlite3.connect(f"file:{quote(str(file))}?mode=rw", uri=True)) as connection:
            answer = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
    except sqlite3.Error as error:
        return str(error) if is_damaged(error) else ""
    return "" if answer == "ok" else answer.splitlines()[-1]


# -- a damaged one ----------------------------------------------------------


def _refuse_foreign(file: Path, error: StoreError) -> None:
    """Raise StoreError for a file that SQLite can't read, and into which nothing was ever loaded.

    Every load leaves its lock beside the database.
    """
    if is_damaged(error) and not Path(f"{file}.lock").exists():
        raise StoreError(
            f"{file} is no database ({root_cause(error)}), and feeds didn't make it; "
            "name another file in FEEDS_DATABASE_URL, or remove this one"
        )


def set_aside(file: Path, warn: Warn) -> None:
    """Rename a database file that is damaged, unless another process was first. Raises OSError."""
    with locked(Path(f"{file}.lock")):  # as loads do
        if damage := damage_in(file):
            aside = _set_aside(file)
            outcome = "replaced by its spare copy" if spare.restore(file) else "made anew"
            kept = f"it is kept as {aside.name} and {outcome}"
            warn(f"the database {file} is damaged ({damage}); {kept}")


def _set_aside(file: Path) -> Path:
    """Rename a database; nothing is ever deleted. Raises OSError."""
    name = f"{file.name}.damaged"
    aside, number = file.with_name(name), 1
    while aside.exists():
        number += 1
        aside = file.with_name(f"{name}-{number}")
    for part in _PARTS:  # first: a log must never meet a file that isn't its own
        try:
            Path(f"{file}{part}").rename(f"{aside}{part}")
        except FileNotFoundError:
            continue
    file.rename(aside)
    return aside


def keep_spare(url: str, keeper: spare.Keeper) -> Thread | None:
    """Renew the spare copy of a database, if that is due; see `Keeper.renew_if_due`."""
    file = sqlite_file(make_url(url))
    return keeper.renew_if_due(file) if file is not None and current_url(url) == url else None


# -- one that can't be written ----------------------------------------------


def current_url(url: str) -> str:
    """The URL of the database to use now: of its fallback where there is one, else `url`."""
    folder = _fallback_folder(url)
    if folder and _is_private(folder) and (folder / _FILE).is_file():
        return _url_in(folder)
    return url


def is_fallback(store: Store, url: str) -> bool:
    """Whether `store` is the fallback of the database at `url`."""
    return store.url != make_url(url)


def drop_fallback(url: str) -> None:
    """Remove the fallback; its readers turn back to the database by themselves."""
    folder = _fallback_folder(url)
    if folder and _is_private(folder):
        shutil.rmtree(folder, ignore_errors=True)


@lru_cache
def _fallback_folder(url: str) -> Path | None:
    """The folder that a fallback may be in: in memory, else among temporary files."""
    file = sqlite_file(make_url(url))
    if file is None:
        return None
    digest = hashlib.sha256(os.fsencode(file.absolute())).hexdigest()[:16]
    parent = _MEMORY if _MEMORY.is_dir() else Path(tempfile.gettempdir())
    return parent / f"feeds-{os.geteuid()}-{digest}"


def _make_private(folder: Path) -> bool:
    with suppress(OSError):
        folder.mkdir(mode=0o700)
    return _is_private(folder)


def _is_private(folder: Path) -> bool:
    """Whether it is our own folder that nobody else may enter: its parent is open to all."""
    try:
        status = folder.lstat()
    except OSError:
        return False
    return (
        stat.S_ISDIR(status.st_mode)
        and status.st_uid == os.geteuid()
        and not stat.S_IMODE(status.st_mode) & 0o077
    )


def _url_in(folder: Path) -> str:
    return URL.create("sqlite", database=str(folder / _FILE)).render_as_string()
