"""oEmbed: what is said of a URL, and of which."""

import json
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote
from xml.etree.ElementTree import Element

import html5lib
import pytest
from flask import Flask
from lxml import etree

from feeds.catalog import stories
from tests.helpers.server import ROOT, Answer, application, documents, get, news
from tests.helpers.support import feed, write

XHTML: Final = "{http://www.w3.org/1999/xhtml}"


@pytest.fixture
def app(tmp_path: Path) -> Flask:
    return application(news(tmp_path / "seeds"), title="Example News")


def ask(app: Flask, url: str, more: str = "") -> Answer:
    return get(app, f"/oembed?url={quote(url, safe='')}{more}")


def said(app: Flask, url: str, more: str = "") -> dict[str, Any]:
    answer = ask(app, url, more)
    assert answer.code == 200, answer.body
    found: dict[str, Any] = json.loads(answer.body)
    return found


def frame(html: str) -> dict[str, str]:
    """The attributes of the iframe, which is all that is there."""
    (found,) = html5lib.HTMLParser(strict=True).parseFragment(html)
    assert found.tag == f"{XHTML}iframe"
    attributes: dict[str, str] = dict(found.attrib)
    return attributes


def test_a_page_is_embedded_by_its_frame(app: Flask) -> None:
    answer = ask(app, f"{ROOT}/topics/ai/")
    assert answer.headers == [
        ("Access-Control-Allow-Origin", "*"),
        (
            "Cache-Control",
            "public, max-age=420, stale-while-revalidate=60, stale-if-error=604800",
        ),
        ("Content-Length", str(len(answer.body))),
        ("Content-Type", "application/json; charset=utf-8"),
        ("Surrogate-Key", "all any"),
        ("X-Content-Type-Options", "nosniff"),
        ("xkey", "all any"),
    ]
    assert json.loads(answer.body) == {
        "version": "1.0",
        "type": "rich",
        "title": "AI – Example News",
        "provider_name": "Example News",
        "provider_url": f"{ROOT}/",
        "cache_age": 420,
        "html": f'<iframe src="{ROOT}/embed/topics/ai/" title="AI – Example News" width="400"'
        ' height="529" loading="lazy" style="border:0;max-width:100%"></iframe>',
        "width": 400,
        "height": 529,
    }


def test_xml_says_the_same(app: Flask) -> None:
    answer = ask(app, f"{ROOT}/", "&format=xml")
    assert answer.get("Content-Type") == "text/xml; charset=utf-8"
    root = etree.fromstring(answer.body)
    assert root.tag == "oembed"
    same = {name: str(value) for name, value in said(app, f"{ROOT}/", "&format=json").items()}
    assert {child.tag: child.text for child in root} == same


@pytest.mark.slow
@pytest.mark.parametrize(
    ("url", "framed"),
    [
        ("", "/embed/"),
        ("/", "/embed/"),
        ("/rss.xml", "/embed/"),
        ("/topics/ai/atom.xml?limit=3&page=1", "/embed/topics/ai/"),
        ("/topics/AI/#subscribe", "/embed/topics/ai/"),
        ("/2024/01/", "/embed/"),
        ("/amp/topics/c-plus-plus/", "/embed/amp/topics/c-plus-plus/"),
        ("/topics/c%2Dplus%2Dplus/", "/embed/topics/c-plus-plus/"),
        ("/?min_quality=50&q=story", "/embed/?min_quality=50&q=story"),
        ("/embed/?theme=dark&accent=0A6E5C&limit=9", "/embed/?theme=dark&accent=0a6e5c&limit=9"),
    ],
)
def test_the_frame_of_a_url(app: Flask, url: str, framed: str) -> None:
    attributes = frame(said(app, ROOT + url)["html"])
    assert attributes["src"] == ROOT + framed
    assert get(app, framed).code == 200


def test_the_root_may_have_a_path(tmp_path: Path) -> None:
    app = application(news(tmp_path / "seeds"), base_url="https://example.org/news")
    found = said(app, "https://example.org/news/topics/ai/")
    assert frame(found["html"])["src"] == "https://example.org/news/embed/topics/ai/"
    assert ask(app, "https://example.org/topics/ai/").code == 404
    assert ask(app, "https://example.org/newspaper/").code == 404


