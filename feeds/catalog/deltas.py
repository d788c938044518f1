"""FeedQuery and a moment -> Feed of what came or changed since."""

from __future__ import annotations

from datetime import date

import msgspec

from feeds.catalog import builder
from feeds.catalog.addresses import Addresses, FeedQuery
from feeds.catalog.entries import of_rows
from feeds.catalog.window import changed_since, withdrawn_since
from feeds.config import Config
from feeds.model import UNKNOWN_TIME, Feed
from feeds.selection import NONE
from feeds.store.reader import Reader


def changes(
    reader: Reader, query: FeedQuery, addresses: Addresses, config: Config, today: date, since: int
) -> Feed | None:
    """The feed that `query` asks for, of the entries alone that came or changed after `since`.

    That is a moment in seconds. Where they are too many, archives go on from the newest of the
    others; None, where there are no archives. Raises the errors of `feed`.
    """
    whole = builder.feed(reader, query, addresses, config, today)
    window = query.filters.window(today)
    rows, is_all = changed_since(reader, query.scope, since, window, query.filters)
    links = whole.links
    if not is_all:
        if reader.is_list(query.scope) or query.filters != NONE:
            return None
        links = tuple(link for link in links if link.rel != "prev-archive")
        links += builder.into_archives(reader, query, addresses, rows)
    gone = withdrawn_since(reader, query, config, since)
    rest = builder.trimmed(query, config, of_rows(reader, rows, addresses.root))
    return msgspec.structs.replace(whole, entries=rest, links=links, withdrawn=gone)


def joined(delta: Feed, whole: Feed) -> Feed:
    """The entries of a feed's delta and of the feed itself, by date; the feed, if it has all."""
    rest = {entry.id: entry for entry in whole.entries}
    is_told = set(delta.withdrawn) <= set(whole.withdrawn)
    if is_told and all(entry.id in rest for entry in delta.entries):
        return whole
    entries = (rest | {entry.id: entry for entry in delta.entries}).values()
    in_order = sorted(entries, key=lambda entry: entry.published or UNKNOWN_TIME, reverse=True)
    return msgspec.structs.replace(delta, entries=tuple(in_order))
