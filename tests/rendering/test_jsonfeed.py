"""JSON Feed 1.1: the schema that its text makes, and what each member says."""

import json
import re
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import pytest
from jsonschema import Draft202012Validator, FormatChecker

from feeds import urls
from feeds.catalog import builder
from feeds.catalog.addresses import FeedQuery, RedirectTo
from feeds.catalog.stories import has_coverage, story_id
from feeds.config import Config
from feeds.model import UNKNOWN_TIME, Feed
from feeds.rendering.formats import FORMATS
from feeds.selection import Scope
from feeds.store.database import Store
from feeds.urls import POLICIES
from tests.helpers.support import CONFIG, TODAY, addresses, feed, loaded, rendered, write

GOLDEN_RECORDS = Path(__file__).parent.parent / "golden" / "records"
KIND: Final = FORMATS["feed.json"]

# -- the specification, https://www.jsonfeed.org/version/1.1/, as a schema ------

TEXT: Final = {"type": "string", "minLength": 1}
URL: Final = {"type": "string", "pattern": r"^https?://[!-~]+$"}
TIME: Final = {
    "type": "string",
    "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$",
    "format": "date-time",
}
LANGUAGE: Final = {"type": "string", "pattern": "^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$"}
SIZE: Final = {"type": "integer", "minimum": 0}
# Extensions: an underscore and a letter first, no full stop, and an object each.
EXTENSIONS: Final = {"^_[A-Za-z][^.]*$": {"type": "object"}}


def closed(*required: str, **members: Any) -> dict[str, Any]:
    """An object with these members and extensions, and nothing else."""
    return {
        "type": "object",
        "required": list(required),
        "properties": members,
        "patternProperties": EXTENSIONS,
        "additionalProperties": False,
    }


def listed(of: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "minItems": 1, "items": of}


AUTHORS: Final = listed(closed(name=TEXT, url=URL, avatar=URL) | {"minProperties": 1})
ATTACHMENT: Final = closed(
    "url",
    "mime_type",
    url=URL,
    mime_type={"type": "string", "pattern": "^[a-z]+/[a-z0-9.+-]+$"},
    title=TEXT,
    size_in_bytes=SIZE,
    duration_in_seconds=SIZE,
    starts=TIME,
    place=TEXT,
)
ITEM: Final = closed(
    "id",
    id=TEXT,
    url=URL,
    external_url=URL,
    title=TEXT,
    content_html=TEXT,
    content_text=TEXT,
    summary=TEXT,
    image=URL,
    banner_image=URL,
    date_published=TIME,
    date_modified=TIME,
    authors=AUTHORS,
    tags=listed(TEXT),
    language=LANGUAGE,
    attachments=listed(ATTACHMENT),
) | {"anyOf": [{"required": ["content_html"]}, {"required": ["content_text"]}]}
SCHEMA: Final = closed(
    "version",
    "title",
    "items",
    version={"const": "https://jsonfeed.org/version/1.1"},
    title=TEXT,
    home_page_url=URL,
    feed_url=URL,
    description=TEXT,
    user_comment=TEXT,
    next_url=URL,
    icon=URL,
    favicon=URL,
    authors=AUTHORS,
    language=LANGUAGE,
    expired={"type": "boolean"},
    hubs=listed(closed("type", "url", type=TEXT, url=URL)),
    items={"type": "array", "items": ITEM},
)
# Our own extension.
RELATED: Final = closed("url", "title", url=URL, title=TEXT, provider=TEXT, date_published=TIME)
IMAGE: Final = closed("url", url=URL, width=SIZE, height=SIZE)
OURS: Final = closed(
    amp_url=URL,
    amp_cache_url=URL,
    canonical_url=URL,
    quality=SIZE,
    heat=SIZE,
    type=TEXT,
    player=URL,
    duration_in_seconds=SIZE,
    images=listed(IMAGE),
    downloads=listed(closed("url", "title", url=URL, title=TEXT)),
    related=listed(RELATED) | {"maxItems": 5},
)
OURS_OF_FEED: Final = closed(
    "about",
    "link_policy",
    about=URL,
    link_policy={"enum": list(POLICIES)},
    entries=SIZE,
    withdrawn=listed(closed("id", "when", id=TEXT, when=TIME)),
    archive={"type": "string", "pattern": r"^\d{4}-\d\d(-\d\d)?$"},
    links={"type": "object", "additionalProperties": URL},
)

