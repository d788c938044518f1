"""The Flask blueprint: parse, look up, answer.

Every address goes through `feeds.catalog.addresses.Addresses`, both ways, so that a feed
answers at its canonical URL and other spellings of it redirect there. Nothing
here looks at the Host header.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus
from urllib.parse import parse_qsl

from flask import Blueprint, Response, current_app, jsonify, request
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import HTTPException, NotAcceptable, PreconditionFailed
from werkzeug.http import quote_etag

from feeds import sanitize
from feeds.catalog import cache_keys
from feeds.catalog.addresses import EMBED, FeedQuery, Gone, NotFound, Query, RedirectTo
from feeds.catalog.parameters import BadParameter
from feeds.config import Config
from feeds.model import FeedsError
from feeds.rendering import security_headers
from feeds.rendering.assets import ICONS
from feeds.serving import conditional, oembed
from feeds.serving.document_store import DocumentStore
from feeds.serving.documents import Answer, Document
from feeds.serving.readiness import readiness
from feeds.setting_types import is_among
from feeds.statistics import user_agents
from feeds.store.database import StoreError
from feeds.telemetry.log import MADE, PREPARED
from feeds.telemetry.observer import note

blueprint = Blueprint("feeds", __name__)
EXTENSION = "feeds"
_SHOWN_PATH = 200  # characters of an unknown address that are repeated


def documents() -> DocumentStore:
    """The documents of the application that answers."""
    store: DocumentStore = current_app.extensions[EXTENSION]
    return store


@blueprint.get("/healthz")
def healthz() -> Response:
    """The process answers; nothing else is asked."""
    return Response("ok", mimetype="text/plain", headers={"Cache-Control": "no-store"})


@blueprint.get("/readyz")
def readyz() -> Response:
    """Whether there are feeds, of when, and what is wrong; 503 before the first load."""
    state = readiness(documents(), datetime.now(UTC))
    response = jsonify(state)
    response.status_code = 200 if state["generation"] else 503
    response.headers["Cache-Control"] = "no-store"
    return response


@blueprint.get(f"/{oembed.PATH}")
def oembed_answer() -> Response:
    """How to frame a page of this site (oEmbed 1.0)."""
    return oembed.respond(documents(), request.args.to_dict(flat=False))


@blueprint.route("/", defaults={"path": ""}, methods=["GET", "OPTIONS"])
@blueprint.route("/<path:path>", methods=["GET", "OPTIONS"])
def answer(path: str) -> Response:
    """A feed, or the page of its folder; a redirect where the address is spelled otherwise.

    Raises NotFound, BadParameter and StoreError, which the handlers below answer.
    """
    if request.method == "OPTIONS":
        return _options()
    if request.environ.get("PATH_INFO", "").startswith("//"):  # Werkzeug folds them
        raise NotFound("an address has no empty segments")
    former = documents().former.query("/" + path)
    if former is not None:
        return _moved(former, 301)
    addresses = documents().addresses
    query = addresses.parse("/" + path, request.args.to_dict(flat=False))
    noted = note(request.environ)
    noted.address = addresses.path(query)
    noted.outcome = PREPARED if documents().cache.prepared(noted.address) else MADE
    if (icon := documents().config.icon) and noted.address[1:] in ICONS:
        return _redirect(icon, 302)
    is_opened = _is_navigation() and "raw" not in request.args
    if is_opened and isinstance(query, FeedQuery) and query.file:
        return _to_page(query._replace(file="", period=None))
    if not addresses.is_canonical(query, "/" + path, _asked()):
        return _moved(query)
    return _send(query, documents().document(query))


def _asked() -> list[tuple[str, str]]:
    """The parameters of the request, decoded, in the order in which they are written."""
    written = request.query_string.decode(errors="replace")
    return parse_qsl(written, keep_blank_values=True, errors="werkzeug.url_quote")


def _is_navigation() -> bool:
    """Whether a person opens the address in a browser (Fetch Metadata 2.1, 2.2)."""
    headers = request.headers
    opened = headers.get("Sec-Fetch-Mode") == "navigate"
    return opened and headers.get("Sec-Fetch-Dest") == "document"


def _to_page(query: FeedQuery) -> Response:
    """Leads a person from a feed to its page; no cache may keep this."""
    page, _ = _settled(query)
    url = documents().addresses.url(page) + "#subscribe"
    response = Response(f"The page of this feed is {url}\n", 303, mimetype="text/plain")
    response.headers["Location"] = url
    response.headers["Cache-Control"] = "no-store"
    response.headers["Vary"] = "Sec-Fetch-Mode, Sec-Fetch-Dest"
    return response


def _options() -> Response:
    """The response to a preflight request, for conditional requests of scripts (Fetch 4.8)."""
    response = Response(status=204)
    response.headers["Allow"] = "GET, HEAD, OPTIONS"
    response.headers["Access-Control-Allow-Origin"] = "*"
    response.headers["Access-Control-Allow-Methods"] = "GET, HEAD"
    response.headers["Access-Control-Allow-Headers"] = "If-None-Match, If-Modified-Since, A-IM"
    response.headers["Access-Control-Max-Age"] = "86400"
    return response


def _settled(query: Query, status: int = 308) -> tuple[Query, int]:
    """Where a document is in the end, and the status of a redirect that leads there at once.

    Raises NotFound rather than lead there.
    """
    try:
        documents().document(query)
    except RedirectTo as moved:
        return _settled(moved.query, min(status, moved.status))
    return query, status


def _moved(query: Query, status: int = 308) -> Response:
    query, status = _settled(query, status)
    url = documents().addresses.url(query)
    if "raw" in request.args:
        url += ("&" if "?" in url else "?") + "raw"
    return _redirect(url, status)


def _redirect(url: str, status: int) -> Response:
    response = Response(f"Moved to {url}\n", status, mimetype="text/plain")
    response.headers["Location"] = url
    response.headers["Cache-Control"] = f"public, max-age={documents().config.max_age}"
    response.headers["Access-Control-Allow-Origin"] = "*"  # each hop needs it (Fetch 4.10)
    # Where it leads may change with what there is.
    response.headers.extend(cache_keys.headers(documents().config, [cache_keys.ANY]))
    return response


def _send(query: Query, document: Document) -> Response:
    """The document in the coding asked for, 304, or 226 with what changed (RFC 3229).

    Raises NotAcceptable and PreconditionFailed.
    """
    variant_of = partial(documents().variant, query, document)
    answer = conditional.decide(request.method, request.environ, document, variant_of)
    if answer is conditional.NOT_ACCEPTABLE:
        raise NotAcceptable("This has no other content codings than br, zstd, gzip and identity")
    if answer is conditional.PRECONDITION_FAILED:
        raise PreconditionFailed
    noted = note(request.environ)
    noted.coding, noted.whole = answer.coding, answer.size
    if answer.code == HTTPStatus.OK and isinstance(query, FeedQuery) and query.file:
        delta = _delta(query, document, answer)
        if delta is not None:
            return delta
    return Response([answer.body], answer.status, answer.headers)


def _delta(query: FeedQuery, document: Document, whole: Answer) -> Response | None:
    """226 IM Used, when the request names a state of the feed that is known (RFC 3229 10)."""
    bases = conditional.delta_bases(request.environ)
    if not bases:
        return None
    client, agent = _client(documents().config), request.user_agent.string
    takes = user_agents.takes_deltas(agent)
    delta = documents().deltas.delta(query, document, bases, takes=takes, client=(client, agent))
    if delta is None:
        return None
    variant = delta.document.variant(whole.coding)
    response = Response(variant.body, 200 if delta.is_whole else 226, headers=variant.headers)
    response.headers["ETag"] = document.variant(whole.coding).etag
    if not delta.is_whole:
        response.headers["IM"] = "feed"
        response.headers["Delta-Base"] = quote_etag(delta.base)
    response.headers["Vary"] = "Accept-Encoding, A-IM, If-None-Match"
    # A cache that doesn't know of deltas would take this for the whole feed.
    response.headers["Cache-Control"] = "no-store"
    return response


def _client(config: Config) -> str:
    """What tells clients apart: an address, or what one of FEEDS_PROXIES says in its place."""
    address = request.remote_addr or ""
    if is_among(address, config.proxies):
        return request.headers.get("X-Forwarded-For", address)
    return address


@blueprint.app_errorhandler(RedirectTo)
def redirected(error: RedirectTo) -> Response:
    """A redirect to what a feed is by now: the domain's, or the same under another name."""
    return _moved(error.query, error.status)


