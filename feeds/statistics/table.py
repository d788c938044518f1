"""The output of `feeds stats`, who polls what: for a terminal, as lines of text, as JSON."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from feeds.statistics.poll_report import Readership, Row, share, size

_SHOWN: Final = 6  # readers of a feed in a line of a table


def table(readership: Readership, since: datetime, until: datetime) -> Table:
    """The feeds for a terminal."""
    result = Table(
        title=f"{since:%Y-%m-%d %H:%M} to {until:%Y-%m-%d %H:%M} UTC", title_justify="left",
        box=SIMPLE_HEAD, pad_edge=False,
    )  # fmt: skip
    result.add_column("Feed", overflow="fold", footer="All")
    for name in ("At least", "Polls", "304", "Delta", "Sent", "Saved"):
        result.add_column(name, justify="right", no_wrap=True)
    result.add_column("Subscribers by reader", overflow="fold")
    for row in readership.feeds:
        result.add_row(*_cells(row), _readers(row, _SHOWN))
    result.add_section()
    result.add_row(*_cells(readership.all._replace(name="All")), "", style="bold")
    return result


def lines(readership: Readership) -> list[tuple[str, ...]]:
    """A header with the names that JSON has, then the feeds as rows of text."""
    header = ("path", *_numbers(readership.all), "readers")
    rows = readership.feeds
    return [header, *((row.name, *map(str, _numbers(row).values()), _readers(row)) for row in rows)]


def as_json(readership: Readership, since: datetime, until: datetime) -> dict[str, Any]:
    """All there is for programs: an object for `json.dumps`."""
    return {
        "since": _iso(since),
        "until": _iso(until),
        **_numbers(readership.all),
        "feeds": [
            {"path": row.name} | _numbers(row) | {"readers": list(map(_named, row.readers))}
            for row in readership.feeds
        ],
        "readers": list(map(_named, readership.readers)),
    }


def _cells(row: Row) -> list[Text]:
    polls = row.polls
    shares = share(row.unmodified), share(row.deltas)
    numbers = f"{row.subscribers:,}", f"{polls.polls:,}"
    return [Text(c) for c in (row.name, *numbers, *shares, size(polls.sent), size(polls.saved))]


def _readers(row: Row, most: int = 1000) -> str:
    """The readers with subscribers, and how many each has."""
    named = [part for part in row.readers if part.subscribers]
    text = ", ".join(f"{part.name} {part.subscribers:,}" for part in named[:most])
    return f"{text}, {len(named) - most} more" if len(named) > most else text


def _named(row: Row) -> dict[str, Any]:
    return {"name": row.name} | _numbers(row)


def _numbers(row: Row) -> dict[str, int]:
    polls = row.polls
    return {
        "subscribers_at_least": row.subscribers,
        "polls": polls.polls,
        "not_modified": polls.unmodified,
        "deltas": polls.deltas,
        "bytes_sent": polls.sent,
        "bytes_saved": polls.saved,
    }


def _iso(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
