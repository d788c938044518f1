"""A steady load of polls, in a process of its own: conditional or not, in several codings.

Every body is checked to be a whole, well-formed feed.
"""

from __future__ import annotations

import gzip
import http.client
import json
import random
import threading
import time
from collections import Counter
from multiprocessing.connection import Connection
from typing import Final, NamedTuple

from lxml import etree

from bench.servers import HOST

_ROOTS: Final = {"rss", "feed", "https://jsonfeed.org/version/1.1"}
_PATIENCE: Final = 20.0
_PAUSE: Final = 0.1  # seconds after a lost connection


class Polls(NamedTuple):
    """What came of polls: answers by status, errors by name, milliseconds, bodies seen and bad."""

    statuses: Counter[int]
    errors: Counter[str]
    took: list[float]
    bodies: int
    bad: list[str]


class _Client(threading.Thread):
    """Polls addresses at random over one connection that is kept alive."""

    def __init__(self, port: int, addresses: list[str], pause: float, seed: int) -> None:
        super().__init__(daemon=True)
        self.stop = threading.Event()
        self.polls = Polls(Counter(), Counter(), [], 0, [])
        self.bodies: set[int] = set()  # that were checked
        self._port = port
        self._addresses = addresses
        self._pause = pause
        self._chance = random.Random(seed)  # noqa: S311 - no secret, and must repeat
        self._tags: dict[tuple[str, str], str] = {}

    def run(self) -> None:
        connection = http.client.HTTPConnection(HOST, self._port, timeout=_PATIENCE)
        while not self.stop.wait(self._chance.uniform(0, 2 * self._pause)):
            started = time.perf_counter()
            try:
                self._poll(connection)
            except (OSError, http.client.HTTPException) as error:
                self.polls.errors[type(error).__name__] += 1
                connection.close()
                time.sleep(_PAUSE)
            else:
                self.polls.took.append((time.perf_counter() - started) * 1000)
        connection.close()

    def _poll(self, connection: http.client.HTTPConnection) -> None:
        address = self._chance.choice(self._addresses)
        coding = self._chance.choice(("gzip", "identity"))
        headers = {"Accept-Encoding": coding}
        tag = self._tags.get((address, coding))
        if tag and self._chance.random() < 2 / 3:
            headers["If-None-Match"] = tag
            if self._chance.random() < 1 / 3:
                headers["A-IM"] = "feed"
        connection.request("GET", address, headers=headers)
        answer = connection.getresponse()
        body = answer.read()
        self.polls.statuses[answer.status] += 1
        if answer.status in (200, 226):
            self._tags[address, coding] = answer.headers["ETag"]
            self._check(address, answer, body)

    def _check(self, address: str, answer: http.client.HTTPResponse, body: bytes) -> None:
        if hash(body) in self.bodies:
            return
        self.bodies.add(hash(body))
        try:
            if answer.headers["Content-Encoding"] == "gzip":
                body = gzip.decompress(body)
            root = _root(address, body)
        except (OSError, EOFError, ValueError, etree.XMLSyntaxError) as error:
            self.polls.bad.append(f"{address}: {error}")
            return
        if root not in _ROOTS:
            self.polls.bad.append(f"{address}: its root is {root}")


def _root(address: str, body: bytes) -> str:
    """What a feed says it is. Raises ValueError and XMLSyntaxError when it isn't whole."""
    if address.partition("?")[0].endswith(".json"):
        return str(json.loads(body).get("version"))
    return str(etree.QName(etree.fromstring(body)).localname)


def poll(port: int, addresses: list[str], clients: int, rate: float, control: Connection) -> None:
    """Poll until `control` says something, and answer it with what came of it."""
    running = [_Client(port, addresses, clients / rate, n) for n in range(clients)]
    for client in running:
        client.start()
    control.recv()
    for client in running:
        client.stop.set()
    for client in running:
        client.join(_PATIENCE)
    polls = [client.polls for client in running]
    control.send(
        Polls(
            sum((p.statuses for p in polls), Counter()),
            sum((p.errors for p in polls), Counter()),
            [taken for p in polls for taken in p.took],
            sum(len(client.bodies) for client in running),
            [bad for p in polls for bad in p.bad],
        )
    )
