"""The Last-Modified header of feeds: what a store made anew says, and wrong clocks."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from feeds.loading import loader
from feeds.loading.arrivals import HistoryReader
from feeds.serving.document_store import DocumentStore, Timing
from feeds.store.database import Store
from tests.helpers.databases import databases
from tests.helpers.repository import Repository
from tests.helpers.support import CONFIG, addresses, record, write

BEGIN = datetime(2026, 1, 10, tzinfo=UTC)
DAY = timedelta(days=1)


class Server:
    """One with a store of its own, that loads and answers at moments by its clock."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.store = folder, Store(databases.fresh())
        self.now = BEGIN
        timing = Timing(now=lambda: self.now)
        self.documents = DocumentStore(self.store, CONFIG, timing)

    def modified(self, load: datetime, now: datetime | None = None) -> datetime | None:
        """When its feed says that it was modified, after a load, at a moment."""
        loader.load(self.store, self.folder, now=load, history=HistoryReader(self.folder))
        self.now = now or load
        self.documents.watch.look_again()
        return self.documents.document(addresses().feed("/rss.xml", {})).modified


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write(tmp_path / "records", "a.md").parent


@pytest.fixture
def server(folder: Path) -> Iterator[Server]:
    made = Server(folder)
    yield made
    made.store.release()


def test_without_history_a_feed_is_no_older_than_its_store(server: Server, folder: Path) -> None:
    assert server.modified(BEGIN) == BEGIN
    assert server.modified(BEGIN + DAY) == BEGIN
    write(folder, "b.md", publishedDateTime="2020-01-01")
    assert server.modified(BEGIN + 2 * DAY) == BEGIN + 2 * DAY
    anew = Server(folder)
    assert anew.modified(BEGIN + 3 * DAY) == BEGIN + 3 * DAY
    anew.store.release()


def test_with_history_a_feed_is_no_older_than_the_last_commit(tmp_path: Path) -> None:
    repository = Repository(tmp_path / "site")
    for day in (0, 1, 2):
        moment = int((BEGIN + day * DAY).timestamp())
        repository.commit(moment, {f"{day}.md": record(webUrl=f"https://example.com/{day}")})
    repository.commit(int((BEGIN + 4 * DAY).timestamp()), {"1.md": None})
    for day in (5, 6):
        server = Server(repository.folder)
        assert server.modified(BEGIN + day * DAY) == BEGIN + 4 * DAY
        server.store.release()


def test_a_feed_is_never_modified_later_than_now_nor_earlier_than_before(
    server: Server, folder: Path
) -> None:
    write(folder, "future.md", updatedDateTime="2030-01-01")
    assert server.modified(BEGIN) == BEGIN
    write(folder, "b.md")
    assert server.modified(BEGIN + 9 * DAY, now=BEGIN + DAY) is None  # the loader's clock was ahead
    write(folder, "c.md")
    assert server.modified(BEGIN + DAY) is None
    write(folder, "d.md")
    ahead = BEGIN + 9 * DAY
    assert server.modified(BEGIN + 2 * DAY, now=ahead) == ahead + timedelta(seconds=2)
