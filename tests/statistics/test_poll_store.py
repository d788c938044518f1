import sqlite3
import threading
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest
from sqlalchemy import text

from feeds.loading import loader
from feeds.statistics.poll_store import DAYS_KEPT, HOURS_KEPT, PollStore
from feeds.statistics.polls import DAY, HOUR, Key, Polls
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


def seen(polls: int = 1, subscribers: int = 0) -> Polls:
    return Polls(polls, 0, 0, polls * 100, 0, subscribers)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    poll_store = opened(tmp_path)
    assert (poll_store.hours(0), poll_store.days(0)) == ({}, {})
    batch = {
        Key(H, "/rss.xml", "Feedly", ""): Polls(5, 3, 1, 1000, 9000, 16),
        Key(H, "/rss.xml", "Newsboat", "aa", is_personal=True): Polls(2, 0, 0, 50, 0, 1),
    }
    poll_store.write(batch, NOW)
    assert poll_store.hours(0) == batch
    assert poll_store.hours(H + 1) == {}
    assert PollStore(databases.at(tmp_path / "feeds.db"), silent).hours(0) == batch


def test_batches_of_several_workers_add_up_and_the_largest_claim_stays(tmp_path: Path) -> None:
    one, other = opened(tmp_path), opened(tmp_path)
    key = Key(H, "/rss.xml", "Feedly", "")
    one.write({key: Polls(5, 3, 1, 1000, 9000, 16)}, NOW)
    other.write({key: Polls(1, 1, 0, 0, 500, 18)}, NOW)
    one.write({key: Polls(1, 0, 0, 7, 0, 17)}, NOW)
    assert one.hours(0) == {key: Polls(7, 4, 1, 1007, 9500, 18)}


