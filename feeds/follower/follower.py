"""Follows the folder: loads what changes, and goes on whatever happens to it or the database.

This runs as a process of its own beside those that answer requests. All it
shares with them is the store.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from threading import Event
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from feeds.catalog.saved_filters import saved_filters
from feeds.config import Config
from feeds.follower import purging, websub
from feeds.follower.folder_changes import FolderChanges, Touched
from feeds.loading.arrivals import HistoryReader
from feeds.loading.loader import Loader
from feeds.loading.report import Report
from feeds.messages import first_line
from feeds.model import FeedsError
from feeds.records.profile import Profile
from feeds.store import recovery, spare
from feeds.store.database import Store, StoreError, note_health
from feeds.store.loading_notes import CONTESTED, EVERY, LOOKS, POLLS
from feeds.telemetry import log
from feeds.telemetry.metrics import Metrics

Log = Callable[[str], None]

_PATIENCE: Final = 0.7  # seconds that a load waits for half a file
_LEAST_CHECK: Final = 20  # times as long as a check of the whole database takes
_SAFETY: Final = 30.0  # seconds without a load
_WHOLE: Final = 300.0  # seconds without a look at everything, in case an event was lost
_CONTESTED: Final = 3600  # seconds until it is told again that another server loads too
_RETRIES: Final = (0.5, 1.0, 2.0, 5.0)  # seconds until a failed load is tried again

_Signature = tuple[int, int, int]


class FolderFollower:
    """Keeps the store up to the folder. `log` is given one line at a time.

    `tell` is given those about what went well, by default `log` too.

    `metrics` counts loads, pings and purges, where somebody may see it.
    """

    def __init__(
        self, config: Config, log: Log, metrics: Metrics | None = None, tell: Log | None = None
    ) -> None:
        self.config = config
        self.wanted = Event()  # a load, at once
        self._log = log
        self._tell = tell or log
        self._metrics = metrics
        self._loader: Loader | None = None
        self._signature: _Signature | None = None  # of the database after our last load
        self._problem = ""  # that was logged last, so that it is logged once
        self._next: int | None = None  # when a record is another by itself, in seconds
        self._failures = 0
        self._tried = float("-inf")
        self._next_check = 0.0  # of the database for damage
        self._took = 0.0  # seconds, the last load
        self._primary_tried = float("-inf")
        self._changes = FolderChanges(config, log)
        self._touched: Touched = None  # since the last load that went well
        self._looked = float("-inf")  # at everything
        self._notes = {EVERY: 0 if config.watch == "off" else LOOKS}
        self._is_asked = False  # to say what comes of the next load, whatever that is
        self._publishers = (
            websub.background_publisher(config, log, metrics, self._tell),
            purging.background_purger(config, log, metrics, self._tell),
        )
        self._spare = spare.Keeper(log)

    def run(self, stop: Event, alive: Callable[[], bool] = lambda: True) -> None:
        """Follow until `stop` is set or `alive` says no."""
        is_first = True
        while is_first or (not stop.is_set() and alive()):
            for touched in self._changes.ticks():
                if not is_first and (stop.is_set() or not alive()):
                    break
                known = self._touched
                self._touched = None if known is None or touched is None else known | touched
                if touched or touched is None or self._due():
                    self.load()
                if is_first:
                    is_first = False
                    for workers in self._publishers:
                        workers.start()
        for workers in self._publishers:
            workers.end()
        if self._loader is not None:
            self._loader.target.release()

    def answer(self) -> None:
        """Have a load made at once, and a line say what came of it (SIGHUP)."""
        self._is_asked = True
        self.wanted.set()

    # -- when ----------------------------------------------------------------

    def _due(self) -> bool:
        """Whether a load is wanted for another reason than a change of the folder."""
        since = time.monotonic() - self._tried
        if self.wanted.is_set() or (not self._failures and self._database_lost()):
            return True
        if self._failures:
            # No sooner than after as long as it took: it may fail at its end.
            return since >= max(_RETRIES[min(self._failures, len(_RETRIES)) - 1], self._took)
        if self.config.watch == "off":
            return False
        return since >= _SAFETY or (self._next is not None and time.time() >= self._next)

    def _database_lost(self) -> bool:
        """Whether the database file was removed, replaced or damaged since our last load."""
        if self._loader is None:
            return False
        store, now = self._loader.target, time.monotonic()
        is_other = store.file and not store.replaced and _signature(store) != self._signature
        if store.file and is_other and now >= self._next_check:
            with suppress(OSError):
                recovery.set_aside(store.file, self._warn)
            self._next_check = now + _LEAST_CHECK * (time.monotonic() - now)
            self._signature = _signature(store)  # another load, or SQLite tidying up
            if store.replaced:
                self._close()
                return True
        return store.replaced

    # -- what ----------------------------------------------------------------

    def _history(self) -> HistoryReader | None:
        if self.config.history == "off":
            return None
        return HistoryReader(self.config.seeds, wait=False, ready=self.wanted.set)

    def load(self) -> None:
        """Load once; a failure is logged, noted in the store, and tried again later."""
        is_asked = False
        if self.wanted.is_set():  # all that failed is tried again
            self.wanted.clear()
            is_asked, self._is_asked = self._is_asked, False
            self._primary_tried = float("-inf")
        started, contested = time.monotonic(), self._notes.get(CONTESTED, 0)
        is_whole = is_asked or bool(self._failures) or started - self._looked >= _WHOLE
        touched, self._touched = self._touched, None
        self._notes[POLLS] = int(self._changes.fell_back)
        try:
            report = self._load(None if is_whole else touched)
        except (FeedsError, SQLAlchemyError, OSError) as error:
            outcome = "failed"
            self._failed(error, is_asked=is_asked)
        else:
            outcome = "changed" if report.changed else "unchanged"
            self._failures = 0
            self._next = report.due
            self._touched = set() if self._changes.is_telling else None
            if is_whole or touched is None:
                self._looked = time.monotonic()
            if is_whole and touched is not None and self._loader and self._loader.is_alone:
                self._changes.check(report.differing, touched)
            if report.changed:
                for workers in self._publishers:
                    workers.look()
            self._log_report(report, time.monotonic() - started, is_asked=is_asked)
            self._problem = ""
            if self._notes.get(CONTESTED, 0) > contested + _CONTESTED:
                self._log(
                    "another server loads other records into the same store, and each undoes what "
                    "the other one did; name a store of its own (FEEDS_DATABASE_URL) for each"
                )
            recovery.keep_spare(self.config.database, self._spare)
        self._tried = time.monotonic()
        self._took = self._tried - started
        if self._metrics is not None:
            self._metrics.loaded(outcome, self._took)

    def _log_report(self, report: Report, seconds: float, *, is_asked: bool) -> None:
        for line, is_error in report.told(report.turned):
            (self._log if is_error else self._tell)(line)
        with log.bound(**report.figures(), seconds=round(seconds, 3)):
            if self._problem:
                self._tell(f"{self.config.seeds} is loaded again: {report.summary()}")
            elif report.changed or report.turned or is_asked:
                self._tell(f"{report.place}: {report.summary()}, in {seconds:.1f} s")

    def _load(self, touched: Touched) -> Report:
        """The report of a load into the database, or into what stands in for it."""
        url, store = self.config.database, self._loader.target if self._loader else None
        now = time.monotonic()
        if store is not None and store.replaced:
            self._warn(f"the database {store.file} is gone; it is made anew")
            store = None
        elif store and recovery.is_fallback(store, url) and now >= self._primary_tried + _SAFETY:
            store = None
        if store is None:
            self._close()
            self._primary_tried = now
        return recovery.with_recovery(url, self._warn, partial(self._load_into, touched), store)

    def _loader_of(self, store: Store) -> Loader:
        profile, saved = Profile.of(self.config), saved_filters(self.config.collections)
        self._loader = Loader(store, self.config.seeds, _PATIENCE, profile, saved, self._history())
        self._loader.notes = self._notes
        return self._loader

    def _load_into(self, touched: Touched, store: Store) -> Report:
        known = self._loader
        loader = known if known and known.target is store else self._loader_of(store)
        report = loader.load(touched=touched)
        if store.replaced:
            raise StoreError(f"the store {store.name} was removed during a load")
        self._signature = _signature(store)
        return report

    def _failed(self, error: Exception, *, is_asked: bool) -> None:
        self._failures += 1
        message = first_line(error)
        if message != self._problem or is_asked:
            self._log(message)
            self._problem = message
        if self._loader is not None:
            store = self._loader.target
            with suppress(StoreError, SQLAlchemyError), store.write() as connection:
                note_health(connection, getattr(error, "public", StoreError.public))
            self._signature = _signature(store)

    def _warn(self, message: str) -> None:
        if message != self._problem:
            self._log(message)

    def _close(self) -> None:
        if self._loader is not None:
            self._loader.target.release()
        self._loader = self._signature = None


def _signature(store: Store) -> _Signature | None:
    """The inode, size and time of the database file: another one after any write to it."""
    if store.file is None:
        return None
    try:
        status = store.file.stat()
    except OSError:
        return (0, 0, 0)
    return status.st_ino, status.st_size, status.st_mtime_ns
