"""Locks between processes, by files.

By flock, and not by filelock: who waits is woken by the kernel instead of
looking every 50 ms, and a worker's lock is a handle that it keeps for as long
as it lives. A lock ends with its process, however that ends; its file stays.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def lock(file: Path, *, wait: bool = True, mode: int = 0o666) -> int:
    """A handle that holds the lock of a file until it is closed; the file is made with `mode`.

    Raises BlockingIOError, unless it may `wait`, while another process or
    handle holds it, and OSError when the file can't be opened.
    """
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, mode)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BaseException:
        os.close(handle)
        raise
    return handle


@contextmanager
def locked(file: Path, *, wait: bool = True) -> Iterator[None]:
    """Hold the lock of a file. Raises as `lock` does."""
    handle = lock(file, wait=wait)
    try:
        yield
    finally:
        os.close(handle)
