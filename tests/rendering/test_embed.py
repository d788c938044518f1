"""Framed pages: what they say, what they may load, and who may frame what."""

import base64
import hashlib
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final
from xml.etree.ElementTree import Element

import html5lib
import pytest
from axe_playwright_python.sync_playwright import Axe
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from playwright.sync_api import Dialog, Page

from feeds.catalog.addresses import EmbedStyle, FeedQuery
from feeds.rendering import embed
from feeds.rendering.assets import ASSETS
from tests.helpers.browser import OpenWindow
from tests.helpers.other_site import Elsewhere
from tests.helpers.server import ROOT, Served, application, get, news
from tests.helpers.support import addresses, write

XHTML: Final = "{http://www.w3.org/1999/xhtml}"
BLOCKED: Final = r"Framing '.*' violates .*frame-ancestors 'none'"
LONG: Final = (
    "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft " * 2
)
NEW: Final[dict[str, Any]] = {"publishedDateTime": "2025-01-01T00:00:00Z"}
HOSTILE: Final[dict[str, Any]] = {
    "title": "<img src=x onerror=alert(1)>&amp;lt;script&gt;alert(2)&lt;/script&gt;",
    "excerpt": "<iframe src=//evil.example></iframe>",
    "webUrl": "https://news.example.com/a?b=\"onmouseover='alert(3)'&c=<x>",
    "provider": {"name": "</style><script>alert(4)</script>", "domain": "evil.example"},
    **NEW,
    "topics": ['"><svg onload=alert(5)>'],
}


@pytest.fixture
def app(tmp_path: Path) -> Flask:
    folder = news(tmp_path / "seeds", 7)
    write(folder, "amp.md", title="Both", ampWebUrl="https://amp.example.com/both", **NEW)
    return application(folder, title="Example News")


def parsed(body: bytes) -> Element:
    """The page as a strict parser reads it."""
    root: Element = html5lib.HTMLParser(strict=True).parse(body.decode())
    return root


def elements(root: Element, name: str) -> list[Element]:
    return list(root.iter(XHTML + name))


def words(element: Element) -> str:
    return " ".join("".join(element.itertext()).split())


def test_a_framed_page_lists_headlines_and_leads_out_of_the_frame(app: Flask) -> None:
    answer = get(app, "/embed/topics/c-plus-plus/?theme=dark&limit=2")
    root = parsed(answer.body)
    assert answer.code == 200
    assert answer.get("Content-Type") == "text/html; charset=utf-8"
    assert root.attrib == {"lang": "en", "data-theme": "dark"}
    out = {"target": "_blank", "rel": "noopener"}
    links = {
        a.attrib["href"]: (words(a), a.attrib["target"], a.attrib["rel"])
        for a in root.iter(f"{XHTML}a")
    }
    assert links == {
        "/topics/c-plus-plus/": ("C++ – Example News", *out.values()),
        "https://news.example.com/005": ("Story 5", *out.values()),
        "https://news.example.com/003": ("Story 3", *out.values()),
        "/topics/c-plus-plus/#subscribe": ("Subscribe", *out.values()),
    }
    assert [words(p) for p in elements(root, "p")] == [
        "Example Times 6 January 2024",
        "Example Times 4 January 2024",
    ]
    assert [time.attrib["datetime"] for time in elements(root, "time")] == [
        "2024-01-06T00:00:00Z",
        "2024-01-04T00:00:00Z",
    ]


def test_search_engines_are_led_to_the_page_itself(app: Flask) -> None:
    answer = get(app, "/embed/topics/ai/?accent=0a6e5c&limit=2")
    root = parsed(answer.body)
    canonical = [e.attrib["href"] for e in elements(root, "link") if e.attrib["rel"] == "canonical"]
    assert canonical == [f"{ROOT}/topics/ai/"]
    assert answer.get("Link") == f'<{ROOT}/topics/ai/>; rel="canonical"'
    robots = [e.attrib["content"] for e in elements(root, "meta") if e.get("name") == "robots"]
    assert robots == ["noindex"]


