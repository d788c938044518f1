"""The operator's pages: /metrics for Prometheus, /stats/ for people.

On the feeds' own address, or at one of its own where that is set: workers of
gunicorn listen there as well. Neither is in the sitemap, indexed or cached.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from threading import Lock
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from flask import Blueprint, Flask, Response, abort, current_app, request
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy.exc import SQLAlchemyError

from feeds.config import Config
from feeds.rendering.assets import ASSETS
from feeds.serving.document_store import DocumentStore
from feeds.serving.readiness import troubles
from feeds.setting_types import is_loopback
from feeds.statistics.counter import RequestCounter
from feeds.statistics.page import stats_page
from feeds.statistics.poll_store import PollStore
from feeds.telemetry import metrics
from feeds.telemetry.metrics import Metrics, host_of

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

EXTENSION: Final = "feeds.serving.operator"
_KEPT: Final = 5.0  # seconds that the page is shown again, however often it is asked for
_POLICY: Final = (
    "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)

blueprint: Final = Blueprint("operator", __name__)
_STATES: Final = {  # of records, by their names in the counts of a load
    "public": "public",
    "hidden": "hidden",
    "merged": "merged",
    "errors": "in error",
    "kept": "kept",
}


class OperatorPages:
    """The bytes of the operator's pages about one application."""

    def __init__(
        self,
        documents: DocumentStore,
        figures: Metrics,
        poll_store: PollStore | None,
        counter: RequestCounter | None,
        version: str,
    ) -> None:
        self.documents = documents
        self.metrics = figures
        self.poll_store = poll_store
        self.counter = counter
        self.version = version
        self._page: tuple[float, bytes] | None = None
        self._lock = Lock()

    def figures(self) -> bytes:
        """The text of /metrics (Prometheus' exposition format)."""
        if self.counter is not None:
            self.counter.fold()
        of_store = StoreCollector(self.documents, self.version, self._waiting())
        return self.metrics.render(of_store)

    def _waiting(self) -> dict[str, int]:
        hubs = dict.fromkeys(self.documents.config.hubs, 0)
        if hubs:
            try:
                with self.documents.store.read() as reader:
                    hubs |= reader.pings_waiting(self.documents.config.hubs)
            except SQLAlchemyError:
                return {}
        return hubs

    def page(self, now: float) -> bytes:
        """The HTML of /stats/. `now` in seconds since 1970."""
        with self._lock:
            kept = self._page
            if kept is None or time.monotonic() - kept[0] > _KEPT:
                if self.counter is not None:
                    self.counter.tick(at_once=True)
                body = stats_page(self.documents.pages, self.poll_store, now)
                self._page = kept = (time.monotonic(), body)
            return kept[1]


class StoreCollector(Collector):
    """Figures of the store, as the worker that answers knows them."""

    def __init__(self, documents: DocumentStore, version: str, waiting: Mapping[str, int]) -> None:
        self._watch = documents.watch
        self._troubles = troubles(documents, int(time.time()))
        self._version = version
        self._waiting = waiting

    def collect(self) -> Iterable[Metric]:
        state, health = self._watch.generation(), self._watch.health
        is_up = int(self._watch.store_is_up)
        yield _gauge("feeds_info", "The version that answers", {"version": self._version}, 1)
        yield _gauge("feeds_generation", "Which load is served", {}, state.generation)
        yield _gauge("feeds_store_up", "Whether the store answers", {}, is_up)
        is_degraded = int(any(self._troubles.values()))
        yield _gauge("feeds_degraded", "Whether anything is wrong", {}, is_degraded)
        causes = GaugeMetricFamily("feeds_trouble", "What is wrong, by kind", labels=["kind"])
        for kind, why in self._troubles.items():
            causes.add_metric([kind], int(bool(why)))
        yield causes
        yield _gauge("feeds_entries", "Entries in all", {}, health.counts.get("entries", 0))
        loaded = health.loaded or state.loaded
        yield _gauge("feeds_last_load_timestamp_seconds", "When a load last succeeded", {}, loaded)
        yield _gauge(
            "feeds_last_look_timestamp_seconds", "When a load was last tried", {}, health.checked
        )
        records = GaugeMetricFamily("feeds_records", "Record files by state", labels=["state"])
        for name, state_name in _STATES.items():
            records.add_metric([state_name], health.counts.get(name, 0))
        yield records
        waiting = GaugeMetricFamily(
            "feeds_hub_pings_waiting", "Pings that are still to be made", labels=["hub"]
        )
        by_host: dict[str, int] = {}
        for hub, number in self._waiting.items():
            by_host[host_of(hub)] = by_host.get(host_of(hub), 0) + number
        for host, number in by_host.items():
            waiting.add_metric([host], number)
        yield waiting


