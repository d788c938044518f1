"""What an export does to a folder, and to nothing else."""

import fcntl
import os
import re
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from feeds.catalog.addresses import FeedQuery
from feeds.export import manifest
from feeds.export.directory import CODINGS
from feeds.export.manifest import SUFFIXES, Manifest
from feeds.export.plan import SiteSelection
from feeds.export.writer import ExportError, Outcome
from feeds.serving import content_coding
from feeds.serving.renderer import Rendering
from tests.helpers import collection
from tests.helpers.server import FEEDS, ROOT, clean_environment, documents, feeds, load, until
from tests.helpers.support import write

State = dict[str, tuple[int, int, bytes]]
RSS = SiteSelection(("rss",), ("canonical",), ("everything", "topics"))


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "site"


def run(app: Flask, out: Path, selection: SiteSelection = RSS, codings: Any = CODINGS) -> Outcome:
    return collection.export(app, out, selection, codings)


def state(out: Path) -> State:
    """Every file with its inode, time and bytes."""
    found = {}
    for path in out.rglob("*"):
        if path.is_file():
            status = path.stat()
            name = str(path.relative_to(out))
            found[name] = (status.st_ino, status.st_mtime_ns, path.read_bytes())
    return found


def noted(out: Path) -> Manifest:
    return manifest.read((out / manifest.NAME).read_bytes(), "")


def changed(before: State, after: State) -> set[str]:
    return {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}


@pytest.mark.slow
def test_a_second_export_with_nothing_changed_writes_nothing(app: Flask, out: Path) -> None:
    first = run(app, out, collection.SOME)
    before = state(out)
    assert first == Outcome(len(noted(out).files), 3 * len(noted(out).files), 0)
    assert run(app, out, collection.SOME) == Outcome(first.documents, 0, 0)
    assert state(out) == before
    folders = {path: path.stat().st_mtime_ns for path in out.rglob("*") if path.is_dir()}
    run(app, out, collection.SOME)
    del folders[out / ".feeds"]  # the lock is taken there
    assert {path: path.stat().st_mtime_ns for path in folders} == folders


def test_only_what_changed_is_written(app: Flask, records: Path, out: Path) -> None:
    run(app, out)
    before = state(out)
    write(records, "g.md", title="Another", topics=["AI"], publishedDateTime="2023-12-05T00:00:00Z")
    load(app, records)
    # Feeds show two entries; that one is older.
    assert run(app, out) == Outcome(4, 0, 0)
    write(records, "c.md", title="Another", topics=["AI"], publishedDateTime="2024-03-09T00:00:00Z")
    load(app, records)
    outcome = run(app, out)
    written = {"rss.xml", "topics/ai/rss.xml"}
    written |= {f"{path}{suffix}" for path in written for suffix in SUFFIXES.values()}
    assert outcome == Outcome(4, len(written), 0)
    assert changed(before, state(out)) == written | {manifest.NAME}


def test_what_is_no_more_is_removed_with_its_folders(app: Flask, records: Path, out: Path) -> None:
    run(app, out)
    (out / "topics" / "mine.txt").write_text("mine")
    (out / "topics" / "c-plus-plus" / "mine.txt").write_text("mine")
    for name in ("a", "e"):
        write(records, f"{name}.md", removed=True)
    load(app, records)
    assert run(app, out) == Outcome(2, 6, 6)
    assert not (out / "topics" / "unicode").exists()
    assert sorted(path.name for path in (out / "topics" / "c-plus-plus").iterdir()) == ["mine.txt"]
    assert (out / "topics" / "mine.txt").read_text() == "mine"
    assert noted(out).paths() == {path for path in state(out) if path.endswith(("l", "gz", "br"))}


@pytest.mark.parametrize("damage", [b"", b"x", None, "folder"])
def test_a_file_that_was_damaged_is_written_again(app: Flask, out: Path, damage: Any) -> None:
    run(app, out)
    before = state(out)
    for path in ("rss.xml", "rss.xml.br"):
        if isinstance(damage, bytes):
            (out / path).write_bytes(damage or b"?" * (out / path).stat().st_size)
        else:
            (out / path).unlink()
    if damage == "folder":
        (out / "rss.xml").symlink_to(out / "topics" / "ai" / "rss.xml")
    assert run(app, out) == Outcome(4, 2, 0)
    after = state(out)
    assert {name: body for name, (*_, body) in after.items()} == {
        name: body for name, (*_, body) in before.items()
    }
    assert not (out / "rss.xml").is_symlink()


