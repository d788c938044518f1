"""A made collection for those who write or read a whole site: each kind of feed, and no more.

Topics, providers, two who share a domain, types, a story that two share, three
months, and more entries in one of them than a feed shows.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from flask import Flask

from feeds.config import Config
from feeds.export import writer
from feeds.export.directory import Folder
from feeds.export.object_store import ObjectStore
from feeds.export.plan import WHOLE, SiteSelection
from feeds.export.writer import Outcome
from feeds.serving import content_coding
from tests.helpers.server import ROOT, application, documents
from tests.helpers.support import write

SETTINGS: Final[dict[str, Any]] = {
    "base_url": ROOT,
    "title": "Example & Söhne",
    "limit": 2,
    "parameters": "off",
}
# Few enough for tests that are about something else.
SOME: Final = SiteSelection(("page", "rss", "embed"), ("canonical", "amp"))

_TIMES: Final = {"name": "Example Times", "domain": "times.example.com"}
_SOFT: Final = {"name": "Soft", "domain": "soft.example.com"}
_LEARN: Final = {"name": "Soft Learn", "domain": "soft.example.com"}


def _covers(name: str) -> list[dict[str, Any]]:
    return [
        {
            "title": f"Coverage by {name}",
            "webUrl": f"https://news.example.com/{name}",
            "publishedDateTime": "2024-03-02T00:00:00Z",
            "provider": dict(_TIMES),
        }
    ]


def make(folder: Path) -> Path:
    """The records, in a folder."""
    march = "2024-03-0{}T00:00:00Z"
    made: dict[str, dict[str, Any]] = {
        "a": {"provider": _TIMES, "topics": ["AI", "C++"], "related": _covers("b")},
        "b": {"provider": _SOFT, "topics": ["AI"], "related": _covers("a"), "quality": 9},
        "c": {"provider": _LEARN, "topics": ["AI"], "related": _covers("elsewhere")},
        "d": {"provider": _TIMES, "type": "video", "ampWebUrl": "https://amp.example.com/d"},
        "e": {"title": "<b>&amp; 'quoted' \"names\"</b>", "topics": ["Ünïcode"]},
    }
    for number, (name, fields) in enumerate(made.items()):
        dated = {"publishedDateTime": march.format(number + 1), "type": "article"}
        write(folder, f"{name}.md", **(dated | fields))
    write(folder, "f.md", provider=_TIMES, publishedDateTime="2024-01-05T00:00:00Z")
    write(folder, "g.md", topics=["AI"], publishedDateTime="2023-12-05T00:00:00Z")
    write(folder, "h.md", published=False, topics=["Hidden"])
    return folder


def site(folder: Path, **settings: Any) -> Flask:
    """The application that serves the folder's site."""
    return application(folder, **(SETTINGS | settings))


def config(folder: Path, **settings: Any) -> Config:
    """The settings of the same."""
    return Config(seeds=folder, **(SETTINGS | settings))


def export(
    app: Flask, folder: Path, selection: SiteSelection = WHOLE, codings: Sequence[str] = ()
) -> Outcome:
    """The site of an application, written into a folder."""
    return writer.write(Folder(folder, codings), documents(app), selection)


def publish(
    app: Flask,
    url: str,
    selection: SiteSelection = WHOLE,
    coding: str = content_coding.IDENTITY,
) -> Outcome:
    """The site of an application, written to an fsspec URL."""
    return writer.write(ObjectStore(url, coding), documents(app), selection)
