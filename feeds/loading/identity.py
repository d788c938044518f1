"""Which records are one entry, and which id it has: decided once, for as long as it is public."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

from sqlalchemy import Connection, bindparam, select

from feeds.loading.entry_change import Copy, StoredEntry, arrival
from feeds.loading.report import SharedId
from feeds.records.history import Fact
from feeds.store.bulk_insert import chunks
from feeds.store.schema import entries, records
from feeds.urls import entry_id as id_of

# -- which records are one entry -------------------------------------------------------


def originals(claims: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The pages of which others are the AMP page, by these; `claims` are pages and AMP pages.

    One that several name is nobody's, and an AMP page has none of its own: so what one
    record says concerns no more than two pages.
    """
    named: defaultdict[str, set[str]] = defaultdict(set)
    for page, amp_page in claims:
        if page != amp_page:
            named[amp_page].add(page)
    single = {amp_page: next(iter(pages)) for amp_page, pages in named.items() if len(pages) == 1}
    return {amp_page: page for amp_page, page in single.items() if page not in named}


def regroup(
    connection: Connection,
    pages: Iterable[str] | None,
    note: Callable[[set[str]], object] = lambda _: None,
) -> set[tuple[str, str]]:
    """Bring the entry ids of records up to which are AMP pages of others.

    `pages` are those of records that changed, or that they name or named; None for all of
    a first load. `note` is told the ids of which records will be others. Returns the entries
    that records left, each with the one that they came to.
    """
    other = records.alias()
    if pages is None:
        query = select(records.c.page, records.c.amp_page).distinct()
        query = query.join(other, other.c.entry_id == records.c.amp_page)
        found = connection.execute(query.where(records.c.amp_page != ""))
        claims = {(page, amp_page) for page, amp_page in found}
        concerned = {amp_page for _, amp_page in claims}
    else:
        concerned = set(pages) - {""}
        concerned |= {amp_page for _, amp_page, *_ in _records_at(connection, concerned)} - {""}
        claims = _claims(connection, concerned)
        claims |= _claims(connection, {page for page, _ in claims})
    original = originals(claims)
    moved = {
        (page, before): original.get(page, page)
        for page, _, before in _records_at(connection, concerned)
        if before != original.get(page, page)
    }
    if moved:
        note({one for (_, was), to in moved.items() for one in (was, to)})
        there = records.c.entry_id == bindparam("was"), records.c.page == bindparam("at")
        change = records.update().where(*there).values(entry_id=bindparam("to"))
        rows = [{"at": page, "was": was, "to": to} for (page, was), to in moved.items()]
        connection.execute(change, rows)
    return {(was, to) for (_, was), to in moved.items()}


def _records_at(connection: Connection, pages: Collection[str]) -> set[tuple[str, str, str]]:
    """Of records at these pages: page, AMP page, entry id."""
    query = select(records.c.page, records.c.amp_page, records.c.entry_id)
    found: set[tuple[str, str, str]] = set()
    for chunk in chunks(sorted(pages)):
        moved = records.c.page.in_(chunk) & (records.c.page != records.c.entry_id)
        for condition in (records.c.entry_id.in_(chunk), moved):
            found.update(map(tuple, connection.execute(query.where(condition))))
    return {row for row in found if row[0] in pages}


def _claims(connection: Connection, amp_pages: Collection[str]) -> set[tuple[str, str]]:
    found: set[tuple[str, str]] = set()
    query = select(records.c.page, records.c.amp_page).where(records.c.amp_page != "")
    for chunk in chunks(sorted(amp_pages)):
        rows = connection.execute(query.where(records.c.amp_page.in_(chunk)))
        found.update((page, amp_page) for page, amp_page in rows)
    return found


