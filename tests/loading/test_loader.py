import errno
import multiprocessing
import os
import random
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier
from typing import Any, Final, NamedTuple

import pytest
from sqlalchemy import select

from feeds.catalog import builder
from feeds.catalog.addresses import FeedQuery
from feeds.config import Config
from feeds.loading import folder_diff, loader
from feeds.loading.checking import check
from feeds.loading.loader import load
from feeds.loading.report import Report
from feeds.model import Problem
from feeds.records import pool
from feeds.records import scanner as folders
from feeds.records.profile import Profile
from feeds.records.scanner import FileState, FolderError
from feeds.rendering.formats import FORMATS
from feeds.selection import Scope
from feeds.store.database import Store, StoreError
from feeds.store.reader import State
from feeds.store.schema import entries, records
from feeds.urls import POLICIES
from tests.helpers.databases import databases
from tests.helpers.support import SEEDS, addresses, dump, feed, record, rendered, settled, write

pytestmark = pytest.mark.usefixtures("either")

START: Final = datetime(2026, 1, 1, tzinfo=UTC)


def day(number: int) -> datetime:
    return START + timedelta(days=number)


def fresh(folder: Path, now: datetime = START) -> Store:
    store = Store(databases.fresh())
    load(store, folder, now=now)
    return store


def published(store: Store) -> dict[str, datetime]:
    with store.read() as reader:
        rows = reader.connection.execute(select(entries.c.path, entries.c.published))
        return {row.path: datetime.fromtimestamp(row.published, UTC) for row in rows}


def titles(store: Store) -> set[str]:
    return {entry.record.title for entry in feed(store, "/rss.xml?limit=200").entries}


@pytest.fixture
def store() -> Store:
    return Store(databases.fresh())


def mixed(folder: Path) -> None:
    """Files of which every outcome comes of some."""
    write(folder, "public.md")
    write(folder, "copy.md", webUrl="https://news.example.com/public")
    write(folder, "sub/public.md", title="Two of these", webUrl="https://news.example.com/2")
    write(folder, "unpublished.md", published=False)
    write(folder, "removed.md", removed=True)
    write(folder, "deleted.md", deleted="2024-01-01")
    write(folder, "no-url.md", webUrl=None)
    write(folder, "hidden-without-url.md", published=False, webUrl=None)
    (folder / "broken.md").write_text("---\ntitle: [\n---\n")
    (folder / "empty.md").write_text("")
    (folder / "README.md").write_text("# Not a record\n")


def test_every_file_is_counted_once(store: Store, tmp_path: Path) -> None:
    mixed(tmp_path)
    report = load(store, tmp_path)
    assert report.public == 3
    assert report.hidden == {"published is not true": 2, "removed": 1, "deleted": 1}
    assert [problem.path for problem in report.errors] == ["broken.md", "empty.md", "no-url.md"]
    assert report.passed_over == 1
    assert (report.entries, report.merged, report.parsed) == (2, 1, 11)
    assert report.summary() == (
        "3 public (1 merged), 4 hidden (1 deleted, 2 published is not true, 1 removed), "
        "3 left out, 1 not a record; 11 files parsed, 2 entries changed"
    )


def test_the_seeds_are_all_counted_and_check_agrees(store: Store) -> None:
    report, checked = load(store, SEEDS), check(SEEDS)
    counted = report.public + report.collections + report.hidden.total()
    counted += len(report.errors) + report.passed_over
    assert counted == report.parsed == len(folders.scan(SEEDS))
    names = ("public", "collections", "hidden", "problems", "passed_over", "entries", "merged")
    for name in names:
        assert getattr(checked, name) == getattr(report, name)


def test_check_reports_what_a_load_does(store: Store, tmp_path: Path) -> None:
    mixed(tmp_path)
    report, checked = load(store, tmp_path), check(tmp_path)
    assert (checked.public, checked.hidden, checked.passed_over, checked.entries) == (
        report.public,
        report.hidden,
        report.passed_over,
        report.entries,
    )
    assert checked.problems == report.problems


def test_a_restart_parses_nothing_and_reports_the_same(tmp_path: Path) -> None:
    mixed(tmp_path / "records")
    url = databases.at(tmp_path / "feeds.db")
    first = load(Store(url), tmp_path / "records")
    again = load(Store(url), tmp_path / "records")
    assert (again.parsed, again.changed) == (0, 0)
    for name in ("public", "hidden", "problems", "passed_over", "entries", "generation"):
        assert getattr(again, name) == getattr(first, name)


