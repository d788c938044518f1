"""The words of the program as values: records, entries, feeds, documents.

Everything here is immutable and free of input and output. Times are aware
`datetime` values in UTC; durations are whole seconds; URLs are absolute,
percent-encoded strings.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import Final, Literal

import msgspec

from feeds import urls

# Stands where a time is needed and no record gives one: fixed, since nothing
# that renders may ask what time it is, and after 1990, since readers and the
# W3C validator take older dates for mistakes.
UNKNOWN_TIME: Final = datetime(2000, 1, 1, tzinfo=UTC)

# How much of its record an entry of a feed has: all, no body, or no more than a headline.
CONTENTS: Final = ("full", "excerpt", "title")

RELATED_SHOWN: Final = 5  # links to other coverage with an entry


class FeedsError(Exception):
    """The root of every error this program raises on purpose.

    `public` is what strangers may know of it: it names no path and no address.
    """

    public = "the last load failed; the log says why"


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """Something wrong with a record file: where, and what would be right.

    An `error` leaves the record out; a `note` does not. `value` is what is
    written there, `suggestion` the same as it would be accepted; both are empty
    where that can't be told.
    """

    path: str
    line: int
    field: str
    message: str
    severity: Literal["error", "note"] = "error"
    value: str = ""
    suggestion: str = ""

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.field}: {self.message}"


class RecordError(FeedsError):
    """A record that can't be read; `problems` are all that is wrong with it, by line."""

    def __init__(self, *problems: Problem) -> None:
        self.problems = tuple(sorted(dict.fromkeys(problems), key=lambda problem: problem.line))
        super().__init__(str(next(p for p in self.problems if p.severity == "error")))


class Image(msgspec.Struct, frozen=True, omit_defaults=True):
    """A picture by its URL; width and height in pixels, 0 where unknown."""

    url: str
    width: int = 0
    height: int = 0


class Provider(msgspec.Struct, frozen=True, omit_defaults=True):
    """Who published a record.

    `key` is the domain (lower case, punycode, no `www.`) or the slug of the
    name where there is no domain; `slug` is the slug of the name.
    """

    key: str
    slug: str
    name: str
    domain: str = ""
    icon: Image | None = None


class RelatedLink(msgspec.Struct, frozen=True, omit_defaults=True):
    """Other coverage of a record's story, as the record tells it; keys as in `Record`."""

    key: str
    url: str
    title: str
    excerpt: str = ""
    published: datetime | None = None
    provider: str = ""
    type: str = ""
    quality: int = 0

    @property
    def page(self) -> str:
        return urls.page_key(self.url, self.key)


class Download(msgspec.Struct, frozen=True, omit_defaults=True):
    """A file that a record offers."""

    url: str
    title: str


