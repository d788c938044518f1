"""Hugo: its configuration, and what Hugo 0.111 makes of a file.

https://gohugo.io/content-management/. Nothing is run, and no theme is read.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import msgspec

from feeds import urls
from feeds.records.frontmatter import FrontMatterError, Mapping, Node, Sequence
from feeds.records.profiles import hugo_address, hugo_config, hugo_dates, hugo_files
from feeds.records.profiles import hugo_values as values
from feeds.records.profiles.hiding import visibility
from feeds.records.profiles.hugo_address import Names, PermalinkError
from feeds.records.profiles.hugo_cascade import read_cascades, with_cascades
from feeds.records.profiles.hugo_config import Config
from feeds.records.profiles.hugo_files import File, Layout
from feeds.records.profiles.page import Page
from feeds.records.scanner import FolderError

_MORE: Final = re.compile(r"<!--more-->")
_MORE_IN_ORG: Final = re.compile(r"^# more$", re.MULTILINE)
_LONGEST_NAME: Final = 1_000  # characters; no file system takes more
_ABSOLUTE: Final = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_TAXONOMIES: Final = ("categories", "tags")
_PEOPLE: Final = frozenset({"author", "authors", "contributor", "contributors", "people"})
_NEVER: Final = frozenset({"never", "false", "local"})


class Language(msgspec.Struct, frozen=True):
    """A language of the site; `base_url` only where each has one of its own."""

    name: str
    prefix: str = ""
    base_url: str = ""
    disabled: bool = False


class HugoSite(msgspec.Struct, frozen=True):
    """A Hugo site: its configuration, and what its sections set for their pages.

    `permalinks` are patterns by section, `dates` the fields of each of
    `hugo_dates.KINDS`, `expiry` those of an expiry beside the usual ones, and
    `ignored` the regular expressions of `ignoreFiles`.
    """

    base_url: str
    title: str
    layout: Layout
    languages: tuple[Language, ...]
    timezone: str = "UTC"
    permalinks: tuple[tuple[str, str], ...] = ()
    taxonomies: tuple[str, ...] = _TAXONOMIES
    dates: tuple[tuple[str, ...], ...] = tuple(map(hugo_dates.order, hugo_dates.KINDS))
    expiry: tuple[str, ...] = ()
    output: str = "html"
    ugly: bool = False
    ugly_sections: tuple[str, ...] = ()
    lower: bool = True
    accents: bool = True
    ignored: tuple[str, ...] = ()
    description: str = ""
    language: str = ""

    @property
    def dialect(self) -> str:
        """The template tags that bodies may hold."""
        return "shortcodes"

    @property
    def zone_of_dates(self) -> str:
        """The zone of dates without an offset, which are UTC for other tools."""
        return self.timezone

    @property
    def url_rule(self) -> str:
        """The rule for addresses of pages whose files name none, in a few words."""
        patterns = (f"{section}: {pattern}, " for section, pattern in self.permalinks)
        return f"{''.join(patterns)}/:sections/:slugorcontentbasename/"

    @property
    def is_links(self) -> bool:
        """It is a tool's folder."""
        return False

    def passes_over(self, path: str) -> str:
        """Why Hugo makes no entry of the file at `path`; empty where it may make one."""
        if reason := hugo_files.passed_over(self.layout, path):
            return reason
        ignored = any(re.search(pattern, "/" + path) for pattern in self.ignored)
        return "named by ignoreFiles" if ignored else ""

    def fields(self, path: str, front: Mapping) -> Mapping:
        """`front`, its keys in lower case, over what sections and configuration set for `path`."""
        file = hugo_files.locate(self.layout, path)
        return front if file is None else self._fields(file, front)

    def _fields(self, file: File, front: Mapping) -> Mapping:
        fields = Mapping()
        fields.line = front.line
        for name, node in front.items():
            fields[name.lower()] = node
            fields.lines[name.lower()] = front.lines.get(name, node.line)
        return with_cascades(self.layout.cascades, file.path, file.language, fields)

    def page(self, path: str, front: Mapping, body: str, now: datetime) -> Page:
        """What Hugo makes of the file at `path` (relative, forward slashes) at `now`."""
        file = hugo_files.locate(self.layout, path)
        if file is None:
            return Page(hidden="outside of the site's content")
        fields = self._fields(file, front)
        notes: dict[str, str] = {}
        folder, name = file.folder, file.name
        if name == "index":  # a bundle is named like its folder
            outer, _, name = folder.rstrip("/").rpartition("/")
            folder = outer + "/" if outer else ""
        date, changed, release = (
            hugo_dates.read(names, fields, name, self.timezone, notes) for names in self.dates
        )
        title = values.written(fields.get("title"))
        slug = (
            values.written(fields.get("slug")).strip("-")
            or date.slug
            or changed.slug
            or release.slug
        )
        hidden, until = self._visibility(file, front, fields, release.latest, now)
        names = Names(title, slug, name, *self._sections(folder), date.local)
        url, link = self._addresses(file, fields, folder, names, notes)
        tags = [
            term
            for taxonomy in self.taxonomies
            if taxonomy != "categories" and taxonomy not in _PEOPLE
            for term in values.texts(fields.get(taxonomy))
        ]
        more = (_MORE_IN_ORG if file.ending == "org" else _MORE).search(body)
        return Page(
            url=url,
            id=link,
            title=title.strip(),
            published=date.moment,
            updated=changed.moment,
            tags=tuple(dict.fromkeys(tags)),
            categories=tuple(values.texts(fields.get("categories")))
            if "categories" in self.taxonomies
            else (),
            excerpt=body[: more.start()].strip() if more else values.text(fields.get("summary")),
            hidden=hidden,
            until=until,
            # What stays hidden needs no mending.
            notes=() if hidden and until is None else tuple(notes.items()),
        )

    def _visibility(
        self, file: File, front: Mapping, fields: Mapping, release: datetime | None, now: datetime
    ) -> tuple[str, datetime | None]:
        """Why a page is hidden, and until when; `release` is the date that may hold it back."""
        words = Mapping()
        words.update(front)  # a word that stands twice, in two cases, with both
        words.repeated = front.repeated
        own = {name.lower() for name in front}
        words.update((name, node) for name, node in fields.items() if name not in own)
        for name in self.expiry:
            if name in fields:
                words["expirydate"] = fields[name]
        hidden, until = visibility(
            words,
            now,
            lambda node: hugo_dates.moment_of(node.text, self.timezone)[0],
            release=release,
        )
        if hidden and until is None:
            return hidden, None
        for name in ("publishdate", "pubdate"):
            if hugo_dates.is_unreadable(fields.get(name), self.timezone):
                return f"has a {name} that can't be read", None
        listed = values.text(_build(fields).get("list"))
        if values.text(fields.get("headless")).lower() not in {"", "false", "no", "off", "0"}:
            return "headless", None
        if listed.lower() in _NEVER:
            return "not listed", None
        if any(one.disabled for one in self.languages if one.name == file.language):
            return "in a language that is disabled", None
        return hidden, until

    def _sections(self, folder: str) -> tuple[tuple[str, ...], str]:
        """The folders of the section that a page is in, and the first of them."""
        parts = folder.split("/")[:-1]
        for depth in range(len(parts), 1, -1):
            if "/".join(parts[:depth]) + "/" in self.layout.sections:
                return tuple(parts[:depth]), parts[0]
        return tuple(parts[:1]), parts[0] if parts else ""

    def _clean(self, text: str) -> str:
        return hugo_address.sanitized(text[:_LONGEST_NAME], self.lower, self.accents)

    def _addresses(
        self, file: File, fields: Mapping, folder: str, names: Names, notes: dict[str, str]
    ) -> tuple[str, str]:
        """The address of a page, and what the site's feed gives as its id; both may be empty."""
        language = next((one for one in self.languages if one.name == file.language), Language(""))
        base = language.base_url or self.base_url
        if values.text(_build(fields).get("render")).lower() in {"never", "false", "link"}:
            notes["build"] = "says that the site has no page of it"
            return "", ""
        outputs = values.texts(fields.get("outputs"))
        output = outputs[0].lower() if outputs else self.output
        own = values.text(fields.get("url"))
        prefix = f"/{language.prefix}" if language.prefix else ""
        try:
            if own:
                path = self._own(own, output, prefix)
            else:
                path = prefix + self._placed(folder, names, output, self._clean)
        except PermalinkError as error:
            notes["url" if own else "permalinks"] = f"{error}; the record has no URL"
            return "", ""
        if not base:
            return "", ""
        return base + hugo_address.encoded(path), base + hugo_address.as_linked(path)

    def _own(self, url: str, output: str, prefix: str) -> str:
        """The path that `url` names. Raises PermalinkError."""
        if _ABSOLUTE.match(url):
            raise PermalinkError("is an address; Hugo takes a path such as /about/")
        path = hugo_address.own_path(url, output)
        return path if url.startswith("/") else prefix + path

    def _placed(self, folder: str, names: Names, output: str, clean: Callable[[str], str]) -> str:
        """The path of a page by its section's pattern, else by its place. Raises PermalinkError."""
        pattern = next((one for name, one in self.permalinks if name == (names.section or "/")), "")
        ugly = self.ugly or names.section in self.ugly_sections
        if pattern:
            path = hugo_address.expand(pattern, names, clean)
        else:
            name = names.slug or names.file
            path = folder + ("" if name == "index" else name)
        return hugo_address.page_path(path, output, ugly, clean)


