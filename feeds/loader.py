"""A folder -> the store: what changed, in one transaction, with a report.

The loader never renders. What a file says is decided by `seeds`, which copy
stays by `merge`; here is decided what is read, what is kept and what goes.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import msgspec
from sqlalchemy import Column, Connection, bindparam, delete, func, select

from feeds import (
    bulk,
    coverage,
    cut,
    fields,
    frontmatter,
    links,
    merge,
    model,
    names,
    plain,
    postgres,
    seeds,
    text,
)
from feeds.folder import UNSETTLED, FileState, FolderError, scan
from feeds.merge import EntryWriter, chunks, listing
from feeds.model import UNKNOWN_TIME, Problem
from feeds.parallel import read_all
from feeds.reading import FileReading, decode_problems, no_garbage_collection
from feeds.report import Report
from feeds.store import Store, note_health
from feeds.tables import entries, files, records, state

Progress = Callable[[int, int], None]
Known = dict[str, tuple[FileState, bytes]]

_RECORDS: Final = ("public", "hidden")
_WORTH_MERGING: Final = 200  # ids; not so many that who reads waits for it
_MANY: Final = 500  # entries that change what a database should know of its tables
_READ_ANEW: Final = (UNSETTLED, b"")


def _digest_of_code() -> str:
    """A digest of the modules that decide what a file says."""
    modules = (coverage, cut, fields, frontmatter, links, merge, model, names, plain, seeds, text)
    sources = [Path(str(module.__file__)).read_bytes() for module in modules]
    return hashlib.sha256(b"".join(sources)).hexdigest()[:16]


# Files that another version of the program read are read anew.
READING: Final = _digest_of_code()


def check(folder: Path, progress: Progress | None = None) -> Report:
    """Read every file of a folder, or one file, and report, without a store.

    Raises FolderError.
    """
    report = Report(folder)
    if folder.is_file():
        found, folder = [folder.name], folder.parent
        report.folder = folder
    else:
        found = sorted(scan(folder))
    public: dict[str, int] = {}
    removed: set[str] = set()
    done = 0
    for batch in read_all(folder, found, {}):
        for reading in batch:
            _count(report, reading)
            if reading.outcome == "public":
                public[reading.key] = public.get(reading.key, 0) + 1
            if reading.removed:
                removed.add(reading.key)
        done += len(batch)
        if progress:
            progress(done, len(found))
    report.parsed, report.copies = len(found), sum(public.values())
    report.entries = len(public.keys() - removed)
    report.suppressed = sum(times for key, times in public.items() if key in removed)
    return report


def _count(report: Report, reading: FileReading) -> None:
    report.problems += _problems(reading)
    if reading.outcome == "public":
        report.public += 1
    elif reading.outcome == "hidden":
        report.hidden[reading.reason] += 1
    elif reading.outcome == "other":
        report.passed_over += 1


def load(
    target: Store,
    folder: Path,
    progress: Progress | None = None,
    now: datetime | None = None,
    *,
    patience: float = 0.0,
    accept_removals: bool = False,
) -> Report:
    """Bring the store up to the folder once; see `Loader.load`."""
    return Loader(target, folder, patience).load(progress, now, accept_removals=accept_removals)


class Loader:
    """Brings a store up to a folder, again and again.

    What it knows of the files it remembers from load to load, as long as
    nobody else loads. `patience` is how long it waits for a file that is
    briefly gone or half written, in seconds.
    """

    def __init__(self, target: Store, folder: Path, patience: float = 0.0) -> None:
        self.target = target
        self.folder = folder
        self.patience = patience
        self._known: Known = {}
        self._known_as_of = -1

    def load(
        self,
        progress: Progress | None = None,
        now: datetime | None = None,
        *,
        accept_removals: bool = False,
    ) -> Report:
        """Bring the store up to the folder, in one transaction.

        Files whose size and times are as they were are not opened, unless they
        were read in the moment that they were written; those whose content is
        as it was are not parsed. A file that turned bad keeps its last good
        version. `now` is the time of the load. Raises FolderError,
        and changes nothing, when the folder can't be read, or when more than
        half of its records went at once and `accept_removals` doesn't say
        that they should; and StoreError.
        """
        moment = now or datetime.now(UTC)
        with self.target.alone(), no_garbage_collection():
            known, as_of = self._recall()
            self._known_as_of = -1  # what a load that fails learns is forgotten
            look = time.time_ns()
            found = self._scan(known)
            with self.target.write() as connection:
                step = _Load(connection, self.folder, int(moment.timestamp()), known, self.patience)
                report = step.run(found, look, progress, accept_removals=accept_removals)
            self._known, self._known_as_of = step.known, as_of + step.wrote
        return report

    def _recall(self) -> tuple[Known, int]:
        """What the store knows of the files, and as of which write to them."""
        with self.target.read() as reader:
            row = reader.connection.execute(select(state.c.reading, state.c.writes)).one()
            if row.writes == self._known_as_of and row.reading == READING:
                return self._known, row.writes
            told = [files.c[name] for name in FileState._fields]
            query = select(files.c.path, files.c.digest, *told)
            return {
                path: (FileState(*status), digest)
                if row.reading == READING and digest  # without one, it couldn't be opened
                else _READ_ANEW
                for path, digest, *status in reader.connection.execute(query)
            }, row.writes

    def _scan(self, known: Known) -> dict[str, FileState]:
        """The files of the folder; those in subfolders that can't be read, as they were."""
        unreadable: list[str] = []
        found = scan(self.folder, unreadable)
        if self.patience and not known.keys() <= found.keys():
            time.sleep(self.patience)
            unreadable.clear()
            found = scan(self.folder, unreadable)
        for prefix in unreadable:
            kept = {path: was for path, (was, _) in known.items() if path.startswith(prefix)}
            found = kept | found
        return found


