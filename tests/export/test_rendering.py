"""Several processes render what one does, and end with it."""

import multiprocessing
import os
from pathlib import Path

import pytest

from feeds.config import Config
from feeds.export import directory, plan, rendering
from feeds.export.directory import Folder
from feeds.export.plan import SiteSelection
from feeds.export.rendering import Choice
from feeds.export.writer import ExportError, Outcome, Put, write
from feeds.loading import loader
from feeds.serving.document_store import DocumentStore
from feeds.store.database import Store
from tests.helpers.server import ROOT
from tests.helpers.support import write as record

SELECTION = SiteSelection(("page", "rss"), ("canonical",), ("everything", "topics", "site"))


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DocumentStore:
    """One of documents enough for other processes, in a file that they can open."""
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    monkeypatch.setattr(rendering, "_WORTH_PROCESSES", 4)
    monkeypatch.setattr(rendering, "_BATCH", 3)
    for number in range(6):
        topics = [f"Topic {number % 3}"]
        record(tmp_path / "records", f"{number}.md", title=f"Title {number}", topics=topics)
    store = Store(f"sqlite:///{tmp_path / 'feeds.db'}")
    loader.load(store, tmp_path / "records")
    return DocumentStore(store, Config(base_url=ROOT, parameters="off"))


def files(out: Path) -> dict[str, bytes]:
    paths = [path for path in out.rglob("*") if path.is_file() and path.name != "lock"]
    return {str(path.relative_to(out)): path.read_bytes() for path in paths}


def export(site: DocumentStore, out: Path) -> Outcome:
    return write(Folder(out, directory.CODINGS), site, SELECTION)


def test_several_processes_write_the_files_that_one_does(
    site: DocumentStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    several = export(site, tmp_path / "several")
    assert site.renderer.rendered == 0
    assert multiprocessing.active_children() == []
    monkeypatch.setattr(rendering, "_WORTH_PROCESSES", 1_000)
    assert export(site, tmp_path / "one") == several
    assert site.renderer.rendered == several.documents
    assert files(tmp_path / "one") == files(tmp_path / "several")


def test_what_others_would_render_as_of_another_load_this_process_renders(
    site: DocumentStore, tmp_path: Path
) -> None:
    export(site, tmp_path / "out")
    record(tmp_path / "records", "new.md", title="New")
    with site.store.read() as reader:
        planned = next(plan.documents_of(site, reader, SELECTION))
        loader.load(Store(str(site.store.url)), tmp_path / "records")
        choices = [Choice("index.html", planned)] * 6
        items = list(rendering.render_each(site, reader, iter(choices), ()))
    assert site.renderer.rendered == len(items) == len(choices)
    body = (tmp_path / "out" / "index.html").read_bytes()
    assert [item.document.body for _, item in items if item] == [body] * len(choices)


def test_an_error_ends_the_other_processes(
    site: DocumentStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: Folder, put: Put) -> None:
        raise OSError(28, "No space left on device", put.path)

    monkeypatch.setattr(Folder, "put", full)
    with pytest.raises(ExportError, match="No space left"):
        export(site, tmp_path / "out")
    assert multiprocessing.active_children() == []
