"""The archives of a feed (RFC 5005 4): what came to it, by month, and of the month by day.

One whose time is over when the store closes it gains no entries any more, so it is marked.
Walking from the subscription document along `prev-archive` reaches every entry.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from feeds.catalog.addresses import FeedQuery, NotFound, RedirectTo
from feeds.catalog.window import first_page
from feeds.config import Config
from feeds.selection import Period, Scope, Window, day_at, month_at
from feeds.store.reader import Reader, Row

PART: Final = 500  # entries in a document, about


def parts(entries: int) -> int:
    """In how many documents a period with that many entries is linked; none without any."""
    return 1 << (-(-entries // PART) - 1).bit_length() if entries else 0


def is_closed(reader: Reader, period: Period) -> bool:
    """Whether nothing can come in a period any more."""
    return period.end <= reader.state().closed


def contents(reader: Reader, query: FeedQuery, period: Period) -> tuple[list[Row], int, bool]:
    """What came in a period, newest first, when that last changed (seconds), and `is_closed`.

    Raises NotFound for a list, and where nothing came so early or late. A period that nothing
    is left of is empty: there are documents that lead to it. Raises RedirectTo its parts if it
    is far too large.
    """
    scope, window = query.scope, period.window()
    if reader.is_list(scope):
        raise NotFound("a collection in its own order has no archives; it is shown whole")
    oldest, last = reader.oldest_arrival(scope), reader.newest_arrival(scope)
    if oldest is None or last is None or oldest >= period.end or last < period.first:
        raise NotFound(f"nothing came here in {period.name}")
    total = reader.count(scope, window)
    split = _split(reader, scope, period._replace(part=1, of=1))
    if total > 2 * PART and period.of < split.of:
        raise RedirectTo(query._replace(period=split))
    closed = is_closed(reader, period)
    modified = reader.modified(scope, window)
    rows = reader.page(scope, max(total, 1), 0, window)
    rows.sort(key=lambda row: row.position, reverse=True)
    return rows, max(modified, period.end if closed else 0), closed


def newest(reader: Reader, scope: Scope, shown: Sequence[Row]) -> Period | None:
    """The newest period with an entry that a document of the rows `shown` doesn't have."""
    came = reader.newest_arrival(scope, besides=[row.row for row in shown])
    return None if came is None else _period_of(reader, scope, came)


def older(reader: Reader, scope: Scope, period: Period) -> Period | None:
    """The period, or part of one, that goes on after another."""
    if period.part < period.of:
        return period._replace(part=period.part + 1)
    came = reader.newest_arrival(scope, Window(before=period.first))
    return None if came is None else _period_of(reader, scope, came, period)


def newer(reader: Reader, scope: Scope, period: Period) -> set[Period]:
    """The month and the day after a period that lead to it."""
    came = reader.oldest_arrival(scope, Window(since=period.end - 1))
    return set() if came is None else {month_at(came), day_at(came)}


def first(reader: Reader, scope: Scope, config: Config) -> Period | None:
    """The period that a scope's subscription document leads to; None for a list."""
    if reader.is_list(scope):
        return None
    return newest(reader, scope, first_page(reader, scope, config).rows)


def chain(reader: Reader, scope: Scope, config: Config) -> list[Period]:
    """The periods to which a scope's subscription document leads, the newest first."""
    found = []
    period = first(reader, scope, config)
    while period is not None:
        found.append(period)
        period = older(reader, scope, period)
    return found


def _period_of(reader: Reader, scope: Scope, came: int, after: Period | None = None) -> Period:
    """The period, or the first of its parts, that is linked for what came at a moment.

    That is a closed month, or a day of one that is open or goes on in the day `after`.
    """
    period = month_at(came)
    is_same = after is not None and (after.year, after.month) == (period.year, period.month)
    if is_same or not is_closed(reader, period):
        period = day_at(came)
    return _split(reader, scope, period)


def _split(reader: Reader, scope: Scope, period: Period) -> Period:
    """The first part of a period, of as many as are linked."""
    return period._replace(of=parts(reader.count(scope, period.window())))
