"""The pages in real Chromium: what people see and can do, and what records can't."""

import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.helpers.browser import OpenWindow
from tests.helpers.server import Served
from tests.helpers.support import write

# One page of each kind; the story is found by its link.
KINDS = {
    "home": "/",
    "topic": "/topics/ai/",
    "provider": "/providers/tidewrack-labs.example/",
    "both": "/topics/ai/providers/theguardian.com/",
    "search": "/?q=the&exclude_topic=ai&exclude_topic=python&min_quality=5&since=2024-01-01",
    "nothing": "/?q=nobody-wrote-this",
    "month": "/2026/09/",
    "policy": "/amp/topics/ai/?limit=5&page=2",
    "story": "",
    "about": "/about/",
    "listing": "/providers/",
    "problem": "/topics/nothing/",
}
WIDTHS = (360, 768, 1440, 2560)
# Chromium's own word for a page that isn't found.
NOT_FOUND = "the server responded with a status of 404"


def story(served: Served) -> str:
    found = re.search(r'href="(/stories/[^"]+)"', served.get("/").body.decode())
    assert found
    return found[1]


def opened(window: OpenWindow, served: Served, kind: str, **how: Any) -> Page:
    page = window(**({"expected": NOT_FOUND} if kind == "problem" else {}), **how)
    page.goto(served.url + (KINDS[kind] or story(served)))
    return page


@pytest.mark.parametrize("kind", KINDS)
def test_a_page_is_accessible_and_fits_every_width(
    window: OpenWindow, served: Served, kind: str
) -> None:
    page = opened(window, served, kind)
    page.eval_on_selector_all("details", "all => all.forEach(one => one.open = true)")
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        found = Axe().run(page)
        assert found.response["passes"]
        assert found.violations_count == 0, found.generate_report()
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") == width
    headings = page.eval_on_selector_all("h1, h2, h3", "all => all.map(one => +one.tagName[1])")
    assert headings[0] == 1
    assert headings.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(headings))


def test_pages_follow_the_scheme_that_is_preferred(window: OpenWindow, served: Served) -> None:
    colours = []
    for dark in (False, True):
        page = opened(window, served, "home", dark=dark)
        colours.append(page.evaluate("getComputedStyle(document.body).backgroundColor"))
    light, dark_one = (sum(map(int, re.findall(r"\d+", colour)[:3])) for colour in colours)
    assert light > 600
    assert dark_one < 150


def test_the_first_page_says_what_there_is(window: OpenWindow, served: Served) -> None:
    page = opened(window, served, "home")
    expect(page.get_by_role("heading", level=1)).to_have_text("News")
    expect(page.get_by_text("News by topic and provider.").first).to_be_visible()
    expect(page.get_by_role("search")).to_be_visible()
    expect(page.get_by_role("img", name=re.compile("Entries by month"))).to_be_visible()
    page.get_by_role("navigation", name="Most active topics").get_by_text("Open Data").click()
    expect(page).to_have_url(served.url + "/topics/open-data/")
    page.locator("#by-provider").get_by_role("link").first.click()
    expect(page).to_have_url(re.compile("/topics/open-data/providers/[^/]+/$"))


def test_an_address_is_copied_by_a_press_on_its_button(window: OpenWindow, served: Served) -> None:
    page = opened(window, served, "topic", permissions=["clipboard-read", "clipboard-write"])
    box = page.locator("#subscribe")
    for file, label in [("rss.xml", "RSS"), ("atom.xml", "Atom")]:
        address = f"{served.url}/topics/ai/{file}"
        expect(box.get_by_label(f"Address of the {label} feed", exact=True)).to_have_value(address)
        box.get_by_role("button", name=f"Copy the address of the {label} feed").click()
        expect(page.get_by_role("status").first).to_have_text(f"Copied {address}")
        assert page.evaluate("navigator.clipboard.readText()") == address


def test_an_address_is_copied_where_the_clipboard_is_closed(
    window: OpenWindow, served: Served
) -> None:
    page = opened(window, served, "about", permissions=["clipboard-read"])
    page.evaluate("Object.defineProperty(navigator, 'clipboard', {value: undefined})")
    page.get_by_role("button", name="Copy the address of the RSS feed").click()
    expect(page.get_by_role("status").first).to_have_text(f"Copied {served.url}/rss.xml")
    assert page.evaluate("getSelection().toString()") == f"{served.url}/rss.xml"


