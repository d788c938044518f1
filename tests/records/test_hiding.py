"""What hides a record: words, drafts, dates in the future, expiry."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds import urls
from feeds.model import Hidden, Record
from feeds.records import outcome
from feeds.records.hiding import hidden_by_line
from feeds.records.parser import PLAIN, Options, ParsedRecord, parse_record
from feeds.records.profiles.tool_sites import OBSIDIAN

URL = "https://news.example.com/story"
KEY = urls.entry_id(URL)
NOW = datetime(2026, 5, 19, 12, tzinfo=UTC)
AT_NOW = Options(now=int(NOW.timestamp()))
NOT_TRUE = "published is not true"


def parsed(lines: str, path: str = "a.md", options: Options = AT_NOW) -> ParsedRecord:
    """The record with these lines, which is the same however it is parsed."""
    data = f"---\ntitle: A\nwebUrl: {URL}\n{lines}\n---\n".encode()
    fast = parse_record(path, data, options)
    assert fast == parse_record(path, data, options, fast=False)
    return fast


def reason(lines: str, path: str = "a.md", options: Options = AT_NOW) -> str:
    """Why the record with these lines is hidden; empty for a public one."""
    record = parsed(lines, path, options).record
    if isinstance(record, Record):
        return ""
    assert isinstance(record, Hidden)
    removed = record.reason in ("removed", "deleted")
    assert record == Hidden(path, record.reason, KEY, removed=removed, page=KEY)
    return record.reason


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("draft: true", "draft"),
        ("Draft: yes", "draft"),
        ("DRAFT: True", "draft"),
        ('"draft": "true"', "draft"),
        ("draft: 1", "draft"),
        ("draft:", "draft"),
        ("draft: [false]", "draft"),
        ("draft: false", ""),
        ("Draft: 'False'", ""),
        ("draft: off", ""),
        ("status: draft", "status is draft"),
        ("Status: ' Draft '", "status is draft"),
        ("“draft”: true", "draft"),
        ("draft\u00a0: true", "draft"),
        ("\u200bDraft\u2060: true", "draft"),
        ("“published”: false", "published is not true"),
        ("“draft”: false", ""),
        ("status: “draft”", "status is draft"),
        ("status: draft, needs pictures", "status is draft"),
        ("publishDate: 2099-01-01", "dated in the future"),
        ("publishDate: 2020-01-01", ""),
        ("status: [done, private]", "status is private"),
        ("status: scheduled", "status is scheduled"),
        ("status: published", ""),
        ("status:", ""),
        ("publish: false", "publish is not true"),
        ("Publish: No", "publish is not true"),
        ("publish: true", ""),
        ("hidden: true", "hidden"),
        ("Hidden: maybe", "hidden"),
        ("hidden: no", ""),
        ("unlisted: true", "unlisted"),
        ("unlisted: false", ""),
        ("private: true", "private"),
        ("unpublished: true", "unpublished"),
        ("unpublished: false", ""),
        ("published: false", NOT_TRUE),
        ("published: False", NOT_TRUE),
        ("published: FALSE", NOT_TRUE),
        ("published: 'false'", NOT_TRUE),
        ('published: "False"', NOT_TRUE),
        ("Published: false", NOT_TRUE),
        ("PUBLISHED: 'No'", NOT_TRUE),
        ("published:", NOT_TRUE),
        ("published: null", NOT_TRUE),
        ("published: 1", NOT_TRUE),
        ("published: maybe", NOT_TRUE),
        ("published: [true]", NOT_TRUE),
        ("published: {a: true}", NOT_TRUE),
        ("published: 2023-02-30", NOT_TRUE),
        ("published: 2023", NOT_TRUE),
        ("published: true", ""),
        ("published: TRUE", ""),
        ("published: Yes", ""),
        ("published: 'true'", ""),
        ('published: "True"', ""),
        ("PUBLISHED: on", ""),
        ("published: ! 'true'", ""),
        ("removed: true", "removed"),
        ("Removed: yes", "removed"),
        ("removed: 2024-01-01", "removed"),
        ("removed:", "removed"),
        ("removed: []", "removed"),
        ("removed: false", ""),
        ('removed: "false"', ""),
        ("deleted: 0", "deleted"),
        ("deleted: no", ""),
        ("published: false\nremoved: true", "removed"),
        ("published: false\nRemoved: true", "removed"),
        ("draft: true\npublished: false", "draft"),
        ("a: 1\nDraught: true", ""),
    ],
)
def test_a_word_hides_a_record_in_any_case_or_quotes(line: str, expected: str) -> None:
    assert reason(line) == expected


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("published: true\npublished: false", NOT_TRUE),
        ("published: false\npublished: true", NOT_TRUE),
        ("published: true\nPublished: false", NOT_TRUE),
        ("draft: false\ndraft: true", "draft"),
        ("draft: true\ndraft: false", "draft"),
        ("draft: false\nDraft: true", "draft"),
        ("removed: false\nremoved: true", "removed"),
        ("published: false\nremoved: false\nremoved: true", "removed"),
        ("published: true\npublished: 2026-05-20", "dated in the future"),
        ("expiryDate: 2027-01-01\nexpiryDate: 2026-01-01", "expired"),
        ("published: true\npublished: true", ""),
    ],
)
def test_a_word_that_stands_twice_hides_if_either_does(lines: str, expected: str) -> None:
    assert reason(lines) == expected


def test_a_word_that_stands_twice_and_hides_nothing_is_noted() -> None:
    assert [str(note) for note in parsed("published: true\npublished: yes").notes] == [
        "a.md:5: published: stands twice (first in line 4); one that hides the record does"
    ]


@pytest.mark.parametrize(
    ("path", "lines", "expected"),
    [
        ("_drafts/a.md", "published: true", "in _drafts"),
        ("_drafts/a.md", "published: false", "in _drafts"),
        ("news/_drafts/2024/a.md", "", "in _drafts"),
        ("news/_Drafts/a.md", "", "in _drafts"),
        ("_drafts/a.md", "removed: true", "removed"),
        ("drafts/a.md", "", ""),
        ("my_drafts/a.md", "", ""),
        ("news/_drafts.md", "", ""),
    ],
)
def test_what_lies_in_drafts_is_hidden(path: str, lines: str, expected: str) -> None:
    assert reason(lines, path) == expected


@pytest.mark.parametrize(
    ("lines", "expected", "until"),
    [
        ("publishedDateTime: 2026-05-19T12:00:00Z", "", None),
        ("publishedDateTime: 2026-05-19T12:00:01Z", "dated in the future", "2026-05-19T12:00:01"),
        ("publishedDateTime: '2030-1-2'", "dated in the future", "2030-01-02T00:00:00"),
        ("published: 2026-05-20", "dated in the future", "2026-05-20T00:00:00"),
        ("Published: 'May 20, 2026'", "dated in the future", "2026-05-20T00:00:00"),
        (
            "publishedDateTime: 2024-01-01\npublished: 2026-05-20",
            "dated in the future",
            "2026-05-20T00:00:00",
        ),
        # What may be in the future is held until it can't be.
        ("publishedDateTime: 05/06/2026", "dated in the future", "2026-06-05T00:00:00"),
        ("published: 05/06/2026 10:00", "dated in the future", "2026-06-05T10:00:00"),
        ("publishedDateTime: 05/06/2025", "", None),
        ("publishedDateTime: 2200-01-01", "dated in the future", "2200-01-01T00:00:00"),
        (
            "publishedDateTime: 9999-12-31T23:59:59-10:00",
            "dated in the future",
            "9999-12-31T23:59:59",
        ),
        ("publishedDateTime: 0001-01-01T00:00:00Z", "", None),
        ("publishedDateTime: 0001-01-01T00:00:00+10:00", "", None),
        ("publishedDateTime: tomorrow", "", None),
        ("updatedDateTime: 2030-01-01", "", None),
        ("expiryDate: 2026-05-19T12:00:00Z", "expired", None),
        ("expirydate: 2026-05-19", "expired", None),
        ("expiry_date: '2026-05-19'", "expired", None),
        ("unpublishDate: 2026-05-18", "expired", None),
        ("expiryDate: 2026-05-19T12:00:01Z", "", "2026-05-19T12:00:01"),
        ("expiryDate: 2026-06-01\nunpublishDate: 2026-05-20", "", "2026-05-20T00:00:00"),
        ("expiryDate: 05/06/2026", "expired", None),  # it may have been
        ("expiryDate: 06/07/2026", "", "2026-06-07T00:00:00"),
        ("expiryDate: soon", "expiry can't be read", None),
        ("expiryDate: [2030-01-01]", "expiry can't be read", None),
        ("expiryDate: never", "", None),
        ("expiryDate:", "", None),
        (
            "publishedDateTime: 2026-05-20\nexpiryDate: 2026-05-21",
            "dated in the future",
            "2026-05-20T00:00:00",
        ),
        ("publishedDateTime: 2026-05-20\nexpiryDate: 2026-05-01", "expired", None),
        ("draft: true\npublishedDateTime: 2026-05-20", "draft", None),
    ],
)
def test_a_record_is_held_until_its_date_and_hidden_when_it_expires(
    lines: str, expected: str, until: str | None
) -> None:
    assert reason(lines) == expected
    due = None if until is None else datetime.fromisoformat(until).replace(tzinfo=UTC)
    assert parsed(lines).until == due


def test_the_date_in_a_file_name_holds_nothing() -> None:
    assert reason("", "events/2030-01-01-fair.md") == ""


def test_dates_in_the_future_are_shown_where_that_is_wanted() -> None:
    shown = AT_NOW._replace(hold=False)
    assert reason("publishedDateTime: 2026-05-20", options=shown) == ""
    assert reason("published: 2026-05-20", options=shown) == ""
    assert reason("published: false", options=shown) == NOT_TRUE
    expires = "publishedDateTime: 2026-05-20\nexpiryDate: 2026-05-21"
    assert parsed(expires, options=shown).until == datetime(2026, 5, 21, tzinfo=UTC)
    assert reason("expiryDate: 2026-05-19", options=shown) == "expired"


def test_without_a_moment_of_reading_nothing_is_held_or_expires() -> None:
    assert reason("publishedDateTime: 2030-01-01\nexpiryDate: 2024-01-01", options=PLAIN) == ""


def test_dates_without_an_offset_are_of_the_time_zone() -> None:
    berlin, halifax = (
        AT_NOW._replace(timezone=name) for name in ("Europe/Berlin", "America/Halifax")
    )
    assert reason("publishedDateTime: 2026-05-19 13:00", options=berlin) == ""
    assert reason("publishedDateTime: 2026-05-19 13:00", options=halifax) == "dated in the future"
    assert reason("expiryDate: 2026-05-19 13:00", options=berlin) == "expired"
    assert reason("expiryDate: 2026-05-19 13:00", options=halifax) == ""


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("published: 2024-05-06", datetime(2024, 5, 6, tzinfo=UTC)),
        ("published: '2024-05-06 10:00 +0200'", datetime(2024, 5, 6, 8, tzinfo=UTC)),
        ("Published: May 6, 2024", datetime(2024, 5, 6, tzinfo=UTC)),
        ("published: true\npublish: 2024-05-06", datetime(2024, 5, 6, tzinfo=UTC)),
        ("published: true", None),
        ("published: 2024-05-06\npublishedDateTime: 2024-05-07", datetime(2024, 5, 7, tzinfo=UTC)),
    ],
)
def test_published_may_hold_a_date(line: str, expected: datetime | None) -> None:
    reading = parsed(line)
    assert isinstance(reading.record, Record)
    assert (reading.record.published, reading.notes) == (expected, [])


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("published: false", True),
        ("published:   No", True),
        ('published: "false"', True),
        ("Published: FALSE", True),
        ("published: true1", True),
        ("published: 'true' or not", False),
        ("removed: true", True),
        ("deleted: yes # note", True),
        ("removed: 'true'", True),
        ('"published": false', True),
        ("published : false", True),
        ("published: 0", True),
        ("published:", True),
        ("published: ~", True),
        ("removed: 1", True),
        ("'deleted': '2024-01-01'", True),
        ("draft: true", True),
        ("draft = true", True),
        ("status: draft", True),
        ("hidden: yes", True),
        ("unlisted: true", True),
        ("expiryDate: 2024-01-01", True),
        ("expiryDate: soon", True),
        ("published: true\nDraft: yes", True),
        ("“draft”: true", True),
        ("draft\u00a0: true", True),
        ("status: “draft”", True),
        ("published: 2099-01-01", True),
        ("publishDate: 2099-01-01", True),
        ("publishDate: 2020-01-01", False),
        ("published: true", False),
        ('published: "true"', False),
        ("published: yes # note", False),
        ("published: 2024-01-01", False),
        ("removed: false", False),
        ("deleted: no", False),
        ("draft: 'false'", False),
        ("status: done", False),
        ("expiryDate: 2030-01-01", False),
        ("  published: false", False),
        ("unpublished: false", False),
        ("# published: false", False),
    ],
)
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_a_line_hides_a_record_that_cannot_be_read(
    line: str, expected: bool, line_end: str
) -> None:
    lines = ["---", "title: [", *line.split("\n"), "---"]
    data = line_end.join(lines).encode() + b"\xff"
    assert hidden_by_line(data, UTC, NOW) is expected
    reading = outcome.interpret("a.md", data, options=AT_NOW)
    assert (reading.outcome, reading.hides) == ("error", expected)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("tags: a", True),
        ("publish: false", True),
        ("publish: trueish", True),
        ("publish: true", False),
        ("'publish': \"True\"", False),
        ("webUrl: https://example.com/", False),
    ],
)
def test_a_broken_note_of_a_vault_is_hidden_unless_it_says_that_it_is_public(
    line: str, expected: bool
) -> None:
    data = f"---\n{line}\ntitle: [\n---\nText\n".encode()
    reading = outcome.interpret("a.md", data, options=AT_NOW._replace(site=OBSIDIAN))
    assert (reading.outcome, reading.hides) == ("error", expected)


def test_a_broken_file_with_a_date_to_come_is_kept_where_such_are_shown() -> None:
    data = b"---\npublished: 2099-01-01\ntitle: [\n---\n"
    assert outcome.interpret("a.md", data, options=AT_NOW).hides
    assert not outcome.interpret("a.md", data, options=AT_NOW._replace(hold=False)).hides


def test_a_broken_file_in_drafts_is_hidden() -> None:
    assert outcome.interpret("_drafts/a.md", b"---\ntitle: [\n---\n").hides


@given(st.integers(-10, 10), st.integers(-10, 10), st.booleans())
def test_a_record_is_public_from_its_date_until_it_expires(
    start: int, end: int, hold: bool
) -> None:
    lines = "\n".join(
        f"{name}: {(NOW + timedelta(seconds=seconds)).isoformat()}"
        for name, seconds in (("publishedDateTime", start), ("expiryDate", end))
    )
    public = [
        second
        for second in range(-12, 12)
        if not reason(lines, options=AT_NOW._replace(now=int(NOW.timestamp()) + second, hold=hold))
    ]
    assert public == [*range(start if hold else -12, end)]
    # Each state ends when it says that it does.
    for second in range(-12, 12):
        options = AT_NOW._replace(now=int(NOW.timestamp()) + second, hold=hold)
        until = parsed(lines, options=options).until
        assert until is None or until > NOW + timedelta(seconds=second)
