"""Many rows at a time.

SQLAlchemy takes longer to look at each row than SQLite does to store it. All
that it would find is that they are alike: the statement is its own, and the
rows go to the driver as they are. PostgreSQL copies them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, Dialect, Table
from sqlalchemy.engine.interfaces import Compiled
from sqlalchemy.exc import DBAPIError

T = TypeVar("T")
_CHUNK: Final = 500


def insert(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert `rows`, at least one, which have the same columns in the same order.

    Their values are texts, numbers and bytes, which drivers take as they are.
    """
    names = tuple(rows[0])
    if connection.dialect.name == "postgresql":
        _copy(connection, table.name, names, rows)
        return
    compiled = _statement(table, names, connection.dialect)
    order = compiled.positiontup
    if order is None:
        connection.exec_driver_sql(str(compiled), [dict(row) for row in rows])
    elif tuple(order) == names:
        connection.exec_driver_sql(str(compiled), [tuple(row.values()) for row in rows])
    else:
        connection.exec_driver_sql(str(compiled), list(map(itemgetter(*order), rows)))


def chunks(items: Sequence[T]) -> Iterator[Sequence[T]]:
    """`items` in runs that databases take as the parameters of one statement."""
    for start in range(0, len(items), _CHUNK):
        yield items[start : start + _CHUNK]


@lru_cache(maxsize=64)
def _statement(table: Table, names: tuple[str, ...], dialect: Dialect) -> Any:
    compiled: Compiled = table.insert().compile(dialect=dialect, column_keys=names)
    return compiled


def _copy(
    connection: Connection, table: str, names: Sequence[str], rows: Sequence[Mapping[str, Any]]
) -> None:
    """Insert many rows, some ten times as fast as statements do."""
    listed = ", ".join(f'"{name}"' for name in names)
    statement = f'COPY "{table}" ({listed}) FROM STDIN'
    cursor: Any = connection.connection.cursor()
    pick = itemgetter(*names)
    base: Any = connection.dialect.loaded_dbapi.Error
    try:
        with cursor.copy(statement) as into:
            for row in rows:
                into.write_row(pick(row))
    except base as error:  # SQLAlchemy, which would make it one of its own, isn't asked
        raise DBAPIError.instance(statement, None, error, base) from error
    finally:
        cursor.close()
