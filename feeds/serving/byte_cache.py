"""A cache bounded in bytes that evicts the least recently used."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from threading import Lock
from typing import Generic, TypeVar

V = TypeVar("V")

# What an item costs beside its own bytes: dictionary slot, key, objects.
_OVERHEAD = 400


class ByteCache(Generic[V]):
    """Holds values up to `budget` bytes in all. Safe to share between threads."""

    def __init__(self, budget: int) -> None:
        self.budget = budget
        self.size = 0
        self._items: OrderedDict[Hashable, tuple[V, int]] = OrderedDict()
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._items)

    def get(self, key: Hashable) -> V | None:
        """The value, now the most recently used; None when it isn't held."""
        try:
            # Without the lock: one dictionary operation each, atomic in CPython.
            value = self._items[key][0]
            self._items.move_to_end(key)
        except KeyError:
            return None
        return value

    def put(self, key: Hashable, value: V, size: int) -> None:
        """Hold `value`, of `size` bytes, unless it is larger than the whole cache."""
        size += _OVERHEAD
        with self._lock:
            self._remove(key)
            if size > self.budget:
                return
            self._items[key] = value, size
            self.size += size
            self._shrink()

    def grow(self, key: Hashable, value: V, by: int) -> None:
        """Say that `value` takes `by` bytes more, if it is still what `key` holds."""
        with self._lock:
            held = self._items.get(key)
            if held is None or held[0] is not value:
                return
            self._items[key] = value, held[1] + by
            self.size += by
            self._shrink()

    def _shrink(self) -> None:
        while self.size > self.budget:
            # One atomic step: `get` reorders the items without the lock.
            _, (_, size) = self._items.popitem(last=False)
            self.size -= size

    def _remove(self, key: Hashable) -> None:
        held = self._items.pop(key, None)
        if held is not None:
            self.size -= held[1]
