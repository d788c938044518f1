"""Deltas: the entries of a feed that came or changed since a state of a client's (RFC 3229).

The ETag of a feed says as of which moment it was made, in the store's terms. So the store
alone is asked: after a restart, in another worker, on another server of it.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from threading import Lock
from typing import Final, NamedTuple

from sqlalchemy.exc import SQLAlchemyError

from feeds.catalog.addresses import FeedQuery
from feeds.serving.byte_cache import ByteCache
from feeds.serving.documents import Document, moment_of, render_slots
from feeds.serving.generation_watch import GenerationWatch
from feeds.serving.renderer import DocumentRenderer

_SENT_BYTES: Final = 256 * 1024  # to remember who was sent 226 and may not have taken it


class Delta(NamedTuple):
    """What came or changed since the state of the tag `base`; `is_whole`: with the whole feed."""

    base: str
    document: Document
    is_whole: bool


class DeltaStore:
    """Makes deltas, and keeps those of the present generation, up to `budget` bytes."""

    def __init__(self, watch: GenerationWatch, renderer: DocumentRenderer, budget: int) -> None:
        self._watch = watch
        self._renderer = renderer
        self._deltas: ByteCache[Document] = ByteCache(budget)
        self._sent: ByteCache[bool] = ByteCache(_SENT_BYTES)
        self._making = Lock()

    def delta(
        self,
        query: FeedQuery,
        document: Document,
        tags: Sequence[str],
        *,
        takes: bool | None = True,
        client: Hashable = None,
    ) -> Delta | None:
        """The delta up to `document` from the latest state that one of `tags` names.

        None when no tag names an earlier state of this feed, or the store doesn't know
        it. Who doesn't take the status 226 is given the whole feed with the delta in it; of
        whom that can't be told (`takes` is None), a `client` that asks for the same again.
        """
        address = self._renderer.addresses.path(query)
        moments = {moment_of(tag, address) or 0: tag for tag in tags}
        since, until = max(moments), moment_of(document.etag, address) or 0
        if not 0 < since < until:
            return None
        generation, turn = self._watch.generation(), self._watch.store.turns
        asked = (client, address, since)
        is_whole = not takes and (takes is False or bool(self._sent.get(asked)))
        key = (address, since, document.etag, generation, turn, is_whole)
        delta = self._deltas.get(key)
        if delta is None:
            with self._making, render_slots:
                delta = self._deltas.get(key) or self._make(query, since, until, is_whole)
                if delta is None:
                    return None  # the whole feed is prepared
                self._deltas.put(key, delta, delta.size * 2)
        if takes is None:
            self._sent.put(asked, True, sum(map(len, map(str, asked))))
        if is_whole and delta.body == document.body:
            return None
        return Delta(moments[since], delta, is_whole)

    def _make(self, query: FeedQuery, since: int, until: int, is_whole: bool) -> Document | None:
        try:
            with self._watch.store.read() as reader:
                return self._renderer.changes(query, reader, since, until, is_whole=is_whole)
        except SQLAlchemyError:
            return None
