"""Polls and subscribers as numbers, and how those of hours and of people are put together.

A reader polls a feed. It says how many people it serves, for one feed of each `source`
(`feeds.statistics.user_agents.Agent`), or is a program that people run themselves.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

HOUR: Final = 3600
DAY: Final = 86_400
HOURS_OF_DAY: Final = 24


class Key(NamedTuple):
    """Whose polls of what, in which hour since 1970."""

    hour: int
    feed: str
    reader: str
    source: str = ""
    is_personal: bool = False


class Polls(NamedTuple):
    """How many polls there were, what they cost (`sent` and `saved` in bytes), and for how many."""

    polls: int = 0
    unmodified: int = 0
    deltas: int = 0
    sent: int = 0
    saved: int = 0
    subscribers: int = 0  # at least


Hours = Mapping[Key, Polls]
Days = dict[tuple[int, str, str], Polls]  # by day since 1970, feed, reader


def total(polls: Iterable[Polls]) -> Polls:
    """All polls together, of different people."""
    return Polls(*map(sum, zip(Polls(), *polls, strict=True)))


def over_time(polls: Iterable[Polls]) -> Polls:
    """All polls together, of the same people: as many as there were at one time."""
    parts = list(polls)
    return total(parts)._replace(subscribers=max(one.subscribers for one in parts))


def by_day(hours: Hours, first: int = 0) -> Days:
    """The polls of each reader of a feed in a day; days are counted from the hour `first` on."""
    grouped: defaultdict[tuple[int, str, str], dict[Key, Polls]] = defaultdict(dict)
    for key, one in hours.items():
        grouped[(key.hour - first) // HOURS_OF_DAY, key.feed, key.reader][key] = one
    return {
        key: total(part.values())._replace(subscribers=subscribers_at_least(part))
        for key, part in grouped.items()
    }


def subscribers_at_least(hours: Hours) -> int:
    """How many subscribers one reader has for one feed, at least.

    A fetcher that polls many times with one feed's number counts once, as the
    most that it said. Programs of one person are as many as had different
    agents within one hour: over a longer time, one of them may be updated.
    """
    reported: defaultdict[str, int] = defaultdict(int)
    personal: defaultdict[int, int] = defaultdict(int)
    for key, one in hours.items():
        if key.is_personal:
            personal[key.hour] += one.subscribers
        else:
            reported[key.source] = max(reported[key.source], one.subscribers)
    return sum(reported.values()) + max(personal.values(), default=0)
