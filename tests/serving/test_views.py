import gzip
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Any

import brotli
import feedparser
import pytest
import zstandard
from flask import Flask
from lxml import etree
from werkzeug.http import http_date

from tests.helpers.server import ROOT, Answer, application, call, get, load, news
from tests.helpers.server import documents as documents_of
from tests.helpers.support import SEEDS, write

ENTRIES = 60
NS = {"a": "http://www.w3.org/2005/Atom", "fh": "http://purl.org/syndication/history/1.0"}


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Flask:
    """60 entries of January to March 2024, five to a page of a feed."""
    folder = news(tmp_path_factory.mktemp("web") / "records", ENTRIES)
    return application(folder, limit=5, hubs="https://hub.example.net/")


def links(answer: Answer) -> list[tuple[str, str]]:
    """The feed-level links of a feed: rel and URL."""
    tree: Any = etree.fromstring(answer.body)
    found = tree.xpath("/a:feed/a:link | /rss/channel/a:link", namespaces=NS)
    return [(link.get("rel"), link.get("href")) for link in found]


def ids(answer: Answer) -> list[str]:
    return [str(entry.id) for entry in feedparser.parse(answer.body).entries]


FEED_HEADERS = {
    "Cache-Control": "public, max-age=420, stale-while-revalidate=60, stale-if-error=604800",
    "Vary": "Accept-Encoding",
    "X-Content-Type-Options": "nosniff",
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "*",
}


@pytest.mark.parametrize("file", ["rss.xml", "atom.xml"])
def test_a_feed_has_these_headers_and_no_others(app: Flask, file: str) -> None:
    answer = get(app, f"/topics/c-plus-plus/{file}")
    headers = dict(answer.headers)
    other = {"rss.xml": "atom.xml", "atom.xml": "rss.xml"}[file]
    kind, other_kind = (f"application/{name.removesuffix('.xml')}+xml" for name in (file, other))
    folder = f"{ROOT}/topics/c-plus-plus/"
    with documents_of(app).store.read() as reader:
        born = reader.state().born
    assert re.fullmatch(r'"[0-9a-f]{24}-1709510400\.[0-9a-f]{8}"', headers.pop("ETag"))
    keys = headers.pop("Surrogate-Key")
    assert headers.pop("xkey") == keys
    assert keys.startswith("all /topics/c-plus-plus/ topic/")
    assert headers == FEED_HEADERS | {
        "Content-Type": f"{kind}; charset=utf-8",
        "Content-Length": str(len(answer.body)),
        "Last-Modified": http_date(born),
        "Link": f'<{folder}{file}>; rel="self", <https://hub.example.net/>; rel="hub", '
        f'<{folder}{file}>; rel="first", <{folder}{file}?page=6>; rel="last", '
        f'<{folder}{file}?page=2>; rel="next", '
        f'<{folder}archive/2024-02/{file}>; rel="prev-archive", '
        f'<{folder}{other}>; rel="alternate"; type="{other_kind}", '
        f'<{folder}feed.json>; rel="alternate"; type="application/feed+json", '
        f'<{folder}>; rel="alternate"; type="text/html"',
    }


@pytest.mark.parametrize(
    "address",
    ["/rss.xml", "/atom.xml?limit=7&page=3", "/2024/01/atom.xml", "/amp/topics/ai/rss.xml"],
)
def test_the_link_header_says_what_the_body_says(app: Flask, address: str) -> None:
    answer = get(app, address)
    said = re.findall(r'<([^>]*)>; rel="([^"]*)"', str(answer.get("Link")))
    in_header = {(rel, url) for url, rel in said if rel != "alternate"}
    assert in_header == {(rel, url) for rel, url in links(answer) if rel != "alternate"}
    assert ("self", ROOT + address) in in_header


def test_a_page_has_validators_and_is_no_feed(app: Flask) -> None:
    headers = dict(get(app, "/").headers)
    assert headers["Content-Type"] == "text/html; charset=utf-8"
    assert headers["Vary"] == "Accept-Encoding"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "ETag" in headers
    assert "Access-Control-Allow-Origin" not in headers


