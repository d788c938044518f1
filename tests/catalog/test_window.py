"""What came lately is in a feed, whatever its date and however much it is."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from feeds.catalog import cache_keys, window
from feeds.catalog.addresses import NotFound
from feeds.config import Config
from feeds.follower import changed_keys
from feeds.loading import loader
from feeds.model import Feed
from feeds.selection import Scope
from feeds.store.database import Store
from feeds.urls import entry_id, identity
from tests.helpers.databases import databases
from tests.helpers.support import CONFIG, feed, write

pytestmark = pytest.mark.usefixtures("either")

SMALL = replace(CONFIG, limit=3, window=48)
START = datetime(2026, 3, 1, tzinfo=UTC)

NAMES = ("old_1", "new_1", "new_2", "new_3")

Load = Callable[..., None]


@pytest.fixture
def store() -> Iterator[Store]:
    found = Store(databases.fresh())
    yield found
    found.release()


@pytest.fixture
def load(store: Store, tmp_path: Path) -> Load:
    """Writes records, of the dates given, and loads them some hours after the first load."""

    def at(hours: float, dates: dict[str, str], **fields: Any) -> None:
        for name, date in dates.items():
            write(tmp_path, f"{name}.md", title=name, publishedDateTime=date, **fields)
        loader.load(store, tmp_path, now=START + timedelta(hours=hours))

    at(0, {f"old {n}": f"2026-01-0{n}" for n in range(1, 8)}, topics=["AI"])
    return at


def titles(store: Store, address: str = "/atom.xml") -> list[str]:
    return [entry.record.title for entry in feed(store, address, SMALL).entries]


def links(made: Feed) -> dict[str, str]:
    return {link.rel: link.href.removeprefix(SMALL.root) for link in made.links}


def test_a_first_load_floods_nobody(store: Store, load: Load) -> None:
    assert callable(load)
    assert titles(store) == ["old 7", "old 6", "old 5"]


def test_a_burst_is_in_the_feed_until_two_days_after_it(store: Store, load: Load) -> None:
    load(1, {f"new {n}": f"2026-03-01T00:0{n}:00Z" for n in range(5)})
    burst = [f"new {n}" for n in (4, 3, 2, 1, 0)]
    assert titles(store) == burst
    assert titles(store, "/atom.xml?page=2") == ["old 7", "old 6", "old 5"]
    load(48, {"a": "2026-03-03"})
    assert titles(store) == ["a", *burst]
    load(49.1, {"b": "2026-03-03T01:00:00Z"})
    assert titles(store) == ["b", "a", "new 4"]


def test_what_comes_late_is_in_the_feed_and_where_its_date_belongs(
    store: Store, load: Load
) -> None:
    load(1, {"late": "2025-12-01", "new": "2026-03-01"}, topics=["AI", "Go"])
    assert titles(store) == ["new", "old 7", "old 6", "late"]
    assert titles(store, "/topics/go/atom.xml") == ["new", "late"]
    assert titles(store, "/topics/ai/atom.xml") == ["new", "old 7", "old 6", "late"]
    assert titles(store, "/atom.xml?page=2") == ["old 5", "old 4", "old 3"]
    assert titles(store, "/atom.xml?page=3") == ["old 2", "old 1", "late"]
    with pytest.raises(NotFound):
        feed(store, "/atom.xml?page=4", SMALL)
    first = links(feed(store, "/atom.xml", SMALL))
    assert first["last"] == "/atom.xml?page=3"
    assert first["prev-archive"] == "/archive/2026-01/atom.xml"  # which old 4 came in


def test_what_comes_to_a_topic_late_is_in_the_feed_of_the_topic(store: Store, load: Load) -> None:
    load(1, {"old 1": "2026-01-01"}, topics=["AI", "Go"])
    for n in range(2, 8):
        load(60 + n, {f"old {n}": f"2026-01-0{n}"}, topics=["AI", "Go"])
    assert titles(store, "/topics/go/atom.xml") == [f"old {n}" for n in (7, 6, 5, 4, 3, 2)]
    assert titles(store) == ["old 7", "old 6", "old 5"]  # to which nothing came


def test_exact_limits_pages_and_other_orders_have_no_window(store: Store, load: Load) -> None:
    load(1, {f"new {n}": f"2026-03-01T00:0{n}:00Z" for n in range(5)}, heat=1)
    three = ["new 4", "new 3", "new 2"]
    assert titles(store, "/atom.xml?limit=3") == three
    assert titles(store, "/") == three
    assert titles(store, "/atom.xml?sort=heat") == three
    assert titles(store, "/atom.xml?per_provider=9") == three
    assert titles(store, "/atom.xml?limit=2") == three[:2]
    exact = feed(store, "/atom.xml?limit=3", SMALL)
    assert links(exact)["self"] == "/atom.xml?limit=3"
    assert links(exact)["next"] == "/atom.xml?limit=3&page=2"
    assert links(exact)["prev-archive"] == "/archive/2026-03-01/atom.xml"


def test_filters_have_a_window_of_what_they_let_pass(store: Store, load: Load) -> None:
    load(1, {f"new {n}": f"2026-03-01T00:0{n}:00Z" for n in range(5)}, quality=10)
    load(90, {"other": "2026-03-04"})
    assert titles(store) == ["other", "new 4", "new 3"]
    assert titles(store, "/atom.xml?min_quality=5") == [f"new {n}" for n in (4, 3, 2, 1, 0)]
    assert titles(store, "/atom.xml?q=new") == [f"new {n}" for n in (4, 3, 2, 1, 0)]


def test_a_window_is_bounded_and_what_came_last_stays(
    store: Store, load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(window, "_MOST", 5)
    load(1, {"a": "2025-02-01", "b": "2025-02-02"})
    load(2, {"c": "2025-01-01", "d": "2025-01-02"})
    assert titles(store) == ["old 7", "old 6", "old 5", "d", "c"]
    monkeypatch.setattr(window, "_MOST", 1000)
    monkeypatch.setattr(window, "_BYTES", 0)
    assert titles(store) == ["old 7", "old 6", "old 5"]


def test_modified_tells_of_all_that_a_window_shows_and_lost(
    store: Store, load: Load, tmp_path: Path
) -> None:
    def modified() -> float:
        return (feed(store, "/atom.xml", SMALL).modified - START).total_seconds() / 3600

    load(1, {"late": "2025-12-01", "later": "2025-12-02"})
    assert modified() == 1
    load(2, {"old 1": "2026-01-01"}, excerpt="What no feed shows.")
    assert modified() == 1
    load(3, {"late": "2025-12-01"}, excerpt="What this one does.")
    assert modified() == 3
    (tmp_path / "late.md").unlink()
    load(4, {})
    assert modified() == 4
    assert titles(store) == ["old 7", "old 6", "old 5", "later"]
    (tmp_path / "old 2.md").unlink()
    load(5, {})
    assert modified() == 4


def gone(
    store: Store, address: str = "/atom.xml", config: Config = SMALL
) -> list[tuple[str, float]]:
    """What a feed announces as withdrawn: the ends of URLs, and hours after the first load."""
    named = {entry_id(identity(f"https://news.example.com/{name}")): name for name in NAMES}
    return [
        (named.get(one.id, one.id), (one.when - START).total_seconds() / 3600)
        for one in feed(store, address, config).withdrawn
    ]


@pytest.mark.parametrize("said", [{"removed": True}, {"deleted": True}, {"published": False}])
def test_what_is_withdrawn_is_announced_for_two_days(
    store: Store, load: Load, said: dict[str, bool]
) -> None:
    load(1, {"old_1": "2026-01-01", "old_2": "2026-01-01"}, topics=["AI", "Go"])
    assert gone(store) == []
    load(2, {"old_1": "2026-01-01"}, topics=["AI", "Go"], **said)
    for address in ("/atom.xml", "/topics/go/feed.json", "/topics/ai/atom.xml?min_quality=0"):
        assert gone(store, address) == [("old_1", 2)]
    for address in ("/rss.xml", "/types/articles/atom.xml", "/atom.xml?page=2", "/?limit=3"):
        with suppress(NotFound):
            assert gone(store, address) == []
    assert feed(store, "/atom.xml", SMALL).modified == START + timedelta(hours=2)
    load(49, {"a": "2026-03-03"})
    assert gone(store) == [("old_1", 2)]
    load(51, {"b": "2026-03-03"})
    assert gone(store) == []
    load(52, {"old_1": "2026-01-01"}, topics=["Go"])  # it is back
    assert gone(store, "/topics/go/atom.xml") == []


def test_a_feed_changes_when_what_it_announced_is_back_elsewhere(store: Store, load: Load) -> None:
    load(1, {"old_1": "2026-01-01"}, topics=["AI", "Go"])
    load(2, {"old_1": "2026-01-01"}, topics=["AI", "Go"], removed=True)
    with store.read() as reader:
        before = reader.state().loaded
    load(3, {"old_1": "2026-01-01"}, topics=["Go"])
    assert gone(store, "/topics/ai/atom.xml") == []
    assert feed(store, "/topics/ai/atom.xml", SMALL).modified == START + timedelta(hours=3)
    with store.read() as reader:
        keys = changed_keys.changed(reader, before, SMALL)
    assert cache_keys.of_scope(Scope(topic="ai")) in keys


def test_a_file_that_is_just_gone_is_announced_if_a_feed_showed_it(
    store: Store, load: Load, tmp_path: Path
) -> None:
    load(1, {"old_1": "2026-01-01", "new_1": "2026-03-01", "new_2": "2026-03-02"})
    load(99, {"new_3": "2026-03-03"})
    for name in ("old_1", "new_1", "old 7", "old 2"):
        (tmp_path / f"{name}.md").unlink()
    load(100, {})
    assert gone(store) == [("new_1", 100)]  # of new_3, new_2 and new_1
    wider = replace(SMALL, window=100)
    assert sorted(gone(store, config=wider)) == [("new_1", 100), ("old_1", 100)]
    longer = replace(SMALL, limit=4)
    assert len(gone(store, config=longer)) == 2


def test_an_id_that_was_told_is_withdrawn_when_another_takes_its_place(
    store: Store, load: Load
) -> None:
    load(1, {"new_1": "2026-03-01"})
    load(2, {"new_1": "2026-03-01"}, id="tag:example.com,2026:one")
    assert gone(store) == [("new_1", 2)]
    load(3, {"new_1": "2026-03-01"}, id="tag:example.com,2026:two")
    assert gone(store) == [("tag:example.com,2026:one", 3), ("new_1", 2)]
