"""Feed readers that people use, against a real server."""

import configparser
import json
import mailbox
import subprocess
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import feedparser
import pytest

from tests.helpers.server import Served, clean_environment, news, program, until
from tests.helpers.support import write


class Proxy(ThreadingHTTPServer):
    """Passes requests on to a server and remembers the status of each answer."""

    daemon_threads = False

    def __init__(self, port: int) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.to = port
        self.seen: list[int] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Proxy

    def do_GET(self) -> None:
        connection = HTTPConnection("127.0.0.1", self.server.to)
        connection.request("GET", self.path, headers=dict(self.headers))
        response = connection.getresponse()
        body = response.read()
        self.server.seen.append(response.status)  # before the reader, who may then end, has it
        self.send_response_only(response.status)
        for name, value in response.getheaders():
            if name.lower() != "connection":
                self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        connection.close()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server(tmp_path: Path, serve: Callable[..., Served]) -> Served:
    return serve(news(tmp_path / "records"))


@pytest.fixture
def proxy(server: Served) -> Iterator[Proxy]:
    with Proxy(server.port) as made:
        thread = Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield made
        made.shutdown()
        thread.join()


def add(server: Served, name: str, published: str = "2024-03-01T00:00:00Z") -> None:
    """One more record, loaded and served."""
    tag = server.get("/rss.xml").get("ETag")
    write(server.folder, f"{name}.md", title=name, publishedDateTime=published)
    server.load()
    until(lambda: server.get("/rss.xml").get("ETag") != tag)


@pytest.mark.servers
@pytest.mark.parametrize("file", ["rss.xml", "atom.xml"])
def test_newsboat_gets_new_entries_once_and_then_304(
    server: Served, proxy: Proxy, file: str
) -> None:
    newsboat = program("newsboat")
    home = server.home / "newsboat"
    home.mkdir()
    (home / "urls").write_text(f"{proxy.url}/{file}\n")
    (home / "config").write_text("")

    def poll() -> str:
        done = ""
        for command in ("reload", "print-unread"):
            done = subprocess.run(
                [newsboat, "-u", home / "urls", "-C", home / "config", "-c", home / "cache.db",
                 "-x", command],
                env=clean_environment(home), capture_output=True, text=True, check=True,
            ).stdout  # fmt: skip
        return done.strip()

    assert [poll() for _ in range(3)] == ["5 unread articles"] * 3
    # 2.21 keeps no validators of its very first reload.
    assert (proxy.seen[0], proxy.seen[2]) == (200, 304)
    add(server, "old", "2001-01-01T00:00:00Z")
    assert [poll() for _ in range(2)] == ["6 unread articles"] * 2
    assert proxy.seen[3:] == [226, 304]


@pytest.mark.servers
def test_rss2email_gets_new_entries_once_and_then_304(server: Served, proxy: Proxy) -> None:
    r2e = program("r2e")
    home = server.home / "r2e"
    home.mkdir()
    inbox = mailbox.Maildir(home / "inbox")

    def run(*arguments: str) -> None:
        done = subprocess.run(
            [r2e, "-VV", "-c", home / "config", "-d", home / "data.json", *arguments],
            env=clean_environment(home) | {"XDG_RUNTIME_DIR": str(home)},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr

    def poll() -> list[str]:
        known = set(inbox.keys())
        run("run")
        return sorted(str(inbox[key]["Subject"]) for key in set(inbox.keys()) - known)

    run("new", "reader@example.org")
    settings = configparser.ConfigParser(interpolation=None)
    settings.read(home / "config")
    settings["DEFAULT"]["email-protocol"] = "maildir"
    settings["DEFAULT"]["maildir-path"] = str(home)
    settings["DEFAULT"]["maildir-mailbox"] = "inbox"
    with (home / "config").open("w") as file:
        settings.write(file)
    run("add", "example", f"{proxy.url}/rss.xml")
    assert [poll() for _ in range(3)] == [[f"Story {n}" for n in range(5)], [], []]
    assert proxy.seen == [200, 304, 304]
    add(server, "New")
    # It takes 226 for an error, and would for ever: it is given the whole feed.
    # Up to 3.13 it has the agent of feedparser and takes 226 for an error: it asks again.
    assert [subject for _ in range(3) for subject in poll()] == ["New"]
    assert proxy.seen[3:] == [226, 200, 304]
    state = json.loads((home / "data.json").read_text())["feeds"][0]
    assert state["etag"] == server.get("/rss.xml", Accept_Encoding="gzip").get("ETag")


@pytest.mark.parametrize("file", ["rss.xml", "atom.xml"])
@pytest.mark.slow
def test_feedparser_gets_everything_then_nothing_then_what_changed(
    server: Served, file: str
) -> None:
    url = f"{server.url}/{file}"
    first = feedparser.parse(url)
    assert (first.status, first.bozo, len(first.entries)) == (200, False, 5)
    assert feedparser.parse(url, etag=first.etag).status == 304
    assert feedparser.parse(url, modified=first.modified).status == 304
    known = feedparser.parse(url, etag=first.etag, modified=first.modified)
    assert (known.status, known.entries) == (304, [])
    add(server, "New")
    delta = feedparser.parse(url, etag=first.etag, modified=first.modified)
    assert (delta.status, delta.bozo) == (226, False)
    assert [entry.title for entry in delta.entries] == ["New"]
    assert (delta.headers["im"], delta.headers["delta-base"]) == ("feed", first.etag)
    assert feedparser.parse(url, etag=delta.etag, modified=delta.modified).status == 304
    whole = feedparser.parse(url)
    assert (whole.status, len(whole.entries), whole.etag) == (200, 6, delta.etag)


@pytest.mark.slow
def test_feedparser_misses_none_of_eighty_records_across_a_restart(server: Served) -> None:
    url = f"{server.url}/atom.xml?limit=50"
    first = feedparser.parse(url)
    added = {f"late {number}" for number in range(80)}
    for name in added:
        write(server.folder, f"{name}.md", title=name, publishedDateTime="2023-05-01T00:00:00Z")
    server.stop()
    server.load()
    server.start()
    known = feedparser.parse(url, etag=first.etag, modified=first.modified)
    assert (known.status, {entry.title for entry in known.entries}) == (226, added)
    assert feedparser.parse(url, etag=known.etag).status == 304


@pytest.mark.slow
def test_of_ten_thousand_records_feedparser_gets_a_thousand_and_archives_lead_to_all(
    server: Served,
) -> None:
    first = feedparser.parse(f"{server.url}/rss.xml")
    added = {f"Late {number}" for number in range(10_000)}
    for number in range(10_000):
        date = f"2023-{number % 3 + 10}-01T00:00:00Z"
        write(server.folder, f"{number:05}.md", title=f"Late {number}", publishedDateTime=date)
    server.load()
    parsed = until(lambda: _changed(server, first.etag))
    assert (parsed.status, len(parsed.entries)) == (226, 1000)
    seen: set[str] = set()
    while parsed is not None:
        seen.update(entry.title for entry in parsed.entries)
        older = [link.href for link in parsed.feed.links if link.rel == "prev-archive"]
        parsed = feedparser.parse(older[0]) if older else None
    assert seen >= added


def _changed(server: Served, etag: str) -> feedparser.FeedParserDict | None:
    parsed = feedparser.parse(f"{server.url}/rss.xml", etag=etag)
    return None if parsed.status == 304 else parsed
