"""The feed of a query after loads that changed nothing of it but entries that it shows.

Only these are read: so costs the first request after a change what changed. Whatever else a load
may change is found out, and then the feed is made as if for the first time.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import msgspec

from feeds.catalog import builder, titles
from feeds.catalog.addresses import Addresses, FeedQuery
from feeds.catalog.entries import of_rows, time_of
from feeds.catalog.window import has_deltas, withdrawn_lately
from feeds.config import Config
from feeds.model import UNKNOWN_TIME, Feed
from feeds.selection import NONE, Window, month_at
from feeds.store.reader import Reader, State
from feeds.store.schema import SITE


class NoRecord(LookupError):
    """The record of an entry that is kept without it was asked for."""


class Snapshot(NamedTuple):
    """A feed as of a state of the store."""

    feed: Feed
    state: State

    def without_records(self) -> Snapshot:
        """The same without the records of entries, which take the most memory."""
        entries = [
            entry if entry.source is _unknown else replace(entry, source=_unknown)
            for entry in self.feed.entries
        ]
        return self._replace(feed=msgspec.structs.replace(self.feed, entries=tuple(entries)))

    def is_same(self, other: Snapshot) -> bool:
        """Whether both feeds have the same document."""
        modified = self.feed.modified
        return self.feed == msgspec.structs.replace(other.feed, modified=modified)


def _unknown() -> bytes:
    raise NoRecord


def renew(
    reader: Reader, query: FeedQuery, before: Snapshot, addresses: Addresses, config: Config
) -> Feed | None:
    """What `builder.feed` would make; None where more changed than entries which are shown.

    Entries that didn't change raise NoRecord where their records are asked for. Raises the
    errors of `titles.heading`.
    """
    scope, feed, since = query.scope, before.feed, before.state.loaded
    if not has_deltas(query) or query.filters != NONE or scope.name or scope.collection:
        return None
    heading = titles.heading(reader, query, config)
    if (
        heading.entries != feed.total
        or max([heading.changed, *(name.changed for name in reader.labels(SITE))]) > since
        or _times(reader.state()) != _times(before.state)
        or reader.has_lost(scope, since)
        or withdrawn_lately(reader, query, config) != feed.withdrawn
    ):
        return None
    shown = {entry.id: entry for entry in feed.entries}
    rows = reader.page(scope, len(shown) + 1, 0, Window(changed=since))
    # One that isn't shown may be new, or have come from another place.
    if not all(row.shown_id in shown for row in rows):
        return None
    # Whose topic is called otherwise has changed, too.
    changed = builder.trimmed(query, config, of_rows(reader, rows, addresses.root))
    shown |= {entry.id: entry for entry in changed}
    moment = max([feed.mark, *(row.changed for row in rows)])
    return msgspec.structs.replace(
        feed,
        entries=tuple(shown.values()),
        updated=max((entry.updated for entry in shown.values()), default=UNKNOWN_TIME),
        modified=time_of(moment),
        mark=moment,
    )


def _times(state: State) -> tuple[object, ...]:
    """What is equal while no archive ends, and nothing is learned of the past."""
    return state.born, state.is_dated, month_at(state.closed)
