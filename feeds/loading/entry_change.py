"""Copies of an entry, and what the store has of it -> what is to be written. Values alone."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from feeds import selection, slugs
from feeds.model import Record
from feeds.selection import scopes_of
from feeds.store.change_log import Change


class Copy(NamedTuple):
    """One of the records with an entry's id: a row of `records`, but for what nobody asks here."""

    entry_id: str
    path: str
    public: int
    removed: int
    quality: int
    published: int
    version: bytes
    content_digest: bytes
    data: bytes


class EntryRow(NamedTuple):
    """A row of `entries`, with all of its columns."""

    id: int
    entry_id: str
    shown_id: str
    path: str
    position: int
    month: int
    published: int
    updated: int
    changed: int
    placed: int
    version: bytes
    content_digest: bytes
    gone: str
    type: str
    type_name: str
    provider: str
    provider_name: str
    provider_slug: str
    icon: str
    quality: int
    heat: int


class StoredEntry(NamedTuple):
    """What the store has of an entry; `topics` are slug to spelling, in the record's order."""

    row: EntryRow
    topics: Mapping[str, str]

    def scopes(self) -> set[str]:
        """The keys of the scopes that it is in."""
        return scopes_of(self.row, self.topics)


class EntryChange(NamedTuple):
    """What is to be written of one entry.

    `old` goes, with its topics, coverage, words and spellings of names, and
    `new` comes; None for none. `left` are the keys of the scopes in which
    `old` was and isn't any more where it was. `counted` is how many entries
    that makes more in the load's report. `notes` is what hubs are to be told,
    by the keys of scopes.
    """

    old: StoredEntry | None
    new: StoredEntry | None
    left: Collection[str] = ()
    counted: int = 0
    notes: Sequence[tuple[str, Change]] = ()


def winner(copies: Sequence[Copy]) -> Copy | None:
    """The copy that stays, of those with one entry id; None when none does.

    A removed copy removes them all; else public first, then higher quality,
    then newer, then path.
    """
    if any(copy.removed for copy in copies):
        return None
    public = [copy for copy in copies if copy.public]
    return min(public, key=lambda c: (-c.quality, -c.published, c.path), default=None)


def entry_of(copy: Copy, record: Record, removed: Collection[str], row: int) -> StoredEntry:
    """The entry made of the copy that stays, whose data is `record`, in the row of that number.

    `removed` are the ids of entries that were removed. When it changed and was
    placed is left to `difference`.
    """
    updated = int(record.updated.timestamp()) if record.updated else 0
    provider = record.provider
    stored = EntryRow(
        id=row,
        entry_id=copy.entry_id,
        shown_id=record.id,
        path=copy.path,
        position=selection.position(copy.published, copy.entry_id),
        month=selection.month_of(copy.published),
        published=copy.published,
        updated=max(updated, copy.published),
        changed=0,
        placed=0,
        version=copy.version,
        content_digest=copy.content_digest,
        gone=" ".join(link.key for link in record.related if link.key in removed),
        type=slugs.type_slug(record.type) if record.type else "",
        type_name=record.type,
        provider=provider.key if provider else "",
        provider_name=provider.name if provider else "",
        provider_slug=provider.slug if provider else "",
        icon=provider.icon.url if provider and provider.icon else "",
        quality=record.quality,
        heat=record.heat,
    )
    return StoredEntry(stored, {slugs.slug(name): name for name in record.topics})


def difference(
    old: StoredEntry | None, new: StoredEntry | None, moment: int, *, first: bool
) -> EntryChange | None:
    """What is to be written so that `new` takes the place of `old`; None for nothing.

    `moment` is the time of the load, in seconds. Before the `first` load ends
    nobody sees an entry: nothing departs, hubs are told nothing, and an entry
    changed when its record says that it did.
    """
    if new is None:
        if old is None:
            return None
        return _of_first(old, None, moment) if first else _removal(old)
    if old and old == _at(new, old.row.changed, old.row.placed):
        return None
    if first:
        return _of_first(old, new, moment)
    if old is None:
        return EntryChange(None, _at(new, moment, moment), (), 1, list(_notes(new, 1)))
    return _replacement(old, new, moment)


def _of_first(old: StoredEntry | None, new: StoredEntry | None, moment: int) -> EntryChange:
    added = new and _at(new, min(new.row.updated, moment), moment)
    return EntryChange(old, added, counted=(new is not None) - (old is not None))


def _removal(old: StoredEntry) -> EntryChange:
    return EntryChange(old, None, old.scopes(), 1, list(_notes(old, -1)))


def _replacement(old: StoredEntry, new: StoredEntry, moment: int) -> EntryChange:
    was, there = old.scopes(), new.scopes()
    stays = old.row.position == new.row.position and there <= was
    # An equal record has other scopes only after another rule for slugs.
    if stays and was == there and _look(old) == _look(new):
        return EntryChange(old, _at(new, old.row.changed, old.row.placed))
    # What came to a new scope left all, and came to all that it is in:
    # so that both numbers are right of each.
    left, placed = (was - there, old.row.placed) if stays else (was, moment)
    notes = [*_notes(new, 1), *_notes(old, -1)]
    if stays and was == there and _content(old) == _content(new):
        notes = [(key, Change(figures=new.row.position)) for key in there]
    return EntryChange(old, _at(new, moment, placed), left, 1, notes)


def _look(entry: StoredEntry) -> tuple[bytes, str]:
    """What is equal when feeds show the same of both."""
    return entry.row.version, entry.row.gone


def _content(entry: StoredEntry) -> tuple[bytes, str]:
    """What is equal when feeds show the same of both but for quality and heat."""
    return entry.row.content_digest, entry.row.gone


def _at(entry: StoredEntry, changed: int, placed: int) -> StoredEntry:
    return entry._replace(row=entry.row._replace(changed=changed, placed=placed))


def _notes(entry: StoredEntry, more: int) -> Iterator[tuple[str, Change]]:
    """That an entry came (1) or went (-1)."""
    return ((key, Change(entry.row.position, more=more)) for key in entry.scopes())


# -- the rows beside that of the entry --------------------------------------------


def topic_rows(entry: StoredEntry) -> list[dict[str, Any]]:
    """The rows of `entry_topics`."""
    row = entry.row
    return [
        {
            "entry": row.id,
            "topic": slug,
            "rank": rank,
            "name": name,
            "position": row.position,
            "month": row.month,
            "provider": row.provider,
            "provider_slug": row.provider_slug,
        }
        for rank, (slug, name) in enumerate(entry.topics.items())
    ]


def coverage_rows(row: int, record: Record) -> list[dict[str, Any]]:
    """The rows of `coverage`, of the entry in a row of that number."""
    return [{"entry": row, "target": link.key} for link in record.related]
