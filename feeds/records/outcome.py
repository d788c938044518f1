"""One file -> its outcome: a public or hidden record, an error, or none at all."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
from blake3 import blake3

from feeds.messages import printable
from feeds.model import Hidden, Problem, Record, RecordCollection, RecordError
from feeds.records import parser, scanner
from feeds.records.parser import PLAIN, Options

encode_record: Final = msgspec.json.Encoder().encode
COLLECTION: Final = "collection:"  # that keys of collections begin with, and no record's does
decode_problems: Final = msgspec.json.Decoder(list[Problem]).decode


class FileReading(NamedTuple):
    """The outcome of reading one file.

    `path` is relative to the folder, `digest` that of the content (16 bytes, empty where it
    couldn't be read). `outcome` is public, collection, hidden, error (left out), other (not
    a record), touched (its content is the one known) or gone. `key`, `page` and `amp_page` are
    those of the record, or of a collection's file, `own_id` its id where that isn't the key,
    `reason` why it is hidden or passed over. `published` is the date in seconds since 1970, None
    for an undated record. `render_digest` (12 bytes) is of all that a feed may show of it,
    `content_digest` of that but for its quality and heat, `data` the record or collection
    as JSON. `hides` says of an error that the text still has a line that hides the record.
    `due` is when it will be another by itself, in seconds since 1970, 0 for never.
    """

    path: str
    digest: bytes
    outcome: str
    problems: tuple[Problem, ...] = ()
    key: str = ""
    own_id: str = ""
    reason: str = ""
    removed: bool = False
    hides: bool = False
    quality: int = 0
    published: int | None = None
    content_digest: bytes = b""
    render_digest: bytes = b""
    data: bytes = b""
    due: int = 0
    page: str = ""
    amp_page: str = ""


@contextmanager
def no_garbage_collection() -> Iterator[None]:
    """Parsing makes many small objects and no cycles: collecting them adds half to a load."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def interpret(path: str, data: bytes, digest: bytes = b"", options: Options = PLAIN) -> FileReading:
    """Parse `data`, the content of the file at `path` with that `digest`."""
    try:
        parsed = parser.parse_record(printable(path), data, options)
    except parser.NotARecord as reason:
        return FileReading(path, digest, "other", reason=str(reason))
    except RecordError as error:
        hides = parser.still_hidden(path, data, options)
        return FileReading(path, digest, "error", error.problems, hides=hides)
    record, notes = parsed.record, tuple(parsed.notes)
    due = int(parsed.until.timestamp()) if parsed.until else 0
    if isinstance(record, Hidden):
        return FileReading(
            path,
            digest,
            "hidden",
            notes,
            record.key,
            reason=record.reason,
            removed=record.removed,
            due=due,
            page=record.page,
            amp_page=record.amp_page,
        )
    if isinstance(record, RecordCollection):
        key, data = COLLECTION + path, encode_record(record)
        return FileReading(path, digest, "collection", notes, key, data=data, due=due, page=key)
    return _public(path, digest, record, notes, due)


Interpret = Callable[[str, bytes, bytes, Options], FileReading]


def read_file(
    folder: Path,
    path: str,
    known: bytes = b"",
    options: Options = PLAIN,
    interpret: Interpret = interpret,
) -> FileReading:
    """Read the file at `path`; `known` is the digest of a content that needn't be parsed."""
    try:
        data = scanner.read_file(folder, path, parser.MAX_BYTES + 1)
    except FileNotFoundError:
        return FileReading(path, b"", "gone")
    except OSError as error:
        problem = Problem(printable(path), 1, "file", f"can't be opened: {error.strerror or error}")
        return FileReading(path, b"", "error", (problem,))
    digest = blake3(data).digest(16)
    if digest == known:
        return FileReading(path, digest, "touched")
    return interpret(path, data, digest, options)


def _public(
    path: str, digest: bytes, record: Record, notes: tuple[Problem, ...], due: int
) -> FileReading:
    date = record.published or record.dated
    # Where the file lies says nothing that a feed shows: moving it changes no entry.
    content = msgspec.structs.replace(record, path="", dated=None, quality=0, heat=0)
    content_digest = _digest(encode_record(content))
    return FileReading(
        path,
        digest,
        "public",
        notes,
        record.key,
        record.id if record.id != record.key else "",
        quality=record.quality,
        published=int(date.timestamp()) if date else None,
        content_digest=content_digest,
        render_digest=_digest(b"%b %d %d" % (content_digest, record.quality, record.heat)),
        data=encode_record(record),
        due=due,
        page=record.page,
        amp_page=record.amp_page,
    )


def _digest(data: bytes) -> bytes:
    return blake3(data).digest(12)
