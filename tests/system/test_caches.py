"""Varnish and nginx in front, with the configurations in deploy/ as they are."""

import gzip
import os
import re
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, Final

import brotli
import pytest
import zstandard

from feeds import urls
from tests.helpers.caches import DEPLOY, KINDS, Front, in_front
from tests.helpers.caches import varnish as in_front_of
from tests.helpers.server import PATIENCE, Answer, Served, free_port, news, until
from tests.helpers.support import write

pytestmark = pytest.mark.servers
BROWSER: Final = {"Accept_Encoding": "gzip, deflate, br, zstd"}
DECODERS: Final = {
    "gzip": gzip.decompress,
    "br": brotli.decompress,
    "zstd": lambda body: zstandard.ZstdDecompressor().decompressobj().decompress(body),
    "identity": bytes,
}
OWN: Final = {"age", "via", "x-varnish", "x-cache", "date", "server", "connection", "accept-ranges"}


@pytest.fixture(scope="module")
def fronts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, Front]]:
    """Caches whose documents stay fresh as long as the tests last."""
    with in_front(tmp_path_factory.mktemp("front")) as found:
        yield found


@pytest.fixture(params=KINDS)
def front(request: pytest.FixtureRequest, fronts: Mapping[str, Front]) -> Front:
    """Each of them."""
    return fronts[request.param]


@pytest.fixture
def varnish(fronts: Mapping[str, Front]) -> Front:
    """The one that forgets by key."""
    return fronts["varnish"]


def ends(answer: Answer) -> list[tuple[str, str]]:
    """The headers that aren't the cache's, but for the keys."""
    kept = [(name.lower(), value) for name, value in answer.headers]
    return [(n, v) for n, v in kept if n not in OWN | {"xkey", "surrogate-key"}]


@pytest.mark.parametrize("coding", DECODERS)
def test_a_document_is_what_the_origin_sends_in_each_coding_and_then_a_hit(
    front: Front, coding: str
) -> None:
    address = "/topics/ai/rss.xml"
    sent = front.origin.get(address, Accept_Encoding=coding)
    for _ in range(2):
        answer = front.cache.get(address, Accept_Encoding=coding)
        assert (answer.code, answer.body, ends(answer)) == (200, sent.body, ends(sent))
        assert not answer.get("xkey")
        assert not answer.get("Surrogate-Key")
    assert answer.get("X-Cache") == "hit"
    assert answer.get("Content-Encoding") == (None if coding == "identity" else coding)
    assert DECODERS[coding](answer.body) == front.origin.get(address).body


def test_each_client_gets_a_coding_that_it_takes(front: Front) -> None:
    expected = {
        "gzip, deflate, br, zstd": "br",
        "GZIP": "gzip",
        "gzip;q=1.0, br;q=0": "gzip",
        "br;q=0.0, zstd ;q=0.5": "zstd",
        "gzip;q=0": None,
        "x-gzip, brotli": None,
        "": None,
        "*": None,
    }
    for header, coding in expected.items():
        answer = front.cache.get("/atom.xml", Accept_Encoding=header)
        assert (answer.code, answer.get("Content-Encoding")) == (200, coding), header
    assert front.cache.get("/atom.xml").get("Content-Encoding") is None
    assert front.cache.get("/atom.xml", Accept_Encoding="identity;q=0").code == 406
    assert front.cache.get("/atom.xml").code == 200


def test_304_comes_from_the_cache_for_each_codings_own_etag(front: Front) -> None:
    tags = set()
    for coding in DECODERS:
        tag = str(front.cache.get("/rss.xml", Accept_Encoding=coding).get("ETag"))
        tags.add(tag)
        answer = front.cache.get("/rss.xml", Accept_Encoding=coding, If_None_Match=tag)
        assert (answer.code, answer.body, answer.get("ETag")) == (304, b"", tag)
        assert answer.get("X-Cache") == "hit"
        assert "max-age=420" in str(answer.get("Cache-Control"))
    assert len(tags) == len(DECODERS)
    for tag in tags:
        answer = front.cache.get("/rss.xml", Accept_Encoding="gzip", If_None_Match=tag)
        assert answer.code == (304 if tag.endswith('-gzip"') else 200)
    dated = str(front.cache.get("/rss.xml").get("Last-Modified"))
    assert front.cache.get("/rss.xml", If_Modified_Since=dated).code == 304


