"""Tells the caches in front to forget what a load changed, outside of the requests.

What changed is known from the store, by surrogate keys (`feeds.follower.changed_keys`).
Up to which load each cache was told is noted there too, once the cache said
that it did: whatever happens before is told at the next try, or by the next
process.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from importlib.metadata import version
from typing import Final

import urllib3

from feeds.catalog import cache_keys
from feeds.config import Config
from feeds.follower import changed_keys
from feeds.follower.workers import LOOK, SETTLING, HostWorkers, Step, reading
from feeds.messages import root_cause
from feeds.model import FeedsError
from feeds.store import changes, recovery
from feeds.store.changes import Mark
from feeds.store.database import Store
from feeds.telemetry.metrics import Metrics

Log = Callable[[str], None]

_WAITS: Final = (1, 5, 15, 60, 300)  # seconds until a cache is told again
_ROOM: Final = 4_000  # characters of keys in one request
_TIMEOUT: Final = urllib3.Timeout(connect=5.0, read=10.0)
_AGENT: Final = f"feeds/{version('feeds')}"


class PurgeError(FeedsError):
    """A cache that could not be purged; says why."""


def purge(cache: str, keys: Iterable[str]) -> None:
    """Purge one cache of the documents that carry any of `keys`. Raises PurgeError."""
    # No proxy of the environment: a cache is told itself.
    with urllib3.PoolManager() as client:
        for line in _fitting(keys):
            headers = {"User-Agent": _AGENT, "xkey": line, "Surrogate-Key": line}
            try:
                response = client.request(
                    "PURGE", cache, headers=headers, timeout=_TIMEOUT, retries=False
                )
            except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
                raise PurgeError(root_cause(error)) from None
            if not 200 <= response.status < 300:  # noqa: PLR2004 - RFC 9110 15.3
                raise PurgeError(f"it answers {response.status}")


def _fitting(keys: Iterable[str]) -> Iterator[str]:
    """The keys separated by spaces, in as many lines as they need."""
    line: list[str] = []
    length = 0
    for key in keys:
        if line and length + len(key) > _ROOM:
            yield " ".join(line)
            line, length = [], 0
        line.append(key)
        length += len(key) + 1
    if line:
        yield " ".join(line)


class Purger:
    """Purges one cache of the documents that loads changed.

    `log` is given a line for each purge that fails, `tell` for each other one, by default
    `log` too. `clock` gives monotonic seconds; `metrics` counts purges by outcome.
    """

    def __init__(
        self,
        store: Store,
        config: Config,
        cache: str,
        log: Log,
        clock: Callable[[], float] = time.monotonic,
        metrics: Metrics | None = None,
        tell: Log | None = None,
    ) -> None:
        self.store = store
        self.config = config
        self.cache = cache
        self._log = log
        self._tell = tell or log
        self._clock = clock
        self._metrics = metrics
        self._settings = changed_keys.settings(config)
        self._pending: Mark | None = None  # of the load up to which the cache is to be purged
        self._due = 0.0  # when
        self._failures = 0
        self._problem = ""  # that was logged last, so that it is logged once

    def step(self) -> float:
        """Purge the cache, if a load changed something and it is time to.

        Returns the seconds until there may be something to do. Raises
        StoreError.
        """
        if self._pending is None:
            self._pending = self.pending_mark()
            self._due = self._clock() + SETTLING
            if self._pending is None:
                return LOOK
        wait = self._due - self._clock()
        if wait > 0:
            return wait
        try:
            self.purge_changes(self._pending)
        except PurgeError as error:
            pause = _WAITS[min(self._failures, len(_WAITS) - 1)]
            self._failures += 1
            self._due = self._clock() + pause
            self._count("again")
            if str(error) != self._problem:
                self._log(f"cache {self.cache} could not be purged ({error}); again in {pause} s")
            self._problem = str(error)
            return pause
        self._failures, self._pending, self._problem = 0, None, ""
        self._count("done")
        return 0.0

    def _count(self, outcome: str) -> None:
        if self._metrics is not None:
            self._metrics.purged(self.cache, outcome)

    def purge_changes(self, mark: Mark) -> None:
        """Purge the cache of what loads changed since its mark, and set that to `mark`.

        Workers may not have noticed what was loaded after that yet: it is purged
        once more. Raises PurgeError and StoreError.
        """
        with reading(self.store) as reader:
            before = changes.mark_of(reader.connection, self.cache)
            if before is not None and before.settings == mark.settings:
                keys = sorted(changed_keys.changed(reader, before.loaded, self.config))
            else:
                keys = [cache_keys.ALL]
        purge(self.cache, keys)
        with self.store.write() as connection:
            changes.set_mark(connection, self.cache, mark)
        number = f"{len(keys)} keys" if len(keys) > 1 else keys[0]
        self._tell(f"cache {self.cache} was purged of what changed ({number})")

    def pending_mark(self) -> Mark | None:
        """The mark of the last load, if the cache has another one. Raises StoreError."""
        with reading(self.store) as reader:
            state = reader.state()
            present = Mark(state.loaded, self._settings)
            return (
                present
                if state.generation and present != changes.mark_of(reader.connection, self.cache)
                else None
            )


def background_purger(config: Config, log: Log, metrics: Metrics | None, tell: Log) -> HostWorkers:
    """Purges beside a follower."""

    def step(store: Store, cache: str) -> Step:
        return Purger(store, config, cache, log, metrics=metrics, tell=tell).step

    return HostWorkers(config.database, config.purge, step)


def changed(config: Config, log: Log) -> list[str]:
    """Purge each cache once of what loads changed since its mark; the caches that failed.

    Raises StoreError.
    """
    store = recovery.open_for_reading(config.database, log)
    purgers = [Purger(store, config, cache, log) for cache in config.purge]
    pending = [(purger, purger.pending_mark()) for purger in purgers]
    if any(mark for _, mark in pending):
        time.sleep(SETTLING)
    failed = []
    for purger, mark in pending:
        try:
            if mark is not None:
                purger.purge_changes(mark)
        except PurgeError as error:
            log(f"cache {purger.cache} could not be purged ({error})")
            failed.append(purger.cache)
    store.release()
    return failed
