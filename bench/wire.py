"""Random requests, well-formed or not, for as long as you like: `python -m bench.wire`.

`feeds serve` gets bytes that a client, a proxy or nobody would send: odd lines, fields, ends and
pieces, several requests at once, connections that are cut off. None may be answered by a 5xx or
not at all; whole feeds must have the right body all the while; and in the end, the worker has as
many files open as in the beginning, and no more memory.
"""

from __future__ import annotations

import random
import re
import socket
import struct
import tempfile
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Final

import click

from bench import records
from bench.servers import (
    HOST,
    BenchError,
    Server,
    free_port,
    listens,
    python,
    resident,
    running,
    workers,
)

FEED: Final = "/rss.xml"
_METHODS: Final = ("GET",) * 8 + ("HEAD", "POST", "OPTIONS", "TRACE", "get", "FETCH", "")
_TARGETS: Final = (
    FEED, FEED, "/", "/feed.json?limit=2", "/nothing/", "*", "x", "http://a.example/rss.xml", "//",
    "/%ff", "/a b", "/rss.xml#x", "/?q=%C3%BC", "/topics/ai/", "/\xff", "/" + "a" * 5000,
)  # fmt: skip
_VERSIONS: Final = ("HTTP/1.1",) * 9 + ("HTTP/1.0", "HTTP/2.0", "HTTP/1.1 ", "")
_FIELDS: Final = (
    "Host: x", "Accept-Encoding: gzip", "Accept-Encoding: br", "If-None-Match: *", "A-IM: feed",
    'If-None-Match: "a"', "Connection: close", "Connection: keep-alive", "Connection: x",
    "Content-Length: 0", "Content-Length: 3", "Content-Length: x", "Transfer-Encoding: chunked",
    "X-A : b", " folded", "X_A: b", "Sec-Fetch-Dest: document", "Sec-Fetch-Mode: navigate",
    "X-Request-ID: a", "Expect: 100-continue", "Range: bytes=0-1", "User-Agent: \xe9",
    "Upgrade: h2c", "no colon", ": x", "X: \x01", "X: " + "a" * 9000,
)  # fmt: skip
_ENDS: Final = ("\r\n",) * 40 + ("\n", "\r", "")
_STATUS: Final = re.compile(rb"(?:\A|\n|>|\))HTTP/1\.[01] (\d{3})")
_PATIENCE: Final = 10.0  # seconds for an answer, or the end of the connection
_WARM: Final = 2000  # connections until all is made that is made once
_GROWTH: Final = 16.0  # MiB
_FILES: Final = 8


def request(chance: random.Random) -> bytes:
    """One request, or something like it."""
    line = " ".join((chance.choice(_METHODS), chance.choice(_TARGETS), chance.choice(_VERSIONS)))
    lines = [line, *chance.choices(_FIELDS, k=chance.choice((0, 1, 2, 4)))]
    text = "".join(one + chance.choice(_ENDS) for one in lines) + chance.choice(_ENDS)
    return text.encode("latin-1")


def send(server: Server, sent: bytes, chance: random.Random) -> bytes | None:
    """What the server answers until it closes; None where the client doesn't wait for it."""
    answer = bytearray()
    with socket.create_connection((HOST, server.port), _PATIENCE) as connection:
        try:
            cut = chance.randrange(len(sent) + 1) if chance.random() < 0.3 else len(sent)
            connection.sendall(sent[:cut])
            if chance.random() < 0.1:
                off = struct.pack("ii", 1, 0)  # as clients that crash do
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, off)
                return None
            connection.sendall(sent[cut:])
            with suppress(OSError):  # it was closed already
                connection.shutdown(socket.SHUT_WR)
            while received := connection.recv(65536):
                answer += received
        except (ConnectionError, TimeoutError) as error:
            if isinstance(error, TimeoutError):
                raise BenchError(f"not answered, and not closed: {sent!r}") from None
    return bytes(answer)


def run(server: Server, seconds: float, chance: random.Random) -> Counter[str]:
    """Send until time is up; answers by status. Raises BenchError for what may not happen."""
    statuses: Counter[str] = Counter()
    body = server.get(FEED).body
    (worker,) = (pid for pid in workers(server) if listens(pid))
    before = 0, 0.0
    until, number = time.monotonic() + seconds, 0
    while time.monotonic() < until or number < 2 * _WARM:
        sent = b"".join(request(chance) for _ in range(chance.choice((1, 1, 1, 2, 5))))
        for status in _STATUS.findall(send(server, sent, chance) or b""):
            statuses[status.decode()] += 1
            if status.startswith(b"5"):
                raise BenchError(f"{status.decode()}: {sent!r}")
        number += 1
        if number % 100 == 0 and server.get(FEED).body != body:
            raise BenchError("the feed is another")
        if number == _WARM:
            before = _files(worker), resident(worker)
    statuses["connections"] = number
    time.sleep(_PATIENCE)  # until those that wait are closed
    files, memory = _files(worker) - before[0], resident(worker) - before[1]
    click.echo(f"files: {files:+}, memory: {memory:+.1f} MiB")
    if files > _FILES or memory > _GROWTH:
        raise BenchError("the worker has grown")
    return statuses


def _files(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


@click.command()
@click.option("--minutes", default=5.0, show_default=True)
@click.option("--seed", default=1, show_default=True)
def main(minutes: float, seed: int) -> None:
    """Send random requests, and print the answers by status."""
    with tempfile.TemporaryDirectory(prefix="feeds-bench-", ignore_cleanup_errors=True) as name:
        folder, port = Path(name), free_port()
        records.write(folder / "records", 200)
        variables = {
            "FEEDS_SEEDS": str(folder / "records"),
            "FEEDS_DATABASE_URL": f"sqlite:///{folder / 'feeds.db'}",
            "FEEDS_BIND": f"{HOST}:{port}",
            "FEEDS_BASE_URL": "https://feeds.example.org",
            "FEEDS_WORKERS": "1",
            "FEEDS_METRICS": "on",
        }
        try:
            with running(python("feeds", "serve"), port, folder, variables) as server:
                statuses = run(server, minutes * 60, random.Random(seed))  # noqa: S311 - must repeat
        except BenchError as error:
            raise click.ClickException(str(error)) from None
        if "Traceback" in (folder / f"{port}.log").read_text(errors="replace"):
            raise click.ClickException("the log has a traceback")
    for status, count in sorted(statuses.items()):
        click.echo(f"{status}: {count:,}")


if __name__ == "__main__":
    main()
