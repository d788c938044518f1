from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Executable, select

from feeds import urls
from feeds.loading import loader
from feeds.loading.report import Report
from feeds.selection import Filters, Scope, Window
from feeds.store import fulltext
from feeds.store.database import Store
from feeds.store.reader import LabelCounts
from feeds.store.schema import entries, entry_topics, labels, spellings, state
from tests.helpers.databases import databases
from tests.helpers.support import dump, write

pytestmark = pytest.mark.usefixtures("either")

EVERYTHING = Window()
ALL = Scope()
STORY = "https://news.example.com/story"


def moment(day: int) -> datetime:
    return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=day)


def seconds(day: int) -> int:
    return int(moment(day).timestamp())


def load(store: Store, folder: Path, day: int) -> Report:
    return loader.load(store, folder, now=moment(day))


def modified(store: Store, scope: Scope = ALL, window: Window = EVERYTHING) -> int:
    with store.read() as reader:
        return reader.modified(scope, window)


def shown(store: Store) -> list[str]:
    """The paths of the records that are shown, newest first."""
    with store.read() as reader:
        query = select(entries.c.path).order_by(entries.c.position.desc())
        return list(reader.connection.execute(query).scalars())


def tallies(store: Store, kind: str) -> list[tuple[str, str, int]]:
    with store.read() as reader:
        return [(t.slug, t.name, t.entries) for t in reader.labels(kind)]


@pytest.fixture
def store() -> Store:
    return Store(databases.fresh())


def test_copies_of_a_record_are_one_entry(store: Store, tmp_path: Path) -> None:
    write(tmp_path, "a.md", webUrl=f"{STORY}?utm_source=a")
    write(tmp_path, "b.md", webUrl=f"{STORY}?utm_source=b", quality=1)
    write(tmp_path, "c.md", webUrl=STORY)
    report = load(store, tmp_path, 0)
    assert (report.public, report.merged, report.entries) == (3, 2, 1)
    assert shown(store) == ["b.md"]


def test_a_removed_copy_removes_them_all(store: Store, tmp_path: Path) -> None:
    write(tmp_path, "a.md", webUrl=STORY)
    write(tmp_path, "b.md", webUrl=STORY, removed=True)
    write(tmp_path, "c.md")
    report = load(store, tmp_path, 0)
    assert shown(store) == ["c.md"]
    assert (report.public, report.merged, report.suppressed) == (2, 0, 1)
    assert report.hidden == {"removed": 1}
    write(tmp_path, "b.md", webUrl=STORY, published=False)
    load(store, tmp_path, 1)
    assert set(shown(store)) == {"a.md", "c.md"}


@pytest.mark.parametrize("ids", [("urn:x:a", None), (None, "urn:x:b"), ("urn:x:a", 12)])
def test_an_id_of_its_own_keeps_no_copy_from_its_removal(
    store: Store, tmp_path: Path, ids: tuple[object, object]
) -> None:
    write(tmp_path, "a.md", webUrl=STORY, id=ids[0])
    write(tmp_path, "b.md", webUrl=STORY + "?utm_source=x", id=ids[1], removed=True)
    write(tmp_path, "c.md")
    load(store, tmp_path, 0)
    assert shown(store) == ["c.md"]


@pytest.mark.parametrize(
    "leave",
    [
        lambda path: path.unlink(),
        lambda path: write(path.parent, path.name, webUrl=STORY, published=False),
        lambda path: path.write_text("---\ntitle: [\npublished: false\n---\n"),
        lambda path: path.write_text("no record"),
        lambda path: write(path.parent, path.name, webUrl="https://news.example.com/other"),
    ],
    ids=["gone", "hidden", "broken", "not a record", "another story"],
)
def test_the_next_copy_is_promoted_when_the_best_leaves(
    store: Store, tmp_path: Path, leave: Callable[[Path], object]
) -> None:
    best = write(tmp_path, "best.md", webUrl=STORY, quality=9, title="Best")
    write(tmp_path, "next.md", webUrl=STORY, quality=5, title="Next")
    write(tmp_path, "last.md", webUrl=STORY, title="Last")
    load(store, tmp_path, 0)
    assert shown(store) == ["best.md"]
    leave(best)
    report = load(store, tmp_path, 1)
    with store.read() as reader:
        query = select(entries.c.path).where(entries.c.entry_id == urls.entry_id(STORY))
        assert reader.connection.execute(query).scalars().all() == ["next.md"]
    assert ("best.md" in shown(store)) == (report.entries == 2)
    assert modified(store) == seconds(1)


