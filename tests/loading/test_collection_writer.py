"""Collections of files and of feeds.toml, as loads bring them up to date."""

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from feeds.catalog.addresses import NotFound
from feeds.loading import loader
from feeds.loading.report import Report
from feeds.records import pool
from feeds.selection import Filters, SavedFilter, Scope, Window
from feeds.store.database import Store
from tests.helpers.databases import databases
from tests.helpers.support import dump, feed, settled, write

pytestmark = pytest.mark.usefixtures("either")

DAY = datetime(2026, 1, 1, tzinfo=UTC)
LIST = "/collections/list/rss.xml"


def load(
    store: Store, folder: Path, day: int = 0, saved: dict[str, SavedFilter] | None = None
) -> Report:
    return loader.load(
        store, folder, now=DAY + timedelta(days=day), saved=saved, accept_removals=True
    )


def enlist(folder: Path, *items: str, name: str = "list.md", **fields: Any) -> None:
    fields = {"title": "List", "webUrl": None, "publishedDateTime": None, **fields}
    write(folder, name, type="collection", items=list(items), **fields)


def shown(store: Store, address: str = LIST) -> list[str]:
    return [entry.record.path for entry in feed(store, address).entries]


def modified(store: Store, address: str = LIST) -> datetime:
    return feed(store, address).modified


@pytest.fixture
def store() -> Store:
    return Store(databases.fresh())


@pytest.fixture
def three(tmp_path: Path) -> Path:
    """A folder with a list of two of its three records, the older one first."""
    for number, name in enumerate("abc"):
        write(tmp_path, f"{name}.md", publishedDateTime=f"2024-01-0{number + 1}", topics=["AI"])
    enlist(tmp_path, "a", "c", excerpt="Of two")
    return tmp_path


def test_a_list_has_its_records_in_its_own_order(store: Store, three: Path) -> None:
    report = load(store, three)
    assert report.counts_line() == (
        "3 public (0 merged), 1 collection, 0 hidden, 0 left out, 0 not records"
    )
    assert shown(store) == ["a.md", "c.md"]
    found = feed(store, LIST)
    assert (found.title, found.description, found.total) == ("List – Example News", "Of two", 2)
    assert found.modified == datetime(2024, 1, 3, tzinfo=UTC)  # the records', at a first load


def test_what_an_item_names_comes_and_goes_with_it(store: Store, three: Path) -> None:
    enlist(three, "a", "later", "c")
    (note,) = load(store, three).notes
    assert (
        note.message == "'later' names no file; write its path from the folder of records; left out"
    )
    write(three, "later.md")
    assert load(store, three, 1).notes == []
    assert shown(store) == ["a.md", "later.md", "c.md"]
    assert modified(store) == DAY + timedelta(days=1)
    write(three, "a.md", published=False)
    assert load(store, three, 2).notes == []  # a hidden record is nothing to note
    assert shown(store) == ["later.md", "c.md"]
    assert modified(store) == DAY + timedelta(days=2)
    (three / "c.md").unlink()
    load(store, three, 3)
    assert shown(store) == ["later.md"]
    assert modified(store) == DAY + timedelta(days=3)


def test_another_order_is_another_state_of_its_feed_alone(store: Store, three: Path) -> None:
    load(store, three)
    before = modified(store, "/rss.xml")
    enlist(three, "c", "a", excerpt="Of two")
    report = load(store, three, 1)
    assert (report.generation, report.changed, report.parsed) == (2, 0, 1)
    assert shown(store) == ["c.md", "a.md"]
    assert (modified(store), modified(store, "/rss.xml")) == (DAY + timedelta(days=1), before)
    assert load(store, three, 2).generation == 2


def test_another_title_or_description_is_another_state(store: Store, three: Path) -> None:
    load(store, three)
    enlist(three, "a", "c", title="LIST", excerpt="Of two")
    load(store, three, 1)
    assert (feed(store, LIST).title, modified(store)) == (
        "LIST – Example News",
        DAY + timedelta(days=1),
    )
    enlist(three, "a", "c", title="LIST", excerpt="Two")
    load(store, three, 2)
    assert (feed(store, LIST).description, modified(store)) == ("Two", DAY + timedelta(days=2))


@pytest.mark.parametrize("fields", [{"published": False}, {"removed": True}, None])
def test_a_collection_that_is_hidden_or_gone_has_no_feed(
    store: Store, three: Path, fields: dict[str, Any] | None
) -> None:
    load(store, three)
    if fields is None:
        (three / "list.md").unlink()
    else:
        enlist(three, "a", "c", **fields)
    assert load(store, three, 1).generation == 2
    with pytest.raises(NotFound, match="there is no collection called list"):
        feed(store, LIST)


def test_one_that_turned_bad_is_served_as_last_read(store: Store, three: Path) -> None:
    load(store, three)
    (three / "list.md").write_text("---\ntype: collection\n---\n")
    report = load(store, three, 1)
    assert (report.kept, report.collections, shown(store)) == (1, 0, ["a.md", "c.md"])