@pytest.mark.slow
@pytest.mark.parametrize(
    "url",
    [
        f"{ROOT}/topics/nothing/",
        f"{ROOT}/nothing/",
        f"{ROOT}/about/",
        f"{ROOT}/static/badge.svg",
        f"{ROOT}/?limit=0",
        f"{ROOT}/stories/00000000-0000-0000-0000-000000000000/",
        f"{ROOT}//topics/ai/",
        f"{ROOT}/topics/%00/",
        f"{ROOT}/{'a' * 5000}",
        f"{ROOT}/?{'&'.join('a' * 300)}",
        f"{ROOT}.evil.example/",
        "https://feeds.example.org@evil.example/",
        "https://user@feeds.example.org/",
        "https://feeds.example.org:8443/",
        "ftp://feeds.example.org/",
        "javascript:alert(1)",
        "/topics/ai/",
        "https://[::1/",
        "no URL",
    ],
)
def test_urls_of_anything_else_are_not_found(app: Flask, url: str) -> None:
    answer = ask(app, url)
    assert answer.code == 404
    assert answer.body.startswith(b"Not found: /oembed: ")


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ("", b"url accepts one URL, that of a page here: https://feeds.example.org/."),
        ("?url=", b"url accepts one URL"),
        (f"?url={ROOT}/&url={ROOT}/topics/ai/", b"url accepts one URL"),
        (f"?url={ROOT}/&maxwidth=wide", b"maxwidth accepts a whole number"),
        (f"?url={ROOT}/&maxheight=0", b"maxheight accepts a whole number"),
    ],
)
def test_bad_parameters_are_refused(app: Flask, parameters: str, message: bytes) -> None:
    answer = get(app, f"/oembed{parameters}")
    assert answer.code == 400
    assert message in answer.body


@pytest.mark.parametrize("name", ["yaml", "JSON", ""])
def test_another_format_is_not_implemented(app: Flask, name: str) -> None:
    answer = ask(app, f"{ROOT}/", f"&format={name}")
    assert answer.code == 501
    assert b"format accepts json or xml" in answer.body


@pytest.mark.parametrize(
    ("limits", "size"),
    [
        ("&maxwidth=300", (300, 529)),
        ("&maxheight=200", (400, 200)),
        ("&maxwidth=10000&maxheight=10000", (400, 529)),
        ("&maxwidth=1&maxheight=1", (1, 1)),
    ],
)
def test_it_is_no_larger_than_asked_for(app: Flask, limits: str, size: tuple[int, int]) -> None:
    found = said(app, f"{ROOT}/", limits)
    attributes = frame(found["html"])
    assert (found["width"], found["height"]) == size
    assert (attributes["width"], attributes["height"]) == (str(size[0]), str(size[1]))


def test_titles_are_escaped_in_what_is_pasted(tmp_path: Path) -> None:
    folder = tmp_path / "seeds"
    topic = '"><script>alert(1)</script>'
    write(folder, "a.md", topics=[topic])
    app = application(folder, title='A "<b>" & C')
    found = said(app, f"{ROOT}/topics/script-alert-1-script/")
    assert found["title"] == f'{topic} – A "<b>" & C'
    assert frame(found["html"])["title"] == found["title"]


def test_a_story_has_the_title_of_its_lead(tmp_path: Path) -> None:
    folder = tmp_path / "seeds"
    write(folder, "a.md", title="The lead", quality=9)
    app = application(folder, title="Example News")
    entry = feed(documents(app).store).entries[0]
    url = f"/stories/{stories.story_id(entry.record.key)}/"
    found = said(app, ROOT + url)
    assert found["title"] == "The lead – Example News"
    assert frame(found["html"])["src"] == f"{ROOT}/embed{url}"


def test_distinct_parameters_leave_nothing_behind(app: Flask) -> None:
    found = documents(app)
    before = found.renderer.rendered
    for number in range(1, 200):
        ask(app, f"{ROOT}/?limit={number}&utm={number}", f"&maxwidth={number}")
    assert found.renderer.rendered == before
    assert found.cache.usage() == (0, 0)


def test_other_methods_are_refused(app: Flask) -> None:
    assert app.test_client().post(f"/oembed?url={ROOT}/").status_code == 405
    assert app.test_client().head(f"/oembed?url={ROOT}/").status_code == 200


def test_each_page_says_where_to_ask(app: Flask) -> None:
    for address in ("/", "/topics/ai/", "/topics/ai/?q=story"):
        root: Element = html5lib.HTMLParser(strict=True).parse(get(app, address).body.decode())
        (link,) = [e for e in root.iter(f"{XHTML}link") if e.get("type", "").endswith("+oembed")]
        assert link.attrib["rel"] == "alternate"
        found = json.loads(get(app, link.attrib["href"].removeprefix(ROOT)).body)
        framed = frame(found["html"])["src"].removeprefix(ROOT)
        assert framed == f"/embed{address}"
        assert get(app, framed).code == 200
