"""Caches are told what to forget: when, once, again after failures, and by hand."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from feeds.follower import purging, websub
from feeds.follower.purging import Purger
from feeds.follower.workers import SETTLING
from feeds.loading import loader
from feeds.store.database import Store
from feeds.store.schema import pings
from feeds.telemetry.metrics import Metrics
from tests.helpers.databases import databases
from tests.helpers.server import feeds, free_port, news
from tests.helpers.support import CONFIG, LOADED, loaded, write

pytestmark = pytest.mark.usefixtures("either")


class Cache(ThreadingHTTPServer):
    """A cache that notes what it is told to forget."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.status = 200
        self.told: list[str] = []
        self.url = f"http://127.0.0.1:{self.server_port}/"
        Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    def forgotten(self) -> set[str]:
        """The keys that it was told since it was last asked."""
        told, self.told = self.told, []
        return {key for line in told for key in line.split()}


class _Handler(BaseHTTPRequestHandler):
    server: Cache

    def do_PURGE(self) -> None:
        assert self.headers["xkey"] == self.headers["Surrogate-Key"]
        self.server.told.append(self.headers["xkey"])
        self.send_response(self.server.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its signature
        pass


@pytest.fixture
def cache() -> Iterator[Cache]:
    found = Cache()
    yield found
    found.shutdown()
    found.server_close()


class Site:
    """A store over a folder, and a purger of a cache whose clock stands still."""

    def __init__(self, folder: Path, cache: str) -> None:
        self.folder = news(folder)
        self.store = loaded(folder)
        self.config = replace(CONFIG, purge=(cache,))
        self.now = 0.0
        self.loads = 0
        self.log: list[str] = []
        self.metrics = Metrics()
        self.purger = self.restarted()

    def restarted(self) -> Purger:
        return Purger(
            self.store,
            self.config,
            self.config.purge[0],
            self.log.append,
            lambda: self.now,
            self.metrics,
        )

    def load(self) -> None:
        self.loads += 1
        write(self.folder, f"more-{self.loads}.md", topics=["AI"])
        loader.load(self.store, self.folder, now=LOADED + timedelta(minutes=self.loads))

    def pass_(self, seconds: float) -> None:
        """Lets time pass, with as many steps as the purger asks for."""
        end = self.now + seconds
        while self.now < end:
            self.now += max(self.purger.step(), 0.01)


@pytest.fixture
def site(tmp_path: Path, cache: Cache) -> Site:
    return Site(tmp_path / "news", cache.url)


def test_a_cache_that_was_never_told_anything_forgets_all_and_is_then_left_alone(
    site: Site, cache: Cache
) -> None:
    site.pass_(2)
    assert cache.told == ["all"]
    site.pass_(60)
    assert cache.told == ["all"]
    assert site.log == [f"cache {cache.url} was purged of what changed (all)"]


def test_a_purge_is_no_warning(site: Site, cache: Cache) -> None:
    warnings: list[str] = []
    told: list[str] = []
    purger = Purger(site.store, site.config, cache.url, warnings.append, tell=told.append)
    state = purger.pending_mark()
    assert state is not None
    purger._pending = state
    purger.step()
    assert (warnings, told) == ([], [f"cache {cache.url} was purged of what changed (all)"])


def test_a_load_is_told_once_after_the_workers_noticed_it(site: Site, cache: Cache) -> None:
    site.pass_(2)
    cache.forgotten()
    site.load()
    site.purger.step()
    assert not cache.told
    site.now += 0.7
    site.purger.step()
    assert not cache.told
    site.pass_(1)
    keys = cache.forgotten()
    assert {"any", "/", "/topics/ai/", "/2024/01/"} <= keys
    assert not {"all", "/topics/c-plus-plus/", "topic/ai"} & keys
    site.pass_(60)
    assert not cache.told


def test_a_load_that_comes_while_another_settles_is_told_when_it_has_settled_too(
    site: Site, cache: Cache
) -> None:
    site.pass_(2)
    site.load()
    site.purger.step()
    site.now += 0.7
    site.load()  # the first is told now, when workers may not know of this one
    site.pass_(0.2)
    assert "/topics/ai/" in cache.forgotten()
    site.pass_(2)
    assert "/topics/ai/" in cache.forgotten()


def test_what_a_cache_missed_is_told_when_it_is_back_and_after_a_restart(
    site: Site, cache: Cache
) -> None:
    site.pass_(2)
    cache.forgotten()
    cache.status = 503
    site.load()
    site.pass_(1)
    site.pass_(60)
    tries = len(cache.told)
    assert 3 <= tries <= 6
    counted = site.metrics.render().decode()
    for outcome, number in {"done": 1, "again": tries}.items():
        labels = f'cache="127.0.0.1",outcome="{outcome}"'
        assert f"feeds_cache_purges_total{{{labels}}} {number}.0" in counted
    line = f"cache {cache.url} could not be purged (it answers 503); again in 1 s"
    assert site.log[1:] == [line]  # once
    write(site.folder, "video.md", type="video", topics=["Space"])
    site.load()
    cache.status = 200
    cache.forgotten()
    site.purger = site.restarted()
    site.pass_(2)
    assert {"/topics/ai/", "/topics/space/", "/types/videos/"} <= cache.forgotten()


def test_a_cache_that_is_away_holds_up_nothing_and_is_told_of_in_the_log(tmp_path: Path) -> None:
    site = Site(tmp_path / "news", f"http://127.0.0.1:{free_port()}/")
    site.pass_(2)
    assert "Connection refused); again in 1 s" in site.log[0]


def test_other_settings_purge_everything_but_those_that_no_document_is_made_from(
    site: Site, cache: Cache
) -> None:
    site.pass_(2)
    cache.forgotten()
    site.config = replace(site.config, workers=7, cache_mb=1)
    site.purger = site.restarted()
    site.pass_(2)
    assert not cache.told
    site.config = replace(site.config, title="Other News")
    site.purger = site.restarted()
    site.pass_(2)
    assert cache.told == ["all"]


def test_many_keys_are_told_in_several_requests(cache: Cache) -> None:
    keys = [f"/topics/a-topic-of-many-words-{number}/" for number in range(400)]
    purging.purge(cache.url, keys)
    assert len(cache.told) > 1
    assert max(map(len, cache.told)) < 4100
    assert cache.forgotten() == set(keys)


def test_hubs_are_told_after_the_caches(site: Site) -> None:
    """Else a hub would fetch what was before from the cache."""
    due: dict[bool, float] = {}
    for purges in (True, False):
        hub = "http://127.0.0.1:9/hub"
        config = replace(CONFIG, hubs=(hub,), purge=site.config.purge if purges else ())
        site.load()
        publisher = websub.Publisher(site.store, config, site.log.append, lambda: 1000.0)
        while publisher.plan():
            pass
        due[purges] = publisher.due_in(hub)
        with site.store.write() as connection:
            connection.execute(pings.delete())
    assert due[True] - due[False] >= 0.5
    assert due[False] + due[True] > SETTLING * 2


@pytest.mark.slow
def test_the_command_purges_all_or_keys_and_says_what_went_wrong(
    tmp_path: Path, cache: Cache
) -> None:
    away = f"http://127.0.0.1:{free_port()}/"

    def run(*arguments: str, caches: str = cache.url) -> tuple[int, str]:
        done = feeds("purge", *arguments, cwd=tmp_path, FEEDS_PURGE=caches)
        return done.returncode, done.stdout + done.stderr

    assert run() == (0, f"cache {cache.url} was purged of all\n")
    assert cache.told == ["all"]
    cache.forgotten()
    assert run("topic/ai", "/types/videos/")[0] == 0
    assert cache.told == ["topic/ai /types/videos/ topics"]
    code, said = run("all", caches=f"{away} {cache.url}")
    assert code == 1
    assert f"feeds: cache {away} could not be purged (" in said
    assert f"cache {cache.url} was purged of all" in said
    assert run("two words")[0] == 2
    assert "FEEDS_PURGE names no cache" in run(caches="")[1]


@pytest.mark.slow
def test_the_command_purges_what_changed_since_it_last_did(tmp_path: Path, cache: Cache) -> None:
    folder = news(tmp_path / "seeds")
    variables = {"FEEDS_PURGE": cache.url, "FEEDS_DATABASE_URL": f"sqlite:///{tmp_path}/a.db"}

    def run(*arguments: str) -> int:
        return feeds(*arguments, cwd=tmp_path, **variables).returncode

    assert run("load") == 0
    assert run("purge", "--changed") == 0
    assert cache.forgotten() == {"all"}
    assert run("purge", "--changed") == 0
    assert not cache.told
    write(folder, "new.md", topics=["AI"])
    assert run("load") == 0
    cache.status = 500
    assert run("purge", "--changed") == 1
    cache.status = 200
    cache.forgotten()
    assert run("purge", "--changed") == 0
    assert "/topics/ai/" in cache.forgotten()
    assert run("purge", "--changed", "all") == 2


def test_a_purge_of_a_store_that_holds_nothing_yet_waits(cache: Cache) -> None:
    store = Store(databases.fresh())
    purger = Purger(store, CONFIG, cache.url, lambda _: None)
    assert purger.step() > 0
    assert not cache.told
