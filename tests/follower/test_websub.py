import re
from dataclasses import replace
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest

from feeds.follower import ping_queue, websub
from feeds.follower.websub import Publisher, background_publisher
from feeds.loading import loader
from feeds.rendering.formats import FORMATS
from feeds.store.database import Store, StoreError
from feeds.store.schema import metadata
from feeds.urls import POLICIES
from tests.helpers.databases import databases
from tests.helpers.hubs import Scripted, answering
from tests.helpers.server import until
from tests.helpers.support import CONFIG, write

pytestmark = pytest.mark.usefixtures("either")

ROOT = CONFIG.base_url


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


class Site:
    """A folder that is loaded, and its publisher."""

    def __init__(self, folder: Path, *hubs: str, **more: Any) -> None:
        self.folder = folder
        self.store = Store(databases.at(folder.with_name("feeds.db")))
        self.log: list[str] = []
        self.clock = Clock()
        self.config = replace(CONFIG, hubs=hubs, seeds=folder, limit=5, **more)
        self.publisher = Publisher(self.store, self.config, self.log.append, self.clock)
        write(folder, "first.md", topics=["AI"])
        self.load()

    def load(self) -> None:
        loader.load(self.store, self.folder)

    def publish(self) -> None:
        """Write a record, load it, and queue the pings."""
        write(self.folder, f"{len(list(self.folder.iterdir()))}.md", topics=["AI"])
        self.load()
        while self.publisher.plan():
            pass

    def deliver(self, after: float = 1.0) -> list[str]:
        """Tell the hubs of what is due `after` seconds; what the log says of it."""
        self.clock.now += after
        self.log.clear()
        for hub in self.config.hubs:
            while self.publisher.deliver(hub):
                pass
        return sorted(self.log)

    def waiting(self) -> int:
        return sum(self.publisher.waiting().values())


URLS = {
    f"{ROOT}{'' if policy == 'canonical' else f'/{policy}'}{path}{file}"
    for policy in POLICIES
    for path in ("/", "/topics/ai/")
    for file in FORMATS
}


# -- what hubs are told -----------------------------------------------------------------


def test_a_hub_is_told_once_of_each_feed_that_changed(tmp_path: Path, hub: Scripted) -> None:
    site = Site(tmp_path / "news", hub.url)
    site.publish()
    site.publish()  # before the hub was told of the first
    log = site.deliver()
    assert sorted(hub.urls) == sorted(URLS)
    assert hub.urls[:3] == [f"{ROOT}/atom.xml", f"{ROOT}/feed.json", f"{ROOT}/rss.xml"] or set(
        hub.urls[:4]
    ) >= {f"{ROOT}/{file}" for file in FORMATS}  # four at once
    assert log == sorted(f"hub {hub.url} was told of {url} (202, attempt 1)" for url in URLS)
    assert site.waiting() == 0
    assert site.deliver(86_400.0) == []


def test_a_hub_is_asked_as_hubs_expect(tmp_path: Path, hub: Scripted) -> None:
    site = Site(tmp_path / "news", hub.url)
    site.publish()
    site.deliver()
    form, headers = hub.asked[0]
    url = form["hub.url"]
    assert form == {"hub.mode": "publish", "hub.url": url, "hub.topic": url}
    assert headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert re.fullmatch(r"feeds/[0-9.]+ \(WebSub publisher\)", headers["User-Agent"])


def test_hubs_are_not_told_before_every_server_has_the_new_generation(
    tmp_path: Path, hub: Scripted
) -> None:
    site = Site(tmp_path / "news", hub.url)
    site.publish()
    assert site.deliver(0.5) == []  # a worker looks every half second
    assert 0 < site.publisher.due_in(hub.url) < 1
    assert len(site.deliver(0.5)) == len(URLS)


def test_the_policy_of_the_settings_comes_first(tmp_path: Path, hub: Scripted) -> None:
    site = Site(tmp_path / "news", hub.url, links="amp")
    site.publish()
    site.deliver()
    everything = {f"{ROOT}/{file}" for file in FORMATS}
    assert everything < set(hub.urls[:4])
    assert f"{ROOT}/canonical/rss.xml" in hub.urls
    assert not any("/amp/" in url for url in hub.urls)


