"""Deltas: the entries of a feed that changed since a state that a client knows (RFC 3229)."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from feeds.catalog.addresses import FeedQuery
from feeds.serving.byte_cache import ByteCache
from feeds.serving.documents import Document, base_etag
from feeds.serving.renderer import DocumentRenderer
from feeds.store.database import Store

_SENT_BYTES: Final = 1024 * 1024  # to remember who was sent which delta


class DeltaStore:
    """Remembers states that feeds were in, and makes the deltas since them.

    States take up to `budget` bytes, deltas as many.
    """

    def __init__(self, store: Store, renderer: DocumentRenderer, budget: int) -> None:
        self._store = store
        self._renderer = renderer
        self._states: ByteCache[Mapping[str, bytes]] = ByteCache(budget)
        self._deltas: ByteCache[Document] = ByteCache(budget)
        self._sent: ByteCache[bool] = ByteCache(_SENT_BYTES)

    def remember(self, address: str, document: Document) -> None:
        """Keep the state that a document shows, if it is that of a feed."""
        if document.entries:
            self._states.put((address, document.etag), document.entries, document.state_size)

    def delta(
        self, query: FeedQuery, document: Document, tags: Sequence[str], client: Hashable
    ) -> tuple[str, Document] | None:
        """The delta up to `document` from the state that one of `tags` names.

        Returns that tag, and a document of the changed entries alone; None when
        no tag names a known state of this feed, or the present one.
        A client that asks again for what it was sent didn't take it (some
        readers ask for deltas and don't know status 226): it gets None.
        """
        address = self._renderer.addresses.path(query)
        for tag in tags:
            base = base_etag(tag)
            state = self._states.get((address, base))
            if state is None or base == document.etag:
                continue
            sent = (client, address, base)
            if self._sent.get(sent):
                return None
            key = (address, base, document.etag)
            delta = self._deltas.get(key)
            if delta is None:
                delta = self._make(query, document, state)
                if delta is None:
                    return None  # the whole feed is prepared
                self._deltas.put(key, delta, delta.size * 2)
            self._sent.put(sent, True, sum(map(len, map(str, sent))))
            return tag, delta
        return None

    def _make(
        self, query: FeedQuery, document: Document, state: Mapping[str, bytes]
    ) -> Document | None:
        try:
            with self._store.read() as reader:
                return self._renderer.changes(query, reader, document, state)
        except SQLAlchemyError:
            return None
