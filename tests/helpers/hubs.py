"""WebSub hubs and a subscriber for tests: a hub that does what it is told, and real ones."""

import socket
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any, NamedTuple
from urllib.parse import parse_qs

from flask import Flask
from flask_websub.hub import Hub, SQLite3HubStorage
from flask_websub.subscriber import (
    SQLite3SubscriberStorage,
    SQLite3TempSubscriberStorage,
    Subscriber,
    discover,
)
from werkzeug.serving import make_server

from tests.helpers.server import PATIENCE, free_port, until

Headers = Mapping[str, str]


class Asked(NamedTuple):
    """One request that a hub got."""

    form: dict[str, str]
    headers: dict[str, str]


class Scripted:
    """A hub that answers with what it is told to; `start` it, `stop` it in the end."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/hub"
        self.asked: list[Asked] = []
        self.answer: Callable[[str], tuple[int, Headers]] = lambda _: (202, {})
        self.go_on = Event()  # an answer waits for it
        self.go_on.set()
        self._server: ThreadingHTTPServer | None = None

    @property
    def urls(self) -> list[str]:
        """What it was told of, in order."""
        return [asked.form["hub.url"] for asked in list(self.asked)]

    def start(self) -> "Scripted":
        hub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"  # connections are kept

            def do_POST(self) -> None:
                hub._answer(self)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self._server.daemon_threads = True
        Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def _answer(self, request: BaseHTTPRequestHandler) -> None:
        form = parse_qs(request.rfile.read(int(request.headers["Content-Length"])).decode())
        told = Asked({name: value for name, (value,) in form.items()}, dict(request.headers))
        self.asked.append(told)
        status, headers = self.answer(told.form["hub.url"])
        self.go_on.wait(PATIENCE)
        try:
            request.send_response(status)
            for name, value in {"Content-Length": "0", **headers}.items():
                request.send_header(name, value)
            request.end_headers()
        except ConnectionError:
            pass  # whoever asked was killed

    def stop(self) -> None:
        self.go_on.set()
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None


@contextmanager
def answering(port: int, answer: bytes) -> Iterator[None]:
    """Something at a port that answers every connection with these bytes."""
    listening = socket.create_server(("127.0.0.1", port))

    def run() -> None:
        with suppress(OSError):  # it was closed
            while True:
                connection, _ = listening.accept()
                with connection:
                    connection.recv(65536)
                    connection.sendall(answer)

    thread = Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join()


# -- real ones, of flask-websub -----------------------------------------------------------


class _Task:
    def __init__(self, tasks: "_Tasks", work: Callable[..., Any], *, bound: bool) -> None:
        self._tasks, self._work, self._bound = tasks, work, bound

    def delay(self, *arguments: Any) -> None:
        given = (self, *arguments) if self._bound else arguments
        self._tasks.pool.submit(self._run, given)

    def _run(self, given: tuple[Any, ...]) -> None:
        try:
            self._work(*given)
        except Exception as error:  # noqa: BLE001 - a test asserts that there was none
            self._tasks.failed.append(error)


class _Tasks:
    """What flask-websub's hub asks of Celery: tasks that run beside the requests."""

    def __init__(self) -> None:
        self.pool = ThreadPoolExecutor(4)
        self.failed: list[Exception] = []

    def task(self, *, bind: bool = False, **_: Any) -> Callable[[Callable[..., Any]], _Task]:
        return lambda work: _Task(self, work, bound=bind)


class _Site:
    """A Flask application that is served."""

    def __init__(self, app: Flask) -> None:
        self._server = make_server("127.0.0.1", 0, app, threaded=True)
        self._thread = Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.port}"

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class RealHub:
    """flask-websub's hub: it fetches what it is told of and gives it to its subscribers."""

    def __init__(self, folder: Path) -> None:
        self._tasks = _Tasks()
        app = Flask(__name__)
        app.config["PUBLISH_SUPPORTED"] = True
        hub = Hub(SQLite3HubStorage(str(folder / "hub.db")), self._tasks, **app.config)
        app.register_blueprint(hub.build_blueprint(url_prefix="/hub"))
        self._site = _Site(app)

    @property
    def url(self) -> str:
        return f"{self._site.url}/hub"

    @property
    def failed(self) -> list[Exception]:
        """What went wrong in its tasks."""
        return self._tasks.failed

    def close(self) -> None:
        self._site.close()
        self._tasks.pool.shutdown()


class Content(NamedTuple):
    """What a subscriber was given of a topic, and when, in seconds."""

    topic: str
    body: bytes
    at: float


class RealSubscriber:
    """flask-websub's subscriber; `received` is what hubs gave it, in order."""

    def __init__(self, folder: Path) -> None:
        self.received: list[Content] = []
        self._subscribed: list[str] = []
        path = str(folder / "subscriber.db")
        self._subscriber = Subscriber(
            SQLite3SubscriberStorage(path), SQLite3TempSubscriberStorage(path)
        )
        self._subscriber.add_listener(self._receive)
        self._subscriber.add_success_handler(lambda topic, *_: self._subscribed.append(topic))
        self._app = Flask(__name__)
        self._app.register_blueprint(self._subscriber.build_blueprint(url_prefix="/callbacks"))
        self._site = _Site(self._app)

    def _receive(self, topic: str, _: str, body: bytes) -> None:
        self.received.append(Content(topic, body, time.monotonic()))

    def subscribe(self, url: str) -> dict[str, str]:
        """Subscribe as a reader does, who is given any URL; its topic and hub."""
        found: dict[str, str] = discover(url)
        with self._app.test_request_context(base_url=self._site.url):
            self._subscriber.subscribe(**found)
        until(lambda: found["topic_url"] in self._subscribed)
        return found

    def close(self) -> None:
        self._site.close()