def test_progress_counts_the_files_that_are_read(store: Store, tmp_path: Path) -> None:
    for name in "abc":
        write(tmp_path, f"{name}.md")
    told: list[tuple[int, int]] = []

    def progress(done: int, total: int, unit: str = "files") -> None:
        assert unit == "files"
        told.append((done, total))

    load(store, settled(tmp_path), progress)
    assert told == [(3, 3)]  # they are read in batches
    load(store, tmp_path, progress)
    assert told == [(3, 3)]  # they are read in batches


def test_a_file_touched_is_read_once_and_not_parsed(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path, "a.md")
    write(tmp_path, "b.md")
    load(store, settled(tmp_path))
    os.utime(path, (1, 1))
    settled(tmp_path)
    read: list[str] = []

    def read_file(folder: Path, path: str, most: int) -> bytes:
        read.append(path)
        return (folder / path).read_bytes()[:most]

    monkeypatch.setattr(folders, "read_file", read_file)
    report = load(store, tmp_path)
    assert (report.parsed, report.generation, read) == (0, 1, ["a.md"])
    load(store, tmp_path)
    assert read == ["a.md"]


@pytest.mark.parametrize("restarted", [True, False])
def test_a_file_rewritten_in_the_moment_that_it_was_read_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, restarted: bool
) -> None:
    """Its size and its times, of a file system that tells no seconds' fractions, are the same."""
    read: list[str] = []
    read_file = folders.read_file

    def told(folder: Path, path: str, most: int) -> bytes:
        read.append(path)
        return read_file(folder, path, most)

    def _scan(folder: Path, _: object = None, **_only: object) -> dict[str, FileState]:
        return {path.name: FileState(path.stat().st_size, 5, 10**18) for path in folder.iterdir()}

    def now(later: float) -> datetime:
        monkeypatch.setattr(time, "time_ns", lambda: 10**18 + int(later * 1e9))
        return START + timedelta(seconds=later)

    monkeypatch.setattr(folders, "read_file", told)
    monkeypatch.setattr(folder_diff, "scan", _scan)
    url = databases.at(tmp_path / "feeds.db")
    loaders = [loader.Loader(Store(url), tmp_path / "news")]
    path = write(tmp_path / "news", "a.md", title="One")

    def loads(later: float) -> Report:
        if restarted:
            loaders[0] = loader.Loader(Store(url), tmp_path / "news")
        read.clear()
        return loaders[0].load(now=now(later))

    loads(0.5)
    path.write_text(path.read_text().replace("One", "Two"))
    report = loads(1)
    assert (report.changed, read) == (1, ["a.md"])
    assert titles(loaders[0].target) == {"Two"}
    report = loads(3)
    assert (report.parsed, report.changed, read) == (0, 0, ["a.md"])
    report = loads(3)
    assert (report.parsed, report.changed, read) == (0, 0, [])


def _nothing(folder: Path) -> None:
    assert folder.is_dir()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("step", "parsed", "generation", "shown"),
    [
        (_nothing, 0, 1, {"A", "B"}),
        (lambda folder: write(folder, "a.md", title="A2"), 1, 2, {"A2", "B"}),
        (lambda folder: write(folder, "c.md", title="C"), 1, 2, {"A", "B", "C"}),
        (lambda folder: (folder / "a.md").unlink(), 0, 2, {"B"}),
        (lambda folder: (folder / "a.md").rename(folder / "z.md"), 1, 1, {"A", "B"}),
        (lambda folder: write(folder, "a.md", title="A", published=False), 1, 2, {"B"}),
        (lambda folder: write(folder, "a.md", title="A", removed=True), 1, 2, {"B"}),
        (lambda folder: (folder / "README").write_text("Hello"), 1, 1, {"A", "B"}),
        (lambda folder: (folder / "bad.md").write_text("---\n"), 1, 1, {"A", "B"}),
        (lambda folder: write(folder, "c.md", published=False), 1, 1, {"A", "B"}),
        (lambda folder: write(folder, "a.md", title="A", unknown="field"), 1, 1, {"A", "B"}),
        (lambda folder: (folder / "hidden.md").unlink(), 0, 1, {"A", "B"}),
    ],
    ids=[
        "nothing", "changed", "added", "gone", "renamed", "hidden", "removed", "no record added",
        "broken one added", "hidden one added", "unknown field added", "hidden one gone",
    ],
)  # fmt: skip
def test_the_generation_goes_up_when_what_is_shown_changes(
    store: Store,
    tmp_path: Path,
    step: Callable[[Path], object],
    parsed: int,
    generation: int,
    shown: set[str],
) -> None:
    write(tmp_path, "a.md", title="A")
    write(tmp_path, "b.md", title="B")
    write(tmp_path, "hidden.md", published=False)
    load(store, tmp_path, now=day(0))
    step(tmp_path)
    report = load(store, tmp_path, now=day(1))
    assert (report.parsed, report.generation) == (parsed, generation)
    assert report.changed == generation - 1
    assert titles(store) == shown
    assert dump(store) == dump(fresh(tmp_path))
    with store.read() as reader:
        assert reader.state()[:2] == (generation, int(day(generation - 1).timestamp()))


