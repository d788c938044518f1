"""A wrong value costs its field alone: the record is served, and a note names what is wrong."""

from datetime import UTC, datetime
from typing import Any

import pytest

from feeds import urls
from feeds.model import Image, Provider, Record, RecordError
from feeds.records.parser import PLAIN, Options, ParsedRecord, parse_record

URL = "https://news.example.com/story"
TITLE_AND_URL = f"title: A\nwebUrl: {URL}\n"
NOT_WEB = "is not a web address; it must begin with https:// or http://"
NOT_A_NUMBER = "is not a number; write a number such as 57; left out"
NO_HOST = "has an impossible host name; example.com would be right; left out"
NOT_A_DATE = "is not a date; write it as 2023-09-02T16:03:00Z; left out"
OUT_OF_TIME = "is not between 1970 and 2199; write it as 2023-09-02T16:03:00Z; left out"
TOO_LARGE = "is out of range; at most 2,147,483,648 is accepted; left out"
A_LIST = "is a list, not text; write one line of text; left out"
NO_PROVIDER = "is not a mapping; write 'name:' and 'domain:' below it, indented; left out"
AMBIGUOUS = "is 2026-06-05 or 2026-05-06; write the one that is meant; left out"
PICTURE = "https://example.com/a.png"


def parsed(front: str, options: Options = PLAIN) -> ParsedRecord:
    """The record of this front matter, which is the same however it is parsed."""
    data = f"---\n{front}---\n".encode()
    fast = parse_record("a.md", data, options)
    assert fast == parse_record("a.md", data, options, fast=False)
    return fast


def noted(front: str) -> list[str]:
    return [str(note).removeprefix("a.md:") for note in parsed(front).notes]


def field(front: str, name: str) -> Any:
    record = parsed(front).record
    assert isinstance(record, Record)
    return getattr(record, name)


def test_the_website_of_an_event_is_its_url_where_it_has_no_other() -> None:
    record = parsed("name: A\nwebsite: https://mill.example.org/\n").record
    assert isinstance(record, Record)
    assert (record.title, record.web) == ("A", "https://mill.example.org/")


