"""FeedQuery -> Feed: the entries of a scope with all that formats need to know."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from feeds.config import Config
from feeds.model import UNKNOWN_TIME, Archive, Entry, Feed, FeedsError, Label, Link
from feeds.query import Addresses, FeedQuery, NotFound
from feeds.store import Reader, Row, Scope, Tally, Window, month_of, month_window, position_at

HTML: Final = "text/html"
_POLICY_TITLES: Final = {
    "canonical": "canonical links",
    "original": "original links",
    "amp": "AMP",
    "amp-cache": "AMP cache",
}


class Elsewhere(FeedsError):
    """A feed that is another one by now: that of `scope`."""

    def __init__(self, scope: Scope) -> None:
        super().__init__("the feed is at another address")
        self.scope = scope


def feed(reader: Reader, query: FeedQuery, addresses: Addresses, config: Config) -> Feed:
    """The feed that `query` asks for, as the store has it now.

    Raises NotFound for a topic, provider or type that no public record has,
    with a message that names it, for a month without entries, and for a page
    past the last.
    """
    heading, total, renamed = _heading(reader, query.scope, config)
    window = Window() if query.month is None else month_window(query.month)
    archive = None
    if query.month is not None:
        total = reader.count(query.scope, window)
        if not total:
            raise NotFound(f"there are no entries of {month_title(query.month)}")
        loaded = position_at(reader.state().loaded)
        archive = Archive(query.month // 12, query.month % 12 + 1, over=loaded >= (window.end or 0))
    offset = (query.page - 1) * query.limit
    if offset and offset >= total:
        raise NotFound(f"page {query.page} is past the last; there are {total:,} entries")
    rows = reader.page(query.scope, query.limit, offset, window)
    shown = window if len(rows) == total else window._replace(first=rows[-1].position)
    modified = max(reader.modified(query.scope, shown), renamed)
    url = addresses.url(query)
    described = config.description
    return Feed(
        id=url,
        title=_title(heading, query, config),
        name=_title(heading, query._replace(month=None, page=1), config),
        description=described if query.scope == Scope() else f"{heading}: {described}",
        page=addresses.url(query._replace(file="")),
        language=config.language,
        site=config.title,
        root=addresses.root,
        policy=query.policy,
        links=tuple(_links(reader, query, addresses, config, total, rows)),
        alternates=tuple(_alternates(query, addresses)),
        entries=tuple(_entries(reader, rows)),
        updated=_time(max((row.updated for row in rows), default=0)),
        modified=_time(modified),
        total=total,
        archive=archive,
    )


def _time(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC) if seconds else UNKNOWN_TIME


def month_title(month: int) -> str:
    """A month (year * 12 + month - 1) for people: September 2023."""
    return datetime(month // 12, month % 12 + 1, 1, tzinfo=UTC).strftime("%B %Y")


def _title(heading: str, query: FeedQuery, config: Config) -> str:
    title = heading
    if query.month is not None:
        title += f", {month_title(query.month)}"
    if query.policy != config.links:
        title += f" ({_POLICY_TITLES[query.policy]})"
    if query.page > 1:
        title += f", page {query.page}"
    return title


def _links(
    reader: Reader,
    query: FeedQuery,
    addresses: Addresses,
    config: Config,
    total: int,
    rows: Sequence[Row],
) -> list[Link]:
    """Self and hubs (WebSub 4), then paging (RFC 5005 3) or archive links (RFC 5005 4)."""
    media_type = addresses.media_types.get(query.file, HTML)

    def link(rel: str, **other: Any) -> Link:
        return Link(rel, addresses.url(query._replace(**other)), media_type)

    found = [link("self"), *(Link("hub", hub) for hub in config.hubs)]
    last = max(-(-total // query.limit), 1)
    if query.month is not None:
        older, newer = reader.neighbours(query.scope, query.month)
        subscription = {"month": None, "page": 1, "limit": addresses.limit}
        if query.page < last:
            found.append(link("prev-archive", page=query.page + 1))
        elif older is not None:
            found.append(link("prev-archive", month=older, page=1))
        if query.page > 1:
            found.append(link("next-archive", page=query.page - 1))
        elif newer is not None:
            pages = -(-reader.count(query.scope, month_window(newer)) // query.limit)
            found.append(link("next-archive", month=newer, page=pages))
        return [*found, link("current", **subscription)]
    if last > 1:
        found += [link("first", page=1), link("last", page=last)]
    if query.page > 1:
        found.append(link("previous", page=query.page - 1))
    if query.page < last:
        found.append(link("next", page=query.page + 1))
    if query.page == 1 and rows:
        oldest = month_of(rows[-1].published)
        limit = addresses.default_limit(oldest)
        found.append(link("prev-archive", month=oldest, limit=limit))
    return found


def _alternates(query: FeedQuery, addresses: Addresses) -> list[Link]:
    """The same feed in the other formats, and its page."""
    return [
        Link("alternate", addresses.url(query._replace(file=file)), media_type)
        for file, media_type in [*addresses.media_types.items(), ("", HTML)]
        if file != query.file
    ]


def _heading(reader: Reader, scope: Scope, config: Config) -> tuple[str, int, int]:
    """The title of a scope's feeds, how many entries it has, and when a name in it changed."""
    parts, shown = [], []
    if scope.topic:
        shown.append(_label(reader, "topic", scope.topic))
        parts.append(shown[-1].name)
    if scope.provider:
        shown.append(_label(reader, "provider", scope.provider))
        if scope.name:
            whole = shown[-1]
            shown[-1] = _label(reader, "name", f"{scope.provider}/{scope.name}")
            if shown[-1].entries == whole.entries:
                raise Elsewhere(scope._replace(name=""))  # it has the domain for itself
        parts.append(shown[-1].name)
    if scope.type:
        shown.append(_label(reader, "type", scope.type))
        parts.append(type_title(scope.type))
    total = shown[0].entries if len(shown) == 1 else reader.count(scope)
    if shown and not total:
        raise NotFound(f"no entry has both {' and '.join(parts)}")
    heading = " from ".join(parts)
    changed = max((label.changed for label in shown), default=0)
    return (f"{heading} – {config.title}" if heading else config.title), total, changed


