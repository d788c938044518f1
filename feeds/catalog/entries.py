"""Rows of the store -> entries, whose records are read where something needs them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial

from feeds import urls
from feeds.model import UNKNOWN_TIME, Entry, Label
from feeds.store.reader import Reader, Row


def of_rows(reader: Reader, rows: Sequence[Row], root: str = "") -> list[Entry]:
    """The entries in these rows, in their order; a `root` stands for `urls.HERE` in them.

    Their records can be read as long as the view is open, and later if they were read then.
    """
    sources = _Sources(reader, rows, root)
    topics = reader.topics_of([row.row for row in rows])
    return [
        Entry(
            id=row.shown_id,
            version=_version(row, topics.get(row.row, ())),
            source=partial(sources.of, row.row),
            gone=frozenset(row.gone.split()),
            published=time_of(row.published) if row.published else None,
            updated=time_of(row.updated),
            topics=tuple(topics.get(row.row, ())),
            kind=row.type,
            provider=row.provider,
        )
        for row in rows
    ]


class _Sources:
    """Reads the record of one entry when it is needed, and all others when a second one is.

    After most loads, one entry of a feed has changed.
    """

    def __init__(self, reader: Reader, rows: Sequence[Row], root: str) -> None:
        self._reader = reader
        self._home = f"{root}/".encode() if root else urls.HERE.encode()
        self._rows = [row.row for row in rows]
        self._found: dict[int, bytes] = {}

    def of(self, row: int) -> bytes:
        if row not in self._found:
            wanted = self._rows if self._found else [row]
            missing = [one for one in wanted if one not in self._found]
            self._found |= self._reader.data_of(missing)
        return self._found[row].replace(urls.HERE.encode(), self._home)


def _version(row: Row, topics: Sequence[Label]) -> bytes:
    """All that formats are given of an entry, its record by its digest."""
    shown = "\0".join([row.gone, row.type, *(f"{t.slug}\0{t.name}" for t in topics)])
    return row.version + shown.encode()


def time_of(seconds: int) -> datetime:
    """A moment of the store; 0 is an unknown one."""
    return datetime.fromtimestamp(seconds, UTC) if seconds else UNKNOWN_TIME