def test_cache_control_is_as_set_and_long_for_archives_that_are_closed(tmp_path: Path) -> None:
    folder = news(tmp_path / "records", 40)
    write(folder, "to-come.md", webUrl=ROOT, publishedDateTime="2199-06-01T00:00:00Z")
    app = application(
        folder,
        max_age=10,
        future="show",
        archive_max_age=20,
        stale_while_revalidate=30,
        stale_if_error=0,
    )
    rest = ", stale-while-revalidate=30, stale-if-error=0"
    for address, max_age in (
        ("/rss.xml", 10),
        ("/", 10),
        ("/2024/01/rss.xml", 10),
        (f"/archive/{datetime.now(UTC):%Y-%m}/rss.xml", 10),
        ("/archive/2024-02/rss.xml", 20),
        ("/topics/ai/archive/2024-01-03/atom.xml", 20),
    ):
        assert get(app, address).get("Cache-Control") == f"public, max-age={max_age}{rest}", address


@pytest.mark.parametrize("address", ["/rss.xml", "/atom.xml", "/", "/2024/01/atom.xml"])
def test_every_coding_holds_the_same_document_under_an_etag_of_its_own(
    app: Flask, address: str
) -> None:
    plain = get(app, address)
    tags = {plain.get("ETag")}
    for coding, decode in {
        "gzip": gzip.decompress,
        "br": brotli.decompress,
        "zstd": lambda body: zstandard.ZstdDecompressor().decompress(body),
    }.items():
        answer = get(app, address, accept_encoding=coding)
        assert decode(answer.body) == plain.body
        assert answer.get("Content-Encoding") == coding
        assert answer.get("Content-Length") == str(len(answer.body))
        assert answer.get("Vary") == "Accept-Encoding"
        tags.add(answer.get("ETag"))
    assert len(tags) == 4


def test_406_only_when_identity_is_refused_too(app: Flask) -> None:
    assert get(app, "/rss.xml", accept_encoding="identity;q=0, deflate").code == 406
    assert get(app, "/rss.xml", accept_encoding="*;q=0").code == 406
    assert get(app, "/rss.xml", accept_encoding="deflate").get("Content-Encoding") is None


# -- conditional requests ----------------------------------------------------


def conditional(tag: str, modified: str) -> list[tuple[dict[str, str], int]]:
    old, new = "Sat, 01 Jan 2000 00:00:00 GMT", "Sat, 01 Jan 2050 00:00:00 GMT"
    return [
        ({"if_none_match": tag}, 304),
        ({"if_none_match": f"W/{tag}"}, 304),
        ({"if_none_match": f'"a", {tag}, W/"b"'}, 304),
        ({"if_none_match": "*"}, 304),
        ({"if_none_match": '"a"'}, 200),
        ({"if_none_match": tag[:-1] + '-gzip"'}, 200),
        ({"if_none_match": '"a"', "if_modified_since": modified}, 200),
        ({"if_none_match": '"a"', "if_modified_since": new}, 200),
        ({"if_none_match": tag, "if_modified_since": old}, 304),
        ({"if_modified_since": modified}, 304),
        ({"if_modified_since": new}, 304),
        ({"if_modified_since": old}, 200),
        ({"if_modified_since": "yesterday"}, 200),
        ({"if_modified_since": ""}, 200),
        ({"if_match": tag}, 200),
        ({"if_match": "*"}, 200),
        ({"if_match": '"a"'}, 412),
        ({"range": "bytes=0-9"}, 200),
        ({"range": "bytes=0-9", "if_range": tag}, 200),
        ({"range": "bytes=999999-"}, 200),
    ]


@pytest.mark.parametrize("address", ["/rss.xml", "/atom.xml?page=2"])
def test_a_condition_is_answered_by_the_rules_of_rfc_9110(app: Flask, address: str) -> None:
    whole = get(app, address)
    tag, modified = str(whole.get("ETag")), str(whole.get("Last-Modified"))
    for headers, status in conditional(tag, modified):
        answer = get(app, address, **headers)
        assert answer.code == status, headers
        if status == 200:
            assert answer == whole, headers


@pytest.mark.parametrize("address", ["/rss.xml", "/"])
@pytest.mark.parametrize("coding", ["identity", "br"])
def test_304_repeats_what_caches_need_and_has_no_body(
    app: Flask, address: str, coding: str
) -> None:
    whole = dict(get(app, address, accept_encoding=coding).headers)
    answer = get(app, address, accept_encoding=coding, if_none_match=whole["ETag"])
    assert (answer.status, answer.body) == ("304 NOT MODIFIED", b"")
    dropped = ("Content-Type", "Content-Length", "Content-Encoding", "Last-Modified")
    assert dict(answer.headers) == {k: v for k, v in whole.items() if k not in dropped}