def test_a_better_copy_takes_over(store: Store, tmp_path: Path) -> None:
    write(tmp_path, "a.md", webUrl=STORY)
    load(store, tmp_path, 0)
    write(tmp_path, "b.md", webUrl=STORY, quality=1)
    assert load(store, tmp_path, 1).changed == 1
    assert shown(store) == ["b.md"]


def test_a_worse_copy_changes_nothing(store: Store, tmp_path: Path) -> None:
    write(tmp_path, "a.md", webUrl=STORY, quality=1)
    load(store, tmp_path, 0)
    was = modified(store)
    write(tmp_path, "b.md", webUrl=STORY)
    report = load(store, tmp_path, 1)
    assert (report.changed, report.generation, report.public) == (0, 1, 2)
    assert modified(store) == was


# -- labels ----------------------------------------------------------------


def test_a_topic_is_called_what_most_records_call_it(store: Store, tmp_path: Path) -> None:
    for number, topics in enumerate((["machine learning"], ["Machine Learning"], ["ai", "Z"])):
        write(tmp_path, f"{number}.md", topics=topics)
    load(store, tmp_path, 0)
    # "M" comes before "m".
    assert tallies(store, "topic") == [
        ("ai", "ai", 1),
        ("machine-learning", "Machine Learning", 2),
        ("z", "Z", 1),
    ]
    write(tmp_path, "3.md", topics=["machine learning", "AI", "AI "])
    load(store, tmp_path, 1)
    assert tallies(store, "topic") == [
        ("ai", "AI", 2),
        ("machine-learning", "machine learning", 3),
        ("z", "Z", 1),
    ]
    (tmp_path / "2.md").unlink()
    load(store, tmp_path, 2)
    assert tallies(store, "topic") == [("ai", "AI", 1), ("machine-learning", "machine learning", 3)]


def test_only_records_that_are_shown_count(store: Store, tmp_path: Path) -> None:
    write(tmp_path, "a.md", webUrl=STORY, topics=["AI"], quality=1)
    write(tmp_path, "b.md", webUrl=STORY, topics=["ai", "Robots"])
    write(tmp_path, "c.md", topics=["ai", "Secrets"], published=False)
    load(store, tmp_path, 0)
    assert tallies(store, "topic") == [("ai", "AI", 1)]


def test_providers_may_share_a_domain(store: Store, tmp_path: Path) -> None:
    for number, name in enumerate(("Example", "Example", "EXAMPLE Learn", "Example Learn")):
        write(tmp_path, f"{number}.md", provider={"name": name, "domain": "www.Example.com"})
    write(tmp_path, "other.md", provider={"name": "Example", "domain": "example.org"})
    write(tmp_path, "none.md", provider={"name": "Example"})
    load(store, tmp_path, 0)
    assert sorted(tallies(store, "provider")) == [
        ("example", "Example", 1),
        ("example.com", "example.com", 4),
        ("example.org", "Example", 1),
    ]
    assert sorted(tallies(store, "name")) == [
        ("example.com/example", "Example", 2),
        ("example.com/example-learn", "EXAMPLE Learn", 2),
        ("example.org/example", "Example", 1),
        ("example/example", "Example", 1),
    ]


def test_a_provider_has_the_icon_that_most_records_give(store: Store, tmp_path: Path) -> None:
    def provider(icon: str) -> dict[str, Any]:
        url = f"https://static.example.com/{icon}.png"
        return {"name": "Example", "domain": "example.com", "images": [{"url": url}]}

    for number, icon in enumerate(("b", "a", "c", "c")):
        write(tmp_path, f"{number}.md", provider=provider(icon), type="article")
    write(tmp_path, "5.md", provider={"name": "Example", "domain": "example.com"})
    load(store, tmp_path, 0)
    latest = int(datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC).timestamp())
    with store.read() as reader:
        assert reader.label("provider", "example.com") == LabelCounts(
            "example.com", "Example", "https://static.example.com/c.png", 5, latest
        )
        assert reader.label("type", "articles") == LabelCounts("articles", "article", "", 4, latest)


def all_labels(store: Store) -> dict[str, tuple[str, int]]:
    """The name and number of entries of each label, those without entries too, by its slug."""
    with store.read() as reader:
        query = select(labels.c.slug, labels.c.name, labels.c.entries)
        return {slug: (name, number) for slug, name, number in reader.connection.execute(query)}