def test_a_file_that_could_not_be_opened_is_tried_again(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, "a.md", title="A")
    write(tmp_path, "b.md", title="B")
    opened = folders.read_file

    def refuse(folder: Path, path: str, most: int) -> bytes:
        if path == "a.md":
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return opened(folder, path, most)

    with monkeypatch.context() as patched:
        patched.setattr(folders, "read_file", refuse)
        for _ in range(2):
            report = load(store, tmp_path)
            message = "can't be opened: Permission denied"
            assert report.problems == [Problem("a.md", 1, "file", message)]
            assert report.public == 1
    assert load(store, tmp_path).problems == []
    assert titles(store) == {"A", "B"}


def test_a_file_that_goes_away_during_a_load_is_taken_for_unchanged(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path, "a.md", title="A")
    load(store, tmp_path)
    write(tmp_path, "a.md", title="Another")
    write(tmp_path, "b.md", title="B")

    def vanish(*_: object) -> bytes:
        raise FileNotFoundError(errno.ENOENT, "No such file or directory")

    with monkeypatch.context() as patched:
        patched.setattr(folders, "read_file", vanish)
        assert load(store, tmp_path).generation == 1
    assert titles(store) == {"A"}
    path.unlink()
    load(store, tmp_path)
    assert titles(store) == {"B"}


def test_a_name_that_is_not_utf_8_is_no_obstacle(store: Store, tmp_path: Path) -> None:
    try:
        os.close(os.open(os.fsencode(tmp_path) + b"/caf\xe9.md", os.O_CREAT | os.O_WRONLY))
    except OSError:
        pytest.skip("this file system has Unicode names only")
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.md")).write_text(record(title="Café"))
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/b\xe9.md")).write_text("---\n")
    report = load(store, tmp_path)
    assert [problem.path for problem in report.problems] == [r"b\xe9.md"]
    assert titles(store) == {"Café"}
    assert load(store, tmp_path).parsed == 0
    assert check(tmp_path).problems == report.problems


# -- dates -------------------------------------------------------------------


def test_undated_records_of_a_first_load_have_no_date_until_they_are_dated(
    store: Store, tmp_path: Path
) -> None:
    write(tmp_path, "new.md", publishedDateTime="2024-05-05T00:00:00Z")
    write(tmp_path, "undated.md", publishedDateTime=None)
    write(tmp_path, "draft.md", publishedDateTime=None, draft=True)
    load(store, tmp_path, now=day(0))
    unknown = datetime(1970, 1, 1, tzinfo=UTC)
    assert published(store)["undated.md"] == unknown
    write(tmp_path, "undated.md", publishedDateTime=None, title="Another")
    write(tmp_path, "draft.md", publishedDateTime=None)
    load(store, tmp_path, now=day(1))
    assert published(store)["undated.md"] == unknown
    assert published(store)["draft.md"] == day(1)  # when it became public
    write(tmp_path, "undated.md", publishedDateTime="2023-01-02")
    load(store, tmp_path, now=day(2))
    assert published(store)["undated.md"] == datetime(2023, 1, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("name", "date"),
    [
        ("2023-09-02-a.md", datetime(2023, 9, 2, tzinfo=UTC)),
        ("sub/2023-09-02-a.md", datetime(2023, 9, 2, tzinfo=UTC)),
        ("2023-02-30-a.md", day(1)),
        ("2023-09-02/a.md", day(1)),
        ("a-2023-09-02-a.md", day(1)),
    ],
)
def test_a_date_in_the_name_of_the_file_counts(
    store: Store, tmp_path: Path, name: str, date: datetime
) -> None:
    write(tmp_path, "dated.md")
    load(store, tmp_path, now=day(0))
    write(tmp_path, name, publishedDateTime=None)
    load(store, tmp_path, now=day(1))
    assert published(store)[name] == date


