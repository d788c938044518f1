"""Which generation of the store there is, as one process knows it."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from feeds.store.database import Store
from feeds.store.reader import Health, State

# How often a worker looks whether there is a new generation, in seconds.
_LOOK_EVERY: Final = 0.5
_TOGETHER: Final = 0.05  # seconds that others wait for a look, which takes a millisecond


class GenerationWatch:
    """Asks the store for its generation now and then, rather than for every request.

    `clock` gives monotonic seconds. `health` is how loading went, by the store;
    `store_is_up` tells whether it answered when it was last asked; `is_rebuilding`
    whether another database takes its place, so that what is known is of the one before;
    `is_read_only` whether it refuses all writes, `was_demoted` whether it took some before.
    """

    def __init__(self, store: Store, clock: Callable[[], float] = time.monotonic) -> None:
        self.store = store
        self.health = Health(0, 0, "", {})
        self.store_is_up = True
        self.is_rebuilding = False
        self.is_read_only = self.was_demoted = False
        self._was_writable = False
        self._clock = clock
        self._generation = State(0, 0)
        self._next_look = float("-inf")
        self._down_since: float | None = None
        self._looking = Lock()

    def generation(self) -> State:
        """The store's generation, as it was half a second ago at most."""
        now = self._clock()
        # Those that come at once after a silence wait for the one that looks; should
        # the store keep that one waiting, the others go on.
        patience = _TOGETHER if self.store_is_up else 0
        if now >= self._next_look and self._looking.acquire(timeout=patience):
            try:
                if now >= self._next_look:
                    self._next_look = now
                    self._look()
            finally:
                self._looking.release()
        return self._generation

    def look_ahead(self) -> None:
        """Look now, so that none of the requests to come has to."""
        with self._looking:
            self._look()

    def is_known(self) -> bool:
        """Whether `generation` tells it at once: nobody has to look, or wait for who does."""
        now = self._clock()
        return now < self._next_look or (
            self._looking.locked() and now >= self._next_look + _TOGETHER
        )

    def look_again(self) -> None:
        """Have the store asked at the next request, however soon that is."""
        self._next_look = float("-inf")

    def note(self, generation: State) -> None:
        """Take over a generation that a reader of the store came upon."""
        self._generation = generation

    def is_down_for(self, seconds: float) -> bool:
        """Whether the store hasn't answered for as long as that."""
        if self._down_since is None:
            return False
        self.generation()
        since = self._down_since
        return since is not None and self._clock() >= since + seconds

    def _look(self) -> None:
        started = self._clock()
        self.store.refresh()
        try:
            self.is_rebuilding = self.store.replaced
            with self.store.read() as reader:
                generation, health = reader.state(), reader.health()
                self.is_read_only = reader.is_read_only()
            self._was_writable |= not self.is_read_only
            self.was_demoted = self.is_read_only and self._was_writable
        except SQLAlchemyError:
            self.store_is_up = False  # what is prepared is served on
            now = self._clock()
            self._down_since = now if self._down_since is None else self._down_since
            self._next_look = now + _LOOK_EVERY + (now - started)
            return
        self._next_look = max(self._next_look, started + _LOOK_EVERY)
        self.store_is_up, self._down_since = True, None
        if generation.generation or not self._generation.generation:
            self._generation, self.health = generation, health
        else:
            self.is_rebuilding = True
