"""Several processes count together: prometheus-client's own mode, in a private directory.

There each process counts in files that have its pid in their names. The client
keeps those of the dead for ever, since what they counted still counts: 20 KB,
and 0.2 ms of each scrape, for every worker that was replaced. So a process that
starts counts on in the files of one that has died: they never grow in number,
and nothing is lost or counted twice.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from prometheus_client import values
from prometheus_client.multiprocess import mark_process_dead

from feeds.store.locks import lock, locked

_VARIABLE: Final = "PROMETHEUS_MULTIPROC_DIR"
_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - in a folder that is ours alone
_PREFIX: Final = "feeds-metrics-"
_LOCK: Final = "server.lock"
_LASTING: Final = ("counter", "histogram")  # kinds of files that outlive a process


@contextmanager
def directory() -> Iterator[None]:
    """Have this process and those that it starts count together; in the end nothing is left."""
    creator, before = os.getpid(), os.environ.get(_VARIABLE)
    # Not on a disk, if that can be: a full one would end a process.
    parent = _MEMORY if os.access(_MEMORY, os.W_OK) else Path(tempfile.gettempdir())
    _remove_abandoned(parent)
    path = tempfile.mkdtemp(prefix=_PREFIX, dir=parent)  # for this user alone
    # Held by this process, and by those that it forks, until the last of them has ended.
    handle = lock(Path(path) / _LOCK, wait=False)
    os.environ[_VARIABLE] = path
    try:
        yield
    finally:
        if os.getpid() == creator:  # a worker that ends comes by here too
            shutil.rmtree(path, ignore_errors=True)
            disable_multiprocess(before)
            os.close(handle)


def _remove_abandoned(parent: Path) -> None:
    """Remove the directories of servers that were killed."""
    for left in parent.glob(f"{_PREFIX}*"):
        with suppress(OSError):
            ours = left.lstat().st_uid == os.geteuid() and not left.is_symlink()
            if ours and (left / _LOCK).exists():
                with locked(left / _LOCK, wait=False):
                    shutil.rmtree(left, ignore_errors=True)


def folder() -> Path | None:
    """The directory; None where each process counts for itself."""
    path = os.environ.get(_VARIABLE)
    return Path(path) if path else None


def enable_multiprocess() -> None:
    """Have metrics that are made from now on count in files, where there is a directory.

    The client decides that when it is imported, which is too early: `directory` comes later.
    To be called before metrics are made. Raises OSError.
    """
    shared = folder()
    if (shared is None) != (values.ValueClass is values.MutexValue):
        values.ValueClass = values.get_value_class()  # type: ignore[no-untyped-call]
    if shared is not None:
        with undisturbed(shared):
            _inherit(shared)


def disable_multiprocess(before: str | None = None) -> None:
    """Have this process count for itself again, or in the directory that there was before."""
    if before is None:
        os.environ.pop(_VARIABLE, None)
    else:
        os.environ[_VARIABLE] = before
    values.ValueClass = values.get_value_class()  # type: ignore[no-untyped-call]


@contextmanager
def undisturbed(shared: Path) -> Iterator[None]:
    """Have no file of the directory be removed or renamed by others meanwhile. Raises OSError."""
    with locked(shared / "files.lock"):
        yield


def _inherit(shared: Path) -> None:
    """Make files of the dead those of this process, which counts on in them."""
    for kind in _LASTING:
        own = shared / f"{kind}_{os.getpid()}.db"
        left = (file for file in shared.glob(f"{kind}_*.db") if not _is_alive(_pid(file)))
        if not own.exists() and (file := next(left, None)):
            file.rename(own)


def reap_dead_workers(shared: Path) -> None:
    """Remove what only the living have (gauges), of those who are not. Raises OSError."""
    for pid in {_pid(file) for file in shared.glob("gauge_*.db")}:
        if not _is_alive(pid):
            mark_process_dead(pid, str(shared))  # type: ignore[no-untyped-call]


def _pid(file: Path) -> int:
    return int(file.stem.rpartition("_")[2])


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
