"""The surrogate keys of what a load changed, from what the store remembers of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from sqlalchemy import select

from feeds.catalog import cache_keys
from feeds.config import MAX_LIMIT, Config
from feeds.selection import Scope, month_of, month_window, scopes_of
from feeds.store.reader import Reader
from feeds.store.schema import departures, entries, labels

_MOST: Final = 300  # entries; a load that changed more changed everything
_SCOPES: Final = 10  # that an entry is in, about


class _Change(NamedTuple):
    """An entry that changed, came to a scope (moved 1) or left it (-1), at a position.

    `moment` is the load that it was in, in seconds.
    """

    position: int
    moved: int
    moment: int


def changed(reader: Reader, since: int, config: Config) -> set[str]:
    """The keys of what changed after the load at `since`, in seconds.

    The store remembers when each entry last changed or came where it is, when
    one left a scope, and when a name last changed; so whoever asks need only
    remember up to when they know.
    """
    run = reader.connection.execute
    query = select(entries).where(entries.c.changed > since).limit(_MOST + 1)
    rows = run(query).all()
    left = select(departures).where(departures.c.departed > since)
    gone = run(left.limit(_MOST * _SCOPES + 1)).all()
    if len(rows) > _MOST or len(gone) > _MOST * _SCOPES:
        return {cache_keys.ALL}
    found: dict[str, list[_Change]] = {}
    topics = reader.topics_of([row.id for row in rows])
    for row in rows:
        change = _Change(row.position, int(row.placed > since), row.changed)
        for key in scopes_of(row, [topic.slug for topic in topics.get(row.id, ())]):
            found.setdefault(key, []).append(change)
    for key, position, moment in gone:
        found.setdefault(key, []).append(_Change(position, -1, moment))
    keys = {cache_keys.ANY}
    for key, changes in found.items():
        keys |= _of_changes(reader, Scope(*key.split("\t")), changes, config.limit)
    renamed = run(select(labels.c.kind, labels.c.slug).where(labels.c.changed > since))
    shown = {
        f"{'topic' if kind == 'topic' else 'provider'}/{slug.partition('/')[0]}"
        for kind, slug in renamed
    }
    return keys | set(cache_keys.with_crowded(shown))


def _of_changes(reader: Reader, scope: Scope, changes: Sequence[_Change], limit: int) -> set[str]:
    """The keys of what differs in one scope; `limit` entries are in its feeds."""
    own = cache_keys.of_scope(scope)
    keys = {own + "?"}
    total = reader.count(scope)
    if _before(total, changes) != (total, total):
        keys.add(own + cache_keys.JSON)
    last = reader.page(scope, 1, limit - 1)
    highest = max(change.position for change in changes)
    if not last or highest >= last[0].position or _may_turn(total, changes, limit):
        keys.add(own)
    by_month: dict[int, list[_Change]] = {}
    for change in changes:
        by_month.setdefault(month_of(change.position >> 20), []).append(change)
    for month, within in by_month.items():
        keys |= _of_month(reader, scope, month, within)
    return keys


def _of_month(reader: Reader, scope: Scope, month: int, changes: Sequence[_Change]) -> set[str]:
    """The keys of the archive of a month, and of those beside it that lead to it."""
    keys = {cache_keys.of_month(scope, month)}
    number = reader.count(scope, month_window(month))
    if _may_turn(number, changes, MAX_LIMIT):
        # The older one leads to its last page; the newer one to it, if it is there.
        older, newer = reader.neighbours(scope, month)
        is_new_or_gone = not number or _before(number, changes)[0] <= 0
        beside = [older, newer] if is_new_or_gone else [older]
        keys |= {cache_keys.of_month(scope, other) for other in beside if other is not None}
    return keys


def _may_turn(number: int, changes: Sequence[_Change], limit: int) -> bool:
    """Whether changes that led to `number` entries may have led to another number of pages."""
    return any(-(-before // limit) != -(-number // limit) for before in _before(number, changes))


def _before(number: int, changes: Sequence[_Change]) -> tuple[int, int]:
    """The least and the most entries that there may have been before `changes`.

    Of one load it is known how many came and left; of several it isn't: what
    came with one may have left with the next.
    """
    came = sum(change.moved > 0 for change in changes)
    left = sum(change.moved < 0 for change in changes)
    if len({change.moment for change in changes}) == 1:
        return number - came + left, number - came + left
    return number - came, number + left
