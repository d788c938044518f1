"""The index of words, in each kind of database.

SQLite has an FTS5 table, whose rowid is made from an entry's position: matches
come newest first without being sorted. PostgreSQL has a tsvector of each
entry, made here and not by its parser and dictionaries.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    DDL,
    Column,
    ColumnElement,
    Connection,
    Dialect,
    MetaData,
    String,
    TableClause,
    TypeDecorator,
    bindparam,
    column,
    event,
    select,
    table,
    text,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from feeds.store.search_query import Term, parse

_ROW_BITS: Final = 10

INDEX: Final = table("search", column("title"), column("excerpt"), column("names"))

_FTS5: Final = (
    "CREATE VIRTUAL TABLE search USING fts5("
    "title, excerpt, names, tokenize='unicode61 remove_diacritics 0')"
)
_VECTORS: Final = (
    "CREATE TABLE search (entry INTEGER PRIMARY KEY, title TEXT NOT NULL, "
    "excerpt TEXT NOT NULL, names TEXT NOT NULL, words TSVECTOR NOT NULL)"
)
_OF_WORDS: Final = "CREATE INDEX search_words ON search USING gin (words)"
CREATE: Final = {"sqlite": [_FTS5], "postgresql": [_VECTORS, _OF_WORDS]}
_DROP: Final = "DROP TABLE IF EXISTS search"
_LONGEST: Final = 2046  # bytes of a word in a tsvector


def declare(metadata: MetaData) -> None:
    """Make the index whenever `metadata` is made, and drop it with that."""
    for dialect, created in CREATE.items():
        for when, statements in (("after_create", created), ("before_drop", [_DROP])):
            for statement in statements:
                ddl = DDL(statement)  # type: ignore[no-untyped-call]
                event.listen(metadata, when, ddl.execute_if(dialect=dialect))


class Words(NamedTuple):
    """The words that an entry is found by, folded, with its position and row."""

    position: int
    row: int
    title: str
    excerpt: str
    names: str


def place(position: int, row: int) -> int:
    """The rowid of an entry in FTS5: ordered as positions are, and its own."""
    return (position << _ROW_BITS) | (row & ((1 << _ROW_BITS) - 1))


def add(connection: Connection, rows: Sequence[Words]) -> None:
    """Put entries into the index; they aren't there."""
    if connection.dialect.name == "postgresql":
        statement = text(
            "INSERT INTO search (entry, title, excerpt, names, words) "
            "VALUES (:row, :title, :excerpt, :names, CAST(:words AS tsvector))"
        )
        connection.execute(statement, [row._asdict() | {"words": _vector(row)} for row in rows])
        return
    connection.exec_driver_sql(
        "INSERT OR REPLACE INTO search (rowid, title, excerpt, names) VALUES (?, ?, ?, ?)",
        [(place(row.position, row.row), row.title, row.excerpt, row.names) for row in rows],
    )


def remove(connection: Connection, entries: Sequence[tuple[int, int]]) -> None:
    """Take entries, by position and row, out of the index."""
    if connection.dialect.name == "postgresql":
        statement = text("DELETE FROM search WHERE entry = :row")
        connection.execute(statement, [{"row": row} for _, row in entries])
        return
    statement = text("DELETE FROM search WHERE rowid = :place")
    connection.execute(statement, [{"place": place(*entry)} for entry in entries])


def indexed(connection: Connection, entries: Sequence[tuple[int, int]]) -> set[Words]:
    """The words in the index of entries, by position and row."""
    if connection.dialect.name == "postgresql":
        keys = {row: (position, row) for position, row in entries}
        key = "entry"
    else:
        keys = {place(*entry): entry for entry in entries}
        key = "rowid"
    query = select(column(key), INDEX).where(column(key).in_(list(keys)))
    return {Words(*keys[rowid], *words) for rowid, *words in connection.execute(query)}


def _vector(row: Words) -> str:
    """An entry's words as PostgreSQL writes a tsvector: no phrase goes from one text to another."""
    places: dict[str, list[str]] = {}
    at = 0
    for words in (row.title, row.excerpt, row.names):
        for word in words.split():
            at += 1
            places.setdefault(_lexeme(word), []).append(str(at))
        at += 1
    return " ".join(f"{word}:{','.join(numbers)}" for word, numbers in places.items())


