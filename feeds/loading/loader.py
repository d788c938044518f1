"""A folder -> the store: what changed, in one transaction, with a report.

The loader never renders. `feeds.records` reads files, `entry_change` decides which
copy of a record stays; here is decided which files are read, kept and dropped.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, func, select

from feeds.loading import arrivals, folder_diff, identity, record_counts
from feeds.loading.arrivals import HistoryReader
from feeds.loading.collection_writer import CollectionWriter
from feeds.loading.entry_writer import EntryWriter, listing
from feeds.loading.folder_diff import FolderDiff
from feeds.loading.record_counts import Tally
from feeds.loading.record_writer import RecordWriter
from feeds.loading.remembering import remember
from feeds.loading.report import Progress, Report
from feeds.loading.word_writer import refold
from feeds.messages import counted
from feeds.records.collections import NamedCollection
from feeds.records.history import History
from feeds.records.outcome import COLLECTION, no_garbage_collection
from feeds.records.parser import PLAIN
from feeds.records.pool import read_all
from feeds.records.profile import Profile, site_names, version
from feeds.records.profiles.detect import describe_tool
from feeds.records.scanner import LossError, path_of, scan
from feeds.selection import SavedFilter
from feeds.store import changes, postgres
from feeds.store.bulk_insert import chunks
from feeds.store.database import Store, note_health
from feeds.store.loading_notes import CONTESTED
from feeds.store.memory import Memory
from feeds.store.schema import (
    entries,
    files,
    history,
    reading_version,
    records,
    state,
)

Saved = Mapping[str, SavedFilter]

_WORTH_MERGING: Final = 200  # ids; not so many that who reads waits for it
_MANY: Final = 500  # entries that change what a database should know of its tables
OWN: Final = Profile()


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
        self.is_alone = False  # whether the last load found the store as the one before left it
        self._left: object = None  # all of `state` then: a fail-over may lose a load
        self._named: list[NamedCollection] | None = None  # lists as of then, with their files
        self._links: set[str] = set()  # whose targets may change
        self._digest: int | None = None  # of the last look at everything, while nothing changed

    def load(
        self,
        progress: Progress | None = None,
        now: datetime | None = None,
        *,
        touched: Collection[str] | None = None,
        accept_removals: bool = False,
    ) -> Report:
        """Bring the store up to the folder, in one transaction.

        `touched` are the paths of all files and folders in it, as the system spells them, of
        which something may be other than at the last load; None where that isn't known. Where
        the store isn't as that one left it, all are looked at.
        Files whose size and times are as they were are not opened, unless they
        were read in the moment that they were written; those whose content is
        as it was are not parsed. A file that turned bad keeps its last good
        version. `now` is the time of the load. Raises FolderError,
        and changes nothing, when the folder can't be read, or when more than
        half of its records went at once and `accept_removals` doesn't say
        that they should; and StoreError.
        """
        moment = now or datetime.now(UTC)
        seconds = _seconds(moment)
        self.options = self.profile.options(self.folder, moment)
        self.reading = f"{reading_version()} {version(self.options)}"
        with self.target.alone(), no_garbage_collection():
            with self.target.read() as reader:
                row = reader.connection.execute(select(state)).one()
                counts = reader.health().counts
            is_as_read = row.reading == self.reading
            paths = {self.only} if self.only else None
            left, self._left = self._left, None  # what a load that fails learns is forgotten
            self.is_alone = row == left
            if touched is not None and is_as_read and self.is_alone:
                paths = {*touched, *self._links}
            else:
                counts = {}
            patience, anew = self.patience, not is_as_read
            diff = folder_diff.compare(
                self.target, self.folder, seconds, paths, anew=anew, patience=patience
            )
            is_unchanged = self._is_unchanged(diff, is_whole=not counts)
            past = None if self.only else self.history
            news = past.news(self.target, self.options, seconds, progress) if past else None
            with self.target.write() as connection:
                remembered = remember(connection, self.recall, diff.found, self.reading)
                step = _Load(connection, self, moment, diff, news, counts)
                step.records.affected |= remembered
                step.collections.named = None if diff.has_moved or not counts else self._named
                step.report.history = past.problem if past else ""
                report = step.run(progress, accept_removals=accept_removals)
                as_of = connection.execute(select(state)).one()
            if left and not self.is_alone and is_unchanged and report.changed:
                # Another one loads, too; noted by the next load.
                self.notes[CONTESTED] = seconds
            self.target.forget_deleted(was_hidden=step.entries.has_hidden)
            self._left, self._named = as_of, step.collections.named
        return report

    def _is_unchanged(self, diff: FolderDiff, *, is_whole: bool) -> bool:
        """Whether the whole folder is as it was at the last look at all of it, and since."""
        self._links = diff.links  # looked at again each time, so these are all
        if not is_whole:
            self._digest = None if diff.fresh or diff.gone else self._digest
            return False
        before, self._digest = self._digest, hash(frozenset(diff.found.items()))
        return before == self._digest


class _Load:
    """One load: the state that its steps share."""

    def __init__(
        self,
        connection: Connection,
        loader: Loader,
        now: datetime,
        diff: FolderDiff,
        news: History | None,
        counts: Mapping[str, Any],
    ) -> None:
        self.connection = connection
        self.folder, self.notes = loader.folder, loader.notes
        self.diff = diff
        self.counts = counts  # of the last load; empty where all is looked at
        self.tally = Tally(connection) if counts else None
        self.patience = loader.patience
        self.options = loader.options
        self.reading = loader.reading
        self.only = loader.only
        self.report = Report(self.folder, describe_tool(loader.options.site))
        self.refolded = 0  # entries whose words were made anew
        row = connection.execute(select(state)).one()
        self.first = row.generation == 0 and diff.is_empty
        # Last-Modified tells seconds apart, so two generations never share one.
        self.moment = max(_seconds(now), row.loaded + 1)
        self.records = RecordWriter(connection, self.moment, self.first, self.tally)
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

    def run(self, progress: Progress | None, *, accept_removals: bool) -> Report:
        if self.news:
            arrivals.note(self.connection, self.news, self.until)
        before = 0 if self.first else self._held()
        self._read(progress)
        self.records.forget(self.diff.gone)
        after = self._held() if before else 0
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
            self.report.learns = True
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

    def _held(self) -> int:
        """How many records there are by now, those included whose last good version is kept."""
        if self.tally is None:
            return record_counts.records_in(self.connection)
        return record_counts.records_by(self.counts) + self.tally.records()

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

    def _read(self, progress: Progress | None) -> None:
        """Read what isn't as it was, once more what may have been half written."""
        done, doubtful = 0, []
        fresh, found, digests = self.diff.fresh, self.diff.found, self.diff.digests
        with closing(read_all(self.folder, fresh, digests, self.options)) as batches:
            for batch in batches:
                settled = []
                for reading in batch:
                    age = time.time() - found[reading.path].mtime / 1e9
                    if reading.outcome == "error" and self.patience and age < self.patience:
                        doubtful.append(reading.path)
                    else:
                        settled.append(reading)
                self.records.write(settled, found, self.diff.moment)
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
            moment = time.time_ns()
            again = scan(self.folder, paths=[path_of(self.folder, path) for path in doubtful])
            doubtful = [path for path in doubtful if path in again]
            with closing(read_all(self.folder, doubtful, digests, self.options)) as batches:
                for batch in batches:
                    self.records.write(batch, again, moment)

    # -- records -> entries ------------------------------------------------

    def _merge(self) -> int:
        """Make the entries of all affected ids anew; returns how many differ from before."""
        ids = self.records.waiting if self.first else self.records.affected
        changed = None if self.first else ids | self.records.amp_pages
        note = self.tally.note if self.tally else set
        moved = identity.regroup(self.connection, changed, note)
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
        if any(one.startswith(COLLECTION) for one in self.records.affected):
            self.collections.named = None
        if not self.only:
            self.collections.write(touched, wrote=bool(self.records.wrote))
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
        report.differing = self.diff.differing()
        if self.tally:
            record_counts.update(report, self.counts, self.tally, self.entries.more)
        else:
            record_counts.count(self.connection, report)
        report.renamed = self.entries.renamed_topics()
        due = select(func.min(files.c.due)).where(files.c.due != 0)
        report.due = self.connection.execute(due).scalar()
        report.generation = self.connection.execute(select(state.c.generation)).scalar_one()


def _seconds(moment: datetime) -> int:
    return int(moment.timestamp())
