"""Request path and parameters <-> FeedQuery. Pure functions.

A feed has exactly one canonical address: parameters checked, defaults
dropped, order fixed. `Addresses.parse` and `Addresses.path` are inverse.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple
from urllib.parse import urlencode

from feeds import names
from feeds.config import MAX_LIMIT
from feeds.links import POLICIES
from feeds.model import FeedsError
from feeds.store import Scope

MAX_PAGE: Final = 100_000
_MAX_SEGMENT: Final = 255
_MAX_SEGMENTS: Final = 9
_MONTH = re.compile(r"(19[7-9][0-9]|2[01][0-9]{2})/(0[1-9]|1[0-2])")
_SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*\Z")


class NotFound(FeedsError):
    """An address that no feed has."""


class BadParameter(FeedsError):
    """A parameter with a wrong value; says what is accepted."""


class FeedQuery(NamedTuple):
    """Which feed is asked for.

    `file` is its file name, empty for the page of the folder. `month` is that
    of an archive (year * 12 + month - 1), None for the subscription document.
    """

    scope: Scope = Scope()
    policy: str = "canonical"
    file: str = ""
    limit: int = 50
    page: int = 1
    month: int | None = None


class Addresses:
    """The grammar of addresses.

    `root` is the base URL, `policy` and `limit` are the defaults,
    `media_types` those of the feed formats by file name.
    """

    def __init__(self, root: str, policy: str, limit: int, media_types: Mapping[str, str]) -> None:
        self.root = root
        self.policy = policy
        self.limit = limit
        self.media_types = media_types

    def parse(self, path: str, parameters: Mapping[str, Sequence[str]]) -> FeedQuery:
        """The feed at a decoded `path`. Parameters that aren't known are ignored.

        Names in other spellings are understood, so the address of what is
        found may differ from `path`. Raises NotFound and BadParameter.
        """
        segments = path.removeprefix("/").split("/")
        if len(segments) > _MAX_SEGMENTS or any(len(s) > _MAX_SEGMENT for s in segments):
            raise NotFound("no feed has an address as long as that")
        file = segments.pop() if segments[-1] in self.media_types else ""
        if segments and segments[-1] == "":
            segments.pop()
        if "" in segments:
            raise NotFound("an address has no empty segments")
        policy = self.policy
        if segments and segments[0] in POLICIES:
            policy = segments.pop(0)
        month = _month(segments)
        return FeedQuery(
            scope=_scope(segments if month is None else segments[:-2]),
            policy=policy,
            file=file,
            limit=_number(parameters, "limit", self.default_limit(month), MAX_LIMIT),
            page=_number(parameters, "page", 1, MAX_PAGE),
            month=month,
        )

    def default_limit(self, month: int | None) -> int:
        """How many entries a document has where the address doesn't say: an archive, many."""
        return self.limit if month is None else MAX_LIMIT

    def path(self, query: FeedQuery) -> str:
        """The canonical path and parameters, below the root; begins with a slash."""
        scope = query.scope
        segments = [] if query.policy == self.policy else [query.policy]
        if scope.topic:
            segments += ["topics", scope.topic]
        if scope.provider:
            segments += ["providers", scope.provider]
        if scope.name:
            segments.append(scope.name)
        if scope.type:
            segments += ["types", scope.type]
        if query.month is not None:
            segments += [f"{query.month // 12:04}", f"{query.month % 12 + 1:02}"]
        parameters = {"limit": query.limit, "page": query.page}
        defaults = {"limit": self.default_limit(query.month), "page": 1}
        kept = {name: value for name, value in parameters.items() if value != defaults[name]}
        folder = "".join(f"/{segment}" for segment in segments) + "/"
        return folder + query.file + ("?" + urlencode(kept) if kept else "")

    def url(self, query: FeedQuery) -> str:
        """The canonical URL."""
        return self.root + self.path(query)


def _month(segments: Sequence[str]) -> int | None:
    """The month that the last two segments name, if they do."""
    match = _MONTH.fullmatch("/".join(segments[-2:]))
    return int(match[1]) * 12 + int(match[2]) - 1 if match else None


def _scope(segments: Sequence[str]) -> Scope:
    match list(segments):
        case []:
            return Scope()
        case ["topics", topic]:
            return Scope(topic=_slug(topic))
        case ["providers", provider]:
            return Scope(provider=_provider(provider))
        case ["providers", provider, name]:
            return Scope(provider=_provider(provider), name=_slug(name))
        case ["topics", topic, "providers", provider]:
            return Scope(topic=_slug(topic), provider=_provider(provider))
        case ["topics", topic, "providers", provider, name]:
            return Scope(topic=_slug(topic), provider=_provider(provider), name=_slug(name))
        case ["types", kind]:
            return Scope(type=_type(kind))
    raise NotFound("no feed has that address")


def _slug(segment: str) -> str:
    spelled = not _SLUG.match(segment) or names.reserved(segment)
    return names.slug(segment) if spelled else segment


def _type(segment: str) -> str:
    return segment if _SLUG.match(segment) and segment.endswith("s") else names.type_slug(segment)


def _provider(segment: str) -> str:
    try:
        return names.provider_key("", segment)
    except ValueError:
        return _slug(segment)


def _number(parameters: Mapping[str, Sequence[str]], name: str, default: int, most: int) -> int:
    values = parameters.get(name, ())
    if not values:
        return default
    if len(values) > 1:
        raise BadParameter(f"{name} is given {len(values)} times; give it once")
    if not re.fullmatch(r"[0-9]{1,9}", values[0]) or not 1 <= int(values[0]) <= most:
        raise BadParameter(f"{name} accepts a whole number from 1 to {most:,}")
    return int(values[0])
