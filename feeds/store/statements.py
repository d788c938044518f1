"""The statements that the store is read with.

Building one takes longer than running it, so each is built once: for every
set of names that a scope, a window and filters give, out of the few that
there are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Final

from sqlalchemy import (
    Column,
    ColumnElement,
    FromClause,
    Select,
    Table,
    and_,
    bindparam,
    case,
    exists,
    func,
    or_,
    select,
    union,
)

from feeds.selection import NONE, Filters, Scope, Window, narrowing
from feeds.store import fulltext
from feeds.store.schema import (
    SITE,
    coverage,
    departures,
    entries,
    entry_topics,
    health,
    labels,
    loads,
    members,
    records,
    state,
    withdrawals,
)

STATE = select(
    state.c.generation,
    state.c.loaded,
    state.c.closed,
    state.c.born,
    state.c.until > 0,
    health.c.checked,
    health.c.loaded,
    health.c.degraded,
    health.c.counts,
).join_from(state, health, state.c.id == health.c.id, isouter=True)
_LABELS = select(
    labels.c.slug,
    labels.c.name,
    labels.c.icon,
    labels.c.entries,
    labels.c.latest,
    labels.c.changed,
).where(labels.c.kind == bindparam("kind"))
LABEL = _LABELS.where(labels.c.slug == bindparam("slug"))
LABELS = _LABELS.where(or_(labels.c.entries > 0, labels.c.kind.in_([SITE, "collection"])))
FORMER_SCOPES = select(departures.c.scope).distinct()
HAD_ENTRIES = FORMER_SCOPES.where(departures.c.scope == bindparam("scope"))
LOST: Final = select(
    exists().where(loads.c.moment == bindparam("since")),
    # Found by the moment: a scope may have lost many.
    exists().where(
        departures.c.departed > bindparam("since"),
        departures.c.scope.concat("") == bindparam("scope"),
    ),
)
TOPICS = (
    select(entry_topics.c.entry, entry_topics.c.topic)
    .where(entry_topics.c.entry.in_(bindparam("rows", expanding=True)))
    .order_by(entry_topics.c.entry, entry_topics.c.rank)
)
NAMES = select(labels.c.slug, labels.c.name).where(
    labels.c.kind == bindparam("kind"), labels.c.slug.in_(bindparam("slugs", expanding=True))
)


def _changed_by(*names: str) -> Select[Any]:
    """When the entries of each combination of these last changed."""
    columns = {
        "topic": entry_topics.c.topic,
        "provider": entries.c.provider,
        "name": entries.c.provider_slug,
        "type": entries.c.type,
    }
    picked = [columns[name] for name in names]
    source: FromClause = entries
    if "topic" in names:
        source = entry_topics.join(entries, entries.c.id == entry_topics.c.entry)
    return select(*picked, func.max(entries.c.changed)).select_from(source).group_by(*picked)


CHANGES: Final = {
    names: _changed_by(*names)
    for names in (("provider", "name"), ("topic", "provider", "name"), ("type",))
}

CHANGES_IN_COLLECTIONS: Final = (
    select(members.c.collection, func.max(entries.c.changed), func.max(members.c.placed))
    .join(entries, entries.c.id == members.c.entry)
    .group_by(members.c.collection)
)

_Names = frozenset[str]


def parameters(scope: Scope, window: Window, filters: Filters = NONE) -> dict[str, Any]:
    """The values that narrow a query, by the names of the parameters in `_conditions`.

    Raises ValueError for a scope with both a topic and a type.
    """
    if scope.topic and scope.type:
        raise ValueError("a scope has a topic or a type, not both")
    parameters: dict[str, Any] = {name: slug for name, slug in scope._asdict().items() if slug}
    parameters |= {name: at for name, at in window._asdict().items() if at is not None}
    for name, value in narrowing(filters).items():
        if name == "q":
            parameters["q"] = value  # fulltext tells each database in its terms
        else:
            parameters[_FILTER + name] = list(value) if isinstance(value, tuple) else value
    return parameters


_FILTER: Final = "filter_"
_PER_PROVIDER: Final = "filter_per_provider"


def _is_filtered(names: _Names) -> bool:
    return any(name.startswith(_FILTER) for name in names)


def _table(names: _Names) -> Table:
    """Where an entry's scope and position are looked up."""
    return entry_topics if "topic" in names and "q" not in names else entries


