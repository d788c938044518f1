"""A query and a view of the store -> a document.

Of a document that changed, only the entries that did are serialised; of one that didn't,
nothing is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from typing import Final, NamedTuple

import msgspec

from feeds.catalog import builder, cache_keys, deltas, renewal, titles
from feeds.catalog.addresses import Addresses, FeedQuery, Query, SiteQuery
from feeds.config import Config
from feeds.model import UNKNOWN_TIME, Feed, Link
from feeds.rendering import embed, security_headers, site_documents
from feeds.rendering.formats import FORMATS, Format
from feeds.rendering.pages import Pages
from feeds.serving.byte_cache import ByteCache
from feeds.serving.documents import Document, Headers, etag, mark
from feeds.store.reader import Reader

_AHEAD: Final = timedelta(minutes=1)  # that the moments of quick loads are
_CORS: Final = [("Access-Control-Allow-Origin", "*"), ("Access-Control-Expose-Headers", "*")]
# Pages of other sites may load what is open as well, even under COEP (HTML 7.1.4).
_OPEN: Final = [*_CORS, ("Cross-Origin-Resource-Policy", "cross-origin")]


def utc_now() -> datetime:
    """The moment."""
    return datetime.now(UTC)


class Rendering(NamedTuple):
    """A document, and what it was made from where that is cheaper to compare."""

    document: Document
    snapshot: renewal.Snapshot | None = None

    def without_records(self) -> Rendering:
        """The same, to be kept."""
        return self._replace(snapshot=self.snapshot and self.snapshot.without_records())


class DocumentRenderer:
    """Makes the documents of one configuration; `pages` are those that were last needed.

    Heads and entries are kept serialised, up to `budget` bytes. `today` gives the day in UTC.
    `rendered` counts documents since the start. Settings and templates may have changed
    before `started`; without it, pages and lists don't say when they were modified.
    `now` gives the moment: no feed says that it was modified later.
    """

    def __init__(
        self,
        addresses: Addresses,
        pages: Pages,
        config: Config,
        today: Callable[[], date],
        budget: int,
        started: datetime | None = None,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self.addresses = addresses
        self.pages = pages
        self.config = config
        self.rendered = 0
        self._started = started
        self._first: dict[str, int] = {}  # the first generation since; set once by any thread
        self._today, self._now = today, now
        self._parts: ByteCache[tuple[bytes, bytes]] = ByteCache(budget)

    def render(self, query: Query, reader: Reader, before: Rendering | None = None) -> Rendering:
        """The document at a query's address; `before` itself where that says the same.

        Raises NotFound, and RedirectTo for what is at another address by now.
        """
        pages = self.named(reader)
        if isinstance(query, SiteQuery):
            return self._as_before(Rendering(self._site(query, reader, pages)), before)
        if before and before.snapshot:
            feed = renewal.renew(reader, query, before.snapshot, self.addresses, pages.config)
            if feed:
                with suppress(renewal.NoRecord):  # of an entry that isn't kept serialised either
                    return self._rendering(query, feed, reader, pages, before)
        feed = builder.feed(reader, query, self.addresses, pages.config, self._today())
        return self._rendering(query, feed, reader, pages, before)

    def _rendering(
        self, query: FeedQuery, feed: Feed, reader: Reader, pages: Pages, before: Rendering | None
    ) -> Rendering:
        if not query.file:
            return self._as_before(Rendering(self._feed(query, feed, reader, pages)), before)
        snapshot = renewal.Snapshot(feed, reader.state())
        if before and before.snapshot and before.snapshot.is_same(snapshot):
            return before._replace(snapshot=snapshot)
        return Rendering(self._feed(query, feed, reader, pages), snapshot)

    @staticmethod
    def _as_before(rendering: Rendering, before: Rendering | None) -> Rendering:
        """The rendering before, with its codings, where that says the same."""
        return before if before and rendering.document.same_as(before.document) else rendering

    def changes(
        self, query: FeedQuery, reader: Reader, since: int, until: int, *, is_whole: bool
    ) -> Document | None:
        """A feed of what came or changed after the moment `since`; `is_whole`: of the rest too.

        Both moments are in seconds. None when no feed was made as of `since`, or when the
        store holds another state of this one than that of `until`.
        """
        if not reader.was_made_at(since):
            return None
        config = self.named(reader).config
        feed = deltas.changes(reader, query, self.addresses, config, self._today(), since)
        if feed is None or feed.mark != until:
            return None
        if is_whole:
            whole = builder.feed(reader, query, self.addresses, config, self._today())
            feed = deltas.joined(feed, whole)
        kind = FORMATS[query.file]
        body, digest = self._body(kind, feed)
        headers, modified = self._headers(feed) + _CORS, self._feed_modified(feed, reader)
        return Document(body, kind.content_type, headers, modified, digest=digest)

    def named(self, reader: Reader) -> Pages:
        """The pages under the names that the site has in this view of the store."""
        config = titles.named(reader, self.config)
        pages = self.pages  # which another thread may replace
        if pages.config != config:
            self.pages = pages = Pages(self.addresses, config)
        return pages

    def moved(self, location: str) -> Document:
        """A page that leads to a URL, for those who can't redirect to it."""
        body = self.pages.render("moved.html", location=location)
        headers = freshness(self.config) + security_headers.of_page(self.config)
        return Document(body, site_documents.HTML, headers)

    def _feed(self, query: FeedQuery, feed: Feed, reader: Reader, pages: Pages) -> Document:
        self.rendered += 1
        usual = self.addresses.default_limit(query.month, query.style)
        keys = cache_keys.of_feed(self.config, query, feed, usual)
        if query.style is not None:
            headers = (
                freshness(self.config) + embed.headers(query, self.addresses, self.config) + keys
            )
            modified = self._modified(reader, feed.modified)
            return Document(pages.frame(query, feed), site_documents.HTML, headers, modified)
        headers = self._headers(feed) + keys
        if not query.file:
            body = pages.feed(query, feed, reader)
            headers += security_headers.of_page(self.config)
            modified = self._modified(reader, feed.modified)
            return Document(body, site_documents.HTML, headers, modified)
        kind = FORMATS[query.file]
        body, digest = self._body(kind, feed)
        marked = mark(feed.mark, self.addresses.path(query)) if feed.mark else ""
        modified = self._feed_modified(feed, reader)
        return Document(body, kind.content_type, headers + _CORS, modified, marked, digest)

    def _site(self, query: SiteQuery, reader: Reader, pages: Pages) -> Document:
        self.rendered += 1
        kind = site_documents.SITE[query.name]
        site = site_documents.Site(query, reader, self.addresses, pages.config, pages)
        body = kind.render(site)
        headers = freshness(self.config, kind.max_age)
        headers += cache_keys.headers(self.config, [cache_keys.ANY] if kind.is_of_records else [])
        if kind.media_type == site_documents.HTML:  # it leads to the feeds of everything
            headers += [("Link", self._everything()), *security_headers.of_page(self.config)]
        modified = None if kind.max_age else self._modified(reader)
        headers += _OPEN if kind.is_open else []
        return Document(body, kind.media_type, headers, modified)

    def _feed_modified(self, feed: Feed, reader: Reader) -> datetime | None:
        """When a feed last changed, for who asks by date: not before the store knew all of it.

        None where that is later than now (RFC 9110 8.8.2.1), since the clock of a load was ahead.
        Loads within a second have one each, so some are a little ahead.
        """
        modified = max(feed.modified, datetime.fromtimestamp(reader.state().born, UTC))
        return modified if modified - self._now() < _AHEAD else None

    def _modified(self, reader: Reader, *others: datetime) -> datetime | None:
        """When a page or list may have changed last: what it says of other feeds, any load may.

        Generations since the start have a second each, so that no two are taken for one.
        """
        if self._started is None:
            return None
        generation, loaded, *_ = reader.state()
        since = generation - self._first.setdefault("generation", generation)
        seen = self._started + timedelta(seconds=since)
        return max(seen, datetime.fromtimestamp(loaded, UTC), *others)

    def _body(self, kind: Format, feed: Feed) -> tuple[bytes, str]:
        """A feed serialised, and the digest of the digests of its parts."""
        key: tuple[object, ...] = kind.name, _encode(_head(feed))
        head, *digests = self._parts.get(key) or self._keep(key, kind.head(feed))
        entries = []
        for entry in feed.entries:
            # Shared by all feeds that show it under a link policy.
            key = kind.name, feed.policy, entry.id, entry.version
            part = self._parts.get(key)
            if part is None:
                part = self._keep(key, kind.entry(entry, feed.policy, feed.root))
            entries.append(part[0])
            digests.append(part[1])
        return kind.join(head, entries), etag(b"".join(digests))

    def _keep(self, key: tuple[object, ...], part: bytes) -> tuple[bytes, bytes]:
        """Keep a part of a feed serialised, with its digest."""
        kept = part, hashlib.sha256(part).digest()
        self._parts.put(key, kept, len(part))
        return kept

    def _headers(self, feed: Feed) -> Headers:
        links = ", ".join(_link_header(link) for link in (*feed.links, *feed.alternates))
        max_age = self.config.archive_max_age if feed.archive else None
        return [*freshness(self.config, max_age), ("Link", links)]

    def _everything(self) -> str:
        """The Link header of a page that is of no feed."""
        query = FeedQuery(policy=self.config.links, limit=self.config.limit)
        urls = {file: self.addresses.url(query._replace(file=file)) for file in FORMATS}
        links = [Link("alternate", url, FORMATS[file].media_type) for file, url in urls.items()]
        return ", ".join(map(_link_header, links))


def freshness(config: Config, max_age: int | None = None) -> Headers:
    """The headers of every document; `max_age` in seconds, None for the setting."""
    directives = [
        "public",
        f"max-age={config.max_age if max_age is None else max_age}",
        f"stale-while-revalidate={config.stale_while_revalidate}",
        f"stale-if-error={config.stale_if_error}",
    ]
    return [
        ("Cache-Control", ", ".join(directives)),
        ("Vary", "Accept-Encoding"),
        ("X-Content-Type-Options", "nosniff"),
    ]


_encode = msgspec.json.Encoder().encode


def _head(feed: Feed) -> Feed:
    """All that the head of a feed's document is made from."""
    return msgspec.structs.replace(feed, entries=(), modified=UNKNOWN_TIME, mark=0)


def _link_header(link: Link) -> str:
    """One link of a Link header (RFC 8288 3); the URLs are clean, so nothing needs quoting."""
    kind = f'; type="{link.type}"' if link.type and link.rel == "alternate" else ""
    return f'<{link.href}>; rel="{link.rel}"{kind}'