def test_a_label_outlives_its_last_entry(store: Store, tmp_path: Path) -> None:
    provider = {"name": "Example", "domain": "example.com"}
    path = write(tmp_path, "a.md", topics=["AI"], type="video", provider=provider)
    write(tmp_path, "b.md")
    load(store, tmp_path, 0)
    path.unlink()
    load(store, tmp_path, 1)
    names = {"ai": "AI", "videos": "video", "example.com": "Example"}
    names |= {"example.com/example": "Example"}
    assert all_labels(store) == {slug: (name, 0) for slug, name in names.items()}
    assert [tallies(store, kind) for kind in ("topic", "provider", "name", "type")] == [[]] * 4


@pytest.mark.parametrize("hidden", [{"removed": True}, {"deleted": True}, {"published": False}])
def test_withdrawn_records_lend_no_names(
    store: Store, tmp_path: Path, hidden: dict[str, bool]
) -> None:
    write(tmp_path, "a.md", topics=["Ai"])
    write(tmp_path, "b.md", topics=["AI", "Secret"])
    load(store, tmp_path, 0)
    write(tmp_path, "a.md", topics=["Former", "Ai"])
    load(store, tmp_path, 1)
    write(tmp_path, "a.md", topics=[])
    load(store, tmp_path, 2)
    write(tmp_path, "b.md", topics=["AI", "Secret"], **hidden)
    load(store, tmp_path, 3)
    assert all_labels(store) == {"ai": ("Ai", 0), "secret": ("", 0), "former": ("Former", 0)}
    write(tmp_path, "a.md", **hidden)  # which had them once
    load(store, tmp_path, 4)
    assert all_labels(store) == {"ai": ("", 0), "secret": ("", 0), "former": ("", 0)}
    write(tmp_path, "b.md", topics=["AI"])
    load(store, tmp_path, 5)
    assert all_labels(store)["ai"] == ("AI", 1)


def test_a_broken_file_that_hides_itself_lends_no_name(store: Store, tmp_path: Path) -> None:
    write(tmp_path, "a.md", topics=["Secret"])
    write(tmp_path, "b.md")
    load(store, tmp_path, 0)
    (tmp_path / "a.md").write_text("---\npublished: false\ntitle: [\n---\n", encoding="utf-8")
    load(store, tmp_path, 1)
    assert all_labels(store) == {"secret": ("", 0)}


def test_a_topic_that_all_entries_left_for_another_is_proposed_as_an_alias(
    store: Store, tmp_path: Path
) -> None:
    write(tmp_path, "a.md", topics=["Golang", "AI", "Old"])
    write(tmp_path, "b.md", topics=["Golang", "Kept", "Lost"])
    load(store, tmp_path, 0)
    write(tmp_path, "a.md", topics=["Go", "News"])
    assert load(store, tmp_path, 1).renamed == {}  # Golang has an entry; of two, none is proposed
    write(tmp_path, "a.md", topics=["Golang", "AI"])
    load(store, tmp_path, 2)
    write(tmp_path, "a.md", topics=["AI", "Go"])
    write(tmp_path, "b.md", topics=["Kept", "News", "Go"])
    assert load(store, tmp_path, 3).renamed == {"golang": "go"}
    assert load(store, tmp_path, 4).renamed == {}


# -- what changed, and what left ---------------------------------------------


def changed(store: Store) -> dict[str, int]:
    with store.read() as reader:
        query = select(entries.c.path, entries.c.changed)
        return {row.path: row.changed for row in reader.connection.execute(query)}


def test_an_entry_changes_when_its_content_does(store: Store, tmp_path: Path) -> None:
    write(tmp_path, "a.md")
    write(tmp_path, "b.md", updatedDateTime="2025-05-05T00:00:00Z")
    load(store, tmp_path, 0)
    first = changed(store)
    day = datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert first == {
        "a.md": int(day.timestamp()),
        "b.md": int(datetime(2025, 5, 5, tzinfo=UTC).timestamp()),
    }
    write(tmp_path, "a.md", title="Another title")
    assert load(store, tmp_path, 1).changed == 1
    assert changed(store) == first | {"a.md": seconds(1)}
    load(store, tmp_path, 2)
    assert changed(store) == first | {"a.md": seconds(1)}


@pytest.mark.parametrize("new", ["moved.md", "deep/er/a.md", "2020-02-02-a.md"])
def test_a_file_that_moves_changes_nothing_that_feeds_show(
    store: Store, tmp_path: Path, new: str
) -> None:
    path = write(tmp_path, "a.md", topics=["AI"])
    load(store, tmp_path, 0)
    before, was = modified(store), changed(store)["a.md"]
    (tmp_path / new).parent.mkdir(parents=True, exist_ok=True)
    path.rename(tmp_path / new)
    report = load(store, tmp_path, 1)
    assert (report.changed, report.generation) == (0, 1)
    assert changed(store) == {new: was}
    assert modified(store) == before


