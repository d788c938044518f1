"""Pages for people: HTML by Jinja, from the same feeds that readers get.

Links are paths on this site, so that pages work behind any proxy.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qs, urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from feeds import sanitize, urls
from feeds.catalog import builder, stories, titles
from feeds.catalog.addresses import Addresses, EmbedStyle, FeedQuery, NotFound, Query
from feeds.catalog.parameters import Parameters, parse, provider_key, topic_key
from feeds.config import Config
from feeds.model import Entry, Feed, Record
from feeds.rendering import embed, navigation
from feeds.rendering.assets import ASSETS
from feeds.rendering.formats import FORMATS
from feeds.selection import NONE, Filters, Scope
from feeds.store.reader import LabelCounts, Reader

TEMPLATES: Final = Path(__file__).parent / "templates"
_EXCERPT: Final = 260  # characters of an excerpt in a list
_BODY: Final = 20_000  # characters of a body in which its beginning is looked for
_MINUTE: Final = 60
_IN_FULL: Final = 12  # entries of the first page with picture and excerpt; the rest are headlines
_PROPOSED: Final = 60  # names of topics and providers in a form
# What each link policy means for who subscribes, in a sentence.
POLICIES: Final = {
    "canonical": "Entries open the article’s own page, without tracking parameters.",
    "original": "Entries open the address that was recorded first, as it is.",
    "amp": "Entries open the AMP page, which is light on slow connections, where there is one.",
    "amp-cache": "Entries open the AMP page from a cache near you, where there is one.",
}


class Chip(NamedTuple):
    """One part of a scope or filter: what it does, and the address without it."""

    label: str
    address: str


class Pages:
    """Renders the pages of one configuration. Pure: equal feeds give equal bytes."""

    def __init__(self, addresses: Addresses, config: Config) -> None:
        self.addresses = addresses
        self.config = config
        self._prefix = urlsplit(addresses.root).path
        self._environment = Environment(
            loader=FileSystemLoader(TEMPLATES),
            autoescape=True,
            trim_blocks=True,
            lstrip_blocks=True,
            undefined=StrictUndefined,
        )
        self._environment.filters |= {
            "link": _link,
            "day": titles.of_day,
            "beginning": _beginning,
            "short": _short,
            "minutes": _minutes,
            "month": _month,
        }
        self._environment.globals |= {
            "address": self.address,
            "asset": self._asset,
            "documents": addresses.site,
            "everything": FeedQuery(policy=config.links, limit=config.limit),
            "embed": embed,
            "formats": FORMATS.values(),
            "framed": lambda query: embed.framed(query, addresses),
            "home": self._prefix + "/",
            "policies": {policy: POLICIES[policy] for policy in addresses.policies},
            "site": config,
            "folder": self.folder,
            "provider": lambda key: Scope(provider=key),
            "topic": lambda slug: Scope(topic=slug),
            "story": self.story,
            "titles": titles,
            "url": self.url,
        }

    def frame(self, query: FeedQuery, feed: Feed) -> bytes:
        """A page that other sites frame: see `feeds.rendering.embed`."""
        style = query.style or EmbedStyle()
        return self.render(
            "embed.html",
            feed=feed,
            theme=style.theme,
            style=embed.declarations(style.accent),
            page=embed.unframed(query, self.addresses),
            has_pictures=embed.has_pictures(style, self.config),
        )

    def feed(self, query: FeedQuery, feed: Feed, reader: Reader) -> bytes:
        """The page of a feed's folder."""
        subscription = query._replace(month=None, page=1, limit=self.addresses.limit)
        heading, separator, more = feed.title.rpartition(f" – {self.config.title}")
        if not separator:
            more = more.removeprefix(self.config.title)
        heading = heading or self.config.title
        if query.month is not None:
            month = f", {titles.of_month(query.month)}"
            heading, more = heading + month, more.replace(month, "", 1)
        shown: dict[str, Any] = {
            "feed": feed,
            "query": query,
            "subscription": subscription,
            "heading": heading,
            "more": more.replace(f" ({titles.POLICIES[query.policy]})", "").removeprefix(", "),
        }
        if query.story:
            return self.render("story.html", **shown)
        collection = reader.collections().get(query.scope.collection)
        months = [] if query.filters != NONE else reader.months(query.scope)
        is_home = query == FeedQuery(policy=query.policy, limit=query.limit)
        return self.render(
            "page.html",
            **shown,
            is_home=is_home,
            is_first=query.page == 1 and query.month is None,
            shown_in_full=_IN_FULL if is_home else query.limit,
            shelves=navigation.index(reader) if is_home else navigation.around(reader, query.scope),
            sketch=navigation.sketch(months),
            years=navigation.years(months),
            month_address=self._month_address,
            chips=list(self._chips(query, reader)),
            is_narrowed=query.filters != NONE,
            types=reader.labels("type"),
            name_of=partial(titles.name_of, reader),
            most_active=lambda kind: _most_active(reader, kind),
            kicker=_kinds(query),
            shared=_shared(reader, query.scope),
            is_list=bool(collection and collection.path),
            about=collection.description if collection else "",
            icon=_icon(reader, query.scope),
        )

    def listing(self, kind: str, reader: Reader) -> bytes:
        """The page of all topics, providers, types or collections."""
        groups = {group.id: group for group in navigation.index(reader)}
        shelf = groups.get(kind) or navigation.FeedGroup(kind, kind.capitalize(), [])
        return self.render("listing.html", shelf=shelf)

    def problem(
        self, title: str, message: str, near: Mapping[str, str] | None = None, **form: Any
    ) -> bytes:
        """The page that says what is wrong with a request; `near` are addresses by their names."""
        return self.render("error.html", title=title, message=message, near=near, form=form)

    def missing(
        self, title: str, error: NotFound, path: str, asked: Parameters, reader: Reader
    ) -> bytes:
        """The page that says which name there isn't, and which are like it.

        What was typed into the form of a page is in the form again. Where it isn't known what
        there isn't, the end of the path is compared with names of all kinds.
        """
        kind, message = error.kind, f"{str(error)[:1].upper()}{str(error)[1:]}."
        if not kind:
            return self.problem(title, message, self._nearest(path, reader))
        near = [] if kind == "name" else titles.nearest(reader, kind, error.slug)
        key = {"topic": topic_key, "provider": provider_key}.get(kind, str)
        for field in (kind, f"exclude_{kind}"):
            typed = [value for value in asked.get(field, ()) if key(value.strip()) == error.slug]
            if not typed:
                continue
            rest = [value for value in asked[field] if value not in typed]
            query = self.addresses.feed(path, {})
            query = query._replace(filters=parse({**asked, field: rest}))
            others = getattr(query.filters, field)
            links = {}
            for label in near:
                names = {field: tuple(sorted({*others, label.slug}))}
                filters = query.filters._replace(**names)  # type: ignore[arg-type]
                links[label.name] = self._canonical(query._replace(filters=filters))
            return self.problem(
                title,
                message,
                links,
                query=query,
                typed={field: typed[0]},
                types=reader.labels("type"),
                name_of=partial(titles.name_of, reader),
                most_active=partial(_most_active, reader),
                is_list=False,
            )
        return self.problem(title, message, self._links(kind, near))

    def _nearest(self, path: str, reader: Reader) -> dict[str, str]:
        """The addresses by name of those feeds whose names are most like the end of a path.

        Where none is like its last segment, those like the one before: /topics/ai/feed.xml.
        """
        links: dict[str, str] = {}
        for segment in [segment for segment in path.lower().split("/") if segment][:-3:-1]:
            for kind in ("topic", "provider", "type", "collection"):
                links |= self._links(kind, titles.nearest(reader, kind, segment)[:1])
            if links:
                break
        return links

    def _links(self, kind: str, labels: Iterable[LabelCounts]) -> dict[str, str]:
        """The addresses of the pages of labels of a kind, by their names."""
        return {
            titles.of_type(label.slug) if kind == "type" else label.name: self.folder(
                Scope(**{kind: label.slug}), self.config.links
            )
            for label in labels
        }

    def render(self, template: str, **values: Any) -> bytes:
        """A template with values."""
        return self._environment.get_template(template).render(**values).encode()

    def address(self, query: Query, file: str | None = None) -> str:
        """An address on this site: of a query, or of it with another file."""
        return self._prefix + self.addresses.path(_with_file(query, file))

    def url(self, query: Query, file: str | None = None) -> str:
        """The same as an absolute URL."""
        return self.addresses.url(_with_file(query, file))

    def folder(self, scope: Scope, policy: str) -> str:
        """The address of the page of a scope."""
        return self.address(FeedQuery(scope, policy, limit=self.addresses.limit))

    def story(self, entry: Entry, policy: str) -> str:
        """The address of the page of an entry's story, empty when there is no more to it."""
        if not stories.has_coverage(entry):
            return ""
        story = stories.story_id(entry.record.key)
        return self.address(FeedQuery(policy=policy, limit=self.addresses.limit, story=story))

    def _asset(self, name: str) -> str:
        path = f"static/{name}"
        return f"{self._prefix}/{path}?v={ASSETS[path].version}"

    def _month_address(self, query: FeedQuery, month: int) -> str:
        limit = self.addresses.default_limit(month)
        return self.address(query._replace(month=month, page=1, limit=limit, file=""))

    def _chips(self, query: FeedQuery, reader: Reader) -> Iterator[Chip]:
        named = partial(titles.name_of, reader)
        for label, wider in _scope_parts(query.scope, named):
            yield Chip(label, self._canonical(query._replace(scope=wider, page=1)))
        if query.month is not None:
            whole = query._replace(month=None, page=1, limit=self.addresses.limit)
            yield Chip(f"In {titles.of_month(query.month)}", self.address(whole))
        for name, value in query.filters.parameters():
            phrases = titles.filtered(_one(query.filters, name, value), named)
            rest = _without(query.filters, name, value)
            label = phrases[0][:1].upper() + phrases[0][1:]
            yield Chip(label, self._canonical(query._replace(filters=rest, page=1)))

    def _canonical(self, query: FeedQuery) -> str:
        """The address of a query whose filters may say what its scope could."""
        path, _, parameters = self.addresses.path(query).partition("?")
        return self.address(self.addresses.feed(path, parse_qs(parameters)))


