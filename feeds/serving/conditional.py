"""The response to a request for a document, by method and headers (RFC 9110 12.5.3, 13).

Both that answer requests call `decide`: the layer ahead of Flask and the view. Requests that
repeat a validator as it was given are decided by comparison, in a microsecond; all others by
Werkzeug's parsers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, overload

from werkzeug.http import parse_date

from feeds.serving import content_coding, request_headers
from feeds.serving.documents import Answer, Document, Variant

# By their names in CGI (RFC 3875 4.1.18), as a WSGI environment has them; a mapping of
# these alone does.
RequestHeaders = Mapping[str, str]

NOT_ACCEPTABLE: Final = Answer(406, "406 NOT ACCEPTABLE", [], b"")
PRECONDITION_FAILED: Final = Answer(412, "412 PRECONDITION FAILED", [], b"")


@overload
def decide(
    method: str,
    headers: RequestHeaders,
    document: Document,
    variant_of: Callable[[str], Variant],
) -> Answer: ...


@overload
def decide(
    method: str,
    headers: RequestHeaders,
    document: Document,
    variant_of: Callable[[str], Variant | None],
) -> Answer | None: ...


def decide(
    method: str,
    headers: RequestHeaders,
    document: Document,
    variant_of: Callable[[str], Variant | None],
) -> Answer | None:
    """The answer to GET or HEAD: 200, 304, 406 or 412, the last two without a body of theirs.

    `variant_of` gives the document in a content coding; None when it has none, and so
    it has no answer.
    """
    coding = content_coding.choose(headers.get("HTTP_ACCEPT_ENCODING"))
    if coding is None:
        return NOT_ACCEPTABLE
    variant = variant_of(coding)
    if variant is None:
        return None
    if ("HTTP_IF_MATCH" in headers or "HTTP_IF_UNMODIFIED_SINCE" in headers) and not _is_expected(
        headers, variant, document
    ):
        return PRECONDITION_FAILED
    if ("HTTP_IF_NONE_MATCH" in headers or "HTTP_IF_MODIFIED_SINCE" in headers) and _is_known(
        headers, variant, document
    ):
        return variant.not_modified
    return variant.whole if method != "HEAD" else variant.head


def _is_expected(headers: RequestHeaders, variant: Variant, document: Document) -> bool:
    """Whether the client's document is ours, as far as it cares (RFC 9110 13.2.2, 1 and 2)."""
    tags = request_headers.etags(headers.get("HTTP_IF_MATCH"))
    if tags:
        return tags.star_tag or tags.is_strong(variant.etag.strip('"'))
    return _not_later(document, headers.get("HTTP_IF_UNMODIFIED_SINCE")) is not False


def _is_known(headers: RequestHeaders, variant: Variant, document: Document) -> bool:
    """Whether the client has the document already (RFC 9110 13.2.2, 3 and 4)."""
    known = headers.get("HTTP_IF_NONE_MATCH")
    if known:
        if known == variant.etag:
            return True
        tags = request_headers.etags(known)
        if tags:
            return tags.contains_weak(variant.etag.strip('"'))
    since = headers.get("HTTP_IF_MODIFIED_SINCE")
    if not since:
        return False
    return since == document.last_modified or _not_later(document, since) is True


def _not_later(document: Document, than: str | None) -> bool | None:
    """Whether a document was last modified at a date or before; None without two dates."""
    try:
        date = parse_date(than)
    except OverflowError:  # of the year 99999999999999999999
        date = None
    if date is None or document.modified is None:
        return None
    return document.modified.replace(microsecond=0) <= date


def delta_bases(headers: RequestHeaders) -> list[str]:
    """The entity tags, in order, of the states since which a feed's changes will do (RFC 3229 10).

    None are named by a request that doesn't ask for changes.
    """
    wanted = headers.get("HTTP_A_IM", "").lower()
    if "feed" not in wanted.lower() or not request_headers.accept(wanted).quality("feed"):
        return []
    tags = request_headers.etags(headers.get("HTTP_IF_NONE_MATCH")).as_set(include_weak=True)
    return sorted(filter(None, tags))  # "" names no state of ours, and Werkzeug gives None for it
