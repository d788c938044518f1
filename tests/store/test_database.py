import gc
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select, text

from feeds.loading import loader
from feeds.selection import Scope, Window, month_of, month_window, position
from feeds.store import page_statements, recovery, spare
from feeds.store.database import Store, StoreError
from feeds.store.reader import Reader, State
from feeds.store.schema import SCHEMA, state
from tests.helpers.databases import databases
from tests.helpers.support import dump, loaded, write

pytestmark = pytest.mark.usefixtures("either")


def at(path: Path) -> str:
    return f"sqlite:///{path}"


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///{}/feeds.db"])
def test_a_store_that_is_dropped_closes_its_connections(url: str, tmp_path: Path) -> None:
    store = Store(url.format(tmp_path))
    with store.read() as reader:
        connection = reader.connection.connection.dbapi_connection
    assert isinstance(connection, sqlite3.Connection)
    assert connection.execute("SELECT 1").fetchone() == (1,)
    del store, reader
    gc.collect()
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        connection.execute("SELECT 1")


def other_database(path: Path, *statements: str) -> None:
    connection = sqlite3.connect(path)
    with connection:
        for statement in statements:
            connection.execute(statement)
    connection.close()


def pages(reader: Reader, scope: Scope, limit: int) -> list[str]:
    """The ends of the addresses of a scope's entries, page by page."""
    total = reader.count(scope)
    rows = [row for start in range(0, total, limit) for row in reader.page(scope, limit, start)]
    data = reader.data_of([row.row for row in rows])
    return [data[row.row].decode().partition("example.com/")[2].partition('"')[0] for row in rows]


def test_a_new_store_is_empty(tmp_path: Path) -> None:
    store = Store(databases.at(tmp_path / "feeds.db"))
    with store.read() as reader:
        assert reader.state() == State(0, 0)
        assert reader.count(Scope()) == 0
        assert reader.page(Scope(), 10) == []
        assert reader.modified(Scope(), Window()) == 0
    store.release()


def test_a_store_keeps_what_it_holds(tmp_path: Path) -> None:
    write(tmp_path / "records", "a.md")
    first = Store(databases.at(tmp_path / "feeds.db"))
    loader.load(first, tmp_path / "records")
    first.release()
    second = Store(databases.at(tmp_path / "feeds.db"))
    with second.read() as reader:
        assert reader.state().generation == 1
        assert reader.count(Scope()) == 1
    second.release()


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://feeds:se%40cret@db/feeds", "postgresql://feeds:***@db/feeds"),
        ("postgresql://feeds@db/feeds?password=secret", "postgresql://feeds@db/feeds?password=***"),
        (
            "postgresql://db/feeds?sslmode=require&sslpassword=secret",
            "postgresql://db/feeds?sslmode=require&sslpassword=***",
        ),
        ("postgresql://feeds@db/feeds", "postgresql://feeds@db/feeds"),
        ("sqlite:////var/a:b.db", "sqlite:////var/a%3Ab.db"),
    ],
)
def test_what_a_store_is_called_hides_its_passwords(url: str, shown: str) -> None:
    assert Store.described(url) == shown


@pytest.mark.parametrize(
    ("statement", "why"),
    [
        (
            "UPDATE state SET schema = schema + 1",
            f"is of another version of feeds (schema {SCHEMA + 1}, this one's is {SCHEMA})",
        ),
        ("DELETE FROM state", "lacks what it should have (state.schema)"),
        ("UPDATE state SET schema = schema", ""),
        *(
            (f"DROP TABLE {name}", f"lacks what it should have ({name}.")
            for name in ("state", "members", "entries", "search")
        ),
        ("ALTER TABLE labels DROP COLUMN icon", "lacks what it should have (labels.icon)"),
    ],
)
def test_a_store_of_another_version_or_with_less_is_made_anew(
    tmp_path: Path, statement: str, why: str
) -> None:
    ready = not why
    write(tmp_path / "records", "a.md")
    store = Store(databases.at(tmp_path / "feeds.db"))
    loader.load(store, tmp_path / "records")
    before = dump(store)
    with store.write() as connection:
        connection.exec_driver_sql(statement)
    store.release()
    told: list[str] = []
    store = recovery.open_store(databases.at(tmp_path / "feeds.db"), told.append)
    # On PostgreSQL, a schema without this table is taken for one that is only begun.
    begun = statement == "DROP TABLE state" and store.file is None
    assert len(told) == (not ready and not begun)
    assert all(line.startswith(f"the store {store.name} {why}") for line in told)
    with store.read() as reader:
        assert reader.state().generation == (1 if ready else 0)
        assert reader.connection.execute(select(state.c.schema)).scalar_one() == SCHEMA
    report = loader.load(store, tmp_path / "records")
    assert (report.parsed, report.generation) == (0 if ready else 1, 1)
    assert dump(store) == before
    store.release()


