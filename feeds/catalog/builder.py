"""FeedQuery -> Feed: the entries of a scope with all that formats need to know."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any, Final, NamedTuple, NoReturn

import msgspec

from feeds.catalog import archives, digests, stories, titles
from feeds.catalog.addresses import Addresses, FeedQuery, NotFound, RedirectTo
from feeds.catalog.entries import of_rows, time_of
from feeds.catalog.window import (
    first_page,
    has_deltas,
    has_window,
    since_of,
    withdrawn_lately,
)
from feeds.config import Config
from feeds.model import CONTENTS, UNKNOWN_TIME, Entry, Feed, Link
from feeds.selection import (
    EVERYTHING,
    NONE,
    Period,
    Scope,
    Window,
    midnight,
    month_of,
    month_window,
)
from feeds.store.reader import LabelCounts, Reader, Row

HTML: Final = "text/html"


def feed(
    reader: Reader, query: FeedQuery, addresses: Addresses, config: Config, today: date
) -> Feed:
    """The feed that `query` asks for, as the store has it now; `today` in UTC.

    Raises NotFound for a topic, provider or type that no public record has, and
    for a collection that there isn't, with a message that names it, for a month
    without entries, and for a page past the last; RedirectTo for a feed that is
    at another address by now.
    """
    if query.story:
        return _story(reader, query, addresses, config)
    if query.digest and query.file:
        return _digest(reader, query, addresses, config)
    if query.period is not None:
        return _archive(reader, query, query.period, addresses, config)
    heading = titles.heading(reader, query, config)
    total = heading.entries
    narrowed = query.filters
    since = narrowed.window(today)
    window = since if query.month is None else _within(since, query.month)
    if query.month is not None or narrowed != NONE:
        total = reader.count(query.scope, window, narrowed)
    if query.month is not None:
        if reader.is_list(query.scope):
            raise NotFound("a collection in its own order has no months; it is shown whole")
        if not total:
            raise NotFound(f"there are no entries of {titles.of_month(query.month)}")
    page = _page(reader, query, addresses, config, total, window)
    gone = withdrawn_lately(reader, query, config)
    last = int(gone[0].when.timestamp()) if gone else 0
    modified = max(_modified(reader, query, config, total, window, page), last)
    mark = max(modified, heading.changed)
    if narrowed != NONE:  # it is of all changes, also of what the filters leave out
        mark = max([last, *(row.changed for row in page.rows)])
    if narrowed.moves:
        modified = max(modified, midnight(today))
    heading = heading._replace(entries=total, changed=max(modified, heading.changed))
    links = _links(reader, query, addresses, config, page, since)
    shown = of_rows(reader, page.rows, addresses.root)
    result = _feed(query, addresses, config, heading, shown, links)
    mark = mark if has_deltas(query) else 0
    return msgspec.structs.replace(result, mark=mark, withdrawn=gone)


class _Page(NamedTuple):
    """The rows of a page, and how many `pages` there are.

    `run` of the rows, the first ones, are all that there is between the first and the last of
    them; others came lately. None of them where archives don't go on after them.
    """

    rows: list[Row]
    pages: int
    run: int
    is_whole: bool = False


def _page(
    reader: Reader,
    query: FeedQuery,
    addresses: Addresses,
    config: Config,
    total: int,
    window: Window,
) -> _Page:
    """The page that is asked for, of `total` entries. Raises NotFound."""
    scope, limit = query.scope, query.limit
    is_list = reader.is_list(scope)
    if (query.month is not None and config.parameters == "off") or (
        is_list and limit == addresses.limit and query.style is None
    ):
        rows = reader.page(scope, max(total, 1), 0, window, query.filters)
        whole = _Page(rows, 1, 0 if is_list else len(rows), is_whole=True)
        return whole if query.page == 1 else _past_the_last(query, total)
    first = None
    if has_window(query, config) and not is_list:
        first = first_page(reader, scope, config, window, query.filters)
    run = first.run if first else limit  # entries, with which the first page ends
    pages = max(-(-(total - run) // limit), 0) + 1
    if query.page > pages:
        _past_the_last(query, total)
    if first and query.page == 1:
        return _Page(first.rows, pages, run)
    offset = run + (query.page - 2) * limit if query.page > 1 else 0
    rows = reader.page(scope, limit, offset, window, query.filters)
    return _Page(rows, pages, 0 if is_list else len(rows))


def _past_the_last(query: FeedQuery, total: int) -> NoReturn:
    raise NotFound(f"page {query.page} is past the last; there are {total:,} entries")


def _modified(
    reader: Reader, query: FeedQuery, config: Config, total: int, window: Window, page: _Page
) -> int:
    """When the page last changed, in seconds."""
    scope = query.scope
    if query.filters != NONE:
        # What was narrowed away may have been in it: any change counts.
        modified = reader.modified(Scope(), EVERYTHING)
        if scope.collection:  # to which what it has may come without a change of its own
            modified = max(modified, reader.modified(scope, EVERYTHING))
        return modified
    is_windowed = has_window(query, config)
    if page.is_whole or not page.run or len(page.rows) == total or (is_windowed and query.page > 1):
        return reader.modified(scope, window)
    modified = reader.modified(scope, window._replace(first=page.rows[page.run - 1].position))
    if is_windowed:
        lately = Window(since=since_of(reader, scope, config.window))
        modified = max(modified, reader.modified(scope, lately))
    return modified


def _story(reader: Reader, query: FeedQuery, addresses: Addresses, config: Config) -> Feed:
    """The feed of a story: the lead, then its coverage."""
    story = stories.find(reader, query.story)
    if story is None:
        raise NotFound("no public record leads or shares that story")
    if story.id != query.story:
        raise RedirectTo(query._replace(story=story.id))
    coverage = stories.entries(of_rows(reader, story.rows, addresses.root))
    offset = (query.page - 1) * query.limit
    if offset >= len(coverage):
        raise NotFound(f"page {query.page} is past the last; there are {len(coverage):,} entries")
    shown = coverage if config.parameters == "off" else coverage[offset : offset + query.limit]
    title = f"{coverage[0].record.title} – {config.title}"
    pages = _Page([], -(-len(coverage) // query.limit), 0)
    links = _links(reader, query, addresses, config, pages, EVERYTHING)
    # Who joins or leaves it changes elsewhere.
    modified = reader.modified(Scope(), EVERYTHING)
    heading = titles.Heading(title, len(coverage), modified)
    return _feed(query, addresses, config, heading, shown, links)


def _digest(reader: Reader, query: FeedQuery, addresses: Addresses, config: Config) -> Feed:
    """The feed of a scope's days or weeks."""
    heading = titles.heading(reader, query, config)
    shown = digests.entries(reader, query, addresses, config, heading.title)
    modified = max(reader.modified(query.scope, EVERYTHING), reader.state().closed if shown else 0)
    links = [Link("self", addresses.url(query), addresses.media_types[query.file])]
    heading = heading._replace(entries=len(shown), changed=modified)
    return _feed(query, addresses, config, heading, shown, links)


