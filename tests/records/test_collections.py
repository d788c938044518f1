"""A collection in a file, and the files that its items name."""

from pathlib import Path

import pytest

from feeds.loading.checking import check
from feeds.model import CollectionItem, Hidden, RecordCollection, RecordError
from feeds.records import parser
from feeds.records.collections import MAX_ITEMS, NamedCollection, name_all
from feeds.records.parser import ParsedRecord
from tests.helpers.support import write

FRONT = "title: Tides\ntype: collection\n"


def parsed(lines: str, now: int | None = None) -> ParsedRecord:
    """What a file with these lines says, which is the same however it is parsed."""
    data = f"---\n{lines}\n---\n".encode()
    options = parser.Options(now=now)
    fast = parser.parse_record("a/list.md", data, options)
    assert fast == parser.parse_record("a/list.md", data, options, fast=False)
    return fast


def test_a_collection_has_a_title_an_excerpt_and_items() -> None:
    assert parsed(
        "title: Tides &amp; gauges\nexcerpt: 'From the sea'\ntype: Collection\nitems:\n"
        "  - courses/tides\n  - /videos/gauge.md\n  - 7"
    ) == ParsedRecord(
        RecordCollection(
            path="a/list.md",
            title="Tides & gauges",
            excerpt="From the sea",
            items=(
                CollectionItem("courses/tides", 6),
                CollectionItem("videos/gauge.md", 7),
                CollectionItem("7", 8),
            ),
        ),
        [],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("lines", "errors"),
    [
        (
            FRONT,
            ["a/list.md:1: items: is missing; a collection lists the files of its records"],
        ),
        (
            f"{FRONT}items:\n",
            ["a/list.md:4: items: is empty; a collection lists the files of its records"],
        ),
        (
            "type: collection\nitems: [a]",
            ["a/list.md:1: title: is missing; every record needs a title"],
        ),
        (
            f"{FRONT}items: [a]\nitems: [b]",
            ["a/list.md:5: items: stands twice (first in line 4); keep one"],
        ),
    ],
)
def test_what_keeps_a_collection_out_is_named(lines: str, errors: list[str]) -> None:
    with pytest.raises(RecordError) as raised:
        parsed(lines)
    assert [str(problem) for problem in raised.value.problems] == errors


def test_what_it_can_do_without_is_noted() -> None:
    many = "".join(f"- r{n}\n" for n in range(MAX_ITEMS + 1))
    reading = parsed(f"{FRONT}webUrl: https://a.example/\nitems:\n- {{a: b}}\n{many}")
    assert isinstance(reading.record, RecordCollection)
    assert [item.name for item in reading.record.items] == [f"r{n}" for n in range(MAX_ITEMS - 1)]
    assert [(p.line, p.field, p.message) for p in reading.notes] == [
        (5, "items", "lists more than 1,000 records; the first are taken"),
        (4, "webUrl", "isn't used; a collection with items has no URL of its own"),
        (6, "items[0]", "is a mapping, not text; write one line of text; left out"),
    ]


def test_one_with_a_url_and_no_items_is_a_record() -> None:
    record = parsed(f"{FRONT}webUrl: https://a.example/\nitems:").record
    assert getattr(record, "type", "") == "collection"


@pytest.mark.parametrize("line", ["published: false", "draft: true", "removed: true"])
def test_words_hide_a_collection(line: str) -> None:
    record = parsed(f"{FRONT}{line}\nitems: [a]").record
    assert isinstance(record, Hidden)
    assert record.key == ""


def test_one_dated_in_the_future_is_held() -> None:
    reading = parsed(
        f"{FRONT}publishedDateTime: 2030-01-01T00:00:00Z\nitems: [a]", now=1_700_000_000
    )
    assert reading.record == Hidden("a/list.md", "dated in the future")
    assert reading.until is not None


# -- the files that items name ---------------------------------------------------------

FILES = [
    "courses/tides.md",
    "a/courses/gauges.md",
    "a/notes.md",
    "b/notes.html",
    "b/tides.md",
    "deep/down/courses/gauges.md",
    "deep/down/charts.v2.md",
    "twice.md",
    "twice.html",
]


def collection(*items: str, path: str = "a/list.md", title: str = "Tides") -> RecordCollection:
    return RecordCollection(path, title, items=tuple(CollectionItem(name, 9) for name in items))


def named(*collections: RecordCollection, taken: tuple[str, ...] = ()) -> list[NamedCollection]:
    return name_all(collections, FILES, taken)


@pytest.mark.parametrize(
    ("item", "file"),
    [
        ("courses/tides", "courses/tides.md"),  # though b/ has one that ends so
        ("courses/tides.md", "courses/tides.md"),
        ("courses/gauges", "a/courses/gauges.md"),  # beside the collection
        ("../b/tides", "b/tides.md"),
        ("./notes", "a/notes.md"),
        ("down/courses/gauges", "deep/down/courses/gauges.md"),
        ("charts.v2", "deep/down/charts.v2.md"),
        ("charts.v2.md", "deep/down/charts.v2.md"),
        ("b/notes", "b/notes.html"),
    ],
)
def test_an_item_names_a_file_by_its_path_or_the_end_of_it(item: str, file: str) -> None:
    assert named(collection(item)) == [NamedCollection("tides", collection(item), [file], [])]


@pytest.mark.parametrize(
    ("item", "message"),
    [
        ("ides", "'ides' names no file; write its path from the folder of records; left out"),
        ("..", "'..' names no file; write its path from the folder of records; left out"),
        (
            "tides",
            ("'tides' may be any of 2 files (b/tides.md, courses/tides.md); "
            "write the whole path; left out"),
        ),
        (
            "twice",
            ("'twice' may be any of 2 files (twice.html, twice.md); "
            "write the whole path; left out"),
        ),
    ],
)  # fmt: skip
def test_an_item_that_names_no_file_or_several_is_noted(item: str, message: str) -> None:
    ((_, _, files, (note,)),) = named(collection(item, "twice.md"))
    assert files == ["twice.md"]
    assert (note.path, note.line, note.field, note.message) == ("a/list.md", 9, "items", message)
    assert note.severity == "note"


def test_collections_of_one_name_get_suffixes_that_depend_on_their_paths_alone() -> None:
    one, other, third = (collection(path=path, title="C++ 1") for path in ("a.md", "b.md", "c.md"))
    slugs = [one.slug for one in named(one, other, third)]
    assert slugs == ["c-plus-plus-1", "c-plus-plus-1-11dd48", "c-plus-plus-1-c285dd"]
    assert named(one, third)[1].slug == slugs[2]
    (only,) = named(third, taken=("c-plus-plus-1",))
    assert only.slug == slugs[2]
    assert [str(note) for note in only.notes] == [
        ("c.md:1: title: is that of another collection; this one is at "
        f"/collections/{slugs[2]}/")
    ]  # fmt: skip
    assert named(collection(title="Index"))[0].slug.startswith("index-")  # a reserved word


def test_check_notes_items_of_a_folder_and_not_of_a_file_alone(tmp_path: Path) -> None:
    write(tmp_path, "a.md")
    write(tmp_path, "list.md", webUrl=None, type="collection", items=["a", "b"])
    report = check(tmp_path)
    assert (report.public, report.collections, report.entries) == (1, 1, 1)
    assert [note.message.partition(";")[0] for note in report.notes] == ["'b' names no file"]
    assert check(tmp_path, only="list.md").notes == []
