"""Jekyll: its configuration, and what Jekyll 4.3 with jekyll-feed 0.17 makes of a file.

https://jekyllrb.com/docs/configuration/ and
https://github.com/jekyll/jekyll-feed: posts are entries, and the documents of
collections that `feed.collections` names. Nothing is run, and no plugin but
jekyll-feed is known.
"""

from __future__ import annotations

import os
import re
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from feeds import urls
from feeds.records import front_formats
from feeds.records.dates import AmbiguousDateError, parse_date
from feeds.records.frontmatter import FrontMatterError, Mapping, Scalar
from feeds.records.profiles import jekyll_defaults, jekyll_files, jekyll_permalink
from feeds.records.profiles import jekyll_values as values
from feeds.records.profiles.hiding import Visibility, visibility
from feeds.records.profiles.jekyll_defaults import Default
from feeds.records.profiles.jekyll_files import Collection, Layout
from feeds.records.profiles.jekyll_permalink import Document, PermalinkError
from feeds.records.profiles.jekyll_values import is_null
from feeds.records.profiles.page import Page
from feeds.records.profiles.yaml_config import read_text, read_yaml
from feeds.records.scanner import FolderError

_CONFIGURATIONS: Final = ("_config.yml", "_config.yaml", "_config.toml")
_MARKDOWN: Final = ("markdown", "mkdown", "mkdn", "mkd", "md")
# Times that YAML 1.1 itself reads, and takes for UTC; all others are local, the quoted too.
_TIMESTAMP: Final = re.compile(
    r"\d{4}-\d\d?-\d\d?(?:[Tt]|[ \t]+)\d\d?:\d\d:\d\d(?:\.\d*)?\s*\Z", re.ASCII
)
_BLANK_LINES: Final = re.compile(r"(?:[ \t]*\n)+")
_LINK_REFERENCE: Final = re.compile(r"^ {0,3}\[[^\]\n]+\]:.+$", re.MULTILINE)
_NAMES: Final = ("_posts", "_drafts")


class JekyllSite(msgspec.Struct, frozen=True):
    """A Jekyll site: its `_config.yml`, read.

    `url` and `baseurl` are as written, `permalink` is the template of posts, `author`
    the name of whoever wrote posts that name nobody, as in jekyll-feed.
    """

    url: str
    baseurl: str
    title: str
    timezone: str
    permalink: str
    layout: Layout
    markdown: tuple[str, ...] = _MARKDOWN
    excerpt_separator: str = "\n\n"
    future: bool = False
    defaults: tuple[Default, ...] = ()
    description: str = ""
    language: str = ""
    author: str = ""

    @property
    def base_url(self) -> str:
        """The address of the site without a slash at its end; empty where nothing names it."""
        return self.url.rstrip("/") + self.baseurl if self.url else ""

    @property
    def dialect(self) -> str:
        """The template tags that bodies may hold."""
        return "liquid"

    @property
    def url_rule(self) -> str:
        """The rule for addresses of pages whose files name none, in a few words."""
        return self.permalink

    @property
    def is_links(self) -> bool:
        """It is a tool's folder."""
        return False

    def passes_over(self, path: str) -> str:
        """Why Jekyll makes no entry of the file at `path`; empty where it may make one."""
        return jekyll_files.passed_over(self.layout, path)

    def fields(self, path: str, front: Mapping) -> Mapping:
        """`front` over the defaults that the configuration has for `path`."""
        relative = jekyll_files.within_site(self.layout, path) or path
        kind = jekyll_files.place_of(self.layout, relative.rpartition("/")[0]).kind
        fields = jekyll_defaults.with_defaults(self._defaults_of(relative, kind), front)
        if not self.author or not all(is_null(fields.get(name)) for name in ("author", "authors")):
            return fields
        author = Mapping()
        author["author"] = Scalar(self.author, False, front.line)
        return jekyll_defaults.with_defaults(author, fields)

    def page(self, path: str, front: Mapping, body: str, now: datetime) -> Page:
        """What Jekyll makes of the file at `path` (relative, forward slashes) at `now`."""
        relative = jekyll_files.within_site(self.layout, path) or path
        folder, _, base = relative.rpartition("/")
        place = jekyll_files.place_of(self.layout, folder)
        name = jekyll_files.file_name(base)
        defaults = self._defaults_of(relative, place.kind)
        fields = jekyll_defaults.with_defaults(defaults, front)
        zone = ZoneInfo(self.timezone)
        notes: list[tuple[str, str]] = []
        published, latest = _published(fields, name, zone, notes)
        seen = visibility(
            fields, now, lambda node: _moment(node, zone), release=latest, future=self.future
        )
        if place.kind == jekyll_files.DRAFTS:
            seen = Visibility("draft")
        categories = (
            *place.categories, *values.words(defaults.get("categories")),
            *values.words(front.get("categories")), *values.texts(fields.get("category")),
        )  # fmt: skip
        slug = values.text(fields.get("slug")) or name.rest
        document = Document(
            collection=place.kind,
            path="/" + (f"{place.inner}/" if place.inner else "") + name.stem.rstrip("."),
            stem=name.stem,
            slug=slug,
            categories=tuple(dict.fromkeys(categories)),
            moment=published.astimezone(zone) if published else None,
            extension=self._output_extension(name.extension),
        )
        url, identifier = self._addresses(fields, document, notes)
        return Page(
            url=url,
            id=identifier,
            title=values.title(fields.get("title")) or jekyll_permalink.titleized(name.rest),
            published=published,
            updated=_date(fields, "last_modified_at", zone, notes)[0],
            tags=tuple(
                dict.fromkeys(values.texts(fields.get("tag")) or values.words(fields.get("tags")))
            ),
            categories=document.categories,
            excerpt=self._excerpt(fields, body),
            hidden=seen.hidden,
            until=seen.until,
            # What stays hidden needs no mending.
            notes=() if seen.hidden and seen.until is None else tuple(notes),
        )

    def _defaults_of(self, path: str, kind: str) -> Mapping:
        return jekyll_defaults.defaults_of(self.defaults, path, kind, self.layout.collections_dir)

    def _output_extension(self, extension: str) -> str:
        return ".html" if extension[1:].lower() in self.markdown else extension

    def _addresses(
        self, fields: Mapping, document: Document, notes: list[tuple[str, str]]
    ) -> tuple[str, str]:
        """The address of the page and its id in the site's feed; both may be empty."""
        own = fields.get("permalink")
        template = self.permalink
        in_feed = True
        for collection in self.layout.collections:
            if collection.name == document.collection:
                template, in_feed = collection.permalink, collection.in_feed
        if isinstance(own, Scalar) and not is_null(own):
            template = own.text
        try:
            page = jekyll_permalink.path(template, document)
        except PermalinkError as error:
            notes.append(("permalink", f"{error}; the record has no URL"))
            return "", ""
        if not self.url:
            return "", ""
        base = self.url + self.baseurl
        entry = jekyll_permalink.entry_path(page, document.slug)
        return (
            jekyll_permalink.encoded(base + page),
            jekyll_permalink.encoded(base + entry) if in_feed else "",
        )

    def _excerpt(self, fields: Mapping, body: str) -> str:
        own = fields.get("excerpt")
        if isinstance(own, Scalar) and not is_null(own):
            return own.text
        separator = self.excerpt_separator
        node = fields.get("excerpt_separator")
        if isinstance(node, Scalar) and not is_null(node):
            separator = node.text
        if not separator:
            return ""
        if blank := _BLANK_LINES.match(body):
            body = body[blank.end() :]
        head, _, tail = body.partition(separator)
        if "]:" in tail and (links := _LINK_REFERENCE.findall(tail)):
            head += "\n\n" + "\n".join(links)
        return head.rstrip()


