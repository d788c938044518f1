"""JSON Feed 1.1, and under `_feeds` what it has no words for.

Objects are written compactly, with their members in a fixed order; what is
empty or unknown is left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from feeds import urls
from feeds.model import UNKNOWN_TIME, Entry, Feed, Record
from feeds.rendering.formats import xml
from feeds.rendering.formats.content import content

VERSION: Final = "https://jsonfeed.org/version/1.1"
# Relations that JSON Feed has a member for.
_SAID_ELSEWHERE: Final = ("self", "hub", "next")

_encode = msgspec.json.Encoder().encode


def entry(entry: Entry, policy: str, root: str) -> bytes:  # noqa: ARG001 - of every format
    """One item, as an object."""
    record = entry.record
    item = {
        "id": entry.id,
        "url": urls.select(record, policy),
        "title": record.title,
        "content_html": content(entry, policy),
        "summary": record.excerpt,
        "image": record.images[0].url if record.images else "",
        "date_published": entry.published,
        "date_modified": None if entry.updated == UNKNOWN_TIME else entry.updated,
        "authors": _authors(entry),
        "tags": [topic.name for topic in entry.topics],
        "_feeds": _extension(entry, policy),
    }
    return _encode(_without_empty(item))


def head(feed: Feed) -> bytes:
    """The whole feed without items."""
    linked = {link.rel: link.href for link in feed.links}
    members = {
        "version": VERSION,
        "title": feed.title,
        "home_page_url": feed.page,
        "feed_url": linked["self"],
        "description": feed.description,
        "next_url": linked.get("next", linked.get("prev-archive", "")),
        "icon": feed.icon,
        "favicon": feed.icon,
        "language": feed.language,
        "authors": [{"name": feed.site, "url": f"{feed.root}/"}],
        "hubs": [{"type": "WebSub", "url": link.href} for link in feed.links if link.rel == "hub"],
        "_feeds": {
            "about": f"{feed.root}/about/",
            "link_policy": feed.policy,
            "entries": feed.total,
        }
        | _without_empty(
            {
                "archive": feed.archive,
                "withdrawn": feed.withdrawn,
                "links": {rel: url for rel, url in linked.items() if rel not in _SAID_ELSEWHERE},
            }
        ),
    }
    return _encode(_without_empty(members))


def join(head: bytes, items: Sequence[bytes]) -> bytes:
    """The whole feed of items already serialised, in their order."""
    return b"".join([head.removesuffix(b"}"), b',"items":[', b",".join(items), b"]}"])


def _without_empty(members: Mapping[str, Any]) -> dict[str, Any]:
    """The members that say something; a number of 0 is an unknown one."""
    return {name: value for name, value in members.items() if value}


def _authors(entry: Entry) -> list[dict[str, Any]]:
    """The provider with its icon, then the record's own authors."""
    provider = entry.record.provider
    icon = provider.icon.url if provider and provider.icon else ""
    return [
        _without_empty(
            {"name": name, "url": url, "avatar": icon if number == 0 and provider else ""}
        )
        for number, (name, url) in enumerate(xml.authors(entry))
    ]


def _extension(entry: Entry, policy: str) -> dict[str, Any]:
    """The fields of an item beyond JSON Feed: its other URLs, figures, player, coverage."""
    record = entry.record
    canonical = urls.select(record, "canonical")
    return _without_empty(
        {
            "amp_url": record.amp,
            "amp_cache_url": record.amp_cache,
            "canonical_url": canonical if canonical != urls.select(record, policy) else "",
            "quality": record.quality,
            "heat": record.heat,
            "type": entry.type.name if entry.type else "",
            "player": record.player,
            "duration_in_seconds": record.duration,
            "starts": record.starts,
            "place": record.place,
            "images": _images(record),
            "downloads": [{"url": one.url, "title": one.title} for one in record.downloads],
            "related": [
                _without_empty(
                    {
                        "url": link.url,
                        "title": link.title,
                        "provider": link.provider,
                        "date_published": link.published,
                    }
                )
                for link in entry.related
            ],
        }
    )


def _images(record: Record) -> list[dict[str, Any]]:
    """The pictures with their sizes in pixels."""
    return [
        _without_empty({"url": image.url, "width": image.width, "height": image.height})
        for image in record.images
    ]
