"""What the store holds of sample records, and the numbers that it goes under."""

import json
import shutil
from pathlib import Path
from typing import Any, Final

import pytest
from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.schema import CreateIndex, CreateTable, ExecutableDDLElement

from feeds.store import fulltext
from feeds.store.database import Store
from feeds.store.schema import (
    READING,
    SCHEMA,
    collections,
    coverage,
    entries,
    entry_topics,
    files,
    labels,
    members,
    metadata,
    reading_version,
    records,
    spellings,
)
from tests.helpers.support import loaded, write

GOLDEN: Final = Path(__file__).parent.parent / "golden"
STORED: Final = GOLDEN / "stored.json"
_DIALECTS: Final[dict[str, Dialect]] = {
    "sqlite": sqlite.dialect(),
    "postgresql": postgresql.dialect(),  # type: ignore[no-untyped-call]
}
# By load, machine or order of reading.
_CHANGING: Final = {
    "id", "entry", "size", "mtime", "ctime", "changed", "content_changed", "placed", "arrived",
}  # fmt: skip

Stored = dict[str, Any]


def tables() -> list[str]:
    """The statements that make the tables and the index of words, in both databases."""
    statements: list[ExecutableDDLElement] = []
    for table in metadata.sorted_tables:
        indexes = sorted(table.indexes, key=lambda index: str(index.name))
        statements += [CreateTable(table), *map(CreateIndex, indexes)]
    made = []
    for name, dialect in _DIALECTS.items():
        made += [" ".join(str(one.compile(dialect=dialect)).split()) for one in statements]
        made += fulltext.CREATE[name]
    return made


def plain(name: str, value: Any) -> Any:
    """A value of a row as JSON has it."""
    if isinstance(value, bytes):
        return json.loads(value) if name == "data" and value else value.hex()
    return value


def rows(store: Store) -> dict[str, list[dict[str, Any]]]:
    """What a store holds, but for what changes from load to load."""
    shown = {
        table.name: select(*(column for column in table.c if column.name not in _CHANGING))
        for table in (files, records, entries, labels, spellings, collections)
    }
    for table in (entry_topics, coverage, members):
        columns = [column for column in table.c if column.name not in _CHANGING]
        query = select(entries.c.entry_id, *columns)
        shown[table.name] = query.join(entries, entries.c.id == table.c.entry)
    shown["search"] = select(fulltext.INDEX)
    with store.read() as reader:
        found = {name: reader.connection.execute(query) for name, query in shown.items()}
        return {
            name: sorted(
                ({key: plain(key, value) for key, value in row._mapping.items()} for row in result),
                key=repr,
            )
            for name, result in found.items()
        }


@pytest.fixture
def stored(tmp_path: Path) -> Stored:
    """What is stored of the golden records, and of what libraries decide about."""
    folder = tmp_path / "records"
    shutil.copytree(GOLDEN / "records", folder)
    write(
        folder,
        "libraries.md",
        title="Über C++, C# und .NET: naïve Straßen",
        excerpt="<p>Ein <b onclick='x()'>fetter</b> Auszug &amp; <script>keiner</script></p>",
        topics=["Новости", "C++", "Crème brûlée"],
        provider={"name": "Bücher-Zeitung", "domain": "www.bücher.example"},
        body="A *body* with a [link](/x 'y') <img src=x onerror=y>\n\n| no | table |\n",
    )
    return {
        "schema": SCHEMA,
        "reading": READING,
        "libraries": reading_version().partition(" ")[2].partition(" unicode")[0],
        "tables": tables(),
        "rows": rows(loaded(folder)),
    }


def complaint(golden: Stored, now: Stored) -> str:
    """Why what is stored now can't go under its numbers, by what was stored under them before."""
    if now["tables"] != golden["tables"] and now["schema"] == golden["schema"]:
        return (
            "the tables changed: raise SCHEMA in feeds/store/schema.py, "
            "then run pytest --update-golden"
        )
    decides = ("schema", "reading", "libraries")
    if now["rows"] != golden["rows"] and all(now[one] == golden[one] for one in decides):
        return (
            "what is stored changed: raise READING in feeds/store/schema.py, "
            "then run pytest --update-golden"
        )
    return ""


def test_what_is_stored_changes_with_its_number_alone(
    stored: Stored, request: pytest.FixtureRequest
) -> None:
    golden = json.loads(STORED.read_text(encoding="utf-8"))
    if problem := complaint(golden, stored):
        pytest.fail(problem)
    if request.config.getoption("--update-golden"):
        text = json.dumps(stored, indent=1, ensure_ascii=False)
        STORED.write_text(f"{text}\n", encoding="utf-8")
        return
    libraries = {"libraries": golden["libraries"]}  # others may well store the same
    assert stored | libraries == golden, "run pytest --update-golden"


@pytest.mark.parametrize(
    ("change", "asks"),
    [
        ({}, ""),
        ({"tables": ["CREATE TABLE b"]}, "raise SCHEMA"),
        ({"tables": ["CREATE TABLE b"], "reading": 2}, "raise SCHEMA"),
        ({"tables": ["CREATE TABLE b"], "rows": {"b": []}, "schema": 2}, ""),
        ({"rows": {"b": []}}, "raise READING"),
        ({"rows": {"b": []}, "reading": 2}, ""),
        ({"rows": {"b": []}, "libraries": "nh3-2"}, ""),
    ],
)
def test_a_change_asks_for_its_number(change: Stored, asks: str) -> None:
    golden = {
        "schema": 1,
        "reading": 1,
        "libraries": "nh3-1",
        "tables": ["CREATE TABLE a"],
        "rows": {"a": []},
    }
    assert asks in complaint(golden, golden | change)
    assert bool(asks) == bool(complaint(golden, golden | change))


def test_the_version_of_reading_names_what_decides() -> None:
    number, *parts = reading_version().split()
    assert number == str(READING)
    names = [part.rpartition("-")[0] for part in parts]
    assert names == ["idna", "markdown-it-py", "nh3", "python-slugify", "unicode"]
