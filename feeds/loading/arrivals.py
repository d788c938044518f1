"""The folder's git history in the store: when records came, for whoever loads them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from threading import Thread
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, delete, select

from feeds.loading.report import Progress
from feeds.records.history import Fact, History, NoHistory
from feeds.records.parser import Options
from feeds.selection import DAY
from feeds.store import bulk_insert
from feeds.store.bulk_insert import chunks
from feeds.store.database import Store
from feeds.store.schema import history, state

_FACTS: Final = select(history.c.key, *[history.c[name] for name in Fact._fields])


class HistoryReader:
    """Reads what the commits since the last load tell.

    The whole of a history, which may take a minute, is waited for, or (`wait`) not: it is
    read in the background, and `ready` called when a load would find it; without that, it is
    left to another process. `problem` says why nothing is known of one that is there, and
    `is_pending` that it is still being read.
    """

    def __init__(
        self, folder: Path, *, wait: bool = True, ready: Callable[[], object] | None = None
    ) -> None:
        self.problem = ""
        self.is_pending = False
        self._folder = folder
        self._wait = wait
        self._ready = ready
        self._thread: Thread | None = None
        self._whole: History | None = None

    def news(
        self, store: Store, options: Options, now: int, progress: Progress | None = None
    ) -> History | None:
        """What the store doesn't know; None for nothing, or not yet. `now` in seconds."""
        self.problem, self.is_pending = "", False
        with store.read() as reader:
            head, until = reader.connection.execute(select(state.c.head, state.c.until)).one()
        if not any((parent / ".git").exists() for parent in _with_parents(self._folder)):
            return None
        try:
            from feeds.records.git_history import head_of, read_history  # which loads libgit2

            if head_of(self._folder) == head:
                self._whole = None  # the store knows it
                return None
            if self._whole is not None:
                head, until = self._whole.head, self._whole.until
            if head or self._wait:
                told = partial(progress, unit="commits of git history") if progress else None
                found = read_history(self._folder, options, now, head, until, told)
                return _joined(self._whole, found)
        except NoHistory as problem:
            self.problem = str(problem)
            return None
        self.is_pending = True
        if self._thread is None and self._ready is not None:
            self._thread = Thread(target=self._read, args=(options, now), daemon=True)
            self._thread.start()
        return None

    def _read(self, options: Options, now: int) -> None:
        from feeds.records.git_history import read_history

        try:
            self._whole = read_history(self._folder, options, now)
        except NoHistory as problem:
            self.problem = str(problem)
        if self._ready is not None:
            self._ready()


def _with_parents(folder: Path) -> list[Path]:
    folder = folder.resolve()
    return [folder, *folder.parents]


def _joined(whole: History | None, news: History) -> History:
    """All that is known, where the whole was read a moment before `news`."""
    if whole is None or not news.since:
        return news
    facts = merged(whole.facts, news.facts, whole.until)
    moments = whole.moments + news.moments
    return History(news.head, "", news.until, facts, moments, whole.gone, whole.left)


def merged(known: Mapping[str, Fact], news: Mapping[str, Fact], until: int) -> dict[str, Fact]:
    """Facts, brought up to later ones; `until` is the moment that the known ones end with.

    When a record came stays, but for one that was held until later, or withdrawn and is back.
    """
    found = dict(known)
    for key, fact in news.items():
        was = found.get(key)
        if was is not None and 0 < was.came <= until:
            if was.withdrawn and fact.came:  # it is back
                was = was._replace(came=fact.came, initial=False)
            found[key] = was._replace(
                changed=fact.changed or was.changed,
                withdrawn=fact.withdrawn,
                moved=fact.moved or was.moved,
                topics={**was.topics, **fact.topics},
            )
        else:
            found[key] = fact
    return found


def note(connection: Connection, news: History, until: int) -> None:
    """Bring what the store knows up to `news`; `until` is the moment that it ends with."""
    for chunk in chunks(sorted(news.facts)):
        known = facts(connection, chunk)
        rows = merged(known, {key: news.facts[key] for key in chunk}, until)
        connection.execute(delete(history).where(history.c.key.in_(chunk)))
        bulk_insert.insert(connection, history, [row_of(key, fact) for key, fact in rows.items()])
    connection.execute(state.update().values(head=news.head, until=news.until))


def row_of(key: str, fact: Fact) -> dict[str, Any]:
    """The row of `history` of a fact."""
    # PostgreSQL copies no boolean into a number.
    topics = msgspec.json.encode(dict(fact.topics)).decode() if fact.topics else ""
    return {"key": key} | fact._asdict() | {"initial": int(fact.initial), "topics": topics}


def closing(closed: int, moment: int) -> int:
    """The midnight before which nothing comes any more, after it was `closed`.

    `moment` is that of the last commit known, else of the last load that changed anything: so
    servers that know the same history agree.
    """
    return max(closed, moment - moment % DAY)


def facts(connection: Connection, keys: Iterable[str]) -> dict[str, Fact]:
    """What is known of records, by the keys of their pages."""
    found: dict[str, Fact] = {}
    for chunk in chunks(sorted(keys)):
        rows = connection.execute(_FACTS.where(history.c.key.in_(chunk)))
        for key, *values, topics in rows:
            told = msgspec.json.decode(topics, type=dict[str, int]) if topics else {}
            found[key] = Fact._make([*values, told])
    return found
