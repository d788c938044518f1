"""The queue of pings: which hub is to be told of which URL, and when.

A row is claimed before its hub is asked, so that of several processes one
asks, and stays until that is settled: who is killed in between leaves it to
others, or to its next start. `mark` counts what happened to a row: a URL that
changes while its ping is under way is told again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum, auto
from typing import Final, NamedTuple

from sqlalchemy import ColumnElement, Connection, delete, func, select, tuple_

from feeds.store import bulk_insert
from feeds.store.schema import pings

# Seconds until a ping that failed is tried again, by how often it has been.
_WAITS: Final = (1, 5, 15, 60, 300, 900, 3600)
_DAY: Final = 86_400
_OVERLOADED: Final = 503
_TRY_AGAIN: Final = (408, 429)  # of the 4xx
_BUSY: Final = (0, 429, _OVERLOADED)  # what says something of the hub, not of this ping


class Ping(NamedTuple):
    """One hub to be told of one URL; `since` when it changed, in seconds."""

    hub: str
    url: str
    attempts: int
    since: float
    mark: int


class HubResponse(NamedTuple):
    """The response of a hub: status (0 for none), problem, and seconds to wait (Retry-After)."""

    status: int
    problem: str = ""
    retry_after: float = 0.0


class Fate(Enum):
    """How a ping ends."""

    DONE = auto()
    DROPPED = auto()
    AGAIN = auto()


class Outcome(NamedTuple):
    """How a ping ends, or after how many seconds it is sent again; `all_wait`: all of its hub."""

    fate: Fate
    wait: float = 0.0
    all_wait: bool = False


def decide(answer: HubResponse, attempts: int, age: float) -> Outcome:
    """How a ping ends that got `answer` at attempt `attempts` (from 1), `age` seconds old.

    Failures that may pass are tried again for a day.
    """
    status = answer.status
    if 200 <= status < 300:  # noqa: PLR2004 - RFC 9110 15.3
        return Outcome(Fate.DONE)
    passing = status == 0 or status in _TRY_AGAIN or status >= 500  # noqa: PLR2004 - RFC 9110 15.6
    if not passing or age >= _DAY:
        return Outcome(Fate.DROPPED)
    wait = max(_WAITS[min(attempts, len(_WAITS)) - 1], min(answer.retry_after, _DAY))
    return Outcome(Fate.AGAIN, float(wait), status in _BUSY)


def queue(
    connection: Connection, hubs: Sequence[str], urls: Mapping[str, int], now: float, due: float
) -> None:
    """Queue a ping for every hub and URL, lower ranks first; those in the queue stay.

    Pings for hubs that aren't among `hubs` any more are dropped.
    """
    connection.execute(delete(pings).where(pings.c.hub.not_in(hubs)))
    wanted = [(hub, url) for hub in hubs for url in urls]
    held: set[tuple[str, str]] = set()
    for chunk in bulk_insert.chunks(wanted):
        same = tuple_(pings.c.hub, pings.c.url).in_(chunk)
        rows = connection.execute(select(pings.c.hub, pings.c.url).where(same))
        held.update((hub, url) for hub, url in rows)
        again = pings.update().where(same).values(mark=pings.c.mark + 1, since=now)
        connection.execute(again)
    fresh = {"attempts": 0, "since": now, "due": due, "mark": 0}
    added = [
        {"hub": hub, "url": url, "rank": urls[url]} | fresh
        for hub, url in wanted
        if (hub, url) not in held
    ]
    if added:
        bulk_insert.insert(connection, pings, added)


def next_due(connection: Connection, hub: str) -> float | None:
    """When a hub is to be asked next, in seconds since 1970; None when nothing waits."""
    return connection.execute(select(func.min(pings.c.due)).where(pings.c.hub == hub)).scalar()


def claim(connection: Connection, hub: str, most: int, now: float, until: float) -> list[Ping]:
    """Up to `most` pings that are due, the main ones first, for the caller alone until `until`."""
    query = select(pings.c.hub, pings.c.url, pings.c.attempts, pings.c.since, pings.c.mark)
    query = query.where(pings.c.hub == hub, pings.c.due <= now)
    rows = connection.execute(query.order_by(pings.c.rank, pings.c.url).limit(most)).all()
    claimed = []
    for row in rows:
        ping = Ping._make(row)
        as_seen = (*_is(ping), pings.c.mark == ping.mark)
        change = pings.update().where(*as_seen).values(mark=ping.mark + 1, due=until)
        if connection.execute(change).rowcount:
            claimed.append(ping._replace(mark=ping.mark + 1))
    return claimed


def settle(connection: Connection, ping: Ping, outcome: Outcome, now: float) -> None:
    """Remove a claimed ping, or put it off, by its outcome."""
    if outcome.fate is Fate.AGAIN:
        due = now + outcome.wait
        change = pings.update().values(attempts=ping.attempts + 1, due=due)
        connection.execute(change.where(*_is(ping)))
        if outcome.all_wait:
            others = pings.update().where(pings.c.hub == ping.hub, pings.c.due < due)
            connection.execute(others.values(due=due))
        return
    gone = delete(pings).where(*_is(ping), pings.c.mark == ping.mark)
    if not connection.execute(gone).rowcount:  # the URL changed meanwhile
        anew = pings.update().where(*_is(ping))
        connection.execute(anew.values(attempts=0, due=now))


def _is(ping: Ping) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return pings.c.hub == ping.hub, pings.c.url == ping.url
