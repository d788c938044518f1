"""What feeds are called, and which there are."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from feeds.catalog import builder, titles
from feeds.catalog.addresses import Gone, NotFound, RedirectTo
from feeds.loading import loader
from feeds.selection import Scope
from feeds.setting_types import FormerNames
from feeds.store.database import Store
from tests.helpers.support import CONFIG, LOADED, addresses, feed, loaded, write


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    folder: Path = tmp_path_factory.mktemp("titles")
    guardian = {"name": "The Guardian", "domain": "theguardian.com"}
    write(folder, "a.md", topics=["AI"], type="video", provider=guardian, quality=60)
    write(folder, "b.md", topics=["C++"], type="article", provider={"name": "Ports & Code"})
    return loaded(folder)


@pytest.mark.parametrize(
    ("address", "title"),
    [
        ("/rss.xml", "Example News"),
        (
            "/topics/ai/providers/theguardian.com/rss.xml?min_quality=50",
            "AI from The Guardian, quality 50 and up – Example News",
        ),
        ("/rss.xml?min_heat=7", "Heat 7 and up – Example News"),
        ("/rss.xml?topic=ai&topic=c-plus-plus", "About AI or C++ – Example News"),
        (
            "/types/videos/rss.xml?exclude_topic=ai&exclude_topic=x&exclude_provider=ports-code",
            "Videos, not about AI or x, not from Ports & Code – Example News",
        ),
        (
            "/topics/ai/rss.xml?type=articles&type=videos&since=2024-05-01",
            "AI, only articles and videos, since 1 May 2024 – Example News",
        ),
        (
            "/rss.xml?exclude_type=articles&until=2024-05-01&per_provider=3",
            "No articles, until 1 May 2024, at most 3 from each provider – Example News",
        ),
        ("/rss.xml?since=1d", "Of the last day – Example News"),
        ("/rss.xml?since=30d&sort=heat", "Of the last 30 days, hottest first – Example News"),
        (
            "/amp/rss.xml?q=%22a+b%22+-c&sort=relevance",
            "Matching “a b -c”, best match first – Example News (AMP)",
        ),
    ],
)
def test_a_title_says_what_the_filters_do(store: Store, address: str, title: str) -> None:
    found = feed(store, address)
    assert (found.title, found.name) == (title, title)
    assert found.links[0].href == "https://feeds.example.org" + address


def test_the_title_of_a_page_and_of_its_feed(store: Store) -> None:
    found = feed(store, "/rss.xml?min_quality=0&q=title&limit=1&page=2")
    assert found.title == "Matching “title” – Example News, page 2"
    assert found.name == "Matching “title” – Example News"


# -- feeds that outlive their records ------------------------------------------------

TIMES = {"name": "Times", "domain": "times.example.com"}


@pytest.fixture
def emptied(tmp_path: Path) -> Store:
    """A store in which Go, with Times, had an entry, and Secret a record that is removed by now."""
    write(tmp_path, "a.md", topics=["Go"], provider=TIMES, type="video")
    write(tmp_path, "b.md", topics=["Secret"])
    write(tmp_path, "c.md", topics=["AI"], provider={"name": "Post"})
    store = loaded(tmp_path)
    write(tmp_path, "b.md", topics=["Secret"], removed=True)
    (tmp_path / "a.md").unlink()
    loader.load(store, tmp_path, now=LOADED + timedelta(days=1))
    return store


@pytest.mark.parametrize(
    ("address", "title"),
    [
        ("/topics/go/rss.xml", "Go – Example News"),
        ("/providers/times.example.com/atom.xml", "Times – Example News"),
        ("/types/videos/feed.json", "Videos – Example News"),
        ("/topics/go/providers/times.example.com/rss.xml", "Go from Times – Example News"),
    ],
)
def test_a_feed_outlives_its_entries(emptied: Store, address: str, title: str) -> None:
    found = feed(emptied, address)
    assert (found.title, found.entries, found.total) == (title, (), 0)
    assert found.modified == LOADED + timedelta(days=1)


@pytest.mark.parametrize(
    ("address", "error", "message"),
    [
        ("/topics/secret/rss.xml", Gone, "nothing is left of it"),
        ("/topics/ai/providers/times.example.com/rss.xml", NotFound, "no entry has both AI and Ti"),
        ("/topics/never/rss.xml", NotFound, "there is no topic called never"),
    ],
)
def test_what_withdrawn_records_alone_had_is_gone(
    emptied: Store, address: str, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message) as raised:
        feed(emptied, address)
    assert type(raised.value) is error


def test_names_of_feeds_toml_take_the_place_of_what_no_record_has(emptied: Store) -> None:
    topics = FormerNames(frozenset({"go", "ai"}), {"never": "ai", "secret": "other"})
    config = replace(CONFIG, topics=topics, providers=FormerNames(aliases={"old.example": "post"}))
    with pytest.raises(Gone, match="the topic go was retired"):
        feed(emptied, "/topics/go/rss.xml", config)
    assert feed(emptied, "/topics/ai/rss.xml", config).total == 1  # a public record has it
    for old, new in (
        ("/topics/never/atom.xml", "/topics/ai/atom.xml"),
        ("/topics/secret/", "/topics/other/"),
        ("/topics/never/providers/old.example/rss.xml", "/topics/ai/providers/post/rss.xml"),
        ("/amp/providers/old.example/2024/01/", "/amp/providers/post/2024/01/"),
    ):
        with pytest.raises(RedirectTo) as raised:
            feed(emptied, old, config)
        assert addresses().path(raised.value.query) == new
        assert raised.value.status == 308


def test_empty_feeds_are_in_no_list(emptied: Store) -> None:
    with emptied.read() as reader:
        listed = [one.scope for one in builder.scopes(reader)]
        empty = titles.former_scopes(reader, CONFIG)
    assert listed == [Scope(), Scope("ai"), Scope(provider="post"), Scope("ai", "post")]
    go, times = {"topic": "go"}, {"provider": "times.example.com"}
    assert empty == sorted(
        [Scope(**go), Scope(**times), Scope(**go, **times), Scope(type="videos")]
    )
