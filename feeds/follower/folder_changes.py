"""What changes in the folder: events of the system, or looks where it doesn't tell."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Final

from sqlalchemy import make_url

from feeds.config import Config
from feeds.follower.folder_watch import FolderWatch, WatchError
from feeds.records.scanner import (
    UNSETTLED,
    FileState,
    FolderError,
    path_of,
    prefixes,
    scan,
    spelled,
)
from feeds.store.engines import sqlite_file

TICK: Final = 0.25  # seconds between looks at everything else
_POLL: Final = 1.0  # seconds between two looks at the folder without events
_LEAST_POLL: Final = 5  # times as long as a look takes
_TELLING: Final = 2.0  # seconds until the system has told of a change
# File systems whose changes are made elsewhere, and not told to this machine.
_WITHOUT_EVENTS: Final = ("nfs", "cifs", "smb", "9p", "fuse", "vboxsf", "virtiofs", "ceph", "afs")

Touched = set[str] | None  # paths in the folder, as the system spells them; None for unknown


class FolderChanges:
    """Tells what changes in the folder of records.

    `log` is given a line when the folder must be looked at every second though the settings
    don't say so; `fell_back` is whether the system should have told. `is_telling` is whether
    `ticks` has the paths of changes, by events or looks.
    """

    def __init__(self, config: Config, log: Callable[[str], None]) -> None:
        self.fell_back = False
        self.is_telling = False
        self._folder = config.seeds
        self._is_off = config.watch == "off"
        self._polls = config.watch == "poll"
        self._log = log
        self._untold: set[str] = set()  # what a look found that no event told of until then
        self._looked = 0.0
        database = sqlite_file(make_url(config.database))
        self._own = "" if database is None else str(database.absolute())

    def ticks(self) -> Iterator[Touched]:
        """What changed, several times a second; at first, that isn't known.

        Ends when another folder is in the place of this one, or when it must be looked at.
        """
        identity = _identity(self._folder)
        self.is_telling = not (self._is_off or identity is None)
        if not self.is_telling:
            ticks = _idle()
        elif self._polls or self._lacks_events():
            ticks = self._look()
        else:
            ticks = self._watch(identity)
        for touched in ticks:
            yield touched
            if _identity(self._folder) != identity and not self._is_off:
                return

    def check(self, differing: set[str], touched: set[str]) -> None:
        """Note files that a look found changed, besides those `touched`: events must name them."""
        if not self._untold:
            self._looked = time.monotonic()
        self._untold |= _without({*filter(self._is_foreign, differing)}, touched)

    def _watch(self, identity: tuple[int, int] | None) -> Iterator[Touched]:
        """What the file system tells of; ends when it can't."""
        self._untold = set()
        try:
            with closing(FolderWatch(self._folder)) as watch:
                yield None
                while not self._polls:
                    touched = watch.read(TICK)
                    yield None if touched is None else {*filter(self._is_foreign, touched)}
                    self._untold = set() if touched is None else _without(self._untold, touched)
                    if self._untold and time.monotonic() - self._looked >= _TELLING:
                        self._fall_back(
                            f"{self._folder} changed, and the system didn't tell; it is looked at "
                            "every second from now on, as with FEEDS_WATCH=poll"
                        )
        except WatchError as error:
            if _identity(self._folder) == identity:  # else it just went away
                self._fall_back(
                    f"{self._folder} can't be watched: {error}; it is looked at every second"
                )

    def _fall_back(self, why: str) -> None:
        self._polls = self.fell_back = True
        self._log(why)

    def _is_foreign(self, path: str) -> bool:
        """Whether what is at a path isn't of our own database."""
        at = f"{os.path.realpath(self._folder)}/{path}"
        return not (self._own and at.startswith(self._own))

    def _look(self) -> Iterator[Touched]:
        """What differs from the look at every file before."""
        before: dict[str, FileState] | None = None
        unsettled: set[str] = set()
        is_told = False  # that it isn't known what changed
        while True:
            started, look = time.monotonic(), time.time_ns()
            files: dict[str, FileState] | None = None
            with suppress(FolderError):
                files = scan(self._folder)
            if files is None or before is None:  # it can't be read, or can again
                yield set() if is_told and files is None else None
                is_told, unsettled = True, set(files or ())
            else:
                unsettled |= {path for path, _ in files.items() ^ before.items()}
                yield {path_of(self._folder, path) for path in unsettled}
            before, there = files, files or {}
            paths = unsettled & there.keys()
            unsettled = {path for path in paths if there[path].as_of(look) == UNSETTLED}
            pause = max(_POLL, _LEAST_POLL * (time.monotonic() - started))
            end = time.monotonic() + pause
            while time.monotonic() < end:
                time.sleep(TICK)
                yield set()

    def _lacks_events(self) -> bool:
        kind = _file_system(self._folder)
        self._polls = kind.startswith(_WITHOUT_EVENTS)
        if self._polls:
            self._log(
                f"{self._folder} is on {kind}, which doesn't tell of changes; "
                "it is looked at every second"
            )
        return self._polls


def _idle() -> Iterator[Touched]:
    yield None
    while True:
        time.sleep(TICK)
        yield set()


def _without(paths: set[str], events: set[str]) -> set[str]:
    """The `paths` of files that neither have one of `events` nor are in a folder that has."""
    names = set(map(spelled, events))
    return {path for path in paths if names.isdisjoint(prefixes(path))}


def _identity(folder: Path) -> tuple[int, int] | None:
    """The device and inode of a folder, which tell it from another one in its place."""
    try:
        status = folder.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _file_system(folder: Path) -> str:
    """The kind of the file system that a folder is on; empty where it isn't known."""
    path = os.path.realpath(folder)
    best, kind = "", ""
    with suppress(OSError), Path("/proc/self/mountinfo").open(encoding="utf-8") as mounts:
        for line in mounts:
            left, _, right = line.partition(" - ")
            at = left.split()[4].encode().decode("unicode_escape")
            inside = path == at or path.startswith(at.rstrip("/") + "/")
            if inside and len(at) >= len(best):
                best, kind = at, right.split()[0]
    return kind
