"""Folders of Obsidian, Astro and Docusaurus. Their configurations are looked at, never run.

From the documentation, not measured with the tools:
https://help.obsidian.md/publish (what `publish: true` and `permalink` do),
https://docs.astro.build/en/reference/configuration-reference/ (`site`, `base`,
`trailingSlash`) and /en/guides/content-collections/ (`src/content/`),
https://docusaurus.io/docs/api/docusaurus-config (`url`, `baseUrl`,
`trailingSlash`), /docs/blog and /docs/create-doc (`routeBasePath`, partials).
Addresses of Astro's entries hang on a program; `/<collection>/<id>/` is usual.
"""

from __future__ import annotations

import json
import os
import re
from glob import escape
from pathlib import Path
from typing import Final

import msgspec

from feeds import urls
from feeds.records.profiles.table import MARKDOWN, FieldNames, Place, TableSite
from feeds.records.profiles.yaml_config import read_text
from feeds.records.scanner import FolderError

_ENDINGS: Final = (".mjs", ".js", ".ts", ".mts", ".cjs", ".cts")
_COMMENT: Final = re.compile(r"^[ \t]*/\*.*?(?:\*/|\Z)", re.MULTILINE | re.DOTALL)
_ROUTE: Final = re.compile(
    r"\b(docs|blog)[ \t]*:[ \t]*\{[^{}]{0,2000}?\brouteBasePath[ \t]*:[ \t]*(['\"])([\w./-]*)\2"
)
_LITERAL: Final = r"""(?P<quote>['"`])(?P<text>[^'"`\\$\n]*)(?P=quote)|(?P<word>true|false)"""
_MOST: Final = 100_000  # characters of a configuration that are looked at
_LONGEST: Final = 1_000  # characters of a line of it; minified programs have longer ones
_TRUNCATE: Final = (
    "<!-- truncate -->", "<!--truncate-->", "{/* truncate */}", "{/* truncate*/}"
)  # fmt: skip

OBSIDIAN: Final = TableSite(
    "Obsidian",
    dialect="wiki",
    places=(Place("", "", "note"),),
    extensions=("md",),
    passed_over=("*.excalidraw.md",),
    named_by_file=True,
    public_word="publish",
)
ASTRO: Final = TableSite(
    "Astro",
    places=(Place("src/content/", "", "collection"),),
    extensions=("md", "mdx", "markdown"),
    underscored=False,
    url_is_id=True,  # guid of @astrojs/rss
)
DOCUSAURUS: Final = TableSite(
    "Docusaurus",
    dialect="mdx",
    names=FieldNames(url=()),
    extensions=MARKDOWN,
    underscored=False,
    named_by_file=True,
    url_is_id=True,  # id and guid since Docusaurus 2.3
    separators=_TRUNCATE,
)


def find_obsidian(folder: Path, timezone: str = "UTC", url: str = "") -> TableSite | None:
    """The vault that `folder` is, or is a folder of; None when it is none. Raises FolderError."""
    folder = folder.resolve()
    for root, prefix in _roots(folder):
        if os.path.isdir(root / ".obsidian"):  # noqa: PTH112 - false, too, where it can't be looked at
            templates = _templates(root / ".obsidian" / "templates.json")
            ignored = (f"{escape(templates)}/*",) if templates else ()
            return msgspec.structs.replace(
                OBSIDIAN,
                base_url=url.rstrip("/"),
                timezone=timezone,
                prefix=prefix,
                passed_over=OBSIDIAN.passed_over + ignored,
            )
    return None


def find_astro(folder: Path, timezone: str = "UTC", url: str = "") -> TableSite | None:
    """The Astro site that `folder` is, or whose `src/` it is. Raises FolderError."""
    folder = folder.resolve()
    for root, prefix in _roots(folder):
        file = _configuration(root, "astro.config")
        if file and (not prefix or prefix == "src/") and (root / "src" / "content").is_dir():
            return _astro(read_text(file)[:_MOST], prefix, timezone, url)
    return None


def astro_content(folder: Path, timezone: str = "UTC", url: str = "") -> TableSite | None:
    """The site of a content folder, or of a collection in it, whose user says that it is Astro's.

    Its configuration stands too far above to be looked for.
    """
    folder = folder.resolve()
    if folder.name == "content":
        return _astro("", "src/content/", timezone, url)
    if folder.parent.name == "content":
        return _astro("", f"src/content/{folder.name}/", timezone, url)
    return None


