"""Which entries a feed draws on: scopes, and windows of positions.

A position is the time of publication in the upper bits and 20 bits of the id
below, so that one integer sorts, pages and compares.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final, NamedTuple

from feeds import urls


class Scope(NamedTuple):
    """Which entries a feed draws on; empty strings don't narrow.

    `provider` is a provider's key, `name` the slug of one of several names on
    that domain.
    """

    topic: str = ""
    provider: str = ""
    name: str = ""
    type: str = ""

    def key(self) -> str:
        """The scope as a key of `departures`."""
        return "\t".join(self)


class Window(NamedTuple):
    """Positions from `first` on and before `end`; None is no bound."""

    first: int | None = None
    end: int | None = None


EVERYTHING: Final = Window()


def month_of(published: int) -> int:
    """The month of a time in seconds, as `entries.month` counts it."""
    date = datetime.fromtimestamp(published, UTC)
    return date.year * 12 + date.month - 1


def month_window(month: int) -> Window:
    """The positions of what was published in a month."""
    first, end = (
        int(datetime(m // 12, m % 12 + 1, 1, tzinfo=UTC).timestamp()) << 20
        for m in (month, month + 1)
    )
    return Window(first, end)


def position_at(seconds: int) -> int:
    """The least position of anything published at `seconds`."""
    return seconds << 20


def position(published: int, entry_id: str) -> int:
    """The sort key of an entry: newest last, ties in the order of a hash of the id."""
    return (published << 20) | int(urls.entry_id(entry_id)[-5:], 16)