@pytest.mark.parametrize(
    ("lines", "name", "expected", "note"),
    [
        # Numbers.
        ("heat: hot\n", "heat", 0, f"4: heat: {NOT_A_NUMBER}"),
        ("heat: '12'\n", "heat", 12, ""),
        ("heat: 10.6\n", "heat", 11, ""),
        ("heat: 1_000\n", "heat", 1000, ""),
        ("heat: '1__0'\n", "heat", 0, f"4: heat: {NOT_A_NUMBER}"),
        ("heat: .inf\n", "heat", 0, f"4: heat: {TOO_LARGE}"),
        ("heat: .nan\n", "heat", 0, f"4: heat: {TOO_LARGE}"),
        ("heat: -2147483649\n", "heat", 0, f"4: heat: {TOO_LARGE}"),
        (f"heat: {'9' * 400}\n", "heat", 0, f"4: heat: {TOO_LARGE}"),
        ("quality: true\n", "quality", 0, f"4: quality: {NOT_A_NUMBER}"),
        ("quality: [57]\n", "quality", 0, f"4: quality: {NOT_A_NUMBER}"),
        (f"quality: 1{':0' * 500_000}\n", "quality", 0, f"4: quality: {NOT_A_NUMBER}"),
        # Events.
        ("location: Tide mill\n", "place", "Tide mill", ""),
        ("location: {name: Mill, address: 1 Quay, x: y}\n", "place", "Mill, 1 Quay", ""),
        ("startDateTime: 2024-06-01T10:30:00+02:00\n", "starts",
         datetime(2024, 6, 1, 8, 30, tzinfo=UTC), ""),
        ("startDateTime: soon\n", "starts", None, f"4: startDateTime: 'soon' {NOT_A_DATE}"),
        ("website: https://mill.example.org/\n", "web", URL, ""),
        # Pictures.
        (
            f"images:\n  - url: {PICTURE}\n    width: 100%\n    height: 50\n",
            "images",
            (Image(PICTURE, 0, 50),),
            f"6: images[0].width: {NOT_A_NUMBER}",
        ),
        (
            f"images:\n  - url: {PICTURE}\n    width: 100px\n",
            "images",
            (Image(PICTURE, 100),),
            "",
        ),
        (f"images: {PICTURE}\n", "images", (Image(PICTURE),), ""),
        (f"images:\n  - {PICTURE}\n", "images", (Image(PICTURE),), ""),
        ("images: [/a.png]\n", "images", (Image("https://news.example.com/a.png"),), ""),
        (f"images:\n  url: {PICTURE}\n", "images", (Image(PICTURE),), ""),
        (
            "images: ['data:,a']\n",
            "images",
            (),
            f"4: images[0]: 'data:,a' {NOT_WEB}; left out",
        ),
        # URLs.
        ("ampWebUrl: n/a\n", "amp", "", f"4: ampWebUrl: 'n/a' {NOT_WEB}; left out"),
        ("cdnAmpWebUrl: [a]\n", "amp_cache", "", f"4: cdnAmpWebUrl: {A_LIST}"),
        # Topics.
        ("topics: ai\n", "topics", ("ai",), ""),
        ("topics: [2024, AI]\n", "topics", ("2024", "AI"), ""),
        ("topics:\n  - 2024\n  - No\n  - 1.10\n", "topics", ("2024", "No", "1.10"), ""),
        ("topics: 2023-02-30\n", "topics", ("2023-02-30",), ""),
        (
            "topics: [AI, [a]]\n",
            "topics",
            ("AI",),
            f"4: topics[1]: {A_LIST}",
        ),
        (
            f"topics: [{', '.join(f'a{n}' for n in range(101))}]\n",
            "topics",
            tuple(f"a{n}" for n in range(100)),
            "4: topics: lists more than 100 topics; the first are taken",
        ),
        # Providers.
        ("provider: The Times\n", "provider", Provider("the-times", "the-times", "The Times"), ""),
        (
            "provider: www.example.com\n",
            "provider",
            Provider("example.com", "www-example-com", "www.example.com", "example.com"),
            "",
        ),
        ("provider: 2024\n", "provider", Provider("2024-655773", "2024-655773", "2024"), ""),
        (
            "provider: [a]\n",
            "provider",
            None,
            f"4: provider: {NO_PROVIDER}",
        ),
        (
            "provider:\n  name: A\n  domain: https://example.com/\n",
            "provider",
            Provider("a", "a", "A"),
            f"6: provider.domain: 'https://example.com/' {NO_HOST}",
        ),
        ("authors: Desk\n", "authors", ("Desk",), ""),
        ("authors: [1, {name: Desk}]\n", "authors", ("1", "Desk"), ""),
        # Durations.
        ("length: 14:50\n", "duration", 890, ""),
        ("length: '14:50'\n", "duration", 890, ""),
        ("length: 1:14:50\n", "duration", 4490, ""),
        ("length: 890\n", "duration", 890, ""),
        ("length: PT14M50S\n", "duration", 890, ""),
        (
            "length: long\n",
            "duration",
            0,
            "4: length: 'long' is not a duration; write it as PT14M50S; left out",
        ),
        # Texts that YAML takes for something else.
        ("type: 1\n", "type", "1", ""),
        ("type: Yes\n", "type", "Yes", ""),
        ("excerpt: 2023-09-02\n", "excerpt", "2023-09-02", ""),
        ("excerpt: ! 'text'\n", "excerpt", "text", ""),
        ("excerpt: ! 12\n", "excerpt", "12", ""),
        (
            "excerpt: {a: b}\n",
            "excerpt",
            "",
            "4: excerpt: is a mapping, not text; write one line of text; left out",
        ),
        # Dates.
        (
            "publishedDateTime: 2023-02-30\n",
            "published",
            None,
            f"4: publishedDateTime: '2023-02-30' {NOT_A_DATE}",
        ),
        (
            "publishedDateTime: 2023-09-02T25:00:00Z\n",
            "published",
            None,
            f"4: publishedDateTime: '2023-09-02T25:00:00Z' {NOT_A_DATE}",
        ),
        ("publishedDateTime: 2023\n", "published", None,
         f"4: publishedDateTime: '2023' {NOT_A_DATE}"),
        ("publishedDateTime: [a]\n", "published", None, f"4: publishedDateTime: {NOT_A_DATE}"),
        (
            "publishedDateTime: 05/06/2026\n",
            "published",
            None,
            f"4: publishedDateTime: '05/06/2026' {AMBIGUOUS}",
        ),
        (
            "published: 05/06/2026\n",
            "published",
            None,
            f"4: published: '05/06/2026' {AMBIGUOUS}",
        ),
        ("publishedDateTime: 1969-12-31T23:59:59Z\n", "published", None,
         f"4: publishedDateTime: '1969-12-31T23:59:59Z' {OUT_OF_TIME}"),
        ("publishedDateTime: 9999-12-31T23:59:59-10:00\n", "published", None,
         f"4: publishedDateTime: '9999-12-31T23:59:59-10:00' {OUT_OF_TIME}"),
        ("publishedDateTime: 0001-01-01T00:00:00+10:00\n", "published", None,
         f"4: publishedDateTime: '0001-01-01T00:00:00+10:00' {OUT_OF_TIME}"),
        ("updatedDateTime: yesterday\n", "updated", None,
         f"4: updatedDateTime: 'yesterday' {NOT_A_DATE}"),
        # Keys that stand twice.
        ("color: red\ncolor: blue\n", "type", "",
         "5: color: stands twice (first in line 4); nothing reads it"),
        (
            "provider:\n  name: A\n  color: red\n  color: blue\n",
            "provider",
            Provider("a", "a", "A"),
            "7: provider.color: stands twice (first in line 6); left out",
        ),
        (
            "provider:\n  name: A\n  domain: example.com\n  domain: example.org\n",
            "provider",
            Provider("a", "a", "A"),
            "7: provider.domain: stands twice (first in line 6); left out",
        ),
    ],
)  # fmt: skip
def test_a_wrong_value_costs_its_field_alone(
    lines: str, name: str, expected: object, note: str
) -> None:
    assert field(TITLE_AND_URL + lines, name) == expected
    assert noted(TITLE_AND_URL + lines) == ([note] if note else [])


