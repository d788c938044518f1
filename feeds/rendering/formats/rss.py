"""RSS 2.0 as the RSS Advisory Board profiles it, with Atom links, Dublin Core and Media RSS."""

from __future__ import annotations

from functools import partial
from html import escape
from typing import Final

from feeds import urls
from feeds.model import Entry, Feed
from feeds.rendering.formats import xml

_MINUTE: Final = 60


def entry(entry: Entry, policy: str, root: str) -> bytes:
    """One `item`, serialised without namespace declarations of its own."""
    item = xml.feed_entry(entry, policy, root)
    item.link(href=urls.select(entry.record, policy))
    if entry.record.excerpt:
        # A description is HTML; the excerpt is text.
        item.description(escape(entry.record.excerpt, quote=False))
    return xml.serialised(item.rss_entry())


def head(feed: Feed) -> bytes:
    """The whole feed without items."""
    channel = xml.generator(feed)
    channel.link(href=feed.page, rel="alternate")
    if feed.ttl >= _MINUTE and not feed.archive:
        channel.ttl(feed.ttl // _MINUTE)
    serialised: bytes = channel.rss_str()
    return serialised


join = partial(xml.join, end=b"</channel>")
