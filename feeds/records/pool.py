"""Reading many files: by several processes when there are many.

They are forks of this one where it has no threads, else (forking is not safe
then) new interpreters. concurrent.futures shares the work; `_starting` and
`_begin` add what it lacks: a main program that loads when it is imported isn't
run again in a new interpreter, and no process outlives one that is killed.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import partial
from itertools import islice
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Lock, Thread, current_thread, main_thread
from types import ModuleType
from typing import Final

from feeds.records.outcome import (
    FileReading,
    Interpret,
    interpret,
    no_garbage_collection,
    read_file,
)
from feeds.records.parser import PLAIN, Options

# Fewer files than this are read before other processes would be up.
_WORTH_PROCESSES: Final = 400
_BATCH: Final = 50  # files
_LOOK: Final = 0.1  # seconds between looks for a second interrupt
_AHEAD: Final = 8  # batches in memory for each process, so that none waits for the next

Batch = list[tuple[str, bytes]]  # paths, each with the digest of a content that is known
Read = Callable[[Batch], list[FileReading]]

_one_at_a_time: Final = Lock()


def read_all(
    folder: Path,
    paths: Sequence[str],
    known: Mapping[str, bytes],
    options: Options = PLAIN,
    interpret: Interpret = interpret,
) -> Generator[list[FileReading], None, None]:
    """Read the files at `paths`, relative to `folder`, in batches and in their order.

    `known` has, by path, the digests of contents that needn't be parsed again;
    `interpret` is a function at the top of a module.
    Who may stop before the end closes it, which ends the other processes.
    """
    batches = (
        [(path, known.get(path, b"")) for path in paths[start : start + _BATCH]]
        for start in range(0, len(paths), _BATCH)
    )
    # This process writes what they read; with our own form, which is soon read, all the time.
    writing = options.site is None or options.site.is_links
    processes = (os.cpu_count() or 1) - writing if len(paths) >= _WORTH_PROCESSES else 0
    read = partial(_read, folder, options, interpret)
    with no_garbage_collection():
        if processes:
            yield from _read_by_processes(read, batches, processes)
        else:
            yield from map(read, batches)


def _read(folder: Path, options: Options, interpret: Interpret, batch: Batch) -> list[FileReading]:
    return [read_file(folder, path, known, options, interpret) for path, known in batch]


def _read_by_processes(
    read: Read, batches: Iterator[Batch], processes: int
) -> Iterator[list[FileReading]]:
    """Read `batches` in their order; this process reads those that the others fail to."""
    context = get_context("spawn" if _has_threads() else "fork")
    theirs, ours = context.Pipe(duplex=False)
    try:
        executor = ProcessPoolExecutor(processes, context, _begin, (theirs, ours))
    except (OSError, ImportError, NotImplementedError):  # the system has no semaphores
        yield from map(read, batches)
        return
    running: deque[tuple[Batch, Future[list[FileReading]]]] = deque()
    try:
        while True:
            for batch in islice(batches, processes * _AHEAD - len(running)):
                running.append((batch, _submit(executor, read, batch)))
            if not running:
                return
            batch, future = running.popleft()
            try:
                readings = future.result()
            except BrokenProcessPool:
                readings = read(batch)
            yield readings
    finally:
        with _interrupts() as interrupts:
            pending = {future for _, future in running if not future.cancel()}
            while pending and not interrupts:
                pending = wait(pending, _LOOK).not_done
            if interrupts:
                ours.close()  # what is waited for ends at once
            executor.shutdown()
            ours.close()  # ends those, too, of an executor that then failed to start others
            theirs.close()


def _submit(executor: ProcessPoolExecutor, read: Read, batch: Batch) -> Future[list[FileReading]]:
    """The future of a batch, failed already where the executor can have no processes."""
    try:
        with _starting():
            return executor.submit(read, batch)
    except (OSError, RuntimeError) as error:  # the user may have no more, or one was killed
        executor.shutdown(wait=False)
        failed: Future[list[FileReading]] = Future()
        failed.set_exception(BrokenProcessPool(str(error)))
        return failed


def _has_threads() -> bool:
    """Whether this process has, or may have, threads; Python doesn't know of all."""
    try:
        return len([*Path("/proc/self/task").iterdir()]) != 1
    except OSError:
        return True


@contextmanager
def _starting() -> Iterator[None]:
    """What new processes inherit: no main program to import again, and no interrupts."""
    with _one_at_a_time:
        main = sys.modules["__main__"]
        sys.modules["__main__"] = ModuleType("__main__")
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            sys.modules["__main__"] = main


@contextmanager
def _interrupts() -> Iterator[list[int]]:
    """Collects interrupts, which are raised at the end as one.

    One that is raised while an executor is waited for may leave a lock behind that is never
    released, and before Python 3.13 takes a thread that runs for one that has ended.
    """
    found: list[int] = []
    before = signal.getsignal(signal.SIGINT)
    if current_thread() is not main_thread() or not callable(before):
        yield found
        return
    signal.signal(signal.SIGINT, lambda number, _: found.append(number))
    try:
        yield found
    finally:
        signal.signal(signal.SIGINT, before)
    if found:
        before(signal.SIGINT, None)


def _begin(theirs: Connection, ours: Connection) -> None:
    """Prepare a process for reading: it ends when nobody has the other end of `theirs`."""
    ours.close()
    gc.disable()
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    Thread(target=_end_with, args=(theirs,), daemon=True).start()


def _end_with(theirs: Connection) -> None:
    theirs.poll(None)
    os._exit(1)
