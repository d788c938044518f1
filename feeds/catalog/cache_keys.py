"""Surrogate keys: the names by which caches forget documents.

A document carries the keys of all that it would be different for, and a load
names the keys of what it changed: a cache that forgets these forgets every
document that would be different now, and hardly any other.

| key | carried by |
|---|---|
| `all` | every document |
| `any` | those that almost any change makes different: pages, lists, stories, filters |
| `/topics/ai/` | the feeds of a scope, as people subscribe to them, and headlines in frames |
| `/topics/ai/feed.json` | that one alone, since it tells how many entries there are in all |
| `/topics/ai/?` | further pages and other lengths of these feeds, and digests |
| `/topics/ai/2026/05/` | the feeds of a month of the scope, by date |
| `/topics/ai/archive/2026-05/` | the archive of what came in that month, or (`2026-05-07`) day |
| `/collections/new/archive/` | all archives of a collection |
| `open` | archives of a time that isn't over, and digests |
| `topic/ai`, `provider/example.com` | what is of them or has an entry of them |
| `collection/essentials` | what is of it |
| `topics`, `providers` | what has entries of more of them than its header has room for |
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

from feeds.catalog.addresses import FeedQuery
from feeds.config import Config
from feeds.model import Entry, Feed, FeedsError
from feeds.selection import NONE, Period, Scope

ALL: Final = "all"
ANY: Final = "any"
OPEN: Final = "open"
# In characters. Both headers together leave room for the others in the 4 KiB
# that nginx takes for all of them unless it is told otherwise.
_ROOM: Final = 1000
_LISTED: Final = ("topic", "provider")
Headers = list[tuple[str, str]]
JSON: Final = "feed.json"  # whose documents tell how many entries there are in all
_KEY = re.compile(r"[\x21-\x2b\x2d-\x7e]{1,255}\Z")  # neither spaces nor commas


class KeyProblem(FeedsError):
    """A text that is no surrogate key; says what one is like."""


def checked(key: str) -> str:
    """A key that was written by hand. Raises KeyProblem."""
    if not _KEY.match(key):
        raise KeyProblem(
            f"{key!r} is no key; keys are words such as all, topic/ai, provider/example.com "
            "or /topics/ai/"
        )
    return key


def headers(config: Config, keys: Sequence[str], listed: Sequence[str] = ()) -> Headers:
    """The keys as Fastly and others read them, and as Varnish's vmod xkey does.

    `listed` are those of topics and providers, for which there may be no room.
    """
    if config.surrogate_keys == "off":
        return []
    kept = [ALL, *keys, *_bounded(listed, _ROOM - len(" ".join(keys)))]
    value = " ".join(kept)
    return [("Surrogate-Key", value), ("xkey", value)]


def _bounded(listed: Sequence[str], room: int) -> list[str]:
    """`listed`, or one key in the place of all topics and of all providers."""
    for kinds in ((), _LISTED[:1], _LISTED):
        kept = [key for key in listed if key.partition("/")[0] not in kinds]
        kept += [f"{kind}s" for kind in kinds]
        if len(" ".join(kept)) <= room:
            break
    return kept


def of_feed(config: Config, query: FeedQuery, feed: Feed, usual_limit: int) -> Headers:
    """The headers of a feed, its page or its frame; `usual_limit` where its address says none."""
    keys = of_query(config, query, usual_limit, is_closed=bool(feed.archive))
    if query.period is not None and not feed.entries:
        keys.append(ANY)  # nothing tells what one without entries leads to
    return headers(config, keys, _listed(query, feed.entries))


def of_query(config: Config, query: FeedQuery, usual_limit: int, *, is_closed: bool) -> list[str]:
    """The keys of a feed but for those of what it shows; `is_closed` is of an archive."""
    is_page = not query.file and query.style is None
    is_usual = query.limit == usual_limit and not query.exact
    keys: list[str] = []
    if is_page or query.story or query.filters != NONE or (query.month and not is_usual):
        keys.append(ANY)
    elif query.digest:
        keys += [of_scope(query.scope) + "?", OPEN]
    elif query.month is not None:
        keys.append(of_month(query.scope, query.month))
    elif query.period is not None:
        keys.append(of_period(query.scope, query.period))
        keys += [of_archives(query.scope)] if query.scope.collection else []
        keys += [] if is_closed else [OPEN]
    elif query.page == 1 and (query.limit <= config.limit if query.style else is_usual):
        # A frame shows the beginning of the feed, and tells nothing of the rest.
        keys.append(of_scope(query.scope))
        if query.file == JSON:
            keys.append(of_scope(query.scope) + JSON)
    else:
        keys.append(of_scope(query.scope) + "?")
    return keys


def with_crowded(keys: Iterable[str]) -> list[str]:
    """The keys, and those that documents carry in the place of them where there is no room."""
    unique = list(dict.fromkeys(keys))
    kinds = {key.partition("/")[0] for key in unique}
    return unique + [f"{kind}s" for kind in _LISTED if kind in kinds]


def of_scope(scope: Scope) -> str:
    """The key of a scope: its path under the usual link policy."""
    segments = ["topics", scope.topic] if scope.topic else []
    if scope.provider:
        segments += ["providers", scope.provider]
    segments += [scope.name] if scope.name else []
    segments += ["types", scope.type] if scope.type else []
    segments += ["collections", scope.collection] if scope.collection else []
    return "".join(f"/{segment}" for segment in segments) + "/"


def of_month(scope: Scope, month: int) -> str:
    """The key of a month (year * 12 + month - 1) of a scope."""
    return f"{of_scope(scope)}{month // 12:04}/{month % 12 + 1:02}/"


def of_archives(scope: Scope) -> str:
    """The key of all archives of a scope."""
    return f"{of_scope(scope)}archive/"


def of_period(scope: Scope, period: Period) -> str:
    """The key of the archive of a period of a scope, whatever its parts."""
    return f"{of_archives(scope)}{period.name}/"


def _listed(query: FeedQuery, shown: Sequence[Entry]) -> list[str]:
    """The keys of what a document is of, and of the topics and providers that it has entries of."""
    topics = {query.scope.topic, *query.filters.topic, *query.filters.exclude_topic}
    providers = {query.scope.provider, *query.filters.provider, *query.filters.exclude_provider}
    topics |= {topic.slug for entry in shown for topic in entry.topics}
    providers |= {entry.provider for entry in shown}
    keys = [f"collection/{query.scope.collection}"] if query.scope.collection else []
    keys += [f"topic/{slug}" for slug in sorted(topics) if slug]
    return keys + [f"provider/{key}" for key in sorted(providers) if key]
