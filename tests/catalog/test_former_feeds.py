"""The addresses of a site's former feeds lead to ours."""

from dataclasses import replace

import pytest

from feeds.catalog.former_feeds import FormerFeeds
from feeds.config import ConfigError
from tests.helpers.support import CONFIG, addresses

WRITTEN = {"/news/rss": "/topics/news/rss.xml", "/old.xml": "/amp/atom.xml?topic=ai"}
FORMER = FormerFeeds(replace(CONFIG, redirects=WRITTEN), addresses())


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("/feed.xml", "/atom.xml"),
        ("/feed/atom/", "/atom.xml"),
        ("/index.xml", "/rss.xml"),
        ("/posts/index.xml", "/rss.xml"),
        ("/blog/atom.xml", "/atom.xml"),
        ("/blog/feed.json", "/feed.json"),
        ("/feed", "/rss.xml"),
        ("/feed/", "/rss.xml"),
        ("/rss", "/rss.xml"),
        ("/feed/by_tag/C++.xml", "/topics/c-plus-plus/atom.xml"),
        ("/feed/news.xml", "/topics/news/atom.xml"),
        ("/tags/go/index.xml", "/topics/go/rss.xml"),
        ("/category/world/europe/feed/", "/topics/europe/rss.xml"),
        ("/news/rss", "/topics/news/rss.xml"),
        ("/old.xml", "/amp/topics/ai/atom.xml"),
        ("/rss.xml", None),
        ("/atom.xml", None),
        ("/feeds", None),
        ("/feed.json", None),
        ("/topics/go/index.xml", None),
        ("/old.xml/", None),
    ],
)
def test_what_tools_call_their_feeds_leads_to_ours(old: str, new: str | None) -> None:
    query = FORMER.query(old)
    assert (query and addresses().path(query)) == new


def test_some_of_them_can_be_files() -> None:
    found = {path: addresses().path(query) for path, query in FORMER.files()}
    assert found == {
        "/feed.xml": "/atom.xml",
        "/index.xml": "/rss.xml",
        "/feed/": "/rss.xml",
        "/news/rss/": "/topics/news/rss.xml",
        "/old.xml": "/amp/topics/ai/atom.xml",
    }


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "/old.xml",
            "/nowhere",
            r'redirects."/old.xml" in feeds.toml leads to /nowhere \(no feed has that address\);',
        ),
        ("/old", "/rss.xml?limit=0", "leads to /rss.xml.limit=0 .limit accepts a whole number"),
        (
            "/topics/old/rss.xml",
            "/rss.xml",
            'redirects."/topics/old/rss.xml" in feeds.toml is an address of feeds\' own; .topics.',
        ),
    ],
)
def test_a_wrong_redirect_is_named(old: str, new: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        FormerFeeds(replace(CONFIG, redirects={old: new}), addresses())
