import re
import sqlite3
import time
from collections import Counter
from collections.abc import Sequence
from email.utils import parsedate_to_datetime
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import event

from feeds.model import Entry
from feeds.rendering import formats
from feeds.store.reader import Reader
from tests.helpers.prepared import cached, titles
from tests.helpers.server import application, documents, get, load, until
from tests.helpers.support import write


def count_serialised(monkeypatch: pytest.MonkeyPatch) -> Counter[tuple[str, str, str]]:
    calls: Counter[tuple[str, str, str]] = Counter()

    def counting(kind: formats.Format) -> formats.Format:
        def entry(entry: Entry, policy: str, root: str) -> bytes:
            calls[kind.name, entry.record.title, policy] += 1
            return kind.entry(entry, policy, root)

        return kind._replace(entry=entry)

    for file, kind in list(formats.FORMATS.items()):
        monkeypatch.setitem(formats.FORMATS, file, counting(kind))
    return calls


def test_entries_are_serialised_once_for_all_feeds_of_a_format_and_policy(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = count_serialised(monkeypatch)
    for address in ("/rss.xml", "/topics/ai/rss.xml", "/rss.xml?limit=3", "/2024/01/rss.xml"):
        get(app, address)
    assert calls == {("rss", f"Story {n}", "canonical"): 1 for n in range(5)}
    get(app, "/amp/rss.xml")
    get(app, "/atom.xml")
    assert calls == {
        (kind, f"Story {n}", policy): 1
        for n in range(5)
        for kind, policy in (("rss", "canonical"), ("rss", "amp"), ("atom", "canonical"))
    }


@pytest.mark.usefixtures("either")
def test_after_a_load_that_changed_one_entry_no_other_is_read(
    app: Flask, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    get(app, "/rss.xml")
    read: list[int] = []
    data_of = Reader.data_of

    def counting(self: Reader, rows: Sequence[int]) -> dict[int, bytes]:
        read.append(len(rows))
        return data_of(self, rows)

    monkeypatch.setattr(Reader, "data_of", counting)
    write(folder, "new.md", title="News", topics=["AI"])
    assert load(app, folder).changed == 1
    assert "News" in titles(get(app, "/rss.xml"))
    assert read == [1]
    get(app, "/atom.xml")  # of which no entry is at hand
    assert read == [1, 1, 5]


def test_the_first_request_after_a_change_takes_these_statements_and_no_other(
    app: Flask, folder: Path
) -> None:
    statements: list[str] = []

    def trace(connection: sqlite3.Connection, *_: object) -> None:
        connection.set_trace_callback(statements.append)

    store = documents(app).store
    event.listen(store.engine, "checkout", trace)
    store.release()
    write(folder, "new.md", title="New", topics=["AI"])
    load(app, folder)
    get(app, "/atom.xml")
    write(folder, "new.md", title="News", topics=["AI"])
    assert load(app, folder).changed == 1
    statements.clear()
    get(app, "/atom.xml")
    tables = [(re.findall("(?:FROM|JOIN) ([a-z_]+)", one) or [one])[0] for one in statements]
    look = ["BEGIN", "state", "ROLLBACK"]
    unchanged = ["labels", "entries", "loads", "withdrawals"]
    changed = ["entries", "entry_topics", "labels", "entries"]
    assert tables == [*look, "BEGIN", "state", *unchanged, *changed, "ROLLBACK"]


@pytest.mark.usefixtures("either")
def test_after_a_load_that_leaves_a_feed_as_it_was_nothing_is_rendered(
    app: Flask, folder: Path
) -> None:
    first = get(app, "/topics/c-plus-plus/rss.xml")
    document = cached(app, "/topics/c-plus-plus/rss.xml")
    write(folder, "other.md", title="Elsewhere", topics=["AI"])
    assert load(app, folder).changed == 1
    rendered = documents(app).renderer.rendered
    assert get(app, "/topics/c-plus-plus/rss.xml") == first
    assert cached(app, "/topics/c-plus-plus/rss.xml") is document
    assert documents(app).renderer.rendered == rendered


@pytest.mark.usefixtures("either")
def test_after_a_load_that_changes_one_entry_only_that_one_is_serialised(
    app: Flask, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = get(app, "/rss.xml")
    calls = count_serialised(monkeypatch)
    write(folder, "002.md", title="Story 2, corrected", publishedDateTime="2024-01-03T00:00:00Z")
    assert load(app, folder).changed == 1
    second = get(app, "/rss.xml")
    assert calls == {("rss", "Story 2, corrected", "canonical"): 1}
    assert first.get("ETag") != second.get("ETag")
    assert titles(second) == ["Story 4", "Story 3", "Story 2, corrected", "Story 1", "Story 0"]


@pytest.mark.usefixtures("either")
def test_a_topic_renamed_changes_the_entries_that_show_it(app: Flask, folder: Path) -> None:
    first = get(app, "/rss.xml")
    for name in "abcdef":
        write(folder, f"{name}.md", topics=["Ai"], publishedDateTime="2001-01-01T00:00:00Z")
    load(app, folder)
    second = get(app, "/rss.xml?limit=5")
    assert b">AI<" in first.body
    assert b">Ai<" in second.body
    assert b">AI<" not in second.body


@pytest.mark.slow
@pytest.mark.usefixtures("either")
@pytest.mark.parametrize(
    "address",
    ["/topics/c-plus-plus/", "/embed/", "/about/", "/feeds.opml", "/feeds.json", "/sitemap.xml"],
)
def test_pages_and_lists_were_modified_by_the_last_load_or_start(
    app: Flask, folder: Path, address: str
) -> None:
    first = get(app, address)
    since = {"If-Modified-Since": str(first.get("Last-Modified"))}
    assert get(app, address, **since).code == 304
    # A topic of other entries is called otherwise, which is seen on pages of all.
    write(folder, "other.md", title="Elsewhere", topics=["A. I."])
    load(app, folder)
    changed = get(app, address, **since)
    assert changed.code == 200
    since = {"If-Modified-Since": str(changed.get("Last-Modified"))}
    assert get(app, address, **since).code == 304
    until(lambda: time.time() > parsedate_to_datetime(since["If-Modified-Since"]).timestamp())
    another = get(application(folder, title="Another"), address, **since)
    assert (another.code, b"Another" in another.body) == (200, address != "/sitemap.xml")
