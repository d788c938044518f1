"""The best of a record's `related`, from items that `cut` found.

`seeds` says what other coverage is, field by field; of items in the
collections' own shape this gives the same links without reading the rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache, partial
from typing import Final

from feeds import sanitize, urls
from feeds.model import RelatedLink
from feeds.records.fields import MAX_EXCERPT, MAX_NAME, MAX_TITLE
from feeds.records.frontmatter import Scalar
from feeds.records.related_block import Item
from feeds.records.simple_yaml import unescaped


class Unusual(Exception):
    """An item of which something has to be said."""


def best(items: Sequence[Item], own: str, most: int) -> tuple[RelatedLink, ...]:
    """At most `most` links by quality, then date: one an identity, never the key `own`.

    Raises Unusual where one has a value that is wrong.
    """
    found: dict[str, RelatedLink] = {}
    for item in sorted(items, key=_rank, reverse=True):
        link = _link(item)
        if link is not None and link.key != own:
            found.setdefault(link.key, link)
        if len(found) == most:
            break
    return tuple(found.values())


def _rank(item: Item) -> tuple[int, bytes]:
    return int(item["quality"] or 0), item["date"] or b""


def _link(item: Item) -> RelatedLink | None:
    title, excerpt, date, original, web, kind, name, domain, quality = item.groups()
    shown = _text(title, MAX_TITLE)
    url = _url(web) or _url(original)
    if not (shown and url):
        return None
    return RelatedLink(
        key=urls.entry_id(urls.identity(url)),
        url=urls.untracked(url),
        title=shown,
        excerpt=_text(excerpt, MAX_EXCERPT),
        published=datetime.fromisoformat(date.decode()) if date else None,
        provider=_name(name) or _name(domain),
        type=_name(kind),
        quality=int(quality or 0),
    )


def _raw(written: bytes | None) -> str:
    """What a value says, quoted or not."""
    if written is None:
        return ""
    said = written.decode()
    return unescaped(said[1:-1]) if said[0] == '"' else _bare(said)


@lru_cache(maxsize=4096)
def _bare(said: str) -> str:
    value = Scalar(said, True, 0).value()
    if not isinstance(value, str):
        raise Unusual
    return value


def _text(written: bytes | None, most: int) -> str:
    if written is None:
        return ""
    found = sanitize.plain(_raw(written))
    if len(found) > most:
        raise Unusual
    return found


# Names, domains and types, of which a collection has few.
_name: Final = lru_cache(maxsize=4096)(partial(_text, most=MAX_NAME))


def _url(written: bytes | None) -> str:
    said = _raw(written).strip()
    try:
        return urls.clean(said) if said else ""
    except ValueError:
        raise Unusual from None