@blueprint.app_errorhandler(NotFound)
def not_found(error: NotFound) -> Response:
    """404, or 410, that says what was asked for and where everything is listed."""
    asked = sanitize.plain(request.path)
    if len(asked) > _SHOWN_PATH:
        asked = asked[:_SHOWN_PATH] + "..."
    status, title = (410, "Gone") if isinstance(error, Gone) else (404, "Not found")
    return _problem(status, title, f"{asked}: {error}", error)


@blueprint.app_errorhandler(BadParameter)
def bad_parameter(error: BadParameter) -> Response:
    """400 that says what the parameter accepts."""
    return _problem(400, "Bad request", str(error))


@blueprint.app_errorhandler(StoreError)
def unavailable(error: FeedsError) -> Response:
    """503 while the store doesn't answer and nothing is prepared."""
    current_app.logger.error("%s", error)
    response = _problem(503, "Unavailable", "the feeds can't be read right now; try again later")
    response.headers["Retry-After"] = "30"
    return response


@blueprint.app_errorhandler(HTTPException)
def http_error(error: HTTPException) -> Response:
    """Everything else that HTTP has a status for, in the same short form."""
    code = error.code or 500
    response = _problem(code, error.name, error.description or error.name)
    for name, value in error.get_headers():
        if name not in ("Content-Type", "Content-Length"):
            response.headers[name] = value
    return response


def _problem(status: int, title: str, message: str, missing: NotFound | None = None) -> Response:
    """What is wrong; on a page, with the names that are like the one that is `missing`."""
    home = documents().addresses.root + "/"
    message = message if message.endswith("?") else message.rstrip(".") + "."
    kinds = ["text/plain", "text/html"]
    # In a frame, plain text: no site may frame a page of ours that isn't made for it.
    is_framed = request.path.startswith(f"/{EMBED}/")
    if not is_framed and request.accept_mimetypes.best_match(kinds) == "text/html":
        # The name of a parameter is written as it is asked for.
        sentence = (
            message if status == HTTPStatus.BAD_REQUEST else message[:1].upper() + message[1:]
        )
        body = documents().pages.problem(title, sentence)
        if missing is not None:
            asked = request.args.to_dict(flat=False)
            with suppress(SQLAlchemyError), documents().store.read() as reader:
                body = documents().pages.missing(title, missing, request.path, asked, reader)
        response = Response(body, status, mimetype="text/html")
        response.headers.extend(security_headers.of_page(documents().config))
    else:
        line = f"{title}: {message}\nAll topics and providers are listed at {home}\n"
        response = Response(line, status, mimetype="text/plain")
        response.headers["Access-Control-Allow-Origin"] = "*"  # scripts may tell what is wrong
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.vary.add("Accept")
    return response
