"""RSS 2.0 as the RSS Advisory Board profiles it, with Atom links, Dublin Core and Media RSS."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from feeds import urls
from feeds.model import Entry, Feed
from feeds.rendering.formats import xml


def entry(entry: Entry, policy: str, root: str) -> bytes:
    """One `item`, serialised without namespace declarations of its own."""
    made = xml.feed_entry(entry, policy, root)
    made.link(href=urls.select(entry.record, policy))
    if entry.record.excerpt:
        # A description is HTML; the excerpt is text.
        made.description(escape(entry.record.excerpt, quote=False))
    return xml.serialised(made.rss_entry())


def document(feed: Feed, entries: Sequence[bytes]) -> bytes:
    """The whole feed of items already serialised, in their order."""
    made = xml.generator(feed)
    made.link(href=feed.page, rel="alternate")
    head: bytes = made.rss_str()
    return xml.joined(head, entries, b"</channel>")
