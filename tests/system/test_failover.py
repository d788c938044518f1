"""PostgreSQL fails over while a server runs: two real ones, by streaming replication."""

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from feeds.config import read
from feeds.loading import loader
from feeds.loading.loader import Loader
from feeds.selection import Scope
from feeds.statistics.poll_store import PollStore
from feeds.store import postgres
from feeds.store.database import Store
from tests.follower.test_purging import Cache
from tests.helpers.databases import PostgreSQL
from tests.helpers.hubs import Scripted
from tests.helpers.proxy import Proxy, proxied
from tests.helpers.server import Served, application, documents, feeds, get, news, until
from tests.helpers.support import write

pytestmark = pytest.mark.servers
SOCKET = ".s.PGSQL.5432"
ALL_SENT = "SELECT replay_lsn = pg_current_wal_insert_lsn() FROM pg_stat_replication"
SOON = 15.0  # seconds, on a busy machine


class Pair(NamedTuple):
    """A primary and its standby, at one address."""

    primary: PostgreSQL
    standby: PostgreSQL
    address: Proxy

    @property
    def url(self) -> str:
        return f"postgresql://feeds:secret@127.0.0.1:{self.address.port}/postgres"

    def fail_over(self) -> None:
        """The standby is promoted, the primary demoted; the address leads there as before."""
        self.primary.stop()
        self.standby.promote()
        self.primary.demote()

    def turn(self) -> None:
        """Have the address lead to the new primary."""
        self.address.target = self.standby.folder / SOCKET


@pytest.fixture
def primary() -> Iterator[PostgreSQL]:
    found = PostgreSQL()
    found.start()
    yield found
    found.remove()


@pytest.fixture
def pair(primary: PostgreSQL) -> Iterator[Pair]:
    standby = PostgreSQL(standby_of=primary)
    standby.start()
    with proxied(primary.folder / SOCKET) as address:
        yield Pair(primary, standby, address)
    standby.remove()


def ready(server: Served) -> dict[str, Any]:
    answer = server.get("/readyz")
    assert answer.code == 200
    said: dict[str, Any] = json.loads(answer.body)
    return said


def polls(url: str) -> int:
    return sum(one.polls for one in PollStore(url, pytest.fail).hours(0).values())


def test_a_server_goes_on_through_a_fail_over_and_loses_nothing(
    pair: Pair, serve: Callable[..., Served], tmp_path: Path, hub: Scripted
) -> None:
    folder = news(tmp_path / "news")
    settings = {"FEEDS_DATABASE_URL": pair.url, "FEEDS_HUBS": hub.url}
    server = serve(folder, variables=settings)
    reading = serve(folder, "reading", variables=settings | {"FEEDS_LOAD": "off"})
    asked = 2  # by `serve`
    until(lambda: not ready(server)["degraded"] and not ready(reading)["degraded"])
    pair.fail_over()
    why = "the store can't be written: it is read-only"
    for one in (server, reading):
        until(lambda: why in ready(one)["why"])  # noqa: B023 - at once
    write(folder, "during.md", title="During", topics=["AI"])
    until(lambda: "it is read-only" in server.log)
    for one in (server, reading):
        assert one.get("/rss.xml").code == 200
        assert one.get("/topics/ai/rss.xml?limit=3").code == 200  # which nothing has prepared
        asked += 2
    done = feeds("load", cwd=tmp_path, **server.settings())
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "it is read-only" in done.stderr
    pair.turn()
    turned = time.monotonic()
    for one in (server, reading):
        while b"During" not in one.get("/topics/ai/rss.xml").body:
            asked += 1
            time.sleep(0.1)
        asked += 1
        until(lambda: not ready(one)["degraded"])  # noqa: B023 - at once
    assert time.monotonic() - turned < SOON
    until(lambda: f"{server.url}/topics/ai/rss.xml" in hub.urls)
    assert "secret" not in server.log + reading.log
    server.stop()
    reading.stop()
    assert polls(pair.url) == asked


def test_hubs_and_caches_are_told_by_the_command_after_the_fail_over(
    pair: Pair, tmp_path: Path, hub: Scripted
) -> None:
    folder, cache, store = news(tmp_path / "news"), Cache(), Store(pair.url)
    loader.load(store, folder)
    write(folder, "more.md")
    loader.load(store, folder)
    store.release()
    pair.fail_over()
    settings = {"DATABASE_URL": pair.url, "SEEDS": str(folder), "BASE_URL": "http://a.example"}
    settings |= {"HUBS": hub.url, "PURGE": cache.url}
    variables = {f"FEEDS_{name}": value for name, value in settings.items()}
    commands = (["ping"], ["purge", "--changed"])
    for command in commands:
        done = feeds(*command, cwd=tmp_path, **variables)
        assert (done.returncode, done.stderr.count("\n")) == (2, 1)
        assert "it is read-only" in done.stderr
    assert hub.urls == []
    pair.turn()
    cache.told.clear()
    for command in commands:
        assert feeds(*command, cwd=tmp_path, **variables).returncode == 0
    assert "http://a.example/rss.xml" in hub.urls
    assert cache.told
    cache.shutdown()
    cache.server_close()


