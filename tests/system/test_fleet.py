"""Servers without a folder of records, and loaders, that share a PostgreSQL."""

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.client import HTTPException
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest

from feeds.config import read
from feeds.loading import loader
from feeds.serving.app import assemble
from feeds.serving.document_store import Timing
from feeds.store.database import Store
from tests.follower.test_follower import HALTED
from tests.helpers.databases import PostgreSQL
from tests.helpers.server import (
    FEEDS,
    PATIENCE,
    ROOT,
    Served,
    clean_environment,
    documents,
    get,
    news,
    until,
)
from tests.helpers.support import dump, loaded, write

SERVERS = 3


class Fleet:
    """Servers on one PostgreSQL, in the order of their ports; loaders are started by tests."""

    def __init__(self, cluster: PostgreSQL, home: Path) -> None:
        self.cluster = cluster
        self.home = home
        self.folder = home / "news"
        self.database = cluster.database(empty=True)
        self.url = self.database.replace("feeds@", "feeds:secret@")
        self.servers = [
            Served(home / "nowhere", home / f"server-{n}", self._variables())
            for n in range(SERVERS)
        ]

    def _variables(self) -> dict[str, str]:
        return {"FEEDS_DATABASE_URL": self.url, "FEEDS_LOAD": "off", "FEEDS_BASE_URL": ROOT}

    def load(self) -> None:
        store = Store(self.url)
        loader.load(store, self.folder)
        store.release()

    def start(self) -> None:
        """Load and start all servers."""
        self.load()
        for server in self.servers:
            server.start()

    def close(self) -> None:
        for server in self.servers:
            server.stop()
        self.cluster.drop(self.database)

    @property
    def logs(self) -> str:
        return "".join(log.read_text(errors="replace") for log in self.home.rglob("*.log"))

    @contextmanager
    def following(self, name: str = "loader") -> Iterator[subprocess.Popen[bytes]]:
        """`feeds follow` on the folder, until the end of the block."""
        settings = {"FEEDS_DATABASE_URL": self.url, "FEEDS_SEEDS": str(self.folder)}
        with (self.home / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(
                [FEEDS, "follow"],
                cwd=self.home,
                env=clean_environment(self.home) | settings,
                stdout=log,
                stderr=log,
            )
        try:
            yield process
        finally:
            process.terminate()
            assert process.wait(PATIENCE) in (0, -signal.SIGKILL)

    def readiness(self) -> list[dict[str, Any]]:
        """What `/readyz` of each server says."""
        return [json.loads(server.get("/readyz").body) for server in self.servers]

    def show(self, title: str, address: str = "/rss.xml") -> bool:
        """Whether all servers show a title."""
        return all(title.encode() in server.get(address).body for server in self.servers)


@pytest.fixture(scope="module")
def fleet(postgresql: PostgreSQL, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """Three servers over some news. Each test leaves them running and up to date."""
    made = Fleet(postgresql, tmp_path_factory.mktemp("fleet"))
    news(made.folder, 30)
    try:
        made.start()
        yield made
    finally:
        made.close()


ADDRESSES = ["/rss.xml", "/atom.xml", "/feed.json", "/", "/topics/ai/rss.xml", "/amp/atom.xml",
             "/topics/c-plus-plus/", "/providers/times.example.com/feed.json", "/types/articles/",
             "/2024/01/rss.xml", "/rss.xml?limit=10&page=2", "/atom.xml?q=story+7", "/feeds.json",
             "/feeds.opml", "/sitemap.xml", "/embed/topics/ai/"]  # fmt: skip


def test_all_answer_with_the_same_bytes_and_tags(fleet: Fleet) -> None:
    """But for Last-Modified of pages and lists: settings may differ from start to start."""
    for address in ADDRESSES:
        for coding in ("identity", "gzip", "br"):
            found = [s.get(address, accept_encoding=coding) for s in fleet.servers]
            assert found[0].code == 200
            is_feed = re.search(r"/(rss\.xml|atom\.xml|feed\.json)(\?|$)", address)
            own = {"Date"} if is_feed else {"Date", "Last-Modified"}
            said = [
                (answer.status, answer.body, [h for h in answer.headers if h[0] not in own])
                for answer in found
            ]
            assert said == [said[0]] * SERVERS, address
            tag = found[0].get("ETag")
            assert tag is not None
            codes = [
                s.get(address, accept_encoding=coding, if_none_match=tag).code
                for s in fleet.servers
            ]
            assert codes == [304] * SERVERS


def test_a_change_reaches_every_server(fleet: Fleet) -> None:
    with fleet.following():
        write(fleet.folder, "new.md", title="It is new", topics=["AI"])
        until(lambda: fleet.show("It is new", "/topics/ai/rss.xml"))
        test_all_answer_with_the_same_bytes_and_tags(fleet)
        (fleet.folder / "new.md").unlink()
        until(lambda: not any(b"It is new" in s.get("/rss.xml").body for s in fleet.servers))
    assert fleet.readiness() == [fleet.readiness()[0]] * SERVERS
    assert not fleet.readiness()[0]["degraded"]


PROVIDER = "/providers/times.example.com/"
NUMBERED = ["/", f"{PROVIDER}rss.xml", PROVIDER, f"/topics/ai{PROVIDER}feed.json", "/atom.xml"]


@contextmanager
def polled(
    fleet: Fleet, addresses: Callable[[int], str], is_whole: Callable[[bytes], bool]
) -> Iterator[list[int]]:
    """Asks all servers all the while: each answer must be 200 and whole. How often, by server."""
    stop, bad = Event(), list[str]()
    asked = [0] * SERVERS

    def poll(n: int) -> None:
        while not stop.is_set():
            address = addresses(asked[n])
            try:
                answer = fleet.servers[n].get(address)
            except (OSError, HTTPException) as error:
                bad.append(f"{address}: {error!r}")
                continue
            if answer.code != 200 or not is_whole(answer.body):
                bad.append(f"{address}: {answer.status} {answer.body[:2000]!r}")
            asked[n] += 1
            stop.wait(0.005)

    threads = [Thread(target=poll, args=(n,)) for n in range(SERVERS)]
    for thread in threads:
        thread.start()
    try:
        yield asked
    finally:
        stop.set()
        for thread in threads:
            thread.join(PATIENCE)
        assert not bad, bad[0]
        assert all(asked)


def test_no_answer_mixes_generations_while_all_is_loaded(fleet: Fleet) -> None:
    """Each load gives every title, and the provider's name in those of feeds, its own number."""

    def write_all(number: int) -> None:
        for path in fleet.folder.glob("*.md"):
            said = re.sub(r"(?m)^title: .*$", f"title: Load {number}.", path.read_text())
            said = re.sub(r"(?m)^  name: .*$", f"  name: Load {number}. Times", said)
            path.write_text(said)
        fleet.load()

    seen: set[bytes] = set()

    def is_whole(body: bytes) -> bool:
        numbers = set(re.findall(rb"Load (\d+)\.", body))
        seen.update(numbers)
        return len(numbers) == 1

    def address(n: int) -> str:
        made = NUMBERED[n % len(NUMBERED)]
        # Most documents were never asked for: they are made while a load runs.
        return f"{made}?limit={1 + n % 49}" if n % 4 else made

    write_all(0)
    until(lambda: fleet.show("Load 0."))
    with polled(fleet, address, is_whole) as asked:
        number = 0
        while number < 15 or min(asked) < 100:
            number += 1
            write_all(number)
        until(lambda: fleet.show(f"Load {number}."))
    assert len(seen) > 3


def test_while_the_database_is_away_what_is_prepared_is_served(fleet: Fleet) -> None:
    prepared = ADDRESSES[:8]
    with fleet.following():
        for server in fleet.servers:
            for address in prepared:
                assert server.get(address).code == 200
        until(lambda: not any(found["degraded"] for found in fleet.readiness()))
        with polled(fleet, lambda n: prepared[n % len(prepared)], lambda _: True) as asked:
            fleet.cluster.stop()
            until(lambda: all(found["degraded"] for found in fleet.readiness()))
            before = min(asked)
            until(lambda: min(asked) > before + 20)
            for server in fleet.servers:
                ready = server.get("/readyz")
                assert ready.code == 200
                why = json.loads(ready.body)["why"]
                assert why == "the store doesn't answer; what is prepared is served"
            fleet.cluster.start()
            until(lambda: not any(found["degraded"] for found in fleet.readiness()))
        write(fleet.folder, "back.md", title="It is back")
        until(lambda: fleet.show("It is back"))
    said = [line for line in (fleet.home / "loader.log").read_text().splitlines() if line]
    assert len(said) == len(set(said)) <= 4, said


def test_of_two_loaders_one_loads_and_either_may_be_killed(fleet: Fleet) -> None:
    with fleet.following(name="one") as one, fleet.following(name="two") as two:
        for number, killed in enumerate((None, one, two)):
            if killed is not None:
                killed.kill()
                killed.wait()
                if killed is two:
                    break
            write(fleet.folder, f"two-{number}.md", title=f"By two, {number}")
            until(partial(fleet.show, f"By two, {number}"))
    generations = [found["generation"] for found in fleet.readiness()]
    assert len(set(generations)) == 1
    loads = [line for name in ("one", "two") for line in _lines(fleet, name)]
    assert len(loads) == 2, loads  # of what one has loaded, the other says nothing
    fleet.load()
    store = Store(fleet.url)
    assert dump(store) == dump(loaded(fleet.folder))
    store.release()


def _lines(fleet: Fleet, name: str) -> list[str]:
    return (fleet.home / f"{name}.log").read_text().splitlines()


@pytest.mark.parametrize("where", ["merging", "ending"])
def test_a_loader_that_is_killed_in_its_transaction_leaves_nothing(
    fleet: Fleet, where: str
) -> None:
    before = fleet.readiness()[0]["generation"]
    write(fleet.folder, f"{where}.md", title=f"Killed while {where}")
    script = fleet.home / "halted.py"
    script.write_text(HALTED)
    command = [sys.executable, str(script), where, str(fleet.folder), fleet.url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "halted\n"
        for server in fleet.servers:
            assert f"Killed while {where}".encode() not in server.get("/rss.xml").body
        process.kill()
    assert [found["generation"] for found in fleet.readiness()] == [before] * SERVERS
    fleet.load()  # no lock is left
    until(lambda: fleet.show(f"Killed while {where}"))
    assert [found["generation"] for found in fleet.readiness()] == [before + 1] * SERVERS


def test_no_log_and_no_answer_shows_a_password(fleet: Fleet) -> None:
    assert "secret" not in fleet.logs
    for server in fleet.servers:
        assert b"secret" not in server.get("/readyz").body


# -- servers alone ----------------------------------------------------------------------


def test_what_is_not_prepared_while_the_database_is_away_is_waited_for_then_a_503(
    postgresql: PostgreSQL, tmp_path: Path
) -> None:
    url = postgresql.database(empty=True)
    store = Store(url)
    loader.load(store, news(tmp_path / "news", 3))
    store.release()
    later = 0.0
    timing = Timing(lambda: time.monotonic() + later, patience=0.5)
    app = assemble(read({"database_url": url, "load": "off"}), timing)
    postgresql.stop()
    try:
        began = time.monotonic()
        answer = get(app, "/rss.xml")
        assert (answer.code, answer.get("Retry-After")) == (503, "30")
        assert time.monotonic() - began > 0.5
        later = 60  # it has been away for long
        began = time.monotonic()
        assert get(app, "/atom.xml").code == 503
        assert time.monotonic() - began < 0.5
    finally:
        postgresql.start()
    later = 120
    assert get(app, "/rss.xml").code == 200
    documents(app).store.release()
    postgresql.drop(url)


def test_servers_wait_for_the_first_load_and_for_the_database(
    postgresql: PostgreSQL, tmp_path: Path
) -> None:
    fleet = Fleet(postgresql, tmp_path)
    del fleet.servers[1:]
    (server,) = fleet.servers
    postgresql.stop()
    try:
        _start(server)
        assert "what it holds is served when it answers" in server.log
        assert json.loads(server.get("/readyz").body)["why"].endswith("nothing has been loaded yet")
    finally:
        postgresql.start()
    news(fleet.folder, 2)
    fleet.load()
    until(lambda: server.get("/rss.xml").code == 200)
    until(lambda: not json.loads(server.get("/readyz").body)["degraded"])
    assert "secret" not in fleet.logs
    fleet.close()


def test_a_server_with_the_records_loads_for_the_others(
    postgresql: PostgreSQL, tmp_path: Path
) -> None:
    fleet = Fleet(postgresql, tmp_path)
    del fleet.servers[1:]
    loading = Served(
        news(fleet.folder, 2),
        tmp_path / "loading",
        {"FEEDS_DATABASE_URL": fleet.url, "FEEDS_BASE_URL": ROOT, "FEEDS_WORKERS": "2"},
    )
    try:
        loading.start()
        fleet.servers[0].start()
        fleet.servers.append(loading)
        write(fleet.folder, "new.md", title="It is new")
        until(lambda: fleet.show("It is new"))
        one, other = (server.get("/rss.xml") for server in fleet.servers)
        assert (one.body, one.get("ETag")) == (other.body, other.get("ETag"))
        assert "secret" not in fleet.logs
    finally:
        fleet.close()


def _start(server: Served) -> None:
    """Starts one that isn't ready to answer with feeds."""

    def answers() -> bool:
        try:
            return server.get("/readyz").code == 503
        except ConnectionError:
            return False

    patience, server._answers = server._answers, answers  # type: ignore[method-assign]
    server.start()
    server._answers = patience  # type: ignore[method-assign]
