"""The documents of one store: prepared ones at once, others rendered when they are asked for.

A document is rendered once per generation of the store and canonical address.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from threading import Lock
from typing import Final, NamedTuple

from sqlalchemy.exc import SQLAlchemyError

from feeds.catalog.addresses import FeedQuery, Query
from feeds.catalog.former_feeds import FormerFeeds
from feeds.config import Config
from feeds.rendering import site_documents
from feeds.rendering.pages import Pages
from feeds.serving.deltas import DeltaStore
from feeds.serving.document_cache import CachedDocument, DocumentCache
from feeds.serving.documents import Document, Variant, render_slots
from feeds.serving.generation_watch import GenerationWatch
from feeds.serving.renderer import DocumentRenderer, Rendering, utc_now
from feeds.store import recovery
from feeds.store.database import Store, StoreError
from feeds.urls import POLICIES

_RETRY_EVERY: Final = 0.1  # seconds
_LOCKS: Final = 64


def _today() -> date:
    return datetime.now(UTC).date()


class Timing(NamedTuple):
    """The clocks that documents depend on; tests bring their own."""

    clock: Callable[[], float] = time.monotonic  # in seconds
    today: Callable[[], date] = _today  # in UTC
    now: Callable[[], datetime] = utc_now
    patience: float = 10.0  # seconds that a request waits for a store that is being mended


class DocumentStore:
    """Makes and keeps the documents of one store under one configuration.

    `followed` says that another process loads the store, and mends it: a
    document that can't be made just now is waited for. `started` as of `DocumentRenderer`,
    `policies` as of `Addresses`.
    """

    def __init__(
        self,
        store: Store,
        config: Config,
        timing: Timing | None = None,
        *,
        followed: bool = False,
        started: datetime | None = None,
        policies: Sequence[str] = POLICIES,
    ) -> None:
        self.store = store
        self.config = config
        self.followed = followed
        self.addresses = site_documents.addresses_of(config, policies)
        self.former = FormerFeeds(config, self.addresses)
        self._timing = timing = timing or Timing()
        budget = config.cache_mb * 1024 * 1024
        self.watch = GenerationWatch(store, timing.clock)
        self.cache = DocumentCache(budget // 2, self.watch, timing.today)
        self.renderer = DocumentRenderer(
            self.addresses,
            Pages(self.addresses, config),
            config,
            timing.today,
            budget // 4,
            started,
            timing.now,
        )
        self.deltas = DeltaStore(self.watch, self.renderer, budget // 4)
        self._locks = [Lock() for _ in range(_LOCKS)]

    @property
    def pages(self) -> Pages:
        """The pages under the names that the site had when one was last made."""
        return self.renderer.pages

    def document(self, query: Query) -> Document:
        """The document at a query's address.

        Raises NotFound, RedirectTo for what is at another address by now, and StoreError.
        """
        address = self.addresses.path(query)
        document = self.cache.prepared(address)
        if document is not None:
            return document
        with self._locks[hash(address) % _LOCKS]:
            # Whoever waited for the lock finds what the one before it made.
            return self.cache.prepared(address) or self._render_or_wait(query, address)

    def variant(self, query: Query, document: Document, coding: str) -> Variant:
        """A query's document in a content coding."""
        return self.cache.variant(self.addresses.path(query), document, coding)

    def _render_or_wait(self, query: Query, address: str) -> Document:
        """A new document; the last one, while the store can't give one. Raises StoreError."""
        clock, patience = self._timing.clock, self._timing.patience
        end = clock() + (patience if self.followed else 0)
        while True:
            before = self.cache.last(address)
            # Requests that wait hold the threads that answer with what is prepared.
            if self.followed and self.watch.is_down_for(patience):
                if before is not None:
                    return before.document
                raise StoreError(f"the store {self.store.name} doesn't answer")
            try:
                with render_slots:
                    return self._make(query, address, before)
            except (SQLAlchemyError, StoreError) as error:
                recovery.flag_corruption(self.store, error)
                if before is not None:
                    return before.document
                if clock() >= end:
                    raise StoreError(f"the store {self.store.name} doesn't answer") from error
            time.sleep(_RETRY_EVERY)
            self.watch.generation()

    def _make(self, query: Query, address: str, before: Rendering | None) -> Document:
        turn, today = self.store.turns, self._timing.today()
        with self.store.read() as reader:
            generation = reader.state()
            if not generation.generation:
                raise StoreError(f"the store {self.store.name} holds no load yet")
            rendering = self.renderer.render(query, reader, before)
        self.watch.note(generation)
        rendering = rendering.without_records()
        moves = isinstance(query, FeedQuery) and query.filters.moves
        self.cache.put(
            address, CachedDocument(query, rendering, generation, turn, today if moves else None)
        )
        return rendering.document
