"""When entries came, as the git history of their folder tells."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from sqlalchemy import select

from feeds.catalog import cache_keys
from feeds.catalog.addresses import Gone, NotFound
from feeds.follower import changed_keys
from feeds.loading import loader
from feeds.loading.arrivals import HistoryReader
from feeds.loading.report import Report
from feeds.store.database import Store
from feeds.store.schema import entries, entry_topics
from tests.helpers.databases import databases
from tests.helpers.repository import Repository
from tests.helpers.support import CONFIG, dump, feed, rendered

pytestmark = pytest.mark.usefixtures("either")

DAY = 86_400
FIRST = int(datetime(2026, 1, 10, tzinfo=UTC).timestamp())  # of the first commit


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """One whose first commit has a dated and an undated record."""
    made = Repository(tmp_path / "site")
    made.commit(FIRST, {"a.md": record("a", date="2025-12-24"), "undated.md": record("undated")})
    return made


@pytest.fixture
def store() -> Iterator[Store]:
    found = Store(databases.fresh())
    yield found
    found.release()


def record(name: str, date: str = "", **fields: Any) -> str:
    said = {"title": name, "webUrl": f"https://example.com/{name}", **fields}
    if date:
        said["publishedDateTime"] = date
    return "".join(["---\n", *(f"{key}: {value}\n" for key, value in said.items()), "---\n"])


def load(store: Store, folder: Path, day: float, reader: HistoryReader | None = None) -> Report:
    now = datetime.fromtimestamp(FIRST, UTC) + timedelta(days=day)
    return loader.load(store, folder, now=now, history=reader or HistoryReader(folder))


def arrived(store: Store) -> dict[str, float]:
    """When entries arrived, in days since the first commit, by their paths."""
    with store.read() as reader:
        rows = reader.connection.execute(select(entries.c.path, entries.c.arrived)).all()
    return {path.removesuffix(".md"): (came - FIRST) / DAY for path, came in rows}


def published(store: Store) -> dict[str, float | None]:
    """When entries were published, in days since the first commit, by path; None: unknown."""
    with store.read() as reader:
        rows = reader.connection.execute(select(entries.c.path, entries.c.published)).all()
    return {path.removesuffix(".md"): (at - FIRST) / DAY if at else None for path, at in rows}


def test_entries_came_with_their_commits_those_of_the_first_at_their_dates(
    store: Store, repository: Repository
) -> None:
    repository.commit(FIRST + 5 * DAY, {"late.md": record("late", "2024-01-01", topics="[AI]")})
    (repository.folder / "new.md").write_text(record("new"))  # not committed
    load(store, repository.folder, 9)
    assert arrived(store) == {"a": -17, "undated": -1 / DAY, "late": 5, "new": published_at(store)}
    assert published(store)["undated"] == 0
    with store.read() as reader:
        came = reader.connection.execute(select(entry_topics.c.arrived)).scalars().all()
    assert came == [FIRST + 5 * DAY]


def published_at(store: Store) -> float:
    """Of what is neither dated nor committed nothing is known: it is old."""
    assert published(store)["new"] is None
    return -FIRST / DAY


def test_a_store_made_anew_says_what_one_says_that_followed_every_commit(
    store: Store, repository: Repository
) -> None:
    load(store, repository.folder, 0)
    steps: list[dict[str, str | None]] = [
        {"b.md": record("b", "2026-01-01")},
        {"c.md": record("c"), "a.md": record("a", "2025-12-24", excerpt="More.")},
        {"b.md": None, "d.md": record("d", draft="true")},
        {"b.md": record("b", "2026-01-02"), "d.md": record("d"), "undated.md": None},
    ]
    for day, step in enumerate(steps, 1):
        repository.commit(FIRST + day * DAY, step)
        load(store, repository.folder, day)
    anew = Store(databases.fresh())
    load(anew, repository.folder, 100)
    assert dump(anew) == dump(store)
    assert rendered(anew) == rendered(store)
    assert arrived(anew) == arrived(store)
    anew.release()


def test_a_store_made_anew_tells_of_what_was_withdrawn_as_one_that_followed(
    store: Store, repository: Repository
) -> None:
    load(store, repository.folder, 0)
    new: dict[str, str | None] = {f"{name}.md": record(name, topics="[AI]") for name in "bcdefg"}
    steps: list[dict[str, str | None]] = [
        new,
        {"a.md": None, "b.md": record("b", removed="true"), "undated.md": None},
        {"c.md": None, "d.md": record("d", draft="true"), "b.md": None},
        {"e.md": None, "d.md": record("d"), "f.md": record("f", topics="[Web]")},
    ]
    for hour, step in enumerate(steps, 1):
        repository.commit(FIRST + hour * 3600, step)
        load(store, repository.folder, hour / 24)
    known_later = Store(databases.fresh())
    loader.load(known_later, repository.folder, now=datetime.fromtimestamp(FIRST + DAY, UTC))
    anew = Store(databases.fresh())
    for other in (known_later, anew):
        load(other, repository.folder, 2)
        for address in ("/atom.xml", "/topics/ai/atom.xml"):
            told = feed(store, address).withdrawn
            assert feed(other, address).withdrawn == told
            assert len(told) == (5 if address == "/atom.xml" else 3), address
        other.release()


def test_a_store_made_anew_knows_when_records_came_to_what_they_are_in_now(
    store: Store, repository: Repository
) -> None:
    times = "{name: Times, domain: times.example}"
    steps: list[dict[str, str | None]] = [
        {name: record(name, "2024-01-01", topics="[AI]") for name in ("b", "c", "d", "e")},
        {"b": record("b", "2024-01-01", topics="[AI, Web]")},
        {"c": record("c", "2024-01-01", topics="[AI]", provider=times)},
        {"d": record("d", "2024-01-01", topics="[AI]", type="video")},
        {"e": record("e", "2024-01-01", topics="[Go]")},
        {"e": record("e", "2024-01-01", topics="[AI]", excerpt="More.")},
        {"b": record("b", "2024-01-01", topics="[Web, AI]", excerpt="More."), "c": None},
    ]
    load(store, repository.folder, 0)
    for day, step in enumerate(steps, 1):
        repository.commit(FIRST + day * DAY, {f"{name}.md": text for name, text in step.items()})
        if day != 5:  # two commits are loaded at once
            load(store, repository.folder, day + 0.5)
    anew = Store(databases.fresh())
    load(anew, repository.folder, 100)
    assert came_to_topics(anew) == came_to_topics(store)
    assert came_to_topics(store) == {
        ("b", "ai"): 1,
        ("b", "web"): 2,
        ("d", "ai"): 4,
        ("e", "ai"): 6,
    }
    assert arrived(anew) == arrived(store)
    assert {name: arrived(store)[name] for name in "bde"} == {"b": 1, "d": 4, "e": 1}
    anew.release()


def came_to_topics(store: Store) -> dict[tuple[str, str], float]:
    """When entries came to topics, in days since the first commit, by path and topic."""
    query = select(entries.c.path, entry_topics.c.topic, entry_topics.c.arrived)
    with store.read() as reader:
        rows = reader.connection.execute(query.where(entry_topics.c.entry == entries.c.id)).all()
    return {(path.removesuffix(".md"), topic): (at - FIRST) / DAY for path, topic, at in rows}


def test_a_store_made_anew_has_the_feeds_of_what_is_gone_and_when_they_changed(
    store: Store, repository: Repository
) -> None:
    times = "{name: Times, domain: times.example}"
    steps: list[dict[str, str | None]] = [
        {name: record(name, "2024-01-01", topics="[AI]", provider=times) for name in "bcd"},
        {"b": record("b", "2024-01-01", topics="[Go]", provider=times), "c": None},
        {"d": record("d", "2024-01-01", topics="[Web]", removed="true")},
        {"e": record("e", "2024-01-01", topics="[Old]"), "f": record("f", topics="[Secret]")},
        {"e": record("e", "2024-01-01"), "f": record("f", topics="[Secret]", removed="true")},
        {"moved": record("e", "2024-01-01"), "e": None, "f": None},
    ]
    load(store, repository.folder, 0)
    for day, step in enumerate(steps, 1):
        repository.commit(FIRST + day * DAY, {f"{name}.md": text for name, text in step.items()})
        load(store, repository.folder, day + 0.5)
    anew = Store(databases.fresh())
    load(anew, repository.folder, 100)
    for path in ("", "topics/ai/", "topics/old/", "providers/times.example/", "topics/go/"):
        assert feed(anew, f"/{path}atom.xml") == feed(store, f"/{path}atom.xml"), path
    assert not feed(anew, "/topics/ai/providers/times.example/rss.xml").entries
    for either in (anew, store):
        with pytest.raises(Gone):
            feed(either, "/topics/secret/rss.xml")
        with pytest.raises(NotFound):
            feed(either, "/topics/web/providers/times.example/rss.xml")
    anew.release()


def test_what_is_dated_otherwise_came_when_it_did(store: Store, repository: Repository) -> None:
    load(store, repository.folder, 0)
    dates = {"a": "2025-01-01", "undated": "2024-12-01"}
    repository.commit(FIRST + DAY, {f"{name}.md": record(name, at) for name, at in dates.items()})
    load(store, repository.folder, 1)
    anew = Store(databases.fresh())
    load(anew, repository.folder, 2)
    assert arrived(anew) == arrived(store) == {"a": -17, "undated": -1 / DAY}
    anew.release()


def test_stores_that_load_at_other_moments_tell_of_what_is_gone_alike(
    store: Store, repository: Repository
) -> None:
    repository.commit(FIRST + DAY, {"b.md": record("b"), "c.md": record("c", topics="[AI]")})
    other = Store(databases.fresh())
    steps: list[dict[str, str | None]] = [
        {},
        {"b.md": record("b", removed="true")},
        {"c.md": record("c", topics="[Web]")},
    ]
    for day, step in enumerate(steps, 2):
        repository.commit(FIRST + day * DAY, step)
        load(store, repository.folder, day + 0.1)
        load(other, repository.folder, day + 0.9)
    when = datetime.fromtimestamp(FIRST + 3 * DAY, UTC)
    gone = feed(store, "/atom.xml").withdrawn
    assert [one.when for one in gone] == [when]
    assert rendered(other, "/atom.xml") == rendered(store, "/atom.xml")
    for address in ("/atom.xml", "/topics/ai/rss.xml"):
        assert feed(store, address).mark == feed(other, address).mark == FIRST + 4 * DAY
    other.release()


def test_a_history_that_is_read_meanwhile_makes_a_difference_when_it_is_known(
    store: Store, repository: Repository
) -> None:
    repository.commit(FIRST + 5 * DAY, {"late.md": record("late", "2024-01-01")})
    ready = Event()
    reader = HistoryReader(repository.folder, wait=False, ready=ready.set)
    load(store, repository.folder, 6, reader)
    assert arrived(store)["late"] < -700
    assert published(store)["undated"] is None
    assert ready.wait(60)
    (repository.folder / "e.md").write_text(record("e"))
    learnt = load(store, repository.folder, 7, reader)
    assert learnt.summary().endswith("4 entries changed, for the git history is known by now")
    assert arrived(store) == {"a": -17, "undated": -1 / DAY, "late": 5, "e": 7}
    assert published(store)["undated"] == 0
    repository.commit(FIRST + 8 * DAY, {"e.md": record("e"), "f.md": record("f")})
    assert not load(store, repository.folder, 9, reader).learns
    assert arrived(store) == {"a": -17, "undated": -1 / DAY, "late": 5, "e": 7, "f": 8}


def test_a_history_that_is_known_later_dates_changes_as_if_it_had_been_known(
    store: Store, repository: Repository
) -> None:
    repository.commit(FIRST + DAY, {"b.md": record("b", "2024-01-01")})
    repository.commit(FIRST + 2 * DAY, {"a.md": record("a", "2025-12-24", excerpt="More")})
    loader.load(store, repository.folder, now=datetime.fromtimestamp(FIRST + 3 * DAY, UTC))
    with store.read() as reader:
        assert changed_keys.changed(reader, FIRST + 3 * DAY, CONFIG) == {cache_keys.ANY}
    load(store, repository.folder, 4)
    anew = Store(databases.fresh())
    load(anew, repository.folder, 4)
    assert rendered(store) == rendered(anew)
    assert feed(store, "/atom.xml").mark == feed(anew, "/atom.xml").mark == FIRST + 2 * DAY
    with store.read() as reader:
        assert changed_keys.changed(reader, FIRST + 3 * DAY, CONFIG) == {cache_keys.ALL}
    anew.release()


def test_whoever_does_not_wait_leaves_a_history_to_others(
    store: Store, repository: Repository
) -> None:
    repository.commit(FIRST + 5 * DAY, {"late.md": record("late", "2024-01-01")})
    load(store, repository.folder, 6, HistoryReader(repository.folder, wait=False))
    assert arrived(store)["late"] < -700
    load(store, repository.folder, 7)
    assert arrived(store)["late"] == 5


def test_what_was_told_stays_when_history_is_rewritten(
    store: Store, repository: Repository
) -> None:
    base = str(repository.git.head.target)
    repository.commit(FIRST + DAY, {"b.md": record("b")})
    load(store, repository.folder, 2)
    repository.commit(FIRST + 3 * DAY, {"b.md": record("b"), "c.md": record("c")}, onto=base)
    load(store, repository.folder, 4)
    assert arrived(store) | {"a": 0, "undated": 0} == {"a": 0, "undated": 0, "b": 1, "c": 3}


def test_a_folder_without_git_has_no_history_and_no_problem(store: Store, tmp_path: Path) -> None:
    folder = tmp_path / "plain"
    folder.mkdir()
    (folder / "a.md").write_text(record("a"))
    reader = HistoryReader(folder)
    started = time.monotonic()
    load(store, folder, 0, reader)
    assert time.monotonic() - started < 60
    assert reader.problem == ""
    assert published(store) == {"a": None}


def test_progress_counts_the_commits_that_are_read(store: Store, repository: Repository) -> None:
    repository.commit(FIRST + DAY, {"b.md": record("b")})
    told: list[tuple[int, int, str]] = []

    def progress(done: int, total: int, unit: str = "files") -> None:
        told.append((done, total, unit))

    loader.load(store, repository.folder, progress, history=HistoryReader(repository.folder))
    commits = "commits of git history"
    assert told == [(1, 2, commits), (1, 2, commits), (2, 2, commits), (3, 3, "files")]


@pytest.mark.parametrize("whole", [True, False])
def test_feeds_of_other_stores_were_made_at_the_moments_of_commits(
    repository: Repository, store: Store, whole: bool
) -> None:
    if not whole:  # which is read later, in the background
        loader.load(store, repository.folder, now=datetime.fromtimestamp(FIRST + 9, UTC))
    repository.commit(FIRST + DAY, {"b.md": record("b")})
    repository.commit(FIRST + 2 * DAY, {"b.md": record("b", excerpt="Another.")})
    repository.commit(FIRST + 3 * DAY, {"b.md": None})
    load(store, repository.folder, 4)
    days = [0.5, 1, 1.5, 2, 3, 4]
    with store.read() as reader:
        known = [reader.was_made_at(FIRST + int(day * DAY)) for day in days]
    assert known == [False, True, False, True, True, True]


def test_a_store_made_anew_dates_changes_as_one_does_that_followed_every_commit(
    repository: Repository, store: Store
) -> None:
    load(store, repository.folder, 0)
    told = set()
    for day in (1, 2, 3):
        repository.commit(FIRST + day * DAY, {"b.md": record("b", excerpt=f"{day}")})
        load(store, repository.folder, day + 0.5)
        told.add(feed(store).mark)
    anew = Store(databases.fresh())
    load(anew, repository.folder, 100)
    assert feed(anew).modified == feed(store).modified
    assert told == {FIRST + day * DAY for day in (1, 2, 3)}
    with store.read() as reader, anew.read() as other:
        assert [(reader.was_made_at(at), other.was_made_at(at)) for at in told] == [
            (True, True)
        ] * 3
    repository.commit(FIRST + int(3.2 * DAY), {"late.md": record("late")})  # made before it is told
    load(store, repository.folder, 5)
    assert feed(store).mark == FIRST + 5 * DAY
    anew.release()
