"""Copies of an entry, and what the store has of it -> what is to be written. Values alone."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from feeds import selection, slugs
from feeds.model import Record
from feeds.records.history import Fact
from feeds.selection import scopes_of


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
    page: str = ""
    key: str = ""
    own_id: str = ""


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
    content_changed: int
    placed: int
    arrived: int
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
    own_id: str = ""


class StoredEntry(NamedTuple):
    """What the store has of an entry; `topics` are slug to spelling, in the record's order.

    `arrived` is when it came to each topic, by slug, in seconds.
    """

    row: EntryRow
    topics: Mapping[str, str]
    arrived: Mapping[str, int] = MappingProxyType({})

    def scopes(self) -> set[str]:
        """The keys of the scopes that it is in."""
        return scopes_of(self.row, self.topics)


class EntryChange(NamedTuple):
    """What is to be written of one entry.

    `old` goes, with its topics, coverage, words and spellings of names, and
    `new` comes; None for none. `left` are the keys of the scopes in which
    `old` was and isn't any more where it was. `counted` is how many entries
    that makes more in the load's report; `moment` is when it happened, in seconds.
    """

    old: StoredEntry | None
    new: StoredEntry | None
    left: Collection[str] = ()
    counted: int = 0
    moment: int = 0


def winner(copies: Sequence[Copy]) -> Copy | None:
    """The copy that stays, of those with one entry id; None when none does.

    A removed copy removes them all; else public first, then higher quality,
    then newer, then path.
    """
    if any(copy.removed for copy in copies):
        return None
    public = [copy for copy in copies if copy.public]
    return min(public, key=lambda c: (-c.quality, -c.published, c.path), default=None)


def entry_of(
    copy: Copy, record: Record, removed: Collection[str], row: int, shown_id: str
) -> StoredEntry:
    """The entry made of the copy that stays, whose data is `record`, in the row of that number.

    `removed` are the pages that were removed. When it changed and was
    placed is left to `difference`.
    """
    updated = int(record.updated.timestamp()) if record.updated else 0
    provider = record.provider
    stored = EntryRow(
        id=row,
        entry_id=copy.entry_id,
        shown_id=shown_id,
        path=copy.path,
        position=selection.position(copy.published, copy.entry_id),
        month=selection.month_of(copy.published),
        published=copy.published,
        updated=max(updated, copy.published),
        changed=0,
        content_changed=0,
        placed=0,
        arrived=0,
        version=copy.version,
        content_digest=copy.content_digest,
        gone=" ".join(link.key for link in record.related if link.page in removed)
        if removed
        else "",
        type=slugs.type_slug(record.type) if record.type else "",
        type_name=record.type,
        provider=provider.key if provider else "",
        provider_name=provider.name if provider else "",
        provider_slug=provider.slug if provider else "",
        icon=provider.icon.url if provider and provider.icon else "",
        quality=record.quality,
        heat=record.heat,
        own_id=copy.own_id,
    )
    return StoredEntry(stored, {slugs.slug(name): name for name in record.topics})


def difference(
    old: StoredEntry | None,
    new: StoredEntry | None,
    moment: int,
    *,
    first: bool,
    fact: Fact | None = None,
    is_news: bool = False,
    closed: int = 0,
    before: int = 0,
) -> EntryChange | None:
    """What is to be written so that `new` takes the place of `old`; None for nothing.

    `moment` is the time of the load, in seconds. Before the `first` load ends
    nobody sees an entry: nothing departs, and an entry came and changed when its
    record says that it did, or history (`fact`). What history tells of an entry that
    is there makes a difference only where it `is_news`: then as if it had been known; else what
    it tells of up to the load `before` is known. Nothing comes before the moment `closed`:
    archives up to it have all that they ever will.
    """
    if new is None:
        if old is None:
            return None
        return EntryChange(old, None, (), -1) if first else EntryChange(old, None, old.scopes(), 1)
    came = arrival(new.row.published, moment, fact, first=first)
    if old is None or first or (is_news and came >= closed):
        new = arriving(new, came if came >= closed or first else moment, fact or Fact(), moment)
    else:
        new = _arriving_again(old, new, fact or Fact(), before, moment)
    is_known_now = old and is_news and fact and _content(old) == _content(new)
    if old and not is_known_now and old == _as_of(new, _times(old)):
        return None
    if first or is_known_now:
        changed = min(fact.changed if fact else new.row.updated, moment)
        placed = old.row.placed if old and not first else moment
        new = _as_of(new, (changed, changed, placed))
        return EntryChange(old, new, (), int(not (first and old))) if new != old else None
    if old is None:
        return EntryChange(None, _as_of(new, (moment, moment, moment)), (), 1)
    return _replacement(old, new, moment)


def arrival(published: int, moment: int, fact: Fact | None, *, first: bool) -> int:
    """When an entry came, in seconds: one that may be much older than we know, at its date."""
    if fact is None or not fact.came:
        return min(published, moment) if first else moment
    if fact.initial:
        return min(fact.dated or published, fact.came - 1)
    return min(fact.came, moment)


def arriving(new: StoredEntry, came: int, fact: Fact, moment: int) -> StoredEntry:
    """The entry, having come at `came`, and later to what history tells of, up to `moment`."""
    arrived = min(max(came, fact.moved), moment)
    topics = {slug: min(max(arrived, fact.topics.get(slug, 0)), moment) for slug in new.topics}
    return new._replace(row=new.row._replace(arrived=arrived), arrived=topics)


def _arriving_again(
    old: StoredEntry, new: StoredEntry, fact: Fact, before: int, moment: int
) -> StoredEntry:
    """The entry, having come to what `old` wasn't in; to all, if its provider, type or id changed.

    That was when history tells, between `before` and `moment`, else at `moment`.
    """

    def told(at: int) -> int:
        return at if before < at <= moment else 0

    was, row = old.row, new.row
    known = was.entry_id, was.shown_id, was.provider, was.provider_slug, was.type
    stays = known == (row.entry_id, row.shown_id, row.provider, row.provider_slug, row.type)
    if not stays or told(fact.moved):
        return arriving(new, told(fact.moved) or moment, fact, moment)
    topics = {
        slug: told(fact.topics.get(slug, 0)) or old.arrived.get(slug, moment) for slug in new.topics
    }
    return new._replace(row=row._replace(arrived=was.arrived), arrived=topics)


def _replacement(old: StoredEntry, new: StoredEntry, moment: int) -> EntryChange:
    was, there = old.scopes(), new.scopes()
    stays = old.row.position == new.row.position and there <= was and _came(old) >= _came(new)
    content_changed = moment
    # An equal record has other scopes only after another rule for slugs.
    if stays and was == there:
        if _look(old) == _look(new):
            return EntryChange(old, _as_of(new, _times(old)))
        if _content(old) == _content(new):
            content_changed = old.row.content_changed
    # What came to a new scope left all, and came to all that it is in:
    # so that both numbers are right of each.
    left, placed = (was - there, old.row.placed) if stays else (was, moment)
    return EntryChange(old, _as_of(new, (moment, content_changed, placed)), left, 1)


def _look(entry: StoredEntry) -> tuple[bytes, str, str]:
    """What is equal when feeds show the same of both."""
    return entry.row.version, entry.row.gone, entry.row.shown_id


def _came(entry: StoredEntry) -> set[tuple[str, int]]:
    """When an entry came, and to each of its topics."""
    return {("", entry.row.arrived), *entry.arrived.items()}


def _content(entry: StoredEntry) -> tuple[bytes, str, str]:
    """What is equal when feeds show the same of both but for quality and heat."""
    return entry.row.content_digest, entry.row.gone, entry.row.shown_id


def _times(entry: StoredEntry) -> tuple[int, int, int]:
    return entry.row.changed, entry.row.content_changed, entry.row.placed


def _as_of(entry: StoredEntry, times: tuple[int, int, int]) -> StoredEntry:
    """The entry, changed, changed in its content and placed at these times."""
    changed, content_changed, placed = times
    row = entry.row._replace(changed=changed, content_changed=content_changed, placed=placed)
    return entry._replace(row=row)


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
            "arrived": entry.arrived[slug],
        }
        for rank, (slug, name) in enumerate(entry.topics.items())
    ]


def coverage_rows(row: int, record: Record) -> list[dict[str, Any]]:
    """The rows of `coverage`, of the entry in a row of that number."""
    return [{"entry": row, "target": link.page} for link in record.related]