def test_a_feed_opened_in_a_browser_leads_to_where_it_is_subscribed_to(
    window: OpenWindow, served: Served
) -> None:
    page = window()
    page.goto(served.url + "/topics/ai/atom.xml?min_quality=2")
    assert page.url == served.url + "/topics/ai/?min_quality=2#subscribe"
    box = page.locator("#subscribe:target")
    expect(box).to_be_in_viewport()
    expect(box).to_contain_text("This is a feed: copy its address into your reader.")
    address = f"{served.url}/topics/ai/atom.xml?min_quality=2"
    expect(box.get_by_label("Address of the Atom feed")).to_have_value(address)
    border = "one => getComputedStyle(one).borderColor"
    assert box.evaluate(border) == page.evaluate(
        "getComputedStyle(document.querySelector('#subscribe h2')).color"
    )


def test_the_form_builds_the_canonical_address(window: OpenWindow, served: Served) -> None:
    page = opened(window, served, "home", width=1440)
    page.get_by_text("Narrow this feed").click()
    form = page.get_by_role("form", name="Narrow this feed")
    form.get_by_label("Search").fill("  the   boats ")
    form.get_by_label("Only").first.fill("Open Data")
    form.get_by_label("Not", exact=True).nth(1).fill("theguardian.com")
    form.get_by_label("Articles").check()
    form.get_by_label("Quality from").fill("4")
    form.get_by_label("Order").select_option("Hottest first")
    form.get_by_role("button").click()
    narrowed = (
        "/topics/open-data/?type=articles&exclude_provider=theguardian.com"
        "&min_quality=4&q=the+boats&sort=heat"
    )
    expect(page).to_have_url(served.url + narrowed)
    assert page.locator("link[rel=canonical]").get_attribute("href") == served.url + narrowed
    chips = page.locator(".chips a")
    expect(chips).to_have_text([
        "About Open Data, remove",
        "Only articles, remove",
        "Not from The Guardian, remove",
        "Quality 4 and up, remove",
        "Matching “the boats”, remove",
        "Hottest first, remove",
    ])  # fmt: skip
    page.get_by_text("Narrow this feed").click()
    page.get_by_label("Not The Guardian").uncheck()
    page.get_by_label("Order").select_option("Best match first")
    page.get_by_role("button", name="Show the narrowed feed").click()
    narrowed = "/topics/open-data/?type=articles&min_quality=4&q=the+boats&sort=relevance"
    expect(page).to_have_url(served.url + narrowed)
    page.get_by_role("link", name="Matching “the boats”").click()
    expect(page).to_have_url(served.url + "/topics/open-data/?type=articles&min_quality=4")


def test_a_search_leads_to_what_matches(window: OpenWindow, served: Served) -> None:
    page = opened(window, served, "home")
    page.get_by_label("Search all entries").fill("ferry")
    page.keyboard.press("Enter")
    expect(page).to_have_url(served.url + "/?q=ferry")
    expect(page.get_by_role("heading", level=1)).to_have_text("Matching “ferry”")
    expect(page.get_by_role("article").first).to_be_visible()
    page.get_by_label("Search all entries").fill("")
    page.get_by_label("Search all entries").press("Enter")
    expect(page).to_have_url(served.url + "/")


def test_everything_works_without_scripts(window: OpenWindow, served: Served) -> None:
    page = opened(window, served, "home", scripts=False)
    expect(page.get_by_label("Address of the RSS feed")).to_have_value(served.url + "/rss.xml")
    expect(page.get_by_role("button", name="Copy")).to_have_count(0)
    page.get_by_text("Narrow this feed").click()
    page.get_by_label("Videos").check()
    page.get_by_role("button", name="Show the narrowed feed").click()
    expect(page).to_have_url(served.url + "/types/videos/")
    expect(page.get_by_role("article").first).to_be_visible()


def test_the_keyboard_reaches_the_content_first(window: OpenWindow, served: Served) -> None:
    page = opened(window, served, "topic")
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to the content")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    assert skip.evaluate("one => getComputedStyle(one).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    expect(page).to_have_url(served.url + "/topics/ai/#main")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('main') !== null")


def test_a_story_leads_with_its_best_and_lists_the_coverage(
    window: OpenWindow, served: Served
) -> None:
    page = opened(window, served, "home")
    entry = page.get_by_role("article").filter(has=page.locator("a[href^='/stories/']")).first
    entry.locator("summary").click()
    entry.get_by_role("link", name="The whole story").click()
    expect(page).to_have_url(re.compile("/stories/[0-9a-f-]{36}/$"))
    expect(page.get_by_text("Story", exact=True)).to_be_visible()
    assert page.locator(".coverage > li").count() > 1


