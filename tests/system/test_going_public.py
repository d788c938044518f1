"""nginx with the lines of docs/going-public.md and docs/migrating.md, as they are."""

import re
import ssl
import subprocess
from collections.abc import Iterator
from http.client import HTTPSConnection
from typing import NamedTuple

import pytest

from feeds.catalog.former_feeds import FormerFeeds
from tests.helpers.caches import NGINX
from tests.helpers.server import PATIENCE, PROJECT, Served, free_port, news, program
from tests.helpers.support import CONFIG, addresses

pytestmark = pytest.mark.servers
BROWSER = {"Sec_Fetch_Dest": "document", "Sec_Fetch_Mode": "navigate"}


def lines(page: str) -> list[str]:
    text = (PROJECT / "docs" / page).read_text(encoding="utf-8")
    return re.findall(r"^```nginx\n(.*?)^```", text, re.M | re.S)


class Public(NamedTuple):
    """A server of ours that is published at a path, and nginx in front of it."""

    origin: Served
    site: Served
    plain: int
    tls: int


@pytest.fixture(scope="module")
def public(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Public]:
    home = tmp_path_factory.mktemp("public")
    origin = Served(
        news(home / "news"), home / "origin", {"FEEDS_BASE_URL": "https://example.org/feeds"}
    )
    plain, tls, port = free_port(), free_port(), free_port()
    key, certificate = home / "key.pem", home / "certificate.pem"
    subprocess.run(
        [program("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=x",
         "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    own_host, below_path = lines("going-public.md")
    (redirects,) = lines("migrating.md")
    own_host = own_host.replace("listen 80;", f"listen 127.0.0.1:{plain};")
    own_host = own_host.replace("listen 443 ", f"listen 127.0.0.1:{tls} ")
    own_host = re.sub(r"/etc/\S+fullchain\.pem", str(certificate), own_host)
    own_host = re.sub(r"/etc/\S+privkey\.pem", str(key), own_host)
    there = "location = /rss.xml { return 200; }"
    site = f"server {{ listen 127.0.0.1:{port}; {there}\n{below_path}{redirects}}}\n"
    ours = (own_host + site).replace("127.0.0.1:8000", f"127.0.0.1:{origin.port}")
    (home / "feeds.conf").write_text(ours, encoding="utf-8")
    (home / "nginx.conf").write_text(NGINX.format(home=home), encoding="utf-8")
    command = (program("nginx"), "-c", home / "nginx.conf", "-p", home)
    nginx = Served(home, home, command=command, port=port)
    try:
        yield Public(origin.start(), nginx.start(), plain, tls)
    finally:
        nginx.stop()
        origin.stop()


@pytest.mark.parametrize("coding", ["br", "gzip", "identity"])
def test_tls_gives_what_feeds_gives(public: Public, coding: str) -> None:
    sent = public.origin.get("/topics/ai/rss.xml?limit=2", Accept_Encoding=coding)
    unchecked = ssl._create_unverified_context()  # noqa: S323 - our own certificate
    connection = HTTPSConnection("127.0.0.1", public.tls, timeout=PATIENCE, context=unchecked)
    connection.request("GET", "/topics/ai/rss.xml?limit=2", headers={"Accept-Encoding": coding})
    response = connection.getresponse()
    assert (response.status, response.read()) == (200, sent.body)
    names = ("ETag", "Content-Encoding", "Content-Type", "Link", "Cache-Control", "Vary")
    assert [response.headers[name] for name in names] == [sent.get(name) for name in names]
    headers = {"Accept-Encoding": coding, "If-None-Match": str(sent.get("ETag"))}
    connection.request("GET", "/topics/ai/rss.xml?limit=2", headers=headers)
    assert connection.getresponse().status == 304
    connection.close()


def test_without_tls_everybody_is_led_to_it(public: Public) -> None:
    answer = Served(public.site.folder, public.site.home, port=public.plain).get("/rss.xml?q=x")
    assert (answer.code, answer.get("Location")) == (301, "https://feeds.example.org/rss.xml?q=x")


def test_below_a_path_feeds_pages_and_redirects_are_right(public: Public) -> None:
    feed = public.site.get("/feeds/topics/ai/rss.xml?limit=2")
    assert feed.body == public.origin.get("/topics/ai/rss.xml?limit=2").body
    assert b'href="https://example.org/feeds/topics/ai/rss.xml?limit=2"' in feed.body
    assert public.site.get("/feeds/topics/c-plus-plus/").code == 200
    opened = public.site.get("/feeds/topics/ai/rss.xml", **BROWSER)
    assert (opened.code, opened.get("Location")) == (
        303,
        "https://example.org/feeds/topics/ai/#subscribe",
    )


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("/feed.xml", "/atom.xml"),
        ("/index.xml", "/rss.xml"),
        ("/tags/sea-fog/index.xml", "/topics/sea-fog/rss.xml"),
        ("/feed/", "/rss.xml"),
        ("/feed/atom/", "/atom.xml"),
        ("/category/news/local/feed/", "/topics/local/rss.xml"),
        ("/tag/fog/feed/", "/topics/fog/rss.xml"),
    ],
)
def test_the_address_of_an_old_feed_leads_to_the_new_one(
    public: Public, old: str, new: str
) -> None:
    answer = public.site.get(old)
    assert (answer.code, answer.get("Location")) == (301, f"https://feeds.example.org{old}")
    query = FormerFeeds(CONFIG, addresses()).query(old)
    assert query is not None
    assert addresses().path(query) == new


def test_other_addresses_of_the_site_stay(public: Public) -> None:
    for path in ("/feedback/", "/tags/fog/", "/feeding.html", "/posts/index.html"):
        assert public.site.get(path).code == 404