@pytest.mark.parametrize(
    "step",
    [
        lambda path: write(path.parent, "a.md", title="Another", publishedDateTime=None),
        lambda path: path.rename(path.parent / "moved.md"),
        lambda path: os.utime(path, (1, 1)),
        lambda path: write(path.parent, "a.md", publishedDateTime=None, webUrl="https://a.example"),
    ],
    ids=["edited", "moved", "touched", "another address"],
)
def test_an_undated_record_keeps_when_it_was_first_seen(
    store: Store, tmp_path: Path, step: Callable[[Path], object]
) -> None:
    write(tmp_path, "dated.md")
    load(store, tmp_path, now=day(0))
    path = write(tmp_path, "a.md", publishedDateTime=None)
    load(store, tmp_path, now=day(1))
    step(path)
    load(store, tmp_path, now=day(2))
    assert {date for path, date in published(store).items() if path != "dated.md"} == {day(1)}
    with store.read() as reader:
        assert len(reader.connection.execute(select(records.c.path)).all()) == 2


def test_an_undated_record_that_was_hidden_for_a_while_is_as_old_as_before(
    store: Store, tmp_path: Path
) -> None:
    write(tmp_path, "dated.md")
    load(store, tmp_path, now=day(0))
    for number, public in enumerate((True, False, True), 1):
        write(tmp_path, "a.md", publishedDateTime=None, published=public)
        load(store, tmp_path, now=day(number))
    assert published(store)["a.md"] == day(1)


# -- the same everywhere -------------------------------------------------------


def documents(store: Store) -> dict[str, bytes]:
    """Every feed in every format, with its Last-Modified; the whole under each link policy."""
    with store.read() as reader:
        listed = builder.scopes(reader)
    found = {}
    for scope in [one.scope for one in listed]:
        for policy in POLICIES if scope == Scope() else POLICIES[:1]:
            for file in FORMATS:
                address = addresses().path(FeedQuery(scope, policy, file))
                modified = feed(store, address).modified.isoformat()
                found[address] = rendered(store, address) + modified.encode()
    return found


@pytest.mark.slow
def test_loads_on_other_days_in_another_order_of_files_give_equal_bytes(tmp_path: Path) -> None:
    paths = [path for path in SEEDS.rglob("*") if path.is_file()]
    stores = []
    for number, order in enumerate((sorted(paths), sorted(paths, reverse=True))):
        folder = tmp_path / str(number)
        for path in order:
            copied = folder / path.relative_to(SEEDS)
            copied.parent.mkdir(parents=True, exist_ok=True)
            copied.write_bytes(path.read_bytes())
        stores.append(fresh(folder, now=datetime(2027 + number, 3, 4, 5, tzinfo=UTC)))
    one, other = stores
    assert dump(one) == dump(other)
    assert len(dump(one)["entries"]) > 50
    assert documents(one) == documents(other)


