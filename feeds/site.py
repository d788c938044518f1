"""Documents about the feeds: what they are called, and how each is made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from feeds.config import Config
from feeds.pages import Pages
from feeds.query import Addresses, SiteName, SiteQuery
from feeds.store import Reader


class Site(NamedTuple):
    """What a document about the feeds is made from."""

    query: SiteQuery
    reader: Reader
    addresses: Addresses
    config: Config
    pages: Pages


class SiteDocument(NamedTuple):
    """One document about the feeds.

    `takes` is what its address may say, `is_open` whether scripts of other
    sites may read it, `max_age` how long caches keep it, None for the setting.
    """

    media_type: str
    render: Callable[[Site], bytes]
    takes: SiteName = SiteName()
    is_open: bool = False
    max_age: int | None = None


HTML: Final = "text/html; charset=utf-8"


def _about(site: Site) -> bytes:
    return site.pages.render("about.html")


SITE: Final[Mapping[str, SiteDocument]] = {
    "about/": SiteDocument(HTML, _about),
}

# What addresses need to know of them.
NAMES: Final = {name: document.takes for name, document in SITE.items()}