AI = Scope(topic="ai")
TIMES = Scope(provider="times.example.com")
BASE: dict[str, Any] = {
    "topics": ["AI", "Robots"],
    "type": "article",
    "provider": {"name": "Example Times", "domain": "times.example.com"},
    "publishedDateTime": "2025-06-01T00:00:00Z",
}
SCOPES = {
    "all": Scope(),
    "ai": AI,
    "robots": Scope(topic="robots"),
    "times": TIMES,
    "name": Scope(provider="times.example.com", name="example-times"),
    "ai from times": Scope(topic="ai", provider="times.example.com"),
    "ai from name": Scope(topic="ai", provider="times.example.com", name="example-times"),
    "articles": Scope(type="articles"),
}


@pytest.mark.parametrize(
    ("change", "risen"),
    [
        ({}, set()),
        ({"removed": True}, set(SCOPES)),
        ({"published": False}, set(SCOPES)),
        ({"title": "Another"}, set(SCOPES)),
        ({"publishedDateTime": "2020-01-01T00:00:00Z"}, set(SCOPES)),
        ({"type": "video"}, set(SCOPES)),
        ({"topics": ["Robots"]}, set(SCOPES)),
        ({"provider": None}, set(SCOPES)),
    ],
)
def test_every_scope_of_an_entry_that_changes_or_leaves_is_modified(
    store: Store, tmp_path: Path, change: dict[str, Any], risen: set[str]
) -> None:
    write(tmp_path, "stays.md", **BASE)
    write(tmp_path, "changes.md", **BASE)
    other = {"topics": ["C#"], "provider": {"name": "Other", "domain": "other.example.org"}}
    write(tmp_path, "other.md", **other)
    load(store, tmp_path, 0)
    before = {name: modified(store, scope) for name, scope in SCOPES.items()}
    write(tmp_path, "changes.md", **(BASE | change))
    load(store, tmp_path, 1)
    after = {name: modified(store, scope) for name, scope in SCOPES.items()}
    assert after == before | dict.fromkeys(risen, seconds(1))
    for scope in (Scope(topic="c-sharp"), Scope(provider="other.example.org")):
        assert modified(store, scope) < seconds(0)


def test_a_record_with_an_old_date_modifies_what_shows_it(store: Store, tmp_path: Path) -> None:
    for year in (2021, 2022, 2023):
        write(tmp_path, f"{year}.md", publishedDateTime=f"{year}-01-01T00:00:00Z")
    load(store, tmp_path, 0)
    with store.read() as reader:
        newest_two = Window(first=reader.page(Scope(), 2)[-1].position)
    before = modified(store, window=newest_two)
    write(tmp_path, "old.md", publishedDateTime="2001-01-01T00:00:00Z")
    load(store, tmp_path, 1)
    assert modified(store) == seconds(1)
    assert modified(store, window=newest_two) == before


def test_a_feed_that_an_entry_moved_out_of_is_modified(store: Store, tmp_path: Path) -> None:
    for year in (2021, 2022, 2023):
        write(tmp_path, f"{year}.md", publishedDateTime=f"{year}-01-01T00:00:00Z")
    load(store, tmp_path, 0)
    write(tmp_path, "2023.md", publishedDateTime="2001-01-01T00:00:00Z")
    load(store, tmp_path, 1)
    with store.read() as reader:
        rows = reader.page(Scope(), 2)
    window = Window(first=rows[-1].position)
    assert [row.changed < seconds(0) for row in rows] == [True, True]
    assert modified(store, window=window) == seconds(1)


def test_an_entry_that_leaves_below_a_feed_does_not_modify_it(store: Store, tmp_path: Path) -> None:
    for year in (2021, 2022, 2023):
        write(tmp_path, f"{year}.md", publishedDateTime=f"{year}-01-01T00:00:00Z")
    load(store, tmp_path, 0)
    with store.read() as reader:
        newest_two = Window(first=reader.page(Scope(), 2)[-1].position)
    before = modified(store, window=newest_two)
    (tmp_path / "2021.md").unlink()
    load(store, tmp_path, 1)
    assert modified(store, window=newest_two) == before
    assert modified(store) == seconds(1)


