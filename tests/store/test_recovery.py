import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from feeds.loading import loader
from feeds.selection import Scope
from feeds.store import recovery
from feeds.store.database import Store, StoreError
from feeds.store.recovery import current_url, drop_fallback, is_fallback, open_store, with_recovery
from tests.helpers.server import news

GARBAGE = b"This is not a database. " * 1000


@pytest.fixture(autouse=True)
def _memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Stand-ins are made in a folder of the test."""
    (tmp_path / "memory").mkdir()
    monkeypatch.setattr(recovery, "_MEMORY", tmp_path / "memory")
    recovery._fallback_folder.cache_clear()
    yield
    recovery._fallback_folder.cache_clear()


def at(path: Path) -> str:
    return f"sqlite:///{path}"


def entries(store: Store) -> int:
    with store.read() as reader:
        return reader.count(Scope())


def opened(url: str) -> tuple[Store, list[str]]:
    lines: list[str] = []
    return open_store(url, lines.append), lines


def load(url: str, folder: Path, lines: list[str]) -> Store:
    def work(store: Store) -> Store:
        loader.load(store, folder)
        return store

    return with_recovery(url, lines.append, work)


def test_a_good_database_is_opened_without_a_word(tmp_path: Path) -> None:
    store, lines = opened(at(tmp_path / "feeds.db"))
    assert (store.file, lines) == (tmp_path / "feeds.db", [])


def test_a_damaged_file_is_kept_aside_and_made_anew(tmp_path: Path) -> None:
    file = tmp_path / "feeds.db"
    file.with_name("feeds.db.lock").touch()  # as a load did
    for number, name in enumerate(["feeds.db.damaged", "feeds.db.damaged-2"]):
        file.write_bytes(GARBAGE + bytes([number]))
        store, lines = opened(at(file))
        store.release()
        damaged = f"the database {file} is damaged (file is not a database)"
        assert lines == [f"{damaged}; it is kept as {name} and made anew"]
        assert (tmp_path / name).read_bytes() == GARBAGE + bytes([number])
    assert entries(open_store(at(file), lines.append)) == 0


def test_damage_that_only_a_load_meets_is_mended_and_the_folder_loaded(tmp_path: Path) -> None:
    folder, file = news(tmp_path / "news", 30), tmp_path / "feeds.db"
    lines: list[str] = []
    load(at(file), folder, lines).release()
    with file.open("r+b") as handle:
        size = file.stat().st_size
        handle.seek(4096)
        handle.write(b"\x55" * (size - 4096))
    (folder / "000.md").unlink()
    assert entries(load(at(file), folder, lines)) == 29
    assert len(lines) == 1
    assert "is kept as feeds.db.damaged and made anew" in lines[0]
    assert recovery.damage_in(file) == ""


def test_a_database_of_something_else_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "other.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE letters (text)")
    before = file.read_bytes()
    with pytest.raises(StoreError, match="holds something else: letters"):
        opened(at(file))
    assert file.read_bytes()[100:] == before[100:]
    assert sorted(path.name for path in tmp_path.iterdir() if "damaged" in path.name) == []


def test_a_file_that_was_never_a_database_is_left_alone(tmp_path: Path) -> None:
    file, lines = tmp_path / "letters.txt", list[str]()
    file.write_bytes(GARBAGE)
    for attempt in (opened, lambda url: load(url, news(tmp_path / "news", 1), lines)):
        with pytest.raises(
            StoreError, match=r"no database .*; name another file in FEEDS_DATABASE"
        ):
            attempt(at(file))
    assert file.read_bytes() == GARBAGE
    assert [path.name for path in tmp_path.glob("letters*")] == ["letters.txt"]


def test_a_database_that_cannot_be_made_has_a_stand_in_that_all_processes_find(
    tmp_path: Path,
) -> None:
    (tmp_path / "file").touch()
    url = at(tmp_path / "file" / "sub" / "feeds.db")
    lines: list[str] = []
    store = load(url, news(tmp_path / "news", 3), lines)
    assert store.file is not None
    assert store.file.parent.parent == tmp_path / "memory"
    assert is_fallback(store, url)
    failed = f"the database {tmp_path}/file/sub/feeds.db can't be written (Not a directory)"
    assert lines == [f"{failed}; until it can, {store.file} in memory stands in for it"]
    assert current_url(url) == at(store.file)
    other = recovery.open_for_reading(url, lines.append)
    assert (entries(other), len(lines)) == (3, 1)


def test_a_load_that_reaches_the_database_again_dismisses_the_stand_in(tmp_path: Path) -> None:
    (tmp_path / "place").touch()
    url, folder = at(tmp_path / "place" / "feeds.db"), news(tmp_path / "news", 3)
    lines: list[str] = []
    reader = load(url, folder, lines)
    (tmp_path / "place").unlink()
    (tmp_path / "place").mkdir()
    store = load(url, folder, lines)
    assert store.file == tmp_path / "place" / "feeds.db"
    assert current_url(url) == url
    assert list((tmp_path / "memory").iterdir()) == []
    assert reader.refresh()
    assert (reader.file, entries(reader)) == (store.file, 3)


def test_a_full_disk_is_noticed_in_the_middle_of_a_load(
    tmp_path: Path,
) -> None:
    url = at(tmp_path / "feeds.db")
    lines: list[str] = []

    def work(store: Store) -> Store:
        if not is_fallback(store, url):
            with store.write() as connection:
                connection.exec_driver_sql("PRAGMA max_page_count=1")
                connection.exec_driver_sql("CREATE TABLE more AS SELECT zeroblob(1000000)")
        return store

    store = with_recovery(url, lines.append, work)
    assert is_fallback(store, url)
    assert len(lines) == 1
    assert "can't be written (database or disk is full)" in lines[0]


@pytest.mark.parametrize("how", ["open to others", "a link", "a file"])
def test_a_folder_for_the_stand_in_that_is_not_ours_alone_is_refused(
    tmp_path: Path, how: str
) -> None:
    (tmp_path / "file").touch()
    url = at(tmp_path / "file" / "sub" / "feeds.db")
    folder = recovery._fallback_folder(url)
    assert folder is not None
    if how == "a file":
        folder.touch()
    elif how == "a link":
        (tmp_path / "elsewhere").mkdir(mode=0o700)
        folder.symlink_to(tmp_path / "elsewhere")
    else:
        folder.mkdir()
        folder.chmod(0o777)
    with pytest.raises(StoreError, match="Not a directory"):
        opened(url)
    assert current_url(url) == url


def test_a_damaged_stand_in_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    url = at(tmp_path / "file" / "sub" / "feeds.db")
    lines: list[str] = []
    store = load(url, news(tmp_path / "news", 2), lines)
    store.release()
    assert store.file is not None
    for part in ("-wal", "-shm"):
        Path(f"{store.file}{part}").unlink(missing_ok=True)
    store.file.write_bytes(GARBAGE)
    assert entries(load(url, tmp_path / "news", lines)) == 2
    drop_fallback(url)


def test_a_reader_turns_to_another_database_only_when_that_holds_a_load(tmp_path: Path) -> None:
    file, folder = tmp_path / "feeds.db", news(tmp_path / "news", 4)
    loader.load(Store(at(file)), folder)
    reader = Store(at(file))
    assert entries(reader) == 4
    for part in ("", "-wal", "-shm"):
        Path(f"{file}{part}").unlink(missing_ok=True)
    assert reader.replaced
    assert not reader.refresh()
    assert not file.exists(), "reading made one"
    anew = Store(at(file))
    assert not reader.refresh()
    assert entries(reader) == 4
    (folder / "000.md").unlink()
    loader.load(anew, folder)
    assert reader.refresh()
    assert (entries(reader), reader.turns, reader.replaced) == (3, 1, False)
    assert not reader.refresh()


def test_the_follower_is_told_of_damage_that_a_worker_meets(tmp_path: Path) -> None:
    store = Store(at(tmp_path / "feeds.db"))
    assert store.file is not None
    damage = sqlite3.DatabaseError("malformed")
    damage.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    os.utime(store.file, ns=(0, 0))
    recovery.flag_corruption(store, ValueError("another"))
    assert store.file.stat().st_mtime_ns == 0
    recovery.flag_corruption(store, damage)
    assert store.file.stat().st_mtime_ns > 0
