"""Statements run by SQLite's driver itself: SQLAlchemy takes ten times as long as most take."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final, cast

from sqlalchemy import Connection, Select
from sqlalchemy.dialects import sqlite

_SQLITE: Final = sqlite.dialect()
# As SQLAlchemy writes an expanding parameter, for whoever executes it to fill in.
_EXPANDING: Final = re.compile(r"__\[POSTCOMPILE_(\w+)\]")
_KEPT: Final = 500  # statements
_NONE: Final[Mapping[str, Any]] = MappingProxyType({})


def rows(
    connection: Connection,
    statement: Select[*tuple[Any, ...]],
    parameters: Mapping[str, Any] = _NONE,
) -> Sequence[Any]:
    """All rows of a statement that is kept to be run again. Raises SQLAlchemyError."""
    if connection.dialect.name == "sqlite" and "q" not in parameters:
        text, names, constants = _compiled(statement)
        bound = {**constants, **parameters}
        if "[" in text:
            text = _EXPANDING.sub(lambda name: ", ".join("?" * len(bound[name[1]])), text)
        values: list[Any] = []
        for name in names:
            value = bound[name]
            values += value if isinstance(value, list | tuple) else [value]
        driver: Any = connection.connection.dbapi_connection
        try:
            return cast("list[Any]", driver.execute(text, values).fetchall())
        except sqlite3.Error:
            pass  # which SQLAlchemy raises as one of its own
    return connection.execute(statement, parameters).all()


@lru_cache(_KEPT)
def _compiled(statement: Select[Any]) -> tuple[str, Sequence[str], dict[str, Any]]:
    """The text for SQLite, the names of its parameters in order, and the values that are known."""
    compiled = statement.compile(dialect=_SQLITE)
    return str(compiled), compiled.positiontup or (), dict(compiled.params)
