"""Eleventy: what its files say, and what Eleventy 3.1 with its RSS plugin 3.0 makes of a page.

https://www.11ty.dev/docs/: all templates of the input folder are pages. The
configuration is a program and is not run: of its text count the folders, the
prefix of paths, the separator of excerpts and what is ignored, where these are
literals. The address of the site is that of the global data, where FEEDS_SITE doesn't say.
"""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import msgspec

from feeds.records.dates import AmbiguousDateError, parse_date
from feeds.records.frontmatter import Mapping, Node, Scalar
from feeds.records.profiles import eleventy_data as data_files
from feeds.records.profiles import eleventy_permalink as permalinks
from feeds.records.profiles.eleventy_data import TEMPLATES, Configuration, stem_of
from feeds.records.profiles.eleventy_permalink import PermalinkError
from feeds.records.profiles.eleventy_values import is_null, text
from feeds.records.profiles.hiding import Visibility, visibility
from feeds.records.profiles.page import Page

_CONFIGURATIONS: Final = (
    ".eleventy.js", "eleventy.config.js", "eleventy.config.mjs", "eleventy.config.cjs",
    "eleventy.config.ts",
)  # fmt: skip
_PROGRAMS: Final = (".11ty.js", ".11ty.cjs", ".11ty.mjs", ".11ty.ts", ".11ty.jsx", ".11ty.tsx")

_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MONTH: Final = re.compile(r"[0-9]{4}-[0-9]{2}\Z")
_FILE_TIMES: Final = frozenset({"last modified", "created", "git last modified", "git created"})
_UPDATED: Final = ("updated", "lastmod", "last_modified_at")


