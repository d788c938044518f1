"""Servers on free loopback ports, each in a process group of its own that is ended with it."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

PROJECT: Final = Path(__file__).parent.parent
HOST: Final = "127.0.0.1"
FEED: Final = "/rss.xml"
_PATIENCE: Final = 60.0  # seconds for a server to answer
_GRACE: Final = 5.0  # seconds for it to end


class BenchError(Exception):
    """Something that keeps a measurement from being made."""


class Answer(NamedTuple):
    """One answer of a server."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str:
        """The value of a header; empty when it isn't there."""
        return next((v for k, v in self.headers if k.lower() == name.lower()), "")


class Connection:
    """A connection that is kept open; `close` it in the end."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection(HOST, port, timeout=60)

    def clocked(self, path: str, headers: Mapping[str, str]) -> float:
        """Milliseconds until the whole answer, which must be 200, is there."""
        started = time.perf_counter()
        self._connection.request("GET", path, headers=dict(headers))
        answer = self._connection.getresponse()
        answer.read()
        took = (time.perf_counter() - started) * 1000
        if answer.status != http.HTTPStatus.OK:
            raise BenchError(f"{path} answers {answer.status}")
        return took

    def close(self) -> None:
        self._connection.close()


class Server(NamedTuple):
    """A server that runs."""

    pid: int
    port: int

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> Answer:
        """The answer to one request on a connection of its own."""
        connection = http.client.HTTPConnection(HOST, self.port, timeout=10)
        try:
            connection.request("GET", path, headers=dict(headers or {}))
            answer = connection.getresponse()
            return Answer(answer.status, answer.getheaders(), answer.read())
        finally:
            connection.close()


def free_port() -> int:
    """A port that nothing listens at."""
    with socket.socket() as found:
        found.bind((HOST, 0))
        port: int = found.getsockname()[1]
        return port


@contextmanager
def running(
    command: Sequence[str], port: int, folder: Path, variables: Mapping[str, str] | None = None
) -> Iterator[Server]:
    """A server for the length of a `with` block.

    Runs in `folder`, without FEEDS_* variables of ours. Raises BenchError
    when it doesn't come up.
    """
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("FEEDS_")}
    paths = [str(PROJECT), inherited.get("PYTHONPATH", "")]
    inherited["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    log = folder / f"{port}.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**inherited, **(variables or {})},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        _wait(process, port, log)
        yield Server(process.pid, port)
    finally:
        _end(process)


def python(module: str, *arguments: str) -> list[str]:
    """The command that runs a module of ours."""
    return [sys.executable, "-m", module, *arguments]


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until and process.poll() is None:
        try:
            socket.create_connection((HOST, port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    said = log.read_text(errors="replace")[-2000:]
    raise BenchError(f"{' '.join(map(str, process.args))} doesn't answer:\n{said}")  # type: ignore[arg-type]


def _end(process: subprocess.Popen[bytes]) -> None:
    for signal_ in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, signal_)
        except ProcessLookupError:
            break
        try:
            process.wait(_GRACE)
        except subprocess.TimeoutExpired:
            continue
    process.wait()


def workers(server: Server) -> list[int]:
    """The processes that a server started (Linux only; elsewhere none)."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        if parent == server.pid:
            found.append(int(stat.parent.name))
    return sorted(found)


def processor(server: Server) -> float:
    """The seconds of processors that a server and its processes have used (Linux only)."""
    ticks = 0
    for pid in (server.pid, *workers(server)):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def listens(pid: int) -> bool:
    """Whether a process has a TCP socket that listens (Linux only)."""
    listening = {
        f"socket:[{row.split()[9]}]"
        for row in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]
        if row.split()[3] == "0A"
    }
    return any(str(link.readlink()) in listening for link in Path(f"/proc/{pid}/fd").iterdir())


def resident(pid: int) -> float:
    """The memory that a process has in use, in MiB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0
