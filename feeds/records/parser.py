"""One seed file -> a Record, or an error that names file, line and field.

What may leave the program is the explicit list of fields below; anything
else in a file, `secured` above all, is never looked at.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, tzinfo
from fnmatch import fnmatchcase
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from feeds.model import (
    FeedsError,
    Hidden,
    Problem,
    Record,
    RecordCollection,
    RecordError,
)
from feeds.records import collections, near_front, related, simple_yaml
from feeds.records.frontmatter import FrontMatterError, Mapping, parse, split
from feeds.records.hiding import HELD, expiry, hidden_by_line, in_drafts, words_of
from feeds.records.profiles.page import PassedOver, Site
from feeds.records.record_fields import READ, RecordFields
from feeds.records.related_block import Unusual, extract_related, unsecured, up_to_hiding
from feeds.records.site_record import is_page_of, parse_page

MAX_BYTES: Final = 2 * 1024 * 1024

_BEGINNING: Final = 65_536  # bytes, in which what was meant as front matter shows
_UTF_16 = tuple("\ufeff---".encode(encoding) for encoding in ("utf-16-le", "utf-16-be"))


class NotARecord(FeedsError):
    """A file that is passed over, and why: without front matter, or of no use to its tool."""


class Options(NamedTuple):
    """How records are read: the zone of dates without an offset (IANA), and the moment of reading.

    Without `now`, in seconds since 1970, no record is held for its date or has expired.
    `site` is what another tool makes of the folder, whose files aren't of our own form;
    with `own_ids` its entries don't have the ids of the site's own feed. The user's own
    patterns of paths to `skip`, and the field that has to be true, `public_if`, count for
    records of our own form, too.
    """

    timezone: str = "UTC"
    now: int | None = None
    hold: bool = True
    site: Site | None = None
    own_ids: bool = False
    skip: tuple[str, ...] = ()
    public_if: str = ""

    @property
    def zone(self) -> tzinfo:
        """The zone; ZoneInfo remembers those that it made."""
        return UTC if self.timezone == "UTC" else ZoneInfo(self.timezone)


PLAIN: Final = Options()


class ParsedRecord(NamedTuple):
    """A record or collection, or that it is hidden, and notes about it.

    `until` is when it will be another by itself: held no more, or expired.
    """

    record: Record | RecordCollection | Hidden
    notes: list[Problem]
    until: datetime | None = None


def parse_record(
    path: str, data: bytes, options: Options = PLAIN, *, fast: bool = True
) -> ParsedRecord:
    """Parse the record in `data`, the content of the file at `path`.

    `path` is relative to the collection, with forward slashes. Raises
    NotARecord for a file without front matter and RecordError for one that
    can't be read. With `fast`, the longest blocks are not parsed where they can
    be taken out exactly; without, all is, with the same outcome.
    """
    if options.site is not None and is_page_of(options.site, data):
        return _parse_page(path, data, options.site, options)
    if any(fnmatchcase(path, pattern) for pattern in options.skip):
        raise NotARecord("passed over by the profile")
    source, notes = clean(path, data)
    try:
        parsed = _parse_fast(path, source, options) if fast else None
        if parsed is None:
            front, body = split(source)
            parsed = _parsed(path, parse(front.decode()), (front, body), options)
    except FrontMatterError as error:
        raise RecordError(*notes, Problem(path, error.line, error.field, error.message)) from None
    except RecordError as error:
        raise RecordError(*notes, *error.problems) from None
    if not (notes or parsed.notes):
        return parsed
    return parsed._replace(notes=[*dict.fromkeys(notes + parsed.notes)])


def _parse_page(path: str, data: bytes, site: Site, options: Options) -> ParsedRecord:
    """The record of a file of another tool. Raises NotARecord and RecordError."""
    if passed_over := site.passes_over(path):
        raise NotARecord(passed_over)
    source, notes = clean(path, data, is_record=True)
    now = datetime.fromtimestamp(options.now or 0, UTC)
    try:
        page = parse_page(path, source.decode(), site, now, hold=options.hold and bool(options.now))
    except PassedOver as reason:
        raise NotARecord(str(reason)) from None
    except FrontMatterError as error:
        raise RecordError(*notes, Problem(path, error.line, error.field, error.message)) from None
    except RecordError as error:
        raise RecordError(*notes, *error.problems) from None
    record = page.record
    if options.own_ids and isinstance(record, Record):
        record = msgspec.structs.replace(record, id=record.key)
    return ParsedRecord(record, [*dict.fromkeys(notes + page.notes)], page.until)


def still_hidden(path: str, data: bytes, options: Options) -> bool:
    """Whether the file at `path`, which can't be read, still says that it is hidden."""
    if in_drafts(path):
        return True
    now = None if options.now is None else datetime.fromtimestamp(options.now, UTC)
    is_page = options.site is not None and is_page_of(options.site, data)
    word = getattr(options.site, "public_word", "") if is_page else options.public_if
    return hidden_by_line(data, options.zone, now, hold=options.hold, public_word=word)