def test_a_copy_of_an_entry_stands_for_it(store: Store, three: Path) -> None:
    write(three, "copy.md", webUrl="https://news.example.com/a", quality=9)
    enlist(three, "a", "copy", "c")
    load(store, three)
    assert shown(store) == ["copy.md", "c.md"]


def test_a_load_reads_no_collection_that_did_not_change(
    store: Store, three: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(store, settled(three))
    opened: list[str] = []
    read_all = pool.read_all

    def noted(folder: Path, paths: list[str], *more: Any) -> Any:
        opened.extend(paths)
        return read_all(folder, paths, *more)

    monkeypatch.setattr(loader, "read_all", noted)
    write(three, "c.md", title="Another", publishedDateTime="2024-01-03")
    load(store, three, 1)
    assert (opened, modified(store)) == (["c.md"], DAY + timedelta(days=1))


# -- filters ---------------------------------------------------------------------------


def test_a_filter_has_the_entries_that_pass_it_newest_first(store: Store, three: Path) -> None:
    saved = {"ai": SavedFilter("On AI", "", Filters(topic=("ai",), q="title", since="2024-01-02"))}
    load(store, three, saved=saved)
    address = "/collections/ai/rss.xml"
    assert shown(store, address) == ["c.md", "b.md"]
    write(three, "d.md", topics=["AI"])  # as of 2 January
    write(three, "b.md", publishedDateTime="2024-01-02", topics=["Go"])
    load(store, three, 1, saved)
    assert shown(store, address) == ["c.md", "d.md"]
    assert modified(store, address) == DAY + timedelta(days=1)


def test_another_filter_takes_the_place_of_the_one_before(store: Store, three: Path) -> None:
    first = {"x": SavedFilter("X", "", Filters(topic=("ai",)))}
    load(store, three, saved=first)
    second = {"x": SavedFilter("X", "", Filters(topic=("go",)))}
    report = load(store, three, 1, second)
    assert (report.generation, report.parsed) == (2, 0)
    assert shown(store, "/collections/x/rss.xml") == []  # it is there, and empty
    assert load(store, three, 2, second).generation == 2
    assert load(store, three, 3).generation == 3
    with pytest.raises(NotFound):
        feed(store, "/collections/x/rss.xml")


def test_a_list_of_the_name_of_a_filter_is_at_another_address(store: Store, three: Path) -> None:
    saved = {"list": SavedFilter("Mine", "", Filters(topic=("ai",)))}
    (note,) = load(store, three, saved=saved).notes
    assert shown(store) == ["c.md", "b.md", "a.md"]
    address = note.message.rpartition(" ")[2]
    assert shown(store, f"{address}rss.xml") == ["a.md", "c.md"]


def test_loads_one_after_the_other_end_where_one_load_does(
    store: Store, tmp_path: Path, seed: int
) -> None:
    draw = random.Random(seed)  # noqa: S311 - repeatable, not secret
    names = list("abcdef")
    for day in range(12):
        for name in draw.sample(names, 2):
            date = f"2024-01-0{draw.randrange(1, 9)}"
            fields = {"topics": draw.sample(["AI", "Go"], draw.randrange(3)), "title": f"T {date}"}
            write(tmp_path, f"{name}.md", publishedDateTime=date, **fields)
        for name in ("list.md", "other.md"):
            if draw.random() < 0.4:
                items = draw.choices([*names, "list", "none"], k=4)
                enlist(tmp_path, *items, name=name, published=draw.choice([True, True, False]))
        if draw.random() < 0.2:
            (tmp_path / f"{draw.choice(names)}.md").unlink(missing_ok=True)
        topic = draw.choice(["ai", "ai", "go"])
        saved = {"some": SavedFilter("Some", "", Filters(topic=(topic,), q="2024"))}
        load(store, tmp_path, day, saved)
        fresh = Store(databases.fresh())
        load(fresh, tmp_path, day, saved)
        assert dump(store) == dump(fresh)
    with store.read() as reader:
        assert reader.count(Scope(collection="some"))


def test_what_comes_to_a_collection_counts_as_changed_there(store: Store, tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        write(tmp_path, f"{name}.md", title=name)
    enlist(tmp_path, "a.md", "b.md")
    load(store, tmp_path)
    enlist(tmp_path, "b.md", "c.md", "a.md")
    load(store, tmp_path, 1)

    def changed(day: int, scope: Scope) -> set[str]:
        since = int((DAY + timedelta(days=day)).timestamp())
        with store.read() as reader:
            rows = reader.page(scope, 9, 0, Window(changed=since))
        return {row.entry_id for row in rows}

    with store.read() as reader:
        rows = reader.page(Scope(), 9)
        data = reader.data_of([row.row for row in rows])
        c = {row.entry_id for row in rows if b'"c.md"' in data[row.row]}
    listed = Scope(collection="list")
    assert (changed(0, listed) >= c, changed(0, Scope()), changed(1, listed)) == (
        True,
        set(),
        set(),
    )
