"""The content of one file -> a Record, or an error that names file, line and field.

What may leave the program is the explicit list of fields below; anything
else in a file, `secured` above all, is never looked at.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from feeds import sanitize, slugs, urls
from feeds.model import (
    Download,
    FeedsError,
    Hidden,
    Image,
    Problem,
    Provider,
    Record,
    RecordError,
)
from feeds.records import related, simple_yaml
from feeds.records.fields import EARLIEST, LATEST, MAX_EXCERPT, MAX_TITLE, Fields
from feeds.records.frontmatter import FrontMatterError, Mapping, Scalar, parse, split
from feeds.records.related_block import Unusual, extract_related, unsecured, up_to_hiding

MAX_BYTES: Final = 2 * 1024 * 1024
MAX_TOPICS: Final = 100
MAX_BODY: Final = 100_000  # hostile Markdown takes square time; real bodies reach 22,000

_UTF_16 = tuple("\ufeff---".encode(encoding) for encoding in ("utf-16-le", "utf-16-be"))

_DATED_NAME = re.compile(r"(?:^|/)(\d{4})-(\d\d)-(\d\d)-[^/]*\Z")
# ISO 8601 5.5.2.2, the part of it that video sites write.
_DURATION = re.compile(
    r"P(?:(?P<inexact>\d+[YM])*)(?:(?P<weeks>\d{1,4})W)?(?:(?P<days>\d{1,4})D)?"
    r"(?:T(?=\d)(?:(?P<hours>\d{1,5})H)?(?:(?P<minutes>\d{1,6})M)?"
    r"(?:(?P<seconds>\d{1,8})(?:\.\d+)?S)?)?\Z"
)
# URIs that name an entry and do nothing when they are opened (RFC 8141 2, 4151 2.1, 9110 4.2).
_ENTRY_ID = re.compile(
    r"(?:urn:[a-z0-9][a-z0-9-]*:|tag:[^,:]+,\d{4}(?:-\d\d){0,2}:|https?://(?![/?#]))"
    r"[!#-;=?-Z_a-z~%]+\Z",
    re.IGNORECASE | re.ASCII,
)

# Lines that hide a record even where the rest of the file can't be read: in
# doubt they do.
_HIDING_LINE = re.compile(
    rb"(?:^|[\r\n])(?:"
    rb"[\"']?published[\"']?[ \t]*:(?![ \t]*(?:true|yes|on)[ \t]*(?:#|[\r\n]|\Z))"
    rb"|[\"']?(?:removed|deleted)[\"']?[ \t]*:(?![ \t]*(?:false|no|off)[ \t]*(?:#|[\r\n]|\Z)))",
    re.I,
)


class NotARecord(FeedsError):
    """A file that doesn't begin with a `---` line: passed over, as Jekyll does."""


class ParsedRecord(NamedTuple):
    """A record, public or hidden, and notes about it."""

    record: Record | Hidden
    notes: list[Problem]


def parse_record(path: str, data: bytes, *, fast: bool = True) -> ParsedRecord:
    """Parse the record in `data`, the content of the file at `path`.

    `path` is relative to the collection, with forward slashes. Raises
    NotARecord for a file without front matter and RecordError for one that
    can't be read. With `fast`, the longest blocks are not parsed where they can
    be taken out exactly; without, all is, with the same outcome.
    """
    source, notes = _clean(path, data)
    try:
        parsed = (_parse_hidden(path, source) or _parse_simple(path, source)) if fast else None
        if parsed is not None:
            return ParsedRecord(parsed.record, notes + parsed.notes)
        front, body = split(source)
        fields = _RecordFields(path, parse(front.decode()), notes)
        return ParsedRecord(fields.hidden() or fields.record(front, body.decode()), notes)
    except FrontMatterError as error:
        raise RecordError(Problem(path, error.line, error.field, error.message)) from None


