"""Markup in what records say has no effect in anything that shows it, one field at a time."""

import json
import re
import time
from collections.abc import Iterator
from html import unescape
from typing import Any, Final
from urllib.parse import quote, quote_plus, urljoin, urlsplit
from xml.etree.ElementTree import Element

import html5lib
import listparser
import pytest
from flask import Flask
from lxml import etree
from playwright.sync_api import expect

from feeds.rendering.formats import FORMATS
from feeds.statistics.page import stats_page
from feeds.statistics.poll_store import PollStore
from feeds.statistics.polls import HOUR, Key, Polls
from tests.helpers.browser import OpenWindow
from tests.helpers.other_site import Elsewhere
from tests.helpers.server import PATIENCE, ROOT, Served, application, documents, get
from tests.helpers.support import write
from tests.rendering.test_embed import dialogs_of

XHTML: Final = "{http://www.w3.org/1999/xhtml}"
HARM: Final = (
    "\"'><script>document.title='ran';alert(1)</script><img src=x onerror=alert(2)>"
    '<iframe src="https://evil.example/"></iframe><style>*{display:none}</style>'
    "<svg onload=alert(3)>]]>{{ 7 * 7 }}"
)
URL: Final = (
    "https://a.example/\"onclick='alert(4)'><script>alert(5)</script>?b=javascript:alert(6)"
)
RELATED: Final = {"title": "Other", "webUrl": "https://b.example/1", "provider": {"name": "B"}}
FIELDS: Final[dict[str, dict[str, Any]]] = {
    "title": {"title": HARM},
    "excerpt": {"excerpt": HARM},
    "body": {"body": f"<p>A body.</p>{HARM}"},
    "Markdown": {"body": f"A *body*.\n\n{HARM}\n\n[a](javascript:alert(1))\n"},
    "provider": {"provider": {"name": HARM, "domain": "evil.example"}},
    "name of a provider without a domain": {"provider": {"name": HARM}},
    "topic": {"topics": [HARM, "Harmless"]},
    "type": {"type": HARM[:60]},
    "author": {"authors": [HARM]},
    "URL": {"webUrl": URL, "originalUrl": URL, "ampWebUrl": URL, "cdnAmpWebUrl": URL},
    "pictures": {
        "images": [{"url": URL}],
        "provider": {"name": "P", "domain": "p.example", "images": [{"url": URL}]},
    },
    "related": {"related": [{"title": HARM, "webUrl": URL, "provider": {"name": HARM}}]},
    "excerpt of related": {"related": [RELATED | {"excerpt": HARM, "type": HARM[:60]}]},
    "download": {"actions": [{"type": "download", "title": HARM, "url": URL}]},
    "player": {"featuredContent": f'<iframe src="{quote(URL, safe=":/?")}" onload="a()">{HARM}'},
}
EVERYTHING: Final = {
    "title": HARM,
    "excerpt": HARM,
    "body": f"<p>A body.</p>{HARM}",
    "webUrl": URL,
    "ampWebUrl": URL,
    "provider": {"name": HARM, "domain": "evil.example", "images": [{"url": URL}]},
    "topics": [HARM, "Harmless"],
    "type": HARM[:60],
    "authors": [HARM],
    "images": [{"url": URL}],
    "related": [{"title": HARM, "webUrl": URL, "excerpt": HARM, "provider": {"name": HARM}}],
}
# Elements that no page has.
NEVER: Final = {"iframe", "object", "embed", "base", "applet", "frame", "frameset"}
LINKS: Final = ("href", "src", "action", "formaction", "poster", "data")


