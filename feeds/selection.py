"""Which entries a feed draws on: scopes, windows of positions, and filters.

A position is the time of publication in the upper bits and 20 bits of the id
below, so that one integer sorts, pages and compares.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, NamedTuple

from feeds import urls

SORTS: Final = ("newest", "heat", "relevance")
DAYS = re.compile(r"([1-9][0-9]{0,3})d\Z")


class Scope(NamedTuple):
    """Which entries a feed draws on; empty strings don't narrow.

    `provider` is a provider's key, `name` the slug of one of several names on
    that domain. `collection` is the slug of one; it stands alone.
    """

    topic: str = ""
    provider: str = ""
    name: str = ""
    type: str = ""
    collection: str = ""

    def key(self) -> str:
        """The scope as a key of `departures`."""
        return "\t".join(self)


class Window(NamedTuple):
    """Positions from `first` on and before `end`; None is no bound.

    Of these, what came to the scope after the moment `since` and before the moment `before`,
    and what came or changed after `changed`, in seconds.
    """

    first: int | None = None
    end: int | None = None
    since: int | None = None
    before: int | None = None
    changed: int | None = None


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


class Filters(NamedTuple):
    """The filters of a feed, by the names of the parameters, in their canonical order.

    Tuples are sorted keys, of which an entry has any (`exclude_*`: none).
    `since` is a date or a number of days such as `7d`, `until` the last date. `per_provider` is
    how many entries of each provider there are at most, of those that pass the others.
    """

    topic: tuple[str, ...] = ()
    provider: tuple[str, ...] = ()
    type: tuple[str, ...] = ()
    exclude_topic: tuple[str, ...] = ()
    exclude_provider: tuple[str, ...] = ()
    exclude_type: tuple[str, ...] = ()
    min_quality: int = 0
    min_heat: int = 0
    since: str = ""
    until: str = ""
    q: str = ""
    per_provider: int = 0
    sort: str = "newest"

    def parameters(self) -> list[tuple[str, str]]:
        """Names and values, in their order; defaults are left out."""
        found: list[tuple[str, str]] = []
        if self == NONE:  # as of most addresses
            return found
        for (name, value), default in zip(self._asdict().items(), NONE, strict=True):
            if isinstance(value, tuple):
                found += [(name, one) for one in value]
            elif value != default:
                found.append((name, str(value)))
        return found

    def without(self, name: str) -> Filters:
        """The same without one of them."""
        rest: dict[str, Any] = self._asdict() | {name: NONE._asdict()[name]}
        return Filters(**rest)

    def only(self, name: str) -> Filters:
        """One of them alone."""
        return NONE._replace(**{name: getattr(self, name)})

    def window(self, today: date) -> Window:
        """The positions of the days that entries may be of."""
        first = end = None
        if days := DAYS.match(self.since):
            first = position_at(midnight(today - timedelta(days=int(days[1]))))
        elif self.since:
            first = position_at(midnight(date.fromisoformat(self.since)))
        if self.until:
            end = position_at(midnight(date.fromisoformat(self.until) + timedelta(days=1)))
        return Window(first, end)

    @property
    def moves(self) -> bool:
        """Whether what passes depends on the day it is asked."""
        return DAYS.match(self.since) is not None


NONE: Final = Filters()


class SavedFilter(NamedTuple):
    """A collection of the entries that pass a filter; `filters` are neither sorted nor of days."""

    title: str
    description: str
    filters: Filters


def midnight(day: date) -> int:
    """The beginning of a day in UTC, in seconds."""
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())


def narrowing(filters: Filters) -> dict[str, Any]:
    """The filters of a query of the store, by name; `since` and `until` are a window there."""
    values = filters._asdict()
    del values["since"], values["until"], values["sort"]
    return {name: value for name, value in values.items() if value}


def scopes_of(entry: Any, topics: Iterable[str]) -> set[str]:
    """The keys of all scopes that an entry is in."""
    providers = [("", "")]
    if entry.provider:
        providers += [(entry.provider, ""), (entry.provider, entry.provider_slug)]
    found = {
        Scope(topic, provider, name).key()
        for topic in ["", *topics]
        for provider, name in providers
    }
    if entry.type:
        found.add(Scope(type=entry.type).key())
    return found
