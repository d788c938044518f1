"""The web component, in Chromium, on pages of another origin."""

import json
import re
from collections.abc import Iterator
from threading import Event
from typing import Any, Final

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, expect

from feeds.rendering.assets import ASSETS
from tests.helpers.browser import OpenWindow
from tests.helpers.other_site import OPEN, Elsewhere
from tests.helpers.server import PATIENCE, Served, application, free_port, get, news
from tests.helpers.support import write
from tests.rendering.test_embed import HOSTILE, dialogs_of

SORRY: Final = "The headlines can’t be shown right now."
JSON: Final = "application/feed+json"
FAILED: Final = r"Failed to load resource|^failed: |there is no JSON Feed"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    home = tmp_path_factory.mktemp("site")
    folder = news(home / "seeds", 7)
    write(folder, "hostile.md", **HOSTILE)
    server = Served(folder, home, {"FEEDS_TITLE": "Example News"})
    try:
        yield server.start()
    finally:
        server.stop()
    assert "Traceback" not in server.log, server.log


def host(site: Served, body: str, script: str = "defer", head: str = "") -> str:
    """A page with the component, as it is pasted."""
    return (
        f'<!DOCTYPE html><html lang="en-GB"><head><meta charset="utf-8"><title>A host</title>{head}'
        f'<script src="{site.url}/static/headlines.js" {script}></script></head>'
        f"<body><main><h1>A host</h1>{body}</main></body></html>"
    )


def component(src: str, more: str = "") -> str:
    return f'<feed-headlines src="{src}" {more}></feed-headlines>'


def feed(*items: Any, **more: Any) -> str:
    return json.dumps({"version": "https://jsonfeed.org/version/1.1", "items": items} | more)


def shown(page: Page, count: int) -> Locator:
    """The links of the headlines, as soon as there are that many."""
    links = page.locator("feed-headlines li a")
    expect(links).to_have_count(count, timeout=PATIENCE * 1000)
    return links


def status(page: Page) -> Locator:
    return page.locator("feed-headlines [role=status]")


def expect_sorry(page: Page, more: str = "") -> None:
    expect(status(page)).to_have_text(SORRY + more, timeout=PATIENCE * 1000)
    expect(page.locator("feed-headlines li")).to_have_count(0)


def test_it_is_small_and_other_sites_may_load_it(site: Served) -> None:
    answer = site.get("/static/headlines.js", Accept_Encoding="gzip")
    assert len(answer.body) < 5000
    assert answer.get("Content-Type") == "text/javascript; charset=utf-8"
    assert answer.get("Access-Control-Allow-Origin") == "*"
    assert answer.get("Cross-Origin-Resource-Policy") == "cross-origin"
    assert str(answer.get("Cache-Control")).startswith("public, max-age=86400,")
    script = ASSETS["static/headlines.js"].body.decode()
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacent|document\.write|eval|Function\(", script
    )


def test_the_badge_is_a_picture_without_text_or_scripts(site: Served) -> None:
    answer = site.get("/static/badge.svg")
    assert answer.get("Content-Type") == "image/svg+xml"
    assert answer.get("Cross-Origin-Resource-Policy") == "cross-origin"
    assert b"<title>" in answer.body
    assert not re.search(rb"<text|<script|<image|<use|href|\son", answer.body)


@pytest.mark.parametrize("script", ["defer", 'type="module"', "async"])
def test_it_shows_the_newest_headlines(
    window: OpenWindow, site: Served, elsewhere: Elsewhere, script: str
) -> None:
    page = window()
    src = f"{site.url}/topics/ai/feed.json"
    page.goto(elsewhere.put("/", host(site, component(src, 'count="2"'), script)))
    links = shown(page, 2)
    assert links.all_inner_texts() == ["Story 6", "Story 5"]
    assert links.evaluate_all("all => all.map(a => [a.href, a.rel, a.target])") == [
        ["https://news.example.com/006", "noopener", ""],
        ["https://news.example.com/005", "noopener", ""],
    ]
    assert page.locator("feed-headlines p[part=meta]").all_inner_texts() == [
        "Example Times · 7 January 2024",
        "Example Times · 6 January 2024",
    ]
    heading = page.locator("feed-headlines h2 a")
    assert heading.inner_text() == "AI – Example News"
    assert heading.get_attribute("href") == f"{site.url}/topics/ai/"
    expect(status(page)).to_be_hidden()


