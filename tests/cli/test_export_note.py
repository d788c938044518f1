"""An export that is repeated ends at once while nothing was touched, and only then."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from feeds.cli import export_note
from feeds.loading import loader
from feeds.store.database import Store
from tests.helpers.server import feeds, until
from tests.helpers.support import write

ARGUMENTS = ["export", "out", "--links", "canonical"]


class Exported:
    """An export that left a note: of a folder in a repository, with its store and its files."""

    def __init__(self, home: Path) -> None:
        self.home, self.records, self.out = home, home / "records", home / "out"
        write(self.records, "a.md", title="A")
        (home / ".git" / "logs").mkdir(parents=True)
        (home / "config" / "_default").mkdir(parents=True)
        for name in ("feeds.toml", "config.toml", "config/_default/hugo.toml"):
            (home / name).write_text("")
            os.utime(home / name, (0, 0))
        (home / ".git" / "logs" / "HEAD").write_text("a commit\n")
        (self.out / ".feeds").mkdir(parents=True)
        for name in ("index.html", "index.html.gz", ".feeds/manifest.json"):
            (self.out / name).write_text(name)
        self.store = Store(f"sqlite:///{home / 'feeds.db'}")
        loader.load(self.store, self.records)

    def note(self, due: int | None = None) -> None:
        sources = export_note.sources_digest(ARGUMENTS, str(self.records))
        lines = [("odd", True), ("done", False)]
        database = self.home / "feeds.db"
        export_note.write(self.out, sources, self.records, database, due, lines)


@pytest.fixture
def exported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Exported:
    monkeypatch.setattr(export_note, "_SETTLED", 0)
    monkeypatch.chdir(tmp_path)
    return Exported(tmp_path)


def test_what_was_said_is_said_again(
    exported: Exported, capsys: pytest.CaptureFixture[str]
) -> None:
    assert not export_note.repeat(ARGUMENTS)
    exported.note()
    (exported.out / ".feeds" / "lock").touch()
    (exported.home / "notes.txt").touch()
    with exported.store.read():
        assert export_note.repeat(ARGUMENTS)
    assert capsys.readouterr() == ("done\n", "odd\n")


def reload(exported: Exported) -> None:
    write(exported.records, "b.md")
    loader.load(exported.store, exported.records)
    (exported.records / "b.md").unlink()


TOUCHES: dict[str, Callable[[Exported], Any]] = {
    "a record": lambda there: write(there.records, "a.md", title="B"),
    "a new record": lambda there: write(there.records / "new", "b.md"),
    "a record that is gone": lambda there: (there.records / "a.md").unlink(),
    "a link": lambda there: (there.records / "b.md").symlink_to("a.md"),
    "a file": lambda there: (there.out / "index.html").write_text("index.htmL"),
    "a file that is gone": lambda there: (there.out / "index.html.gz").unlink(),
    "the manifest": lambda there: os.utime(there.out / ".feeds/manifest.json", (0, 0)),
    "the store": reload,
    "a store that is gone": lambda there: (there.home / "feeds.db").unlink(),
    "settings": lambda there: (there.home / "feeds.toml").write_text("title = 'Other'"),
    "settings of the same size and time": lambda there: os.utime(there.home / "feeds.toml", (0, 0)),
    "what may make it another tool's": lambda there: (there.home / "config.toml").write_text("1"),
    "one in a folder": lambda there: (there.home / "config/_default/hugo.toml").write_text("1"),
    "another tool": lambda there: (there.home / "hugo.toml").touch(),
    "a commit": lambda there: (there.home / ".git/logs/HEAD").write_text("another commit\n"),
    "a history without a log": lambda there: (there.home / ".git/logs/HEAD").unlink(),
    "the time": lambda there: there.note(due=1),
    "the note": lambda there: (there.out / ".feeds/untouched").write_text("{}"),
}


@pytest.mark.parametrize("touch", TOUCHES)
def test_whatever_was_touched_has_all_be_done(exported: Exported, touch: str) -> None:
    exported.note()
    assert export_note.repeat(ARGUMENTS)
    TOUCHES[touch](exported)
    assert not export_note.repeat(ARGUMENTS)


def test_other_words_and_variables_have_all_be_done(
    exported: Exported, monkeypatch: pytest.MonkeyPatch
) -> None:
    exported.note()
    assert not export_note.repeat(["export", "out"])
    monkeypatch.setenv("FEEDS_TITLE", "Other")
    assert not export_note.repeat(ARGUMENTS)


def test_records_that_may_be_written_yet_are_no_base(
    exported: Exported, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export_note, "_SETTLED", 3600)
    with pytest.raises(export_note.UnclearError):
        export_note.sources_digest(ARGUMENTS, str(exported.records))


@pytest.mark.slow
def test_the_command_says_the_same_however_it_sees_that_nothing_changed(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write(tmp_path / "seeds", f"{name}.md", title=name)
    write(tmp_path / "seeds", "bad.md", webUrl="nowhere")
    note = tmp_path / "out" / ".feeds" / "untouched"

    def export() -> tuple[str, str]:
        done = feeds("export", "out", cwd=tmp_path, FEEDS_BASE_URL="https://feeds.example.org")
        assert done.returncode == 0
        return done.stdout, done.stderr

    first = export()
    until(lambda: bool(export() and note.exists()))
    quick = export()
    note.unlink()
    assert export() == quick != first
    assert "0 files parsed, 0 entries changed" in quick[0]
    write(tmp_path / "seeds", "a.md", title="another")
    assert "1 entry changed" in export()[0]