VALIDATOR: Final = Draft202012Validator(SCHEMA, format_checker=FormatChecker())
VALIDATOR_OF_OURS: Final = Draft202012Validator(OURS)
VALIDATOR_OF_OURS_OF_FEED: Final = Draft202012Validator(OURS_OF_FEED)


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    assert len({name for name, _ in pairs}) == len(pairs)
    return dict(pairs)


def read(body: bytes) -> dict[str, Any]:
    """The document as a program reads it; anything the specification forbids is an error."""
    found: dict[str, Any] = json.loads(body.decode("utf-8"), object_pairs_hook=unique)
    VALIDATOR.validate(found)
    VALIDATOR_OF_OURS_OF_FEED.validate(found["_feeds"])
    for item in found["items"]:
        VALIDATOR_OF_OURS.validate(item.get("_feeds", {}))
    ids = [item["id"] for item in found["items"]]
    assert len(ids) == len(set(ids))
    return found


@pytest.mark.parametrize(
    "wrong",
    [
        {"version": "1.1"},
        {"title": 1},
        {"author": {"name": "deprecated"}},
        {"feed_url": "/feed.json"},
        {"authors": [{}]},
        {"hubs": [{"url": "https://hub.example.net/"}]},
        {"items": [{"id": 1, "content_html": "x"}]},
        {"items": [{"id": "1"}]},
        {"items": [{"id": "1", "content_html": "x", "date_published": "yesterday"}]},
        {"items": [{"id": "1", "content_html": "x", "tags": "news"}]},
        {"items": [{"id": "1", "content_html": "x", "attachments": [{"url": "https://x/"}]}]},
        {"quality": 1},
        {"_a.b": {}},
    ],
    ids=str,
)
def test_the_schema_refuses(wrong: dict[str, Any]) -> None:
    right = {"version": "https://jsonfeed.org/version/1.1", "title": "A", "items": []}
    assert VALIDATOR.is_valid(right)
    assert not VALIDATOR.is_valid(right | wrong)


# -- every feed of the seeds ----------------------------------------------------

FILTERS: Final = (
    "min_quality=1", "since=2026-01-01", "exclude_topic=ai", "topic=ai&topic=rust", "q=ferry",
    "sort=heat", "q=nothing+at+all+has+these+words", "type=videos&type=articles", "limit=3&page=2",
)  # fmt: skip


