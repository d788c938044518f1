"""Feed formats, in one table: name, file name, media type, renderer.

A format renders an entry, and joins rendered entries with the head of a feed into a
document, so that an entry is rendered once for all the feeds that show it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from feeds.model import Entry, Feed
from feeds.rendering.formats import atom, jsonfeed, rss


class Format(NamedTuple):
    """One feed format. `label` is its name for people."""

    name: str
    label: str
    file: str
    media_type: str
    entry: Callable[[Entry, str, str], bytes]
    head: Callable[[Feed], bytes]
    join: Callable[[bytes, Sequence[bytes]], bytes]

    def render(self, feed: Feed) -> bytes:
        """The whole document. Pure: equal feeds give equal bytes."""
        entries = [self.entry(entry, feed.policy, feed.root) for entry in feed.entries]
        return self.join(self.head(feed), entries)

    @property
    def content_type(self) -> str:
        """The media type with the charset, for XML the one it declares (RFC 7303 3)."""
        return f"{self.media_type}; charset=utf-8"


FORMATS = {
    row.file: row
    for row in (
        Format("rss", "RSS", "rss.xml", "application/rss+xml", rss.entry, rss.head, rss.join),
        Format(
            "atom", "Atom", "atom.xml", "application/atom+xml", atom.entry, atom.head, atom.join
        ),
        Format(
            "json",
            "JSON Feed",
            "feed.json",
            "application/feed+json",
            jsonfeed.entry,
            jsonfeed.head,
            jsonfeed.join,
        ),
    )
}

# What addresses and links need to know of the formats.
MEDIA_TYPES = {kind.file: kind.media_type for kind in FORMATS.values()}
