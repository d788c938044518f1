"""What the writer does to any target: a folder, files by fsspec, objects at once."""

from collections.abc import Callable
from pathlib import Path
from threading import Thread
from typing import Any, Final, NamedTuple

import fsspec
import pytest
from flask import Flask
from fsspec.implementations.local import LocalFileSystem

from feeds.export import manifest, object_store
from feeds.export.directory import CODINGS, Folder
from feeds.export.manifest import File, Manifest, ManifestError
from feeds.export.object_store import ObjectStore
from feeds.export.plan import SiteSelection
from feeds.export.writer import JOURNAL, ExportError, Outcome, Put, Target, write
from tests.helpers import collection
from tests.helpers.server import documents, load
from tests.helpers.support import write as record
from tests.helpers.targets import Killed, Wrapped

RSS: Final = SiteSelection(("rss",), ("canonical",), ("everything", "topics"))
Files = dict[str, bytes]


class Place(NamedTuple):
    """Where a site is written: a new target for each run, and all files there."""

    target: Callable[[], Target]
    files: Callable[[], Files]
    add: Callable[[str, bytes], None]

    def run(self, app: Flask, selection: SiteSelection = RSS) -> Outcome:
        return write(self.target(), documents(app), selection)

    def site(self) -> Files:
        return {path: body for path, body in self.files().items() if path[0] != "."}

    def manifest(self) -> Manifest:
        return manifest.read(self.files()[manifest.NAME], "")


def in_folder(root: Path, target: Callable[[], Target]) -> Place:
    def files() -> Files:
        there = {str(path.relative_to(root)): path for path in root.rglob("*") if path.is_file()}
        return {path: there[path].read_bytes() for path in there.keys() - {".feeds/lock"}}

    def add(path: str, body: bytes) -> None:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(body)

    return Place(target, files, add)


def in_memory(root: str) -> Place:
    there = fsspec.filesystem("memory")

    def files() -> Files:
        return {path.removeprefix(f"{root}/"): there.cat(path) for path in there.find(root)}

    def add(path: str, body: bytes) -> None:
        there.pipe(f"{root}/{path}", body)

    return Place(lambda: ObjectStore(f"memory:/{root}"), files, add)


@pytest.fixture(params=["folder", "precompressed", "files", "objects"])
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    root = tmp_path / "site"
    if request.param == "files":
        return in_folder(root, lambda: ObjectStore(f"file://{root}"))
    if request.param == "objects":
        monkeypatch.setattr(object_store, "EXTRAS", {"memory": "memory"})
        monkeypatch.setattr(object_store, "HEADERS", {"memory": lambda _: {}})
        return in_memory(str(tmp_path))
    codings = CODINGS if request.param == "precompressed" else ()
    return in_folder(root, lambda: Folder(root, codings))


def test_a_second_run_with_nothing_changed_changes_nothing(app: Flask, place: Place) -> None:
    assert place.run(app) == Outcome(4, len(place.site()), 0)
    before = place.files()
    target: Any = Wrapped(place.target())
    assert write(target, documents(app), RSS) == Outcome(4, 0, 0)
    assert target.calls == []
    assert place.files() == before
    assert place.site().keys() == place.manifest().paths()