@pytest.fixture(scope="module", params=FIELDS)
def app(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Flask:
    """A site with a harmless record and one that is harmful in one field."""
    folder = tmp_path_factory.mktemp("inert") / "records"
    write(folder, "good.md", topics=["Harmless"], related=[RELATED])
    whole: dict[str, Any] = {
        "topics": ["Harmless"],
        "related": [RELATED],
        "provider": {"name": "Times"},
    }
    fields = whole | FIELDS[request.param]
    body = str(fields.pop("body", ""))
    path = write(folder, "harm.md", **fields)
    path.write_text(path.read_text() + body)
    return application(folder, title="Example News", metrics="on")


def said(app: Flask, address: str) -> bytes:
    answer = get(app, address)
    assert answer.code == 200, (address, answer.body)
    for name, value in answer.headers:
        assert re.fullmatch(r"[ -~]*", value), name
    return answer.body


def places(app: Flask) -> list[str]:
    """The addresses of all feeds' pages, stories among them."""
    listed = json.loads(said(app, "/feeds.json"))["feeds"]
    pages = [f"/{one['path']}" for one in listed]
    stories = re.findall(r'href="(/stories/[^"#]+)"', said(app, "/").decode())
    return [*pages, *sorted(set(stories))]


def assert_inert(root: Element, *, ours: bool) -> None:
    """Nothing in a tree runs, frames or styles, but for scripts of ours."""
    for element in root.iter():
        name = str(element.tag).removeprefix(XHTML)
        assert name not in NEVER
        if name in ("script", "style", "svg", "link", "form"):
            assert ours, name
        if name == "script":
            assert re.match(r"/static/[a-z]+\.js\?", str(element.get("src")))
            assert not element.text
        assert name != "style"
        for attribute, value in element.attrib.items():
            assert not attribute.startswith("on"), (name, attribute)
            assert attribute not in ("style", "srcdoc"), (name, attribute)
            if attribute in LINKS:
                assert urlsplit(urljoin(ROOT, value)).scheme in ("http", "https"), value
                assert re.fullmatch(r"[!-~]+", value), value
                assert not set(value) & set('"<>'), value


def parsed(html: bytes) -> Element:
    root: Element = html5lib.HTMLParser(strict=True).parse(html.decode())
    return root


def fragment(html: str) -> Element:
    """What a browser makes of a piece of HTML, however wrong it is."""
    root: Element = html5lib.HTMLParser().parseFragment(html)
    return root


@pytest.mark.slow
def test_pages_and_frames_have_no_elements_of_a_record(app: Flask) -> None:
    for place in places(app):
        assert_inert(parsed(said(app, place)), ours=True)
        assert_inert(parsed(said(app, f"/embed{place}")), ours=True)
    for address in ("/?q=script", f"/?q={quote_plus(HARM[:60].strip())}", "/?type=as&type=bs"):
        assert_inert(parsed(said(app, address)), ours=True)


@pytest.mark.parametrize("file", FORMATS)
def test_content_of_feeds_has_nothing_that_runs(app: Flask, file: str) -> None:
    found = 0
    for place in places(app):
        body = said(app, place + file)
        for content in contents(file, body):
            found += 1
            assert_inert(fragment(content), ours=False)
    assert found > len(places(app))


def contents(file: str, body: bytes) -> Iterator[str]:
    """All that readers take for HTML, as those that clean nothing have it."""
    if file == "feed.json":
        yield from (item["content_html"] for item in json.loads(body)["items"])
        return
    root = etree.fromstring(body)
    if file == "rss.xml":
        html = [*root.iterfind(".//item/description"), *root.iter("{*}encoded")]
    else:
        html = [element for element in root.iter() if element.get("type") == "html"]
    yield from (element.text or "" for element in html)


def test_lists_have_names_as_text_and_addresses_that_need_no_quoting(app: Flask) -> None:
    for name in ("feeds.opml", "topics.opml", "providers.opml", "collections.opml"):
        body = said(app, f"/{name}")
        tags = {str(element.tag) for element in etree.fromstring(body).iter()}
        assert tags <= {
            "opml", "head", "body", "outline", "title", "dateModified", "ownerName", "docs"
        }  # fmt: skip
        read = listparser.parse(body.decode())
        assert read.bozo is False
        assert all(re.fullmatch(rf"{ROOT}/[!-~]*", feed.url) for feed in read.feeds)
    sitemap = etree.fromstring(said(app, "/sitemap.xml"))
    for element in sitemap.iter("{*}loc"):
        assert re.fullmatch(rf"{ROOT}/[a-z0-9./-]*", str(element.text))
    for feed in json.loads(said(app, "/feeds.json"))["feeds"]:
        assert re.fullmatch(r"[a-z0-9./-]*", feed["path"])


def test_what_oembed_offers_is_a_frame_of_ours_and_nothing_else(app: Flask) -> None:
    for place in places(app):
        asked = f"/oembed?url={quote(ROOT + place, safe='')}"
        frame = json.loads(said(app, asked))["html"]
        root = etree.fromstring(said(app, f"{asked}&format=xml"))
        assert root.findtext("html") == frame
        (element,) = html5lib.HTMLParser(strict=True).parseFragment(frame)
        assert element.tag == f"{XHTML}iframe"
        assert set(element.attrib) == {"src", "title", "width", "height", "loading", "style"}
        assert element.attrib["src"] == f"{ROOT}/embed{place}"
        assert element.attrib["style"] == "border:0;max-width:100%"
        assert not element.text


@pytest.mark.slow
def test_the_operator_sees_text(app: Flask) -> None:
    found = documents(app)
    audience = PollStore(found.config.database, print)
    hour = int(time.time()) // HOUR
    for place in places(app):
        polls = {Key(hour, f"{place}rss.xml", HARM, ""): Polls(1, subscribers=3)}
        audience.write(polls, time.time())
    page = stats_page(found.pages, audience, time.time())
    assert_inert(parsed(page), ours=True)
    assert HARM in "".join(parsed(page).itertext())
    assert b"<script" not in page


SHOWN: Final = {
    "title": ("/", "/embed/", "/rss.xml", "/atom.xml", "/feed.json"),
    "topic": ("/", "/feeds.opml"),
    "provider": ("/", "/embed/", "/feeds.opml"),
}


@pytest.mark.parametrize("app", SHOWN, indirect=True)
def test_it_is_shown_as_it_was_written(app: Flask, request: pytest.FixtureRequest) -> None:
    """So that the other tests don't pass because it isn't there."""
    for address in SHOWN[request.node.callspec.params["app"]]:
        body = said(app, address)
        if address.endswith(".json"):
            texts = [item["title"] for item in json.loads(body)["items"]]
        elif address.endswith(("l", "xml")):
            root = etree.fromstring(body)
            texts = [*root.itertext(), *(str(one.get("text")) for one in root.iter("outline"))]
            texts += [unescape(text) for text in texts]  # some of Atom are HTML
        else:
            texts = ["".join(parsed(body).itertext())]
        assert any(HARM in text for text in texts), address


# -- in Chromium ------------------------------------------------------------------


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    home = tmp_path_factory.mktemp("inert")
    fields = dict(EVERYTHING)
    body = str(fields.pop("body"))
    path = write(home / "records", "harm.md", **fields)
    path.write_text(path.read_text() + body)
    server = Served(home / "records", home)
    try:
        yield server.start()
    finally:
        server.stop()


def test_another_site_can_show_all_of_it(
    window: OpenWindow, site: Served, elsewhere: Elsewhere
) -> None:
    """Every feed in a component of its own, every page in a frame."""
    listed = json.loads(site.get("/feeds.json").body)["feeds"]
    assert len(listed) == 7
    feeds = [one["feed_urls"]["json"] for one in listed]
    frames = [one["page_url"].replace(site.url, f"{site.url}/embed") for one in listed]
    shown = "".join(f'<feed-headlines src="{url}"></feed-headlines>' for url in feeds)
    shown += "".join(f'<iframe src="{url}" title="A"></iframe>' for url in frames)
    page = window()
    dialogs = dialogs_of(page)
    page.goto(
        elsewhere.put(
            "/",
            '<!DOCTYPE html><html lang="en"><head><title>A host</title>'
            f'<script src="{site.url}/static/headlines.js" defer></script></head>'
            f"<body>{shown}</body></html>",
        )
    )
    links = page.locator("feed-headlines li a")
    expect(links).to_have_count(len(feeds), timeout=PATIENCE * 1000)
    assert set(links.all_inner_texts()) == {HARM}
    headings = page.locator("feed-headlines h2").all_inner_texts()
    assert len([heading for heading in headings if HARM in heading]) >= 3
    inside = "script, img, iframe, style, svg, [onclick], [onerror], [onload]"
    assert page.locator(f"feed-headlines :is({inside})").count() == 0
    assert len(page.frames) == 1 + len(frames)
    for frame in page.frames[1:]:
        assert frame.url in frames
        expect(frame.locator("h2")).to_have_text(HARM)
        assert frame.locator(":is(script, img, iframe, style, [onclick], [onerror])").count() == 0
        assert frame.locator("svg[onload]").count() == 0
    assert page.title() == "A host"
    assert dialogs == []
