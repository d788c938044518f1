"""Titles of feeds: by their scope, filters, month, link policy and page."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from difflib import get_close_matches
from functools import partial
from itertools import islice
from typing import Final, NamedTuple

from feeds import slugs
from feeds.catalog.addresses import FeedQuery, Gone, NotFound, RedirectTo
from feeds.config import Config
from feeds.selection import NONE, Filters, Scope
from feeds.store.reader import LabelCounts, Reader
from feeds.store.schema import SITE

NO_MONTH: Final = 1970 * 12  # of entries whose date is 0
_NEAREST: Final = 5
_MISSED: Final = 3  # characters at most, but the first, of a name that is spelled wrongly
_COMPARED: Final = 300  # names with a wrong one, for 50 us each
_ALIKE: Final = 0.7  # at least, of two names: 0.6 takes `stats` for `slate`

POLICIES: Final = {
    "canonical": "canonical links",
    "original": "original links",
    "amp": "AMP",
    "amp-cache": "AMP cache",
}


class Heading(NamedTuple):
    """The title of a scope's feeds, how many entries the scope has, when a name in it changed.

    `description` is that of a collection.
    """

    title: str
    entries: int
    changed: int
    description: str = ""


def named(reader: Reader, config: Config) -> Config:
    """The settings, under the names that the site's own configuration has where they don't say."""
    of_site = {label.slug: label.name for label in reader.labels(SITE) if label.name}
    names = {slug: name for slug, name in of_site.items() if slug in config.left_to_site}
    if of_site and "description" in config.left_to_site - names.keys():
        names["description"] = f"What is new on {names.get('title', config.title)}"
    return replace(config, **names) if names else config  # type: ignore[arg-type]


def heading(reader: Reader, query: FeedQuery, config: Config) -> Heading:
    """The heading of a query's scope and filters.

    Raises NotFound for a topic, provider or type that no public record ever had (of a page, also
    among several in a filter), and for a collection that there isn't; Gone for what is retired,
    or known from withdrawn records alone; RedirectTo for what has another name, and for a page
    of a provider that goes by its name instead of its domain.
    """
    try:
        return _heading(reader, query, config)
    except NotFound as missing:
        if query.file or missing.kind != "provider":
            raise
        named = [
            label.slug
            for label in reader.labels("provider")
            if slugs.slug(label.name) == missing.slug
        ]
        if len(named) != 1:
            raise
        raise RedirectTo(_with_provider(query, missing.slug, named[0])) from missing


def _with_provider(query: FeedQuery, slug: str, key: str) -> FeedQuery:
    """The query with the key of a provider in place of a slug."""
    scope, filters = query.scope, query.filters
    if scope.provider == slug:
        scope = scope._replace(provider=key)
    provider, excluded = (
        tuple(sorted({key if one == slug else one for one in keys}))
        for keys in (filters.provider, filters.exclude_provider)
    )
    filters = filters._replace(provider=provider, exclude_provider=excluded)
    return query._replace(scope=scope, filters=filters)


def _heading(reader: Reader, query: FeedQuery, config: Config) -> Heading:
    scope = query.scope
    renamed = _by_new_names(reader, scope, config)
    if renamed != scope:
        raise RedirectTo(query._replace(scope=renamed), 308)
    parts, shown = [], []
    if scope.topic:
        shown.append(_label(reader, "topic", scope.topic))
        parts.append(shown[-1].name)
    if scope.provider:
        shown.append(_label(reader, "provider", scope.provider))
        if scope.name:
            whole = shown[-1]
            shown[-1] = _label(reader, "name", f"{scope.provider}/{scope.name}")
            if shown[-1].entries == whole.entries:  # it has the domain for itself
                raise RedirectTo(query._replace(scope=scope._replace(name="")))
        parts.append(shown[-1].name)
    if scope.type:
        shown.append(_label(reader, "type", scope.type))
        parts.append(of_type(scope.type))
    if scope.collection:
        shown.append(_label(reader, "collection", scope.collection))
        parts.append(shown[-1].name)
    if not query.file:
        _check_names(reader, query.filters)
    total = shown[0].entries if len(shown) == 1 else reader.count(scope)
    if len(shown) > 1 and not total and not reader.had_entries(scope):
        raise NotFound(f"no entry has both {' and '.join(parts)}")
    title = of_scope(" from ".join(parts), query.filters, config, partial(name_of, reader))
    changed = max((label.changed for label in shown), default=0)
    own = reader.collections()[scope.collection].description if scope.collection else ""
    return Heading(title, total, changed, own)


def former_scopes(reader: Reader, config: Config) -> list[Scope]:
    """The scopes of topics, providers and types whose feeds are empty, and had entries once."""
    former = []
    for scope in reader.former_scopes():
        try:
            found = heading(reader, FeedQuery(scope), config)
        except (NotFound, RedirectTo):
            continue
        if not found.entries and scope not in (Scope(), Scope(collection=scope.collection)):
            former.append(scope)
    return former


def _by_new_names(reader: Reader, scope: Scope, config: Config) -> Scope:
    """The scope under the names that feeds.toml gives to those that no public record has.

    Raises Gone for one that is retired.
    """
    for kind, former in (("topic", config.topics), ("provider", config.providers)):
        slug = getattr(scope, kind)
        if slug not in former.aliases and slug not in former.retired:
            continue
        label = reader.label(kind, slug)
        if label and label.entries:
            continue
        if slug in former.retired:
            raise Gone(f"the {kind} {slug} was retired")
        scope = scope._replace(**{kind: former.aliases[slug]})
    return scope


def of_scope(called: str, filters: Filters, config: Config, name: Callable[[str, str], str]) -> str:
    """The heading of a scope that is called so (nothing, of everything), narrowed by filters.

    `name` gives that of a kind and slug.
    """
    phrases = [called] if called else []
    phrases += filtered(filters, name)
    title = ", ".join(phrases)
    if title and not called:
        title = title[0].upper() + title[1:]
    return f"{title} – {config.title}" if title else config.title


def filtered(filters: Filters, name: Callable[[str, str], str]) -> list[str]:
    """What filters do, in a few words each; `name` gives that of a kind and slug."""
    if filters == NONE:
        return []
    phrases = []
    if filters.topic:
        phrases.append("about " + _or([name("topic", slug) for slug in filters.topic]))
    if filters.provider:
        phrases.append("from " + _or([name("provider", key) for key in filters.provider]))
    if filters.type:
        phrases.append("only " + " and ".join(of_type(slug).lower() for slug in filters.type))
    if filters.exclude_topic:
        phrases.append("not about " + _or([name("topic", slug) for slug in filters.exclude_topic]))
    if filters.exclude_provider:
        phrases.append("not from " + _or([name("provider", k) for k in filters.exclude_provider]))
    if filters.exclude_type:
        phrases.append("no " + " or ".join(of_type(slug).lower() for slug in filters.exclude_type))
    if filters.min_quality:
        phrases.append(f"quality {filters.min_quality} and up")
    if filters.min_heat:
        phrases.append(f"heat {filters.min_heat} and up")
    if filters.moves:
        days = int(filters.since[:-1])
        phrases.append("of the last day" if days == 1 else f"of the last {days} days")
    elif filters.since:
        phrases.append(f"since {of_day(date.fromisoformat(filters.since))}")
    if filters.until:
        phrases.append(f"until {of_day(date.fromisoformat(filters.until))}")
    if filters.q:
        phrases.append(f"matching “{_plain(filters.q)}”")
    if filters.per_provider:
        phrases.append(f"at most {filters.per_provider} from each provider")
    if filters.sort != "newest":
        phrases.append({"heat": "hottest first", "relevance": "best match first"}[filters.sort])
    return phrases


def _plain(words: str) -> str:
    """The words of a search without quotation marks, which stand around all of them."""
    return re.sub(r"\s+", " ", words.replace('"', " ")).strip()


def of_feed(heading: str, query: FeedQuery, config: Config) -> str:
    """The title of a feed under a heading."""
    title = heading
    if query.month is not None:
        title += f", {of_month(query.month)}"
    if query.digest:
        title += f", {query.digest} digest"
    if query.period is not None:
        title += f", archive of {query.period.name}"
        title += f", part {query.period.part} of {query.period.of}" if query.period.of > 1 else ""
    if query.policy != config.links:
        title += f" ({POLICIES[query.policy]})"
    if query.page > 1:
        title += f", page {query.page}"
    return title


def description(heading: str, query: FeedQuery, config: Config, own: str = "") -> str:
    """What a feed under a heading is about; `own` is what its collection says of itself."""
    if own and query.filters == NONE:
        return own
    is_all = query.scope == Scope() and query.filters == NONE and not query.story
    return config.description if is_all else f"{heading}: {config.description}"


def of_type(slug: str) -> str:
    """The heading of a type's feeds: articles -> Articles."""
    return slug.replace("-", " ").capitalize()


