"""The WSGI layer ahead of Flask: prepared documents, answered from a dictionary.

It takes exact hits alone: GET or HEAD, a canonical address, a document of the
present generation in a coding that was asked for before, and nothing unusual
in the request. Everything else falls through to the Flask view, which gives
the same answer the long way.
"""

from __future__ import annotations

from collections.abc import Iterable
from time import perf_counter
from typing import TYPE_CHECKING

from feeds.serving import content_coding
from feeds.serving.document_store import DocumentStore
from feeds.telemetry.observer import Observer

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

# Their rules are the view's and Werkzeug's to apply.
_UNUSUAL = (
    "HTTP_SEC_FETCH_DEST",
    "HTTP_IF_MATCH",
    "HTTP_IF_UNMODIFIED_SINCE",
    "HTTP_IF_RANGE",
    "HTTP_RANGE",
)


class FastPath:
    """Wraps a WSGI application; `observer` sees every request pass, where there is one."""

    def __init__(
        self,
        application: WSGIApplication,
        delivery: DocumentStore,
        observer: Observer | None = None,
    ) -> None:
        self.application = application
        self.delivery = delivery
        self.observer = observer

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """A prepared document, or what the application answers."""
        observer = self.observer
        started = perf_counter() if observer is not None else 0.0
        if not environ.get("PATH_INFO"):
            # Werkzeug would redirect to a slash, on the host that the request names.
            environ["PATH_INFO"] = "/"
        method = environ["REQUEST_METHOD"]
        if method not in ("GET", "HEAD") or any(name in environ for name in _UNUSUAL):
            return self._long_way(environ, start_response, started)
        address = environ["PATH_INFO"]
        if "?" in address:  # encoded: part of a name, no parameters
            return self._long_way(environ, start_response, started)
        if environ.get("QUERY_STRING"):
            address = f"{address}?{environ['QUERY_STRING']}"
        document = self.delivery.prepared(address)
        coding = content_coding.choose(environ.get("HTTP_ACCEPT_ENCODING"))
        variant = document.prepared(coding) if document and coding else None
        if document is None or coding is None or variant is None:
            return self._long_way(environ, start_response, started)
        tags = environ.get("HTTP_IF_NONE_MATCH")
        if tags == variant.etag:
            start_response("304 NOT MODIFIED", variant.headers_304.copy())
            if observer is not None:
                observer.hit(environ, address, 304, coding, len(variant.body), started)
            return ()
        if tags is None and (since := environ.get("HTTP_IF_MODIFIED_SINCE")) is not None:
            if not since or since != document.last_modified:
                return self._long_way(environ, start_response, started)
            start_response("304 NOT MODIFIED", variant.headers_304.copy())
            if observer is not None:
                observer.hit(environ, address, 304, coding, len(variant.body), started)
            return ()
        if tags is not None:
            return self._long_way(environ, start_response, started)
        start_response("200 OK", variant.headers.copy())
        if observer is not None:
            observer.hit(environ, address, 200, coding, len(variant.body), started)
        return () if method == "HEAD" else (variant.body,)

    def _long_way(
        self, environ: WSGIEnvironment, start_response: StartResponse, started: float
    ) -> Iterable[bytes]:
        if self.observer is None:
            return self.application(environ, start_response)
        return self.observer.long_way(self.application, environ, start_response, started)
