"""What the system tells of a folder, and that loads of that alone are loads of everything."""

import errno
import random
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from inotify_simple import INotify
from sqlalchemy import select

from feeds.follower.folder_watch import FolderWatch, WatchError
from feeds.loading.loader import Loader
from feeds.records.scanner import LossError
from feeds.store.database import Store
from feeds.store.schema import health, loads, metadata
from tests.helpers.databases import databases
from tests.helpers.support import write

START = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture(name="folder")
def _folder(tmp_path: Path) -> Path:
    for name in ("a.md", "sub/b.md", "sub/deep/c.md", ".hidden/d.md"):
        write(tmp_path / "news", name)
    return tmp_path / "news"


@pytest.fixture(name="watch")
def _watch(folder: Path) -> Iterator[FolderWatch]:
    with closing(FolderWatch(folder)) as watch:
        yield watch


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda f: (f / "a.md").write_text("new"), {"a.md"}),
        (lambda f: (f / "a.md").chmod(0o600), {"a.md"}),
        (lambda f: (f / "a.md").rename(f / "e.md"), {"a.md", "e.md"}),
        (lambda f: (f / "sub/deep/c.md").unlink(), {"sub/deep/c.md"}),
        (lambda f: (f / "sub").rename(f / "other"), {"sub", "other"}),
        (lambda f: (f / "sub").rename(f.parent / "away"), {"sub"}),
        (lambda f: (f / "sub/deep").rename(f / "deep"), {"sub/deep", "deep"}),
        (lambda f: write(f, "new/er/x.md"), {"new"}),
        (lambda f: (f / "e.md").write_text(""), {"e.md"}),
        (lambda f: (f / "\udcff.md").write_text(""), {"\udcff.md"}),
        (lambda f: (f / ".a.md.swp").write_text(""), set()),
        (lambda f: (f / ".hidden/d.md").write_text(""), set()),
        (lambda f: (f / "..data").symlink_to("sub"), {"..data"}),
        (lambda _: None, set()),
    ],
)
def test_what_changes_is_told(
    folder: Path, watch: FolderWatch, change: Callable[[Path], Any], told: set[str]
) -> None:
    change(folder)
    assert watch.read(0.1) == told


@pytest.mark.parametrize("path", ["new", "new/er", "moved/deep", "sub"])
def test_folders_that_come_are_watched_too(folder: Path, watch: FolderWatch, path: str) -> None:
    (folder / "new/er").mkdir(parents=True)
    (folder / "sub").rename(folder / "moved")
    (folder / "sub").mkdir()
    watch.read(0.1)
    write(folder, f"{path}/x.md")
    assert watch.read(0.1) == {f"{path}/x.md"}


def test_a_folder_that_went_elsewhere_is_watched_no_more(folder: Path, watch: FolderWatch) -> None:
    (folder / "sub").rename(folder.parent / "away")
    watch.read(0.1)
    write(folder.parent / "away", "deep/x.md")
    assert watch.read(0.1) == set()


