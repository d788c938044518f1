"""Targets of an export that fail, or whose program is killed."""

from collections.abc import Callable, Iterable
from threading import Event, Lock
from typing import Any

from feeds.export.writer import Put, Target


class Killed(BaseException):
    """In the place of a signal that nothing outlives: nothing is changed after it."""


class Wrapped:
    """A target that notes its changes, and after so many raises: once, or for good if killed."""

    def __init__(
        self,
        target: Target,
        changes: int = 1_000_000,
        end: type[BaseException] = Killed,
    ) -> None:
        self._target = target
        self._left = changes
        self._end = end
        self._lock = Lock()
        self.dead = Event()
        self.calls: list[tuple[str, list[str]]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._target, name)

    def journal(self, paths: Iterable[str]) -> str:
        paths = list(paths)
        return str(self._change("journal", paths, lambda: self._target.journal(paths)))

    def put(self, put: Put) -> None:
        self._change("put", [put.path], lambda: self._target.put(put))

    def remove(self, path: str) -> bool:
        return bool(self._change("remove", [path], lambda: self._target.remove(path)))

    def _change(self, method: str, paths: list[str], work: Callable[[], object]) -> object:
        if self.dead.is_set():
            raise Killed
        result = work()
        with self._lock:
            self.calls.append((method, paths))
            self._left -= 1
            ends = self._left == 0
        if ends and self._end is Killed:
            self.dead.set()
        if ends or self.dead.is_set():
            raise self._end
        return result