def of_month(month: int) -> str:
    """A month (year * 12 + month - 1) for people: September 2023.

    The first that there is has what nobody knows the date of.
    """
    if month == NO_MONTH:
        return "an unknown month"
    return datetime(month // 12, month % 12 + 1, 1, tzinfo=UTC).strftime("%B %Y")


def of_day(day: date) -> str:
    """A day for people: 2 September 2023."""
    return f"{day.day} {day.strftime('%B %Y')}"


def _or(names: Sequence[str]) -> str:
    return " or ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _label(reader: Reader, kind: str, slug: str) -> LabelCounts:
    label = reader.label(kind, slug)
    if label is None:
        what = {"name": "provider"}.get(kind, kind)
        raise NotFound(f"there is no {what} called {slug}", kind, slug)
    if not label.name:
        raise Gone("nothing is left of it")
    return label


def _check_names(reader: Reader, filters: Filters) -> None:
    """Raises NotFound for a topic or provider in filters that no public record ever had."""
    for kind in ("topic", "provider"):
        for slug in (*getattr(filters, kind), *getattr(filters, f"exclude_{kind}")):
            if reader.label(kind, slug) is None:
                raise NotFound(f"there is no {kind} called {slug}", kind, slug)


def nearest(reader: Reader, kind: str, slug: str) -> list[LabelCounts]:
    """The labels of a kind whose slugs, names or words of these are most like a slug: five."""
    known: dict[str, list[LabelCounts]] = {}
    for label in sorted(reader.labels(kind), key=lambda label: -label.entries):
        names = f"{label.slug} {slugs.slug(label.name)}"
        for name in {*names.split(), *re.split(r"\W", names)}:
            known.setdefault(name, []).append(label)
    near = [name for name in sorted(known, key=len) if slug in name]
    likely = (n for n in known if n[:1] == slug[:1] and abs(len(n) - len(slug)) <= _MISSED)
    near += get_close_matches(slug, islice(likely, _COMPARED), _NEAREST, _ALIKE)
    return list(dict.fromkeys(label for name in near for label in known[name]))[:_NEAREST]


def name_of(reader: Reader, kind: str, slug: str) -> str:
    """The name of a label of a kind; its slug, where none is known."""
    label = reader.label(kind, slug)
    return (label and label.name) or slug
