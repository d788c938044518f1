"""OPML 2.0 lists: what they list, how they are read by a parser and by a reader."""

import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import listparser
import pytest
from flask import Flask
from lxml import etree

from feeds.catalog import builder
from feeds.catalog.addresses import SiteQuery
from feeds.loading import loader
from feeds.rendering import discovery
from feeds.store.database import Store
from feeds.urls import POLICIES
from tests.helpers.server import ROOT, Served, application, clean_environment, get, program
from tests.helpers.support import CONFIG, LOADED, SEEDS, addresses, feed, write

LISTS = ("feeds.opml", "topics.opml", "providers.opml", "collections.opml")


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Flask:
    """The project's own records, under the name that `tests.helpers.support` gives them."""
    folder = tmp_path_factory.mktemp("opml") / "records"
    folder.symlink_to(SEEDS)
    return application(folder, title="Example News")


def read(app: Flask, address: str) -> Any:
    """The root of a list."""
    answer = get(app, address)
    assert answer.code == 200, answer.body
    assert answer.get("Content-Type") == "text/x-opml; charset=utf-8"
    assert answer.get("Access-Control-Allow-Origin") == "*"
    return etree.fromstring(answer.body)


def urls(app: Flask, address: str) -> list[str]:
    return [feed.get("xmlUrl") for feed in read(app, address).iter("outline") if feed.get("xmlUrl")]


def test_everything_comes_first_then_topics_providers_types_and_collections(app: Flask) -> None:
    first, *groups = read(app, "/feeds.opml").find("body")
    assert dict(first.attrib) == {
        "type": "rss",
        "text": "Example News",
        "title": "Example News",
        "description": "News by topic and provider",
        "xmlUrl": f"{ROOT}/rss.xml",
        "htmlUrl": f"{ROOT}/",
        "language": "en",
        "version": "RSS",
    }
    assert [dict(group.attrib) for group in groups] == [
        {"text": name, "title": name} for name in ("Topics", "Providers", "Types", "Collections")
    ]
    assert [len(group) for group in groups] == [
        len([u for u in urls(app, "/feeds.opml") if f"/{kind}/" in u])
        for kind in ("topics", "providers", "types", "collections")
    ]
    assert all(len(group) > 3 for group in groups[:-1])


def test_the_head_says_of_what_of_whom_and_of_when_it_is(app: Flask, seeds: Store) -> None:
    head = {element.tag: element.text for element in read(app, "/amp/topics.opml").find("head")}
    assert head.pop("title") == "Topics – Example News (AMP)"
    newest = max(entry.updated for entry in feed(seeds, "/rss.xml?limit=200").entries)
    assert parsedate_to_datetime(str(head.pop("dateModified"))) >= newest
    assert head == {"ownerName": "Example News", "docs": "http://opml.org/spec2.opml"}


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize(
    ("format_", "file", "version"),
    [("rss", "rss.xml", "RSS"), ("atom", "atom.xml", None), ("json", "feed.json", None)],
)
def test_every_feed_is_listed_once_with_the_title_it_has_itself(
    app: Flask, seeds: Store, policy: str, format_: str, file: str, version: str | None
) -> None:
    prefix = "" if policy == "canonical" else f"/{policy}"
    tree = read(app, f"{prefix}/feeds.opml" + (f"?format={format_}" if version is None else ""))
    found = [outline for outline in tree.iter("outline") if outline.get("xmlUrl")]
    with seeds.read() as reader:
        wanted = [s for s, *_ in builder.scopes(reader) if not (s.topic and s.provider)]
    listed = []
    for outline in found:
        made = feed(seeds, outline.get("xmlUrl").removeprefix(ROOT))
        said = {name: outline.get(name) for name in ("text", "title", "description")}
        assert said == {"text": made.title, "title": made.title, "description": made.description}
        assert (outline.get("xmlUrl"), outline.get("htmlUrl")) == (made.id, made.page)
        assert (outline.get("type"), outline.get("version")) == ("rss", version)
        path = outline.get("xmlUrl").removeprefix(ROOT)
        assert path.startswith(f"{prefix}/")
        assert path.endswith(f"/{file}")
        listed.append(addresses().feed(path, {}).scope)
    assert listed == wanted


