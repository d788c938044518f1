"""What is to be written of an entry: values in, values out."""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import pytest

from feeds.loading import entry_change
from feeds.loading.entry_change import Copy, EntryChange, EntryRow, StoredEntry
from feeds.model import Image, Provider, Record, RelatedLink
from feeds.selection import Scope, position

MOMENT: Final = 9_000
ALL, AI = Scope().key(), Scope(topic="ai").key()
ARTICLES: Final = Scope(type="articles").key()


def copy(path: str, **fields: Any) -> Copy:
    usual = Copy("urn:uuid:1", path, 1, 0, 0, 0, b"version", b"plain", b"")
    return usual._replace(**fields)


@pytest.mark.parametrize(
    ("copies", "stays"),
    [
        ([], None),
        ([copy("a", public=0)], None),
        ([copy("a", removed=1, public=0)], None),
        ([copy("a", quality=9), copy("b", removed=1, public=0)], None),
        ([copy("a", public=0, quality=9), copy("b")], "b"),
        ([copy("a", quality=1), copy("b", quality=2)], "b"),
        ([copy("a", quality=1, published=9), copy("b", quality=2)], "b"),
        ([copy("a", published=1), copy("b", published=2)], "b"),
        ([copy("b"), copy("a")], "a"),
        ([copy("b", quality=-1), copy("a", quality=-2)], "b"),
    ],
)
def test_one_copy_stays(copies: Sequence[Copy], stays: str | None) -> None:
    for several in (copies, copies[::-1]):
        found = entry_change.winner(several)
        assert (found.path if found else None) == stays


# -- the entry made of a copy --------------------------------------------------------

ID: Final = "urn:uuid:00000000-0000-5000-8000-0000000abcde"
RECORD: Final = Record(
    "a.md",
    ID,
    "urn:x:own",
    "Ein Tïtle",
    excerpt="Short",
    updated=datetime(2024, 5, 1, tzinfo=UTC),
    type="article",
    quality=3,
    heat=4,
    provider=Provider(
        "times.example", "times", "Times", icon=Image("https://times.example/icon.png")
    ),
    authors=("Ann",),
    topics=("C++", "AI"),
    related=(RelatedLink("urn:uuid:2", "", ""), RelatedLink("urn:uuid:3", "", "")),
)


def test_an_entry_is_made_of_its_copy_and_what_of_its_coverage_was_removed() -> None:
    published = int(datetime(2024, 3, 1, tzinfo=UTC).timestamp())
    made = entry_change.entry_of(
        copy("a.md", entry_id=ID, key=ID, published=published, own_id="urn:x:other"),
        RECORD,
        {"urn:uuid:3", "urn:uuid:9"},
        7,
        "urn:x:own",
    )
    row = EntryRow(
        id=7,
        entry_id=ID,
        shown_id="urn:x:own",
        path="a.md",
        position=position(published, ID),
        month=2024 * 12 + 2,
        published=published,
        updated=int(datetime(2024, 5, 1, tzinfo=UTC).timestamp()),
        changed=0,
        content_changed=0,
        placed=0,
        arrived=0,
        version=b"version",
        content_digest=b"plain",
        gone="urn:uuid:3",
        type="articles",
        type_name="article",
        provider="times.example",
        provider_name="Times",
        provider_slug="times",
        icon="https://times.example/icon.png",
        quality=3,
        heat=4,
        own_id="urn:x:other",
    )
    assert made == StoredEntry(row, {"c-plus-plus": "C++", "ai": "AI"})
    assert list(made.topics) == ["c-plus-plus", "ai"]
    same = {"month": row.month, "provider": "times.example", "provider_slug": "times"}
    came = made._replace(arrived={"c-plus-plus": 3, "ai": 4})
    assert entry_change.topic_rows(came) == [
        {"entry": 7, "topic": slug, "rank": rank, "name": name, "position": row.position}
        | same
        | {"arrived": 3 + rank}
        for rank, (slug, name) in enumerate(made.topics.items())
    ]
    assert entry_change.coverage_rows(7, RECORD) == [
        {"entry": 7, "target": "urn:uuid:2"},
        {"entry": 7, "target": "urn:uuid:3"},
    ]


def test_an_entry_is_never_updated_before_it_is_published() -> None:
    made = entry_change.entry_of(copy("a.md", published=2_000_000_000), RECORD, (), 1, ID)
    assert made.row.updated == 2_000_000_000


# -- the difference ------------------------------------------------------------------


