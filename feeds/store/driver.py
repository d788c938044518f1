"""Views and statements of SQLite by its driver itself: SQLAlchemy takes ten times as long."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, lru_cache
from types import MappingProxyType
from typing import Any, Final, cast

from sqlalchemy import Connection, Select
from sqlalchemy.dialects import sqlite

_SQLITE: Final = sqlite.dialect()
# As SQLAlchemy writes an expanding parameter, for whoever executes it to fill in.
_EXPANDING: Final = re.compile(r"__\[POSTCOMPILE_(\w+)\]")
_KEPT: Final = 500  # statements
_NONE: Final[Mapping[str, Any]] = MappingProxyType({})


class View:
    """One transaction that reads.

    `driver` is the connection of SQLite's driver; None for PostgreSQL, or a database in memory.
    SQLAlchemy's `connection` is made where something needs it.
    """

    def __init__(self, connect: Callable[[], Connection], driver: Any = None) -> None:
        self._connect, self.driver = connect, driver

    @cached_property
    def connection(self) -> Connection:
        return self._connect()

    def rows(
        self, statement: Select[*tuple[Any, ...]], parameters: Mapping[str, Any] = _NONE
    ) -> Sequence[Any]:
        """All rows of a statement that is kept to be run again. Raises SQLAlchemyError."""
        if self.driver is not None and "q" not in parameters:
            text, names, constants = _compiled(statement)
            bound = {**constants, **parameters}
            if "[" in text:
                text = _EXPANDING.sub(lambda name: ", ".join("?" * len(bound[name[1]])), text)
            values: list[Any] = []
            for name in names:
                value = bound[name]
                values += value if isinstance(value, list | tuple) else [value]
            try:
                return cast("list[Any]", self.driver.execute(text, values).fetchall())
            except sqlite3.Error:
                pass  # which SQLAlchemy raises as one of its own
        return self.connection.execute(statement, parameters).all()


@lru_cache(_KEPT)
def _compiled(statement: Select[Any]) -> tuple[str, Sequence[str], dict[str, Any]]:
    """The text for SQLite, the names of its parameters in order, and the values that are known."""
    compiled = statement.compile(dialect=_SQLITE)
    return str(compiled), compiled.positiontup or (), dict(compiled.params)
