"""What the manifest remembers, for a store that is made anew before each export."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest
from werkzeug.http import http_date

from feeds import urls
from feeds.config import Config
from feeds.export import manifest
from feeds.export.directory import Folder
from feeds.export.manifest import Manifest
from feeds.export.plan import SiteSelection
from feeds.export.writer import memory_of, write
from feeds.loading import loader
from feeds.selection import Filters, SavedFilter, Scope
from feeds.serving.document_store import DocumentStore
from feeds.store.database import Store
from tests.helpers.databases import databases
from tests.helpers.server import ROOT
from tests.helpers.support import write as record

pytestmark = pytest.mark.usefixtures("either")

BEGIN: Final = datetime(2026, 1, 10, 12, tzinfo=UTC)
SELECTION: Final = SiteSelection(("rss", "atom", "json"), ("canonical",))
SAVED: Final = {"best": SavedFilter("The best", "", Filters(min_quality=2))}


class Site:
    """A folder, and its site as a store writes it: one that lives on, or one for each export."""

    def __init__(self, folder: Path, out: Path, *, lives_on: bool) -> None:
        self.folder, self.out = folder, out
        self.store = Store(databases.fresh()) if lives_on else None

    def export(self, now: datetime) -> dict[str, bytes]:
        """The files that it has after a load at a moment."""
        target = Folder(self.out)
        store = self.store or Store(databases.fresh())
        recall = partial(memory_of, target)
        loader.load(store, self.folder, now=now, saved=SAVED, recall=recall)
        config = Config(base_url=ROOT, limit=3, window=48, parameters="off", seeds=self.folder)
        write(target, DocumentStore(store, config), SELECTION)
        store.release()
        found = {str(path.relative_to(self.out)): path for path in self.out.rglob("*.*")}
        return {name: path.read_bytes() for name, path in found.items() if path.is_file()}

    def manifest(self) -> Manifest:
        return manifest.read((self.out / manifest.NAME).read_bytes(), "")


@pytest.fixture
def sites(tmp_path: Path) -> Iterator[tuple[Site, Site]]:
    """Of one folder: from a store that lives on, and from a new one each time."""
    folder = tmp_path / "records"
    folder.mkdir()
    lasting = Site(folder, tmp_path / "lasting", lives_on=True)
    yield lasting, Site(folder, tmp_path / "anew", lives_on=False)
    assert lasting.store
    lasting.store.release()


def change(folder: Path, rng: random.Random, step: int) -> None:
    """Something that happens to a folder."""
    there = sorted(path.name for path in folder.glob("r*.md"))
    name = rng.choice(there) if there and rng.random() < 0.6 else f"r{step}.md"
    what = rng.randrange(8) if name in there else 9
    if what == 0:
        (folder / name).unlink()
        return
    fields: dict[str, Any] = {
        "title": f"{name} at {step}",
        "topics": rng.sample(["AI", "ai", "C++", "Web", "Data"], rng.randrange(3)),
        "provider": rng.choice([None, {"name": "Soft", "domain": "soft.example"}]),
        "type": rng.choice([None, "article", "video"]),
        "quality": rng.randrange(10),
        "publishedDateTime": rng.choice([None, f"2026-01-{10 + step % 9}", "2025-03-04"]),
    }
    if rng.random() < 0.2:
        fields["id"] = f"tag:example.com,2026:{name}"
    if what in {1, 2}:
        fields |= {1: {"removed": True}, 2: {"published": False}}[what]
    record(folder, name, **fields)


@pytest.mark.slow
def test_a_store_made_anew_for_each_export_writes_what_one_does_that_lives_on(
    sites: tuple[Site, Site], seed: int
) -> None:
    rng = random.Random(seed)  # noqa: S311 - a history to be had again
    lasting, anew = sites
    names = [f"r{number}.md" for number in range(4)]
    for name in names:
        record(lasting.folder, name, title=name, topics=["AI"], quality=6)
    record(lasting.folder, "list.md", type="collection", title="List", items=names[:3])
    now = BEGIN
    for step in range(4, 14):
        assert anew.export(now) == lasting.export(now), step
        now += timedelta(hours=rng.choice([1, 5, 30, 60]))
        for more in range(rng.randrange(4)):
            change(lasting.folder, rng, step * 10 + more)


def test_what_is_withdrawn_leaves_an_id_and_a_time(sites: tuple[Site, Site]) -> None:
    folder, (_, site) = sites[0].folder, sites
    kept = {"title": "Kept", "topics": ["AI"], "provider": {"name": "Soft"}}
    record(folder, "kept.md", **kept)
    record(folder, "one.md", title="Unique", topics=["Rarity"], provider={"name": "Sole"})
    site.export(BEGIN)
    record(folder, "one.md", title="Unique", topics=["Rarity"], removed=True)
    files = site.export(BEGIN + timedelta(hours=1))
    text = files[manifest.NAME].decode().lower()
    assert [word for word in ("unique", "rarity", "sole", "one.md") if word in text] == []
    memory = site.manifest().memory
    assert memory
    gone = urls.entry_id(urls.identity("https://news.example.com/one"))
    when = int((BEGIN + timedelta(hours=1)).timestamp())
    assert memory.withdrawals == {Scope().key(): [(gone, when, 0, 0)]}


def test_a_file_that_can_not_be_read_now_is_not_announced(sites: tuple[Site, Site]) -> None:
    folder, (_, site) = sites[0].folder, sites
    for name in ("a.md", "b.md", "c.md"):
        record(folder, name, title=name)
    site.export(BEGIN)
    (folder / "a.md").write_text("---\ntitle: [\n---\n")
    (folder / "b.md").unlink()
    gone = site.export(BEGIN + timedelta(hours=1))["atom.xml"].decode()
    memory = site.manifest().memory
    gone_id = urls.entry_id(urls.identity("https://news.example.com/b"))
    assert memory
    assert [one for one, *_ in memory.withdrawals[Scope().key()]] == [gone_id]
    assert (gone.count("deleted-entry"), gone.count("<entry>")) == (1, 1)


def test_a_manifest_of_an_earlier_version_remembers_nothing(sites: tuple[Site, Site]) -> None:
    folder, (_, site) = sites[0].folder, sites
    record(folder, "a.md", title="a")
    files = site.export(BEGIN)
    told = site.manifest()
    assert memory_of(Folder(site.out)) == told.memory
    told.memory = None
    (site.out / manifest.NAME).write_bytes(manifest.encode(told))
    assert memory_of(Folder(site.out)) is None
    assert site.export(BEGIN + timedelta(hours=1))["rss.xml"] == files["rss.xml"]


def test_files_are_modified_later_than_before_or_the_same(sites: tuple[Site, Site]) -> None:
    folder, (_, site) = sites[0].folder, sites

    def modified(now: datetime) -> str:
        site.export(now)
        found = site.manifest()
        found.memory = None  # nor has the place one
        (site.out / manifest.NAME).write_bytes(manifest.encode(found))
        return found.files["rss.xml"].last_modified

    record(folder, "a.md", title="a")
    assert modified(BEGIN) == http_date(BEGIN)
    assert modified(BEGIN + timedelta(hours=1)) == http_date(BEGIN)
    record(folder, "a.md", title="another")
    assert modified(BEGIN - timedelta(hours=1)) == http_date(BEGIN + timedelta(seconds=1))
    assert int((site.out / "rss.xml").stat().st_mtime) == BEGIN.timestamp() + 1