def entry(topics: str = "ai", **fields: Any) -> StoredEntry:
    """An article of 1970 that changed at 100, in its content at 90, came where it is at 50.

    It arrived at 40, and at 40 in each topic that it had then.
    """
    row = EntryRow(
        id=1,
        entry_id="urn:uuid:1",
        shown_id="urn:uuid:1",
        path="a.md",
        position=5,
        month=0,
        published=5,
        updated=5,
        changed=100,
        content_changed=90,
        placed=50,
        arrived=40,
        version=b"v",
        content_digest=b"p",
        gone="",
        type="articles",
        type_name="article",
        provider="",
        provider_name="",
        provider_slug="",
        icon="",
        quality=0,
        heat=0,
    )
    arrived = {slug: 40 if slug == "ai" else MOMENT for slug in topics.split()}
    row = row._replace(**fields)
    return StoredEntry(row, {slug: slug.upper() for slug in topics.split()}, arrived)


OLD: Final = entry()
IN_OLD: Final = {ALL, AI, ARTICLES}
ANEW: Final[dict[str, Any]] = {"version": b"w", "content_digest": b"q"}
CHANGED: Final[dict[str, Any]] = {"changed": MOMENT, "content_changed": MOMENT}
NOW: Final[dict[str, Any]] = CHANGED | {"placed": MOMENT}


def replaced(left: Collection[str], topics: str = "ai", **fields: Any) -> EntryChange:
    return EntryChange(OLD, entry(topics, **fields), left, 1)


def arriving(new: StoredEntry, moment: int) -> StoredEntry:
    """The entry, having come to all that it is in at `moment`."""
    arrived = dict.fromkeys(new.topics, moment)
    return new._replace(row=new.row._replace(arrived=moment), arrived=arrived)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        pytest.param(None, None, None, id="there never was one"),
        pytest.param(None, OLD, EntryChange(None, arriving(entry(**NOW), MOMENT), (), 1), id="new"),
        pytest.param(OLD, None, EntryChange(OLD, None, IN_OLD, 1), id="removed"),
        pytest.param(OLD, entry(**NOW), None, id="the same"),
        pytest.param(
            OLD,
            entry(path="b.md", **NOW),
            EntryChange(OLD, entry(path="b.md")),
            id="a copy in another file that says the same",
        ),
        pytest.param(
            OLD,
            entry(version=b"w", quality=7),
            replaced(set(), version=b"w", quality=7, changed=MOMENT),
            id="another quality",
        ),
        pytest.param(OLD, entry(**ANEW), replaced(set(), **ANEW, **CHANGED), id="another text"),
        pytest.param(
            OLD,
            entry(gone="urn:uuid:2"),
            replaced(set(), gone="urn:uuid:2", **CHANGED),
            id="coverage that it lists was removed",
        ),
        pytest.param(
            OLD,
            entry(version=b"w", position=8),
            replaced(IN_OLD, version=b"w", position=8, **NOW),
            id="another position",
        ),
        pytest.param(
            OLD,
            entry("ai go", **ANEW),
            replaced(IN_OLD, "ai go", **ANEW, **NOW),
            id="one more scope: it left all, and came to all",
        ),
        pytest.param(
            OLD,
            entry("", **ANEW),
            replaced({AI}, "", **ANEW, **CHANGED),
            id="one scope less: it stays where it was in the others",
        ),
        pytest.param(
            OLD,
            entry("go"),
            replaced(IN_OLD, "go", **NOW),
            id="a topic whose name makes another slug than in another version of the program",
        ),
    ],
)
def test_the_difference_of_what_there_was_and_what_there_is(
    old: StoredEntry | None, new: StoredEntry | None, expected: EntryChange | None
) -> None:
    assert entry_change.difference(old, new, MOMENT, first=False) == expected


def first(changed: int, topics: str = "ai", **fields: Any) -> StoredEntry:
    times = {"changed": changed, "content_changed": changed, "placed": MOMENT}
    return arriving(entry(topics, **times, **fields), 5)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (None, None, None),
        (OLD, None, EntryChange(OLD, None, (), -1)),
        (None, entry(updated=7), EntryChange(None, first(7, updated=7), (), 1)),
        (None, entry(updated=9_001), EntryChange(None, first(MOMENT, updated=9_001), (), 1)),
        (OLD, entry("go", position=8), EntryChange(OLD, first(5, "go", position=8), (), 0)),
        (arriving(OLD, 5), OLD, None),
    ],
    ids=["none", "removed by a copy read later", "new", "of tomorrow", "a better copy", "the same"],
)
def test_before_the_first_load_ends_nobody_saw_an_entry(
    old: StoredEntry | None, new: StoredEntry | None, expected: EntryChange | None
) -> None:
    assert entry_change.difference(old, new, MOMENT, first=True) == expected