class EleventySite(msgspec.Struct, frozen=True):
    """An Eleventy site.

    `prefix` leads from the site's configuration to the folder that the user
    named, `source` to the input folder, `excluded` are folders without pages,
    from there, too; all end in a slash unless empty. `ignored` are patterns of
    paths. `data` are the data files by their path below the input folder,
    without what follows the name: JSON objects, the last counts most.
    `programs` are data files that are not run, by the path of a page they
    concern.
    """

    base_url: str
    title: str = ""
    description: str = ""
    language: str = ""
    timezone: str = "UTC"
    prefix: str = ""
    source: str = ""
    excluded: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    excerpt_separator: str = ""
    data: dict[str, tuple[str, ...]] = msgspec.field(default_factory=dict)
    programs: dict[str, str] = msgspec.field(default_factory=dict)

    @property
    def dialect(self) -> str:
        """The template tags that bodies may hold."""
        return "liquid"

    @property
    def url_rule(self) -> str:
        """The rule for addresses of pages whose files name none, in a few words."""
        return "the path of the file below the input folder"

    @property
    def is_links(self) -> bool:
        """It is a tool's folder."""
        return False

    def passes_over(self, path: str) -> str:
        """Why Eleventy makes no page of the file at `path`; empty where it may make one."""
        whole = self.prefix + path
        if not whole.startswith(self.source):
            return "outside the input folder"
        if "node_modules" in whole.split("/"):
            return "in node_modules"
        for folder in self.excluded:
            if whole.startswith(folder):
                return f"in {folder}, which has no pages"
        if self.ignored and data_files.ignores(self.ignored, whole):
            return "ignored by the site"
        if path.endswith(_PROGRAMS):
            return "a program, and those are not run"
        return "" if path.endswith(TEMPLATES) else "no template of Eleventy"

    def fields(self, path: str, front: Mapping) -> Mapping:
        """`front` over the data files that count for `path`; computed data comes over both."""
        return self._with_data(self._below_source(path), front, [])

    def page(self, path: str, front: Mapping, body: str, now: datetime) -> Page:
        """What Eleventy makes of the file at `path` (relative, forward slashes) at `now`."""
        relative = self._below_source(path)
        notes: list[tuple[str, str]] = []
        fields = self._with_data(relative, front, notes)
        published, latest = _published(fields, relative, notes)
        address = self._address(fields, relative, published, notes)
        reason = _unlisted(fields, relative, address)
        seen = visibility(fields, now, _moment, release=latest, is_false=_is_false)
        seen = Visibility(reason) if reason else seen
        if seen.hidden and seen.until is None:
            notes = []  # what stays hidden needs no mending
        if program := self.programs.get(path):
            message = f"{program} is a program and not run; of what it sets, only literals count"
            notes.append(("data", message))
        base = self.base_url if address else ""
        return Page(
            url=permalinks.encoded(base + address),
            id=permalinks.encoded(base + address, safe="?#%[]|"),
            title=text(fields.get("title")),
            published=published,
            updated=_updated(fields, notes),
            tags=tuple(_texts(fields.get("tags"))),
            excerpt=self._excerpt(body),
            hidden=seen.hidden,
            until=seen.until,
            notes=tuple(notes),
        )

    def _below_source(self, path: str) -> str:
        return (self.prefix + path).removeprefix(self.source)

    def _with_data(self, path: str, front: Mapping, notes: list[tuple[str, str]]) -> Mapping:
        """Front matter over data files, computed data over both."""
        stem = stem_of(path)
        keys = (*data_files.folder_keys(self.source, stem.rpartition("/")[0]), stem)
        sources = [file for key in dict.fromkeys(keys) for file in self.data.get(key, ())]
        fields = data_files.merge(data_files.merged_data(tuple(sources)), front)
        computed = fields.get("eleventyComputed")
        if not isinstance(computed, Mapping):
            return fields
        merged = data_files.merge(fields, Mapping())
        for name, node in computed.items():
            # Permalinks are filled in with all other fields, words that hide stay words.
            if isinstance(node, Scalar) and name != "permalink":
                try:
                    value = self._filled(node, fields, path, lenient=True)
                except PermalinkError as error:
                    notes.append((f"eleventyComputed.{name}", str(error)))
                    continue
                merged[name] = Scalar(value, node.plain and value == node.text, node.line)
            else:
                merged[name] = node
            merged.lines[name] = computed.lines.get(name, fields.line)
        return merged

    def _address(
        self,
        fields: Mapping,
        path: str,
        published: datetime | None,
        notes: list[tuple[str, str]],
    ) -> str:
        """The address of the page below the site's; empty where it isn't known."""
        if not self.base_url:
            return ""
        node = fields.get("permalink")
        if isinstance(node, Mapping) and "build" in node:
            node = node["build"]
        if node is None or node == Mapping() or (isinstance(node, Scalar) and not text(node)):
            return permalinks.default_path(stem_of(path))
        if not isinstance(node, Scalar) or (node.plain and text(node) == "true"):
            notes.append(("permalink", "is no text, or made by a program; the record has no URL"))
            return ""
        if _is_false(node):
            return ""
        template = node.text
        try:
            if text(fields.get("dynamicPermalink")) != "false":
                template = self._filled(node, fields, path, published)
        except PermalinkError as error:
            notes.append(("permalink", f"{error}; the record has no URL"))
            return ""
        address = permalinks.page_path(template)
        bare = "." not in address.rpartition("/")[2] and not address.endswith("/")
        if bare and is_null(fields.get("eleventyAllowMissingExtension")):
            notes.append(("permalink", "has no extension; end it with a slash"))
        return address

    def _filled(
        self,
        node: Scalar,
        fields: Mapping,
        path: str,
        published: datetime | None = None,
        *,
        lenient: bool = False,
    ) -> str:
        """A template filled in. Raises PermalinkError."""
        stem = stem_of(path)
        folder, _, name = stem.rpartition("/")

        def lookup(variable: str) -> permalinks.Value | None:
            if variable == "page.date" or (variable == "date" and "date" in fields):
                return published or _published(fields, path, [])[0]
            if variable == "page.fileSlug":
                slug = permalinks.undated(name)
                return permalinks.undated(folder.rpartition("/")[2]) if slug == "index" else slug
            if variable == "page.filePathStem":
                return f"/{folder}/{permalinks.undated(name)}".replace("//", "/")
            if variable == "page.outputFileExtension":
                return "html"
            value: Node | None = fields
            for part in variable.split("."):
                value = value.get(part) if isinstance(value, Mapping) else None
            return text(value) or None

        return permalinks.render(node.text, lookup, ZoneInfo(self.timezone), lenient=lenient)

    def _excerpt(self, body: str) -> str:
        separator = self.excerpt_separator
        return body.partition(separator)[0].strip() if separator and separator in body else ""


def find(folder: Path, timezone: str = "UTC", url: str = "") -> EleventySite | None:
    """The Eleventy site that `folder` is, or belongs to; None when it is none.

    The configuration stands in `folder` or in its parent. `url` is the address
    of the site; `timezone` is that of the machine that builds it, which
    templates show dates in (those without an offset are of UTC). Raises
    FolderError where the configuration or a data file can't be read.
    """
    folder = folder.resolve()
    for root in (folder, folder.parent):
        for name in _CONFIGURATIONS:
            if os.path.isfile(root / name):  # noqa: PTH113 - false, too, where it can't be looked at
                prefix = "" if root == folder else f"{folder.name}/"
                config = data_files.read_configuration(root / name)
                return _site(config, root, prefix, timezone, url.rstrip("/"))
    return None


