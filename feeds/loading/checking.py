"""A check: every file of a folder read as by a load, and more said of each, without a store."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from feeds.loading import identity
from feeds.loading.collection_writer import decode_collection
from feeds.loading.record_writer import problems_of
from feeds.loading.report import Progress, Report, SharedId, Unshown
from feeds.model import Problem, RecordCollection
from feeds.records.checking import examine
from feeds.records.collections import name_all
from feeds.records.outcome import FileReading
from feeds.records.pool import read_all
from feeds.records.profile import Profile
from feeds.records.profiles.detect import describe_tool
from feeds.records.scanner import scan

_OWN: Final = Profile()


def check(
    folder: Path,
    progress: Progress | None = None,
    profile: Profile = _OWN,
    now: datetime | None = None,
    *,
    only: str = "",
) -> Report:
    """Read every file of a folder, or the one at the path `only` in it, and report.

    Raises FolderError.
    """
    report = Report(folder)
    unreadable: list[str] = []
    found = [only] if only else sorted(scan(folder, unreadable))
    options = profile.options(folder, now or datetime.now(UTC))
    report.profile = describe_tool(options.site)
    report.problems += [Problem(path, 1, "folder", "can't be read") for path in unreadable]
    public: list[FileReading] = []
    removed: set[str] = set()
    claims: set[tuple[str, str]] = set()
    listed: dict[str, RecordCollection] = {}
    done = 0
    with closing(read_all(folder, found, {}, options, examine)) as batches:
        for batch in batches:
            for reading in batch:
                _count(report, reading)
                if reading.outcome == "public":
                    public.append(reading._replace(data=b"", problems=()))
                elif reading.outcome == "collection":
                    listed[reading.path] = decode_collection(reading.data)
                if reading.removed:
                    removed.add(reading.page)
                if reading.amp_page:
                    claims.add((reading.page, reading.amp_page))
            done += len(batch)
            if progress:
                progress(done, len(found))
    report.parsed, report.copies = len(found), len(public)
    original = identity.originals(claims)
    removed = {original.get(page, page) for page in removed}
    entries = [original.get(reading.page, reading.page) for reading in public]
    report.entries = len(set(entries) - removed)
    report.suppressed = sum(entry in removed for entry in entries)
    report.note_shared(_shared_ids(public, entries))
    if not only:  # of one file alone, which others it lists isn't known
        for one in name_all([listed[path] for path in sorted(listed)], found):
            report.problems += one.notes
    report.problems.sort(key=lambda problem: (problem.path, problem.line))
    report.left_out = len({problem.path for problem in report.errors})
    return report


def _shared_ids(public: Sequence[FileReading], entries: Sequence[str]) -> Iterator[SharedId]:
    """The records, each of an entry, that a first load doesn't give their ids."""
    owners: dict[str, tuple[str, str]] = {}
    by_date = sorted(
        zip(public, entries, strict=True), key=lambda p: (p[0].published or 0, p[0].path)
    )
    for reading, entry in by_date:
        if reading.own_id:
            path, owner = owners.setdefault(reading.own_id, (reading.path, entry))
            if owner != entry:
                yield SharedId(reading.own_id, reading.path, path)


def _count(report: Report, reading: FileReading) -> None:
    report.problems += problems_of(reading)
    if reading.outcome == "public":
        report.public += 1
    elif reading.outcome == "hidden":
        report.hidden[reading.reason] += 1
        report.unshown.append(Unshown(reading.path, "hidden", reading.reason))
    elif reading.outcome == "collection":
        report.collections += 1
    elif reading.outcome == "other":
        report.passed_over += 1
        report.unshown.append(Unshown(reading.path, "passed over", reading.reason))
