"""What tests share: records as text and as files, and a store that holds them."""

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs

import yaml
from sqlalchemy import select

from feeds.catalog import builder
from feeds.catalog.addresses import Addresses
from feeds.config import Config
from feeds.loading import loader
from feeds.model import Feed
from feeds.records.scanner import UNSETTLED, scan
from feeds.rendering.formats import FORMATS, MEDIA_TYPES
from feeds.rendering.site_documents import NAMES
from feeds.store.database import Store
from feeds.store.schema import collections, entries, entry_topics, labels, members
from tests.helpers.databases import databases

SEEDS: Final = Path(__file__).parent.parent.parent / "seeds"
LOADED: Final = datetime(2026, 12, 1, tzinfo=UTC)
TODAY: Final = LOADED.date()
CONFIG: Final = Config(base_url="https://feeds.example.org", title="Example News")


def record(*, body: str = "", **fields: Any) -> str:
    """The text of a record file; a field given as None is left out."""
    front: dict[str, Any] = {
        "title": "A title",
        "webUrl": "https://news.example.com/story",
        "publishedDateTime": "2024-01-02T03:04:05Z",
        "published": True,
    }
    front = {name: value for name, value in (front | fields).items() if value is not None}
    return f"---\n{yaml.safe_dump(front, sort_keys=False, allow_unicode=True)}---\n{body}"


def write(folder: Path, name: str, /, **fields: Any) -> Path:
    """A record file; its URL ends with its name unless `fields` say otherwise."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    url = {"webUrl": f"https://news.example.com/{path.stem}"}
    path.write_text(record(**(url | fields)), encoding="utf-8")
    return path


def settled(folder: Path) -> Path:
    """The folder, as soon as what was written into it isn't of this very moment any more."""
    while UNSETTLED in {state.as_of(time.time_ns()) for state in scan(folder).values()}:
        time.sleep(0.005)
    return folder


def loaded(folder: Path) -> Store:
    """A store of its own that holds a folder of records."""
    store = Store(databases.fresh())
    loader.load(store, folder, now=LOADED)
    return store


def addresses(config: Config = CONFIG) -> Addresses:
    """The grammar of addresses under a configuration."""
    return Addresses(config.root, config.links, config.limit, MEDIA_TYPES, NAMES)


def feed(store: Store, address: str = "/rss.xml", config: Config = CONFIG) -> Feed:
    """The feed at an address of the site, as a store has it."""
    path, _, parameters = address.partition("?")
    grammar = addresses(config)
    query = grammar.feed(path, parse_qs(parameters))
    with store.read() as reader:
        made = builder.feed(reader, query, grammar, config, TODAY)
        for entry in made.entries:
            entry.source()  # while the view is open
        return made


def rendered(store: Store, address: str = "/rss.xml", config: Config = CONFIG) -> bytes:
    """The document at an address of the site."""
    file = address.partition("?")[0].rpartition("/")[2]
    return FORMATS[file].render(feed(store, address, config))


def dump(store: Store, *without: str) -> dict[str, list[tuple[Any, ...]]]:
    """What feeds are made from, without the numbers of rows, times of loads and what is empty.

    Nor `without` other columns of entries.
    """
    passing = ("id", "changed", "content_changed", "placed", "arrived", *without)
    entry = [column for column in entries.c if column.name not in passing]
    label = [column for column in labels.c if column.name != "changed"]
    topic = [column for column in entry_topics.c if column.name not in ("entry", "arrived")]
    topics = select(entries.c.entry_id, *topic).join(entries, entries.c.id == entry_topics.c.entry)
    there = select(entries.c.entry_id, members.c.collection, members.c.position)
    queries = {
        "entries": select(*entry),
        "labels": select(*label).where((labels.c.entries > 0) | (labels.c.kind == "collection")),
        "topics": topics,
        "collections": select(collections),
        "members": there.join(entries, entries.c.id == members.c.entry),
    }
    with store.read() as reader:
        run = reader.connection.execute
        return {name: sorted(map(tuple, run(query))) for name, query in queries.items()}
