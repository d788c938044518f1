"""Collections of records of the real shape, invented: equal seeds give equal files.

As in real ones, related coverage and `secured` are over nine tenths of the
bytes: half of the records list 19 others or more, some 100. Seven in ten aren't
published (they are coverage of a story whose lead is, and are listed there), one
in eight has AMP pages, one in twenty is a video, and a few topics and providers
have most of the records. All hosts are reserved ones.
"""

from __future__ import annotations

import base64
import json
import os
import random
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import repeat
from math import log
from multiprocessing import get_context
from pathlib import Path
from typing import Final, NamedTuple

TOPICS: Final = (
    "AI", "Security", "Cloud", "C++", "Robotics", "Climate Tech", "Open Data", "C#", "Databases",
    "Web Standards", "Networks", "Accessibility", "Cartography", "Typography", "Printing",
    "Ferries", "Bridges", "Weather", "Libraries", "Compilers", "Sensors", "Radio", "Archives",
    ".NET",
)  # fmt: skip
_PROVIDERS: Final = 400
_NEWEST: Final = datetime(2026, 6, 1, tzinfo=UTC)
_EVERY: Final = timedelta(hours=3)
_YEARS: Final = timedelta(days=20 * 365)  # that the largest collections go back
_RELATED: Final = 19  # the median; a few list many more
_MOST_RELATED: Final = 179
_CHUNK: Final = 500
_TEXT: Final = (
    "harbour ferry camera signal model network council report battery garden library bridge "
    "engine public measure quiet record open window paper market village careful answer small "
    "large reader winter summer driver letter copper silver traffic weather standard language "
    "compiler student teacher hospital railway station morning evening question method result"
)
WORDS: Final = _TEXT.split()


class _Page(NamedTuple):
    """Where a story is, which those who list it as coverage know too."""

    provider: int
    host: str
    path: str


def write(folder: Path, number: int, seed: int = 1) -> list[Path]:
    """`number` records in `folder`, newest first. Uses all cores when there are many."""
    folder.mkdir(parents=True, exist_ok=True)
    every = min(_EVERY, _YEARS / max(number, 1))
    starts = range(0, number, _CHUNK)
    ends = [min(start + _CHUNK, number) for start in starts]
    if len(starts) < 4:
        few = map(_write, repeat(folder), starts, ends, repeat(seed), repeat(every))
        return [path for chunk in few for path in chunk]
    with ProcessPoolExecutor(os.cpu_count(), get_context("spawn")) as pool:
        chunks = pool.map(_write, repeat(folder), starts, ends, repeat(seed), repeat(every))
        return [path for chunk in chunks for path in chunk]


def _write(folder: Path, start: int, end: int, seed: int, every: timedelta) -> list[Path]:
    found = []
    for index in range(start, end):
        chance = random.Random(f"{seed} {index}")  # noqa: S311 - no secret, and must repeat
        published = _NEWEST - every * index - timedelta(seconds=chance.randrange(1800))
        path = folder / f"{published:%Y-%m-%d}-{index:05}.md"
        path.write_text(text(chance, index, published, seed), encoding="utf-8")
        found.append(path)
    return found


def edit(path: Path, number: int) -> None:
    """Another title for a record, as an editor would give it."""
    first, title, rest = path.read_text(encoding="utf-8").split("\n", 2)
    words = json.loads(title.removeprefix("title: ")).partition(" (")[0]
    changed = f"title: {json.dumps(f'{words} ({number})')}"
    path.write_text(f"{first}\n{changed}\n{rest}", encoding="utf-8")


