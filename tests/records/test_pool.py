import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from feeds import processes
from feeds.records import pool
from feeds.records.outcome import FileReading, read_file
from tests.helpers.server import until
from tests.helpers.support import write

FILES = [f"{number:02}.md" for number in range(40)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in FILES:
        write(tmp_path, name, webUrl=f"https://example.com/{name}")
    return tmp_path


@pytest.fixture(autouse=True)
def two_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    monkeypatch.setattr(pool, "_WORTH_PROCESSES", 1)
    monkeypatch.setattr(pool, "_BATCH", 1)
    monkeypatch.setattr(processes, "_AHEAD", 2)


@pytest.fixture(params=[False, True], ids=["without threads", "with threads"])
def threads(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Processes start as in a process that has threads, or none."""
    has_threads: bool = request.param
    monkeypatch.setattr(processes, "_has_threads", lambda: has_threads)
    if not has_threads:  # that of the tests may have some: then it is only told so
        monkeypatch.setattr("warnings.warn", lambda *_, **__: None)
    return has_threads


def read_by_this_process(folder: Path) -> list[FileReading]:
    return [read_file(folder, name) for name in FILES]


def flat(batches: Iterator[list[FileReading]]) -> list[FileReading]:
    return [reading for batch in batches for reading in batch]


@pytest.mark.usefixtures("threads")
def test_files_are_read_by_others_in_their_order(folder: Path) -> None:
    batches = pool.read_all(folder, FILES, {})
    first = next(batches)
    assert len(multiprocessing.active_children()) == 2
    assert [*first, *flat(batches)] == read_by_this_process(folder)
    assert multiprocessing.active_children() == []


@pytest.mark.parametrize("processors", [1, None])
def test_on_one_processor_this_process_reads(
    folder: Path, monkeypatch: pytest.MonkeyPatch, processors: int | None
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: processors)
    monkeypatch.setattr(processes, "ProcessPoolExecutor", None)
    assert flat(pool.read_all(folder, FILES, {})) == read_by_this_process(folder)


def test_few_files_are_read_by_this_process(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "_WORTH_PROCESSES", len(FILES) + 1)
    monkeypatch.setattr(processes, "ProcessPoolExecutor", None)
    assert flat(pool.read_all(folder, FILES, {})) == read_by_this_process(folder)


def test_a_known_content_is_not_parsed_again(folder: Path) -> None:
    known = {"03.md": read_file(folder, "03.md").digest}
    outcomes = {r.path: r.outcome for r in flat(pool.read_all(folder, FILES, known))}
    assert outcomes == {name: "touched" if name == "03.md" else "public" for name in FILES}


@pytest.mark.usefixtures("threads")
def test_what_killed_processes_had_is_read_by_this_one(folder: Path) -> None:
    batches = pool.read_all(folder, FILES, {})
    first = next(batches)
    for process in multiprocessing.active_children():
        process.kill()
    assert [*first, *flat(batches)] == read_by_this_process(folder)


@pytest.mark.parametrize("started", [0, 1])
def test_processes_that_cannot_start_are_done_without(
    folder: Path, monkeypatch: pytest.MonkeyPatch, started: int
) -> None:
    monkeypatch.setattr(processes, "_has_threads", lambda: False)
    monkeypatch.setattr("warnings.warn", lambda *_, **__: None)
    fork, forks = os.fork, iter([True] * started)

    def limited() -> int:
        if not next(forks, False):
            raise BlockingIOError("Resource temporarily unavailable")
        return fork()

    monkeypatch.setattr(os, "fork", limited)
    assert flat(pool.read_all(folder, FILES, {})) == read_by_this_process(folder)
    until(lambda: multiprocessing.active_children() == [])


def test_without_semaphores_this_process_reads(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lacking(*_: object) -> None:
        raise ImportError("This platform lacks a functioning sem_open implementation")

    monkeypatch.setattr(processes, "ProcessPoolExecutor", lacking)
    assert flat(pool.read_all(folder, FILES, {})) == read_by_this_process(folder)


class Counting(dict[str, bytes]):
    """Known digests, none of them; counts the files that were asked for."""

    asked = 0

    def get(self, key: str, default: Any = None) -> Any:
        self.asked += 1
        return super().get(key, default)


def test_few_batches_are_in_memory_at_once(folder: Path) -> None:
    known: Mapping[str, bytes] = (counting := Counting())
    batches = pool.read_all(folder, FILES, known)
    for taken in range(1, 4):
        next(batches)
        assert counting.asked == taken - 1 + 2 * 2  # two for each process, and those taken
    batches.close()
    assert multiprocessing.active_children() == []


PROGRAM = """
import multiprocessing, os, signal, sys, threading, time
from contextlib import closing
from pathlib import Path
from feeds.records import pool

signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job has it ignored
os.cpu_count = lambda: 2
pool._WORTH_PROCESSES = pool._BATCH = 1
for _ in range(int(sys.argv[1])):
    threading.Thread(target=threading.Event().wait, daemon=True).start()
with closing(pool.read_all(Path(sys.argv[2]), sys.argv[3:], {})) as batches:
    next(batches)
    print(*(process.pid for process in multiprocessing.active_children()), flush=True)
    while True:  # pause() alone misses a signal that comes just before it
        time.sleep(0.1)
"""


@pytest.mark.parametrize("number", [0, 1])
def test_processes_end_with_the_one_that_is_killed(folder: Path, number: int) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(number), folder, *FILES],
        stdout=subprocess.PIPE, text=True,
    ) as program:  # fmt: skip
        assert program.stdout is not None
        processes = [int(process) for process in program.stdout.readline().split()]
        assert len(processes) == 2
        assert all(map(_runs, processes))
        program.send_signal(signal.SIGKILL)
    until(lambda: not any(map(_runs, processes)))


def _runs(process: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{process}/status").read_text()
    except OSError:
        return False


@pytest.mark.parametrize("number", [0, 1])
def test_an_interrupt_of_all_is_reported_by_one(folder: Path, number: int) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(number), folder, *FILES], start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as program:  # fmt: skip
        assert program.stdout is not None
        assert program.stderr is not None
        processes = [int(process) for process in program.stdout.readline().split()]
        os.killpg(program.pid, signal.SIGINT)
        assert program.stderr.read().count("Traceback") == 1
    until(lambda: not any(map(_runs, processes)))


BUSY = """
import signal
from feeds import processes
from feeds.records import pool

read, wait = pool._read, processes.wait

def read_first(folder, options, interpret, batch):
    return read(folder, options, interpret, batch) if batch[0][0] == "00.md" else signal.pause()

def announced(futures, seconds, told=[]):
    if not told:
        print("ending", flush=True)
        told.append(True)
    return wait(futures, seconds)

pool._read, processes.wait = read_first, announced
read_first.__qualname__ = "_read"
read_first.__module__ = pool.__name__
"""


def test_a_second_interrupt_ends_processes_that_are_waited_for(folder: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", BUSY + PROGRAM, "0", folder, *FILES],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    ) as program:  # fmt: skip
        assert program.stdout is not None
        processes = [int(process) for process in program.stdout.readline().split()]
        try:
            for expected in ("ending\n", ""):
                program.send_signal(signal.SIGINT)
                assert program.stdout.readline() == expected
            program.wait(20)
        finally:
            program.kill()
    until(lambda: not any(map(_runs, processes)))


def note(folder: Path, number: int) -> int:
    time.sleep(0.02)  # it takes some time
    (folder / str(number)).touch()
    return number


def test_where_an_end_comes_early_what_was_begun_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "_AHEAD", 8)
    results = processes.in_order(partial(note, tmp_path), iter(range(100)), 2)
    assert next(results) == 0
    results.close()  # before Python 3.11.3, this could hang where something was cancelled
    assert len(list(tmp_path.iterdir())) == 2 * processes._AHEAD