def _archive(
    reader: Reader, query: FeedQuery, period: Period, addresses: Addresses, config: Config
) -> Feed:
    """The archive of a period. Raises NotFound where there is none, and RedirectTo its parts."""
    heading = titles.heading(reader, query, config)
    rows, modified, is_closed = archives.contents(reader, query, period)
    leads = {"self": period, "prev-archive": archives.older(reader, query.scope, period)}
    links = [
        Link(rel, addresses.url(query._replace(period=to)), addresses.media_types[query.file])
        for rel, to in [*leads.items(), ("current", None)]
        if to is not None or rel == "current"
    ]
    heading = heading._replace(entries=len(rows), changed=modified)
    result = _feed(query, addresses, config, heading, of_rows(reader, rows, addresses.root), links)
    return msgspec.structs.replace(result, archive=period.name) if is_closed else result


def _feed(
    query: FeedQuery,
    addresses: Addresses,
    config: Config,
    heading: titles.Heading,
    entries: Sequence[Entry],
    links: Sequence[Link],
) -> Feed:
    """The feed of these entries, whose `heading` tells of all of it, and when that changed."""
    url = addresses.url(query)
    return Feed(
        id=url,
        title=titles.of_feed(heading.title, query, config),
        name=titles.of_feed(heading.title, query._replace(month=None, period=None, page=1), config),
        description=titles.description(heading.title, query, config, heading.description),
        page=addresses.url(query._replace(file="", period=None)),
        language=config.language,
        site=config.title,
        icon=config.icon or f"{addresses.root}/static/icon.png",
        root=addresses.root,
        policy=query.policy,
        links=tuple(links),
        alternates=tuple(_alternates(query, addresses)),
        entries=trimmed(query, config, entries),
        updated=max((entry.updated for entry in entries), default=UNKNOWN_TIME),
        modified=time_of(heading.changed),
        total=heading.entries,
        ttl=config.max_age,
    )


def trimmed(query: FeedQuery, config: Config, entries: Sequence[Entry]) -> tuple[Entry, ...]:
    """The entries with as much of their records as a feed has; pages and digests have it all."""
    content = CONTENTS[0] if query.digest or not query.file else query.content or config.content
    return tuple(entry.as_content(content) for entry in entries)


def _within(days: Window, month: int) -> Window:
    """The part of a month that is in the window `days`."""
    first, end, *_ = month_window(month)
    return Window(max(days.first or 0, first or 0), min(days.end or end or 0, end or 0))