def test_every_hub_is_told(tmp_path: Path, hub: Scripted) -> None:
    other = Scripted().start()
    site = Site(tmp_path / "news", hub.url, other.url)
    site.publish()
    site.deliver()
    other.stop()
    assert sorted(hub.urls) == sorted(other.urls) == sorted(URLS)


def test_without_a_change_nobody_is_told(tmp_path: Path, hub: Scripted) -> None:
    site = Site(tmp_path / "news", hub.url)
    site.load()
    assert not site.publisher.plan()
    assert site.deliver() == []


# -- hubs that fail ----------------------------------------------------------------------


def test_a_hub_that_fails_is_told_later_and_its_first_failure_is_a_line(
    tmp_path: Path, hub: Scripted
) -> None:
    site = Site(tmp_path / "news", hub.url)
    site.publish()
    failing = f"{ROOT}/rss.xml"
    hub.answer = lambda url: (500 if url == failing else 204, {})
    log = site.deliver()
    line = f"hub {hub.url} could not be told of {failing} (500, attempt 1); again in 1 s"
    assert line in log
    assert len(log) == len(URLS)
    assert site.deliver(0.9) == []
    assert site.deliver(0.2) == []
    hub.answer = lambda _: (200, {})
    assert site.deliver(4.0) == []
    assert site.deliver(1.1) == [f"hub {hub.url} was told of {failing} (200, attempt 3)"]
    assert site.waiting() == 0
    site.publish()
    hub.answer = lambda url: (500 if url == failing else 204, {})
    assert line in site.deliver()  # it fails anew


def test_a_hub_that_refuses_is_not_asked_again(tmp_path: Path, hub: Scripted) -> None:
    site = Site(tmp_path / "news", hub.url)
    site.publish()
    hub.answer = lambda _: (403, {})
    log = site.deliver()
    assert log == [log[0]]  # of them all
    assert log[0].startswith(f"hub {hub.url} could not be told of {ROOT}/")
    assert log[0].endswith(" (403, attempt 1); given up")
    assert site.waiting() == 0


def test_a_hub_that_moved_is_not_followed(tmp_path: Path, hub: Scripted) -> None:
    site = Site(tmp_path / "news", hub.url)
    site.publish()
    hub.answer = lambda _: (307, {"Location": f"{hub.url}/elsewhere"})
    assert all(line.endswith("(307, attempt 1); given up") for line in site.deliver())
    assert sorted(hub.urls) == sorted(URLS)


@pytest.mark.parametrize("status", [429, 503])
def test_a_hub_that_is_busy_is_left_alone_for_as_long_as_it_says(
    tmp_path: Path, hub: Scripted, status: int
) -> None:
    site = Site(tmp_path / "news", hub.url)
    site.publish()
    hub.answer = lambda _: (status, {"Retry-After": "120"})
    log = site.deliver()
    assert len(hub.asked) == 4  # those that were under way
    assert [line.endswith(f"({status}, attempt 1); again in 120 s") for line in log] == [True]
    assert site.deliver(119.0) == []
    hub.answer = lambda _: (202, {})
    assert len(site.deliver(1.1)) == len(URLS)
    assert site.waiting() == 0


def test_a_hub_that_is_down_is_told_when_it_is_back(tmp_path: Path, hub: Scripted) -> None:
    hub.stop()
    site = Site(tmp_path / "news", hub.url)
    site.publish()
    log = site.deliver()
    assert ["Connection refused, attempt 1); again in 1 s" in line for line in log] == [True]
    hub.start()
    assert len(site.deliver(1.1)) == len(URLS)
    assert sorted(hub.urls) == sorted(URLS)


def test_one_hub_that_is_down_keeps_no_other_waiting(tmp_path: Path, hub: Scripted) -> None:
    down = Scripted()
    site = Site(tmp_path / "news", down.url, hub.url)
    site.publish()
    site.deliver()
    assert sorted(hub.urls) == sorted(URLS)
    assert site.publisher.waiting() == {down.url: len(URLS)}


