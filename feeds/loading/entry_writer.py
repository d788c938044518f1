"""Records -> entries, in batches; what is to be written, `entry_change` decides."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import chain
from typing import Any, Final

from sqlalchemy import Connection, bindparam, delete, func, select

from feeds.loading import arrivals, entry_change, identity
from feeds.loading.entry_change import (
    Copy,
    EntryChange,
    EntryRow,
    StoredEntry,
    coverage_rows,
    topic_rows,
)
from feeds.loading.label_writer import LabelWriter
from feeds.loading.withdrawal_writer import Withdrawal, WithdrawalWriter
from feeds.loading.word_writer import words_of
from feeds.model import Record, decode_record
from feeds.records.history import Fact, Gone, History, joined
from feeds.records.outcome import interpret
from feeds.records.parser import Options
from feeds.selection import Scope
from feeds.store import bulk_insert, fulltext
from feeds.store.bulk_insert import chunks
from feeds.store.changes import NOWHERE
from feeds.store.schema import coverage, departures, entries, entry_topics, files, marks, records

_COPIES: Final = select(*[records.c[name] for name in Copy._fields])
_ENTRIES: Final = select(*[entries.c[name] for name in EntryRow._fields])
_TOPICS: Final = select(
    entry_topics.c.entry, entry_topics.c.topic, entry_topics.c.name, entry_topics.c.arrived
).order_by(entry_topics.c.rank)


def listing(connection: Connection, ids: Sequence[str]) -> set[str]:
    """The ids of the entries that list any of `ids` as coverage of their story."""
    found: set[str] = set()
    for chunk in chunks(ids):
        pages = identity.with_amp_pages(connection, chunk)
        query = select(entries.c.entry_id).join(coverage, coverage.c.entry == entries.c.id)
        found.update(connection.execute(query.where(coverage.c.target.in_(pages))).scalars())
    return found


class EntryWriter:
    """Writes what changed among the entries, and the labels and departures that follow.

    `moment` is the time of the load; the `first` one finds nothing in the
    store, and `removed` is the pages that copies remove.
    """

    def __init__(self, connection: Connection, moment: int, first: bool, removed: set[str]) -> None:
        self.connection = connection
        self.moment = moment
        self.first = first
        self.changed = 0
        self.more = 0  # entries than there were
        self.has_history = False  # whether the store knows of the folder's
        self.before = moment  # the time of the load before
        self.closed = 0  # the moment before which nothing comes any more
        self.news: set[str] = set()  # ids of entries of which history told since they are there
        self.labels = LabelWriter(connection, moment, first)
        self.removed = removed
        self.broken: set[str] = set()  # paths of files that can't be read
        self.inserted: set[str] = set()  # on a first load: the entries that there are so far
        self.touched: set[int] = set()  # rows of entries that came, went or changed
        self.departed: list[dict[str, Any]] = []  # rows of departures
        self.withdrawals = WithdrawalWriter(connection, moment)
        self.has_hidden = False  # whether records were withdrawn
        self.went: dict[int, Withdrawal] = {}  # by row, in no scope
        self.joined: set[str] = set()  # ids of entries whose records are those of others now
        self.named: dict[str, str] = {}  # ids that entries were given, by entry id
        self.denied: dict[str, set[str]] = {}  # ids that others have, by entry id
        self._gained: dict[str, set[str]] = {}  # topics that entries gained, by what they lost
        newest = connection.execute(select(func.max(entries.c.id))).scalar()
        self.next_row = (newest or 0) + 1

    def merge(self, ids: Sequence[str]) -> None:
        """Bring the entries with these ids up to their records."""
        copies = self._copies(ids)
        stays = self._winners(copies)
        records_by_id = {entry_id: decode_record(copy.data) for entry_id, copy in stays.items()}
        pages = {copy.page for some in copies.values() for copy in some}
        known_ids = pages.union(ids)
        before = self._stored(sorted(known_ids & self.inserted if self.first else known_ids))
        removed = self._removed(records_by_id.values())
        known = arrivals.facts(self.connection, known_ids) if self.has_history else {}
        changes = []
        for entry_id in sorted(ids, key=stays.__contains__, reverse=True):
            some = copies.get(entry_id, [])
            of_pages = dict.fromkeys((entry_id, *(copy.page for copy in some)))
            olds = [before.pop(page) for page in of_pages if page in before]
            olds.sort(key=lambda one: (one.row.arrived, one.row.path))
            old, new = olds.pop(0) if olds else None, None
            changes += [EntryChange(one, None, one.scopes(), 1, self.moment) for one in olds]
            self.joined.update(one.row.entry_id for one in olds)
            fact = joined([known[page] for page in of_pages if page in known])
            if copy := stays.get(entry_id):
                shown_id = self._shown_id(old, copy, some, known)
                row = old.row.id if old else self.next_row
                record = records_by_id[entry_id]
                new = entry_change.entry_of(copy, record, removed, row, shown_id)
            moment = self._moment(fact)
            change = entry_change.difference(
                old,
                new,
                moment,
                first=self.first,
                fact=fact,
                is_news=entry_id in self.news,
                closed=self.closed,
                before=self.before,
            )
            if change:
                changes.append(change._replace(moment=moment))
                self.next_row += not old
        self.labels.withdrawn |= self._hidden([c.old for c in changes if c.old and not c.new])
        self._note(changes)
        self._remove([change.old for change in changes if change.old])
        self._add([change.new for change in changes if change.new], records_by_id)

    def _moment(self, fact: Fact | None) -> int:
        """When what this load finds of a record changed: with its last commit, if it is new.

        So stores that followed all commits, and one that was made later, say the same. Nobody
        was told anything as of a moment after the load before.
        """
        changed = max(fact.changed, fact.withdrawn) if fact else 0
        return changed if not self.first and self.before < changed <= self.moment else self.moment

    def _shown_id(
        self, old: StoredEntry | None, copy: Copy, copies: Sequence[Copy], known: Mapping[str, Fact]
    ) -> str:
        """The id of the entry of these copies, of which `copy` stays."""
        denied = self.denied.get(copy.entry_id, ())
        if old and not (self.first or denied) and identity.keeps_id(old, copy, copies):
            return old.row.shown_id
        possible = identity.candidates(copy, copies, known, self.moment, first=self.first)
        shown_id = next(one for one in possible if one not in denied)
        if not self.first or shown_id != copy.entry_id:
            self.named[copy.entry_id] = shown_id
        return shown_id

    def settle_ids(self) -> None:
        """Have no two entries the same id, when all are made."""
        while losers := identity.losers(self.connection, self.named, first=self.first):
            self.named = {}
            for entry_id, shown_id in losers:
                self.denied.setdefault(entry_id, set()).add(shown_id)
            for chunk in chunks([entry_id for entry_id, _ in losers]):
                self.merge(chunk)
            self.changed -= 0 if self.first else len(losers)  # which were counted

    def _copies(self, ids: Sequence[str]) -> dict[str, list[Copy]]:
        """The records of entries, by id."""
        copies: dict[str, list[Copy]] = {}
        for row in self.connection.execute(_COPIES.where(records.c.entry_id.in_(ids))):
            copies.setdefault(row.entry_id, []).append(Copy._make(row))
        return copies

    def _winners(self, copies: Mapping[str, Sequence[Copy]]) -> dict[str, Copy]:
        """The copies that stay, by id."""
        best = {entry_id: entry_change.winner(some) for entry_id, some in copies.items()}
        for entry_id, copy in best.items():
            if not copy:
                self.labels.withdrawn.update(copy.page for copy in copies[entry_id])
        return {entry_id: copy for entry_id, copy in best.items() if copy}

    def note_moved(self, moved: Collection[tuple[str, str]]) -> None:
        """Note that records went from entries to others: what removes one removes both."""
        self.removed |= {to for was, to in moved if was in self.removed}
        self.removed |= {was for was, to in moved if to in self.removed}

    def _hidden(self, gone: Sequence[StoredEntry]) -> set[str]:
        """The ids of those of the entries that went whose files are there, and not public."""
        keys = {old.row.path: old.row.entry_id for old in gone}
        found: set[str] = set()
        for chunk in chunks(sorted(keys)):
            of_file = files.outerjoin(records, records.c.path == files.c.path)
            public = func.coalesce(records.c.public, 0)
            query = select(files.c.path).select_from(of_file)
            query = query.where(files.c.path.in_(chunk), public == 0)
            found |= {keys[path] for path in self.connection.execute(query).scalars()}
        return found

    def _stored(self, ids: Sequence[str]) -> dict[str, StoredEntry]:
        """What the store has of entries, by id."""
        if not ids:
            return {}
        query = _ENTRIES.where(entries.c.entry_id.in_(ids))
        rows = [EntryRow._make(row) for row in self.connection.execute(query)]
        topics: dict[int, dict[str, str]] = {row.id: {} for row in rows}
        arrived: dict[int, dict[str, int]] = {row.id: {} for row in rows}
        if rows:
            listed = _TOPICS.where(entry_topics.c.entry.in_(list(topics)))
            for entry, slug, name, came in self.connection.execute(listed):
                topics[entry][slug] = name
                arrived[entry][slug] = came
        return {row.entry_id: StoredEntry(row, topics[row.id], arrived[row.id]) for row in rows}

    def _removed(self, listing: Iterable[Record]) -> set[str]:
        """Which of the pages that these records list as coverage were removed."""
        if self.first and not self.removed:
            return set()
        listed = {link.page for record in listing for link in record.related}
        if self.first:
            return listed & self.removed
        return identity.removed_pages(self.connection, listed)

    def _note(self, changes: Iterable[EntryChange]) -> None:
        """Add to what is written when all entries are: labels and departures."""
        for old, new, left, counted, moment in changes:
            self.changed += counted
            self.more += bool(new) - bool(old)
            if not self.first:
                self.touched.update(one.row.id for one in (old, new) if one)
            self.labels.count(old, new)
            if not self.first:
                self._note_withdrawal(old, new, moment)
            if old:
                self._note_retagging(old, new)
                row = old.row
                known = {"position": row.position, "placed": row.placed, "departed": moment}
                for scope in left:
                    came = old.arrived.get(Scope(*scope.split("\t")).topic, row.arrived)
                    self.departed.append({"scope": scope, "arrived": came, **known})

    def _note_withdrawal(
        self, old: StoredEntry | None, new: StoredEntry | None, moment: int
    ) -> None:
        if new and not (old and old.row.shown_id == new.row.shown_id):
            self.withdrawals.shown[new.row.shown_id] = moment
        if old and not (new and old.row.shown_id == new.row.shown_id):
            row = old.row
            if row.path in self.broken:  # it may be back, and readers keep what they saved
                return
            is_hidden = row.entry_id in self.labels.withdrawn
            told = is_hidden or new is not None or row.entry_id in self.joined
            went = Withdrawal("", row.shown_id, row.position, row.arrived, moment, told)
            if new is None:
                self.went[row.id] = went
                self.has_hidden = self.has_hidden or is_hidden
            for scope in old.scopes():
                came = old.arrived.get(Scope(*scope.split("\t")).topic, row.arrived)
                self.withdrawals.withdrawn.append(went._replace(scope=scope, arrived=came))

    def _note_gone(self, news: History, options: Options) -> None:
        """Note what was withdrawn, or left, before the store was there, as history tells."""
        there = self._stored(sorted(news.gone))
        for page in sorted(news.gone.keys() - there.keys()):
            fact, gone = news.facts[page], news.gone[page]
            if old := self._past(page, gone, fact, options):
                row, moment = old.row, min(fact.withdrawn, self.moment)
                went = Withdrawal(
                    "", row.shown_id, row.position, row.arrived, moment, gone.is_hidden
                )
                self.withdrawals.withdrawn += [went._replace(scope=key) for key in old.scopes()]
        for scope, (page, moment, gone) in sorted(news.left.items()):
            if old := self._past(page, gone, news.facts[page], options):
                row = old.row
                came = old.arrived.get(Scope(*scope.split("\t")).topic, row.arrived)
                place = {"scope": scope, "position": row.position, "arrived": came}
                self.departed.append(place | {"placed": 0, "departed": min(moment, self.moment)})
                self.labels.note_past(old, is_named=not gone.is_hidden)

    def _past(self, page: str, gone: Gone, fact: Fact, options: Options) -> StoredEntry | None:
        """The entry that a record was once; None where it can't be read now."""
        reading = interpret(gone.path, gone.content, options=options)
        if reading.outcome != "public" or not fact.came:
            return None
        published = fact.came if reading.published is None else reading.published
        copy = Copy(page, "", 1, 0, reading.quality, published, b"", b"", b"")
        own_id = reading.own_id or fact.first or reading.key
        old = entry_change.entry_of(copy, decode_record(reading.data), (), 0, own_id)
        came = entry_change.arrival(published, self.moment, fact, first=True)
        return entry_change.arriving(old, came, fact, self.moment)

    def note_left(
        self, departed: Iterable[dict[str, Any]], left: Iterable[tuple[str, int, int]]
    ) -> None:
        """Note what left collections, and may have gone: key of the scope, row, position."""
        self.departed += departed
        self.withdrawals.withdrawn += [
            self.went[row]._replace(scope=scope, position=position)
            for scope, row, position in left
            if row in self.went
        ]

    def _note_retagging(self, old: StoredEntry, new: StoredEntry | None) -> None:
        now = new.topics.keys() if new else set()
        gained = now - old.topics.keys()
        for slug in old.topics.keys() - now:
            self._gained[slug] = self._gained.get(slug, gained) & gained

    def renamed_topics(self) -> dict[str, str]:
        """The topics that all entries lost while each of them gained one and the same."""
        gained = {slug: self._gained.get(slug, set()) for slug in self.labels.emptied}
        return {slug: min(to) for slug, to in sorted(gained.items()) if len(to) == 1}

    def _remove(self, gone: Sequence[StoredEntry]) -> None:
        if gone:
            fulltext.remove(self.connection, [(old.row.position, old.row.id) for old in gone])
            rows = [old.row.id for old in gone]
            for column in (entry_topics.c.entry, coverage.c.entry, entries.c.id):
                self.connection.execute(delete(column.table).where(column.in_(rows)))

    def _add(self, added: Sequence[StoredEntry], records_by_id: Mapping[str, Record]) -> None:
        """Insert entries; `records_by_id` are their records by id."""
        if not added:
            return
        record_of = [(new.row, records_by_id[new.row.entry_id]) for new in added]
        tables = {
            entries: [new.row._asdict() for new in added],
            entry_topics: list(chain.from_iterable(map(topic_rows, added))),
            coverage: [row for new, record in record_of for row in coverage_rows(new.id, record)],
        }
        for table, rows in tables.items():
            if rows:
                bulk_insert.insert(self.connection, table, rows)
        words = [words_of(new.position, new.id, record) for new, record in record_of]
        fulltext.add(self.connection, words)
        if self.first:
            self.inserted.update(new.row.entry_id for new in added)

    def finish(self, news: History | None, options: Options) -> None:
        """Record the departures, and bring the labels up to how names are spelled now.

        `news` tell what was withdrawn before the store knew of the folder's history.
        """
        if news:
            self._note_gone(news, options)
        # What is back is announced nowhere any more: that changes these feeds, as if it left.
        for scope, moment in sorted(self.withdrawals.write().items()):
            times = {"placed": 0, "arrived": moment, "departed": moment}
            self.departed.append({"scope": scope, "position": NOWHERE} | times)
        if self.departed:
            # Of those from one place, who is told what changed needs the later ones.
            known = departures.c.departed <= select(func.min(marks.c.loaded)).scalar_subquery()
            same = (
                departures.c.scope == bindparam("at"),
                departures.c.position == bindparam("there"),
            )
            places = [{"at": row["scope"], "there": row["position"]} for row in self.departed]
            self.connection.execute(delete(departures).where(*same, known), places)
            bulk_insert.insert(self.connection, departures, self.departed)
        self.labels.write()
