import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest

from feeds.config import Config
from feeds.follower.follower import FolderFollower
from feeds.loading import loader
from feeds.selection import Scope
from feeds.store import recovery, spare
from feeds.store.database import Store
from feeds.store.recovery import open_store
from feeds.store.spare import Keeper, copy, is_due, restore, spare_path
from tests.helpers.server import news, until
from tests.helpers.support import dump, settled, write

HOUR = 3600.0
GARBAGE = b"This is not a database. " * 4000


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every database is worth a copy."""
    monkeypatch.setattr(spare, "_WORTH_COPYING", 0)


def at(file: Path) -> str:
    return f"sqlite:///{file}"


def made(file: Path, folder: Path) -> Store:
    """A store in a file, loaded."""
    store = Store(at(file))
    loader.load(store, folder)
    return store


def entries(store: Store) -> int:
    with store.read() as reader:
        return reader.count(Scope())


def test_a_copy_holds_what_the_database_holds_and_says_what_it_is(tmp_path: Path) -> None:
    file = tmp_path / "feeds.db"
    store = made(file, news(tmp_path / "news"))
    with store.read() as reader:  # an open view keeps nobody waiting
        assert reader.state().generation == 1
        copy(file)
    found = Store(at(spare_path(file)))
    assert dump(found) == dump(store)
    with found.read() as reader:
        assert "was damaged; a copy of before is served" in reader.health().degraded
    with store.read() as reader:
        assert reader.health().degraded == ""
    assert sorted(path.name for path in tmp_path.glob("*.new*")) == []


def test_a_copy_is_made_when_there_is_none_and_when_it_is_old_and_another(tmp_path: Path) -> None:
    file, folder = tmp_path / "feeds.db", news(tmp_path / "news")
    assert not is_due(file, 0)
    store = made(file, settled(folder))
    assert is_due(file, 0)
    copy(file)
    moment = spare_path(file).stat().st_mtime
    assert not is_due(file, moment + 2 * HOUR)  # nothing was written
    write(folder, "new.md")
    loader.load(store, settled(folder))
    assert not is_due(file, moment + HOUR - 1)
    assert is_due(file, moment + HOUR + 1)


def test_a_small_database_and_a_full_disk_have_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "feeds.db"
    made(file, news(tmp_path / "news"))
    size = file.stat().st_size
    monkeypatch.setattr(spare, "_WORTH_COPYING", size + 1)
    assert not is_due(file, 0)
    monkeypatch.setattr(spare, "_WORTH_COPYING", size)
    assert is_due(file, 0)
    usage = shutil.disk_usage(tmp_path)._replace(free=3 * size - 1)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    assert not is_due(file, 0)


def test_a_damaged_database_is_never_copied_over_a_good_copy(tmp_path: Path) -> None:
    file, lines = tmp_path / "feeds.db", list[str]()
    made(file, news(tmp_path / "news", 40)).release()
    copy(file)
    good = spare_path(file).read_bytes()
    os.utime(spare_path(file), (1, 1))
    with file.open("r+b") as handle:
        size = file.stat().st_size
        handle.seek(size // 2)
        handle.write(b"\x55" * (size // 2))
    with pytest.raises(sqlite3.DatabaseError):
        copy(file)
    keeper = Keeper(lines.append)
    spare_path(file).unlink()
    copying = keeper.renew_if_due(file)
    assert copying is not None
    copying.join()
    assert len(lines) == 1
    assert lines[0].startswith(f"the database {file} has no new spare copy: ")
    assert keeper.renew_if_due(file) is None  # for a while
    assert sorted(path.name for path in tmp_path.glob("feeds.db.*")) == ["feeds.db.lock"]
    spare_path(file).write_bytes(good)
    assert restore(file)
    assert recovery.damage_in(file) == ""


def test_without_a_copy_nothing_is_restored(tmp_path: Path) -> None:
    assert not restore(tmp_path / "feeds.db")
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_database_is_replaced_by_its_copy(tmp_path: Path) -> None:
    file, folder, lines = tmp_path / "feeds.db", news(tmp_path / "news"), list[str]()
    store = made(file, settled(folder))
    write(folder, "new.md")
    loader.load(store, settled(folder))
    copy(file)
    store.release()
    file.write_bytes(GARBAGE)
    found = open_store(at(file), lines.append)
    damaged = f"the database {file} is damaged (file is not a database)"
    assert lines == [f"{damaged}; it is kept as feeds.db.damaged and replaced by its spare copy"]
    report = loader.load(found, folder)
    assert (report.parsed, report.changed, report.generation) == (0, 0, 2)
    with found.read() as reader:
        assert reader.health().degraded == ""
    assert not spare_path(file).exists()


def test_a_server_reads_the_copy_until_the_load_that_follows_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That load takes as long as it may; without the copy, a reader had nothing until it ended."""
    file, folder, lines = tmp_path / "feeds.db", news(tmp_path / "news"), list[str]()
    config = Config(seeds=folder, database_url=at(file))
    follower, stop, going_on = FolderFollower(config, lines.append), Event(), Event()
    loads = loader.Loader.load

    def load(self: Any, *given: Any, **named: Any) -> Any:
        if (tmp_path / "feeds.db.damaged").exists():
            going_on.wait()
        return loads(self, *given, **named)

    monkeypatch.setattr(loader.Loader, "load", load)
    thread = Thread(target=follower.run, args=(stop,))
    thread.start()
    try:
        until(spare_path(file).exists)
        reader = recovery.open_for_reading(at(file), lines.append)
        write(folder, "new.md")
        until(lambda: len(lines) == 2)
        assert entries(reader) == 6
        with closing(sqlite3.connect(file)) as connection:  # else its log has all of it
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        file.write_bytes(GARBAGE)
        until(reader.refresh)
        assert entries(reader) == 5
        with reader.read() as view:
            assert "a copy of before is served" in view.health().degraded
        going_on.set()
        until(lambda: entries(reader) == 6)
        with reader.read() as view:
            assert view.health().degraded == ""
        until(spare_path(file).exists)
    finally:
        going_on.set()
        stop.set()
        thread.join()
