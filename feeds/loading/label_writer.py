"""What topics, providers and types are called: as most of their entries spell it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from sqlalchemy import Connection, delete, func, select, update

from feeds.loading.entry_change import StoredEntry
from feeds.slugs import slug as slug_of
from feeds.store.bulk_insert import chunks
from feeds.store.schema import SITE, entries, entry_topics, labels, spellings

Spelling = tuple[str, str, str]  # kind, slug, name


class LabelWriter:
    """Counts how entries spell names, and writes the labels that follow.

    `moment` is the time of the load; the `first` one finds nothing in the store.
    With `anew`, labels are written that nothing changed of: another version of
    the program wrote them.
    """

    anew = False

    def __init__(self, connection: Connection, moment: int, first: bool) -> None:
        self.connection = connection
        self.moment = moment
        self.first = first
        self.spelled: Counter[Spelling] = Counter()  # more or less
        self.former: dict[Spelling, str] = {}  # that a record had, by its key
        self.withdrawn: set[str] = set()  # keys of records that lend no name any more
        self.renamed = False  # whether titles of feeds changed
        self.emptied: set[str] = set()  # topics that no entry has any more
        self._past: dict[tuple[str, str], tuple[str, str]] = {}  # name and record

    def count(self, old: StoredEntry | None, new: StoredEntry | None) -> None:
        """Count how an entry that takes the place of another spells its names; None for none."""
        was, now = (set(_spellings(entry)) if entry else set() for entry in (old, new))
        self.spelled.subtract(was)
        self.spelled.update(now)
        if old and not self.first:
            self.former |= dict.fromkeys(was - now, old.row.entry_id)

    def write(self) -> None:
        """Bring the labels up to how names are spelled now."""
        if self.first:
            self._write_first()
            self._write_past()
            return
        concerned = self._forget() | self._respell()
        if self.anew:
            counted = labels.c.kind.not_in([SITE, "collection"])
            query = select(labels.c.kind, labels.c.slug).where(counted)
            written = self.connection.execute(query)
            concerned |= {(kind, slug) for kind, slug in written}
        for kind, slug in sorted(concerned):
            self._label(kind, slug)
        self._write_past()

    def note_past(self, old: StoredEntry, *, is_named: bool) -> None:
        """Note how an entry spelled names before the store was there; of a hidden one, slugs."""
        for kind, slug, name in _spellings(old):
            if not kind.startswith("icon:"):
                self._past[kind, slug] = (name, old.row.entry_id) if is_named else ("", "")

    def _write_past(self) -> None:
        """The labels of which nothing but their past is known."""
        query = select(labels.c.kind, labels.c.slug)
        there = {(kind, slug) for kind, slug in self.connection.execute(query)}
        for kind, slug in sorted(self._past.keys() - there):
            name, former = self._past[kind, slug]
            row = {"kind": kind, "slug": slug, "name": name, "entries": 0}
            if name:
                self.connection.execute(spellings.insert().values(row | {"former": former}))
            self.connection.execute(
                labels.insert().values(row | {"icon": "", "latest": 0, "changed": 0})
            )

    def name_site(self, names: Mapping[str, str]) -> None:
        """Bring what the site is called up to `names`, by the settings that it stands for."""
        of_site = select(labels.c.slug, labels.c.name).where(labels.c.kind == SITE)
        old = {slug: name for slug, name in self.connection.execute(of_site)}  # noqa: C416 - rows
        for slug in {**old, **names}:
            name = names.get(slug, "")
            if old.get(slug) == name:
                continue
            key = (labels.c.kind == SITE, labels.c.slug == slug)
            self.connection.execute(delete(labels).where(*key))
            row = {"kind": SITE, "slug": slug, "name": name, "icon": "", "entries": 0, "latest": 0}
            row["changed"] = 0 if self.first else self.moment
            self.connection.execute(labels.insert().values(row))
            self.renamed = True

    def _write_first(self) -> None:
        """The labels of an empty store: all that they say was counted."""
        spelled = {key: times for key, times in self.spelled.items() if times}
        rows = [
            {"kind": kind, "slug": slug, "name": name, "entries": times, "former": ""}
            for (kind, slug, name), times in spelled.items()
        ]
        found: dict[tuple[str, str], dict[str, int]] = {}
        for (kind, slug, name), times in spelled.items():
            found.setdefault((kind, slug), {})[name] = times
        latest = self._latest()
        shown = [
            _label_row(kind, slug, names, found.get((f"icon:{kind}", slug), {}))
            | {"latest": latest[kind, slug] >> 20, "changed": 0}
            for (kind, slug), names in found.items()
            if not kind.startswith("icon:")
        ]
        for table, values in ((spellings, rows), (labels, shown)):
            if values:
                self.connection.execute(table.insert(), values)

    def _latest(self) -> dict[tuple[str, str], int]:
        """The highest position of each topic, provider, name and type."""
        found = {}
        for kind, place, *parts in (
            ("topic", entry_topics.c.position, entry_topics.c.topic),
            ("provider", entries.c.position, entries.c.provider),
            ("name", entries.c.position, entries.c.provider, entries.c.provider_slug),
            ("type", entries.c.position, entries.c.type),
        ):
            query = select(func.max(place), *parts).group_by(*parts)
            for position, *slug in self.connection.execute(query):
                found[kind, "/".join(slug)] = position
        return found

    def _forget(self) -> set[tuple[str, str]]:
        """Forget the spellings that withdrawn records alone had; returns whose labels those are."""
        concerned: set[tuple[str, str]] = set()
        for chunk in chunks(sorted(self.withdrawn)):
            theirs = spellings.c.former.in_(chunk)
            rows = self.connection.execute(select(spellings.c.kind, spellings.c.slug).where(theirs))
            concerned |= {(kind.removeprefix("icon:"), slug) for kind, slug in rows}
            self.connection.execute(delete(spellings).where(theirs, spellings.c.entries == 0))
            self.connection.execute(update(spellings).where(theirs).values(former=""))
        return concerned

    def _respell(self) -> set[tuple[str, str]]:
        """Bring the counts of spellings up to date; returns whose labels may have changed."""
        for spelling, times in self.spelled.items():
            kind, slug, name = spelling
            key = (spellings.c.kind == kind, spellings.c.slug == slug, spellings.c.name == name)
            query = select(spellings.c.entries, spellings.c.former).where(*key)
            old, had = self.connection.execute(query).first() or (0, "")
            self.connection.execute(delete(spellings).where(*key))
            left = self.former.get(spelling, "")
            row = {"kind": kind, "slug": slug, "name": name, "entries": old + times}
            row["former"] = had if left in self.withdrawn else left or had
            if row["entries"] or row["former"]:
                self.connection.execute(spellings.insert().values(row))
        return {(kind.removeprefix("icon:"), slug) for kind, slug, _ in self.spelled}

    def _label(self, kind: str, slug: str) -> None:
        found: dict[str, dict[str, int]] = {kind: {}, f"icon:{kind}": {}}
        query = select(spellings.c.kind, spellings.c.name, spellings.c.entries)
        query = query.where(spellings.c.kind.in_(list(found)), spellings.c.slug == slug)
        for spelled, name, times in self.connection.execute(query):
            found[spelled][name] = times
        key = (labels.c.kind == kind, labels.c.slug == slug)
        old = self.connection.execute(select(labels).where(*key)).first()
        self.connection.execute(delete(labels).where(*key))
        if not any(found[kind].values()):
            if old is None:  # came and went at once
                return
            self.emptied |= {slug} if kind == "topic" and old.entries else set()
        else:  # what no entry has any more counts where nothing else is left
            found = {kind: {n: t for n, t in names.items() if t} for kind, names in found.items()}
        row = _label_row(kind, slug, found[kind], found[f"icon:{kind}"])
        renamed = old is not None and old.name != row["name"]
        if renamed and kind == "topic":
            # Every entry shows the names of its topics.
            shows = select(entry_topics.c.entry).where(entry_topics.c.topic == slug)
            listing_it = entries.update().where(entries.c.id.in_(shows))
            times = {"changed": self.moment, "content_changed": self.moment}
            self.connection.execute(listing_it.values(times))
        if renamed and kind != "type":  # whose titles are made of the slug
            self.renamed = True
        place, where = _LABEL_SOURCES[kind]
        latest = self.connection.execute(select(func.max(place)).where(where(slug))).scalar_one()
        changed = self.moment if renamed else old.changed if old else 0
        row |= {"latest": (latest or 0) >> 20, "changed": changed}
        self.connection.execute(labels.insert().values(row))


def _spellings(entry: StoredEntry) -> Iterator[Spelling]:
    """How an entry spells the names of its topics, provider and type."""
    row = entry.row
    yield from (("topic", slug, name) for slug, name in entry.topics.items())
    if row.provider:
        name = f"{row.provider}/{row.provider_slug}"
        for kind, slug in (("provider", row.provider), ("name", name)):
            yield kind, slug, row.provider_name
            if row.icon:
                yield f"icon:{kind}", slug, row.icon
    if row.type:
        yield "type", row.type, row.type_name


def _label_row(
    kind: str, slug: str, names: Mapping[str, int], icons: Mapping[str, int]
) -> dict[str, Any]:
    """The name and icon that most entries have, ties to the first by the alphabet.

    A domain that several providers share has its own name, not that of one of them.
    """

    def most(counts: Mapping[str, int]) -> str:
        return min(counts, key=lambda name: (-counts[name], name), default="")

    total = sum(names.values())
    is_shared = kind == "provider" and len({slug_of(name) for name in names}) > 1
    name = slug if is_shared else most(names)
    return {"kind": kind, "slug": slug, "name": name, "icon": most(icons), "entries": total}


def _is_name(slug: str) -> Any:
    key, _, name = slug.partition("/")
    return (entries.c.provider == key) & (entries.c.provider_slug == name)


_LABEL_SOURCES: dict[str, tuple[Any, Callable[[str], Any]]] = {
    "topic": (entry_topics.c.position, lambda slug: entry_topics.c.topic == slug),
    "provider": (entries.c.position, lambda slug: entries.c.provider == slug),
    "name": (entries.c.position, _is_name),
    "type": (entries.c.position, lambda slug: entries.c.type == slug),
}
