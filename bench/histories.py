"""Whether Varnish holds what is served now, whatever happened: `python -m bench.histories`.

Varnish with deploy/varnish.vcl is in front of `feeds serve`, whose documents stay fresh for a day:
what it shows differently was purged, or is wrong. Each history is a few commits of random
changes to an invented collection, of which documents are asked for in between. After
it every document is compared with the server's own. Needs varnishd (apt install varnish).
"""

from __future__ import annotations

import random
import re
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Final

import click

from bench.pollers import ROOT, Answer, get
from bench.routes import Build, Route, Site, wait_for
from bench.servers import PROJECT
from tests.helpers.repository import Repository

DAY: Final = 86_400  # seconds
SETTINGS: Final = {"limit": 5, "max_age": DAY, "archive_max_age": DAY}
ROUTE: Final = Route("Varnish", "varnish")
_TOPICS: Final = ("AI", "Robots", "Space")
_PROVIDERS: Final = {"times.example": "Example Times", "daily.example": "Daily"}
_FILES: Final = ("", "rss.xml", "atom.xml", "feed.json")
_OLDER: Final = re.compile(rf'(?:rel="prev-archive"[^>]*?href|"next_url": ?)"?=?"{ROOT}([^"?]+)"')


class Collection:
    """Records in a git repository, which change by chance."""

    def __init__(self, folder: Path, chance: random.Random, start: int) -> None:
        self._repository = Repository(folder)
        self._chance = chance
        self._moment = start
        self._texts: dict[str, str] = {}
        self._number = 0
        self.folder = folder
        self.head = self._repository.commit(start, {f"{n}.md": self._new() for n in range(30)})

    def change(self, last: int) -> bool:
        """Commit some changes, at a moment before `last`; whether there are any."""
        self._moment = min(self._moment + self._chance.randrange(3, 18_000), last)
        files: dict[str, str | None] = {}
        for _ in range(self._chance.choice([1, 1, 2, 4, 9])):
            name = self._chance.choice(sorted(self._texts))
            match self._chance.randrange(7):
                case 0 | 1 | 2:
                    name = f"{self._number}.md"
                    files[name] = self._new()
                case 3 if len(self._texts) > 20:
                    del self._texts[name]
                    files[name] = None
                case 4:
                    files[name] = self._texts[name].replace("---\n", "---\nremoved: true\n", 1)
                case 5:
                    files[name] = self._texts[name]  # again, where it was removed
                case _:
                    topic = self._chance.choice(_TOPICS)
                    text = re.sub(r"topics: .*", f"topics: [{topic}]", self._texts[name])
                    files[name] = self._texts[name] = text.replace("Story", "A story", 1)
        there = {name: text for name, text in files.items() if self._is_change(name, text)}
        if there:
            self.head = self._repository.commit(self._moment, there)
        return bool(there)

    def _is_change(self, name: str, text: str | None) -> bool:
        file = self._repository.folder / name
        return (file.read_text() if file.exists() else None) != text

    def _new(self) -> str:
        number, self._number = self._number, self._number + 1
        back = self._chance.choice([0, 0, 0, DAY, 40 * DAY, 400 * DAY])
        date = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self._moment - back))
        domain = self._chance.choice([*_PROVIDERS])
        topics = ", ".join(self._chance.sample(_TOPICS, self._chance.randrange(1, 3)))
        text = (
            f"---\ntitle: Story {number}\nwebUrl: https://news.example.com/{number}\n"
            f"publishedDateTime: {date}\ntopics: [{topics}]\nheat: {self._chance.randrange(9)}\n"
            f"provider: {{name: {_PROVIDERS[domain]}, domain: {domain}}}\n---\n"
        )
        self._texts[f"{number}.md"] = text
        return text


def documents(base: str) -> list[str]:
    """The paths of documents: of scopes, in all formats, second pages, and their archives."""
    scopes = ["/", *(f"/topics/{topic.lower()}/" for topic in _TOPICS)]
    scopes += [f"{scope}providers/{key}/" for scope in scopes for key in _PROVIDERS]
    paths = [f"{scope}{file}" for scope in scopes for file in _FILES]
    paths += [f"{path}?page=2" for path in paths]
    for path in [path for path in paths if path.endswith(".xml")]:
        older = path
        while found := _OLDER.search(get(base + older).text):
            older = found[1]
            if older in paths:
                break
            paths.append(older)
    return paths


def shown(answer: Answer) -> tuple[int, str, str, str]:
    """What must be the same of a document, wherever it is asked for.

    Last-Modified may be older of one that is as it was: further pages have that of the whole.
    """
    told = answer.headers
    return answer.status, answer.text, told.get("etag", ""), told.get("link", "")


def load(site: Site, store: Path, head: str) -> None:
    """Load up to a commit, and wait until the cache has forgotten what changed."""
    site.update()
    query = (
        "SELECT state.head, state.loaded - marks.loaded FROM state, marks WHERE consumer != 'hubs'"
    )
    with closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True)) as database:
        wait_for(lambda: database.execute(query).fetchone() == (head, 0))


@click.command(help=__doc__)
@click.option("--histories", default=500, show_default=True)
@click.option("--seed", default=1, show_default=True)
def main(histories: int, seed: int) -> None:
    """Print what Varnish held; end with 1 when it was something else than is served."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    end = int(time.time()) - 60
    met: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        collection = Collection(Path(folder) / "site", chance, end - 60 * DAY)
        site = Site(Build(PROJECT, sys.executable), ROUTE, collection.folder, home, **SETTINGS)
        try:
            site.open()
            for number in range(histories):
                for _ in range(chance.randrange(1, 4)):
                    for path in documents(site.origin):
                        get(site.base + path)
                    if collection.change(end):
                        load(site, home / "feeds.db", collection.head)
                for path in documents(site.origin):
                    held, served = get(site.base + path), get(site.origin + path)
                    met["hits"] += held.headers.get("x-cache") == "hit"
                    met["documents"] += 1
                    if shown(held) != shown(served):
                        met["wrong"] += 1
                        click.echo(f"history {number}: {path} isn't what is served")
        finally:
            site.close()
    click.echo(
        f"{histories} histories: {met['documents']:,} documents, of which Varnish held "
        f"{met['hits']:,}; {met['wrong']:,} differ from what is served"
    )
    sys.exit(bool(met["wrong"]) or not met["hits"])


if __name__ == "__main__":
    main()
