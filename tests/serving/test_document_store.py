import gzip
import re
from collections import Counter
from datetime import date
from pathlib import Path
from threading import Barrier, Thread
from typing import Any

import feedparser
import pytest
from flask import Flask
from sqlalchemy.exc import OperationalError

from feeds.model import Entry
from feeds.rendering import formats
from feeds.serving.document_store import Timing
from feeds.serving.documents import Document
from tests.helpers.server import Answer, application, delivery, get, load, news
from tests.helpers.support import write


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return news(tmp_path / "records")


@pytest.fixture
def app(folder: Path) -> Flask:
    return application(folder)


def held(app: Flask, address: str) -> Document:
    rendering = delivery(app).cache.last(address)
    assert rendering is not None
    return rendering.document


def titles(answer: Answer) -> list[str]:
    body = answer.body
    if answer.get("Content-Encoding") == "gzip":
        body = gzip.decompress(body)
    return [entry.title for entry in feedparser.parse(body).entries]


# -- made once ---------------------------------------------------------------


def test_a_document_is_rendered_once_for_a_generation_and_address(app: Flask) -> None:
    addresses = ["/rss.xml", "/atom.xml", "/topics/ai/rss.xml", "/amp/rss.xml", "/rss.xml?limit=2"]
    for _ in range(3):
        for address in addresses:
            assert get(app, address, accept_encoding="gzip").code == 200
            assert get(app, address, accept_encoding="br").code == 200
    assert delivery(app).renderer.rendered == len(addresses)


def test_other_spellings_of_an_address_share_the_document(app: Flask) -> None:
    for query in ("", "?", "?limit=50", "?page=1", "?utm_source=x", "?a[]=b&limit=050&%00=%ff"):
        assert get(app, "/rss.xml" + query).code == 200
    assert delivery(app).renderer.rendered == 1
    assert delivery(app).cache.usage()[0] == 1


