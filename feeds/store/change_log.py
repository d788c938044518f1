"""What changed since the hubs were last told: written with a load, read by the publisher.

Of each scope, the highest position at which anything changed is enough: what
is above it is as it was, so the first entries of a feed are others exactly if
one of them is, or is below, that position. What a feed says of those that it
doesn't show, how many there are, changes with their number.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from sqlalchemy import Connection, delete, func, select

from feeds.selection import Scope
from feeds.store import bulk_insert
from feeds.store.schema import changes, entries, entry_topics

NOWHERE: Final = -(1 << 62)  # below all positions


class Change(NamedTuple):
    """What changed in a scope.

    `position` is the highest at which anything did, `figures` the highest at
    which only a quality or heat did, which JSON Feed alone shows; `more` is how
    many more entries there are now.
    """

    position: int = NOWHERE
    figures: int = NOWHERE
    more: int = 0

    def after(self, other: Change | None) -> Change:
        """Both an earlier one and this, as one."""
        if other is None:
            return self
        figures = max(self.figures, other.figures)
        return Change(max(self.position, other.position), figures, self.more + other.more)


RENAMED: Final = Change(1 << 62)  # above all positions: the title of the scope's feeds changed


def note(connection: Connection, found: Mapping[str, Change]) -> None:
    """Note what changed, by the keys of the scopes."""
    noted = dict(found)
    keys = sorted(noted)
    for chunk in bulk_insert.chunks(keys):
        known = changes.c.scope.in_(chunk)
        for key, *change in connection.execute(select(changes).where(known)):
            noted[key] = noted[key].after(Change._make(change))
        connection.execute(delete(changes).where(known))
    rows = [{"scope": key} | change._asdict() for key, change in noted.items()]
    if rows:
        bulk_insert.insert(connection, changes, rows)


def taken(connection: Connection, most: int) -> dict[Scope, Change]:
    """What changed in up to `most` scopes, which is forgotten."""
    rows = connection.execute(select(changes).order_by(changes.c.scope).limit(most)).all()
    found = {key: Change._make(change) for key, *change in rows}
    for chunk in bulk_insert.chunks(list(found)):
        connection.execute(delete(changes).where(changes.c.scope.in_(chunk)))
    return {Scope(*key.split("\t")): change for key, change in found.items()}


def any_noted(connection: Connection) -> bool:
    """Whether anything changed."""
    return connection.execute(select(changes.c.scope).limit(1)).first() is not None


def of_renaming(connection: Connection, kind: str, slug: str) -> Iterator[tuple[Scope, Change]]:
    """What changes when a topic, provider or name (key/slug) is called something else."""
    if kind == "topic":
        yield from _of_topic(connection, slug)
        return
    key, _, name = slug.partition("/")
    yield Scope(provider=key, name=name), RENAMED
    is_it = [entry_topics.c.provider == key]
    is_it += [entry_topics.c.provider_slug == name] if name else []
    for topic in connection.execute(
        select(entry_topics.c.topic).distinct().where(*is_it)
    ).scalars():
        yield Scope(topic, key, name), RENAMED


def _of_topic(connection: Connection, slug: str) -> Iterator[tuple[Scope, Change]]:
    """All its entries show the name, in whatever scope they are."""
    shows = select(entry_topics.c.entry).where(entry_topics.c.topic == slug)
    columns = (entry_topics.c.topic, entry_topics.c.provider, entry_topics.c.provider_slug)
    query = select(*columns, func.max(entry_topics.c.position)).group_by(*columns)
    for topic, key, name, position in connection.execute(
        query.where(entry_topics.c.entry.in_(shows))
    ):
        for scope in _around(topic, key, name):
            yield scope, RENAMED if scope.topic == slug else Change(position)
    highest = select(entries.c.type, func.max(entries.c.position)).group_by(entries.c.type)
    for kind, position in connection.execute(highest.where(entries.c.id.in_(shows))):
        if kind:
            yield Scope(type=kind), Change(position)


def _around(topic: str, key: str, name: str) -> Iterable[Scope]:
    for wanted in ("", topic):
        yield Scope(wanted)
        if key:
            yield Scope(wanted, key)
            yield Scope(wanted, key, name)
