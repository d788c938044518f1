"""The operator's addresses at one of their own, which nobody else reaches (FEEDS_METRICS).

Workers of gunicorn listen there as well; beside granian a thread does.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import version
from socket import AF_INET6, socket
from socketserver import ThreadingMixIn
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from flask import Flask, Response, abort

from feeds.config import Config
from feeds.rendering.assets import ASSETS
from feeds.serving.document_store import DocumentStore
from feeds.serving.operator import EXTENSION, OperatorPages, blueprint
from feeds.store import recovery
from feeds.telemetry.metrics import Metrics
from feeds.telemetry.poll_store import PollStore

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


def application(found: OperatorPages) -> Flask:
    """What answers there."""
    app = Flask(__name__, static_folder=None)
    app.extensions[EXTENSION] = found
    app.register_blueprint(blueprint)

    def home() -> Response:
        return Response("See stats/ and metrics\n", 302, {"Location": "stats/"}, "text/plain")

    def asset(name: str) -> Response:
        held = ASSETS.get(f"static/{name}") or abort(404)
        return Response(held.body, content_type=held.media_type)

    app.add_url_rule("/", "home", home)
    app.add_url_rule("/static/<name>", "asset", asset)
    return app


class ByPort:
    """One application at the address of the metrics, another one at all others (gunicorn)."""

    def __init__(self, public: WSGIApplication, private: WSGIApplication, address: str) -> None:
        self._public = public
        self._private = private
        self._port = address.rpartition(":")[2]

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """What the application of the port answers that the request came in at."""
        # Where a server listens at a file, the port in the environment is what the client says.
        if environ["SERVER_PORT"] == self._port and self._came_in(environ["gunicorn.socket"]):
            return self._private(environ, start_response)
        return self._public(environ, start_response)

    def _came_in(self, connection: socket) -> bool:
        name = connection.getsockname()
        return not isinstance(name, str | bytes) and str(name[1]) == self._port


def operator_app(config: Config, warn: recovery.Warn) -> Flask:
    """The same in a process that serves no feeds itself."""
    delivery = DocumentStore(
        recovery.open_for_reading(config.database, warn), config, followed=True
    )
    audience = PollStore.of(config.database, warn)
    return application(OperatorPages(delivery, Metrics(), audience, None, version("feeds")))


class _Listening(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    timeout = 10.0

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name for it
        """Nothing: requests are logged by the servers of feeds, where that is asked for."""


def listen(address: str, app: Flask) -> WSGIServer:
    """A server at host:port for the operator and Prometheus alone. Raises OSError."""
    host, _, port = address.rpartition(":")
    kind = type("_V6", (_Listening,), {"address_family": AF_INET6}) if ":" in host else _Listening
    return make_server(host.strip("[]"), int(port), app, kind, _Quiet)
