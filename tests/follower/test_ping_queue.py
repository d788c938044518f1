from collections.abc import Iterator

import pytest
from sqlalchemy import Connection

from feeds.follower import ping_queue
from feeds.follower.ping_queue import Fate, HubResponse, Outcome, Ping, decide
from feeds.store.database import Store
from feeds.store.reader import Reader
from tests.helpers.databases import databases

HUB, OTHER = "https://hub.example.net/", "https://hub.example.org/"
DAY = 86_400.0


@pytest.mark.parametrize(
    ("answer", "attempts", "age", "outcome"),
    [
        (HubResponse(200), 1, 0, Outcome(Fate.DONE)),
        (HubResponse(202), 9, DAY, Outcome(Fate.DONE)),
        (HubResponse(204), 1, 0, Outcome(Fate.DONE)),
        # What is ours to mend isn't tried again.
        (HubResponse(301), 1, 0, Outcome(Fate.DROPPED)),
        (HubResponse(400), 1, 0, Outcome(Fate.DROPPED)),
        (HubResponse(404), 1, 0, Outcome(Fate.DROPPED)),
        (HubResponse(410), 1, 0, Outcome(Fate.DROPPED)),
        # What may pass is, later and later, for a day.
        (HubResponse(0, "refused"), 1, 0, Outcome(Fate.AGAIN, 1, all_wait=True)),
        (HubResponse(408), 2, 0, Outcome(Fate.AGAIN, 5)),
        (HubResponse(500), 3, 0, Outcome(Fate.AGAIN, 15)),
        (HubResponse(502), 4, 0, Outcome(Fate.AGAIN, 60)),
        (HubResponse(503), 5, 0, Outcome(Fate.AGAIN, 300, all_wait=True)),
        (HubResponse(504), 6, 0, Outcome(Fate.AGAIN, 900)),
        (HubResponse(500), 7, 0, Outcome(Fate.AGAIN, 3600)),
        (HubResponse(500), 99, DAY - 1, Outcome(Fate.AGAIN, 3600)),
        (HubResponse(500), 99, DAY, Outcome(Fate.DROPPED)),
        (HubResponse(0, "refused"), 1, DAY, Outcome(Fate.DROPPED)),
        # What a hub asks for counts when it is longer, up to a day.
        (HubResponse(429, retry_after=120.0), 1, 0, Outcome(Fate.AGAIN, 120, all_wait=True)),
        (HubResponse(429, retry_after=2.0), 3, 0, Outcome(Fate.AGAIN, 15, all_wait=True)),
        (HubResponse(503, retry_after=1e9), 1, 0, Outcome(Fate.AGAIN, DAY, all_wait=True)),
    ],
)
def test_what_becomes_of_a_ping(
    answer: HubResponse, attempts: int, age: float, outcome: Outcome
) -> None:
    assert decide(answer, attempts, age) == outcome


# -- the queue ------------------------------------------------------------------------


@pytest.fixture
def connection(either: None) -> Iterator[Connection]:  # noqa: ARG001 - puts the store there
    """A transaction of an empty store."""
    store = Store(databases.fresh())
    with store.write() as found:
        yield found
    store.release()


def claim(connection: Connection, now: float, most: int = 10, hub: str = HUB) -> list[Ping]:
    return ping_queue.claim(connection, hub, most, now, now + 30)


def test_every_hub_is_told_of_every_url_the_main_ones_first(connection: Connection) -> None:
    ping_queue.queue(connection, [HUB, OTHER], {"b": 1, "c": 0, "a": 1}, now=100.0, due=101.5)
    assert ping_queue.next_due(connection, HUB) == 101.5
    assert claim(connection, 101.0) == []
    assert claim(connection, 101.5, 2) == [Ping(HUB, "c", 0, 100.0, 1), Ping(HUB, "a", 0, 100.0, 1)]
    assert [ping.url for ping in claim(connection, 101.5)] == ["b"]
    assert [ping.url for ping in claim(connection, 101.5, hub=OTHER)] == ["c", "a", "b"]
    assert ping_queue.next_due(connection, "https://nowhere.example/") is None


def test_what_is_claimed_is_nobody_elses_until_the_claim_ends(connection: Connection) -> None:
    ping_queue.queue(connection, [HUB], {"a": 0}, now=0.0, due=0.0)
    assert len(claim(connection, 0.0)) == 1
    assert claim(connection, 29.9) == []
    assert ping_queue.next_due(connection, HUB) == 30.0
    again = claim(connection, 30.0)  # whoever had it was killed
    assert [(ping.url, ping.attempts) for ping in again] == [("a", 0)]


