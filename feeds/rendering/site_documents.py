"""Documents about the feeds: what they are called, and how each is made."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

from feeds.catalog.addresses import Addresses, SiteName, SiteQuery
from feeds.config import Config
from feeds.rendering import discovery
from feeds.rendering.assets import ASSETS
from feeds.rendering.formats import MEDIA_TYPES
from feeds.rendering.pages import Pages
from feeds.store.reader import Reader
from feeds.urls import POLICIES


class Site(NamedTuple):
    """The values that a document about the feeds is made from."""

    query: SiteQuery
    reader: Reader
    addresses: Addresses
    config: Config
    pages: Pages


class SiteDocument(NamedTuple):
    """One document about the feeds.

    `takes` is what its address may say, `is_open` whether scripts of other
    sites may read it, `max_age` how long caches keep it, None for the setting,
    `is_of_records` whether a load may change it.
    """

    media_type: str
    render: Callable[[Site], bytes]
    takes: SiteName = SiteName()
    is_open: bool = False
    max_age: int | None = None
    is_of_records: bool = False


HTML: Final = "text/html; charset=utf-8"
_OPML: Final = "text/x-opml; charset=utf-8"
_JSON: Final = "application/json; charset=utf-8"
_XML: Final = "application/xml; charset=utf-8"
_TEXT: Final = "text/plain; charset=utf-8"


def _about(site: Site) -> bytes:
    return site.pages.render("about.html")


def _asset(name: str) -> SiteDocument:
    asset = ASSETS[name]
    return SiteDocument(asset.media_type, lambda _: asset.body, is_open=True, max_age=asset.max_age)


def _listing(site: Site) -> bytes:
    return site.pages.listing(site.query.name.rstrip("/"), site.reader)


def _feed_list(site: Site) -> bytes:
    return discovery.feed_list(site.reader, site.query, site.addresses, site.config)


def _catalogue(site: Site) -> bytes:
    return discovery.catalogue(site.reader, site.addresses, site.config)


def _sitemap(site: Site) -> bytes:
    return discovery.pages(site.reader, site.addresses, site.config)


def _robots(site: Site) -> bytes:
    return discovery.robots(site.addresses)


_LISTS: Final = SiteDocument(
    _OPML,
    _feed_list,
    SiteName(policy=True, format=True, filters=True),
    is_open=True,
    is_of_records=True,
)

SITE: Final[Mapping[str, SiteDocument]] = {
    "about/": SiteDocument(HTML, _about),
    **dict.fromkeys(discovery.LISTINGS, SiteDocument(HTML, _listing, is_of_records=True)),
    **dict.fromkeys(discovery.LISTS, _LISTS),
    "feeds.json": SiteDocument(_JSON, _catalogue, is_open=True, is_of_records=True),
    "sitemap.xml": SiteDocument(_XML, _sitemap, is_of_records=True),
    "robots.txt": SiteDocument(_TEXT, _robots),
    **{name: _asset(name) for name in ASSETS},
}

# What addresses need to know of them.
NAMES: Final = {name: document.takes for name, document in SITE.items()}


def addresses_of(config: Config, policies: Sequence[str] = POLICIES) -> Addresses:
    """The grammar of addresses under a configuration; documents lead to these link policies."""
    return Addresses(
        config.root,
        config.links,
        config.limit,
        MEDIA_TYPES,
        NAMES,
        parameters=config.parameters == "on",
        content=config.content,
        policies=policies,
    )
