"""Records -> entries: which copy stays, and what changed for feeds that show it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, bindparam, delete, func, select

from feeds import selection, slugs
from feeds.loading.label_writer import LabelWriter
from feeds.loading.word_writer import words_of
from feeds.model import Record, decode_record
from feeds.selection import scopes_of
from feeds.store import bulk_insert, change_log, fulltext
from feeds.store.bulk_insert import chunks
from feeds.store.schema import coverage, departures, entries, entry_topics, records


def listing(connection: Connection, ids: Sequence[str]) -> set[str]:
    """The ids of the entries that list any of `ids` as coverage of their story."""
    found: set[str] = set()
    for chunk in chunks(ids):
        query = select(entries.c.entry_id).join(coverage, coverage.c.entry == entries.c.id)
        found.update(connection.execute(query.where(coverage.c.target.in_(chunk))).scalars())
    return found


def winner(copies: Sequence[Any]) -> Any | None:
    """The copy that stays, of rows of `records` with one entry id; None when none does.

    A removed copy removes them all; else public first, then higher quality,
    then newer, then path.
    """
    if any(copy.removed for copy in copies):
        return None
    public = [copy for copy in copies if copy.public]
    return min(public, key=lambda c: (-c.quality, -c.published, c.path), default=None)


class _Shown(msgspec.Struct, frozen=True):
    """An entry's row, but for its numbers."""

    entry_id: str
    shown_id: str
    path: str
    position: int
    month: int
    published: int
    updated: int
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


