"""What a store remembers that no folder tells: when entries came, and what was withdrawn.

A store that is made anew begins with it (`feeds.loading.remembering`). Of a record that was
withdrawn it has the id and the moment, and the scopes that announce them; never its text.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from itertools import groupby
from operator import itemgetter
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Select, select

from feeds.config import MAX_WINDOW
from feeds.selection import Scope, month_of
from feeds.store.schema import (
    SITE,
    departures,
    entries,
    entry_topics,
    labels,
    members,
    records,
    spellings,
    state,
    withdrawals,
)

_MOMENTS: Final = ("published", "arrived", "changed", "placed")
_NAMES: Final = ("version", "shown_id", "own_id", "gone", "type_name", "provider", "provider_name")


class KnownEntry(msgspec.Struct, frozen=True, array_like=True):
    """An entry, as the columns of `entries` have it; moments in seconds since 1970.

    `place` is a digest of its path. Its record was first public when `seen`. `topics` are by
    their names, when it came to each, 0 for when it `arrived`.
    """

    place: bytes
    seen: int
    topics: dict[str, int]
    published: int
    arrived: int
    changed: int
    placed: int
    version: bytes
    shown_id: str
    own_id: str
    gone: str
    type_name: str
    provider: str
    provider_name: str


class Memory(msgspec.Struct, omit_defaults=True):
    """What a store remembers; equal stores remember equal bytes.

    `born` is the moment of its first load, `loaded` of its last, `until` that up to which it
    knows the folder's git history, 0 for none. `entries` are by key. By scope, `withdrawals`
    have the shown id, moment, rank and distance of each; `departures` the last place, arrival
    and moment of what left each month. `members` are entries of collections, with their
    positions and when they came there. `former` are names that entries had: kind, slug,
    name, key of such a record; `labels` those that entries don't tell all of:
    kind, slug, name, when it changed. `hidden` are the records that were public and aren't: when
    they first were, by key.
    """

    born: int = 0
    loaded: int = 0
    until: int = 0
    entries: dict[str, KnownEntry] = {}
    withdrawals: dict[str, list[tuple[str, int, int, int]]] = {}
    departures: dict[str, list[tuple[int, int, int]]] = {}
    members: dict[str, list[tuple[str, int, int]]] = {}
    former: list[tuple[str, str, str, str]] = []
    labels: list[tuple[str, str, str, int]] = []
    hidden: dict[str, int] = {}


def place_of(path: str) -> bytes:
    """The digest that stands for the path of a record."""
    return hashlib.blake2b(path.encode(), digest_size=9).digest()


def recall(connection: Connection) -> Memory:
    """What the store behind a connection remembers."""
    born, loaded, until = connection.execute(
        select(state.c.born, state.c.loaded, state.c.until)
    ).one()
    topics: dict[int, dict[str, int]] = {}
    came = select(entry_topics.c.entry, entry_topics.c.name, entry_topics.c.arrived)
    for row, name, at in connection.execute(came.order_by(entry_topics.c.rank)):
        topics.setdefault(row, {})[name] = at
    known: dict[str, KnownEntry] = {}
    own = [entries.c[name] for name in (*_MOMENTS, *_NAMES)]
    query = select(entries.c.entry_id, entries.c.id, entries.c.path, records.c.seen, *own)
    query = query.join(records, records.c.path == entries.c.path).order_by(entries.c.entry_id)
    for key, row, path, seen, *values in connection.execute(query):
        told = {name: 0 if at == values[1] else at for name, at in topics.get(row, {}).items()}
        known[key] = KnownEntry(place_of(path), seen, told, *values)
    gone, left, name, label = withdrawals.c, departures.c, spellings.c, labels.c
    withdrawn = select(gone.scope, gone.shown_id, gone.withdrawn, gone.rank, gone.behind)
    last: dict[tuple[str, int], list[int]] = {}
    for scope, *moments in connection.execute(
        select(left.scope, left.position, left.arrived, left.departed)
    ):
        of_month = last.setdefault((scope, month_of(max(moments[0], 0) >> 20)), moments)
        of_month[:] = map(max, of_month, moments)
    there = select(members.c.collection, entries.c.entry_id, members.c.position, members.c.placed)
    former = select(name.kind, name.slug, name.name, name.former).where(name.former != "")
    hidden = select(records.c.entry_id, records.c.seen).where(records.c.public == 0)
    named = select(label.kind, label.slug, label.name, label.changed)
    nameless = select(label.kind, label.slug).where(label.name == "")
    unnamed = set(map(tuple, connection.execute(nameless)))  # that only withdrawn records have
    is_told = (label.name != "") & ((label.entries == 0) | (label.changed != 0))

    def rows(query: Select[Any]) -> list[Any]:
        return sorted(map(tuple, connection.execute(query)))

    def named_ones(rows: Iterable[tuple[Any, ...]]) -> Iterable[tuple[Any, ...]]:
        return (row for row in rows if not _labels_of(Scope(*row[0].split("\t"))) & unnamed)

    return Memory(
        born,
        loaded,
        until,
        known,
        _by_first(named_ones(rows(withdrawn.where(gone.withdrawn > loaded - MAX_WINDOW * 3600)))),
        _by_first(named_ones((scope, *moments) for (scope, _), moments in sorted(last.items()))),
        _by_first(rows(there.join(entries, entries.c.id == members.c.entry))),
        rows(former),
        rows(named.where(is_told | (label.kind == SITE), label.kind != "collection")),
        {key: seen for key, seen in rows(hidden.where(records.c.seen > 0)) if key not in known},
    )


def _labels_of(scope: Scope) -> set[tuple[str, str]]:
    """The labels that a scope is named by: kind and slug."""
    name = f"{scope.provider}/{scope.name}"
    return {("topic", scope.topic), ("provider", scope.provider), ("name", name)}


def _by_first(rows: Iterable[tuple[Any, ...]]) -> dict[str, list[Any]]:
    """Sorted rows, without their first values, by these."""
    return {key: [row[1:] for row in some] for key, some in groupby(rows, itemgetter(0))}
