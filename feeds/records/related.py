"""Other coverage of a story: which items of a record's `related` are listed, and how.

The rules are here once. `parser` reads the items from parsed YAML,
`related_block` from bytes that need no parser.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final, Protocol

from feeds import urls
from feeds.model import RelatedLink
from feeds.records.fields import MAX_EXCERPT, MAX_NAME, MAX_TITLE

KEPT: Final = 12  # a feed shows fewer, a story more


class Item(Protocol):
    """An item of `related`, read field by field as `Fields` are."""

    def text(self, name: str, most: int = MAX_NAME) -> str: ...
    def url(self, name: str) -> str: ...
    def moment(self, name: str) -> datetime | None: ...
    def number(self, name: str) -> int: ...
    def provider_name(self) -> str: ...
    def hidden(self) -> object: ...
    def rank(self) -> tuple[int, Any]:
        """By quality, then date; comparable with those of items of its own class."""


def best(items: Iterable[Item], own: str) -> tuple[RelatedLink, ...]:
    """At most 12 links, by quality, then date: one a page, never the record's own.

    `own` is the key of the record's page (`urls.page_key`).
    Of items that rank too low nothing but the rank is read.
    """
    links: dict[str, RelatedLink] = {}
    for item in sorted(items, key=lambda item: item.rank(), reverse=True):
        link = _link(item)
        if link is not None and (page := link.page) != own:
            links.setdefault(page, link)
        if len(links) == KEPT:
            break
    return tuple(links.values())


def _link(item: Item) -> RelatedLink | None:
    title = item.text("title", MAX_TITLE) or item.text("name", MAX_TITLE)
    url = item.url("webUrl") or item.url("originalUrl")
    if not (title and url) or item.hidden():
        return None
    return RelatedLink(
        key=urls.entry_id(urls.identity(url)),
        url=urls.untracked(url),
        title=title,
        excerpt=item.text("excerpt", MAX_EXCERPT),
        published=item.moment("publishedDateTime"),
        provider=item.provider_name(),
        type=item.text("type"),
        quality=item.number("quality"),
    )
