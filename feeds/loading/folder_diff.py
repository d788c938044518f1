"""What differs between the folder and the store: the files that a load reads, and those gone."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, Row, select

from feeds.records.scanner import UNSETTLED, FileState, path_of, prefixes, scan, spelled
from feeds.store.bulk_insert import chunks
from feeds.store.database import Store
from feeds.store.schema import files

_ROWS: Final = 10_000  # fetched at a time
_FILES: Final = select(files.c.path, files.c.digest, *[files.c[n] for n in FileState._fields])


class FolderDiff(NamedTuple):
    """What differs between a folder, or some paths of it, and the store.

    `moment` is when it was looked at, in nanoseconds; `found` are the files by path. `fresh`
    are those that are to be read, sorted, with the digests of what they were when the store knows
    that; `due` of them are so by themselves, `unsettled` because they couldn't be read, or were
    while they may have been written. `gone` are those that the store has and the folder hasn't.
    `links` are the paths of links.
    """

    moment: int
    found: Mapping[str, FileState]
    fresh: list[str]
    digests: Mapping[str, bytes]
    due: set[str]
    unsettled: set[str]
    gone: list[str]
    links: set[str]
    has_moved: bool  # there are other paths than the store has
    is_empty: bool  # which has none of these files

    def differing(self) -> set[str]:
        """The paths of files that somebody changed, as far as can be told."""
        return {*self.fresh, *self.gone} - self.due - self.unsettled


def compare(
    store: Store,
    folder: Path,
    now: int,
    paths: Collection[str] | None,
    *,
    anew: bool,
    patience: float,
) -> FolderDiff:
    """Compare a folder, or some of its paths as the system spells them, with the store.

    `now` is in seconds. With `anew`, all that is found is to be read. Files that are gone
    are looked for again after `patience` seconds, if that is any. Raises FolderError.
    """
    with store.read() as reader:
        query = select(files.c.path).where(files.c.due != 0, files.c.due <= now)
        due = set(reader.connection.execute(query).scalars())
        if paths is not None:
            paths = {*paths, *(path_of(folder, path) for path in due)}
        diff = _diff(reader.connection, folder, paths, due, anew=anew)
        if diff.gone and patience:
            time.sleep(patience)
            diff = _diff(reader.connection, folder, paths, due, anew=anew)
    return diff


def _diff(
    connection: Connection,
    folder: Path,
    paths: Collection[str] | None,
    due: Collection[str],
    *,
    anew: bool,
) -> FolderDiff:
    moment, unreadable, links = time.time_ns(), list[str](), set[str]()
    found = scan(folder, unreadable, paths=paths, links=links)
    inside = tuple(map(spelled, unreadable))
    fresh, known = set(found), 0
    digests, gone, unsettled = dict[str, bytes](), set[str](), set[str]()
    for path, digest, *values in map(tuple, _known(connection, paths)):
        state = found.get(path)
        known += state is not None
        if state is None:
            if not path.startswith(inside):  # what can't be read now is as it was
                gone.add(path)
        elif state == tuple(values) and digest and path not in due and not anew:
            fresh.discard(path)  # without a digest, it couldn't be opened
        elif not anew and path not in due:
            digests[path] = digest
            if not digest or tuple(values) == UNSETTLED:
                unsettled.add(path)
    return FolderDiff(
        moment,
        found,
        sorted(fresh),
        digests,
        fresh & set(due),
        unsettled,
        sorted(gone),
        links,
        known < len(found) or bool(gone),
        not (known or gone),
    )


def _known(connection: Connection, paths: Collection[str] | None) -> Iterator[Row[Any]]:
    """What the store knows of the files, or of those at, or below, some paths."""
    if paths is None:
        for some in connection.execute(_FILES).partitions(_ROWS):
            yield from some
        return
    named = set(map(spelled, paths))
    names = sorted(one for one in named if named.isdisjoint(islice(prefixes(one), 1, None)))
    for chunk in chunks(names):
        yield from connection.execute(_FILES.where(files.c.path.in_(chunk)))
    for name in names:
        within = (files.c.path > f"{name}/", files.c.path < f"{name}0")  # which is after a slash
        yield from connection.execute(_FILES.where(*within))
