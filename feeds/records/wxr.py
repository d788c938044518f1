"""WordPress exports (WXR): their published posts, as records of our own form.

As `wp-admin/includes/export.php` of WordPress writes them. Posts alone, published and
without a password; no e-mail address of anybody is taken over. An export is read as a
stream, twice: pictures and authors may stand behind the posts that name them.
"""

from __future__ import annotations

import html
import math
import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, Final, NamedTuple
from urllib.parse import unquote, urlsplit

import yaml
from lxml import etree
from markdown_it import MarkdownIt

from feeds import sanitize, slugs, urls
from feeds.messages import printable
from feeds.model import FeedsError
from feeds.records.dates import EARLIEST, LATEST, parse_date
from feeds.records.fields import MAX_EXCERPT, MAX_NAME, MAX_TITLE
from feeds.records.record_fields import ENTRY_ID, MAX_BODY, MAX_TOPICS

_MAX_ITEM: Final = 32 * 1024 * 1024  # bytes
_MAX_PICTURES: Final = 500_000  # in the media library of an export
_CHILD: Final = 3  # depth of what stands in rss/channel
_NAMESPACES: Final = (
    (re.compile(r"\{https?://wordpress\.org/export/1\.\d/\}"), "wp:"),
    (re.compile(r"\{https?://wordpress\.org/export/1\.\d/excerpt/\}"), "excerpt:"),
    (re.compile(r"\{https?://purl\.org/rss/1\.0/modules/content/\}"), "content:"),
    (re.compile(r"\{https?://purl\.org/dc/elements/1\.1/\}"), "dc:"),
)
_EMAIL: Final = re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+")
# Tags in square brackets that WordPress itself replaces, and all others that have attributes.
_SHORTCODE: Final = re.compile(
    r"\[/?(?:(?:wp_)?caption|gallery|audio|video|playlist|embed|"
    r"[a-z][\w-]*(?=\s+[\w-]+=))(?:\s[^\]\n]{0,2000})?\]"
)


class ExportError(FeedsError):
    """A file that is no WordPress export; says where, and what is wrong."""


class Post(NamedTuple):
    """A published post: texts are plain, the body is HTML, URLs are absolute and clean.

    `id` is its id in the site's own feed, empty where that is no URI.
    """

    title: str
    link: str
    id: str = ""
    slug: str = ""
    published: datetime | None = None
    updated: datetime | None = None
    excerpt: str = ""
    body: str = ""
    author: str = ""
    topics: tuple[str, ...] = ()
    image: str = ""
    provider: str = ""
    domain: str = ""

    @property
    def file_name(self) -> str:
        """`DATE-slug.md`, of `[a-z0-9-]` alone."""
        day = f"{self.published:%Y-%m-%d}-" if self.published else ""
        return f"{day}{slugs.slug(self.slug or self.title)}.md"

    def record(self) -> bytes:
        """The file: front matter as YAML, and the body."""
        provider = {"name": _written(self.provider), "domain": self.domain}
        fields: dict[str, Any] = {
            "title": _written(self.title),
            "webUrl": self.link,
            "id": self.id,
            "publishedDateTime": _time(self.published),
            "updatedDateTime": _time(self.updated),
            "excerpt": _written(self.excerpt),
            "provider": {k: v for k, v in provider.items() if v},
            "authors": [_written(self.author)] if self.author else [],
            "topics": [*map(_written, self.topics)],
            "images": [_written(self.image, sanitize.unescape_url)] if self.image else [],
        }
        front = yaml.safe_dump(
            {name: value for name, value in fields.items() if value},
            sort_keys=False, allow_unicode=True, width=math.inf,
        )  # fmt: skip
        return f"---\n{front}---\n{self.body}\n".encode()


class LeftOut(NamedTuple):
    """An item that is no record, and why; `published` is one that readers of the site see."""

    title: str
    reason: str
    published: bool = False


def read(files: Sequence[Path]) -> Iterator[Post | LeftOut]:
    """The posts of an export, which may be of several files, and what is left out of it.

    Raises ExportError, before the first post, for a file that can't be read.
    """
    site = _Site()
    for file in files:
        site.versions = 0
        for name, element in _children(file):
            site.note(name, element)
        if not site.versions:
            raise ExportError(f"{file}: is no WordPress export: it has no wp:wxr_version")
    for file in files:
        for name, element in _children(file):
            if name == "item":
                yield site.post(_Item(element))


