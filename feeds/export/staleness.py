"""What of a site may be different from the one that a manifest was written for.

The manifest has what that one was made from: a digest of all but the records, what the store
remembered of these, and up to when its archives were closed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from typing import Final

from feeds.catalog import cache_keys
from feeds.catalog.addresses import SiteQuery
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

EVERYTHING: Final = frozenset({cache_keys.ALL})


def basis(config: Config, reader: Reader, selection: SiteSelection, coding: str) -> str:
    """A digest of what a site is made from beside records: settings, program, part, collections."""
    names = {label.slug: label.name for label in reader.labels("collection")}
    rows = sorted((*row, names.get(slug)) for slug, row in reader.collections().items())
    parts = changed_keys.settings(config), coding, *selection, rows
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def stale_keys(reader: Reader, config: Config, before: Manifest, now: Manifest) -> Collection[str]:
    """The surrogate keys of the documents that may be others than `before`; none where none is."""
    then, memory = before.memory, now.memory
    if then is None or memory is None or before.basis != now.basis:
        return EVERYTHING
    if then == memory and before.closed == now.closed:
        return ()
    if not _goes_on(reader, then, memory):
        return EVERYTHING
    if changes.closed_as_of(reader.connection, then.loaded) != before.closed:
        return EVERYTHING
    keys = changed_keys.changed(reader, then.loaded, config)
    # Which documents show a topic or provider that was renamed, the manifest doesn't tell.
    is_renamed = any(key[0] != "/" for key in keys - {cache_keys.ANY, cache_keys.OPEN})
    return EVERYTHING if is_renamed else keys


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
    planned: Planned, file: File, keys: Collection[str], documents: DocumentStore, closed: int
) -> bool:
    """Whether a document may be another than its file, by the `keys` of what is.

    The file was written when archives up to the moment `closed` were closed.
    """
    query = planned.query
    if cache_keys.ALL in keys or query is None or file.location != planned.location:
        return True
    if isinstance(query, SiteQuery):
        return SITE[query.name].is_of_records and cache_keys.ANY in keys
    is_closed = query.period is not None and query.period.end <= closed
    usual = documents.addresses.default_limit(query.month, query.style)
    carried = cache_keys.of_query(documents.config, query, usual, is_closed=is_closed)
    return any(key in keys for key in carried)
