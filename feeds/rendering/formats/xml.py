"""Elements that RSS and Atom share, written through feedgen's extension interface.

feedgen builds the documents; links, dates and Media RSS, where it falls
short, are written here.
"""

from __future__ import annotations

from collections.abc import Sequence
from email.utils import format_datetime
from typing import Any

import feedgen.entry
import feedgen.feed
from feedgen.entry import FeedEntry
from feedgen.ext.base import BaseEntryExtension, BaseExtension
from feedgen.feed import FeedGenerator
from lxml import etree

from feeds import urls
from feeds.model import UNKNOWN_TIME, Entry, Feed, Link
from feeds.rendering.formats.content import content

ATOM = "http://www.w3.org/2005/Atom"
ATOM_LINK = f"{{{ATOM}}}link"
HISTORY = "http://purl.org/syndication/history/1.0"
CONTENT = "http://purl.org/rss/1.0/modules/content/"
DC = "http://purl.org/dc/elements/1.1/"
MEDIA = "http://search.yahoo.com/mrss/"
TOMBSTONES = "http://purl.org/atompub/tombstones/1.0"
NAMESPACES = {"dc": DC, "media": MEDIA}

# feedgen formats RSS dates under setlocale, which changes the whole process.
feedgen.feed.formatRFC2822 = format_datetime
feedgen.entry.formatRFC2822 = format_datetime


# What is declared where a single entry is serialised; none of it reaches a document.
_ENVELOPE = NAMESPACES | {"atom": ATOM, "content": CONTENT}


def sub(parent: Any, tag: str, **attributes: str) -> Any:
    """A new last child of `parent`; attributes with empty values are left out."""
    return etree.SubElement(parent, tag, {k: v for k, v in attributes.items() if v})


class HeadExtension(BaseExtension):  # type: ignore[misc]
    """Feed-level links and dates."""

    feed: Feed

    def extend_ns(self) -> dict[str, str]:
        more = {"fh": HISTORY} if self.feed.archive else {}
        return NAMESPACES | more | ({"at": TOMBSTONES} if self.feed.withdrawn else {})

    def _mark_archive(self, parent: Any) -> None:
        """`fh:archive` (RFC 5005 4)."""
        if self.feed.archive:
            sub(parent, f"{{{HISTORY}}}archive")

    def extend_atom(self, root: Any) -> Any:
        utc_as_z(root)
        # Some clients take the first for the feed's page.
        for link in (Link("alternate", self.feed.page, "text/html"), *self.feed.links):
            write_link(root, "link", link)
        self._mark_archive(root)
        # RFC 6721 3; without a link, which feedparser would take for the feed's page.
        for gone in self.feed.withdrawn:
            when = gone.when.isoformat().replace("+00:00", "Z")
            sub(root, f"{{{TOMBSTONES}}}deleted-entry", ref=gone.id, when=when)
        return root

    def extend_rss(self, root: Any) -> Any:
        channel = root.find("channel")
        for name in ("title", "description", "image/title"):
            escape_as_hex(channel.find(name))
        for link in self.feed.links:
            write_link(channel, ATOM_LINK, link)
        self._mark_archive(channel)
        return root


class EntryExtension(BaseEntryExtension):  # type: ignore[misc]
    """Entry-level links, authors, dates and media."""

    entry: Entry
    policy: str
    root: str

    def extend_ns(self) -> dict[str, str]:
        return NAMESPACES

    def extend_atom(self, element: Any) -> Any:
        utc_as_z(element)
        if (published := element.find("published")) is not None:
            # A client takes the first date for that of publication.
            element.find("updated").addprevious(published)
        alternate = Link("alternate", urls.select(self.entry.record, self.policy))
        write_link(element, "link", alternate)
        self._extend(element, "link")
        return element

    def extend_rss(self, element: Any) -> Any:
        for plain in element.iterchildren("title", "category"):
            escape_as_hex(plain)
        if names := [name for name, _ in authors(self.entry)]:
            # More clients know one alone than know what to do with several.
            sub(element, f"{{{DC}}}creator").text = ", ".join(names)
        if self.entry.updated != UNKNOWN_TIME:
            sub(element, f"{{{ATOM}}}updated").text = f"{self.entry.updated:%Y-%m-%dT%H:%M:%SZ}"
        if (provider := self.entry.record.provider) and self.entry.provider:  # it has a feed
            source = f"{self.root}/providers/{self.entry.provider}/rss.xml"
            sub(element, "source", url=source).text = provider.name
            escape_as_hex(element[-1])
        self._extend(element, ATOM_LINK)
        return element

    def _extend(self, element: Any, tag: str) -> None:
        for link in other_links(self.entry, self.policy):
            write_link(element, tag, link)
        media(element, self.entry)


