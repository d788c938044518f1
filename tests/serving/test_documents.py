import gzip
import time
from datetime import UTC, datetime
from threading import Barrier, Thread

import pytest

from feeds.serving import content_coding, documents
from feeds.serving.documents import Answer, Document, Variant, etag, mark, moment_of
from tests.helpers.server import PATIENCE

MODIFIED = datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)
HEADERS = [("Cache-Control", "public"), ("Vary", "Accept-Encoding")]
BODY = b"<feed>" + b"x" * 1000 + b"</feed>"
TAG = etag(BODY)


def document(modified: datetime | None = MODIFIED) -> Document:
    return Document(BODY, "application/atom+xml; charset=utf-8", HEADERS, modified)


def test_identity_is_the_body_with_its_headers() -> None:
    headers = [
        ("Content-Type", "application/atom+xml; charset=utf-8"),
        ("Content-Length", "1013"),
        ("ETag", f'"{TAG}"'),
        ("Last-Modified", "Tue, 02 Jan 2024 03:04:05 GMT"),
        *HEADERS,
    ]
    repeated = [("ETag", f'"{TAG}"'), *HEADERS]
    sent, sent_again = (
        "".join(f"{name}: {value}\r\n" for name, value in one).encode() + b"\r\n"
        for one in (headers, repeated)
    )
    assert document().variant("identity") == Variant(
        f'"{TAG}"',
        Answer(200, "200 OK", headers, BODY, "identity", 1013, sent),
        Answer(200, "200 OK", headers, b"", "identity", 1013, sent),
        Answer(304, "304 NOT MODIFIED", repeated, b"", "identity", 1013, sent_again),
    )


def test_a_coding_has_an_etag_and_a_length_of_its_own() -> None:
    variant = document().variant("gzip")
    assert gzip.decompress(variant.body) == BODY
    assert variant.etag == f'"{TAG}-gzip"'
    assert variant.headers == [
        ("Content-Type", "application/atom+xml; charset=utf-8"),
        ("Content-Length", str(len(variant.body))),
        ("Content-Encoding", "gzip"),
        ("ETag", f'"{TAG}-gzip"'),
        ("Last-Modified", "Tue, 02 Jan 2024 03:04:05 GMT"),
        *HEADERS,
    ]
    assert variant.not_modified.headers == [("ETag", f'"{TAG}-gzip"'), *HEADERS]


def test_without_a_time_there_is_no_last_modified() -> None:
    made = document(modified=None)
    assert "Last-Modified" not in dict(made.variant("identity").headers)
    assert made.last_modified == ""


def test_a_coding_is_made_once_and_counts_in_the_size(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[bytes] = []

    def encode(body: bytes) -> bytes:
        calls.append(body)
        return b"coded"

    monkeypatch.setitem(content_coding.ENCODERS, "gzip", encode)
    made = document()
    assert made.prepared("gzip") is None
    assert made.size == len(BODY)
    first = made.variant("gzip")
    assert made.variant("gzip") is first is made.prepared("gzip")
    assert calls == [BODY]
    assert made.size == len(BODY) + len(b"coded") + documents._VARIANT


def test_an_etag_tells_bytes_apart_and_needs_no_escaping() -> None:
    assert etag(BODY) == etag(bytes(BODY)) != etag(BODY + b" ")
    assert etag(b"").isalnum()


MARKED = f"{TAG}-1704412800.831f529d"


def test_a_tag_says_as_of_which_moment_which_feed_was_made() -> None:
    made = Document(BODY, "application/rss+xml", HEADERS, MODIFIED, mark(1704412800, "/rss.xml"))
    assert made.etag == MARKED
    assert made.variant("gzip").etag == f'"{MARKED}-gzip"'


@pytest.mark.parametrize(
    ("tag", "address", "moment"),
    [
        (MARKED, "/rss.xml", 1704412800),
        (f"{MARKED}-gzip", "/rss.xml", 1704412800),
        (MARKED.replace(TAG, "0" * 24), "/rss.xml", 1704412800),
        (MARKED, "/atom.xml", None),
        (MARKED.replace("-17", "-017"), "/rss.xml", None),
        (MARKED.replace("-17", "-" + "1" * 20), "/rss.xml", None),
        (MARKED.replace("-17", "-\u0661"), "/rss.xml", None),
        (TAG, "/rss.xml", None),
        (f"{TAG}-gzip", "/rss.xml", None),
        ("", "/rss.xml", None),
    ],
)
def test_a_moment_is_read_from_tags_of_the_same_feed(
    tag: str, address: str, moment: int | None
) -> None:
    assert moment_of(tag, address) == moment


def test_a_few_documents_at_a_time_are_compressed(monkeypatch: pytest.MonkeyPatch) -> None:
    running: list[int] = []
    most: list[int] = []
    two = Barrier(2)  # each waits for another one

    def encode(body: bytes) -> bytes:
        running.append(1)
        most.append(len(running))
        two.wait(PATIENCE)
        time.sleep(0.01)  # for a third one to come, if it may
        running.pop()
        return body

    monkeypatch.setitem(content_coding.ENCODERS, "gzip", encode)
    threads = [Thread(target=document().variant, args=["gzip"]) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(most), max(most)) == (10, 2)
