"""What goes over the wire, from gunicorn's processes."""

import gzip
import re
import sqlite3
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path

import pytest

from tests.helpers.server import PATIENCE, PROJECT, Answer, Served, news, until
from tests.helpers.support import write


def without_date(answer: Answer) -> Answer:
    return answer._replace(headers=[(k, v) for k, v in answer.headers if k != "Date"])


def test_a_feed_is_answered_with_a_date_that_is_right(served: Served) -> None:
    answer = served.get("/rss.xml", Accept_Encoding="gzip")
    assert answer.code == 200
    assert b"<rss" in gzip.decompress(answer.body)
    date = parsedate_to_datetime(str(answer.get("Date")))
    assert abs(datetime.now(UTC) - date) < timedelta(seconds=60)
    assert answer.get("Transfer-Encoding") is None


def test_absolute_urls_begin_with_the_address_served_on(served: Served) -> None:
    body = served.get("/atom.xml").body.decode()
    assert f'rel="self" href="{served.url}/atom.xml"' in body


@pytest.mark.parametrize("address", ["/rss.xml", "/", "/nothing/"])
def test_head_has_the_headers_of_get(served: Served, address: str) -> None:
    got = without_date(served.get(address))
    assert without_date(served.get(address, "HEAD")) == got._replace(body=b"")


def test_every_worker_gives_the_same_validators_and_takes_them(served: Served) -> None:
    for address in ("/rss.xml", "/topics/ai/atom.xml", "/"):
        answers = [without_date(served.get(address, Accept_Encoding="br")) for _ in range(12)]
        assert all(answer == answers[0] for answer in answers)
        tag = str(answers[0].get("ETag"))
        again = [served.get(address, Accept_Encoding="br", If_None_Match=tag) for _ in range(12)]
        assert {answer.code for answer in again} == {304}
    modified = str(served.get("/rss.xml").get("Last-Modified"))
    polls = [served.get("/rss.xml", If_Modified_Since=modified).code for _ in range(12)]
    assert set(polls) == {304}


@pytest.mark.slow
def test_validators_hold_across_restarts_and_servers(
    tmp_path: Path, serve: Callable[..., Served]
) -> None:
    folder = news(tmp_path / "records")
    base = {"FEEDS_BASE_URL": "https://feeds.example.org"}
    first = serve(folder, variables=base)
    whole = first.get("/rss.xml", Accept_Encoding="gzip")
    tag, modified = str(whole.get("ETag")), str(whole.get("Last-Modified"))
    second = serve(news(tmp_path / "elsewhere"), home="elsewhere", variables=base)
    first.stop()
    first.start()
    again = first.get("/rss.xml", Accept_Encoding="gzip")
    other = second.get("/rss.xml", Accept_Encoding="gzip")
    assert without_date(again) == without_date(whole)
    assert (other.get("ETag"), other.body) == (tag, whole.body)
    for server, known in ((first, modified), (second, str(other.get("Last-Modified")))):
        for validators in ({"If_None_Match": tag}, {"If_Modified_Since": known}):
            assert server.get("/rss.xml", Accept_Encoding="gzip", **validators).code == 304


def test_a_load_beside_the_server_is_seen_by_every_worker(
    tmp_path: Path, serve: Callable[..., Served]
) -> None:
    server = serve(news(tmp_path / "records"), variables={"FEEDS_WORKERS": "2"})
    since = str(server.get("/rss.xml").get("Last-Modified"))
    write(server.folder, "old.md", title="Found late", publishedDateTime="2001-01-01T00:00:00Z")
    server.load()

    def seen() -> bool:
        answers = [server.get("/rss.xml", If_Modified_Since=since) for _ in range(10)]
        return all(a.code == 200 and b"Found late" in a.body for a in answers)

    assert until(seen)


