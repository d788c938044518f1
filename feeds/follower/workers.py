"""What is done beside a follower after its loads, in threads: one for each host that is told.

A host that doesn't answer keeps neither the loads nor the other hosts waiting.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from threading import Event, Thread
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from feeds.model import FeedsError
from feeds.store import recovery
from feeds.store.database import Store

LOOK: Final = 0.5  # seconds between looks for what there is to do
_GRACE: Final = 1.0  # seconds that a request under way is given when all ends

# Does what there is to do, and tells how many seconds there may be nothing.
Step = Callable[[], float]


class HostWorkers:
    """Threads that tell hosts, by URL, of what changed in the store at an SQLAlchemy URL.

    `step` gives what to do for one of them, with a store of the thread's own.
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