def test_topics_and_providers_have_lists_of_their_own(app: Flask) -> None:
    everything = urls(app, "/feeds.opml?format=atom")
    for kind in ("topics", "providers", "collections"):
        own = urls(app, f"/{kind}.opml?format=atom")
        assert own == [url for url in everything if f"/{kind}/" in url]


def test_another_list_of_a_collection_is_another_state_of_all_lists(tmp_path: Path) -> None:
    store = Store("sqlite://")
    listed = {"webUrl": None, "title": "List", "type": "collection"}
    write(tmp_path, "a.md")
    write(tmp_path, "b.md")
    for name in ("a", "b"):
        write(tmp_path, "list.md", items=[name], **listed)
        loader.load(store, tmp_path, now=LOADED)
    grammar = addresses()
    with store.read() as reader:
        query = SiteQuery("collections.opml")
        listed_now = etree.fromstring(discovery.feed_list(reader, query, grammar, CONFIG))
    assert listed_now.findtext("head/dateModified") == "Tue, 01 Dec 2026 00:00:01 +0000"


def test_providers_who_share_a_domain_follow_it(app: Flask) -> None:
    listed = urls(app, "/providers.opml")
    domain = f"{ROOT}/providers/tidewrack-labs.example/"
    at = listed.index(f"{domain}rss.xml")
    together = [url for url in listed if url.startswith(domain)]
    assert listed[at : at + len(together)] == together
    assert f"{domain}tidewrack-labs-learn/rss.xml" in together[1:]


@pytest.mark.parametrize("name", LISTS)
@pytest.mark.parametrize(
    "parameters",
    [
        "min_quality=50",
        "min_heat=1&sort=heat&format=json",
        "since=7d",
        "type=articles&type=videos&since=2026-01-01",
        "q=ferry",
        "topic=ai",
        "topic=ai&topic=robotics&format=atom",
        "provider=theguardian.com",
        "exclude_topic=ai&exclude_provider=theguardian.com",
        "type=videos",
        "topic=ai&provider=theguardian.com",
    ],
)
def test_filters_are_those_of_every_feed_in_a_list(
    app: Flask, seeds: Store, name: str, parameters: str
) -> None:
    tree = read(app, f"/{name}?{parameters}")
    found = [outline for outline in tree.iter("outline") if outline.get("xmlUrl")]
    assert found
    addressed = [outline.get("xmlUrl") for outline in found]
    assert len(set(addressed)) == len(addressed)
    asked = [pair for pair in parameters.split("&") if not pair.startswith("format=")]
    for outline in found:
        made = feed(seeds, outline.get("xmlUrl").removeprefix(ROOT))
        assert (made.id, made.page) == (outline.get("xmlUrl"), outline.get("htmlUrl"))
        assert (made.title, made.description) == (outline.get("text"), outline.get("description"))
        narrowing = [pair for pair in asked if pair.partition("=")[0] in NOT_IN_PATHS]
        assert all(pair in made.id for pair in narrowing)
    slugs = [pair.partition("=")[2] for pair in asked if pair.startswith("exclude_")]
    assert not [url for url in addressed for slug in slugs if f"/{slug}/" in url]


NOT_IN_PATHS = ("min_quality", "min_heat", "since", "q", "sort", "exclude_topic")


def test_a_list_has_only_the_topics_that_filters_name(app: Flask) -> None:
    assert urls(app, "/topics.opml?topic=ai&topic=robotics&min_quality=10") == [
        f"{ROOT}/topics/ai/rss.xml?min_quality=10",
        f"{ROOT}/topics/robotics/rss.xml?min_quality=10",
    ]
    assert urls(app, "/topics.opml?topic=ai&provider=theguardian.com") == [
        f"{ROOT}/topics/ai/providers/theguardian.com/rss.xml"
    ]


def test_a_feed_that_two_groups_would_list_is_listed_once(app: Flask) -> None:
    first, *others = urls(app, "/feeds.opml?topic=ai")
    assert first == f"{ROOT}/topics/ai/rss.xml"
    assert first not in others