@pytest.mark.slow
def test_what_differs_is_written_and_what_is_no_more_removed(
    app: Flask, place: Place, records: Path
) -> None:
    place.run(app)
    place.add("topics/mine.txt", b"mine")
    before, each = place.files(), len(place.site()) // 4
    record(records, "c.md", title="New", topics=["AI"], publishedDateTime="2024-03-09T00:00:00Z")
    record(records, "a.md", removed=True)  # of which alone C++ is a topic
    load(app, records)
    assert place.run(app) == Outcome(3, 2 * each, each)
    after = place.files()
    changed = {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
    written = {path.partition(".xml")[0] for path in changed - {manifest.NAME}}
    assert written == {"rss", "topics/ai/rss", "topics/c-plus-plus/rss"}
    assert after["topics/mine.txt"] == b"mine"
    assert after.keys() == place.manifest().paths() | {manifest.NAME, "topics/mine.txt"}


def test_what_is_not_selected_any_more_is_removed(app: Flask, place: Place) -> None:
    place.run(app)
    each = len(place.site()) // 4
    assert place.run(app, RSS._replace(scopes=("everything",))) == Outcome(1, 0, 3 * each)
    assert {path.partition(".xml")[0] for path in place.site()} == {"rss"}


def test_paths_are_journaled_before_and_the_manifest_written_after(
    app: Flask, place: Place
) -> None:
    place.run(app, RSS._replace(scopes=("topics",)))
    target: Any = Wrapped(place.target())
    write(target, documents(app), RSS._replace(scopes=("everything",)))
    journaled: set[str] = set()
    changed: list[str] = []
    for method, paths in target.calls:
        if method == "journal":
            journaled |= set(paths)
        else:
            changed += paths
            assert paths[0][0] == "." or paths[0] in journaled
    paths = [path for path in changed if path[0] != "."]
    assert sorted(paths) == sorted(journaled)
    assert changed[: len(paths) + 1] == [*paths, manifest.NAME]
    assert all(path.startswith(JOURNAL) for path in changed[len(paths) + 1 :])


@pytest.mark.slow
@pytest.mark.parametrize("again", ["old", "new"])
@pytest.mark.parametrize("end", [Killed, ExportError])
def test_a_run_that_ended_anywhere_is_mended_by_the_next(
    app: Flask, place: Place, tmp_path: Path, again: str, end: type[BaseException]
) -> None:
    """Whether it wants what the one that failed wanted, or what was there before it."""
    other = collection.make(tmp_path / "other")
    (other / "e.md").unlink()  # of which alone a topic is
    record(other, "h.md", title="New", topics=["New"], publishedDateTime="2024-03-09T00:00:00Z")
    apps = {"old": app, "new": collection.site(other, title="Another")}
    place.run(apps[again])
    wanted = place.site()
    for changes in range(1, 200):
        place.run(app)
        target: Any = Wrapped(place.target(), changes, end)
        try:
            write(target, documents(apps["new"]), RSS)
        except end:
            place.run(apps[again])
            assert place.site() == wanted, target.calls
            assert not any(path.startswith(JOURNAL) for path in place.files())
            assert place.manifest().paths() == wanted.keys()
            assert place.run(apps[again]) == Outcome(4, 0, 0)
        else:
            break
    assert changes > len(wanted)
    assert not target.dead.is_set()


def test_a_run_that_fails_leaves_whole_files_and_is_mended(
    app: Flask, place: Place, records: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = collection.site(records, title="Another")
    place.run(other)
    new = place.site()
    place.run(app)
    old = place.site()
    made, left = documents(other).renderer.render, [2]

    def fails(*arguments: Any) -> Any:
        left[0] -= 1
        if left[0] < 0:
            raise ExportError("the disk is full")
        return made(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(documents(other).renderer, "render", fails)
        with pytest.raises(ExportError, match=r"\Athe disk is full\Z"):
            place.run(other)
    assert all(body in {old[path], new[path]} for path, body in place.site().items())
    place.run(other)
    assert place.site() == new


def test_a_place_of_somebody_else_is_left_alone(app: Flask, place: Place) -> None:
    place.add("index.html", b"mine")
    with pytest.raises(ExportError, match=r"holds files that .*; name a new or empty"):
        place.run(app)
    assert place.files() == {"index.html": b"mine"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"", "no manifest of this program's"),
        (b"{", "no manifest"),
        (b'{"version":7}', "version 7 isn't 1"),
        (b'{"files":{"../x":{}}}', "missing required field"),
        (
            b'{"files":{"a/../../x":{"media_type":"","etag":"","size":1,"sha256":"","cache_control":""}}}',
            "'a/../../x' can be no file of a site",
        ),
    ],
)
def test_a_strange_manifest_stops_a_run(app: Flask, place: Place, text: bytes, reason: str) -> None:
    place.run(app)
    place.add(manifest.NAME, text)
    before = place.files()
    with pytest.raises(ManifestError, match=rf"\.feeds/manifest\.json is .*{reason}"):
        place.run(app)
    assert place.files() == before


def test_files_that_are_written_at_once_are_moved_one_by_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = ObjectStore(tmp_path.as_uri())
    headers = File("text/plain", "", 0, "", "no-cache")
    move, names = LocalFileSystem.mv, ["journal", "document"]
    at_once = Thread(target=lambda: target.put(Put("journal", b"journal", headers)))

    def slow_move(files: LocalFileSystem, source: str, place: str) -> None:
        if place.endswith("document"):
            at_once.start()
            at_once.join(0.2)  # it ends by then, unless it has to wait
        move(files, source, place)

    monkeypatch.setattr(LocalFileSystem, "mv", slow_move)
    target.put(Put("document", b"document", headers))
    at_once.join()
    assert [(tmp_path / name).read_text() for name in names] == names