ADDRESSES = [
    "/rss.xml", "/", "/topics/ai/atom.xml?page=2", "/2024/01/", "/topics/AI/", "/nothing/",
    "/rss.xml?page=0", "/rss.xml?page=99",
]  # fmt: skip


@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize("headers", [{}, {"Accept-Encoding": "gzip"}, {"If-None-Match": "*"}])
def test_head_is_get_without_the_body(app: Flask, address: str, headers: dict[str, str]) -> None:
    answer = call(app.wsgi_app, address, headers)
    assert call(app.wsgi_app, address, headers, "HEAD") == answer._replace(body=b"")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "TRACE", "NONSENSE"])
@pytest.mark.parametrize("address", ["/rss.xml", "/", "/topics/ai/"])
def test_other_methods_are_told_which_there_are(app: Flask, method: str, address: str) -> None:
    answer = call(app.wsgi_app, address, method=method)
    assert answer.code == 405
    assert set(str(answer.get("Allow")).split(", ")) == {"GET", "HEAD", "OPTIONS"}


def test_a_script_elsewhere_may_poll(app: Flask) -> None:
    headers = {"Origin": "https://x.example", "Access-Control-Request-Method": "GET"}
    asked = call(app.wsgi_app, "/rss.xml", headers, "OPTIONS")
    assert (asked.code, asked.body) == (204, b"")
    headers = {name: value for name, value in asked.headers if name != "Content-Type"}
    assert headers == {
        "Allow": "GET, HEAD, OPTIONS",
        "Access-Control-Allow-Origin": "*",
        "Access-Control-Allow-Methods": "GET, HEAD",
        "Access-Control-Allow-Headers": "If-None-Match, If-Modified-Since, A-IM",
        "Access-Control-Max-Age": "86400",
    }
    assert get(app, "/rss.xml", if_none_match="*").get("Access-Control-Allow-Origin") == "*"


# -- parameters --------------------------------------------------------------


@pytest.mark.parametrize("file", ["rss.xml", "atom.xml"])
@pytest.mark.parametrize(
    ("page", "rels"),
    [
        (1, {"first": "", "last": "?page=12", "next": "?page=2"}),
        (2, {"first": "", "last": "?page=12", "previous": "", "next": "?page=3"}),
        (12, {"first": "", "last": "?page=12", "previous": "?page=11"}),
    ],
)
def test_pages_link_each_other(app: Flask, file: str, page: int, rels: dict[str, str]) -> None:
    found = dict(links(get(app, f"/{file}?page={page}".removesuffix("?page=1"))))
    paging = {rel: found[rel] for rel in ("first", "last", "previous", "next") if rel in found}
    assert paging == {rel: f"{ROOT}/{file}{query}" for rel, query in rels.items()}


@pytest.mark.parametrize("start", ["/rss.xml", "/atom.xml?limit=7", "/topics/ai/rss.xml?limit=50"])
def test_the_pages_hold_every_entry_once(app: Flask, start: str) -> None:
    pages = list(follow(app, start, "next"))
    collected = [entry for page in pages for entry in ids(page)]
    assert len(collected) == len(set(collected)) == ENTRIES
    backwards = list(follow(app, dict(links(pages[0]))["last"].removeprefix(ROOT), "previous"))
    assert [page.get("ETag") for page in backwards] == [p.get("ETag") for p in reversed(pages)]


