"""The output of `feeds stats`, who polls what: for a terminal, as lines of text, as JSON."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from feeds.statistics.poll_report import Readership, Row, cells
from feeds.statistics.polls import Polls

_SHOWN: Final = 6  # readers of a feed in a line of a table
_NAMES: Final = {  # of numbers, as programs read them
    "subscribers_at_least": "subscribers",
    "polls": "polls",
    "not_modified": "unmodified",
    "deltas": "deltas",
    "bytes_sent": "sent",
    "bytes_saved": "saved",
}


def table(readership: Readership, since: datetime, until: datetime) -> Table:
    """The feeds for a terminal."""
    result = Table(
        title=f"{since:%Y-%m-%d %H:%M} to {until:%Y-%m-%d %H:%M} UTC", title_justify="left",
        box=SIMPLE_HEAD, pad_edge=False,
    )  # fmt: skip
    result.add_column("Feed", overflow="fold")
    for name in ("At least", "Polls", "304", "Delta", "Sent", "Saved"):
        result.add_column(name, justify="right", no_wrap=True)
    result.add_column("Subscribers by reader", overflow="fold")
    for row in readership.feeds:
        result.add_row(Text(row.name), *cells(row.polls), Text(_readers(row, _SHOWN)))
    result.add_section()
    result.add_row("All", *cells(readership.all), style="bold")
    return result


def lines(readership: Readership) -> list[tuple[str, ...]]:
    """A header with the names that JSON has, then the feeds as rows of text."""
    return [
        ("path", *_NAMES, "readers"),
        *(
            (row.name, *map(str, _numbers(row.polls).values()), _readers(row))
            for row in readership.feeds
        ),
    ]


def as_json(readership: Readership, since: datetime, until: datetime) -> dict[str, Any]:
    """All there is for programs: an object for `json.dumps`."""
    return {
        "since": _iso(since),
        "until": _iso(until),
        **_numbers(readership.all),
        "feeds": [
            {"path": row.name, **_numbers(row.polls), "readers": _named(row.readers)}
            for row in readership.feeds
        ],
        "readers": _named(readership.readers),
    }


def _readers(row: Row, most: int = 1000) -> str:
    """The readers with subscribers, and how many each has."""
    counts = [(reader.name, reader.polls.subscribers) for reader in row.readers]
    named = [f"{name} {subscribers:,}" for name, subscribers in counts if subscribers]
    text = ", ".join(named[:most])
    return f"{text}, {len(named) - most} more" if len(named) > most else text


def _named(rows: Iterable[Row]) -> list[dict[str, Any]]:
    return [{"name": row.name, **_numbers(row.polls)} for row in rows]


def _numbers(polls: Polls) -> dict[str, int]:
    return {name: getattr(polls, field) for name, field in _NAMES.items()}


def _iso(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
