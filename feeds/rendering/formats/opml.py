"""OPML 2.0: lists of feeds, for readers to import."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from email.utils import format_datetime
from typing import Any, Final, NamedTuple

from lxml import etree

SPECIFICATION: Final = "http://opml.org/spec2.opml"


class Outline(NamedTuple):
    """A feed in a list. `version` is that of RSS, as OPML spells it; empty for others."""

    title: str
    description: str
    url: str
    page: str
    language: str = ""
    version: str = ""


class Group(NamedTuple):
    """Feeds under a heading; without one, they stand at the top."""

    title: str
    feeds: Sequence[Outline]


def document(title: str, owner: str, modified: datetime | None, groups: Sequence[Group]) -> bytes:
    """A list of feeds. `modified` is when what it lists last changed, None when that is unknown."""
    root = etree.Element("opml", version="2.0")
    head = etree.SubElement(root, "head")
    _text(head, "title", title)
    if modified is not None:
        _text(head, "dateModified", format_datetime(modified))
    _text(head, "ownerName", owner)
    _text(head, "docs", SPECIFICATION)
    body = etree.SubElement(root, "body")
    for group in groups:
        parent = body
        if group.title:
            named = {"text": group.title, "title": group.title}
            parent = etree.SubElement(body, "outline", named)
        for feed in group.feeds:
            etree.SubElement(parent, "outline", _attributes(feed))
    written: bytes = etree.tostring(root, encoding="UTF-8", xml_declaration=True)
    return written


def _attributes(feed: Outline) -> dict[str, str]:
    """Those of a subscription list (OPML 2.0, Subscription lists): of type rss in any format."""
    attributes = {
        "type": "rss",
        "text": feed.title,
        "title": feed.title,
        "description": feed.description,
        "xmlUrl": feed.url,
        "htmlUrl": feed.page,
        "language": feed.language,
        "version": feed.version,
    }
    return {name: value for name, value in attributes.items() if value}


def _text(parent: Any, tag: str, text: str) -> None:
    etree.SubElement(parent, tag).text = text
