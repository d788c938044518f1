"""What a feed shows that people subscribe to: its newest entries, and all that came lately.

Who polls within `FEEDS_WINDOW` hours of the newest arrival misses nothing, however many entries
came since, and whatever dates they bear.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final, NamedTuple

from feeds.catalog.addresses import FeedQuery
from feeds.config import Config
from feeds.model import Withdrawn
from feeds.selection import EVERYTHING, NONE, Filters, Scope, Window
from feeds.store.reader import Reader, Row

_MOST: Final = 1_000  # entries
_SILENT: Final = "rss.xml"
# Bytes of records as the store has them, of which a document of some 4 MiB is made.
_BYTES: Final = 2 * 1024 * 1024


class Shown(NamedTuple):
    """The rows of a first page, newest first; the first `run` are the newest of all.

    With them ends what the next page goes on after; others came lately and bear older dates.
    """

    rows: list[Row]
    run: int


def has_window(query: FeedQuery, config: Config) -> bool:
    """Whether a query is for the pages of a feed whose first one has all that came lately."""
    return bool(
        config.window
        and query.file
        and not query.exact
        and query.limit == config.limit
        and query.month is None
        and query.period is None
        and not query.story
        and not query.digest
        and _is_by_arrival(query.filters)
    )


def _is_by_arrival(filters: Filters) -> bool:
    """Whether what comes lets all else stay in its place."""
    return filters.sort == "newest" and not filters.per_provider


def since_of(
    reader: Reader, scope: Scope, hours: int, window: Window = EVERYTHING, filters: Filters = NONE
) -> int:
    """The moment after which what came to a scope is in its feed, in seconds."""
    return (reader.newest_arrival(scope, window, filters) or 0) - hours * 3600


def first_page(
    reader: Reader,
    scope: Scope,
    config: Config,
    window: Window = EVERYTHING,
    filters: Filters = NONE,
) -> Shown:
    """The first page of a feed."""
    limit = config.limit
    rows = reader.page(scope, limit, 0, window, filters)
    if len(rows) < limit:
        return Shown(rows, len(rows))
    since = since_of(reader, scope, config.window, window, filters)
    below = window._replace(end=rows[-1].position, since=since)
    late = reader.page(scope, _MOST - limit, 0, below, filters)
    late = sorted(_fitting(rows, late), key=lambda row: row.position, reverse=True)
    if not late:
        return Shown(rows, limit)
    run = limit
    following = reader.page(scope, len(late), limit, window, filters)
    for row, next_one in zip(late, following, strict=False):
        if row.row != next_one.row:
            break
        run += 1
    return Shown(rows + late, run)


def has_deltas(query: FeedQuery) -> bool:
    """Whether who knows an earlier state of a feed may ask for what came or changed since."""
    return bool(
        query.file
        and query.page == 1
        and query.month is None
        and query.period is None
        and not query.story
        and not query.digest
        and _is_by_arrival(query.filters)
    )


def changed_since(
    reader: Reader, scope: Scope, moment: int, window: Window, filters: Filters
) -> tuple[list[Row], bool]:
    """What came to a scope or changed after a moment (in seconds), newest first.

    Of more than a feed has room for, what came last; then the second value is False.
    """
    rows = reader.page(scope, _MOST + 1, 0, window._replace(changed=moment), filters)
    fitting = _fitting([], rows)[:_MOST]
    fitting.sort(key=lambda row: row.position, reverse=True)
    return fitting, len(fitting) == len(rows)


def withdrawn_lately(reader: Reader, query: FeedQuery, config: Config) -> tuple[Withdrawn, ...]:
    """What a feed announces as withdrawn, the last first.

    That is all within its window of its newest arrival or withdrawal.
    """
    gone = withdrawn_since(reader, query, config, 0) if has_window(query, config) else ()
    if not gone:
        return ()
    newest = reader.newest_arrival(query.scope) or 0
    newest = max(newest, int(gone[0].when.timestamp()))
    return tuple(one for one in gone if one.when.timestamp() > newest - config.window * 3600)


def withdrawn_since(
    reader: Reader, query: FeedQuery, config: Config, since: int
) -> tuple[Withdrawn, ...]:
    """What was withdrawn from a feed after a moment in seconds; RSS has no word for it."""
    if query.page > 1 or query.file == _SILENT:
        return ()
    limit = _MOST if reader.is_list(query.scope) else config.limit
    rows = reader.withdrawn(query.scope, since, limit, config.window * 3600)
    return tuple(Withdrawn(one, datetime.fromtimestamp(at, UTC)) for one, at in rows)


def _fitting(rows: list[Row], late: list[Row]) -> list[Row]:
    """Of what came lately what fits, the last to come first."""
    room = _BYTES - sum(row.size for row in rows)
    fitting = []
    for row in sorted(late, key=lambda row: (-row.arrived, -row.position)):
        room -= row.size
        if room < 0:
            break
        fitting.append(row)
    return fitting
