"""FeedQuery -> Document, made once and looked up after that.

A document is rendered once per generation and canonical address. After a
load, one whose entries did not change is kept without being rendered; of one
that did change, only the entries that did are.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Hashable, Mapping
from datetime import UTC, date, datetime
from threading import Lock
from typing import Final, NamedTuple

import msgspec
from sqlalchemy.exc import SQLAlchemyError

from feeds.catalog import builder, cache_keys
from feeds.catalog.addresses import Addresses, FeedQuery, Query, SiteQuery
from feeds.config import Config
from feeds.model import UNKNOWN_TIME, Entry, Feed, Link
from feeds.rendering import embed, security_headers, site_documents
from feeds.rendering.formats import FORMATS, MEDIA_TYPES, Format
from feeds.rendering.pages import Pages
from feeds.serving.byte_cache import ByteCache
from feeds.serving.documents import Document, Headers, Variant, base_etag, render_slots
from feeds.store import recovery
from feeds.store.database import Store, StoreError
from feeds.store.reader import Health, Reader, State

# How often a worker looks whether there is a new generation, in seconds.
_LOOK_EVERY: Final = 0.5
# How long a request waits for a store that is being mended, in seconds.
_PATIENCE: Final = 10.0
_RETRY_EVERY: Final = 0.1
_LOCKS: Final = 64
_GIVEN_BYTES: Final = 1024 * 1024  # to remember who was given which delta
_CORS: Final = [("Access-Control-Allow-Origin", "*"), ("Access-Control-Expose-Headers", "*")]
# Pages of other sites may load what is open as well, even under COEP (HTML 7.1.4).
_OPEN: Final = [*_CORS, ("Cross-Origin-Resource-Policy", "cross-origin")]


def _today() -> date:
    return datetime.now(UTC).date()


class Held(NamedTuple):
    """A document in the cache, the generation it is of, and what it was made from."""

    document: Document
    generation: State
    turn: int  # of the store, which may turn to another database
    fingerprint: bytes
    day: date | None = None  # that it is of, when tomorrow's is another


class DocumentStore:
    """Makes and keeps the documents of one store under one configuration.

    `clock` gives monotonic seconds, `today` the day in UTC. `followed` says
    that another process loads the store, and mends it: a document that can't
    be made just now is waited for.
    """

    def __init__(
        self,
        store: Store,
        config: Config,
        clock: Callable[[], float] = time.monotonic,
        today: Callable[[], date] = _today,
        *,
        followed: bool = False,
    ) -> None:
        self.store = store
        self.config = config
        self.addresses = Addresses(
            config.root,
            config.links,
            config.limit,
            MEDIA_TYPES,
            site_documents.NAMES,
            parameters=config.parameters == "on",
        )
        self.pages = Pages(self.addresses, config)
        self.rendered = 0  # documents, since the start
        self.followed = followed
        self.health = Health(0, 0, "", {})
        self.answers = True  # whether the store did when it was last asked
        self.anew = False  # whether it is being made anew; what is known of it is of before
        self._clock = clock
        self._today = today
        budget = config.cache_mb * 1024 * 1024
        self._documents: ByteCache[Held] = ByteCache(budget // 2)
        self._fragments: ByteCache[bytes] = ByteCache(budget // 4)
        self._states: ByteCache[Mapping[str, bytes]] = ByteCache(budget // 8)
        self._deltas: ByteCache[Document] = ByteCache(budget // 8)
        self._given: ByteCache[bool] = ByteCache(_GIVEN_BYTES)
        self._locks = [Lock() for _ in range(_LOCKS)]
        self._generation = State(0, 0)
        self._next_look = float("-inf")
        self._away_since: float | None = None  # when the store first didn't answer
        self._looking = Lock()

    # -- what the cache knows ----------------------------------------------

    def generation(self) -> State:
        """The store's generation, as it was half a second ago at most."""
        now = self._clock()
        # Should the store keep one request waiting, the others go on.
        if now >= self._next_look and self._looking.acquire(blocking=False):
            try:
                self._next_look = now + _LOOK_EVERY
                self._look()
            finally:
                self._looking.release()
        return self._generation

    def _look(self) -> None:
        started = self._clock()
        self.store.refresh()
        try:
            self.anew = self.store.replaced
            with self.store.read() as reader:
                found, health = reader.state(), reader.health()
        except SQLAlchemyError:
            self.answers = False  # what is prepared is served on
            now = self._clock()
            self._away_since = now if self._away_since is None else self._away_since
            self._next_look = now + _LOOK_EVERY + (now - started)
            return
        self.answers, self._away_since = True, None
        if found.generation or not self._generation.generation:
            self._generation, self.health = found, health
        else:
            self.anew = True

    def prepared(self, address: str) -> Document | None:
        """The document at a canonical address below the root, if it can be sent as it is."""
        held = self._documents.get(address)
        if held is None or held.generation != self.generation():
            return None
        if held.day is not None and held.day != self._today():
            return None
        return held.document if held.turn == self.store.turns else None

    def holds(self) -> tuple[int, int]:
        """How many documents are held, and the bytes that they take."""
        return len(self._documents), self._documents.size

    # -- making documents --------------------------------------------------

    def document(self, query: Query) -> Document:
        """The document at a query's address. Raises NotFound and StoreError."""
        address = self.addresses.path(query)
        found = self.prepared(address)
        if found is not None:
            return found
        with self._locks[hash(address) % _LOCKS]:
            # Whoever waited for the lock finds what the one before it made.
            return self.prepared(address) or self._make(query, address)

    def _make(self, query: Query, address: str) -> Document:
        end = self._clock() + (_PATIENCE if self.followed else 0)
        while True:
            held = self._documents.get(address)
            if self._is_given_up():
                if held is not None:
                    return held.document
                raise StoreError(f"the store {self.store.name} doesn't answer")
            try:
                with render_slots:
                    return self._made(query, address, held)
            except (SQLAlchemyError, StoreError) as error:
                recovery.flag_corruption(self.store, error)
                if held is not None:
                    return held.document
                if self._clock() >= end:
                    raise StoreError(f"the store {self.store.name} doesn't answer") from error
            time.sleep(_RETRY_EVERY)
            self.generation()

    def _is_given_up(self) -> bool:
        """Whether the store has been away for so long that no request waits for it any more.

        Else they would hold the threads that answer with what is prepared.
        """
        if not self.followed or self._away_since is None:
            return False
        self.generation()
        away = self._away_since
        return away is not None and self._clock() >= away + _PATIENCE

    def _made(self, query: Query, address: str, held: Held | None) -> Document:
        turn, today = self.store.turns, self._today()
        fingerprint = b""
        with self.store.read() as reader:
            generation = reader.state()
            if not generation.generation:
                raise StoreError(f"the store {self.store.name} holds no load yet")
            if isinstance(query, SiteQuery):
                document = self._render_site(query, reader)
            else:
                feed = builder.feed(reader, query, self.addresses, self.config, today)
                fingerprint = _fingerprint(feed) if query.file else b""
                if held is not None and fingerprint and held.fingerprint == fingerprint:
                    document = held.document
                else:
                    document = self._render(query, feed, reader)
        if held is not None and not fingerprint and document.same_as(held.document):
            document = held.document  # with its codings
        self._generation = generation
        moves = isinstance(query, FeedQuery) and query.filters.moves
        held = Held(document, generation, turn, fingerprint, today if moves else None)
        self._documents.put(address, held, document.size)
        if document.entries:
            self._states.put((address, document.etag), document.entries, document.state_size)
        return document

    def made(self, query: Query, reader: Reader) -> Document:
        """The document at a query's address as one view of the store has it, kept nowhere.

        Raises NotFound, and Elsewhere for what is at another address by now.
        """
        if isinstance(query, SiteQuery):
            return self._render_site(query, reader)
        feed = builder.feed(reader, query, self.addresses, self.config, self._today())
        return self._render(query, feed, reader)

    def moved(self, location: str) -> Document:
        """A page that leads to a URL, for those who can't redirect to it."""
        body = self.pages.render("moved.html", location=location)
        return Document(
            body, site_documents.HTML, self.freshness() + security_headers.of_page(self.config)
        )

    def _render(self, query: FeedQuery, feed: Feed, reader: Reader) -> Document:
        self.rendered += 1
        usual = self.addresses.default_limit(query.month, query.look)
        keys = cache_keys.of_feed(self.config, query, feed.entries, usual)
        if query.look is not None:
            framed = embed.headers(query, self.addresses) + keys
            return Document(
                self.pages.frame(query, feed),
                site_documents.HTML,
                self.freshness() + framed,
            )
        headers = self._headers(feed) + keys
        if not query.file:
            body = self.pages.feed(query, feed, reader)
            return Document(
                body, site_documents.HTML, headers + security_headers.of_page(self.config)
            )
        kind = FORMATS[query.file]
        body = kind.document(feed, [self._fragment(kind, entry, feed) for entry in feed.entries])
        entries = {entry.id: entry.version for entry in feed.entries}
        return Document(body, kind.content_type, headers + _CORS, feed.modified, entries)

    def _render_site(self, query: SiteQuery, reader: Reader) -> Document:
        self.rendered += 1
        kind = site_documents.SITE[query.name]
        body = kind.render(
            site_documents.Site(query, reader, self.addresses, self.config, self.pages)
        )
        headers = self.freshness(kind.max_age)
        headers += cache_keys.headers(self.config, [cache_keys.ANY] if kind.is_of_records else [])
        if kind.media_type == site_documents.HTML:  # it leads to the feeds of everything
            headers += [("Link", self._everything()), *security_headers.of_page(self.config)]
        return Document(body, kind.media_type, headers + _OPEN if kind.is_open else headers)

    def _fragment(self, kind: Format, entry: Entry, feed: Feed) -> bytes:
        """One entry serialised, shared by all feeds that show it under a link policy."""
        key = (kind.name, feed.policy, entry.id, entry.version)
        found = self._fragments.get(key)
        if found is None:
            found = kind.entry(entry, feed.policy, feed.root)
            self._fragments.put(key, found, len(found))
        return found

    def variant(self, query: Query, document: Document, coding: str) -> Variant:
        """The document in a coding; what it grows by counts in the cache."""
        before = document.size
        variant = document.variant(coding)
        if document.size != before:
            address = self.addresses.path(query)
            held = self._documents.get(address)
            if held is not None and held.document is document:
                self._documents.grow(address, held, document.size - before)
        return variant

    def _headers(self, feed: Feed) -> Headers:
        over = feed.archive is not None and feed.archive.over
        shown = ", ".join(_link_header(link) for link in (*feed.links, *feed.alternates))
        return [*self.freshness(self.config.archive_max_age if over else None), ("Link", shown)]

    def _everything(self) -> str:
        """The Link header of a page that is of no feed."""
        query = FeedQuery(policy=self.config.links, limit=self.config.limit)
        urls = {file: self.addresses.url(query._replace(file=file)) for file in FORMATS}
        found = [Link("alternate", url, FORMATS[file].media_type) for file, url in urls.items()]
        return ", ".join(map(_link_header, found))

    def freshness(self, max_age: int | None = None) -> Headers:
        """The headers of every document; `max_age` in seconds, None for the setting."""
        config = self.config
        fresh = [
            "public",
            f"max-age={config.max_age if max_age is None else max_age}",
            f"stale-while-revalidate={config.stale_while_revalidate}",
            f"stale-if-error={config.stale_if_error}",
        ]
        return [
            ("Cache-Control", ", ".join(fresh)),
            ("Vary", "Accept-Encoding"),
            ("X-Content-Type-Options", "nosniff"),
        ]

    # -- deltas ------------------------------------------------------------

    def delta(
        self, query: FeedQuery, document: Document, tags: list[str], client: Hashable
    ) -> tuple[str, Document] | None:
        """What changed up to `document` since the state that one of `tags` names (RFC 3229).

        The tag that was known, and a document of the changed entries alone;
        None when no tag names a known state of this feed, or the present one.
        A client that asks again for what it was given didn't take it (some
        readers ask for deltas and don't know status 226): it gets None.
        """
        address = self.addresses.path(query)
        for tag in tags:
            base = base_etag(tag)
            state = self._states.get((address, base))
            if state is None or base == document.etag:
                continue
            given = (client, address, base)
            if self._given.get(given):
                return None
            key = (address, base, document.etag)
            made = self._deltas.get(key)
            if made is None:
                made = self._make_delta(query, document, state)
                if made is None:
                    return None
                self._deltas.put(key, made, made.size * 2)
            self._given.put(given, True, sum(map(len, map(str, given))))
            return tag, made
        return None

    def _make_delta(
        self, query: FeedQuery, document: Document, state: Mapping[str, bytes]
    ) -> Document | None:
        try:
            with self.store.read() as reader:
                feed = builder.feed(reader, query, self.addresses, self.config, self._today())
        except SQLAlchemyError:
            return None  # the whole feed is prepared
        if {entry.id: entry.version for entry in feed.entries} != document.entries:
            return None  # a load came between
        kind = FORMATS[query.file]
        changed = [entry for entry in feed.entries if state.get(entry.id) != entry.version]
        body = kind.document(feed, [self._fragment(kind, entry, feed) for entry in changed])
        return Document(body, kind.content_type, self._headers(feed) + _CORS, feed.modified)


_encode = msgspec.json.Encoder().encode


def _fingerprint(feed: Feed) -> bytes:
    """A digest of all that a feed's document is made from, without making it."""
    head = msgspec.structs.replace(feed, entries=(), modified=UNKNOWN_TIME)
    digest = hashlib.blake2b(_encode(head), digest_size=16)
    for entry in feed.entries:
        digest.update(entry.id.encode())
        digest.update(entry.version)
    return digest.digest()


def _link_header(link: Link) -> str:
    """One link of a Link header (RFC 8288 3); the URLs are clean, so nothing needs quoting."""
    kind = f'; type="{link.type}"' if link.type and link.rel == "alternate" else ""
    return f'<{link.href}>; rel="{link.rel}"{kind}'