def _astro(text: str, prefix: str, timezone: str, url: str) -> TableSite:
    site, base = literal(text, "site"), literal(text, "base")
    if not url and site and base is not None:
        url = _address(site, base)
    trailing = literal(text, "trailingSlash")
    return msgspec.structs.replace(
        ASTRO,
        base_url=url.rstrip("/"),
        timezone=timezone,
        prefix=prefix,
        slash=False if trailing == "never" else None,
    )


def find_docusaurus(folder: Path, timezone: str = "UTC", url: str = "") -> TableSite | None:
    """The Docusaurus site that `folder` is, or whose blog or docs it is. Raises FolderError."""
    folder = folder.resolve()
    for root, prefix in _roots(folder):
        file = _configuration(root, "docusaurus.config")
        if file is None or (prefix and folder.name not in {"blog", "docs"}):
            continue
        if not prefix and not any((root / name).is_dir() for name in ("blog", "docs")):
            continue
        text = read_text(file)[:_MOST]
        routes = {"blog": "blog", "docs": "docs"} | {m[1]: m[3] for m in _ROUTE.finditer(text)}
        site, base = literal(text, "url"), literal(text, "baseUrl")
        if not url and site and base is not None:
            url = _address(site, base)
        trailing = literal(text, "trailingSlash")
        return msgspec.structs.replace(
            DOCUSAURUS,
            base_url=url.rstrip("/"),
            title=literal(text, "title") or "",
            description=literal(text, "tagline") or "",
            language=literal(text, "defaultLocale") or "",
            timezone=timezone,
            prefix=prefix,
            places=(
                Place("blog/", _route(routes["blog"]), "post"),
                Place("docs/", _route(routes["docs"]), "document"),
            ),
            slash={"true": True, "false": False}.get(trailing or ""),
        )
    return None


def _roots(folder: Path) -> tuple[tuple[Path, str], ...]:
    """Where configurations are looked for, and how the folder is named from there."""
    return (folder, ""), (folder.parent, f"{folder.name}/")


def _configuration(root: Path, name: str) -> Path | None:
    for ending in _ENDINGS:
        file = root / (name + ending)
        if os.path.isfile(file):  # noqa: PTH113 - false, too, where it can't be looked at
            return file
    return None


def _route(text: str) -> str:
    return f"/{text.strip('/')}".rstrip("/")


def literal(text: str, key: str) -> str | None:
    """The literal that a key of a JavaScript object has; empty without the key.

    None where it is no literal, or where several stand equally near the margin.
    """
    values: dict[int, set[str | None]] = {}
    pattern = re.compile(
        rf"(?:^|[{{,\s])['\"]?{key}['\"]?\s*:\s*(?:{_LITERAL})?\s*(?P<end>[,}}]|$|//)?"
    )
    for line in _COMMENT.sub("", text).splitlines():
        if len(line) > _LONGEST:
            continue
        for match in pattern.finditer(line):
            before = line[: match.start()]
            if "//" in before or line.lstrip().startswith(("*", "//")):
                continue
            value = match["text"] if match["text"] is not None else match["word"]
            indentation = len(line) - len(line.lstrip())
            found = value if match["end"] is not None else None
            values.setdefault(indentation, set()).add(found)
    if not values:
        return ""
    nearest = values[min(values)]
    return nearest.pop() if len(nearest) == 1 else None


def _address(site: str, base: str) -> str:
    """The address that two literals name; empty where they name none."""
    try:
        return urls.clean(f"{site.rstrip('/')}/{base.strip('/')}")
    except ValueError:
        return ""


def _templates(file: Path) -> str:
    """The folder of templates of a vault, which are no notes. Raises FolderError."""
    if not os.path.isfile(file):  # noqa: PTH113 - false, too, where it can't be looked at
        return ""
    try:
        settings = json.loads(read_text(file))
    except (ValueError, RecursionError):
        raise FolderError(f"{file}: 1: is not JSON; choose the folder of templates anew") from None
    named = settings.get("folder") if isinstance(settings, dict) else None
    return named.strip("/") if isinstance(named, str) else ""