def test_head_is_answered_from_the_cache(front: Front) -> None:
    whole = front.cache.get("/feed.json")
    answer = front.cache.get("/feed.json", method="HEAD")
    assert (answer.code, answer.body, answer.get("X-Cache")) == (200, b"", "hit")
    assert answer.get("ETag") == whole.get("ETag")


@pytest.mark.parametrize("file", ["rss.xml", "atom.xml", "feed.json"])
def test_a_browser_is_led_to_the_page_and_nobody_else_is(front: Front, file: str) -> None:
    address = f"/topics/c-plus-plus/{file}"
    opened = {"Sec_Fetch_Mode": "navigate", "Sec_Fetch_Dest": "document"}
    for _ in range(2):
        assert front.cache.get(address, **opened).code == 303
        assert front.cache.get(address).code == 200
    assert front.cache.get(f"{address}?raw", **opened).code == 200
    assert front.is_hit(address, Sec_Fetch_Mode="cors", Sec_Fetch_Dest="empty")
    assert front.cache.get(address, **opened).get("Cache-Control") == "no-store"


def test_tracking_parameters_share_one_object(front: Front) -> None:
    for address in ("/types/articles/rss.xml?", "/rss.xml?limit=3&"):
        whole = front.cache.get(address[:-1])
        front.is_hit(address[:-1])
        for more in ("utm_source=a", "utm_source=b&utm_medium=c&fbclid", "GCLID=x&itm_y&ref=z"):
            answer = front.cache.get(address + more)
            assert (answer.body, answer.get("X-Cache")) == (whole.body, "hit"), more
    assert front.is_hit("/rss.xml?utm_source=a&limit=3")


def test_other_parameters_are_told_apart_as_they_are_written(front: Front) -> None:
    for parameters in (
        "limit=3&page=2",
        "page=3&limit=3",
        "limit=3",
        "q=story&sort=relevance",
        "exclude_topic=c-plus-plus&limit=3",
        "topic=ai&topic=c-plus-plus&limit=3",
        "%6cimit=3",
        "LIMIT=3",
        "limit=4&LIMIT=3",
        "q=a%26limit%3D3",
        "limit=0",
        "page=",
        "page",
        "limit=3&limit=4",
        "x&limit=3",
        "limit=3&raw",
        "topics=ai",
    ):
        sent = front.origin.get(f"/rss.xml?{parameters}")
        for _ in range(2):
            answer = front.cache.get(f"/rss.xml?{parameters}")
            assert (answer.code, answer.body) == (sent.code, sent.body), parameters
    assert front.is_hit("/rss.xml?topic=ai&topic=c-plus-plus&limit=3")
    assert front.cache.get("/rss.xml?limit=0").code == 400


OTHERWISE: Final = {
    "/topics/AI?utm_source=a": "/topics/ai/",
    "/rss.xml?page=2&limit=3": "/rss.xml?limit=3&page=2",
    "/rss.xml?utm_source=a&page=2&x=y&limit=3&fbclid=z": "/rss.xml?limit=3&page=2",
    "/atom.xml?sort=heat&min_quality=10&exclude_topic=ai": (
        "/atom.xml?exclude_topic=ai&min_quality=10&sort=heat"
    ),
    "/feed.json?topic=ai&limit=3&topic=c%2B%2B": "/feed.json?topic=ai&topic=c-plus-plus&limit=3",
    "/?q=&sort=&topic=AI&provider=&min_quality=": "/topics/ai/",
    "/rss.xml?q=story++of&sort=newest": "/rss.xml?q=story+of",
    "/embed/?accent=0A6E5C&theme=dark&page=2": "/embed/?theme=dark&accent=0a6e5c",
    "/feeds.opml?format=rss": "/feeds.opml",
    "/about/?topic=ai": "/about/",
    "/rss.xml?limit=3&raw&page=1": "/rss.xml?limit=3&raw",
    "/feed/?page=3": "/rss.xml",
}


