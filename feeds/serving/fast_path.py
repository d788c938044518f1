"""The WSGI layer ahead of Flask: prepared documents, answered from a dictionary.

It takes hits alone: GET or HEAD, a canonical address, a document of the present
generation in a coding that was asked for before, sent whole or not modified.
Everything else falls through to the Flask view, which decides by the same
function (`feeds.serving.conditional`).
"""

from __future__ import annotations

from collections.abc import Iterable
from time import perf_counter
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from feeds.serving.conditional import decide
from feeds.serving.document_store import DocumentStore
from feeds.serving.documents import Answer
from feeds.telemetry.observer import Observer

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_METHODS: Final = ("GET", "HEAD")
_OK: Final = 200
_SENT: Final = (_OK, 304)


class FastPath:
    """Wraps a WSGI application; `observer` sees every request pass, where there is one."""

    def __init__(
        self,
        application: WSGIApplication,
        documents: DocumentStore,
        observer: Observer | None = None,
    ) -> None:
        self.application = application
        self.watch = documents.watch
        self._prepared = documents.cache.prepared
        self.observer = observer

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """A prepared document, or what the application answers."""
        started = perf_counter() if self.observer is not None else 0.0
        if "HTTP_SCRIPT_NAME" in environ:  # gunicorn lets it cut the path, if nobody forbids it
            environ["PATH_INFO"] = unquote(environ["SCRIPT_NAME"], "latin-1") + environ["PATH_INFO"]
            environ["SCRIPT_NAME"] = ""
        if not environ.get("PATH_INFO"):
            # Werkzeug would redirect to a slash, on the host that the request names.
            environ["PATH_INFO"] = "/"
        address = environ["PATH_INFO"]
        if "?" in address:  # it was encoded, part of a name
            return self._long_way(environ, start_response, started)
        if environ.get("QUERY_STRING"):
            address = f"{address}?{environ['QUERY_STRING']}"
        answer = self.prepared(environ, address, started)
        if answer is None:
            return self._long_way(environ, start_response, started)
        start_response(answer.status, answer.headers.copy())
        return (answer.body,) if answer.body else ()

    def prepared(self, environ: WSGIEnvironment, address: str, started: float) -> Answer | None:
        """The prepared answer to a request, counted and logged; None where Flask must answer.

        `environ` needs the method and the header fields alone; `started` is of `perf_counter`.
        """
        method = environ["REQUEST_METHOD"]
        # A browser that opens a feed is led to its page.
        if method not in _METHODS or "HTTP_SEC_FETCH_DEST" in environ:
            return None
        document = self._prepared(address)
        if document is None:
            return None
        answer = decide(method, environ, document, document.prepared)
        if answer is None or answer.code not in _SENT:
            return None
        if answer.code == _OK and "HTTP_A_IM" in environ:  # what changed may do
            return None
        if self.observer is not None:
            self.observer.hit(environ, address, answer.code, answer.coding, answer.size, started)
        return answer

    def _long_way(
        self, environ: WSGIEnvironment, start_response: StartResponse, started: float
    ) -> Iterable[bytes]:
        if self.observer is None:
            return self.application(environ, start_response)
        return self.observer.long_way(self.application, environ, start_response, started)