def _lexeme(word: str) -> str:
    """A word, of letters and digits, as PostgreSQL writes it."""
    kept = word.encode()[:_LONGEST].decode(errors="ignore") if len(word) > _LONGEST // 4 else word
    return f"'{kept}'"


def expression(written: str) -> str:
    """A search as an expression of FTS5. Raises ValueError as `search_query.parse` does."""

    def one(term: Term) -> str:
        return f'"{" ".join(term.words)}"' + (" *" if term.beginning else "")

    terms = parse(written)
    wanted = " AND ".join(one(term) for term in terms if term.wanted)
    unwanted = "".join(f" NOT {one(term)}" for term in terms if not term.wanted)
    return f"({wanted}){unwanted}"


def tsquery(written: str) -> str:
    """A search as a tsquery of PostgreSQL. Raises ValueError as `search_query.parse` does."""

    def one(term: Term) -> str:
        phrase = " <-> ".join(map(_lexeme, term.words))
        return f"{'' if term.wanted else '!'}({phrase}{':*' if term.beginning else ''})"

    return " & ".join(map(one, parse(written)))


# -- the index in a query -----------------------------------------------------------


class _Written(TypeDecorator[str]):
    """A search as a person wrote it; each database gets it in its own language."""

    impl = String
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str:
        meant = tsquery if dialect.name == "postgresql" else expression
        return meant(value or "")


class _Joined(FunctionElement[Any]):  # no Boolean, which SQLite would compare with 1
    """Whether a row of the index is that of an entry, by the entry's position and row."""

    inherit_cache = True


class _Matching(FunctionElement[Any]):
    """Whether a row of the index matches the search."""

    inherit_cache = True


class _Place(FunctionElement[Any]):
    """The order of matches, that of positions and rows, which are its arguments."""

    inherit_cache = True


def _arguments(element: FunctionElement[Any], compiler: SQLCompiler) -> list[str]:
    return [compiler.process(clause) for clause in element.clauses]


@compiles(_Joined, "sqlite")
def _joined_sqlite(element: _Joined, compiler: SQLCompiler, **_: Any) -> str:
    position, row = _arguments(element, compiler)
    low = (1 << _ROW_BITS) - 1
    return f"({position} = search.rowid >> {_ROW_BITS} AND {row} & {low} = search.rowid & {low})"


@compiles(_Joined, "postgresql")
def _joined_postgresql(element: _Joined, compiler: SQLCompiler, **_: Any) -> str:
    return f"search.entry = {_arguments(element, compiler)[1]}"


@compiles(_Matching, "sqlite")
def _matching_sqlite(element: _Matching, compiler: SQLCompiler, **_: Any) -> str:
    return f"search MATCH {_arguments(element, compiler)[0]}"


@compiles(_Matching, "postgresql")
def _matching_postgresql(element: _Matching, compiler: SQLCompiler, **_: Any) -> str:
    return f"search.words @@ CAST({_arguments(element, compiler)[0]} AS tsquery)"


@compiles(_Place, "sqlite")
def _place_sqlite(_element: _Place, _compiler: SQLCompiler, **_: Any) -> str:
    return "search.rowid DESC"


@compiles(_Place, "postgresql")
def _place_postgresql(element: _Place, compiler: SQLCompiler, **_: Any) -> str:
    return ", ".join(f"{one} DESC" for one in _arguments(element, compiler))


class Matches(NamedTuple):
    """The index in a query: what to join, on what, what matches, and newest first."""

    table: TableClause
    joined: ColumnElement[bool]
    matching: ColumnElement[bool]
    order: ColumnElement[Any]


def matches(position: Column[int], row: Column[int]) -> Matches:
    """The entries, by their `position` and `row`, that match the parameter `q`."""
    return Matches(
        INDEX,
        _Joined(position, row),
        _Matching(bindparam("q", type_=_Written())),
        _Place(position, row),
    )