def _children(file: Path) -> Iterator[tuple[str, Any]]:
    """What stands in the channel of an export, one after the other, by name. Raises ExportError."""
    try:
        with file.open("rb") as opened:
            yield from _elements(file, opened)
    except OSError as error:
        raise ExportError(f"{file}: {error.strerror or error}") from None


def _elements(file: Path, opened: BinaryIO) -> Iterator[tuple[str, Any]]:
    window = _Window(file, opened)
    events = etree.iterparse(
        window, events=("start", "end"), resolve_entities=False, load_dtd=False, no_network=True,
        huge_tree=False, remove_comments=True, remove_pis=True,
    )  # fmt: skip
    depth = 0
    for event, element in _well_formed(file, events):
        if event == "start":
            depth += 1
            if depth == 1 and element.getroottree().docinfo.internalDTD is not None:
                raise ExportError(f"{file}:1: has a DOCTYPE, and no WordPress export has")
            continue
        depth -= 1
        if depth == _CHILD - 1:
            yield _name(element), element
            window.left = _MAX_ITEM
            element.clear()
            while element.getprevious() is not None:
                del element.getparent()[0]


def _well_formed(file: Path, events: Any) -> Iterator[tuple[str, Any]]:
    """The events of a parser. Raises ExportError where it can't go on."""
    try:
        yield from events
    except etree.XMLSyntaxError as error:
        first = next(iter(events.error_log), None)  # of an entity, only the log has the line
        line, message = (first.line, first.message) if first else (1, error.msg)
        raise ExportError(
            f"{file}:{line}: is not XML: {message}; mend it, or export it again"
        ) from None


class _Window:
    """A file of which no more than `left` bytes are read before somebody says how many more."""

    def __init__(self, file: Path, opened: BinaryIO) -> None:
        self._file, self._opened = file, opened
        self.left = _MAX_ITEM

    def read(self, size: int) -> bytes:
        data = self._opened.read(size)
        self.left -= len(data)
        if self.left < 0:
            raise ExportError(f"{self._file}: has an item of more than {_MAX_ITEM:,} bytes")
        return data


def _name(element: Any) -> str:
    """The name of an element with the prefix that WordPress gives it, whatever the version."""
    name = str(element.tag)
    for namespace, prefix in _NAMESPACES:
        name = namespace.sub(prefix, name)
    return name


class _Item:
    """The fields of an element: the texts of its children by their names."""

    def __init__(self, element: Any) -> None:
        self.children: dict[str, list[Any]] = {}
        for child in element:
            self.children.setdefault(_name(child), []).append(child)

    def texts(self, name: str) -> list[str]:
        return [(child.text or "").strip() for child in self.children.get(name, ())]

    def text(self, name: str) -> str:
        return next(iter(self.texts(name)), "")