def type_title(slug: str) -> str:
    """The heading of a type's feeds: articles -> Articles."""
    return slug.replace("-", " ").capitalize()


def _label(reader: Reader, kind: str, slug: str) -> Tally:
    label = reader.label(kind, slug)
    if label is None:
        what = {"name": "provider"}.get(kind, kind)
        raise NotFound(f"there is no {what} called {slug}")
    return label


def _entries(reader: Reader, rows: Sequence[Row]) -> list[Entry]:
    topics = reader.topics_of([row.row for row in rows])
    ids = Counter(row.shown_id for row in rows)
    return [
        Entry(
            # Of records that give themselves the same id, none has it.
            id=row.shown_id if ids[row.shown_id] == 1 else row.entry_id,
            version=_version(row, topics.get(row.row, ())),
            source=row.data,
            gone=frozenset(row.gone.split()),
            published=_time(row.published),
            updated=_time(row.updated),
            topics=tuple(topics.get(row.row, ())),
            kind=row.type,
        )
        for row in rows
    ]


def _version(row: Row, topics: Sequence[Label]) -> bytes:
    """A digest of all that formats are given of an entry."""
    said = "\0".join([row.gone, row.type, *(f"{t.slug}\0{t.name}" for t in topics)])
    return hashlib.blake2b(row.version + said.encode(), digest_size=12).digest()


class Listed(NamedTuple):
    """A feed as the catalogue lists it."""

    scope: Scope
    title: str
    entries: int


def scopes(reader: Reader) -> list[Listed]:
    """Every scope that has feeds: all, topics, providers, names, both together, types."""
    topics = {label.slug: label for label in reader.labels("topic")}
    providers = {label.slug: label for label in reader.labels("provider")}
    found = [Listed(Scope(), "Everything", reader.count(Scope()))]
    found += [Listed(Scope(topic=t.slug), t.name, t.entries) for t in topics.values()]
    names = names_by_provider(reader)
    for provider in providers.values():
        found.append(Listed(Scope(provider=provider.slug), provider.name, provider.entries))
        for name in names.get(provider.slug, ()):
            scope = Scope(provider=provider.slug, name=name.slug.partition("/")[2])
            found.append(Listed(scope, name.name, name.entries))
    together: dict[tuple[str, str], list[tuple[str, int]]] = {}
    for topic, key, slug, entries in reader.pairs():
        together.setdefault((topic, key), []).append((slug, entries))
    for (topic, key), several in together.items():
        title = f"{topics[topic].name} from {providers[key].name}"
        total = sum(entries for _, entries in several)
        found.append(Listed(Scope(topic=topic, provider=key), title, total))
        for name in names.get(key, ()):
            slug = name.slug.partition("/")[2]
            entries = dict(several).get(slug, 0)
            if entries:
                title = f"{topics[topic].name} from {name.name}"
                found.append(Listed(Scope(topic=topic, provider=key, name=slug), title, entries))
    for kind in reader.labels("type"):
        found.append(Listed(Scope(type=kind.slug), type_title(kind.slug), kind.entries))
    return found


def names_by_provider(reader: Reader) -> dict[str, list[Tally]]:
    """The providers who share a domain, by its key; only domains that have several."""
    found: dict[str, list[Tally]] = {}
    for name in reader.labels("name"):
        found.setdefault(name.slug.partition("/")[0], []).append(name)
    return {key: several for key, several in found.items() if len(several) > 1}
