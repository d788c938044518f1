import errno
import json
import os
import re
import resource
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from http.client import HTTPException
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from inotify_simple import INotify
from sqlalchemy.exc import DatabaseError

from feeds.config import Config
from feeds.follower import folder_changes, folder_watch
from feeds.follower import follower as following
from feeds.follower.follower import FolderFollower
from feeds.loading.loader import Loader
from feeds.records.scanner import FileState, FolderError
from feeds.selection import Filters, Scope
from feeds.store import recovery
from feeds.store.database import Store
from feeds.store.schema import metadata
from tests.helpers.server import Served, feeds, news, until
from tests.helpers.support import dump, loaded, record, write

Serve = Callable[..., Served]
GARBAGE = b"This is not a database. " * 4000
ADDRESSES = ("/rss.xml", "/atom.xml", "/topics/ai/rss.xml", "/amp/topics/c-plus-plus/atom.xml")


def titles(server: Served) -> set[str]:
    answer = server.get("/rss.xml")
    assert answer.code == 200
    return set(re.findall(r"<item><title>(.*?)</title>", answer.body.decode()))


def processes(server: Served) -> dict[int, str]:
    """The children of a server that run: the command line of each by its id."""
    assert server.process is not None
    return children(server.process.pid)


def children(of: int) -> dict[int, str]:
    found = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent, *_ = status.read_text().rpartition(")")[2].split()
            if int(parent) == of and state != "Z":
                words = (status.parent / "cmdline").read_bytes().split(b"\0")
                found[int(status.parent.name)] = b" ".join(words).decode()
        except (OSError, ValueError):
            continue
    return found


def follower(server: Served) -> int:
    return next((pid for pid, line in processes(server).items() if " follow " in line), 0)


def workers(server: Served) -> list[int]:
    """All of them; gunicorn starts the follower after them, which is one more until it's up."""
    until(lambda: follower(server))
    return [pid for pid, line in processes(server).items() if " follow " not in line]


def running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def ready(server: Served) -> dict[str, Any]:
    answer = server.get("/readyz")
    assert answer.code == 200
    said: dict[str, Any] = json.loads(answer.body)
    return said


@contextmanager
def polled(server: Served, *, lost: bool = False) -> Iterator[None]:
    """Asks for feeds all the while: each answer must be a whole feed.

    With `lost`, a connection may break, as those of a worker do that is killed.
    """
    stop, bad = Event(), list[str]()

    def poll() -> None:
        number = 0
        while not stop.is_set():
            address = ADDRESSES[number % len(ADDRESSES)]
            # A parameter makes a document that nothing has prepared.
            address += "" if number % 2 else f"?limit={1 + number % 49}"
            number += 1
            try:
                answer = server.get(address)
            except (OSError, HTTPException) as error:
                if not lost:
                    bad.append(f"{address}: {error!r}")
                continue
            whole = answer.body.rstrip().endswith((b"</rss>", b"</feed>"))
            if answer.code != 200 or not whole:
                bad.append(f"{address}: {answer.status} {answer.body[-60:]!r}")
            stop.wait(0.01)

    thread = Thread(target=poll)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
    assert bad == []


@contextmanager
def followed(config: Config) -> Iterator[list[str]]:
    """A follower in a thread; its lines."""
    stop, lines = Event(), list[str]()
    thread = Thread(target=FolderFollower(config, lines.append).run, args=(stop,))
    thread.start()
    try:
        yield lines
    finally:
        stop.set()
        thread.join()
        recovery.drop_fallback(config.database)


def settings(folder: Path, watch: str = "auto") -> Config:
    return Config(seeds=folder, database_url=f"sqlite:///{folder.parent}/f.db", watch=watch)


