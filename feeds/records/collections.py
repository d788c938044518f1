"""Collections of records: their fields, names in addresses, and files. Pure.

An item names a file by its path from the folder of records, else from the collection's
own file, else by the end of its path where that is the end of one file's alone. The
ending of the file's name may be left out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Container, Iterable, Sequence
from posixpath import dirname, join, normpath
from typing import Final, NamedTuple

from feeds import slugs
from feeds.messages import printable
from feeds.model import CollectionItem, Problem, RecordCollection
from feeds.records.fields import MAX_EXCERPT, is_null
from feeds.records.frontmatter import Mapping, Scalar
from feeds.records.record_fields import READ, URLS, RecordFields

MAX_ITEMS: Final = 1_000
FIELDS: Final = READ | {"items"}
_SHOWN: Final = 3  # files that an item may mean


def is_collection(fields: Mapping) -> bool:
    """Whether a record lists others: of that type, with items, or without a URL of its own."""
    kind = fields.get("type")
    if not isinstance(kind, Scalar) or kind.text.strip().lower() != "collection":
        return False
    items = fields.get("items")
    lists = items is not None and not is_null(items)
    return lists or not any(name in fields for name in URLS)


def read(fields: RecordFields) -> RecordCollection:
    """The collection of these fields. Raises RecordError."""
    title, nodes = fields.title(), fields.sequence("items")
    if not nodes:
        fields.missing(("items",), "is missing; a collection lists the files of its records")
    if len(nodes) > MAX_ITEMS:
        fields.note("items", f"lists more than {MAX_ITEMS:,} records; the first are taken")
    for name in URLS:
        if name in fields.fields:
            fields.note(name, "isn't used; a collection with items has no URL of its own")
    collection = RecordCollection(
        path=fields.path,
        title=title,
        excerpt=fields.text("excerpt", MAX_EXCERPT),
        published=fields.moment("publishedDateTime") or fields.date_of_word(),
        items=tuple(
            CollectionItem(name, node.line)
            for index, node in enumerate(nodes[:MAX_ITEMS])
            if (name := fields.text_of(f"items[{index}]", node).strip("/"))
        ),
    )
    fields.refuse_errors()
    return collection


class NamedCollection(NamedTuple):
    """A collection with its slug, the files of its items in their order, and what is wrong."""

    slug: str
    collection: RecordCollection
    files: list[str]
    notes: list[Problem]


def name_all(
    collections: Sequence[RecordCollection], paths: Iterable[str], taken: Container[str] = ()
) -> list[NamedCollection]:
    """The collections, whose order is that of their paths, by names that nothing else has.

    `paths` are those of all files. A slug is that of the title; one that is `taken`, or
    that of a collection before, gets a suffix that depends on the path alone.
    """
    wanted = {_last(item.name) for one in collections for item in one.items}
    candidates: dict[str, list[str]] = {}
    for path in paths if wanted else ():
        name = _last(path)
        for called in {name, _stem(name)}:
            if called in wanted:
                candidates.setdefault(called, []).append(path)
    used: set[str] = set()
    named = []
    for one in collections:
        slug, notes = slugs.slug(one.title), []
        if slug in used or slug in taken:
            slug += "-" + hashlib.sha256(one.path.encode()).hexdigest()[:6]
            message = f"is that of another collection; this one is at /collections/{slug}/"
            notes.append(Problem(one.path, 1, "title", message, "note"))
        used.add(slug)
        files: dict[str, None] = {}
        for item in one.items:
            meant = _meant(item, one.path, candidates.get(_last(item.name), []))
            if len(meant) == 1:
                files[meant[0]] = None
            else:
                notes.append(Problem(one.path, item.line, "items", _wrong(item, meant), "note"))
        named.append(NamedCollection(slug, one, list(files), notes))
    return named


def _meant(item: CollectionItem, path: str, candidates: Sequence[str]) -> list[str]:
    """The files that an item of the collection at `path` may mean."""
    for name in (normpath(item.name), normpath(join(dirname(path), item.name))):
        if exact := [one for one in candidates if name in (one, _stem(one))]:
            return exact
    end = f"/{normpath(item.name)}"
    return [one for one in candidates if f"/{one}".endswith(end) or f"/{_stem(one)}".endswith(end)]


def _wrong(item: CollectionItem, meant: Sequence[str]) -> str:
    name = repr(item.name[:80])
    if not meant:
        return f"{name} names no file; write its path from the folder of records; left out"
    several = ", ".join(map(printable, sorted(meant)[:_SHOWN]))
    return f"{name} may be any of {len(meant):,} files ({several}); write the whole path; left out"


def _last(path: str) -> str:
    return path.rpartition("/")[2]


def _stem(path: str) -> str:
    """A path without the ending of the file's name."""
    stem, dot, ending = path.rpartition(".")
    return stem if dot and "/" not in ending else path
