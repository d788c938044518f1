"""Files -> records: what came of each file, written into the store."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import Column, Connection, bindparam, case, delete, func, select

from feeds.loading import arrivals
from feeds.loading.record_counts import RECORDS, Tally
from feeds.model import Problem
from feeds.records.history import Fact
from feeds.records.outcome import FileReading, decode_problems
from feeds.records.scanner import FileState
from feeds.store import bulk_insert
from feeds.store.bulk_insert import chunks
from feeds.store.schema import files, records

_NEVER: Final = -1  # was a record public


class RecordWriter:
    """Writes what came of files, and says which entries that concerns.

    `moment` is the time of the load; the `first` one finds nothing in the store. `tally` is
    told what comes and goes, where somebody counts by it.
    """

    def __init__(
        self, connection: Connection, moment: int, first: bool, tally: Tally | None = None
    ) -> None:
        self.connection = connection
        self.tally = tally
        self.moment = moment
        self.first = first
        self.parsed = 0  # files
        self.wrote = 0  # whether rows of files were written
        self.affected: set[str] = set()  # entry ids whose copies changed
        self.amp_pages: set[str] = set()  # that records which changed name or named
        # On a first load: those that are made when all is read, and what copies say is removed.
        self.waiting: set[str] = set()
        self.removed: set[str] = set()
        self.turned: list[Problem] = []  # what became of files that wasn't so before
        self.broken: set[str] = set()  # paths in error that nothing is known of, hidden ones apart

    def write(
        self, readings: Sequence[FileReading], found: Mapping[str, FileState], look: int
    ) -> None:
        """Write what came of these files, as they were `found` at the moment `look`."""
        now = {r.path: found[r.path].as_of(look) for r in readings if r.outcome != "gone"}
        self._touch([r for r in readings if r.outcome == "touched"], now)
        read = [r for r in readings if r.outcome not in ("touched", "gone")]
        if not read:
            return
        self.parsed += len(read)
        paths = [reading.path for reading in read]
        seen: dict[str, int] = {}
        held: set[str] = set()
        known: dict[str, Fact] = {}
        if not self.first:
            ids = {reading.page for reading in read if reading.page}
            known = arrivals.facts(self.connection, ids)
            seen = self._seen_before(records.c.entry_id, ids)  # a file that moved
            at = self._seen_before(records.c.path, paths)
            held = set(at)
            seen |= at
            seen = {place: since for place, since in seen.items() if since != _NEVER}
        due = self._still_due([r.path for r in read if r.outcome == "error" and r.path in held])
        file_rows, record_rows, replaced = [], [], []
        for reading in read:
            keeps = reading.path in due and not reading.hides
            file_rows.append(
                _file_row(reading, now[reading.path], due.get(reading.path, 0), keeps=keeps)
            )
            if keeps:
                continue
            replaced.append(reading.path)
            if reading.outcome == "error" and not reading.hides:
                self.broken.add(reading.path)
            if page := reading.page:
                came = self.moment if reading.outcome == "public" else _NEVER
                fact = known.get(page)
                if fact and (fact.came or reading.outcome == "public"):
                    came = fact.came
                since = seen.get(reading.path, seen.get(page, came))
                record_rows.append(_record_row(reading, since))
                self.amp_pages.add(reading.amp_page)
                if not self.first or reading.published is not None:
                    self.affected.add(page)
                elif reading.outcome == "public":  # undated
                    self.waiting.add(page)
                elif reading.removed:
                    self.waiting.add(page)
                    self.removed.add(page)
        self._compare(file_rows, held, {*paths}.difference(replaced))
        if self.tally:
            self.tally.note(reading.page for reading in read)
        if not self.first:
            self._drop(files, paths)
            self._drop_records(replaced)
        self.wrote = 1
        bulk_insert.insert(self.connection, files, file_rows)
        if record_rows:
            bulk_insert.insert(self.connection, records, record_rows)

    def _compare(
        self, rows: Sequence[Mapping[str, Any]], held: Collection[str], keeps: Collection[str]
    ) -> None:
        """Note what rows of files say that those before them didn't.

        Of `held` files there are records, those that some `keeps` stay.
        """
        before = {} if self.first else self._standing([row["path"] for row in rows])
        self._count(before, held, -1)
        self._count({r["path"]: (r["outcome"], r["reason"], "") for r in rows}, keeps, 1)
        for row in rows:
            self.turned += _turned(row, before.get(row["path"]), is_first=self.first)

    def _touch(self, readings: Sequence[FileReading], now: Mapping[str, FileState]) -> None:
        """Note the new times of files whose content is as it was."""
        if not readings:
            return
        rows = [{"at": r.path, **now[r.path]._asdict()} for r in readings]
        query = files.update().where(files.c.path == bindparam("at"))
        values: dict[str, Any] = {name: bindparam(name) for name in FileState._fields}
        self.connection.execute(query.values(values), rows)
        self.wrote = 1

    def _seen_before(self, column: Column[str], values: Iterable[str]) -> dict[str, int]:
        """When the records with these paths or ids were first public; -1 for never."""
        found: dict[str, int] = {}
        for chunk in chunks(sorted(values)):
            known = func.min(case((records.c.seen != _NEVER, records.c.seen)))
            query = select(column, func.coalesce(known, _NEVER)).where(column.in_(chunk))
            rows = self.connection.execute(query.group_by(column))
            found.update((value, seen) for value, seen in rows)
        return found

    def _standing(self, paths: Sequence[str]) -> dict[str, tuple[str, str, str]]:
        """The outcome, reason and problems of files by now, by path."""
        query = select(files.c.path, files.c.outcome, files.c.reason, files.c.problems)
        some = (query.where(files.c.path.in_(chunk)) for chunk in chunks(paths))
        return {path: tuple(r) for one in some for path, *r in self.connection.execute(one)}

    def _still_due(self, paths: Sequence[str]) -> dict[str, int]:
        """When the last good versions of files expire, 0 for never, without those that have."""
        due: dict[str, int] = {}
        for chunk in chunks(paths):
            query = select(files.c.path, files.c.due).where(files.c.path.in_(chunk))
            due.update((path, at) for path, at in self.connection.execute(query))
        return {path: at for path, at in due.items() if not at or at > self.moment}

    def _count(
        self, standing: Mapping[str, tuple[str, str, str]], held: Collection[str], sign: int
    ) -> None:
        """Add files of which `held` have records to the tally, or take them away."""
        if self.tally:
            for path, (outcome, reason, _) in standing.items():
                self.tally.files[outcome, reason] += sign
                self.tally.kept += sign * (outcome == "error" and path in held)

    def forget(self, gone: Sequence[str]) -> None:
        """Drop what files said that aren't there any more."""
        if gone:
            standing = self._standing(gone) if self.tally else {}
            self._drop(files, gone)
            self._count(standing, self._drop_records(gone), -1)
            self.wrote = 1

    def _drop_records(self, paths: Sequence[str]) -> set[str]:
        """Drop the records at some paths; returns at which there were any."""
        held, concerned = set(), set()
        for chunk in chunks(paths):
            columns = records.c.path, records.c.amp_page, records.c.entry_id, records.c.page
            query = select(*columns).where(records.c.path.in_(chunk))
            for path, amp_page, *ids in self.connection.execute(query):
                held.add(path)
                concerned.update(ids)
                self.amp_pages.add(amp_page)
        if self.tally:
            self.tally.note(concerned)
        self.affected |= concerned
        self._drop(records, paths)
        return held

    def _drop(self, table: Any, paths: Sequence[str]) -> None:
        for chunk in chunks(paths):
            self.connection.execute(delete(table).where(table.c.path.in_(chunk)))

    def date_the_undated(self) -> set[str]:
        """Give the undated records of a first load the dates at which they came.

        They were there before the store was. Where history doesn't tell for how long, they
        have no date (0): it would be borrowed from other records, or from the clock.
        Returns the ids of those whose date became another.
        """
        undated = (records.c.public == 1) & (records.c.undated == 1)
        undated &= (records.c.seen == self.moment) if self.first else (records.c.seen == 0)
        columns = records.c.path, records.c.page, records.c.render_digest, records.c.entry_id
        found = self.connection.execute(select(*columns).where(undated)).all()
        known = arrivals.facts(self.connection, {row.page for row in found})
        came = {row.path: known[row.page].came if row.page in known else 0 for row in found}
        rows = [
            {"at": path, "date": came[path], "dated": _version(digest, came[path])}
            for path, _, digest, _ in found
            if self.first or came[path]
        ]
        if rows:
            change = records.update().where(records.c.path == bindparam("at"))
            values: dict[str, Any] = dict.fromkeys(("seen", "published"), bindparam("date"))
            change = change.values(version=bindparam("dated"), **values)
            self.connection.execute(change, rows)
        return {row.entry_id for row in found if came[row.path]}


