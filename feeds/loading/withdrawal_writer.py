"""Withdrawals -> rows: which entries that feeds showed are gone, for readers who keep them."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, delete, select

from feeds.config import MAX_LIMIT, MAX_WINDOW
from feeds.selection import EVERYTHING, Scope
from feeds.store import bulk_insert, statements
from feeds.store.bulk_insert import chunks
from feeds.store.schema import withdrawals


class Withdrawal(NamedTuple):
    """That an entry left the position in a scope (by its key) to which it had come at `arrived`.

    That was at `moment`, in seconds.

    `is_hidden` where its record is there and says so; else the file is just gone.
    """

    scope: str
    shown_id: str
    position: int
    arrived: int
    moment: int
    is_hidden: bool


class WithdrawalWriter:
    """Collects the withdrawals of the load at `moment`, and ids that are shown again."""

    def __init__(self, connection: Connection, moment: int) -> None:
        self.connection = connection
        self.moment = moment
        self.withdrawn: list[Withdrawal] = []
        self.shown: dict[str, int] = {}  # ids of entries that came, and when

    def write(self) -> dict[str, int]:
        """Write them; returns the keys of the scopes that announce less, and since when."""
        silenced: dict[str, int] = {}
        for chunk in chunks(sorted(self.shown)):
            back = withdrawals.c.shown_id.in_(chunk)
            query = select(withdrawals.c.scope, withdrawals.c.shown_id).where(back)
            for scope, shown_id in self.connection.execute(query):
                silenced[scope] = max(silenced.get(scope, 0), self.shown[shown_id])
            self.connection.execute(delete(withdrawals).where(back))
        self._write()
        return silenced

    def _write(self) -> None:
        by_scope: dict[str, list[Withdrawal]] = {}
        for one in self.withdrawn:
            if one.shown_id not in self.shown:
                by_scope.setdefault(one.scope, []).append(one)
        if not by_scope:
            return
        long_ago = withdrawals.c.withdrawn < self.moment - MAX_WINDOW * 3600
        self.connection.execute(delete(withdrawals).where(long_ago))
        for scope, several in by_scope.items():
            rows = []
            for moment in sorted({one.moment for one in several}):
                there = self._there_before(Scope(*scope.split("\t")), several, moment)
                rows += [self._row(one, *there) for one in several if one.moment == moment]
            bulk_insert.insert(self.connection, withdrawals, rows)

    def _there_before(
        self, scope: Scope, several: Collection[Withdrawal], moment: int
    ) -> tuple[Sequence[int], int]:
        """The highest positions before a moment, lowest first; and when the last had arrived.

        `several` are all that left the scope, some of them later.
        """
        if all(one.is_hidden for one in several if one.moment == moment):
            return [], 0
        parameters = statements.parameters(scope, EVERYTHING)
        names = frozenset(parameters)
        parameters |= {"moment": moment, "limit": MAX_LIMIT}
        stayed = self.connection.execute(statements.stayed(names), parameters).all()
        newest = self.connection.execute(statements.newest_stayed(names), parameters).scalar()
        gone = [one for one in several if one.arrived <= moment <= one.moment]
        places = [row.position for row in stayed] + [one.position for one in gone]
        return sorted(places), max([newest or 0, *(one.arrived for one in gone)])

    def _row(self, one: Withdrawal, places: Sequence[int], newest: int) -> dict[str, object]:
        rank, behind = 0, 0
        if not one.is_hidden:
            rank = len(places) - 1 - bisect_left(places, one.position)
            behind = newest - one.arrived
        row = {"scope": one.scope, "shown_id": one.shown_id, "withdrawn": one.moment}
        return row | {"rank": rank, "behind": behind}