@pytest.mark.parametrize("by", ["origin", "cache"])
def test_every_redirect_ends_after_one_hop(front: Front, by: str) -> None:
    server: Served = getattr(front, by)
    for address, canonical in OTHERWISE.items():
        moved = server.get(address)
        assert moved.code in (301, 308), address
        assert moved.get("Location") == front.origin.url + canonical
        assert server.get(canonical).code == 200
    opened = {"Sec_Fetch_Mode": "navigate", "Sec_Fetch_Dest": "document"}
    for address in ("/topics/AI/rss.xml?page=2&limit=3", "/topics/ai/rss.xml?limit=3&page=2"):
        moved = server.get(address, **opened)
        page = "/topics/ai/?limit=3&page=2"
        assert (moved.code, moved.get("Location")) == (303, f"{front.origin.url}{page}#subscribe")
        assert server.get(page, **opened).code == 200


def test_the_tracking_parameters_of_the_configurations_are_ours() -> None:
    for name in ("varnish.vcl", "nginx-cache.conf"):
        text = (DEPLOY / name).read_text()
        names = "|".join(re.findall(r"(utm_[a-z_|*\\]+)", text)[-1:])
        patterns = [urls._IDENTITY_PARAMETERS, urls._LINK_PARAMETERS]
        assert names == "|".join(one.pattern[1:-3] for one in patterns)


def test_a_new_version_of_an_asset_is_another_object(front: Front) -> None:
    address = "/static/headlines.js"
    for version in ("1", "2"):
        assert not front.is_hit(f"{address}?v={version}")
        assert front.is_hit(f"{address}?v={version}")


def test_health_is_asked_and_figures_are_not_shown(front: Front) -> None:
    for address in ("/healthz", "/readyz", "/healthz?x=1"):
        answer = front.cache.get(address)
        assert (answer.code, answer.get("Cache-Control")) == (200, "no-store")
        assert answer.get("X-Cache") != "hit"
    for address in ("/metrics", "/metrics?x", "/metrics/", "/%6detrics", "/stats/", "/stat%73"):
        for method in ("GET", "POST"):
            answer = front.cache.get(address, method=method)
            assert answer.code == 404
            assert b"All topics and providers" not in answer.body  # it isn't feeds that says so


def test_what_is_not_there_is_not_kept(front: Front) -> None:
    topic = f"late-{front.kind}"
    assert front.cache.get(f"/topics/{topic}/rss.xml").code == 404
    assert front.cache.get(f"/topics/{topic}/rss.xml?page=nonsense").code == 400
    write(front.folder, f"{topic}.md", topics=[topic])
    until(lambda: front.cache.get(f"/topics/{topic}/rss.xml").code == 200)


def test_scripts_may_ask_and_nothing_else_is_done(front: Front) -> None:
    answer = front.cache.get("/rss.xml", method="OPTIONS")
    assert (answer.code, answer.get("Access-Control-Allow-Methods")) == (204, "GET, HEAD")
    assert front.cache.get("/rss.xml", method="DELETE").code == 405
    assert front.cache.get("/rss.xml").code == 200


def test_cookies_and_host_names_make_no_difference(front: Front) -> None:
    front.cache.get("/rss.xml")
    assert front.is_hit("/rss.xml", Cookie="session=1", Authorization="Basic eDp5")
    connection = HTTPConnection("127.0.0.1", front.cache.port, timeout=PATIENCE)
    connection.putrequest("GET", "/rss.xml", skip_host=True, skip_accept_encoding=True)
    connection.putheader("Host", "another.example")
    connection.endheaders()
    response = connection.getresponse()
    assert (response.status, response.headers["X-Cache"]) == (200, "hit")
    connection.close()


def test_of_many_who_ask_at_once_for_what_is_not_there_one_asks_the_origin(front: Front) -> None:
    address = "/rss.xml?q=story&limit=199"
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: front.cache.get(address, **BROWSER), range(16)))
    assert len({answer.body for answer in answers}) == 1
    assert [answer.get("X-Cache") for answer in answers].count("miss") == 1