def test_print_leaves_out_what_paper_has_no_use_for(window: OpenWindow, served: Served) -> None:
    page = opened(window, served, "topic")
    page.emulate_media(media="print")
    expect(page.get_by_role("article").first).to_be_visible()
    expect(page.locator("#subscribe")).to_be_hidden()
    expect(page.get_by_label("Search all entries")).to_be_hidden()


HOSTILE = (
    '"><script>document.title="ran"</script><img src=x onerror="document.title=1">'
    '<style>*{display:none}</style><iframe srcdoc="x"></iframe><svg onload=alert(1)>'
    "{{ 7 * 7 }}{% raw %}"
)


@pytest.fixture
def hostile(tmp_path: Path, serve: Callable[..., Served]) -> Served:
    folder = tmp_path / "hostile"
    for name in ("one", "two"):
        write(
            folder,
            f"{name}.md",
            title=HOSTILE,
            excerpt=HOSTILE,
            body=HOSTILE,
            webUrl=f"https://a.example/{name}?\"><script>document.title='ran'</script>",
            ampWebUrl='https://a.example/amp#"onclick="document.title=1',
            provider={
                "name": HOSTILE,
                "domain": "a.example",
                "images": [{"url": 'https://a.example/i.png"onerror="document.title=1'}],
            },
            topics=[HOSTILE, "javascript:alert(1)"],
            images=[{"url": "https://a.example/p.png?\"onerror=\"document.title='ran'"}],
            related=[
                {
                    "title": HOSTILE,
                    "webUrl": f"https://b.example/{number}?'><script>",
                    "excerpt": HOSTILE,
                    "provider": {"name": HOSTILE},
                }
                for number in range(3)
            ],
            type=HOSTILE[:40],
        )
    return serve(folder)


def test_nothing_that_a_record_says_runs(window: OpenWindow, hostile: Served) -> None:
    page = window()
    page.goto(hostile.url + "/")
    links = page.eval_on_selector_all("a", "all => all.map(one => one.href)")
    ours = sorted({link.partition("#")[0] for link in links if link.startswith(hostile.url)})
    pages = [link for link in ours if link.endswith("/")]
    assert len(pages) > 8
    assert any("/stories/" in link for link in pages)
    for address in [*pages, hostile.url + "/?q=script", hostile.url + "/?topic=%3Cscript%3E&q="]:
        page = window(expected=NOT_FOUND)
        page.goto(address)
        title = page.title()
        assert title not in {"ran", "1"}
        assert "7 * 7" in title or "<" not in title
        assert page.locator("iframe, style, [onerror], [onclick], [onload]").count() == 0
        sources = page.eval_on_selector_all("script", "all => all.map(one => one.src)")
        assert all(source.startswith(hostile.url + "/static/") for source in sources)
        schemes = page.eval_on_selector_all("a", "all => all.map(one => one.protocol)")
        assert set(schemes) <= {"http:", "https:"}
        expect(page.get_by_role("heading", level=1)).to_be_visible()


def test_no_script_of_anybody_else_may_run_or_be_asked(window: OpenWindow, served: Served) -> None:
    page = opened(window, served, "home", expected="violates the following Content Security Policy")
    page.evaluate(
        """() => {
            for (const [name, source] of [["script", "text"], ["iframe", "srcdoc"]]) {
                const one = document.createElement(name);
                one[source] = "document.title = 'ran'; top.document.title = 'ran'";
                document.body.append(one);
            }
            document.body.setAttribute("style", "display: none");
        }"""
    )
    assert page.title() == "News"
    expect(page.get_by_role("heading", level=1)).to_be_visible()


def test_pictures_stay_out_where_they_are_switched_off(
    window: OpenWindow, serve: Callable[..., Served], tmp_path: Path
) -> None:
    folder = tmp_path / "pictures"
    icon = {"url": "https://p.example/i.png"}
    provider = {"name": "P", "domain": "p.example", "images": [icon]}
    write(folder, "one.md", provider=provider, images=[{"url": "https://p.example/p.png"}])
    for setting, hosts in {"on": {"p.example", "127.0.0.1"}, "off": {"127.0.0.1"}}.items():
        server = serve(folder, setting, variables={"FEEDS_PICTURES": setting})
        page = window()
        page.goto(server.url + "/")
        sources = page.eval_on_selector_all("img", "all => all.map(one => one.src)")
        assert {source.split("/")[2].partition(":")[0] for source in sources} == hosts
        server.stop()