def _parse_hidden(path: str, source: bytes) -> ParsedRecord | None:
    """Parse a record that says early that it is hidden; None where what follows may matter."""
    beginning = up_to_hiding(source)
    mapping = simple_yaml.parse(beginning) if beginning else None
    if mapping is None:
        return None
    hidden = _RecordFields(path, mapping, []).hidden()
    return ParsedRecord(hidden, []) if hidden else None


def _parse_simple(path: str, source: bytes) -> ParsedRecord | None:
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
    notes: list[Problem] = []
    fields = _RecordFields(path, mapping, notes)
    try:
        record = fields.hidden() or fields.record(front, body.decode(), parts.items)
    except Unusual:
        return None
    return ParsedRecord(record, notes)


def hides_itself(data: bytes) -> bool:
    """Whether unreadable `data` still has a line that hides the record."""
    return _HIDING_LINE.search(data) is not None


def _clean(path: str, data: bytes) -> tuple[bytes, list[Problem]]:
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
    if not re.match(rb"---[ \t]*(\r?\n|\r|\Z)", data):
        raise NotARecord(f"{path} doesn't begin with a line that says ---")
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


class _RecordFields(Fields):
    """The fields of a record, and of the mappings in it."""

    def record(self, front: bytes, body: str, items: Sequence[related.Item] = ()) -> Record:
        """The record; `items` are those of its `related`, where that is not in the fields.

        Raises RecordError.
        """
        title = self.text("title", MAX_TITLE) or self.text("name", MAX_TITLE)
        if not title:
            raise self.error("title", "is missing; every record needs a title", line=1)
        web, original = self.url("webUrl"), self.url("originalUrl")
        amp, amp_cache = self.url("ampWebUrl"), self.url("cdnAmpWebUrl")
        page = web or original or amp or amp_cache
        if not page:
            message = "is missing; every record needs a webUrl or an originalUrl (https://...)"
            raise self.error("webUrl", message, line=1)
        if len(body) > MAX_BODY:
            message = f"is longer than {MAX_BODY:,} characters; shorten it"
            raise self.error("body", message, line=front.count(b"\n") + 3)  # after two fences
        kind = self.text("type")
        key = urls.entry_id(urls.identity(page))
        return Record(
            path=self.path,
            key=key,
            id=self.identifier() or key,
            title=title,
            excerpt=self.text("excerpt", MAX_EXCERPT),
            body=sanitize.body(
                body, page, markdown=not self.path.lower().endswith((".html", ".htm"))
            ),
            published=self.moment("publishedDateTime"),
            updated=self.moment("updatedDateTime"),
            dated=_date_in_name(self.path),
            original=original,
            web=web,
            amp=amp,
            amp_cache=amp_cache,
            type=kind,
            quality=self.number("quality"),
            heat=self.number("heat"),
            provider=self.provider(),
            authors=self.authors(),
            topics=self.topics(),
            images=tuple(self.images(page)),
            related=related.best(items or self.mappings("related"), key, self.notes),
            duration=self.duration("length"),
            player=self.player(page),
            downloads=tuple(self.downloads(page)),
        )

    def hidden(self) -> Hidden | None:
        """Why the record is not public, None if it is; when in doubt it is hidden."""
        for name in ("removed", "deleted"):
            if name in self.fields and not self._is(name, False):
                return Hidden(self.path, name, self._key_of_hidden(), removed=True)
        if "published" in self.fields and not self._is("published", True):
            return Hidden(self.path, "published is not true", self._key_of_hidden())
        return None

    def _is(self, name: str, expected: bool) -> bool:
        node = self.fields[name]
        if not isinstance(node, Scalar):
            return False
        try:
            return node.value() is expected
        except ValueError:
            return False

    def _key_of_hidden(self) -> str:
        """The key of a hidden record's page, "" without one; its mistakes aren't reported."""
        for name in ("webUrl", "originalUrl", "ampWebUrl", "cdnAmpWebUrl"):
            with suppress(RecordError):
                if page := self.url(name):
                    return urls.entry_id(urls.identity(page))
        return ""

    def identifier(self) -> str:
        """The `id` field, which overrides the id made from the URL (RFC 4287 4.2.6)."""
        own = self.raw("id").strip()
        if own and not _ENTRY_ID.match(own):
            raise self.error(
                "id",
                "is not a urn:, tag:, http: or https: URI; urn:uuid:... or https://... "
                "would be right",
            )
        return own

    def provider(self) -> Provider | None:
        fields = self.mapping("provider")
        if fields is None:
            return None
        domain = fields.text("domain")
        name = fields.text("name") or domain
        if not name:
            return None
        try:
            key = slugs.provider_key(name, domain)
        except ValueError as error:
            raise fields.error("domain", str(error)) from None
        icon = next((i for i in fields.images("") if i.url), None)
        return Provider(key, slugs.slug(name), name, key if domain else "", icon)

    def authors(self) -> tuple[str, ...]:
        people = list(self.people("authors"))
        if fields := self.mapping("provider"):
            people += fields.people("authors")
        return tuple(dict.fromkeys(people))

    def people(self, name: str) -> Iterator[str]:
        for index, node in enumerate(self.sequence(name)):
            where = f"{name}[{index}]"
            if isinstance(node, Mapping):
                person = self.within(where, node).text("name")
            else:
                person = self.text_of(where, node)
            if person:
                yield person

    def topics(self) -> tuple[str, ...]:
        nodes = self.sequence("topics")
        if len(nodes) > MAX_TOPICS:
            raise self.error("topics", f"lists more than {MAX_TOPICS} topics")
        names: dict[str, str] = {}
        for index, node in enumerate(nodes):
            if name := self.text_of(f"topics[{index}]", node):
                names.setdefault(slugs.slug(name), name)
        return tuple(names.values())

    def images(self, page: str) -> Iterator[Image]:
        """Pictures with a usable URL, joined to `page`; without one, relative URLs are no use."""
        for fields in self.mappings("images"):
            try:
                url = urls.clean(sanitize.unescape_url(fields.raw("url").strip()), page)
            except ValueError as error:
                if page or ":" in fields.raw("url"):
                    fields.note("url", f"{error}; the picture is left out")
                continue
            yield Image(url, max(fields.number("width"), 0), max(fields.number("height"), 0))

    def duration(self, name: str) -> int:
        """Whole seconds from an ISO 8601 duration such as PT14M50S; 0 when there is none."""
        written = self.text(name)
        if not written:
            return 0
        match = _DURATION.match(written)
        if match is None or written == "P":
            self.note(
                name, f"{written[:40]!r} is not a duration; PT14M50S would be right; left out"
            )
            return 0
        if match["inexact"]:
            return 0  # years and months have no length in seconds
        parts = {unit: int(n) for unit, n in match.groupdict("0").items() if unit != "inexact"}
        return int(timedelta(**parts).total_seconds())

    def player(self, page: str) -> str:
        """The page that plays the video, from the iframe of `featuredContent`."""
        source = sanitize.frame_source(self.raw("featuredContent"))
        if not source:
            return ""
        try:
            return urls.clean(source, page)
        except ValueError as error:
            self.note("featuredContent", f"its iframe's src {error}; left out")
            return ""

    def downloads(self, page: str) -> Iterator[Download]:
        for fields in self.mappings("actions"):
            if fields.text("type") != "download":
                continue
            try:
                url = urls.clean(fields.raw("url") or "missing:", page)
            except ValueError as error:
                fields.note("url", f"{error}; the download is left out")
                continue
            yield Download(url, fields.text("title") or "Download")


def _date_in_name(path: str) -> datetime | None:
    match = _DATED_NAME.search(path)
    if match is None:
        return None
    try:
        date = datetime(*map(int, match.groups()), tzinfo=UTC)  # type: ignore[arg-type,misc]
    except ValueError:
        return None
    return date if EARLIEST <= date < LATEST else None