def test_a_framed_page_loads_a_stylesheet_of_this_site_and_nothing_else(app: Flask) -> None:
    answer = get(app, "/embed/?accent=0a6e5c")
    headers = dict(answer.headers)
    root = parsed(answer.body)
    (style,) = elements(root, "style")
    digest = base64.b64encode(hashlib.sha256(str(style.text).encode()).digest()).decode()
    assert headers["Content-Security-Policy"] == (
        f"default-src 'none'; style-src 'self' 'sha256-{digest}'; form-action 'none'; "
        "base-uri 'none'; frame-ancestors *"
    )
    assert headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "X-Frame-Options" not in headers
    loaded = [e.attrib["href"] for e in elements(root, "link") if e.attrib["rel"] == "stylesheet"]
    assert loaded == [f"/static/embed.css?v={ASSETS['static/embed.css'].version}"]
    assert get(app, loaded[0]).get("Content-Type") == "text/css; charset=utf-8"
    names = {element.tag.removeprefix(XHTML) for element in root.iter()}
    assert not names & {"script", "img", "iframe", "form", "object", "embed"}
    assert not [e for e in root.iter() if "style" in e.attrib]


def test_pictures_are_shown_on_request_where_the_setting_lets(tmp_path: Path) -> None:
    picture = "https://i.example/p.png"
    write(tmp_path / "news", "a.md", images=[{"url": picture}])
    for setting, parameters, shown in (
        ("on", "?pictures=on", [picture]),
        ("on", "", []),
        ("off", "?pictures=on", []),
    ):
        answer = get(application(tmp_path / "news", pictures=setting), f"/embed/{parameters}")
        root = parsed(answer.body)
        assert [e.attrib["src"] for e in elements(root, "img")] == shown
        policy = str(answer.get("Content-Security-Policy"))
        assert ("img-src https: http:;" in policy) is bool(shown)


def test_without_an_accent_there_is_no_inline_style(app: Flask) -> None:
    answer = get(app, "/embed/")
    assert elements(parsed(answer.body), "style") == []
    assert "style-src 'self';" in str(answer.get("Content-Security-Policy"))


@pytest.mark.parametrize("address", ["/", "/topics/ai/", "/about/", "/nothing/", "/?limit=x"])
def test_no_other_page_may_be_framed(app: Flask, address: str) -> None:
    answer = get(app, address, accept="text/html")
    assert str(answer.get("Content-Type")).startswith("text/html")
    assert str(answer.get("Content-Security-Policy")).endswith("frame-ancestors 'none'")


def test_a_frame_without_a_page_says_so_in_plain_text(app: Flask) -> None:
    answer = get(app, "/embed/topics/nothing/", accept="text/html")
    assert (answer.code, answer.get("Content-Type")) == (404, "text/plain; charset=utf-8")
    assert answer.get("Content-Security-Policy") is None
    assert b"no topic called nothing" in answer.body


@pytest.mark.parametrize(
    ("parameter", "accepted"),
    [
        ("accent=red", b"accent accepts a colour as six hexadecimal digits"),
        ("accent=0a6e5", b"accent accepts"),
        ("accent=0a6e5c;}body{display:none", b"accent accepts"),
        ("accent=%230a6e5c&accent=000000", b"accent accepts"),
        ("accent=%EF%BC%90a6e5c", b"accent accepts"),
        ("theme=sepia", b"theme accepts auto, light or dark"),
        ("pictures=yes", b"pictures accepts off or on"),
        ("limit=0", b"limit accepts a whole number from 1 to 200"),
        ("limit=many", b"limit accepts"),
    ],
)
def test_a_look_that_is_none_is_refused(app: Flask, parameter: str, accepted: bytes) -> None:
    answer = get(app, f"/embed/?{parameter}")
    assert answer.code == 400
    assert accepted in answer.body