@pytest.mark.slow
def test_files_have_the_time_of_their_documents(app: Flask, out: Path) -> None:
    run(app, out, collection.SOME)
    for path, file in noted(out).files.items():
        times = {(out / name).stat().st_mtime for name in [path, f"{path}.gz", f"{path}.br"]}
        assert len(times) == 1
        if file.last_modified:
            query = FeedQuery(file="rss.xml", limit=2)
            if path == "rss.xml":
                modified = documents(app).document(query).modified
                assert modified is not None
                assert times == {modified.timestamp()}
        else:
            assert max(times) <= time.time() + 1


def test_other_bytes_of_the_same_size_have_another_time(
    app: Flask, records: Path, out: Path
) -> None:
    """Servers of files tell them apart by that."""
    run(app, out)
    before = (out / "rss.xml").stat()
    other = collection.site(records, title="Another & Söhne")
    changed_app = collection.site(records, title="Exemple & Söhne")
    run(changed_app, out)
    after = (out / "rss.xml").stat()
    assert before.st_size == after.st_size
    assert int(after.st_mtime) > int(before.st_mtime)
    run(changed_app, out)
    assert (out / "rss.xml").stat().st_mtime_ns == after.st_mtime_ns
    run(other, out)
    assert int((out / "rss.xml").stat().st_mtime) > int(after.st_mtime)


