"""The page of who polls what, /stats/: counts and plots -> HTML.

Counts come from `feeds.statistics.poll_store`, and are worked out in
`feeds.statistics.poll_report`; here they are shown.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from feeds.rendering.assets import ASSETS
from feeds.rendering.pages import Pages
from feeds.statistics import poll_report
from feeds.statistics.plots import Plot, plot, spark
from feeds.statistics.poll_report import Course, size, unit_of
from feeds.statistics.poll_store import PollStore
from feeds.statistics.polls import DAY, HOUR, Days, Hours, Polls, total

_HOURS: Final = 48  # that plots have
_DAYS: Final = 90
_SPARK: Final = 30  # days
_FEEDS: Final = 200  # that the page lists
_READERS: Final = 40
_ANSWERS: Final = (
    ("whole", "in full (200)"),
    ("delta", "changes alone (226)"),
    ("same", "not modified (304)"),
)


def stats_page(pages: Pages, poll_store: PollStore | None, now: float) -> bytes:
    """The page of who polls what."""
    problem = ""
    hours: Hours = {}
    days: Days = {}
    try:
        if poll_store is not None:
            hours = poll_store.hours(int(now) // HOUR - _HOURS + 1)
            days = poll_store.days(int(now) // DAY - _DAYS + 1)
    except (SQLAlchemyError, ImportError, OSError):
        problem = "Who polled can’t be read right now."
    readership = poll_report.last_24_hours(hours, now)
    return pages.render(
        "stats.html",
        root=pages.addresses.root,
        static=lambda name: f"../static/{name}?v={ASSETS[f'static/{name}'].version}",
        problem=problem,
        whole=readership.all,
        feeds=readership.feeds[:_FEEDS],
        left_out=max(len(readership.feeds) - _FEEDS, 0),
        readers=readership.readers[:_READERS],
        sparks=_sparks(days),
        plots=_plots(_by_hour(hours, now), _by_day(days, now)) if hours or days else [],
        cells=poll_report.cells,
    )


def _sparks(days: Days) -> dict[str, str]:
    """The subscribers of each feed by day, as a path."""
    subscribers: defaultdict[str, Counter[int]] = defaultdict(Counter)
    for (day, feed, _), polls in days.items():
        subscribers[feed][day] += polls.subscribers
    return {
        feed: spark([by_day[day] for day in range(min(by_day), max(by_day) + 1)][-_SPARK:])
        for feed, by_day in subscribers.items()
    }


def _by_hour(hours: Hours, now: float) -> Course:
    """All polls of each of the last 48 hours."""
    end = int(now) // HOUR + 1
    counts = ((key.hour, polls) for key, polls in hours.items())
    return poll_report.course(counts, range(end - _HOURS, end), HOUR)


def _by_day(days: Days, now: float) -> Course:
    """All polls and subscribers of each day, from the first there is to today; no more than 90."""
    end = int(now) // DAY + 1
    first = max(min((day for day, _, _ in days), default=end - 1), end - _DAYS)
    counts = ((day, polls) for (day, _, _), polls in days.items())
    return poll_report.course(counts, range(first, end), DAY)


def _plots(hours: Course, days: Course) -> list[Plot]:
    """How many subscribed, what polls got, and what they didn't need to be sent."""
    numbers = [polls.subscribers for _, polls in days]
    of_hours, of_days = total(polls for _, polls in hours), total(polls for _, polls in days)
    unit, prefix = unit_of(max(polls.sent + polls.saved for _, polls in days))
    return [
        plot(
            "Subscribers",
            f"At least {numbers[-1]:,} today, {max(numbers):,} at most in "
            f"{_counted(len(days), 'day')}.",
            (("people", "Subscribers, at least"),),
            [(day, (polls.subscribers,)) for day, polls in days],
            _day_marks(days, 9),
        ),
        plot(
            "Polls by hour",
            f"{_counted(of_hours.polls, 'poll')} in {_counted(len(hours), 'hour')} (UTC).",
            _ANSWERS,
            [(hour, _answers(polls)) for hour, polls in hours],
            _hour_marks(hours),
            ("Hour, UTC", "%Y-%m-%d %H:%M"),
        ),
        plot(
            f"Traffic by day, in {prefix}B",
            f"{size(of_days.sent)} sent, {size(of_days.saved)} saved by 304 and 226.",
            (("whole", "sent"), ("same", "saved")),
            [(day, (polls.sent, polls.saved)) for day, polls in days],
            _day_marks(days, 5),
            cell=size,
            unit=unit,
        ),
    ]


def _answers(polls: Polls) -> tuple[int, int, int]:
    return polls.polls - polls.unmodified - polls.deltas, polls.deltas, polls.unmodified


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'s' * (number != 1)}"


def _hour_marks(hours: Course) -> list[tuple[int, str]]:
    return [
        (at, f"{hour.day} {hour:%b}" if hour.hour == 0 else f"{hour:%H:%M}")
        for at, (hour, _) in enumerate(hours)
        if hour.hour % 12 == 0
    ]


def _day_marks(days: Course, number: int) -> list[tuple[int, str]]:
    """Some days by name, counted back from the last."""
    every = max(len(days) // number, 1)
    names = [(at, f"{day.day} {day:%b}") for at, (day, _) in enumerate(days)]
    return names[::-1][every // 2 :: every][::-1]
