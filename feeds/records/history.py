"""What a folder's history tells of its records. `git_history` reads it."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from feeds.model import FeedsError


class NoHistory(FeedsError):
    """The folder's history can't be told, and why."""


class Fact(NamedTuple):
    """What history tells of a record; moments are in seconds since 1970, 0 for none.

    When it `came`, that is, was first public; `initial` says that this was the first commit that
    has records, so that it may be much older. When what is public of it last `changed`, and
    when a file of it was last removed, hidden or deleted (`withdrawn`), if it isn't public since.
    """

    came: int = 0
    initial: bool = False
    changed: int = 0
    withdrawn: int = 0


class History(msgspec.Struct):
    """What commits tell, the last of them `head` (hexadecimal), of the moment `until`.

    `facts` are by the key of a record's page. `since` is the commit after which they begin,
    empty for the beginning. `moments` are those of the commits that changed the folder.
    """

    head: str
    since: str = ""
    until: int = 0
    facts: dict[str, Fact] = msgspec.field(default_factory=dict)
    moments: list[int] = msgspec.field(default_factory=list)
