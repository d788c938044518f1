"""Deltas: the entries of a feed that came or changed since a state of a client's (RFC 3229).

The ETag of a feed says as of which moment it was made, in the store's terms. So the store
alone is asked: after a restart, in another worker, on another server of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock

from sqlalchemy.exc import SQLAlchemyError

from feeds.catalog.addresses import FeedQuery
from feeds.serving.byte_cache import ByteCache
from feeds.serving.documents import Document, moment_of, render_slots
from feeds.serving.generation_watch import GenerationWatch
from feeds.serving.renderer import DocumentRenderer


class DeltaStore:
    """Makes deltas, and keeps those of the present generation, up to `budget` bytes."""

    def __init__(self, watch: GenerationWatch, renderer: DocumentRenderer, budget: int) -> None:
        self._watch = watch
        self._renderer = renderer
        self._deltas: ByteCache[Document] = ByteCache(budget)
        self._making = Lock()

    def delta(
        self, query: FeedQuery, document: Document, tags: Sequence[str]
    ) -> tuple[str, Document] | None:
        """The delta up to `document` from the latest state that one of `tags` names.

        Returns that tag, and a document of the changed entries alone; None when
        no tag names an earlier state of this feed, or the store doesn't know it.
        """
        address = self._renderer.addresses.path(query)
        moments = {moment_of(tag, address) or 0: tag for tag in tags}
        since, until = max(moments), moment_of(document.etag, address) or 0
        if not 0 < since < until:
            return None
        generation, turn = self._watch.generation(), self._watch.store.turns
        key = (address, since, document.etag, generation, turn)
        delta = self._deltas.get(key)
        if delta is None:
            with self._making, render_slots:
                delta = self._deltas.get(key) or self._make(query, since, until)
                if delta is None:
                    return None  # the whole feed is prepared
                self._deltas.put(key, delta, delta.size * 2)
        return moments[since], delta

    def _make(self, query: FeedQuery, since: int, until: int) -> Document | None:
        try:
            with self._watch.store.read() as reader:
                return self._renderer.changes(query, reader, since, until)
        except SQLAlchemyError:
            return None