def test_filters_that_no_feed_passes_are_not_found(app: Flask) -> None:
    answer = get(app, "/topics.opml?topic=nothing")
    assert answer.code == 404
    assert b"no feed has entries that pass all of these filters" in answer.body


def test_a_list_without_feeds_is_a_list(tmp_path: Path) -> None:
    (tmp_path / "records").mkdir()
    (tmp_path / "records" / "hidden.md").write_text(
        "---\ntitle: A\nwebUrl: https://a.example/\npublished: false\n---\n"
    )
    app = application(tmp_path / "records")
    assert urls(app, "/feeds.opml") == [f"{ROOT}/rss.xml"]
    assert read(app, "/topics.opml").find("head/title").text == "Topics – News"


@pytest.mark.parametrize("name", LISTS)
def test_listparser_reads_every_feed_with_its_group(app: Flask, name: str) -> None:
    found = listparser.parse(get(app, f"/{name}").body.decode())
    assert found.bozo is False, found.bozo_exception
    assert found.version == "opml2"
    assert found.meta.author.name == "Example News"
    assert found.meta.modified_parsed
    assert [one.url for one in found.feeds] == urls(app, f"/{name}")
    for one in found.feeds:
        kind = one.url.removeprefix(f"{ROOT}/").partition("/")[0].capitalize()
        assert one.tags == ([] if kind == "Rss.xml" else [kind])
        assert one.title.endswith("Example News")


HOSTILE = "<script>alert(1)</script>\"'&amp;]]>&#x0;"


def test_a_name_that_is_markup_is_text_in_a_list(tmp_path: Path) -> None:
    write(
        tmp_path / "records",
        "a.md",
        topics=[f"T{HOSTILE}"],
        provider={"name": f"P{HOSTILE}", "domain": "bad.example"},
        type=f"Y{HOSTILE}",
    )
    body = get(application(tmp_path / "records"), "/feeds.opml").body
    root: Any = etree.fromstring(body)
    assert {element.tag for element in root.iter()} <= {
        "opml", "head", "body", "outline", "title", "dateModified", "ownerName", "docs"
    }  # fmt: skip
    titles = [outline.get("text") for outline in root.iter("outline")]
    assert len([title for title in titles if "<script>alert(1)</script>" in title]) >= 2
    assert b"<script" not in body


@pytest.mark.servers
def test_newsboat_imports_a_list_and_reads_its_feeds(
    tmp_path: Path, serve: Callable[..., Served]
) -> None:
    newsboat = program("newsboat")
    for number, topic in enumerate(["AI", "C++", "AI"]):
        write(
            tmp_path / "records",
            f"{number}.md",
            topics=[topic],
            provider={"name": "Example Times", "domain": "times.example.com"},
        )
    server = serve(tmp_path / "records")
    home = tmp_path / "newsboat"
    home.mkdir()
    for file in ("urls", "config"):
        (home / file).write_text("")
    (home / "feeds.opml").write_bytes(server.get("/feeds.opml?format=atom").body)

    def run(*arguments: str | Path) -> str:
        return subprocess.run(
            [newsboat, "-u", home / "urls", "-C", home / "config", "-c", home / "cache.db",
             *arguments],
            env=clean_environment(home), capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip

    run("-i", home / "feeds.opml")
    lines = (home / "urls").read_text().splitlines()
    subscribed = {line.split()[0]: line.partition(" ")[2] for line in lines}
    assert set(subscribed) == {
        f"{server.url}/{folder}atom.xml"
        for folder in ("", "topics/ai/", "topics/c-plus-plus/", "providers/times.example.com/")
    }
    assert "Topics" in subscribed[f"{server.url}/topics/ai/atom.xml"]
    run("-x", "reload")
    # It has every entry once, whichever of its feeds it saw it in.
    assert run("-x", "print-unread").strip() == "3 unread articles"
    with closing(sqlite3.connect(home / "cache.db")) as cache:
        known = dict(cache.execute("SELECT rssurl, title FROM rss_feed"))
    titles = {
        "": "News",
        "topics/ai/": "AI – News",
        "topics/c-plus-plus/": "C++ – News",
        "providers/times.example.com/": "Example Times – News",
    }
    assert known == {f"{server.url}/{at}atom.xml": title for at, title in titles.items()}