def test_another_spelling_leads_to_the_canonical_address(app: Flask) -> None:
    answer = get(app, "/embed/topics/AI/?theme=auto&accent=%230A6E5C&limit=5&page=3&utm=x")
    assert answer.code == 308
    assert answer.get("Location") == f"{ROOT}/embed/topics/ai/?accent=0a6e5c"


def test_five_headlines_are_shown_unless_the_address_says_otherwise(app: Flask) -> None:
    counts = [
        len(elements(parsed(get(app, f"/embed/{parameters}").body), "li"))
        for parameters in ("", "?limit=1", "?limit=200", "?q=story&limit=3")
    ]
    assert counts == [5, 1, 8, 3]


def test_a_frame_links_what_its_policy_says(app: Flask) -> None:
    root = parsed(get(app, "/embed/amp/").body)
    links = [a.attrib["href"] for a in elements(root, "a")]
    assert "https://amp.example.com/both" in links
    assert links[0] == "/amp/"


def test_a_frame_of_an_empty_feed_says_so(app: Flask) -> None:
    root = parsed(get(app, "/embed/?since=2199-01-01").body)
    assert [words(p) for p in elements(root, "p")] == ["There are no entries now."]


def test_a_story_and_a_filter_can_be_framed(app: Flask) -> None:
    story = get(app, "/embed/providers/times.example.com/?exclude_topic=ai")
    assert story.code == 200
    root = parsed(story.body)
    assert words(elements(root, "h1")[0]).startswith("Example Times")
    assert get(app, elements(root, "a")[0].attrib["href"]).code == 200


def test_what_a_record_says_stays_text(tmp_path: Path) -> None:
    folder = tmp_path / "seeds"
    write(folder, "a.md", **HOSTILE)
    root = parsed(get(application(folder), "/embed/?accent=0a6e5c").body)
    names = {element.tag.removeprefix(XHTML) for element in root.iter()}
    assert not names & {"script", "img", "iframe"}
    assert len(elements(root, "svg")) <= 1
    assert not [n for e in root.iter() for n in e.attrib if n.startswith("on")]
    assert "<img src=x onerror=alert(1)>" in words(elements(root, "h2")[0])
    assert words(elements(root, "span")[0]) == "</style><script>alert(4)</script>"


@pytest.mark.parametrize("accent", ["", "0a6e5c", "ffffff", "000000", "ffcc00"])
def test_a_style_holds_nothing_but_colours(accent: str) -> None:
    text = embed.declarations(accent)
    assert re.fullmatch(r"(:root\{(--[a-z-]+:#[0-9a-f]{6};)+\})?", text)
    assert bool(text) == bool(accent)


@given(st.binary(min_size=3, max_size=3))
def test_every_accent_can_be_read(accent: bytes) -> None:
    colours = dict(re.findall(r"--([a-z-]+):#([0-9a-f]{6})", embed.declarations(accent.hex())))
    assert colours["accent"] == accent.hex()
    assert embed.contrast(colours["on-accent"], colours["accent"]) >= 4.5
    assert embed.contrast(colours["link-light"], embed.LIGHT) >= 4.5
    assert embed.contrast(colours["link-dark"], embed.DARK) >= 4.5


def test_an_accent_that_can_be_read_is_left_as_it_is() -> None:
    assert embed.readable("0a6e5c", embed.LIGHT) == "0a6e5c"
    assert embed.readable("ffcc00", embed.DARK) == "ffcc00"


def test_contrast_is_that_of_wcag() -> None:
    assert embed.contrast("000000", "ffffff") == pytest.approx(21)
    assert embed.contrast("777777", "ffffff") == pytest.approx(4.48, abs=0.01)


