"""The programs that this one is compared with, each run by `python -m bench.others`.

- `bare`: a WSGI callable that answers given bytes with given headers, nothing else.
- `plain`: a Flask view as one writes it in an hour: entries read once and their HTML made
  once (picture, excerpt, related coverage); feedgen builds the feed, which is compressed and
  given an ETag, for each request. It says what ours says of an entry, with feedgen's own means:
  title, id, link, dates, author, categories, description, content, Media RSS. Only the
  `atom:link` elements of related coverage, which feedgen can't write in RSS, are ours alone.
- `feeds`: this program under other gunicorn settings.
"""

from __future__ import annotations

import base64
import json
import os
import sys
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
from feedgen.feed import FeedGenerator
from flask import Flask, Response, request

from bench.servers import Answer
from feeds import config
from feeds.serving import content_coding
from feeds.serving.server import COMMON, Server, settings

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

ANSWERS: Final = "BENCH_ANSWERS"
_BY_SERVER: Final = {"date", "server", "connection", "transfer-encoding", "keep-alive"}


def write_answers(path: Path, full: Answer, unchanged: Answer) -> None:
    """The 200 and the 304 that the bare callable is to give, without what servers add."""
    said = {
        "body": base64.b64encode(full.body).decode(),
        "headers": [header for header in full.headers if header[0].lower() not in _BY_SERVER],
        "headers_304": [h for h in unchanged.headers if h[0].lower() not in _BY_SERVER],
    }
    path.write_text(json.dumps(said), encoding="utf-8")


def bare() -> WSGIApplication:
    """The bare callable, for a server's factory option."""
    said = json.loads(Path(os.environ[ANSWERS]).read_text(encoding="utf-8"))
    body = base64.b64decode(said["body"])
    headers = [(name, value) for name, value in said["headers"]]
    headers_304 = [(name, value) for name, value in said["headers_304"]]

    def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if "HTTP_IF_NONE_MATCH" in environ:
            start_response("304 NOT MODIFIED", headers_304)
            return ()
        start_response("200 OK", headers)
        return (body,)

    return application


def plain(path: Path) -> Flask:
    """The plain program."""
    app = Flask(__name__)
    entries = json.loads(path.read_text(encoding="utf-8"))

    @app.get("/rss.xml")
    def feed() -> Response:
        response = Response(build(entries), mimetype="application/rss+xml")
        response.vary.add("Accept-Encoding")
        if request.accept_encodings["gzip"]:
            response.data = content_coding.ENCODERS["gzip"](response.data)
            response.content_encoding = "gzip"
        response.add_etag()
        response.make_conditional(request)
        return response

    return app


def build(entries: list[dict[str, Any]]) -> bytes:
    """An RSS feed of entries as `bench.http` writes them."""
    made = FeedGenerator()
    made.id("https://feeds.example.org/")
    made.title("News")
    made.description("News by topic and provider")
    made.link(href="https://feeds.example.org/rss.xml", rel="self")
    made.link(href="https://feeds.example.org/", rel="alternate")
    made.language("en")
    made.load_extension("media")
    made.lastBuildDate(max(datetime.fromisoformat(entry["updated"]) for entry in entries))
    for entry in entries:
        added = made.add_entry(order="append")
        added.id(entry["id"])
        added.title(entry["title"])
        added.link(href=entry["link"])
        added.description(entry["summary"])
        added.content(entry["content"], type="html")
        added.author({"name": entry["author"], "email": "news@example.org"})
        added.published(datetime.fromisoformat(entry["published"]))
        for category in entry["categories"]:
            added.category(**category)
        for image in entry["images"]:
            added.media.content(**image, medium="image", group=None)
        for image in entry["images"][:1]:
            added.media.thumbnail(**image, group=None)
    document: bytes = made.rss_str()
    return document


class _Other(Server):
    """Another application under gunicorn's threads, or this one under other settings."""

    def __init__(self, application: Callable[[], Any] | None, bind: str, **options: Any) -> None:
        found = config.read({"bind": bind})
        self._application = application
        super().__init__(found, settings(found) | (dict(COMMON) if application else {}) | options)

    def load(self) -> Any:
        return self._application() if self._application else super().load()


@click.group()
def main() -> None:
    """Run one of the programs that this one is compared with."""


@main.command(name="bare")
@click.argument("bind")
def _bare(bind: str) -> None:
    _Other(bare, bind).run()


@main.command(name="plain")
@click.argument("bind")
@click.argument("entries", type=click.Path(path_type=Path))
def _plain(bind: str, entries: Path) -> None:
    _Other(lambda: plain(entries), bind).run()


@main.command(name="feeds")
@click.argument("bind")
@click.argument("options")
def _feeds(bind: str, options: str) -> None:
    _Other(None, bind, **json.loads(options)).run()


if __name__ == "__main__":
    sys.exit(main())
