"""What pollers miss who were away for a while: `python -m bench.misses [--base CHECKOUT]`.

An invented collection in a git repository changes while pollers are stopped: records are added,
some of them with old dates, edited and withdrawn, by commits of an hour, a day and 30 days.
Then each poller polls once more: directly, with a restart, a lost store or another server on the
way, behind Varnish and nginx as deploy/ has them, behind a proxy_cache as it comes, and from
exports of fresh stores. Counted is what came and was never seen. CHECKOUT is one of an older
commit, with an environment in .venv, which is asked the same. Needs git history support
(pygit2), the clients of tests/clients/requirements.txt, newsboat, varnishd and nginx.
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

import click

from bench.pollers import FEED, MOST, POLLERS, ByState, Poller, get, pollers
from bench.routes import MAX_AGE, ROUTES, Build, Route, Site, wait_for
from bench.servers import PROJECT
from tests.helpers.repository import Repository

MINUTE: Final = 60
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR
AWAY: Final = {"an hour": HOUR, "a day": DAY, "30 days": 30 * DAY}
AMOUNTS: Final = (80, 500, 10_000)  # changes
WINDOW: Final = 48 * HOUR
SLACK: Final = 4  # seconds that a load takes
STEPS: Final = 8  # commits
OURS: Final = "here"


# -- the collection ------------------------------------------------------------


class Collection:
    """Records in a git repository: `versions` by number, when each `came`, what became of it."""

    def __init__(self, folder: Path, chance: random.Random) -> None:
        self.folder = folder
        self.versions: dict[int, int] = {}
        self.came: dict[int, int] = {}
        self.edited: set[int] = set()
        self.withdrawn: set[int] = set()
        self._dates: dict[int, int] = {}
        self._repository = Repository(folder)
        self._chance = chance

    def begin(self, until: int) -> None:
        """A first commit of old records, then one each day for two months, until a moment."""
        start = until - 60 * DAY
        self._commit(start, dict(self._new(start - n * DAY, start) for n in range(150)))
        for day in range(1, 60):
            at = start + day * DAY
            self._commit(at, dict(self._new(at, at) for _ in range(2)))

    def change(self, moment: int, number: int) -> None:
        """A commit of so many changes: 7 in 10 new, 2 backdated, the others edits and removals."""
        files: dict[str, str | None] = {}
        old = sorted(self.versions.keys() - self.withdrawn - self.edited)
        for turn in range(number):
            kind = turn % 20
            if kind == 18 and old:
                one = old.pop(self._chance.randrange(len(old)))
                self.versions[one] += 1
                self.edited.add(one)
                files[f"{one}.md"] = self._text(one)
            elif kind == 19 and old:
                one = old.pop(self._chance.randrange(len(old)))
                self.withdrawn.add(one)
                files[f"{one}.md"] = None if one % 2 else self._text(one, "removed: true\n")
            else:
                back = self._chance.randrange(30, 1000) * DAY if kind >= 14 else 0
                path, text = self._new(moment - back, moment)
                files[path] = text
        self._commit(moment, files)

    @property
    def newest(self) -> int:
        """The number of the last that came."""
        return max(self.versions)

    def _new(self, date: int, moment: int) -> tuple[str, str]:
        number = len(self.versions)
        self.versions[number], self.came[number], self._dates[number] = 1, moment, date
        return f"{number}.md", self._text(number)

    def _text(self, number: int, more: str = "") -> str:
        date = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self._dates[number]))
        return (
            f"---\ntitle: n{number} v{self.versions[number]}\n{more}publishedDateTime: {date}\n"
            f"webUrl: https://news.example.com/{number}\ntopics: [t{number % 7}]\n"
            f"excerpt: {'What happened and why it matters. ' * 8}\n---\n"
        )

    def _commit(self, moment: int, files: dict[str, str | None]) -> None:
        self._repository.commit(moment, files)


# -- what is missed ------------------------------------------------------------


class Missed(NamedTuple):
    """Numbers of records that a poller missed, and those of them that it was promised."""

    lost: frozenset[int]
    promised: frozenset[int]


class Visit(NamedTuple):
    """Who polls what of which build."""

    build: str
    site: Site
    pollers: list[Poller]

    def poll(self) -> None:
        for poller in self.pollers:
            poller.poll(self.site.base)


def away(
    seconds: int, amount: int, builds: Mapping[str, Build], folder: Path
) -> dict[tuple[str, str, str], Missed]:
    """What each poller missed of each build by each route, who was away for so long."""
    end = int(time.time()) - MINUTE
    collection = Collection(folder / "site", random.Random(amount))  # noqa: S311 - no secret
    collection.begin(end - seconds)
    before = set(collection.versions)
    visits = []
    try:
        for called, build in builds.items():
            for number, route in enumerate(ROUTES):
                home = folder / called / str(number)
                site = Site(build, route, collection.folder, home)
                visits.append(Visit(called, site, pollers(home / "pollers")))
                site.open()
                visits[-1].poll()
        for turn in range(1, STEPS + 1):
            part = amount * turn // STEPS - amount * (turn - 1) // STEPS
            collection.change(end - seconds + seconds * turn // STEPS, part)
            if turn == STEPS // 2:
                for visit in visits:
                    visit.site.half_way()
                    if not visit.site.route.is_export:
                        _until_shown(visit, collection)
        for visit in visits:
            visit.site.update()
            took = _until_shown(visit, collection)
            if took > MAX_AGE + SLACK:
                name = visit.site.route.name
                click.echo(f"{visit.build}: {name} showed a change after {took:.0f} s")
            visit.poll()
    finally:
        for visit in visits:
            visit.site.close()
    return {
        (visit.build, visit.site.route.name, poller.name): _missed(
            collection, before, end, visit.site.route, poller
        )
        for visit in visits
        for poller in visit.pollers
    }


def _until_shown(visit: Visit, collection: Collection) -> float:
    """Seconds until the newest record is in the feed."""
    newest = f">n{collection.newest} v1<"
    return wait_for(lambda: newest in get(visit.site.base + FEED).text)


def _missed(
    collection: Collection, before: set[int], end: int, route: Route, poller: Poller
) -> Missed:
    came = collection.versions.keys() - before - collection.withdrawn
    lost = came - {number for number, _ in poller.seen}
    if not poller.is_promised_all:
        return Missed(frozenset(lost), frozenset(lost & _window(collection, came, end)))
    if isinstance(poller, ByState) and route.tells_edits:
        current = collection.edited - collection.withdrawn
        lost |= {one for one in current if (one, collection.versions[one]) not in poller.seen}
    return Missed(frozenset(lost), frozenset(lost))


def _window(collection: Collection, came: set[int], end: int) -> set[int]:
    """What a feed holds, whatever else it has: what came lately, the last of it to come."""
    lately = [one for one in came if collection.came[one] > end - WINDOW]
    lately.sort(key=lambda one: collection.came[one])
    # Of those that came together and don't all fit, none is promised.
    first = collection.came[lately[-MOST]] if len(lately) > MOST else 0
    return {one for one in lately if collection.came[one] > first}


# -- the table -----------------------------------------------------------------


def cell(missed: Missed, beside: Missed | None) -> str:
    """How many were missed here, and there, and why."""
    text = f"{len(missed.lost):,}"
    if missed.promised:
        text += f" MISSED {len(missed.promised):,}"
    elif missed.lost:
        text += "*"
    return text if beside is None else f"{text} ({len(beside.lost):,})"


@click.command(help=__doc__)
@click.option("--base", type=click.Path(path_type=Path, exists=True), help="An older checkout.")
@click.option("--away", "only", type=click.Choice([*AWAY]), help="Only who was away for so long.")
@click.option("--amount", type=int, help="Only so many changes.")
def main(base: Path | None, only: str | None, amount: int | None) -> None:
    """Print the table; end with 1 when a promise isn't kept."""
    builds = {OURS: Build(PROJECT, sys.executable)}
    if base is not None:
        base = base.resolve()
        builds["base"] = Build(base, str(base / ".venv" / "bin" / "python"))
    names = [poller.name for poller in POLLERS]
    click.echo(f"| away | changes | route | {' | '.join(names)} |")
    click.echo(f"|---|--:|---|{'--:|' * len(names)}")
    is_missed = False
    for words, seconds in AWAY.items():
        for number in AMOUNTS if amount is None else [amount]:
            if only not in (None, words):
                continue
            with tempfile.TemporaryDirectory() as folder:
                found = away(seconds, number, builds, Path(folder))
            for route in ROUTES:
                cells = [
                    cell(found[OURS, route.name, name], found.get(("base", route.name, name)))
                    for name in names
                ]
                is_missed |= any("MISSED" in one for one in cells)
                click.echo(f"| {words} | {number:,} | {route.name} | {' | '.join(cells)} |")
    click.echo(
        f"\n* came more than {WINDOW // HOUR} hours before the newest, or more than {MOST:,} came "
        "since: a feed has no room for it, archives and deltas have."
    )
    sys.exit(is_missed)


if __name__ == "__main__":
    main()
