"""Random git histories: what a store made anew says, beside one that followed the commits."""

import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from feeds.catalog.addresses import NotFound
from feeds.model import Feed
from feeds.rendering.formats import FORMATS
from feeds.store.database import Store
from tests.helpers.databases import databases
from tests.helpers.repository import Repository
from tests.helpers.support import CONFIG, feed
from tests.loading.test_arrivals import DAY, FIRST, load, record

SMALL = replace(CONFIG, limit=3)
SCOPES = ("", "topics/ai/", "topics/web/", "providers/times.example/", "types/videos/")


class Editors:
    """Who commit changes by chance: to HEAD, or by a merge of a commit that is older."""

    def __init__(self, folder: Path, chance: random.Random) -> None:
        self.repository = Repository(folder)
        self.moment = FIRST
        self.texts: dict[str, str | None] = {}
        self.chance = chance
        self.number = 0
        self.commit({self.name(): self.text() for _ in range(8)})

    def name(self) -> str:
        self.number += 1
        return f"{self.number}.md"

    def text(self, **more: str) -> str:
        topics = self.chance.sample(["AI", "Web", "Go"], self.chance.randrange(3))
        said: dict[str, Any] = {"topics": f"[{', '.join(topics)}]", **more}
        if self.chance.random() < 0.5:
            said["provider"] = "{name: Times, domain: times.example}"
        if self.chance.random() < 0.5:
            said["type"] = self.chance.choice(["video", "article"])
        date = self.chance.choice(["2025-12-24", "2024-01-01", "2026-01-14", ""])
        return record(str(self.chance.randrange(10**6)), date, **said)

    def change(self) -> None:
        """Add, edit, rename, hide, show or remove some records."""
        self.moment += self.chance.choice([600, 3600, DAY, 3 * DAY, 20 * DAY])
        files: dict[str, str | None] = {}
        for _ in range(self.chance.randrange(1, 4)):
            there = sorted(path for path, text in self.texts.items() if text)
            name = self.chance.choice(there)
            text = self.texts[name] or ""
            match self.chance.randrange(6):
                case 0 | 1:
                    files[self.name()] = self.text()
                case 2:
                    files[name] = text.replace("title: ", "title: Again ", 1)
                case 3:
                    files |= {name: None, self.name(): text}  # renamed
                case 4:
                    hides = self.chance.choice(["draft: true\n", "removed: true\n"])
                    files[name] = (
                        text.replace(hides, "") if hides in text else f"---\n{hides}{text[4:]}"
                    )
                case _:
                    files[name] = None
        self.commit(files)

    def commit(self, files: dict[str, str | None]) -> None:
        """Commit files; sometimes by a merge, which also brings what was committed elsewhere."""
        beside = []
        if self.texts and self.chance.random() < 0.3:
            head = self.repository.git.head.target
            brought: dict[str, str | None] = {self.name(): self.text()}
            beside = [self.repository.commit(self.moment - 3 * DAY, {**brought})]
            self.repository.git.references.create("refs/heads/main", head, force=True)
            files = files | brought
        self.texts |= files
        self.repository.commit(self.moment, files, *beside)


def documents(store: Store, file: str) -> Iterator[tuple[str, bytes | None]]:
    """The feeds of the scopes and all archives that they lead to, by address."""
    for scope in SCOPES:
        address, seen = f"/{scope}{file}", set[str]()
        while address and address not in seen:
            seen.add(address)
            made = made_at(store, address)
            yield address, FORMATS[file].render(made) if made else None
            links = made.links if made else ()
            older = (link.href for link in links if link.rel == "prev-archive")
            address = next(older, "").removeprefix(SMALL.root)


def made_at(store: Store, address: str) -> Feed | None:
    """A feed, but for what it announces as withdrawn."""
    try:
        return msgspec.structs.replace(feed(store, address, SMALL), withdrawn=())
    except NotFound:
        return None


@pytest.mark.slow
def test_a_store_made_anew_has_the_bytes_of_one_that_followed_the_commits(
    tmp_path: Path, seed: int
) -> None:
    chance = random.Random(seed)  # noqa: S311 - the same every time
    editors = Editors(tmp_path / "site", chance)
    followed = Store(databases.fresh())
    compared = 0
    for step in range(20):
        day = (editors.moment - FIRST) / DAY
        load(followed, editors.repository.folder, day + 0.001)
        if step % 4 == 3:
            anew = Store(databases.fresh())
            load(anew, editors.repository.folder, day + 0.004)
            for file in ("atom.xml", "rss.xml"):
                expected = dict(documents(followed, file))
                assert dict(documents(anew, file)) == expected
                compared += len(expected)
            anew.release()
        editors.change()
    followed.release()
    assert compared > 60