@pytest.mark.slow
@pytest.mark.parametrize("watch", ["auto", "poll"])
def test_records_appear_and_expire_at_their_time_by_themselves(
    tmp_path: Path, watch: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "_SAFETY", float("inf"))
    folder = news(tmp_path / "news", 1)
    start = datetime.now(UTC).replace(microsecond=0)
    appears, expires = (start + timedelta(seconds=seconds) for seconds in (3, 5))
    write(folder, "held.md", publishedDateTime=appears.isoformat())
    write(folder, "expires.md", expiryDate=expires.isoformat())
    with followed(settings(folder, watch)) as lines:
        for number, due in ((1, start), (2, appears), (4, expires)):
            until(lambda: len(lines) == number)  # noqa: B023 - at once
            assert datetime.now(UTC) >= due
    rest = re.compile(r"^.*/news: |, 0 left out.*; | files? parsed.*$")
    assert [rest.sub(" ", line) for line in lines] == [
        " 2 public (0 merged), 1 hidden (1 dated in the future) 3 ",
        " 3 public (0 merged), 0 hidden 1 ",
        f"{folder}/expires.md:1: hidden: expired",
        " 2 public (0 merged), 1 hidden (1 expired) 1 ",
    ]


def test_it_wakes_when_a_record_is_due_but_not_while_loads_fail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = news(tmp_path / "news", 1)
    write(folder, "held.md", publishedDateTime="2100-01-01T00:00:00Z")
    found = FolderFollower(settings(folder), print)
    found.load()
    due = datetime(2100, 1, 1, tzinfo=UTC).timestamp()
    monkeypatch.setattr(time, "time", lambda: due - 0.01)
    assert not found._due()
    monkeypatch.setattr(time, "time", lambda: due)
    assert found._due()
    folder.rename(tmp_path / "away")
    found.load()
    assert not found._due()
    found._close()


