"""Documents: bytes ready to send, in every content coding, with their headers."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from threading import BoundedSemaphore, Lock
from typing import Final, NamedTuple

from werkzeug.http import http_date

from feeds.serving import content_coding

Headers = list[tuple[str, str]]

# Rendering and compressing, in all of a process: one in Python while another
# compresses or waits for the disk. More at a time would end no sooner, and
# each takes memory of many times its document.
render_slots: Final = BoundedSemaphore(2)

# What an entry takes in `Document.entries` beside its id, and a coding beside its body.
_ENTRY: Final = 130
_VARIANT: Final = 1000


class Answer(NamedTuple):
    """A response: status, status line, headers, and the body, empty where it has none.

    Answers are shared: whoever changes the headers copies them before. `size` are the bytes
    of the whole document in this content coding.
    """

    code: int
    status: str
    headers: Headers
    body: bytes
    coding: str = content_coding.IDENTITY
    size: int = 0


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
    own (RFC 9110 8.8.3.3). `entries` is the state that the document shows: the
    version of each entry by its id. `headers` are those of every answer.
    """

    def __init__(
        self,
        body: bytes,
        media_type: str,
        headers: Headers,
        modified: datetime | None = None,
        entries: Mapping[str, bytes] | None = None,
    ) -> None:
        self.body = body
        self.media_type = media_type
        self.etag = etag(body)
        self.modified = modified
        self.last_modified = http_date(modified) if modified else ""
        self.entries = entries or {}
        self.headers = headers
        self.state_size = sum(len(id_) + _ENTRY for id_ in self.entries)
        self.size = len(body) + self.state_size
        self._variants: dict[str, Variant] = {}
        self._lock = Lock()

    def same_as(self, other: Document) -> bool:
        """Whether it would be answered in the same way."""
        return (self.body, self.headers, self.modified) == (
            other.body,
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
        whole = Answer(200, "200 OK", headers, body, coding, len(body))
        kept = [("ETag", tag), *self.headers]
        not_modified = Answer(304, "304 NOT MODIFIED", kept, b"", coding, len(body))
        return Variant(tag, whole, whole._replace(body=b""), not_modified)


def etag(body: bytes) -> str:
    """A strong validator of these bytes (RFC 9110 8.8.3), without its quotes."""
    return hashlib.sha256(body).hexdigest()[:24]  # processors have it built in


def base_etag(tag: str) -> str:
    """The tag of the identity coding that the tag of any coding was made from."""
    base, _, coding = tag.rpartition("-")
    return base if coding in content_coding.ENCODERS else tag