def test_a_store_whose_version_is_a_digest_is_made_anew(tmp_path: Path) -> None:
    write(tmp_path / "records", "a.md")
    other_database(
        tmp_path / "feeds.db",
        "CREATE TABLE state (id INTEGER NOT NULL PRIMARY KEY, schema VARCHAR NOT NULL, "
        "reading VARCHAR NOT NULL, writes INTEGER NOT NULL, generation INTEGER NOT NULL, "
        "loaded BIGINT NOT NULL)",
        "INSERT INTO state VALUES (1, '0000000000000001', '0123456789abcdef', 3, 7, 1700000000)",
        "CREATE TABLE entries (id INTEGER NOT NULL PRIMARY KEY, plain BLOB NOT NULL)",
        "INSERT INTO entries VALUES (1, x'00')",
        "CREATE VIRTUAL TABLE search USING fts5(title)",
    )
    store = Store(at(tmp_path / "feeds.db"))
    with store.read() as reader:
        assert reader.state() == State(0, 0)
        assert reader.connection.execute(select(state.c.schema)).scalar_one() == SCHEMA
    assert loader.load(store, tmp_path / "records").generation == 1
    assert dump(store) == dump(loaded(tmp_path / "records"))
    store.release()


def test_a_database_that_holds_something_else_is_refused_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    other_database(path, "CREATE TABLE files (x)", "INSERT INTO files VALUES (1)",
                   "CREATE TABLE state (x)", "CREATE TABLE accounts (x)")  # fmt: skip
    with pytest.raises(StoreError) as error:
        Store(at(path))
    assert str(error.value) == (
        f"the store {at(path)} holds something else: accounts, files, state; "
        "give FEEDS_DATABASE_URL a database of its own"
    )
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT x FROM files").fetchall() == [(1,)]
    connection.close()


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        ("note.txt", "file is not a database"),
        ("note.txt/feeds.db", r"\[Errno \d+\] .*"),
        ("folder", r"\[Errno \d+\] Is a directory: .*"),
    ],
)
def test_a_database_that_cannot_be_opened_is_one_line(
    tmp_path: Path, place: str, reason: str
) -> None:
    (tmp_path / "note.txt").write_text("This is not a database but a note. " * 100)
    (tmp_path / "folder").mkdir()
    url = at(tmp_path / place)
    with pytest.raises(StoreError, match=rf"\Athe store {url} can't be used: {reason}\Z"):
        Store(url)
    assert (tmp_path / "note.txt").read_text().startswith("This is not")


def test_a_driver_that_is_not_installed_is_one_line() -> None:
    with pytest.raises(StoreError, match=r"\Athe store nosuch:///x can't be used: .*nosuch\Z"):
        Store("nosuch:///x")


def test_a_write_that_fails_is_one_line_and_leaves_nothing() -> None:
    store = Store("sqlite://")

    def write_badly() -> None:
        with store.write() as connection:
            connection.execute(state.update().values(generation=7))
            connection.execute(text("SELECT x FROM missing"))

    message = r"\Athe store sqlite:// can't be used: no such table: missing\Z"
    with pytest.raises(StoreError, match=message):
        write_badly()
    with store.read() as reader:
        assert reader.state() == State(0, 0)


def test_a_reader_sees_one_generation_throughout(tmp_path: Path) -> None:
    folder = tmp_path / "records"
    write(folder, "a.md", topics=["AI"])
    store = Store(databases.at(tmp_path / "feeds.db"))
    loader.load(store, folder, now=datetime(2026, 1, 1, tzinfo=UTC))

    def everything(reader: Reader) -> list[object]:
        return [
            reader.page(Scope(), 10),
            reader.labels("topic"),
            reader.modified(Scope(), Window()),
            reader.count(Scope()),
            reader.state(),
        ]

    with store.read() as early:
        assert early.state().generation == 1
        write(folder, "b.md", topics=["Robots"])
        (folder / "a.md").unlink()
        loader.load(store, folder, now=datetime(2026, 1, 2, tzinfo=UTC))
        seen_early = everything(early)
        with store.read() as late:
            seen_late = everything(late)
        assert everything(early) == seen_early
    first, second = (int(datetime(2026, 1, day, tzinfo=UTC).timestamp()) for day in (1, 2))
    assert seen_early[4] == State(1, first, first, born=first)
    assert seen_late[4] == State(2, second, second, born=first)
    # One record took the place of another: the tally alone is as it was.
    same = [old == new for old, new in zip(seen_early, seen_late, strict=True)]
    assert same == [False, False, False, True, False]
    store.release()


