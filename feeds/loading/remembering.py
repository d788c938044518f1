"""What a store remembered -> a store that is made anew: it goes on as that one would have."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Table, select

from feeds import selection, slugs
from feeds.loading import arrivals
from feeds.loading.entry_change import EntryRow, StoredEntry, topic_rows
from feeds.loading.label_writer import LabelWriter
from feeds.records.history import Fact
from feeds.store import bulk_insert, changes
from feeds.store.memory import KnownEntry, Memory, place_of
from feeds.store.schema import (
    departures,
    entries,
    entry_topics,
    history,
    labels,
    members,
    spellings,
    state,
    withdrawals,
)


def remember(
    connection: Connection,
    recall: Callable[[], Memory | None] | None,
    paths: Iterable[str],
    reading: str,
) -> set[str]:
    """Have a store, if it is empty, be as the one before it, but for what its records said.

    `recall` tells what that one remembered. `paths` are those of the files that there are,
    `reading` says how they are read. Returns the ids of the entries that are still to be made
    of their records, or withdrawn.
    """
    is_empty = not connection.execute(select(state.c.generation)).scalar_one()
    memory = recall() if recall and is_empty else None
    if memory is None:
        return set()
    there = {place_of(path): path for path in paths}
    known = memory.entries
    stored = [
        _entry(row, key, one, there.get(one.place, ""))
        for row, (key, one) in enumerate(known.items(), 1)
    ]
    writer = LabelWriter(connection, memory.loaded, first=True)
    for one in stored:
        writer.count(None, one)
    for table, rows in _rows(memory, stored).items():
        if rows:
            bulk_insert.insert(connection, table, rows)
    writer.write()
    for kind, slug, name, former in memory.former:
        key = {"kind": kind, "slug": slug, "name": name}
        _write(connection, spellings, key, {"former": former}, {"entries": 0})
    for kind, slug, name, changed in memory.labels:
        key, values = {"kind": kind, "slug": slug}, {"name": name, "changed": changed}
        _write(connection, labels, key, values, {"icon": "", "entries": 0, "latest": 0})
    moments = {"born": memory.born, "loaded": memory.loaded, "until": memory.until}
    moments["closed"] = arrivals.closing(0, memory.until or memory.loaded)
    connection.execute(state.update().values(generation=1, reading=reading, **moments))
    changes.note_load(connection, memory.loaded, moments["closed"])
    changes.set_mark(connection, changes.HUBS, changes.Mark(memory.loaded))
    return set(known)


def _rows(memory: Memory, stored: Sequence[StoredEntry]) -> dict[Table, list[dict[str, Any]]]:
    """The rows of tables whose rows don't depend on each other."""
    row_of = {one.row.entry_id: one.row.id for one in stored}
    seen = {key: one.seen for key, one in memory.entries.items()} | memory.hidden
    return {
        entries: [one.row._asdict() for one in stored],
        entry_topics: [row for one in stored for row in topic_rows(one)],
        history: [arrivals.row_of(key, Fact(at)) for key, at in seen.items()],
        members: [
            {"collection": slug, "entry": row_of[key], "position": position, "placed": placed}
            for slug, several in memory.members.items()
            for key, position, placed in several
        ],
        withdrawals: [
            dict(zip(("shown_id", "withdrawn", "rank", "behind"), one, strict=True))
            | {"scope": scope}
            for scope, several in memory.withdrawals.items()
            for one in several
        ],
        departures: [
            {"scope": scope, "position": position, "placed": 0, "arrived": at, "departed": left}
            for scope, several in memory.departures.items()
            for position, at, left in several
        ],
    }


def _write(
    connection: Connection,
    table: Table,
    key: Mapping[str, Any],
    values: Mapping[str, Any],
    rest: Mapping[str, Any],
) -> None:
    """Write values into the row with a key; with the `rest` of its columns, where there is none."""
    is_it = [table.c[name] == value for name, value in key.items()]
    if not connection.execute(table.update().where(*is_it).values(values)).rowcount:
        connection.execute(table.insert().values({**key, **values, **rest}))


def _entry(row: int, key: str, known: KnownEntry, path: str) -> StoredEntry:
    """An entry as it was, without what is only in its record."""
    stored = EntryRow(
        id=row,
        entry_id=key,
        shown_id=known.shown_id,
        path=path,
        position=selection.position(known.published, key),
        month=selection.month_of(known.published),
        published=known.published,
        updated=0,
        changed=known.changed,
        content_changed=known.changed,
        placed=known.placed,
        arrived=known.arrived,
        version=known.version,
        content_digest=b"",
        gone=known.gone,
        type=slugs.type_slug(known.type_name) if known.type_name else "",
        type_name=known.type_name,
        provider=known.provider,
        provider_name=known.provider_name,
        provider_slug=slugs.slug(known.provider_name) if known.provider else "",
        icon="",
        quality=0,
        heat=0,
        own_id=known.own_id,
    )
    topics = {slugs.slug(name): name for name in known.topics}
    came = {slugs.slug(name): at or known.arrived for name, at in known.topics.items()}
    return StoredEntry(stored, topics, came)
