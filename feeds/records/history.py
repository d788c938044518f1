"""What a folder's history tells of its records. `git_history` reads it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

import msgspec

from feeds.model import FeedsError


class NoHistory(FeedsError):
    """The folder's history can't be told, and why."""


class Fact(NamedTuple):
    """What history tells of a record; moments are in seconds since 1970, 0 for none.

    When it `came`, that is, was first public; `initial` says that this was the first commit that
    has records, so that it may be much older: that is what it was `dated`. When what is public of
    it last `changed`, and when a file of it was last removed, hidden or deleted (`withdrawn`), if
    it isn't public since.
    `first` is the key of the copy that came first, empty where that isn't known. `moved` is when
    it last got another provider, type or id, and `topics` when it got others than it had, by slug.
    """

    came: int = 0
    initial: bool = False
    changed: int = 0
    withdrawn: int = 0
    first: str = ""
    dated: int = 0
    moved: int = 0
    topics: Mapping[str, int] = MappingProxyType({})


def joined(facts: Sequence[Fact]) -> Fact | None:
    """What is known of a record with several pages; None without facts."""
    known = [fact for fact in facts if fact.came] or facts
    if len(known) < 2:  # noqa: PLR2004 - nothing to join
        return known[0] if known else None
    first = min(known, key=lambda fact: fact.came)
    topics = {slug: at for fact in known for slug, at in fact.topics.items()}
    changed, moved = (
        max(times) for times in zip(*((f.changed, f.moved) for f in known), strict=True)
    )
    return first._replace(changed=changed, moved=moved, topics=topics)


class Gone(NamedTuple):
    """The content that a withdrawn record last had, and whether its file says that it is hidden."""

    path: str
    content: bytes
    is_hidden: bool


class Left(NamedTuple):
    """That the record of a page left a scope, at a moment, and what it was."""

    page: str
    moment: int
    gone: Gone


class History(msgspec.Struct):
    """What commits tell, the last of them `head` (hexadecimal), of the moment `until`.

    `facts` are by the pages of records. `since` is the commit after which they begin, empty for
    the beginning. `moments` are those of the commits that changed the folder. `gone` are the
    records withdrawn of late, by page, and `left` what left scopes last, by the keys of these,
    where all of the history was read.
    """

    head: str
    since: str = ""
    until: int = 0
    facts: dict[str, Fact] = msgspec.field(default_factory=dict)
    moments: list[int] = msgspec.field(default_factory=list)
    gone: dict[str, Gone] = msgspec.field(default_factory=dict)
    left: dict[str, Left] = msgspec.field(default_factory=dict)
