"""The pages for people: valid HTML that leads to the feeds."""

import json
import re
from pathlib import Path
from urllib.parse import urlencode, urlsplit
from xml.etree.ElementTree import Element

import brotli
import html5lib
import pytest
from flask import Flask

from feeds import create_app
from feeds.rendering.assets import ASSETS, ICONS
from feeds.rendering.formats import FORMATS
from tests.helpers.server import ROOT, Answer, application, call, get, news
from tests.helpers.support import SEEDS, write

XHTML = "{http://www.w3.org/1999/xhtml}"
FOLDERS = [
    "/",
    "/amp/",
    "/?limit=5&page=3",
    "/topics/c-plus-plus/",
    "/providers/tidewrack-labs.example/",
    "/providers/tidewrack-labs.example/tidewrack-labs-learn/",
    "/topics/ai/providers/theguardian.com/",
    "/original/types/videos/",
    "/collections/c-plus-plus-for-people-who-come-back/",
    "/2026/06/",
    "/?q=ferry",
    "/topics/ai/?type=articles&type=videos&min_quality=5&since=2024-01-01&sort=heat",
]
PAGES = [*FOLDERS, "/about/", "/topics/", "/providers/", "/types/", "/collections/"]
BUDGET = 30 * 1024  # bytes of a page with its stylesheet and script, compressed


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Flask:
    database = tmp_path_factory.mktemp("pages") / "feeds.db"
    return create_app({"seeds": str(SEEDS), "database_url": f"sqlite:///{database}"})


def parsed(html: bytes) -> Element:
    """The page as a tree; any mistake in it is an error."""
    root = html5lib.HTMLParser(strict=True).parse(html.decode())
    assert isinstance(root, Element)
    return root


def words(element: Element) -> str:
    """The text of an element and all in it."""
    return " ".join("".join(element.itertext()).split())


def with_id(root: Element, name: str) -> Element:
    (found,) = [element for element in root.iter() if element.get("id") == name]
    return found


@pytest.mark.parametrize("address", FOLDERS)
def test_a_page_is_valid_and_announces_its_feeds(app: Flask, address: str) -> None:
    answer = get(app, address)
    assert answer.code == 200
    root = parsed(answer.body)
    kinds = {kind.media_type for kind in FORMATS.values()}
    feeds = [
        link
        for link in root.iter(f"{XHTML}link")
        if link.attrib["rel"] == "alternate" and link.attrib["type"] in kinds
    ]
    assert {link.attrib["type"] for link in feeds} == kinds
    visible = {a.attrib["href"] for a in root.iter(f"{XHTML}a")}
    shown = [field.text for field in root.iter(f"{XHTML}textarea")]
    for link in feeds:
        path = link.attrib["href"]
        assert path in visible
        assert f"http://127.0.0.1:8000{path}" in shown
        assert link.get("title")
        found = call(app.wsgi_app, path)
        assert found.code == 200
        assert str(found.get("Content-Type")).startswith(link.attrib["type"])


@pytest.mark.parametrize("address", PAGES)
def test_every_link_of_a_page_to_this_site_answers(app: Flask, address: str) -> None:
    root = parsed(get(app, address).body)
    hrefs = {a.attrib["href"] for a in root.iter(f"{XHTML}a")}
    loaded = {e.attrib["src"] for tag in ("script", "img") for e in root.iter(XHTML + tag)}
    loaded |= {e.attrib["href"] for e in root.iter(f"{XHTML}link") if e.get("rel") != "alternate"}
    here = "http://127.0.0.1:8000"
    ours = {h.removeprefix(here) for h in hrefs | loaded if h.startswith(("/", here, "#"))}
    assert len(ours) > 10
    ids = [element.attrib["id"] for element in root.iter() if element.get("id")]
    assert len(ids) == len(set(ids))
    for href in ours:
        path, _, fragment = href.partition("#")
        if not path:
            assert fragment in ids
            continue
        answer = call(app.wsgi_app, path)
        if "/stories/" in path and answer.code == 307:  # shared by several, one of whom leads it
            answer = call(app.wsgi_app, urlsplit(str(answer.get("Location"))).path)
        assert answer.code == 200, href