def every_feed(seeds: Store, policy: str) -> Iterator[Feed]:
    """Every scope, every page of three, every month of some, filtered ones, every story."""
    with seeds.read() as reader:

        def made(query: FeedQuery) -> Feed:
            return builder.feed(reader, query, addresses(), CONFIG, TODAY)

        first = FeedQuery(policy=policy, file="feed.json", limit=200)
        for one in builder.scopes(reader):
            yield made(first._replace(scope=one.scope))
        for scope in (Scope(), Scope(topic="ai"), Scope(type="videos")):
            for month, _ in reader.months(scope):
                yield made(first._replace(scope=scope, month=month))
            for page in range(1, -(-reader.count(scope) // 3) + 1):
                yield made(first._replace(scope=scope, limit=3, page=page))
        for said in FILTERS:
            path = ("" if policy == "canonical" else f"/{policy}") + "/feed.json"
            parameters: dict[str, list[str]] = {}
            for name, _, value in (pair.partition("=") for pair in said.split("&")):
                parameters.setdefault(name, []).append(value.replace("+", " "))
            yield made(addresses().feed(path, parameters))
        for entry in made(first).entries:
            if has_coverage(entry):
                story = story_id(entry.record.key)
                try:
                    yield made(first._replace(story=story))
                except RedirectTo:
                    continue


def _date(moment: datetime | None) -> str | None:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ") if moment else None


@pytest.mark.parametrize("policy", POLICIES)
def test_every_feed_is_valid_and_says_what_the_feed_has(seeds: Store, policy: str) -> None:
    checked = 0
    for made in every_feed(seeds, policy):
        checked += 1
        body = KIND.render(made)
        found = read(body)
        assert KIND.render(made) == body
        assert found["feed_url"] == made.id
        assert (found["title"], found["home_page_url"]) == (made.title, made.page)
        assert found["_feeds"]["link_policy"] == policy
        assert found["_feeds"]["entries"] == made.total
        assert [
            (
                item["id"],
                item["url"],
                item["title"],
                item.get("date_published"),
                item.get("date_modified"),
            )
            for item in found["items"]
        ] == [
            (
                entry.id,
                urls.select(entry.record, policy),
                entry.record.title,
                _date(entry.published),
                _date(None if entry.updated == UNKNOWN_TIME else entry.updated),
            )
            for entry in made.entries
        ]
    assert checked > 150


def test_the_schema_and_the_seeds_know_every_member_of_ours(seeds: Store) -> None:
    found = [item for made in every_feed(seeds, "amp") for item in read(KIND.render(made))["items"]]
    said = {name for item in found for name in item["_feeds"]}
    assert said == set(OURS["properties"])
    assert {name for item in found for name in item} == set(ITEM["properties"]) - {
        "external_url", "content_text", "banner_image", "language", "attachments"
    } | {"_feeds"}  # fmt: skip


def test_a_document_is_compact_and_begins_with_its_version(tmp_path: Path) -> None:
    write(tmp_path, "a.md", title="Ferries – “electric”")
    body = rendered(loaded(tmp_path), "/feed.json")
    assert body.startswith(b'{"version":"https://jsonfeed.org/version/1.1","title":')
    assert "Ferries – “electric”".encode() in body
    compact = json.dumps(json.loads(body), ensure_ascii=False, separators=(",", ":"))
    assert body == compact.encode()


@pytest.mark.parametrize("address", ["feed.json", "amp/topics/open-data/feed.json"])
def test_golden_feeds_are_what_they_were(
    address: str, golden: Callable[[str, bytes], None]
) -> None:
    body = rendered(loaded(GOLDEN_RECORDS), f"/{address}")
    golden(f"feeds/{address}", body.replace(b',"', b',\n"'))


# -- single members ---------------------------------------------------------------


def one(folder: Path, address: str = "/feed.json", /, **fields: Any) -> dict[str, Any]:
    """The only item of a feed with one record in it."""
    write(folder, "only.md", **fields)
    (item,) = read(rendered(loaded(folder), address))["items"]
    assert isinstance(item, dict)
    return item


def test_a_bare_record_has_no_empty_members(tmp_path: Path) -> None:
    assert one(tmp_path) == {
        "id": "urn:uuid:" + one(tmp_path)["id"].removeprefix("urn:uuid:"),
        "url": "https://news.example.com/only",
        "title": "A title",
        "content_html": '<p><a href="https://news.example.com/only">A title</a></p>',
        "date_published": "2024-01-02T03:04:05Z",
        "date_modified": "2024-01-02T03:04:05Z",
    }


FULL: Final[dict[str, Any]] = {
    "title": "Q & A: Vec<T>",
    "excerpt": "An excerpt.",
    "updatedDateTime": "2024-01-03T00:00:00Z",
    "webUrl": "https://news.example.com/web?utm_source=x",
    "originalUrl": "https://news.example.com/original",
    "ampWebUrl": "https://amp.example.com/amp",
    "cdnAmpWebUrl": "https://cdn.example.net/cache",
    "type": "video",
    "quality": 70,
    "heat": 12,
    "length": "PT2M3S",
    "featuredContent": '<iframe src="https://video.example.net/e"></iframe>',
    "topics": ["AI", "C++"],
    "authors": ["Ada"],
    "provider": {"name": "Example Times", "domain": "times.example.com"},
    "images": [{"url": "https://images.example.net/a.png", "width": 640, "height": 360}],
    "actions": [
        {"type": "download", "title": "Slides", "url": "https://news.example.com/slides.pdf"}
    ],
    "related": [
        {
            "title": "Elsewhere",
            "webUrl": "https://other.example.org/x",
            "publishedDateTime": "2024-01-01T00:00:00Z",
            "provider": {"name": "Other"},
        }
    ],
}


def test_a_full_record_says_everything(tmp_path: Path) -> None:
    item = one(tmp_path, "/amp/feed.json", **FULL)
    assert item["url"] == "https://amp.example.com/amp"
    assert item["title"] == "Q & A: Vec<T>"
    assert item["summary"] == "An excerpt."
    assert item["image"] == "https://images.example.net/a.png"
    assert item["date_modified"] == "2024-01-03T00:00:00Z"
    assert item["tags"] == ["AI", "C++"]
    assert item["authors"] == [
        {"name": "Example Times", "url": "https://times.example.com/"},
        {"name": "Ada"},
    ]
    assert "An excerpt." in item["content_html"]
    assert item["_feeds"] == {
        "amp_url": "https://amp.example.com/amp",
        "amp_cache_url": "https://cdn.example.net/cache",
        "canonical_url": "https://news.example.com/web",
        "quality": 70,
        "heat": 12,
        "type": "video",
        "player": "https://video.example.net/e",
        "duration_in_seconds": 123,
        "images": [{"url": "https://images.example.net/a.png", "width": 640, "height": 360}],
        "downloads": [{"url": "https://news.example.com/slides.pdf", "title": "Slides"}],
        "related": [
            {
                "url": "https://other.example.org/x",
                "title": "Elsewhere",
                "provider": "Other",
                "date_published": "2024-01-01T00:00:00Z",
            }
        ],
    }


def test_the_canonical_url_is_said_only_where_the_item_links_another(tmp_path: Path) -> None:
    for policy, said in (("canonical", False), ("original", True), ("amp", True)):
        item = one(tmp_path, f"/{policy}/feed.json", **FULL)
        assert ("canonical_url" in item["_feeds"]) is said


def test_next_url_leads_to_the_next_page_or_the_older_month_or_archive(
    tmp_path: Path,
) -> None:
    for month in (1, 2, 3):
        for day in (1, 2):
            name, moment = f"{month}{day}.md", f"2024-0{month}-0{day}T00:00:00Z"
            write(tmp_path, name, publishedDateTime=moment)
    store = loaded(tmp_path)

    def walk(address: str) -> list[str]:
        found = []
        while address:
            document = read(rendered(store, address))
            found += [item["url"].rpartition("/")[2] for item in document["items"]]
            address = document.get("next_url", "").removeprefix(str(CONFIG.base_url))
        return found

    newest_first = ["32", "31", "22", "21", "12", "11"]
    assert walk("/feed.json?limit=2") == newest_first
    assert walk("/feed.json") == newest_first
    assert walk("/2024/02/feed.json") == newest_first[2:]
    root = CONFIG.base_url
    listed = read(rendered(store, "/2024/02/feed.json"))
    assert "archive" not in listed["_feeds"]
    assert listed["_feeds"]["links"] == {
        "previous": f"{root}/2024/03/feed.json",
        "current": f"{root}/feed.json",
    }
    assert walk("/archive/2024-03/feed.json") == newest_first
    archive = read(rendered(store, "/archive/2024-02/feed.json"))
    assert archive["_feeds"]["archive"] == "2024-02"
    assert archive["_feeds"]["links"] == {
        "prev-archive": f"{root}/archive/2024-01/feed.json",
        "current": f"{root}/feed.json",
    }
    assert "links" not in read(rendered(store, "/feed.json"))["_feeds"]  # it has all there is
    first = read(rendered(store, "/feed.json?limit=2"))
    assert first["_feeds"]["links"]["prev-archive"] == f"{root}/archive/2024-02/feed.json"


def test_hubs_are_websub(tmp_path: Path) -> None:
    write(tmp_path, "a.md")
    config = Config(base_url="https://feeds.example.org", hubs=("https://hub.example.net/",))
    found = read(rendered(loaded(tmp_path), "/feed.json", config))
    assert found["hubs"] == [{"type": "WebSub", "url": "https://hub.example.net/"}]


def test_a_feed_without_entries_is_a_feed(tmp_path: Path) -> None:
    assert read(rendered(loaded(tmp_path), "/feed.json"))["items"] == []


def test_an_item_in_a_document_is_the_item_rendered_alone(tmp_path: Path) -> None:
    write(tmp_path, "a.md", **FULL)
    made = feed(loaded(tmp_path), "/feed.json")
    alone = KIND.entry(made.entries[0], made.policy, made.root)
    assert alone in KIND.render(made)


@pytest.mark.parametrize(
    "body", ["<p>x<script>alert(1)</script></p>", "<p onclick='alert(1)' style='x'>x</p>"]
)
def test_content_loses_what_runs(tmp_path: Path, body: str) -> None:
    assert one(tmp_path, body=body)["content_html"].strip() == "<p>x</p>"


def test_text_is_never_markup_in_content(tmp_path: Path) -> None:
    bad = "<script>1</script>"
    related = [{"title": bad, "webUrl": "https://news.example.com/x", "provider": {"name": bad}}]
    item = one(tmp_path, title=bad, excerpt=bad, related=related)
    assert (item["title"], item["summary"]) == (bad, bad)  # plain text, by the specification
    assert not re.search("<script", item["content_html"])