def text(chance: random.Random, index: int, published: datetime, seed: int = 1) -> str:
    """A record; `index` tells its page from others of the collection."""
    page = _page(f"{seed} {index}")
    video = chance.random() < 1 / 20
    lines = ["---", f"title: {_quoted(_sentence(chance, 9))}", "category: news"]
    lines += _story(chance, published)
    url = f"https://www.{page.host}/{page.path}"
    lines.append(f"originalUrl: {_quoted(url if video else f'{url}?ref=example.org')}")
    if video:
        frame = f'<iframe width="800" height="500" src="https://player.{page.host}/{index}">'
        lines += [
            "type: video",
            f"length: PT{chance.randrange(60)}M{chance.randrange(60)}S",
            f"featuredContent: {_quoted(f'{frame}</iframe>')}",
        ]
    else:
        lines += [*_pages(chance, page), "type: article"]
    lines += [
        f"quality: {chance.randrange(100)}",
        f"heat: {chance.randrange(200)}",
        f"published: {'true' if chance.random() < 3 / 10 else 'false'}",
        "",
        "provider:",
        f"  name: Provider {page.provider}",
        f"  domain: {page.host}",
        "  images:",
        f"    - url: {_quoted(f'https://images.example.net/{page.host}-50x50.jpg')}",
        "      width: 50",
        "      height: 50",
        "",
        "topics:",
        *(f"  - {_quoted(topic)}" for topic in _topics(chance)),
        "",
        *_picture(chance, page),
        "",
        "related:",
    ]
    for number in range(min(int(chance.lognormvariate(log(_RELATED), 0.85)), _MOST_RELATED)):
        lines += _related(chance, index, number, published, seed)
    secured = base64.b64encode(chance.randbytes(chance.randrange(600, 3000))).decode()
    return "\n".join([*lines, "", f"secured: {_quoted(secured)}", "---", ""])


def _related(
    chance: random.Random, index: int, number: int, published: datetime, seed: int
) -> list[str]:
    """Coverage of the same story: every other one is a record of the collection."""
    near = number % 2 == 0
    page = _page(f"{seed} {index + 1 + number // 2}" if near else f"{seed} {index}-{number}")
    when = published + timedelta(minutes=chance.randrange(-2000, 2000))
    lines = [
        f"title: {_quoted(_sentence(chance, 10))}",
        *_story(chance, when),
        *_pages(chance, page),
        "type: article",
        "provider:",
        f"  name: Provider {page.provider}",
        f"  domain: {page.host}",
        f"quality: {chance.randrange(100)}",
    ]
    if chance.random() < 4 / 5:
        lines += _picture(chance, page)
    return [f"{'    ' if line_number else '  - '}{line}" for line_number, line in enumerate(lines)]


def _page(name: str) -> _Page:
    chance = random.Random(f"page {name}")  # noqa: S311 - no secret, and must repeat
    provider = int(chance.paretovariate(0.9)) % _PROVIDERS
    slug = "-".join(chance.choices(WORDS, k=7))
    return _Page(provider, f"provider-{provider}.example", f"{name.replace(' ', '/')}-{slug}")


def _story(chance: random.Random, published: datetime) -> list[str]:
    return [
        f"excerpt: {_quoted(_sentence(chance, 38))}",
        f"publishedDateTime: {published:%Y-%m-%dT%H:%M:%SZ}",
    ]


def _pages(chance: random.Random, page: _Page) -> list[str]:
    found = {"webUrl": f"https://www.{page.host}/{page.path}"}
    if chance.random() < 1 / 8:
        amp = f"amp.{page.host}/{page.path}"
        found["ampWebUrl"] = f"https://{amp}"
        found["cdnAmpWebUrl"] = f"https://amp-{page.provider}.cdn.example.net/c/s/{amp}"
    return [f"{key}: {_quoted(url)}" for key, url in found.items()]


def _picture(chance: random.Random, page: _Page) -> list[str]:
    url = f"https://images.{page.host}/{page.path}-1280x720.jpg?width=1280&quality=85&fit=max"
    width = chance.choice((620, 1280, 1920))
    return [
        "images:",
        f"  - url: {_quoted(url)}",
        f"    width: {width}",
        f"    height: {width * 9 // 16}",
        "    isCached: true",
    ]


def _topics(chance: random.Random) -> list[str]:
    ranks = (min(int(chance.expovariate(1 / 3)), len(TOPICS) - 1) for _ in range(3))
    return list(dict.fromkeys(TOPICS[rank] for rank in ranks))


def _sentence(chance: random.Random, words: int) -> str:
    """Words; as in real ones, one text in six isn't ASCII, and one in thirty has escapes."""
    said = " ".join(chance.choices(WORDS, k=words)).capitalize()
    kind = chance.random()
    if kind < 1 / 6:
        return f"‘{said}’ – the city’s own"
    if kind < 1 / 6 + 1 / 30:
        return f'{said} "now".\r\n' if kind < 1 / 6 + 1 / 200 else f"{said}.\r\n"
    return said


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
