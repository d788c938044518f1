from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from feeds.catalog.digests import periods
from feeds.loading import loader
from feeds.model import Feed
from feeds.store.database import Store
from tests.helpers.databases import databases
from tests.helpers.support import CONFIG, feed, write

pytestmark = pytest.mark.usefixtures("either")
BERLIN = replace(CONFIG, timezone="Europe/Berlin")
At = Callable[..., None]


@pytest.fixture
def store() -> Store:
    return Store(databases.fresh())


@pytest.fixture
def at(store: Store, tmp_path: Path) -> At:
    """Loads a record of each title with a heat, or without the ones that have None."""

    def load(when: str, /, *, topics: tuple[str, ...] = ("AI",), **heat: int | None) -> None:
        for name, hot in heat.items():
            fields: dict[str, Any] = {"topics": topics, "publishedDateTime": "2026-11-01"}
            if hot is None:
                fields["removed"] = True
            write(tmp_path, f"{name}.md", title=name, heat=hot or 0, excerpt=f"of {name}", **fields)
        loader.load(store, tmp_path, now=datetime.fromisoformat(when), accept_removals=True)

    return load


def digest(store: Store, address: str) -> Feed:
    return feed(store, address, BERLIN)


def told(found: Feed) -> dict[str, str]:
    """The titles in each entry, by what follows the name of the feed in its own."""
    return {
        entry.record.title.partition(", ")[2]: "".join(
            part.partition("</a>")[0][-1] for part in entry.record.body.split("<li>")[1:]
        )
        for entry in found.entries
    }


FRIDAY, SATURDAY = "Friday 20 November 2026", "Saturday 21 November 2026"
WEEK = "16 November 2026 to 22 November 2026"


def test_a_day_is_told_once_it_is_over_where_the_readers_are(store: Store, at: At) -> None:
    at("2026-11-19T22:59:59Z", a=1)
    at("2026-11-19T23:00:00Z", b=2)
    at("2026-11-20T12:00:00Z", c=9, d=2)
    at("2026-11-20T22:59:59Z", e=4, topics=("Space",))
    assert FRIDAY not in told(digest(store, "/digest/daily/rss.xml"))
    at("2026-11-20T23:00:00Z", f=99)
    assert FRIDAY not in told(digest(store, "/digest/daily/rss.xml"))
    at("2026-11-21T00:00:00Z", h=1)
    assert told(digest(store, "/digest/daily/rss.xml"))[FRIDAY] == "cedb"
    assert told(digest(store, "/topics/ai/digest/daily/rss.xml"))[FRIDAY] == "cdb"
    before = digest(store, "/digest/daily/atom.xml").entries[0]
    at("2026-11-23T00:00:00Z", g=50, e=4, topics=("AI",))
    assert told(digest(store, "/digest/daily/rss.xml")) == {
        SATURDAY: "fh",
        FRIDAY: "cedb",
        "Sunday 1 November 2026": "a",  # what was there at first came at its date
    }
    assert digest(store, "/digest/daily/atom.xml").entries[1] == before
    assert told(digest(store, "/digest/weekly/rss.xml"))[WEEK] == "fcedbh"
    at("2026-11-23T09:00:00Z", c=None)
    assert told(digest(store, "/digest/daily/rss.xml"))[FRIDAY] == "edb"


def test_an_entry_is_the_same_under_every_address_and_bears_the_end_of_its_time(
    store: Store, at: At
) -> None:
    at("2026-11-18T10:00:00Z", a=1)
    at("2026-11-20T10:00:00Z", **dict.fromkeys("bcdefghijklmn", 3))
    at("2026-11-21T10:00:00Z", z=1)
    ids = set()
    for address in ("/digest/daily/rss.xml", "/amp/digest/daily/feed.json?content=title"):
        found = digest(store, address)
        assert [(link.rel, link.href) for link in found.links] == [("self", CONFIG.root + address)]
        newest = found.entries[0]
        assert newest.published == newest.updated == datetime(2026, 11, 20, 23, tzinfo=UTC)
        assert newest.record.body.count("<li>") == 10
        assert ("<p>of" in newest.record.body) == ("content" not in address)
        ids.add(newest.id)
        policy = address.partition("/digest")[0]
        assert newest.record.web == f"{CONFIG.root}{policy}/#2026-11-20"
        assert found.page == f"{CONFIG.root}{policy}/"
    assert len(ids) == 1
    assert found.title == "Example News, daily digest (AMP)"
    assert newest.id != digest(store, "/topics/ai/digest/daily/rss.xml").entries[0].id


def test_periods_are_whole_days_and_weeks_whatever_the_clock_does() -> None:
    zone = ZoneInfo("Europe/Berlin")
    midnight = int(datetime(2026, 10, 26, tzinfo=zone).timestamp())
    daily, before = (list(periods("daily", moment, zone)) for moment in (midnight, midnight - 1))
    assert daily[:2] == [(date(2026, 10, 25), date(2026, 10, 26)), before[0]]
    assert len(daily) == 30
    weekly = list(periods("weekly", midnight, zone))
    assert weekly[0] == (date(2026, 10, 19), date(2026, 10, 26))
    assert (len(weekly), weekly[-1][0]) == (20, date(2026, 6, 8))
    assert next(periods("weekly", midnight - 1, zone))[1] == date(2026, 10, 19)