def follow(app: Flask, address: str | None, rel: str) -> Iterator[Answer]:
    """The document at an address, and those that its links of one relation lead to."""
    while address:
        answer = get(app, address)
        assert answer.code == 200, address
        yield answer
        found = dict(links(answer)).get(rel)
        address = found and found.removeprefix(ROOT)


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("limit=0", "limit accepts a whole number from 1 to 200."),
        ("limit=201", "limit accepts a whole number from 1 to 200."),
        ("limit=", "limit accepts a whole number from 1 to 200."),
        ("limit=%D9%A5", "limit accepts a whole number from 1 to 200."),
        ("page=-1", "page accepts a whole number from 1 to 100,000."),
        ("page=1e3", "page accepts a whole number from 1 to 100,000."),
        ("page=1&page=2", "page is given 2 times; give it once."),
        ("min_qualty=5", "min_qualty is no parameter; did you mean min_quality?"),
        ("exclude_topics=ai", "exclude_topics is no parameter; did you mean exclude_topic?"),
        ("utm_page=2&topics=", "topics is no parameter; did you mean topic?"),
        ("quality=5", "quality is no parameter; did you mean min_quality?"),
        ("LIMIT=3", "LIMIT is no parameter; did you mean limit?"),
    ],
)
def test_a_bad_value_is_400_with_what_is_accepted(app: Flask, query: str, message: str) -> None:
    answer = get(app, f"/rss.xml?{query}")
    assert answer.code == 400
    assert answer.get("Content-Type") == "text/plain; charset=utf-8"
    assert answer.body.decode() == (
        f"Bad request: {message}\nAll topics and providers are listed at {ROOT}/\n"
    )
    page = get(app, f"/?{query}", accept="text/html")
    assert f"<p>{message}</p>" in page.body.decode()


@pytest.mark.parametrize(
    "query", ["?utm_source=x", "?utm_source=<x>&ref=%ff", "?v=3&%ff", "?&&", "?limits_of=1"]
)
def test_parameters_that_are_not_known_change_nothing(app: Flask, query: str) -> None:
    assert get(app, "/rss.xml" + query) == get(app, "/rss.xml")
    assert get(app, "/atom.xml?page=2&" + query[1:]).body == (get(app, "/atom.xml?page=2").body)


@pytest.mark.parametrize(
    ("address", "location"),
    [
        ("/topics/AI/", "/topics/ai/"),
        ("/topics/ai", "/topics/ai/"),
        ("/topics/AI/rss.xml?page=2&utm_source=x", "/topics/ai/rss.xml?page=2"),
        ("/topics/C++/?a=b%0d%0aX:y", "/topics/c-plus-plus/"),
        ("/providers/WWW.Times.Example.com/", "/providers/times.example.com/"),
        ("/canonical/rss.xml", "/rss.xml"),
    ],
)
def test_another_spelling_redirects_below_our_own_root(
    app: Flask, address: str, location: str
) -> None:
    answer = call(app.wsgi_app, address, {"Host": "evil.example"})
    assert (answer.code, answer.get("Location")) == (308, ROOT + location)
    assert answer.get("Access-Control-Allow-Origin") == "*"  # scripts of other sites follow it


@pytest.mark.parametrize("file", ["rss.xml", "atom.xml", "feed.json"])
@pytest.mark.parametrize(
    ("sloppy", "canonical"),
    [
        ("/FILE?topic=AI&sort=newest&min_quality=00", "/topics/ai/FILE"),
        (
            "/FILE?q=++the%20story+&topic=C%2B%2B&topic=ai",
            "/FILE?topic=ai&topic=c-plus-plus&q=the+story",
        ),
        (
            "/topics/ai/FILE?since=2024-01-01&exclude_provider=X.example&raw",
            "/topics/ai/FILE?exclude_provider=x.example&since=2024-01-01",
        ),
        ("/canonical/FILE?sort=heat&utm_source=x&min_heat=0", "/FILE?sort=heat"),
        ("/FILE?sort=relevance&q=a%20%22b+c%22", "/FILE?q=a+%22b+c%22&sort=relevance"),
    ],
)
def test_a_filtered_feed_calls_itself_by_the_address_it_answers_at(
    app: Flask, file: str, sloppy: str, canonical: str
) -> None:
    url = ROOT + canonical.replace("FILE", file)
    answer = get(app, sloppy.replace("FILE", file))
    if answer.code == 308:
        location = str(answer.get("Location"))
        assert location.removesuffix("?raw").removesuffix("&raw") == url
        answer = get(app, url.removeprefix(ROOT))
    assert answer.code == 200
    links = feedparser.parse(answer.body).feed.links if file != "feed.json" else []
    said = [link.href for link in links if link.rel == "self"]
    assert (said or [json.loads(answer.body)["feed_url"]]) == [url]
    assert str(answer.get("Link")).startswith(f'<{url}>; rel="self"')


