"""The feeds of collections: lists are whole and in their own order, filters as any feed."""

from dataclasses import replace
from pathlib import Path

import pytest

from feeds.catalog import builder
from feeds.catalog.addresses import NotFound
from feeds.catalog.builder import Listed
from feeds.loading import loader
from feeds.model import Feed
from feeds.selection import Filters, SavedFilter, Scope
from feeds.store.database import Store
from tests.helpers.databases import databases
from tests.helpers.support import CONFIG, LOADED, feed, write

pytestmark = pytest.mark.usefixtures("either")

SMALL = replace(CONFIG, limit=2)
SAVED = {"ai": SavedFilter("AI & robots", "What is new", Filters(topic=("ai",)))}


@pytest.fixture(scope="module")
def news(tmp_path_factory: pytest.TempPathFactory) -> Store:
    folder = tmp_path_factory.mktemp("records")
    for number, name in enumerate("abcd"):
        date = f"2024-0{number + 1}-01T00:00:00Z"
        topics = ["AI"] if name != "b" else ["Go"]
        write(folder, f"{name}.md", publishedDateTime=date, topics=topics, heat=ord(name))
    listed = {"webUrl": None, "title": "Start here", "excerpt": "First steps"}
    write(folder, "list.md", type="collection", items=["b", "d", "a", "none"], **listed)
    store = Store(databases.fresh())
    loader.load(store, folder, now=LOADED, saved=SAVED)
    return store


def at(store: Store, address: str) -> Feed:
    return feed(store, address, SMALL)


def links(found: Feed) -> list[tuple[str, str]]:
    return [(link.rel, link.href.removeprefix(CONFIG.root)) for link in found.links]


def paths(found: Feed) -> str:
    return "".join(entry.record.path[0] for entry in found.entries)


def test_a_list_is_whole(news: Store) -> None:
    found = at(news, "/amp/collections/start-here/atom.xml")
    address = "/amp/collections/start-here/atom.xml"
    assert (paths(found), found.total, links(found)) == ("bda", 3, [("self", address)])
    assert found.title == "Start here – Example News (AMP)"
    assert found.description == "First steps"
    with pytest.raises(NotFound, match="page 2 is past the last; there are 3 entries"):
        at(news, "/collections/start-here/atom.xml?page=2")
    with pytest.raises(NotFound, match="has no months"):
        at(news, "/collections/start-here/2024/01/atom.xml")


@pytest.mark.parametrize(
    ("parameters", "shown"),
    [
        ("topic=ai", "da"),
        ("exclude_topic=ai", "b"),
        ("min_heat=98", "bd"),
        ("sort=heat", "dba"),
        ("since=2024-02-01", "bd"),
        ("q=title", "bda"),
        ("q=title&sort=relevance", "dba"),
        ("topic=ai&limit=1&page=2", "a"),
        ("limit=1", "b"),
        ("limit=1&page=3", "a"),
    ],
)
def test_parameters_narrow_a_list_in_its_order(news: Store, parameters: str, shown: str) -> None:
    assert paths(at(news, f"/collections/start-here/rss.xml?{parameters}")) == shown


def test_one_filter_of_a_list_is_no_scope(news: Store) -> None:
    found = at(news, "/collections/start-here/rss.xml?topic=ai")
    assert links(found) == [("self", "/collections/start-here/rss.xml?topic=ai")]
    assert found.title == "Start here, about AI – Example News"
    assert found.description == "Start here, about AI – Example News: News by topic and provider"


def test_turned_pages_of_a_list_lead_to_each_other(news: Store) -> None:
    address = "/collections/start-here/rss.xml?limit=1"
    assert links(at(news, address)) == [
        ("self", address),
        ("first", address),
        ("last", f"{address}&page=3"),
        ("next", f"{address}&page=2"),
    ]


def test_a_filter_has_pages_and_archives(news: Store) -> None:
    address = "/collections/ai/rss.xml"
    found = at(news, address)
    assert (paths(found), found.total) == ("dc", 3)
    assert (found.title, found.description) == ("AI & robots – Example News", "What is new")
    assert links(found) == [
        ("self", address),
        ("first", address),
        ("last", f"{address}?page=2"),
        ("next", f"{address}?page=2"),
        ("prev-archive", "/collections/ai/archive/2024-01/rss.xml"),
    ]
    archive = at(news, "/collections/ai/2024/03/rss.xml")
    assert (paths(archive), links(archive)) == (
        "c",
        [
            ("self", "/collections/ai/2024/03/rss.xml"),
            ("next", "/collections/ai/2024/01/rss.xml"),
            ("previous", "/collections/ai/2024/04/rss.xml"),
            ("current", address),
        ],
    )
    archive = at(news, "/collections/ai/archive/2024-01/rss.xml")
    assert (paths(archive), archive.archive, links(archive)) == (
        "a",
        "2024-01",
        [("self", "/collections/ai/archive/2024-01/rss.xml"), ("current", address)],
    )
    with pytest.raises(NotFound, match="has no archives"):
        at(news, "/collections/start-here/archive/2024-01/rss.xml")
    assert paths(at(news, f"{address}?topic=ai&min_heat=99&sort=heat")) == "dc"
    with news.read() as reader:
        assert reader.months(Scope(collection="ai")) == [
            (2024 * 12 + month, 1) for month in (3, 2, 0)
        ]
        assert reader.months(Scope(collection="start-here")) == []


def test_collections_are_listed_last(news: Store) -> None:
    with news.read() as reader:
        listed = builder.scopes(reader)[-2:]
    april = 1711929600
    assert listed == [
        Listed(Scope(collection="ai"), "AI & robots", 3, april),
        Listed(Scope(collection="start-here"), "Start here", 3, april),
    ]


def test_there_is_no_other(news: Store) -> None:
    with pytest.raises(NotFound, match="there is no collection called none"):
        at(news, "/collections/none/rss.xml")


def test_an_empty_one_is_a_feed(tmp_path: Path) -> None:
    write(tmp_path, "list.md", webUrl=None, title="None", type="collection", items=["a"])
    store = Store(databases.fresh())
    loader.load(store, tmp_path, now=LOADED, saved=SAVED)
    assert [at(store, f"/collections/{name}/rss.xml").total for name in ("none", "ai")] == [0, 0]
