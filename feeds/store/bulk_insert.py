"""Inserting many rows.

SQLAlchemy takes longer to look at each row than SQLite does to store it. All
that it would find is that they are alike: the statement is its own, and the
rows go to the driver as they are. PostgreSQL copies them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, Dialect, Table
from sqlalchemy.engine.interfaces import Compiled

from feeds.store import postgres


def insert(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert `rows`, at least one, which have the same columns in the same order.

    Their values are texts, numbers and bytes, which drivers take as they are.
    """
    names = tuple(rows[0])
    if connection.dialect.name == "postgresql":
        postgres.copy(connection, table.name, names, rows)
        return
    compiled = _statement(table, names, connection.dialect)
    order = compiled.positiontup
    if order is None:
        connection.exec_driver_sql(str(compiled), [dict(row) for row in rows])
    elif tuple(order) == names:
        connection.exec_driver_sql(str(compiled), [tuple(row.values()) for row in rows])
    else:
        connection.exec_driver_sql(str(compiled), list(map(itemgetter(*order), rows)))


@lru_cache(maxsize=64)
def _statement(table: Table, names: tuple[str, ...], dialect: Dialect) -> Any:
    compiled: Compiled = table.insert().compile(dialect=dialect, column_keys=names)
    return compiled
