"""The WSGI layer ahead of Flask: prepared documents, answered from a dictionary.

It takes exact hits alone: GET or HEAD, a canonical address, a document of the
present generation in a coding that was asked for before, and nothing unusual
in the request. Everything else falls through to the Flask view, which gives
the same answer the long way.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from feeds import codings
from feeds.delivery import Delivery

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


class Prepared:
    """Wraps a WSGI application."""

    def __init__(self, application: WSGIApplication, delivery: Delivery) -> None:
        self.application = application
        self.delivery = delivery

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """A prepared document, or what the application answers."""
        if not environ.get("PATH_INFO"):
            # Werkzeug would redirect to a slash, on the host that the request names.
            environ["PATH_INFO"] = "/"
        method = environ["REQUEST_METHOD"]
        if method not in ("GET", "HEAD") or any(name in environ for name in _UNUSUAL):
            return self.application(environ, start_response)
        address = environ["PATH_INFO"]
        if "?" in address:  # encoded: part of a name, no parameters
            return self.application(environ, start_response)
        if environ.get("QUERY_STRING"):
            address = f"{address}?{environ['QUERY_STRING']}"
        document = self.delivery.prepared(address)
        coding = codings.choose(environ.get("HTTP_ACCEPT_ENCODING"))
        variant = document.prepared(coding) if document and coding else None
        if document is None or variant is None:
            return self.application(environ, start_response)
        tags = environ.get("HTTP_IF_NONE_MATCH")
        if tags == variant.etag:
            start_response("304 NOT MODIFIED", variant.headers_304.copy())
            return ()
        if tags is None and (since := environ.get("HTTP_IF_MODIFIED_SINCE")) is not None:
            if not since or since != document.last_modified:
                return self.application(environ, start_response)
            start_response("304 NOT MODIFIED", variant.headers_304.copy())
            return ()
        if tags is not None:
            return self.application(environ, start_response)
        start_response("200 OK", variant.headers.copy())
        return () if method == "HEAD" else (variant.body,)
