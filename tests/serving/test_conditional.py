import gzip
from datetime import UTC, datetime
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds.serving.conditional import decide, delta_bases
from feeds.serving.documents import Answer, Document

MODIFIED: Final = datetime(2024, 1, 2, 3, 4, 5, 678, tzinfo=UTC)
BODY: Final = b"<feed>" + b"x" * 100 + b"</feed>"
ZIPPED: Final = gzip.compress(BODY, compresslevel=5, mtime=0)
DOCUMENT: Final = Document(BODY, "application/atom+xml", [("Vary", "Accept-Encoding")], MODIFIED)
UNDATED: Final = Document(BODY, "text/html", [("Vary", "Accept-Encoding")])
TAG: Final = f'"{DOCUMENT.etag}"'
SAME: Final = "Tue, 02 Jan 2024 03:04:05 GMT"
EARLIER: Final = "Tue, 02 Jan 2024 03:04:04 GMT"
LATER: Final = "Tue, 02 Jan 2024 03:04:06 GMT"
WHOLE: Final = Answer(
    200,
    "200 OK",
    [
        ("Content-Type", "application/atom+xml"),
        ("Content-Length", "113"),
        ("ETag", TAG),
        ("Last-Modified", SAME),
        ("Vary", "Accept-Encoding"),
    ],
    BODY,
    "identity",
    113,
)
NOT_MODIFIED: Final = Answer(
    304, "304 NOT MODIFIED", [("ETag", TAG), ("Vary", "Accept-Encoding")], b"", "identity", 113
)
FAILED: Final = Answer(412, "412 PRECONDITION FAILED", [], b"")
TABLE: Final[list[tuple[dict[str, str], Answer]]] = [
    ({}, WHOLE),
    # If-None-Match: one tag, weak, in a list, any
    ({"If-None-Match": TAG}, NOT_MODIFIED),
    ({"If-None-Match": f"W/{TAG}"}, NOT_MODIFIED),
    ({"If-None-Match": f'"a", {TAG}, W/"b"'}, NOT_MODIFIED),
    ({"If-None-Match": f'"a",,W/{TAG}'}, NOT_MODIFIED),
    ({"If-None-Match": TAG.strip('"')}, NOT_MODIFIED),
    ({"If-None-Match": "*"}, NOT_MODIFIED),
    ({"If-None-Match": '"*"'}, WHOLE),
    ({"If-None-Match": '"a"'}, WHOLE),
    ({"If-None-Match": TAG.replace('"', "")[:-1]}, WHOLE),
    ({"If-None-Match": f'"{DOCUMENT.etag}-gzip"'}, WHOLE),
    ({"If-None-Match": ""}, WHOLE),
    ({"If-None-Match": f" \t{TAG}\t "}, NOT_MODIFIED),
    ({"If-None-Match": f"\xa0{TAG}"}, WHOLE),
    # If-Modified-Since: a date of any form, or none at all
    ({"If-Modified-Since": SAME}, NOT_MODIFIED),
    ({"If-Modified-Since": LATER}, NOT_MODIFIED),
    ({"If-Modified-Since": EARLIER}, WHOLE),
    ({"If-Modified-Since": "Tuesday, 02-Jan-24 03:04:05 GMT"}, NOT_MODIFIED),
    ({"If-Modified-Since": "Tue Jan  2 03:04:05 2024"}, NOT_MODIFIED),
    ({"If-Modified-Since": "Tue, 02 Jan 2024 05:04:05 +0200"}, NOT_MODIFIED),
    ({"If-Modified-Since": "Tue, 32 Jan 2024 03:04:05 GMT"}, WHOLE),
    ({"If-Modified-Since": "yesterday"}, WHOLE),
    ({"If-Modified-Since": "0"}, WHOLE),
    ({"If-Modified-Since": "Tue, 02 Jan 99999999999999999999 03:04:05 GMT"}, WHOLE),
    ({"If-Modified-Since": "Tue, 02 Jan 2024 03:04:05 +99999999999999999999"}, WHOLE),
    ({"If-Modified-Since": ""}, WHOLE),
    # If-Match: the strong comparison
    ({"If-Match": TAG}, WHOLE),
    ({"If-Match": f'"a", {TAG}'}, WHOLE),
    ({"If-Match": "*"}, WHOLE),
    ({"If-Match": ""}, WHOLE),
    ({"If-Match": f"\xa0{TAG.replace(DOCUMENT.etag, 'a')}"}, WHOLE),
    ({"If-Match": '"a"'}, FAILED),
    ({"If-Match": f"W/{TAG}"}, FAILED),
    # If-Unmodified-Since
    ({"If-Unmodified-Since": SAME}, WHOLE),
    ({"If-Unmodified-Since": LATER}, WHOLE),
    ({"If-Unmodified-Since": EARLIER}, FAILED),
    ({"If-Unmodified-Since": "yesterday"}, WHOLE),
    ({"If-Unmodified-Since": ""}, WHOLE),
    # the order of RFC 9110 13.2.2
    ({"If-Match": TAG, "If-Unmodified-Since": EARLIER}, WHOLE),
    ({"If-Match": '"a"', "If-Unmodified-Since": SAME}, FAILED),
    ({"If-Match": TAG, "If-None-Match": TAG}, NOT_MODIFIED),
    ({"If-Match": TAG, "If-None-Match": '"a"'}, WHOLE),
    ({"If-Match": TAG, "If-Modified-Since": SAME}, NOT_MODIFIED),
    ({"If-Unmodified-Since": SAME, "If-None-Match": TAG}, NOT_MODIFIED),
    ({"If-Unmodified-Since": EARLIER, "If-None-Match": TAG}, FAILED),
    ({"If-Unmodified-Since": SAME, "If-Modified-Since": SAME}, NOT_MODIFIED),
    ({"If-None-Match": '"a"', "If-Modified-Since": SAME}, WHOLE),
    ({"If-None-Match": '"a"', "If-Modified-Since": LATER}, WHOLE),
    ({"If-None-Match": TAG, "If-Modified-Since": EARLIER}, NOT_MODIFIED),
    ({"If-None-Match": TAG, "If-Modified-Since": "yesterday"}, NOT_MODIFIED),
    ({"If-Match": '"a"', "If-None-Match": TAG}, FAILED),
    ({"If-Match": "*", "If-None-Match": TAG}, NOT_MODIFIED),
    ({"If-Match": "*", "If-Modified-Since": SAME}, NOT_MODIFIED),
    # no part is sent, so the whole is
    ({"Range": "bytes=0-9"}, WHOLE),
    ({"Range": "bytes=0-9", "If-Range": TAG}, WHOLE),
    ({"Range": "bytes=0-9", "If-Range": '"a"', "If-None-Match": TAG}, NOT_MODIFIED),
]


