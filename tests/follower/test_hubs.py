"""The publisher in a server of its own, with hubs and subscribers over HTTP."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import feedparser
import pytest

from feeds.config import Config
from feeds.follower.websub import Publisher
from feeds.loading import loader
from feeds.rendering.formats import FORMATS
from feeds.store.database import Store
from feeds.urls import POLICIES
from tests.follower.test_follower import follower
from tests.helpers.hubs import RealHub, RealSubscriber, Scripted
from tests.helpers.server import ROOT, Served, feeds, news, until
from tests.helpers.support import write

Serve = Callable[..., Served]
Real = tuple[RealHub, RealSubscriber]

URLS = {
    f"{ROOT}{'' if policy == 'canonical' else f'/{policy}'}{path}{file}"
    for policy in POLICIES
    for path in ("/", "/topics/ai/")
    for file in FORMATS
}


# -- the commands -----------------------------------------------------------------------


def variables(folder: Path, hub: str) -> dict[str, str]:
    return {
        "FEEDS_SEEDS": str(folder),
        "FEEDS_DATABASE_URL": f"sqlite:///{folder.with_name('feeds.db')}",
        "FEEDS_BASE_URL": ROOT,
        "FEEDS_HUBS": hub,
    }


@pytest.mark.slow
def test_feeds_ping_tells_hubs_after_a_load_and_says_what_waits(
    tmp_path: Path, hub: Scripted
) -> None:
    folder = news(tmp_path / "news", 2)
    run = variables(folder, hub.url)
    store = Store(run["FEEDS_DATABASE_URL"])
    loader.load(store, folder)
    write(folder, "new.md", topics=["AI"])
    loader.load(store, folder)
    store.release()
    hub.answer = lambda url: (500 if url == f"{ROOT}/rss.xml" else 202, {})
    done = feeds("ping", cwd=tmp_path, **run)
    assert (done.returncode, done.stderr) == (
        1,
        f"feeds: 1 pings of hub {hub.url} wait for another try\n",
    )
    assert len(done.stdout.splitlines()) == len(set(hub.urls)) == len(URLS)
    hub.answer = lambda _: (202, {})

    def pinged() -> subprocess.CompletedProcess[str] | None:
        done = feeds("ping", cwd=tmp_path, **run)
        return done if done.returncode == 0 else None

    done = until(pinged)
    assert done.stderr == ""
    assert done.stdout == f"hub {hub.url} was told of {ROOT}/rss.xml (202, attempt 2)\n"
    assert feeds("ping", cwd=tmp_path, **run).stdout == ""


def test_feeds_ping_without_a_hub_says_what_is_missing(tmp_path: Path) -> None:
    done = feeds("ping", cwd=tmp_path, **variables(news(tmp_path / "news", 1), ""))
    assert done.returncode == 2
    assert done.stderr == "feeds: FEEDS_HUBS names no hub; it accepts WebSub hub URLs\n"


# -- a server, real hubs, real subscribers -------------------------------------------------


@pytest.fixture
def real(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[RealHub, RealSubscriber]]:
    """A hub and a subscriber."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    hub, subscriber = RealHub(tmp_path), RealSubscriber(tmp_path)
    yield hub, subscriber
    subscriber.close()
    hub.close()


@pytest.mark.slow
def test_a_record_that_is_written_reaches_subscribers_within_three_seconds(
    tmp_path: Path, serve: Serve, real: Real
) -> None:
    hub, subscriber = real
    folder = news(tmp_path / "news", 4)
    server = serve(folder, variables={"FEEDS_HUBS": hub.url})
    told = ["/amp/rss.xml", "/topics/ai/atom.xml"]
    for path in [*told, "/topics/c-plus-plus/rss.xml"]:
        found = subscriber.subscribe(server.url + path)  # from its Link header
        assert found == {"hub_url": hub.url, "topic_url": server.url + path}
    assert subscriber.received == []

    def receive(title: str, topic: str, number: int) -> float:
        """Seconds from a record to the last of that many deliveries, each of which has it."""
        before, written = len(subscriber.received), time.monotonic()
        write(folder, f"{title}.md", title=title, topics=[topic], publishedDateTime="2024-03-01")
        until(lambda: len(subscriber.received) >= before + number)
        for content in subscriber.received[before:]:
            given = feedparser.parse(content.body)
            assert not given.bozo
            assert title in [entry.title for entry in given.entries]
        return max(content.at for content in subscriber.received[before:]) - written

    took: list[float] = []
    while not took or (took[-1] >= 3 and len(took) < 9):  # other tests may be in the way
        took.append(receive(f"Number {len(took)}", "AI", len(told)))
    assert took[-1] < 3, took
    # What did not change, nobody was told of: that would have come before this.
    receive("Another", "C++", 2)
    topics = sorted(content.topic.removeprefix(server.url) for content in subscriber.received)
    assert topics == sorted(told * len(took) + ["/amp/rss.xml", "/topics/c-plus-plus/rss.xml"])
    assert hub.failed == []


@pytest.mark.slow
def test_what_a_follower_that_is_killed_has_queued_is_told_by_the_next(
    tmp_path: Path, serve: Serve, hub: Scripted
) -> None:
    folder = news(tmp_path / "news", 2)
    server = serve(folder, variables={"FEEDS_HUBS": hub.url})
    first = until(lambda: follower(server))
    store = Store(server.settings()["FEEDS_DATABASE_URL"])
    publisher = Publisher(store, Config(hubs=(hub.url,)), lambda _: None)
    write(folder, "new.md", topics=["AI"])
    until(publisher.waiting)
    os.kill(first, signal.SIGKILL)
    assert hub.asked == []  # it waits for the servers to see what was loaded
    urls = {url.replace(ROOT, server.url) for url in URLS}
    until(lambda: set(hub.urls) == urls)
    until(lambda: not publisher.waiting())
    assert follower(server) != first
    assert len(hub.urls) == len(urls)
    store.release()


@pytest.mark.slow
def test_a_hub_that_was_down_is_told_after_a_restart_of_the_server(
    tmp_path: Path, serve: Serve, hub: Scripted
) -> None:
    hub.stop()
    folder = news(tmp_path / "news", 2)
    server = serve(folder, variables={"FEEDS_HUBS": hub.url})
    until(lambda: follower(server))
    write(folder, "new.md", topics=["AI"])
    until(lambda: "again in 1 s" in server.log)
    assert server.process is not None
    os.killpg(server.process.pid, signal.SIGKILL)
    server.process.wait()
    hub.start()
    server.start()
    urls = {url.replace(ROOT, server.url) for url in URLS}
    until(lambda: set(hub.urls) == urls)
    until(lambda: server.log.count("was told of") == len(urls))


@pytest.mark.slow
def test_what_a_hub_fetches_when_it_is_told_is_new(
    tmp_path: Path, serve: Serve, hub: Scripted
) -> None:
    folder = news(tmp_path / "news", 2)
    server = serve(folder, variables={"FEEDS_HUBS": hub.url, "FEEDS_WORKERS": "2"})
    fetched: list[bytes] = []

    def fetch(url: str) -> tuple[int, dict[str, str]]:
        fetched.extend(server.get(url.removeprefix(server.url)).body for _ in range(3))
        return 202, {}

    hub.answer = fetch
    until(lambda: follower(server))
    write(folder, "new.md", title="It is new", topics=["AI"])
    until(lambda: len(hub.urls) >= len(URLS) and len(fetched) >= 3 * len(URLS))
    assert all(b"It is new" in body for body in fetched)
