import json
import random
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from feeds.catalog import builder, titles
from feeds.catalog.addresses import FeedQuery
from feeds.follower import changed_urls
from feeds.loading import loader
from feeds.rendering.formats import FORMATS
from feeds.selection import Filters, SavedFilter
from feeds.store.database import Store
from feeds.urls import POLICIES
from tests.helpers.databases import databases
from tests.helpers.support import CONFIG, addresses, rendered, write

pytestmark = pytest.mark.usefixtures("either")

LIMIT = 3
SMALL = replace(CONFIG, limit=LIMIT, window=0)
ADDRESSES = addresses(SMALL)
DAY = datetime(2026, 1, 1, tzinfo=UTC)
TIMES = {"name": "Times", "domain": "times.example.com"}
SAVED = {"going": SavedFilter("Going", "", Filters(topic=("go",), min_quality=1))}
POST = {"name": "Post", "domain": "times.example.com"}  # two on one domain


@pytest.fixture
def store() -> Store:
    return Store(databases.fresh())


def load(store: Store, folder: Path, day: int = 0) -> None:
    now = DAY + timedelta(days=day)
    loader.load(store, folder, now=now, saved=SAVED, accept_removals=True)


def told(store: Store, day: int = 0, window: int = 0) -> set[str]:
    """The URLs of what changed after the load of a day, where feeds have that window."""
    since = int((DAY + timedelta(days=day)).timestamp())
    with store.read() as reader:
        return set(changed_urls.changed(reader, since, ADDRESSES, replace(SMALL, window=window)))


def without_archives(document: bytes) -> bytes:
    """A feed without the link to its archives."""
    if not document.startswith(b"{"):
        return re.sub(rb'<[^<>]* rel="prev-archive"[^<>]*>', b"", document)
    made = json.loads(document)
    made["_feeds"]["links"] = made["_feeds"].get("links", {}) | {"prev-archive": ""}
    made["next_url"] = re.sub(".*/archive/.*", "", made.get("next_url", ""))
    return json.dumps(made, sort_keys=True).encode()


def documents(store: Store, window: int) -> dict[str, bytes]:
    """Every feed under each link policy, in every format, by its URL.

    Without where its archives begin: of what is nowhere in the feed, hubs aren't told.
    """
    with store.read() as reader:
        scopes = [one.scope for one in builder.scopes(reader)]
        scopes += titles.former_scopes(reader, SMALL)  # which are empty
    queries = [
        FeedQuery(scope, policy, file, LIMIT)
        for scope in scopes
        for policy in ("canonical", "amp")
        for file in FORMATS
    ]
    config = replace(SMALL, window=window)
    made = {ADDRESSES.url(q): rendered(store, ADDRESSES.path(q), config) for q in queries}
    return {url: without_archives(one) for url, one in made.items()}


def feeds(*paths: str, files: tuple[str, ...] = tuple(FORMATS)) -> set[str]:
    """The URLs of the feeds below these paths under every link policy."""
    folders = ["" if policy == "canonical" else f"/{policy}" for policy in POLICIES]
    return {f"{SMALL.root}{f}{path}{file}" for f in folders for path in paths for file in files}


# -- which documents changed --------------------------------------------------------


def _steps(folder: Path, draw: random.Random) -> Iterator[None]:
    """Changes a folder at random, again and again, in what every link policy shows."""

    def fields() -> dict[str, Any]:
        return {
            "title": f"Title {draw.choice('ABC')}",
            "publishedDateTime": f"2024-0{draw.randrange(1, 5)}-01T00:00:00Z",
            "topics": draw.sample([draw.choice(["Go", "GO"]), "AI"], draw.randrange(3)),
            "provider": draw.choice([TIMES, POST, None]),
            "type": draw.choice(["article", None]),
            "quality": draw.randrange(3),
            "heat": draw.randrange(3),
            "related": [{"title": "More", "webUrl": f"https://news.example.com/{number()}"}],
        }

    def number() -> int:
        return draw.randrange(14)

    held: dict[int, dict[str, Any]] = {n: fields() for n in range(9)}
    write(folder, "always.md", publishedDateTime="2023-01-01")
    listed = {"title": "List", "items": ["3", "1", "8", "5"]}
    while True:
        for n, said in held.items():
            write(folder, f"{n}.md", **said)
        write(folder, "list.md", type="collection", **listed)
        yield
        if draw.random() < 0.3:
            listed = {
                "title": draw.choice(["List", "List", "List!"]),  # of one slug
                "items": [str(number()) for _ in range(draw.randrange(1, 6))],
            }
        for _ in range(draw.choice([1, 1, 1, 3])):
            kind = draw.choice(["write", "write", "remove", "hide", "mark", "heat", "title"])
            n = number() if kind == "write" else draw.choice(sorted(held) or [0])
            if kind == "write":
                held[n] = fields()
            elif kind == "remove" and len(held) > 1:
                del held[n]
                (folder / f"{n}.md").unlink()
            elif kind == "hide":
                held[n] = held[n] | {"published": draw.choice([True, False])}
            elif kind == "mark":
                held[n] = held[n] | {"removed": draw.choice([True, False, False])}
            elif kind in ("heat", "title"):
                held[n] = held[n] | {kind: draw.randrange(100)}


@pytest.mark.slow
@pytest.mark.parametrize("window", [0, 48])
def test_those_that_changed_are_told_and_no_others(
    store: Store, tmp_path: Path, seed: int, window: int
) -> None:
    steps = _steps(tmp_path, random.Random(seed))  # noqa: S311 - repeatable, not secret
    next(steps)
    load(store, tmp_path)
    before = documents(store, window)
    sizes = set()
    for day in range(1, 13):
        next(steps)
        load(store, tmp_path, day)
        after = documents(store, window)
        known = after.keys() & before.keys()  # nobody subscribed to one that is new
        changed = {url for url in known if before[url] != after[url]}
        assert told(store, day - 1, window) & known == changed
        sizes.add(len(changed))
        before = after
    assert len(sizes) > 4


