"""An export of what changed alone writes what one of everything would."""

import random
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest

from feeds.config import Config
from feeds.export import manifest
from feeds.export.directory import Folder
from feeds.export.plan import SiteSelection
from feeds.export.writer import Outcome, memory_of, write
from feeds.loading import loader
from feeds.selection import Filters, SavedFilter
from feeds.serving.document_store import DocumentStore
from feeds.setting_types import FormerNames
from feeds.store.database import Store
from tests.helpers.databases import databases
from tests.helpers.server import ROOT
from tests.helpers.support import write as record

BEGIN: Final = datetime(2026, 1, 10, 12, tzinfo=UTC)
WHOLE: Final = SiteSelection(("page", "json", "embed"), ("canonical",))
SAVED: Final = {"best": SavedFilter("The best", "", Filters(min_quality=5))}
TOPICS: Final = ("AI", "ai", "C++", "Web", "Data")


class Site:
    """A folder, its store, and the settings of its site."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = Store(databases.fresh())
        self.settings: dict[str, Any] = {
            "limit": 3,
            "window": 24,
            "topics": FormerNames(aliases={"machines": "ai"}),
            "redirects": {"/news.xml": "/topics/ai/rss.xml"},
        }

    def load(self, out: Path, now: datetime) -> None:
        recall = partial(memory_of, Folder(out))
        loader.load(self.store, self.folder, now=now, saved=SAVED, recall=recall)

    def write(self, out: Path, selection: SiteSelection = WHOLE) -> tuple[Outcome, int]:
        """What an export wrote, and how many documents were rendered for it."""
        config = Config(base_url=ROOT, parameters="off", seeds=self.folder, **self.settings)
        site = DocumentStore(self.store, config)
        outcome = write(Folder(out), site, selection)
        return outcome, site.renderer.rendered


def files(out: Path) -> dict[str, bytes]:
    there = {str(path.relative_to(out)): path for path in out.rglob("*.*") if path.is_file()}
    return {name: path.read_bytes() for name, path in there.items()}


def change(folder: Path, rng: random.Random, step: int) -> None:
    """Something that happens to a folder."""
    there = sorted(path.name for path in folder.glob("r*.md"))
    name = rng.choice(there) if there and rng.random() < 0.6 else f"r{step}.md"
    what = rng.randrange(10) if name in there else 10
    if what == 0:
        (folder / name).unlink()
        return
    if what == 1:
        items = rng.sample(there, min(len(there), 3))
        record(folder, "list.md", type="collection", title=f"List {step % 2}", items=items)
        return
    covered = rng.sample([one.removesuffix(".md") for one in there], min(len(there), 4))
    related = [{"title": one, "webUrl": f"https://news.example.com/{one}"} for one in covered]
    icon = [{"url": f"https://soft.example/{rng.randrange(2)}.png"}][: rng.randrange(2)]
    fields: dict[str, Any] = {
        "title": f"{name} at {step}",
        "topics": rng.sample(TOPICS, rng.randrange(3)),
        "provider": rng.choice([None, {"name": "Soft", "domain": "soft.example", "images": icon}]),
        "type": rng.choice([None, "article", "video"]),
        "quality": rng.randrange(10),
        "publishedDateTime": rng.choice([None, f"2026-01-{10 + step % 19}", "2025-03-04"]),
        "related": related if rng.random() < 0.5 else [],
    }
    if what in {2, 3}:
        fields |= {2: {"removed": True}, 3: {"published": False}}[what]
    record(folder, name, **fields)


@pytest.mark.parametrize("lives_on", [True, False])
@pytest.mark.usefixtures("either")
def test_a_history_of_exports_writes_what_whole_ones_do(
    tmp_path: Path, seed: int, *, lives_on: bool
) -> None:
    rng = random.Random(seed)  # noqa: S311 - a history to be had again
    folder, out, whole = tmp_path / "records", tmp_path / "out", tmp_path / "whole"
    for number in range(12):
        record(folder, f"r{number}.md", title=f"{number}", topics=["AI"], quality=number % 9)
    site, now = Site(folder), BEGIN
    spared = 0
    for step in range(12, 20):
        if not lives_on:
            site.store.release()
            site.store = Store(databases.fresh())
        site.load(out, now)
        out.mkdir(exist_ok=True)
        shutil.copytree(out, whole)
        if (whole / manifest.NAME).exists():
            before = manifest.read((whole / manifest.NAME).read_bytes(), "")
            before.basis = ""  # so that all is rendered
            (whole / manifest.NAME).write_bytes(manifest.encode(before))
        outcome, rendered = site.write(out)
        expected, all_rendered = site.write(whole)
        assert files(out) == files(whole), step
        assert outcome == expected
        spared += all_rendered - rendered
        assert site.write(out) == (Outcome(outcome.documents, 0, 0), 0)
        shutil.rmtree(whole)
        now += timedelta(hours=rng.choice([1, 5, 30, 60]))
        if rng.random() < 0.1:
            site.settings["title"] = f"Title {step}"
        for more in range(rng.randrange(3)):
            change(folder, rng, step * 10 + more)
    assert spared > 0
    site.store.release()


@pytest.fixture
def exported(tmp_path: Path) -> tuple[Site, Path]:
    for name in ("a", "b", "c"):
        record(tmp_path / "records", f"{name}.md", title=name, topics=[f"Of {name}"])
    site, out = Site(tmp_path / "records"), tmp_path / "out"
    site.load(out, BEGIN)
    site.write(out)
    return site, out


def test_after_a_change_what_it_does_not_touch_is_not_rendered(exported: tuple[Site, Path]) -> None:
    site, out = exported
    selection = SiteSelection(("rss",), ("canonical",), ("everything", "topics"))
    assert site.write(out, selection)[1] == 4  # another part
    record(site.folder, "a.md", title="Another", topics=["Of a"])
    site.load(out, BEGIN + timedelta(hours=1))
    assert site.write(out, selection) == (Outcome(4, 2, 0), 2)


@pytest.mark.parametrize(
    ("name", "title", "expected"),
    [
        ("a", "Another", {"/", "/2024/03/", "/topics/of-a/", "/topics/of-a/2024/03/"}),
        ("new", "New", {"/", "/2024/03/", "/topics/of-a/", "/topics/of-a/2024/03/"}),
    ],
)
def test_of_pages_only_those_are_rendered_that_show_an_entry_or_its_number(
    tmp_path: Path, name: str, title: str, expected: set[str]
) -> None:
    folder, out = tmp_path / "records", tmp_path / "out"
    dated = {"publishedDateTime": "2024-03-04", "provider": None}
    for one in ("a", "b", "c"):
        record(folder, f"{one}.md", title=one, topics=[f"Of {one}"], **dated)
    site = Site(folder)
    site.load(out, BEGIN)
    pages = SiteSelection(("page",), ("canonical",), ("everything", "topics", "months", "stories"))
    site.write(out, pages)
    before = files(out)
    record(folder, f"{name}.md", title=title, topics=["Of a"], **dated)
    site.load(out, BEGIN + timedelta(hours=1))
    assert site.write(out, pages) == (Outcome(8, len(expected), 0), len(expected))
    after = files(out)
    names = {path for path in after if after[path] != before[path]} - {manifest.NAME}
    assert {f"/{path}".removesuffix("index.html") for path in names} == expected


def test_a_story_is_rendered_when_one_near_it_changed(tmp_path: Path) -> None:
    folder, out = tmp_path / "records", tmp_path / "out"

    def cover(one: str, *others: str, title: str = "") -> None:
        listed = [{"title": o, "webUrl": f"https://news.example.com/{o}"} for o in others]
        record(folder, f"{one}.md", title=title or one, related=listed)

    cover("a", "b")
    cover("b", "a")
    cover("c", "d")
    cover("d")
    cover("e")
    site = Site(folder)
    site.load(out, BEGIN)
    stories = SiteSelection(("page",), ("canonical",), ("stories",))
    assert site.write(out, stories)[1] == 2
    rendered: list[int] = []
    changes: list[Callable[[], None]] = [
        lambda: cover("e", title="No coverage"),
        lambda: cover("b", "a", title="In a story"),
        lambda: cover("d", "c"),  # joins one
        lambda: cover("a"),  # leaves one
    ]
    for change_one in changes:
        change_one()
        site.load(out, BEGIN + timedelta(hours=len(rendered) + 1))
        rendered.append(site.write(out, stories)[1])
    assert rendered == [0, 1, 1, 1]


@pytest.mark.slow
@pytest.mark.parametrize("text", ["<rss", None])
def test_a_file_that_was_damaged_is_mended_though_nothing_changed(
    exported: tuple[Site, Path], text: str | None
) -> None:
    site, out = exported
    before = files(out)
    (out / "index.html").unlink()
    if text:
        (out / "index.html").write_text(text)
    assert site.write(out)[0] == Outcome(len(before) - 1, 1, 0)
    assert files(out) == before
    assert site.write(out)[1] == 0


def test_other_settings_have_all_be_rendered(exported: tuple[Site, Path]) -> None:
    site, out = exported
    number = len(files(out)) - 1
    site.settings["max_age"] = 60
    outcome, rendered = site.write(out)
    assert rendered > 0.9 * number
    assert outcome.documents == number
    assert b"max-age=60" in (out / manifest.NAME).read_bytes()