def find(folder: Path, timezone: str = "UTC", url: str = "") -> HugoSite | None:
    """The Hugo site that `folder` is, or whose content it is; None when it is none.

    The configuration stands in `folder` or in its parent. `timezone` and `url`
    are for sites that name none. Raises FolderError where the configuration
    can't be read.
    """
    folder = folder.resolve()
    for root in (folder, folder.parent):
        prefix = "" if root == folder else f"{folder.name}/"
        try:
            config = hugo_config.read_config(root)
        except FolderError:
            # `config.yaml` and its like are other programs' too.
            if (folder.name == "content") if prefix else os.path.isdir(folder / "content"):  # noqa: PTH112 - false, too, where it can't be looked at
                raise
            continue
        if config is None or "baseurl" not in config.settings:
            continue
        roots = hugo_files.roots(config, prefix)
        if any(os.path.isdir(folder / one.folder) for one in roots):  # noqa: PTH112 - as above
            return _site(config, folder, roots, timezone, url)
    return None


def _site(
    config: Config, folder: Path, roots: tuple[hugo_files.Root, ...], timezone: str, url: str
) -> HugoSite:
    settings = config.settings
    default = (hugo_config.text(settings.get("defaultcontentlanguage")) or "en").lower()
    languages = _languages(config, default)
    permalinks = _permalinks(settings)
    try:
        cascades = read_cascades(settings.get("cascade"), "")
    except FrontMatterError as error:
        raise config.error("cascade", error.message) from None
    layout = hugo_files.explore(
        folder,
        Layout(roots, tuple(one.name for one in languages), default, cascades=cascades),
    )
    if not any(":sections" in pattern for _, pattern in permalinks):
        layout = msgspec.structs.replace(layout, sections=())
    orders = hugo_config.mapping(settings.get("frontmatter"))
    ugly = settings.get("uglyurls")
    sections = hugo_config.mapping(ugly)
    main = hugo_config.mapping(hugo_config.mapping(settings.get("languages")).get(default))
    formats = hugo_config.texts(hugo_config.mapping(settings.get("outputs")).get("page"))
    taxonomies = settings.get("taxonomies")
    return HugoSite(
        base_url=_base(config, "baseurl", settings.get("baseurl")) or url.rstrip("/"),
        title=_named(main, settings, "title"),
        layout=layout,
        languages=languages,
        timezone=_timezone(config, timezone),
        permalinks=permalinks,
        taxonomies=tuple(sorted(hugo_config.texts(Sequence(taxonomies.values()))))
        if isinstance(taxonomies, Mapping)
        else _TAXONOMIES,
        dates=tuple(
            hugo_dates.order(kind, hugo_config.texts(orders.get(kind))) for kind in hugo_dates.KINDS
        ),
        expiry=tuple(
            name.lower()
            for name in hugo_config.texts(orders.get("expirydate"))
            if not name.startswith(":")
        ),
        output=formats[0].lower() if formats else "html",
        ugly=hugo_config.is_true(ugly),
        ugly_sections=tuple(name for name, node in sections.items() if hugo_config.is_true(node)),
        lower=not hugo_config.is_true(settings.get("disablepathtolower")),
        accents=not hugo_config.is_true(settings.get("removepathaccents")),
        ignored=hugo_config.patterns(config),
        description=_named(main, settings, "params", "description"),
        language=_named(main, settings, "languagecode")
        or hugo_config.text(settings.get("defaultcontentlanguage")),
    )


