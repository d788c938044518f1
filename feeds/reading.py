"""Reading many files: what came of each, on all processors when there are many."""

from __future__ import annotations

import gc
import hashlib
import multiprocessing
import os
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from feeds import folder as folders
from feeds import seeds
from feeds.model import Hidden, Problem, Record, RecordError

# Fewer files than this are read before other processes would be up.
_WORTH_PROCESSES: Final = 800
_BATCH: Final = 200
_AHEAD: Final = 4  # batches in flight for each process

_Task = tuple[Path, Iterable[tuple[str, bytes]]]

encode_record: Final = msgspec.json.Encoder().encode
decode_problems: Final = msgspec.json.Decoder(list[Problem]).decode


class FileReading(NamedTuple):
    """What came of one file.

    `outcome` is public, hidden, error (left out), other (not a record),
    touched (its content is the one known) or gone. `published` is the date in
    seconds, None for an undated record. `shown` is a digest of all that a
    feed may show of it, `data` the record as JSON. `hides` says of an error
    that the text still has a line that hides the record.
    """

    path: str
    digest: bytes
    outcome: str
    problems: tuple[Problem, ...] = ()
    key: str = ""
    reason: str = ""
    removed: bool = False
    hides: bool = False
    quality: int = 0
    published: int | None = None
    shown: bytes = b""
    data: bytes = b""


def read_all(
    folder: Path, paths: Sequence[str], known: Mapping[str, bytes]
) -> Iterator[list[FileReading]]:
    """Read the files at `paths`, in batches and in their order.

    `known` has the digests of contents that needn't be parsed again.
    """
    batches = [paths[start : start + _BATCH] for start in range(0, len(paths), _BATCH)]
    tasks = [(folder, [(path, known.get(path, b"")) for path in batch]) for batch in batches]
    processes = os.cpu_count() or 1
    if len(paths) < _WORTH_PROCESSES or processes == 1:
        with no_garbage_collection():
            yield from map(_read_batch, tasks)
        return
    done = 0
    try:
        for batch in _read_in_processes(tasks, processes):
            yield batch
            done += 1
    except BrokenProcessPool:
        # They were killed, or the program that wants them can't be imported twice.
        with no_garbage_collection():
            yield from map(_read_batch, tasks[done:])


def _read_in_processes(tasks: Sequence[_Task], processes: int) -> Iterator[list[FileReading]]:
    # A new interpreter each: forking one that has threads is not safe.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, context, initializer=_begin_process) as pool:
        pending: list[Future[list[FileReading]]] = []
        for task in tasks:
            pending.append(pool.submit(_read_batch, task))
            if len(pending) >= processes * _AHEAD:
                yield pending.pop(0).result()
        for future in pending:
            yield future.result()


@contextmanager
def no_garbage_collection() -> Iterator[None]:
    """Parsing makes many small objects and no cycles: collecting them adds half to a load."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _begin_process() -> None:
    """Set up a process of the pool, which is to end when the one that wants it does."""
    gc.disable()
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _read_batch(task: _Task) -> list[FileReading]:
    folder, files = task
    return [read_file(folder, path, known) for path, known in files]


def read_file(folder: Path, path: str, known: bytes = b"") -> FileReading:
    """What came of one file; `known` is the digest of a content that needn't be parsed."""
    try:
        data = folders.read_file(folder, path, seeds.MAX_BYTES + 1)
    except FileNotFoundError:
        return FileReading(path, b"", "gone")
    except OSError as error:
        problem = Problem(shown(path), 1, "file", f"can't be opened: {error.strerror or error}")
        return FileReading(path, b"", "error", (problem,))
    digest = hashlib.blake2b(data, digest_size=16).digest()
    if digest == known:
        return FileReading(path, digest, "touched")
    return interpret(path, data, digest)


def interpret(path: str, data: bytes, digest: bytes = b"") -> FileReading:
    """What came of the file at `path` with the content `data`."""
    try:
        reading = seeds.read(shown(path), data)
    except seeds.NotARecord:
        return FileReading(path, digest, "other")
    except RecordError as error:
        hides = seeds.hides_itself(data)
        return FileReading(path, digest, "error", (error.problem,), hides=hides)
    said, notes = reading.record, tuple(reading.notes)
    if isinstance(said, Hidden):
        return FileReading(path, digest, "hidden", notes, said.key, said.reason, said.removed)
    return _public(path, digest, said, notes)


def _public(path: str, digest: bytes, record: Record, notes: tuple[Problem, ...]) -> FileReading:
    date = record.published or record.dated
    # Where the file lies says nothing that a feed shows: moving it changes no entry.
    seen = encode_record(msgspec.structs.replace(record, path="", dated=None))
    return FileReading(
        path,
        digest,
        "public",
        notes,
        record.key,
        quality=record.quality,
        published=int(date.timestamp()) if date else None,
        shown=hashlib.blake2b(seen, digest_size=16).digest(),
        data=encode_record(record),
    )


def shown(path: str) -> str:
    """A path as reports show it, in one line whatever it holds."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in path)