def _with_file(query: Query, file: str | None) -> Query:
    if file is None or not isinstance(query, FeedQuery):
        return query
    return query._replace(file=file)


def _scope_parts(scope: Scope, named: Callable[[str, str], str]) -> Iterator[tuple[str, Scope]]:
    """What each part of a scope does, and the scope without it; `named` gives names."""
    if scope.topic:
        yield f"About {named('topic', scope.topic)}", scope._replace(topic="")
    if scope.provider:
        key = ("name", f"{scope.provider}/{scope.name}")
        name = named(*key if scope.name else ("provider", scope.provider))
        yield f"From {name}", scope._replace(provider="", name="")
    if scope.type:
        yield f"Only {titles.of_type(scope.type).lower()}", scope._replace(type="")
    if scope.collection:
        yield f"In {named('collection', scope.collection)}", scope._replace(collection="")


def _one(filters: Filters, name: str, value: str) -> Filters:
    """One value of filters alone."""
    alone = filters.only(name)
    chosen: dict[str, Any] = {name: (value,)} if isinstance(getattr(NONE, name), tuple) else {}
    return alone._replace(**chosen)


def _without(filters: Filters, name: str, value: str) -> Filters:
    """Filters without one value; a search that is gone isn't ranked."""
    there = getattr(filters, name)
    if isinstance(there, tuple) and len(there) > 1:
        fewer: dict[str, Any] = {name: tuple(one for one in there if one != value)}
        return filters._replace(**fewer)
    rest = filters.without(name)
    return rest.without("sort") if rest.sort == "relevance" and not rest.q else rest