@pytest.mark.parametrize("limit", [1, 2, 3, 10])
def test_pages_hold_every_entry_once_newest_first(tmp_path: Path, limit: int) -> None:
    times = {"name": "Example Times", "domain": "times.example.org"}
    school = {"name": "Example School", "domain": "times.example.org"}
    write(tmp_path, "1.md", publishedDateTime="2024-01-01", topics=["AI"], type="video")
    write(tmp_path, "2.md", publishedDateTime="2024-01-02", topics=["AI"], provider=times)
    write(tmp_path, "3.md", publishedDateTime="2024-01-03", provider=school)
    write(tmp_path, "4.md", publishedDateTime="2024-02-04", topics=["AI"], provider=school)
    write(tmp_path, "5.md", publishedDateTime="2024-02-05", topics=["AI", "C#"], provider=times)
    key = "times.example.org"
    with loaded(tmp_path).read() as reader:
        found = {
            scope: pages(reader, scope, limit)
            for scope in (
                Scope(),
                Scope(topic="ai"),
                Scope(topic="c-sharp"),
                Scope(provider=key),
                Scope(provider=key, name="example-school"),
                Scope(topic="ai", provider=key),
                Scope(topic="ai", provider=key, name="example-times"),
                Scope(type="videos"),
                Scope(topic="nothing"),
            )
        }
    assert list(found.values()) == [
        ["5", "4", "3", "2", "1"],
        ["5", "4", "2", "1"],
        ["5"],
        ["5", "4", "3", "2"],
        ["4", "3"],
        ["5", "4", "2"],
        ["5", "2"],
        ["1"],
        [],
    ]


def test_months_are_those_that_have_entries(tmp_path: Path) -> None:
    for name, day in (("a", "2023-12-31"), ("b", "2024-01-01"), ("c", "2024-03-01")):
        write(tmp_path, f"{name}.md", publishedDateTime=day, topics=["AI"] if name < "c" else [])
    december, january, march = (2023 * 12 + 11, 2024 * 12, 2024 * 12 + 2)
    with loaded(tmp_path).read() as reader:
        assert reader.months(Scope()) == [(march, 1), (january, 1), (december, 1)]
        assert reader.months(Scope(topic="ai")) == [(january, 1), (december, 1)]
        assert reader.neighbours(Scope(), january) == (december, march)
        assert reader.neighbours(Scope(), january + 1) == (january, march)
        assert reader.neighbours(Scope(topic="ai"), january) == (december, None)
        assert reader.count(Scope(), month_window(january)) == 1
        assert len(reader.page(Scope(), 10, 0, month_window(march))) == 1


@pytest.mark.parametrize("month", [1970 * 12, 2023 * 12 + 11, 2024 * 12 + 1])
def test_a_month_is_a_window_of_positions(month: int) -> None:
    window = month_window(month)
    assert window.first is not None
    assert window.end is not None
    assert month_of(window.first >> 20) == month
    assert month_of((window.end - 1) >> 20) == month
    assert month_of(window.end >> 20) == month + 1


def test_positions_order_by_time_and_part_what_is_published_together() -> None:
    assert position(2, "a") > position(1, "b") > position(0, "c") >= 0
    assert len({position(7, f"urn:{n}") for n in range(100)}) == 100
    assert position(4_102_444_800, "a") < 2**63


def test_topics_and_providers_that_go_together_are_counted(tmp_path: Path) -> None:
    times = {"name": "Example Times", "domain": "times.example.org"}
    write(tmp_path, "a.md", topics=["AI", "C++"], provider=times)
    write(tmp_path, "b.md", topics=["AI"], provider=times)
    write(tmp_path, "c.md", topics=["AI"])
    with loaded(tmp_path).read() as reader:
        assert reader.pairs() == [
            ("ai", "times.example.org", "example-times", 2, 1_704_164_645),
            ("c-plus-plus", "times.example.org", "example-times", 1, 1_704_164_645),
        ]


def test_a_scope_has_a_topic_or_a_type(tmp_path: Path) -> None:
    with loaded(tmp_path).read() as reader, pytest.raises(ValueError, match="not both"):
        reader.count(Scope(topic="ai", type="videos"))


def test_each_kind_of_query_is_built_once(tmp_path: Path) -> None:
    write(tmp_path, "a.md", topics=["AI", "C++"])
    with loaded(tmp_path).read() as reader:
        first = [reader.count(Scope(topic="ai")), len(reader.page(Scope(topic="ai"), 10))]
        counting, paging = page_statements.count, page_statements.page_of
        built = counting.cache_info().misses, paging.cache_info().misses
        for topic, limit in (("c-plus-plus", 1), ("ai", 5), ("nothing", 7)):
            reader.count(Scope(topic=topic))
            reader.page(Scope(topic=topic), limit, limit)
        made = counting.cache_info().misses, paging.cache_info().misses
        assert made == built
    assert first == [1, 1]


def test_nothing_is_left_of_what_was_deleted(tmp_path: Path) -> None:
    folder, file = tmp_path / "records", tmp_path / "feeds.db"
    text = "Unspeakable"
    for number in range(30):
        write(folder, f"{number}.md", title=f"{text} {number}", body=f"{text} words")
    write(folder, "kept.md", title="Kept")
    store = Store(f"sqlite:///{file}")
    loader.load(store, folder)
    spare.copy(file)

    def holding() -> list[str]:
        found = sorted(tmp_path.glob("feeds.db*"))
        return [one.name for one in found if text.lower().encode() in one.read_bytes().lower()]

    assert "feeds.db.spare" in holding()
    for number in range(30):
        write(folder, f"{number}.md", title=f"{text} {number}", removed=True)
    loader.load(store, folder, accept_removals=True)
    assert holding() == []
    store.release()