class _Load:
    """One load: the state that its steps share."""

    def __init__(
        self, connection: Connection, folder: Path, now: int, known: Known, patience: float
    ) -> None:
        self.connection = connection
        self.folder = folder
        self.known = known
        self.patience = patience
        self.report = Report(folder)
        self.affected: set[str] = set()  # entry ids whose copies changed
        self.waiting: set[str] = set()  # those that a first load makes when all is read
        self.wrote = 0  # whether rows of files were written
        self.look = 0  # at the folder, in nanoseconds
        row = connection.execute(select(state.c.generation, state.c.loaded)).one()
        self.first = row.generation == 0 and not known
        # Last-Modified tells seconds apart, so two generations never share one.
        self.moment = max(now, row.loaded + 1)
        self.writer = EntryWriter(connection, self.moment, self.first)

    def run(
        self,
        found: Mapping[str, FileState],
        look: int,
        progress: Progress | None,
        *,
        accept_removals: bool,
    ) -> Report:
        self.look = look
        before = self._records_held()
        fresh = sorted(
            path
            for path, status in found.items()
            if path not in self.known or self.known[path][0] != status
        )
        self._read(fresh, found, progress)
        self._forget([path for path in self.known if path not in found])
        after = self._records_held() if before else 0
        if after * 2 < before and not accept_removals:
            raise FolderError(
                f"{self.folder} lost {before - after:,} of {before:,} records at once; the feeds "
                "stay as they were until they are back (feeds load --accept-removals lets them go)"
            )
        if self.first:
            self._date_the_undated()
        changed = self._merge()
        self._note_state(changed=changed > 0)
        self._fill_report()
        note_health(self.connection, counts=self.report.counts())
        if self.connection.dialect.name == "postgresql" and changed >= _MANY:
            postgres.analyze(self.connection)
        return self.report

    def _records_held(self) -> int:
        """How many files there are that are records, or were when they could last be read."""
        if self.first:
            return 0
        query = select(func.count()).select_from(files).where(files.c.outcome.in_(_RECORDS))
        held = int(self.connection.execute(query).scalar_one())
        return held + self._kept()

    def _kept(self) -> int:
        """How many files in error have a last good version."""
        query = select(func.count()).select_from(
            files.join(records, records.c.path == files.c.path)
        )
        return int(self.connection.execute(query.where(files.c.outcome == "error")).scalar_one())

    # -- files -> records --------------------------------------------------

    def _read(
        self, fresh: Sequence[str], found: Mapping[str, FileState], progress: Progress | None
    ) -> None:
        """Read what isn't as it was, once more what may have been half written."""
        done, doubtful = 0, []
        digests = {path: self.known[path][1] for path in fresh if path in self.known}
        for batch in read_all(self.folder, fresh, digests):
            settled = []
            for reading in batch:
                young = self.patience and _age(found[reading.path]) < self.patience
                if reading.outcome == "error" and young:
                    doubtful.append(reading.path)
                else:
                    settled.append(reading)
            self._remember(settled, found)
            if self.first and len(self.affected) >= _WORTH_MERGING:
                # While other processes read; who turns out to have a copy is made again.
                self.writer.merge(sorted(self.affected))
                self.affected.clear()
            done += len(batch)
            if progress:
                progress(done, len(fresh))
        if doubtful:
            time.sleep(self.patience)
            self.look = time.time_ns()
            again = scan(self.folder)
            doubtful = [path for path in doubtful if path in again]
            for batch in read_all(self.folder, doubtful, digests):
                self._remember(batch, again)

    def _remember(self, readings: Sequence[FileReading], found: Mapping[str, FileState]) -> None:
        """Write what came of these files."""
        self._touch([r for r in readings if r.outcome == "touched"], found)
        read = [r for r in readings if r.outcome not in ("touched", "gone")]
        if not read:
            return
        self.report.parsed += len(read)
        paths = [reading.path for reading in read]
        seen: dict[str, int] = {}
        held: set[str] = set()
        if not self.first:
            ids = {reading.key for reading in read if reading.key}
            seen = self._seen_before(records.c.entry_id, ids)  # a file that moved
            at = self._seen_before(records.c.path, paths)
            held = set(at)
            seen |= at
        file_rows, record_rows, replaced = [], [], []
        for reading in read:
            keeps = reading.outcome == "error" and reading.path in held and not reading.hides
            status = found[reading.path].as_of(self.look)
            file_rows.append(_file_row(reading, status, keeps=keeps))
            self.known[reading.path] = status, reading.digest
            if keeps:
                continue
            replaced.append(reading.path)
            if reading.key:
                since = seen.get(reading.path, seen.get(reading.key, self.moment))
                record_rows.append(_record_row(reading, since))
                if not self.first or reading.published is not None:
                    self.affected.add(reading.key)
                elif reading.outcome == "public":  # undated
                    self.waiting.add(reading.key)
                elif reading.removed:
                    self.waiting.add(reading.key)
                    self.writer.removed.add(reading.key)
        if not self.first:
            self._drop(files, paths)
            self._drop_records(replaced)
        self.wrote = 1
        bulk.insert(self.connection, files, file_rows)
        if record_rows:
            bulk.insert(self.connection, records, record_rows)

    def _touch(self, readings: Sequence[FileReading], found: Mapping[str, FileState]) -> None:
        """Note the new times of files whose content is as it was."""
        if not readings:
            return
        now = {r.path: found[r.path].as_of(self.look) for r in readings}
        rows = [{"at": path, **status._asdict()} for path, status in now.items()]
        self.known.update((r.path, (now[r.path], r.digest)) for r in readings)
        query = files.update().where(files.c.path == bindparam("at"))
        values: dict[str, Any] = {name: bindparam(name) for name in FileState._fields}
        self.connection.execute(query.values(values), rows)
        self.wrote = 1

    def _seen_before(self, column: Column[str], values: Iterable[str]) -> dict[str, int]:
        """When the records that the store has with these paths or ids were first seen."""
        found: dict[str, int] = {}
        for chunk in chunks(sorted(values)):
            query = select(column, func.min(records.c.seen)).where(column.in_(chunk))
            rows = self.connection.execute(query.group_by(column))
            found.update((value, seen) for value, seen in rows)
        return found

    def _forget(self, gone: Sequence[str]) -> None:
        """Drop what files said that aren't there any more."""
        if gone:
            self._drop(files, gone)
            self._drop_records(gone)
            self.wrote = 1
            for path in gone:
                del self.known[path]

    def _drop_records(self, paths: Sequence[str]) -> None:
        for chunk in chunks(paths):
            query = select(records.c.entry_id).where(records.c.path.in_(chunk))
            self.affected.update(self.connection.execute(query).scalars())
        self._drop(records, paths)

    def _drop(self, table: Any, paths: Sequence[str]) -> None:
        for chunk in chunks(paths):
            self.connection.execute(delete(table).where(table.c.path.in_(chunk)))

    def _date_the_undated(self) -> None:
        """Give the undated records of a first load the date of the oldest of the others.

        They were there before the store was, nobody knows for how long; the
        oldest date is the one answer that is the same on every machine and day.
        """
        undated = (records.c.public == 1) & (records.c.undated == 1)
        dated = (records.c.public == 1) & (records.c.undated == 0)
        oldest = self.connection.execute(select(func.min(records.c.published)).where(dated))
        since = oldest.scalar() or int(UNKNOWN_TIME.timestamp())
        query = select(records.c.path, records.c.shown).where(undated)
        rows = [
            {"at": path, "dated": _version(digest, since)}
            for path, digest in self.connection.execute(query)
        ]
        if rows:
            change = records.update().where(records.c.path == bindparam("at"))
            change = change.values(seen=since, published=since, version=bindparam("dated"))
            self.connection.execute(change, rows)

    # -- records -> entries ------------------------------------------------

    def _merge(self) -> int:
        """Make the entries of all affected ids anew; returns how many differ from before."""
        ids = self.waiting if self.first else self.affected
        # An entry stops listing coverage that was removed.
        self.affected |= ids | listing(self.connection, sorted(ids))
        for chunk in chunks(sorted(self.affected)):
            self.writer.merge(chunk)
        self.writer.finish()
        self.report.changed = self.writer.changed
        return self.writer.changed

    def _note_state(self, *, changed: bool) -> None:
        values: dict[str, Any] = {"reading": READING}
        if self.wrote:
            values["writes"] = state.c.writes + 1
        if changed or self.first:
            values |= {"generation": state.c.generation + 1, "loaded": self.moment}
        self.connection.execute(state.update().values(values))

    def _fill_report(self) -> None:
        report = self.report
        query = select(files.c.outcome, files.c.reason, func.count())
        grouped = query.group_by(files.c.outcome, files.c.reason)
        for outcome, reason, number in self.connection.execute(grouped):
            if outcome == "public":
                report.public = number
            elif outcome == "hidden":
                report.hidden[reason] = number
            elif outcome == "other":
                report.passed_over = number
        worth = select(files.c.problems).where(files.c.problems != "").order_by(files.c.path)
        for problems in self.connection.execute(worth).scalars():
            report.problems += decode_problems(problems)
        report.kept = self._kept()
        for name, table in (("entries", entries), ("copies", records)):
            counted = select(func.count()).select_from(table)
            if table is records:
                counted = counted.where(records.c.public == 1)
            setattr(report, name, self.connection.execute(counted).scalar_one())
        gone = select(records.c.entry_id).where(records.c.removed == 1)
        suppressed = select(func.count()).select_from(records)
        suppressed = suppressed.where(records.c.public == 1, records.c.entry_id.in_(gone))
        report.suppressed = self.connection.execute(suppressed).scalar_one()
        report.generation = self.connection.execute(select(state.c.generation)).scalar_one()


