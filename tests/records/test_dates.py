"""Dates as people write them."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds.records.dates import AmbiguousDateError, parse_date, readings

HALIFAX = ZoneInfo("America/Halifax")

READ = {
    "2026-05-19": "2026-05-19T00:00:00",
    "2026-05-19T06:30:00Z": "2026-05-19T06:30:00",
    "2026-05-19t06:30:00z": "2026-05-19T06:30:00",
    "2026-05-19 06:30": "2026-05-19T06:30:00",
    "2026-5-9 6:30": "2026-05-09T06:30:00",
    "2026/05/09 9:05 pm": "2026-05-09T21:05:00",
    "2026-05-09 12:05 am": "2026-05-09T00:05:00",
    "2011-11-28 8:32:24 -0400": "2011-11-28T12:32:24",
    "2011-11-28 8:32:24 -04:00": "2011-11-28T12:32:24",
    "2011-11-28T08:32:24-04": "2011-11-28T12:32:24",
    "2011-11-28 08:32:24.123456+01:00": "2011-11-28T07:32:24",
    "2016-12-31T23:59:60Z": "2016-12-31T23:59:59",
    "20260519": "2026-05-19T00:00:00",
    "19/05/2026": "2026-05-19T00:00:00",
    "05/19/2026": "2026-05-19T00:00:00",
    "19.5.2026 07:00": "2026-05-19T07:00:00",
    "05/05/2026": "2026-05-05T00:00:00",
    "6 May 2022 10:00": "2022-05-06T10:00:00",
    "6 Sept 2022": "2022-09-06T00:00:00",
    "May 6, 2022": "2022-05-06T00:00:00",
    "May 6th, 2022 at 10:00": "2022-05-06T10:00:00",
    "Mon, 06 May 2024 10:00:00 +0200": "2024-05-06T08:00:00",
    "06 May 24 10:00 GMT": "2024-05-06T10:00:00",
    "Mon, 06 May 75 10:00:00 GMT": "1975-05-06T10:00:00",
    "Mon, 06 May 2024 10:00:00 EST": "2024-05-06T15:00:00",
    "Mon, 6 May 2024 10:00:00 GMT (Greenwich)": "2024-05-06T10:00:00",
    "  2026-05-19   06:30:00 ": "2026-05-19T06:30:00",
    "1714986000": "2024-05-06T09:00:00",
}
NOT_READ = [
    "", "tomorrow", "2024", "2024-13-01", "2024-02-30", "32/13/2024", "2026-05-19 25:00",
    "2026-05-19 13:00 pm", "2026-05-19T06:30:00 XYZ", "2026-05-19 and more", "6 Mayo 2022",
    "2026-05-19T06:30:00+01:75", "6 May 22:30", "6 May", "05/06/2026 noon", "5/6/26",
    "2026-05-19T", "2026-05/19", "9" * 80,
]  # fmt: skip


@pytest.mark.parametrize(("written", "expected"), READ.items())
def test_a_date_is_read(written: str, expected: str) -> None:
    assert parse_date(written) == datetime.fromisoformat(expected).replace(tzinfo=UTC)


@pytest.mark.parametrize("written", NOT_READ)
def test_what_is_no_date_is_refused(written: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - any message
        parse_date(written)


def test_day_and_month_that_could_be_either_are_not_guessed() -> None:
    with pytest.raises(AmbiguousDateError, match="2026-06-05 or 2026-05-06") as raised:
        parse_date("05/06/2026")
    assert raised.value.readings == (date(2026, 6, 5), date(2026, 5, 6))


def test_the_two_moments_that_an_ambiguous_date_may_name_are_known() -> None:
    noon = (datetime(2026, 6, 5, 16, tzinfo=UTC), datetime(2026, 5, 6, 16, tzinfo=UTC))
    assert readings("05/06/2026 1:00 pm", HALIFAX) == noon
    assert readings("2026-06-05") == (datetime(2026, 6, 5, tzinfo=UTC),)
    with pytest.raises(ValueError, match="is not a date"):
        readings("tomorrow")


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("0001-01-01T00:00:00+10:00", datetime(1, 1, 1, tzinfo=UTC)),
        ("9999-12-31T23:59:59-10:00", datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
    ],
)
def test_a_moment_at_either_end_of_time_stays_there(written: str, expected: datetime) -> None:
    assert parse_date(written) == expected


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("2024-01-31", "2024-01-31T04:00:00"),
        ("2024-07-31 21:30", "2024-08-01T00:30:00"),
        ("2024-07-31 21:30Z", "2024-07-31T21:30:00"),
        ("2024-07-31 21:30 +0100", "2024-07-31T20:30:00"),
    ],
)
def test_a_time_without_an_offset_is_of_the_zone(written: str, expected: str) -> None:
    assert parse_date(written, HALIFAX) == datetime.fromisoformat(expected).replace(tzinfo=UTC)


@given(st.integers(0, 7_226_582_399))  # 1970 to 2198
def test_every_moment_is_read_in_every_form(seconds: int) -> None:
    moment = datetime.fromtimestamp(seconds, UTC)
    for form in (
        "%Y-%m-%dT%H:%M:%SZ",
        "%Y/%m/%d %H:%M:%S +0000",
        "%a, %d %b %Y %H:%M:%S GMT",
        "%B %d, %Y %I:%M:%S %p",
    ):
        assert parse_date(moment.strftime(form)) == moment
