"""Collections -> rows: which there are, what they are called, and which entries each has."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from itertools import chain
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode

import msgspec
from sqlalchemy import Connection, delete, func, select

from feeds.model import Problem, RecordCollection
from feeds.records.collections import NamedCollection, name_all
from feeds.records.outcome import COLLECTION
from feeds.selection import NONE, Filters, SavedFilter, Scope
from feeds.store import bulk_insert, changes, statements
from feeds.store.bulk_insert import chunks
from feeds.store.schema import collections, entries, files, labels, members, records

decode_collection: Final = msgspec.json.Decoder(RecordCollection).decode
_KEYS: Final = (COLLECTION, COLLECTION[:-1] + ";")  # the first of them, and what is after all


class _Wanted(NamedTuple):
    """A collection as it is to be: of the entries of `files`, in their order, or of `filters`."""

    path: str
    title: str
    description: str
    filters: Filters = NONE
    files: Sequence[str] = ()
    notes: Sequence[Problem] = ()

    def row(self, slug: str) -> dict[str, str]:
        """Its row of `collections`, and the title, which is in `labels`."""
        return {
            "slug": slug,
            "path": self.path,
            "description": self.description,
            "filters": urlencode(self.filters.parameters()),
            "problems": msgspec.json.encode(self.notes).decode() if self.notes else "",
            "title": self.title,
        }


class CollectionWriter:
    """Brings collections up to the files that list them, to feeds.toml and to the entries.

    `saved` are the filters of feeds.toml by slug, `moment` is the time of the load; the
    `first` one finds nothing in the store. `named` are the lists with their files, as long as
    it is known that these are the same.
    """

    named: list[NamedCollection] | None = None

    def __init__(
        self, connection: Connection, moment: int, first: bool, saved: Mapping[str, SavedFilter]
    ) -> None:
        self.connection = connection
        self.moment = moment
        self.first = first
        self.saved = saved
        self.changed = False  # whether feeds did
        self.departed: list[dict[str, Any]] = []  # rows of departures
        self.left: list[tuple[str, int, int]] = []  # keys of scopes, rows of entries, positions

    def write(self, touched: Collection[int] | None, *, wrote: bool) -> None:
        """Bring them up to date.

        `touched` are the rows of the entries that came, went or changed, None for all;
        `wrote` is whether anything of the folder was written.
        """
        named = (labels.c.kind == "collection") & (labels.c.slug == collections.c.slug)
        query = select(collections, labels.c.name.label("title")).join(labels, named)
        stored = {row["slug"]: dict(row) for row in self.connection.execute(query).mappings()}
        wanted = {
            slug: _Wanted("", one.title, one.description, one.filters)
            for slug, one in self.saved.items()
        }
        filtered = {slug: row for slug, row in stored.items() if not row["path"]}
        if (
            not wrote
            and touched is not None
            and filtered == {slug: one.row(slug) for slug, one in wanted.items()}
        ):
            return
        wanted |= self._lists()
        for slug in sorted(stored.keys() - wanted.keys()):
            self._place(slug, {}, None)
            self._departs(slug, changes.NOWHERE, self.moment)  # of one without entries, too
            self._drop(slug)
            self.changed = True
        for slug, one in wanted.items():
            self._bring_up(slug, one, stored.get(slug), touched)
        known = select(collections.c.slug)  # a store that remembers has members of others, too
        self.connection.execute(delete(members).where(members.c.collection.not_in(known)))

    def _lists(self) -> dict[str, _Wanted]:
        """The collections of files, by slug."""
        if self.named is None:
            query = select(records.c.data).order_by(records.c.path)
            query = query.where(records.c.entry_id >= _KEYS[0], records.c.entry_id < _KEYS[1])
            listed = [decode_collection(data) for data in self.connection.execute(query).scalars()]
            query = select(files.c.path)
            paths = self.connection.execute(query).scalars() if listed else ()
            self.named = name_all(listed, paths, self.saved)
        return {
            slug: _Wanted(one.path, one.title, one.excerpt, files=items, notes=notes)
            for slug, one, items, notes in self.named
        }

    def _bring_up(
        self,
        slug: str,
        one: _Wanted,
        before: Mapping[str, str] | None,
        touched: Collection[int] | None,
    ) -> None:
        row = one.row(slug)
        told = ("title", "description")
        renamed = before is not None and any(before[name] != row[name] for name in told)
        what = ("path", "filters")
        if one.path or before is None or any(before[name] != row[name] for name in what):
            touched = None
        places = self._listed(one.files) if one.path else self._passing(one.filters, touched)
        moved = self._place(slug, places, touched)
        if moved or one.path or before != row:
            changed = self._drop(slug)
            if renamed:
                changed = self.moment
            del row["title"]
            self.connection.execute(collections.insert().values(row))
            number, latest = self._figures(slug)
            label = {"kind": "collection", "slug": slug, "name": one.title, "icon": ""}
            figures = {"entries": number, "latest": latest, "changed": changed}
            self.connection.execute(labels.insert().values(label | figures))
        self.changed = self.changed or moved or renamed or (before is None and not places)

    def _listed(self, files: Sequence[str]) -> dict[int, int]:
        """The entries of files: row to position."""
        rows: dict[str, int] = {}
        for chunk in chunks(files):
            query = select(records.c.path, entries.c.id)
            query = query.join(entries, entries.c.entry_id == records.c.entry_id)
            query = query.where(records.c.public == 1, records.c.path.in_(chunk))
            rows.update((path, row) for path, row in self.connection.execute(query))
        unique = dict.fromkeys(rows[path] for path in files if path in rows)
        return {row: -rank for rank, row in enumerate(unique, 1)}

    def _passing(self, filters: Filters, among: Collection[int] | None) -> dict[int, int]:
        """The entries, of those in some rows or of all, that pass filters: row to position."""
        parameters = statements.parameters(Scope(), filters.window(date.min), filters)
        query = statements.matching(frozenset(parameters))
        parts = [query]
        if among is not None:
            parts = [query.where(entries.c.id.in_(chunk)) for chunk in chunks(sorted(among))]
        found = (self.connection.execute(part, parameters) for part in parts)
        return {row.id: row.position for row in chain.from_iterable(found)}

    def _place(self, slug: str, places: Mapping[int, int], among: Collection[int] | None) -> bool:
        """Have these rows be at their positions, and no others of some rows or of all.

        Returns whether that changed anything.
        """
        query = select(members.c.entry, members.c.position, members.c.placed)
        query = query.where(members.c.collection == slug)
        parts = [query]
        if among is not None:
            parts = [query.where(members.c.entry.in_(chunk)) for chunk in chunks(sorted(among))]
        held = chain.from_iterable(map(self.connection.execute, parts))
        before = {row: (position, placed) for row, position, placed in held}
        gone = [row for row, (position, _) in before.items() if places.get(row) != position]
        for row in gone:
            self._departs(slug, *before[row])
            self.left.append((Scope(collection=slug).key(), row, before[row][0]))
        for chunk in chunks(gone):
            there = (members.c.collection == slug, members.c.entry.in_(chunk))
            self.connection.execute(delete(members).where(*there))
        new = [
            {
                "collection": slug,
                "entry": row,
                "position": position,
                "placed": 0 if self.first else self.moment,
            }
            for row, position in places.items()
            if row not in before or before[row][0] != position
        ]
        if new:
            bulk_insert.insert(self.connection, members, new)
        return bool(gone or new)

    def _departs(self, slug: str, position: int, placed: int) -> None:
        scope = Scope(collection=slug).key()
        # When its entry arrived isn't known any more: it may be one that came lately.
        times = {"placed": placed, "arrived": self.moment, "departed": self.moment}
        self.departed.append({"scope": scope, "position": position, **times})

    def _drop(self, slug: str) -> int:
        """Drop a collection's rows but for its members; returns when its name last changed."""
        key = (labels.c.kind == "collection", labels.c.slug == slug)
        changed = self.connection.execute(select(labels.c.changed).where(*key)).scalar()
        self.connection.execute(delete(labels).where(*key))
        self.connection.execute(delete(collections).where(collections.c.slug == slug))
        return changed or 0

    def _figures(self, slug: str) -> tuple[int, int]:
        """How many entries a collection has, and when the newest was published, in seconds."""
        query = select(func.count(), func.max(entries.c.position))
        query = query.join_from(members, entries, members.c.entry == entries.c.id)
        number, latest = self.connection.execute(query.where(members.c.collection == slug)).one()
        return number, (latest or 0) >> 20