@pytest.mark.parametrize(
    ("count", "items"), [("", 5), ("3", 3), ("0", 1), ("-1", 5), ("many", 5), ("999", 50)]
)
def test_the_count_is_bounded(
    window: OpenWindow, site: Served, elsewhere: Elsewhere, count: str, items: int
) -> None:
    listed = [{"id": str(n), "title": f"A {n}", "url": f"https://a.example/{n}"} for n in range(60)]
    src = elsewhere.put("/feed.json", feed(*listed), JSON, OPEN)
    page = window()
    said = f'count="{count}"' if count else ""
    page.goto(elsewhere.put("/", host(site, component(src, said))))
    shown(page, items)


def test_it_follows_its_attributes(window: OpenWindow, site: Served, elsewhere: Elsewhere) -> None:
    page = window()
    page.goto(elsewhere.put("/", host(site, component(f"{site.url}/topics/ai/feed.json"))))
    shown(page, 5)
    element = page.locator("feed-headlines")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    element.evaluate("e => { e.setAttribute('count', 1); e.setAttribute('heading', 'Ours'); }")
    shown(page, 1)
    assert element.locator("h2").inner_text() == "Ours"
    element.evaluate("e => { e.setAttribute('heading', ''); e.setAttribute('target', '_top'); }")
    assert element.locator("h2").count() == 0
    assert shown(page, 1).get_attribute("target") == "_top"
    assert asked == []
    element.evaluate("(e, src) => { e.setAttribute('src', src); }", f"{site.url}/feed.json")
    expect(element.locator("li a")).to_have_text(re.compile("onerror"), timeout=PATIENCE * 1000)
    assert asked == [f"{site.url}/feed.json"]


def test_it_asks_once_and_not_again_when_it_is_moved(
    window: OpenWindow, site: Served, elsewhere: Elsewhere
) -> None:
    page = window()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    src = f"{site.url}/topics/ai/feed.json"
    # The script comes last: elements that are there already are upgraded.
    page.goto(elsewhere.put("/", host(site, component(src) + "<p id=there></p>")))
    shown(page, 5)
    page.evaluate("there.append(document.querySelector('feed-headlines'))")
    shown(page, 5)
    assert asked.count(src) == 1


def test_an_answer_that_comes_late_is_dropped(
    window: OpenWindow, site: Served, elsewhere: Elsewhere
) -> None:
    release = Event()
    late = elsewhere.put("/late.json", feed({"title": "Late"}), JSON, OPEN, until=release)
    soon = elsewhere.put("/soon.json", feed({"title": "Soon"}), JSON, OPEN)
    page = window()
    try:
        with page.expect_request(late):
            page.goto(elsewhere.put("/", host(site, component(late))))
        expect(status(page)).to_have_text("Loading headlines…")
        with page.expect_event("requestfailed", lambda request: request.url == late):
            page.locator("feed-headlines").evaluate("(e, src) => e.setAttribute('src', src)", soon)
        expect(page.locator("feed-headlines li")).to_have_text("Soon", timeout=PATIENCE * 1000)
    finally:
        release.set()
    expect(page.locator("feed-headlines li")).to_have_text("Soon")


def test_a_feed_that_is_not_there(window: OpenWindow, site: Served, elsewhere: Elsewhere) -> None:
    page = window(expected=FAILED)
    src = f"{site.url}/topics/nothing/feed.json?limit=5"
    page.goto(elsewhere.put("/", host(site, component(src))))
    expect_sorry(page, " Open their page.")
    link = status(page).locator("a")
    assert link.get_attribute("href") == f"{site.url}/topics/nothing/?limit=5"
    assert link.get_attribute("rel") == "noopener"


@pytest.mark.parametrize(
    "file", ["rss.xml?limit=3", "atom.xml?limit=3", "?limit=3", "feed.json?min_heat=0&limit=3"]
)
def test_other_formats_pages_and_spellings_stand_for_the_feed(
    window: OpenWindow, site: Served, elsewhere: Elsewhere, file: str
) -> None:
    page = window()
    page.goto(elsewhere.put("/", host(site, component(f"{site.url}/topics/ai/{file}"))))
    shown(page, 3)


