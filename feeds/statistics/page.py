"""The page of who polls what, /stats/: counts and plots -> HTML.

Counts come from `feeds.statistics.poll_store`, and are worked out in
`feeds.statistics.poll_report`; here they are shown.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, NamedTuple

from sqlalchemy.exc import SQLAlchemyError

from feeds.rendering.assets import ASSETS
from feeds.rendering.pages import Pages
from feeds.statistics import plots, poll_report
from feeds.statistics.plots import Plot
from feeds.statistics.poll_report import Row, share, size, unit_of
from feeds.statistics.poll_store import DAY, HOUR, Polls, PollStore

_FEEDS: Final = 200  # that the page lists
_READERS: Final = 40
_ANSWERS: Final = (
    ("whole", "in full (200)"),
    ("delta", "changes alone (226)"),
    ("same", "not modified (304)"),
)


class FeedRow(NamedTuple):
    """A feed as the page lists it; `spark` is its subscribers by day, as a path."""

    row: Row
    url: str
    path: str
    narrowed: bool
    spark: str


def stats_page(pages: Pages, poll_store: PollStore | None, now: float) -> bytes:
    """The page of who polls what."""
    hour, today = int(now) // HOUR, int(now) // DAY
    problem = ""
    hours, days = {}, {}
    try:
        if poll_store is not None:
            hours = poll_store.hours(hour - poll_report.HOURS_SHOWN + 1)
            days = poll_store.days(today - poll_report.DAYS_SHOWN + 1)
    except (SQLAlchemyError, ImportError, OSError):
        problem = "Who polled can’t be read right now."
    readership = poll_report.last_24_hours(hours, now)
    subscribers: dict[str, dict[int, int]] = {}
    for (day, feed, _), one in days.items():
        by_day = subscribers.setdefault(feed, {})
        by_day[day] = by_day.get(day, 0) + one.subscribers
    root = pages.addresses.root
    return pages.render(
        "stats.html",
        root=root,
        static=lambda name: f"../static/{name}?v={ASSETS[f'static/{name}'].version}",
        problem=problem,
        readership=readership,
        whole=readership.all,
        feeds=[
            _feed_row(row, root, subscribers.get(row.name, {})) for row in readership.feeds[:_FEEDS]
        ],
        left_out=max(len(readership.feeds) - _FEEDS, 0),
        readers=readership.readers[:_READERS],
        plots=_plots(poll_report.by_hour(hours, now), poll_report.by_day(days, now))
        if hours or days
        else [],
        size=size,
        share=share,
    )


def _feed_row(row: Row, root: str, by_day: dict[int, int]) -> FeedRow:
    path = row.name.removesuffix("?")
    numbers = [by_day.get(day, 0) for day in range(min(by_day), max(by_day) + 1)] if by_day else []
    is_feed = path.startswith("/")
    url = root + path if is_feed else ""
    return FeedRow(row, url, path, row.name.endswith("?"), plots.spark(numbers[-30:]))


class PlotAndTable(NamedTuple):
    """A plot, and the same as a table: a heading for each column, and its rows."""

    plot: Plot
    headings: tuple[str, ...]
    rows: list[tuple[str, ...]]


def _plots(hours: list[tuple[datetime, Polls]], days: list[Any]) -> list[PlotAndTable]:
    """How many subscribed, what polls got, and what they didn't need to be sent."""
    numbers = [day.subscribers for _, day in days]
    subscribers = plots.steps(
        "Subscribers",
        f"At least {numbers[-1]:,} today, {max(numbers):,} at most in "
        f"{_counted(len(numbers), 'day')}.",
        ("people", "subscribers"),
        numbers,
        _day_marks([day for day, _ in days], 9),
    )
    answers = [_parts(polls) for _, polls in hours]
    polls_by_hour = plots.bars(
        "Polls by hour",
        f"{_counted(sum(map(sum, answers)), 'poll')} in {_counted(len(hours), 'hour')} (UTC).",
        _ANSWERS,
        answers,
        _hour_marks([hour for hour, _ in hours]),
    )
    bytes_ = [(day.polls.sent, day.polls.saved) for _, day in days]
    unit, name = unit_of(max(map(sum, bytes_)))
    traffic = plots.bars(
        f"Traffic by day, in {name}",
        f"{size(sum(sent for sent, _ in bytes_))} sent, "
        f"{size(sum(saved for _, saved in bytes_))} saved by 304 and 226.",
        (("whole", "sent"), ("same", "saved")),
        bytes_,
        _day_marks([day for day, _ in days], 5),
        unit,
    )
    return [
        PlotAndTable(
            subscribers,
            ("Day", "Subscribers, at least"),
            [(f"{day:%Y-%m-%d}", f"{one.subscribers:,}") for day, one in reversed(days)],
        ),
        PlotAndTable(
            polls_by_hour,
            ("Hour, UTC", *(label for _, label in _ANSWERS)),
            [
                (f"{hour:%Y-%m-%d %H:%M}", *(f"{number:,}" for number in _parts(polls)))
                for hour, polls in reversed(hours)
            ],
        ),
        PlotAndTable(
            traffic,
            ("Day", "sent", "saved"),
            [
                (f"{day:%Y-%m-%d}", size(one.polls.sent), size(one.polls.saved))
                for day, one in reversed(days)
            ],
        ),
    ]


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'s' * (number != 1)}"


def _parts(polls: Polls) -> tuple[int, int, int]:
    return polls.polls - polls.unmodified - polls.deltas, polls.deltas, polls.unmodified


def _hour_marks(hours: list[datetime]) -> list[tuple[int, str]]:
    return [
        (at, f"{hour.day} {hour:%b}" if hour.hour == 0 else f"{hour:%H:%M}")
        for at, hour in enumerate(hours)
        if hour.hour % 12 == 0
    ]


def _day_marks(days: list[datetime], number: int) -> list[tuple[int, str]]:
    """Some days by name, counted back from the last."""
    every = max(len(days) // number, 1)
    names = [(at, f"{day.day} {day:%b}") for at, day in enumerate(days)]
    return names[::-1][every // 2 :: every][::-1] if every > 1 else names
