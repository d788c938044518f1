"""Reading files: what came of each."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
from blake3 import blake3

from feeds.messages import printable
from feeds.model import Hidden, Problem, Record, RecordError
from feeds.records import parser
from feeds.records import scanner as folders

encode_record: Final = msgspec.json.Encoder().encode
decode_problems: Final = msgspec.json.Decoder(list[Problem]).decode


class FileReading(NamedTuple):
    """What came of one file.

    `outcome` is public, hidden, error (left out), other (not a record),
    touched (its content is the one known) or gone. `published` is the date in
    seconds, None for an undated record. `shown` is a digest of all that a
    feed may show of it, `plain` of that but for its quality and heat, `data`
    the record as JSON. `hides` says of an error that the text still has a line
    that hides the record.
    """

    path: str
    digest: bytes
    outcome: str
    problems: tuple[Problem, ...] = ()
    key: str = ""
    reason: str = ""
    removed: bool = False
    hides: bool = False
    quality: int = 0
    published: int | None = None
    plain: bytes = b""
    shown: bytes = b""
    data: bytes = b""


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


def read_file(folder: Path, path: str, known: bytes = b"") -> FileReading:
    """What came of one file; `known` is the digest of a content that needn't be parsed."""
    try:
        data = folders.read_file(folder, path, parser.MAX_BYTES + 1)
    except FileNotFoundError:
        return FileReading(path, b"", "gone")
    except OSError as error:
        problem = Problem(printable(path), 1, "file", f"can't be opened: {error.strerror or error}")
        return FileReading(path, b"", "error", (problem,))
    digest = blake3(data).digest(16)
    if digest == known:
        return FileReading(path, digest, "touched")
    return interpret(path, data, digest)


def interpret(path: str, data: bytes, digest: bytes = b"") -> FileReading:
    """What came of the file at `path` with the content `data`."""
    try:
        reading = parser.parse_record(printable(path), data)
    except parser.NotARecord:
        return FileReading(path, digest, "other")
    except RecordError as error:
        hides = parser.hides_itself(data)
        return FileReading(path, digest, "error", (error.problem,), hides=hides)
    said, notes = reading.record, tuple(reading.notes)
    if isinstance(said, Hidden):
        return FileReading(path, digest, "hidden", notes, said.key, said.reason, said.removed)
    return _public(path, digest, said, notes)


def _public(path: str, digest: bytes, record: Record, notes: tuple[Problem, ...]) -> FileReading:
    date = record.published or record.dated
    # Where the file lies says nothing that a feed shows: moving it changes no entry.
    said = msgspec.structs.replace(record, path="", dated=None, quality=0, heat=0)
    plain = _digest(encode_record(said))
    return FileReading(
        path,
        digest,
        "public",
        notes,
        record.key,
        quality=record.quality,
        published=int(date.timestamp()) if date else None,
        plain=plain,
        shown=_digest(b"%b %d %d" % (plain, record.quality, record.heat)),
        data=encode_record(record),
    )


def _digest(said: bytes) -> bytes:
    return blake3(said).digest(12)