def test_a_delta_is_for_who_asked_and_the_others_get_the_whole_feed(front: Front) -> None:
    address = "/topics/ai/atom.xml"
    before = front.cache.get(address)
    tag = str(before.get("ETag"))
    asking = {"A_IM": "FEED", "If_None_Match": tag, "User_Agent": "delta/1"}
    answer = front.cache.get(address, **asking)
    assert (answer.code, answer.get("X-Cache")) == (304, "hit")
    assert front.cache.get(address, A_IM="feed").code == 200
    if front.kind == "nginx":  # a change is seen when it is no longer fresh
        return
    write(front.folder, "delta.md", topics=["AI"], publishedDateTime="2025-01-01T00:00:00Z")
    whole = until(lambda: b'/delta"' in (found := front.cache.get(address)).body and found)
    delta = front.cache.get(address, **asking)
    assert (delta.code, delta.get("IM"), delta.get("Cache-Control")) == (226, "feed", "no-store")
    assert len(delta.body) < len(whole.body) / 5
    assert front.cache.get(address).body == whole.body
    assert front.is_hit(address)
    # Whoever is first to ask for what isn't there gets what everybody gets.
    other = f"{address}?limit=7"
    answer = front.cache.get(other, **asking | {"If_None_Match": '"x"'})
    assert (answer.code, answer.get("X-Cache"), answer.get("IM")) == (200, "miss", None)
    assert front.is_hit(other)
    present = asking | {"If_None_Match": str(whole.get("ETag"))}
    answer = front.cache.get(address, **present)
    assert (answer.code, answer.get("X-Cache")) == (304, "hit")


# -- purges: Varnish's alone -------------------------------------------------


def test_a_load_purges_exactly_what_it_changed(varnish: Front) -> None:
    write(varnish.folder, "space.md", topics=["Space"], publishedDateTime="2023-05-01T00:00:00Z")
    until(lambda: varnish.cache.get("/topics/space/rss.xml").code == 200)
    changing = [
        "/rss.xml",
        "/feed.json",
        "/amp/rss.xml",
        "/topics/ai/rss.xml",
        "/topics/ai/atom.xml?limit=2",
        "/providers/times.example.com/atom.xml",
        "/topics/ai/providers/times.example.com/rss.xml",
        "/types/articles/rss.xml",
        "/2025/02/atom.xml",
        "/",
        "/topics/space/",
        "/feeds.opml",
        "/feeds.json",
        "/sitemap.xml",
        "/rss.xml?exclude_topic=space",
    ]
    staying = [
        "/topics/space/rss.xml",
        "/topics/space/feed.json",
        "/topics/c-plus-plus/rss.xml",
        "/topics/c-plus-plus/providers/times.example.com/atom.xml",
        "/2024/01/atom.xml",
        "/topics/ai/2024/01/atom.xml",
        "/about/",
        "/static/headlines.js",
    ]
    said: dict[str, Any] = {"provider": {"name": "Example Times", "domain": "times.example.com"}}
    said |= {"topics": ["AI"], "type": "article", "publishedDateTime": "2025-02-01T00:00:00Z"}
    write(varnish.folder, "new.md", **said)
    _loaded_and_purged(varnish)
    for address in changing + staying:
        varnish.cache.get(address)
        assert varnish.is_hit(address)
    purges = varnish.origin.log.count("was purged")
    write(varnish.folder, "new.md", **said, title="Another title")
    until(lambda: varnish.origin.log.count("was purged") > purges)
    for address in changing:
        answer = varnish.cache.get(address)
        assert answer.get("X-Cache") == "miss", address
        assert answer.body == varnish.origin.get(address).body
    for address in staying:
        assert varnish.is_hit(address), address


def _loaded_and_purged(varnish: Front) -> None:
    """Waits until the cache was told of all that was written so far."""
    until(lambda: b"/new<" in varnish.cache.get("/topics/ai/rss.xml").body)
    time.sleep(1.5)  # should another purge be under way


def test_the_publisher_alone_purges_and_by_keys_alone(varnish: Front) -> None:
    varnish.cache.get("/rss.xml")
    connection = HTTPConnection(
        "127.0.0.1", varnish.cache.port, timeout=PATIENCE, source_address=("127.0.0.2", 0)
    )
    connection.request("PURGE", "/", headers={"xkey": "all"})
    assert connection.getresponse().status == 403
    connection.close()
    assert varnish.cache.get("/rss.xml", method="PURGE").code == 400
    assert varnish.is_hit("/rss.xml")
    assert varnish.cache.get("/", method="PURGE", xkey="topic/nothing /").code == 200
    assert not varnish.is_hit("/rss.xml")


def test_what_was_purged_is_waited_for_by_everybody_together(varnish: Front) -> None:
    varnish.cache.get("/rss.xml")
    varnish.cache.get("/", method="PURGE", xkey="all")
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: varnish.cache.get("/rss.xml"), range(16)))
    assert [answer.get("X-Cache") for answer in answers].count("miss") == 1