def test_a_load_that_the_new_primary_never_got_is_made_again(pair: Pair, tmp_path: Path) -> None:
    """Replication is asynchronous: the generation goes back."""
    folder, other = news(tmp_path / "news"), news(tmp_path / "other")
    store = Store(pair.url)
    following = Loader(store, folder)
    following.load()
    app = application(folder, database_url=pair.url, load="off")

    def poll(**headers: str) -> tuple[int, str, bool]:
        documents(app).watch.look_again()
        answer = get(app, "/rss.xml", **headers)
        return answer.code, answer.get("ETag") or "", b"Lost" in answer.body

    first = poll()
    until(lambda: pair.primary.ask(ALL_SENT) == [(True,)])
    pair.standby.stop()
    record = folder / "000.md"
    record.write_text(record.read_text().replace("Story 0", "Lost"))
    lost = following.load()
    told = poll()
    assert (told[0], told[2]) == (200, True)
    pair.primary.stop()
    pair.standby.start()
    pair.standby.promote()
    pair.turn()
    for headers in ({}, {"if_none_match": told[1]}, {"if_none_match": told[1], "a_im": "feed"}):
        assert poll(**headers) == first
    # Its loader may be another one, whose load is the same number of writes.
    write(other, "other.md", title="Other")
    loader.load(store, other, now=datetime.now(UTC) + timedelta(minutes=1))
    again = following.load()
    assert again.generation == lost.generation + 1  # the other's has the number of the lost one
    with store.read() as reader:
        assert reader.count(Scope()) == 5
    answer = poll(if_none_match=told[1])
    assert (answer[0], answer[2]) == (200, True)
    assert answer[1] != told[1]
    store.release()
    documents(app).store.release()


def test_a_new_password_and_a_crowded_server_are_one_line_each_until_they_are_mended(
    primary: PostgreSQL, serve: Callable[..., Served], tmp_path: Path
) -> None:
    folder, passwords = news(tmp_path / "news"), tmp_path / "pgpass"
    hba = primary.folder / "data" / "pg_hba.conf"
    hba.write_text("local all feeds trust\nlocal all all scram-sha-256\n")

    def run(*statements: str) -> None:
        for statement in statements:
            primary.execute(statement)

    def rotate(password: str) -> None:
        passwords.write_text(f"*:*:*:loads:{password}\n")
        passwords.chmod(0o600)

    def told(line: str) -> int:
        """How often the loader said so."""
        return sum(line in one and "can't be used" in one for one in server.log.splitlines())

    leave = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'loads'"
    run("CREATE ROLE loads LOGIN PASSWORD 'secret-1'", "GRANT CREATE ON DATABASE postgres TO loads")
    run("SELECT pg_reload_conf()")
    rotate("secret-1")
    url = f"postgresql://loads@/postgres?host={primary.folder}&passfile={passwords}"
    server = serve(folder, variables={"FEEDS_DATABASE_URL": url})
    troubles: list[tuple[str, Callable[[], None], str]] = [
        (
            "ALTER ROLE loads PASSWORD 'secret-2'",
            lambda: rotate("secret-2"),
            'password authentication failed for user "loads"',
        ),
        (
            "ALTER ROLE loads CONNECTION LIMIT 0",
            lambda: run("ALTER ROLE loads CONNECTION LIMIT -1"),
            'too many connections for role "loads"',
        ),
    ]
    for number, (harm, mend, line) in enumerate(troubles):
        until(lambda: not ready(server)["degraded"])
        run(harm, leave)
        write(folder, f"{number}.md", title=f"Meanwhile {number}")
        why = "the store doesn't answer; what is prepared is served"
        until(lambda: ready(server)["why"] == why)  # noqa: B023 - at once
        until(lambda: told(line))  # noqa: B023 - at once
        assert server.get("/rss.xml").code == 200
        mend()
        until(lambda: f"Meanwhile {number}".encode() in server.get("/rss.xml").body)  # noqa: B023 - at once
        assert told(line) == 1
    assert "secret" not in server.log


def test_of_several_hosts_the_one_that_takes_writes_is_used(pair: Pair, tmp_path: Path) -> None:
    folder = news(tmp_path / "news")
    with proxied(pair.standby.folder / SOCKET) as second:
        hosts = f"127.0.0.1:{pair.address.port},127.0.0.1:{second.port}"
        url = f"postgresql://feeds@{hosts}/postgres?target_session_attrs=read-write"
        store = Store(read({"database_url": url}).database)
        loading = Loader(store, folder)
        assert loading.load().generation == 1
        pair.fail_over()
        write(folder, "more.md")
        assert loading.load().generation == 2
        store.release()
    query = f"SELECT generation FROM {postgres.NAMESPACE}.state"  # noqa: S608 - a name of ours
    assert pair.standby.ask(query) == [(2,)]