def test_a_database_that_takes_long_to_check_is_checked_rarely(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = settings(news(tmp_path / "news", 1))
    found = FolderFollower(config, print)
    found.load()
    now, checked = time.monotonic(), list[float]()

    def check(*_: object) -> None:  # takes two seconds
        nonlocal now
        checked.append(now)
        now += 2

    monkeypatch.setattr(time, "monotonic", lambda: now)
    monkeypatch.setattr(recovery, "set_aside", check)
    file, first = Path(config.database.removeprefix("sqlite:///")), now
    for second in range(100):
        os.utime(file, (second, second))  # as any write does
        now += 1
        found._due()
    assert [at - first for at in checked] == [1, 41, 81]
    found._close()


def entries(config: Config) -> int:
    """How many entries the store has now; -1 before it is made."""
    if not Path(config.database.removeprefix("sqlite:///")).exists():
        return -1
    store = Store(config.database)
    try:
        with store.read() as reader:
            return reader.count(Scope())
    finally:
        store.release()


# -- the follower ------------------------------------------------------------


@pytest.mark.parametrize("watch", ["auto", "poll"])
def test_what_changes_in_the_folder_is_loaded(watch: str, tmp_path: Path) -> None:
    folder = news(tmp_path / "news", 3)
    config = settings(folder, watch)
    with followed(config) as lines:
        until(lambda: entries(config) == 3)
        write(folder, "deep/er/new.md")
        until(lambda: entries(config) == 4)
        (folder / "000.md").unlink()
        until(lambda: entries(config) == 3)
    assert len(lines) == 3
    assert lines[0].startswith(f"{folder}: 3 public (0 merged), 0 hidden, 0 left out")


def test_a_file_looked_at_in_the_moment_it_was_written_is_loaded_once_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [10_000_000_001]

    def looked(_: Path) -> dict[str, FileState]:
        return {"a.md": FileState(1, 1, 10_000_000_001), "b.md": FileState(1, 1, 1)}

    monkeypatch.setattr(folder_changes, "scan", looked)
    monkeypatch.setattr(folder_changes, "_POLL", 0.0)
    monkeypatch.setattr(folder_changes, "_LEAST_POLL", 0)
    monkeypatch.setattr(time, "time_ns", lambda: clock[0])
    changes = folder_changes.FolderChanges(settings(tmp_path, "poll"), print).ticks()
    assert [next(changes) for _ in range(3)] == [None, {"a.md"}, {"a.md"}]
    clock[0] += 30_000_000
    assert [next(changes) for _ in range(3)] == [{"a.md"}, set(), set()]


def test_a_load_without_a_problem_is_told_and_no_warning(tmp_path: Path) -> None:
    folder = news(tmp_path / "news", 1)
    warnings: list[str] = []
    told: list[str] = []
    FolderFollower(settings(folder), warnings.append, tell=told.append).load()
    assert (warnings, len(told)) == ([], 1)
    assert told[0].startswith(f"{folder}: 1 public (0 merged)")


def test_each_record_that_turns_is_one_line_with_what_became_of_it(tmp_path: Path) -> None:
    folder = news(tmp_path / "news", 4)
    warnings: list[str] = []
    told: list[str] = []
    found = FolderFollower(settings(folder), warnings.append, tell=told.append)
    found.load()
    kept = "; what it said when it could last be read is served on"
    for text, warned, informed in [
        ("---\ntitle: A\n---\n", [f":1: webUrl: {{}}{kept}"], []),
        ("---\ntitle: A\n---\nmore\n", [], []),  # the same is wrong
        (record(), [], [":1: record: is good again"]),
        (record(published=False), [], [":1: hidden: published is not true"]),
        ("no record", [":1: passed over: {}"], []),
        (record(title=["no"]), [":3: title: {}"], []),
    ]:
        warnings.clear()
        told.clear()
        (folder / "000.md").write_text(text)
        found.load()
        for lines, expected in ((warnings, warned), (told[:-1], informed)):
            assert len(lines) == len(expected)
            for line, whole in zip(lines, expected, strict=True):
                start, _, end = whole.partition("{}")
                assert line.startswith(f"{folder}/000.md{start}"), line
                assert line.endswith(end), line
        assert (len(told) == 0) is (text.endswith("more\n"))


def test_of_many_records_that_turn_the_first_are_told_and_the_others_counted(
    tmp_path: Path,
) -> None:
    folder = news(tmp_path / "news", 1)
    warnings: list[str] = []
    found = FolderFollower(settings(folder), warnings.append, tell=lambda _: None)
    found.load()
    for number in range(25):
        write(folder, f"bad-{number:02}.md", title=None)
    found.load()
    assert len(warnings) == 21
    assert warnings[0].startswith(f"{folder}/bad-00.md:1: title: ")
    assert warnings[20] == "... and 5 more; feeds check shows them all"


def test_who_asks_for_a_load_gets_a_line_whatever_comes_of_it(tmp_path: Path) -> None:
    folder = news(tmp_path / "news", 1)
    lines: list[str] = []
    found = FolderFollower(settings(folder), lines.append)
    found.load()
    found.load()
    assert len(lines) == 1
    found.answer()
    assert found._due()
    found.load()
    found.load()
    assert lines[1].startswith(f"{folder}: 1 public")
    folder.rename(tmp_path / "away")
    found.load()
    found.load()
    found.answer()
    found.load()
    assert len(lines) == 4
    assert lines[2] == lines[3]


@pytest.mark.slow
def test_a_burst_is_one_load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder_watch, "_QUIET", 3.0)  # so that it is one on a slow machine too
    monkeypatch.setattr(folder_watch, "_BURST", 60.0)
    (tmp_path / "burst").mkdir()
    for number in range(30):
        write(tmp_path / "burst", f"burst-{number}.md")
    folder = news(tmp_path / "news", 1)
    config = settings(folder)
    with followed(config) as lines:
        until(lambda: entries(config) == 1)
        for path in (tmp_path / "burst").iterdir():
            path.rename(folder / path.name)
        until(lambda: entries(config) == 31)
    assert len(lines) <= 3  # two, where the burst began before it was being watched


@pytest.mark.parametrize("watch", ["auto", "poll", "off"])
def test_a_folder_that_goes_away_is_waited_for(watch: str, tmp_path: Path) -> None:
    folder = news(tmp_path / "news", 3)
    config = settings(folder, watch)
    stop, lines = Event(), list[str]()
    found = FolderFollower(config, lines.append)
    thread = Thread(target=found.run, args=(stop,))
    thread.start()
    try:
        until(lambda: entries(config) == 3)
        folder.rename(tmp_path / "away")
        found.wanted.set()
        until(lambda: len(lines) == 2)  # a line comes after what it tells of
        assert lines[1].startswith(f"{folder}: No such file or directory")
        assert entries(config) == 3
        write(tmp_path / "away", "new.md")
        (tmp_path / "away").rename(folder)
        until(lambda: len(lines) == 3)
        assert entries(config) == 4
        assert lines[2].startswith(f"{folder} is loaded again: 4 public")
        if watch != "off":
            write(folder, "newer.md")
            until(lambda: entries(config) == 5)
    finally:
        stop.set()
        thread.join()