def _gauge(name: str, about: str, labels: Mapping[str, str], value: Any) -> Metric:
    family = GaugeMetricFamily(name, about, labels=[*labels])
    family.add_metric([*labels.values()], value)
    return family


# -- over HTTP ----------------------------------------------------------------------


def operator_pages() -> OperatorPages:
    """Those of the application that answers."""
    pages: OperatorPages = current_app.extensions[EXTENSION]
    return pages


@blueprint.before_request
def only_here() -> None:
    """404 to other machines, under FEEDS_METRICS=auto, and to who calls this one by another name.

    A page of another site can have its own name lead here, and a browser here read for it.
    """
    config: Config = operator_pages().documents.config
    target = request.environ.get("RAW_URI", "/")
    # That of a target that is a whole URL prevails (RFC 9112, 3.2.2).
    host = request.host if target.startswith("/") else target.partition("://")[2]
    is_here = _is_here(request.remote_addr or "") and _is_here(_hostname(host))
    if config.metrics == "auto" and not is_here:
        abort(404)


def _is_here(host: str) -> bool:
    return host == "localhost" or is_loopback(host.strip("[]"))


def _hostname(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


@blueprint.get("/metrics")
def figures() -> Response:
    """The figures of all processes."""
    return _private(Response(operator_pages().figures(), content_type=metrics.CONTENT_TYPE))


@blueprint.get("/stats")
def stats_without_slash() -> Response:
    """A redirect to the page. Werkzeug's would name the Host header, and be for everybody."""
    return _private(Response("See stats/\n", 308, {"Location": "stats/"}, "text/plain"))


@blueprint.get("/stats/")
def stats() -> Response:
    """The page of who polls what."""
    response = Response(operator_pages().page(time.time()), mimetype="text/html")
    response.headers["Content-Security-Policy"] = _POLICY
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["Cross-Origin-Opener-Policy"] = "same-origin"
    return _private(response)


def _private(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Robots-Tag"] = "noindex, nofollow"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


def register(app: Flask, pages: OperatorPages) -> None:
    """Have an application that serves feeds answer the operator too, where it should."""
    app.extensions[EXTENSION] = pages
    config = pages.documents.config
    if config.metrics == "on" or (config.metrics == "auto" and config.is_local):
        app.register_blueprint(blueprint)


# -- at an address of its own (FEEDS_METRICS) -----------------------------------------


def application(pages: OperatorPages) -> Flask:
    """The WSGI application of the operator's own address."""
    app = Flask(__name__, static_folder=None)
    app.extensions[EXTENSION] = pages
    app.register_blueprint(blueprint)

    def home() -> Response:
        return Response("See stats/ and metrics\n", 302, {"Location": "stats/"}, "text/plain")

    def static(name: str) -> Response:
        asset = ASSETS.get(f"static/{name}") or abort(404)
        return Response(asset.body, content_type=asset.media_type)

    app.add_url_rule("/", "home", home)
    app.add_url_rule("/static/<name>", "asset", static)
    return app


class ByPort:
    """One application at the address of the metrics, another one at all others (gunicorn)."""

    def __init__(self, public: WSGIApplication, private: WSGIApplication, address: str) -> None:
        self._public = public
        self._private = private
        self._port = address.rpartition(":")[2]

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """The response of the application whose port the request came in at."""
        # Where a server listens at a file, the port in the environment is what the client says.
        return self.at(environ["gunicorn.socket"].getsockname())(environ, start_response)

    def at(self, name: object) -> WSGIApplication:
        """The application that answers at a socket, by what it listens at."""
        is_private = isinstance(name, tuple) and str(name[1]) == self._port
        return self._private if is_private else self._public
