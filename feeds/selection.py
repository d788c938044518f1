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
DAY: Final = 86_400  # seconds
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
    and what came or changed after `changed`, in seconds; and what has `part` (from 0 on) in the
    bits of `mask` of its position, whose last 20 are of its id.
    """

    first: int | None = None
    end: int | None = None
    since: int | None = None
    before: int | None = None
    changed: int | None = None
    part: int | None = None
    mask: int | None = None


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


class Period(NamedTuple):
    """A month or a day in UTC (`day` is 0 for a month), for what came to a scope in it.

    Or one of its parts: of a power of two, the one that a digest of the entry's id says.
    """

    year: int
    month: int
    day: int = 0
    part: int = 1
    of: int = 1

    @property
    def name(self) -> str:
        """The period without its part: 2026-05 or 2026-05-07."""
        return f"{self.year:04}-{self.month:02}" + (f"-{self.day:02}" if self.day else "")

    @property
    def first(self) -> int:
        """The moment that it begins with, in seconds."""
        return midnight(date(self.year, self.month, self.day or 1))

    @property
    def end(self) -> int:
        """The moment that it ends before, in seconds."""
        if self.day:
            return self.first + DAY
        return midnight(date(self.year + self.month // 12, self.month % 12 + 1, 1))

    def window(self) -> Window:
        """What came in it."""
        window = Window(since=self.first - 1, before=self.end)
        return window if self.of == 1 else window._replace(part=self.part - 1, mask=self.of - 1)


def month_at(moment: int) -> Period:
    """The month of a moment in seconds."""
    return day_at(moment)._replace(day=0)


def day_at(moment: int) -> Period:
    """The day of a moment in seconds."""
    day = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=moment)
    return Period(day.year, day.month, day.day)


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


def folded(scope: Scope, narrowed: Filters) -> tuple[Scope, Filters]:
    """A filter that says what a scope could say, as that: one feed has one address.

    A collection is narrowed by filters alone.
    """
    if scope.collection:
        return scope, narrowed
    if not scope.topic and not scope.type and len(narrowed.topic) == 1:
        scope = scope._replace(topic=narrowed.topic[0])
    if not scope.provider and not scope.type and len(narrowed.provider) == 1:
        scope = scope._replace(provider=narrowed.provider[0])
    if scope == Scope() and len(narrowed.type) == 1:
        scope = Scope(type=narrowed.type[0])
    for name in ("topic", "provider", "type"):
        if getattr(scope, name) in getattr(narrowed, name):
            narrowed = narrowed.without(name)
    return scope, narrowed
