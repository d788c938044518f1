"""The URLs of the feeds whose documents changed since a load, for hubs."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator
from typing import Final

from feeds.catalog import builder
from feeds.catalog.addresses import Addresses, FeedQuery, NotFound, RedirectTo
from feeds.catalog.titles import heading
from feeds.catalog.window import first_page, since_of
from feeds.config import Config
from feeds.rendering.formats import MEDIA_TYPES
from feeds.selection import Scope
from feeds.store import changes
from feeds.store.changes import Change
from feeds.store.reader import Reader
from feeds.store.schema import SITE
from feeds.urls import POLICIES

_WITH_WITHDRAWALS: Final = ("atom.xml", "feed.json")
_WITH_FIGURES: Final = ("feed.json",)  # quality and heat, and how many entries there are


def changed(reader: Reader, since: int, addresses: Addresses, config: Config) -> dict[str, int]:
    """The URLs of the feeds that changed after the load at `since`, in seconds.

    Each with its rank: the main ones have the least. A feed that has no entries
    any more isn't among them: there is nothing to fetch. Nor is one in which only the
    link to its archives differs.
    """
    connection = reader.connection
    happened = changes.events(
        since,
        changes.changed_entries(connection, since),
        changes.departed_entries(connection, since),
        changes.changed_members(connection, since),
    )
    by_key = changes.collect((event.scope, event) for event in happened)
    by_scope = {Scope(*key.split("\t")): change for key, change in by_key.items()}
    retitled = set(_retitled(reader, since, by_scope, config))
    if reader.state().born > since:
        retitled |= {listed.scope for listed in builder.scopes(reader)}
    told: set[Scope] = set()
    if config.window:
        seconds = config.window * 3600
        told = changes.withdrawn_from(connection, since, config.limit, seconds)
    urls = {}
    for scope in by_scope.keys() | retitled | told:
        query = FeedQuery(scope, limit=config.limit)
        try:
            total = heading(reader, query, config).entries
        except (NotFound, RedirectTo):
            continue
        limit = max(total, 1) if reader.is_list(scope) else config.limit
        files: Collection[str] = MEDIA_TYPES
        if scope not in retitled:
            change = by_scope.get(scope, Change())
            files = {*_files(reader, scope, change, total, limit, config)}
            files |= {*_WITH_WITHDRAWALS} if scope in told else set()
        narrow = sum(1 for slug in scope if slug)
        for policy in POLICIES:
            for file in files:
                url = addresses.url(query._replace(policy=policy, file=file))
                urls[url] = narrow if policy == config.links else narrow + len(scope)
    return urls


def _retitled(
    reader: Reader, since: int, known: Collection[Scope], config: Config
) -> Iterator[Scope]:
    """The scopes whose feeds are called something else.

    All entries of a topic changed with its name, so its scopes are `known` to
    have changed.
    """
    for kind, slug in changes.renamed(reader.connection, since):
        if kind == "topic":
            yield from (scope for scope in known if scope.topic == slug)
        elif kind == SITE:
            if slug in config.left_to_site:
                yield from (listed.scope for listed in builder.scopes(reader))
        elif kind == "collection":
            yield Scope(collection=slug)
        elif kind != "type":  # whose titles are made of the slug
            key, _, name = slug.partition("/")
            own = Scope(provider=key, name=name)
            yield own
            yield from (own._replace(topic=topic) for topic, _ in reader.topics_within(own))


def _files(
    reader: Reader, scope: Scope, change: Change, total: int, limit: int, config: Config
) -> Collection[str]:
    """The files of a feed of `total` entries that say something else now."""
    rows = reader.page(scope, 1, limit - 1)
    last = rows[0].position if rows else changes.NOWHERE + 1
    since = since_of(reader, scope, config.window) if config.window else sys.maxsize
    if change.position >= last or change.arrived > since:
        return MEDIA_TYPES
    before = change.totals(total)[-1]
    if before != total:  # feeds link their last page
        further = limit - first_page(reader, scope, config).run if config.window else 0
        if -(-(total + further) // limit) != -(-(before + further) // limit):
            return MEDIA_TYPES
        return _WITH_FIGURES
    return _WITH_FIGURES if change.figures >= last or change.figures_arrived > since else ()