HOSTILE: list[bytes] = [
    b"//",
    b"//evil.example/",
    b"///evil.example/rss.xml",
    b"/\\evil.example/",
    b"/%5cevil.example/",
    b"/%2f%2fevil.example/",
    b"/%2F",
    b"/topics/%2f/",
    b"/topics/a%2fb/",
    b"/topics/..%2f..%2fetc%2fpasswd",
    b"/..",
    b"/../../etc/passwd",
    b"/topics/../rss.xml",
    b"/./rss.xml/.",
    b"/%2e%2e/%2e%2e/etc/passwd",
    b"/%",
    b"/%zz",
    b"/%c3%28/",
    b"/%ff%fe/",
    b"/%00",
    b"/rss.xml%00.html",
    b"/%0d%0aSet-Cookie:x=1/",
    b"/topics/%0d%0aSet-Cookie:x=1/",
    b"/topics/AI%0d%0aLocation:x/",
    b"/\x01",
    b"/\x7f\x80\xff",
    b"/topics/\xc3\xbc/",
    b"/topics/%F0%9F%9A%80/",
    b"/" + b"a" * 10_000,
    b"/" + b"a/" * 2_000,
    b"/" + b"../" * 1_000,
    b"/rss.xml?" + b"x" * 10_000,
    b"/rss.xml?page=%ff",
    b"/rss.xml?limit=%00",
    b"/rss.xml?page=1%0d%0aX:y",
    b"/?" + b"&".join(b"a%d=1" % n for n in range(600)),
    b"http://evil.example/nothing/",
    b"http://evil.example",
    b"//evil.example/%2e%2e/topics/AI/",
    b"evil.example:443",
    b"*",
    b"nothing",
    b"?page=2",
    b"#",
    b"/nothing#rss.xml",
    b"/<script>alert(1)</script>",
    b"/topics/<script>/",
    b"/topics/' OR 1=1 --/",
    b"/types/${jndi:ldap:x}/",
    b"/providers/[::1]/",
    b"/providers/" + b"xn--" * 50 + b"/",
    b"/99999999999/01/",
    b"/0000/00/rss.xml",
]


@pytest.mark.parametrize("target", HOSTILE, ids=lambda target: ascii(target[:40]))
@pytest.mark.parametrize("method", [b"GET", b"HEAD", b"POST", b"OPTIONS"])
def test_a_hostile_address_is_refused_or_led_home(
    served: Served, target: bytes, method: bytes
) -> None:
    lines = [b"%s %s HTTP/1.1" % (method, target), b"Host: evil.example", b"Connection: close"]
    answer = served.raw(b"\r\n".join([*lines, b"", b""]))
    head, _, body = answer.partition(b"\r\n\r\n")
    status = int(head.split()[1])
    allowed = {b"POST": {405}, b"OPTIONS": {204}}.get(method, set())
    assert status in {200, 308, 400, 404, 414} | allowed
    assert b"set-cookie" not in head.lower()
    for location in re.findall(rb"(?im)^Location: *(.*?)\r?$", head):
        assert location.startswith(served.url.encode() + b"/")
        assert not location.startswith(served.url.encode() + b"//")
    assert b"text/html" not in head or b"<script>" not in body
    if status == 200:
        assert b"evil.example" not in body
        assert method == b"HEAD" or b"<html" in body or b"<rss" in body


@pytest.mark.parametrize("host", ["evil.example", "evil.example:1", "[::1]", "'\"<x>", "", "a b"])
@pytest.mark.parametrize("address", ["/rss.xml", "/", "/topics/AI/", "/nothing/"])
def test_the_host_changes_nothing_in_an_answer(served: Served, host: str, address: str) -> None:
    request = f"GET {address} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
    usual = request.replace(host, f"127.0.0.1:{served.port}", 1) if host else request
    answers = [re.sub(rb"Date: .*", b"", served.raw(r.encode())) for r in (request, usual)]
    if b" 400 " in answers[0][:20]:
        assert b"evil" not in answers[0]
    else:
        assert answers[0] == answers[1]


def test_http_1_0_and_pipelining_are_answered(served: Served) -> None:
    assert served.raw(b"GET /nothing HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.0 404")
    one = b"GET /nothing/ HTTP/1.1\r\nHost: x\r\n\r\n"
    two = one.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    assert served.raw(one + two).count(b"HTTP/1.1 404") == 2


@pytest.mark.slow
@pytest.mark.parametrize("preload", [(), ("--preload",)], ids=["each", "preload"])
def test_gunicorn_serves_the_application_with_workers_that_start_at_once(
    tmp_path: Path, serve: Callable[..., Served], preload: tuple[str, ...]
) -> None:
    gunicorn = (sys.executable, "-m", "gunicorn", "--pythonpath", PROJECT, "--workers", "3")
    patient = ("--timeout", f"{PATIENCE:.0f}")
    server = Served(news(tmp_path / "records", 30), tmp_path / "home")
    bind = ("--bind", f"127.0.0.1:{server.port}")
    server = serve(
        server.folder, port=server.port, command=(*gunicorn, *patient, *bind, *preload, "wsgi:app")
    )
    answers = {without_date(server.get("/rss.xml")).body for _ in range(20)}
    assert len(answers) == 1
    assert "Traceback" not in server.log
    with sqlite3.connect(server.home / "served.db", timeout=PATIENCE) as database:
        assert database.execute("SELECT generation FROM state").fetchall() == [(1,)]
    database.close()
