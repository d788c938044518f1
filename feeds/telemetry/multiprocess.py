"""Where several processes count together: a private directory of prometheus-client's files.

Each process keeps its numbers in files that it maps into memory. A process is
known there by a number that it holds a lock on, not by its pid: so one that
was killed has a successor that counts on in its files, and they never grow in
number.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from threading import Lock
from typing import Final

from prometheus_client import values
from prometheus_client.multiprocess import mark_process_dead

from feeds.store.locks import lock

_VARIABLE: Final = "PROMETHEUS_MULTIPROC_DIR"
_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - in a folder that is ours alone
_PREFIX: Final = "feeds-metrics-"


@contextmanager
def directory() -> Iterator[None]:
    """Have this process and those that it starts count together; in the end nothing is left."""
    creator, before = os.getpid(), os.environ.get(_VARIABLE)
    # Not on a disk, if that can be: a full one would end a process.
    parent = _MEMORY if os.access(_MEMORY, os.W_OK) else Path(tempfile.gettempdir())
    _tidy(parent)
    made = tempfile.mkdtemp(prefix=_PREFIX, dir=parent)  # for this user alone
    os.environ[_VARIABLE] = made
    try:
        yield
    finally:
        if os.getpid() == creator:  # a worker that ends comes by here too
            shutil.rmtree(made, ignore_errors=True)
            disable_multiprocess(before)


def _tidy(parent: Path) -> None:
    """Remove the directories of servers that were killed: all locks in them are free."""
    for left in parent.glob(f"{_PREFIX}*"):
        with suppress(OSError):
            if left.lstat().st_uid != os.geteuid() or left.is_symlink():
                continue
            handles = [_locked(file) for file in left.glob("*.lock")]
            if handles and None not in handles:
                shutil.rmtree(left, ignore_errors=True)
            for handle in handles:
                if handle is not None:
                    os.close(handle)


def folder() -> Path | None:
    """The directory; None where each process counts for itself."""
    named = os.environ.get(_VARIABLE)
    return Path(named) if named else None


class _Number:
    """The number that this process has in a directory; another one after a fork."""

    def __init__(self) -> None:
        self._held: tuple[int, Path, str, int] | None = None
        self._lock = Lock()

    def __call__(self) -> str:
        """The number, which no other process has while this one lives."""
        shared = folder()
        assert shared is not None  # noqa: S101 - nothing else asks
        with self._lock:
            held = self._held
            if held is None or held[:2] != (os.getpid(), shared):
                self._held = held = (os.getpid(), shared, *self._take(shared))
            return held[2]

    @staticmethod
    def _take(shared: Path) -> tuple[str, int]:
        for number in map(str, count()):
            handle = _locked(shared / f"{number}.lock")
            if handle is not None:
                _forget(number, shared)  # the one before
                return number, handle
        raise AssertionError


def _locked(file: Path) -> int | None:
    """A handle that holds the lock of a file, until it is closed; None where another one does."""
    try:
        return lock(file, wait=False, mode=0o600)
    except BlockingIOError:
        return None


def _forget(number: str, shared: Path) -> None:
    mark_process_dead(number, str(shared))  # type: ignore[no-untyped-call]


def reap_dead_workers(shared: Path) -> None:
    """Remove what only the living have (gauges), of those who are not. Raises OSError."""
    for file in shared.glob("*.lock"):
        handle = _locked(file)
        if handle is not None:
            _forget(file.stem, shared)
            os.close(handle)


_number: Final = _Number()
_choosing: Final = Lock()
_chosen: list[Path] = []


def enable_multiprocess() -> None:
    """Have metrics that are made from now on count in files, where there is a directory."""
    shared = folder()
    with _choosing:
        if shared is not None and not _chosen:
            _chosen.append(shared)
            values.ValueClass = values.MultiProcessValue(_number)  # type: ignore[no-untyped-call]


def disable_multiprocess(before: str | None = None) -> None:
    """Have this process count for itself again, or in the directory that there was before."""
    with _choosing:
        if before is None:
            os.environ.pop(_VARIABLE, None)
        else:
            os.environ[_VARIABLE] = before
        if _chosen:
            _chosen.clear()
            values.ValueClass = values.MutexValue
