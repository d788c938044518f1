"""Which tool a folder of records is of: by its configuration, or as the user says."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from pkgutil import resolve_name
from typing import Final

import msgspec

from feeds.records.profiles.page import Site
from feeds.records.profiles.table import LINKS, FieldNames, TableSite
from feeds.records.scanner import FolderError

# In the order in which they are tried. The modules of a tool are imported for its folders
# alone: all of them would take a tenth of a start. Each takes folder, time zone and base URL.
FINDERS: Final = {
    "hugo": "hugo:find",
    "jekyll": "jekyll:find",
    "eleventy": "eleventy:find",
    "obsidian": "tool_sites:find_obsidian",
    "astro": "tool_sites:find_astro",
    "docusaurus": "tool_sites:find_docusaurus",
}
_PROGRAMS: Final = (".js", ".mjs", ".cjs", ".ts", ".mts", ".cts")
_DATA: Final = (".toml", ".yaml", ".yml", ".json")
# What shows it, one of these in the folder or its parent.
_EVIDENCE: Final = {
    "hugo": (*(name + ending for name in ("hugo", "config") for ending in _DATA), "config"),
    "jekyll": ("_config.yml", "_config.yaml", "_config.toml", "_posts"),
    "eleventy": (".eleventy.js", *(f"eleventy.config{ending}" for ending in _PROGRAMS)),
    "obsidian": (".obsidian",),
    "astro": tuple(f"astro.config{ending}" for ending in _PROGRAMS),
    "docusaurus": tuple(f"docusaurus.config{ending}" for ending in _PROGRAMS),
}
# What makes a folder one of theirs, for those that are named and aren't.
_SIGNS: Final = {
    "jekyll": "a _config.yml (or a folder _posts/, and FEEDS_SITE names the site)",
    "hugo": "a hugo.toml, and a folder content/",
    "eleventy": "an eleventy.config.js",
    "obsidian": "a folder .obsidian/",
    "astro": "an astro.config.mjs and a folder src/content/, or is src/content/ itself",
    "docusaurus": "a docusaurus.config.js, and a folder blog/ or docs/",
}
NAMES: Final = ("auto", "own", "links", "table", *FINDERS)


def find_site(
    folder: Path,
    profile: str = "auto",
    url: str = "",
    timezone: str = "UTC",
    table: TableSite | Mapping[str, object] | None = None,
) -> Site | None:
    """The site that `folder` is; None where its records are of our own form or plain links.

    `url` and `timezone` are for sites that name none. `table`, the user's own
    profile (or its keys, as `from_table` takes them), is that of a folder of no
    tool; its addresses and fields go over those of Obsidian, Astro, Docusaurus
    and links.
    Raises FolderError, for a profile too that isn't known, or isn't that of the folder.
    """
    if profile not in NAMES:
        raise FolderError(f"there is no profile {profile[:40]!r}; there are {', '.join(NAMES)}")
    if profile == "table" and table is None:
        raise FolderError(
            "the profile 'table' is described by nothing; write url = or fields = below [records]"
        )
    if profile == "own":
        return None
    if isinstance(table, Mapping):
        from feeds.records.profiles.table_settings import from_table

        table = from_table(table)
    if profile == "table" and table is not None:
        return _filled(table, url, timezone)
    if profile == "links":
        site: Site | None = _filled(LINKS, url, timezone)
    else:
        site = _of_tool(folder, profile, url, timezone)
    if table is None:
        return site
    # What hides in a vault hides under the user's own fields, too.
    return _overlaid(site, table) if site is not None else _filled(table, url, timezone)


def describe_tool(site: Site | None) -> str:
    """The tool that a folder is of, in a few words; empty where it is of none."""
    return "" if site is None or site.is_links else describe(site)


def describe(site: Site | None) -> str:
    """A site in a few words: `Jekyll, https://example.org, Europe/Berlin`."""
    if site is None or site.is_links:
        return "our own form, or links"
    name = getattr(site, "name", "") or type(site).__name__.removesuffix("Site")
    address = site.base_url or "no address of the site (FEEDS_SITE)"
    return f"{name}, {address}, {getattr(site, 'timezone', '') or 'UTC'}"


def profile_of(site: Site | None) -> str:
    """The name of the profile of a tool's folder; `auto` for one of no tool."""
    name = describe_tool(site).partition(",")[0].lower()
    return name if name in _EVIDENCE else "auto"


def evidence(folder: Path, profile: str) -> Path | None:
    """The file that shows that a folder is of a tool; None where nothing does."""
    folder = folder.resolve()
    files = (root / name for name in _EVIDENCE[profile] for root in (folder, folder.parent))
    return next((file for file in files if os.path.exists(file)), None)  # noqa: PTH110 - false, too, where it can't be looked at


def _of_tool(folder: Path, profile: str, url: str, timezone: str) -> Site | None:
    for name, finder in FINDERS.items():
        if profile == name or (profile == "auto" and evidence(folder, name)):
            site: Site | None = resolve_name(f"{__package__}.{finder}")(folder, timezone, url)
            if site is not None:
                return site
    if profile == "auto":
        return None
    if profile == "astro":
        from feeds.records.profiles.tool_sites import astro_content

        if content := astro_content(folder, timezone, url):
            return content
    raise FolderError(
        f"{folder}: is not of {profile}: neither it nor its parent has "
        f"{_SIGNS[profile]}; name the folder that has, or another profile"
    )


def _filled(table: TableSite, url: str, timezone: str) -> TableSite:
    """A table with what it doesn't say itself."""
    return msgspec.structs.replace(
        table,
        base_url=table.base_url or url.rstrip("/"),
        timezone=timezone if table.timezone == "UTC" else table.timezone,
    )


def _overlaid(site: Site, table: TableSite) -> TableSite:
    """A site of a table with the addresses and fields of another. Raises FolderError."""
    if not isinstance(site, TableSite):
        raise FolderError(
            f"{describe(site)}: has fields and addresses of its own; leave out url and fields "
            'below [records], or write profile = "table"'
        )
    plain = LINKS.names
    named = {
        name: value
        for name in FieldNames.__struct_fields__
        if (value := getattr(table.names, name)) != getattr(plain, name)
    }
    return msgspec.structs.replace(
        site,
        pattern=table.pattern or site.pattern,
        base_url=table.base_url or site.base_url,
        title=table.title or site.title,
        names=msgspec.structs.replace(site.names, **named),
        passed_over=site.passed_over + table.passed_over,
        public_word=table.public_word or site.public_word,
    )
