"""What Jekyll takes a file for by its place in the folder. Pure functions."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Final, NamedTuple

import msgspec

POSTS: Final = "posts"
DRAFTS: Final = "drafts"
PAGES: Final = "pages"

# Of Jekyll 4: a site's own list is added to these.
EXCLUDED: Final = (
    ".sass-cache", ".jekyll-cache", "gemfiles", "Gemfile", "Gemfile.lock", "node_modules",
    "vendor/bundle/", "vendor/cache/", "vendor/gems/", "vendor/ruby/",
)  # fmt: skip
_DATED: Final = re.compile(r"(\d{2,4})-(\d{1,2})-(\d{1,2})-([^/]*)(\.[^./]+)\Z", re.ASCII)
_EXTENSION: Final = re.compile(r"(?<=[^/])\.[^./]+\Z")
_SPECIAL: Final = (".", "_", "#", "~")
_GLOB: Final = re.compile(r"[*?\[]")


class Collection(msgspec.Struct, frozen=True):
    """A collection; `output` when it has pages, `in_feed` when jekyll-feed has them."""

    name: str
    permalink: str
    output: bool
    in_feed: bool


class Layout(msgspec.Struct, frozen=True, cache_hash=True):
    """Which folders a site reads.

    `prefix` leads from the site's configuration to the folder that the user
    named, `source` to the folder of the site; both end in a slash unless
    empty. `named` is the collection that the user's folder is.
    """

    prefix: str = ""
    source: str = ""
    collections_dir: str = ""
    collections: tuple[Collection, ...] = ()
    exclude: tuple[str, ...] = EXCLUDED
    include: tuple[str, ...] = (".htaccess",)
    named: str = ""


class Place(NamedTuple):
    """What the folder of a file says: its kind, and the categories above `_posts`.

    `inner` is the path below the collection's folder, `passed_over` why
    nothing in the folder is an entry.
    """

    kind: str
    inner: str = ""
    categories: tuple[str, ...] = ()
    passed_over: str = ""


class FileName(NamedTuple):
    """A file's name: year, month and day (None without), the rest, and the extension."""

    day: tuple[int, int, int] | None
    rest: str
    stem: str
    extension: str


def within_site(layout: Layout, path: str) -> str | None:
    """The path relative to the site's source; None outside it."""
    whole = layout.prefix + path
    return whole.removeprefix(layout.source) if whole.startswith(layout.source) else None


def file_name(name: str) -> FileName:
    """The parts of a file's name; years of two digits are of 1969 to 2068."""
    extension = _EXTENSION.search(name)
    stem = name[: extension.start()] if extension else name
    if dated := _DATED.match(name):
        year = int(dated[1])
        if len(dated[1]) == 2:  # noqa: PLR2004
            year += 2000 if year < 69 else 1900  # noqa: PLR2004
        return FileName((year, int(dated[2]), int(dated[3])), dated[4].rstrip("."), stem, dated[5])
    return FileName(None, stem.rstrip("."), stem, extension[0] if extension else "")


def passed_over(layout: Layout, path: str) -> str:
    """Why the file at `path`, relative to the user's folder, is no entry; empty if it may be."""
    relative = within_site(layout, path)
    if relative is None:
        return "outside the site's source"
    folder, _, name = relative.rpartition("/")
    place = place_of(layout, folder)
    if place.passed_over:
        return place.passed_over
    if name.startswith(_SPECIAL) or name.endswith("~"):
        return f"its name begins with {name[0]}" if name.startswith(_SPECIAL) else "a backup"
    if _excluded(layout, relative):
        return "excluded by the configuration"
    if place.kind == POSTS and file_name(name).day is None:
        return "no date in the file name"
    return ""


@lru_cache(maxsize=8192)
def place_of(layout: Layout, folder: str) -> Place:
    """What the files of `folder`, relative to the site's source, are."""
    segments = folder.split("/") if folder else []
    base = f"{layout.collections_dir}/" if layout.collections_dir else ""
    if f"{folder}/".startswith(base):
        below = f"{folder}/"[len(base) :].split("/")
        for collection in layout.collections:
            if below[0] == f"_{collection.name}" and collection.name != POSTS:
                inner = "/".join(below[1:-1])
                return Place(
                    collection.name,
                    inner,
                    (),
                    _beyond(layout, collection) or _special_below(inner),
                )
    for index, segment in enumerate(segments):
        above = "/".join(segments[: index + 1])
        if segment in {"_posts", "_drafts"}:
            return _of_posts(segments, index, base)
        if segment.startswith(_SPECIAL) and not _included(layout, above, segment):
            return Place(PAGES, "", (), f"its folder begins with {segment[0]}")
    return Place(PAGES, "", (), "a page, no post")


def _of_posts(segments: list[str], index: int, base: str) -> Place:
    above = "/".join(segments[:index])
    inner = "/".join(segments[index + 1 :])
    reason = _special_below(inner)
    if base and not f"{above}/".startswith(base):
        reason = "outside the folder of collections"
    categories = tuple(segments[:index]) if f"{above}/" != base else ()
    return Place(segments[index][1:], inner, categories, reason)


def _beyond(layout: Layout, collection: Collection) -> str:
    if not collection.output:
        return "collection without output"
    if not collection.in_feed and layout.named != collection.name:
        return "its collection is not in the site's feed"
    return ""


def _special_below(inner: str) -> str:
    """Why a folder below `_posts` isn't read: only its first name counts, as in Jekyll."""
    return f"its folder begins with {inner[0]}" if inner.startswith(_SPECIAL) else ""


def _excluded(layout: Layout, path: str) -> bool:
    """Whether the configuration excludes a file, or a folder above it."""
    beginnings, globs = _exclusions(layout)
    if path.startswith(beginnings):
        return True
    if not globs:
        return False
    parts = path.split("/")
    above = ["/".join(parts[: end + 1]) for end in range(len(parts))]
    return any(fnmatchcase(name, glob) for glob in globs for name in above)


@lru_cache(maxsize=16)
def _exclusions(layout: Layout) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Beginnings of paths, and patterns."""
    patterns = [name.lstrip("/") for name in layout.exclude if name not in layout.include]
    return tuple(patterns), tuple(name for name in patterns if _GLOB.search(name))


def _included(layout: Layout, path: str, name: str) -> bool:
    return any(_matches(pattern, path) or _matches(pattern, name) for pattern in layout.include)


def _matches(pattern: str, path: str) -> bool:
    """Ruby's `File.fnmatch?`, where a star takes slashes too, or the beginning of the path."""
    pattern = pattern.strip("/")
    return path.startswith(pattern) or fnmatchcase(path, pattern)