def find(folder: Path, timezone: str = "UTC", url: str = "") -> JekyllSite | None:
    """The Jekyll site that `folder` is, or belongs to; None when it is none.

    The configuration stands in `folder` or in its parent. `timezone` and `url`
    are for sites that name none. Jekyll needs no configuration: with a `url`, a
    folder with `_posts/` is a site too. Raises FolderError where the configuration
    can't be read.
    """
    folder = folder.resolve()
    for root in (folder, folder.parent):
        for name in _CONFIGURATIONS:
            if os.path.isfile(root / name):  # noqa: PTH113 - false, too, where it can't be looked at
                prefix = "" if root == folder else f"{folder.name}/"
                return _site(
                    root / name, _configuration(root / name), folder, prefix, timezone, url
                )
    if url and (folder / "_posts").is_dir():
        return _site(folder / _CONFIGURATIONS[0], Mapping(), folder, "", timezone, url)
    return None


def _site(
    file: Path, config: Mapping, folder: Path, prefix: str, timezone: str, url: str
) -> JekyllSite | None:
    layout = _layout(config, prefix)
    if prefix and not _is_content(folder, layout):
        return None
    feed, address = values.mapping(config.get("feed")), values.text(config.get("url"))
    template = values.text(config.get("permalink")) or "date"
    posts = values.mapping(values.mapping(config.get("collections")).get("posts"))
    extensions = values.listed(config.get("markdown_ext"))
    separator, author = config.get("excerpt_separator"), config.get("author")
    return JekyllSite(
        url=_site_url(file, config, address) if address else url,
        baseurl=_base(values.text(config.get("baseurl"))) if address or not url else "",
        title=values.title(config.get("title")) or values.title(config.get("name")),
        timezone=_timezone(file, config, timezone),
        permalink=values.text(posts.get("permalink"))
        or jekyll_permalink.STYLES.get(template, template),
        layout=msgspec.structs.replace(layout, collections=_collections(config, feed, template)),
        markdown=tuple(name.lower() for name in extensions) or _MARKDOWN,
        excerpt_separator=separator.text
        if isinstance(separator, Scalar) and not is_null(separator)
        else "\n\n",
        future=values.text(config.get("future")).lower() in {"true", "yes", "on"},
        defaults=jekyll_defaults.read_defaults(config.get("defaults")),
        description=values.text(config.get("description")),
        language=values.text(config.get("lang")),
        author=values.text(values.mapping(author).get("name")) or values.text(author),
    )


