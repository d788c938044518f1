"""Stories: a public record and what else covers it.

Public records that list each other share a story; its lead is the best of
them. The rest of the coverage is what these records say of it: a hidden
record lends nothing of its own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from datetime import timedelta
from typing import Final, NamedTuple

import msgspec

from feeds import slugs
from feeds.model import UNKNOWN_TIME, Entry, Provider, Record, RelatedLink
from feeds.store.bulk_insert import chunks
from feeds.store.reader import Reader, Row

WINDOW: Final = timedelta(days=60)  # around the lead; older coverage is of something before
MOST: Final = 30  # entries of a story
_URN: Final = "urn:uuid:"


class Story(NamedTuple):
    """The rows of a story's public records, the lead first; no change but of those `near` is seen.

    These are the keys of the records, and of those that they list.
    """

    rows: list[Row]
    near: AbstractSet[str]

    @property
    def id(self) -> str:
        """The id in its address: that of the lead."""
        return story_id(self.rows[0].key)


def story_id(key: str) -> str:
    """The id of a story that a record leads, by the key of the record."""
    return key.removeprefix(_URN)


def find(reader: Reader, story: str) -> Story | None:
    """The story that the public record with this id is in; None when there is none."""
    members = {row.entry_id: row for row in reader.rows_of([_URN + story])}
    if not members:
        return None
    listed = _listed(reader, members.values())
    reached = set(members)
    while reached and len(members) < MOST:
        asked = {key for one in reached for key in listed[one]} - members.keys()
        others = {row.entry_id: row for row in reader.rows_of(sorted(asked))}
        listed |= _listed(reader, others.values())
        back = [key for key in others if any(key in listed[one] for one in listed[key] & reached)]
        reached = set(back[: MOST - len(members)])
        members |= {key: others[key] for key in reached}
    ranked = sorted(members.values(), key=lambda row: (-row.quality, -row.position))
    return Story(ranked, set(members).union(*(listed[key] for key in members)))


def find_each(reader: Reader, rows: Sequence[Row]) -> Iterator[Story]:
    """The story of each of these rows, most of which are alone; quicker than `find` for each."""
    listed = _listed(reader, rows)
    keys = sorted(set().union(*listed.values()))
    present = {row.entry_id for some in chunks(keys) for row in reader.rows_of(some)}
    for row in rows:
        near = {row.entry_id, *listed[row.entry_id]}
        is_alone = near & present <= {row.entry_id}
        story = None if is_alone else find(reader, story_id(row.key))
        yield story or Story([row], near)


def _listed(reader: Reader, rows: Iterable[Row]) -> dict[str, set[str]]:
    """The ids of the entries that entries list as coverage, by their own."""
    keys = {row.row: row.entry_id for row in rows}
    listed: dict[str, set[str]] = {key: set() for key in keys.values()}
    for row, key in reader.listed_by(list(keys)):
        listed[keys[row]].add(key)
    return listed


def entries(members: Sequence[Entry]) -> list[Entry]:
    """The entries of a story: its public records, the lead first, then what they list.

    Coverage is ranked by quality, then date, windowed by the date of the lead
    and capped.
    """
    lead = members[0]
    records = [entry.record for entry in members]
    known = {page for record in records for page in (record.page, record.amp_page)}
    coverage: dict[str, RelatedLink] = {}
    for entry in members:
        for link in entry.record.related:
            if link.page not in known and _is_near(link, lead):
                coverage.setdefault(link.page, link)
    ranked = sorted(coverage.values(), key=_rank, reverse=True)
    others = [covering(link, lead) for link in ranked[: max(MOST - len(members), 0)]]
    return [*members, *others]


def has_coverage(entry: Entry) -> bool:
    """Whether the story of an entry has more than the entry."""
    return any(_is_near(link, entry) for link in entry.record.related)


def _rank(link: RelatedLink) -> tuple[int, float]:
    return link.quality, link.published.timestamp() if link.published else 0.0


def _is_near(link: RelatedLink, lead: Entry) -> bool:
    """Whether coverage is of the lead's time; without a date it may be."""
    if link.published is None or lead.published is None:
        return True
    return abs(link.published - lead.published) <= WINDOW


def covering(link: RelatedLink, lead: Entry) -> Entry:
    """Coverage as an entry: its id is the one that its own record would have."""
    provider = Provider(slugs.slug(link.provider), slugs.slug(link.provider), link.provider)
    record = Record(
        path="",
        key=link.key,
        id=link.key,
        title=link.title,
        excerpt=link.excerpt,
        published=link.published,
        web=link.url,
        type=link.type,
        quality=link.quality,
        provider=provider if link.provider else None,
    )
    source = msgspec.json.encode(record)
    shown = source + f"{lead.published}".encode()
    published = link.published or lead.published
    return Entry(
        id=link.key,
        version=hashlib.blake2b(shown, digest_size=12).digest(),
        source=lambda: source,
        published=published,
        updated=published or UNKNOWN_TIME,
        kind="",
    )
