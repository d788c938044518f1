"""How feeds are found by programs: lists to import, a catalogue, a sitemap, robots.txt.

Each is made from the store, the grammar of addresses and the configuration;
their bytes are those of `formats`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from feeds.catalog import builder, titles
from feeds.catalog.addresses import Addresses, FeedQuery, NotFound, SiteQuery, kind_of
from feeds.catalog.builder import Listed
from feeds.config import Config
from feeds.rendering.formats import FORMATS, opml, sitemap
from feeds.selection import EVERYTHING, NONE, Filters, Scope, folded
from feeds.store.reader import Reader

# The lists to import, and the headings of the feeds in each.
LISTS: Final[Mapping[str, Sequence[str]]] = {
    "feeds.opml": ("", "Topics", "Providers", "Types", "Collections"),
    "topics.opml": ("Topics",),
    "providers.opml": ("Providers",),
    "collections.opml": ("Collections",),
}
# The pages that list labels, by what is listed.
LISTINGS: Final = {f"{kind}s/": kind for kind in ("topic", "provider", "type", "collection")}
_RSS: Final = "rss.xml"

_encode = msgspec.json.Encoder().encode


def feed_list(reader: Reader, query: SiteQuery, addresses: Addresses, config: Config) -> bytes:
    """The list that a query names, as OPML: every feed in it narrowed by the query's filters.

    Left out are feeds that no entry of could pass, and those that would be
    there twice. Raises NotFound when that leaves none.
    """
    name, collections = _names(reader), reader.collections()
    listed = builder.scopes(reader)
    known = {one.scope for one in listed}
    seen: set[FeedQuery] = set()
    groups = []
    for heading in LISTS[query.name]:
        outlines = []
        for one in listed:
            if _heading(one.scope) != heading or not _can_pass(one.scope, query.filters):
                continue
            scope, rest = folded(one.scope, query.filters)
            feed = FeedQuery(scope, query.policy, query.format, addresses.limit, filters=rest)
            if scope in known and feed not in seen:
                seen.add(feed)
                own = collections.get(scope.collection)
                about = own.description if own else ""
                outlines.append(_outline(feed, addresses, config, name, about))
        if outlines:
            groups.append(opml.Group(heading, outlines))
    if not groups and query.filters != NONE:
        raise NotFound("no feed has entries that pass all of these filters")
    called = "" if query.name == "feeds.opml" else LISTS[query.name][0]
    title = titles.of_scope(called, query.filters, config, name)
    title = titles.of_feed(title, FeedQuery(policy=query.policy), config)
    modified = max([reader.modified(Scope(), EVERYTHING), *reader.changes().values()])
    return opml.document(title, config.title, _moment(modified), groups)


def _heading(scope: Scope) -> str | None:
    """The heading over the feeds of a scope; None for feeds that are on no list."""
    if scope == Scope():
        return ""
    if scope.topic and scope.provider:
        return None
    if scope.collection:
        return "Collections"
    return "Topics" if scope.topic else "Providers" if scope.provider else "Types"


def _can_pass(scope: Scope, filters: Filters) -> bool:
    """Whether a list narrowed by filters has the feeds of a scope: those that filters name, if any.

    A feed of what filters exclude would be empty.
    """
    wanted = (
        (scope.topic, filters.topic),
        (scope.provider, filters.provider),
        (scope.type, filters.type),
    )
    if any(slug and several and slug not in several for slug, several in wanted):
        return False
    return (
        scope.topic not in filters.exclude_topic and scope.provider not in filters.exclude_provider
    )


def _outline(
    query: FeedQuery,
    addresses: Addresses,
    config: Config,
    name: Callable[[str, str], str],
    own: str,
) -> opml.Outline:
    """A feed with the title that it has itself; `own` describes its collection."""
    heading = titles.of_scope(_called(query.scope, name), query.filters, config, name)
    return opml.Outline(
        title=titles.of_feed(heading, query, config),
        description=titles.description(heading, query, config, own),
        url=addresses.url(query),
        page=addresses.url(query._replace(file="")),
        language=config.language,
        version="RSS" if query.file == _RSS else "",
    )


def _called(scope: Scope, name: Callable[[str, str], str]) -> str:
    """The name of a scope in titles."""
    parts = [name("topic", scope.topic)] if scope.topic else []
    if scope.name:
        parts.append(name("name", f"{scope.provider}/{scope.name}"))
    elif scope.provider:
        parts.append(name("provider", scope.provider))
    if scope.type:
        parts.append(titles.of_type(scope.type))
    if scope.collection:
        parts.append(name("collection", scope.collection))
    return " from ".join(parts)


def _names(reader: Reader) -> Callable[[str, str], str]:
    """The name of a topic, provider, name of a provider or collection, by kind and slug."""

    @cache
    def of_kind(kind: str) -> dict[str, str]:
        return {label.slug: label.name for label in reader.labels(kind)}

    return lambda kind, slug: of_kind(kind).get(slug, slug)


def catalogue(reader: Reader, addresses: Addresses, config: Config) -> bytes:
    """Every feed, as JSON: what it is of, how much it has, since when, and where it is.

    An address is the base of a link policy, the path of a feed and the file
    of a format, one after the other.
    """
    changes = reader.changes()
    everything = FeedQuery(limit=addresses.limit)
    bases = {
        policy: addresses.url(everything._replace(policy=policy)) for policy in addresses.policies
    }
    files = {kind_of(file): file for file in FORMATS}
    feeds = []
    for one in builder.scopes(reader):
        page = addresses.url(FeedQuery(one.scope, config.links, limit=addresses.limit))
        feeds.append(
            {"title": one.title, "path": page.removeprefix(f"{addresses.root}/")}
            | {name: slug for name, slug in one.scope._asdict().items() if slug}
            | {"entries": one.entries}
            | _dated("latest", one.latest)
            | _dated("modified", changes.get(one.scope, 0))
            | {"page_url": page, "feed_urls": {name: page + file for name, file in files.items()}}
        )
    content = {
        "title": config.title,
        "description": config.description,
        "language": config.language,
        "home_page_url": f"{addresses.root}/",
        "formats": [
            {
                "name": kind_of(kind.file),
                "title": kind.label,
                "file": kind.file,
                "media_type": kind.media_type,
            }
            for kind in FORMATS.values()
        ],
        "link_policies": [
            {
                "name": policy,
                "title": titles.POLICIES[policy],
                "default": policy == config.links,
                "base_url": bases[policy],
            }
            for policy in addresses.policies
        ],
        "opml_urls": [f"{addresses.root}/{name}" for name in LISTS],
        "listing_urls": [f"{addresses.root}/{name}" for name in _listings(reader)],
        "feeds": feeds,
    }
    return _encode(content)


def _listings(reader: Reader) -> list[str]:
    """The pages that list something."""
    return [name for name, kind in LISTINGS.items() if reader.labels(kind)]


def _dated(name: str, seconds: int) -> dict[str, Any]:
    return {name: _moment(seconds)} if seconds else {}


def pages(reader: Reader, addresses: Addresses, config: Config) -> bytes:
    """The sitemap: pages about feeds, that of every scope, those of topic and provider last."""
    changes = reader.changes()
    listed = sorted(builder.scopes(reader), key=_is_of_both)
    about = ["about/", *_listings(reader)]
    sitemap_pages = [sitemap.Page(f"{addresses.root}/{name}") for name in about]
    for one in listed:
        url = addresses.url(FeedQuery(one.scope, config.links, limit=addresses.limit))
        sitemap_pages.append(sitemap.Page(url, _moment(changes.get(one.scope, 0))))
    return sitemap.document(sitemap_pages)


def _is_of_both(listed: Listed) -> bool:
    return bool(listed.scope.topic and listed.scope.provider)


def robots(addresses: Addresses) -> bytes:
    """robots.txt (RFC 9309): everything but searches, of which there is no end; the sitemap.

    Feeds of searches aren't kept from the readers that subscribe to them.
    """
    prefix = urlsplit(addresses.root).path
    lines = [
        "User-agent: *",
        f"Disallow: {prefix}/?*q=",
        f"Disallow: {prefix}/*/?*q=",
        "Allow: /",
        "",
        f"Sitemap: {addresses.root}/sitemap.xml",
    ]
    return "".join(f"{line}\n" for line in lines).encode()


def _moment(seconds: int) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if seconds else None
