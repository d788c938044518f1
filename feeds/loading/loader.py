"""A folder -> the store: what changed, in one transaction, with a report.

The loader never renders. `feeds.records` reads files, `entry_change` decides which
copy of a record stays; here is decided which files are read, kept and dropped.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, func, select

from feeds.loading import arrivals, identity
from feeds.loading.arrivals import HistoryReader
from feeds.loading.collection_writer import CollectionWriter
from feeds.loading.entry_writer import EntryWriter, listing
from feeds.loading.record_writer import Known, RecordWriter
from feeds.loading.remembering import remember
from feeds.loading.report import Progress, Report
from feeds.loading.word_writer import refold
from feeds.messages import counted
from feeds.records.history import History
from feeds.records.outcome import decode_problems, no_garbage_collection
from feeds.records.parser import PLAIN
from feeds.records.pool import read_all
from feeds.records.profile import Profile, site_names, version
from feeds.records.profiles.detect import describe_tool
from feeds.records.scanner import UNSETTLED, FileState, LossError, scan
from feeds.selection import SavedFilter
from feeds.store import changes, postgres
from feeds.store.bulk_insert import chunks
from feeds.store.database import Store, note_health
from feeds.store.loading_notes import CONTESTED
from feeds.store.memory import Memory
from feeds.store.schema import (
    collections,
    entries,
    files,
    history,
    reading_version,
    records,
    state,
)

Saved = Mapping[str, SavedFilter]

_WORTH_MERGING: Final = 200  # ids; not so many that who reads waits for it
_ROWS: Final = 10_000  # of files, fetched at a time
_MANY: Final = 500  # entries that change what a database should know of its tables
OWN: Final = Profile()
_READ_ANEW: Final = (UNSETTLED, b"")


def load(
    target: Store,
    folder: Path,
    progress: Progress | None = None,
    now: datetime | None = None,
    *,
    patience: float = 0.0,
    profile: Profile = OWN,
    saved: Saved | None = None,
    history: HistoryReader | None = None,
    recall: Callable[[], Memory | None] | None = None,
    accept_removals: bool = False,
    only: str = "",
) -> Report:
    """Bring the store up to the folder once, or to the file `only` in it; see `Loader.load`.

    `recall` is asked what a store before it remembered, where this one is empty.
    """
    loader = Loader(target, folder, patience, profile, saved, history)
    loader.recall, loader.only = recall, only
    return loader.load(progress, now, accept_removals=accept_removals)


class Loader:
    """Brings a store up to a folder, again and again.

    What it knows of the files it remembers from load to load, as long as nobody else loads.
    `patience` is how long it waits for a file that is briefly gone or half written, in seconds;
    `profile` says how records are read, `saved` are the collections of feeds.toml by slug.
    `history` tells when records came, else they come now.
    """

    def __init__(
        self,
        target: Store,
        folder: Path,
        patience: float = 0.0,
        profile: Profile = OWN,
        saved: Saved | None = None,
        history: HistoryReader | None = None,
    ) -> None:
        self.target = target
        self.folder = folder
        self.patience = patience
        self.profile = profile
        self.recall: Callable[[], Memory | None] | None = None
        self.only = ""  # path of the one file that is looked at
        self.saved = saved or {}
        self.history = history
        self.notes: dict[str, Any] = {}  # beside the counts of a load, see `loading_notes`
        self.options = PLAIN  # of the last load
        self.reading = ""  # and what tells it from other ways of reading
        self._known: Known = {}
        self._known_as_of: object = None  # all of `state`: a fail-over may lose a load

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
        self.options = self.profile.options(self.folder, moment)
        self.reading = f"{reading_version()} {version(self.options)}"
        with self.target.alone(), no_garbage_collection():
            own = self._known if self._known_as_of else {}
            known = self._recall()
            self._known_as_of = None  # what a load that fails learns is forgotten
            look = time.time_ns()
            found = self._scan(known)
            is_overtaken = known is not own and own and found == {p: own[p][0] for p in own}
            known |= dict.fromkeys(self._due(moment), _READ_ANEW)
            reader = None if self.only else self.history
            seconds = _seconds(moment)
            news = reader.news(self.target, self.options, seconds, progress) if reader else None
            with self.target.write() as connection:
                remembered = remember(connection, self.recall, found, self.reading)
                step = _Load(connection, self, moment, known, news)
                step.records.affected |= remembered
                step.report.history = reader.problem if reader else ""
                report = step.run(found, look, progress, accept_removals=accept_removals)
                as_of = connection.execute(select(state)).one()
            if is_overtaken and report.changed:  # another one loads, too; noted by the next load
                self.notes[CONTESTED] = seconds
            self.target.forget_deleted(was_hidden=step.entries.has_hidden)
            self._known, self._known_as_of = step.known, as_of
        return report

    def _recall(self) -> Known:
        """What the store knows of the files."""
        with self.target.read() as reader:
            row = reader.connection.execute(select(state)).one()
            if row == self._known_as_of and row.reading == self.reading:
                return self._known
            told = [files.c[name] for name in FileState._fields]
            query = select(files.c.path, files.c.digest, *told)
            rows = reader.connection.execute(query).partitions(_ROWS)
            return {
                path: (FileState(size, mtime, ctime), digest)
                if row.reading == self.reading and digest  # without one: couldn't be opened
                else _READ_ANEW
                for some in rows
                for path, digest, size, mtime, ctime in some
            }

    def _due(self, moment: datetime) -> list[str]:
        """The files that are others by themselves since the last load."""
        query = select(files.c.path).where(files.c.due != 0, files.c.due <= _seconds(moment))
        with self.target.read() as reader:
            return list(reader.connection.execute(query).scalars())

    def _scan(self, known: Known) -> dict[str, FileState]:
        """The files of the folder; those in subfolders that can't be read, as they were."""
        unreadable: list[str] = []
        found = scan(self.folder, unreadable, only=self.only)
        if self.patience and not known.keys() <= found.keys():
            time.sleep(self.patience)
            unreadable.clear()
            found = scan(self.folder, unreadable)
        for prefix in unreadable:
            found = {p: was for p, (was, _) in known.items() if p.startswith(prefix)} | found
        return found


