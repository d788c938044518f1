"""A feed that is renewed is the one that would be made from the start."""

import random
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from sqlalchemy import select

from feeds.catalog import builder, titles
from feeds.catalog.addresses import NotFound
from feeds.catalog.renewal import NoRecord, Snapshot, renew
from feeds.loading import loader
from feeds.store.database import Store
from feeds.store.reader import Reader
from feeds.store.schema import SITE, labels, state
from tests.helpers.databases import databases
from tests.helpers.support import CONFIG, LOADED, TODAY, addresses, write

SMALL: Final = replace(CONFIG, limit=4)
GRAMMAR: Final = addresses(SMALL)
SCOPES: Final = ("", "topics/ai/", "topics/web/", "providers/times.example/", "types/videos/")
TOGETHER: Final = "topics/ai/providers/times.example/"
FILES: Final = ("rss.xml", "atom.xml", "feed.json")
ADDRESSES: Final = [
    *(f"/{scope}{file}" for scope in SCOPES for file in FILES),
    f"/{TOGETHER}rss.xml",
    "/rss.xml?limit=3",
    "/atom.xml?content=excerpt",
]


class Site:
    """A store, the folder that is loaded into it, and what is kept of the feeds before."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.store = folder, Store(databases.fresh())
        self.hours = 0
        self.fields: dict[str, dict[str, Any]] = {}
        self.snapshots: dict[str, Snapshot] = {}

    def write(self, name: str, **fields: Any) -> None:
        """A record, with what was said of it before unless `fields` say otherwise."""
        self.fields[name] = self.fields.get(name, {}) | fields
        write(self.folder, name, **self.fields[name])

    def load(self, hours: int = 1) -> None:
        """Load so many hours later."""
        self.hours += hours
        now = LOADED + timedelta(hours=self.hours)
        loader.load(self.store, self.folder, now=now, accept_removals=True)

    def renewed(self, address: str, reader: Reader) -> bool | None:
        """Whether the feed could be renewed; then as it would be made. None: there is none."""
        path, _, parameters = address.partition("?")
        told = dict([parameters.split("=")] if parameters else [])
        query = GRAMMAR.feed(path, {name: [value] for name, value in told.items()})
        config = titles.named(reader, SMALL)
        before = self.snapshots.pop(address, None)
        try:
            feed = before and renew(reader, query, before, GRAMMAR, config)
            made = builder.feed(reader, query, GRAMMAR, config, TODAY)
        except NotFound:
            return None
        self.snapshots[address] = Snapshot(made, reader.state()).without_records()
        if feed:
            assert feed == made, address
        return bool(feed)

    def outcomes(self, *which: str) -> list[bool | None]:
        with self.store.read() as reader:
            return [self.renewed(address, reader) for address in which or ADDRESSES]


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """Six records, of which feeds show four."""
    site = Site(tmp_path / "records")
    for number in range(6):
        date = f"2024-01-0{number + 1}T00:00:00Z"
        provider = {"name": "Times", "domain": "times.example"} if number % 2 else None
        topics = ["AI", "Web"][: 1 + number % 2]
        site.write(f"{number}.md", publishedDateTime=date, topics=topics, provider=provider)
    site.load(0)
    site.outcomes()
    return site


@pytest.mark.usefixtures("either")
@pytest.mark.parametrize("fields", [{"title": "Other"}, {"quality": 7}, {"excerpt": "More"}])
def test_a_feed_is_renewed_when_entries_that_it_shows_say_something_else(
    site: Site, fields: dict[str, Any]
) -> None:
    site.write("5.md", **fields)
    site.write("4.md", **fields)
    site.load()
    assert site.outcomes("/rss.xml", "/topics/web/atom.xml", f"/{TOGETHER}rss.xml") == [True] * 3


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("1.md", {"title": "Not shown"}),
        ("1.md", {"publishedDateTime": "2024-02-01T00:00:00Z"}),
        ("5.md", {"publishedDateTime": "2024-01-03T12:00:00Z"}),
        ("5.md", {"published": False}),
        ("5.md", {"topics": ["A.I."]}),
        ("5.md", {"provider": {"name": "Post", "domain": "post.example"}}),
        ("7.md", {"title": "New", "topics": ["AI"]}),
    ],
)
def test_it_is_made_anew_when_more_may_have_changed(
    site: Site, name: str, fields: dict[str, Any]
) -> None:
    site.write(name, **fields)
    site.load()
    assert site.outcomes("/rss.xml") == [False]


def test_it_is_made_anew_when_a_month_ends_or_its_topic_is_called_otherwise(site: Site) -> None:
    site.write("5.md", title="Other")
    site.load(40 * 24)
    assert site.outcomes("/rss.xml") == [False]
    for number in range(6):
        site.write(f"{number}.md", topics=["ai"])
    site.load()
    assert site.outcomes("/rss.xml") == [False]


def test_its_entries_show_what_their_topics_are_called_by_now(site: Site) -> None:
    for name in ("0.md", "2.md", "4.md", "6.md"):
        site.write(name, topics=["ai"])
    site.load()
    assert site.outcomes("/topics/web/rss.xml") == [True]
    labels = site.snapshots["/topics/web/rss.xml"].feed.entries[0].topics
    assert [label.name for label in labels] == ["ai", "Web"]


def test_it_is_made_anew_when_the_site_is_called_otherwise(site: Site) -> None:
    site.write("5.md", title="Other")
    site.load()
    with site.store.write() as connection:
        moment = select(state.c.loaded).scalar_subquery()
        row = {"kind": SITE, "slug": "title", "name": "Boats", "icon": "", "entries": 0}
        connection.execute(labels.insert().values(row | {"latest": 0, "changed": moment}))
    assert site.outcomes("/rss.xml") == [False]


def test_records_of_entries_that_stay_are_not_there(site: Site) -> None:
    with pytest.raises(NoRecord):
        _ = site.snapshots["/rss.xml"].feed.entries[0].record


@pytest.mark.usefixtures("either")
def test_after_random_loads_a_feed_is_as_if_made_from_the_start(site: Site, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - no secret, and must repeat
    found: Counter[bool | None] = Counter()
    for step in range(40):
        for _ in range(chance.randrange(1, 3)):
            name = chance.choice(sorted(site.fields))
            match chance.randrange(16):
                case 0:
                    date = f"2026-11-{chance.randrange(1, 30):02}T00:00:00Z"
                    site.write(f"new{step}.md", publishedDateTime=date, topics=["AI"])
                case 1:
                    site.write(name, published=not site.fields[name].get("published", True))
                case 2:
                    site.write(name, publishedDateTime=f"2025-01-{step % 28 + 1:02}T00:00:00Z")
                case 3:
                    site.write(name, topics=chance.sample(["AI", "Web", "Go", "web"], 2))
                case 4:
                    domain = chance.choice(["times.example", "post.example"])
                    site.write(name, provider={"name": domain.title(), "domain": domain})
                case 5:
                    site.write(name, type=chance.choice(["video", "article"]))
                case 6:
                    site.write(name, id=f"id-{chance.randrange(9)}")
                case 7:
                    site.write(name, updatedDateTime=f"2026-10-{step % 28 + 1:02}T00:00:00Z")
                case _:
                    site.write(name, title=f"Title {step}", quality=chance.randrange(9))
        site.load(chance.choice([1, 1, 5, 30, 24 * 20]))
        if chance.random() < 0.8:  # else two loads are one for who renews
            found.update(site.outcomes())
    assert found[True] > 40
    assert found[False] > 40