class _Site:
    """What the whole of an export says: whose site it is, its authors and pictures."""

    def __init__(self) -> None:
        self.versions = 0
        self.title = self.domain = ""
        self._authors: dict[str, str] = {}
        self._pictures: dict[str, str] = {}

    def note(self, name: str, element: Any) -> None:
        """Take over what posts need to know of an element of the channel."""
        if name == "wp:wxr_version":
            self.versions += 1
        elif name == "title":
            self.title = _plain(element.text or "", MAX_NAME)
        elif name == "link":
            self.domain = _domain(element.text or "")
        elif name == "wp:author":
            fields = _Item(element)
            names = (
                fields.text("wp:author_display_name"),
                f"{fields.text('wp:author_first_name')} {fields.text('wp:author_last_name')}",
            )
            login = fields.text("wp:author_login")
            self._authors[login] = next(filter(None, map(_person, names)), "")
        elif name == "item":
            fields = _Item(element)
            url = fields.text("wp:attachment_url")
            if url and len(self._pictures) < _MAX_PICTURES:
                self._pictures[fields.text("wp:post_id")] = url

    def post(self, item: _Item) -> Post | LeftOut:
        """The post that an item is, or why it is none."""
        title = _plain(item.text("title"), MAX_TITLE)
        kind, states = item.text("wp:post_type"), item.texts("wp:status")
        if kind != "post":
            return LeftOut(title, f"of type {printable(kind[:40]) or 'unknown'}")
        hidden = next((state for state in states or [""] if state != "publish"), None)
        if hidden is not None:
            return LeftOut(title, f"with status {printable(hidden[:40]) or 'unknown'}")
        if any(item.texts("wp:post_password")):
            return LeftOut(title, "with a password")
        link = _url(item.text("link")) or _url(item.text("guid"))
        if not title or not link:
            missing = "title" if not title else "address"
            return LeftOut(title or link, f"without {missing}", published=True)
        published = _moment(item.text("wp:post_date_gmt")) or _moment(item.text("pubDate"))
        updated = _moment(item.text("wp:post_modified_gmt"))
        guid = item.text("guid")
        return Post(
            title=title,
            link=link,
            id=guid if ENTRY_ID.match(guid) and not _EMAIL.search(guid) else "",
            slug=unquote(item.text("wp:post_name")),
            published=published,
            updated=updated if published and updated and updated > published else None,
            excerpt=_plain(item.text("excerpt:encoded"), MAX_EXCERPT),
            body=_body(item.text("content:encoded")),
            author=self._author(item.text("dc:creator")),
            topics=_topics(item),
            image=self._picture(item, link),
            provider=self.title or self.domain,
            domain=self.domain,
        )

    def _author(self, login: str) -> str:
        return self._authors[login] if login in self._authors else _person(login)

    def _picture(self, item: _Item, link: str) -> str:
        for meta in map(_Item, item.children.get("wp:postmeta", ())):
            if meta.text("wp:meta_key") == "_thumbnail_id":
                return _url(self._pictures.get(meta.text("wp:meta_value"), ""), link)
        return ""


def _plain(source: str, most: int) -> str:
    """HTML as one line of plain text."""
    return sanitize.text_of(sanitize.sanitise(source, ""))[:most].rstrip()


def _written(value: str, read: Callable[[str], str] = sanitize.plain) -> str:
    """A value such that `read`, as records are read, gives it back."""
    return value if read(value) == value else html.escape(value, quote=False)


def _person(name: str) -> str:
    """The name of a person; empty where it is an e-mail address."""
    plain = _plain(name, MAX_NAME)
    return "" if "@" in unicodedata.normalize("NFKC", plain) else plain


def _url(text: str, base: str = "") -> str:
    try:
        return urls.clean(sanitize.unescape_url(text), base) if text else ""
    except ValueError:
        return ""


def _domain(url: str) -> str:
    try:
        host = urlsplit(url.strip()).hostname
        return slugs.provider_key("", host) if host else ""
    except ValueError:
        return ""


def _moment(text: str) -> datetime | None:
    try:
        moment = parse_date(text, UTC)
    except ValueError:  # such as 0000-00-00 00:00:00
        return None
    return moment if EARLIEST <= moment < LATEST else None


def _time(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}" if moment else ""


def _topics(item: _Item) -> tuple[str, ...]:
    """Categories and tags, each once."""
    names: dict[str, str] = {}
    for element in item.children.get("category", ()):
        if element.get("domain") in {"category", "post_tag"}:
            name = _plain(element.text or "", MAX_NAME)
            if name:
                names.setdefault(slugs.slug(name), name)
    return tuple(names.values())[:MAX_TOPICS]


def _body(source: str) -> str:
    """The HTML of a post without shortcodes; lines of text are paragraphs, as WordPress has it.

    Posts of its block editor are whole HTML, which the first block begins.
    """
    text = _SHORTCODE.sub("", source).replace("\r\n", "\n").replace("\r", "\n").strip()
    if len(text) > MAX_BODY:
        return ""
    if not text.startswith("<!-- wp:"):
        rules = ["html_block", "html_inline", "entity", "newline"]
        text = MarkdownIt("zero", {"html": True, "breaks": True}).enable(rules).render(text)
    return text.strip()
