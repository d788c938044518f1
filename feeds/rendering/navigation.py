"""Navigation around the entries of a page: other feeds, and numbers of entries by month."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from feeds.catalog import builder, titles
from feeds.selection import Scope
from feeds.store.reader import LabelCounts, Reader

MONTHS_SHOWN: Final = 24  # in a sketch of activity
_STEP: Final = 8  # width of a month in it
_HEIGHT: Final = 40


class FeedLink(NamedTuple):
    """A feed as the pages of others list it; `latest` is of its newest entry, in seconds."""

    scope: Scope
    name: str
    entries: int
    icon: str = ""
    latest: int = 0
    parts: tuple[FeedLink, ...] = ()  # of several who share a domain


class FeedGroup(NamedTuple):
    """Feeds that belong together, the most active first."""

    id: str
    title: str
    places: list[FeedLink]

    @property
    def by_name(self) -> list[FeedLink]:
        return sorted(self.places, key=lambda place: (place.name.casefold(), place.scope))


class ActivityChart(NamedTuple):
    """Entries by month as an SVG path, and in words."""

    path: str
    width: int
    height: int
    label: str


def index(reader: Reader) -> list[FeedGroup]:
    """Every topic, provider, type and collection; of these, where there are any."""
    names = builder.names_by_provider(reader)
    topics = [_place(Scope(topic=label.slug), label) for label in reader.labels("topic")]
    providers = [
        _place(Scope(provider=label.slug), label)._replace(
            parts=tuple(_part(label.slug, "", name) for name in names.get(label.slug, ()))
        )
        for label in reader.labels("provider")
    ]
    return [
        FeedGroup("topics", "Topics", _ranked(topics)),
        FeedGroup("providers", "Providers", _ranked(providers)),
        FeedGroup("types", "Types", _types(reader)),
        *_collections(reader, "Collections"),
    ]


def around(reader: Reader, scope: Scope) -> list[FeedGroup]:
    """The feeds near that of a scope; empty shelves are left out."""
    shelves = [_by_provider(reader, scope), *_by_topic(reader, scope)]
    if scope.type:
        others = [place for place in _types(reader) if place.scope != scope]
        shelves.append(FeedGroup("types", "Other types", others))
    if scope.collection:
        shelves += _collections(reader, "Other collections", scope)
    return [shelf for shelf in shelves if shelf.places]


def _collections(reader: Reader, title: str, but: Scope | None = None) -> list[FeedGroup]:
    """The group of all collections `but` one, where there are any."""
    all_of_them = ((Scope(collection=one.slug), one) for one in reader.labels("collection"))
    places = [_place(scope, label) for scope, label in all_of_them if scope != but]
    return [FeedGroup("collections", title, _ranked(places))] if places else []


def _by_provider(reader: Reader, scope: Scope) -> FeedGroup:
    """A topic from other providers."""
    places: list[FeedLink] = []
    title = ""
    if scope.topic:
        topic = reader.label("topic", scope.topic)
        title = f"{topic.name if topic else scope.topic} by provider"
        providers = {label.slug: label for label in reader.labels("provider")}
        for key, number in reader.providers_within(scope.topic):
            if key in providers and (key != scope.provider or scope.name):
                there = Scope(topic=scope.topic, provider=key)
                places.append(_place(there, providers[key])._replace(entries=number))
    return FeedGroup("by-provider", title, places)


def _by_topic(reader: Reader, scope: Scope) -> list[FeedGroup]:
    """The providers who share a domain, and the topics of one."""
    if not scope.provider:
        return []
    several = builder.names_by_provider(reader).get(scope.provider, [])
    parts = [_part(scope.provider, "", name) for name in several]
    whole = reader.label("provider", scope.provider)
    name = whole.name if whole else scope.provider
    if scope.name:
        shown = reader.label("name", f"{scope.provider}/{scope.name}")
        name = shown.name if shown else scope.name
        if whole:
            parts.insert(0, _place(Scope(provider=scope.provider), whole))
        parts = [part for part in parts if part.scope.name != scope.name]
    topics = {label.slug: label for label in reader.labels("topic")}
    here = scope._replace(topic="")
    about = [
        _place(scope._replace(topic=slug), topics[slug])._replace(entries=number)
        for slug, number in reader.topics_within(here)
        if slug in topics and slug != scope.topic
    ]
    return [
        FeedGroup("names", f"All on {scope.provider}", parts),
        FeedGroup("by-topic", f"{name} by topic", about),
    ]


def _types(reader: Reader) -> list[FeedLink]:
    return _ranked(
        _place(Scope(type=label.slug), label)._replace(name=titles.of_type(label.slug))
        for label in reader.labels("type")
    )


def _place(scope: Scope, label: LabelCounts) -> FeedLink:
    return FeedLink(scope, label.name, label.entries, label.icon, label.latest)


def _part(provider: str, topic: str, name: LabelCounts) -> FeedLink:
    slug = name.slug.partition("/")[2]
    return _place(Scope(topic=topic, provider=provider, name=slug), name)


def _ranked(places: Iterable[FeedLink]) -> list[FeedLink]:
    """The most active first: by the number of entries, then the newest, then the name."""
    return sorted(places, key=lambda place: (-place.entries, -place.latest, place.name))


def years(months: Sequence[tuple[int, int]]) -> list[tuple[int, list[tuple[int, int]]]]:
    """Months with entries by year, the newest year first, the months of each in order.

    What nobody knows the date of is last, under the year 0.
    """
    years: dict[int, list[tuple[int, int]]] = {}
    for month, entries in months:
        year = month // 12 if month != titles.NO_MONTH else 0
        years.setdefault(year, []).insert(0, (month, entries))
    return list(years.items())


def sketch(months: Sequence[tuple[int, int]]) -> ActivityChart | None:
    """The activity of the months up to the newest; None when there is but one."""
    months = [one for one in months if one[0] != titles.NO_MONTH]
    if len(months) < 2:  # noqa: PLR2004 - one is no course of things
        return None
    numbers = dict(months)
    last = months[0][0]
    first = max(last - MONTHS_SHOWN + 1, months[-1][0])
    shown = [numbers.get(month, 0) for month in range(first, last + 1)]
    most = max(shown)
    path = "".join(
        f"M{at * _STEP + _STEP // 2} {_HEIGHT}v-{max(round(number / most * _HEIGHT), 2)}"
        for at, number in enumerate(shown)
        if number
    )
    label = f"Entries by month, {titles.of_month(first)} to {titles.of_month(last)}"
    return ActivityChart(path, len(shown) * _STEP, _HEIGHT, f"{label}; {most} at most")