def test_a_ping_that_is_done_or_given_up_is_gone(connection: Connection) -> None:
    ping_queue.queue(connection, [HUB], {"a": 0, "b": 0}, now=0.0, due=0.0)
    one, other = claim(connection, 0.0)
    ping_queue.settle(connection, one, Outcome(Fate.DONE), 1.0)
    assert Reader(lambda: connection).pings_waiting([HUB]) == {HUB: 1}
    ping_queue.settle(connection, other, Outcome(Fate.DROPPED), 1.0)
    assert Reader(lambda: connection).pings_waiting([HUB]) == {}


def test_a_ping_that_failed_waits(connection: Connection) -> None:
    ping_queue.queue(connection, [HUB], {"a": 0, "b": 1}, now=0.0, due=0.0)
    ping = claim(connection, 0.0, 1)[0]
    ping_queue.settle(connection, ping, Outcome(Fate.AGAIN, 5.0), 2.0)
    assert [one.url for one in claim(connection, 6.9)] == ["b"]  # that one doesn't
    assert claim(connection, 7.0) == [Ping(HUB, "a", 1, 0.0, 2)]


def test_all_pings_of_a_hub_that_is_down_wait(connection: Connection) -> None:
    ping_queue.queue(connection, [HUB, OTHER], {"a": 0, "b": 1}, now=0.0, due=0.0)
    ping = claim(connection, 0.0, 1)[0]
    ping_queue.settle(connection, ping, Outcome(Fate.AGAIN, 60.0, all_wait=True), 2.0)
    assert claim(connection, 61.9) == []
    assert len(claim(connection, 61.9, hub=OTHER)) == 2
    assert [(one.url, one.attempts) for one in claim(connection, 62.0)] == [("a", 1), ("b", 0)]


def test_a_url_that_changes_again_is_told_once(connection: Connection) -> None:
    ping_queue.queue(connection, [HUB], {"a": 0}, now=0.0, due=1.0)
    ping_queue.queue(connection, [HUB], {"a": 0}, now=9.0, due=10.0)
    assert claim(connection, 1.0) == [Ping(HUB, "a", 0, 9.0, 2)]  # what it shows is what is new
    assert Reader(lambda: connection).pings_waiting([HUB]) == {HUB: 1}


def test_a_url_that_changes_while_it_is_told_is_told_again(connection: Connection) -> None:
    ping_queue.queue(connection, [HUB], {"a": 0}, now=0.0, due=0.0)
    ping = claim(connection, 0.0)[0]
    ping_queue.queue(connection, [HUB], {"a": 0}, now=1.0, due=2.0)
    ping_queue.settle(connection, ping, Outcome(Fate.DONE), 3.0)  # of what was before
    assert claim(connection, 3.0) == [Ping(HUB, "a", 0, 1.0, 3)]


def test_a_url_that_changes_while_its_hub_is_down_is_tried_for_a_day_from_then(
    connection: Connection,
) -> None:
    ping_queue.queue(connection, [HUB], {"a": 0}, now=0.0, due=0.0)
    ping_queue.settle(connection, claim(connection, 0.0)[0], Outcome(Fate.AGAIN, 3600.0), 0.0)
    ping_queue.queue(connection, [HUB], {"a": 0}, now=1000.0, due=1001.0)
    assert claim(connection, 3599.0) == []
    assert claim(connection, 3600.0)[0].since == 1000.0


def test_hubs_that_are_no_more_are_told_of_nothing(connection: Connection) -> None:
    ping_queue.queue(connection, [HUB, OTHER], {"a": 0}, now=0.0, due=0.0)
    assert Reader(lambda: connection).pings_waiting([OTHER]) == {OTHER: 1}
    ping_queue.queue(connection, [OTHER], {"b": 0}, now=1.0, due=1.0)
    assert Reader(lambda: connection).pings_waiting([HUB, OTHER]) == {OTHER: 2}


def test_many_are_queued(connection: Connection) -> None:
    urls = {f"https://feeds.example.org/{n}/rss.xml": 0 for n in range(1001)}
    for _ in range(2):
        ping_queue.queue(connection, [HUB, OTHER], urls, now=0.0, due=0.0)
    assert Reader(lambda: connection).pings_waiting([HUB, OTHER]) == {HUB: 1001, OTHER: 1001}