def test_pictures_are_shown_on_request(
    window: OpenWindow, site: Served, elsewhere: Elsewhere
) -> None:
    items = [{"title": "A", "image": "https://i.example/p.png"}, {"image": "javascript:alert(1)"}]
    src = elsewhere.put("/feed.json", feed(*items), JSON, OPEN)
    page = window()
    page.goto(elsewhere.put("/", host(site, component(src))))
    pictures = page.locator("feed-headlines img")
    expect(page.locator("feed-headlines li")).to_have_count(2, timeout=PATIENCE * 1000)
    expect(pictures).to_have_count(0)
    page.locator("feed-headlines").evaluate("e => e.toggleAttribute('pictures')")
    expect(pictures).to_have_count(1)
    assert pictures.evaluate("e => [e.src, e.alt, e.loading]") == [items[0]["image"], "", "lazy"]


@pytest.mark.parametrize("language", ["", "en", "en-US"])
def test_dates_are_those_of_frames(
    window: OpenWindow, site: Served, elsewhere: Elsewhere, language: str
) -> None:
    page = window(locale="de-DE")
    body = host(site, component(f"{site.url}/topics/ai/feed.json"))
    page.goto(elsewhere.put("/", body.replace('lang="en-GB"', f'lang="{language}"')))
    shown(page, 5)
    dates = page.locator("feed-headlines time").all_inner_texts()
    page.goto(f"{site.url}/embed/topics/ai/")
    assert page.locator("time").all_inner_texts() == dates


def test_without_scripts_there_is_a_link(
    window: OpenWindow, site: Served, elsewhere: Elsewhere
) -> None:
    page = window()
    page.goto(f"{site.url}/topics/ai/")
    snippet = page.locator("#share textarea").nth(1).input_value()
    page = window(scripts=False)
    page.goto(elsewhere.put("/", f"<!DOCTYPE html><title>A host</title>{snippet}"))
    page.get_by_role("link", name="AI – Example News").click()
    page.wait_for_url(f"{site.url}/topics/ai/")


def test_a_host_that_is_down(window: OpenWindow, site: Served, elsewhere: Elsewhere) -> None:
    page = window(expected=FAILED)
    src = f"http://127.0.0.1:{free_port()}/feed.json"  # nobody listens there
    page.goto(elsewhere.put("/", host(site, component(src))))
    expect_sorry(page, " Open their page.")


@pytest.mark.parametrize("body", ["<p>no JSON", "", "[]", "null", '{"items": "none"}', '"a"'])
def test_what_is_no_feed(window: OpenWindow, site: Served, elsewhere: Elsewhere, body: str) -> None:
    said = "there is no JSON Feed at http://[^ ]*/other.json; src takes its address"
    page = window(expected=said)
    src = elsewhere.put("/other.json", body, JSON, OPEN)
    with page.expect_console_message(lambda message: bool(re.search(said, message.text))):
        page.goto(elsewhere.put("/", host(site, component(src))))
    expect_sorry(page)


@pytest.mark.parametrize("src", ["", "javascript:alert(1)", "data:application/json,{}", "http://["])
def test_an_address_that_is_none(
    window: OpenWindow, site: Served, elsewhere: Elsewhere, src: str
) -> None:
    page = window()
    page.goto(elsewhere.put("/", host(site, component(src))))
    expect_sorry(page)


def test_a_feed_without_entries_says_so(
    window: OpenWindow, site: Served, elsewhere: Elsewhere
) -> None:
    page = window()
    src = elsewhere.put("/feed.json", feed(title="Quiet"), JSON, OPEN)
    page.goto(elsewhere.put("/", host(site, component(src))))
    expect(status(page)).to_have_text("There are no headlines yet.", timeout=PATIENCE * 1000)
    assert page.locator("feed-headlines h2").inner_text() == "Quiet"