def _site(
    config: Configuration, root: Path, prefix: str, timezone: str, url: str
) -> EleventySite | None:
    # The folder that the user named is the input folder where the program computes that.
    source = prefix if config.input is None else _folder(config.input)
    if not prefix and not (root / source).is_dir():
        source = ""
    if not (source.startswith(prefix) or prefix.startswith(source)):
        return None
    names = (config.includes, config.layouts, config.data)
    folders = [_folder(posixpath.join(source, name)) for name in names if name]
    output = _folder(config.output)
    if not source.startswith(output):
        folders.append(output)
    excluded = tuple(dict.fromkeys(name for name in folders if name and name != source))
    if prefix.startswith((*excluded, "node_modules/")):
        return None
    data = root / _folder(posixpath.join(source, config.data))
    title, description, language, address = data_files.global_names(data)
    site = EleventySite(
        base_url=_base_url(url or address, config.path_prefix),
        title=title,
        description=description,
        language=language,
        timezone=timezone,
        prefix=prefix,
        source=source,
        excluded=excluded,
        ignored=tuple(data_files.ignored_patterns(config, root, source)),
        excerpt_separator=config.excerpt_separator,
    )
    beside = data_files.find_data(root, prefix, source, excluded)
    return msgspec.structs.replace(site, data=beside.data, programs=beside.programs)


def _folder(written: str) -> str:
    """A folder of the configuration as the beginning of paths; empty for the site's own."""
    path = posixpath.normpath(written.strip("/") or ".")
    return "" if path == "." or path.startswith("..") else f"{path}/"


def _base_url(url: str, path_prefix: str) -> str:
    """The address of the site; the prefix of paths counts where `url` has no path of its own."""
    prefix = path_prefix.strip("/")
    return f"{url}/{prefix}" if url and prefix and not urlsplit(url).path else url


def _unlisted(fields: Mapping, path: str, address: str) -> str:
    """Why a page isn't in the site's lists, or is none in HTML, beside words that hide."""
    if "_drafts" in path.split("/"):
        return "draft"
    excluded = fields.get("eleventyExcludeFromCollections")
    if excluded is not None and not _is_false(excluded):
        return "in no collection"
    permalink = fields.get("permalink")
    if isinstance(permalink, Scalar) and text(permalink).lower() == "false":
        return "has no page"
    if isinstance(fields.get("pagination"), Mapping):
        return "makes many pages"
    extension = address.rpartition("/")[2].rpartition(".")[2] if address else ""
    return "" if extension in {"", "html", "htm"} or "." not in address else "is no page in HTML"


def _is_false(node: Node) -> bool:
    """Whether JavaScript takes a value of YAML 1.2 for false: `no` and 'false' are texts."""
    return isinstance(node, Scalar) and node.plain and text(node) in {"false", "0"}


def _texts(node: Node | None) -> Iterator[str]:
    for item in data_files.tag_list(node) if isinstance(node, Scalar) else node or ():
        if isinstance(item, Scalar) and (found := text(item)):
            yield found


def _published(
    fields: Mapping, path: str, notes: list[tuple[str, str]]
) -> tuple[datetime | None, datetime | None]:
    """The date of a page, and the latest that it may have: by its field, else by its path."""
    node = fields.get("date")
    if node is not None and not (isinstance(node, Scalar) and not text(node)):
        return _date(fields, "date", notes)
    day = _DAY.search(path)
    if day is None:
        return None, None
    try:
        moment = datetime.fromisoformat(day[0]).replace(tzinfo=UTC)
    except ValueError:
        notes.append(("file name", "has a date that no calendar has"))
        return None, None
    return moment, moment


def _updated(fields: Mapping, notes: list[tuple[str, str]]) -> datetime | None:
    for name in _UPDATED:
        if not is_null(fields.get(name)):
            return _date(fields, name, notes)[0]
    return None


def _date(
    fields: Mapping, name: str, notes: list[tuple[str, str]]
) -> tuple[datetime | None, datetime | None]:
    """The moment of a field, and the latest that it may mean; None where it can't be read."""
    node = fields[name]
    if not isinstance(node, Scalar):
        notes.append((name, "is no date"))
        return None, None
    if node.text.strip().lower() in _FILE_TIMES:
        notes.append((name, f"is {node.text.strip()!a}, a time of a machine's file; write a date"))
        return None, None
    try:
        moment = _moment(node)
    except AmbiguousDateError as error:
        notes.append((name, str(error)))
        last = max(error.readings)
        return None, datetime(last.year, last.month, last.day, tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        notes.append((name, str(error)))
        return None, None
    return moment, moment


def _moment(node: Scalar) -> datetime:
    """Raises ValueError and OverflowError, as `parse_date`."""
    written = node.text.strip()
    return parse_date(f"{written}-01" if _MONTH.match(written) else written, UTC)