@pytest.fixture
def six(store: Store, tmp_path: Path) -> Path:
    """A folder of six records, loaded, twice as many as a feed shows; 5 is the newest."""
    for n in range(6):
        write(tmp_path, f"{n}.md", publishedDateTime=f"2024-01-0{n + 1}", topics=["AI"])
    load(store, tmp_path)
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize("window", [0, 48])
def test_all_that_several_loads_changed_is_told(
    store: Store, tmp_path: Path, seed: int, window: int
) -> None:
    steps = _steps(tmp_path, random.Random(seed))  # noqa: S311 - repeatable, not secret
    next(steps)
    load(store, tmp_path)
    for day in range(4, 17, 4):
        before = documents(store, window)
        for one in range(day - 3, day + 1):
            next(steps)
            load(store, tmp_path, one)
        after = documents(store, window)
        known = after.keys() & before.keys()
        changed = {url for url in known if before[url] != after[url]}
        assert changed
        assert changed <= told(store, day - 4, window)
        assert told(store, day, window) == set()


def test_a_load_that_changes_nothing_tells_nothing(store: Store, six: Path) -> None:
    (six / "5.md").touch()
    (six / "3.md").rename(six / "moved.md")
    write(six, "moved.md", publishedDateTime="2024-01-04", topics=["AI"],
          webUrl="https://news.example.com/3")  # fmt: skip
    load(store, six, 1)
    assert told(store) == set()


def test_what_a_feed_shows_is_told_under_every_policy_in_every_format(
    store: Store, six: Path
) -> None:
    write(six, "4.md", publishedDateTime="2024-01-05", topics=["AI"], title="Another")
    load(store, six, 1)
    assert told(store) == feeds("/", "/topics/ai/")


@pytest.mark.parametrize("name", ["quality", "heat"])
def test_quality_and_heat_are_told_of_in_json_alone(store: Store, six: Path, name: str) -> None:
    more: dict[str, Any] = {name: 7}
    write(six, "4.md", publishedDateTime="2024-01-05", topics=["AI"], **more)
    load(store, six, 1)
    assert told(store) == feeds("/", "/topics/ai/", files=("feed.json",))


def test_what_is_below_is_not_told_but_how_many_there_are_is(store: Store, six: Path) -> None:
    write(six, "0.md", publishedDateTime="2024-01-01", topics=["AI"], title="Another")
    load(store, six, 1)
    assert told(store) == set()
    write(six, "old.md", publishedDateTime="2023-01-01")  # a third page
    (six / "0.md").unlink()
    load(store, six, 2)
    assert told(store, 1) == feeds("/topics/ai/", files=("feed.json",))
    write(six, "older.md", publishedDateTime="2022-01-01")
    load(store, six, 3)
    assert told(store, 2) == feeds("/")  # whose last page is another one
    (six / "older.md").unlink()
    load(store, six, 4)
    assert told(store, 3) == feeds("/")
    assert told(store, 2) == set()  # as if it never was


def test_a_feed_that_lost_its_last_entry_is_told_of_while_it_has_a_name(
    store: Store, six: Path
) -> None:
    write(six, "6.md", publishedDateTime="2024-01-07", topics=["Go"])
    load(store, six, 1)
    assert told(store) == feeds("/", "/topics/go/")
    (six / "6.md").unlink()
    load(store, six, 2)
    assert told(store, 1) == feeds("/", "/topics/go/")
    write(six, "6.md", publishedDateTime="2024-01-07", topics=["Go"])
    load(store, six, 3)
    write(six, "6.md", publishedDateTime="2024-01-07", topics=["Go"], removed=True)
    load(store, six, 4)
    assert told(store, 3) == feeds("/")


def test_a_topic_that_is_called_something_else_is_told_wherever_it_shows(
    store: Store, tmp_path: Path
) -> None:
    write(tmp_path, "a.md", topics=["Go", "AI"], provider=TIMES, type="video")
    write(tmp_path, "b.md", topics=["C++"])
    load(store, tmp_path)
    for name in ("c", "d"):
        write(tmp_path, f"{name}.md", topics=["GO"], publishedDateTime="2020-01-01")
    load(store, tmp_path, 1)
    urls = told(store)
    times = "providers/times.example.com/"
    shown = ["/", "/topics/go/", "/topics/ai/", "/types/videos/", f"/{times}",
             f"/topics/go/{times}", f"/topics/ai/{times}"]  # fmt: skip
    assert urls == feeds(*shown)


def test_a_provider_that_is_called_something_else_is_told_in_its_own_feeds(
    store: Store, tmp_path: Path
) -> None:
    loud = TIMES | {"name": "TIMES"}
    for n in range(LIMIT):
        write(tmp_path, f"{n}.md", provider=TIMES, topics=["AI"])
        said = {"provider": TIMES if n else loud, "publishedDateTime": "2020-01-01"}
        write(tmp_path, f"below-{n}.md", **said)  # what feeds show
    write(tmp_path, "post.md", provider=POST)
    load(store, tmp_path)
    for n in range(1, LIMIT):
        write(tmp_path, f"below-{n}.md", provider=loud, publishedDateTime="2020-01-01")
    load(store, tmp_path, 1)
    times = "/providers/times.example.com/"
    assert told(store) == feeds(f"{times}times/", f"/topics/ai{times}times/")
