"""Requests that ask for the generation of the store at once."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier
from typing import Any

from feeds.serving.generation_watch import GenerationWatch
from feeds.store.reader import Health, State


class Slow:
    """A store that takes its time to tell that there is a second generation."""

    replaced = False

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def is_read_only(self) -> bool:
        return False

    def refresh(self) -> None:
        time.sleep(self.seconds)

    @contextmanager
    def read(self) -> Iterator["Slow"]:
        yield self

    def state(self) -> State:
        return State(2, 2)

    def health(self) -> Health:
        return Health(2, 2, "", {})


def asked_at_once(seconds: float) -> list[int]:
    """The generations that two threads are told at once, in order."""
    store: Any = Slow(seconds)
    watch = GenerationWatch(store)
    watch.note(State(1, 1))
    both = Barrier(2)

    def ask(_: int) -> int:
        both.wait()
        return watch.generation().generation

    with ThreadPoolExecutor(2) as pool:
        return sorted(pool.map(ask, range(2)))


def test_two_that_ask_at_once_after_a_silence_are_told_the_same() -> None:
    assert asked_at_once(0.01) == [2, 2]


def test_a_store_that_keeps_one_waiting_keeps_no_other() -> None:
    assert asked_at_once(1.0) == [1, 2]
