"""What to do about a database that is damaged or can't be written.

A damaged one is set aside; its spare copy takes its place, or it is made anew
from the folder. One that can't be written is replaced by a stand-in in memory:
a SQLite file in /dev/shm that all processes of a server find by themselves, and
that goes away once a load has reached the database again. Either is told in
one line.
"""

from __future__ import annotations

import hashlib
import os
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
_PARTS: Final = ("-wal", "-shm")  # what SQLite keeps beside a file
_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - only in a folder that is ours alone


def open_store(url: str, warn: Warn) -> Store:
    """The store at `url`, mended or replaced by its stand-in where that is needed.

    Raises StoreError when the database holds something else, doesn't answer,
    or can't be replaced.
    """
    try:
        return Store(url, partial(place, url))
    except StoreError as error:
        return rescued(url, error, warn)


def open_for_reading(url: str, warn: Warn) -> Store:
    """The store that is in force for `url` now, for those who only read it.

    PostgreSQL is not connected to yet: it may be away just now, or empty.
    """
    if postgres.is_postgresql(make_url(url)):
        return Store(url, prepare=False)
    try:
        return Store(place(url), partial(place, url))
    except StoreError:
        return open_store(url, warn)


def with_recovery(url: str, warn: Warn, work: Callable[[Store], T]) -> T:
    """What `work`, which loads, makes of the store; with a rescued one if it fails for that.

    Raises what `work` raises.
    """
    store = open_store(url, warn)
    try:
        done = work(store)
    except StoreError as error:
        store.release()
        store = rescued(url, error, warn)
        done = work(store)
    if not is_stand_in(store, url):
        drop_fallback(url)
    return done


def rescued(url: str, error: StoreError, warn: Warn) -> Store:
    """Another store instead of the one that failed. Raises `error` where there can't be one."""
    file = sqlite_file(make_url(url))
    if file is None:
        raise error
    if is_damaged(error):
        try:
            set_aside(file, error, warn)
            return Store(url, partial(place, url))
        except OSError as failure:
            error = StoreError(f"the damaged database {file} can't be replaced: {failure}")
            error.__cause__ = failure
    if not is_unwritable(error):
        raise error
    known = place(url) != url
    instead = _make_stand_in(url)
    if instead is None:
        raise error
    if not known:
        warn(
            f"the database {file} can't be written ({root_cause(error)}); "
            f"until it can, {sqlite_file(make_url(instead))} in memory stands in for it"
        )
    return _open_stand_in(url, instead)


def _open_stand_in(url: str, instead: str) -> Store:
    try:
        return Store(instead, partial(place, url))
    except StoreError as error:
        if not is_damaged(error):
            raise
    drop_fallback(url)
    return Store(_make_stand_in(url) or instead, partial(place, url))


# -- what is wrong ----------------------------------------------------------


def is_damaged(error: BaseException) -> bool:
    """Whether this comes from a file that SQLite can't make sense of."""
    return _code(error) in _DAMAGED


def is_unwritable(error: BaseException) -> bool:
    """Whether this comes from a file or folder that can't be opened or written."""
    if _code(error) in _UNWRITABLE:
        return True
    return any(isinstance(cause, OSError) for cause in causes(error))


def is_missing(error: BaseException) -> bool:
    """Whether this comes from tables of PostgreSQL that aren't there any more."""
    return any(map(postgres.is_missing, causes(error)))


def flag_corruption(store: Store, error: BaseException) -> None:
    """Have the follower look at the file of a store that failed like this: it sees the new time."""
    if store.file and is_damaged(error):
        with suppress(OSError):  # it looks at one that is gone or can't be written anyway
            os.utime(store.file)


def is_sound(store: Store) -> bool:
    """Whether SQLite finds nothing wrong with the file, all of which it reads."""
    return store.file is None or _is_sound(store.file)


def _code(error: BaseException) -> int | None:
    for cause in causes(error):
        code: int | None = getattr(cause, "sqlite_errorcode", None)
        if code is not None:
            return code & 0xFF  # the rest tells more of the same
    return None


def _is_sound(file: Path) -> bool:
    try:
        with closing(sqlite3.connect(f"file:{quote(str(file))}?mode=rw", uri=True)) as connection:
            answer = connection.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.Error as error:
        return not is_damaged(error)
    return bool(answer[0] == "ok")


# -- a damaged one ----------------------------------------------------------


def set_aside(file: Path, error: BaseException, warn: Warn) -> None:
    """Rename a database file that is damaged, unless another process was first. Raises OSError."""
    with locked(Path(f"{file}.lock")):  # as loads do
        if not _is_sound(file):
            aside = _set_aside(file)
            anew = "made anew" if not spare.restore(file) else "replaced by its spare copy"
            warn(
                f"the database {file} is damaged ({root_cause(error)}); "
                f"it is kept as {aside.name} and {anew}"
            )


def _set_aside(file: Path) -> Path:
    """Rename a database; nothing is ever deleted. Raises OSError."""
    number = 1
    while (aside := _numbered(file, number)).exists():
        number += 1
    for part in _PARTS:  # first: a log must never meet a file that isn't its own
        try:
            Path(f"{file}{part}").rename(f"{aside}{part}")
        except FileNotFoundError:
            continue
    file.rename(aside)
    return aside


def _numbered(file: Path, number: int) -> Path:
    return file.with_name(f"{file.name}.damaged{'' if number == 1 else f'-{number}'}")


def keep_spare(url: str, keeper: spare.Keeper) -> Thread | None:
    """Have the spare copy of a database renewed, if that is due; see `Keeper.look`."""
    file = sqlite_file(make_url(url))
    return keeper.look(file) if file is not None and place(url) == url else None


# -- one that can't be written ----------------------------------------------


def place(url: str) -> str:
    """Where the database is now: at `url`, unless there is a stand-in."""
    for folder in _folders(url):
        if _is_ours(folder) and (folder / "feeds.db").is_file():
            return _url_in(folder)
    return url


def is_stand_in(store: Store, url: str) -> bool:
    """Whether `store` stands in for the database at `url`."""
    return store.url != make_url(url)


def drop_fallback(url: str) -> None:
    """Remove the stand-in; those who read it turn back to the database by themselves."""
    for folder in _folders(url):
        if not _is_ours(folder):
            continue
        for name in ("feeds.db", *(f"feeds.db{part}" for part in _PARTS), "feeds.db.lock"):
            (folder / name).unlink(missing_ok=True)
        try:
            folder.rmdir()
        except OSError:
            continue


def _make_stand_in(url: str) -> str | None:
    for folder in _folders(url):
        try:
            folder.mkdir(mode=0o700)
        except FileExistsError:
            pass
        except OSError:
            continue
        if _is_ours(folder):
            return _url_in(folder)
    return None


@lru_cache
def _folders(url: str) -> tuple[Path, ...]:
    """Where a stand-in may be: in memory, else in the folder of temporary files."""
    file = sqlite_file(make_url(url))
    if file is None:
        return ()
    digest = hashlib.sha256(os.fsencode(file.absolute())).hexdigest()[:16]
    name = f"feeds-{os.geteuid()}-{digest}"
    return tuple(parent / name for parent in (_MEMORY, Path(tempfile.gettempdir())))


def _is_ours(folder: Path) -> bool:
    """Whether it is a folder that nobody else may write to: the place is open to all."""
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
    return URL.create("sqlite", database=str(folder / "feeds.db")).render_as_string()