def test_what_a_hub_never_takes_is_given_up_after_a_day(tmp_path: Path, hub: Scripted) -> None:
    site = Site(tmp_path / "news", hub.url)
    site.publish()
    hub.answer = lambda _: (500, {})
    site.deliver()
    log = site.deliver(86_400.0)
    assert [line.endswith("(500, attempt 2); given up") for line in log] == [True]
    assert site.waiting() == 0


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, 0.0),
        ("120", 120.0),
        (" 7 ", 7.0),
        ("-5", 0.0),
        ("soon", 0.0),
        ("", 0.0),
        ("Fri, 15 Jan 2027 08:01:00 GMT", 60.0),
        ("Fri, 15 Jan 2027 07:00:00 GMT", 0.0),
        ("9" * 400, float("inf")),
        ("Tue, 02 Jan 99999999999999999999 03:04:05 GMT", 0),
    ],
)
def test_retry_after_is_seconds_or_a_date(value: str | None, seconds: float) -> None:
    assert websub.retry_after(value, 1_800_000_000.0) == seconds


def test_what_a_hub_says_breaks_no_line_of_the_log(tmp_path: Path, hub: Scripted) -> None:
    site = Site(tmp_path / "news", hub.url)
    site.publish()
    hub.stop()
    garbage = b"\x1b[31mHTTP \x07" + b"x" * 4000 + b"\r\nfeeds: all is well"
    with answering(hub.port, garbage):
        log = site.deliver()
    assert [line.isprintable() and len(line) < 500 for line in log] == [True]


def test_what_went_wrong_is_one_short_line() -> None:
    said = websub._problem(OSError(f"a\x1b[31m  b\u202e{'c' * 1000}\nand more"))
    assert said == f"a[31m b{'c' * 193}"


# -- what survives -----------------------------------------------------------------------


def test_what_waits_survives_a_restart(tmp_path: Path, hub: Scripted) -> None:
    site = Site(tmp_path / "news", hub.url)
    site.publish()
    hub.answer = lambda _: (500, {})
    site.deliver()
    site.store.release()
    again = Site(tmp_path / "news", hub.url)
    again.clock.now = site.clock.now
    hub.answer = lambda _: (202, {})
    log = again.deliver(1.1)
    assert len(log) == len(URLS)
    assert all("attempt 2" in line for line in log)


def test_of_publishers_that_run_at_once_one_asks(tmp_path: Path, hub: Scripted) -> None:
    site = Site(tmp_path / "news", hub.url)
    write(tmp_path / "news", "new.md", topics=["AI"])
    site.load()
    others = [
        Publisher(Store(databases.at(tmp_path / "feeds.db")), site.config, site.log.append)
        for _ in range(4)
    ]
    start = Event()

    def work(publisher: Publisher) -> None:
        start.wait()
        while publisher.plan() or publisher.waiting():
            publisher.deliver(hub.url)

    threads = [Thread(target=work, args=(publisher,)) for publisher in others]
    for thread in threads:
        thread.start()
    start.set()
    for thread in threads:
        thread.join()
    for publisher in others:
        publisher.store.release()
    assert sorted(hub.urls) == sorted(URLS)
    assert sum(" was told of " in line for line in site.log) == len(URLS), site.log


def test_one_that_is_killed_while_it_asks_leaves_it_to_the_next(
    tmp_path: Path, hub: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = Site(tmp_path / "news", hub.url)
    site.publish()

    def killed(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(ping_queue, "settle", killed)
        with pytest.raises(KeyboardInterrupt):
            site.deliver()
    assert len(hub.asked) == 4
    assert len(site.deliver(1.0)) == len(URLS) - 4  # those it hadn't claimed
    assert len(site.deliver(20.0)) == 4
    assert {url: hub.urls.count(url) for url in URLS} == {
        url: 2 if url in hub.urls[:4] else 1 for url in URLS
    }


def test_a_store_that_does_not_answer_is_one_error(tmp_path: Path, hub: Scripted) -> None:
    site = Site(tmp_path / "news", hub.url)
    with site.store.write() as connection:
        metadata.drop_all(connection)
    with pytest.raises(StoreError, match=r"can.t be used: .*state"):
        site.publisher.plan()


def test_beside_a_follower_all_goes_by_itself(tmp_path: Path, hub: Scripted) -> None:
    site = Site(tmp_path / "news", hub.url)
    database = str(site.store.url)
    log: list[str] = []
    warnings: list[str] = []
    config = replace(site.config, database_url=database)
    publishing = background_publisher(config, warnings.append, None, log.append)
    publishing.start()
    write(tmp_path / "news", "new.md", topics=["AI"])
    site.load()
    publishing.look()
    until(lambda: len(log) == len(URLS))
    assert warnings == []
    publishing.end()
    assert sorted(hub.urls) == sorted(URLS)
