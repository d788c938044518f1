"""Full text: what is looked for, and the index it is looked up in.

Words are runs of letters and digits, without case and accents, made so here
and not by the database, so that every database finds the same. SQLite has
them in an FTS5 table, whose rowid is made from an entry's position: matches
come newest first without being sorted.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    DDL,
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    MetaData,
    TableClause,
    bindparam,
    column,
    event,
    literal_column,
    table,
    text,
)

MAX_LENGTH: Final = 200
MAX_WORDS: Final = 12
RANKED: Final = 2_000  # the newest matches, of which the best come first
COUNTED: Final = 10_000  # matches, and not more
_ROW_BITS: Final = 10

# Names whose punctuation is the name, as words of their own.
_SPELLED_OUT: Final = (
    (re.compile(r"(?<=\w)\+\+"), "plusplus"),
    (re.compile(r"\b([A-Za-z])[#♯]"), r"\1sharp"),
    (re.compile(r"(?<!\w)\.net\b", re.I), "dotnet"),
)
_TERM: Final = re.compile(r'(-?)(?:"([^"]*)"?|(\S+))')
_NO_WORD: Final = re.compile(r"[^\w]+|_+")


class Term(NamedTuple):
    """Words that stand side by side, the last one whole or only its beginning."""

    words: tuple[str, ...]
    beginning: bool = False
    wanted: bool = True


def folded(written: str) -> str:
    """`written` as words with a space between them."""
    for pattern, words in _SPELLED_OUT:
        written = pattern.sub(words, written)
    if not written.isascii():
        marked = unicodedata.normalize("NFKD", written)
        written = "".join(c for c in marked if not unicodedata.combining(c))
    return _NO_WORD.sub(" ", written.casefold()).strip()


def parse(written: str) -> list[Term]:
    """What `written` looks for: `word "some words" begin* -without`.

    Raises ValueError, which says what is accepted.
    """
    if len(written) > MAX_LENGTH:
        raise ValueError(f"accepts at most {MAX_LENGTH} characters")
    found = []
    for minus, phrase, word in _TERM.findall(written):
        words = tuple(folded(phrase or word).split())
        if words:
            found.append(Term(words, word.endswith("*") and len(words[-1]) > 1, not minus))
    if sum(len(term.words) for term in found) > MAX_WORDS:
        raise ValueError(f"accepts at most {MAX_WORDS} words")
    if not any(term.wanted for term in found):
        raise ValueError("needs a word to look for, of letters or digits")
    return found


# -- the index ------------------------------------------------------------------

_fts: TableClause = table("search", column("rowid", BigInteger))
_MATCH: Final[ColumnElement[Any]] = literal_column("search")
_WEIGHTS: Final = "bm25(search, 8.0, 2.0, 4.0)"  # title, excerpt, names

_CREATE: Final = (
    "CREATE VIRTUAL TABLE search USING fts5("
    "title, excerpt, names, tokenize='unicode61 remove_diacritics 0')"
)
_DROP: Final = "DROP TABLE IF EXISTS search"


def declare(metadata: MetaData) -> str:
    """Make the index whenever `metadata` is made; returns what it is made by."""
    for when, statement in (("after_create", _CREATE), ("before_drop", _DROP)):
        made = DDL(statement)  # type: ignore[no-untyped-call]
        event.listen(metadata, when, made.execute_if(dialect="sqlite"))
    return _CREATE


class Words(NamedTuple):
    """What is found of one entry: its place in the index, and its words."""

    place: int
    title: str
    excerpt: str
    names: str


def place(position: int, row: int) -> int:
    """The rowid of an entry in the index: ordered as positions are, and its own."""
    return (position << _ROW_BITS) | (row & ((1 << _ROW_BITS) - 1))


def add(connection: Connection, rows: Sequence[Words]) -> None:
    """Put entries into the index."""
    statement = text(
        "INSERT OR REPLACE INTO search (rowid, title, excerpt, names) "
        "VALUES (:place, :title, :excerpt, :names)"
    )
    connection.execute(statement, [row._asdict() for row in rows])


def remove(connection: Connection, places: Iterable[int]) -> None:
    """Take entries out of the index."""
    statement = text("DELETE FROM search WHERE rowid = :place")
    connection.execute(statement, [{"place": each} for each in places])


def expression(written: str) -> str:
    """What `written` looks for, as FTS5 understands it."""

    def one(term: Term) -> str:
        return f'"{" ".join(term.words)}"' + (" *" if term.beginning else "")

    terms = parse(written)
    wanted = " AND ".join(one(term) for term in terms if term.wanted)
    unwanted = "".join(f" NOT {one(term)}" for term in terms if not term.wanted)
    return f"({wanted}){unwanted}"


class Matches(NamedTuple):
    """The index in a query: what to join, on what, what matches, its order and rank."""

    table: TableClause
    joined: ColumnElement[bool]
    matching: ColumnElement[bool]
    order: ColumnElement[Any]
    score: ColumnElement[Any]


def matches(position: Column[int], row: Column[int]) -> Matches:
    """The entries, by their `position` and `row`, that match the parameter `q`."""
    rowid = _fts.c.rowid
    low = (1 << _ROW_BITS) - 1
    return Matches(
        _fts,
        (position == rowid.op(">>")(_ROW_BITS)) & (row.op("&")(low) == rowid.op("&")(low)),
        _MATCH.op("MATCH")(bindparam("q")),
        rowid.desc(),
        literal_column(_WEIGHTS),
    )
