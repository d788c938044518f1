"""Latencies inside one process: the first request for a feed after a load."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from datetime import date
from functools import partial
from html import escape
from pathlib import Path
from statistics import median
from typing import Any, Final, NamedTuple

from werkzeug.test import EnvironBuilder, run_wsgi_app

from bench import others, records
from bench.servers import BenchError
from feeds import create_app, urls
from feeds.catalog import builder
from feeds.catalog.addresses import FeedQuery
from feeds.config import Config
from feeds.loading import loader
from feeds.model import Feed
from feeds.rendering.formats import xml
from feeds.rendering.formats.content import content
from feeds.selection import Scope
from feeds.serving import content_coding
from feeds.serving.document_store import DocumentStore
from feeds.serving.server import bound_memory
from feeds.serving.views import EXTENSION
from feeds.store.database import Store

FEED: Final = "/rss.xml"
_LOOKS: Final = 0.6  # seconds after which a worker has looked for a new generation


class Latencies(NamedTuple):
    """Medians in milliseconds."""

    repetitions: int
    changed: float  # first request (gzip) after one of the 50 entries changed
    changed_identity: float  # the same without a content coding
    unchanged: float  # first request (gzip) after none of the entries changed
    hot: float  # any later request (gzip)
    feedgen: float  # feedgen building the same document of records that lie in memory
    feedgen_gzip: float  # and compressing it
    content: float  # what of that is the HTML content of its entries
    plain: float  # the plain program's feed, content made before
    kept: int  # times that the unchanged feed kept its ETag and wasn't rendered


def measure(config: Config, paths: list[Path], repetitions: int) -> Latencies:
    """Load after load into the collection of `config`, whose files are `paths`."""
    bound_memory()  # as a worker does
    app = create_app(config)
    documents: DocumentStore = app.extensions[EXTENSION]
    store = Store(config.database)
    everything = feed(documents, Scope())
    quiet, changing = _apart(documents, everything, paths)
    took: dict[str, list[float]] = {name: [] for name in Latencies._fields}
    kept = 0
    edition = itertools.count(1000)

    def request(path: str, coding: str, into: str) -> str:
        environ = EnvironBuilder(path, headers=[("Accept-Encoding", coding)]).get_environ()
        started = time.perf_counter()
        body, status, headers = run_wsgi_app(app.wsgi_app, environ)
        b"".join(body)
        took[into].append((time.perf_counter() - started) * 1000)
        if not status.startswith("200"):
            raise BenchError(f"{path} answers {status}")
        return headers["ETag"]

    def clock(into: str, work: Callable[[], Any]) -> Any:
        started = time.perf_counter()
        made = work()
        took[into].append((time.perf_counter() - started) * 1000)
        return made

    for coding in ("gzip", "identity"):
        tag = request(FEED, coding, "hot")
        quiet_tag = request(quiet, coding, "hot")
        took["hot"].clear()
        for repetition in range(repetitions):
            records.edit(changing[repetition % len(changing)], next(edition))
            if loader.load(store, config.seeds).changed != 1:
                raise BenchError("a load should have changed one entry")
            time.sleep(_LOOKS)
            rendered = documents.renderer.rendered
            same = request(quiet, coding, "unchanged") == quiet_tag
            kept += same and documents.renderer.rendered == rendered
            name = "changed" if coding == "gzip" else "changed_identity"
            before, tag = tag, request(FEED, coding, name)
            if tag == before:
                raise BenchError(f"{FEED} should have changed")
            request(FEED, coding, "hot")
            fresh = feed(documents, Scope())  # its records aren't decoded yet, as in a request
            body = clock("feedgen", partial(whole, fresh))
            clock("feedgen_gzip", partial(content_coding.ENCODERS["gzip"], body))
            clock("content", partial(_contents, fresh))
            clock("plain", partial(others.build, plain_entries(fresh)))
    medians = {name: median(values) for name, values in took.items() if values}
    medians["feedgen_gzip"] += medians["feedgen"]
    return Latencies(**(medians | {"repetitions": repetitions, "kept": kept}))  # type: ignore[arg-type]


def feed(documents: DocumentStore, scope: Scope) -> Feed:
    """The feed of a scope, as the store has it now."""
    query = FeedQuery(scope, documents.config.links, FEED.strip("/"), documents.config.limit)
    with documents.store.read() as reader:
        made = builder.feed(reader, query, documents.addresses, documents.config, date.max)
        for entry in made.entries:
            entry.source()  # while the view is open
        return made


def _apart(documents: DocumentStore, everything: Feed, paths: list[Path]) -> tuple[str, list[Path]]:
    """The address of a topic's feed, and files of entries of all that it doesn't show."""
    names = {path.name: path for path in paths}
    for topic in reversed(records.TOPICS):
        shown = {t.slug: t for entry in everything.entries for t in entry.topics if t.name == topic}
        for slug in shown:
            ids = {entry.id for entry in feed(documents, Scope(topic=slug)).entries}
            found = [names[e.record.path] for e in everything.entries if e.id not in ids]
            if found:
                return f"/topics/{slug}{FEED}", found
    raise BenchError("every topic has all of the newest entries; give more --records")


def whole(feed: Feed) -> bytes:
    """The feed as our formats make it, by one feedgen generator and nothing prepared."""
    generator = xml.generator(feed)
    generator.link(href=feed.page, rel="alternate")
    for entry in feed.entries:
        added = xml.feed_entry(entry, feed.policy, feed.root)
        generator.add_entry(added, order="append")
        added.link(href=urls.select(entry.record, feed.policy))
        if entry.record.excerpt:
            added.description(escape(entry.record.excerpt, quote=False))
    document: bytes = generator.rss_str()
    return document


def _contents(feed: Feed) -> list[str]:
    return [content(entry, feed.policy) for entry in feed.entries]


def plain_entries(feed: Feed) -> list[dict[str, Any]]:
    """What the plain program knows of the entries of a feed."""
    return [
        {
            "id": entry.id,
            "title": entry.record.title,
            "link": urls.select(entry.record, feed.policy),
            "summary": entry.record.excerpt,
            "content": content(entry, feed.policy),
            "author": entry.record.provider.name if entry.record.provider else feed.site,
            "published": entry.published.isoformat() if entry.published else "",
            "updated": entry.updated.isoformat(),
            "categories": [
                {"term": label.slug, "label": label.name, "scheme": f"{feed.root}/{kind}/"}
                for kind, labels in (("topics", entry.topics), ("types", [entry.type]))
                for label in labels
                if label
            ],
            "images": [
                {
                    "url": image.url,
                    "width": str(image.width or "") or None,
                    "height": str(image.height or "") or None,
                }
                for image in entry.record.images
            ],
        }
        for entry in feed.entries
    ]