def _shown(copy: Any, record: Record, removed: set[str]) -> tuple[_Shown, dict[str, str]]:
    """The row of an entry made of the copy that stays, and its topics: slug to spelling."""
    updated = int(record.updated.timestamp()) if record.updated else 0
    provider = record.provider
    row = _Shown(
        entry_id=copy.entry_id,
        shown_id=record.id,
        path=copy.path,
        position=selection.position(copy.published, copy.entry_id),
        month=selection.month_of(copy.published),
        published=copy.published,
        updated=max(updated, copy.published),
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
    return row, {slugs.slug(name): name for name in record.topics}


class EntryWriter:
    """Writes what changed among the entries, and the labels and departures that follow.

    `moment` is the time of the load; the `first` one finds nothing in the
    store, and `removed` is what copies say is removed.
    """

    def __init__(self, connection: Connection, moment: int, first: bool, removed: set[str]) -> None:
        self.connection = connection
        self.moment = moment
        self.first = first
        self.changed = 0
        self.labels = LabelWriter(connection, moment, first)
        self.removed = removed
        self.made: set[str] = set()  # on a first load: the entries that there are so far
        self.gone: dict[tuple[str, int], None] = {}
        self.touched: dict[str, change_log.Change] = {}  # by the keys of scopes
        newest = connection.execute(select(func.max(entries.c.id))).scalar()
        self.next_row = (newest or 0) + 1

    def merge(self, ids: Sequence[str]) -> None:
        """Bring the entries with these ids up to their records."""
        copies: dict[str, list[Any]] = {}
        for row in self.connection.execute(select(records).where(records.c.entry_id.in_(ids))):
            copies.setdefault(row.entry_id, []).append(row)
        before: dict[str, Any] = {}
        if held := [id_ for id_ in ids if id_ in self.made] if self.first else ids:
            query = select(entries).where(entries.c.entry_id.in_(held))
            before = {row.entry_id: row for row in self.connection.execute(query)}
        topics_before: dict[int, dict[str, str]] = {}
        if before:
            rows = [row.id for row in before.values()]
            query = select(entry_topics).where(entry_topics.c.entry.in_(rows))
            for row in self.connection.execute(query.order_by(entry_topics.c.rank)):
                topics_before.setdefault(row.entry, {})[row.topic] = row.name
        stays = {entry_id: winner(copies.get(entry_id, ())) for entry_id in ids}
        said = {copy.path: decode_record(copy.data) for copy in stays.values() if copy}
        removed = self._removed(said.values())
        added, topic_rows, coverage_rows = [], [], []
        dropped: list[Any] = []
        words: list[fulltext.Words] = []
        for entry_id in ids:
            copy = stays[entry_id]
            old = before.get(entry_id)
            old_topics = topics_before.get(old.id, {}) if old else {}
            if copy is None:
                if old:
                    self._depart(old, scopes_of(old, old_topics))
                    self._touch(old, old_topics, -1)
                    self.labels.count(old, old_topics, -1)
                    dropped.append(old)
                    self.changed += -1 if self.first else 1
                continue
            record = said[copy.path]
            new, topics = _shown(copy, record, removed)
            # An equal record has other scopes only after another rule for slugs.
            moved = old is not None and scopes_of(old, old_topics) != scopes_of(new, topics)
            if old and not moved and _same(old, new):
                continue
            if old and not moved and _differs_in_figures(old, new):
                self._note(scopes_of(new, topics), change_log.Change(figures=new.position))
            elif moved or not (old and _looks_alike(old, new)):
                self._touch(new, topics, 1)
                if old:
                    self._touch(old, old_topics, -1)
            placed = self.moment
            if old:
                left, there = scopes_of(old, old_topics), scopes_of(new, topics)
                # What came to a new scope left all, and came to all that it is in:
                # so that both numbers are right of each.
                if old.position == new.position and there <= left:
                    placed = old.placed
                    left -= there
                self._depart(old, left)
                self.labels.count(old, old_topics, -1)
                dropped.append(old)
            self.labels.count(new, topics, 1)
            row_id = old.id if old else self.next_row
            self.next_row += not old
            changed = self._changed(old, new, moved=moved)
            times = {"id": row_id, "changed": changed, "placed": placed}
            added.append(msgspec.structs.asdict(new) | times)
            topic_rows += [
                {
                    "entry": row_id,
                    "topic": slug,
                    "rank": rank,
                    "name": name,
                    "position": new.position,
                    "month": new.month,
                    "provider": new.provider,
                    "provider_slug": new.provider_slug,
                }
                for rank, (slug, name) in enumerate(topics.items())
            ]
            coverage_rows += [{"entry": row_id, "target": link.key} for link in record.related]
            words.append(words_of(new.position, row_id, record))
        if dropped:
            fulltext.remove(self.connection, [(old.position, old.id) for old in dropped])
            gone = [old.id for old in dropped]
            self.connection.execute(delete(entry_topics).where(entry_topics.c.entry.in_(gone)))
            self.connection.execute(delete(coverage).where(coverage.c.entry.in_(gone)))
            self.connection.execute(delete(entries).where(entries.c.id.in_(gone)))
        if added:
            bulk_insert.insert(self.connection, entries, added)
        if topic_rows:
            bulk_insert.insert(self.connection, entry_topics, topic_rows)
        if coverage_rows:
            bulk_insert.insert(self.connection, coverage, coverage_rows)
        if words:
            fulltext.add(self.connection, words)
        if self.first:
            self.made.update(row["entry_id"] for row in added)

    def _removed(self, said: Iterable[Record]) -> set[str]:
        """Which of the entries that these records list as coverage were removed."""
        listed = {link.key for record in said for link in record.related}
        if self.first:
            return listed & self.removed
        found: set[str] = set()
        for chunk in chunks(sorted(listed)):
            query = select(records.c.entry_id).where(
                records.c.removed == 1, records.c.entry_id.in_(chunk)
            )
            found.update(self.connection.execute(query).scalars())
        return found

    def _changed(self, old: Any, new: _Shown, *, moved: bool) -> int:
        """When the entry last changed. A first load takes the records' word for it."""
        if self.first:
            self.changed += not old
            return min(new.updated, self.moment)
        if old and not moved and _looks_alike(old, new):
            return int(old.changed)
        self.changed += 1
        return self.moment

    def _depart(self, old: Any, scopes: Iterable[str]) -> None:
        if not self.first:  # else nobody ever saw it there
            self.gone.update(dict.fromkeys((scope, old.position) for scope in scopes))

    def _touch(self, entry: Any, topics: Iterable[str], more: int) -> None:
        """Note that an entry came or went."""
        if not self.first:
            self._note(scopes_of(entry, topics), change_log.Change(entry.position, more=more))

    def _note(self, keys: Iterable[str], change: change_log.Change) -> None:
        """Note what changed in scopes; nobody waits for news of a first load."""
        if not self.first:
            for key in keys:
                self.touched[key] = change.after(self.touched.get(key))

    def finish(self) -> None:
        """Record the departures, and bring the labels up to how names are spelled now."""
        rows = [
            {"scope": scope, "position": place, "departed": self.moment}
            for scope, place in self.gone
        ]
        if rows:
            same = (departures.c.scope == bindparam("at")) & (
                departures.c.position == bindparam("there")
            )
            places = [{"at": row["scope"], "there": row["position"]} for row in rows]
            self.connection.execute(delete(departures).where(same), places)
            self.connection.execute(departures.insert(), rows)
        self.labels.write()
        for key, change in self.labels.renamed:
            self._note([key], change)
        if not self.first:
            change_log.note(self.connection, self.touched)


def _same(old: Any, new: _Shown) -> bool:
    return all(getattr(old, name) == getattr(new, name) for name in _Shown.__struct_fields__)


def _looks_alike(old: Any, new: _Shown) -> bool:
    """Whether feeds show the same of both."""
    return bool((old.version, old.gone) == (new.version, new.gone))


def _differs_in_figures(old: Any, new: _Shown) -> bool:
    """Whether feeds show another quality or heat and nothing else of them."""
    names = ("content_digest", "gone", "position")
    same = all(getattr(old, name) == getattr(new, name) for name in names)
    return same and old.version != new.version