class Record(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one public seed file says, cleaned and checked.

    `key` is made from its identity URL; `id` is a URI, which is the key unless the record
    gives its own. All copies have the same `page`, a key too, or that of the AMP page of
    another (`amp_page`, empty without one).
    At least one of the four URLs is set; an unset one is the empty string.
    `body` is sanitised HTML, all other texts are plain. `topics` are names
    as written. `dated` is the date in the file name, used without
    `published`. `starts` and `place` are those of an event.
    """

    path: str
    key: str
    id: str
    title: str
    excerpt: str = ""
    body: str = ""
    published: datetime | None = None
    updated: datetime | None = None
    dated: datetime | None = None
    original: str = ""
    web: str = ""
    amp: str = ""
    amp_cache: str = ""
    type: str = ""
    quality: int = 0
    heat: int = 0
    provider: Provider | None = None
    authors: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()
    images: tuple[Image, ...] = ()
    related: tuple[RelatedLink, ...] = ()
    duration: int = 0
    player: str = ""
    starts: datetime | None = None
    place: str = ""
    downloads: tuple[Download, ...] = ()

    @property
    def page(self) -> str:
        return urls.page_key(urls.canonical_url(self), self.key)

    @property
    def amp_page(self) -> str:
        return urls.page_key(self.amp or self.amp_cache)


decode_record = msgspec.json.Decoder(Record).decode


class CollectionItem(msgspec.Struct, frozen=True):
    """A file that a collection names, as it is written there, and in which line."""

    name: str
    line: int


class RecordCollection(msgspec.Struct, frozen=True, omit_defaults=True):
    """A named list of other records, as one public file says it; `path` is that of the file."""

    path: str
    title: str
    excerpt: str = ""
    published: datetime | None = None
    items: tuple[CollectionItem, ...] = ()


class Hidden(msgspec.Struct, frozen=True):
    """A record that is not public, and why.

    `key`, `page` and `amp_page` are as in `Record`, empty when they can't be told; the last
    counts only where it is `removed`: its copies go too.
    """

    path: str
    reason: str
    key: str = ""
    removed: bool = False
    page: str = ""
    amp_page: str = ""


class Label(msgspec.Struct, frozen=True):
    """A topic, provider or type: its slug in URLs, and its name for people."""

    slug: str
    name: str


@dataclass(frozen=True)
class Entry:
    """A published record as a feed shows it.

    `version` changes whenever anything in the entry does, and only then.
    `source` reads the record as the store has it; `gone` are the keys of related
    coverage that may not be shown any more. `content` is one of `CONTENTS`. `published` is
    None where nobody knows it, and `updated` UNKNOWN_TIME. `kind` is the slug of its type,
    `provider` the key of its provider.
    """

    id: str
    version: bytes
    source: Callable[[], bytes] = field(compare=False)
    published: datetime | None
    updated: datetime
    gone: frozenset[str] = frozenset()
    topics: tuple[Label, ...] = ()
    kind: str = ""
    provider: str = ""
    content: str = CONTENTS[0]

    @cached_property
    def record(self) -> Record:
        """The record, read when it is first needed: an unchanged entry never is."""
        record = decode_record(self.source())
        if self.gone:
            kept = tuple(link for link in record.related if link.key not in self.gone)
            record = msgspec.structs.replace(record, related=kept)
        if self.content == "excerpt":
            return msgspec.structs.replace(record, body="")
        if self.content == "title":
            return msgspec.structs.replace(
                record,
                body="",
                excerpt="",
                images=(),
                related=(),
                downloads=(),
                player="",
                duration=0,
                starts=None,
                place="",
            )
        return record

    def as_content(self, content: str) -> Entry:
        """The same with as much of its record as one of `CONTENTS` says."""
        if content == self.content:
            return self
        return replace(self, content=content, version=self.version + content.encode())

    @property
    def related(self) -> tuple[RelatedLink, ...]:
        """The best of the other coverage: what a feed shows of it."""
        return self.record.related[:RELATED_SHOWN]

    @property
    def type(self) -> Label | None:
        """The type: the slug of its feeds, and what the record says."""
        return Label(self.kind, self.record.type) if self.kind else None


class Link(msgspec.Struct, frozen=True):
    """A feed-level link (RFC 4287 4.2.7)."""

    rel: str
    href: str
    type: str = ""
    title: str = ""


class Withdrawn(msgspec.Struct, frozen=True):
    """The id of an entry that a feed showed and that was withdrawn, and when."""

    id: str
    when: datetime


class Feed(msgspec.Struct, frozen=True):
    """A title, a self URL and entries in order.

    `name` is the title without month, period and page. `icon` is
    the URL of a square picture. `links` are those of the
    requested format, self first; `alternates` lead
    to the same feed in the other formats and to its page. `policy` is the
    link policy of its entries. `updated` is the newest `updated` among the
    entries; `modified` is when the feed's content last changed
    (Last-Modified), which is not the same. `ttl` is how long it may be kept, in seconds.
    `mark` is a moment in seconds after which all that came or changed makes a new state
    of this one; 0 where there are no deltas. `archive` is the month or day, such as 2026-05,
    of an archive that gains no entries any more (RFC 5005 4).
    """

    id: str
    title: str
    name: str
    description: str
    page: str
    language: str
    site: str
    icon: str
    root: str
    policy: str
    links: tuple[Link, ...]
    alternates: tuple[Link, ...]
    entries: tuple[Entry, ...]
    updated: datetime
    modified: datetime
    total: int
    ttl: int
    archive: str = ""
    mark: int = 0
    withdrawn: tuple[Withdrawn, ...] = ()