@pytest.mark.slow
def test_entries_that_are_made_while_others_are_read_are_those_made_in_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever comes late: better and worse copies, removals, undated records."""
    chance = random.Random(7)  # noqa: S311 - the same records every time
    pages = [f"https://news.example.com/{number}" for number in range(150)]
    for number in range(500):
        page = chance.choice(pages) if number % 2 else f"https://news.example.com/a/{number}"
        listed = [{"title": "More", "webUrl": u} for u in chance.sample(pages, 3)]
        write(
            tmp_path,
            f"{number:03}.md",
            title=f"Story {number}",
            webUrl=page,
            publishedDateTime=day(chance.randrange(400)).isoformat() if number % 7 else None,
            quality=chance.randrange(5),
            topics=[chance.choice(["AI", "Ai", "Web", "Open Data"])],
            provider={"name": f"Example {chance.choice('ABab')}", "domain": "example.com"},
            type=chance.choice(["article", "video", None]),
            related=listed,
            published=number % 5 != 0,
            removed=True if number % 31 == 0 else None,
        )
    monkeypatch.setattr(loader, "_WORTH_MERGING", 100_000)
    whole = Store(databases.fresh())
    report = load(whole, tmp_path, now=START)
    assert report.suppressed
    assert report.merged
    for few in (1, 40):
        monkeypatch.setattr(loader, "_WORTH_MERGING", few)
        store = Store(databases.fresh())
        assert load(store, tmp_path, now=START) == report
        assert dump(store) == dump(whole)
        assert documents(store) == documents(whole)


BROKEN = "---\ntitle: [\n---\n"


class Twin:
    """A folder that changes at random, and the records that were in it."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder = folder / "records"
        self.folder.mkdir()
        self.twin = folder / "twin"
        self.loaded: dict[str, bytes] = {}
        self.random = random.Random(seed)  # noqa: S311 - repeatable, not secret
        self.taken: list[tuple[Path, bytes]] = []
        write(folder, "always.md")

    def step(self) -> str:
        names = ["add", "add", "change", "break", "hide", "remove", "mark", "move", "restore"]
        name = self.random.choice(names)
        found = sorted(self.folder.glob("r*.md"))
        if name == "add" or not found:
            self.write(self.folder / f"r{self.random.randrange(30)}.md")
            return "add"
        path = self.random.choice(found)
        if name == "restore":
            if self.taken:
                back, content = self.taken.pop()
                back.write_bytes(content)
            return name
        self.taken.append((path, path.read_bytes()))
        if name == "change":
            self.write(path)
        elif name == "break":
            path.write_text(BROKEN)
        elif name == "hide":
            self.write(path, published=False)
        elif name == "mark":
            self.write(path, removed=True)
        elif name == "move":
            path.rename(self.folder / f"r{self.random.randrange(30, 60)}.md")
        else:
            path.unlink()
        return name

    def mirror(self) -> Path:
        """The folder as it was just loaded, broken files as they last were."""
        found = {path.name: path.read_bytes() for path in self.folder.iterdir()}
        held = {n: self.loaded.get(n, c) if c == BROKEN.encode() else c for n, c in found.items()}
        self.loaded = {n: c for n, c in held.items() if c != BROKEN.encode()}
        shutil.rmtree(self.twin, ignore_errors=True)
        self.twin.mkdir()
        for name, content in held.items():
            (self.twin / name).write_bytes(content)
        return self.twin

    def write(self, path: Path, **fields: Any) -> None:
        pick = self.random.choice
        one, other = self.random.randrange(12), self.random.randrange(12)
        domain = pick(["example.com", "example.org"])
        scheme, host = pick(["http", "https", "https"]), pick(["news", "news", "amp"])
        drawn: dict[str, Any] = {
            "webUrl": f"{scheme}://{host}.example.com/{one}",
            "ampWebUrl": pick([None, f"https://amp.example.com/{pick([one, one, other])}"]),
            "id": pick([None, None, f"urn:example:{self.random.randrange(5)}"]),
            "title": f"Title {pick('ABC')}",
            "quality": self.random.randrange(3),
            "publishedDateTime": f"202{self.random.randrange(5)}-01-01T00:00:00Z",
            "type": pick(["article", "Article", "video", None]),
            "topics": [*self.random.sample(["AI", "Robots", "C++"], 2), pick(["Go", "go", "GO"])],
            "provider": pick([{"name": pick(["Times", "TIMES", "Post"]), "domain": domain}, None]),
            "related": [{"title": "More", "webUrl": f"{scheme}://{host}.example.com/{other}"}],
        }
        write(self.folder, path.name, **(drawn | fields))


def _lasting(document: bytes) -> bytes:
    """A document without what a fresh store doesn't know: what was withdrawn, and when it was."""
    body = document[: max(document.rfind(b">"), document.rfind(b"}"))]
    return re.sub(
        rb'<at:deleted-entry [^>]*/>| xmlns:at="[^"]*"|,"withdrawn":\[[^\]]*\]', b"", body
    )


class Ids(NamedTuple):
    """The id that an entry has, and the one that its record asks for."""

    shown: str
    own: str


def ids(store: Store) -> dict[str, Ids]:
    """Those of all entries, which are never the same."""
    with store.read() as reader:
        columns = entries.c.entry_id, entries.c.shown_id, entries.c.own_id
        rows = reader.connection.execute(select(*columns)).all()
    assert len({row.shown_id for row in rows}) == len(rows)
    return {entry_id: Ids(*row) for entry_id, *row in rows}


def changed_ids(before: dict[str, Ids], after: dict[str, Ids]) -> list[Ids]:
    """The ids that entries have anew, of no entry that became one with them, and didn't ask for."""
    joined = {before[entry_id].shown for entry_id in before.keys() - after.keys()}
    return [
        now
        for entry_id, now in after.items()
        if (was := before.get(entry_id, now)) != now
        and was.own == now.own
        and now.shown not in joined
    ]


def without_ids(store: Store) -> Store:
    """The store, whose entries have the ids of their pages: others tell which came first."""
    with store.write() as connection:
        connection.execute(entries.update().values(shown_id=entries.c.entry_id))
    return store


@pytest.mark.slow
def test_any_sequence_of_changes_ends_like_a_fresh_load(tmp_path: Path, seed: int) -> None:
    twin = Twin(tmp_path, seed)
    store = fresh(twin.folder, day(0))
    before = ids(store)
    steps: list[str] = []
    for number in range(1, 16):
        steps += [twin.step() for _ in range(twin.random.choice([1, 1, 1, 4]))]
        load(store, twin.folder, now=day(number), accept_removals=True)
        with databases.tidied():
            assert dump(store, "shown_id") == dump(fresh(twin.mirror()), "shown_id"), steps
        after = ids(store)
        assert {one.shown for one in changed_ids(before, after)} == set(), steps
        before = after
    pages, anew = (documents(without_ids(one)) for one in (store, fresh(twin.mirror())))
    assert {a: _lasting(body) for a, body in pages.items()} == {
        a: _lasting(body) for a, body in anew.items()
    }


