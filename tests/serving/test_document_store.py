from pathlib import Path
from threading import Barrier, Thread

import pytest
from flask import Flask
from werkzeug.http import http_date

from tests.helpers.prepared import break_store, titles
from tests.helpers.server import Answer, application, documents, get, load, news
from tests.helpers.support import write

# -- made once ---------------------------------------------------------------


def test_a_document_is_rendered_once_for_a_generation_and_address(app: Flask) -> None:
    addresses = ["/rss.xml", "/atom.xml", "/topics/ai/rss.xml", "/amp/rss.xml", "/rss.xml?limit=2"]
    for _ in range(3):
        for address in addresses:
            assert get(app, address, accept_encoding="gzip").code == 200
            assert get(app, address, accept_encoding="br").code == 200
    assert documents(app).renderer.rendered == len(addresses)


def test_other_spellings_of_an_address_share_the_document(app: Flask) -> None:
    for query in ("", "?", "?utm_source=x", "?a[]=b&%00=%ff"):
        assert get(app, "/rss.xml" + query).code == 200
    assert documents(app).renderer.rendered == 1
    assert documents(app).cache.usage()[0] == 1


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
    assert documents(app).renderer.rendered == 1
    assert [a.code for a in answers] == [200] * 20
    assert len({a.body for a in answers}) == 1


# -- after a load ------------------------------------------------------------


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
    with documents(app).store.read() as reader:
        assert since == http_date(reader.state().born)  # what was there before isn't known
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
            second = get(two, address, accept_encoding=coding)
            assert (second.get("ETag"), second.body) == (first.get("ETag"), first.body)


# -- when the store fails ----------------------------------------------------


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
    documents(app).watch.generation()
    break_store(app, monkeypatch)
    assert get(app, "/rss.xml") == first


# -- bounded -----------------------------------------------------------------


def counted(app: Flask) -> list[tuple[int, int]]:
    found = documents(app)
    caches = (found.cache._documents, found.renderer._parts, found.deltas._deltas)
    return [(len(cache), cache.size) for cache in caches]


@pytest.mark.slow
def test_a_hundred_thousand_query_strings_leave_the_caches_as_they_were(app: Flask) -> None:
    get(app, "/rss.xml")
    before, rendered = counted(app), documents(app).renderer.rendered
    addresses = documents(app).addresses
    for number in range(100_000):
        parameters = {"utm_source": [str(number)], f"x{number}": ["1"]}
        documents(app).document(addresses.parse("/rss.xml", parameters))
    for number in range(300):
        assert get(app, f"/rss.xml?q{number}={number}").code == 200
        assert get(app, f"/rss.xml?page={number + 2}").code == 404
        assert get(app, f"/rss.xml?limit={number + 201}").code == 400
        assert get(app, f"/topics/t{number}/rss.xml").code == 404
    assert counted(app) == before
    assert documents(app).renderer.rendered == rendered


@pytest.mark.slow
def test_the_caches_keep_to_the_memory_that_is_set(tmp_path: Path) -> None:
    app = application(news(tmp_path / "many", 100), cache_mb=1)
    for limit in range(1, 200, 4):
        for file in ("rss.xml", "atom.xml"):
            assert get(app, f"/{file}?limit={limit}", accept_encoding="gzip").code == 200
    (held, _), *_ = sizes = counted(app)
    assert documents(app).renderer.rendered == 100
    assert sum(size for _, size in sizes) <= 1024 * 1024
    assert 0 < held < 50


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
    assert documents(app).renderer.rendered == 1
    write(folder, "good.md", title="A good title", quality=3)  # it leaves the feed
    load(app, folder)
    later = get(app, address, if_modified_since=modified, if_none_match=etag)
    assert titles(later) == []
    assert get(app, address, if_modified_since=modified).code == 200