def test_a_bad_url_beside_a_good_one_is_left_out() -> None:
    front = "title: A\nwebUrl: www.example.com/a\noriginalUrl: https://example.com/a\n"
    assert (field(front, "web"), field(front, "original")) == ("", "https://example.com/a")
    assert field(front, "key") == urls.entry_id("https://example.com/a")
    right = "https://www.example.com/a would be right"
    assert noted(front) == [
        f"3: webUrl: 'www.example.com/a' is not a web address; {right}; left out"
    ]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("2024", "2024"),
        ("1.10", "1.10"),
        ("2023-09-02", "2023-09-02"),
        ("12:30", "12:30"),
        ("No", "No"),
        ("0x1F", "0x1F"),
        ("! 'text'", "text"),
        ("! 2024", "2024"),
        ('"\u200bA"', "\u200bA"),
        ("नमस्ते", "नमस्ते"),
        ("🚢", "🚢"),
    ],
)
def test_a_title_is_the_text_that_was_written(written: str, expected: str) -> None:
    front = f"title: {written}\nwebUrl: {URL}\n"
    assert field(front, "title") == expected
    assert noted(front) == []


@pytest.mark.parametrize(
    "blank",
    ["", "''", "' '", "~", "null", '"\\t\\n"', "' &nbsp; '", '"\u200b"', '"\u200b \ufeff"',
     "'\u2060'", "'\u00ad'", "'\u3164'", "'\u2800'", "'\u034f'", "'\u202e'"],
)  # fmt: skip
def test_a_title_that_shows_nothing_is_none(blank: str) -> None:
    with pytest.raises(RecordError, match=r"^a\.md:2: title: is empty"):
        parsed(f"title: {blank}\nwebUrl: {URL}\n")
    assert field(f"title: {blank}\nname: B\nwebUrl: {URL}\n", "title") == "B"


@pytest.mark.parametrize(
    ("again", "name"),
    [("title: B", "title"), (f"webUrl: {URL}", "webUrl"), ("topics: a\ntopics: b", "topics")],
)
def test_a_key_twice_that_is_read_keeps_the_record_out(again: str, name: str) -> None:
    with pytest.raises(
        RecordError, match=rf"a.md:\d: {name}: stands twice \(first in line \d\); keep one$"
    ):
        parsed(f"{TITLE_AND_URL}{again}\n")


def test_a_key_twice_is_told_in_one_line_whatever_it_is() -> None:
    (note,) = noted(TITLE_AND_URL + '"a\\n\\e": 1\n"a\\n\\e": 2\n')
    assert "\n" not in note
    assert "\x1b" not in note


RELATED = "related:\n  - title: B\n    webUrl: https://example.org/b\n"


