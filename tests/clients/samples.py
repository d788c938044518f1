"""Records whose fields clients get wrong, and what each client should read of them.

A collection of our own writing, named "R&D News". `EXPECTED` lists the entries,
newest first, by a name for people.
"""

from pathlib import Path
from typing import Any, Final, NamedTuple

from tests.helpers.support import write

ROOT: Final = "https://feeds.example.org"
SETTINGS: Final = {
    "FEEDS_BASE_URL": ROOT,
    "FEEDS_TITLE": "R&D News",
    "FEEDS_DESCRIPTION": "What labs & makers publish",
}
FEED: Final = {
    "feed title": SETTINGS["FEEDS_TITLE"],
    "feed page": f"{ROOT}/",
    "feed description": SETTINGS["FEEDS_DESCRIPTION"],
    "feed language": "en",
    "feed icon": f"{ROOT}/static/icon.png",
    "withdrawn entries": [f"tag:example.com,2024:withdrawn-{number}" for number in (1, 2)],
}
LISTED: Final = [
    {"title": title, "url": f"{ROOT}/{path}rss.xml", "page": f"{ROOT}/{path}", "group": group}
    for title, path, group in (
        ("R&D News", "", ""),
        ("C++ – R&D News", "topics/c-plus-plus/", "Topics"),
        ("R&D – R&D News", "topics/r-d/", "Topics"),
        ("Example Times – R&D News", "providers/times.example.com/", "Providers"),
        ("Articles – R&D News", "types/articles/", "Types"),
        ("Videos – R&D News", "types/videos/", "Types"),
    )
]
_TIMES: Final = {"name": "Example Times", "domain": "times.example.com"}
_PICTURE: Final = {"url": "https://images.example.com/p.jpg", "width": 640, "height": 360}
_PLAYER: Final = "https://video.example.com/embed/1"
_RELATED: Final = ("https://other.example.net/a?x=1&y=2", "https://other.example.net/b")


class Sample(NamedTuple):
    """A record, and the fields of its entry that differ from those of the other entries."""

    record: dict[str, Any]
    expected: dict[str, Any]


def _titled(title: str, **fields: Any) -> Sample:
    return Sample({"title": title, **fields}, {"title": title})


SAMPLES: Final = {
    "plain": _titled("Ferries go electric"),
    "& in title": _titled("R&D notes"),
    "< in title": _titled("When a < b holds"),
    "tag in title": _titled("Use <video> tag"),
    "reference in title": Sample(
        {"title": "Write &amp;amp; in HTML"}, {"title": "Write &amp; in HTML"}
    ),
    "topics": Sample(
        {"topics": ["C++", "R&D"], "type": "article"}, {"categories": ["C++", "R&D", "article"]}
    ),
    "two authors": Sample({"authors": ["Ada Field"]}, {"authors": ["Example Times", "Ada Field"]}),
    "picture": Sample({"images": [_PICTURE]}, {"picture": _PICTURE["url"]}),
    "video": Sample(
        {
            "type": "video",
            "images": [_PICTURE],
            "length": "PT14M50S",
            "featuredContent": f'<iframe src="{_PLAYER}"></iframe>',
        },
        {"picture": _PICTURE["url"], "video": _PLAYER},
    ),
    "related": Sample(
        {
            "related": [
                {"title": f"Coverage {number}", "webUrl": url, "provider": dict(_TIMES)}
                for number, url in enumerate(_RELATED)
            ]
        },
        {"related": list(_RELATED)},
    ),
    "body": Sample(
        {
            "body": "<p>If a &lt; b in List&lt;Int&gt;, <em>then</em>:</p>"
            '<p><img src="/in/body.png" alt="A plot"></p>'
        },
        {"content": ("If a < b in List<Int>, then:", "https://news.example.com/in/body.png")},
    ),
    "updated later": Sample(
        {"updatedDateTime": "2024-05-06T07:08:09Z"}, {"updated": "2024-05-06T07:08:09Z"}
    ),
    "excerpt": Sample({"excerpt": "Fish & chips for < 5"}, {"summary": "Fish & chips for < 5"}),
}


def write_records(folder: Path) -> Path:
    """The records, as files of a folder."""
    for number, (name, sample) in enumerate(SAMPLES.items()):
        common = {
            "title": name.capitalize(),
            "webUrl": _link(number),
            "id": _id(number),
            "publishedDateTime": _published(number),
            "provider": dict(_TIMES),
        }
        write(folder, f"{number:02}.html", **(common | sample.record))
    return folder


def write_withdrawn(folder: Path) -> list[Path]:
    """Records that are to be withdrawn once they are public: their files."""
    dated = {"publishedDateTime": "2024-01-01T00:00:00Z", "provider": dict(_TIMES)}
    return [
        write(folder, f"withdrawn-{at}.html", title="W", webUrl=_link(100 + at), id=id_, **dated)
        for at, id_ in enumerate(FEED["withdrawn entries"])
    ]


def entries() -> list[dict[str, Any]]:
    """The fields of each entry, newest first."""
    return [
        {
            "title": sample.record.get("title", name.capitalize()),
            "link": _link(number),
            "id": _id(number),
            "published": _published(number),
            "authors": ["Example Times"],
            "no false file": [],
        }
        | sample.expected
        for number, (name, sample) in enumerate(SAMPLES.items())
    ]


def _link(number: int) -> str:
    return f"https://news.example.com/{number}?a=1&b={number}"


def _id(number: int) -> str:
    return f"tag:example.com,2024:{number}"


def _published(number: int) -> str:
    return f"2024-03-{28 - number:02}T06:30:00Z"
