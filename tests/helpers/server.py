"""What tests of HTTP share: the application, and `feeds serve` as a process of its own."""

import os
import shutil
import signal
import socket
import subprocess
import sysconfig
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import unquote

import pytest
from flask import Flask
from werkzeug.test import EnvironBuilder

from feeds.config import read
from feeds.loading import loader
from feeds.loading.report import Report
from feeds.serving.app import assemble
from feeds.serving.document_store import DocumentStore, Timing
from feeds.serving.views import EXTENSION
from tests.helpers.databases import databases
from tests.helpers.support import write

FEEDS: Final = Path(sysconfig.get_path("scripts")) / "feeds"
PROJECT: Final = Path(__file__).parent.parent.parent
ROOT: Final = "https://feeds.example.org"
PATIENCE: Final = 120.0  # seconds until something that must happen counts as failed
_held: list[socket.socket] = []  # the ports that servers of ours have


def news(folder: Path, entries: int = 5) -> Path:
    """A folder of that many records, one for each day from 2024-01-01 on."""
    for number in range(entries):
        month, day = divmod(number, 28)
        write(
            folder,
            f"{number:03}.md",
            title=f"Story {number}",
            excerpt="A story. " * 20,
            publishedDateTime=f"2024-{month + 1:02}-{day + 1:02}T00:00:00Z",
            provider={"name": "Example Times", "domain": "times.example.com"},
            topics=["AI", "C++"][: 1 + number % 2],
            type="article",
        )
    return folder


def application(folder: Path, timing: Timing | None = None, **settings: Any) -> Flask:
    """The application over a folder of records, with a database beside it."""
    database = databases.at(folder.with_name(f"{folder.name}.db"))
    known = {"seeds": str(folder), "database_url": database, "base_url": ROOT}
    return assemble(read(known | settings), timing)


def documents(app: Flask) -> DocumentStore:
    found: DocumentStore = app.extensions[EXTENSION]
    return found


def load(app: Flask, folder: Path) -> Report:
    """Loads the folder again, and has the application look at once."""
    report = loader.load(documents(app).store, folder)
    documents(app).watch.look_again()
    return report


class Answer(NamedTuple):
    status: str
    headers: list[tuple[str, str]]
    body: bytes

    @property
    def code(self) -> int:
        return int(self.status[:3])

    def get(self, name: str) -> str | None:
        values = [value for key, value in self.headers if key.lower() == name.lower()]
        assert len(values) < 2, f"{name} is there {len(values)} times"
        return values[0] if values else None


def call(
    wsgi: Callable[..., Iterable[bytes]],
    address: str,
    headers: Mapping[str, str] | None = None,
    method: str = "GET",
) -> Answer:
    """One answer of a WSGI application, as it makes it: status, sorted headers, body."""
    path, _, query = address.partition("?")
    environ = EnvironBuilder(method=method, headers=list((headers or {}).items())).get_environ()
    environ |= {"PATH_INFO": unquote(path, "latin-1"), "QUERY_STRING": query}
    started: list[tuple[str, list[tuple[str, str]]]] = []
    chunks = wsgi(environ, lambda status, found, *_: started.append((status, found)))
    try:
        body = b"".join(chunks)
    finally:
        getattr(chunks, "close", lambda: None)()
    return Answer(started[0][0], sorted(started[0][1]), body)


def get(app: Flask, address: str, **headers: str) -> Answer:
    """GET; `if_none_match="..."` is the header If-None-Match."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return call(app.wsgi_app, address, named)


def until(what: Callable[[], Any]) -> Any:
    """What `what` returns as soon as that is true."""
    end = time.monotonic() + PATIENCE
    while not (found := what()):
        assert time.monotonic() < end, "it never became true"
        time.sleep(0.02)
    return found


def free_port() -> int:
    """A port that nobody else is given: it stays bound here, which a server doesn't mind."""
    holder = socket.socket()
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    holder.bind(("127.0.0.1", 0))
    _held.append(holder)
    port: int = holder.getsockname()[1]
    return port


def clean_environment(home: Path) -> dict[str, str]:
    """The environment without settings of ours, for a process with a home of its own."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("FEEDS_", "XDG_"))}
    return kept | {"HOME": str(home), "no_proxy": "127.0.0.1", "LC_ALL": "C.UTF-8"}


def feeds(*arguments: str, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Runs the `feeds` command to its end."""
    return subprocess.run(
        [FEEDS, *arguments],
        cwd=cwd,
        env=clean_environment(cwd) | variables,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


@dataclass
class Served:
    """A server process over a folder of records. `start` it; `stop` it in the end."""

    folder: Path
    home: Path
    variables: dict[str, str] = field(default_factory=dict)
    command: tuple[str | Path, ...] = (FEEDS, "serve")
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        return (self.home / f"{self.port}.log").read_text(errors="replace")

    def settings(self) -> dict[str, str]:
        return {
            "FEEDS_SEEDS": str(self.folder),
            "FEEDS_DATABASE_URL": f"sqlite:///{self.home / 'served.db'}",
            "FEEDS_BIND": f"127.0.0.1:{self.port}",
            "FEEDS_WORKERS": "1",
        } | self.variables

    def start(self) -> "Served":
        """Starts the process and waits until it answers."""
        self.home.mkdir(parents=True, exist_ok=True)
        with (self.home / f"{self.port}.log").open("wb") as log:
            self.process = subprocess.Popen(
                [*self.command],
                cwd=self.home,
                env=clean_environment(self.home) | self.settings(),
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        until(self._answers)
        return self

    def _answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.log
        try:
            return self.get("/rss.xml").code == 200
        except ConnectionError:
            return False

    def stop(self) -> None:
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self.process = None

    def load(self) -> None:
        """Runs `feeds load` on the folder."""
        done = feeds("load", cwd=self.home, **self.settings())
        assert done.returncode == 0, done.stderr

    def get(self, address: str, method: str = "GET", **headers: str) -> Answer:
        """One request on a connection of its own."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.putrequest(method, address, skip_accept_encoding=True)
            for name, value in headers.items():
                connection.putheader(name.replace("_", "-"), value)
            connection.endheaders()
            response = connection.getresponse()
            status = f"{response.status} {response.reason}"
            return Answer(status, sorted(response.getheaders()), response.read())
        finally:
            connection.close()

    def raw(self, request: bytes) -> bytes:
        """The whole answer to these bytes."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE) as connection:
            connection.sendall(request)
            with suppress(OSError):  # it has closed already
                connection.shutdown(socket.SHUT_WR)
            chunks = []
            try:
                while chunk := connection.recv(65536):
                    chunks.append(chunk)
            except ConnectionResetError:
                pass  # it closed with bytes of ours unread; what it said before counts
            return b"".join(chunks)


def program(name: str) -> str:
    """The path of a Debian program; the test is skipped where there is none."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} isn't installed")
    return found