def _source(names: _Names, *, whole: bool = False) -> FromClause:
    """The FROM clause of a query; `whole` when columns of `entries` are needed."""
    table = _table(names)
    if "q" in names:
        matches = fulltext.matches(entries.c.position, entries.c.id)
        found = matches.table.join(entries, matches.joined)
        return found.join(members, _is_member) if "collection" in names else found
    if "collection" in names:
        return members.join(entries, _is_member)
    if table is entry_topics and (whole or _is_filtered(names)):
        return entry_topics.join(entries, entries.c.id == entry_topics.c.entry)
    return table


def _conditions(names: _Names) -> list[ColumnElement[bool]]:
    table = _table(names)
    columns = {
        "provider": table.c.provider,
        "name": table.c.provider_slug,
        "type": entries.c.type,
        "collection": members.c.collection,
    }
    conditions = [column == bindparam(name) for name, column in columns.items() if name in names]
    if "topic" in names:
        wanted: Any = bindparam("topic")
        by_topic = table is entry_topics
        conditions.append(
            table.c.topic == wanted if by_topic else _with_topic(_other.c.topic == wanted)
        )
    if "q" in names:
        conditions.append(fulltext.matches(entries.c.position, entries.c.id).matching)
    if "since" in names:
        conditions.append(_arrived(names) > bindparam("since"))
    if "before" in names:
        conditions.append(_arrived(names) < bindparam("before"))
    if "mask" in names:
        conditions.append(_is_of_part(table.c.position))
    if "besides" in names:
        conditions.append(_row(names).not_in(_any("besides")))
    if "changed" in names:
        conditions.append(_has_changed(names))
    filters = (make(_FILTER + name) for name, make in _FILTERS.items() if _FILTER + name in names)
    return [*conditions, *filters, *_bounds(table.c.position, names)]


def _has_changed(names: _Names) -> ColumnElement[bool]:
    """Whether an entry came or changed lately; of those that did, SQLite looks up each."""
    lately: Any = select(entries.c.id).where(entries.c.changed > bindparam("changed"))
    if "collection" in names:
        came = members.c.collection == bindparam("collection")
        placed = select(members.c.entry).where(came, members.c.placed > bindparam("changed"))
        return members.c.entry.in_(union(lately, placed))
    return _row(names).in_(lately)


def _row(names: _Names) -> ColumnElement[int]:
    """The number of an entry's row."""
    return entry_topics.c.entry if _table(names) is entry_topics else entries.c.id


def _is_of_part(position: ColumnElement[int]) -> ColumnElement[bool]:
    return position.bitwise_and(bindparam("mask")) == bindparam("part")


def _arrived(names: _Names) -> ColumnElement[int]:
    """When an entry came to the scope."""
    if "collection" in names:
        came, arrived = members.c.placed, entries.c.arrived
        return case((came > arrived, came), else_=arrived)
    return _table(names).c.arrived


def _any(name: str) -> Any:
    return bindparam(name, expanding=True)


_is_member: Final = members.c.entry == entries.c.id
_other = entry_topics.alias("other")
_FILTERS: Final[Mapping[str, Callable[[str], ColumnElement[bool]]]] = {
    "topic": lambda name: _with_topic(_other.c.topic.in_(_any(name))),
    "provider": lambda name: entries.c.provider.in_(_any(name)),
    "type": lambda name: entries.c.type.in_(_any(name)),
    "exclude_topic": lambda name: ~_with_topic(_other.c.topic.in_(_any(name))),
    "exclude_provider": lambda name: entries.c.provider.not_in(_any(name)),
    "exclude_type": lambda name: entries.c.type.not_in(_any(name)),
    "min_quality": lambda name: entries.c.quality >= bindparam(name),
    "min_heat": lambda name: entries.c.heat >= bindparam(name),
}


def _with_topic(is_topic: ColumnElement[bool]) -> ColumnElement[bool]:
    """Whether an entry has a topic that `is_topic` is true of."""
    return exists().where(_other.c.entry == entries.c.id, is_topic)


def _bounds(place: Column[int], names: _Names) -> list[ColumnElement[bool]]:
    bounds = {"first": place >= bindparam("first"), "end": place < bindparam("end")}
    return [bound for name, bound in bounds.items() if name in names]


def _chosen(names: _Names, *columns: ColumnElement[Any], whole: bool = False) -> Select[Any]:
    return select(*columns).select_from(_source(names, whole=whole)).where(*_conditions(names))