def test_the_first_page_lists_all_topics_and_providers_with_counts_and_activity(app: Flask) -> None:
    root = parsed(get(app, "/").body)
    topics, providers = (words(with_id(root, name)) for name in ("topics", "providers"))
    assert "Open Source 12 newest of Oct 2026" in topics
    assert "C# 7 newest of Oct 2026" in topics
    there = "tidewrack-labs.example 8 newest of Oct 2026 Tidewrack Labs 6 Tidewrack Labs Learn 2"
    assert there in providers
    hrefs = [a.attrib["href"] for a in root.iter(f"{XHTML}a")]
    folders = [h for h in hrefs if urlsplit(h).path.startswith(("/topics/", "/providers/"))]
    assert len(set(folders)) > 30


@pytest.mark.parametrize(
    ("address", "listed"),
    [
        ("/topics/", {"/topics/dot-net/": ".NET 6", "/topics/web/": "Web 10"}),
        ("/providers/", {
            "/providers/theguardian.com/": "The Guardian 1",
            "/providers/tidewrack-labs.example/": "tidewrack-labs.example 8",
            "/providers/tidewrack-labs.example/tidewrack-labs-learn/": "Tidewrack Labs Learn 2",
        }),
        ("/types/", {"/types/videos/": "Videos"}),
    ],
)  # fmt: skip
def test_all_labels_of_a_kind_are_listed_with_their_feeds(
    app: Flask, address: str, listed: dict[str, str]
) -> None:
    root = parsed(get(app, address).body)
    shelf = next(e for e in root.iter() if e.get("class") == "shelf whole")
    items = {next(li.iter(f"{XHTML}a")).attrib["href"]: li for li in shelf.iter(f"{XHTML}li")}
    for folder, name in listed.items():
        assert words(items[folder]).startswith(name)
        feeds = {a.attrib["href"] for a in items[folder].iter(f"{XHTML}a")}
        assert {folder + file for file in FORMATS} <= feeds
    here = f"<loc>http://127.0.0.1:8000{address}</loc>".encode()
    assert here in get(app, "/sitemap.xml").body


def test_a_list_of_nothing_says_so_and_is_listed_nowhere(tmp_path: Path) -> None:
    write(tmp_path, "a.md", topics=["Sea"])
    app = application(tmp_path)
    assert b"There are none yet." in get(app, "/types/").body
    assert b"/types/" not in get(app, "/sitemap.xml").body
    assert json.loads(get(app, "/feeds.json").body)["listing_urls"] == [f"{ROOT}/topics/"]


def test_a_domain_that_several_share_says_who_they_are(app: Flask) -> None:
    root = parsed(get(app, "/providers/tidewrack-labs.example/").body)
    assert words(next(root.iter(f"{XHTML}h1"))) == "tidewrack-labs.example"
    (lede,) = [words(p) for p in root.iter(f"{XHTML}p") if p.get("class") == "lede"]
    assert lede == "Everything from Tidewrack Labs and Tidewrack Labs Learn, who share this domain."


@pytest.mark.parametrize(
    ("address", "near"),
    [
        ("/topics/computr-vison/rss.xml", {"Computer Vision": "/topics/computer-vision/"}),
        ("/theguardian.co", {"The Guardian": "/providers/theguardian.com/"}),
        ("/Open-Sourc/", {"Open Source": "/topics/open-source/"}),
        ("/video", {"Videos": "/types/videos/"}),
        ("/types/vidoes/", {"Videos": "/types/videos/"}),
        ("/topics/robotics/index.xml", {"Robotics": "/topics/robotics/"}),
        ("/nobody/knows/xyzzy", {}),
        ("/stats/", {}),
        ("/no/such/", {}),
    ],
)
def test_an_address_of_nothing_suggests_the_nearest_feeds(
    app: Flask, address: str, near: dict[str, str]
) -> None:
    answer = get(app, address, accept="text/html")
    assert answer.code == 404
    root = parsed(answer.body)
    links = next(e for e in root.iter() if e.get("id") == "main").iter(f"{XHTML}a")
    lists = {"topics": "/topics/", "providers": "/providers/", "types": "/types/"}
    assert {words(a): a.attrib["href"] for a in links} == near | lists | {"everything": "/"}


def test_what_the_form_suggests_is_found(app: Flask) -> None:
    root = parsed(get(app, "/").body)
    for kind in ("topic", "provider"):
        names = [option.attrib["value"] for option in with_id(root, f"some-{kind}s")]
        assert len(names) > 5
        for name in names:
            moved = get(app, "/?" + urlencode({kind: name}))
            address = str(moved.get("Location")).removeprefix("http://127.0.0.1:8000")
            assert get(app, address).code == 200, name