def test_nothing_of_a_feed_runs(window: OpenWindow, site: Served, elsewhere: Elsewhere) -> None:
    evil = "<img src=x onerror=alert(1)><script>alert(2)</script>"
    src = elsewhere.put(
        "/feed.json",
        feed(
            {"title": evil, "url": "javascript:alert(3)", "authors": [{"name": evil}]},
            {"title": "Data", "url": "data:text/html,<script>alert(4)</script>"},
            {"title": "None", "authors": "none", "date_published": "yesterday"},
            {"title": ["a"], "url": ["b"], "authors": [None, {"name": 5}], "date_published": 7},
            {"title": "Relative", "url": "/there"},
            None,
            "text",
            title=evil,
            home_page_url="javascript:alert(5)",
            language='x" onclick="alert(6)',
        ),
        JSON,
        OPEN,
    )
    page = window()
    dialogs = dialogs_of(page)
    page.goto(elsewhere.put("/", host(site, component(src))))
    items = page.locator("feed-headlines li")
    expect(items).to_have_count(5, timeout=PATIENCE * 1000)
    assert [text.split("\n")[0] for text in items.all_inner_texts()] == [
        evil,
        "Data",
        "None",
        "Untitled",
        "Relative",
    ]
    inside = page.locator("feed-headlines")
    assert inside.locator("h2").inner_text() == evil
    assert inside.locator("img, script").count() == 0
    hrefs = inside.locator("a").evaluate_all("all => all.map(a => a.href)")
    assert hrefs == [f"{elsewhere.url}/there"]
    items.first.click()
    assert dialogs == []


def test_a_record_that_means_harm_is_text(
    window: OpenWindow, site: Served, elsewhere: Elsewhere
) -> None:
    page = window()
    src = f"{site.url}/providers/evil.example/feed.json"
    page.goto(elsewhere.put("/", host(site, component(src))))
    link = shown(page, 1)
    assert "<img src=x onerror=alert(1)>" in link.inner_text()
    assert str(link.get_attribute("href")).startswith("https://news.example.com/a?b=%22on")
    assert "</style><script>" in page.locator("feed-headlines p[part=meta]").inner_text()
    assert page.locator("feed-headlines img, feed-headlines script").count() == 0