# -- what must not be lost -----------------------------------------------------


def _emptied(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()


def _gone(folder: Path) -> None:
    _emptied(folder)
    folder.rmdir()


def _only_others(folder: Path) -> None:
    _emptied(folder)
    (folder / "README.md").write_text("Moved")


def _all_broken(folder: Path) -> None:
    for path in folder.iterdir():
        path.write_text(BROKEN)


def test_files_that_turn_bad_are_served_as_they_were(store: Store, tmp_path: Path) -> None:
    folder = tmp_path / "records"
    write(folder, "a.md", title="A")
    write(folder, "b.md", published=False)
    load(store, folder)
    before = dump(store), documents(store)
    _all_broken(folder)
    report = load(store, folder)
    assert (dump(store), documents(store)) == before
    assert (report.kept, report.entries, len(report.errors), report.merged) == (2, 1, 2, 0)
    assert str(report.errors[0]).startswith("a.md:")
    assert str(report.errors[0]).endswith("what it said when it could last be read is served on")


@pytest.mark.parametrize(
    "line",
    ["published: false", "removed: true", "deleted: yes", "Draft: 'true'", "expiryDate: 2024-1-1"],
)
def test_a_file_that_turns_bad_but_says_that_it_is_hidden_is(
    store: Store, tmp_path: Path, line: str
) -> None:
    write(tmp_path, "a.md", title="A")
    write(tmp_path, "b.md", webUrl="https://example.com/b")
    load(store, tmp_path)
    (tmp_path / "a.md").write_text(f"---\ntitle: [\n{line}\n---\n")
    report = load(store, tmp_path)
    assert check(tmp_path).problems == report.problems
    with store.read() as reader:
        assert reader.connection.execute(select(entries.c.path)).scalars().all() == ["b.md"]
    assert report.kept == 0
    assert str(report.errors[0]).endswith("it says that it is hidden, and is")


def test_records_appear_at_their_date_and_expire_by_themselves(
    store: Store, tmp_path: Path
) -> None:
    write(tmp_path, "a.md", title="Always")
    write(tmp_path, "b.md", title="Held", publishedDateTime="2026-01-11T00:00:00Z")
    write(tmp_path, "c.md", title="Expires", expiryDate="2026-01-21")
    first = load(store, tmp_path, now=day(0))
    assert titles(store) == {"Always", "Expires"}
    assert (first.public, first.hidden, first.due) == (2, {"dated in the future": 1}, _at(10))
    assert first.counts()["held"] == 1
    assert "1 hidden (1 dated in the future)" in first.counts_line()
    early = load(store, tmp_path, now=day(10) - timedelta(seconds=1))
    assert (early.parsed, early.changed, early.due) == (0, 0, _at(10))
    second = load(store, tmp_path, now=day(10))
    assert titles(store) == {"Always", "Held", "Expires"}
    assert (second.parsed, second.changed, second.hidden, second.due) == (1, 1, {}, _at(20))
    assert second.counts()["held"] == 0
    assert published(store)["b.md"] == day(10)
    third = load(store, tmp_path, now=day(20))
    assert titles(store) == {"Always", "Held"}
    assert (third.parsed, third.hidden, third.due) == (1, {"expired": 1}, None)
    assert dump(fresh(tmp_path, day(20))) == dump(store)


def _at(number: int) -> int:
    return int(day(number).timestamp())


def test_check_counts_what_is_held_and_expired(tmp_path: Path) -> None:
    write(tmp_path, "a.md", publishedDateTime="2026-01-11T00:00:00Z")
    write(tmp_path, "b.md", expiryDate="2026-01-11")
    assert check(tmp_path, now=day(0)).hidden == {"dated in the future": 1}
    assert check(tmp_path, now=day(10)).hidden == {"expired": 1}
    shown = check(tmp_path, profile=Profile(hold=False), now=day(0))
    assert (shown.public, shown.hidden) == (2, {})


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (Config(timezone="Europe/Berlin"), {}),
        (Config(timezone="America/Halifax"), {"dated in the future": 1}),
        (Config(timezone="America/Halifax", future="show"), {}),
    ],
)
def test_another_zone_or_rule_for_the_future_reads_all_files_anew(
    store: Store, tmp_path: Path, config: Config, expected: dict[str, int]
) -> None:
    write(settled(tmp_path), "a.md", publishedDateTime="2026-01-01 00:00:00")
    write(tmp_path, "b.md")
    settled(tmp_path)
    assert load(store, tmp_path, now=day(0)).parsed == 2
    assert load(store, tmp_path, now=day(0)).parsed == 0
    profile = Profile.of(config)
    report = load(store, tmp_path, now=day(0), profile=profile)
    assert (report.parsed, report.hidden) == (2, expected)
    assert load(store, tmp_path, now=day(0), profile=profile).parsed == 0


