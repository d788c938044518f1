"""The head of a request, read by llhttp (RFC 9112 2, 3, 5, 6).

What others may read otherwise is refused: by llhttp folded lines, bare CR and LF, spaces before
a colon, and two lengths; by us other versions, transfer codings, and bodies without a meaning.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final, NamedTuple

from gunicorn.http.errors import InvalidHeader, InvalidHTTPVersion, InvalidRequestLine
from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser

END: Final = b"\r\n\r\n"
_VERSIONS: Final = (b"HTTP/1.1", b"HTTP/1.0")
_WITHOUT_BODY: Final = (b"GET", b"HEAD")
_CONNECTIONS: Final = {"keep-alive": True, "close": False}
# Fields that make a request one for gunicorn's own parser and the application.
_UNUSUAL: Final = frozenset(("CONTENT_LENGTH", "HTTP_EXPECT", "HTTP_UPGRADE"))


class Head(NamedTuple):
    """A request's head.

    `environ` has its method and fields by their names in CGI (RFC 3875 4.1.18), `target` is as
    it was sent. `is_plain` says that gunicorn's parser could find nothing wrong in it, or of
    weight beside what is asked for.
    """

    environ: dict[str, str]
    target: str
    is_1_1: bool
    keeps_alive: bool
    is_plain: bool
    has_body: bool


class HeadParser:
    """Reads heads, one after another: one does for all connections of a thread.

    A head of more than `longest` bytes or more than `fields` isn't plain.
    """

    def __init__(self, longest: int, fields: int) -> None:
        self._longest = longest
        self._fields = fields
        self._environ: dict[str, str] = {}
        self._is_plain = True
        self._has_ended = False

    def read(self, head: bytes) -> Head:
        """A head that ends with an empty line. Raises gunicorn's ParseException."""
        line = head[: head.index(b"\r\n")].split(b" ")
        if len(line) != 3:  # noqa: PLR2004 - RFC 9112 3
            raise InvalidRequestLine(line[0].decode("latin-1"))
        method, target, version = line
        if version not in _VERSIONS:
            raise InvalidHTTPVersion(version.decode("latin-1"))
        environ = self._environ = {"REQUEST_METHOD": method.decode("latin-1")}
        self._is_plain, self._has_ended = True, False
        try:
            # A new one for each, so that nothing is left of another connection's request.
            HttpRequestParser(self).feed_data(head)
        except HttpParserUpgrade:
            pass  # to CONNECT or Upgrade, which are answered as any other request
        except HttpParserError as error:
            raise InvalidHeader(str(error)) from None
        if "HTTP_TRANSFER_ENCODING" in environ:
            raise InvalidHeader("TRANSFER-ENCODING")
        has_body = not self._has_ended
        if has_body and ("CONTENT_LENGTH" not in environ or method in _WITHOUT_BODY):
            raise InvalidHeader("CONTENT-LENGTH")
        is_1_1 = version == b"HTTP/1.1"
        connection = environ.get("HTTP_CONNECTION")
        keeps_alive = is_1_1 if connection is None else _CONNECTIONS.get(connection.lower())
        is_plain = (
            self._is_plain
            and keeps_alive is not None
            and _UNUSUAL.isdisjoint(environ)
            and len(head) <= self._longest
            and len(environ) <= self._fields
        )
        return Head(
            environ, target.decode("latin-1"), is_1_1, bool(keeps_alive), is_plain, has_body
        )

    # -- called by llhttp ---------------------------------------------------------------

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a field; one that CGI can't tell from another makes the head not plain."""
        key = _cgi_name(name)
        if not key or key in self._environ:
            self._is_plain = False
        self._environ[key] = value.strip(b" \t").decode("latin-1")

    def on_message_complete(self) -> None:
        """Note the end, which comes with that of the head unless there is a body."""
        self._has_ended = True


@lru_cache(maxsize=1024)
def _cgi_name(name: bytes) -> str:
    if b"_" in name:
        return ""
    key = name.decode("latin-1").upper().replace("-", "_")
    return key if key in ("CONTENT_LENGTH", "CONTENT_TYPE") else f"HTTP_{key}"
