"""Werkzeug's parsers of header fields: functions in 3.1, class methods from 3.2 on."""

from collections.abc import Callable
from typing import Final

from werkzeug import http
from werkzeug.datastructures import Accept, ETags

# A weighted list, as of Accept-Encoding or A-IM (RFC 9110 12.5.3, RFC 3229 10.5.3).
accept: Final[Callable[[str | None], Accept]] = (
    getattr(Accept, "from_header", None) or http.parse_accept_header  # noqa: TID251 - 3.1 has no other
)
# The entity tags of If-Match or If-None-Match (RFC 9110 13.1.1); none where there are none.
etags: Final[Callable[[str | None], ETags]] = (
    getattr(ETags, "from_header", None) or http.parse_etags  # noqa: TID251 - 3.1 has no other
)
