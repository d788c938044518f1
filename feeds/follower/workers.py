"""Threads beside a follower that tell hosts what loads changed, one thread for each host.

A host that doesn't answer keeps neither the loads nor the other hosts waiting.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from threading import Event, Thread
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from feeds.model import FeedsError
from feeds.store import recovery
from feeds.store.database import Store, StoreError
from feeds.store.reader import Reader

LOOK: Final = 0.5  # seconds between looks for what there is to do
# Seconds until hosts are told of a load: they fetch at once, and a worker looks every half
# second whether there is a new generation (feeds.serving.generation_watch). Until then it may
# still answer with what was before.
SETTLING: Final = 0.8
# Seconds more until hubs are told where there are caches, through which they fetch.
AFTER_CACHES: Final = 0.7
_GRACE: Final = 1.0  # seconds that a request under way is given when all ends

# Does what is due; returns the seconds until something may be due again.
Step = Callable[[], float]


@contextmanager
def reading(store: Store) -> Iterator[Reader]:
    """A consistent view of a store. Raises StoreError where the database fails."""
    try:
        with store.read() as reader:
            yield reader
    except SQLAlchemyError as error:
        raise StoreError.of(store.name, error) from error


class HostWorkers:
    """Threads that tell hosts, by URL, of what changed in the store at an SQLAlchemy URL.

    `step` makes the Step of one host, with a store of the thread's own.
    """

    def __init__(
        self, database: str, hosts: Sequence[str], step: Callable[[Store, str], Step]
    ) -> None:
        self._database = database
        self._step = step
        self._stop = Event()
        self._news = {host: Event() for host in hosts}
        self._threads: list[Thread] = []

    def start(self) -> None:
        for host in self._news:
            thread = Thread(target=self._run, args=(host,), name=f"tell {host}", daemon=True)
            thread.start()
            self._threads.append(thread)

    def look(self) -> None:
        """Have them look at once: something changed."""
        for news in self._news.values():
            news.set()

    def end(self) -> None:
        """Stop; what is left to do is done after the next start."""
        self._stop.set()
        self.look()
        end = time.monotonic() + _GRACE
        for thread in self._threads:
            thread.join(max(end - time.monotonic(), 0))

    def _run(self, host: str) -> None:
        store: Store | None = None
        while not self._stop.is_set():
            self._news[host].clear()
            pause = LOOK
            # What is wrong with the store, the follower tells and mends.
            with suppress(FeedsError, SQLAlchemyError, OSError):
                if store is None:
                    store = recovery.open_for_reading(self._database, lambda _: None)
                    step = self._step(store, host)
                store.refresh()
                pause = step()
            if pause > 0 and not self._stop.is_set():
                self._news[host].wait(pause)
        if store is not None:
            store.release()
