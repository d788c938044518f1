"""What Python's parsers read of the documents named on the command line, as JSON.

Of each client: its version and, by document, the fields as its user would take
them. A field that a client has no word for is left out.
"""

import json
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import atoma
import fastfeedparser
import feedendum
import feedparser
import listparser
import podcastparser
import reader
import syndikit

Fields = dict[str, Any]


def attempt(take: Callable[[], Any]) -> Any:
    """A value, or the error that a user of the client would meet."""
    try:
        return take()
    except Exception as error:  # any: it is the client's
        return f"{type(error).__name__}: {error}"


def moment(value: Any) -> str | None:
    return value.isoformat() if value else None


def hrefs(links: Any) -> list[str]:
    return [link["href"] for link in links if link["rel"] == "related"]


def with_feedparser(path: Path) -> Fields:
    read = feedparser.parse(str(path))
    head = read.feed
    return {
        "feed title": head.title,
        "feed page": head.link,
        "feed description": head.subtitle,
        "feed language": head.get("language"),
        "feed icon": head.get("icon") or head.get("image", {}).get("href"),
        **(
            {"withdrawn entries": [head["at_deleted-entry"]["ref"]]}
            if "at_deleted-entry" in head
            else {}
        ),
        "entries": [
            {
                "title": entry.title,
                "link": entry.link,
                "id": entry.id,
                "published": attempt(lambda entry=entry: list(entry.published_parsed)),
                "updated": attempt(lambda entry=entry: list(entry.updated_parsed)),
                "authors": [author.get("name") for author in entry.authors],
                "categories": [tag.term for tag in entry.get("tags", ())],
                "content": entry.content[0].value if "content" in entry else entry.summary,
                "summary": entry.get("summary"),
                "picture": attempt(lambda entry=entry: entry.media_content[0]["url"]),
                "video": attempt(lambda entry=entry: entry.media_player["url"]),
                "related": hrefs(entry.links),
            }
            for entry in read.entries
        ],
    }


def with_fastfeedparser(path: Path) -> Fields:
    read = fastfeedparser.parse(path.read_bytes())
    return {
        "feed title": read.feed.title,
        "feed page": read.feed.link,
        "feed description": read.feed.subtitle,
        "entries": [
            {
                "title": entry.title,
                "link": entry.link,
                "id": entry.id,
                "published": entry.published,
                "authors": entry.author,
                "categories": [tag["term"] for tag in entry.get("tags", ())],
                "content": entry.content[0]["value"],
                "summary": entry.description,
                "picture": attempt(
                    lambda entry=entry: entry.get("image") or entry.media_content[0]["url"]
                ),
            }
            | ({} if path.suffix == ".json" else {"related": hrefs(entry.links)})
            | ({"updated": entry.updated} if "updated" in entry else {})
            for entry in read.entries
        ],
    }


def with_syndikit(path: Path) -> Fields:
    read = syndikit.parse(path.read_bytes())
    return {
        "feed title": read.feed.title,
        "feed page": read.feed.link,
        "feed description": read.feed.subtitle.value,
        "feed language": read.feed.language,
        "feed icon": read.feed.icon,
        "entries": [
            {
                "title": entry.title,
                "link": entry.link,
                "id": entry.id,
                "published": moment(entry.published),
                "updated": moment(entry.updated),
                "authors": [author.name for author in entry.authors],
                "categories": list(entry.categories),
                "content": entry.content.value,
                "summary": entry.summary and entry.summary.value,
            }
            | (
                {}
                if path.suffix == ".json"
                else {"related": [link.href for link in entry.links if link.rel == "related"]}
            )
            for entry in read.entries
        ],
    }


def deleted_of_feedendum(read: Any) -> list[str]:
    deleted = read._data.get("{http://purl.org/atompub/tombstones/1.0}deleted-entry", ())
    return sorted(entry["@ref"] for entry in deleted)


def with_feedendum(path: Path) -> Fields:
    read = (feedendum.from_atom_text if "atom" in path.name else feedendum.from_rss_text)(
        path.read_text(encoding="utf-8")
    )
    return {
        "feed title": read.title,
        "feed page": read.url,
        "feed description": read.description,
        **({"withdrawn entries": deleted_of_feedendum(read)} if "atom" in path.name else {}),
        "entries": [
            {
                "title": entry.title,
                "link": entry.url,
                "id": entry.id,
                "updated" if "atom" in path.name else "published": moment(entry.update),
                "categories": entry.categories,
                "content": entry.content,
            }
            for entry in read.items
        ],
    }