def ask(headers: dict[str, str], method: str = "GET", document: Document = DOCUMENT) -> Answer:
    answer = decide(method, cgi(headers), document, document.variant)
    return answer._replace(fields=b"")  # they say what the headers do


def cgi(headers: dict[str, str]) -> dict[str, str]:
    return {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers.items()}


@pytest.mark.parametrize(("headers", "expected"), TABLE)
def test_a_condition_decides(headers: dict[str, str], expected: Answer) -> None:
    assert ask(headers) == expected


@pytest.mark.parametrize(("headers", "expected"), TABLE)
def test_head_gets_what_get_does_without_the_body(
    headers: dict[str, str], expected: Answer
) -> None:
    assert ask(headers, "HEAD") == expected._replace(body=b"")


@pytest.mark.parametrize("since", [EARLIER, SAME, LATER, ""])
def test_what_has_no_date_is_always_modified(since: str) -> None:
    found = ask({"If-Modified-Since": since}, document=UNDATED)
    assert (found.code, found.body) == (200, BODY)


@pytest.mark.parametrize(
    ("accepted", "code", "coding"),
    [
        ("gzip", 200, "gzip"),
        ("gzip;q=0.5, identity", 200, "identity"),
        ("deflate", 200, "identity"),
        ("", 200, "identity"),
        ("identity;q=0, gzip;q=0.1", 200, "gzip"),
        ("identity;q=0", 406, "identity"),
        ("*;q=0", 406, "identity"),
        ("deflate, *;q=0", 406, "identity"),
    ],
)
def test_the_coding_is_one_that_is_accepted(accepted: str, code: int, coding: str) -> None:
    found = ask({"Accept-Encoding": accepted})
    assert (found.code, found.coding) == (code, coding)
    assert found.body == {"gzip": ZIPPED, "identity": BODY}[coding] or code == 406
    assert ask({"Accept-Encoding": accepted, "If-None-Match": "*"}).code in (304, 406)


def test_each_coding_has_validators_of_its_own() -> None:
    zipped = f'"{DOCUMENT.etag}-gzip"'
    expected = [("ETag", zipped), ("Vary", "Accept-Encoding")]
    assert ask({"Accept-Encoding": "gzip", "If-None-Match": zipped}) == Answer(
        304, "304 NOT MODIFIED", expected, b"", "gzip", len(ZIPPED)
    )
    assert ask({"Accept-Encoding": "gzip", "If-None-Match": TAG}).code == 200


def test_without_a_variant_there_is_no_answer() -> None:
    assert decide("GET", {}, DOCUMENT, lambda _: None) is None


tags = st.lists(
    st.sampled_from([TAG, f"W/{TAG}", TAG.strip('"'), "*", '"a"', 'W/"b"', "", '"', "c d", ";"])
)
dates = st.one_of(
    st.sampled_from([SAME, EARLIER, LATER, "never", "", "Tue, 02 Jan 2024"]), st.text(max_size=30)
)
conditions = st.fixed_dictionaries(
    {},
    optional={
        "If-None-Match": st.builds(", ".join, tags) | st.text(max_size=30),
        "If-Modified-Since": dates,
        "If-Match": st.builds(",".join, tags),
        "If-Unmodified-Since": dates,
    },
)


@given(conditions, st.sampled_from([DOCUMENT, UNDATED]))
def test_comparison_and_parsers_agree(headers: dict[str, str], document: Document) -> None:
    """White space around a value changes nothing but that it isn't compared as it is."""
    around = {name: f" {value} " if value != "*" else value for name, value in headers.items()}
    assert ask(headers, document=document) == ask(around, document=document)


@pytest.mark.parametrize(
    ("manipulations", "known", "expected"),
    [
        ("feed", '"b", W/"a"', ["a", "b"]),
        ("vcdiff, feed;q=0.5", '"a"', ["a"]),
        ("VCDIFF, FEED", '"a"', ["a"]),
        ("feed;q=0", '"a"', []),
        ("vcdiff", '"a"', []),
        ("feedback", '"a"', []),
        ("", '"a"', []),
        ("feed", "*", []),
        ("feed", "", []),
        ("feed", '""', []),
        ("feed", '"", "b", W/"a"', ["a", "b"]),
        ("\xa0feed", '"a"', []),
    ],
)
def test_changes_are_asked_for_since_states_that_tags_name(
    manipulations: str, known: str, expected: list[str]
) -> None:
    assert delta_bases(cgi({"A-IM": manipulations, "If-None-Match": known})) == expected
    assert delta_bases(cgi({"If-None-Match": known})) == []
