"""What changed since the hubs were last told: written with a load, read by the publisher.

Of each scope, the highest position at which anything changed is enough: what
is above it is as it was, so the first entries of a feed are others exactly if
one of them is, or is below, that position.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from sqlalchemy import Connection, delete, func, select

from feeds import bulk
from feeds.scope import Scope
from feeds.tables import changes, entries, entry_topics

RENAMED: Final = 1 << 62  # above all positions: the title of the scope's feeds changed
_CHUNK: Final = 500


def note(connection: Connection, found: Mapping[str, int]) -> None:
    """Note the highest positions that changed, by the keys of their scopes."""
    highest = dict(found)
    keys = sorted(highest)
    for start in range(0, len(keys), _CHUNK):
        noted = changes.c.scope.in_(keys[start : start + _CHUNK])
        for key, position in connection.execute(select(changes).where(noted)):
            highest[key] = max(highest[key], position)
        connection.execute(delete(changes).where(noted))
    rows = [{"scope": key, "position": position} for key, position in highest.items()]
    if rows:
        bulk.insert(connection, changes, rows)


def taken(connection: Connection, most: int) -> dict[Scope, int]:
    """Up to `most` of the scopes that changed, with their positions; they are forgotten."""
    found = connection.execute(select(changes).order_by(changes.c.scope).limit(most)).all()
    keys = [key for key, _ in found]
    for start in range(0, len(keys), _CHUNK):
        noted = changes.c.scope.in_(keys[start : start + _CHUNK])
        connection.execute(delete(changes).where(noted))
    return {Scope(*key.split("\t")): position for key, position in found}


def any_noted(connection: Connection) -> bool:
    """Whether anything changed."""
    return connection.execute(select(changes.c.scope).limit(1)).first() is not None


def of_renaming(connection: Connection, kind: str, slug: str) -> Iterator[tuple[Scope, int]]:
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


def _of_topic(connection: Connection, slug: str) -> Iterator[tuple[Scope, int]]:
    """All its entries show the name, in whatever scope they are."""
    shows = select(entry_topics.c.entry).where(entry_topics.c.topic == slug)
    columns = (entry_topics.c.topic, entry_topics.c.provider, entry_topics.c.provider_slug)
    query = select(*columns, func.max(entry_topics.c.position)).group_by(*columns)
    for topic, key, name, position in connection.execute(
        query.where(entry_topics.c.entry.in_(shows))
    ):
        for scope in _around(topic, key, name):
            yield scope, RENAMED if scope.topic == slug else position
    highest = select(entries.c.type, func.max(entries.c.position)).group_by(entries.c.type)
    for kind, position in connection.execute(highest.where(entries.c.id.in_(shows))):
        if kind:
            yield Scope(type=kind), position


def _around(topic: str, key: str, name: str) -> Iterable[Scope]:
    for wanted in ("", topic):
        yield Scope(wanted)
        if key:
            yield Scope(wanted, key)
            yield Scope(wanted, key, name)
