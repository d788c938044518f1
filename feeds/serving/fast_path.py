"""The WSGI layer ahead of Flask: prepared documents, answered from a dictionary.

It takes plain requests alone: GET or HEAD, a canonical address, a document that was made
before, and is made anew after a load, sent whole or not modified.
Everything else falls through to the Flask view, which decides by the same
function (`feeds.serving.conditional`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from feeds.serving.conditional import decide
from feeds.serving.document_store import DocumentStore
from feeds.serving.documents import Answer, Document, Variant
from feeds.telemetry.log import MADE, PREPARED
from feeds.telemetry.observer import Observer

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_METHODS: Final = ("GET", "HEAD")
_OK: Final = 200
_SENT: Final = (_OK, 304)


def _is_plain(environ: WSGIEnvironment) -> bool:
    """Whether a document is asked for, and not by a browser that is led to a feed's page."""
    return environ["REQUEST_METHOD"] in _METHODS and "HTTP_SEC_FETCH_DEST" not in environ


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
        self._documents = documents
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
        answer = self.prepared(environ, address, started) or self._renewed(
            environ, address, started
        )
        if answer is None:
            return self._long_way(environ, start_response, started)
        start_response(answer.status, answer.headers.copy())
        return (answer.body,) if answer.body else ()

    def prepared(self, environ: WSGIEnvironment, address: str, started: float) -> Answer | None:
        """The prepared answer to a request, counted and logged; None where Flask must answer.

        `environ` needs the method and the header fields alone; `started` is of `perf_counter`.
        """
        document = self._prepared(address) if _is_plain(environ) else None
        if document is None:
            return None
        return self._answer(environ, address, document, document.prepared, started)

    def _renewed(self, environ: WSGIEnvironment, address: str, started: float) -> Answer | None:
        """The answer with a document that is made anew, or in a coding for the first time.

        None where there was none at the address, or Flask must answer.
        """
        query = self._documents.cache.query(address) if _is_plain(environ) else None
        if query is None:
            return None
        outcome = PREPARED if self._prepared(address) else MADE
        try:
            document = self._documents.document(query)
            variant_of = partial(self._documents.variant, query, document)
            return self._answer(environ, address, document, variant_of, started, outcome)
        except Exception:  # noqa: BLE001 - the view raises it again, and answers
            return None

    def _answer(
        self,
        environ: WSGIEnvironment,
        address: str,
        document: Document,
        variant_of: Callable[[str], Variant | None],
        started: float,
        outcome: str = PREPARED,
    ) -> Answer | None:
        answer = decide(environ["REQUEST_METHOD"], environ, document, variant_of)
        if answer is None or answer.code not in _SENT:
            return None
        if answer.code == _OK and "HTTP_A_IM" in environ:  # what changed may do
            return None
        if self.observer is not None:
            code, coding, size = answer.code, answer.coding, answer.size
            self.observer.hit(environ, address, code, coding, size, started, outcome)
        return answer

    def _long_way(
        self, environ: WSGIEnvironment, start_response: StartResponse, started: float
    ) -> Iterable[bytes]:
        if self.observer is None:
            return self.application(environ, start_response)
        return self.observer.long_way(self.application, environ, start_response, started)
