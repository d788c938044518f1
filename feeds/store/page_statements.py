"""The statements for the rows of a page: which there are, in which order, and how many.

Each is built once for every set of names, as those of `feeds.store.statements`.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final

from sqlalchemy import (
    Column,
    ColumnElement,
    Select,
    Table,
    bindparam,
    func,
    literal_column,
    or_,
    select,
)

from feeds.store import fulltext, search_query
from feeds.store.schema import entries, members, records
from feeds.store.statements import (
    _PER_PROVIDER,
    _arrived,
    _chosen,
    _is_filtered,
    _Names,
    _table,
)

_ROW = select(
    entries.c.id,
    entries.c.entry_id,
    entries.c.shown_id,
    entries.c.position,
    entries.c.published,
    entries.c.updated,
    entries.c.changed,
    entries.c.arrived,
    entries.c.version,
    entries.c.gone,
    entries.c.type,
    entries.c.provider,
    entries.c.quality,
    records.c.key,
    func.length(records.c.data),
).join(records, records.c.path == entries.c.path)


@cache
def count(names: _Names) -> Select[Any]:
    """The number of entries."""
    if "q" not in names and not _is_filtered(names):
        return _chosen(names, func.count())
    if _PER_PROVIDER in names:
        return select(func.count()).select_from(_few(names, "newest").subquery())
    if names == {"q"}:  # the index alone knows
        matches = fulltext.matches(entries.c.position, entries.c.id)
        chosen: Select[Any] = select(literal_column("1")).select_from(matches.table)
        chosen = chosen.where(matches.matching)
    else:
        chosen = _chosen(names, literal_column("1"))
    some = chosen.limit(search_query.COUNTED)
    return select(func.count()).select_from(some.subquery())


@cache
def chosen_rows(names: _Names, sort: str) -> Select[Any]:
    """The numbers of the rows of a page, in their order; of a collection, with the positions."""
    if _PER_PROVIDER in names:
        return _few(names, sort).limit(bindparam("limit")).offset(bindparam("offset"))
    table, row = _placed(names)
    newest_first: list[ColumnElement[Any]] = [table.c.position.desc(), row.desc()]
    if "since" in names:  # what came last has precedence, whatever its date
        newest_first.insert(0, _arrived(names).desc())
    if "changed" in names:  # likewise; no index of arrivals is read for a few that changed
        newest_first.insert(0, (_arrived(names) + 0).desc())
    if sort == "heat":
        chosen = _chosen(names, row, whole=True).order_by(entries.c.heat.desc(), *newest_first)
    elif table is members:
        chosen = _chosen(names, row, members.c.position).order_by(*newest_first)
    elif "q" in names:
        order = fulltext.matches(entries.c.position, entries.c.id).order
        chosen = _chosen(names, row).order_by(order)
    else:
        chosen = _chosen(names, row).order_by(*newest_first)
    return chosen.limit(bindparam("limit")).offset(bindparam("offset"))


def _placed(names: _Names) -> tuple[Table, Column[int]]:
    """The table that has the positions by which a page is sorted, and its number of a row."""
    table: Table = members if "collection" in names else _table(names)
    return table, entries.c.id if table is entries else table.c.entry


def _few(names: _Names, sort: str) -> Select[Any]:
    """The same rows, but of each provider the first few alone: of the newest that are counted."""
    table, row = _placed(names)
    newest = [table.c.position, row]
    order = [entries.c.heat, *newest] if sort == "heat" else newest
    keys = [key.label(f"key{number}") for number, key in enumerate(order)]
    known = (row.label("row"), table.c.position.label("place"), entries.c.provider.label("of"))
    some = _chosen(names, *known, *keys, whole=True).order_by(*(key.desc() for key in newest))
    within = some.limit(search_query.COUNTED).subquery()
    first = [within.c[key.name].desc() for key in keys]
    number = func.row_number().over(partition_by=within.c.of, order_by=first)
    ranked = select(within, number.label("number")).subquery()
    shown = [ranked.c.row, *[ranked.c.place] * (table is members and sort == "newest")]
    few = or_(ranked.c.of == "", ranked.c.number <= bindparam(_PER_PROVIDER))
    return select(*shown).where(few).order_by(*(ranked.c[key.name].desc() for key in keys))


@cache
def hottest(names: _Names) -> Select[Any]:
    """The numbers of the rows of the hottest, then best, then newest entries."""
    order = (entries.c.heat, entries.c.quality, entries.c.position, entries.c.id)
    chosen = _chosen(names, entries.c.id, whole=True).order_by(*(key.desc() for key in order))
    return chosen.limit(bindparam("limit"))


@cache
def newest_matches(names: _Names) -> Select[Any]:
    """The rows of the newest matches of a search, with provider, title, excerpt and names."""
    chosen = _chosen(names, entries.c.id, entries.c.provider, *fulltext.INDEX.c)
    order = fulltext.matches(entries.c.position, entries.c.id).order
    return chosen.order_by(order).limit(search_query.RANKED)


@cache
def page_of(chosen: Select[Any]) -> Select[Any]:
    """The rows of the entries that were chosen, newest first."""
    query = _ROW.where(entries.c.id.in_(chosen.scalar_subquery()))
    return query.order_by(entries.c.position.desc(), entries.c.entry_id)


DATA = (
    select(entries.c.id, records.c.data)
    .join(records, records.c.path == entries.c.path)
    .where(entries.c.id.in_(bindparam("rows", expanding=True)))
)
ROWS = _ROW.where(entries.c.id.in_(bindparam("rows", expanding=True)))
_IDS: Final[ColumnElement[Any]] = bindparam("ids", expanding=True)
_WITH_KEYS = select(records.c.entry_id).where(
    records.c.key.in_(_IDS), records.c.key != records.c.entry_id
)
ROWS_BY_KEY = _ROW.where(
    or_(entries.c.entry_id.in_(_IDS), entries.c.entry_id.in_(_WITH_KEYS))
).order_by(entries.c.position.desc(), entries.c.entry_id)
