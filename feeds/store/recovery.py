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
    """Open the store at `url`; a damaged one is replaced, one that can't be written has a fallback.

    Raises StoreError when the database holds something else, doesn't answer,
    or can't be replaced.
    """
    try:
        return Store(url, partial(current_url, url))
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
        return Store(current_url(url), partial(current_url, url))
    except StoreError:
        return open_store(url, warn)


def with_recovery(url: str, warn: Warn, work: Callable[[Store], T]) -> T:
    """Call `work`, which loads, with the store; once more with a recovered one on a StoreError.

    Returns what `work` does, and raises what it raises the second time. A
    load that reached the database drops the fallback.
    """
    store = open_store(url, warn)
    try:
        result = work(store)
    except StoreError as error:
        store.release()
        store = _recovered(url, error, warn)
        result = work(store)
    if not is_fallback(store, url):
        drop_fallback(url)
    return result


def _recovered(url: str, error: StoreError, warn: Warn) -> Store:
    """Open what replaces the store that failed. Raises `error` when nothing can."""
    file = sqlite_file(make_url(url))
    if file is None:
        raise error
    if is_damaged(error):
        try:
            set_aside(file, error, warn)
            return Store(url, partial(current_url, url))
        except OSError as failure:
            error = StoreError(f"the damaged database {file} can't be replaced: {failure}")
            error.__cause__ = failure
    if not is_unwritable(error):
        raise error
    exists = current_url(url) != url
    fallback = _make_fallback(url)
    if fallback is None:
        raise error
    if not exists:
        warn(
            f"the database {file} can't be written ({root_cause(error)}); "
            f"until it can, {sqlite_file(make_url(fallback))} in memory stands in for it"
        )
    return _open_fallback(url, fallback)


def _open_fallback(url: str, fallback: str) -> Store:
    try:
        return Store(fallback, partial(current_url, url))
    except StoreError as error:
        if not is_damaged(error):
            raise
    drop_fallback(url)
    return Store(_make_fallback(url) or fallback, partial(current_url, url))


# -- kinds of errors --------------------------------------------------------


def is_damaged(error: BaseException) -> bool:
    """Whether the cause is a file that SQLite can't make sense of."""
    return _code(error) in _DAMAGED


def is_unwritable(error: BaseException) -> bool:
    """Whether the cause is a file or folder that can't be opened or written."""
    if _code(error) in _UNWRITABLE:
        return True
    return any(isinstance(cause, OSError) for cause in causes(error))


def is_missing(error: BaseException) -> bool:
    """Whether the cause are tables of PostgreSQL that aren't there any more."""
    return any(map(postgres.is_missing, causes(error)))


def flag_corruption(store: Store, error: BaseException) -> None:
    """If an error tells of damage, set the file's time, so that the follower checks the file."""
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
            outcome = "replaced by its spare copy" if spare.restore(file) else "made anew"
            warn(
                f"the database {file} is damaged ({root_cause(error)}); "
                f"it is kept as {aside.name} and {outcome}"
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
    """Renew the spare copy of a database, if that is due; see `Keeper.renew_if_due`."""
    file = sqlite_file(make_url(url))
    return keeper.renew_if_due(file) if file is not None and current_url(url) == url else None


# -- one that can't be written ----------------------------------------------


def current_url(url: str) -> str:
    """The URL of the database to use now: of its fallback where there is one, else `url`."""
    for folder in _fallback_folders(url):
        if _is_private(folder) and (folder / "feeds.db").is_file():
            return _url_in(folder)
    return url


def is_fallback(store: Store, url: str) -> bool:
    """Whether `store` is the fallback of the database at `url`."""
    return store.url != make_url(url)


def drop_fallback(url: str) -> None:
    """Remove the fallback; its readers turn back to the database by themselves."""
    for folder in _fallback_folders(url):
        if not _is_private(folder):
            continue
        for name in ("feeds.db", *(f"feeds.db{part}" for part in _PARTS), "feeds.db.lock"):
            (folder / name).unlink(missing_ok=True)
        try:
            folder.rmdir()
        except OSError:
            continue


def _make_fallback(url: str) -> str | None:
    for folder in _fallback_folders(url):
        try:
            folder.mkdir(mode=0o700)
        except FileExistsError:
            pass
        except OSError:
            continue
        if _is_private(folder):
            return _url_in(folder)
    return None


@lru_cache
def _fallback_folders(url: str) -> tuple[Path, ...]:
    """The folders that a fallback may be in: in memory, else among temporary files."""
    file = sqlite_file(make_url(url))
    if file is None:
        return ()
    digest = hashlib.sha256(os.fsencode(file.absolute())).hexdigest()[:16]
    name = f"feeds-{os.geteuid()}-{digest}"
    return tuple(parent / name for parent in (_MEMORY, Path(tempfile.gettempdir())))


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
    return URL.create("sqlite", database=str(folder / "feeds.db")).render_as_string()
