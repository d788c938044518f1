"""Work that is shared by several processes.

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
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from itertools import islice
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Lock, Thread, current_thread, main_thread
from types import ModuleType
from typing import Final, TypeVar

_LOOK: Final = 0.1  # seconds between looks for a second interrupt
_AHEAD: Final = 8  # tasks in memory for each process, so that none waits for the next

Task = TypeVar("Task")
Result = TypeVar("Result")

_one_at_a_time: Final = Lock()


def in_order(
    work: Callable[[Task], Result], tasks: Iterator[Task], processes: int, *, anew: bool = False
) -> Generator[Result, None, None]:
    """The results of `work` for each of `tasks`, in their order, by other processes.

    This process does what those fail to. `work` is a function at the top of a module, or a
    partial of one. `anew`: no process is a fork, as where a database is open. Close the generator
    to end the processes before its end.
    """
    context = get_context("spawn" if anew or _has_threads() else "fork")
    theirs, ours = context.Pipe(duplex=False)
    try:
        executor = ProcessPoolExecutor(processes, context, _begin, (theirs, ours))
    except (OSError, ImportError, NotImplementedError):  # the system has no semaphores
        yield from map(work, tasks)
        return
    running: deque[tuple[Task, Future[Result]]] = deque()
    try:
        while True:
            for task in islice(tasks, processes * _AHEAD - len(running)):
                running.append((task, _submit(executor, work, task)))
            if not running:
                return
            task, future = running.popleft()
            try:
                result = future.result()
            except BrokenProcessPool:
                result = work(task)
            yield result
    finally:
        with _interrupts() as interrupts:
            # None is cancelled: until Python 3.11.3, shutdown may wait for ever for one that was.
            pending = {future for _, future in running}
            while pending and not interrupts:
                pending = wait(pending, _LOOK).not_done
            if interrupts:
                ours.close()  # what is waited for ends at once
            executor.shutdown()
            ours.close()  # ends those, too, of an executor that then failed to start others
            theirs.close()


def _submit(
    executor: ProcessPoolExecutor, work: Callable[[Task], Result], task: Task
) -> Future[Result]:
    """The future of a task, failed already where the executor can have no processes."""
    try:
        with _starting():
            return executor.submit(work, task)
    except (OSError, RuntimeError) as error:  # the user may have no more, or one was killed
        executor.shutdown(wait=False)
        failed: Future[Result] = Future()
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
    """Prepare a process for work: it ends when nobody has the other end of `theirs`."""
    ours.close()
    gc.disable()
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    Thread(target=_end_with, args=(theirs,), daemon=True).start()


def _end_with(theirs: Connection) -> None:
    theirs.poll(None)
    os._exit(1)
