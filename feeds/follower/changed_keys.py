"""The surrogate keys of what changed since a load, for caches.

A cache may have kept a document that was made between two of the loads since
then: what it is told to forget differs now from what it was at any time since.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterable
from dataclasses import fields
from functools import cache
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from typing import Final

from feeds.catalog import archives, cache_keys
from feeds.catalog.window import since_of
from feeds.config import MAX_LIMIT, Config
from feeds.selection import Period, Scope, day_at, month_at, month_of, month_window
from feeds.store import changes
from feeds.store.changes import Change, Event
from feeds.store.reader import Reader
from feeds.store.schema import SITE

_MOST: Final = 300  # entries; a load that changed more changed everything
_SCOPES: Final = 10  # that an entry is in, about


# Settings that no document is made from.
_NOT_SHOWN: Final = frozenset((
    "seeds", "database_url", "cache_mb", "workers", "watch", "load", "purge", "sources", "metrics",
    "log_format", "log_requests",
))  # fmt: skip
_RENDERING: Final = ("jinja2", "markupsafe", "msgspec")


@cache
def _program() -> str:
    """A digest of this program and of what renders its documents."""
    digest = hashlib.sha256("\0".join([sys.version, *map(version, _RENDERING)]).encode())
    root = Path(__file__).parents[1]
    for path in sorted(path for path in root.rglob("*") if path.suffix not in {"", ".pyc"}):
        digest.update(f"{path.relative_to(root)}\0".encode() + path.read_bytes())
    return digest.hexdigest()


def settings(config: Config) -> str:
    """A digest of the settings, and the program, that documents depend on: others, other bytes."""
    names = (field.name for field in fields(config))
    values = [f"{name}={getattr(config, name)!r}" for name in names if name not in _NOT_SHOWN]
    values += [_program(), *sorted(config.left_to_site)]
    return hashlib.sha256("\0".join(values).encode()).hexdigest()[:16]


def events_since(reader: Reader, since: int) -> list[Event] | None:
    """The events in all scopes after the load at `since`, in seconds; None where there are many."""
    connection = reader.connection
    rows = list(islice(changes.changed_entries(connection, since), _MOST + 1))
    gone = list(islice(changes.departed_entries(connection, since), _MOST * _SCOPES + 1))
    if len(rows) > _MOST or len(gone) > _MOST * _SCOPES:
        return None
    return list(changes.events(since, rows, gone, changes.changed_members(connection, since)))


def changed(reader: Reader, since: int, config: Config) -> set[str]:
    """The keys of what changed after the load at `since`, in seconds."""
    connection = reader.connection
    renamed = changes.renamed(connection, since)
    is_renamed = any(kind == SITE and slug in config.left_to_site for kind, slug in renamed)
    if is_renamed or reader.state().born > since:
        return {cache_keys.ALL}
    events = events_since(reader, since)
    if events is None:
        return {cache_keys.ALL}
    keys = {cache_keys.ANY}
    closed = changes.closed_as_of(connection, since), reader.state().closed
    if month_at(closed[0]) != month_at(closed[1]):  # feeds lead to it, rather than to its days
        return {cache_keys.ALL}
    if closed[0] != closed[1]:
        keys.add(cache_keys.OPEN)
    if config.window:
        limit, seconds = config.limit, config.window * 3600
        told = changes.withdrawn_from(connection, since, limit, seconds)
        keys |= {cache_keys.of_scope(scope) for scope in told}
    for key, change in changes.collect((event.scope, event) for event in events).items():
        keys |= _of_scope(reader, Scope(*key.split("\t")), change, config, since)
    monthly = (
        ((event.scope, month_of(event.position >> 20)), event)
        for event in events
        if event.position >= 0  # lists have no months
    )
    for (key, month), change in changes.collect(monthly).items():
        keys |= _of_month(reader, Scope(*key.split("\t")), month, change)
    by_period = (
        ((event.scope, period), event)
        for event in events
        for period in (month_at(event.arrived), day_at(event.arrived))
    )
    for (key, period), change in changes.collect(by_period).items():
        keys |= _of_period(reader, Scope(*key.split("\t")), period, change)
    shown = {
        f"{kind if kind in ('topic', 'collection') else 'provider'}/{slug.partition('/')[0]}"
        for kind, slug in renamed
        if kind != SITE
    }
    return keys | set(cache_keys.with_crowded(shown))


def _of_scope(reader: Reader, scope: Scope, change: Change, config: Config, mark: int) -> set[str]:
    """The keys of what differs in a scope since the load at `mark`, but for months, archives."""
    limit = config.limit
    own = cache_keys.of_scope(scope)
    keys = {own + "?"}
    total = reader.count(scope)
    if reader.is_list(scope):
        limit = max(total, 1)
    totals = change.totals(total)
    if any(before != total for before in totals):
        keys.add(own + cache_keys.JSON)
    last = reader.page(scope, 1, limit - 1)
    highest = max(change.position, change.figures)
    arrived = max(change.arrived, change.figures_arrived)
    since = since_of(reader, scope, config.window) if config.window else arrived
    # With a window, the number of pages depends on how many entries are in it.
    turns = any(before != total for before in totals) if config.window else False
    if (
        not last
        or highest >= last[0].position
        or arrived > since
        or turns
        or _leads_elsewhere(reader, scope, config, arrived)
        or _turns(total, totals, limit)
    ):
        keys.add(own)
    if scope.collection and (arrived > mark or change.moves):
        # When one that left it, or came anew, had come isn't known.
        keys.add(cache_keys.of_archives(scope))
    return keys


def _leads_elsewhere(reader: Reader, scope: Scope, config: Config, arrived: int) -> bool:
    """Whether a feed may lead to another archive by what came, or left, up to `arrived`."""
    period = archives.first(reader, scope, config)
    return period is not None and arrived >= period.first


def _of_month(reader: Reader, scope: Scope, month: int, change: Change) -> set[str]:
    """The keys of the archive of a month, and of those beside it that lead to it."""
    keys = {cache_keys.of_month(scope, month)}
    number = reader.count(scope, month_window(month))
    totals = change.totals(number)
    if _turns(number, totals, MAX_LIMIT):
        # The older one leads to its last page; the newer one to it, if it is there.
        older, newer = reader.neighbours(scope, month)
        is_new_or_gone = not number or 0 in totals
        beside = [older, newer] if is_new_or_gone else [older]
        keys |= {cache_keys.of_month(scope, other) for other in beside if other is not None}
    return keys


def _of_period(reader: Reader, scope: Scope, period: Period, change: Change) -> set[str]:
    """The keys of an archive, and of those after it that lead to it and its parts."""
    keys = {cache_keys.of_period(scope, period)}
    number = reader.count(scope, period.window())
    if any(archives.parts(before) != archives.parts(number) for before in change.totals(number)):
        leading = archives.newer(reader, scope, period)
        keys |= {cache_keys.of_period(scope, other) for other in leading}
    return keys


def _turns(total: int, totals: Iterable[int], limit: int) -> bool:
    """Whether `total` entries are on another number of pages than any of `totals`."""
    return any(-(-before // limit) != -(-total // limit) for before in totals)
