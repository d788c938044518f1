"""Reading many files: on all processors when there are many.

This process reads too, and between its own batches hands out others to
processes that do nothing else. They are forks of this one where it has no
threads, else (forking is not safe then) new interpreters that import what reads
a file and no more. They end when this process does, since their input ends then.
"""

from __future__ import annotations

import fcntl
import os
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from select import select
from typing import Final, NamedTuple, Self

import msgspec

from feeds.records.outcome import FileReading, no_garbage_collection, read_file

# Fewer files than this are read before other processes would be up.
_WORTH_PROCESSES: Final = 400
_BATCH: Final = 50
_AHEAD: Final = 8  # batches that a process has, so that it never waits for the next

# The package's own __init__ would import the application, which takes longer
# than reading a thousand files.
_PROGRAM: Final = """
import sys, types
package = types.ModuleType("feeds")
package.__path__, sys.path[:] = sys.argv[1:2], sys.argv[2:]
sys.modules["feeds"] = package
from feeds.records.pool import serve
serve(0, 1)
"""
_PIPE: Final = 1 << 20  # bytes that a pipe holds, so that none waits to be read
_LENGTH: Final = 8  # bytes of the number that leads a message


class Task(NamedTuple):
    """A few files of a folder, each with the digest of a content that needn't be parsed."""

    folder: str
    files: list[tuple[str, bytes]]


_encode: Final = msgspec.msgpack.Encoder().encode
_decode_task: Final = msgspec.msgpack.Decoder(Task).decode
_decode_readings: Final = msgspec.msgpack.Decoder(list[FileReading]).decode


def read_all(
    folder: Path, paths: Sequence[str], known: Mapping[str, bytes]
) -> Iterator[list[FileReading]]:
    """Read the files at `paths`, in batches and in their order.

    `known` has the digests of contents that needn't be parsed again.
    """
    batches = [paths[start : start + _BATCH] for start in range(0, len(paths), _BATCH)]
    tasks = [Task(str(folder), [(path, known.get(path, b"")) for path in b]) for b in batches]
    helpers = (os.cpu_count() or 1) - 1 if len(paths) >= _WORTH_PROCESSES else 0
    with no_garbage_collection():
        yield from _share(tasks, helpers)


def _share(tasks: Sequence[Task], helpers: int) -> Iterator[list[FileReading]]:
    """What came of each task, in their order; `helpers` other processes do some of them."""
    found: dict[int, list[FileReading]] = {}
    waiting = list(range(len(tasks)))[::-1]
    readers = [reader for _ in range(helpers) if (reader := _Reader.started()) is not None]
    try:
        for number in range(len(tasks)):
            while number not in found:
                for reader in list(readers):
                    try:
                        while waiting and len(reader.given) < _AHEAD:
                            reader.give(waiting.pop(), tasks)
                    except OSError:
                        pass  # it ended; what it was given comes back below
                # With nothing else left to do, what they were given last is done here too.
                given = {n for reader in readers for n in reader.given[1:] if n >= number}
                last = None if waiting else max(given - found.keys(), default=None)
                idle = not waiting and last is None
                busy = [reader for reader in readers if reader.given]
                for reader in select(busy, [], [], None if idle else 0)[0] if busy else ():
                    try:
                        theirs, readings = reader.take()
                    except (OSError, EOFError, msgspec.MsgspecError):
                        readers.remove(reader)
                        left = {n for n in reader.given if n >= number} - found.keys()
                        waiting += sorted(left, reverse=True)
                        reader.end()
                    else:
                        if theirs >= number:
                            found[theirs] = readings
                if number in found:
                    break
                mine = waiting.pop() if waiting else last
                if mine is not None and mine not in found:
                    found[mine] = _read(tasks[mine])
            yield found.pop(number)
    finally:
        for reader in readers:
            reader.end()


def _read(task: Task) -> list[FileReading]:
    folder = Path(task.folder)
    return [read_file(folder, path, known) for path, known in task.files]


class _Reader:
    """Another process that reads; `given` are the numbers of the tasks it has."""

    def __init__(self, process: int, into: int, out: int) -> None:
        self.given: list[int] = []
        self._process = process
        self._into = into
        self._out = out

    @classmethod
    def started(cls) -> Self | None:
        """A new one; None where no process can be started."""
        tasks, into = os.pipe()
        out, readings = os.pipe()
        try:
            process = _fork(tasks, readings, (into, out)) or _spawn(tasks, readings)
            return cls(process, into, out)
        except OSError:
            os.close(into)
            os.close(out)
            return None
        finally:
            os.close(tasks)
            os.close(readings)

    def fileno(self) -> int:
        return self._out

    def give(self, number: int, tasks: Sequence[Task]) -> None:
        self.given.append(number)
        _send(self._into, _encode(tasks[number]))

    def take(self) -> tuple[int, list[FileReading]]:
        """The first task given, and what came of it. Raises EOFError when the process ended."""
        readings = _decode_readings(_receive(self._out))
        return self.given.pop(0), readings

    def end(self) -> None:
        """Tell it that nothing more comes."""
        os.close(self._into)
        os.close(self._out)
        with suppress(ProcessLookupError, ChildProcessError):  # somebody else waited for it
            os.kill(self._process, signal.SIGKILL)
            os.waitpid(self._process, 0)


def _fork(tasks: int, readings: int, not_its_own: tuple[int, int]) -> int:
    """A fork of this process that serves; 0 where this process may have threads."""
    try:
        if len([*Path("/proc/self/task").iterdir()]) != 1:
            return 0
    except OSError:
        return 0
    process = os.fork()
    if process == 0:
        try:
            for pipe in not_its_own:  # else its input would never end
                os.close(pipe)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            serve(tasks, readings)
        finally:
            os._exit(1)  # whatever happens, only one of the two goes on from here
    return process


def _spawn(tasks: int, readings: int) -> int:
    """A new interpreter that serves."""
    command = [sys.executable, "-c", _PROGRAM, str(Path(__file__).parent.parent), *sys.path]
    streams = [(os.POSIX_SPAWN_DUP2, tasks, 0), (os.POSIX_SPAWN_DUP2, readings, 1)]
    return os.posix_spawn(sys.executable, command, os.environ, file_actions=streams)


def serve(into: int, out: int) -> None:
    """Do the tasks that come in, until they end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # it ends with the process that wants it
    for pipe in (into, out):
        with suppress(OSError, AttributeError):  # the system, or the user's share, has less
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE)
    with no_garbage_collection():
        try:
            while True:
                _send(out, _encode(_read(_decode_task(_receive(into)))))
        except (EOFError, BrokenPipeError):
            os._exit(0)


def _send(pipe: int, message: bytes) -> None:
    rest = memoryview(len(message).to_bytes(_LENGTH, "big") + message)
    while rest:
        rest = rest[os.write(pipe, rest) :]


def _receive(pipe: int) -> bytearray:
    return _exactly(pipe, int.from_bytes(_exactly(pipe, _LENGTH), "big"))


def _exactly(pipe: int, size: int) -> bytearray:
    found = bytearray()
    while len(found) < size:
        more = os.read(pipe, size - len(found))
        if not more:
            raise EOFError
        found += more
    return found