def _most_active(reader: Reader, kind: str) -> list[str]:
    """The names that a form proposes."""
    labels = sorted(reader.labels(kind), key=lambda label: -label.entries)
    return [label.name for label in labels[:_PROPOSED]]


def _icon(reader: Reader, scope: Scope) -> str:
    """The picture of a provider, when that is what a scope is."""
    label = reader.label("provider", scope.provider) if scope.provider else None
    return label.icon if label and not scope.topic else ""


def _kinds(query: FeedQuery) -> list[str]:
    """What a page is of, for the line above its heading."""
    if query.filters.q:
        return ["search"]
    named = ("topic", "provider", "type", "collection")
    return [kind for kind in named if getattr(query.scope, kind)]


def _shared(reader: Reader, scope: Scope) -> list[str]:
    """The names of the providers who share the domain that a scope is of."""
    if scope != Scope(provider=scope.provider):
        return []
    return [name.name for name in builder.names_by_provider(reader).get(scope.provider, ())]


def _link(record: Record, policy: str) -> str:
    return urls.select(record, policy)


def _beginning(record: Record) -> str:
    """The excerpt of a record, else the text of its body, as far as a list shows it."""
    body = record.body if len(record.body) < _BODY else record.body[:_BODY].rpartition("<")[0]
    return record.excerpt or sanitize.text_of(body)


def _short(words: str) -> str:
    """The beginning of an excerpt."""
    return textwrap.shorten(words, _EXCERPT, placeholder=" …") if len(words) > _EXCERPT else words


def _month(seconds: int, form: str = "%Y-%m") -> str:
    """The month of a moment."""
    return datetime.fromtimestamp(seconds, UTC).strftime(form)


def _minutes(seconds: int) -> str:
    """A duration for people."""
    hours, minutes = divmod(max(round(seconds / _MINUTE), 1), _MINUTE)
    parts = [f"{hours} h"] * (hours > 0) + [f"{minutes} min"] * (minutes > 0)
    return " ".join(parts)
