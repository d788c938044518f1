import gc
import os
import threading
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from feeds.statistics import counter, user_agents
from feeds.statistics.counter import RequestCounter, feed_of, kind_of
from feeds.statistics.poll_store import PollStore
from feeds.statistics.polls import Hours, Key, Polls
from feeds.telemetry.log import RequestRecord
from feeds.telemetry.metrics import Metrics
from tests.helpers.server import until
from tests.helpers.support import addresses

NOW = 480_000 * 3600
FEEDLY = "Feedly/1.0 (16 subscribers)"


def made(poll_store: Any = None, warn: Callable[[str], None] = print) -> RequestCounter:
    return RequestCounter(
        Metrics(), poll_store, addresses(), lambda: (3, 700), warn, clock=lambda: NOW
    )


def is_folded(found: RequestCounter) -> bool:
    found.fold()
    return len(found._answers) == 0


class Kept:
    """A store of polls that remembers, and fails when it is told to."""

    def __init__(self) -> None:
        self.batches: list[dict[Key, Polls]] = []
        self.fails = False

    def write(self, batch: Hours, _: float) -> None:
        if self.fails:
            raise OSError("the disk is full")
        self.batches.append(dict(batch))


def answer(**fields: Any) -> RequestRecord:
    usual = RequestRecord("/rss.xml", 200, "gzip", "prepared", 900, 900, 0.0002, FEEDLY)
    return usual._replace(**fields)


SAME = answer(status=304, outcome="not modified", sent=0)
DELTA = answer(status=226, outcome="delta", sent=100)


def figures(found: RequestCounter) -> dict[tuple[str, ...], float]:
    """Samples by name and the values of their labels."""
    families = text_string_to_metric_families(found.metrics.render().decode())
    samples = [sample for family in families for sample in family.samples]
    return {(s.name, *(v for _, v in sorted(s.labels.items()))): s.value for s in samples}


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("/rss.xml", "rss"),
        ("/amp/topics/ai/atom.xml?limit=5", "atom"),
        ("/feed.json?q=rss.xml", "json"),
        ("/", "page"),
        ("/topics/ai/?q=/static/x", "page"),
        ("/embed/topics/ai/?theme=dark", "embed"),
        ("/amp/feeds.opml?format=atom", "opml"),
        ("/feeds.json", "list"),
        ("/static/style.css", "asset"),
        ("", "other"),
        ("/healthz", "other"),
    ],
)
def test_kinds_are_a_closed_list(address: str, kind: str) -> None:
    assert kind_of(address) == kind
    assert kind in counter.KINDS


@pytest.mark.parametrize(
    ("address", "feed"),
    [
        ("/rss.xml", "/rss.xml"),
        ("/amp/topics/ai/atom.xml?limit=5", "/amp/topics/ai/atom.xml"),
        ("/rss.xml?q=secret&min_quality=5", "/rss.xml?"),
        ("/rss.xml?page=2", ""),
        ("/2024/01/rss.xml", ""),
        ("/", ""),
        ("/feeds.opml", ""),
        ("/static/style.css", ""),
        ("", ""),
        ("/nonsense", ""),
    ],
)
def test_what_people_subscribe_to_has_no_parameters(address: str, feed: str) -> None:
    assert feed_of(addresses(), address) == feed


def test_requests_are_counted_by_kind_status_coding_and_outcome() -> None:
    found = made()
    for one in (answer(), answer(seconds=0.3), SAME, DELTA, answer(address="", status=404)):
        found.note(one)
    found.fold()
    said = figures(found)
    assert said["feeds_requests_total", "gzip", "rss", "prepared", "200"] == 2
    assert said["feeds_requests_total", "gzip", "rss", "not modified", "304"] == 1
    assert said["feeds_requests_total", "gzip", "rss", "delta", "226"] == 1
    assert said["feeds_requests_total", "gzip", "other", "prepared", "404"] == 1
    assert said["feeds_sent_bytes_total", "gzip", "rss"] == 1900
    assert said["feeds_saved_bytes_total", "not modified"] == 900
    assert said["feeds_saved_bytes_total", "delta"] == 800
    assert said["feeds_request_duration_seconds_count", "prepared"] == 3
    assert said["feeds_request_duration_seconds_bucket", "0.00025", "prepared"] == 2
    assert said["feeds_request_duration_seconds_bucket", "0.25", "prepared"] == 2
    assert said["feeds_request_duration_seconds_bucket", "0.5", "prepared"] == 3
    assert said["feeds_request_duration_seconds_sum", "prepared"] == pytest.approx(0.3004)
    assert said["feeds_prepared_documents",] == 3
    assert said["feeds_prepared_bytes",] == 700