@cache
def matching(names: _Names) -> Select[Any]:
    """The rows and positions of all that is chosen."""
    return _chosen(names, entries.c.id, entries.c.position, whole=True)


_AMP_PAGES = (
    select(records.c.page, records.c.entry_id)
    .where(records.c.page != records.c.entry_id)
    .distinct()
    .subquery()
)
LISTED = (
    select(coverage.c.entry, func.coalesce(_AMP_PAGES.c.entry_id, coverage.c.target))
    .join_from(coverage, _AMP_PAGES, _AMP_PAGES.c.page == coverage.c.target, isouter=True)
    .where(coverage.c.entry.in_(bindparam("rows", expanding=True)))
)


@cache
def topics_within(names: _Names) -> Select[Any]:
    """The topics of what is chosen, with their numbers."""
    topic, number = entry_topics.c.topic, func.count()
    source = entries.join(entry_topics, entries.c.id == entry_topics.c.entry)
    chosen = select(topic, number).select_from(source).where(*_conditions(names))
    return chosen.group_by(topic).order_by(number.desc(), topic)


PROVIDERS_WITHIN = (
    select(entry_topics.c.provider, func.count())
    .where(entry_topics.c.topic == bindparam("topic"), entry_topics.c.provider != "")
    .group_by(entry_topics.c.provider)
    .order_by(func.count().desc(), entry_topics.c.provider)
)


@cache
def months(names: _Names) -> Select[Any]:
    """The months of what is chosen, newest first, with their numbers."""
    month = _table(names).c.month
    return _chosen(names, month, func.count()).group_by(month).order_by(month.desc())


@cache
def extreme(names: _Names, *, newest: bool) -> Select[Any]:
    """The newest or oldest position of what is chosen."""
    place = _table(names).c.position
    return _chosen(names, func.max(place) if newest else func.min(place))


@cache
def extreme_arrival(names: _Names, *, newest: bool) -> Select[Any]:
    """When the last or the first of what is chosen came to the scope."""
    arrived = _arrived(names)
    return _chosen(names, arrived).order_by(arrived.desc() if newest else arrived).limit(1)


@cache
def stayed(names: _Names) -> Select[Any]:
    """The highest positions of what is chosen and had come before `moment`."""
    place = (members if "collection" in names else _table(names)).c.position.label("position")
    # Added to, so that databases go by positions and stop soon: nearly all came before.
    came = _arrived(names) + 0 < bindparam("moment")
    chosen = _chosen(names, place, whole=True).where(came)
    return chosen.order_by(place.desc()).limit(bindparam("limit"))


@cache
def newest_stayed(names: _Names) -> Select[Any]:
    """When the last of what is chosen, and arrived before `moment`, had come to the scope."""
    arrived = _arrived(names)
    return _chosen(names, func.max(arrived)).where(arrived < bindparam("moment"))


def _is_told() -> ColumnElement[bool]:
    """Whether a withdrawal after `moment` is of what feeds showed of that length and window."""
    c = withdrawals.c
    shown = or_(c.rank < bindparam("limit"), c.behind < bindparam("seconds"))
    return and_(c.withdrawn > bindparam("moment"), shown)


WITHDRAWN: Final = (
    select(withdrawals.c.shown_id, withdrawals.c.withdrawn)
    .where(withdrawals.c.scope == bindparam("scope"), _is_told())
    .order_by(withdrawals.c.withdrawn.desc(), withdrawals.c.shown_id)
    .limit(1_000)
)
SCOPES_WITHDRAWN_FROM: Final = select(withdrawals.c.scope).where(_is_told()).distinct()


@cache
def modified(names: _Names) -> Select[Any]:
    """When what is chosen last changed, left it, came to a collection; when the site was renamed.

    Each is a column.
    """
    changed = _chosen(names, func.max(entries.c.changed))
    if "topic" in names:
        changed = changed.join(entries, entries.c.id == entry_topics.c.entry)
    bounds = _bounds(departures.c.position, names)
    if "since" in names and "before" not in names:  # which left an archive, no store knows long
        bounds.append(departures.c.arrived > bindparam("since"))
    departed = select(func.max(departures.c.departed)).where(
        departures.c.scope == bindparam("scope"), *bounds
    )
    renamed = select(func.max(labels.c.changed)).where(labels.c.kind == SITE)
    parts = [changed, departed, renamed]
    if "collection" in names:
        parts.append(_chosen(names, func.max(members.c.placed)))
    return select(*(part.scalar_subquery() for part in parts))
