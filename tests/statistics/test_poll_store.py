import threading
from pathlib import Path

import pytest
from sqlalchemy import text

from feeds.loading import loader
from feeds.statistics.poll_store import (
    DAY,
    DAYS_KEPT,
    HOUR,
    HOURS_KEPT,
    Day,
    Key,
    PollBucket,
    Polls,
    PollStore,
    subscribers_at_least,
)
from feeds.store.database import Store
from tests.helpers.databases import databases
from tests.helpers.server import news

pytestmark = pytest.mark.usefixtures("either")

NOW = 480_000 * HOUR  # the beginning of a day
H = NOW // HOUR


def silent(message: str) -> None:
    raise AssertionError(message)


def opened(tmp_path: Path) -> PollStore:
    return PollStore(databases.at(tmp_path / "feeds.db"), silent)


def seen(polls: int = 1, reported_subscribers: int = 0, *, is_personal: bool = False) -> PollBucket:
    return PollBucket(Polls(polls, 0, 0, polls * 100, 0), reported_subscribers, is_personal)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    poll_store = opened(tmp_path)
    assert (poll_store.hours(0), poll_store.days(0)) == ({}, {})
    batch = {
        Key(H, "/rss.xml", "Feedly", ""): PollBucket(Polls(5, 3, 1, 1000, 9000), 16),
        Key(H, "/rss.xml", "Newsboat", "aa"): PollBucket(
            Polls(2, 0, 0, 50, 0), 0, is_personal=True
        ),
    }
    poll_store.write(batch)
    assert poll_store.hours(0) == batch
    assert poll_store.hours(H + 1) == {}
    assert PollStore(databases.at(tmp_path / "feeds.db"), silent).hours(0) == batch


def test_batches_of_several_workers_add_up_and_the_largest_claim_stays(tmp_path: Path) -> None:
    one, other = opened(tmp_path), opened(tmp_path)
    key = Key(H, "/rss.xml", "Feedly", "")
    one.write({key: PollBucket(Polls(5, 3, 1, 1000, 9000), 16)})
    other.write({key: PollBucket(Polls(1, 1, 0, 0, 500), 18)})
    one.write({key: PollBucket(Polls(1, 0, 0, 7, 0), 17)})
    assert one.hours(0) == {key: PollBucket(Polls(7, 4, 1, 1007, 9500), 18)}


def test_workers_that_write_at_once_lose_nothing(tmp_path: Path) -> None:
    workers = [opened(tmp_path) for _ in range(4)]
    batch = {Key(H, f"/{n}", "Feedly", ""): seen() for n in range(50)}
    workers[0].write({})

    def work(poll_store: PollStore) -> None:
        for _ in range(5):
            poll_store.write(batch)

    threads = [threading.Thread(target=work, args=(poll_store,)) for poll_store in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {one.polls.polls for one in workers[0].hours(0).values()} == {20}


def test_hours_become_part_of_their_day_and_days_end(tmp_path: Path) -> None:
    poll_store = opened(tmp_path)
    key = Key(H, "/rss.xml", "Feedly", "")
    poll_store.write({key: seen(2, 16), key._replace(hour=H + 1): seen(3, 15)})
    whole = {(H // 24, "/rss.xml", "Feedly"): Day(Polls(5, 0, 0, 500, 0), 16)}
    assert poll_store.days(0) == whole
    poll_store.fold(NOW + (HOURS_KEPT - 1) * HOUR)
    assert len(poll_store.hours(0)) == 2
    poll_store.fold(NOW + HOURS_KEPT * HOUR)
    assert list(poll_store.hours(0)) == [key._replace(hour=H + 1)]
    assert poll_store.days(0) == whole
    poll_store.fold(NOW + HOURS_KEPT * HOUR + HOUR)
    assert poll_store.hours(0) == {}
    assert poll_store.days(0) == whole
    poll_store.write({key: seen(1, 17)})  # late, from a worker that the store was away for
    poll_store.fold(NOW + HOURS_KEPT * HOUR + HOUR)
    assert poll_store.days(0) == {(H // 24, "/rss.xml", "Feedly"): Day(Polls(6, 0, 0, 600, 0), 17)}
    poll_store.fold(NOW + DAYS_KEPT * DAY)
    assert poll_store.days(0) == {}


def test_a_fetcher_counts_once_for_each_of_its_feeds_as_the_most_it_said() -> None:
    key = Key(1, "/rss.xml", "Feedbin", "1")
    assert subscribers_at_least({
        key: seen(9, 10),
        key._replace(hour=2): seen(9, 12),
        key._replace(hour=3): seen(9, 11),
        key._replace(hour=3, source="2"): seen(1, 5),
    }) == 17  # fmt: skip


def test_programs_count_as_many_as_differ_within_an_hour() -> None:
    def newsboat(hour: int, source: str) -> tuple[Key, PollBucket]:
        return Key(hour, "/rss.xml", "Newsboat", source), seen(is_personal=True)

    polls = [newsboat(1, "2.20"), newsboat(2, "2.21"), newsboat(3, "2.22")]
    assert subscribers_at_least(dict(polls)) == 1  # who updates isn't two
    assert subscribers_at_least(dict([*polls, newsboat(2, "2.19")])) == 2


def test_the_store_can_be_made_anew_without_them_and_loads_go_on_meanwhile(
    tmp_path: Path,
) -> None:
    """Neither a new version's tables nor a long load has anything to do with them."""
    folder = news(tmp_path / "news", 2)
    store = Store(databases.at(tmp_path / "feeds.db"))
    loader.load(store, folder)
    poll_store = opened(tmp_path)
    key = Key(H, "/rss.xml", "Feedly", "")
    with store.write():  # a load that takes its time
        poll_store.write({key: seen()})
    with store.write() as connection:
        connection.execute(text("UPDATE state SET schema = 0"))
    store.release()
    again = Store(databases.at(tmp_path / "feeds.db"))
    with again.read() as reader:
        assert reader.state().generation == 0
    assert poll_store.hours(0) == {key: seen()}
    again.release()


@pytest.mark.parametrize("lost", ["removed", "damaged"])
def test_a_file_that_is_lost_is_made_anew(tmp_path: Path, lost: str) -> None:
    if databases.kind != "sqlite":
        return
    said: list[str] = []
    poll_store = PollStore(databases.at(tmp_path / "feeds.db"), said.append)
    poll_store.write({Key(H, "/rss.xml", "Feedly", ""): seen()})
    assert poll_store.file is not None
    for part in ("-wal", "-shm"):
        Path(f"{poll_store.file}{part}").unlink(missing_ok=True)
    if lost == "removed":
        poll_store.file.unlink()
    else:
        poll_store.file.write_bytes(b"no database " * 500)
    key = Key(H + 1, "/rss.xml", "Feedly", "")
    poll_store.write({key: seen()})
    assert poll_store.hours(0) == {key: seen()}
    aside = poll_store.file.with_name("feeds.db.stats.damaged")
    assert aside.exists() == (lost == "damaged")
    assert len(said) == (lost == "damaged")


def test_who_only_reads_makes_no_file(tmp_path: Path) -> None:
    poll_store = opened(tmp_path)
    assert poll_store.hours(0) == {}
    poll_store.fold(NOW)
    assert poll_store.file is None or not poll_store.file.exists()


def test_a_store_in_memory_has_none() -> None:
    assert PollStore.of("sqlite://", silent) is None
