"""How soon entries are seen, and what that costs in polls: `python -m bench.max_age FOLDER`.

FOLDER is in a git repository, whose history tells when its records came. Readers poll as often
as `Cache-Control: max-age` lets them, each from a moment of its own; once directly, once alone
behind a cache that shows an old document while it fetches a new one (stale-while-revalidate).
Printed are, of each age and of one of each feed's own by its rhythm, the delay that 95 of 100
entries keep within, in the median and in the slowest feed, and the polls beside those of the
best fixed age that keeps 15 minutes.
"""

from __future__ import annotations

import random
import sys
from collections import defaultdict
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from pathlib import Path
from statistics import median, quantiles
from typing import Final

from sqlalchemy import select

from feeds.loading.arrivals import HistoryReader
from feeds.loading.loader import load
from feeds.store.database import Store
from feeds.store.schema import entries, entry_topics, history

PROMISE: Final = 900  # seconds
_AGES: Final = (300, 420, 460, 600, 900, 1200, 1800, 3600)
_READERS: Final = 200
_LEAST: Final = 5  # arrivals of a feed, with fewer there is no rhythm

Arrivals = list[int]


def feeds_of(folder: Path) -> dict[str, Arrivals]:
    """When entries came to everything and to each topic, by feed; without the first commit's."""
    store = Store("sqlite://")
    load(store, folder, history=HistoryReader(folder))
    feeds: dict[str, Arrivals] = defaultdict(list)
    everything: dict[int, int] = {}
    came = select(entries.c.id, entries.c.arrived, entry_topics.c.topic).select_from(
        entries.join(history, history.c.key == entries.c.entry_id).outerjoin(
            entry_topics, entry_topics.c.entry == entries.c.id
        )
    )
    with store.read() as reader:
        rows = reader.connection.execute(came.where(history.c.initial == 0)).all()
    for row, moment, topic in rows:
        everything[row] = moment
        if topic:
            feeds[topic].append(moment)
    feeds["everything"] = [*everything.values()]
    return {name: sorted(moments) for name, moments in feeds.items() if len(moments) >= _LEAST}


def delays(arrivals: Arrivals, age: int, polls_late: int, chance: random.Random) -> list[float]:
    """Seconds until readers of random phases see each arrival, `polls_late` polls too late."""
    phases = [chance.random() * age for _ in range(_READERS)]
    late = polls_late * age
    return [age - (moment - phase) % age + late for phase in phases for moment in arrivals]


def rhythmic(arrivals: Arrivals) -> int:
    """An age by the rhythm so far: half of the pause that all but one in twenty exceed."""
    moments = sorted(set(arrivals))
    pauses = [after - before for before, after in pairwise(moments)]
    least = quantiles(pauses, n=20)[0] if len(pauses) > 1 else 0
    return round(min(max(least / 2, 300), 3600))


def _fixed(age: int, _: Arrivals) -> int:
    return age


def measure(
    feeds: dict[str, Arrivals], age_of: Callable[[Arrivals], int]
) -> tuple[list[float], list[float], float]:
    """The delays of 95 in 100 entries of each feed, directly and behind a cache; polls a day."""
    chance = random.Random(7)  # noqa: S311 - repeatable
    ages = {name: age_of(arrivals) for name, arrivals in feeds.items()}
    slow = [
        [quantiles(delays(feeds[name], age, late, chance), n=20)[-1] for name, age in ages.items()]
        for late in (0, 1)
    ]
    return slow[0], slow[1], sum(86_400 / age for age in ages.values())


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")


def main(folder: str) -> None:
    """Print the table."""
    feeds = feeds_of(Path(folder))
    total = sum(map(len, feeds.values()))
    _say(f"{len(feeds)} feeds, {total:,} arrivals; seconds that 95 in 100 keep within")
    best = max(age for age in range(60, PROMISE) if age * 1.95 <= PROMISE)
    _say(f"{'age':>10}{'direct':>9}{'slowest':>9}{'cached':>9}{'slowest':>9}{'polls':>8}")
    rules: list[tuple[str, Callable[[Arrivals], int]]] = [
        (str(age), partial(_fixed, age)) for age in sorted({*_AGES, best})
    ]
    for name, rule in [*rules, ("rhythm", rhythmic)]:
        direct, cached, polls = measure(feeds, rule)
        share = polls / (len(feeds) * 86_400 / best)
        kept = "" if max(cached) <= PROMISE else "  misses 15 minutes"
        _say(
            f"{name:>10}{median(direct):>9.0f}{max(direct):>9.0f}{median(cached):>9.0f}"
            f"{max(cached):>9.0f}{share:>8.2f}{kept}"
        )


if __name__ == "__main__":
    main(sys.argv[1])
