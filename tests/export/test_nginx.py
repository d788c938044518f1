"""The real nginx serves an export under the configuration that we ship."""

import os
import re
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from http.client import HTTPConnection
from pathlib import Path
from typing import Final

import pytest
from flask import Flask

from feeds.catalog.addresses import PARAMETERS
from feeds.export import manifest
from feeds.export.directory import CODINGS
from feeds.export.manifest import File
from feeds.export.plan import FORMS, SiteSelection
from tests.helpers import collection
from tests.helpers.databases import databases
from tests.helpers.server import (
    PATIENCE,
    PROJECT,
    ROOT,
    Answer,
    call,
    free_port,
    program,
    until,
)
from tests.helpers.support import write

pytestmark = pytest.mark.servers
ARCHIVE: Final = "/topics/ai/archive/2024-03/rss.xml"
CONFIGURATION: Final = PROJECT / "deploy" / "nginx-export.conf"
MODULES: Final = Path("/etc/nginx/modules-enabled")
# What nginx makes itself, or can't know.
OWN: Final = {"ETag", "Link", "Last-Modified", "Content-Length"}
TRANSPORT: Final = {"Server", "Date", "Connection", "Accept-Ranges"}


class Nginx:
    """An nginx that serves a folder; its own connection is kept open."""

    def __init__(self, home: Path, site: Path) -> None:
        self.port = free_port()
        home.mkdir()
        said = CONFIGURATION.read_text(encoding="utf-8")
        changed = re.sub(r"listen 80;", f"listen 127.0.0.1:{self.port};", said)
        changed = changed.replace("root /var/www/feeds;", f"root {site};")
        (home / "site.conf").write_text(changed, encoding="utf-8")
        user = "user root;\n" if os.geteuid() == 0 else ""
        folders = "\n".join(
            f"{kind}_temp_path {home}/{kind};"
            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        (home / "nginx.conf").write_text(
            f"{user}daemon off;\nworker_processes 1;\npid {home}/pid;\nerror_log {home}/log;\n"
            f"include {MODULES}/*.conf;\nevents {{ }}\n"
            f"http {{\naccess_log off;\n{folders}\ninclude {home}/site.conf;\n}}\n",
            encoding="utf-8",
        )
        command = [program("nginx"), "-c", str(home / "nginx.conf"), "-e", str(home / "log")]
        self.log = home / "log"
        self.process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        self.connection = HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        until(self._answers)

    def _answers(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()
        try:
            return self.ask("/robots.txt").code == 200
        except ConnectionError:
            self.connection.close()
            return False

    def ask(self, address: str, method: str = "GET", **headers: str) -> Answer:
        self.connection.putrequest(method, address, skip_accept_encoding=True)
        for name, value in headers.items():
            self.connection.putheader(name.replace("_", "-"), value)
        self.connection.endheaders()
        response = self.connection.getresponse()
        body = response.read()
        return Answer(f"{response.status} {response.reason}", sorted(response.getheaders()), body)

    def close(self) -> None:
        self.connection.close()
        self.process.terminate()
        self.process.wait(PATIENCE)


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    folder = collection.make(tmp_path_factory.mktemp("nginx") / "records")
    now = datetime.now(UTC)
    write(folder, "now.md", publishedDateTime=f"{now:%Y-%m-%dT%H:%M:%SZ}")
    with databases.tidied():
        # No cache in front is told what to forget.
        yield collection.site(folder, surrogate_keys="off")


@pytest.fixture(scope="module")
def out(app: Flask, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("nginx") / "site"
    collection.export(app, folder, SiteSelection(FORMS, ("canonical", "amp")), CODINGS)
    return folder


@pytest.fixture(scope="module")
def files(out: Path) -> dict[str, File]:
    """What was exported, by address."""
    found = manifest.read((out / manifest.NAME).read_bytes(), "").files
    return {"/" + path.removesuffix(manifest.INDEX): file for path, file in found.items()}


@pytest.fixture(scope="module")
def nginx(out: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    if not list(MODULES.glob("*brotli-static*")):
        pytest.skip("libnginx-mod-http-brotli-static isn't installed")
    server = Nginx(tmp_path_factory.mktemp("nginx") / "home", out)
    yield server
    server.close()


def headers(answer: Answer) -> dict[str, str]:
    names = [name for name, _ in answer.headers]
    assert len(names) == len(set(names)), answer.headers
    return {name: value for name, value in answer.headers if name not in OWN | TRANSPORT}


def test_every_address_answers_as_the_server_in_each_coding(
    app: Flask, files: dict[str, File], nginx: Nginx
) -> None:
    for address, file in files.items():
        tags = set()
        for coding in ("identity", *CODINGS):
            asked = {"Accept-Encoding": coding}
            found = nginx.ask(address, **asked)
            if file.location:  # where the server redirects to
                assert (found.code, found.get("Content-Type")) == (200, file.media_type)
                continue
            sent = call(app.wsgi_app, address, asked)
            assert (found.status, found.body) == (sent.status, sent.body)
            assert headers(found) == headers(sent), address
            tags.add(found.get("ETag"))
            if sent.get("Last-Modified"):
                assert found.get("Last-Modified") == sent.get("Last-Modified")
        assert len(tags) == 3 - 3 * bool(file.location), "each coding has an ETag of its own"


def test_each_coding_of_every_address_is_conditional(files: dict[str, File], nginx: Nginx) -> None:
    for address in files:
        tags = {}
        for coding in ("identity", *CODINGS):
            found = nginx.ask(address, "HEAD", Accept_Encoding=coding)
            tags[coding] = str(found.get("ETag"))
            same = nginx.ask(address, Accept_Encoding=coding, If_None_Match=tags[coding])
            assert (same.code, same.body) == (304, b"")
            for name in ("ETag", "Cache-Control", "Vary", "Link"):
                assert same.get(name) == found.get(name)
        other = nginx.ask(address, Accept_Encoding="br", If_None_Match=tags["gzip"])
        assert other.code == 200
        since = str(found.get("Last-Modified"))
        assert nginx.ask(address, Accept_Encoding="br", If_Modified_Since=since).code == 304


def test_links_are_those_of_the_server_but_for_months_and_archives(
    app: Flask, files: dict[str, File], nginx: Nginx
) -> None:
    own = re.compile(r'(?:, )?<[^>]*>; rel="(?:prev-archive|next|previous|current)"')
    for address, file in files.items():
        if not file.location:
            sent = call(app.wsgi_app, address).get("Link")
            assert nginx.ask(address).get("Link") == (own.sub("", sent) if sent else None), address


@pytest.mark.parametrize("name", sorted(PARAMETERS))
def test_a_parameter_is_never_answered_as_if_it_was_not_there(
    app: Flask, nginx: Nginx, name: str
) -> None:
    for said in (
        f"{name}=2",
        f"x=1&{name}=",
        name,
        f"{name}=2&{name}=3",
        f"%{ord(name[0]):x}" + f"{name[1:]}=1",
    ):
        for address in ("/rss.xml", "/", "/topics/ai/", "/feeds.opml", "/embed/"):
            assert call(app.wsgi_app, f"{address}?{said}").code == 404
            assert nginx.ask(f"{address}?{said}").code == 404, said


def test_other_parameters_are_ignored(app: Flask, nginx: Nginx) -> None:
    for said in ("utm_source=x", "v=0", "raw", "pages=2", "xpage=2", "x=page", ""):
        assert call(app.wsgi_app, f"/rss.xml?{said}").code == 200
        assert nginx.ask(f"/rss.xml?{said}").code == 200


@pytest.mark.parametrize(
    "address",
    [
        "/nothing", "/topics/nothing/", "/index.html", "/topics/ai/index.html",
        "/rss.xml.gz", "/rss.xml.br", "/.feeds/manifest.json", "/.feeds/", "/.options",
        "//rss.xml", "/topics//ai/", "/static/", "/stories/", "/2024/",
    ],
)  # fmt: skip
def test_what_is_no_address_is_not_found(nginx: Nginx, address: str) -> None:
    found = nginx.ask(address)
    assert found.code == 404
    assert found.get("Content-Type") == "text/plain"
    assert f"All topics and providers are listed at {ROOT}/\n".encode() in found.body
    assert found.get("Access-Control-Allow-Origin") == "*"


def test_a_folder_without_its_slash_is_led_to_as_by_the_server(app: Flask, nginx: Nginx) -> None:
    for address in ("/topics/ai", "/about", "/embed", "/2024/03", "/amp"):
        found, sent = nginx.ask(address), call(app.wsgi_app, address)
        assert (found.code, found.get("Location")) == (sent.code, sent.get("Location"))
        assert found.code == 308


def test_a_feed_opened_in_a_browser_leads_to_its_page(app: Flask, nginx: Nginx) -> None:
    opened = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    for address in ("/rss.xml", "/topics/ai/feed.json", "/amp/2024/03/atom.xml?x=y", ARCHIVE):
        found, sent = nginx.ask(address, **opened), call(app.wsgi_app, address, opened)
        assert found.code == sent.code == 303
        for name in ("Location", "Cache-Control", "Vary"):
            assert found.get(name) == sent.get(name)
        raw = address + ("&" if "?" in address else "?") + "raw"
        assert nginx.ask(raw, **opened).code == 200
        assert nginx.ask(address, Sec_Fetch_Mode="cors").code == 200
    assert nginx.ask("/", **opened).code == 200


def test_a_script_may_ask_conditionally(app: Flask, nginx: Nginx) -> None:
    found = nginx.ask("/topics/ai/feed.json", "OPTIONS", Origin="https://other.example")
    sent = call(app.wsgi_app, "/topics/ai/feed.json", method="OPTIONS")
    assert found.code == sent.code == 204
    names = [name for name, _ in sent.headers if name.startswith("Access-Control")]
    assert names
    for name in [*names, "Allow"]:
        assert found.get(name) == sent.get(name)


def test_nothing_else_than_reading_is_done(nginx: Nginx) -> None:
    for method in ("POST", "PUT", "DELETE"):
        found = nginx.ask("/rss.xml", method)
        assert (found.code, found.get("Allow")) == (405, "GET, HEAD, OPTIONS")


def test_an_export_is_served_at_once(app: Flask, nginx: Nginx, out: Path) -> None:
    before = nginx.ask("/rss.xml")
    place = out / "rss.xml"
    new = out / ".feeds" / "new"
    new.write_bytes(place.read_bytes() + b"\n")
    new.replace(place)
    try:
        assert nginx.ask("/rss.xml").body == before.body + b"\n"
    finally:
        collection.export(app, out, SiteSelection(FORMS, ("canonical", "amp")), CODINGS)
    assert nginx.ask("/rss.xml").body == before.body
