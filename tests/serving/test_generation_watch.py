from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from feeds.loading import loader
from feeds.serving.generation_watch import GenerationWatch
from feeds.store.database import Store
from feeds.store.reader import Health, Reader, State
from tests.helpers.databases import databases
from tests.helpers.support import write


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def load(tmp_path: Path) -> Callable[[Store], int]:
    """Loads one record more, and returns the generation after that."""
    folder = tmp_path / "records"
    folder.mkdir()

    def load(store: Store) -> int:
        write(folder, f"{len(list(folder.iterdir()))}.md")
        loader.load(store, folder)
        with store.read() as reader:
            return reader.state().generation

    return load


@pytest.mark.usefixtures("either")
def test_a_new_generation_is_noticed_within_half_a_second(load: Callable[[Store], int]) -> None:
    store, clock = Store(databases.fresh()), Clock()
    watch = GenerationWatch(store, clock)
    assert (watch.generation(), watch.health) == (State(0, 0), Health(0, 0, "", {}))
    assert load(store) == 1
    clock.now += 0.49
    assert watch.generation().generation == 0
    clock.now += 0.01
    assert watch.generation().generation == 1
    assert watch.health.counts["public"] == 1
    assert load(store) == 2
    assert watch.generation().generation == 1
    watch.look_again()
    assert watch.generation().generation == 2


class Breaking(Store):
    """A store that takes `seconds` of the clock for a look, and may be away."""

    clock: Clock
    is_away = False
    looks = 0

    @contextmanager
    def read(self) -> Iterator[Reader]:
        self.looks += 1
        if self.is_away:
            self.clock.now += 3  # until the driver gives up
            raise OperationalError("SELECT", {}, Exception("disk I/O error"))
        with super().read() as reader:
            yield reader


def test_a_store_that_is_away_is_asked_again_after_as_long_as_it_took(
    load: Callable[[Store], int],
) -> None:
    store = Breaking(databases.fresh())
    store.clock = clock = Clock()
    load(store)
    watch = GenerationWatch(store, clock)
    before = watch.generation()
    store.is_away, store.looks = True, 0
    clock.now = 200.0
    assert (watch.generation(), watch.store_is_up, store.looks) == (before, False, 1)
    clock.now = 206.4
    assert (watch.is_down_for(3.3), watch.is_down_for(3.5), store.looks) == (True, False, 1)
    clock.now = 206.5
    watch.generation()
    assert store.looks == 2
    store.is_away = False
    watch.look_again()
    assert (watch.is_down_for(0), watch.store_is_up) == (False, True)
