"""The fields of a record, from front matter and body.

What may leave the program is the explicit list of fields below; anything else
in a file, `secured` above all, is never looked at.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime, timedelta, tzinfo
from typing import Final

import msgspec

from feeds import sanitize, slugs, urls
from feeds.messages import printable
from feeds.model import Download, Hidden, Image, Provider, Record, RecordError
from feeds.records import near_front, related, suggestions
from feeds.records.dates import EARLIEST, LATEST, parse_date, readings
from feeds.records.fields import MAX_EXCERPT, MAX_TITLE, Fields, is_null
from feeds.records.frontmatter import Mapping, Scalar
from feeds.records.hiding import (
    IN_DRAFTS,
    PUBLIC_IF_TRUE,
    TRUE,
    WORDS,
    Hiding,
    Words,
    hidden_by_word,
    in_drafts,
    release_dates,
    says_public,
    word_of,
    words_of,
)

MAX_TOPICS: Final = 100
MAX_BODY: Final = 100_000  # hostile Markdown takes square time; real bodies reach 22,000
_DATED_NAME = re.compile(r"(?:^|/)(\d{4})-(\d\d)-(\d\d)-[^/]*\Z")
# ISO 8601 5.5.2.2, the part of it that video sites write.
_DURATION = re.compile(
    r"P(?:(?P<inexact>\d+[YM])*)(?:(?P<weeks>\d{1,4})W)?(?:(?P<days>\d{1,4})D)?"
    r"(?:T(?=\d)(?:(?P<hours>\d{1,5})H)?(?:(?P<minutes>\d{1,6})M)?"
    r"(?:(?P<seconds>\d{1,8})(?:\.\d+)?S)?)?\Z"
)
# What names an entry and does nothing when it is opened (RFC 8141 2, 4151 2.1, 9110 4.2).
ENTRY_ID: Final = re.compile(
    r"(?:urn:[a-z0-9][a-z0-9-]*:|tag:[^,:]+,\d{4}(?:-\d\d){0,2}:|https?://(?![/?#]))"
    r"[!#-;=?-Z_a-z~%]+\Z",
    re.IGNORECASE | re.ASCII,
)
# The fields that are read; one of them that stands twice can't be.
READ: Final = frozenset(
    {
        "title", "name", "webUrl", "originalUrl", "ampWebUrl", "cdnAmpWebUrl", "id", "excerpt",
        "publishedDateTime", "updatedDateTime", "type", "quality", "heat", "provider", "authors",
        "topics", "images", "related", "length", "featuredContent", "actions", "startDateTime",
        "location", "website",
    }
)  # fmt: skip
NOWHERE: Final = "https://example.com/"  # the page of a record in error, for other URLs in it
URLS: Final = ("webUrl", "originalUrl", "ampWebUrl", "cdnAmpWebUrl")
# Letters and symbols that show nothing: fillers of Hangul, the blank of Braille.
_BLANK: Final = frozenset("\u115f\u1160\u2800\u3164\uffa0")
_MOST_DIGITS: Final = 8  # of a duration in seconds
_CLOCK: Final = re.compile(r"(?:(\d{1,3}):)?(\d{1,3}):([0-5]\d)\Z", re.ASCII)
_DOMAIN: Final = re.compile(r"[a-z0-9-]+(?:\.[a-z0-9-]+)*\.[a-z]{2,}\Z", re.IGNORECASE)


class RecordFields(Fields):
    """The fields of a record, and of the mappings in it."""

    def record(self, front: bytes, body: str, items: Sequence[related.Item] = ()) -> Record:
        """The record; `items` are those of its `related`, where that is not in the fields.

        Raises RecordError.
        """
        title = self.title()
        web, original, amp, amp_cache = map(self.url, URLS)
        web = web or ("" if original or amp or amp_cache else self.url("website"))  # of an event
        page = web or original or amp or amp_cache
        if not page:
            self.missing(
                URLS, "is missing; every record needs a webUrl or an originalUrl (https://...)"
            )
            page = NOWHERE
        if len(body) > MAX_BODY:
            message = f"is longer than {MAX_BODY:,} characters; left out, shorten it"
            self.note("body", message, line=front.count(b"\n") + 3)  # after two fences
            body = ""
        kind = self.text("type")
        key = urls.entry_id(urls.identity(page))
        record = Record(
            path=self.path,
            key=key,
            id=self.identifier() or key,
            title=title,
            excerpt=self.text("excerpt", MAX_EXCERPT),
            body=sanitize.body(
                body, page, markdown=not self.path.lower().endswith((".html", ".htm"))
            ),
            published=self.moment("publishedDateTime") or self.date_of_word(),
            updated=self.moment("updatedDateTime"),
            dated=_date_in_name(self.path, self.zone),
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
            related=related.best(items or self.mappings("related"), urls.page_key(page, key)),
            duration=self.duration("length"),
            player=self.player(page),
            downloads=tuple(self.downloads(page)),
            starts=self.moment("startDateTime"),
            place=self.place(),
        )
        self.refuse_errors()
        return record

    def refuse_errors(self) -> None:
        """Raise RecordError where one of the notes is an error."""
        if self.notes and any(problem.severity == "error" for problem in self.notes):
            raise RecordError(*self.notes)

    def note_stray(self, body: str, lines_above: int) -> None:
        """Note as an error fields that a stray fence made part of the body."""
        if stray := near_front.within(body):
            message = f"{stray.reason}, where it isn't read; remove the fence above it"
            self.error("front matter", message, lines_above + stray.line)

    def title(self) -> str:
        """The title, which shows something; empty, with an error, where none does."""
        for name in ("title", "name"):
            title = self.text(name, MAX_TITLE)
            if any(c not in _BLANK and unicodedata.category(c)[0] not in "CMZ" for c in title):
                return title
        self.missing(("title", "name"), "is missing; every record needs a title")
        return ""

    def missing(self, names: Sequence[str], message: str) -> None:
        """Note as an error what is wrong with these fields, or that all miss."""
        if self.as_errors(names):
            return
        empty = next((name for name in names if name in self.fields), None)
        if empty is None:
            self.error(names[0], message, line=1)
        else:
            self.error(empty, f"is empty; {message.partition('; ')[2]}", self.line(empty))

    def as_errors(self, names: Collection[str]) -> bool:
        """Make errors of the notes about these fields; whether there are any."""
        wrong = [problem for problem in self.notes if problem.field in names]
        for problem in wrong:
            message = problem.message.removesuffix("; left out")
            error = msgspec.structs.replace(problem, message=message, severity="error")
            self.notes[self.notes.index(problem)] = error
        return bool(wrong)

    def date_of_word(self) -> datetime | None:
        """The date that `published`, in any case, holds instead of a word."""
        for name, node in self.fields.items():
            is_word = isinstance(node, Scalar) and node.text.strip().lower() in TRUE
            if word_of(name) in PUBLIC_IF_TRUE and not is_word:
                return self.moment(name)
        return None

    def released(self, words: Words, published: datetime | None) -> datetime | None:
        """The last of all moments that its dates of publication may name; None without any.

        `published` is the one that its entry has.
        """
        moments = [*release_dates(words, self.zone)]
        if published is not None:
            moments.append(published)
        elif isinstance(node := self.fields.get("publishedDateTime"), Scalar):
            with suppress(ValueError):
                moments += readings(node.text, self.zone)
        return max(moments, default=None)

    def hidden(self, words: Words | None = None, public_if: str = "") -> Hidden | None:
        """Why a word, or that the field `public_if` isn't true, hides the record; None for none."""
        hiding = hidden_by_word(words_of(self.fields) if words is None else words, self.zone)
        if not self.prefix and in_drafts(self.path) and not (hiding and hiding.removed):
            hiding = Hiding(IN_DRAFTS)
        if hiding is None and public_if and not says_public(self.fields, public_if):
            hiding = Hiding(f"{public_if} is not true")
        if hiding is None:
            return None
        url = self._url((*URLS, "website"))
        key = urls.entry_id(urls.identity(url)) if url else ""
        amp = urls.page_key(self._url(URLS[2:])) if hiding.removed else ""
        page = urls.page_key(url, key)
        return Hidden(self.path, hiding.reason, key, hiding.removed, page, amp)

    def note_repeated(self, read: Collection[str] = READ) -> None:
        """Note fields that stand twice, an error for one that is `read`."""
        for name, _, line in self.fields.repeated:
            message = f"stands twice (first in line {self.fields.lines[name]})"
            if name in read:
                self.error(name, f"{message}; keep one", line)
                continue
            hides = word_of(name) in WORDS
            effect = "one that hides the record does" if hides else "nothing reads it"
            self.note(printable(name[:40]), f"{message}; {effect}", line)

    def _url(self, names: Iterable[str]) -> str:
        """The first URL in these fields of a hidden record; its mistakes are nobody's business."""
        for name in names:
            node = self.fields.get(name)
            if isinstance(node, Scalar) and not is_null(node) and node.text.strip():
                with suppress(ValueError):
                    return urls.clean(node.text)
        return ""

    def rank(self) -> tuple[int, datetime]:
        """Where it stands among the items of `related`: by quality, then date."""
        return self.number("quality"), self.moment("publishedDateTime") or EARLIEST

    def identifier(self) -> str:
        """The `id` field, which overrides the id made from the URL (RFC 4287 4.2.6)."""
        own = self.raw("id").strip()
        if own and not ENTRY_ID.match(own):
            self.note(
                "id",
                "is not a urn:, tag:, http: or https: URI; urn:uuid:... or https://... "
                "would be right; left out",
            )
            return ""
        return own

    def provider(self) -> Provider | None:
        if isinstance(self.fields.get("provider"), Scalar):
            return self._named_provider()
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
            fields.note_value("domain", domain, str(error), suggestions.domain(domain))
            key, domain = slugs.slug(name), ""
        icon = next((i for i in fields.images("") if i.url), None)
        return Provider(key, slugs.slug(name), name, key if domain else "", icon)

    def provider_name(self) -> str:
        """The provider's name, else its domain, empty where there is none."""
        if isinstance(self.fields.get("provider"), Scalar):
            return self.text("provider")
        fields = self.mapping("provider")
        return (fields.text("name") or fields.text("domain")) if fields else ""

    def _named_provider(self) -> Provider | None:
        """The provider that is no mapping but its name, or its domain."""
        name = self.text("provider")
        if not name:
            return None
        domain = name if _DOMAIN.match(name) else ""
        key = slugs.provider_key(name, domain)
        return Provider(key, slugs.slug(name), name, key if domain else "")

    def authors(self) -> tuple[str, ...]:
        people = list(self.people("authors"))
        provider = self.fields.get("provider")
        if isinstance(provider, Mapping):
            people += self.within("provider", provider).people("authors")
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
            self.note("topics", f"lists more than {MAX_TOPICS} topics; the first are taken")
        names: dict[str, str] = {}
        for index, node in enumerate(nodes[:MAX_TOPICS]):
            if name := self.text_of(f"topics[{index}]", node):
                names.setdefault(slugs.slug(name), name)
        return tuple(names.values())

    def images(self, page: str) -> Iterator[Image]:
        """Pictures with a usable URL, joined to `page`; without one, relative URLs are no use."""
        for index, node in enumerate(self.sequence("images")):
            if isinstance(node, Mapping):
                fields, name = self.within(f"images[{index}]", node), "url"
                written = fields.raw("url")
            else:
                fields, name = self, f"images[{index}]"
                written = self._raw(name, node)
            try:
                url = urls.clean(sanitize.unescape_url(written.strip()), page)
            except ValueError as error:
                if page or ":" in written:
                    right = suggestions.web_address(written)
                    fields.note_value(name, written, str(error), right, node.line)
                continue
            if fields is self:
                yield Image(url)
            else:
                yield Image(url, max(fields.number("width"), 0), max(fields.number("height"), 0))

    def duration(self, name: str) -> int:
        """Whole seconds of PT14M50S (ISO 8601), 14:50 or 890; 0 when there is none."""
        written = self.text(name)
        if not written:
            return 0
        if clock := _CLOCK.match(written):
            hours, minutes, seconds = (int(part or 0) for part in clock.groups())
            return (hours * 60 + minutes) * 60 + seconds
        if written.isdecimal() and written.isascii() and len(written) < _MOST_DIGITS:
            return int(written)
        match = _DURATION.match(written)
        if match is None or written == "P":
            right = "PT" + written.upper().replace(" ", "").removeprefix("PT")
            right = right if _DURATION.match(right) else ""
            message = "is not a duration; write it as PT14M50S"
            self.note_value(name, written, message, right)
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

    def place(self) -> str:
        """Where an event is: a text, or the name and the address in a mapping."""
        if not isinstance(self.fields.get("location"), Mapping):
            return self.text("location")
        fields = self.mapping("location")
        parts = map(fields.text, ("name", "address", "city", "country")) if fields else ()
        return ", ".join(filter(None, parts))

    def downloads(self, page: str) -> Iterator[Download]:
        for fields in self.mappings("actions"):
            if fields.text("type") != "download":
                continue
            try:
                url = urls.clean(fields.raw("url") or "missing:", page)
            except ValueError as error:
                written = fields.raw("url")
                fields.note_value("url", written, str(error), suggestions.web_address(written))
                continue
            yield Download(url, fields.text("title") or "Download")


def _date_in_name(path: str, zone: tzinfo) -> datetime | None:
    match = _DATED_NAME.search(path)
    if match is None:
        return None
    try:
        found = parse_date("-".join(match.groups()), zone)
    except ValueError:
        return None
    return found if EARLIEST <= found < LATEST else None