def test_the_stylesheet_has_the_backgrounds_that_accents_are_made_for() -> None:
    css = ASSETS["static/embed.css"].body.decode()
    grounds = set(re.findall(r"--ground: #([0-9a-f]+);", css))
    assert {ground * 2 if len(ground) == 3 else ground for ground in grounds} == {
        embed.LIGHT,
        embed.DARK,
    }


def test_framing_a_feed_and_back_is_its_page() -> None:
    query = FeedQuery(file="rss.xml", limit=7, page=3, month=24000)
    framed = embed.framed(query, addresses())
    assert framed == FeedQuery(style=EmbedStyle(), limit=5)
    assert embed.unframed(framed, addresses()) == FeedQuery()
    styled = FeedQuery(style=EmbedStyle("dark", "0a6e5c"), limit=9)
    assert embed.framed(styled, addresses()) == styled


# -- in Chromium ---------------------------------------------------------------


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    home = tmp_path_factory.mktemp("site")
    folder = news(home / "seeds", 7)
    write(folder, "long.md", title=LONG, provider={"name": LONG, "domain": "long.example"}, **NEW)
    write(folder, "hostile.md", **HOSTILE)
    server = Served(folder, home, {"FEEDS_TITLE": "Example News"})
    try:
        yield server.start()
    finally:
        server.stop()
    assert "Traceback" not in server.log, server.log


def frame(address: str, more: str = "") -> str:
    return f'<iframe src="{address}" title="Headlines" width="400" height="529"{more}></iframe>'


def host(body: str) -> str:
    return (
        f'<!DOCTYPE html><html lang="en"><title>A host</title><main><h1>A</h1>{body}</main></html>'
    )


def dialogs_of(page: Page) -> list[str]:
    """What scripts that got into the page say."""
    said: list[str] = []

    def answer(dialog: Dialog) -> None:
        said.append(dialog.message)
        dialog.dismiss()

    page.on("dialog", answer)
    return said


def test_any_site_may_frame_it(window: OpenWindow, site: Served, elsewhere: Elsewhere) -> None:
    url = f"{site.url}/embed/topics/ai/?accent=c2185b"
    page = window()
    page.goto(elsewhere.put("/", host(frame(url))))
    inside = page.frame_locator("iframe")
    assert inside.locator("h1").inner_text() == "AI – Example News"
    assert inside.locator("li").count() == 5
    button = inside.locator("footer a")
    assert button.evaluate("a => getComputedStyle(a).backgroundColor") == "rgb(194, 24, 91)"


def test_it_works_in_a_sandbox_and_where_everything_must_consent(
    window: OpenWindow, site: Served, elsewhere: Elsewhere
) -> None:
    strict = {
        "Content-Security-Policy": f"default-src 'none'; frame-src {site.url}",
        "Cross-Origin-Opener-Policy": "same-origin",
    }
    body = host(frame(f"{site.url}/embed/", ' sandbox="allow-popups"'))
    page = window()
    page.goto(elsewhere.put("/", body, headers=strict))
    inside = page.frame_locator("iframe")
    assert inside.locator("li").count() == 5
    assert inside.locator("ol").evaluate("e => getComputedStyle(e).listStyleType") == "none"


@pytest.mark.parametrize("address", ["/", "/topics/ai/", "/about/"])
def test_a_browser_refuses_to_frame_another_page(
    window: OpenWindow, site: Served, elsewhere: Elsewhere, address: str
) -> None:
    page = window(expected=BLOCKED + "|ERR_BLOCKED_BY_RESPONSE")
    with page.expect_console_message(lambda message: bool(re.search(BLOCKED, message.text))):
        page.goto(elsewhere.put("/", host(frame(site.url + address))))
    assert page.frames[1].url.startswith("chrome-error:")