def _age(status: FileState) -> float:
    """Seconds since a file was last written."""
    return time.time() - status.mtime / 1e9


def _file_row(reading: FileReading, status: FileState, *, keeps: bool) -> dict[str, Any]:
    problems = _problems(reading, keeps=keeps)
    return {
        "path": reading.path,
        **status._asdict(),
        "digest": reading.digest,
        "outcome": reading.outcome,
        "reason": reading.reason,
        "problems": msgspec.json.encode(problems).decode() if problems else "",
    }


def _problems(reading: FileReading, *, keeps: bool = False) -> list[Problem]:
    """What is wrong with a file, and what becomes of it; `keeps` its last good version."""
    more = ""
    if keeps:
        more = "; what it said when it could last be read is served on"
    elif reading.hides:
        more = "; it says that it is hidden, and is"
    replace = msgspec.structs.replace
    return [replace(problem, message=problem.message + more) for problem in reading.problems]


def _record_row(reading: FileReading, seen: int) -> dict[str, Any]:
    published = seen if reading.published is None else reading.published
    public = reading.outcome == "public"
    return {
        "path": reading.path,
        "entry_id": reading.key,
        "public": int(public),
        "removed": int(reading.removed),
        "quality": reading.quality,
        "seen": seen,
        "undated": int(reading.published is None),
        "published": published if public else 0,
        "plain": reading.plain,
        "shown": reading.shown,
        "version": _version(reading.shown, published) if public else b"",
        "data": reading.data,
    }


def _version(shown_digest: bytes, published: int) -> bytes:
    """A digest of all that a feed may show of a record."""
    return hashlib.blake2b(shown_digest + published.to_bytes(8, "big"), digest_size=12).digest()