def utc_as_z(element: Any) -> None:
    """RFC 3339 times with Z instead of feedgen's +00:00."""
    for name in ("updated", "published"):
        child = element.find(name)
        if child is not None:
            child.text = child.text.replace("+00:00", "Z")


def escape_as_hex(element: Any) -> None:
    """`&` and `<` of plain RSS text as hexadecimal references (RSS Advisory Board profile)."""
    text = element.text or ""
    if "&" not in text and "<" not in text:
        return
    element.text = ""
    last = None
    for character in text:
        if character in "&<":
            last = etree.Entity(f"#x{ord(character):X}")
            element.append(last)
        elif last is None:
            element.text += character
        else:
            last.tail = (last.tail or "") + character


def write_link(parent: Any, tag: str, link: Link) -> None:
    """A link element (RFC 4287 4.2.7). feedgen's Atom elements have bare tags."""
    sub(parent, tag, rel=link.rel, href=link.href, type=link.type, title=link.title)


def other_links(entry: Entry, policy: str) -> list[Link]:
    """The links beside the alternate: amphtml, canonical where it differs, related coverage."""
    record = entry.record
    chosen, canonical = urls.select(record, policy), urls.select(record, "canonical")
    links = []
    if record.amp:
        links.append(Link("amphtml", record.amp, "text/html"))
    if chosen != canonical:
        links.append(Link("canonical", canonical))
    links += [Link("related", link.url, title=link.title) for link in entry.related]
    return links


def authors(entry: Entry) -> list[tuple[str, str]]:
    """Name and URL of the provider, then of the record's own authors."""
    urls_by_name = {}
    if provider := entry.record.provider:
        urls_by_name[provider.name] = f"https://{provider.domain}/" if provider.domain else ""
    for name in entry.record.authors:
        urls_by_name.setdefault(name, "")
    return list(urls_by_name.items())


def media(element: Any, entry: Entry) -> None:
    """Pictures and video as Media RSS 1.5.1."""
    record = entry.record
    for image in record.images:
        size = {"width": str(image.width or ""), "height": str(image.height or "")}
        sub(element, f"{{{MEDIA}}}content", url=image.url, medium="image", **size)
    for image in record.images[:1]:
        size = {"width": str(image.width or ""), "height": str(image.height or "")}
        sub(element, f"{{{MEDIA}}}thumbnail", url=image.url, **size)
    if record.player:  # last, since it has no URL: clients take the first for the picture
        video = sub(
            element,
            f"{{{MEDIA}}}content",
            medium="video",
            duration=str(record.duration or ""),
        )
        sub(video, f"{{{MEDIA}}}player", url=record.player)


def generator(feed: Feed) -> FeedGenerator:
    """A feedgen generator with the feed's head and no entries."""
    result = FeedGenerator()
    result.register_extension("feeds", HeadExtension, EntryExtension)
    result.feeds.feed = feed
    result.id(feed.id)
    result.title(feed.title)
    result.subtitle(feed.description)
    result.description(feed.description)
    result.language(feed.language)
    result.author({"name": feed.site})
    result.updated(feed.updated)
    result.lastBuildDate(feed.updated)
    result.generator("feeds")
    result.icon(feed.icon)
    result.image(feed.icon, title=feed.title, link=feed.page)  # Atom's logo too
    return result


def feed_entry(entry: Entry, policy: str, root: str) -> FeedEntry:
    """The entry as feedgen has it, of no feed yet."""
    record = entry.record
    result = FeedEntry()
    result.register_extension("feeds", EntryExtension)
    result.feeds.entry = entry
    result.feeds.policy = policy
    result.feeds.root = root
    result.id(entry.id)
    result.title(record.title)
    result.updated(entry.updated)
    if entry.published:
        result.published(entry.published)
    result.content(content(entry, policy), type="html")
    for label in entry.topics:
        result.category(term=label.name, label=label.name, scheme=f"{root}/topics/")
    if entry.type:
        result.category(term=entry.type.name, label=entry.type.name, scheme=f"{root}/types/")
    return result


def serialised(element: Any) -> bytes:
    """An entry without namespace declarations of its own: the document's root has them."""
    root = etree.Element("x", nsmap=_ENVELOPE)
    root.append(element)
    envelope: bytes = etree.tostring(root, encoding="UTF-8", xml_declaration=False)
    return envelope[envelope.index(b">") + 1 : envelope.rindex(b"</")]


def join(head: bytes, entries: Sequence[bytes], end: bytes) -> bytes:
    """A serialised head with serialised entries put in before its `end` tags."""
    at = head.rindex(end)
    return b"".join([head[:at], *entries, head[at:]])