@pytest.mark.parametrize("width", [200, 320, 600])
@pytest.mark.parametrize("height", [150, 440])
def test_it_needs_no_sideways_scrolling(
    window: OpenWindow, site: Served, width: int, height: int
) -> None:
    page = window(width=width, height=height)
    page.goto(f"{site.url}/embed/?limit=10")
    assert page.locator("li").count() == 9
    across = "e => [e.scrollWidth, e.clientWidth]"
    for name in ("html", "main"):
        wide, room = page.locator(name).evaluate(across)
        assert wide <= room, name
    assert page.locator("footer a").bounding_box() is not None


def test_a_frame_of_the_documented_height_shows_all_its_headlines(
    window: OpenWindow, serve: Callable[..., Served], tmp_path: Path
) -> None:
    for number in range(8):
        provider = {"name": LONG, "domain": "long.example"}
        image = {"url": "https://i.example/p.png", "width": 620, "height": 372}
        write(tmp_path / "long", f"{number}.md", title=LONG, provider=provider, images=[image])
    server = serve(tmp_path / "long", "long", variables={"FEEDS_TITLE": LONG})
    for limit, parameters in ((5, ""), (8, "?limit=8&pictures=on")):
        page = window(width=embed.WIDTH, height=embed.height(FeedQuery(limit=limit)))
        page.goto(f"{server.url}/embed/{parameters}")
        assert page.locator("li").count() == limit
        high, room = page.locator("main").evaluate("e => [e.scrollHeight, e.clientHeight]")
        assert room - 10 < high <= room
    server.stop()


def test_the_button_stays_while_headlines_scroll(window: OpenWindow, site: Served) -> None:
    page = window(width=320, height=320)
    page.goto(f"{site.url}/embed/")
    page.locator("li").last.scroll_into_view_if_needed()
    box: Any = page.locator("footer").bounding_box()
    assert box["y"] + box["height"] <= 320
    title: Any = page.locator("h1").bounding_box()
    assert title["y"] >= 0


LIGHT, DARK = "rgb(255, 255, 255)", "rgb(22, 23, 21)"


@pytest.mark.parametrize(
    ("theme", "prefers_dark", "ground"),
    [
        ("auto", False, LIGHT),
        ("auto", True, DARK),
        ("light", True, LIGHT),
        ("dark", False, DARK),
    ],
)
def test_a_theme_is_followed(
    window: OpenWindow, site: Served, theme: str, prefers_dark: bool, ground: str
) -> None:
    page = window(dark=prefers_dark)
    page.goto(f"{site.url}/embed/?theme={theme}")
    assert page.locator("body").evaluate("e => getComputedStyle(e).backgroundColor") == ground


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("accent", ["", "ffff66", "101010", "c2185b"])
def test_axe_finds_nothing(window: OpenWindow, site: Served, theme: str, accent: str) -> None:
    page = window(width=320, height=440)
    page.goto(f"{site.url}/embed/?theme={theme}&accent={accent}")
    assert page.locator("li").count() == 5
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


def test_links_open_beside_the_host_and_know_nothing_of_it(
    window: OpenWindow, site: Served, elsewhere: Elsewhere
) -> None:
    page = window()
    page.goto(elsewhere.put("/", host(frame(f"{site.url}/embed/"))))
    with page.context.expect_page() as opened:
        page.frame_locator("iframe").locator("footer a").click()
    opened.value.wait_for_load_state()
    assert opened.value.url == f"{site.url}/#subscribe"
    assert opened.value.evaluate("window.opener") is None
    assert page.url == f"{elsewhere.url}/"


def test_nothing_of_a_record_runs(window: OpenWindow, site: Served, elsewhere: Elsewhere) -> None:
    page = window()
    dialogs = dialogs_of(page)
    page.goto(elsewhere.put("/", host(frame(f"{site.url}/embed/providers/evil.example/"))))
    inside = page.frame_locator("iframe")
    assert "<img src=x onerror=alert(1)>" in inside.locator("h2").inner_text()
    assert inside.locator("img, script, iframe").count() == 0
    assert dialogs == []