def test_an_entry_that_comes_back_and_leaves_again_is_noticed_each_time(
    store: Store, tmp_path: Path
) -> None:
    write(tmp_path, "stays.md")
    load(store, tmp_path, 0)
    for day in (1, 3):
        path = write(tmp_path, "comes.md", topics=["AI"])
        load(store, tmp_path, day)
        assert modified(store, AI) == seconds(day)
        path.unlink()
        load(store, tmp_path, day + 1)
        assert modified(store, AI) == modified(store) == seconds(day + 1)


def test_an_entry_changes_when_coverage_it_lists_is_removed(store: Store, tmp_path: Path) -> None:
    link = {"title": "Elsewhere", "webUrl": "https://news.example.com/elsewhere"}
    write(tmp_path, "a.md", related=[link])
    write(tmp_path, "b.md")
    load(store, tmp_path, 0)
    first = changed(store)
    write(tmp_path, "elsewhere.md", removed=True)
    assert load(store, tmp_path, 1).generation == 2
    assert changed(store) == first | {"a.md": seconds(1)}
    (tmp_path / "elsewhere.md").unlink()
    assert load(store, tmp_path, 2).generation == 3
    assert changed(store) == first | {"a.md": seconds(2)}


def written_by_another_version(store: Store, *statements: Executable) -> None:
    """Leave a store as a version does that has other rules."""
    with store.write() as connection:
        for statement in statements:
            connection.execute(statement)
        connection.execute(state.update().values(reading="another version"))


def found(store: Store, written: str) -> int:
    with store.read() as reader:
        return reader.count(ALL, filters=Filters(q=written))


@pytest.mark.parametrize("broken", [False, True])
def test_another_version_of_the_program_folds_all_words_anew(
    store: Store, tmp_path: Path, broken: bool
) -> None:
    for name in ("one", "other"):
        write(tmp_path, f"{name}.md", title="Crème", topics=["C++"])
    load(store, tmp_path, 0)
    before, times = dump(store), changed(store)
    if broken:  # what it said is served on, and found as all the others are
        (tmp_path / "one.md").write_text("---\ntitle: [\n")
    with store.write() as connection:
        rows = connection.execute(select(entries.c.position, entries.c.id)).all()
        fulltext.remove(connection, [tuple(row) for row in rows])
        fulltext.add(connection, [fulltext.Words(*row, "crème", "", "c") for row in rows])
    written_by_another_version(store)
    assert (found(store, "creme"), found(store, "c++")) == (0, 0)
    report = load(store, tmp_path, 1)
    assert (found(store, "creme"), found(store, "c++")) == (2, 2)
    assert (report.parsed, report.changed, report.generation) == (2, 0, 2)
    assert (dump(store), changed(store)) == (before, times)
    assert load(store, tmp_path, 2).generation == 2


def test_words_that_are_folded_as_ever_make_no_generation(store: Store, tmp_path: Path) -> None:
    write(tmp_path, "a.md")
    load(store, tmp_path, 0)
    written_by_another_version(store)
    report = load(store, tmp_path, 1)
    assert (report.parsed, report.changed, report.generation) == (1, 0, 1)


def test_another_version_of_the_program_makes_all_slugs_anew(store: Store, tmp_path: Path) -> None:
    write(tmp_path, "a.md", topics=["C++", "AI"])
    write(tmp_path, "b.md")
    load(store, tmp_path, 0)
    before, times = dump(store), changed(store)
    topic = entry_topics.c.topic == "c-plus-plus"
    written_by_another_version(
        store,
        entry_topics.update().where(topic).values(topic="c"),
        labels.update().where(labels.c.slug == "c-plus-plus").values(slug="c"),
        spellings.update().where(spellings.c.slug == "c-plus-plus").values(slug="c"),
    )
    report = load(store, tmp_path, 1)
    assert dump(store) == before
    assert tallies(store, "topic") == [("ai", "AI", 1), ("c-plus-plus", "C++", 1)]
    assert (report.changed, report.generation) == (1, 2)
    assert changed(store) == times | {"a.md": seconds(1)}  # it shows the slug
    assert modified(store, Scope("c")) == modified(store, Scope("c-plus-plus")) == seconds(1)


def test_another_version_of_the_program_names_all_anew(store: Store, tmp_path: Path) -> None:
    for number, name in enumerate(("Example", "Example", "Example Learn")):
        write(tmp_path, f"{number}.md", provider={"name": name, "domain": "example.com"})
    load(store, tmp_path, 0)
    named = labels.c.slug == "example.com"
    written_by_another_version(store, labels.update().where(named).values(name="EXAMPLE.COM"))
    report = load(store, tmp_path, 1)
    assert tallies(store, "provider") == [("example.com", "example.com", 3)]
    assert report.generation == 2
    assert load(store, tmp_path, 2).generation == 2