def _file_row(reading: FileReading, status: FileState, due: int, *, keeps: bool) -> dict[str, Any]:
    """A row of `files`; `due` is that of the last good version that a file in error `keeps`."""
    problems = problems_of(reading, keeps=keeps)
    return {
        "path": reading.path,
        **status._asdict(),
        "digest": reading.digest,
        "outcome": reading.outcome,
        "reason": reading.reason,
        "problems": msgspec.json.encode(problems).decode() if problems else "",
        "due": due if keeps else reading.due,
    }


def _turned(
    row: Mapping[str, Any], before: tuple[str, str, str] | None, *, is_first: bool
) -> Iterator[Problem]:
    """What a row of `files` says that the one before it didn't, in one problem or none."""
    path, outcome, was = row["path"], row["outcome"], before[0] if before else ""
    if before == (outcome, row["reason"], row["problems"]):
        return
    if outcome == "error":
        yield next(p for p in decode_problems(row["problems"]) if p.severity == "error")
    elif outcome == "hidden" and not is_first:
        yield Problem(path, 1, "hidden", row["reason"], "note")
    elif outcome == "other" and was in (*RECORDS, "error"):
        yield Problem(path, 1, "passed over", row["reason"])
    elif was == "error":
        yield Problem(path, 1, "record", "is good again", "note")