def test_a_file_that_turns_bad_expires_as_it_said(store: Store, tmp_path: Path) -> None:
    folder = tmp_path / "records"
    write(folder, "a.md", title="A")
    write(folder, "b.md", title="B")
    write(folder, "c.md", title="C", expiryDate="2026-01-11")
    write(folder, "d.md", title="D", publishedDateTime="2026-01-11T00:00:00Z")
    load(store, folder, now=day(0))
    _all_broken(folder)
    report = load(store, folder, now=day(1))
    assert (titles(store), report.kept, report.due) == ({"A", "B", "C"}, 4, _at(10))
    report = load(store, folder, now=day(10))
    assert (titles(store), report.kept, report.due) == ({"A", "B"}, 2, None)


def test_a_broken_file_that_is_mended_is_read_again(store: Store, tmp_path: Path) -> None:
    write(tmp_path, "a.md", title="A")
    load(store, tmp_path)
    (tmp_path / "a.md").write_text(BROKEN)
    load(store, tmp_path)
    write(tmp_path, "a.md", title="Mended")
    report = load(store, tmp_path)
    assert (report.kept, report.changed, report.errors) == (0, 1, [])


def test_removals_that_were_meant_are_accepted(store: Store, tmp_path: Path) -> None:
    for name in "abcde":
        write(tmp_path, f"{name}.md", webUrl=f"https://example.com/{name}")
    load(store, tmp_path)
    for name in "abc":
        (tmp_path / f"{name}.md").unlink()
    with pytest.raises(FolderError, match="lost 3 of 5 records at once"):
        load(store, tmp_path)
    assert load(store, tmp_path, accept_removals=True).entries == 2


def test_half_of_the_records_may_go_at_once(store: Store, tmp_path: Path) -> None:
    for name in "abcd":
        write(tmp_path, f"{name}.md", webUrl=f"https://example.com/{name}")
    load(store, tmp_path)
    for name in "ab":
        (tmp_path / f"{name}.md").unlink()
    assert load(store, tmp_path).entries == 2


def test_a_folder_that_is_arranged_anew_loses_nothing(store: Store, tmp_path: Path) -> None:
    for name in "abcde":
        write(tmp_path, f"{name}.md", webUrl=f"https://example.com/{name}")
    load(store, tmp_path)
    (tmp_path / "news").mkdir()
    for name in "abcde":
        (tmp_path / f"{name}.md").rename(tmp_path / "news" / f"{name}.md")
    assert load(store, tmp_path).entries == 5


def during(pauses: pytest.MonkeyPatch, happens: Callable[[], object]) -> list[float]:
    """Has something happen while a load waits, which takes no time; how long it waited."""
    waited: list[float] = []

    def sleep(seconds: float) -> None:
        waited.append(seconds)
        happens()

    pauses.setattr(time, "sleep", sleep)
    return waited


def test_a_file_that_is_briefly_gone_is_waited_for(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, "a.md", title="A")
    path = write(tmp_path, "b.md", webUrl="https://example.com/b")
    load(store, tmp_path)
    content = path.read_bytes()
    path.unlink()
    waited = during(monkeypatch, lambda: path.write_bytes(content))
    report = load(store, tmp_path, patience=0.5)
    assert (report.entries, report.changed, waited) == (2, 0, [0.5])


def test_a_file_that_is_half_written_is_waited_for(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path, "a.md", title="A")
    content = path.read_bytes()
    path.write_bytes(content[:20])
    waited = during(monkeypatch, lambda: path.write_bytes(content))
    report = load(store, tmp_path, patience=3600)  # it was written within the last hour
    assert (report.entries, report.errors, waited) == (1, [], [3600])


