"""Archives: walking reaches every entry, and what is marked gains none."""

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest

from feeds.catalog import archives
from feeds.catalog.addresses import FeedQuery, NotFound, RedirectTo
from feeds.config import Config
from feeds.loading import loader
from feeds.model import Feed
from feeds.selection import Filters, SavedFilter, Scope
from feeds.store.database import Store
from tests.helpers.databases import databases
from tests.helpers.support import CONFIG, addresses, feed, record

pytestmark = pytest.mark.usefixtures("either")

START: Final = datetime(2026, 3, 30, 20, tzinfo=UTC)
SMALL: Final = replace(CONFIG, limit=3)
SAVED: Final = {"good": SavedFilter("Good", "", Filters(topic=("ai", "go"), min_quality=3))}
PROVIDERS: Final = (("Times", "times.example"), ("Post", "times.example"), ("Daily", "d.example"))
SCOPES: Final = (
    Scope(),
    Scope(topic="ai"),
    Scope(provider="times.example"),
    Scope(topic="ai", provider="d.example"),
    Scope(topic="go", provider="times.example", name="post"),
    Scope(type="articles"),
    Scope(collection="good"),
)


@pytest.fixture
def store() -> Iterator[Store]:
    found = Store(databases.fresh())
    yield found
    found.release()


def links(made: Feed) -> dict[str, str]:
    return {link.rel: link.href.removeprefix(CONFIG.root) for link in made.links}


def walk(store: Store, address: str, config: Config) -> Iterator[tuple[str, Feed]]:
    """The documents from the subscription document on, along `prev-archive`."""
    visited = set()
    while address:
        assert address not in visited
        visited.add(address)
        made = feed(store, address, config)
        yield address, made
        address = links(made).get("prev-archive", "")


def story(chosen: random.Random) -> dict[str, Any]:
    """What a record says, by chance."""
    name, domain = chosen.choice(PROVIDERS)
    date = START - timedelta(days=chosen.randrange(90))
    return {
        "publishedDateTime": chosen.choice([date.isoformat(), date.isoformat(), None]),
        "topics": chosen.sample(["AI", "Go", "Space"], chosen.randrange(3)),
        "provider": {"name": name, "domain": domain},
        "type": chosen.choice(["article", "video"]),
        "quality": chosen.randrange(10),
    }


def change(rows: dict[str, dict[str, Any]], chosen: random.Random, step: int) -> None:
    """Some records come, and others change, go, hide or come back, by chance."""
    for number in range(chosen.choice([0, 0, 1, 1, 2, 9])):
        rows[f"n{step}-{number}"] = story(chosen)
    for _ in range(chosen.randrange(4)):
        name = chosen.choice(sorted(rows))
        match chosen.randrange(6):
            case 0:
                rows[name] |= story(chosen)
            case 1:
                rows[name] |= {"title": f"Story {name}, corrected {step}"}
            case 2:
                rows[name] |= {"published": not rows[name].get("published", True)}
            case 3:
                rows[name] |= {"topics": story(chosen)["topics"]}
            case 4:
                rows[name] |= {"id": f"tag:example.com,2026:{name}-{chosen.randrange(3)}"}
            case _:
                del rows[name]


def texts(rows: dict[str, dict[str, Any]]) -> dict[str, str]:
    url = "https://news.example.com/"
    return {f"{name}.md": record(webUrl=url + name, **said) for name, said in rows.items()}


class Reader:
    """One who reads a feed along its archives up to the first marked one that it knows."""

    def __init__(self) -> None:
        self.known: set[str] = set()
        self.seen: set[str] = set()

    def poll(self, store: Store, address: str, config: Config) -> None:
        for at, made in walk(store, address, config):
            if at in self.known:
                break
            self.seen.update(entry.id for entry in made.entries)
            if made.archive:
                self.known.add(at)


class Watch:
    """Sees to it, after each load, that archives keep what they promise."""

    def __init__(self, store: Store, config: Config, chosen: random.Random) -> None:
        self.store, self.config, self.chosen = store, config, chosen
        self.readers = [Reader() for _ in SCOPES]
        self.marked: dict[str, set[str]] = {}
        self.figures = {"days": 0, "months": 0, "parts": 0}

    def look(self) -> None:
        grammar = addresses(self.config)
        for scope, reader in zip(SCOPES, self.readers, strict=True):
            with self.store.read() as view:
                there = {row.shown_id: row.version for row in view.page(scope, 10_000)}
            address = grammar.path(FeedQuery(scope, file="atom.xml", limit=self.config.limit))
            try:
                documents = dict(walk(self.store, address, self.config))
            except NotFound:
                assert not there
                continue
            self._compare(there, documents)
            if self.chosen.random() < 0.4:
                reader.poll(self.store, address, self.config)
                assert reader.seen >= there.keys()
        for address, ids in self.marked.items():
            try:
                made = feed(self.store, address, self.config)
            except (NotFound, RedirectTo):
                continue
            assert made.archive
            assert {entry.id for entry in made.entries} <= ids, address

    def _compare(self, there: dict[str, bytes], documents: dict[str, Feed]) -> None:
        walked = {entry.id for made in documents.values() for entry in made.entries}
        assert walked == there.keys()
        archived = list(documents.values())[1:]
        ids = [entry.id for made in archived for entry in made.entries]
        assert len(ids) == len(set(ids))
        assert sorted(made.archive > "" for made in archived) == [m.archive > "" for m in archived]
        for address, made in documents.items():
            if made.archive:
                self.marked.setdefault(address, {entry.id for entry in made.entries})
                self.figures["days" if made.archive.count("-") == 2 else "months"] += 1
                self.figures["parts"] += "-of-" in address


STEPS: Final = [timedelta(hours=h) for h in (-30, -1, 1, 1, 2, 5, 9, 26, 24 * 9, 24 * 33)]


@pytest.mark.parametrize("window", [0, 48])
def test_whatever_comes_and_goes_walkers_see_every_entry_and_what_is_marked_gains_none(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int, window: int
) -> None:
    monkeypatch.setattr(archives, "PART", 2)
    chosen = random.Random(seed)  # noqa: S311 - the same every time
    rows = {f"first-{number}": story(chosen) for number in range(15)}
    watch = Watch(store, replace(SMALL, window=window), chosen)
    now = START
    for step in range(25 if store.file else 12):  # PostgreSQL takes ten times as long
        for path in tmp_path.iterdir():
            path.unlink()
        for name, text in texts(rows).items():
            (tmp_path / name).write_text(text)
        loader.load(store, tmp_path, now=now, saved=SAVED, accept_removals=True)
        watch.look()
        change(rows, chosen, step)
        now += chosen.choice(STEPS)
    assert min(watch.figures.values()) > 3
