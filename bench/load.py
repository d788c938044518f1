"""Load: wrk as fast as it goes, clients slower than anybody, and a mix of everything."""

from __future__ import annotations

import asyncio
import itertools
import re
import select
import shutil
import socket
import statistics
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Final, NamedTuple

from bench.servers import HOST, BenchError, Server

WRK: Final = "wrk"
_PATIENCE: Final = 5.0  # seconds that an honest poller waits
_UNITS: Final = {"us": 0.001, "ms": 1.0, "s": 1000.0}


class Rate(NamedTuple):
    """What wrk measured: requests a second, the 99th percentile in milliseconds, failures."""

    requests: float
    p99: float
    failures: int


def hammer(
    server: Server, path: str, headers: Mapping[str, str], *, seconds: int, connections: int
) -> Rate:
    """Run wrk on one address for some seconds, connections kept alive."""
    wrk = shutil.which(WRK)
    if wrk is None:
        raise BenchError("wrk isn't installed; apt install wrk")
    command = [wrk, "--threads", "1", "--connections", str(connections), "--latency"]
    command += ["--duration", f"{seconds}s", "--timeout", "5s"]
    for name, value in headers.items():
        command += ["--header", f"{name}: {value}"]
    command.append(f"http://{HOST}:{server.port}{path}")
    said = subprocess.run(
        command, capture_output=True, text=True, timeout=seconds + 30, check=False
    ).stdout
    rate = re.search(r"Requests/sec:\s+([\d.]+)", said)
    slowest = re.search(r"99%\s+([\d.]+)(us|ms|s)", said)
    if rate is None or slowest is None:
        raise BenchError(f"wrk measured nothing:\n{said}")
    failed = sum(int(n) for n in re.findall(r"Non-2xx or 3xx responses: (\d+)", said))
    for line in re.findall(r"Socket errors: (.*)", said):
        failed += sum(map(int, re.findall(r"\d+", line)))
    return Rate(float(rate[1]), float(slowest[1]) * _UNITS[slowest[2]], failed)


class Latency(NamedTuple):
    """Of honest requests, in milliseconds; `lost` had no answer in five seconds."""

    requests: int
    p50: float
    p99: float
    slowest: float
    lost: int


def beside_slow_clients(server: Server, path: str, clients: int, seconds: float) -> Latency:
    """An honest poller's latencies beside clients that send a byte a second.

    The poller opens a connection for each request, twenty times a second.
    """
    return asyncio.run(_beside_slow_clients(server, path, clients, seconds))


async def _beside_slow_clients(server: Server, path: str, clients: int, seconds: float) -> Latency:
    until = time.monotonic() + seconds
    slow = [asyncio.create_task(_slow(server, until, n / clients)) for n in range(clients)]
    await asyncio.sleep(2)  # until each has sent its first byte
    taken = []
    lost = 0
    while time.monotonic() < until:
        started = time.perf_counter()
        try:
            await asyncio.wait_for(_once(server, path), _PATIENCE)
        except (OSError, TimeoutError, EOFError):
            lost += 1
        taken.append((time.perf_counter() - started) * 1000)
        await asyncio.sleep(0.05)
    await asyncio.gather(*slow)
    return Latency(len(taken), statistics.median(taken), _percentile(taken, 0.99), max(taken), lost)


def _percentile(values: list[float], part: float) -> float:
    return sorted(values)[min(int(len(values) * part), len(values) - 1)]


async def _slow(server: Server, until: float, delay: float) -> None:
    """Sends a head that never ends; comes back when it is cut off."""
    await asyncio.sleep(delay)
    while time.monotonic() < until:
        try:
            _, writer = await asyncio.open_connection(HOST, server.port)
        except OSError:
            await asyncio.sleep(1)
            continue
        for byte in b"GET /rss.xml HTTP/1.1\r\nX-Slow: " + b"x" * 1000:
            if time.monotonic() >= until or writer.is_closing():
                break
            writer.write(bytes([byte]))
            await asyncio.sleep(1)
        writer.close()


async def _once(server: Server, path: str) -> None:
    reader, writer = await asyncio.open_connection(HOST, server.port)
    head = f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\nAccept-Encoding: gzip\r\n"
    writer.write(f"{head}Connection: close\r\n\r\n".encode())
    try:
        if not (await reader.read()).startswith(b"HTTP/1.1 200"):
            raise EOFError
    finally:
        writer.close()


@contextmanager
def idle(server: Server, path: str, number: int) -> Iterator[None]:
    """Connections that have polled once, and stay open for the length of a `with` block.

    Raises BenchError when the server has closed some of them.
    """
    asked = f"HEAD {path} HTTP/1.1\r\nHost: {HOST}\r\nAccept-Encoding: gzip\r\n\r\n".encode()
    with ExitStack() as stack:
        connections = [
            stack.enter_context(socket.create_connection((HOST, server.port), _PATIENCE))
            for _ in range(number)
        ]
        for connection in connections:
            connection.sendall(asked)
        for connection in connections:
            connection.recv(65536)
        yield
        if select.select(connections[:900], [], [], 0)[0]:
            raise BenchError("some of the connections weren't idle for long enough")


class Mixed(NamedTuple):
    """What came of a mixed load: requests, answers by status, lost connections, seconds."""

    requests: int
    statuses: Counter[int]
    lost: int
    seconds: float


def mix(
    server: Server,
    requests: Iterator[tuple[str, str]],
    *,
    connections: int,
    seconds: float,
    every: Callable[[int], None],
    step: int,
) -> Mixed:
    """Send requests (path and Accept-Encoding) over a few connections until they or time end.

    `every` is called with the number sent so far, once for `step` of them.
    """
    return asyncio.run(_mix(server, requests, connections, seconds, every, step))


async def _mix(
    server: Server,
    requests: Iterator[tuple[str, str]],
    connections: int,
    seconds: float,
    every: Callable[[int], None],
    step: int,
) -> Mixed:
    statuses: Counter[int] = Counter()
    lost = 0
    sent = itertools.count(1)
    done = 0
    started = time.monotonic()

    async def client() -> None:
        nonlocal lost, done
        while time.monotonic() - started < seconds:
            reader, writer = await asyncio.open_connection(HOST, server.port, limit=1 << 20)
            try:
                for path, coding in requests:
                    writer.write(_head(path, coding))
                    statuses[await _status(reader)] += 1
                    done = next(sent)
                    if done % step == 0:
                        every(done)
                    if time.monotonic() - started >= seconds:
                        break
                else:
                    return
            except (OSError, EOFError, ValueError):
                lost += 1
            finally:
                writer.close()

    await asyncio.gather(*(client() for _ in range(connections)))
    return Mixed(done, statuses, lost, time.monotonic() - started)


def _head(path: str, coding: str) -> bytes:
    accepted = f"Accept-Encoding: {coding}\r\n" if coding else ""
    return f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\n{accepted}\r\n".encode()


async def _status(reader: asyncio.StreamReader) -> int:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    length = re.search(r"\r\ncontent-length: (\d+)", head, re.I)
    if length is None:
        raise EOFError("an answer without Content-Length")
    await reader.readexactly(int(length[1]))
    return int(head.split(" ", 2)[1])
