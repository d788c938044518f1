"""The queries that feeds are made from, of one consistent view of the store."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import Connection, exists, func, or_, select

from feeds.model import Label
from feeds.selection import EVERYTHING, NONE, Filters, Scope, Window, month_of, month_window
from feeds.store import page_statements, postgres, search_query, statements
from feeds.store.driver import View
from feeds.store.schema import SITE, collections, departures, entries, entry_topics, loads, pings

_FAILING: Final = 5  # attempts that take six minutes, see `feeds.follower.ping_queue`
_NAMED_AT_ONCE: Final = 10_000  # rows by one statement; databases take some 32,000


class State(NamedTuple):
    """Generation of the store, and when it was loaded (seconds); generation 0 is empty.

    No entry comes any more before the moment `closed`. Since the moment `born` the store knows
    of all that left feeds. `is_dated` says that it knows the folder's history.
    """

    generation: int
    loaded: int
    closed: int = 0
    born: int = 0
    is_dated: bool = False


class Health(NamedTuple):
    """How loading goes: seconds of the last load tried, of the last good one and its numbers."""

    checked: int
    loaded: int
    degraded: str
    counts: Mapping[str, Any]


class Row(NamedTuple):
    """One entry as the store has it; `key` is that of its record, `size` its bytes of data."""

    row: int
    entry_id: str
    shown_id: str
    position: int
    published: int
    updated: int
    changed: int
    arrived: int
    version: bytes
    gone: str
    type: str
    provider: str
    quality: int
    key: str
    size: int


class LabelCounts(NamedTuple):
    """A topic, provider, name, type or collection with what is known of it."""

    slug: str
    name: str
    icon: str
    entries: int
    latest: int
    changed: int = 0


class CollectionRow(NamedTuple):
    """A collection: its slug, the path of its file (empty for a filter), its description."""

    slug: str
    path: str
    description: str


class Reader(View):
    """The queries of one consistent view, which keeps what documents ask it for repeatedly."""

    def __init__(self, connect: Callable[[], Connection], driver: Any = None) -> None:
        super().__init__(connect, driver)
        self._labels: dict[str, list[LabelCounts]] = {}
        self._newest: dict[tuple[Scope, Window, Filters], int | None] = {}

    def state(self) -> State:
        return State(*self._state_and_health[: len(State._fields)])

    def health(self) -> Health:
        """How loading goes; times of 0 before the first load."""
        checked, loaded, degraded, counts = self._state_and_health[len(State._fields) :]
        numbers = msgspec.json.decode(counts or "{}")
        return Health(checked or 0, loaded or 0, degraded or "", numbers)

    @cached_property
    def _state_and_health(self) -> Sequence[Any]:
        """The state, and health, by one statement: whoever looks for a new load wants both."""
        rows = self.rows(statements.STATE)
        return rows[0] if rows else (0, 0, 0, 0, False, None, None, None, None)

    def label(self, kind: str, slug: str) -> LabelCounts | None:
        """One label of a kind (of names: key/slug), though it has no entries now; None for none."""
        rows = self.rows(statements.LABEL, {"kind": kind, "slug": slug})
        return LabelCounts._make(*rows) if rows else None

    def labels(self, kind: str) -> list[LabelCounts]:
        """The labels of a kind that have entries, and all collections, by name."""
        if kind not in self._labels:
            rows = self.rows(statements.LABELS, {"kind": kind})
            self._labels[kind] = sorted(
                (LabelCounts._make(row) for row in rows), key=lambda t: (t.name.casefold(), t.slug)
            )
        return self._labels[kind]

    def former_scopes(self) -> list[Scope]:
        """The scopes that an entry left, in their order."""
        keys = self.connection.execute(statements.FORMER_SCOPES).scalars()
        return sorted(Scope(*key.split("\t")) for key in keys)

    def withdrawn(
        self, scope: Scope, since: int, limit: int, seconds: int
    ) -> list[tuple[str, int]]:
        """The entries withdrawn from a scope after a moment: id and moment, the last first.

        Of those whose files are just gone, only what a feed of `limit` entries, and of what
        came in so many seconds, showed. At most 1,000.
        """
        told = {"scope": scope.key(), "moment": since, "limit": limit, "seconds": seconds}
        return [(one, at) for one, at in self.rows(statements.WITHDRAWN, told)]

    def had_entries(self, scope: Scope) -> bool:
        """Whether an entry left a scope."""
        return bool(self.rows(statements.HAD_ENTRIES, {"scope": scope.key()}))

    def has_lost(self, scope: Scope, since: int) -> bool:
        """Whether an entry left a scope, or its place there, after the load at that moment.

        Also where no such load is known.
        """
        told = {"scope": scope.key(), "since": since}
        ((is_known, has_lost),) = self.rows(statements.LOST, told)
        return bool(has_lost or not is_known)

    def collections(self) -> dict[str, CollectionRow]:
        """All collections, by slug."""
        columns = [collections.c[name] for name in CollectionRow._fields]
        rows = self.connection.execute(select(*columns))
        return {row.slug: CollectionRow._make(row) for row in rows}

    def is_list(self, scope: Scope) -> bool:
        """Whether a scope is a list of records, which has its own order and is shown whole."""
        if not scope.collection:
            return False
        query = select(collections.c.path).where(collections.c.slug == scope.collection)
        return bool(self.connection.execute(query).scalar())

    def count(self, scope: Scope, window: Window = EVERYTHING, filters: Filters = NONE) -> int:
        """How many entries a scope has in a window.

        Through filters `search_query.COUNTED` at most, by relevance `search_query.RANKED`.
        """
        parameters = statements.parameters(scope, window, filters)
        if filters.sort == "relevance" and filters.per_provider:
            return len(self._best(parameters, filters))
        query = page_statements.count(frozenset(parameters))
        number: int = self.rows(query, parameters)[0][0]
        return min(number, search_query.RANKED) if filters.sort == "relevance" else number

    def pairs(self) -> list[tuple[str, str, str, int, int]]:
        """Every topic and provider that have entries together.

        Topic, provider key, slug of the provider's name, number of entries,
        when the newest was published (seconds).
        """
        columns = (entry_topics.c.topic, entry_topics.c.provider, entry_topics.c.provider_slug)
        figures = (func.count(), func.max(entry_topics.c.position))
        query = select(*columns, *figures).where(entry_topics.c.provider != "")
        rows = self.connection.execute(query.group_by(*columns).order_by(*columns))
        return [(topic, key, slug, number, last >> 20) for topic, key, slug, number, last in rows]

    def changes(self) -> dict[Scope, int]:
        """When each scope last changed, as `modified` says of all it has, in seconds."""
        latest: dict[Scope, int] = {}
        for names, query in statements.CHANGES.items():
            for *slugs, changed in self.connection.execute(query):
                slug_of = dict(zip(names, slugs, strict=True))
                # What a scope has, those that are wider have too.
                for kept in {names[:length] for length in range(len(names) + 1)}:
                    scope = Scope(**{name: slug_of[name] for name in kept})
                    latest[scope] = max(latest.get(scope, 0), changed)
        for slug, changed, placed in self.connection.execute(statements.CHANGES_IN_COLLECTIONS):
            latest[Scope(collection=slug)] = max(changed, placed)
        departed = select(departures.c.scope, func.max(departures.c.departed))
        for key, moment in self.connection.execute(departed.group_by(departures.c.scope)):
            scope = Scope(*key.split("\t"))
            latest[scope] = max(latest.get(scope, 0), moment)
        renamed = max((label.changed for label in self.labels(SITE)), default=0)
        return {scope: max(moment, renamed) for scope, moment in latest.items()}

    def topics_within(self, scope: Scope) -> list[tuple[str, int]]:
        """The topics of a provider's entries, with their numbers; most entries first."""
        parameters = statements.parameters(scope, EVERYTHING)
        rows = self.rows(statements.topics_within(frozenset(parameters)), parameters)
        return [(slug, number) for slug, number in rows]

    def providers_within(self, topic: str) -> list[tuple[str, int]]:
        """The keys of a topic's providers, with their numbers of entries; most entries first."""
        rows = self.rows(statements.PROVIDERS_WITHIN, {"topic": topic})
        return [(key, number) for key, number in rows]

    def page(
        self,
        scope: Scope,
        limit: int,
        offset: int = 0,
        window: Window = EVERYTHING,
        filters: Filters = NONE,
    ) -> list[Row]:
        """`limit` entries of a scope and window, in their order, after the first `offset`.

        The position of one in a collection is that which it has there, but where a search or
        its heat give the order.
        """
        parameters = statements.parameters(scope, window, filters)
        paged = parameters | {"limit": limit, "offset": offset}
        chosen = page_statements.chosen_rows(frozenset(parameters), filters.sort)
        if filters.sort == "newest" and not filters.q and not scope.collection:
            query = page_statements.page_of(chosen)
            return [Row._make(row) for row in self.rows(query, paged)]
        if filters.sort == "relevance":
            ids = self._best(parameters, filters)[offset : offset + limit]
            found: dict[int, Sequence[int]] = dict.fromkeys(ids, ())
        else:
            found = {row[0]: row[1:] for row in self.rows(chosen, paged)}
        rows = self.rows(page_statements.ROWS, {"rows": list(found)})
        by_id = {row[0]: Row._make(row) for row in rows}
        return [
            by_id[id_]._replace(position=place[0]) if place else by_id[id_]
            for id_, place in found.items()
        ]

    def hottest(self, scope: Scope, window: Window, limit: int) -> list[Row]:
        """The hottest entries of a scope and window; of equals the best, then the newest."""
        parameters = statements.parameters(scope, window)
        query = page_statements.hottest(frozenset(parameters))
        ids = [row for (row,) in self.rows(query, parameters | {"limit": limit})]
        rows = self.rows(page_statements.ROWS, {"rows": ids})
        by_id = {row[0]: Row._make(row) for row in rows}
        return [by_id[row] for row in ids]

    def data_of(self, rows: Sequence[int]) -> dict[int, bytes]:
        """The records of the entries in these rows, as the store has them."""
        return {
            row: data
            for start in range(0, len(rows), _NAMED_AT_ONCE)
            for row, data in self.rows(
                page_statements.DATA, {"rows": rows[start : start + _NAMED_AT_ONCE]}
            )
        }

    def _best(self, parameters: Mapping[str, Any], filters: Filters) -> list[int]:
        """The rows of the newest matches of a search, best first, then newest."""
        score = search_query.scoring(filters.q)
        newest = self.rows(page_statements.newest_matches(frozenset(parameters)), parameters)
        scored = sorted(
            (-score(*words), place, row, provider)
            for place, (row, provider, *words) in enumerate(newest)
        )
        of_provider: Counter[str] = Counter()
        best = []
        for _, _, row, provider in scored:
            of_provider[provider] += bool(provider)
            if not filters.per_provider or of_provider[provider] <= filters.per_provider:
                best.append(row)
        return best

    def rows_of(self, ids: Sequence[str]) -> list[Row]:
        """The entries with these ids, or with records that have these keys, newest first."""
        rows = self.rows(page_statements.ROWS_BY_KEY, {"ids": list(ids)})
        return [Row._make(row) for row in rows]

    def listed_by(self, rows: Sequence[int]) -> list[tuple[int, str]]:
        """Which entries those in these rows list as coverage of their story: row, entry id."""
        pairs = self.rows(statements.LISTED, {"rows": list(rows)})
        return [(row, key) for row, key in pairs]

    def months(self, scope: Scope) -> list[tuple[int, int]]:
        """The months that a scope has entries in, newest first, with their numbers.

        None of a list of records, which is shown whole.
        """
        if self.is_list(scope):
            return []
        parameters = statements.parameters(scope, EVERYTHING)
        rows = self.rows(statements.months(frozenset(parameters)), parameters)
        return [(month, number) for month, number in rows]

    def neighbours(
        self, scope: Scope, month: int, window: Window = EVERYTHING, filters: Filters = NONE
    ) -> tuple[int | None, int | None]:
        """The nearest months before and after `month` that a scope has entries in."""
        first, end, *_ = month_window(month)
        before = statements.parameters(scope, window._replace(end=first), filters)
        after = statements.parameters(scope, window._replace(first=end), filters)
        ((older,),) = self.rows(statements.extreme(frozenset(before), newest=True), before)
        ((newer,),) = self.rows(statements.extreme(frozenset(after), newest=False), after)
        return _month_at(older), _month_at(newer)

    def topics_of(self, rows: Sequence[int]) -> dict[int, list[Label]]:
        """The topics of the entries in these rows, in the order of their records."""
        pairs = [
            (entry, slug)
            for start in range(0, len(rows), _NAMED_AT_ONCE)
            for entry, slug in self.rows(
                statements.TOPICS, {"rows": rows[start : start + _NAMED_AT_ONCE]}
            )
        ]
        # Few topics for many entries: cheaper than a join.
        topics = self.topics({slug for _, slug in pairs})
        by_entry: dict[int, list[Label]] = {}
        for entry, slug in pairs:
            by_entry.setdefault(entry, []).append(topics[slug])
        return by_entry

    def topics(self, slugs: Iterable[str]) -> dict[str, Label]:
        """The topics with these slugs."""
        rows = self.rows(statements.NAMES, {"kind": "topic", "slugs": list(slugs)})
        return {slug: Label(slug, name) for slug, name in rows}

    def pings_waiting(self, hubs: Sequence[str]) -> dict[str, int]:
        """How many pings wait for each of these WebSub hubs, where any do."""
        query = select(pings.c.hub, func.count().label("number")).group_by(pings.c.hub)
        rows = self.connection.execute(query.where(pings.c.hub.in_(hubs)))
        return {row.hub: row.number for row in rows}

    def failing_hubs(self, hubs: Sequence[str]) -> int:
        """How many of these hubs have a ping that failed for at least six minutes."""
        query = select(func.count(pings.c.hub.distinct())).where(pings.c.hub.in_(hubs))
        failing = pings.c.attempts >= _FAILING
        return int(self.connection.execute(query.where(failing)).scalar_one())

    def is_read_only(self) -> bool:
        """Whether the database refuses writes: a PostgreSQL that was demoted, or set so."""
        return self.driver is None and postgres.is_read_only(self.connection)

    def newest_arrival(
        self,
        scope: Scope,
        window: Window = EVERYTHING,
        filters: Filters = NONE,
        besides: Sequence[int] = (),
    ) -> int | None:
        """When the last of the entries of a scope, window and filters came, in seconds.

        Of those besides the ones in some rows; None without any.
        """
        known = scope, window, filters
        if not besides and known in self._newest:
            return self._newest[known]
        parameters = statements.parameters(scope, window, filters)
        parameters |= {"besides": besides} if besides else {}
        query = statements.extreme_arrival(frozenset(parameters), newest=True)
        newest = next((came for (came,) in self.rows(query, parameters)), None)
        if not besides:
            self._newest[known] = newest
        return newest

    def oldest_arrival(self, scope: Scope, window: Window = EVERYTHING) -> int | None:
        """When the first of the entries of a scope and window came, in seconds; None for none."""
        parameters = statements.parameters(scope, window)
        query = statements.extreme_arrival(frozenset(parameters), newest=False)
        return next((came for (came,) in self.rows(query, parameters)), None)

    def was_made_at(self, moment: int) -> bool:
        """Whether feeds may have been made as of a moment, in seconds."""
        columns = loads.c.moment, entries.c.changed
        known = or_(*(exists().where(column == moment) for column in columns))
        return bool(self.connection.execute(select(known)).scalar())

    def modified(self, scope: Scope, window: Window) -> int:
        """When what a scope has in a window last changed, in seconds.

        That is the latest change of an entry in it, or departure of one that
        was in it, or arrival in a collection, or of what the site is called.
        """
        parameters = statements.parameters(scope, window)
        query = statements.modified(frozenset(parameters))
        (moments,) = self.rows(query, parameters | {"scope": scope.key()})
        return max(moment or 0 for moment in moments)


def _month_at(position: int | None) -> int | None:
    return None if position is None else month_of(position >> 20)
