"""Profiles that are tables: fields, the rule for addresses, what hides, what is passed over.

A vault of Obsidian, the content of Astro and Docusaurus, a folder of links, and
those that users write themselves (`table_settings`) differ in values alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, tzinfo
from fnmatch import fnmatchcase
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from feeds import urls
from feeds.records import template_tags
from feeds.records.dates import EARLIEST, LATEST, AmbiguousDateError, parse_date
from feeds.records.fields import is_null
from feeds.records.frontmatter import Mapping, Node, Scalar, Sequence
from feeds.records.headings import first_heading, heading_text
from feeds.records.hiding import says_public
from feeds.records.profiles import table_address
from feeds.records.profiles.hiding import Visibility, visibility
from feeds.records.profiles.page import Page, PassedOver
from feeds.records.profiles.table_address import AddressError, Source
from feeds.records.record_fields import ENTRY_ID

TEXTS: Final = ("md", "markdown", "mdx", "html", "htm", "txt")
MARKDOWN: Final = ("md", "mdx")
# Fields whose values are the page of a record, where they are absolute.
_PAGES: Final = ("link", "url", "external_url", "source_url", "canonical_url")
_RULES: Final[dict[str, Callable[[Source], str]]] = {
    "note": table_address.of_note,
    "collection": table_address.of_collection,
    "post": table_address.of_post,
    "document": table_address.of_document,
}
_HEADING: Final = re.compile(r"^ {0,3}#{1,6}[ \t].*$", re.MULTILINE)
_IN_TAG: Final = ("label", "name", "title")
# Addresses by the rules of places, in words.
_RULE_WORDS: Final = {
    "": "link or url of each record",
    "note": "/PATH",
    "collection": "/COLLECTION/ID/",
    "post": "/YEAR/MONTH/DAY/NAME, or its slug",
    "document": "/PATH, or its slug",
}


class FieldNames(msgspec.Struct, frozen=True):
    """The names of fields; the first that is there counts, of tags and categories all.

    A dot leads into a mapping. `others` are names that stand in for one that
    has its name everywhere: `(("excerpt", ("standfirst",)),)`.
    """

    title: tuple[str, ...] = ("title",)
    date: tuple[str, ...] = (
        "date", "publishDate", "pubDate", "pubDatetime", "publishedDateTime", "published", "created"
    )  # fmt: skip
    updated: tuple[str, ...] = (
        "lastmod", "updated", "last_modified_at", "updatedDate", "modDatetime",
        "updatedDateTime", "last_update.date", "modified",
    )  # fmt: skip
    tags: tuple[str, ...] = ("tags", "keywords")
    categories: tuple[str, ...] = ("categories", "category")
    url: tuple[str, ...] = ("permalink", "url")
    slug: tuple[str, ...] = ("slug",)
    id: tuple[str, ...] = ()
    others: tuple[tuple[str, tuple[str, ...]], ...] = ()


class Place(msgspec.Struct, frozen=True):
    """A folder of entries, the beginning of their addresses, and the rule for the rest.

    `folder` is relative to the site's and ends in a slash unless empty. Rules
    are `note`, `collection`, `post` and `document`; without one, pages have the
    address that they name.
    """

    folder: str = ""
    route: str = ""
    rule: str = ""


class TableSite(msgspec.Struct, frozen=True):
    """A site that a table describes.

    `pattern`, where there is one, stands above the rules of `places`. `prefix`
    leads from the site's folder to the one that the user named. `passed_over`
    are patterns of paths in the site's. `public_word` names a field that has to be true.
    With `url_is_id`, the site's own feed has the address of a page as its id.
    """

    name: str
    base_url: str = ""
    title: str = ""
    description: str = ""
    language: str = ""
    dialect: str = ""
    timezone: str = "UTC"
    names: FieldNames = FieldNames()
    places: tuple[Place, ...] = (Place(),)
    pattern: str = ""
    prefix: str = ""
    extensions: tuple[str, ...] = TEXTS
    passed_over: tuple[str, ...] = ()
    underscored: bool = True
    needs_front_matter: bool = False
    named_by_file: bool = False
    public_word: str = ""
    url_is_id: bool = False
    separators: tuple[str, ...] = ()
    slash: bool | None = None

    @property
    def zone_of_dates(self) -> str:
        """The zone of dates without an offset, which are UTC for other tools."""
        return self.timezone

    @property
    def url_rule(self) -> str:
        """The rule for addresses of pages whose files name none, in a few words."""
        rules = (place.route + _RULE_WORDS[place.rule] for place in self.places)
        return self.pattern or "; ".join(rules)

    @property
    def is_links(self) -> bool:
        """Whether the table is that of a folder of no tool."""
        return self.name == "links"

    def passes_over(self, path: str) -> str:
        """Why no entry is made of the file at `path`; empty where one may be made."""
        name = path.rpartition("/")[2]
        stem, _, extension = name.rpartition(".")
        if not stem or extension.lower() not in self.extensions:
            return "no text in " + " or ".join(f".{extension}" for extension in self.extensions)
        if not self.underscored and (path.startswith("_") or "/_" in path):
            return "its name, or a folder's, begins with _"
        for pattern in self.passed_over:
            if fnmatchcase(self.prefix + path, pattern):
                return f"its path matches {pattern}"
        place = self._place(path)
        if place is None:
            return "not in " + " or ".join(place.folder for place in self.places)
        if place.rule == "collection" and "/" not in (self.prefix + path)[len(place.folder) :]:
            return "in no collection"
        return ""

    def fields(self, path: str, front: Mapping) -> Mapping:
        """`front` with the names that site records have everywhere."""
        del path  # a table has no values for all files
        if self.dialect == "wiki":
            front = _without_brackets(front)
        if not self.names.others:
            return front
        merged = Mapping()
        merged.line, merged.lines, merged.repeated = front.line, {**front.lines}, front.repeated
        merged.update(front)
        for usual, names in self.names.others:
            for name in names:
                if (node := _node(front, name)) is not None:
                    merged[usual] = node
                    merged.lines[usual] = front.lines.get(name, node.line)
                    break
        return merged

    def page(self, path: str, front: Mapping, body: str, now: datetime) -> Page:
        """The page of the file at `path` at `now`. Raises PassedOver."""
        if self.needs_front_matter and not front:
            raise PassedOver("no front matter")
        if self.dialect == "wiki":
            front = _without_brackets(front)
        notes: list[tuple[str, str]] = []
        zone = UTC if self.timezone == "UTC" else ZoneInfo(self.timezone)
        place = self._place(path) or Place()
        below = (self.prefix + path)[len(place.folder) :].rpartition(".")[0]
        published, latest = _date(front, self.names.date, zone, notes)
        if published is latest is None and place.rule == "post":
            published = latest = _read(table_address.date_of_post(below), zone)
        updated, _ = _date(front, self.names.updated, zone, notes)
        title = self._title(front, body, below)
        source = Source(
            below,
            _first(front, self.names.slug),
            _first(front, ("id",)),
            title,
            published.astimezone(zone) if published else None,
        )
        seen = self._visibility(front, now, zone, latest)
        url = self._address(place, source, front, notes)
        tags = [*_texts(front, self.names.tags)]
        if self.dialect == "wiki":
            tags += template_tags.wiki_tags(body)
        return Page(
            url=url,
            id=_identifier(front, self.names.id, notes) or (url if self.url_is_id else ""),
            title=title,
            published=published,
            updated=updated,
            tags=tuple(dict.fromkeys(tags)),
            categories=tuple(dict.fromkeys(_texts(front, self.names.categories))),
            excerpt=self._excerpt(body),
            hidden=seen.hidden,
            until=seen.until,
            # What stays hidden needs no mending.
            notes=() if seen.hidden and seen.until is None else tuple(notes),
        )

    def _place(self, path: str) -> Place | None:
        whole = self.prefix + path
        return next((place for place in self.places if whole.startswith(place.folder)), None)

    def _title(self, front: Mapping, body: str, below: str) -> str:
        title = _first(front, self.names.title)
        if title or not self.named_by_file:
            return title
        heading = first_heading(body)
        if self.dialect == "wiki":
            heading = template_tags.without_wiki(heading)
        return heading_text(heading) or table_address.stem(below, dated=True)

    def _visibility(
        self, front: Mapping, now: datetime, zone: tzinfo, latest: datetime | None
    ) -> Visibility:
        if self.public_word and not says_public(front, self.public_word):
            return Visibility(f"{self.public_word} is not true")
        return visibility(front, now, lambda node: parse_date(node.text, zone), release=latest)

    def _address(
        self, place: Place, source: Source, front: Mapping, notes: list[tuple[str, str]]
    ) -> str:
        """The address of a page; empty where it has none, with a note unless the site lacks one."""
        name, own = next(
            ((name, text) for name in self.names.url if (text := _first(front, (name,)))), ("", "")
        )
        try:
            if own.startswith(("https://", "http://")):
                return urls.clean(own)
            if own:
                path = "/" + own.lstrip("/")
            elif self.pattern:
                path = table_address.of_pattern(self.pattern, source)
            elif place.rule:
                path = self._slashed(place.route + _RULES[place.rule](source))
            elif any(_first(front, (page,)).startswith("http") for page in _PAGES):
                return ""
            else:
                wanted = " or ".join(f"{page}:" for page in _PAGES[:2])
                raise AddressError("url", f"is missing; write {wanted} https://...")  # noqa: TRY301
            if path.startswith("/"):
                path = self.base_url + path if self.base_url else ""
            return urls.clean(path) if path else ""
        except AddressError as error:
            notes.append((error.field, str(error)))
        except ValueError as error:
            notes.append((name if name in {"url", "permalink"} else "url", str(error)))
        return ""

    def _slashed(self, path: str) -> str:
        if self.slash is None or path == "/":
            return path
        return path.rstrip("/") + "/" if self.slash else path.rstrip("/")

    def _excerpt(self, body: str) -> str:
        for separator in self.separators:
            head, mark, _ = body.partition(separator)
            if mark:
                return _HEADING.sub("", head).rstrip()
        return ""


LINKS: Final = TableSite(
    "links", names=FieldNames(url=("url",)), needs_front_matter=True
)  # a folder of links, of no tool


def _node(front: Mapping, name: str) -> Node | None:
    """The value of a field, by a path with dots; None where it is absent or null."""
    node: Node | None = front.get(name)
    if node is None and "." in name:
        outer, _, inner = name.partition(".")
        within = front.get(outer)
        node = _node(within, inner) if isinstance(within, Mapping) else None
    return None if node is None or is_null(node) else node


def _first(front: Mapping, names: tuple[str, ...]) -> str:
    """The text of the first field that has one."""
    for name in names:
        node = _node(front, name)
        if isinstance(node, Scalar) and (text := node.text.strip()):
            return text
    return ""


def _identifier(front: Mapping, names: tuple[str, ...], notes: list[tuple[str, str]]) -> str:
    """The id that a record has where it is a URI (RFC 4287 4.2.6)."""
    own = _first(front, names)
    if own and not ENTRY_ID.match(own):
        notes.append((names[0], "is no URI; urn:uuid:... or https://... would be right; left out"))
        return ""
    return own


def _without_brackets(front: Mapping) -> Mapping:
    """Front matter whose texts have no wiki links."""
    if not any("[[" in text for node in front.values() for text in _scalars(node)):
        return front
    plain = Mapping()
    plain.line, plain.lines, plain.repeated = front.line, front.lines, front.repeated
    for name, node in front.items():
        if isinstance(node, Sequence):
            items = Sequence(_unlinked(item) for item in node)
            items.line = node.line
            plain[name] = items
        else:
            plain[name] = _unlinked(node)
    return plain


def _scalars(node: Node) -> Iterator[str]:
    if isinstance(node, Scalar):
        yield node.text
    elif isinstance(node, Sequence):
        yield from (item.text for item in node if isinstance(item, Scalar))


def _unlinked(node: Node) -> Node:
    if not isinstance(node, Scalar) or "[[" not in node.text:
        return node
    return Scalar(template_tags.without_wiki(node.text), node.plain, node.line)


def _texts(front: Mapping, names: tuple[str, ...]) -> Iterator[str]:
    """The texts of lists; one text is split at commas."""
    for name in names:
        node = _node(front, name)
        if isinstance(node, Scalar):
            yield from filter(None, (part.strip().lstrip("#") for part in node.text.split(",")))
        elif isinstance(node, Sequence):
            for item in node:
                text = item
                if isinstance(item, Mapping):
                    text = next((item[key] for key in _IN_TAG if key in item), item)
                if isinstance(text, Scalar) and not is_null(text):
                    yield from filter(None, (text.text.strip().lstrip("#"),))


def _date(
    front: Mapping, names: tuple[str, ...], zone: tzinfo, notes: list[tuple[str, str]]
) -> tuple[datetime | None, datetime | None]:
    """The moment of the first field that is there, and the latest that it may mean.

    None where it can't be read, with a note; a word as `published` is no date.
    """
    for name in names:
        node = _node(front, name)
        if node is None or (name == "published" and not _begins_with_digit(node)):
            continue
        try:
            if not isinstance(node, Scalar):
                raise ValueError("is not a date")  # noqa: TRY004, TRY301
            moment = parse_date(node.text, zone)
            if not EARLIEST <= moment < LATEST:
                notes.append((name, "is not between 1970 and 2199; left out"))
                return None, moment
        except AmbiguousDateError as error:
            notes.append((name, f"{error}; left out"))
            days = [datetime(day.year, day.month, day.day, tzinfo=zone) for day in error.readings]
            return None, max(days).astimezone(UTC)
        except (ValueError, OverflowError) as error:
            notes.append((name, f"{error}; write it as 2023-09-02T16:03:00Z; left out"))
            return None, None
        return moment, moment
    return None, None


def _read(text: str, zone: tzinfo) -> datetime | None:
    try:
        return parse_date(text, zone) if text else None
    except ValueError:
        return None


def _begins_with_digit(node: Node) -> bool:
    return isinstance(node, Scalar) and node.text.strip()[:1].isdigit()
