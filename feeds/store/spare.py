"""A copy of a database that takes long to make anew, for the day that it is damaged.

It lies beside the database, an hour old or so. It takes the place of one that
was damaged, and is brought up to the folder by a load of what changed since:
that takes seconds, where reading every file again takes minutes in which what
isn't prepared could not be answered. PostgreSQL has backups of its own.
"""

from __future__ import annotations

import shutil
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from threading import Thread
from typing import Final
from urllib.parse import quote

# A smaller database is made anew while a request waits.
_LARGE: Final = 32 * 1024 * 1024
_EVERY: Final = 3600.0  # seconds
_ROOM: Final = 3  # times its size that the disk must have free
_SERVED: Final = "the database was damaged; a copy of before is served until the folder is loaded"


class Keeper:
    """Keeps the spare copy of a database up, beside everything else. `log` is given a line."""

    def __init__(self, log: Callable[[str], None]) -> None:
        self._log = log
        self._copying: Thread | None = None
        self._failed = float("-inf")

    def look(self, file: Path) -> Thread | None:
        """Begin to copy the database, if that is due. It goes on being read and written.

        What the copying may be waited for with; ending in the middle of it
        does no harm.
        """
        if self._copying is not None and self._copying.is_alive():
            return self._copying
        if time.monotonic() < self._failed + _EVERY or not is_due(file, time.time()):
            return None
        self._copying = Thread(target=self._copy, args=(file,), daemon=True)
        self._copying.start()
        return self._copying

    def _copy(self, file: Path) -> None:
        try:
            copy(file)
        except (sqlite3.Error, OSError) as error:
            self._failed = time.monotonic()
            self._log(f"the database {file} has no new spare copy: {error}")


def spare_path(file: Path) -> Path:
    """Where the spare copy of a database is."""
    return file.with_name(f"{file.name}.spare")


def is_due(file: Path, now: float) -> bool:
    """Whether a database is worth a copy, and has none or an old one; `now` in seconds."""
    try:
        size = file.stat().st_size
        if size < _LARGE or shutil.disk_usage(file.parent).free < size * _ROOM:
            return False
        with suppress(FileNotFoundError):
            return spare_path(file).stat().st_mtime + _EVERY < now and _writes(file) != _writes(
                spare_path(file)
            )
    except (sqlite3.Error, OSError):
        return False  # whoever loads it says so
    return True


def copy(file: Path) -> None:
    """Make the spare copy of a database, of one moment. Raises sqlite3.Error and OSError."""
    made = spare_path(file).with_suffix(".new")
    made.unlink(missing_ok=True)
    try:
        with closing(_opened(file)) as source, closing(sqlite3.connect(made)) as target:
            source.backup(target)
            target.execute("PRAGMA journal_mode=DELETE")  # all of it is in the one file
            target.execute("UPDATE health SET degraded = ?", (_SERVED,))
            target.commit()
            found = target.execute("PRAGMA quick_check(1)").fetchone()[0]
            if found != "ok":
                raise sqlite3.DatabaseError(found)
        made.rename(spare_path(file))
    finally:
        for part in ("", "-wal", "-shm", "-journal"):  # of one that failed
            Path(f"{made}{part}").unlink(missing_ok=True)


def restore(file: Path) -> bool:
    """Put the spare copy in the place of a database that was set aside; whether there was one."""
    try:
        spare_path(file).rename(file)
    except OSError:
        return False
    return True


def _writes(file: Path) -> object:
    with closing(_opened(file)) as connection:
        return connection.execute("SELECT writes FROM state").fetchone()


def _opened(file: Path) -> sqlite3.Connection:
    """A database that is there already."""
    return sqlite3.connect(f"file:{quote(str(file))}?mode=rw", uri=True, timeout=60)
