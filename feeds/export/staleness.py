"""What of a site may be different from the one that a manifest was written for.

The manifest has what that one was made from: a digest of all but the records, what the store
remembered of these, and up to when its archives were closed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from typing import Final, NamedTuple

from feeds.catalog import cache_keys
from feeds.catalog.addresses import FeedQuery, SiteQuery
from feeds.config import Config
from feeds.export.manifest import File, Manifest
from feeds.export.plan import Planned, SiteSelection
from feeds.follower import changed_keys
from feeds.rendering.site_documents import SITE
from feeds.selection import Scope
from feeds.serving.document_store import DocumentStore
from feeds.store import changes
from feeds.store.memory import Memory
from feeds.store.reader import Reader


class Stale(NamedTuple):
    """What may be different: documents by their surrogate `keys`, or by what is finer.

    `moved` are the keys of the scopes that gained or lost entries, `entries` the keys of the
    entries that changed, came or went.
    """

    keys: Collection[str] = ()
    moved: Collection[str] = ()
    entries: Collection[str] = ()


_FILE: Final = "rss.xml"  # any that shows the entries of a page
EVERYTHING: Final = Stale({cache_keys.ALL})
NOTHING: Final = Stale()


def basis(config: Config, reader: Reader, selection: SiteSelection, coding: str) -> str:
    """A digest of what a site is made from beside records: settings, program, part, collections."""
    names = {label.slug: label.name for label in reader.labels("collection")}
    rows = sorted((*row, names.get(slug)) for slug, row in reader.collections().items())
    parts = changed_keys.settings(config), coding, *selection, rows
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def icons(reader: Reader) -> dict[str, str]:
    """The addresses of the icons of providers by their keys; pages show those of others."""
    kinds = ("provider", "name")
    return {label.slug: label.icon for kind in kinds for label in reader.labels(kind)}


def stale_since(reader: Reader, config: Config, before: Manifest, now: Manifest) -> Stale:
    """What of a site may be different from what `before` says was written."""
    then, memory = before.memory, now.memory
    if then is None or memory is None or before.basis != now.basis:
        return EVERYTHING
    if then == memory and before.closed == now.closed:
        return NOTHING
    if not _goes_on(reader, then, memory):
        return EVERYTHING
    if changes.closed_as_of(reader.connection, then.loaded) != before.closed:
        return EVERYTHING
    if any(before.icons.get(key, icon) != icon for key, icon in now.icons.items()):
        return EVERYTHING
    keys = changed_keys.changed(reader, then.loaded, config)
    # Which documents show a topic or provider that was renamed, the manifest doesn't tell.
    if any(key[0] != "/" for key in keys - {cache_keys.ANY, cache_keys.OPEN}):
        return EVERYTHING
    events = changed_keys.events_since(reader, then.loaded) or ()
    moved = {event.scope for event in events if event.moves}
    changed = {key for key, entry in memory.entries.items() if entry.changed > then.loaded}
    return Stale(
        keys,
        {cache_keys.of_scope(Scope(*scope.split("\t"))) for scope in moved},
        changed | (then.entries.keys() ^ memory.entries.keys()),
    )


def _goes_on(reader: Reader, then: Memory, memory: Memory) -> bool:
    """Whether the store remembers what changed since the load of `then`, and nothing else did."""
    since, known = then.loaded, then.entries
    if then.born != memory.born or not reader.was_made_at(since):
        return False
    left = changes.departed_entries(reader.connection, since)
    gone = sum(departure.scope == Scope().key() for departure in left)
    return len(known.keys() - memory.entries.keys()) <= gone and all(
        entry == known.get(key)
        for key, entry in memory.entries.items()
        if entry.changed <= since and entry.placed <= since
    )


def is_stale(
    planned: Planned, file: File, stale: Stale, documents: DocumentStore, closed: int
) -> bool:
    """Whether a document may be another than its file, by what is `stale`.

    The file was written when archives up to the moment `closed` were closed.
    """
    query, keys = planned.query, stale.keys
    if cache_keys.ALL in keys or file.location != planned.location:
        return True
    if query is None:
        return False
    if isinstance(query, SiteQuery):
        return SITE[query.name].is_of_records and cache_keys.ANY in keys
    if query.story:
        return not planned.near.isdisjoint(stale.entries)
    config = documents.config
    is_closed = query.period is not None and query.period.end <= closed
    usual = documents.addresses.default_limit(query.month, query.style)
    carried = cache_keys.of_query(config, query, usual, is_closed=is_closed)
    if carried == [cache_keys.ANY] and not query.file:
        if _numbers_changed(query, config, stale.moved):
            return True
        entries = query._replace(file=_FILE)
        carried = cache_keys.of_query(config, entries, usual, is_closed=is_closed)
    return any(key in keys for key in carried)


def _numbers_changed(query: FeedQuery, config: Config, moved: Collection[str]) -> bool:
    """Whether a page has a number of entries that may have changed: its own, or of a feed near.

    `moved` are the keys of the scopes that gained or lost entries. Names and icons are unchanged.
    """
    scope = query.scope
    if config.parameters == "on" or (scope == Scope() and query.month is None):
        return bool(moved)
    kind = "/types/" if scope.type else "/collections/" if scope.collection else None
    if kind and any(key.startswith(kind) for key in moved):
        return True
    around = {Scope(topic=scope.topic), Scope(provider=scope.provider)} - {Scope()}
    return any(cache_keys.of_scope(one) in moved for one in {scope, *around})