def _configuration(file: Path) -> Mapping:
    """Raises FolderError."""
    if file.suffix != ".toml":
        return read_yaml(file)
    try:
        return front_formats.parse_toml(read_text(file), first_line=1)
    except FrontMatterError as error:
        raise FolderError(f"{file}: {error.line}: {error.message}") from None


def _layout(config: Mapping, prefix: str) -> Layout:
    named = prefix.strip("/").removeprefix("_") if prefix.startswith("_") else ""
    return Layout(
        prefix=prefix,
        source=_folder(values.text(config.get("source"))),
        collections_dir=_folder(values.text(config.get("collections_dir"))).rstrip("/"),
        exclude=(*jekyll_files.EXCLUDED, *values.listed(config.get("exclude"))),
        include=tuple(values.listed(config.get("include"))) or (".htaccess",),
        named=named,
    )


def _folder(text: str) -> str:
    """A folder of the configuration as the beginning of paths."""
    parts = [part for part in text.split("/") if part not in {"", "."}]
    return "/".join(parts) + "/" if parts else ""


def _is_content(folder: Path, layout: Layout) -> bool:
    """Whether a folder beside the configuration is one that the site reads."""
    return (
        folder.name.startswith("_")
        or layout.prefix in {layout.source, f"{layout.collections_dir}/"}
        or any((folder / name).is_dir() for name in _NAMES)
    )


def _collections(config: Mapping, feed: Mapping, style: str) -> tuple[Collection, ...]:
    """The collections beside posts; those without a template follow the ending of the site's."""
    node = config.get("collections")
    names = node if isinstance(node, Mapping) else dict.fromkeys(values.listed(node))
    in_feed = feed.get("collections")
    fed = set(in_feed) if isinstance(in_feed, Mapping) else set(values.listed(in_feed))
    template = "/:collection/:path"
    if style.endswith(":output_ext") or style in {"date", "ordinal", "weekdate", "none"}:
        template += ":output_ext"
    elif style.endswith("/") or style == "pretty":
        template += "/"
    return tuple(
        Collection(
            name,
            values.text(values.mapping(value).get("permalink")) or template,
            values.text(values.mapping(value).get("output")).lower() in {"true", "yes", "on"},
            name in fed,
        )
        for name, value in names.items()
        if name != jekyll_files.POSTS
    )


def _site_url(file: Path, config: Mapping, address: str) -> str:
    """`url` with its host as URLs have it; the slashes at its end stay. Raises FolderError."""
    try:
        clean = urls.clean(address).rstrip("/")
    except ValueError as error:
        line = config.lines.get("url", 1)
        right = f"https://{address.rpartition('//')[2] or 'example.org'} would be right"
        raise FolderError(f"{file}: {line}: url: {error}; {right}") from None
    return clean + address[len(address.rstrip("/")) :]


def _base(text: str) -> str:
    text = text.removesuffix("/")
    return f"/{text}" if text and not text.startswith("/") else text


def _timezone(file: Path, config: Mapping, other: str) -> str:
    """The name of the site's zone. Raises FolderError for an unknown one."""
    name = values.text(config.get("timezone")) or other
    try:
        return ZoneInfo(name).key
    except (OSError, ValueError, KeyError):  # ZoneInfoNotFoundError is a KeyError
        line = config.lines.get("timezone", 1)
        raise FolderError(
            f"{file}: {line}: timezone: {name[:40]!a} is no time zone that is known; "
            "Europe/Berlin would be right"
        ) from None


def _published(
    fields: Mapping, name: jekyll_files.FileName, zone: ZoneInfo, notes: list[tuple[str, str]]
) -> tuple[datetime | None, datetime | None]:
    """The date of a document, and the latest that it may have: by its field, else its name."""
    if not is_null(fields.get("date")):
        return _date(fields, "date", zone, notes)
    if name.day is None:
        return None, None
    if "date" in fields:
        notes.append(("date", "is empty; the date of the file's name counts"))
    try:
        moment = datetime(*name.day, tzinfo=zone).astimezone(UTC)
    except (ValueError, OverflowError):
        notes.append(("file name", "begins with a date that no calendar has"))
        return None, None
    return moment, moment


def _date(
    fields: Mapping, name: str, zone: ZoneInfo, notes: list[tuple[str, str]]
) -> tuple[datetime | None, datetime | None]:
    """The moment of a field, and the latest that it may mean; None where it can't be read."""
    node = fields.get(name)
    if node is None or is_null(node):
        return None, None
    if not isinstance(node, Scalar):
        notes.append((name, "is no date"))
        return None, None
    try:
        moment = _moment(node, zone)
    except AmbiguousDateError as error:
        notes.append((name, str(error)))
        return None, max(_midnight(day, zone) for day in error.readings)
    except (ValueError, OverflowError) as error:
        notes.append((name, str(error)))
        return None, None
    return moment, moment


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)


def _moment(node: Scalar, zone: ZoneInfo) -> datetime:
    """Raises ValueError and OverflowError, as `parse_date`."""
    return parse_date(node.text, UTC if node.plain and _TIMESTAMP.match(node.text) else zone)