def problems_of(reading: FileReading, *, keeps: bool = False) -> list[Problem]:
    """What is wrong with a file, and what becomes of it; `keeps` its last good version."""
    more = ""
    if keeps:
        more = "; what it said when it could last be read is served on"
    elif reading.hides:
        more = "; it says that it is hidden, and is"
    replace = msgspec.structs.replace
    problems = [*reading.problems]
    first = next((n for n, problem in enumerate(problems) if problem.severity == "error"), None)
    if first is not None:
        problems[first] = replace(problems[first], message=problems[first].message + more)
    return problems


def _record_row(reading: FileReading, seen: int) -> dict[str, Any]:
    published = seen if reading.published is None else reading.published
    public = reading.outcome == "public"
    return {
        "path": reading.path,
        "entry_id": reading.page,
        "page": reading.page,
        "key": reading.key,
        "amp_page": reading.amp_page,
        "own_id": reading.own_id,
        "public": int(public),
        "removed": int(reading.removed),
        "quality": reading.quality,
        "seen": seen,
        "undated": int(reading.published is None),
        "published": published if public else 0,
        "content_digest": reading.content_digest,
        "render_digest": reading.render_digest,
        "version": _version(reading.render_digest, published) if public else b"",
        "data": reading.data,
    }


def _version(render_digest: bytes, published: int) -> bytes:
    """A digest of all that a feed may show of a record."""
    return hashlib.blake2b(render_digest + published.to_bytes(8, "big"), digest_size=12).digest()