def test_events_that_were_lost_make_everything_unknown(folder: Path, watch: FolderWatch) -> None:
    (folder / "a.md").write_text("new")
    with (folder / "b.md").open("w") as one, (folder / "c.md").open("w") as other:
        # Events that are like the last one are told once.
        for _ in range(int(Path("/proc/sys/fs/inotify/max_queued_events").read_text()) // 2 + 1):
            for file in (one, other):
                file.write(".")
                file.flush()
    assert watch.read(0.1) is None
    (folder / "a.md").write_text("newer")
    assert watch.read(0.1) == {"a.md"}


def test_a_great_many_changes_are_everything(folder: Path, watch: FolderWatch) -> None:
    for number in range(2_001):
        (folder / f"{number}.md").touch()
    assert watch.read(0.1) is None


@pytest.mark.parametrize(
    ("code", "why"),
    [
        (errno.ENOSPC, "watches are used up; raise fs.inotify.max_user_watches"),
        (errno.EMFILE, "are used up; raise fs.inotify.max_user_instances"),
        (errno.EIO, "Input/output error"),
    ],
)
def test_a_folder_that_comes_and_cannot_be_watched_is_an_error(
    folder: Path, watch: FolderWatch, monkeypatch: pytest.MonkeyPatch, code: int, why: str
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(code, "Input/output error")

    monkeypatch.setattr(INotify, "add_watch", refuse)
    (folder / "new").mkdir()
    with pytest.raises(WatchError, match=why):
        watch.read(0.1)


def test_a_folder_that_cannot_be_read_is_watched_when_it_can(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add, refused = INotify.add_watch, [str(folder / "sub") + "/"]

    def refuse(self: INotify, path: str, mask: int) -> int:
        if path in refused:
            raise OSError(errno.EACCES, "Permission denied")
        return int(add(self, path, mask))

    monkeypatch.setattr(INotify, "add_watch", refuse)
    with closing(FolderWatch(folder)) as watch:
        write(folder, "sub/deep/x.md")
        assert watch.read(0.1) == set()
        refused.clear()
        (folder / "sub").chmod(0o755)
        (folder / "sub").chmod(0o700)
        assert watch.read(0.1) == {"sub"}
        write(folder, "sub/deep/y.md")
        assert watch.read(0.1) == {"sub/deep/y.md"}


# -- loads of what was told ---------------------------------------------------------------


class Editor:
    """Changes a folder, and folders in it, by chance."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder = folder
        self.chance = random.Random(seed)  # noqa: S311 - the same every time
        for number in range(12):
            self.write(f"{number}.md")

    def path(self) -> str:
        place = self.chance.choice(["", "", "one/", "two/", "one/deep/"])
        return f"{place}{self.chance.randrange(16)}.md"

    def write(self, path: str, **fields: Any) -> None:
        pick = self.chance.choice
        page, other = self.chance.randrange(10), self.chance.randrange(10)
        drawn: dict[str, Any] = {
            "webUrl": f"https://news.example.com/{page}",
            "ampWebUrl": pick([None, None, f"https://amp.example.com/{page}"]),
            "id": pick([None, None, f"urn:example:{self.chance.randrange(5)}"]),
            "title": f"Title {pick('ABC')}",
            "publishedDateTime": pick([None, f"202{self.chance.randrange(5)}-01-01T00:00:00Z"]),
            "expiryDate": pick([None, None, "2026-03-10T00:00:00Z", "2026-03-06T00:00:00Z"]),
            "topics": self.chance.sample(["AI", "Robots", "ai"], 2),
            "related": [{"title": "More", "webUrl": f"https://news.example.com/{other}"}],
        }
        write(self.folder, path, **(drawn | fields))

    def step(self) -> None:
        found = sorted(p for p in self.folder.rglob("*.md"))
        path = self.chance.choice(found)
        name = path.relative_to(self.folder).as_posix()
        folders = [p for p in self.folder.rglob("*") if p.is_dir()]
        match self.chance.randrange(12):
            case 0 | 1 | 2:
                self.write(self.path())
            case 3:
                path.write_text("---\ntitle: [\n---\n")
            case 4:
                self.write(name, published=False)
            case 5:
                self.write(name, removed=True)
            case 6:
                path.write_text("no record")
            case 7:
                path.unlink()
            case 8:
                to = self.folder / self.path()
                to.parent.mkdir(parents=True, exist_ok=True)
                path.rename(to)
            case 9 if folders:
                shutil.rmtree(self.chance.choice(folders))
            case 10 if folders:
                self.chance.choice(folders).rename(self.folder / f"f{self.chance.random()}")
            case _:
                items = self.chance.sample(found, min(3, len(found)))
                names = [p.relative_to(self.folder).as_posix() for p in items]
                write(self.folder, self.path(), type="collection", items=names, webUrl=None)
        if not list(self.folder.rglob("*.md")):
            self.write("0.md")


def tables(store: Store) -> dict[str, list[tuple[Any, ...]]]:
    """All that a store holds, but for what each look at files leaves."""
    with store.read() as reader:
        run = reader.connection.execute
        found = {
            table.name: sorted(
                (tuple(row) for row in run(select(*[c for c in table.c if c.name != "checked"]))),
                key=repr,
            )
            for table in metadata.sorted_tables
            if table not in (health, loads)
        }
        return found | {"counts": [tuple(reader.health().counts.items())]}


@pytest.mark.usefixtures("either")
def test_loads_of_what_was_told_are_loads_of_everything(tmp_path: Path, seed: int) -> None:
    editor = Editor(tmp_path / "news", seed)
    stores = [Store(databases.fresh()) for _ in range(2)]
    told, whole = (Loader(store, editor.folder) for store in stores)
    touched: set[str] | None = None
    with closing(FolderWatch(editor.folder)) as watch:
        for number in range(25):
            now = START + timedelta(hours=12 * number)
            report = told.load(now=now, touched=touched, accept_removals=True)
            expected = whole.load(now=now, accept_removals=True)
            assert report.figures() == expected.figures()
            assert report.counts() == expected.counts()
            assert (report.turned, report.due) == (expected.turned, expected.due)
            assert tables(stores[0]) == tables(stores[1])
            for _ in range(editor.chance.choice([0, 1, 1, 1, 3])):
                editor.step()
            touched = watch.read(0.05)
            assert touched is not None
    for store in stores:
        store.release()


@pytest.mark.usefixtures("either")
def test_more_than_half_of_the_records_that_go_are_noticed_by_what_was_told(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "news"
    paths = [write(folder, f"{number}.md").name for number in range(10)]
    store = Store(databases.fresh())
    loader = Loader(store, folder)
    loader.load()
    for path in paths[:5]:
        (folder / path).unlink()
    assert loader.load(touched=paths[:5]).entries == 5
    for path in paths[5:8]:
        (folder / path).unlink()
    with pytest.raises(LossError, match="lost 3 of 5 records at once"):
        loader.load(touched=paths[5:8])
    assert loader.load(touched=paths[5:8], accept_removals=True).entries == 2
    store.release()


@pytest.mark.usefixtures("either")
def test_links_are_looked_at_whatever_was_told(tmp_path: Path) -> None:
    """As those of a volume of Kubernetes, whose target turns elsewhere with a hidden link."""
    folder = tmp_path / "news"
    for number in range(2):
        write(folder, f"..{number}/a.md", title=f"Title {number}")
    (folder / "..data").symlink_to("..0")
    (folder / "a.md").symlink_to("..data/a.md")
    store = Store(databases.fresh())
    loader = Loader(store, folder)
    assert loader.load().entries == 1
    (folder / "..new").symlink_to("..1")
    (folder / "..new").rename(folder / "..data")
    assert loader.load(touched={"..data"}).changed == 1
    store.release()


@pytest.mark.usefixtures("either")
def test_links_that_came_after_the_first_load_are_looked_at_too(tmp_path: Path) -> None:
    folder = tmp_path / "news"
    write(folder, "..0/a.md")
    store = Store(databases.fresh())
    loader = Loader(store, folder)
    loader.load()
    (folder / "sub").mkdir()
    for link, target in (("a.md", "..0/a.md"), ("sub/b.md", "../..0/b.md")):
        (folder / link).symlink_to(target)
    assert loader.load(touched={"a.md", "sub"}).entries == 1
    write(folder, "..0/a.md", title="Another")
    write(folder, "..0/b.md")
    assert loader.load(touched=()).changed == 2
    (folder / "..0/b.md").unlink()
    assert loader.load(touched=()).entries == 1
    store.release()


def test_a_store_that_is_as_of_before_is_brought_up_to_everything(tmp_path: Path) -> None:
    folder = tmp_path / "news"
    write(folder, "a.md")
    store = Store(databases.at(tmp_path / "f.db"))
    loader = Loader(store, folder)
    loader.load()
    store.release()
    shutil.copy(tmp_path / "f.db", tmp_path / "copy.db")
    write(folder, "b.md")
    loader.load(touched={"b.md"})
    store.release()
    for part in tmp_path.glob("f.db-*"):
        part.unlink()
    shutil.copy(tmp_path / "copy.db", tmp_path / "f.db")
    assert loader.load(touched=()).entries == 2
    store.release()
