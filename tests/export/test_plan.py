"""The export and the server are the same site: byte for byte, and neither has more."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

import msgspec
import pytest
from flask import Flask
from lxml import etree, html

from feeds.export import manifest, plan
from feeds.export.directory import CODINGS
from feeds.export.manifest import SUFFIXES, Manifest
from feeds.export.plan import FORMS, SCOPES, SelectionError, SiteItem, SiteSelection
from feeds.loading import loader
from feeds.rendering.formats import FORMATS
from feeds.store.reader import Reader
from feeds.urls import POLICIES
from tests.helpers import collection
from tests.helpers.databases import databases
from tests.helpers.server import ROOT, Answer, application, call, documents, load
from tests.helpers.support import write


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    folder = collection.make(tmp_path_factory.mktemp("walk") / "records")
    with databases.tidied():
        yield collection.site(folder)


@pytest.fixture(scope="module")
def out(app: Flask, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("walk") / "site"
    collection.export(app, folder, codings=CODINGS)
    return folder


@pytest.fixture(scope="module")
def written(out: Path) -> Manifest:
    return manifest.read((out / manifest.NAME).read_bytes(), "manifest")


def address(path: str) -> str:
    """The address whose file is at a path."""
    return "/" + path.removesuffix(manifest.INDEX)


@pytest.mark.slow
def test_every_file_is_what_the_server_sends_in_each_coding(
    app: Flask, out: Path, written: Manifest
) -> None:
    compared = 0
    for path, file in written.files.items():
        answer = call(app.wsgi_app, address(path))
        if file.location:
            code = 307 if "stories/" in path else 301
            assert (answer.code, answer.get("Location")) == (code, file.location)
            continue
        assert answer.code == 200, path
        assert (out / path).read_bytes() == answer.body
        assert (file.media_type, file.etag) == (answer.get("Content-Type"), answer.get("ETag"))
        assert file.last_modified == (answer.get("Last-Modified") or "")
        assert file.cache_control == answer.get("Cache-Control")
        for coding, suffix in SUFFIXES.items():
            coded = call(app.wsgi_app, address(path), {"Accept-Encoding": coding})
            assert coded.get("Content-Encoding") == coding
            assert (out / (path + suffix)).read_bytes() == coded.body
            assert file.beside[coding].etag == coded.get("ETag")
        compared += 1
    assert compared > 500


def test_files_and_manifest_agree(out: Path, written: Manifest) -> None:
    there = {str(path.relative_to(out)) for path in out.rglob("*") if path.is_file()}
    hidden = {path for path in there if path.startswith(".")}
    assert hidden == {manifest.NAME, ".feeds/lock"}
    assert there - hidden == written.paths()
    for path, file in written.files.items():
        body = (out / path).read_bytes()
        assert (file.size, file.sha256) == (len(body), manifest.digest(body))


def rendered(app: Flask, reader: Reader, selection: SiteSelection) -> Iterator[SiteItem]:
    """The documents of a site, each rendered when it is asked for."""
    site = documents(app)
    for planned in plan.documents_of(site, reader, selection):
        if item := plan.render(site, reader, planned):
            yield item


def linked(answer: Answer, base: str) -> Iterator[str]:
    """Every URL of this site that an answer leads to, whatever it is."""
    yield from re.findall(r"<([^>]*)>; rel=", answer.get("Link") or "")
    kind = str(answer.get("Content-Type")).partition(";")[0]
    if kind == "text/html":
        for element in html.fromstring(answer.body).iter():
            found = (element.get(name, "#") for name in ("href", "src", "action"))
            yield from (urljoin(base, str(url)) for url in found if not str(url).startswith("#"))
    elif kind.endswith("xml") or kind == "text/x-opml":
        for element in etree.fromstring(answer.body).iter():
            yield from map(str, element.attrib.values())
            yield (element.text or "").strip()
    elif kind.endswith("json"):
        yield from strings(msgspec.json.decode(answer.body))
    else:
        yield from re.findall(r"https?://\S+", answer.body.decode(errors="replace"))


def strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from strings(part)


@pytest.mark.slow
def test_whatever_the_server_leads_to_is_a_file(app: Flask, written: Manifest) -> None:
    """Followed from the first page on, through pages, feeds, lists, headers."""
    seen, ahead = {"/"}, ["/"]
    kinds: set[str] = set()
    while ahead:
        found = ahead.pop()
        answer = call(app.wsgi_app, found)
        if answer.code == 307:
            following = [str(answer.get("Location"))]
        else:
            assert answer.code == 200, found
            kinds.add(str(answer.get("Content-Type")))
            following = list(linked(answer, ROOT + found))
        assert manifest.path_of(unquote(urlsplit(found).path)) in written.files, found
        for url in following:
            if not url.startswith(f"{ROOT}/"):
                continue
            parts = urlsplit(url)
            assert parts.query == "" or parts.query.startswith("v="), url
            if parts.path not in seen:
                seen.add(parts.path)
                ahead.append(parts.path)
    assert len(kinds) == 10, kinds
    # Nothing leads from a page to lists of other link policies, to what programs look for, to
    # what other sites load, or to what the operator's page looks like.
    rest = written.files.keys() - {manifest.path_of(path) for path in seen}
    lists = {f"{name}.opml" for name in ("feeds", "topics", "providers", "collections")}
    looked_for = {"robots.txt", "sitemap.xml", "topics.opml", "providers.opml", "collections.opml"}
    loaded_elsewhere = {"static/headlines.js", "static/stats.css"}
    loaded_elsewhere |= {path for path in rest if path.startswith("static/sample-")}
    looked_for |= {"favicon.ico", "apple-touch-icon.png"}
    looked_for |= {"collections/index.html"}  # of which it has none
    former = {"feed.xml", "index.xml", "feed/index.html"}
    digests = {path for path in rest if "digest/" in path}
    # A page leads to the daily one of everything.
    weekly = {f"digest/weekly/{file}" for file in FORMATS}
    assert {path for path in digests if "topics/" not in path} == weekly
    assert rest <= looked_for | loaded_elsewhere | former | digests | {
        f"{policy}/{name}" for policy in POLICIES for name in lists
    }


def test_what_programs_are_told_of_is_a_file(app: Flask, written: Manifest) -> None:
    for found in ("/feeds.json", "/sitemap.xml", "/robots.txt", "/feeds.opml", "/amp/topics.opml"):
        urls = [u for u in linked(call(app.wsgi_app, found), ROOT) if u.startswith(ROOT)]
        assert urls
        for url in urls:
            assert manifest.path_of(url.removeprefix(ROOT)) in written.files


def test_the_collection_has_every_kind_of_address(written: Manifest) -> None:
    for path in (
        "index.html",
        "rss.xml",
        "topics/ai/atom.xml",
        "topics/c-plus-plus/feed.json",
        "providers/soft.example.com/soft-learn/rss.xml",
        "topics/ai/providers/soft.example.com/soft/index.html",
        "types/videos/rss.xml",
        "amp/2024/03/rss.xml",
        "amp-cache/providers/times.example.com/2024/01/index.html",
        "embed/original/topics/ai/index.html",
        "original/feeds.opml",
        "static/style.css",
        "about/index.html",
    ):
        assert path in written.files
    assert any(path.startswith("amp/stories/") for path in written.files)
    assert any(file.location for file in written.files.values())
    assert not any("hidden" in path for path in written.files)


def test_a_story_that_another_record_leads_has_a_page_that_leads_there(
    out: Path, written: Manifest
) -> None:
    stories = {path: file for path, file in written.files.items() if "stories/" in path}
    moved = {path: file for path, file in stories.items() if file.location}
    assert len(moved) == len(POLICIES)
    for path, file in moved.items():
        page = html.fromstring((out / path).read_bytes())
        assert page.xpath("//meta[@http-equiv='refresh']/@content") == [f"0; url={file.location}"]
        assert manifest.path_of(file.location.removeprefix(ROOT)) in written.files


FEEDS_TOML = """
[providers.aliases]
"old.example" = "times.example.com"
[redirects]
"/news/feed" = "/topics/ai/rss.xml"
"/gone.xml" = "/topics/never/rss.xml"
"""


def test_what_had_entries_or_another_name_is_there_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "feeds.toml").write_text(FEEDS_TOML)
    folder = collection.make(tmp_path / "records")
    app = collection.site(folder)
    (folder / "a.md").unlink()  # of Times and AI; of which alone C++ is a topic
    write(folder, "e.md", removed=True, topics=["Ünïcode"])
    load(app, folder)
    collection.export(app, tmp_path / "site", SiteSelection(("rss", "page"), ("canonical",)))
    found = manifest.read((tmp_path / "site" / manifest.NAME).read_bytes(), "").files
    empty = "topics/c-plus-plus/providers/times.example.com/rss.xml"
    assert {"topics/c-plus-plus/rss.xml", empty} <= found.keys()
    assert not any("unicode" in path for path in found)
    assert {path: file.location.removeprefix(ROOT) for path, file in found.items() if file.location
            and "stories/" not in path} == {
        "feed.xml": "/atom.xml",
        "index.xml": "/rss.xml",
        "feed/index.html": "/rss.xml",
        "news/feed/index.html": "/topics/ai/rss.xml",
        **{
            f"{topic}providers/old.example/{file}": f"/{topic}providers/times.example.com/{name}"
            for topic in ("", "topics/ai/", "topics/c-plus-plus/")
            for file, name in (("rss.xml", "rss.xml"), ("index.html", ""))
        },
    }  # fmt: skip
    for path, file in found.items():
        answer = call(app.wsgi_app, address(path))
        assert answer.code == (200 if not file.location else answer.code)
        assert (answer.get("Location") or "") == file.location
        if path.endswith(".xml") and file.location:
            new = file.location.removeprefix(f"{ROOT}/")
            assert (tmp_path / "site" / path).read_bytes() == call(app.wsgi_app, f"/{new}").body


def test_what_is_asked_for_is_what_is_there(app: Flask, tmp_path: Path) -> None:
    collection.export(
        app, tmp_path / "site", SiteSelection(("rss",), ("amp",), ("topics", "providers"))
    )
    found = manifest.read((tmp_path / "site" / manifest.NAME).read_bytes(), "")
    assert sorted(found.files) == [
        "amp/providers/soft.example.com/rss.xml",
        "amp/providers/soft.example.com/soft-learn/rss.xml",
        "amp/providers/soft.example.com/soft/rss.xml",
        "amp/providers/times.example.com/rss.xml",
        "amp/topics/ai/rss.xml",
        "amp/topics/c-plus-plus/rss.xml",
        "amp/topics/unicode/rss.xml",
    ]


def test_the_site_is_one_generation_whatever_is_loaded_meanwhile(tmp_path: Path) -> None:
    folder = collection.make(tmp_path / "records")
    app = collection.site(folder)
    with documents(app).store.read() as reader:
        items = rendered(app, reader, collection.SOME)
        first = next(items)
        assert first.address == "/"
        for path in folder.glob("*.md"):
            path.write_text(path.read_text().replace("title: A title", "title: Another"))
        assert loader.load(documents(app).store, folder).changed
        assert not any(b"Another" in item.document.body for item in items)


@pytest.mark.parametrize("said", ["", ",", "rss,xml", "RSS", "rss;atom"])
def test_a_wrong_list_says_what_is_accepted(said: str) -> None:
    with pytest.raises(SelectionError, match=re.escape("page,rss,atom,json,embed")):
        plan.parse_words("--formats", said, FORMS)


def test_a_list_is_in_the_order_of_what_is_accepted() -> None:
    assert plan.parse_words("--scopes", " types ,topics,", SCOPES) == ["topics", "types"]
    assert plan.parse_words("--scopes", None, SCOPES) == SCOPES


def test_an_icon_of_the_setting_takes_the_place_of_ours(tmp_path: Path) -> None:
    write(tmp_path / "news", "a.md")
    app = application(tmp_path / "news", icon="https://static.example.com/i.png")
    site = SiteSelection(scopes=["site"])
    with documents(app).store.read() as reader:
        written = {item.address for item in rendered(app, reader, site)}
    assert "/static/icon.png" in written
    assert not written & {"/favicon.ico", "/apple-touch-icon.png"}