def test_workers_that_write_at_once_lose_nothing(tmp_path: Path) -> None:
    workers = [opened(tmp_path) for _ in range(4)]
    batch = {Key(H, f"/{n}", "Feedly", ""): seen() for n in range(50)}
    workers[0].write({}, NOW)

    def work(poll_store: PollStore) -> None:
        for _ in range(5):
            poll_store.write(batch, NOW)

    threads = [threading.Thread(target=work, args=(poll_store,)) for poll_store in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {one.polls for one in workers[0].hours(0).values()} == {20}


def test_hours_become_part_of_their_day_and_days_end(tmp_path: Path) -> None:
    poll_store = opened(tmp_path)
    key = Key(H, "/rss.xml", "Feedly", "")
    poll_store.write({key: seen(2, 16), key._replace(hour=H + 1): seen(3, 15)}, NOW)
    whole = {(H // 24, "/rss.xml", "Feedly"): Polls(5, 0, 0, 500, 0, 16)}
    assert poll_store.days(0) == whole
    poll_store.write({}, NOW + (HOURS_KEPT - 1) * HOUR)
    assert len(poll_store.hours(0)) == 2
    poll_store.write({}, NOW + HOURS_KEPT * HOUR)
    assert list(poll_store.hours(0)) == [key._replace(hour=H + 1)]
    assert poll_store.days(0) == whole
    poll_store.write({}, NOW + HOURS_KEPT * HOUR + HOUR)
    assert poll_store.hours(0) == {}
    assert poll_store.days(0) == whole
    # Late, from a worker that the store was away for.
    poll_store.write({key: seen(1, 17)}, NOW + HOURS_KEPT * HOUR + HOUR)
    poll_store.write({}, NOW + HOURS_KEPT * HOUR + HOUR)
    assert poll_store.days(0) == {(H // 24, "/rss.xml", "Feedly"): Polls(6, 0, 0, 600, 0, 17)}
    poll_store.write({}, NOW + DAYS_KEPT * DAY)
    assert poll_store.days(0) == {}


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
        poll_store.write({key: seen()}, NOW)
    with store.write() as connection:
        connection.execute(text("UPDATE state SET schema = 0"))
    store.release()
    again = Store(databases.at(tmp_path / "feeds.db"))
    with again.read() as reader:
        assert reader.state().generation == 0
    assert poll_store.hours(0) == {key: seen()}
    again.release()


EARLIER: Final = """
    CREATE TABLE poll_hours (hour INTEGER, feed TEXT, reader TEXT, source TEXT, polls BIGINT,
        unmodified BIGINT, deltas BIGINT, sent BIGINT, saved BIGINT, claimed INTEGER,
        plain INTEGER, PRIMARY KEY (hour, feed, reader, source));
    CREATE TABLE poll_days (day INTEGER, feed TEXT, reader TEXT, polls BIGINT,
        unmodified BIGINT, deltas BIGINT, sent BIGINT, saved BIGINT, subscribers INTEGER,
        PRIMARY KEY (day, feed, reader));
    CREATE INDEX poll_days_feed ON poll_days (feed, day);
    INSERT INTO poll_hours VALUES (480000, '/', 'Newsboat', 'aa', 2, 0, 1, 50, 60, 0, 1);
    INSERT INTO poll_hours VALUES (480000, '/', 'Feedly', '', 5, 3, 1, 100, 900, 16, 0);
    INSERT INTO poll_days VALUES (20000, '/', 'Feedly', 5, 3, 1, 100, 900, 18);
"""


def test_a_file_of_an_earlier_version_is_read_and_written(tmp_path: Path) -> None:
    """Nothing else holds what is in it."""
    with closing(sqlite3.connect(tmp_path / "feeds.db.stats")) as file:
        file.executescript(EARLIER)
    poll_store = PollStore(f"sqlite:///{tmp_path / 'feeds.db'}", silent)
    feedly, newsboat = Key(H, "/", "Feedly"), Key(H, "/", "Newsboat", "aa", is_personal=True)
    hours = {newsboat: Polls(2, 0, 1, 50, 60, 1), feedly: Polls(5, 3, 1, 100, 900, 16)}
    assert poll_store.hours(0) == hours
    day = {(H // 24, "/", "Feedly"): Polls(10, 6, 2, 200, 1800, 18)}
    assert poll_store.days(0) == day | {(H // 24, "/", "Newsboat"): hours[newsboat]}
    poll_store.write({newsboat: Polls(1, subscribers=1)}, NOW)
    assert poll_store.hours(0)[newsboat] == Polls(3, 0, 1, 50, 60, 1)


@pytest.mark.parametrize("lost", ["removed", "damaged"])
def test_a_file_that_is_lost_is_made_anew(tmp_path: Path, lost: str) -> None:
    if databases.kind != "sqlite":
        return
    said: list[str] = []
    poll_store = PollStore(databases.at(tmp_path / "feeds.db"), said.append)
    poll_store.write({Key(H, "/rss.xml", "Feedly", ""): seen()}, NOW)
    assert poll_store.file is not None
    for part in ("-wal", "-shm"):
        Path(f"{poll_store.file}{part}").unlink(missing_ok=True)
    if lost == "removed":
        poll_store.file.unlink()
    else:
        poll_store.file.write_bytes(b"no database " * 500)
    key = Key(H + 1, "/rss.xml", "Feedly", "")
    poll_store.write({key: seen()}, NOW)
    assert poll_store.hours(0) == {key: seen()}
    aside = poll_store.file.with_name("feeds.db.stats.damaged")
    assert aside.exists() == (lost == "damaged")
    assert len(said) == (lost == "damaged")


def test_who_only_reads_makes_no_file(tmp_path: Path) -> None:
    poll_store = opened(tmp_path)
    assert poll_store.hours(0) == {}
    assert poll_store.days(0) == {}
    assert poll_store.file is None or not poll_store.file.exists()


def test_a_store_in_memory_has_none() -> None:
    assert PollStore.of("sqlite://", silent) is None
