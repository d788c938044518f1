"""What a request for a document gets, by its method and headers (RFC 9110 12.5.3, 13).

Both that answer requests call `decide`: the layer ahead of Flask and the view. Requests that
repeat a validator as it was given are decided by comparison, in a microsecond; all others by
Werkzeug's parsers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, overload

from werkzeug.http import parse_accept_header, parse_etags
from werkzeug.sansio.http import is_resource_modified

from feeds.serving import content_coding
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
    tags, since = headers.get("HTTP_IF_NONE_MATCH"), headers.get("HTTP_IF_MODIFIED_SINCE")
    if "HTTP_IF_MATCH" not in headers:
        if tags == variant.etag:
            return variant.not_modified
        if tags is None and (since is None or (since and since == document.last_modified)):
            answer = variant.whole if method != "HEAD" else variant.head
            return answer if since is None else variant.not_modified
    # Every document matches *, which Werkzeug takes for a tag.
    match = parse_etags(headers.get("HTTP_IF_MATCH"))
    if is_resource_modified(
        http_if_modified_since=since,
        http_if_none_match=tags,
        http_if_match=None if match.star_tag else match.to_header(),
        etag=variant.etag,
        last_modified=document.modified,
    ):
        return variant.whole if method != "HEAD" else variant.head
    return PRECONDITION_FAILED if match and not match.star_tag else variant.not_modified


def delta_bases(headers: RequestHeaders) -> list[str]:
    """The entity tags, in order, of the states since which a feed's changes will do (RFC 3229 10).

    None are named by a request that doesn't ask for changes.
    """
    wanted = headers.get("HTTP_A_IM", "")
    if "feed" not in wanted or not parse_accept_header(wanted).quality("feed"):
        return []
    return sorted(parse_etags(headers.get("HTTP_IF_NONE_MATCH")).as_set(include_weak=True))