def test_a_link_to_the_folder_that_is_turned_elsewhere_is_followed(tmp_path: Path) -> None:
    news(tmp_path / "one", 2)
    news(tmp_path / "two", 3)
    link = tmp_path / "news"
    link.symlink_to("one")
    config = settings(link)
    with followed(config):
        until(lambda: entries(config) == 2)
        (tmp_path / "next").symlink_to("two")
        (tmp_path / "next").rename(link)
        until(lambda: entries(config) == 3)
        write(tmp_path / "two", "new.md")
        until(lambda: entries(config) == 4)


def test_a_folder_that_cannot_be_watched_is_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(INotify, "add_watch", refuse)
    folder = news(tmp_path / "news", 1)
    config = settings(folder)
    with followed(config) as lines:
        until(lambda: entries(config) == 1)
        until(lambda: len(lines) == 2)
        write(folder, "new.md")
        until(lambda: entries(config) == 2)
    assert lines[0] == (
        f"{folder} can't be watched: the system's watches are used up; "
        "raise fs.inotify.max_user_watches; it is looked at every second"
    )


def test_a_file_system_without_events_is_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder_changes, "_file_system", lambda _: "fuse.sshfs")
    folder = news(tmp_path / "news", 1)
    config = settings(folder)
    with followed(config) as lines:
        until(lambda: len(lines) == 2)
        write(folder, "new.md")
        until(lambda: entries(config) == 2)
    assert lines[0].startswith(f"{folder} is on fuse.sshfs, which doesn't tell of changes")


@pytest.mark.parametrize("is_deaf", [True, False])
def test_a_folder_of_whose_changes_the_system_does_not_tell_is_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, is_deaf: bool
) -> None:
    """As that of a container on another machine."""
    monkeypatch.setattr(following, "_WHOLE", 0.0)
    monkeypatch.setattr(following, "_SAFETY", 0.5)
    monkeypatch.setattr(folder_changes, "_TELLING", 1.0)
    if is_deaf:
        monkeypatch.setattr(INotify, "read", lambda *_: time.sleep(0.1))
    folder = news(tmp_path / "news", 1)
    config = settings(folder)
    with followed(config) as lines:
        until(lambda: entries(config) == 1)
        write(folder, "new.md")
        until(lambda: entries(config) == 2)
        if is_deaf:
            until(lambda: len(lines) == 3)
        write(folder, "newer.md")
        until(lambda: entries(config) == 3)
        until(lambda: len(lines) == (4 if is_deaf else 3))
    told = [line for line in lines if not line.startswith(f"{folder}: ")]
    expected = "changed, and the system didn't tell; it is looked at every second from now on"
    assert told == ([f"{folder} {expected}, as with FEEDS_WATCH=poll"] if is_deaf else [])


def test_the_kind_of_a_file_system_is_known() -> None:
    assert folder_changes._file_system(Path("/proc/self")) == "proc"


def test_what_is_wrong_is_said_once_and_noted(tmp_path: Path) -> None:
    folder = news(tmp_path / "news", 3)
    config = settings(folder)
    lines: list[str] = []
    found = FolderFollower(config, lines.append)
    found.load()
    folder.rename(tmp_path / "away")
    found.load()
    found.load()
    assert len(lines) == 2
    store = Store(config.database)
    with store.read() as reader:
        assert reader.health().degraded == FolderError.public
    (tmp_path / "away").rename(folder)
    found.load()
    with store.read() as reader:
        assert reader.health().degraded == ""
        assert reader.health().counts["entries"] == 3


def test_what_a_load_that_was_undone_had_read_is_read_again(tmp_path: Path) -> None:
    folder = news(tmp_path / "news", 6)
    config = settings(folder)
    lines: list[str] = []
    found = FolderFollower(config, lines.append)
    found.load()
    (tmp_path / "away").mkdir()
    for number in range(1, 6):
        (folder / f"{number:03}.md").rename(tmp_path / "away" / f"{number:03}.md")
    write(folder, "000.md", title="Changed")
    found.load()
    assert "lost" in lines[-1]
    for path in (tmp_path / "away").iterdir():
        path.rename(folder / path.name)
    found.load()
    with Store(config.database).read() as reader:
        rows = [row.row for row in reader.page(Scope(), 10)]
        data = b"".join(reader.data_of(rows).values())
    assert b"Changed" in data