def test_a_delta_that_is_longer_than_its_feed_saves_nothing() -> None:
    found = made()
    found.note(DELTA._replace(sent=1000))
    found.fold()
    said = figures(found)
    assert said["feeds_sent_bytes_total", "gzip", "rss"] == 1000
    assert said.get(("feeds_saved_bytes_total", "delta"), 0) == 0


def test_what_was_counted_is_counted_once() -> None:
    found = made()
    found.note(answer())
    found.fold()
    found.fold()
    assert figures(found)["feeds_requests_total", "gzip", "rss", "prepared", "200"] == 1


def test_many_threads_lose_nothing() -> None:
    found = made()

    def work() -> None:
        for _ in range(3000):
            found.note(answer())

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    until(lambda: is_folded(found))
    assert figures(found)["feeds_requests_total", "gzip", "rss", "prepared", "200"] == 12_000


def test_polls_are_kept_by_hour_feed_and_reader() -> None:
    kept = Kept()
    found = made(kept)
    for one in (
        answer(),
        SAME,
        SAME._replace(agent="Feedly/1.0 (18 subscribers)"),
        DELTA._replace(agent="newsboat/2.21"),
        answer(status=404),
        answer(address="/"),
        answer(address="/rss.xml?q=x", agent=""),
    ):
        found.note(one)
    found.fold()
    found.write()
    source = user_agents.read("newsboat/2.21").source
    assert kept.batches == [
        {
            Key(480_000, "/rss.xml", "Feedly", ""): Polls(3, 2, 0, 900, 1800, 18),
            Key(480_000, "/rss.xml", "Newsboat", source, is_personal=True): Polls(
                1, 0, 1, 100, 800, 1
            ),
            Key(480_000, "/rss.xml?", "Unnamed", ""): Polls(1, 0, 0, 900, 0),
        }
    ]
    found.write()
    assert len(kept.batches) == 1


def test_what_cannot_be_written_is_kept_until_it_can_and_told_once() -> None:
    kept, said = Kept(), list[str]()
    found = made(kept, said.append)
    kept.fails = True
    for _ in range(3):
        found.note(answer())
        found.fold()
        found.write()
    assert said == ["who polls can't be noted just now: the disk is full"]
    kept.fails = False
    found.write()
    [batch] = kept.batches
    assert [one.polls for one in batch.values()] == [3]


def test_strangers_cannot_make_it_grow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counter, "_KEYS", 50)
    kept = Kept()
    found = made(kept)
    for number in range(3000):
        found.note(answer(agent=f"Reader{'abcdefghij'[number % 10]}{number}x/{number}"))
        found.note(answer(agent=f"newsboat/{number}"))
    until(lambda: is_folded(found))
    kept.fails = True
    found.write()
    kept.fails = False
    found.write()
    [batch] = kept.batches
    assert len(batch) <= 51
    assert len({key.reader for key in batch}) <= counter._NAMES + 2
    assert sum(one.polls for one in batch.values()) == 6000
    assert batch[Key(480_000, "Other", "Other", "")].subscribers == 0


def test_a_store_that_fails_for_hours_makes_it_no_larger(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counter, "_KEYS", 50)
    kept = Kept()
    kept.fails = True
    found = made(kept)
    for hour in range(4):
        monkeypatch.setattr(found, "_clock", lambda now=NOW + hour * 3600: now)
        for number in range(60):
            found.note(answer(agent=f"newsboat/{number}"))
        found.fold()
        found.write()
    assert len(found._polls) == 50 + 4
    assert sum(one.polls for one in found._polls.values()) == 4 * 60


def test_a_directory_that_is_gone_fails_no_request(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    found = made(warn=said.append)

    def gone(_: object) -> None:
        raise FileNotFoundError(2, "No such file or directory")

    monkeypatch.setattr(found.metrics, "answered", gone)
    monkeypatch.setattr(counter, "_MANY", 1)
    found.note(answer())
    found.note(answer())
    assert len(said) == 1


def test_its_thread_ends_with_it() -> None:
    found = made()
    found.start()
    thread = found._thread
    assert thread is not None
    gone = weakref.ref(found)
    del found
    until(lambda: (gc.collect(), gone() is None)[1])
    thread.join(30)
    assert not thread.is_alive()


def test_a_fork_counts_anew(tmp_path: Path) -> None:
    poll_store = PollStore(f"sqlite:///{tmp_path / 'feeds.db'}", print)
    found = made(poll_store)
    monotonic = time.monotonic()
    found.note(answer())
    found._after_fork()  # what the child of a fork is told
    assert (found._thread, len(found._answers)) == (None, 0)
    found.note(answer())
    found.tick(at_once=True)
    assert [one.polls for one in poll_store.hours(0).values()] == [1]
    assert time.monotonic() >= monotonic
    assert os.getpid() > 0
