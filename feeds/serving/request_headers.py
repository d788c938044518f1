"""Werkzeug's parsers of header fields: functions in 3.1, class methods from 3.2 on.

3.2 takes no white space around a value, which isn't part of it (RFC 9110 5.5): spaces and
tabs, but no other character that Python would strip.
"""

from collections.abc import Callable
from typing import Final

from werkzeug import http
from werkzeug.datastructures import Accept, ETags

_WHITE_SPACE: Final = " \t"  # OWS (RFC 9110 5.6.3)
_accept: Final[Callable[[str], Accept]] = (
    getattr(Accept, "from_header", None) or http.parse_accept_header  # noqa: TID251 - 3.1 has no other
)
_etags: Final[Callable[[str], ETags]] = (
    getattr(ETags, "from_header", None) or http.parse_etags  # noqa: TID251 - 3.1 has no other
)


def accept(value: str) -> Accept:
    """A weighted list, as of Accept-Encoding or A-IM (RFC 9110 12.5.3, RFC 3229 10.5.3)."""
    return _accept(value.strip(_WHITE_SPACE))


def etags(value: str | None) -> ETags:
    """The entity tags of If-Match or If-None-Match (RFC 9110 13.1.1); none of no value."""
    return _etags((value or "").strip(_WHITE_SPACE))
