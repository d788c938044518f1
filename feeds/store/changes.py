"""Changes since a load, worked out once for hubs and caches.

The store remembers when each entry last changed and when it came to where it
is, when one left a scope, and when a name last changed. So a consumer,
the hubs or a cache, has no more than a mark: the load up to which it was told.

Of each scope, the highest position at which anything changed is enough: what
is above it is as it was, so the first entries of a feed are others exactly if
one of them is, or is below, that position. What a feed says of those that it
doesn't show, how many there are, changes with their number.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from heapq import nlargest
from itertools import groupby
from typing import Final, NamedTuple, TypeVar

from sqlalchemy import Connection, delete, func, or_, select

from feeds.selection import Scope, scopes_of
from feeds.store import statements
from feeds.store.bulk_insert import chunks
from feeds.store.schema import (
    departures,
    entries,
    entry_topics,
    labels,
    loads,
    marks,
    members,
)

NOWHERE: Final = -(1 << 62)  # below all positions
HUBS: Final = "hubs"  # whose mark is where the first load ended, until they are first told
_AT_ONCE: Final = 1_000  # rows fetched
_LOADS: Final = 10_000  # moments kept

Key = TypeVar("Key")


class ChangedEntry(NamedTuple):
    """An entry that changed, when, and when it came to its position and scopes, in seconds.

    `content_changed` is when anything but its quality and heat did, `topics` when it
    arrived in each topic, by slug.
    """

    position: int
    content_changed: int
    placed: int
    arrived: int
    type: str
    provider: str
    provider_slug: str
    topics: Mapping[str, int]


class ChangedMember(NamedTuple):
    """An entry of a collection that changed, or came to its position there; as `ChangedEntry`."""

    collection: str
    position: int
    content_changed: int
    placed: int
    arrived: int


class Departure(NamedTuple):
    """That an entry left a position of a scope (by its key), and when it had come there."""

    scope: str
    position: int
    placed: int
    arrived: int
    departed: int


class Event(NamedTuple):
    """A change at a position of one scope (by its key).

    `arrived` is when the entry arrived there, `moves` are the moments at which it
    came (1) or left (-1).
    """

    scope: str
    position: int
    arrived: int = 0
    only_figures: bool = False
    moves: tuple[tuple[int, int], ...] = ()


@dataclass(slots=True)
class Change:
    """The changes in a scope, or in a part of one, as one.

    `position` is the highest at which anything did, `figures` the highest at
    which only a quality or heat did, which JSON Feed alone shows; `arrived` and
    `figures_arrived` are the last arrivals of these entries; `moves` is
    how many more entries each load brought, by its moment.
    """

    position: int = NOWHERE
    figures: int = NOWHERE
    arrived: int = 0
    figures_arrived: int = 0
    moves: Counter[int] = field(default_factory=Counter)

    def totals(self, total: int) -> list[int]:
        """How many entries there were before each load that brought some or took some away.

        `total` is how many there are now. The last is how many there were in
        the beginning; with no such load, that is `total`.
        """
        totals = []
        for moment in sorted(self.moves, reverse=True):
            total -= self.moves[moment]
            totals.append(total)
        return totals or [total]


def events(
    since: int,
    changed: Iterable[ChangedEntry],
    departed: Iterable[Departure],
    of_collections: Iterable[ChangedMember] = (),
) -> Iterator[Event]:
    """The events in each scope after the load at `since`, in seconds."""

    def event(scope: str, entry: ChangedEntry | ChangedMember, arrived: int) -> Event:
        came = entry.placed > since
        only_figures = entry.content_changed <= since and not came
        moves = ((entry.placed, 1),) if came else ()
        return Event(scope, entry.position, arrived, only_figures, moves)

    for entry in changed:
        for scope in scopes_of(entry, entry.topics):
            topic = Scope(*scope.split("\t")).topic
            yield event(scope, entry, entry.topics.get(topic, entry.arrived))
    for member in of_collections:
        scope = Scope(collection=member.collection).key()
        yield event(scope, member, max(member.placed, member.arrived))
    for scope, position, placed, arrived, left in departed:
        came_too = ((placed, 1),) if placed > since else ()
        yield Event(scope, position, arrived, moves=((left, -1), *came_too))


def collect(parts: Iterable[tuple[Key, Event]]) -> dict[Key, Change]:
    """The Change of each part: its events as one."""
    changes: dict[Key, Change] = {}
    for key, event in parts:
        change = changes.setdefault(key, Change())
        if event.only_figures:
            change.figures = max(change.figures, event.position)
            change.figures_arrived = max(change.figures_arrived, event.arrived)
        else:
            change.position = max(change.position, event.position)
            change.arrived = max(change.arrived, event.arrived)
        for moment, more in event.moves:
            change.moves[moment] += more
    return changes


# -- changes in the store ------------------------------------------------------------


def changed_entries(connection: Connection, since: int) -> Iterator[ChangedEntry]:
    """The entries that changed after the load at `since`, and are there."""
    columns = [entries.c[name] for name in ChangedEntry._fields[:-1]]
    topic = entry_topics.c
    query = (
        select(entries.c.id, topic.topic, topic.arrived.label("came"), *columns)
        .select_from(entries.outerjoin(entry_topics, entry_topics.c.entry == entries.c.id))
        .where(entries.c.changed > since)
        .order_by(entries.c.changed, entries.c.id)
        .execution_options(yield_per=_AT_ONCE)
    )
    for _, rows in groupby(connection.execute(query), lambda row: row.id):
        first, *more = rows
        topics = {row.topic: row.came for row in (first, *more) if row.topic is not None}
        yield ChangedEntry._make((*first[3:], topics))


def changed_members(connection: Connection, since: int) -> Iterator[ChangedMember]:
    """The entries of collections that changed, or came there, after the load at `since`."""
    changed = select(entries.c.id).where(entries.c.changed > since)
    query = (
        select(
            members.c.collection,
            members.c.position,
            entries.c.content_changed,
            members.c.placed,
            entries.c.arrived,
        )
        .join(entries, entries.c.id == members.c.entry)
        .where(or_(members.c.placed > since, members.c.entry.in_(changed)))
        .execution_options(yield_per=_AT_ONCE)
    )
    return map(ChangedMember._make, connection.execute(query))


def departed_entries(connection: Connection, since: int) -> Iterator[Departure]:
    """The departures from a scope, or a position of it, in loads after the one at `since`."""
    query = select(*[departures.c[name] for name in Departure._fields])
    query = query.where(departures.c.departed > since).execution_options(yield_per=_AT_ONCE)
    return map(Departure._make, connection.execute(query))


def withdrawn_from(connection: Connection, since: int, limit: int, seconds: int) -> set[Scope]:
    """The scopes from which entries were withdrawn after a load; as `Reader.withdrawn`."""
    told = {"moment": since, "limit": limit, "seconds": seconds}
    keys = connection.execute(statements.SCOPES_WITHDRAWN_FROM, told).scalars()
    return {Scope(*key.split("\t")) for key in keys}


def renamed(connection: Connection, since: int) -> set[tuple[str, str]]:
    """The kinds and slugs of the labels that are called something else since that load."""
    query = select(labels.c.kind, labels.c.slug).where(labels.c.changed > since)
    return {(kind, slug) for kind, slug in connection.execute(query)}


def note_load(
    connection: Connection,
    moment: int,
    closed: int,
    commits: Iterable[int] = (),
    *,
    first: bool = False,
) -> None:
    """Keep the moments as of which feeds are made: of a load, and of the changes that it found.

    Those of the `first` load have the records' own dates. `commits` are the moments of those
    that were read: other stores made feeds as of them. `closed` is as in `state`.
    """
    changed = select(entries.c.changed).distinct().order_by(entries.c.changed.desc())
    if not first:
        before = select(func.max(loads.c.moment)).scalar_subquery()
        changed = changed.where(entries.c.changed > before)
    told = {moment, *commits, *connection.execute(changed.limit(_LOADS)).scalars()}
    latest = set(nlargest(_LOADS, told))
    for chunk in chunks(sorted(latest)):
        known = connection.execute(select(loads.c.moment).where(loads.c.moment.in_(chunk)))
        latest.difference_update(known.scalars())
    if latest:
        rows = [{"moment": at, "closed": closed if at == moment else 0} for at in sorted(latest)]
        connection.execute(loads.insert(), rows)
    past = select(loads.c.moment).order_by(loads.c.moment.desc()).offset(_LOADS).limit(1)
    connection.execute(delete(loads).where(loads.c.moment <= past.scalar_subquery()))


def closed_as_of(connection: Connection, moment: int) -> int:
    """The moment before which no entry came any more after the load at `moment`."""
    query = select(func.max(loads.c.closed)).where(loads.c.moment <= moment)
    return int(connection.execute(query).scalar() or 0)


# -- marks ---------------------------------------------------------------------------


class Mark(NamedTuple):
    """The load up to which a consumer was told, in seconds, and a digest of its settings then."""

    loaded: int
    settings: str = ""


def mark_of(connection: Connection, consumer: str) -> Mark | None:
    """The mark of the hubs, or of a cache by its URL; None for one that was never told."""
    query = select(marks.c.loaded, marks.c.settings).where(marks.c.consumer == consumer)
    row = connection.execute(query).first()
    return None if row is None else Mark._make(row)


def untold_since(connection: Connection, consumer: str) -> int:
    """When the first load was that a consumer was not told of, in seconds; 0 for none.

    Of one that was never told anything, the last load.
    """
    mark = mark_of(connection, consumer)
    query = select(func.max(loads.c.moment))
    if mark is not None:
        query = select(func.min(loads.c.moment)).where(loads.c.moment > mark.loaded)
    return connection.execute(query).scalar() or 0


def set_mark(connection: Connection, consumer: str, mark: Mark) -> None:
    """Note up to where the hubs, or a cache by its URL, were told."""
    connection.execute(delete(marks).where(marks.c.consumer == consumer))
    connection.execute(marks.insert().values(consumer=consumer, **mark._asdict()))
