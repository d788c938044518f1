"""The spare copy of a large SQLite database, for the day that the database is damaged.

It lies beside the database and is an hour old or so. Restored, it needs a load
of what changed since: seconds, where reading every file again takes minutes in
which documents that aren't prepared can't be answered. PostgreSQL has backups
of its own.
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
_WORTH_COPYING: Final = 32 * 1024 * 1024
_INTERVAL: Final = 3600.0  # seconds
_FREE: Final = 3  # times its size that the disk must have free
_DEGRADED: Final = "the database was damaged; a copy of before is served until the folder is loaded"


class Keeper:
    """Renews the spare copy of a database in a thread. `log` is given a line when that fails."""

    def __init__(self, log: Callable[[str], None]) -> None:
        self._log = log
        self._copying: Thread | None = None
        self._failed = float("-inf")

    def renew_if_due(self, file: Path) -> Thread | None:
        """Start to copy the database, if that is due; returns the thread that does, or None.

        The database may be read and written meanwhile, and the process may end.
        """
        if self._copying is not None and self._copying.is_alive():
            return self._copying
        if time.monotonic() < self._failed + _INTERVAL or not is_due(file, time.time()):
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
    """Whether a database is large, and has no spare copy or an old one; `now` in seconds."""
    try:
        size = file.stat().st_size
        if size < _WORTH_COPYING or shutil.disk_usage(file.parent).free < size * _FREE:
            return False
        with suppress(FileNotFoundError):
            return spare_path(file).stat().st_mtime + _INTERVAL < now and _writes(file) != _writes(
                spare_path(file)
            )
    except (sqlite3.Error, OSError):
        return False  # whoever loads it says so
    return True


def copy(file: Path) -> None:
    """Make the spare copy of a database, of one moment. Raises sqlite3.Error and OSError."""
    new = spare_path(file).with_suffix(".new")
    new.unlink(missing_ok=True)
    try:
        with closing(_connect(file)) as source, closing(sqlite3.connect(new)) as target:
            source.backup(target)
            target.execute("PRAGMA journal_mode=DELETE")  # all of it is in the one file
            target.execute("UPDATE health SET degraded = ?", (_DEGRADED,))
            target.commit()
            verdict = target.execute("PRAGMA quick_check(1)").fetchone()[0]
            if verdict != "ok":
                raise sqlite3.DatabaseError(verdict)
        new.rename(spare_path(file))
    finally:
        for part in ("", "-wal", "-shm", "-journal"):  # of one that failed
            Path(f"{new}{part}").unlink(missing_ok=True)


def restore(file: Path) -> bool:
    """Put the spare copy in the place of a database that was set aside; False without one."""
    try:
        spare_path(file).rename(file)
    except OSError:
        return False
    return True


def _writes(file: Path) -> object:
    with closing(_connect(file)) as connection:
        return connection.execute("SELECT writes FROM state").fetchone()


def _connect(file: Path) -> sqlite3.Connection:
    """Open a database, and never make one. Raises sqlite3.Error."""
    return sqlite3.connect(f"file:{quote(str(file))}?mode=rw", uri=True, timeout=60)
