"""Request path and parameters <-> FeedQuery. Pure functions.

A feed has exactly one canonical address: parameters checked, defaults
dropped, order fixed. `Addresses.parse` and `Addresses.path` are inverse.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from typing import Final, NamedTuple
from urllib.parse import parse_qsl, urlencode

from feeds.catalog.parameters import (
    Parameters,
    accent,
    number,
    one_of,
    parse,
    provider_key,
    refuse_misspelled,
    topic_key,
    type_key,
)
from feeds.config import MAX_LIMIT
from feeds.model import CONTENTS, FeedsError
from feeds.selection import NONE, Filters, Period, Scope, folded
from feeds.urls import POLICIES

MAX_PAGE: Final = 100_000
_MAX_SEGMENT: Final = 255
_MAX_SEGMENTS: Final = 10
_MONTH = re.compile(r"(19[7-9][0-9]|2[01][0-9]{2})/(0[1-9]|1[0-2])")
# No name of a provider on a shared domain, which may be "archive", has two segments.
_PERIOD = re.compile(
    r"archive/([0-9]{4})-([0-9]{2})(?:-([0-9]{2}))?(?:/([0-9]{1,7})-of-([0-9]{1,7}))?\Z"
)
_MOST_PARTS: Final = 1 << 20
_KEPT_PATHS: Final = 1_000  # a request needs those of a dozen queries, some of them often
_STORY = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")
THEMES: Final = ("auto", "light", "dark")
PICTURES: Final = ("off", "on")
EMBED: Final = "embed"
DIGESTS: Final = ("daily", "weekly")
_EMBEDDED: Final = 5  # entries in an embed where the address doesn't say


class NotFound(FeedsError):
    """An address that no feed has, for want of a label of this kind and slug where it names one."""

    def __init__(self, message: str, kind: str = "", slug: str = "") -> None:
        super().__init__(message)
        self.kind = kind
        self.slug = slug


class Gone(NotFound):
    """An address whose feed is gone for good."""


class EmbedStyle(NamedTuple):
    """How an embed looks: its theme, the colour of its links as RRGGBB, whether it has pictures."""

    theme: str = THEMES[0]
    accent: str = ""
    pictures: str = PICTURES[0]


# Every name that an address may say something with.
PARAMETERS: Final = frozenset(
    {*Filters._fields, "content", "limit", "page", "format", *EmbedStyle._fields}
)


class FeedQuery(NamedTuple):
    """Which feed is asked for.

    `file` is its file name, empty for the page of the folder. `exact` says of a feed
    that its address names the usual limit: it has no entries beyond that. `month` is that
    of a list by date (year * 12 + month - 1), `period` that of an archive, which has neither
    page nor filters; both are None for the subscription document. `story` is the id of a
    story, whose coverage is the feed. `style` is that of a page made to be framed, None for
    the page itself. `content` is what entries of a feed
    have (one of `CONTENTS`), empty where that is what the settings say. `digest` is one of
    `DIGESTS` for the feed of the scope's days or weeks.
    """

    scope: Scope = Scope()
    policy: str = "canonical"
    file: str = ""
    limit: int = 50
    page: int = 1
    month: int | None = None
    period: Period | None = None
    story: str = ""
    filters: Filters = NONE
    style: EmbedStyle | None = None
    exact: bool = False
    content: str = ""
    digest: str = ""


class RedirectTo(FeedsError):
    """A feed that is another one by now, the one at `query`; for good with `status` 308."""

    def __init__(self, query: FeedQuery, status: int = 307) -> None:
        super().__init__("the feed is at another address")
        scope, filters = folded(query.scope, query.filters)
        self.query = query._replace(scope=scope, filters=filters)
        self.status = status


class SiteQuery(NamedTuple):
    """Which document about the feeds is asked for; `name` is its path without a slash before.

    `format` is the file name of the feeds that it lists, `filters` narrow them.
    """

    name: str
    policy: str = "canonical"
    format: str = "rss.xml"
    filters: Filters = NONE


class SiteName(NamedTuple):
    """Which of policy, format and filters the address of a document about the feeds may have."""

    policy: bool = False
    format: bool = False
    filters: bool = False


Query = FeedQuery | SiteQuery


class Addresses:
    """The grammar of addresses.

    `root` is the base URL, `policy`, `limit` and `content` are the defaults,
    `media_types` those of the feed formats by file name, `site` the documents
    about the feeds by name. Without `parameters`, an address that has one leads
    nowhere, as where each address is a file. `policies` are the link policies that documents
    lead to.
    """

    def __init__(
        self,
        root: str,
        policy: str,
        limit: int,
        media_types: Mapping[str, str],
        site: Mapping[str, SiteName] | None = None,
        *,
        parameters: bool = True,
        content: str = CONTENTS[0],
        policies: Sequence[str] = POLICIES,
    ) -> None:
        self.root = root
        self.policy = policy
        self.limit = limit
        self.media_types = media_types
        self.site = site or {}
        self.parameters = parameters
        self.content = content
        self.policies = policies
        self._paths = lru_cache(_KEPT_PATHS)(self._path)

    def parse(self, path: str, parameters: Parameters) -> Query:
        """The query of a decoded `path`. Parameters of names that are none of ours are ignored.

        Values in other spellings are understood, so the canonical address of the query
        may differ from that which was asked for, see `is_canonical`. Raises NotFound and
        BadParameter.
        """
        self._check(parameters)
        return self._site(path, parameters) or self.feed(path, parameters)

    def _check(self, parameters: Parameters) -> None:
        """Raises NotFound for what a file would answer as if it weren't asked.

        Raises BadParameter for names that are nearly right, where there are parameters.
        """
        if self.parameters:
            refuse_misspelled(parameters, PARAMETERS)
        elif named := sorted(PARAMETERS & parameters.keys()):
            raise NotFound(f"addresses take no parameters here, such as {named[0]}")

    def _site(self, path: str, parameters: Parameters) -> SiteQuery | None:
        name, policy = path.removeprefix("/"), self.policy
        first, _, rest = name.partition("/")
        if first in POLICIES:
            name, policy = rest, first
        takes = self.site.get(name) or self.site.get(name + "/")
        if takes is None or (policy != self.policy and not takes.policy):
            return None
        query = SiteQuery(name if name in self.site else name + "/", policy)
        if takes.filters:
            query = query._replace(filters=parse(parameters))
        if not takes.format:
            return query
        kinds = {kind_of(file): file for file in self.media_types}
        return query._replace(format=kinds[one_of(parameters, "format", list(kinds))])

    def feed(self, path: str, parameters: Parameters) -> FeedQuery:
        """The feed at a decoded `path`, or its page. Raises NotFound and BadParameter."""
        self._check(parameters)
        segments = path.removeprefix("/").split("/")
        if len(segments) > _MAX_SEGMENTS or any(len(s) > _MAX_SEGMENT for s in segments):
            raise NotFound("no feed has an address as long as that")
        file = segments.pop() if segments[-1] in self.media_types else ""
        if segments and segments[-1] == "":
            segments.pop()
        if "" in segments:
            raise NotFound("an address has no empty segments")
        style = None
        if segments and segments[0] == EMBED and not file:
            del segments[0]
            style = EmbedStyle(
                one_of(parameters, "theme", THEMES),
                accent(parameters),
                one_of(parameters, "pictures", PICTURES),
            )
        policy = self.policy
        if segments and segments[0] in POLICIES:
            policy = segments.pop(0)
        if style is None and segments[-2:-1] == ["digest"] and segments[-1] in DIGESTS:
            query = FeedQuery(_scope(segments[:-2]), policy, file, self.limit)
            if not file:  # a digest has the page of its scope
                return query
            return query._replace(digest=segments[-1], content=self._content(parameters))
        if file and style is None and (archive := _archive(segments)):
            if parse(parameters) != NONE:
                raise NotFound("archives can't be narrowed")
            query = FeedQuery(archive[0], policy, file, self.limit, period=archive[1])
            return query._replace(content=self._content(parameters))
        month = _month(segments) if style is None else None
        limit = self.default_limit(month, style)
        query = FeedQuery(
            policy=policy,
            file=file,
            limit=number(parameters, "limit", limit, MAX_LIMIT),
            page=1 if style else number(parameters, "page", 1, MAX_PAGE),
            month=month,
            style=style,
            content=self._content(parameters) if file else "",
        )
        if file and month is None and query.limit == limit and any(parameters.get("limit", ())):
            query = query._replace(exact=True)
        if segments and segments[0] == "stories" and month is None:
            return query._replace(story=_story(segments), exact=False)
        scope, rest = folded(
            _scope(segments if month is None else segments[:-2]), parse(parameters)
        )
        return query._replace(scope=scope, filters=rest)

    def _content(self, parameters: Parameters) -> str:
        content = one_of(parameters, "content", sorted(CONTENTS, key=lambda c: c != self.content))
        return "" if content == self.content else content

    def default_limit(self, month: int | None, style: EmbedStyle | None = None) -> int:
        """How many entries a document has where the address doesn't say: a month, many."""
        if style is not None:
            return _EMBEDDED
        return self.limit if month is None else MAX_LIMIT

    def is_topic(self, query: FeedQuery) -> bool:
        """Whether WebSub hubs are told when the document at a query's address changes.

        Only such a document announces them: who subscribed to another one
        would wait for ever. That is a feed as people subscribe to it, under
        any link policy; neither pages, further pages, archives, stories nor
        what filters narrow. Archives lead to their feed (RFC 5005 4, current).
        """
        plain = FeedQuery(query.scope, query.policy, query.file, self.limit)
        return bool(query.file) and query == plain

    def path(self, query: Query) -> str:
        """The canonical path and parameters, below the root; begins with a slash."""
        return self._paths(query)

    def _path(self, query: Query) -> str:
        segments = [] if query.policy == self.policy else [query.policy]
        if isinstance(query, SiteQuery):
            parameters = query.filters.parameters()
            if query.format != next(iter(self.media_types)):
                parameters.append(("format", kind_of(query.format)))
            return _with("/" + "/".join([*segments, query.name]), parameters)
        scope = query.scope
        if query.style is not None:
            segments.insert(0, EMBED)
        if query.story:
            segments += ["stories", query.story]
        if scope.topic:
            segments += ["topics", scope.topic]
        if scope.provider:
            segments += ["providers", scope.provider]
        if scope.name:
            segments.append(scope.name)
        if scope.type:
            segments += ["types", scope.type]
        if scope.collection:
            segments += ["collections", scope.collection]
        if query.month is not None:
            segments += [f"{query.month // 12:04}", f"{query.month % 12 + 1:02}"]
        if query.digest and query.file:
            segments += ["digest", query.digest]
        if query.period is not None:
            segments += ["archive", query.period.name]
            if query.period.of > 1:
                segments.append(f"{query.period.part}-of-{query.period.of}")
        parameters = query.filters.parameters()
        parameters += EmbedStyle._asdict(query.style).items() if query.style else []
        parameters += [("content", query.content if query.file else "")]
        parameters += [("limit", str(query.limit)), ("page", str(query.page))]
        limit = self.default_limit(query.month, query.style)
        defaults = EmbedStyle()._asdict() | {"limit": str(limit), "page": "1"}
        folder = "".join(f"/{segment}" for segment in segments) + "/"
        if query.exact and query.file:
            del defaults["limit"]
        kept = [(name, value) for name, value in parameters if value != defaults.get(name, "")]
        return _with(folder + query.file, kept)

    def is_canonical(self, query: Query, path: str, asked: Iterable[tuple[str, str]]) -> bool:
        """Whether a query was asked for by its own decoded path and parameters, in their order.

        Other parameters than ours make no difference.
        """
        own, _, parameters = self.path(query).partition("?")
        ours = [(name, value) for name, value in asked if name in PARAMETERS]
        return own == path and ours == parse_qsl(parameters)

    def url(self, query: Query) -> str:
        """The canonical URL."""
        return self.root + self.path(query)