def test_codings_of_the_same_size_have_times_of_their_own(
    app: Flask, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for coding in CODINGS:
        monkeypatch.setitem(content_coding.ENCODERS, coding, lambda body: body[::-1])
    for _ in range(2):
        run(app, out)
        for path in noted(out).files:
            files = [out / path, out / f"{path}.gz", out / f"{path}.br"]
            assert len({file.stat().st_size for file in files}) == 1
            assert len({int(file.stat().st_mtime) for file in files}) == 3
    before = state(out)
    run(app, out)
    assert changed(before, state(out)) <= {manifest.NAME}


def test_another_encoder_makes_its_codings_anew(
    app: Flask, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(app, out)
    monkeypatch.setitem(content_coding.ENCODERS, "gzip", lambda body: b"x" + body)
    assert run(app, out) == Outcome(4, 4, 0)
    assert (out / "rss.xml.gz").read_bytes() == b"x" + (out / "rss.xml").read_bytes()


def test_readers_may_read_what_is_written(app: Flask, out: Path) -> None:
    before = os.umask(0o022)
    try:
        run(app, out)
    finally:
        os.umask(before)
    assert {path.stat().st_mode & 0o777 for path in out.rglob("*.xml*")} == {0o644}


# -- what goes wrong --------------------------------------------------------------


def test_a_folder_of_somebody_else_is_left_alone(app: Flask, out: Path) -> None:
    out.mkdir()
    (out / "index.html").write_text("mine")
    with pytest.raises(ExportError, match="holds files that no export wrote; name a new or empty"):
        run(app, out)
    assert [path.name for path in out.iterdir()] == ["index.html"]


def test_a_hidden_folder_of_that_name_makes_no_folder_ours(app: Flask, out: Path) -> None:
    (out / ".feeds").mkdir(parents=True)
    (out / "rss.xml").write_text("mine")
    with pytest.raises(ExportError, match="holds files that no export wrote"):
        run(app, out)
    assert (out / "rss.xml").read_text() == "mine"
    (out / "rss.xml").unlink()
    (out / ".feeds" / "settings").write_text("mine")
    with pytest.raises(ExportError, match="holds files that no export wrote"):
        run(app, out)
    assert [str(path.relative_to(out)) for path in out.rglob("*")] == [".feeds", ".feeds/settings"]
    (out / ".feeds" / "settings").unlink()  # as an export has it that was killed at once
    assert run(app, out).documents == 4


@pytest.mark.parametrize("left", [b"\0\0\0\n", b"topics/\xff/rss.xml\n", b"\n", b"../x\n", b"to"])
def test_a_journal_that_a_power_cut_left_stops_nothing(
    app: Flask, out: Path, monkeypatch: pytest.MonkeyPatch, left: bytes
) -> None:
    """What is written after it is known to be ours all the same."""
    (out.parent / "x").write_text("mine")
    (out / ".feeds").mkdir(parents=True)
    for name in ("lock", "journal"):
        (out / ".feeds" / name).write_bytes(left if name == "journal" else b"")
    made = documents(app).renderer.render

    def fails(query: FeedQuery, *rest: Any) -> Rendering:
        if query.scope.topic == "ai":
            raise KeyboardInterrupt
        return made(query, *rest)

    monkeypatch.setattr(documents(app).renderer, "render", fails)
    with pytest.raises(KeyboardInterrupt):
        run(app, out)
    monkeypatch.undo()
    assert (out / "rss.xml").exists()
    assert run(app, out, RSS._replace(scopes=("topics",))).removed == 3
    assert not (out / "rss.xml").exists()
    assert (out.parent / "x").read_text() == "mine"


def test_only_one_export_at_a_time_writes_into_a_folder(app: Flask, out: Path) -> None:
    run(app, out)
    with (out / ".feeds" / "lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(ExportError, match="another export writes into"):
            run(app, out)
    run(app, out)


@pytest.mark.parametrize("link", ["topics", "topics/ai", ".feeds", ".feeds/new", ".feeds/journal"])
def test_no_link_inside_the_folder_is_followed(
    app: Flask, records: Path, out: Path, tmp_path: Path, link: str
) -> None:
    """Neither to write, nor to remove what an export once wrote."""
    run(app, out)
    other = tmp_path / "elsewhere"
    other.mkdir()
    if (out / link).is_dir():
        (out / link).rename(other / "there")
    else:
        (other / "there").write_text("mine")
    (out / link).symlink_to(other / "there")
    before = state(other)
    write(records, "a.md", removed=True)
    load(app, records)
    with pytest.raises(ExportError, match=rf"/{link} is a link; an export writes into no other"):
        run(app, out)
    assert state(other) == before


def test_a_file_in_the_way_is_named(app: Flask, out: Path) -> None:
    run(app, out, SiteSelection(("rss",), ("canonical",), ("everything",)))
    (out / "topics").write_text("mine")
    with pytest.raises(ExportError, match=r"site/topics.* can't be written: "):
        run(app, out)
    assert (out / "topics").read_text() == "mine"


def test_an_export_that_fails_leaves_whole_files_and_is_made_good(
    app: Flask, records: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(app, out)
    old = state(out)
    for path in records.glob("*.md"):
        path.write_text(path.read_text().replace("title: A title", "title: Another"))
    load(app, records)
    made, left = documents(app).renderer.render, [2]

    def fails(*arguments: Any) -> Rendering:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(28, "No space left on device", str(out / "topics"))
        return made(*arguments)

    monkeypatch.setattr(documents(app).renderer, "render", fails)
    with pytest.raises(ExportError, match="topics can't be written: No space left on device"):
        run(app, out)
    monkeypatch.undo()
    between = state(out)
    assert between[manifest.NAME] == old[manifest.NAME]
    run(app, out)
    new = state(out)
    for name in old.keys() - {manifest.NAME}:
        assert between[name][2] in (old[name][2], new[name][2])
    assert {name.rpartition("/")[2] for name in new} <= {
        "rss.xml", "rss.xml.gz", "rss.xml.br", "manifest.json", "lock",
    }  # fmt: skip


@pytest.mark.slow
def test_what_an_export_wrote_that_was_killed_is_known_to_the_next(
    tmp_path: Path, records: Path, out: Path
) -> None:
    """Killed at many moments; nothing is ever half there, and all that it wrote is ours."""
    settings = {
        "FEEDS_SEEDS": str(records),
        "FEEDS_DATABASE_URL": f"sqlite:///{tmp_path / 'killed.db'}",
        "FEEDS_BASE_URL": ROOT,
        "FEEDS_PARAMETERS": "off",
    }
    wanted = ["--formats", "rss,page", "--links", "canonical,amp", "--precompress"]
    assert feeds("export", "whole", *wanted, cwd=tmp_path, **settings).returncode == 0
    whole = {name: body for name, (*_, body) in state(tmp_path / "whole").items()}
    for share in (0.05, 0.2, 0.4):
        process = subprocess.Popen(
            [FEEDS, "export", out, *wanted],
            cwd=tmp_path,
            env=clean_environment(tmp_path) | settings,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )
        some = share * len(whole)
        until(lambda some=some: len(list(out.rglob("*.*"))) >= some)  # type: ignore[misc]
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        there = {name: body for name, (*_, body) in state(out).items() if name[0] != "."}
        assert there.items() <= whole.items()
    assert not (out / manifest.NAME).exists()
    # Only what the killed ones wrote still has its topic.
    write(records, "e.md", removed=True, topics=["Ünïcode"])
    assert list((out / "topics" / "unicode").iterdir())
    assert feeds("export", str(out), *wanted, cwd=tmp_path, **settings).returncode == 0
    assert not (out / "topics" / "unicode").exists()
    found = {name for name in state(out) if name[0] != "."}
    assert found == noted(out).paths()
    assert not list((out / ".feeds").glob("[jn]*"))


def test_names_of_strangers_stay_in_the_folder(tmp_path: Path, out: Path) -> None:
    folder = tmp_path / "records"
    for number, name in enumerate(
        ["../../x", "..", "/etc/passwd", "a\\b", ".feeds", "C:\\x", "%2e"]
    ):
        write(
            folder,
            f"{number}.md",
            topics=[name],
            provider={"name": name, "domain": "a..b" if number % 2 else "rss.xml"},
            type=name,
        )
    app = collection.site(folder)
    before = {path for path in tmp_path.rglob("*") if not str(path).startswith(str(out))}
    collection.export(app, out, collection.SOME)
    after = {path for path in tmp_path.rglob("*") if not str(path).startswith(str(out))}
    assert {path for path in after - before if ".db" not in path.name} == set()
    assert {p.name for p in out.iterdir() if p.name.startswith(".")} == {".feeds"}
    assert "providers/rss.xml/index.html" in noted(out).files


# -- the command ------------------------------------------------------------------


def test_the_command_exports_and_says_what_it_did(records: Path, tmp_path: Path) -> None:
    settings = {"FEEDS_SEEDS": str(records), "FEEDS_PARAMETERS": "off"}
    wanted = ("--formats", "rss", "--links", "amp", "--scopes", "topics")
    done = feeds("export", "site", "--base-url", ROOT, *wanted, cwd=tmp_path, **settings)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == "site: 3 documents: 3 files written, 0 removed"
    again = feeds("export", "site", "--base-url", ROOT, *wanted, cwd=tmp_path, **settings)
    assert again.stdout.splitlines()[-1] == "site: 3 documents: 0 files written, 0 removed"
    # A folder that went away leaves the site as it was loaded last.
    records.rename(tmp_path / "away")
    gone = feeds("export", "site", "--base-url", ROOT, *wanted, cwd=tmp_path, **settings)
    assert gone.returncode == 0
    assert "what was loaded last is taken" in gone.stderr
    assert gone.stdout == again.stdout.splitlines()[-1] + "\n"


@pytest.mark.parametrize(
    ("arguments", "settings", "said"),
    [
        ([], {}, "FEEDS_BASE_URL isn't set; a site of files needs the URL"),
        (["--formats", "xml"], {"FEEDS_BASE_URL": ROOT}, "it accepts some of page,rss,atom,json"),
        (["--links", "AMP"], {"FEEDS_BASE_URL": ROOT}, "it accepts some of canonical,original"),
        (["--scopes", "all,any"], {"FEEDS_BASE_URL": ROOT}, "it accepts some of everything,topics"),
    ],
)
def test_a_wrong_wish_is_one_line(
    records: Path, tmp_path: Path, arguments: list[str], settings: dict[str, str], said: str
) -> None:
    done = feeds("export", "site", "--seeds", str(records), *arguments, cwd=tmp_path, **settings)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert said in done.stderr
    assert not (tmp_path / "site").exists()


def test_the_usual_link_policy_is_written_and_led_to_alone(records: Path, tmp_path: Path) -> None:
    settings = {"FEEDS_SEEDS": str(records), "FEEDS_BASE_URL": ROOT, "FEEDS_LINKS": "amp"}
    wanted = ("--scopes", "everything,topics,site", "--formats", "page,rss")
    others = rb'(?:feeds\.example\.org|href=")/(?:canonical|original|amp-cache)/'
    for number, links in ((1, ()), (4, ("--links", "all"))):
        done = feeds("export", "site", *wanted, *links, cwd=tmp_path, **settings)
        assert done.returncode == 0
        found = [p for p in (tmp_path / "site").rglob("rss.xml") if "topics" not in str(p)]
        assert len(found) == number
        paths = ("index.html", "topics/ai/index.html", "about/index.html", "feeds.json")
        leads = [bool(re.search(others, (tmp_path / "site" / path).read_bytes())) for path in paths]
        assert leads == [number > 1] * len(paths)


@pytest.mark.parametrize("format_", ["page", "rss", "embed"])
def test_parameters_that_files_cannot_answer_are_told_of(
    records: Path, tmp_path: Path, format_: str
) -> None:
    settings = {"FEEDS_SEEDS": str(records), "FEEDS_BASE_URL": ROOT, "FEEDS_LIMIT": "1"}
    selected = ("--scopes", "topics", "--links", "amp", "--formats", format_)
    done = feeds("export", "site", *selected, cwd=tmp_path, **settings)
    assert done.returncode == 0
    files = (tmp_path / "site" / "amp").rglob("*.*ml")
    has_parameters = any(re.search(rb"\?(limit|page)=", file.read_bytes()) for file in files)
    assert has_parameters == (format_ != "embed")
    assert done.stderr == has_parameters * (
        "feeds: FEEDS_PARAMETERS is on: pages and feeds link addresses with parameters, which "
        "files can't answer; set FEEDS_PARAMETERS=off for a site without a server\n"
    )


def test_nothing_is_exported_before_the_first_load(tmp_path: Path) -> None:
    done = feeds("export", "site", cwd=tmp_path, FEEDS_BASE_URL=ROOT, FEEDS_LOAD="off")
    assert done.returncode == 2
    assert "holds no load yet" in done.stderr
