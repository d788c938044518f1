"""Addresses of pages whose tool has a plain rule for them, or a pattern of the user's. Pure.

Obsidian Publish: https://help.obsidian.md/publish/permalinks, "the path of the
note"; Astro: https://docs.astro.build/en/reference/content-loader-reference/,
`glob()` and its ids; Docusaurus: https://docusaurus.io/docs/blog and
https://docusaurus.io/docs/create-doc. From these pages, not from the tools.
"""

from __future__ import annotations

import posixpath
import re
import unicodedata
from datetime import datetime
from functools import lru_cache
from typing import Final, NamedTuple
from urllib.parse import quote, quote_plus

from slugify import slugify

VARIABLES: Final = ("year", "month", "day", "slug", "name", "title", "section")

_VARIABLE: Final = re.compile(r"\{([^{}]*)\}")
_DATED: Final = re.compile(r"\A\d{4}-\d{1,2}-\d{1,2}[-_ ]?", re.ASCII)
_SLASHES: Final = re.compile(r"(?<!:)//+")
_DATED_POST: Final = re.compile(
    r"(?P<folder>.*)(?P<date>\d{4}[-/]\d{1,2}[-/]\d{1,2})[-/]?(?P<text>.*)\Z", re.ASCII
)
# A number that orders documents: not that of a date or a version, 2024-11-x or 7.0-x.
_ORDER: Final = re.compile(r"\A(?!\d+[-_.]\d)\d+\s*[-_.]+\s*(?=[^-_.\s])", re.ASCII)
_INDEX: Final = ("index", "readme")
_SAFE: Final = "/!$&'()*,;=:@~"


class Source(NamedTuple):
    """What an address is made of.

    `path` is that of the file below the folder of its kind, without its
    extension; `slug` and `own_id` are as written, `date` in the site's zone.
    """

    path: str
    slug: str = ""
    own_id: str = ""
    title: str = ""
    date: datetime | None = None


class AddressError(ValueError):
    """An address that lacks something; `field` names it."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


def check_pattern(pattern: str) -> None:
    """Raises ValueError with what would be right for a pattern that no address can be made of."""
    names = _VARIABLE.findall(pattern)
    listed = ", ".join(f"{{{name}}}" for name in VARIABLES)
    for name in names:
        if name not in VARIABLES:
            raise ValueError(f"knows no {{{name[:40]}}}; there are {listed}, without filters")
    rest = _VARIABLE.sub("", pattern)
    if "{" in rest or "}" in rest:
        raise ValueError("has a brace without its other; https://example.org/{slug}/ is right")
    if not {"slug", "name", "title"}.intersection(names):
        raise ValueError("gives many records one address; it needs {slug}, {name} or {title}")
    if not re.match(r"https?://[^/{}?#\s]+/|/", pattern):
        raise ValueError("begins with no address; https://example.org/{year}/{slug}/ is right")


def of_pattern(pattern: str, source: Source) -> str:
    """A pattern with its variables filled in. Raises AddressError where one has no value."""
    values = {
        "slug": source.slug.strip("/") or slug_of(stem(source.path)),
        "name": stem(source.path, dated=True),
        "title": slugify(source.title, allow_unicode=True),
        "section": source.path.partition("/")[0] if "/" in source.path else "",
    }

    def value(match: re.Match[str]) -> str:
        name = match[1]
        if name in {"year", "month", "day"}:
            if source.date is None:
                raise AddressError("date", f"is missing, and the page's address has {{{name}}}")
            return f"{getattr(source.date, name):04}"[-4 if name == "year" else -2 :]
        if not values[name] and name != "section":
            raise AddressError("title", f"is missing, and the page's address has {{{name}}}")
        return quote(values[name], safe=_SAFE)

    return _SLASHES.sub("/", _VARIABLE.sub(value, pattern))


def of_note(source: Source) -> str:
    """The address of a note of Obsidian Publish: its path, blanks as `+`."""
    return "/" + quote_plus(source.path, safe="/!'()*~")


def of_collection(source: Source) -> str:
    """The address of an entry of Astro: collection and id.

    The id is the `slug`, else the path below the collection in small letters
    without punctuation (github-slugger), without `index` at its end.
    """
    collection, _, rest = source.path.partition("/")
    identifier = source.slug.strip("/")
    if not identifier:
        identifier = "/".join(slug_of(part) for part in rest.split("/"))
        identifier = identifier.removesuffix("/index")
    return quote(f"/{collection}/{identifier}/", safe=_SAFE)


def of_post(source: Source) -> str:
    """The address of a blog post of Docusaurus below the blog's: its `slug`, else by its path.

    The date in it is that of the file or folder, never that of a field.
    """
    if source.slug:
        return quote("/" + source.slug.lstrip("/"), safe=_SAFE)
    path = source.path.removesuffix("/index")
    if dated := _DATED_POST.match(path):
        path = f"{dated['date'].replace('-', '/')}/{dated['folder']}{dated['text']}"
    return quote(_SLASHES.sub("/", f"/{path}"), safe=_SAFE)


def of_document(source: Source) -> str:
    """The address of a document of Docusaurus below that of all: `slug`, else folders and `id`."""
    folder, _, name = source.path.rpartition("/")
    above = folder.rpartition("/")[2].lower()
    folder = "/".join(_ORDER.sub("", part) for part in folder.split("/"))
    base = f"/{folder}/" if folder else "/"
    if source.slug:
        path = posixpath.normpath(posixpath.join(base, source.slug))
        if source.slug.endswith("/") and path != "/":
            path += "/"
    elif name.lower() in _INDEX or name.lower() == above:
        path = base
    else:
        path = base + (source.own_id or _ORDER.sub("", name))
    return quote(path, safe=_SAFE)


def date_of_post(path: str) -> str:
    """The date that the path of a blog post of Docusaurus has, as YYYY-MM-DD; empty without."""
    dated = _DATED_POST.match(path)
    return dated["date"].replace("/", "-") if dated else ""


def stem(path: str, *, dated: bool = False) -> str:
    """The name of a file, or of its folder where it is an index; a date before it goes.

    `path` is without extension. With `dated`, the date stays.
    """
    folder, _, name = path.rpartition("/")
    if name.lower() == "index" and folder:
        name = folder.rpartition("/")[2]
    return name if dated else _DATED.sub("", name) or name


@lru_cache(maxsize=8192)
def slug_of(text: str) -> str:
    """A text in small letters, blanks as hyphens, without punctuation, as GitHub's anchors."""
    kept = (
        character
        for character in text.lower()
        if character in " -_" or character.isalnum() or unicodedata.category(character)[0] == "M"
    )
    return "".join(kept).replace(" ", "-")
