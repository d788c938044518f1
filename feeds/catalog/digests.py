"""Digests: one entry for each day or week, with the hottest of what came to a scope in it.

There is an entry once nothing can come in its time any more, for services that send letters:
its id and date never change.
"""

from __future__ import annotations

import hashlib
import textwrap
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import msgspec
from markupsafe import Markup

from feeds import urls
from feeds.catalog import titles
from feeds.catalog.addresses import Addresses, FeedQuery
from feeds.config import Config
from feeds.model import Entry, Record, decode_record
from feeds.selection import Window
from feeds.store.reader import Reader

_SHOWN: Final = {"daily": 30, "weekly": 20}  # periods back from the last that is over
_DAYS: Final = {"daily": 1, "weekly": 7}
_MOST: Final = 10  # of the hottest
_EXCERPT: Final = 300  # characters
_LIST: Final = Markup("<ol>{}</ol>")
_ITEM: Final = Markup('<li><a href="{}">{}</a>{}{}</li>')
_TEXT: Final = Markup("<p>{}</p>")


def periods(digest: str, moment: int, zone: ZoneInfo) -> Iterator[tuple[date, date]]:
    """The days or ISO weeks that are over as of a moment in seconds, the last first.

    Each as its first day and the day after its last.
    """
    end = datetime.fromtimestamp(moment, zone).date()
    if digest == "weekly":
        end -= timedelta(days=end.weekday())
    for _ in range(_SHOWN[digest]):
        first = end - timedelta(days=_DAYS[digest])
        yield first, end
        end = first


def entries(
    reader: Reader, query: FeedQuery, addresses: Addresses, config: Config, title: str
) -> list[Entry]:
    """The entries of the digest that `query` asks for, of a scope with a title, the last first."""
    zone = ZoneInfo(config.timezone)
    found = []
    for first, end in periods(query.digest, reader.state().closed, zone):
        begins, ends = (datetime.combine(day, time(), zone) for day in (first, end))
        window = Window(since=int(begins.timestamp()) - 1, before=int(ends.timestamp()))
        if rows := reader.hottest(query.scope, window, _MOST):
            called = f"{title}, {_named(first, end)}"
            data = reader.data_of([row.row for row in rows])
            hottest = [decode_record(data[row.row]) for row in rows]
            found.append(_entry(query, addresses, config, called, first, ends, hottest))
    return found


def _named(first: date, end: date) -> str:
    """Friday 27 November 2026; 23 November 2026 to 29 November 2026."""
    last = end - timedelta(days=1)
    if first == last:
        return f"{first:%A} {titles.of_day(first)}"
    return f"{titles.of_day(first)} to {titles.of_day(last)}"


def _entry(
    query: FeedQuery,
    addresses: Addresses,
    config: Config,
    title: str,
    first: date,
    ends: datetime,
    records: list[Record],
) -> Entry:
    # The same in every format and under every link policy.
    own = query._replace(policy=addresses.policy, file="atom.xml", content="")
    key = urls.entry_id(f"{addresses.url(own)}#{first}")
    has_excerpts = (query.content or config.content) != "title"
    items = [_item(record, query.policy, has_excerpts) for record in records]
    page = addresses.url(query._replace(file="", content=""))
    body = str(_LIST.format(Markup().join(items)))
    record = Record(path="", key=key, id=key, title=title, body=body, web=f"{page}#{first}")
    source = msgspec.json.encode(record)
    version = hashlib.blake2b(source, digest_size=12).digest()
    moment = ends.astimezone(UTC)
    return Entry(key, version, lambda: source, moment, moment)


def _item(record: Record, policy: str, has_excerpt: bool) -> Markup:
    provider = f" – {record.provider.name}" if record.provider else ""
    excerpt = textwrap.shorten(record.excerpt, _EXCERPT, placeholder=" …") if has_excerpt else ""
    text = _TEXT.format(excerpt) if excerpt else ""
    return _ITEM.format(urls.select(record, policy), record.title, provider, text)