def test_an_unexpected_error_of_the_database_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = settings(news(tmp_path / "news", 2))
    failing = [FolderError("first"), FolderError("first"), OSError("second")]
    loads = Loader.load

    def load(self: Any, *given: Any, **named: Any) -> Any:
        if failing:
            raise failing.pop(0)
        return loads(self, *given, **named)

    monkeypatch.setattr(Loader, "load", load)
    monkeypatch.setattr(following, "_RETRIES", (0.0,))
    with followed(config) as lines:
        until(lambda: entries(config) == 2)
    assert lines[:2] == ["first", "second"]


def test_damage_that_no_load_meets_is_mended_when_a_worker_meets_it(tmp_path: Path) -> None:
    folder, file = news(tmp_path / "news", 30), tmp_path / "f.db"
    lines: list[str] = []
    found = FolderFollower(settings(folder), lines.append)
    found.load()
    store = recovery.open_for_reading(found.config.database, lines.append)

    def search() -> int:
        with store.read() as reader:
            return reader.count(Scope(), filters=Filters(q="story"))

    assert search() == 30
    found._close()
    store.release()
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        query = "SELECT rootpage FROM sqlite_master WHERE name = 'search_idx'"
        page = connection.execute(query).fetchone()[0] - 1
        size = connection.execute("PRAGMA page_size").fetchone()[0]
    with file.open("r+b") as handle:
        handle.seek(page * size)
        handle.write(b"\x55" * size)
    found.load()
    assert not found._due()
    with pytest.raises(DatabaseError) as error:
        search()
    recovery.flag_corruption(store, error.value)
    assert found._due()
    found.load()
    assert not found._due()
    assert len(lines) == 3
    assert "is kept as f.db.damaged and made anew" in lines[1]
    assert store.refresh()
    assert search() == 30


@pytest.mark.parametrize("table", sorted({*metadata.tables, "search", ""} - {"pings"}))
def test_a_store_that_loses_a_table_or_its_state_is_made_anew(tmp_path: Path, table: str) -> None:
    folder = news(tmp_path / "news", 3)
    warnings: list[str] = []
    found = FolderFollower(settings(folder), warnings.append, tell=lambda _: None)
    found.load()
    with closing(sqlite3.connect(tmp_path / "f.db", isolation_level=None)) as connection:
        connection.execute(f"DROP TABLE {table}" if table else "DELETE FROM state")
    write(folder, "new.md", topics=["AI"])
    (folder / "000.md").unlink()
    found.load()
    assert len(warnings) == 1
    assert f" lacks what it should have ({table or 'state'}." in warnings[0]
    assert dump(Store(found.config.database)) == dump(loaded(folder))


# Loads, and says so and stops at the point that it is given, to be killed there.
HALTED = """
import sys
import time
from pathlib import Path

from feeds.loading import loader
from feeds.records import pool
from feeds.config import Config
from feeds.follower.follower import FolderFollower


def halt(*_, **__):
    print("halted", flush=True)
    time.sleep(3600)


def first_of(read_all):
    def some(*given):
        for batch in read_all(*given):
            yield batch
            halt()
    return some


if __name__ == "__main__":
    where, folder, database = sys.argv[1:]
    pool._WORTH_PROCESSES, pool._BATCH = 1, 2
    if where == "reading":
        loader.read_all = first_of(loader.read_all)
    elif where == "merging":
        loader.EntryWriter.finish = halt
    else:
        loader.note_health = halt
    FolderFollower(Config(seeds=Path(folder), database_url=database), print).load()
"""


@pytest.mark.parametrize("where", ["reading", "merging", "ending"])
@pytest.mark.slow
def test_what_a_follower_did_that_is_killed_in_its_first_load_is_done_again(
    where: str, tmp_path: Path
) -> None:
    folder = tmp_path / "news"
    for number in range(40):  # more than SQLite holds back from its log
        write(folder, f"{number}.html", body="A story. " * 10_000)
    config = settings(folder)
    (tmp_path / "halted.py").write_text(HALTED)
    command = [sys.executable, str(tmp_path / "halted.py"), where, str(folder), config.database]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "halted\n"
        readers = children(process.pid)
        process.kill()
    assert readers or where != "reading"
    until(lambda: not any(running(pid) for pid in readers))
    log = tmp_path / "f.db-wal"
    assert log.stat().st_size > (0 if where == "reading" else 1_000_000)
    assert entries(config) == 0
    lines: list[str] = []
    found = FolderFollower(config, lines.append)
    found.load()
    found.load()
    assert len(lines) == 1
    assert lines[0].startswith(f"{folder}: 40 public (0 merged), 0 hidden, 0 left out")
    store = Store(config.database)
    assert recovery.damage_in(tmp_path / "f.db") == ""
    assert dump(store) == dump(loaded(folder))
    with store.read() as reader:
        assert reader.state().generation == 1
        assert reader.health().degraded == ""
    assert sorted(path.name for path in tmp_path.glob("f.db*")) == [
        "f.db", "f.db-shm", "f.db-wal", "f.db.lock",
    ]  # fmt: skip