def with_atoma(path: Path) -> Fields:
    if path.suffix == ".json":
        read = atoma.parse_json_feed_file(str(path))
        return {
            "feed title": read.title,
            "feed page": read.home_page_url,
            "feed description": read.description,
            "feed icon": read.icon,
            "entries": [
                {
                    "title": item.title,
                    "link": item.url,
                    "id": item.id_,
                    "published": moment(item.date_published),
                    "updated": moment(item.date_modified),
                    "authors": [item.author.name] if item.author else [],
                    "categories": item.tags,
                    "content": item.content_html,
                    "summary": item.summary,
                    "picture": item.image,
                }
                for item in read.items
            ],
        }
    if "atom" in path.name:
        read = atoma.parse_atom_file(str(path))
        return {
            "feed title": read.title.value,
            "feed page": next(link.href for link in read.links if link.rel == "alternate"),
            "feed description": read.subtitle.value,
            "feed icon": read.icon,
            "entries": [
                {
                    "title": entry.title.value,
                    "link": next(link.href for link in entry.links if link.rel == "alternate"),
                    "id": entry.id_,
                    "published": moment(entry.published),
                    "updated": moment(entry.updated),
                    "authors": [author.name for author in entry.authors],
                    "categories": [category.term for category in entry.categories],
                    "content": entry.content.value,
                    "summary": entry.summary and entry.summary.value,
                    "related": [link.href for link in entry.links if link.rel == "related"],
                }
                for entry in read.entries
            ],
        }
    read = atoma.parse_rss_file(str(path))
    return {
        "feed title": read.title,
        "feed page": read.link,
        "feed description": read.description,
        "feed language": read.language,
        "feed icon": read.image and read.image.url,
        "entries": [
            {
                "title": item.title,
                "link": item.link,
                "id": item.guid,
                "published": moment(item.pub_date),
                "categories": item.categories,
                "content": item.content_encoded or item.description,
                "summary": item.description,
            }
            for item in read.items
        ],
    }


def with_podcastparser(path: Path) -> Fields:
    with path.open("rb") as file:
        read = podcastparser.parse("https://feeds.example.org/", file)
    return {
        "feed title": read["title"],
        "feed page": read["link"],
        "feed description": read["description"],
        "feed icon": read.get("cover_url"),
        "entries": [
            {
                "title": episode["title"],
                "link": episode["link"],
                "id": episode["guid"],
                "published": episode["published"],
                "content": episode["description_html"],
                "picture": episode.get("episode_art_url"),
                "no false file": [enclosure["url"] for enclosure in episode["enclosures"]],
            }
            for episode in read["episodes"]
        ],
    }


def with_reader(path: Path) -> Fields:
    made = reader.make_reader(":memory:", feed_root=str(path.parent))
    made.add_feed(path.name)
    made.update_feeds()
    (head,) = made.get_feeds()
    entries = sorted(made.get_entries(), key=lambda entry: entry.published, reverse=True)
    return {
        "feed title": head.title,
        "feed page": head.link,
        "feed description": head.subtitle,
        "entries": [
            {
                "title": entry.title,
                "link": entry.link,
                "id": entry.id,
                "published": moment(entry.published),
                "updated": moment(entry.updated),
                "authors": [author.name for author in entry.authors],
                "content": entry.get_content(prefer_summary=False).value,
                "summary": entry.summary,
            }
            for entry in entries
        ],
    }


def with_listparser(path: Path) -> Fields:
    read = listparser.parse(path.read_text(encoding="utf-8"))
    return {
        "list title": read.meta.title,
        "listed": [
            {
                "title": feed.title,
                "url": feed.url,
                "group": feed.categories[0][0] if feed.categories else "",
            }
            for feed in read.feeds
        ],
    }


def outlines_of_atoma(path: Path) -> Fields:
    read = atoma.parse_opml_file(str(path))
    listed = [("", outline) for outline in read.outlines if outline.xml_url]
    listed += [(group.text, outline) for group in read.outlines for outline in group.outlines]
    return {
        "list title": read.title,
        "listed": [
            {"title": one.text, "url": one.xml_url, "page": one.html_url, "group": group}
            for group, one in listed
        ],
    }


FEEDS = {".xml", ".json"}
CLIENTS: dict[str, tuple[Callable[[Path], Fields], set[str]]] = {
    "feedparser": (with_feedparser, {".xml"}),
    "fastfeedparser": (with_fastfeedparser, FEEDS),
    "reader": (with_reader, FEEDS),
    "atoma": (lambda p: (outlines_of_atoma if p.suffix == ".opml" else with_atoma)(p),
              {*FEEDS, ".opml"}),
    "podcastparser": (with_podcastparser, {".xml"}),
    "listparser": (with_listparser, {".opml"}),
    "feedendum": (with_feedendum, {".xml"}),
    "syndikit": (with_syndikit, FEEDS),
}  # fmt: skip


def main(paths: list[Path]) -> None:
    """Print the answer of every client."""
    answers = {}
    for name, (read, suffixes) in CLIENTS.items():
        documents = {
            str(path): attempt(lambda read=read, path=path: read(path))
            for path in paths
            if path.suffix in suffixes
        }
        answers[name] = {"version": version(name), "documents": documents}
    json.dump(answers, sys.stdout)


if __name__ == "__main__":
    main([Path(argument) for argument in sys.argv[1:]])
