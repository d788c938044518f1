"""Documents by their canonical address, for as long as they are what the store holds."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Final, NamedTuple

from feeds.catalog.addresses import Query
from feeds.serving.byte_cache import ByteCache
from feeds.serving.documents import Document, Variant
from feeds.serving.generation_watch import GenerationWatch
from feeds.serving.renderer import Rendering
from feeds.store.reader import State

_ENTRY: Final = 1000  # bytes that one takes without its record, about


class CachedDocument(NamedTuple):
    """The rendering of a query, and the generation of the store that it is of."""

    query: Query
    rendering: Rendering
    generation: State
    turn: int  # of the store, which may turn to another database
    day: date | None = None  # that it is of, when tomorrow's is another


class DocumentCache:
    """Holds documents of up to `budget` bytes; `today` gives the day in UTC."""

    def __init__(self, budget: int, watch: GenerationWatch, today: Callable[[], date]) -> None:
        self._watch = watch
        self._today = today
        self._documents: ByteCache[CachedDocument] = ByteCache(budget)

    def prepared(self, address: str) -> Document | None:
        """The document at a canonical address below the root, if it can be sent as it is."""
        cached = self._documents.get(address)
        if cached is None or cached.generation != self._watch.generation():
            return None
        if cached.day is not None and cached.day != self._today():
            return None
        return cached.rendering.document if cached.turn == self._watch.store.turns else None

    def query(self, address: str) -> Query | None:
        """The query of the document last made for an address; None where there is none."""
        cached = self._documents.get(address)
        return None if cached is None else cached.query

    def last(self, address: str) -> Rendering | None:
        """The last rendering for an address, of whatever generation; None where there is none."""
        cached = self._documents.get(address)
        return None if cached is None else cached.rendering

    def put(self, address: str, cached: CachedDocument) -> None:
        """Hold a document in the place of the one before."""
        document, snapshot = cached.rendering
        entries = len(snapshot.feed.entries) if snapshot else 0
        self._documents.put(address, cached, document.size + _ENTRY * entries)

    def variant(self, address: str, document: Document, coding: str) -> Variant:
        """The document in a coding; what it grows by counts."""
        before = document.size
        variant = document.variant(coding)
        if document.size != before:
            cached = self._documents.get(address)
            if cached is not None and cached.rendering.document is document:
                self._documents.grow(address, cached, document.size - before)
        return variant

    def usage(self) -> tuple[int, int]:
        """How many documents are held, and the bytes that they take."""
        return len(self._documents), self._documents.size
