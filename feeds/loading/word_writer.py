"""The words that entries are found by, and the index of them after a rule for words changed."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, select

from feeds.model import Record, decode_record
from feeds.store import fulltext
from feeds.store.schema import entries, records
from feeds.store.search_query import folded

_AT_ONCE: Final = 500  # entries


def words_of(position: int, row: int, record: Record) -> fulltext.Words:
    """The words of an entry at its position and row."""
    provider = record.provider.name if record.provider else ""
    return fulltext.Words(
        position,
        row,
        folded(record.title),
        folded(record.excerpt),
        folded(" ".join([provider, *record.topics, *record.authors])),
    )


def refold(connection: Connection) -> int:
    """Fold the words of all entries again; returns how many entries were indexed under others.

    Entries that are what they were don't pass through `EntryWriter`, but their
    words were folded by the version of the program that wrote them.
    """
    refolded = last = 0
    query = select(entries.c.position, entries.c.id, records.c.data)
    query = query.join(records, records.c.path == entries.c.path).order_by(entries.c.id)
    while rows := connection.execute(query.where(entries.c.id > last).limit(_AT_ONCE)).all():
        last = rows[-1].id
        words = {words_of(position, row, decode_record(data)) for position, row, data in rows}
        fresh = words - fulltext.indexed(connection, [(row.position, row.id) for row in rows])
        if fresh:
            fulltext.remove(connection, [(one.position, one.row) for one in fresh])
            fulltext.add(connection, sorted(fresh))
            refolded += len(fresh)
    return refolded
