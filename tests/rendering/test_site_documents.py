"""Documents about the feeds for programs, and that whatever announces a feed leads to it."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit
from urllib.robotparser import RobotFileParser
from xml.etree.ElementTree import Element

import html5lib
import pytest
from flask import Flask
from lxml import etree

from feeds.catalog import builder
from feeds.catalog.addresses import FeedQuery
from feeds.rendering.formats import FORMATS, sitemap
from feeds.rendering.site_documents import SITE
from feeds.selection import EVERYTHING
from feeds.store.database import Store
from feeds.urls import POLICIES
from tests.helpers.server import ROOT, Answer, application, call, get, load, news
from tests.helpers.support import SEEDS, addresses, feed

XHTML = "{http://www.w3.org/1999/xhtml}"
SITEMAP = {"s": "http://www.sitemaps.org/schemas/sitemap/0.9"}


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Flask:
    folder = tmp_path_factory.mktemp("site") / "records"
    folder.symlink_to(SEEDS)
    return application(folder, title="Example News")


def here(app: Flask, url: str) -> Answer:
    """The answer to an absolute URL or path of this site."""
    assert url.startswith((ROOT, "/")), url
    return call(app.wsgi_app, url.removeprefix(ROOT))


# -- what each is ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "media_type", "is_open"),
    [
        ("feeds.opml", "text/x-opml", True),
        ("topics.opml", "text/x-opml", True),
        ("providers.opml", "text/x-opml", True),
        ("collections.opml", "text/x-opml", True),
        ("feeds.json", "application/json", True),
        ("sitemap.xml", "application/xml", False),
        ("robots.txt", "text/plain", False),
    ],
)
def test_a_document_for_programs_is_cached_and_conditional(
    app: Flask, name: str, media_type: str, is_open: bool
) -> None:
    assert name in SITE
    answer = get(app, f"/{name}", accept_encoding="gzip")
    assert answer.code == 200
    assert answer.get("Content-Type") == f"{media_type}; charset=utf-8"
    assert answer.get("Access-Control-Allow-Origin") == ("*" if is_open else None)
    assert str(answer.get("Cache-Control")).startswith("public, max-age=420")
    tag = str(answer.get("ETag"))
    assert tag.endswith('-gzip"')
    assert get(app, f"/{name}", accept_encoding="gzip", if_none_match=tag).code == 304
    assert get(app, f"/{name}?nobody=knows").body == get(app, f"/{name}").body


@pytest.mark.parametrize("name", ["feeds.json", "sitemap.xml", "robots.txt"])
def test_what_lists_all_policies_has_no_policy(app: Flask, name: str) -> None:
    assert get(app, f"/amp/{name}").code == 404


def test_they_follow_what_is_loaded(tmp_path: Path) -> None:
    folder = news(tmp_path / "records", 1)
    app = application(folder)
    names = ("feeds.opml", "feeds.json", "sitemap.xml")
    before = {name: get(app, f"/{name}").body for name in names}
    news(folder, 2)
    load(app, folder)
    for name in names:
        after = get(app, f"/{name}").body
        assert after != before[name]
        assert b"topics/c-plus-plus/" in after
    robots = get(app, "/robots.txt").body
    load(app, folder)
    assert get(app, "/robots.txt").body == robots


def test_another_server_with_the_same_records_says_the_same(app: Flask, tmp_path: Path) -> None:
    (tmp_path / "records").symlink_to(SEEDS)
    other = application(tmp_path / "records", title="Example News")
    for name in ("feeds.opml", "feeds.json", "sitemap.xml", "robots.txt"):
        assert get(other, f"/{name}").body == get(app, f"/{name}").body


# -- feeds.json -------------------------------------------------------------------


def test_the_catalogue_has_every_feed_with_its_figures(app: Flask, seeds: Store) -> None:
    found = json.loads(get(app, "/feeds.json").body)
    with seeds.read() as reader:
        listed = builder.scopes(reader)
        changed = [reader.modified(one.scope, EVERYTHING) for one in listed]
    assert [one["title"] for one in found["feeds"]] == [one.title for one in listed]
    for one, (scope, _, entries, _), moment in zip(found["feeds"], listed, changed, strict=True):
        assert {name: one.get(name, "") for name in scope._fields} == scope._asdict()
        assert one["entries"] == entries
        made = feed(seeds, f"/{one['path']}rss.xml?limit=1")
        assert (made.total, made.entries[0].published) == (
            entries,
            datetime.fromisoformat(one["latest"]) if "latest" in one else None,
        )
        assert datetime.fromisoformat(
            one.get("modified", "1970-01-01T00:00:00Z")
        ) == datetime.fromtimestamp(moment, UTC)


def test_the_catalogue_leads_to_every_feed_in_every_format_and_policy(app: Flask) -> None:
    found = json.loads(get(app, "/feeds.json").body)
    assert [kind["name"] for kind in found["formats"]] == ["rss", "atom", "json"]
    assert [policy["name"] for policy in found["link_policies"]] == list(POLICIES)
    assert [p["name"] for p in found["link_policies"] if p["default"]] == ["canonical"]
    some = [one for one in found["feeds"] if one["path"].count("/") < 3 or one["entries"] == 1]
    assert len(some) > 30
    for one in found["feeds"]:
        assert one["page_url"] == f"{ROOT}/{one['path']}"
        assert one["feed_urls"] == {
            kind["name"]: f"{ROOT}/{one['path']}{kind['file']}" for kind in found["formats"]
        }
    for one in some[::5]:
        for policy in found["link_policies"]:
            for kind in found["formats"]:
                answer = here(app, policy["base_url"] + one["path"] + kind["file"])
                assert answer.code == 200
                assert answer.get("Content-Type") == f"{kind['media_type']}; charset=utf-8"
    for url in (found["home_page_url"], *found["opml_urls"]):
        assert here(app, url).code == 200


def test_the_catalogue_of_nothing_has_the_feed_of_everything(tmp_path: Path) -> None:
    (tmp_path / "records").mkdir()
    (tmp_path / "records" / "a.md").write_text(
        "---\ntitle: A\nwebUrl: https://a.example/\npublished: false\n---\n"
    )
    (only,) = json.loads(get(application(tmp_path / "records"), "/feeds.json").body)["feeds"]
    assert only == {
        "title": "Everything",
        "path": "",
        "entries": 0,
        "page_url": f"{ROOT}/",
        "feed_urls": {"rss": f"{ROOT}/rss.xml", "atom": f"{ROOT}/atom.xml",
                      "json": f"{ROOT}/feed.json"},
    }  # fmt: skip


# -- sitemap.xml, robots.txt --------------------------------------------------------


def test_the_sitemap_has_the_page_of_every_feed_and_the_one_about_them(
    app: Flask, seeds: Store
) -> None:
    root: Any = etree.fromstring(get(app, "/sitemap.xml").body)
    assert root.tag == f"{{{SITEMAP['s']}}}urlset"
    found = {
        url.findtext("s:loc", namespaces=SITEMAP): url.findtext("s:lastmod", namespaces=SITEMAP)
        for url in root.iterfind("s:url", SITEMAP)
    }
    assert len(found) == len(root)
    for name in ("about", "topics", "providers", "types", "collections"):
        assert found.pop(f"{ROOT}/{name}/") is None
    with seeds.read() as reader:
        assert found == {
            ROOT + addresses().path(FeedQuery(one.scope)): datetime.fromtimestamp(
                moment, UTC
            ).strftime("%Y-%m-%dT%H:%M:%SZ")
            if (moment := reader.modified(one.scope, EVERYTHING))
            else None
            for one in builder.scopes(reader)
        }
    for url in list(found)[::7]:
        answer = here(app, url)
        assert (answer.code, answer.get("Content-Type")) == (200, "text/html; charset=utf-8")


def test_a_sitemap_has_fifty_thousand_pages_at_most() -> None:
    pages = (sitemap.Page(f"https://a.example/{number}") for number in range(50_010))
    root: Any = etree.fromstring(sitemap.document(pages))
    assert len(root) == 50_000
    assert root[-1][0].text == "https://a.example/49999"


def test_robots_are_led_to_the_sitemap_and_kept_from_searches(app: Flask) -> None:
    assert get(app, "/robots.txt").body.decode() == (
        "User-agent: *\n"
        "Disallow: /?*q=\n"
        "Disallow: /*/?*q=\n"
        "Allow: /\n"
        "\n"
        f"Sitemap: {ROOT}/sitemap.xml\n"
    )
    parser = RobotFileParser()
    parser.parse(get(app, "/robots.txt").body.decode().splitlines())
    assert parser.site_maps() == [f"{ROOT}/sitemap.xml"]
    rules = re.findall("^Disallow: (.*)$", get(app, "/robots.txt").body.decode(), re.M)
    # RFC 9309 2.2.3; the standard library knows no wildcards.
    patterns = [re.escape(rule).replace(r"\*", ".*") for rule in rules]

    def is_kept_out(address: str) -> bool:
        return any(re.match(pattern, address) for pattern in patterns)

    assert all(map(is_kept_out, ("/?q=x", "/topics/ai/?min_quality=5&q=x", "/amp/?q=x&sort=heat")))
    others = ("/", "/topics/ai/?min_quality=5", "/rss.xml?q=x", "/topics/ai/feed.json?q=x")
    assert not any(map(is_kept_out, others))


def test_addresses_are_absolute_below_a_base_with_a_path(tmp_path: Path) -> None:
    base = "https://example.org/news"
    app = application(news(tmp_path / "records", 2), base_url=base)
    assert f"Sitemap: {base}/sitemap.xml" in get(app, "/robots.txt").body.decode()
    assert "Disallow: /news/?*q=" in get(app, "/robots.txt").body.decode()
    assert f"<loc>{base}/topics/ai/</loc>" in get(app, "/sitemap.xml").body.decode()
    assert f'xmlUrl="{base}/topics/ai/rss.xml"' in get(app, "/feeds.opml").body.decode()
    paths = [one["path"] for one in json.loads(get(app, "/feeds.json").body)["feeds"]]
    assert "topics/ai/" in paths


@pytest.mark.parametrize("name", ["security.txt", "nodeinfo", "webfinger"])
def test_there_is_nothing_well_known(app: Flask, name: str) -> None:
    assert get(app, f"/.well-known/{name}").code == 404


def test_when_scopes_changed_is_what_the_store_says_of_each(seeds: Store) -> None:
    with seeds.read() as reader:
        changes = reader.changes()
        listed = [one.scope for one in builder.scopes(reader)]
        assert len(listed) > 50
        for scope in listed:
            assert changes[scope] == reader.modified(scope, EVERYTHING)


# -- discovery ------------------------------------------------------------------------

ANNOUNCING = [
    "/",
    "/about/",
    "/amp/",
    "/topics/c-plus-plus/",
    "/amp-cache/topics/ai/",
    "/providers/tidewrack-labs.example/",
    "/providers/tidewrack-labs.example/tidewrack-labs-learn/",
    "/topics/ai/providers/theguardian.com/",
    "/original/types/videos/",
    "/2026/06/",
    "/?limit=5&page=3",
    "/topics/ai/?min_quality=20&q=ferry",
    "/?topic=ai&topic=rust&sort=heat",
    "/rss.xml",
    "/amp/topics/ai/atom.xml?limit=2&page=2",
    "/2026/06/feed.json",
    "/topics/ai/feed.json?min_quality=20",
]


# What is announced by another type than it has (oEmbed 4).
SHOWN = {"application/json+oembed": "application/json"}


def in_header(answer: Answer) -> list[tuple[str, str, str]]:
    """Relation, URL and media type of the links in a header."""
    found = re.findall(r'<([^>]*)>; rel="([^"]*)"(?:; type="([^"]*)")?', answer.get("Link") or "")
    return [(rel, url, kind) for url, rel, kind in found]


def in_page(answer: Answer) -> list[tuple[str, str, str]]:
    """Those in the head of a page; each has a title."""
    if not str(answer.get("Content-Type")).startswith("text/html"):
        return []
    root = html5lib.HTMLParser(strict=True).parse(answer.body.decode())
    assert isinstance(root, Element)
    found = [link for link in root.iter(f"{XHTML}link") if link.get("rel") == "alternate"]
    assert all(link.get("title") for link in found)
    return [("alternate", link.attrib["href"], link.attrib["type"]) for link in found]


@pytest.mark.parametrize("address", ANNOUNCING)
def test_whatever_is_announced_answers_with_the_type_announced(app: Flask, address: str) -> None:
    answer = get(app, address)
    assert answer.code == 200
    announced = [*in_header(answer), *in_page(answer)]
    for rel, url, kind in announced:
        found = here(app, unquote(url))
        assert found.code == 200, url
        shown = str(found.get("Content-Type")).partition(";")[0]
        said = kind or str(answer.get("Content-Type")).partition(";")[0]
        assert shown == SHOWN.get(said, said), (rel, url)
    formats = {kind.media_type for kind in FORMATS.values()}
    own = str(answer.get("Content-Type")).partition(";")[0]
    alternates = {kind for rel, _, kind in in_header(answer) if rel == "alternate"}
    of_a_feed = set() if address == "/about/" else {"text/html"}
    assert alternates == (formats | of_a_feed) - {own}
    if own == "text/html":
        assert formats <= {kind for _, _, kind in in_page(answer)}


def test_the_pages_of_stories_announce_their_feeds(app: Flask, seeds: Store) -> None:
    pages = set(re.findall(r"/stories/[0-9a-f-]{36}/", json.dumps(_stories(seeds))))
    assert pages
    for page in sorted(pages):
        answer = get(app, page)
        if answer.code == 307:  # led by another record
            continue
        announced = [*in_header(answer), *in_page(answer)]
        assert {urlsplit(url).path.rpartition("/")[2] for _, url, _ in announced} >= set(FORMATS)
        for _, url, kind in announced:
            found = here(app, url)
            assert found.code == 200
            assert str(found.get("Content-Type")).startswith(SHOWN.get(kind, kind))


def _stories(seeds: Store) -> list[str]:
    entries = feed(seeds, "/rss.xml?limit=200").entries
    return [f"/stories/{entry.record.key[9:]}/" for entry in entries if entry.related][:5]