def test_a_feed_that_lost_its_entries_stays_empty(varnish: Front) -> None:
    write(varnish.folder, "brief.md", topics=["Brief"])
    until(lambda: varnish.cache.get("/topics/brief/rss.xml").code == 200)
    (varnish.folder / "brief.md").unlink()
    until(lambda: b"<item>" not in varnish.cache.get("/topics/brief/rss.xml").body)
    end = time.monotonic() + 2.5  # what isn't there is remembered for a second
    while time.monotonic() < end:
        answer = varnish.cache.get("/topics/brief/rss.xml")
        assert (answer.code, b"<item>" in answer.body) == (200, False)
        time.sleep(0.1)


# -- while the origin is away -------------------------------------------------


def test_feeds_are_served_on_while_the_origin_is_down_for_as_long_as_it_said(
    tmp_path: Path,
) -> None:
    ages = {
        "FEEDS_MAX_AGE": "1",
        "FEEDS_STALE_WHILE_REVALIDATE": "1",
        "FEEDS_STALE_IF_ERROR": "5",
    }
    shorter = ("req.grace = 60s", "req.grace = 1s")
    with in_front(tmp_path, shorter, **ages) as fronts:
        origin, folder = fronts["nginx"].origin, fronts["nginx"].folder
        caches = [front.cache for front in fronts.values()]
        write(folder, "fresh.md", topics=["AI"], publishedDateTime="2025-01-01T00:00:00Z")
        until(lambda: b"/fresh<" in origin.get("/topics/ai/rss.xml").body)
        addresses = ("/rss.xml", "/topics/ai/atom.xml", "/feed.json", "/")
        held = {address: origin.get(address, **BROWSER).body for address in addresses}
        for cache in caches:  # one that doesn't forget by key sees a change all the same
            for address, body in held.items():
                until(partial(_gives, cache, address, body))
        assert origin.process is not None
        os.killpg(origin.process.pid, signal.SIGKILL)
        origin.process.wait()
        down = time.monotonic()
        # What was purged is better than nothing.
        assert fronts["varnish"].cache.get("/", method="PURGE", xkey="all").code == 200
        while time.monotonic() < down + 3:
            for cache in caches:
                for address, body in held.items():
                    answer = cache.get(address, **BROWSER)
                    assert (answer.code, answer.body) == (200, body)
                asked = {"A_IM": "feed", "If_None_Match": '"before"', **BROWSER}
                assert cache.get("/rss.xml", **asked).code == 200
            time.sleep(0.2)
        for cache in caches:
            missing = cache.get("/topics/c-plus-plus/rss.xml")
            assert (missing.code, missing.get("Retry-After")) == (503, "30")
            assert missing.body.startswith(b"Unavailable: ")
            until(partial(_gives, cache, "/rss.xml", missing.body))
            assert time.monotonic() - down > 4
        origin.start()
        for cache in caches:
            until(partial(_gives, cache, "/atom.xml", origin.get("/atom.xml", **BROWSER).body))


def _gives(cache: Served, address: str, body: bytes) -> bool:
    return cache.get(address, **BROWSER).body == body


def test_a_forged_path_keeps_no_other_document_under_an_address(tmp_path: Path) -> None:
    """Not even of gunicorn as it comes, which takes SCRIPT_NAME from its own machine."""
    port = free_port()
    gunicorn = (sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{port}")
    origin = Served(
        news(tmp_path / "news"),
        tmp_path / "origin",
        {},
        (*gunicorn, "feeds:create_app()"),
        port,
    )
    (tmp_path / "varnish").mkdir()
    cache = in_front_of(origin.port, tmp_path / "varnish")
    try:
        origin.start()
        cache.start()
        address = "/topics/ai/atom.xml"
        forged = "SCRIPT_NAME: /topics/ai\r\nPATH_INFO: /atom.xml\r\n"
        sent = cache.raw(f"GET {address} HTTP/1.1\r\nHost: x\r\n{forged}\r\n".encode())
        assert sent.startswith(b"HTTP/1.1 200 OK")
        assert cache.get(address).body == origin.get(address).body
    finally:
        cache.stop()
        origin.stop()
