"""Pollers that remember what they saw: real clients, and some that know more of HTTP and RFC 5005.

Each asks for /atom.xml or /rss.xml of a site whose records are called n1 v1: number and version.
"""

from __future__ import annotations

import re
import sqlite3
import subprocess
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Final, NamedTuple

import feedparser
from lxml import etree
from reader import make_reader

FEED: Final = "/atom.xml"
ROOT: Final = "https://feeds.example.org"  # which addresses in documents begin with
MOST: Final = 1_000  # entries that a feed has
_PATIENCE: Final = 120.0  # seconds
_TITLE: Final = re.compile(r">n(\d+) v(\d+)<")
_NAMES: Final = {
    "atom": "http://www.w3.org/2005/Atom",
    "fh": "http://purl.org/syndication/history/1.0",
}

Seen = set[tuple[int, int]]  # numbers and versions of records


class Answer(NamedTuple):
    """An answer; the names of its headers are in small letters."""

    status: int
    text: str
    headers: Mapping[str, str]


def get(url: str, headers: Mapping[str, str] | None = None) -> Answer:
    """The answer to a request."""
    asked = urllib.request.Request(url, headers=dict(headers or {}))  # noqa: S310 - ours
    try:
        with urllib.request.urlopen(asked, timeout=60) as answer:  # noqa: S310
            told = {name.lower(): value for name, value in answer.headers.items()}
            return Answer(answer.status, answer.read().decode(), told)
    except urllib.error.HTTPError as error:
        return Answer(error.code, "", {})


def titles(text: str) -> Seen:
    """The records whose titles stand in a document."""
    return {(int(number), int(version)) for number, version in _TITLE.findall(text)}


class Poller:
    """Someone who polls; `seen` is all that they ever saw. `base` is where they ask."""

    name = ""
    is_promised_all = False  # or else what the window holds

    def __init__(self, home: Path) -> None:
        self.home = home
        self.seen: Seen = set()

    def poll(self, base: str) -> None:
        raise NotImplementedError


class ByDate(Poller):
    """Knows only when what it has was modified."""

    name = "date alone"
    since = ""

    def poll(self, base: str) -> None:
        _, text, told = get(base + FEED, {"If-Modified-Since": self.since} if self.since else {})
        self.since = told.get("last-modified", self.since)
        self.seen |= titles(text)


class ByState(Poller):
    """Asks for what came since a state (RFC 3229), and goes on to an archive that is linked."""

    name = "A-IM: feed"
    is_promised_all = True
    tag = ""

    def poll(self, base: str) -> None:
        state = {"A-IM": "feed", "If-None-Match": self.tag} if self.tag else {}
        status, text, told = get(base + FEED, state)
        self.tag = told.get("etag", self.tag)
        self.seen |= titles(text)
        if state and (status == 200 or len(titles(text)) >= MOST):  # which has no room for more
            self.seen |= Walker.walk(base, FEED, set(), text)[0]


class Walker(Poller):
    """Follows prev-archive until an archive that it has read (RFC 5005, 4)."""

    name = "RFC 5005"
    is_promised_all = True

    def __init__(self, home: Path) -> None:
        super().__init__(home)
        self.known: set[str] = set()

    def poll(self, base: str) -> None:
        seen, read = self.walk(base, FEED, self.known)
        self.seen |= seen
        self.known |= read

    @staticmethod
    def walk(base: str, path: str, known: set[str], text: str = "") -> tuple[Seen, set[str]]:
        """What is seen on the way, and which archives were read."""
        seen: Seen = set()
        asked: set[str] = set()
        archives: set[str] = set()
        while path and path not in asked | known:
            asked.add(path)
            text = text or get(base + path).text
            seen |= titles(text)
            root = etree.fromstring(text.encode())
            if root.find("fh:archive", _NAMES) is not None:
                archives.add(path)
            links = root.findall("atom:link[@rel='prev-archive']", _NAMES)
            path = links[0].get("href", "").removeprefix(ROOT) if links else ""
            text = ""
        return seen, archives


class Feedparser(Poller):
    """The library, with the ETag and date that it was given."""

    name = "feedparser"
    state: Mapping[str, str] = MappingProxyType({})

    def poll(self, base: str) -> None:
        found = feedparser.parse(base + "/rss.xml", **self.state)
        self.state = {k: found[k] for k in ("etag", "modified") if found.get(k)} or self.state
        for entry in found.entries:
            self.seen |= titles(f">{entry.title}<")


class Reader(Poller):
    """The library reader, with a database of its own."""

    name = "reader"

    def poll(self, base: str) -> None:
        reader = make_reader(str(self.home / "reader.db"))
        url = base + FEED
        reader.add_feed(url, exist_ok=True)
        reader.update_feed(url)
        self.seen |= titles("".join(f">{entry.title}<" for entry in reader.get_entries()))
        reader.close()


class Newsboat(Poller):
    """Newsboat, which keeps everything."""

    name = "newsboat"

    def poll(self, base: str) -> None:
        urls, cache, config = (self.home / name for name in ("urls", "cache.db", "config"))
        urls.write_text(f"{base}/rss.xml\n")
        config.write_text("")
        command: list[str | Path] = [
            "newsboat",
            "-u",
            urls,
            "-c",
            cache,
            "-C",
            config,
            "-x",
            "reload",
        ]
        subprocess.run(command, check=True, timeout=_PATIENCE, stdout=subprocess.DEVNULL)
        with sqlite3.connect(cache) as database:
            rows = database.execute("SELECT title FROM rss_item").fetchall()
        self.seen |= titles("".join(f">{title}<" for (title,) in rows))


POLLERS: Final[Sequence[type[Poller]]] = (Walker, ByState, Feedparser, Reader, Newsboat, ByDate)


def pollers(home: Path) -> list[Poller]:
    """One of each, with folders in `home`."""
    found: list[Poller] = []
    for kind in POLLERS:
        folder = home / kind.__name__
        folder.mkdir(parents=True)
        found.append(kind(folder))
    return found