def _parsed(
    path: str,
    mapping: Mapping,
    parts: tuple[bytes, bytes],
    options: Options,
    items: Sequence[related.Item] = (),
) -> ParsedRecord:
    """The record of front matter and body, `parts`. Raises RecordError."""
    notes: list[Problem] = []
    fields = RecordFields(path, mapping, notes, zone=options.zone)
    words = words_of(mapping)
    if hidden := fields.hidden(words, options.public_if):
        return ParsedRecord(hidden, notes)
    lists = collections.is_collection(mapping)
    fields.note_repeated(collections.FIELDS if lists else READ)
    front, body = parts[0], parts[1].decode()
    if body:
        fields.note_stray(body, front.count(b"\n") + 2)
    record: Record | RecordCollection
    record = collections.read(fields) if lists else fields.record(front, body, items)
    if options.now is None:
        return ParsedRecord(record, notes)
    now = datetime.fromtimestamp(options.now, UTC)
    reason, until = expiry(words, fields.zone, now)
    if not reason and options.hold:
        released = fields.released(words, record.published)
        if released is not None and released > now:
            reason, until = HELD, released
    if not reason:
        return ParsedRecord(record, notes, until)
    keys = (record.key, record.page) if isinstance(record, Record) else ("", "")
    return ParsedRecord(Hidden(path, reason, keys[0], page=keys[1]), notes, until)


def _parse_fast(path: str, source: bytes, options: Options) -> ParsedRecord | None:
    return _parse_hidden(path, source, options) or _parse_simple(path, source, options)


def _parse_hidden(path: str, source: bytes, options: Options) -> ParsedRecord | None:
    """Parse a record that says early that it is hidden; None where what follows may matter."""
    beginning = up_to_hiding(source)
    mapping = simple_yaml.parse(beginning) if beginning else None
    if mapping is None:
        return None
    hidden = RecordFields(path, mapping, [], zone=options.zone).hidden()
    # What names the AMP page of a removed one may come after.
    return ParsedRecord(hidden, []) if hidden and not hidden.removed else None


def _parse_simple(path: str, source: bytes, options: Options) -> ParsedRecord | None:
    """Parse a record without anything that needs a YAML parser.

    None for all others, and where there is something to report of `related`.
    Raises FrontMatterError.
    """
    parts = extract_related(source)
    if parts is None:
        return None
    front, body = split(parts.without_related)
    mapping = simple_yaml.parse(unsecured(front))
    if mapping is None or (parts.items and "related" in mapping):
        return None
    try:
        return _parsed(path, mapping, (front, body), options, parts.items)
    except Unusual:
        return None


def clean(path: str, data: bytes, *, is_record: bool = False) -> tuple[bytes, list[Problem]]:
    """The content of a record as UTF-8 without byte order mark, its lines ended by LF."""

    def error(line: int, field: str, message: str) -> RecordError:
        return RecordError(Problem(path, line, field, message))

    if not data or data.isspace():
        raise error(1, "file", "is empty; a record begins with a line that says ---")
    if data.startswith(_UTF_16):
        raise error(1, "encoding", "is UTF-16; save the file as UTF-8")
    notes = []
    if data.startswith(b"\xef\xbb\xbf"):
        data = data[3:]
        message = "begins with a byte order mark; read all the same, save it as UTF-8 without"
        notes.append(Problem(path, 1, "encoding", message, "note"))
    if not is_record and not re.match(rb"---[ \t]*(\r?\n|\r|\Z)", data):
        near = near_front.above(data[:_BEGINNING].decode(errors="replace"))
        raise NotARecord(near.reason if near else "doesn't begin with a line that says ---")
    if len(data) > MAX_BYTES:
        raise error(1, "file", f"is longer than {MAX_BYTES:,} bytes; shorten it")
    try:
        data.decode()
    except UnicodeDecodeError as bad:
        line = data.count(b"\n", 0, bad.start) + 1
        message = f"has the byte 0x{data[bad.start]:02X}, which is not UTF-8; save it as UTF-8"
        raise error(line, "encoding", message) from None
    if b"\r" in data:
        data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        message = "are CRLF or CR; read all the same, LF would be right"
        notes.append(Problem(path, 1, "line endings", message, "note"))
    return data, notes
