"""How many files, records and entries of each kind a store has: counted, or kept by each load."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Final

from sqlalchemy import Connection, func, select

from feeds.loading import identity
from feeds.loading.report import Report
from feeds.records.outcome import decode_problems
from feeds.store.bulk_insert import chunks
from feeds.store.schema import collections, entries, files, records

RECORDS: Final = ("public", "collection", "hidden")  # outcomes of files that are records


class Tally:
    """By how much a load changes the numbers of a store.

    `files` counts them by outcome and reason, `kept` those in error whose last good version
    stays. Ids of entries are noted before their records change.
    """

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.files: Counter[tuple[str, str]] = Counter()
        self.kept = 0
        self._before: Counter[str] = Counter()
        self._ids: set[str] = set()

    def note(self, ids: Iterable[str]) -> None:
        new = {*ids} - self._ids
        self._ids |= new
        self._before += self._copies(new)

    def copies(self) -> Counter[str]:
        """How many public records there are more, and how many that a removed copy removes."""
        after = self._copies(self._ids)
        after.subtract(self._before)
        return after

    def records(self) -> int:
        """By how much the number changes that `records_in` counts."""
        return self.kept + sum(n for (what, _), n in self.files.items() if what in RECORDS)

    def _copies(self, ids: Iterable[str]) -> Counter[str]:
        found: Counter[str] = Counter()
        query = select(func.sum(records.c.public), func.max(records.c.removed))
        for chunk in chunks(sorted(ids)):
            of_these = query.where(records.c.entry_id.in_(chunk)).group_by(records.c.entry_id)
            for public, removed in self.connection.execute(of_these):
                found["copies"] += public
                found["suppressed"] += public * removed
        return found


def records_in(connection: Connection) -> int:
    """How many files there are that are records, or were when they could last be read."""
    query = select(func.count()).select_from(files).where(files.c.outcome.in_(RECORDS))
    return int(connection.execute(query).scalar_one()) + _kept(connection)


def records_by(counts: Mapping[str, Any]) -> int:
    """What `records_in` counted, by the counts of the last load."""
    return sum(counts[name] for name in ("public", "collections", "hidden", "kept"))


def _kept(connection: Connection) -> int:
    """How many files in error have a last good version."""
    both = files.join(records, records.c.path == files.c.path)
    query = select(func.count()).select_from(both).where(files.c.outcome == "error")
    return int(connection.execute(query).scalar_one())


def count(connection: Connection, report: Report) -> None:
    """Fill in a report by all that the store has."""
    query = select(files.c.outcome, files.c.reason, func.count())
    for outcome, reason, number in connection.execute(query.group_by("outcome", "reason")):
        _add_files(report, outcome, reason, number)
    report.kept = _kept(connection)
    number_of = select(func.count())
    report.entries = connection.execute(number_of.select_from(entries)).scalar_one()
    copies = number_of.select_from(records).where(records.c.public == 1)
    report.copies = connection.execute(copies).scalar_one()
    gone = select(records.c.entry_id).where(records.c.removed == 1)
    report.suppressed = connection.execute(copies.where(records.c.entry_id.in_(gone))).scalar_one()
    worth = select(files.c.problems).where(files.c.problems != "").order_by(files.c.path)
    of_items = select(collections.c.problems).where(collections.c.problems != "")
    for listed in (worth, of_items.order_by(collections.c.path)):
        for problems in connection.execute(listed).scalars():
            report.problems += decode_problems(problems)
    report.note_shared(identity.shared_ids(connection))


def update(report: Report, counts: Mapping[str, Any], tally: Tally, entries: int) -> None:
    """Fill in a report by the `counts` of the last load, and what this one changed since.

    That is `tally`, and the number of `entries` that there are more.
    """
    report.hidden.update(counts["hidden_by_reason"])
    report.public, report.collections = counts["public"], counts["collections"]
    report.left_out, report.passed_over = counts["errors"], counts["passed_over"]
    for (outcome, reason), number in tally.files.items():
        _add_files(report, outcome, reason, number)
    report.hidden = +report.hidden  # without reasons that are none any more
    more = tally.copies()
    report.kept = counts["kept"] + tally.kept
    report.entries = counts["entries"] + entries
    report.suppressed = counts["suppressed"] + more["suppressed"]
    report.copies = sum(counts[name] for name in ("entries", "merged", "suppressed"))
    report.copies += more["copies"]


def _add_files(report: Report, outcome: str, reason: str, number: int) -> None:
    if outcome == "public":
        report.public += number
    elif outcome == "hidden":
        report.hidden[reason] += number
    elif outcome == "collection":
        report.collections += number
    elif outcome == "error":
        report.left_out += number
    else:
        report.passed_over += number
