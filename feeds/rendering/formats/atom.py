"""Atom 1.0 (RFC 4287), with Media RSS."""

from __future__ import annotations

from functools import partial
from typing import Any

from feeds.model import Entry, Feed
from feeds.rendering.formats import xml


def entry(entry: Entry, policy: str, root: str) -> bytes:
    """One `atom:entry`, serialised without namespace declarations of its own."""
    item = xml.feed_entry(entry, policy, root)
    if entry.record.excerpt:
        item.summary(entry.record.excerpt, type="text")
    for name, uri in xml.authors(entry):
        author: dict[str, Any] = {"name": name} | ({"uri": uri} if uri else {})
        item.author(author)
    return xml.serialised(item.atom_entry())


def head(feed: Feed) -> bytes:
    """The whole feed without entries."""
    serialised: bytes = xml.generator(feed).atom_str()
    return serialised


join = partial(xml.join, end=b"</feed>")
