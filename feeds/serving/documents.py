"""Documents: bytes ready to send, in every content coding, with their headers."""

from __future__ import annotations

import hashlib
import re
from datetime import datetime
from threading import BoundedSemaphore, Lock
from typing import Any, Final, NamedTuple
from zlib import crc32

from werkzeug.http import http_date

from feeds.serving import content_coding

Headers = list[tuple[str, str]]

# Rendering and compressing, in all of a process: one in Python while another
# compresses or waits for the disk. More at a time would end no sooner, and
# each takes memory of many times its document.
render_slots: Final = BoundedSemaphore(2)

_VARIANT: Final = 2000  # bytes that a coding takes beside its body
_MARKED: Final = re.compile(r"[0-9a-f]{24}-([1-9][0-9]{0,11})\.([0-9a-f]{8})(?:-[a-z]+)?")


class Answer(NamedTuple):
    """A response: status, status line, headers, and the body, empty where it has none.

    Answers are shared: whoever changes the headers copies them before. `size` are the bytes
    of the whole document in this content coding, `fields` the headers as they are sent, with
    the empty line after them (RFC 9112 2.1).
    """

    code: int
    status: str
    headers: Headers
    body: bytes
    coding: str = content_coding.IDENTITY
    size: int = 0
    fields: bytes = b""


class Variant(NamedTuple):
    """A document in one content coding: its quoted ETag, and the answers it may be given in."""

    etag: str
    whole: Answer
    head: Answer
    not_modified: Answer

    @property
    def body(self) -> bytes:
        """The document's bytes in this coding."""
        return self.whole.body

    @property
    def headers(self) -> Headers:
        """The headers of the whole document."""
        return self.whole.headers


class Document:
    """One rendered feed or page.

    `etag` is that of the identity coding without quotes; each coding has its
    own (RFC 9110 8.8.3.3). `mark` is a part of it, see `mark`. `headers` are those
    of every answer.
    """

    def __init__(
        self,
        body: bytes,
        media_type: str,
        headers: Headers,
        modified: datetime | None = None,
        mark: str = "",
        digest: str = "",
    ) -> None:
        self.body = body
        self.media_type = media_type
        self.etag = (digest or etag(body)) + (f"-{mark}" if mark else "")
        self.modified = modified
        self.last_modified = http_date(modified) if modified else ""
        self.headers = headers
        self.size = len(body)
        self._variants: dict[str, Variant] = {}
        self._lock = Lock()

    def __getstate__(self) -> dict[str, Any]:
        """What another process is given: all but the lock."""
        return {name: value for name, value in self.__dict__.items() if name != "_lock"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _lock=Lock())

    def same_as(self, other: Document) -> bool:
        """Whether it would be answered in the same way."""
        return (self.etag, self.headers, self.modified) == (
            other.etag,
            other.headers,
            other.modified,
        )

    def prepared(self, coding: str) -> Variant | None:
        """The document in a coding, if it was asked for before."""
        return self._variants.get(coding)

    def variant(self, coding: str) -> Variant:
        """The document in a coding, compressed the first time and kept."""
        with self._lock:
            variant = self._variants.get(coding)
            if variant is None:
                variant = self._make(coding)
                self._variants[coding] = variant
                self.size += _VARIANT
                if coding != content_coding.IDENTITY:
                    self.size += len(variant.body)
            return variant

    def _make(self, coding: str) -> Variant:
        body, tag = self.body, f'"{self.etag}"'
        coded: Headers = []
        if coding != content_coding.IDENTITY:
            with render_slots:
                body = content_coding.ENCODERS[coding](self.body)
            tag = f'"{self.etag}-{coding}"'
            coded = [("Content-Encoding", coding)]
        dated = [("Last-Modified", self.last_modified)] if self.last_modified else []
        headers = [
            ("Content-Type", self.media_type),
            ("Content-Length", str(len(body))),
            *coded,
            ("ETag", tag),
            *dated,
            *self.headers,
        ]
        whole = Answer(200, "200 OK", headers, body, coding, len(body), _fields(headers))
        kept = [("ETag", tag), *self.headers]
        not_modified = Answer(304, "304 NOT MODIFIED", kept, b"", coding, len(body), _fields(kept))
        return Variant(tag, whole, whole._replace(body=b""), not_modified)


def _fields(headers: Headers) -> bytes:
    return "".join(f"{name}: {value}\r\n" for name, value in headers).encode("latin-1") + b"\r\n"


def etag(body: bytes) -> str:
    """A strong validator of these bytes (RFC 9110 8.8.3), without its quotes."""
    return hashlib.sha256(body).hexdigest()[:24]  # processors have it built in


def mark(moment: int, address: str) -> str:
    """The part of an ETag that says as of which moment (in seconds) which feed was made."""
    return f"{moment}.{crc32(address.encode()):08x}"


def moment_of(tag: str, address: str) -> int | None:
    """The moment in a tag of any coding, whatever its digest; None in one of another feed."""
    marked = _MARKED.fullmatch(tag)
    if marked is None or mark(int(marked[1]), address) != f"{marked[1]}.{marked[2]}":
        return None
    return int(marked[1])