def test_it_works_under_a_strict_policy_of_its_host(
    window: OpenWindow, site: Served, elsewhere: Elsewhere
) -> None:
    policy = (
        f"default-src 'none'; script-src {site.url}; connect-src {site.url}; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    )
    page = window()
    body = host(site, component(f"{site.url}/topics/ai/feed.json"))
    page.goto(elsewhere.put("/", body, headers={"Content-Security-Policy": policy}))
    shown(page, 5)
    style = page.locator("feed-headlines ol").evaluate("e => getComputedStyle(e).listStyleType")
    assert style == "none"


def test_a_script_that_is_pasted_twice_does_no_harm(
    window: OpenWindow, site: Served, elsewhere: Elsewhere
) -> None:
    page = window()
    again = f'<script src="{site.url}/static/headlines.js"></script>'
    src = f"{site.url}/topics/ai/feed.json"
    page.goto(elsewhere.put("/", host(site, component(src, "count=1") * 2, head=again)))
    shown(page, 2)


COLOURS: Final = """e => {
  const box = getComputedStyle(e.shadowRoot.querySelector("section"));
  const link = getComputedStyle(e.shadowRoot.querySelector("h2 a"));
  return [box.backgroundColor, box.color, link.color, box.fontFamily];
}"""
NO_COLOUR: Final = "rgba(0, 0, 0, 0)"


@pytest.mark.parametrize(
    ("attributes", "dark", "colours"),
    [
        ("", True, [NO_COLOUR, "rgb(1, 2, 3)", "rgb(1, 2, 3)"]),
        ("style='--feed-accent: rgb(4, 5, 6)'", False, [NO_COLOUR, "rgb(1, 2, 3)", "rgb(4, 5, 6)"]),
        ("theme=light", True, ["rgb(255, 255, 255)", "rgb(28, 27, 25)", "rgb(11, 93, 82)"]),
        ("theme=dark", False, ["rgb(22, 23, 21)", "rgb(235, 232, 225)", "rgb(124, 208, 191)"]),
        ("theme=auto", True, ["rgb(22, 23, 21)", "rgb(235, 232, 225)", "rgb(124, 208, 191)"]),
        ("theme=auto", False, ["rgb(255, 255, 255)", "rgb(28, 27, 25)", "rgb(11, 93, 82)"]),
    ],
)
def test_it_looks_like_its_host_or_as_its_theme_says(
    window: OpenWindow,
    site: Served,
    elsewhere: Elsewhere,
    attributes: str,
    dark: bool,
    colours: list[str],
) -> None:
    page = window(dark=dark)
    style = "<style>body { color: rgb(1, 2, 3); font-family: fantasy }</style>"
    body = component(f"{site.url}/topics/ai/feed.json", attributes)
    page.goto(elsewhere.put("/", host(site, body, head=style)))
    shown(page, 5)
    assert page.locator("feed-headlines").evaluate(COLOURS) == [*colours, "fantasy"]


def test_its_parts_can_be_styled(window: OpenWindow, site: Served, elsewhere: Elsewhere) -> None:
    page = window()
    style = "<style>::part(meta) { display: none }</style>"
    body = component(f"{site.url}/topics/ai/feed.json")
    page.goto(elsewhere.put("/", host(site, body, head=style)))
    shown(page, 5)
    expect(page.locator("feed-headlines p[part=meta]").first).to_be_hidden()


@pytest.mark.parametrize("attributes", ["", "theme=light", "theme=dark"])
def test_axe_finds_nothing(
    window: OpenWindow, site: Served, elsewhere: Elsewhere, attributes: str
) -> None:
    page = window(width=360)
    page.goto(elsewhere.put("/", host(site, component(f"{site.url}/feed.json", attributes))))
    shown(page, 5)
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    width = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert width[0] <= width[1]


# -- what pages offer to paste ---------------------------------------------------


def test_what_a_page_offers_works_when_it_is_pasted(
    window: OpenWindow, site: Served, elsewhere: Elsewhere
) -> None:
    page = window()
    page.goto(f"{site.url}/topics/ai/")
    snippets = page.locator("#share textarea").evaluate_all("all => all.map(e => e.value)")
    assert len(snippets) == 4
    frame, script, badge, head = snippets
    links = re.findall(r'<link rel="alternate" type="([^"]+)" title="[^"]+" href="([^"]+)">', head)
    assert [kind for kind, _ in links] == [
        "application/rss+xml",
        "application/atom+xml",
        "application/feed+json",
    ]
    for kind, href in links:
        answer = site.get(href.removeprefix(site.url))
        assert (answer.code, str(answer.get("Content-Type")).partition(";")[0]) == (200, kind)
    there = (
        f'<!DOCTYPE html><html lang="en"><head><title>A host</title>{head}</head>'
        f"<body><main><h1>A</h1>{frame}{script}{badge}</main></body></html>"
    )
    page.goto(elsewhere.put("/", there))
    shown(page, 5)
    expect(page.frame_locator("iframe").locator("li")).to_have_count(5)  # the frame is lazy
    picture = page.get_by_alt_text("Subscribe to AI – Example News")
    expect(picture).to_have_js_property("naturalWidth", 32, timeout=PATIENCE * 1000)
    picture.click()
    page.wait_for_url(f"{site.url}/topics/ai/#subscribe")


def test_what_is_offered_is_escaped_twice(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("hostile") / "seeds"
    write(folder, "a.md", **HOSTILE)
    body = get(application(folder, title='"><b>'), "/providers/evil.example/").body.decode()
    offered = body[body.index('id="share"') :]
    assert "<script>alert" not in offered
    assert "&amp;lt;/style&amp;gt;&amp;lt;script&amp;gt;alert(4)" in offered


@pytest.mark.parametrize("number", range(4))
def test_an_offer_is_copied_by_its_button(window: OpenWindow, site: Served, number: int) -> None:
    page = window(permissions=["clipboard-read", "clipboard-write"])
    page.goto(f"{site.url}/topics/ai/")
    field = page.locator("#share textarea").nth(number)
    page.locator("#share button").nth(number).click()
    expect(page.locator("#share button").nth(number)).to_contain_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == field.input_value()