def test_most_active_topics_come_first_and_all_by_name_where_there_are_many(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "news"
    for number in range(40):
        write(folder, f"{number}.md", topics=[f"Topic {at:02}" for at in range(number, 40)])
    shelf = with_id(parsed(get(application(folder), "/").body), "topics")
    all_of_them, *names = [words(a) for a in shelf.iter(f"{XHTML}a")]
    assert all_of_them == "Topics"
    ranked = [f"Topic {at}" for at in range(39, 15, -1)]
    assert names == ranked + [f"Topic {at:02}" for at in range(40)]
    assert words(next(shelf.iter(f"{XHTML}summary"))) == "All 40 by name"


@pytest.mark.parametrize(
    ("address", "turns"),
    [
        ("/topics/ai/", []),
        ("/?limit=30", [("next", "/?limit=30&page=2")]),
        ("/?limit=30&page=2", [("prev", "/?limit=30"), ("next", "/?limit=30&page=3")]),
        ("/2026/06/", [("next", "/2026/05/"), ("prev", "/2026/07/"), ("start", "/")]),
        ("/?q=nobody-wrote-this", []),
    ],
)
def test_pages_that_can_be_turned_have_links_for_it_and_others_have_none(
    app: Flask, address: str, turns: list[tuple[str, str]]
) -> None:
    root = parsed(get(app, address).body)
    navs = [nav for nav in root.iter(f"{XHTML}nav") if nav.get("aria-label") == "Pages"]
    assert len(navs) == (1 if turns else 0)
    here = "http://127.0.0.1:8000"
    found = [a for nav in navs for a in nav.iter(f"{XHTML}a")]
    assert [(a.attrib["rel"], a.attrib["href"].removeprefix(here)) for a in found] == turns


def test_the_pages_of_a_story_have_its_title_and_number_its_coverage_on(app: Flask) -> None:
    page = get(app, "/").body.decode()
    story = str(re.findall(r'href="(/stories/[^"]+)"', page)[0])
    whole, first, second = (
        parsed(get(app, story + parameters).body)
        for parameters in ("", "?limit=2", "?limit=2&page=2")
    )
    titles = {words(next(root.iter(f"{XHTML}h1"))) for root in (whole, first, second)}
    assert len(titles) == 1
    numbered = [next(root.iter(f"{XHTML}ol")) for root in (whole, first, second)]
    assert [one.get("start") for one in numbered] == ["1", "1", "2"]
    listed = [[words(h) for h in one.iter(f"{XHTML}h3")] for one in numbered]
    assert listed[1] + listed[2] == listed[0][:3]
    here = f"http://127.0.0.1:8000{story}?limit=2"
    assert f'href="{here}" rel="prev">Back</a>' in get(app, f"{story}?limit=2&page=2").body.decode()


@pytest.mark.parametrize("pictures", ["on", "off"])
def test_a_page_that_is_shared_is_a_card(tmp_path: Path, pictures: str) -> None:
    picture = "https://i.example/p.png"
    other = {"title": "Other", "webUrl": "https://b.example/other"}
    write(tmp_path, "a.md", related=[other], images=[{"url": picture}])
    app = application(tmp_path, pictures=pictures)
    story = re.findall(r'href="(/stories/[^"]+)"', get(app, "/").body.decode())[0]
    own = ("summary", f"{ROOT}/static/icon.png")
    for address, card in {
        "/": own, story: ("summary_large_image", picture) if pictures == "on" else own,
    }.items():  # fmt: skip
        metas = [e.attrib for e in parsed(get(app, address).body).iter(f"{XHTML}meta")]
        said = {e.get("property") or e.get("name"): e.get("content") for e in metas}
        assert (said["twitter:card"], said["og:image"]) == card


def test_a_topic_leads_to_its_providers_and_a_provider_to_its_topics(app: Flask) -> None:
    by_provider = with_id(parsed(get(app, "/topics/ai/").body), "by-provider")
    assert words(by_provider).startswith("AI by provider")
    assert "/topics/ai/providers/theguardian.com/" in {
        a.attrib["href"] for a in by_provider.iter(f"{XHTML}a")
    }
    root = parsed(get(app, "/providers/tidewrack-labs.example/").body)
    assert words(with_id(root, "by-topic")).startswith("tidewrack-labs.example by topic")
    names = [a.attrib["href"] for a in with_id(root, "names").iter(f"{XHTML}a")]
    assert names == [
        "/providers/tidewrack-labs.example/tidewrack-labs/",
        "/providers/tidewrack-labs.example/tidewrack-labs-learn/",
    ]
    root = parsed(get(app, names[1]).body)
    siblings = [a.attrib["href"] for a in with_id(root, "names").iter(f"{XHTML}a")]
    assert siblings == ["/providers/tidewrack-labs.example/", names[0]]


def test_a_form_whose_fields_were_left_empty_leads_to_the_canonical_address(app: Flask) -> None:
    sent = "/?q=&topic=&topic=Open+Data&exclude_topic=&min_quality=&since=&sort=&type=articles"
    answer = get(app, sent)
    assert answer.code == 308
    assert answer.get("Location") == "http://127.0.0.1:8000/topics/open-data/?type=articles"
    assert get(app, "/?q=").get("Location") == "http://127.0.0.1:8000/"
    assert get(app, "/?topic=&q=nothing+of+the+kind&raw").code == 308
    assert get(app, "/?raw").code == 200
    assert get(app, "/rss.xml?q=").get("Location") == "http://127.0.0.1:8000/rss.xml"
    assert get(app, "/?topic=no-such&q=").code == 404


@pytest.mark.parametrize("address", ["/topics/nothing/", "/rss.xml?limit=0"])
def test_a_page_that_says_what_is_wrong_is_valid(app: Flask, address: str) -> None:
    answer = get(app, address, accept="text/html")
    assert answer.code in (400, 404)
    assert "main" in {element.tag.removeprefix(XHTML) for element in parsed(answer.body).iter()}


def policy(answer: Answer) -> dict[str, list[str]]:
    said = str(answer.get("Content-Security-Policy")).split("; ")
    return {name: values for name, *values in map(str.split, said)}


@pytest.mark.parametrize("address", [*PAGES, "/topics/nothing/"])
def test_a_page_may_load_nothing_of_others_but_pictures(app: Flask, address: str) -> None:
    answer = get(app, address, accept="text/html")
    assert policy(answer) == {
        "default-src": ["'none'"],
        "style-src": ["'self'"],
        "script-src": ["'self'"],
        "img-src": ["'self'", "https:", "http:"],
        "form-action": ["'self'", "http://127.0.0.1:8000"],
        "base-uri": ["'none'"],
        "frame-ancestors": ["'none'"],
    }
    assert answer.get("X-Content-Type-Options") == "nosniff"
    assert answer.get("Cross-Origin-Opener-Policy") == "same-origin"
    assert answer.get("Referrer-Policy") == "strict-origin-when-cross-origin"
    assert "camera=()" in str(answer.get("Permissions-Policy"))
    root = parsed(answer.body)
    assert not list(root.iter(f"{XHTML}style"))
    assert not [element for element in root.iter() if element.get("style")]


@pytest.mark.parametrize("address", ["/", "/topics/ai/", "/providers/tidewrack-labs.example/"])
def test_pictures_have_a_size_and_wait_until_they_are_seen(app: Flask, address: str) -> None:
    root = parsed(get(app, address).body)
    pictures = [one for one in root.iter(f"{XHTML}img") if one.attrib["src"].startswith("http")]
    assert len(pictures) > 3
    assert all(int(one.attrib["width"]) and int(one.attrib["height"]) for one in pictures)
    # All but the largest, at the top, which should be there at once.
    waits = [one.get("loading") == "lazy" for one in pictures if int(one.attrib["width"]) > 18]
    assert not waits[0]
    assert all(waits[1:])


def test_pictures_can_be_switched_off(tmp_path: Path) -> None:
    folder = tmp_path / "news"
    icon = {"url": "https://a.example/p.png?icon"}
    provider = {"name": "A", "domain": "a.example", "images": [icon]}
    write(folder, "one.md", images=[{"url": "https://a.example/p.png"}], provider=provider)
    for setting, shown in {"on": True, "off": False}.items():
        answer = get(application(folder, pictures=setting), "/")
        assert (b"a.example/p.png" in answer.body) is shown
        assert ("https:" in policy(answer)["img-src"]) is shown


@pytest.mark.parametrize("name", ["style.css", "site.js", "favicon.svg"])
def test_a_static_file_is_named_by_its_version_and_kept_for_long(app: Flask, name: str) -> None:
    asset = ASSETS[f"static/{name}"]
    assert f"/static/{name}?v={asset.version}".encode() in get(app, "/").body
    answer = get(app, f"/static/{name}?v={asset.version}")
    assert (answer.body, answer.get("Content-Type")) == (asset.body, asset.media_type)
    assert "max-age=604800" in str(answer.get("Cache-Control"))
    assert answer.get("ETag")


@pytest.mark.parametrize("path", ["/favicon.ico", "/apple-touch-icon.png"])
def test_browsers_and_phones_find_an_icon_where_they_look(app: Flask, path: str) -> None:
    answer = get(app, path)
    assert (answer.code, answer.body) == (200, ASSETS[path[1:]].body)
    assert answer.get("Content-Type") in {"image/x-icon", "image/png"}
    assert "max-age=86400" in str(answer.get("Cache-Control"))


def test_pages_have_the_icon_of_the_setting_and_may_load_it(tmp_path: Path) -> None:
    icon = "https://static.example.com/i.png"
    app = application(news(tmp_path / "news"), icon=icon, pictures="off")
    for path in ICONS:
        answer = get(app, f"/{path}")
        assert (answer.code, answer.get("Location")) == (302, icon)
    answer = get(app, "/")
    assert answer.body.count(icon.encode()) == 4
    assert b"favicon" not in answer.body
    assert policy(answer)["img-src"] == ["'self'", "https://static.example.com"]


def test_pages_do_not_depend_on_who_asks(app: Flask, tmp_path: Path) -> None:
    other = create_app({"seeds": str(SEEDS), "database_url": f"sqlite:///{tmp_path}/other.db"})
    for address in PAGES:
        assert get(app, address, user_agent="x").body == get(other, address).body


def test_pages_stay_below_their_budget(tmp_path: Path) -> None:
    """With more topics and providers than anybody has, and all that an entry can have."""
    folder = tmp_path / "news"
    for number in range(120):
        write(folder, f"{number:03}.md", **_full(number))
    app = application(folder)
    files = sum(
        len(brotli.compress(ASSETS[f"static/{name}"].body)) for name in ("style.css", "site.js")
    )
    for address in ("/", "/topics/topic-number-0/"):
        answer = get(app, address, accept_encoding="br")
        assert answer.get("Content-Encoding") == "br"
        size = len(answer.body) + files
        assert size < BUDGET, f"{address}: {size}"


def _full(number: int) -> dict[str, object]:
    """A record with everything, of words that don't repeat more than those of news do."""
    words = enumerate(WORDS.split() * 3)
    text = [f"{word}{(number * 7919 + at * 104729) % 9973}" for at, word in words]
    title, excerpt = " ".join(text[:10]).capitalize(), " ".join(text) + "."
    slug = re.sub(r"\W+", "-", title.lower())
    day = f"2024-{number % 12 + 1:02}-{number % 28 + 1:02}"
    host = f"provider{number % 60}.example"
    return {
        "title": title,
        "excerpt": excerpt,
        "webUrl": f"https://www.{host}/{day}/{slug}",
        "ampWebUrl": f"https://amp.{host}/{day}/{slug}",
        "publishedDateTime": f"{day}T0{number % 10}:00:00Z",
        "provider": {
            "name": f"Provider number {number % 60}",
            "domain": host,
            "images": [{"url": f"https://static.example.net/icons/{host}-50x50.jpg"}],
        },
        "topics": [f"Topic number {at}" for at in (0, *range(number * 4, number * 4 + 4))],
        "images": [{"url": f"https://i.{host}/{slug}.jpg", "width": 620, "height": 372}],
        "related": [
            {
                "title": " ".join(text[at : at + 9]),
                "webUrl": f"https://other{at}.example/{slug}",
                "provider": {"name": f"Other {at}"},
                "publishedDateTime": f"{day}T00:00:00Z",
            }
            for at in range(5)
        ],
        "type": "article",
    }


WORDS = (
    "harbour pilots get second pair eyes while council asks residents which cameras "
    "should stay budget tide table ferry battery school roof sensor open letter"
)


@pytest.mark.parametrize(
    ("address", "chips"),
    [
        ("/", {}),
        ("/amp/topics/ai/", {"About AI": "/amp/"}),
        ("/types/videos/?min_quality=5", {
            "Only videos": "/?min_quality=5", "Quality 5 and up": "/types/videos/"
        }),
        ("/topics/ai/providers/theguardian.com/", {
            "About AI": "/providers/theguardian.com/", "From The Guardian": "/topics/ai/"
        }),
        ("/providers/tidewrack-labs.example/tidewrack-labs-learn/", {
            "From Tidewrack Labs Learn": "/"
        }),
        ("/collections/c-plus-plus-for-people-who-come-back/?q=the", {
            "In C++ for people who come back": "/?q=the",
            "Matching “the”": "/collections/c-plus-plus-for-people-who-come-back/",
        }),
        ("/types/videos/2026/03/?topic=computer-vision", {
            "Only videos": "/topics/computer-vision/2026/03/",
            "In March 2026": "/types/videos/?topic=computer-vision",
            "About Computer Vision": "/types/videos/2026/03/",
        }),
    ],
)  # fmt: skip
def test_each_part_of_what_an_address_says_can_be_taken_away(
    app: Flask, address: str, chips: dict[str, str]
) -> None:
    root = parsed(get(app, address).body)
    lists = [ul for ul in root.iter(f"{XHTML}ul") if ul.get("class") == "chips"]
    links = [a for ul in lists for a in ul.iter(f"{XHTML}a")]
    assert {words(a).removesuffix(", remove"): a.attrib["href"] for a in links} == chips
    assert {get(app, href).code for href in chips.values()} <= {200}


def test_a_record_without_an_excerpt_shows_the_beginning_of_its_body(tmp_path: Path) -> None:
    body = "# Tides\n\n" + "Low &amp; *high* water. " * 2000
    write(tmp_path, "a.md", body=body)
    write(tmp_path, "b.md", body="Its body", excerpt="Its excerpt")
    root = parsed(get(application(tmp_path), "/").body)
    shown = [words(p) for p in root.iter(f"{XHTML}p") if p.get("class") == "excerpt"]
    beginning = "Tides " + "Low & high water. " * 14
    assert sorted(shown) == ["Its excerpt", beginning[:-1] + " …"]


def test_an_event_says_when_and_where_it_is(tmp_path: Path) -> None:
    write(tmp_path, "a.md", startDateTime="2024-05-06T07:08:00Z", location="Pier 2")
    root = parsed(get(application(tmp_path), "/").body)
    (byline,) = [words(p) for p in root.iter(f"{XHTML}p") if p.get("class") == "by"]
    assert byline == "2 January 2024 starts 6 May 2024, 07:08 UTC Pier 2"


@pytest.mark.parametrize("address", FOLDERS)
def test_entries_come_before_the_subscribe_box_but_on_the_first_page(
    app: Flask, address: str
) -> None:
    page = get(app, address).body.decode()
    is_first = page.index('id="subscribe"') < page.index('class="entries')
    assert is_first is (address in ("/", "/amp/"))


def test_about_has_three_steps_and_readers_for_each_system(app: Flask) -> None:
    root = parsed(get(app, "/about/").body)
    steps = next(ol for ol in root.iter(f"{XHTML}ol") if ol.get("class") == "steps")
    assert [words(b) for b in steps.iter(f"{XHTML}b")] == [
        "Get a reader.", "Copy an address.", "Paste it",
    ]  # fmt: skip
    readers = next(root.iter(f"{XHTML}dl"))
    systems = [words(dt) for dt in readers.iter(f"{XHTML}dt")]
    assert systems == ["Windows", "macOS", "iOS", "Android", "Linux", "Web"]


def test_a_page_has_no_list_of_what_there_is_none_of(tmp_path: Path) -> None:
    write(tmp_path / "news", "a.md", provider={"name": "Example Times"})
    root = parsed(get(application(tmp_path / "news"), "/").body)
    aside = next(element for element in root.iter() if element.get("class") == "aside")
    assert [words(title) for title in aside.iter(f"{XHTML}h2")] == ["Providers", "Archive"]
    labels = {nav.get("aria-label") for nav in root.iter(f"{XHTML}nav")}
    assert "Most active topics" not in labels


def test_what_nobody_knows_the_date_of_is_in_no_year(tmp_path: Path) -> None:
    write(tmp_path, "a.md", publishedDateTime="2024-01-01", topics=["Dated"])
    write(tmp_path, "b.md", publishedDateTime=None, topics=["Old"])
    root = parsed(get(application(tmp_path), "/").body)
    archive = next(s for s in root.iter(f"{XHTML}section") if s.get("class") == "months")
    assert words(archive) == "Archive 2024 Jan Undated 1"
    assert "1970" not in words(root)
