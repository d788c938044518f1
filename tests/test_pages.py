"""The pages for people: valid HTML that leads to the feeds."""

from urllib.parse import urlsplit
from xml.etree.ElementTree import Element

import html5lib
import pytest
from flask import Flask

from feeds import create_app
from tests.serving import call, get
from tests.support import SEEDS

XHTML = "{http://www.w3.org/1999/xhtml}"
PAGES = [
    "/",
    "/amp/",
    "/?limit=5&page=3",
    "/topics/c-plus-plus/",
    "/providers/tidewrack-labs.example/",
    "/providers/tidewrack-labs.example/tidewrack-labs-learn/",
    "/topics/ai/providers/theguardian.com/",
    "/original/types/videos/",
    "/2026/06/",
]


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Flask:
    database = tmp_path_factory.mktemp("pages") / "feeds.db"
    return create_app({"seeds": str(SEEDS), "database_url": f"sqlite:///{database}"})


def parsed(html: bytes) -> Element:
    """The page as a tree; any mistake in it is an error."""
    root = html5lib.HTMLParser(strict=True).parse(html.decode())
    assert isinstance(root, Element)
    return root


@pytest.mark.parametrize("address", PAGES)
def test_a_page_is_valid_and_announces_its_feeds(app: Flask, address: str) -> None:
    answer = get(app, address)
    assert answer.code == 200
    root = parsed(answer.body)
    feeds = [
        link
        for link in root.iter(f"{XHTML}link")
        if link.attrib["rel"] == "alternate" and "xml" in link.attrib["type"]
    ]
    assert [link.attrib["type"] for link in feeds] == [
        "application/rss+xml",
        "application/atom+xml",
    ]
    visible = {a.attrib["href"] for a in root.iter(f"{XHTML}a")}
    for link in feeds:
        path = link.attrib["href"]
        assert path in visible
        assert link.get("title")
        found = call(app.wsgi_app, path)
        assert found.code == 200
        assert str(found.get("Content-Type")).startswith(link.attrib["type"])


@pytest.mark.parametrize("address", PAGES)
def test_every_link_of_a_page_to_this_site_answers(app: Flask, address: str) -> None:
    root = parsed(get(app, address).body)
    hrefs = {a.attrib["href"] for a in root.iter(f"{XHTML}a")}
    here = "http://127.0.0.1:8000"
    ours = {h.removeprefix(here) for h in hrefs if h.startswith(("/", here))}
    assert ours
    for href in ours:
        assert call(app.wsgi_app, href).code == 200, href


def test_the_first_page_lists_all_topics_and_providers_with_their_counts(app: Flask) -> None:
    text = get(app, "/").body.decode()
    root = parsed(text.encode())
    listed = {a.attrib["href"]: str(a.tail) for a in root.iter(f"{XHTML}a")}
    assert listed["/topics/open-source/"].strip() == "(12)"
    assert listed["/topics/c-sharp/"].strip() == "(7)"
    folders = [h for h in listed if urlsplit(h).path.startswith(("/topics/", "/providers/"))]
    assert len(folders) > 30


@pytest.mark.parametrize("address", ["/topics/nothing/", "/rss.xml?limit=0"])
def test_a_page_that_says_what_is_wrong_is_valid(app: Flask, address: str) -> None:
    answer = get(app, address, accept="text/html")
    assert answer.code in (400, 404)
    assert "main" in {element.tag.removeprefix(XHTML) for element in parsed(answer.body).iter()}
