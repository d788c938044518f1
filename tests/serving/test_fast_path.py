from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any, Final

import pytest
from flask import Flask

from feeds.serving.documents import Document
from tests.helpers.server import Answer, application, call, documents, get, load, news
from tests.helpers.support import write

DOCUMENTS: Final = ["/rss.xml", "/atom.xml?limit=2&page=2", "/2024/01/rss.xml", "/", "/topics/ai/"]
ADDRESSES: Final = [
    *DOCUMENTS,
    # not the canonical spelling, not found, or wrong
    "/nothing/",
    "/topics/nothing/rss.xml",
    "/rss.xml?",
    "/rss.xml?utm_source=x",
    "/rss.xml?limit=50",
    "/atom.xml?page=2&limit=2",
    "/rss.xml?limit=0",
    "/rss.xml?page=9",
    "/topics/AI/",
    "/topics/ai?page=1",
    "/canonical/rss.xml",
    "/rss%2Exml",
    "/atom.xml%3Flimit=2&page=2",
    "//rss.xml",
    "/%00",
]
CODINGS: Final = [None, "gzip", "identity;q=0", "", "br;q=0.5, zstd"]
METHODS: Final = ["GET", "HEAD", "POST", "OPTIONS"]


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Flask:
    """All documents are prepared, in all codings, and there is a state before the present one."""
    folder = news(tmp_path_factory.mktemp("prepared") / "records")
    made = application(folder)
    before["etag"] = str(get(made, "/rss.xml").get("ETag"))
    before["modified"] = str(get(made, "/rss.xml").get("Last-Modified"))
    write(folder, "new.md", publishedDateTime="2024-01-02T00:00:00Z")
    load(made, folder)
    for address, coding in product(ADDRESSES, CODINGS):
        call(made.wsgi_app, address, {} if coding is None else {"Accept-Encoding": coding})
    return made


before: dict[str, str] = {}


def conditions(document: Answer) -> Iterator[dict[str, str]]:
    """Conditional requests about a document; its validators as the server gave them."""
    tag = document.get("ETag") or '"none"'
    modified = document.get("Last-Modified") or "Fri, 05 Jan 2024 00:00:00 GMT"
    yield {}
    for tags in (
        tag,
        f"W/{tag}",
        f'"x", {tag}, "y"',
        f'"x",{tag}',
        f" {tag} ",
        "*",
        '"x"',
        before["etag"],
        tag.strip('"'),
        f'"{tag.strip(chr(34))}-gzip"',
        "",
        "garbage, ,",
        '"',
    ):
        yield {"If-None-Match": tags}
        yield {"If-None-Match": tags, "If-Modified-Since": modified}
    yield {"If-None-Match": '"x"', "If-Modified-Since": "Sat, 01 Jan 2050 00:00:00 GMT"}
    for since in (
        modified,
        "Sat, 01 Jan 2000 00:00:00 GMT",
        "Sat, 01 Jan 2050 00:00:00 GMT",
        "Saturday, 01-Jan-50 00:00:00 GMT",
        modified.replace("GMT", "+0000"),
        before["modified"],
        "never",
        "0",
        "",
    ):
        yield {"If-Modified-Since": since}
    for tags in (tag, "*", '"x"', ""):
        yield {"If-Match": tags}
        yield {"If-Match": tags, "If-None-Match": tag}
    yield {"If-Unmodified-Since": modified}
    yield {"If-Unmodified-Since": "Sat, 01 Jan 2000 00:00:00 GMT"}
    for range_ in ("bytes=0-9", "bytes=-5", "bytes=9-1", "lines=1-2", ""):
        yield {"Range": range_}
        yield {"Range": range_, "If-Range": tag}
        yield {"Range": range_, "If-None-Match": tag}
    yield {"If-Range": '"x"'}
    for wanted in ("feed", "feed;q=0", "vcdiff", ""):
        yield {"A-IM": wanted}
        yield {"A-IM": wanted, "If-None-Match": tag}
        yield {"A-IM": wanted, "If-None-Match": before["etag"]}
    yield {"Accept": "text/html"}
    yield {"Host": "evil.example"}
    yield {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "gopher"}
    yield {"Cookie": "session=x"}


@pytest.mark.parametrize("address", ADDRESSES)
def test_both_ways_lead_to_the_same_answer(app: Flask, address: str) -> None:
    long_way = app.wsgi_app.application  # type: ignore[attr-defined]
    for coding in CODINGS:
        accepted = {} if coding is None else {"Accept-Encoding": coding}
        every = list(conditions(call(long_way, address, accepted)))
        for number, condition in enumerate(every if address in DOCUMENTS else every[::9]):
            for method in METHODS if number % 9 == 0 else METHODS[:2]:
                headers = accepted | condition
                expected = call(long_way, address, headers | {"X-Forwarded-For": "long"}, method)
                assert expected.code < 500
                found = call(app.wsgi_app, address, headers | {"X-Forwarded-For": "short"}, method)
                assert found == expected, (method, headers)


class Untouched:
    """An application that must not be asked."""

    def __call__(self, *_: object) -> list[bytes]:
        raise AssertionError("it fell through")


@pytest.mark.parametrize("address", DOCUMENTS)
@pytest.mark.parametrize("coding", [None, "gzip"])
def test_plain_polls_of_prepared_documents_never_reach_flask(
    app: Flask, address: str, coding: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    accepted = {} if coding is None else {"Accept-Encoding": coding}
    expected = call(app.wsgi_app, address, accepted)
    monkeypatch.setattr(app.wsgi_app, "application", Untouched())
    assert call(app.wsgi_app, address, accepted) == expected
    assert call(app.wsgi_app, address, accepted, "HEAD") == expected._replace(body=b"")
    known = {"If-None-Match": str(expected.get("ETag"))}
    assert call(app.wsgi_app, address, accepted | known).code == 304
    if modified := expected.get("Last-Modified"):
        assert call(app.wsgi_app, address, accepted | {"If-Modified-Since": modified}).code == 304


def test_what_a_server_does_to_the_headers_stays_with_that_answer(app: Flask) -> None:
    given: list[list[tuple[str, str]]] = []

    def start(_: str, headers: list[tuple[str, str]]) -> None:
        given.append(list(headers))
        headers.append(("Server", "x"))
        headers.pop(0)

    wsgi: Any = app.wsgi_app
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/rss.xml", "QUERY_STRING": ""}
    for known in ({}, {}, {"HTTP_IF_NONE_MATCH": str(get(app, "/rss.xml").get("ETag"))}) * 2:
        wsgi(environ | known, start)
    assert given[:3] == given[3:]


def test_a_document_of_an_older_generation_is_not_prepared(tmp_path: Path) -> None:
    folder = news(tmp_path / "records")
    app = application(folder)
    get(app, "/rss.xml")
    assert isinstance(documents(app).cache.prepared("/rss.xml"), Document)
    write(folder, "new.md")
    load(app, folder)
    assert documents(app).cache.prepared("/rss.xml") is None
