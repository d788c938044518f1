import itertools
import json
import os
import random
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread
from typing import Any, Final, NamedTuple

import psycopg
import pytest
from sqlalchemy import text

from feeds import create_app
from feeds.catalog import builder
from feeds.catalog.addresses import FeedQuery
from feeds.catalog.parameters import BadParameter, parse
from feeds.config import Config, read
from feeds.loading import loader
from feeds.loading.loader import Loader
from feeds.records.profile import Profile
from feeds.rendering.formats import FORMATS
from feeds.selection import Scope
from feeds.serving.app import assemble
from feeds.serving.document_store import Timing
from feeds.statistics.poll_store import PollStore
from feeds.statistics.polls import HOUR, Key, Polls
from feeds.store import bulk_insert, fulltext, postgres, recovery, schema
from feeds.store.database import Store, StoreError
from tests.helpers.databases import PostgreSQL
from tests.helpers.server import PATIENCE, PROJECT, ROOT, Answer, documents, feeds, get, until
from tests.helpers.support import SEEDS, TODAY, addresses, dump, loaded, write

DAY = datetime(2026, 3, 4, tzinfo=UTC)


@pytest.fixture
def database(postgresql: PostgreSQL) -> Iterator[str]:
    """The URL of a database that has nothing yet."""
    url = postgresql.database(empty=True)
    yield url
    postgresql.drop(url)


# -- the same as from SQLite ------------------------------------------------------------

WORDS = """
    ferry harbour electric ferries Électrique café cafe naïve Straße strasse ΑΘΗΝΑ αθηνα
    Привет мир 東京 大阪 C++ C# .NET node.js R2-D2 don't well-known 2024 3.5 İstanbul ﬁne
    हिन्दी snake_case the of
""".split()  # noqa: SIM905 - a list would be a line a word


def collection(folder: Path, records: int = 300) -> Path:
    """A folder of records of all kinds, made at random, the same every time."""
    draw = random.Random(7)  # noqa: S311 - repeatable, not secret

    def some(most: int) -> str:
        return " ".join(draw.choices(WORDS, k=draw.randint(1, most)))

    for n in range(records):
        provider = draw.choice([
            {"name": "Example Times", "domain": "times.example.com"},
            {"name": "Example School", "domain": "times.example.com"},
            {"name": "ΑΘΗΝΑ", "domain": "ελλάδα.example"},
            None,
        ])  # fmt: skip
        drawn: dict[str, Any] = {
            "title": some(4),
            "excerpt": some(30),
            "publishedDateTime": f"202{draw.randint(4, 5)}-{draw.randint(1, 12):02}-01T00:00:00Z",
            "topics": draw.sample(["AI", "ai", "C++", "C#", ".NET", "Climate Tech", "日本"], 2),
            "type": draw.choice(["article", "video", None]),
            "provider": provider,
            "quality": draw.randint(0, 100),
            "heat": draw.randint(0, 100),
            "removed": draw.random() < 0.02 or None,
            "related": [{"title": some(3), "webUrl": f"https://news.example.com/{n - 1}"}],
        }
        write(folder, f"{n}.md", **drawn)
    return folder


# Some records are younger than these loads.
SHOWN: Final = Profile.of(Config(future="show"))


class Both(NamedTuple):
    """One folder in two stores."""

    folder: Path
    stores: tuple[Store, Store]

    def load(self, day: int) -> None:
        for store in self.stores:
            loader.load(store, self.folder, now=DAY + timedelta(days=day), profile=SHOWN)

    def answers(self, addresses: list[str]) -> list[dict[str, Answer]]:
        """What a server of each answers."""
        found = []
        for store in self.stores:
            url = store.url.render_as_string(hide_password=False)
            config = {"seeds": str(self.folder), "database_url": url, "base_url": ROOT, "limit": 20}
            config["future"] = "show"
            app = assemble(read(config), Timing(today=lambda: TODAY), started=DAY)
            found.append({address: get(app, address) for address in addresses})
            documents(app).store.release()
        return found