def _links(
    reader: Reader,
    query: FeedQuery,
    addresses: Addresses,
    config: Config,
    page: _Page,
    since: Window,
) -> list[Link]:
    """Self, hubs (WebSub 4), paging (RFC 5005 3), and where archives begin (RFC 5005 4).

    The last page of a month leads to the month before. Without parameters nothing has pages:
    months are whole, and a page leads to that of the oldest entry on it.
    """
    media_type = addresses.media_types.get(query.file, HTML)

    def link(rel: str, **other: Any) -> Link:
        return Link(rel, addresses.url(query._replace(**other)), media_type)

    links = [link("self")]
    if addresses.is_topic(query):
        links += [Link("hub", hub) for hub in config.hubs]
    has_pages = config.parameters == "on"
    last = page.pages if has_pages else 1
    if query.month is not None:
        older, newer = reader.neighbours(query.scope, query.month, since, query.filters)
        subscription = {"month": None, "page": 1, "limit": addresses.limit}
        if query.page < last:
            links.append(link("next", page=query.page + 1))
        elif older is not None:
            links.append(link("next", month=older, page=1))
        if query.page > 1:
            links.append(link("previous", page=query.page - 1))
        elif newer is not None:
            entries = reader.count(query.scope, _within(since, newer), query.filters)
            pages = -(-entries // query.limit) if has_pages else 1
            links.append(link("previous", month=newer, page=pages))
        return [*links, link("current", **subscription)]
    if last > 1:
        links += [link("first", page=1), link("last", page=last)]
    if query.page > 1:
        links.append(link("previous", page=query.page - 1))
    if query.page < last:
        links.append(link("next", page=query.page + 1))
    if not query.file and not has_pages and page.run:
        oldest = month_of(page.rows[page.run - 1].published)
        links.append(link("next", month=oldest, limit=addresses.default_limit(oldest)))
    elif query.file and query.page == 1 and page.run and query.filters == NONE:
        links += into_archives(reader, query, addresses, page.rows)
    return links


def into_archives(
    reader: Reader, query: FeedQuery, addresses: Addresses, shown: Sequence[Row]
) -> tuple[Link, ...]:
    """The link from a document of these rows to the newest archive of what isn't among them."""
    newest = archives.newest(reader, query.scope, shown)
    if newest is None:
        return ()
    archive = FeedQuery(query.scope, query.policy, query.file, addresses.limit, period=newest)
    archive = archive._replace(content=query.content)
    return (Link("prev-archive", addresses.url(archive), addresses.media_types[query.file]),)


def _alternates(query: FeedQuery, addresses: Addresses) -> list[Link]:
    """The same feed in the other formats, and its page, which archives don't have."""
    return [
        Link("alternate", addresses.url(query._replace(file=file)), media_type)
        for file, media_type in [*addresses.media_types.items(), ("", HTML)]
        if file != query.file and (file or query.period is None)
    ]


class Listed(NamedTuple):
    """A feed as the catalogue lists it; its newest entry was published at `latest`, in seconds."""

    scope: Scope
    title: str
    entries: int
    latest: int


def scopes(reader: Reader) -> list[Listed]:
    """Every scope that has feeds: all, topics, providers, names, both, types, collections."""
    topics = {label.slug: label for label in reader.labels("topic")}
    providers = {label.slug: label for label in reader.labels("provider")}
    newest = max((row.published for row in reader.page(Scope(), 1)), default=0)
    listed = [Listed(Scope(), "Everything", reader.count(Scope()), newest)]
    listed += [_listed(Scope(topic=label.slug), label) for label in topics.values()]
    names = names_by_provider(reader)
    for provider in providers.values():
        listed.append(_listed(Scope(provider=provider.slug), provider))
        for name in names.get(provider.slug, ()):
            scope = Scope(provider=provider.slug, name=name.slug.partition("/")[2])
            listed.append(_listed(scope, name))
    together: dict[tuple[str, str], dict[str, tuple[int, int]]] = {}
    for topic, key, slug, entries, latest in reader.pairs():
        together.setdefault((topic, key), {})[slug] = entries, latest
    for (topic, key), several in together.items():
        title = f"{topics[topic].name} from {providers[key].name}"
        total = sum(entries for entries, _ in several.values())
        newest = max(latest for _, latest in several.values())
        listed.append(Listed(Scope(topic=topic, provider=key), title, total, newest))
        for name in names.get(key, ()):
            slug = name.slug.partition("/")[2]
            if slug in several:
                title = f"{topics[topic].name} from {name.name}"
                scope = Scope(topic=topic, provider=key, name=slug)
                listed.append(Listed(scope, title, *several[slug]))
    for kind in reader.labels("type"):
        scope, title = Scope(type=kind.slug), titles.of_type(kind.slug)
        listed.append(Listed(scope, title, kind.entries, kind.latest))
    for one in reader.labels("collection"):
        listed.append(_listed(Scope(collection=one.slug), one))
    return listed


def _listed(scope: Scope, label: LabelCounts) -> Listed:
    return Listed(scope, label.name, label.entries, label.latest)


def names_by_provider(reader: Reader) -> dict[str, list[LabelCounts]]:
    """The providers who share a domain, by its key; only domains that have several."""
    names: dict[str, list[LabelCounts]] = {}
    for name in reader.labels("name"):
        names.setdefault(name.slug.partition("/")[0], []).append(name)
    return {key: several for key, several in names.items() if len(several) > 1}