def kind_of(file: str) -> str:
    """The name of a format in parameters (rss, atom, json), by its file name."""
    stem, _, extension = file.partition(".")
    return extension if stem == "feed" else stem


def _with(path: str, parameters: Iterable[tuple[str, str]]) -> str:
    """A path with parameters, of which spaces are +."""
    written = urlencode(list(parameters))
    return f"{path}?{written}" if written else path


def _story(segments: Sequence[str]) -> str:
    if len(segments) != 2 or not _STORY.match(segments[1].lower()):  # noqa: PLR2004 - stories, id
        raise NotFound("no story has that address")
    return segments[1].lower()


def _month(segments: Sequence[str]) -> int | None:
    """The month that the last two segments name, if they do."""
    match = _MONTH.fullmatch("/".join(segments[-2:]))
    return int(match[1]) * 12 + int(match[2]) - 1 if match else None


def _archive(segments: Sequence[str]) -> tuple[Scope, Period] | None:
    """The archive that the last two or three segments name, if they do, and of which scope."""
    for length in (2, 3):
        match = _PERIOD.match("/".join(segments[-length:]))
        if match is None:
            continue
        year, month, day, part, of = (int(number or 0) for number in match.groups())
        period = Period(year, month, day, part or 1, of or 1)
        is_part = period.part <= period.of <= _MOST_PARTS and period.of.bit_count() == 1
        with suppress(ValueError, NotFound):  # the end of time is a date, too
            if is_part and period.first < period.end:
                return _scope(segments[:-length]), period
    return None


def _scope(segments: Sequence[str]) -> Scope:
    match list(segments):
        case []:
            return Scope()
        case ["topics", topic]:
            return Scope(topic=topic_key(topic))
        case ["providers", provider]:
            return Scope(provider=provider_key(provider))
        case ["providers", provider, name]:
            return Scope(provider=provider_key(provider), name=topic_key(name))
        case ["topics", topic, "providers", provider]:
            return Scope(topic=topic_key(topic), provider=provider_key(provider))
        case ["topics", topic, "providers", provider, name]:
            return Scope(
                topic=topic_key(topic), provider=provider_key(provider), name=topic_key(name)
            )
        case ["types", kind]:
            return Scope(type=type_key(kind))
        case ["collections", collection]:
            return Scope(collection=topic_key(collection))
    raise NotFound("no feed has that address")