class _Load:
    """One load: the state that its steps share."""

    def __init__(
        self,
        connection: Connection,
        loader: Loader,
        now: datetime,
        known: Known,
        news: History | None,
    ) -> None:
        self.connection = connection
        self.folder, self.notes = loader.folder, loader.notes
        self.known = known
        self.patience = loader.patience
        self.options = loader.options
        self.reading = loader.reading
        self.only = loader.only
        self.report = Report(self.folder, describe_tool(loader.options.site))
        self.refolded = 0  # entries whose words were made anew
        self.look = 0  # at the folder, in nanoseconds
        row = connection.execute(select(state)).one()
        self.first = row.generation == 0 and not known
        # Last-Modified tells seconds apart, so two generations never share one.
        self.moment = max(_seconds(now), row.loaded + 1)
        self.records = RecordWriter(connection, known, self.moment, self.first)
        self.entries = EntryWriter(connection, self.moment, self.first, self.records.removed)
        self.entries.broken = self.records.broken
        self.collections = CollectionWriter(connection, self.moment, self.first, loader.saved)
        self.news, self.until, self.closed = news, row.until, row.closed
        self.is_pending = bool(loader.history and loader.history.is_pending)
        self.learns = bool(news) and not row.until  # of what was there before
        self.entries.has_history, self.entries.before = bool(row.head or news), row.loaded
        self.entries.closed = row.closed
        # Another version of the program, or of a library, wrote what is there.
        self.anew = self.entries.labels.anew = not self.first and row.reading != self.reading

    def run(
        self,
        found: Mapping[str, FileState],
        look: int,
        progress: Progress | None,
        *,
        accept_removals: bool,
    ) -> Report:
        self.look = look
        if self.news:
            arrivals.note(self.connection, self.news, self.until)
        before = 0 if self.first else self.records.held()
        recall = self.known.get
        fresh = sorted(
            path for path, status in found.items() if recall(path, _READ_ANEW)[0] != status
        )
        there = len(found) - sum(path not in self.known for path in fresh)
        gone = [path for path in self.known if path not in found] if there < len(self.known) else []
        self._read(fresh, found, progress)
        self.records.forget(gone)
        after = self.records.held() if before else 0
        if after * 2 < before and not accept_removals:
            raise LossError(
                f"{self.folder} lost {before - after:,} of {counted(before, 'record')} at once; "
                "the feeds stay as they were until they are back "
                "(feeds load --accept-removals lets them go)"
            )
        if self.first:
            self.records.date_the_undated()
        elif self.learns:
            self._learn()
        changed = self._merge()
        self.entries.labels.name_site(site_names(self.options))
        self._note_state(changed=changed > 0)
        self._fill_report()
        history = "git" if self.entries.has_history else self.report.history or "none"
        noted = self.report.counts() | self.notes | {"history": history}
        note_health(self.connection, counts=noted)
        if self.connection.dialect.name == "postgresql" and changed >= _MANY:
            postgres.analyze(self.connection)
        return self.report

    def _learn(self) -> None:
        """Have entries of the first load be as they came, now that history is known.

        What came since was told when it did.
        """
        self.records.affected |= self.records.date_the_undated()
        initial = select(entries.c.entry_id).where(entries.c.placed == state.c.born)
        initial = initial.where(entries.c.entry_id.in_(select(history.c.key)))
        self.entries.news = set(self.connection.execute(initial).scalars())
        self.records.affected |= self.entries.news

    # -- files -> records --------------------------------------------------

    def _read(
        self, fresh: Sequence[str], found: Mapping[str, FileState], progress: Progress | None
    ) -> None:
        """Read what isn't as it was, once more what may have been half written."""
        done, doubtful = 0, []
        digests = {path: self.known[path][1] for path in fresh if path in self.known}
        with closing(read_all(self.folder, fresh, digests, self.options)) as batches:
            for batch in batches:
                settled = []
                for reading in batch:
                    age = time.time() - found[reading.path].mtime / 1e9
                    if reading.outcome == "error" and self.patience and age < self.patience:
                        doubtful.append(reading.path)
                    else:
                        settled.append(reading)
                self.records.write(settled, found, self.look)
                affected = self.records.affected
                if self.first and len(affected) >= _WORTH_MERGING:
                    # While other processes read; who turns out to have a copy is made again.
                    self.entries.merge(sorted(affected))
                    affected.clear()
                done += len(batch)
                if progress:
                    progress(done, len(fresh))
        if doubtful:
            time.sleep(self.patience)
            self.look = time.time_ns()
            again = scan(self.folder)
            doubtful = [path for path in doubtful if path in again]
            with closing(read_all(self.folder, doubtful, digests, self.options)) as batches:
                for batch in batches:
                    self.records.write(batch, again, self.look)

    # -- records -> entries ------------------------------------------------

    def _merge(self) -> int:
        """Make the entries of all affected ids anew; returns how many differ from before."""
        ids = self.records.waiting if self.first else self.records.affected
        changed = None if self.first else ids | self.records.amp_pages
        moved = identity.regroup(self.connection, changed)
        self.entries.note_moved(moved)
        ids = ids.union(*moved)
        # An entry stops listing coverage that was removed.
        affected = self.records.affected | ids | listing(self.connection, sorted(ids))
        if self.anew:  # also those of files that can't be read now
            affected.update(self.connection.execute(select(records.c.entry_id)).scalars())
        beside = dict(moved)  # so that what becomes one is in one chunk
        for chunk in chunks(sorted(affected, key=lambda one: (beside.get(one, one), one))):
            self.entries.merge(chunk)
        self.entries.settle_ids()
        self.refolded = refold(self.connection) if self.anew else 0
        touched = None if self.first or self.anew else self.entries.touched
        if not self.only:
            self.collections.write(self.known, touched, wrote=bool(self.records.wrote))
        self.entries.note_left(self.collections.departed, self.collections.left)
        self.entries.finish(self.news if self.first or self.learns else None, self.options)
        return self.entries.changed

    def _note_state(self, *, changed: bool) -> None:
        values: dict[str, Any] = {"reading": self.reading}
        if self.first or self.learns:
            values["born"] = (self.first and self.news and self.news.until) or self.moment
        if self.records.wrote:
            values["writes"] = state.c.writes + 1
        changed |= self.first or self.learns or self.collections.changed
        changed |= self.entries.labels.renamed
        last = self.moment if changed else 0
        last = (self.news or self).until if self.entries.has_history else last
        closed = arrivals.closing(self.closed, 0 if self.only or self.is_pending else last)
        if changed or self.refolded or closed != self.closed:
            values |= {"loaded": self.moment, "closed": closed}
            values["generation"] = state.c.generation + 1
            commits = self.news.moments if self.news else ()
            changes.note_load(self.connection, self.moment, closed, commits, first=self.first)
        self.connection.execute(state.update().values(values))
        if self.first:  # of which no hub is told
            changes.set_mark(self.connection, changes.HUBS, changes.Mark(self.moment))

    def _fill_report(self) -> None:
        report = self.report
        report.parsed, report.turned = self.records.parsed, self.records.turned
        report.changed = self.entries.changed
        query = select(files.c.outcome, files.c.reason, func.count())
        grouped = query.group_by(files.c.outcome, files.c.reason)
        for outcome, reason, number in self.connection.execute(grouped):
            if outcome == "public":
                report.public = number
            elif outcome == "hidden":
                report.hidden[reason] = number
            elif outcome == "collection":
                report.collections = number
            elif outcome == "other":
                report.passed_over += number
        worth = select(files.c.problems).where(files.c.problems != "").order_by(files.c.path)
        of_items = select(collections.c.problems).where(collections.c.problems != "")
        for query in (worth, of_items.order_by(collections.c.path)):
            for problems in self.connection.execute(query).scalars():
                report.problems += decode_problems(problems)
        report.note_shared(identity.shared_ids(self.connection))
        report.renamed = self.entries.renamed_topics()
        report.kept = self.records.kept()
        due = select(func.min(files.c.due)).where(files.c.due != 0)
        report.due = self.connection.execute(due).scalar()
        count = select(func.count())
        report.entries = self.connection.execute(count.select_from(entries)).scalar_one()
        copies = count.select_from(records).where(records.c.public == 1)
        report.copies = self.connection.execute(copies).scalar_one()
        gone = select(records.c.entry_id).where(records.c.removed == 1)
        copies = copies.where(records.c.entry_id.in_(gone))
        report.suppressed = self.connection.execute(copies).scalar_one()
        report.generation = self.connection.execute(select(state.c.generation)).scalar_one()


def _seconds(moment: datetime) -> int:
    return int(moment.timestamp())