@pytest.mark.parametrize(
    ("lines", "name", "expected", "note"),
    [
        ("    quality: high\n", "quality", 0, f"7: related[0].quality: {NOT_A_NUMBER}"),
        ("    provider: The Other\n", "provider", "The Other", ""),
        ("    provider: {name: 2021}\n", "provider", "2021", ""),
        ("    type: 2021\n", "type", "2021", ""),
        (
            "    publishedDateTime: 2024-02-31T00:00:00Z\n",
            "published",
            None,
            f"7: related[0].publishedDateTime: '2024-02-31T00:00:00Z' {NOT_A_DATE}",
        ),
        (
            "    publishedDateTime: 2024-1-2 3:00\n",
            "published",
            datetime(2024, 1, 2, 3, tzinfo=UTC),
            "",
        ),
        (
            "    type: a\n    type: b\n",
            "type",
            "",
            "8: related[0].type: stands twice (first in line 7); left out",
        ),
    ],
)
def test_so_does_one_of_other_coverage(lines: str, name: str, expected: object, note: str) -> None:
    (link,) = field(TITLE_AND_URL + RELATED + lines, "related")
    assert getattr(link, name) == expected
    assert noted(TITLE_AND_URL + RELATED + lines) == ([note] if note else [])


def test_other_coverage_without_a_good_url_is_left_out() -> None:
    bad = RELATED.replace("https://example.org/b", "n/a")
    assert field(TITLE_AND_URL + bad, "related") == ()
    (link,) = field(TITLE_AND_URL + bad + "    originalUrl: https://example.org/c\n", "related")
    assert link.url == "https://example.org/c"
    assert noted(TITLE_AND_URL + bad) == [f"6: related[0].webUrl: 'n/a' {NOT_WEB}; left out"]


@pytest.mark.parametrize(
    "word",
    ["published: true\n    published: false", "Draft: yes", "status: draft", "removed: true"],
)
def test_other_coverage_that_is_hidden_is_not_listed(word: str) -> None:
    assert field(f"{TITLE_AND_URL}{RELATED}    {word}\n", "related") == ()


@pytest.mark.parametrize("quote", ["", "'", '"'])
@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("2011-11-28 8:32:24 -0400", datetime(2011, 11, 28, 12, 32, 24, tzinfo=UTC)),
        ("2011-11-28 8:32:24 -04:00", datetime(2011, 11, 28, 12, 32, 24, tzinfo=UTC)),
        ("2026-5-9 6:30", datetime(2026, 5, 9, 6, 30, tzinfo=UTC)),
        ("2026-05-19t06:30:00z", datetime(2026, 5, 19, 6, 30, tzinfo=UTC)),
        ("2016-12-31T23:59:60Z", datetime(2016, 12, 31, 23, 59, 59, tzinfo=UTC)),
        ("Mon, 06 May 2024 10:00:00 +0200", datetime(2024, 5, 6, 8, tzinfo=UTC)),
        ("19/05/2026", datetime(2026, 5, 19, tzinfo=UTC)),
        ("2024-01-02", datetime(2024, 1, 2, tzinfo=UTC)),
    ],
)
def test_a_date_is_the_same_quoted_or_not(written: str, quote: str, expected: datetime) -> None:
    front = f"{TITLE_AND_URL}publishedDateTime: {quote}{written}{quote}\n"
    assert field(front, "published") == expected
    assert noted(front) == []


@pytest.mark.parametrize("quote", ["", "'"])
def test_dates_without_an_offset_are_of_the_time_zone(quote: str) -> None:
    front = (
        f"{TITLE_AND_URL}publishedDateTime: {quote}2024-07-01 12:00:00{quote}\n"
        f"updatedDateTime: {quote}2024-07-02T12:00:00Z{quote}\n"
    )
    record = parsed(front, Options("Europe/Berlin")).record
    assert isinstance(record, Record)
    assert record.published == datetime(2024, 7, 1, 10, tzinfo=UTC)
    assert record.updated == datetime(2024, 7, 2, 12, tzinfo=UTC)


def test_so_is_the_date_in_a_file_name() -> None:
    data = f"---\n{TITLE_AND_URL}---\n".encode()
    record = parse_record("2024-07-01-a.md", data, Options("Europe/Berlin")).record
    assert isinstance(record, Record)
    assert record.dated == datetime(2024, 6, 30, 22, tzinfo=UTC)