def test_it_ends_with_its_parent(tmp_path: Path) -> None:
    folder = news(tmp_path / "news", 1)
    done = feeds("follow", "--seeds", str(folder), "--parent", str(os.getppid()), cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "")


# -- serving -----------------------------------------------------------------


def test_a_file_that_is_added_is_in_the_feed(tmp_path: Path, serve: Serve) -> None:
    folder = news(tmp_path / "news", 3)
    server = serve(folder)
    with polled(server):
        write(folder, "new.md", title="New")
        until(lambda: "New" in titles(server))
        write(folder, "new.md", title="Newer")
        until(lambda: "Newer" in titles(server))
        (folder / "new.md").unlink()
        until(lambda: titles(server) == {"Story 0", "Story 1", "Story 2"})


def test_a_folder_that_is_moved_away_and_back_takes_nothing_with_it(
    tmp_path: Path, serve: Serve
) -> None:
    folder = news(tmp_path / "news", 3)
    server = serve(folder)
    with polled(server):
        folder.rename(tmp_path / "away")
        until(lambda: ready(server)["degraded"])
        assert len(titles(server)) == 3
        write(tmp_path / "away", "new.md", title="New")
        (tmp_path / "away").rename(folder)
        until(lambda: "New" in titles(server))
        until(lambda: not ready(server)["degraded"])
    again = serve(folder, "home")  # the same home: its database
    assert "New" in titles(again)


@pytest.mark.slow
def test_a_server_over_a_lost_folder_serves_what_there_was(tmp_path: Path, serve: Serve) -> None:
    folder = news(tmp_path / "news", 3)
    serve(folder).stop()
    folder.rename(tmp_path / "away")
    server = serve(folder)
    assert "; what was loaded last is served" in server.log
    assert len(titles(server)) == 3
    assert ready(server)["degraded"]
    (tmp_path / "away").rename(folder)
    until(lambda: not ready(server)["degraded"])


@pytest.mark.parametrize("how", ["deleted", "replaced by garbage", "overwritten with garbage"])
@pytest.mark.slow
def test_a_database_that_is_lost_is_made_anew_while_feeds_are_served(
    how: str, tmp_path: Path, serve: Serve
) -> None:
    folder = news(tmp_path / "news", 40)
    server = serve(folder)
    database, damaged = server.home / "served.db", server.home / "served.db.damaged"
    with polled(server):
        if how == "deleted":
            for part in ("", "-wal", "-shm"):
                Path(f"{database}{part}").unlink(missing_ok=True)
        elif how == "replaced by garbage":
            (tmp_path / "garbage").write_bytes(GARBAGE)
            (tmp_path / "garbage").rename(database)
        else:
            database.write_bytes(GARBAGE)
        until(lambda: (how == "deleted" or damaged.exists()) and database.exists())
        write(folder, "new.md", title="New")
        until(lambda: "New" in titles(server))
    until(lambda: not ready(server)["degraded"])  # a worker looks twice a second
    if how != "deleted":
        assert damaged.read_bytes()[:24] == GARBAGE[:24]


@pytest.mark.slow
def test_a_database_that_cannot_be_made_is_in_memory(tmp_path: Path, serve: Serve) -> None:
    folder = news(tmp_path / "news", 3)
    url = f"sqlite:///{tmp_path}/feeds.db"
    (tmp_path / "feeds.db").mkdir()
    try:
        server = serve(folder, variables={"FEEDS_DATABASE_URL": url, "FEEDS_WORKERS": "2"})
        assert server.log.count("in memory stands in for it") == 1
        with polled(server):
            write(folder, "new.md", title="New")
            until(lambda: "New" in titles(server))
            assert ready(server)["degraded"]
            (tmp_path / "feeds.db").rmdir()
            os.kill(until(lambda: follower(server)), signal.SIGHUP)
            until(lambda: not ready(server)["degraded"])
            write(folder, "newer.md", title="Newer")
            until(lambda: "Newer" in titles(server))
        assert (tmp_path / "feeds.db").is_file()
    finally:
        recovery.drop_fallback(url)


