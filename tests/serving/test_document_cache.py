import gzip
from datetime import date
from pathlib import Path
from typing import Any, cast

import pytest
from flask import Flask

from feeds.catalog.addresses import FeedQuery
from feeds.serving.document_cache import CachedDocument, DocumentCache
from feeds.serving.document_store import Timing
from feeds.serving.documents import Document
from feeds.serving.renderer import Rendering
from feeds.store.reader import State
from tests.helpers.prepared import cached, titles
from tests.helpers.server import application, documents, get, load
from tests.helpers.support import write


def test_after_a_load_that_changes_nothing_at_all_the_prepared_document_stays(
    app: Flask, folder: Path
) -> None:
    first, document = get(app, "/rss.xml"), cached(app, "/rss.xml")
    assert load(app, folder).changed == 0
    assert documents(app).cache.prepared("/rss.xml") is document
    assert get(app, "/rss.xml") == first


@pytest.mark.usefixtures("either")
def test_a_feed_of_the_last_days_is_another_one_tomorrow(folder: Path) -> None:
    write(folder, "new.md", title="New", publishedDateTime="2026-05-19T10:00:00Z")
    day = date(2026, 5, 20)
    app = application(folder, Timing(today=lambda: day))
    first = get(app, "/rss.xml?since=1d")
    assert titles(first) == ["New"]
    assert get(app, "/rss.xml?since=1d", if_none_match=str(first.get("ETag"))).code == 304
    day = date(2026, 5, 21)
    headers = {"if_modified_since": str(first.get("Last-Modified"))}
    assert titles(get(app, "/rss.xml?since=1d", **headers)) == []
    assert titles(get(app, "/rss.xml?since=2026-05-19")) == ["New"]


def test_a_document_is_prepared_for_its_generation_database_and_day(app: Flask) -> None:
    get(app, "/rss.xml")
    kept = documents(app)
    rendering, generation = kept.cache.last("/rss.xml"), kept.watch.generation()
    assert rendering is not None
    turn, today = kept.store.turns, date(2026, 5, 20)
    cache = DocumentCache(1024 * 1024, kept.watch, lambda: today)
    assert (cache.prepared("/rss.xml"), cache.last("/rss.xml")) == (None, None)
    older = generation._replace(generation=generation.generation - 1)
    for cached_document, is_prepared in (
        (CachedDocument(FeedQuery(), rendering, generation, turn), True),
        (CachedDocument(FeedQuery(), rendering, generation, turn, date(2026, 5, 20)), True),
        (CachedDocument(FeedQuery(), rendering, generation, turn, date(2026, 5, 19)), False),
        (CachedDocument(FeedQuery(), rendering, older, turn), False),
        (CachedDocument(FeedQuery(), rendering, generation, turn - 1), False),
    ):
        cache.put("/rss.xml", cached_document)
        assert (cache.prepared("/rss.xml") is rendering.document) == is_prepared
        assert cache.last("/rss.xml") is rendering


def test_a_content_coding_counts_with_the_bytes_that_it_takes() -> None:
    body = b"<feed/>" * 100
    document = Document(body, "text/xml", [])
    cache = DocumentCache(1024 * 1024, cast("Any", None), date.today)
    cache.put("/rss.xml", CachedDocument(FeedQuery(), Rendering(document), State(1, 1), 0))
    before = cache.usage()
    variant = cache.variant("/rss.xml", document, "gzip")
    assert gzip.decompress(variant.body) == body
    grown = cache.usage()
    assert grown[0] == before[0] == 1
    assert grown[1] - before[1] == document.size - len(body) > len(variant.body)
    assert cache.variant("/rss.xml", document, "gzip") is variant
    assert cache.usage() == grown
