"""Other coverage of a story: which items of a record's `related` are listed, and how.

The rules are here once. `parser` reads the items from parsed YAML,
`related_block` from bytes that need no parser.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final, Protocol, Self

from feeds import urls
from feeds.model import Problem, RecordError, RelatedLink
from feeds.records.fields import EARLIEST, MAX_EXCERPT, MAX_NAME, MAX_TITLE

KEPT: Final = 12  # a feed shows fewer, a story more


class Item(Protocol):
    """An item of `related`, read field by field as `Fields` are; each may raise RecordError."""

    def text(self, name: str, most: int = MAX_NAME) -> str: ...
    def url(self, name: str) -> str: ...
    def moment(self, name: str) -> datetime | None: ...
    def number(self, name: str) -> int: ...
    def mapping(self, name: str) -> Self | None: ...
    def hidden(self) -> object: ...


def best(items: Iterable[Item], own: str, notes: list[Problem]) -> tuple[RelatedLink, ...]:
    """At most 12 links, by quality, then date: one a page, never the record's own.

    `own` is the key of the record's page (`urls.entry_id` of its identity URL).
    Items with a wrong URL are left out, and reported in `notes`. Raises RecordError for
    other wrong values. Of items that rank too low nothing but the rank is read.
    """
    links: dict[str, RelatedLink] = {}
    for item in sorted(items, key=_rank, reverse=True):
        link = _link(item, notes)
        if link is not None and link.key != own:
            links.setdefault(link.key, link)
        if len(links) == KEPT:
            break
    return tuple(links.values())


def _rank(item: Item) -> tuple[int, datetime]:
    published = item.moment("publishedDateTime")
    return item.number("quality"), published or EARLIEST


def _link(item: Item, notes: list[Problem]) -> RelatedLink | None:
    title = item.text("title", MAX_TITLE) or item.text("name", MAX_TITLE)
    try:
        url = item.url("webUrl") or item.url("originalUrl")
    except RecordError as error:
        bad = error.problem
        notes.append(Problem(bad.path, bad.line, bad.field, f"{bad.message}; left out", "note"))
        return None
    if not (title and url) or item.hidden():
        return None
    provider = item.mapping("provider")
    return RelatedLink(
        key=urls.entry_id(urls.identity(url)),
        url=urls.untracked(url),
        title=title,
        excerpt=item.text("excerpt", MAX_EXCERPT),
        published=item.moment("publishedDateTime"),
        provider=(provider.text("name") or provider.text("domain")) if provider else "",
        type=item.text("type"),
        quality=item.number("quality"),
    )