@pytest.mark.slow
def test_while_nothing_can_be_written_what_there_is_is_served(tmp_path: Path, serve: Serve) -> None:
    folder = news(tmp_path / "news", 3)
    server = serve(folder)
    pid = until(lambda: follower(server))
    until((server.home / "served.db-wal").exists)
    _, most = resource.prlimit(pid, resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
    try:
        with polled(server):
            write(folder, "new.md", title="New")
            until(lambda: "]: the " in server.log)
            assert len(titles(server)) == 3
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (most, most))
            until(lambda: "New" in titles(server))
        assert follower(server) == pid
    finally:
        recovery.drop_fallback(server.settings()["FEEDS_DATABASE_URL"])


def test_a_follower_that_is_killed_is_started_again(tmp_path: Path, serve: Serve) -> None:
    folder = news(tmp_path / "news", 3)
    server = serve(folder)
    first = until(lambda: follower(server))
    with polled(server):
        os.kill(first, signal.SIGKILL)
        write(folder, "new.md", title="New")
        until(lambda: "New" in titles(server))
    assert until(lambda: follower(server)) != first


def test_a_worker_that_is_killed_is_replaced_and_loads_nothing(
    tmp_path: Path, serve: Serve
) -> None:
    folder = news(tmp_path / "news", 3)
    server = serve(folder, variables={"FEEDS_WORKERS": "2", "FEEDS_WATCH": "off"})
    before = workers(server)
    write(folder, "new.md")
    with polled(server, lost=True):
        os.kill(before[0], signal.SIGKILL)
        until(lambda: set(workers(server)) - set(before))
    for _ in range(5):
        assert len(titles(server)) == 3


@pytest.mark.slow
def test_all_end_when_the_master_is_killed_and_a_new_one_serves(
    tmp_path: Path, serve: Serve
) -> None:
    folder = news(tmp_path / "news", 3)
    server = serve(folder)
    until(lambda: follower(server))
    family = list(processes(server))
    assert len(family) == 2
    assert server.process is not None
    server.process.kill()
    server.process.wait()
    until(lambda: not any(running(pid) for pid in family))
    server.process = None
    write(folder, "new.md", title="New")
    assert "New" in titles(server.start())


def test_none_is_left_after_a_signal(tmp_path: Path, serve: Serve) -> None:
    server = serve(news(tmp_path / "news", 1))
    until(lambda: follower(server))
    family = list(processes(server))
    server.stop()
    until(lambda: not any(running(pid) for pid in family))


def test_a_hangup_loads_at_once_although_nothing_is_watched(tmp_path: Path, serve: Serve) -> None:
    folder = news(tmp_path / "news", 3)
    server = serve(folder, variables={"FEEDS_WATCH": "off"})
    first = until(lambda: follower(server))  # which has hardly started: the signal waits
    before = workers(server)
    with polled(server):
        write(folder, "new.md", title="New")
        assert server.process is not None
        os.kill(server.process.pid, signal.SIGHUP)
        until(lambda: "New" in titles(server))
    assert workers(server) == before
    assert follower(server) == first


def test_a_hangup_during_the_first_load_waits(tmp_path: Path) -> None:
    server = Served(news(tmp_path / "news", 200), tmp_path / "served")

    def hang_up() -> None:
        until(lambda: server.process)
        assert server.process is not None
        status = Path(f"/proc/{server.process.pid}/status")
        blocked = re.compile(r"^SigBlk:\t[0-9a-f]+1$", re.MULTILINE)  # 1, of the first byte
        until(lambda: blocked.search(status.read_text()))
        os.kill(server.process.pid, signal.SIGHUP)

    beside = Thread(target=hang_up)
    beside.start()
    try:
        server.start()
        beside.join()
        until(lambda: "0 files parsed, 0 entries changed" in server.log)  # what was asked for
    finally:
        server.stop()