def test_many_who_ask_at_once_wait_for_one_rendering(app: Flask) -> None:
    at_once = Barrier(20)
    answers: list[Answer] = []

    def ask() -> None:
        at_once.wait()
        answers.append(get(app, "/rss.xml", accept_encoding="gzip"))

    threads = [Thread(target=ask) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert delivery(app).renderer.rendered == 1
    assert [a.code for a in answers] == [200] * 20
    assert len({a.body for a in answers}) == 1


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


# -- after a load ------------------------------------------------------------


@pytest.mark.usefixtures("either")
def test_after_a_load_that_leaves_a_feed_as_it_was_nothing_is_rendered(
    app: Flask, folder: Path
) -> None:
    first = get(app, "/topics/c-plus-plus/rss.xml")
    document = held(app, "/topics/c-plus-plus/rss.xml")
    write(folder, "other.md", title="Elsewhere", topics=["AI"])
    assert load(app, folder).changed == 1
    rendered = delivery(app).renderer.rendered
    assert get(app, "/topics/c-plus-plus/rss.xml") == first
    assert held(app, "/topics/c-plus-plus/rss.xml") is document
    assert delivery(app).renderer.rendered == rendered


def test_after_a_load_that_changes_nothing_at_all_the_prepared_document_stays(
    app: Flask, folder: Path
) -> None:
    first, document = get(app, "/rss.xml"), held(app, "/rss.xml")
    assert load(app, folder).changed == 0
    assert delivery(app).cache.prepared("/rss.xml") is document
    assert get(app, "/rss.xml") == first


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


@pytest.mark.usefixtures("either")
def test_a_removed_record_leaves_every_feed_and_the_feeds_say_that_they_changed(
    app: Flask, folder: Path
) -> None:
    first = get(app, "/rss.xml")
    (folder / "004.md").unlink()
    load(app, folder)
    second = get(app, "/rss.xml", if_modified_since=str(first.get("Last-Modified")))
    assert second.code == 200
    assert titles(second) == ["Story 3", "Story 2", "Story 1", "Story 0"]


@pytest.mark.usefixtures("either")
def test_a_record_added_with_an_old_date_is_seen_by_if_modified_since_alone(
    app: Flask, folder: Path
) -> None:
    since = str(get(app, "/rss.xml").get("Last-Modified"))
    assert since == "Fri, 05 Jan 2024 00:00:00 GMT"
    assert get(app, "/rss.xml", if_modified_since=since).code == 304
    write(folder, "old.md", title="Found late", publishedDateTime="2001-01-01T00:00:00Z")
    load(app, folder)
    answer = get(app, "/rss.xml", if_modified_since=since)
    assert (answer.code, titles(answer)[-1]) == (200, "Found late")
    again = get(app, "/rss.xml", if_modified_since=str(answer.get("Last-Modified")))
    assert again.code == 304


def test_equal_records_give_equal_validators_in_every_process(tmp_path: Path) -> None:
    one, two = (application(news(tmp_path / name)) for name in ("one", "two"))
    for address in ("/rss.xml", "/atom.xml", "/", "/2024/01/atom.xml", "/amp/topics/ai/rss.xml"):
        for coding in ("identity", "gzip", "br", "zstd"):
            first = get(one, address, accept_encoding=coding)
            assert first.code == 200
            assert get(two, address, accept_encoding=coding) == first


# -- when the store fails ----------------------------------------------------


def break_store(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> Any:
        raise OperationalError("SELECT", {}, Exception("disk I/O error"))

    monkeypatch.setattr(delivery(app).store, "read", fail)
    delivery(app).watch.look_again()


@pytest.mark.usefixtures("either")
def test_what_is_prepared_is_served_on_while_the_store_fails(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = get(app, "/rss.xml")
    break_store(app, monkeypatch)
    assert get(app, "/rss.xml") == first
    assert get(app, "/rss.xml?utm_source=x") == first
    other = get(app, "/atom.xml")
    assert (other.code, other.get("Retry-After")) == (503, "30")


@pytest.mark.usefixtures("either")
def test_a_stale_document_is_better_than_none_when_the_store_fails(
    app: Flask, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = get(app, "/rss.xml")
    write(folder, "new.md")
    load(app, folder)
    delivery(app).watch.generation()
    break_store(app, monkeypatch)
    assert get(app, "/rss.xml") == first


@pytest.mark.usefixtures("either")
def test_without_the_store_a_delta_becomes_the_whole_feed(
    app: Flask, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tag = str(get(app, "/rss.xml").get("ETag"))
    write(folder, "new.md")
    load(app, folder)
    second = get(app, "/rss.xml")
    break_store(app, monkeypatch)
    assert get(app, "/rss.xml", if_none_match=tag, a_im="feed") == second


# -- bounded -----------------------------------------------------------------


def counted(app: Flask) -> list[tuple[int, int]]:
    found = delivery(app)
    deltas = found.deltas
    caches = (found.cache._documents, found.renderer._fragments, deltas._states, deltas._deltas)
    return [(len(cache), cache.size) for cache in caches]


@pytest.mark.slow
def test_a_hundred_thousand_query_strings_leave_the_caches_as_they_were(app: Flask) -> None:
    get(app, "/rss.xml")
    before, rendered = counted(app), delivery(app).renderer.rendered
    addresses = delivery(app).addresses
    for number in range(100_000):
        parameters = {"utm_source": [str(number)], f"x{number}": ["1"]}
        delivery(app).document(addresses.parse("/rss.xml", parameters))
    for number in range(300):
        assert get(app, f"/rss.xml?q{number}={number}").code == 200
        assert get(app, f"/rss.xml?page={number + 2}").code == 404
        assert get(app, f"/rss.xml?limit={number + 201}").code == 400
        assert get(app, f"/topics/t{number}/rss.xml").code == 404
    assert counted(app) == before
    assert delivery(app).renderer.rendered == rendered


@pytest.mark.slow
def test_the_caches_keep_to_the_memory_that_is_set(tmp_path: Path) -> None:
    app = application(news(tmp_path / "many", 100), cache_mb=1)
    for limit in range(1, 200, 4):
        for file in ("rss.xml", "atom.xml"):
            assert get(app, f"/{file}?limit={limit}", accept_encoding="gzip").code == 200
    (documents, _), *_ = sizes = counted(app)
    assert delivery(app).renderer.rendered == 100
    assert sum(size for _, size in sizes) <= 1024 * 1024
    assert 0 < documents < 50


# -- deltas ------------------------------------------------------------------


@pytest.mark.parametrize("coding", ["identity", "gzip"])
@pytest.mark.parametrize("file", ["rss.xml", "atom.xml"])
@pytest.mark.usefixtures("either")
def test_a_delta_has_the_changed_entries_and_the_validators_of_the_whole(
    app: Flask, folder: Path, file: str, coding: str
) -> None:
    first = get(app, f"/{file}", accept_encoding=coding)
    tag = str(first.get("ETag"))
    write(folder, "001.md", title="Story 1, corrected", publishedDateTime="2024-01-02T00:00:00Z")
    write(folder, "new.md", title="New", publishedDateTime="2024-02-01T00:00:00Z")
    load(app, folder)
    whole = get(app, f"/{file}", accept_encoding=coding)
    delta = get(app, f"/{file}", accept_encoding=coding, if_none_match=tag, a_im="feed")
    assert delta.status == "226 IM USED"
    assert titles(delta) == ["New", "Story 1, corrected"]
    changed = {
        "Content-Length": str(len(delta.body)),
        "Cache-Control": "no-store",
        "Vary": "Accept-Encoding, A-IM, If-None-Match",
    }
    expected = dict(whole.headers) | changed | {"IM": "feed", "Delta-Base": tag}
    for keys in ("Surrogate-Key", "xkey"):  # no cache keeps it
        del expected[keys]
    assert dict(delta.headers) == expected
    tag = str(delta.get("ETag"))
    assert get(app, f"/{file}", accept_encoding=coding, if_none_match=tag, a_im="feed").code == 304


def test_a_delta_is_for_a_known_state_and_whoever_asks_for_it(app: Flask, folder: Path) -> None:
    tag = str(get(app, "/rss.xml").get("ETag"))
    other = str(get(app, "/atom.xml").get("ETag"))
    write(folder, "new.md", title="New")
    load(app, folder)
    known: dict[str, str] = {"if_none_match": tag}
    assert get(app, "/rss.xml", **known).code == 200
    assert get(app, "/rss.xml", **known, a_im="vcdiff, gzip").code == 200
    assert get(app, "/rss.xml", **known, a_im="feed;q=0").code == 200
    assert get(app, "/rss.xml", a_im="feed").code == 200
    assert get(app, "/rss.xml", a_im="feed", if_none_match='"unknown"').code == 200
    assert get(app, "/rss.xml", a_im="feed", if_none_match=other).code == 200
    assert get(app, "/rss.xml", **known, a_im="vcdiff, feed;q=0.5").code == 226
    assert get(app, "/rss.xml", **known, a_im="feed", user_agent="B").code == 226
    again: dict[str, str] = {"a_im": "feed", "user_agent": "C"}
    assert get(app, "/rss.xml", if_none_match=f'"x", W/{tag}', **again).code == 226


def test_who_asks_again_for_a_delta_it_was_given_gets_the_whole_feed(
    app: Flask, folder: Path
) -> None:
    known = {"a_im": "feed", "if_none_match": str(get(app, "/rss.xml").get("ETag"))}
    write(folder, "new.md", title="New")
    load(app, folder)
    assert get(app, "/rss.xml", **known).code == 226
    assert get(app, "/rss.xml", **known).code == 200
    assert get(app, "/rss.xml", **known, x_forwarded_for="192.0.2.7").code == 226


def test_a_state_two_generations_ago_is_still_known(app: Flask, folder: Path) -> None:
    tag = str(get(app, "/rss.xml").get("ETag"))
    for name in ("New", "Newer"):
        write(folder, f"{name}.md", title=name, publishedDateTime="2024-02-01T00:00:00Z")
        load(app, folder)
        get(app, "/rss.xml")
    answer = get(app, "/rss.xml", if_none_match=tag, a_im="feed")
    assert answer.code == 226
    assert sorted(titles(answer)) == ["New", "Newer"]


def test_a_page_for_people_has_no_delta(app: Flask, folder: Path) -> None:
    tag = str(get(app, "/").get("ETag"))
    write(folder, "new.md")
    load(app, folder)
    assert get(app, "/", if_none_match=tag, a_im="feed").code == 200


def test_a_delta_is_no_larger_than_what_changed(app: Flask, folder: Path) -> None:
    tag = str(get(app, "/rss.xml").get("ETag"))
    write(folder, "new.md", title="New")
    load(app, folder)
    delta = get(app, "/rss.xml", if_none_match=tag, a_im="feed").body
    assert re.findall(rb"<title>([^<]*)</title>", delta) == [b"News", b"New"]


# -- filtered feeds ----------------------------------------------------------------


def test_a_filtered_feed_is_cached_and_conditional_like_all_others(
    app: Flask, folder: Path
) -> None:
    address = "/rss.xml?min_quality=5&q=title"
    write(folder, "good.md", title="A good title", quality=7)
    load(app, folder)
    first = get(app, address + "&utm_source=x")
    assert titles(first) == ["A good title"]
    etag, modified = str(first.get("ETag")), str(first.get("Last-Modified"))
    assert get(app, address, if_none_match=etag).code == 304
    assert get(app, address, if_modified_since=modified).code == 304
    assert delivery(app).renderer.rendered == 1
    write(folder, "good.md", title="A good title", quality=3)  # it leaves the feed
    load(app, folder)
    later = get(app, address, if_modified_since=modified, if_none_match=etag)
    assert titles(later) == []
    assert get(app, address, if_modified_since=modified).code == 200


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
