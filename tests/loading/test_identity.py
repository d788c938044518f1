"""Which records are one entry, and which id it has."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from feeds import urls
from feeds.loading import identity, loader
from feeds.loading.arrivals import HistoryReader
from feeds.loading.report import Report
from feeds.store.database import Store
from feeds.store.schema import withdrawals
from tests.helpers.databases import databases
from tests.helpers.repository import Repository
from tests.helpers.support import dump, feed, loaded, record, rendered, write

pytestmark = pytest.mark.usefixtures("either")

START = datetime(2026, 1, 1, tzinfo=UTC)
HTTP, HTTPS = "http://news.example.com/story", "https://news.example.com/story"
AMP = "https://amp.example.com/story"
CACHE = "https://amp-example-com.cdn.ampproject.org/c/s/amp.example.com/story"
OWN = "urn:example:1"


@pytest.fixture
def store() -> Store:
    return Store(databases.fresh())


def load(store: Store, folder: Path, day: int = 0) -> Report:
    return loader.load(store, folder, now=START + timedelta(days=day), accept_removals=True)


def ids(store: Store) -> dict[str, str]:
    """The ids that are shown, by the titles of their entries."""
    return {entry.record.title: entry.id for entry in feed(store, "/atom.xml").entries}


def withdrawn(store: Store) -> set[str]:
    return {gone.id for gone in feed(store, "/atom.xml").withdrawn}


def key(url: str) -> str:
    return urls.entry_id(url)


def page_url(name: str) -> str:
    return f"https://news.example.com/{name}"


def page(name: str) -> str:
    return key(page_url(name))


# -- ids of their own ------------------------------------------------------------------


def test_the_record_that_came_first_has_the_id_on_when_others_come(
    store: Store, tmp_path: Path
) -> None:
    write(tmp_path, "b.md", title="B", id=OWN)
    load(store, tmp_path)
    write(tmp_path, "a.md", title="A", id=OWN, publishedDateTime="2020-01-01")
    report = load(store, tmp_path, 1)
    assert ids(store) == {"B": OWN, "A": page("a")}
    (note,) = report.shared
    assert str(note).startswith(f"a.md:1: id: {OWN} is that of b.md, which came first;")
    assert report.changed == 1
    assert withdrawn(store) == set()


def test_on_a_first_load_the_older_record_has_the_id_then_the_first_by_path(
    store: Store, tmp_path: Path
) -> None:
    for name, day in (("c", 1), ("b", 1), ("a", 2)):
        write(tmp_path, f"{name}.md", title=name, id=OWN, publishedDateTime=f"2024-01-0{day}")
    report = load(store, tmp_path)
    assert ids(store) == {"b": OWN, "a": page("a"), "c": page("c")}
    assert [(note.path, note.value) for note in report.shared] == [("a.md", OWN), ("c.md", OWN)]


def test_no_id_changes_when_the_owner_of_one_goes(store: Store, tmp_path: Path) -> None:
    for day, name in enumerate("abc"):
        write(tmp_path, f"{name}.md", title=name, id=OWN if name != "c" else None)
        load(store, tmp_path, day)
    (tmp_path / "a.md").unlink()
    report = load(store, tmp_path, 3)
    assert ids(store) == {"b": page("b"), "c": page("c")}
    assert f"{OWN} was that of another" in str(*report.shared)
    write(tmp_path, "b.md", title="b", id=OWN, excerpt="Changed.")
    load(store, tmp_path, 4)
    assert ids(store) == {"b": page("b"), "c": page("c")}
    write(tmp_path, "d.md", title="d", id=OWN)
    load(store, tmp_path, 5)
    assert ids(store) == {"b": page("b"), "c": page("c"), "d": OWN}
    assert withdrawn(store) == set()


def test_who_has_an_id_keeps_it_from_an_older_record_that_asks_for_it(
    store: Store, tmp_path: Path
) -> None:
    for day, name in enumerate("ab"):
        write(tmp_path, f"{name}.md", title=name, id=OWN if name == "b" else None)
        load(store, tmp_path, day)
    write(tmp_path, "a.md", title="a", id=OWN)
    load(store, tmp_path, 2)
    assert ids(store) == {"a": page("a"), "b": OWN}


def test_an_id_goes_with_the_record_to_another_page(store: Store, tmp_path: Path) -> None:
    write(tmp_path, "a.md", title="A", id=OWN)
    load(store, tmp_path)
    write(tmp_path, "a.md", title="A", id=OWN, webUrl=HTTPS)
    load(store, tmp_path, 1)
    assert ids(store) == {"A": OWN}
    assert withdrawn(store) == set()


def test_records_may_swap_ids_and_ask_for_others(store: Store, tmp_path: Path) -> None:
    for name in "ab":
        write(tmp_path, f"{name}.md", title=name, id=f"urn:x:{name}")
    load(store, tmp_path)
    write(tmp_path, "a.md", title="a", id="urn:x:b")
    write(tmp_path, "b.md", title="b", id="urn:x:a")
    load(store, tmp_path, 1)
    assert ids(store) == {"a": "urn:x:b", "b": "urn:x:a"}
    write(tmp_path, "a.md", title="a", id="urn:x:c")
    write(tmp_path, "b.md", title="b")
    load(store, tmp_path, 2)
    assert ids(store) == {"a": "urn:x:c", "b": page("b")}
    assert withdrawn(store) == {"urn:x:a", "urn:x:b"}


def test_an_id_that_a_record_asks_for_in_vain_is_not_announced(
    store: Store, tmp_path: Path
) -> None:
    write(tmp_path, "a.md", title="a", id=OWN)
    write(tmp_path, "b.md", title="b")
    load(store, tmp_path)
    write(tmp_path, "b.md", title="b", id=OWN)
    load(store, tmp_path, 1)
    assert ids(store) == {"a": OWN, "b": page("b")}
    assert withdrawn(store) == set()


@pytest.mark.parametrize("at_once", [True, False])
def test_the_id_of_a_page_may_be_that_of_another_record(
    store: Store, tmp_path: Path, at_once: bool
) -> None:
    spare = key(page("b"))
    write(tmp_path, "a.md", title="a", id=page("b"))
    for taken in (page("b"), spare) if at_once else ():
        write(tmp_path, f"c{taken[-12:]}.md", title=taken, id=taken)
    if not at_once:
        load(store, tmp_path)
    write(tmp_path, "b.md", title="b")
    load(store, tmp_path, 1)
    found = ids(store)
    assert found["a"] == page("b")
    assert len(set(found.values())) == len(found)


# -- one page under two addresses ------------------------------------------------------


@pytest.mark.parametrize("urls_", [(HTTP, HTTPS), (HTTPS, HTTP)])
def test_a_page_under_both_schemes_is_one_entry_with_the_id_of_the_first(
    store: Store, tmp_path: Path, urls_: tuple[str, str]
) -> None:
    first, second = urls_
    write(tmp_path, "b.md", title="b", webUrl=first)
    load(store, tmp_path)
    assert ids(store) == {"b": key(first)}
    write(tmp_path, "a.md", title="a", webUrl=second, quality=9)
    report = load(store, tmp_path, 1)
    assert (report.entries, report.merged) == (1, 1)
    assert ids(store) == {"a": key(first)}
    (tmp_path / "b.md").unlink()
    load(store, tmp_path, 2)
    assert ids(store) == {"a": key(first)}
    assert withdrawn(store) == set()


@pytest.mark.parametrize("own", [None, OWN])
def test_a_better_copy_with_another_id_changes_none(
    store: Store, tmp_path: Path, own: str | None
) -> None:
    write(tmp_path, "b.md", title="b", webUrl=HTTPS, id=own)
    load(store, tmp_path)
    write(tmp_path, "a.md", title="a", webUrl=HTTPS, id="urn:example:2", quality=9)
    load(store, tmp_path, 1)
    assert ids(store) == {"a": own or key(HTTPS)}
    (tmp_path / "b.md").unlink()
    load(store, tmp_path, 2)
    assert ids(store) == {"a": own or key(HTTPS)}


def test_a_site_that_goes_to_https_keeps_its_ids(store: Store, tmp_path: Path) -> None:
    write(tmp_path, "a.md", title="a", webUrl=HTTP)
    load(store, tmp_path)
    write(tmp_path, "a.md", title="a", webUrl=HTTPS)
    load(store, tmp_path, 1)
    assert ids(store) == {"a": key(HTTP)}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["ampWebUrl", "cdnAmpWebUrl"])
@pytest.mark.parametrize("of_copy", [AMP, AMP.replace("https", "http"), CACHE])
@pytest.mark.parametrize("order", ["together", "copy first", "copy last"])
def test_the_amp_page_of_a_record_is_its_copy(
    store: Store, tmp_path: Path, name: str, of_copy: str, order: str
) -> None:
    def original() -> None:
        fields = {name: AMP if name == "ampWebUrl" else CACHE}
        write(tmp_path, "a.md", title="a", webUrl=HTTPS, topics=["Only here"], **fields)

    def copy() -> None:
        write(tmp_path, "b.md", title="b", webUrl=of_copy, quality=9, topics=["AI"])

    first, second = (copy, original) if order == "copy first" else (original, copy)
    first()
    if order != "together":
        load(store, tmp_path)
    second()
    report = load(store, tmp_path, 1)
    assert ids(store) == {"b": key(of_copy) if order == "copy first" else key(HTTPS)}
    assert (report.entries, report.merged) == (1, 1)
    assert withdrawn(store) == set()
    assert feed(store, "/topics/ai/atom.xml").entries[0].record.title == "b"


@pytest.mark.parametrize("first", ["a", "b"])
def test_of_two_entries_that_become_one_the_later_id_is_announced_as_deleted(
    store: Store, tmp_path: Path, first: str
) -> None:
    pages = {"a": HTTPS, "b": AMP}
    for day, name in enumerate(sorted(pages, key=lambda name: name != first)):
        write(tmp_path, f"{name}.md", title=name, webUrl=pages[name])
        load(store, tmp_path, day)
    write(tmp_path, "c.md", title="c", publishedDateTime="2025-01-01")
    load(store, tmp_path, 2)
    write(tmp_path, "a.md", title="a", webUrl=HTTPS, ampWebUrl=AMP, quality=1)
    load(store, tmp_path, 3)
    with store.read() as reader:
        rows = reader.connection.execute(select(withdrawals.c.rank, withdrawals.c.behind))
        assert set(map(tuple, rows)) == {(0, 0)}  # also where a feed didn't show it any more
    assert ids(store) == {"a": key(pages[first]), "c": page("c")}
    assert withdrawn(store) == {key(HTTPS), key(AMP)} - {key(pages[first])}
    write(tmp_path, "a.md", title="a", webUrl=HTTPS, quality=1)
    load(store, tmp_path, 4)
    assert ids(store).keys() == {"a", "b", "c"}
    assert ids(store)["a"] == key(pages[first])
    assert not withdrawn(store) & set(ids(store).values())


def test_an_amp_page_is_nobodys_when_its_original_turns_out_to_be_one(
    store: Store, tmp_path: Path
) -> None:
    pages = {"a": HTTPS, "b": AMP, "c": page_url("c")}
    for claims in ({"a": AMP}, {"a": AMP, "c": HTTPS}, {"a": AMP}):
        for name, url in pages.items():
            write(tmp_path, f"{name}.md", title=name, webUrl=url, ampWebUrl=claims.get(name))
        load(store, tmp_path)
        assert dump(store, "shown_id") == dump(loaded(tmp_path), "shown_id")
        assert len(ids(store)) == 2


def test_an_entry_lists_no_amp_page_of_one_that_is_removed(store: Store, tmp_path: Path) -> None:
    write(tmp_path, "a.md", title="a", webUrl=HTTPS, ampWebUrl=AMP)
    write(tmp_path, "b.md", title="b", webUrl=AMP)
    write(tmp_path, "c.md", title="c", related=[{"title": "b", "webUrl": AMP}])
    load(store, tmp_path)
    write(tmp_path, "a.md", removed=True, webUrl=HTTPS, ampWebUrl=AMP)
    load(store, tmp_path, 1)
    assert [entry.related for entry in feed(store).entries] == [()]


def test_a_removed_record_removes_its_amp_page_too(store: Store, tmp_path: Path) -> None:
    write(tmp_path, "b.md", title="b", webUrl=AMP)
    more = [{"title": "AMP", "webUrl": AMP}, {"title": "Page", "webUrl": HTTP}]
    write(tmp_path, "c.md", title="c", related=more)
    load(store, tmp_path)
    write(tmp_path, "a.md", published=False, removed=True, webUrl=HTTPS, ampWebUrl=AMP)
    load(store, tmp_path, 1)
    for each in (store, Store(databases.fresh())):
        load(each, tmp_path, 2)
        assert ids(each).keys() == {"c"}
        assert feed(each).entries[0].related == ()
    (tmp_path / "a.md").unlink()
    load(store, tmp_path, 3)
    assert ids(store).keys() == {"b", "c"}
    (c,) = [entry for entry in feed(store).entries if entry.record.title == "c"]
    assert [link.title for link in c.related] == ["AMP", "Page"]


@pytest.mark.parametrize(
    ("claims", "found"),
    [
        ([("a", "b")], {"b": "a"}),
        ([("a", "a")], {}),
        ([("a", "a"), ("b", "a")], {"a": "b"}),
        ([("a", "c"), ("b", "c")], {}),
        ([("a", "b"), ("a", "b")], {"b": "a"}),
        ([("a", "b"), ("b", "c")], {"b": "a"}),
        ([("a", "b"), ("b", "c"), ("c", "d")], {"b": "a"}),
        ([("a", "b"), ("b", "a")], {}),
        ([("a", "b"), ("a", "c")], {"b": "a", "c": "a"}),
    ],
)
def test_an_amp_page_has_one_original_that_is_none(
    claims: list[tuple[str, str]], found: dict[str, str]
) -> None:
    for order in (claims, claims[::-1]):
        assert identity.originals(order) == found


# -- coverage --------------------------------------------------------------------------


@pytest.mark.parametrize("listed", [HTTP, HTTPS, AMP, CACHE])
def test_a_story_has_an_entry_by_any_of_its_addresses(
    store: Store, tmp_path: Path, listed: str
) -> None:
    write(tmp_path, "a.md", title="a", webUrl=HTTPS, ampWebUrl=AMP, quality=1, related=[
        {"title": "c", "webUrl": "http://news.example.com/c"}])  # fmt: skip
    write(tmp_path, "b.md", title="b", webUrl=AMP)
    write(tmp_path, "c.md", title="c", related=[{"title": "a", "webUrl": listed}])
    load(store, tmp_path)
    story = feed(store, f"/stories/{key(HTTPS).removeprefix('urn:uuid:')}/atom.xml")
    assert [entry.id for entry in story.entries] == [key(HTTPS), page("c")]


# -- history ---------------------------------------------------------------------------


def test_a_store_made_anew_has_the_ids_of_one_that_followed_every_commit(
    store: Store, tmp_path: Path
) -> None:
    repository = Repository(tmp_path)
    first = int(START.timestamp())

    def text(name: str, url: str = "", **fields: Any) -> str:
        url = url or page_url(name)
        return record(title=name, webUrl=url, publishedDateTime=None, **fields)

    steps: list[dict[str, str | None]] = [
        {"b.md": text("b", id=OWN), "http.md": text("http", HTTP), "amp.md": text("amp", AMP)},
        {"a.md": text("a", id=OWN)},
        {"http.md": text("https", HTTPS)},
        {"c.md": text("c", ampWebUrl=CACHE, quality=1), "later.md": text("later", HTTP)},
        {"d.md": text("d", "http://news.example.com/d")},
        {"e.md": text("e", "https://news.example.com/d", quality=1), "d.md": None},
    ]
    for day, step in enumerate(steps):
        repository.commit(first + day * 86_400, step)
        now = START + timedelta(days=day)
        loader.load(store, tmp_path, now=now, history=HistoryReader(tmp_path))
    anew = Store(databases.fresh())
    loader.load(anew, tmp_path, now=START + timedelta(days=9), history=HistoryReader(tmp_path))
    assert (
        ids(anew)
        == ids(store)
        == {
            "b": OWN,
            "a": page("a"),
            "c": key(AMP),
            "https": key(HTTP),
            "e": key("http://news.example.com/d"),
        }
    )
    assert dump(anew) == dump(store)
    assert rendered(anew, "/rss.xml") == rendered(store, "/rss.xml")
