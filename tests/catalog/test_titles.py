"""What filtered feeds are called."""

from pathlib import Path

import pytest

from feeds.store.database import Store
from tests.helpers.support import feed, loaded, write


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