def test_many_files_are_read_by_several_processes(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(30):
        write(tmp_path, f"{number}.md", webUrl=f"https://example.com/{number}")
    (tmp_path / "bad.md").write_text(BROKEN)
    alone = Store(databases.fresh())
    load(alone, tmp_path)
    monkeypatch.setattr(pool, "_WORTH_PROCESSES", 1)
    monkeypatch.setattr(pool, "_BATCH", 7)
    report = load(store, tmp_path)
    assert dump(store) == dump(alone)
    assert (report.entries, len(report.errors)) == (30, 1)


@pytest.mark.slow
@pytest.mark.parametrize("threads", [0, 1])
def test_a_program_that_loads_when_it_is_imported_loads(tmp_path: Path, threads: int) -> None:
    for number in range(900):
        write(tmp_path / "records", f"{number}.md", webUrl=f"https://example.com/{number}")
    program = tmp_path / "app.py"
    program.write_text(
        "import os, threading\n"
        "from feeds import create_app\n"
        "os.cpu_count = lambda: 2\n"
        f"for _ in range({threads}):\n"
        "    threading.Thread(target=threading.Event().wait, daemon=True).start()\n"
        f"app = create_app({{'seeds': {str(tmp_path / 'records')!r},"
        f" 'database_url': '{databases.at(tmp_path / 'feeds.db')}'}})\n"
        "print(app.test_client().get('/rss.xml').status_code)\n"
    )
    done = subprocess.run(
        [sys.executable, program], capture_output=True, text=True, check=True, timeout=300
    )
    assert (done.stdout, done.stderr) == ("200\n", "")


@pytest.mark.parametrize("loss", [_emptied, _gone, _only_others])
def test_a_folder_without_its_records_leaves_the_last_generation(
    store: Store, tmp_path: Path, loss: Callable[[Path], None]
) -> None:
    folder = tmp_path / "records"
    write(folder, "a.md", title="A")
    write(folder, "b.md", published=False)
    load(store, folder)
    before = dump(store), documents(store)
    loss(folder)
    with pytest.raises(
        FolderError, match=rf"\A{folder}(: No such file| lost 2 of 2 records at once)"
    ):
        load(store, folder)
    assert (dump(store), documents(store)) == before
    write(folder, "a.md", title="Back")
    assert load(store, folder).generation == 2
    assert titles(store) == {"Back"}


def test_a_folder_whose_records_are_all_hidden_now_shows_nothing(
    store: Store, tmp_path: Path
) -> None:
    write(tmp_path, "a.md")
    load(store, tmp_path)
    write(tmp_path, "a.md", published=False, webUrl=None)
    for _ in range(2):
        report = load(store, tmp_path)
        assert (report.generation, report.entries, report.hidden.total()) == (2, 0, 1)


@pytest.mark.parametrize("content", [None, "# Not a record\n", "---\ntitle: [\n---\n"])
def test_a_folder_that_never_had_records_is_no_error(
    store: Store, tmp_path: Path, content: str | None
) -> None:
    if content is not None:
        (tmp_path / "README.md").write_text(content)
    for _ in range(2):
        report = load(store, tmp_path)
        assert (report.generation, report.entries) == (1, 0)
    write(tmp_path, "a.md")
    assert load(store, tmp_path).generation == 2


def test_a_missing_folder_leaves_a_new_store_empty(store: Store, tmp_path: Path) -> None:
    with pytest.raises(FolderError, match="No such file or directory"):
        load(store, tmp_path / "missing")
    with store.read() as reader:
        assert reader.state() == State(0, 0)


def test_a_lock_that_cannot_be_had_is_one_line(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path}/feeds.db")
    (tmp_path / "feeds.db.lock").mkdir()
    with pytest.raises(StoreError, match=r"feeds\.db can't be locked: .*Is a directory"):
        load(store, tmp_path)


# -- several at once -------------------------------------------------------------

PROCESSES: Final = 4


_met: list[Barrier] = []  # a barrier reaches a process only as it starts


def _meet(barrier: Barrier) -> None:
    _met.append(barrier)


def _load_when_all_are_there(url: str, folder: Path) -> Report:
    _met[0].wait(300)
    return load(Store(url), folder)


@pytest.mark.slow
def test_of_processes_that_load_at_once_one_parses_everything(tmp_path: Path) -> None:
    for number in range(50):
        write(tmp_path / "records", f"{number}.md")
    url = databases.at(tmp_path / "feeds.db")
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(PROCESSES, spawn, _meet, (spawn.Barrier(PROCESSES),)) as pool:
        tasks = [
            pool.submit(_load_when_all_are_there, url, tmp_path / "records")
            for _ in range(PROCESSES)
        ]
        reports = [task.result(300) for task in tasks]
    assert sorted(report.parsed for report in reports) == [0, 0, 0, 50]
    assert {(report.public, report.entries, report.generation) for report in reports} == {
        (50, 50, 1)
    }