def removed_pages(connection: Connection, pages: Collection[str]) -> set[str]:
    """Which of these pages were removed."""
    found: set[str] = set()
    removed = select(records.c.entry_id).where(records.c.removed == 1)
    moved = select(records.c.page, records.c.entry_id).where(records.c.page != records.c.entry_id)
    for chunk in chunks(sorted(pages)):
        entry_of = dict(zip(chunk, chunk, strict=True))
        rows = connection.execute(moved.where(records.c.page.in_(chunk)))
        entry_of.update((page, entry_id) for page, entry_id in rows)
        there = records.c.entry_id.in_(set(entry_of.values()))
        gone = set(connection.execute(removed.where(there)).scalars())
        found |= {page for page, entry_id in entry_of.items() if entry_id in gone}
    return found


def with_amp_pages(connection: Connection, ids: Sequence[str]) -> set[str]:
    """Entry ids, and the other pages of their records."""
    query = select(records.c.page).where(records.c.page != records.c.entry_id)
    return {*ids, *connection.execute(query.where(records.c.entry_id.in_(ids))).scalars()}


# -- which id an entry has -------------------------------------------------------------


def keeps_id(old: StoredEntry, best: Copy, copies: Iterable[Copy]) -> bool:
    """Whether an entry has its id on, when `best` of its copies is shown: ids don't change.

    But where the record that it was made of asks for another than it did.
    """
    was = old.row
    if best.own_id == was.own_id:
        return True
    of_others = was.shown_id != was.own_id or was.shown_id in {copy.own_id for copy in copies}
    return best.path != was.path and of_others


def candidates(
    best: Copy, copies: Iterable[Copy], facts: Mapping[str, Fact], moment: int, *, first: bool
) -> Iterator[str]:
    """The ids that a new entry may have, its favourite first."""
    came = {
        (arrival(copy.published, moment, facts.get(copy.page), first=first), copy.path): copy
        for copy in copies
        if copy.public or copy.page in facts
    }
    copy = came[min(came)]
    fact = facts.get(copy.page)
    key = (fact.first if fact else "") or copy.key
    if best.own_id:
        yield best.own_id
    while True:
        yield key
        key = id_of(key)


def losers(
    connection: Connection, named: Mapping[str, str], *, first: bool
) -> list[tuple[str, str]]:
    """The entries that have the id of another, and these ids.

    `named` are the ids that entries were given in this load, by entry id; of the `first`, those
    that aren't of their pages. The one that had it before stays, else the one that came first,
    then by path.
    """
    holders: defaultdict[str, set[tuple[bool, int, str, str]]] = defaultdict(set)
    c = entries.c
    query = select(c.shown_id, c.entry_id, c.arrived, c.path)
    own, of_page = query.where(c.shown_id != c.entry_id), query.where(c.shown_id == c.entry_id)
    for chunk in chunks(sorted(set(named.values()))):
        for part in (own.where(c.shown_id.in_(chunk)), of_page.where(c.entry_id.in_(chunk))):
            for shown_id, entry_id, arrived, path in connection.execute(part):
                is_new = first or entry_id in named
                holders[shown_id].add((is_new, arrived, path, entry_id))
    return [
        (entry_id, shown_id)
        for shown_id, some in holders.items()
        for _, _, _, entry_id in sorted(some)[1:]
    ]


def shared_ids(connection: Connection) -> list[SharedId]:
    """The records of entries that don't have the ids that the records give themselves."""
    query = select(entries.c.own_id, entries.c.path)
    query = query.where(entries.c.own_id != "", entries.c.own_id != entries.c.shown_id)
    found = [(own_id, path) for own_id, path in connection.execute(query)]
    owners: dict[str, str] = {}
    for chunk in chunks(sorted({own_id for own_id, _ in found})):
        for column in (entries.c.entry_id, entries.c.shown_id):
            of = select(entries.c.shown_id, entries.c.path).where(column.in_(chunk))
            if column is entries.c.shown_id:
                of = of.where(entries.c.shown_id != entries.c.entry_id)
            owners.update((shown_id, path) for shown_id, path in connection.execute(of))
    return [SharedId(own_id, path, owners.get(own_id, "")) for own_id, path in found]