def test_other_spellings_lead_to_the_canonical_address_at_once(app: Flask) -> None:
    moved = {
        "/rss.xml?page=2&limit=3": "/rss.xml?limit=3&page=2",
        "/rss.xml?page=1": "/rss.xml",
        "/atom.xml?topic=ai&limit=3&topic=c%2B%2B": "/atom.xml?topic=ai&topic=c-plus-plus&limit=3",
        "/?q=&topic=AI&provider=": "/topics/ai/",
        "/?limit=5&q=story": "/?q=story",
        "/about/?topic=ai": "/about/",
        "/providers/times.example.com/example-times/?page=1": "/providers/times.example.com/",
        "/feed.xml?page=2": "/atom.xml",
    }
    for address, canonical in moved.items():
        answer = get(app, address)
        assert (answer.code // 100, answer.get("Location")) == (3, ROOT + canonical), address
        assert get(app, canonical).code == 200
    for address in ("/rss.xml?%6cimit=%33", "/rss.xml?q=a%20story", "/rss.xml?raw&q=a+story&x"):
        assert get(app, address).code == 200


def test_a_feed_has_as_much_of_its_records_as_is_asked_for(tmp_path: Path) -> None:
    parts = {
        "body": "The *whole* text",
        "excerpt": "The beginning",
        "images": [{"url": "https://img.example/a.png"}],
        "related": [{"title": "Other", "webUrl": "https://other.example/a"}],
    }
    write(tmp_path / "records", "a.md", title="A & b", topics=["AI"], **parts)
    app = application(tmp_path / "records", content="excerpt")
    for file in ("rss.xml", "atom.xml", "feed.json"):
        items: dict[str, Any] = {}
        for content in ("full", "", "title"):
            address = f"/topics/ai/{file}" + (f"?content={content}" if content else "")
            answer = get(app, address)
            assert str(answer.get("Link")).startswith(f'<{ROOT}{address}>; rel="self"')
            entry = feedparser.parse(answer.body).entries[0] if file != "feed.json" else ""
            items[content] = entry or json.loads(answer.body)["items"][0]
            assert (b"whole" in answer.body) == (content == "full")
            assert (b"The beginning" in answer.body) == (content != "title")
            assert (b"a.png" in answer.body) == (content != "title")
            assert (b"other.example" in answer.body) == (content != "title")
        assert len({item["id"] for item in items.values()}) == 1
    assert get(app, "/rss.xml?content=excerpt").get("Location") == f"{ROOT}/rss.xml"
    assert b"a.png" in get(app, "/topics/ai/").body


@pytest.mark.parametrize(
    ("address", "location"),
    [
        ("/?provider=Example+times", "/providers/times.example.com/"),
        ("/embed/?provider=example+times&limit=2", "/embed/providers/times.example.com/?limit=2"),
        (
            "/topics/ai/?q=a&exclude_provider=Example+Times",
            "/topics/ai/?exclude_provider=times.example.com&q=a",
        ),
        (
            "/?provider=Example+Times&provider=times.example.com&exclude_provider=Example+Times",
            "/providers/times.example.com/?exclude_provider=times.example.com",
        ),
    ],
)
def test_a_provider_typed_by_its_name_is_found(app: Flask, address: str, location: str) -> None:
    answer = get(app, address)
    assert (answer.code, answer.get("Location")) == (307, ROOT + location)
    assert get(app, location).code == 200


@pytest.mark.parametrize("address", ["/topics/NOTHING/", "/topics/nothing", "/types/X/"])
def test_what_does_not_exist_is_not_redirected_to(app: Flask, address: str) -> None:
    assert get(app, address).code == 404


def test_not_found_is_short_text_or_a_page_by_accept(app: Flask) -> None:
    text = get(app, "/topics/nothing/rss.xml")
    assert text.body.decode() == (
        "Not found: /topics/nothing/rss.xml: there is no topic called nothing.\n"
        f"All topics and providers are listed at {ROOT}/\n"
    )
    page = get(app, "/topics/nothing/rss.xml", accept="text/html,*/*;q=0.8")
    assert page.get("Content-Type") == "text/html; charset=utf-8"
    assert b"<!doctype html>" in page.body.lower()
    for answer in (text, page):
        assert (answer.code, answer.get("Vary")) == (404, "Accept")
        assert answer.get("X-Content-Type-Options") == "nosniff"


@pytest.mark.parametrize(
    ("address", "message", "near", "fields"),
    [
        (
            "/?topic=Robo&topic=AI&q=story&exclude_provider=",
            "There is no topic called robo.",
            {},
            {"topic": ["ai", "Robo"], "q": ["story"]},
        ),
        (
            "/types/articles/?provider=Tims&min_quality=5",
            "There is no provider called tims.",
            {"Example Times": "/types/articles/?provider=times.example.com&min_quality=5"},
            {"provider": ["Tims"], "min_quality": ["5"]},
        ),
        (
            "/topics/ai/?exclude_topic=c%2B&exclude_topic=CPlusPlus",
            "There is no topic called c-plus.",
            {"C++": "/topics/ai/?exclude_topic=c-plus-plus&exclude_topic=cplusplus"},
            {"exclude_topic": ["cplusplus", "c+"]},
        ),
        (
            "/topics/c-plus/",
            "There is no topic called c-plus.",
            {"C++": "/topics/c-plus-plus/"},
            {},
        ),
    ],
)
def test_a_name_that_there_is_not_leads_back_to_the_form(
    app: Flask, address: str, message: str, near: dict[str, str], fields: dict[str, list[str]]
) -> None:
    answer = get(app, address, accept="text/html")
    main = answer.body.decode().partition("<main")[2].replace("&amp;", "&")
    assert answer.code == 404
    assert f"<p>{message}</p>" in main
    links = re.findall(r'<a href="([^"]*)">([^<]*)</a>', main.partition("There are lists")[0])
    assert {name: link for link, name in links} == near
    filled: dict[str, list[str]] = {}
    for field in re.findall("<input[^>]*>", main):
        value = re.search(' value="([^"]+)"', field)
        if value and ("checkbox" not in field or " checked" in field):
            filled.setdefault(field.partition('name="')[2].partition('"')[0], []).append(value[1])
    assert filled == fields


@pytest.mark.parametrize("address", ADDRESSES)
def test_the_host_header_changes_nothing(app: Flask, address: str) -> None:
    hostile = {"Host": "evil.example", "X-Forwarded-Host": "evil.example", "Forwarded": "host=e"}
    answer = call(app.wsgi_app, address, hostile)
    assert answer == get(app, address)
    assert b"evil" not in answer.body


def test_an_empty_path_is_the_home_page(app: Flask) -> None:
    environ = {"REQUEST_METHOD": "GET", "HTTP_HOST": "evil.example", "SERVER_NAME": "x"}
    environ |= {"SERVER_PORT": "80", "wsgi.url_scheme": "http", "PATH_INFO": ""}
    statuses: list[str] = []
    wsgi: Any = app.wsgi_app
    body = b"".join(wsgi(environ, lambda status, *_: statuses.append(status)))
    assert (statuses, body) == (["200 OK"], get(app, "/").body)


# -- archives ----------------------------------------------------------------


@pytest.mark.parametrize("scope", ["/", "/topics/c-plus-plus/", "/amp/types/articles/"])
@pytest.mark.parametrize("file", ["rss.xml", "atom.xml"])
def test_the_archives_and_the_subscription_document_hold_every_entry(
    app: Flask, scope: str, file: str
) -> None:
    subscription, *archives = follow(app, scope + file, "prev-archive")
    everything = set(ids(get(app, f"{scope}{file}?limit=200")))
    archived = [entry for archive in archives for entry in ids(archive)]
    assert set(archived) | set(ids(subscription)) == everything
    assert len(archived) == len(set(archived))
    assert [dict(links(a))["self"].removeprefix(ROOT + scope) for a in archives] == [
        f"archive/2024-{month}/{file}" for month in ("02", "01")
    ]
    for archive in archives:
        assert dict(links(archive))["current"] == ROOT + scope + file
        tree: Any = etree.fromstring(archive.body)
        marks = tree.xpath("//fh:archive", namespaces=NS)
        assert len(marks) == 1
        assert marks[0].getparent().tag in {"channel", f"{{{NS['a']}}}feed"}
    assert b"fh:archive" not in subscription.body


def test_previous_is_the_inverse_of_next_from_month_to_month(app: Flask) -> None:
    newest = "/2024/03/atom.xml"
    back = [dict(links(a))["self"] for a in follow(app, newest, "next")]
    forth = [dict(links(a))["self"] for a in follow(app, "/2024/01/atom.xml", "previous")]
    assert back == [f"{ROOT}/2024/{month:02}/atom.xml" for month in (3, 2, 1)]
    assert forth == back[::-1]
    assert b"archive" not in get(app, newest).body


def test_the_pages_of_months_are_one_chain(app: Flask) -> None:
    start = "/2024/03/rss.xml?limit=3"
    chain = [dict(links(a))["self"] for a in follow(app, start, "next")]
    assert len(chain) == len(set(chain)) > 3
    forth = [dict(links(a))["self"] for a in follow(app, chain[-1].removeprefix(ROOT), "previous")]
    assert forth == chain[::-1]


def test_an_archive_is_a_feed_without_parameters_whose_page_is_that_of_its_scope(
    app: Flask,
) -> None:
    address = "/topics/c-plus-plus/archive/2024-01/atom.xml"
    opened = get(app, address, sec_fetch_mode="navigate", sec_fetch_dest="document")
    assert opened.get("Location") == f"{ROOT}/topics/c-plus-plus/#subscribe"
    assert "text/html" not in str(get(app, address).get("Link"))
    moved = get(app, f"{address}?limit=3&page=2")
    assert (moved.code, moved.get("Location")) == (308, ROOT + address)
    for none in (
        "/archive/2024-01/",
        "/archive/2023-12/rss.xml",
        "/archive/2199-01/rss.xml",
        "/archive/9999-12/rss.xml",
        "/archive/2024-02-30/rss.xml",
        "/archive/2024-01/3-of-2/rss.xml",
        "/archive/2024-01/1-of-3/rss.xml",
        f"{address}?q=story",
    ):
        assert get(app, none).code == 404, none


def test_a_month_that_is_over_stays_as_it_is_when_others_come(tmp_path: Path) -> None:
    folder = news(tmp_path / "records", 60)
    app = application(folder)
    write(folder, "march.md", publishedDateTime="2024-03-20T00:00:00Z")
    addresses = "/2024/01/atom.xml", "/archive/2024-03/atom.xml"
    before = [get(app, address) for address in addresses]
    load(app, folder)
    assert [get(app, address) for address in addresses] == before


@pytest.mark.parametrize("address", ["/2023/12/rss.xml", "/2024/13/", "/2024/1/", "/2024/"])
def test_a_month_without_entries_is_not_found(app: Flask, address: str) -> None:
    assert get(app, address).code == 404


def test_pages_for_people_link_the_months(app: Flask) -> None:
    body = get(app, "/topics/c-plus-plus/").body.decode()
    for month in ("01", "02", "03"):
        assert f'href="/topics/c-plus-plus/2024/{month}/"' in body


# -- what is public ----------------------------------------------------------


def documents(app: Flask) -> Iterator[Answer]:
    """Every document that links lead to from the home page, and the feeds beside it."""
    seen: set[str] = set()
    waiting = ["/", "/rss.xml", "/atom.xml"]
    while waiting:
        address = waiting.pop()
        if address in seen or len(seen) > 400:
            continue
        seen.add(address)
        answer = get(app, address)
        if "/stories/" in address and answer.code == 307:  # another record leads it
            answer = get(app, str(answer.get("Location")).removeprefix(ROOT))
        assert answer.code == 200, address
        yield answer
        text = answer.body.decode()
        waiting += re.findall(r'href="(/[^"#]*)', text.replace("&amp;", "&"))


@pytest.mark.slow
def test_nothing_that_is_secured_or_hidden_leaves_the_program(tmp_path: Path) -> None:
    app = application(SEEDS, database_url=f"sqlite:///{tmp_path}/seeds.db")
    sources = [path.read_text(encoding="utf-8") for path in SEEDS.rglob("*.*")]
    secured = [s for text in sources for s in re.findall(r'^secured: "?([^"\n]+)', text, re.M)]
    hidden: list[Any] = []
    for text in sources:
        if re.search(r"^(published: false|removed: true|deleted: true)", text, re.M):
            hidden += re.findall(r"^webUrl: [\"']?([^\"'\n]+)", text, re.M)
    assert secured
    assert hidden
    everything = b"".join(answer.body for answer in documents(app)).decode()
    assert len(everything) > 1_000_000
    assert [value[:40] for value in secured if value[:40] in everything] == []
    entry = '<h3 dir="auto"><a href="{}"'  # a story may list it as coverage
    pages = (f'<article class="entry">\n<div>\n{entry}', f'<li class="brief">\n{entry}')
    assert all(form.partition("{}")[0] in everything for form in pages)
    shown = ('rel="alternate" href="{}"', "<link>{}</link>", *pages)
    leaked = [url for url in hidden for form in shown if form.format(escape(url)) in everything]
    assert leaked == []


NAVIGATION = {"sec_fetch_mode": "navigate", "sec_fetch_dest": "document"}


def test_a_feed_opened_in_a_browser_leads_to_its_page(app: Flask) -> None:
    get(app, "/topics/ai/atom.xml?limit=3")
    answer = get(app, "/topics/ai/atom.xml?limit=3&utm_source=x", **NAVIGATION)
    assert answer.code == 303
    assert answer.get("Location") == f"{ROOT}/topics/ai/?limit=3#subscribe"
    assert answer.get("Cache-Control") == "no-store"
    assert answer.get("Vary") == "Sec-Fetch-Mode, Sec-Fetch-Dest"


def test_what_is_no_navigation_gets_the_feed(app: Flask) -> None:
    whole = get(app, "/rss.xml").body
    for headers in (
        {"sec_fetch_mode": "cors", "sec_fetch_dest": "empty"},
        {"sec_fetch_mode": "navigate", "sec_fetch_dest": "iframe"},
        {"accept": "text/html,application/xhtml+xml"},
    ):
        assert get(app, "/rss.xml", **headers).body == whole
    assert get(app, "/rss.xml?raw", **NAVIGATION).body == whole
    assert get(app, "/", **NAVIGATION).code == 200


def test_a_provider_who_has_a_domain_for_itself_has_one_address(tmp_path: Path) -> None:
    folder = tmp_path / "records"
    write(folder, "a.md", provider={"name": "One", "domain": "example.org"})
    app = application(folder)
    answer = get(app, "/amp/providers/example.org/one/rss.xml")
    assert answer.code == 307
    assert answer.get("Location") == f"{ROOT}/amp/providers/example.org/rss.xml"
    write(folder, "b.md", webUrl=ROOT, provider={"name": "Two", "domain": "example.org"})
    load(app, folder)
    assert get(app, "/amp/providers/example.org/one/rss.xml").code == 200


def test_slashes_at_the_start_are_not_folded(app: Flask) -> None:
    assert get(app, "//").code == 404
    assert get(app, "//topics/ai/").code == 404


def test_a_page_of_the_past_offers_the_feed_that_goes_on(app: Flask) -> None:
    for address in ("/topics/ai/?page=2", "/topics/ai/2024/01/"):
        page = get(app, address)
        assert page.code == 200
        assert b'<a href="/topics/ai/rss.xml"' in page.body


# -- feeds that outlive their records, and former addresses --------------------------


FEEDS_TOML = """
[topics]
retired = ["old"]
[topics.aliases]
Golang = "AI"
[redirects]
"/blog.xml" = "/topics/ai/atom.xml"
"""


def test_former_addresses_and_what_became_of_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "feeds.toml").write_text(FEEDS_TOML)
    folder = tmp_path / "records"
    write(folder, "a.md", topics=["Go"])
    write(folder, "b.md", topics=["Secret"])
    write(folder, "c.md", topics=["AI"])
    app = application(folder)
    (folder / "a.md").unlink()
    write(folder, "b.md", topics=["Secret"], removed=True)
    load(app, folder)
    empty = get(app, "/topics/go/rss.xml")
    assert (empty.code, feedparser.parse(empty.body).feed.title) == (200, "Go – News")
    assert b"There are no entries now." in get(app, "/topics/go/").body
    answers = {
        "/topics/secret/atom.xml": (410, None),
        "/topics/old/": (410, None),
        "/topics/never/": (404, None),
        "/topics/golang/rss.xml": (308, f"{ROOT}/topics/ai/rss.xml"),
        "/topics/golang/rss.xml?page=1&topic=ai": (308, f"{ROOT}/topics/ai/rss.xml"),
        "/rss.xml?topic=golang": (308, f"{ROOT}/topics/ai/rss.xml"),
        "/feed/": (301, f"{ROOT}/rss.xml"),
        "/feed.xml": (301, f"{ROOT}/atom.xml"),
        "/blog.xml": (301, f"{ROOT}/topics/ai/atom.xml"),
        "/tags/never/index.xml": (404, None),
    }
    found = {path: get(app, path) for path in answers}
    assert {path: (one.code, one.get("Location")) for path, one in found.items()} == answers
    assert b"ecret" not in found["/topics/secret/atom.xml"].body.replace(b"/topics/secret/", b"")
    assert found["/topics/old/"].body.startswith(b"Gone: /topics/old/: the topic old was retired.")