@contextmanager
def twins(folder: Path, home: Path, cluster: PostgreSQL) -> Iterator[Both]:
    url = cluster.database(empty=True)
    made = Both(folder, (Store(f"sqlite:///{home / 'feeds.db'}"), Store(url)))
    made.load(0)
    yield made
    for store in made.stores:
        store.release()
    cluster.drop(url)


@pytest.fixture(scope="module")
def both(postgresql: PostgreSQL, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    """A made collection in each, after two loads."""
    home = tmp_path_factory.mktemp("both")
    folder = collection(home / "news")
    with twins(folder, home, postgresql) as made:
        for n in range(0, 60, 7):  # departures, changes, other spellings
            (folder / f"{n}.md").unlink()
            write(folder, f"{n + 1}.md", title=f"Anew {n}", topics=["climate tech", "AI"])
        made.load(1)
        yield made


FOLDERS = ["/", "/topics/ai/", "/topics/climate-tech/", "/topics/c-plus-plus/", "/types/videos/",
           "/providers/times.example.com/", "/providers/times.example.com/example-school/",
           "/topics/ai/providers/times.example.com/", "/amp/", "/original/topics/ai/",
           "/amp-cache/types/articles/", "/2025/01/", "/topics/ai/2024/12/"]  # fmt: skip
NARROWED = ["?page=2", "?limit=7&page=3", "?min_quality=60", "?min_heat=40&exclude_topic=ai",
            "?topic=ai,c-sharp", "?type=video&sort=heat", "?per_provider=2&until=2025-02-01",
            "?exclude_type=video", "?exclude_provider=times.example.com",
            "?since=2025-06-01", "?since=90d", "?q=ferry", "?q=caf%C3%A9+harbour",
            "?q=%22harbour+electric%22&sort=relevance", "?q=ferr*+-electric&sort=relevance",
            "?q=c%2B%2B&min_quality=20"]  # fmt: skip
OTHERS = ["/feeds.opml", "/topics.opml?min_quality=50", "/feeds.json", "/sitemap.xml", "/about/",
          "/nowhere/", "/topics/nothing/rss.xml", "/embed/topics/ai/", "/feeds.opml?format=json",
          "/?page=999", "/rss.xml?since=soon"]  # fmt: skip


def _addresses() -> list[str]:
    files = ["", *FORMATS]
    found = [folder + file for folder in FOLDERS for file in files]
    for number, narrowed in enumerate(NARROWED):
        found += [folder + files[number % len(files)] + narrowed for folder in FOLDERS[:3]]
    return found + OTHERS


def test_every_document_is_the_same_byte_for_byte(both: Both) -> None:
    sqlite, postgresql = both.answers(_addresses())
    assert sqlite == postgresql
    codes = [answer.code for answer in sqlite.values()]
    assert codes.count(200) > 80
    assert {200, 400, 404} <= set(codes)


def test_the_feeds_of_the_seeds_are_the_same(postgresql: PostgreSQL, tmp_path: Path) -> None:
    with twins(SEEDS, tmp_path, postgresql) as made:
        with made.stores[0].read() as reader:
            folders = [addresses().path(FeedQuery(one.scope)) for one in builder.scopes(reader)]
        files = itertools.cycle(["", *FORMATS])
        asked = ["/feeds.json", *(folder + next(files) for folder in folders)]
        sqlite, other = made.answers(asked)
    assert sqlite == other
    assert {answer.code for answer in sqlite.values()} == {200}


def _searches() -> Iterator[str]:
    """What people look for: words, phrases, beginnings, without."""
    draw = random.Random(3)  # noqa: S311 - repeatable, not secret
    yield from WORDS
    for word in WORDS:
        if len(word) > 2:
            yield word[: draw.randint(2, len(word) - 1)] + "*"
    for _ in range(80):
        one, other, third = draw.choices(WORDS, k=3)
        yield f"{one} {other}"
        yield f'"{one} {other}"'
        yield f"{one} -{other}"
        yield f'{one} -"{other} {third}"'
        yield f'"{one} {other[:3]}*"'


def test_a_search_finds_the_same_in_the_same_order(both: Both) -> None:
    found: list[dict[tuple[str, str], tuple[int, list[str]]]] = []
    for store in both.stores:
        found.append({})
        with store.read() as reader:
            for written in _searches():
                for sort in ("newest", "relevance"):
                    try:
                        filters = parse({"q": [written], "sort": [sort]})
                    except BadParameter:
                        continue
                    number = reader.count(Scope(), filters=filters)
                    rows = reader.page(Scope(), 400, filters=filters)
                    found[-1][written, sort] = number, [row.entry_id for row in rows]
    assert found[0] == found[1]
    assert sum(1 for number, _ in found[0].values() if number) > 400


def test_words_that_come_often_and_long_ones_are_found(database: str) -> None:
    """The bounds of a tsvector: 256 places of a word, 16,383 places, 2,046 bytes of a word."""
    long = "x" * 5000
    words = [fulltext.Words(1, 1, long, "again " * 300 + "at last", "end")]
    stores = [Store("sqlite://"), Store(database)]
    found = []
    for store in stores:
        with store.write() as connection:
            fulltext.add(connection, words)
            place = fulltext.matches(schema.entries.c.position, schema.entries.c.id)
            matching = fulltext.INDEX.select().where(place.matching)
            found.append(
                [
                    len(connection.execute(matching, {"q": written}).all())
                    for written in ("again", '"at last"', "end", "xx*", long[:200])
                ]
            )
        store.release()
    assert found == [[1, 1, 1, 1, 0]] * 2


# -- whose database it is --------------------------------------------------------------


class Roles(NamedTuple):
    """A database that is reached as a loader and as a server."""

    cluster: PostgreSQL
    admin: str
    loader: str
    server: str

    @property
    def name(self) -> str:
        """That of the database."""
        return self.admin.partition("?")[0].rpartition("/")[2]

    def run(self, *statements: str) -> None:
        with psycopg.connect(self.admin.replace("+psycopg", ""), autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement)


@pytest.fixture
def roles(postgresql: PostgreSQL, database: str) -> Iterator[Roles]:
    """As docs/fleet.md has them made."""
    made = Roles(
        postgresql,
        database,
        database.replace("feeds@", "feeds_loader:secret@"),
        database.replace("feeds@", "feeds_server:secret@"),
    )
    page = (PROJECT / "docs" / "fleet.md").read_text(encoding="utf-8")
    listed = re.search(r"```sql\n(.*?);\n```", page, re.S)
    assert listed is not None
    made.run(*listed[1].replace("DATABASE feeds", f"DATABASE {made.name}").split(";"))
    yield made
    made.run(
        "SET default_transaction_read_only = off",
        f"ALTER DATABASE {made.name} RESET ALL",
        "DROP SCHEMA feeds_statistics CASCADE",
        "DROP OWNED BY feeds_server",
        "DROP OWNED BY feeds_loader",
        "DROP ROLE feeds_loader, feeds_server",
    )


def test_servers_need_to_read_alone(roles: Roles, tmp_path: Path) -> None:
    write(tmp_path / "news", "a.md", title="Read me")
    store = Store(roles.loader)
    loader.load(store, tmp_path / "news")
    store.release()
    app = create_app({"database_url": roles.server, "load": "off", "seeds": str(tmp_path / "no")})
    assert b"Read me" in get(app, "/rss.xml").body
    assert get(app, "/?q=read").code == 200
    ready = json.loads(get(app, "/readyz").body)
    assert (ready["generation"], ready["degraded"]) == (1, False)
    reading = documents(app).store

    def spoil() -> None:
        with reading.write() as connection:
            connection.execute(schema.state.update().values(generation=7))

    with pytest.raises(StoreError, match=r"permission denied for table state\Z"):
        spoil()
    reading.release()


@pytest.mark.parametrize("first", ["server", "loader"])
def test_servers_note_who_polls_in_a_schema_of_their_own(roles: Roles, first: str) -> None:
    key, seen = Key(7, "/rss.xml", "Feedly", ""), Polls(1, subscribers=16)
    found = [PollStore(url, print) for url in (roles.server, roles.loader)]
    for audience in found if first == "server" else found[::-1]:
        audience.write({key: seen}, 8 * HOUR)
    assert [audience.hours(0) for audience in found] == [{key: Polls(2, subscribers=16)}] * 2


def _load(url: str, folder: Path, **variables: str) -> tuple[int, str]:
    """What `feeds load` ends with, and says."""
    home = folder.parent
    given = {"FEEDS_DATABASE_URL": url, "FEEDS_SEEDS": str(folder)}
    done = feeds("load", cwd=home, **(given | variables))
    return done.returncode, done.stderr


def test_what_the_loader_may_not_do_is_one_line(roles: Roles, tmp_path: Path) -> None:
    write(tmp_path / "news", "a.md")
    shown = Store.described(roles.server)
    assert "secret" not in shown
    assert _load(roles.server, tmp_path / "news") == (
        2,
        f"feeds: the store {shown} can't be used: permission denied for database {roles.name}\n",
    )
    code, said = _load(roles.loader, tmp_path / "news")
    assert (code, said) == (0, "")


def test_a_database_that_takes_no_writes_keeps_what_it_has(roles: Roles, tmp_path: Path) -> None:
    write(tmp_path / "news", "a.md")
    assert _load(roles.loader, tmp_path / "news")[0] == 0
    store = Store(roles.loader)
    before = dump(store)
    # As a standby is, and as one is put whose disk is full.
    roles.run(f"ALTER DATABASE {roles.name} SET default_transaction_read_only = on")
    write(tmp_path / "news", "b.md")
    code, said = _load(roles.loader, tmp_path / "news")
    assert (code, said.count("\n")) == (2, 1)
    assert said.endswith("can't be used: it is read-only, as a standby is\n")
    assert "secret" not in said
    assert dump(store) == before
    store.release()


def test_a_database_of_another_encoding_is_refused(postgresql: PostgreSQL, tmp_path: Path) -> None:
    postgresql.execute(
        "CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0 LOCALE_PROVIDER libc LOCALE 'C'"
    )
    url = postgresql.url("latin")
    with pytest.raises(StoreError, match=r"used: its encoding is LATIN1; UTF8 would be right\Z"):
        Store(url)
    postgresql.execute("DROP DATABASE latin WITH (FORCE)")
    assert not list(tmp_path.iterdir())


def test_a_database_that_is_not_there_is_one_line(postgresql: PostgreSQL) -> None:
    with pytest.raises(StoreError, match=r'database "nothing" does not exist\Z') as error:
        Store(postgresql.url("nothing"))
    assert "\n" not in str(error.value)


def test_a_database_that_is_down_is_one_line(tmp_path: Path) -> None:
    write(tmp_path / "news", "a.md")
    url = f"postgresql://feeds:secret@/feeds?host={tmp_path}"
    code, said = _load(url, tmp_path / "news")
    assert (code, said.count("\n")) == (2, 1)
    assert said.startswith(
        f"feeds: the store {Store.described(url)}".replace("sql:", "sql+psycopg:")
    )
    assert "No such file or directory" in said
    assert "secret" not in said


def test_no_command_shows_a_password(tmp_path: Path) -> None:
    url = f"postgres://feeds:secret@/feeds?host={tmp_path}&sslpassword=secret"
    done = feeds("config", cwd=tmp_path, FEEDS_DATABASE_URL=url)
    assert "postgresql+psycopg://feeds:***@/feeds" in done.stdout
    assert "secret" not in done.stdout + done.stderr


def test_without_the_driver_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(StoreError, match=re.escape(postgres.EXTRA)):
        Store("postgresql://db.example.org/feeds")


def test_rows_that_cannot_be_copied_are_one_line(database: str) -> None:
    store = Store(database)

    def copy() -> None:
        with store.write() as connection:
            rows = [
                {"kind": "topic", "slug": "a", "name": name, "entries": 1} for name in ("a", "\0")
            ]
            bulk_insert.insert(connection, schema.spellings, rows)

    with pytest.raises(StoreError, match=r"used: .*0x00.*\Z") as error:
        copy()
    assert "\n" not in str(error.value)
    with store.write() as connection:  # it goes on
        assert connection.execute(schema.spellings.select()).all() == []
    store.release()


def test_the_longest_paths_are_held(database: str, tmp_path: Path) -> None:
    draw = random.Random(1)  # noqa: S311 - repeatable, not secret
    # Bytes that aren't UTF-8, each of which is spelled out; nothing that compresses well.
    names = [bytes(draw.choices(range(128, 256), k=length)) for length in (250, 250, 92)]
    folder = tmp_path / "news"
    for number, end in enumerate((b".md", b"!!!.md", b"too long.md")):
        write(folder, os.fsdecode(b"/".join(names) + end), webUrl=f"https://a.example/{number}")
    store = Store(database)
    assert loader.load(store, folder).public == 2
    store.release()


# -- versions and loaders ---------------------------------------------------------------


def _schemas(store: Store) -> set[str]:
    with store.read() as reader:
        query = text("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'feeds_%'")
        return set(reader.connection.execute(query).scalars())


@pytest.mark.parametrize(
    ("older", "old"),
    [
        ("feeds_0000000000000001", "feeds_0000000000000002"),
        ("feeds_ffffffffffffffff", "feeds_v998"),
        ("feeds_v998", "feeds_v999"),
    ],
)
def test_of_earlier_versions_the_last_one_stays(
    database: str, older: str, old: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = {"feeds_notes", "feeds_2019", "feeds_v", "feeds_v1a"}
    store = Store(database)
    with store.write() as connection:
        for name in (*others, older, old):
            connection.execute(text(f"CREATE SCHEMA {name}"))
    store.release()
    newer = "feeds_v1000"
    monkeypatch.setattr(postgres, "NAMESPACE", newer)
    monkeypatch.setitem(postgres._SESSION, "search_path", newer)
    upgraded = Store(database)
    names = _schemas(upgraded)
    upgraded.release()
    assert names == {*others, old, newer}


def test_a_version_reads_its_own_tables_while_another_loads(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, "a.md", title="Old")
    old = Store(database)
    loader.load(old, tmp_path)
    write(tmp_path, "a.md", title="New")
    before = dump(old)
    newer = "feeds_v1000"
    with monkeypatch.context() as patch:
        patch.setattr(postgres, "NAMESPACE", newer)
        patch.setitem(postgres._SESSION, "search_path", newer)
        new = Store(database)
        loader.load(new, tmp_path)
    assert dump(old) == before != dump(new)
    old.release()
    new.release()


def test_tables_that_are_dropped_are_made_anew(database: str, tmp_path: Path) -> None:
    write(tmp_path, "a.md")
    store = Store(database)
    loader.load(store, tmp_path)
    store.release()
    with psycopg.connect(database.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(f"DROP SCHEMA {postgres.NAMESPACE} CASCADE")

    def work(store: Store) -> Store:
        Loader(store, tmp_path).load()
        return store

    made = recovery.with_recovery(database, pytest.fail, work)
    assert dump(made) == dump(loaded(tmp_path))
    made.release()


def test_while_one_loads_another_waits(database: str) -> None:
    store, other = Store(database), Store(database)
    order: list[str] = []

    def wait() -> None:
        with other.alone():
            order.append("other")

    thread = Thread(target=wait)
    with store.alone():
        thread.start()
        until(lambda: _waiting(database))
        order.append("one")
    thread.join(PATIENCE)
    assert order == ["one", "other"]
    store.release()
    other.release()


def _waiting(database: str) -> bool:
    with psycopg.connect(database.replace("+psycopg", "")) as connection:
        query = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        row = connection.execute(query).fetchone()
    return row is not None and row[0] > 0


_END_LOCKS = """
    SELECT pg_terminate_backend(pid) FROM pg_locks
    WHERE locktype = 'advisory' AND pid <> pg_backend_pid()
"""


def test_the_lock_of_a_loader_ends_with_its_connection(database: str) -> None:
    store, other = Store(database), Store(database)
    with store.alone():
        with psycopg.connect(database.replace("+psycopg", ""), autocommit=True) as connection:
            connection.execute(_END_LOCKS)
        with other.alone():
            pass
    with store.alone():  # it goes on
        pass
    store.release()
    other.release()