def _named(main: Mapping, settings: Mapping, *path: str) -> str:
    """A setting of the main language, else of the site."""
    for node in (main, settings):
        within: Node | None = node
        for name in path:
            within = hugo_config.mapping(within).get(name)
        if text := hugo_config.text(within):
            return text
    return ""


def _languages(config: Config, default: str) -> tuple[Language, ...]:
    """The languages, that of the site alone where none is configured."""
    settings = config.settings
    nodes = hugo_config.mapping(settings.get("languages"))
    if not nodes:
        return (Language(default),)
    disabled = hugo_config.texts(settings.get("disablelanguages"))
    addresses = {
        name: _base(config, "languages", hugo_config.mapping(node).get("baseurl"))
        for name, node in nodes.items()
    }
    below = hugo_config.is_true(settings.get("defaultcontentlanguageinsubdir"))
    apart = any(addresses.values())  # each language has a site of its own
    return tuple(
        Language(
            name,
            prefix="" if apart or (name == default and not below) else name,
            base_url=addresses[name],
            disabled=name in disabled
            or hugo_config.is_true(hugo_config.mapping(node).get("disabled")),
        )
        for name, node in nodes.items()
    )


def _permalinks(settings: Mapping) -> tuple[tuple[str, str], ...]:
    """Patterns by section; later versions of Hugo have them below `page`."""
    node = hugo_config.mapping(settings.get("permalinks"))
    patterns = {name: hugo_config.text(pattern) for name, pattern in node.items()}
    for name, pattern in hugo_config.mapping(node.get("page")).items():
        patterns[name] = hugo_config.text(pattern)
    return tuple((name, pattern) for name, pattern in patterns.items() if pattern)


def _base(config: Config, key: str, node: Node | None) -> str:
    """An address without a slash at its end; empty where it names no host. Raises FolderError."""
    address = hugo_config.text(node)
    try:
        if not urlsplit(address).netloc:
            return ""
        return urls.clean(f"https:{address}" if address.startswith("//") else address).rstrip("/")
    except ValueError as error:
        raise config.error(key, f"{error}; https://example.org/ would be right") from None


def _timezone(config: Config, other: str) -> str:
    """The name of the site's zone. Raises FolderError for an unknown one."""
    name = hugo_config.text(config.settings.get("timezone")) or other
    try:
        return ZoneInfo(name).key
    except (OSError, ValueError, KeyError):  # ZoneInfoNotFoundError is a KeyError
        message = f"{name[:40]!a} is no time zone that is known; Europe/Berlin would be right"
        raise config.error("timezone", message) from None


def _build(fields: Mapping) -> Mapping:
    return hugo_config.mapping(fields.get("_build") or fields.get("build"))
