"""What changed since a load, of values, and as the store remembers it."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from feeds.loading import loader
from feeds.selection import Scope
from feeds.store import changes
from feeds.store.changes import Change, ChangedEntry, Departure, Event, Mark
from feeds.store.database import Store
from feeds.store.schema import departures
from tests.helpers.databases import databases
from tests.helpers.support import write

ALL, AI, GO = (Scope(topic=slug).key() for slug in ("", "ai", "go"))
SINCE = 100


def entry(position: int, content_changed: int, placed: int, *topics: str) -> ChangedEntry:
    """An entry that came to its topics at 40, to all else at 30."""
    return ChangedEntry(
        position, content_changed, placed, 30, "", "", "", dict.fromkeys(topics, 40)
    )


@pytest.mark.parametrize(
    ("entries", "departed", "found"),
    [
        pytest.param([], [], {}, id="nothing"),
        pytest.param(
            [entry(5, 101, 50, "ai")],
            [],
            {ALL: Change(5, arrived=30), AI: Change(5, arrived=40)},
            id="another text",
        ),
        pytest.param(
            [entry(5, 100, 50)],
            [],
            {ALL: Change(figures=5, figures_arrived=30)},
            id="another quality",
        ),
        pytest.param(
            [entry(5, 100, 50), entry(3, 101, 50), entry(4, 101, 50), entry(2, 99, 50)],
            [],
            {ALL: Change(4, 5, 30, 30)},
            id="the highest of each kind",
        ),
        pytest.param(
            [entry(5, 101, 101)],
            [],
            {ALL: Change(5, arrived=30, moves=Counter({101: 1}))},
            id="new",
        ),
        pytest.param(
            [],
            [Departure(GO, 5, 50, 45, 101)],
            {GO: Change(5, arrived=45, moves=Counter({101: -1}))},
            id="removed",
        ),
        pytest.param(
            [entry(9, 101, 101)],
            [Departure(ALL, 5, 50, 45, 101), Departure(AI, 5, 50, 46, 101)],
            {
                ALL: Change(9, arrived=45, moves=Counter({101: 0})),
                AI: Change(5, arrived=46, moves=Counter({101: -1})),
            },
            id="moved, and out of a scope",
        ),
        pytest.param(
            [entry(5, 103, 103)],
            [Departure(ALL, 5, 50, 45, 101), Departure(ALL, 5, 102, 20, 103)],
            {ALL: Change(5, arrived=45, moves=Counter({101: -1, 102: 1, 103: 0}))},
            id="left, came back, and came anew with another scope",
        ),
    ],
)
def test_what_happened_to_entries_is_a_change_of_each_of_their_scopes(
    entries: list[ChangedEntry], departed: list[Departure], found: dict[str, Change]
) -> None:
    happened = changes.events(SINCE, entries, departed)
    assert changes.collect((event.scope, event) for event in happened) == found


def test_what_changed_may_be_collected_by_more_than_the_scope() -> None:
    happened = changes.events(SINCE, [entry(5, 101, 50, "ai"), entry(11, 101, 101)], [])
    assert changes.collect(((e.scope, e.position // 10), e) for e in happened) == {
        (ALL, 0): Change(5, arrived=30),
        (AI, 0): Change(5, arrived=40),
        (ALL, 1): Change(11, arrived=30, moves=Counter({101: 1})),
    }
    assert Event(ALL, 5) == Event(ALL, 5, only_figures=False, moves=())


@pytest.mark.parametrize(
    ("moves", "totals"),
    [
        ({}, [7]),
        ({101: 2}, [5]),
        ({101: 0}, [7]),
        ({101: 1, 103: -2, 102: 4}, [9, 5, 4]),
    ],
)
def test_how_many_there_were_before_each_load(moves: dict[int, int], totals: list[int]) -> None:
    assert Change(moves=Counter(moves)).totals(7) == totals


# -- what the store remembers --------------------------------------------------------

DAY = datetime(2026, 1, 1, tzinfo=UTC)


def seconds(day: int) -> int:
    return int((DAY + timedelta(days=day)).timestamp())


@pytest.fixture
def store(either: None) -> Iterator[Store]:  # noqa: ARG001 - puts the store there
    found = Store(databases.fresh())
    yield found
    found.release()


def load(store: Store, folder: Path, day: int) -> None:
    loader.load(store, folder, now=DAY + timedelta(days=day), accept_removals=True)


def left(store: Store) -> list[tuple[int, int]]:
    """When entries had come, and when they left everything, in days.

    Without the ends of announcements, which were nowhere.
    """
    query = select(departures.c.placed, departures.c.departed).where(
        departures.c.scope == ALL, departures.c.placed > 0
    )
    with store.read() as reader:
        rows = reader.connection.execute(query.order_by(departures.c.departed)).all()
    return [((came - seconds(0)) // 86_400, (went - seconds(0)) // 86_400) for came, went in rows]


def test_the_first_load_is_the_mark_of_the_hubs(store: Store, tmp_path: Path) -> None:
    with store.read() as reader:
        assert changes.mark_of(reader.connection, changes.HUBS) is None
    write(tmp_path, "a.md")
    load(store, tmp_path, 0)
    write(tmp_path, "b.md")
    load(store, tmp_path, 1)
    with store.read() as reader:
        assert changes.mark_of(reader.connection, changes.HUBS) == Mark(seconds(0))
        assert changes.mark_of(reader.connection, "http://cache.example/") is None


def test_entries_that_changed_have_all_their_topics(store: Store, tmp_path: Path) -> None:
    provider = {"name": "Example Times", "domain": "times.example.com"}
    write(tmp_path, "a.md", topics=["AI"], type="article", provider=provider)
    write(tmp_path, "b.md", quality=1)
    write(tmp_path, "c.md")
    load(store, tmp_path, 0)
    write(tmp_path, "a.md", topics=["AI", "Go"], type="article", provider=provider)
    write(tmp_path, "b.md", quality=2)
    load(store, tmp_path, 1)
    with store.read() as reader:
        found = list(changes.changed_entries(reader.connection, seconds(0)))
        assert list(changes.changed_entries(reader.connection, seconds(1))) == []
    published = int(datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC).timestamp())
    of_example = "articles", "times.example.com", "example-times"
    assert sorted(one._replace(position=0) for one in found) == [
        ChangedEntry(0, published, seconds(0), published, "", "", "", {}),
        ChangedEntry(
            0, seconds(1), seconds(1), published, *of_example, {"ai": published, "go": seconds(1)}
        ),
    ]
    assert {one.position >> 20 for one in found} == {published}


def test_each_stay_of_an_entry_is_remembered_until_all_were_told(
    store: Store, tmp_path: Path
) -> None:
    write(tmp_path, "stays.md")
    load(store, tmp_path, 0)
    for day in (1, 3):
        path = write(tmp_path, "comes.md")
        load(store, tmp_path, day)
        path.unlink()
        load(store, tmp_path, day + 1)
    assert left(store) == [(1, 2), (3, 4)]
    with store.write() as connection:
        changes.set_mark(connection, changes.HUBS, Mark(seconds(4)))
        changes.set_mark(connection, "http://cache.example/", Mark(seconds(2), "settings"))
    path = write(tmp_path, "comes.md")
    load(store, tmp_path, 5)
    path.unlink()
    load(store, tmp_path, 6)
    assert left(store) == [(3, 4), (5, 6)]


def test_a_load_that_fails_changes_nothing(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, "a.md")
    load(store, tmp_path, 0)
    write(tmp_path, "new.md")

    def fail(*_: Any, **__: Any) -> None:
        raise OSError

    with monkeypatch.context() as patch:
        patch.setattr(loader, "note_health", fail)  # the last thing that a load does
        with pytest.raises(OSError):  # noqa: PT011 - that one
            load(store, tmp_path, 1)
    with store.read() as reader:
        assert list(changes.changed_entries(reader.connection, seconds(0))) == []
    load(store, tmp_path, 1)
    with store.read() as reader:
        assert len(list(changes.changed_entries(reader.connection, seconds(0)))) == 1


def test_the_last_moments_of_loads_are_known_and_those_that_records_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, start = Store(databases.fresh()), datetime(2026, 3, 1, tzinfo=UTC)
    day, own = timedelta(days=1), datetime(2026, 2, 1, tzinfo=UTC)
    write(tmp_path, "a.md", publishedDateTime=own.isoformat())
    loader.load(store, tmp_path, now=start)
    monkeypatch.setattr(changes, "_LOADS", 3)

    def known(*moments: datetime) -> list[bool]:
        with store.read() as reader:
            return [reader.was_made_at(int(moment.timestamp())) for moment in moments]

    for number in range(1, 4):
        write(tmp_path, "a.md", title=f"{number}", publishedDateTime=own.isoformat())
        loader.load(store, tmp_path, now=start + number * day)
        assert known(own, start) == [number < 2, number < 3]
    loader.load(store, tmp_path, now=start + 4 * day)  # in which nothing changed
    moments = [start + number * day for number in range(1, 5)]
    assert known(*moments) == [True, True, True, False]
    store.release()
