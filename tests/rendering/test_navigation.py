from pathlib import Path

from feeds.catalog.titles import NO_MONTH
from feeds.rendering import navigation
from feeds.rendering.navigation import ActivityChart, FeedGroup, FeedLink
from feeds.selection import Scope
from tests.helpers.support import loaded, write

JANUARY = 2024 * 12


def test_a_sketch_has_a_bar_for_each_month_with_entries_up_to_the_newest() -> None:
    assert navigation.sketch([(JANUARY + 3, 4), (JANUARY + 1, 1), (JANUARY, 2)]) == ActivityChart(
        "M4 40v-20M12 40v-10M28 40v-40",
        32,
        40,
        "Entries by month, January 2024 to April 2024; 4 at most",
    )


def test_a_sketch_shows_two_years_at_most_and_a_few_entries_among_many() -> None:
    found = navigation.sketch([(JANUARY, 1000), (JANUARY - 23, 1), (JANUARY - 24, 5)])
    assert found is not None
    assert (found.path, found.width) == ("M4 40v-2M188 40v-40", 24 * 8)


def test_one_month_is_no_activity_to_sketch() -> None:
    assert navigation.sketch([]) is None
    assert navigation.sketch([(JANUARY, 3), (NO_MONTH, 2)]) is None


def test_months_are_listed_by_year_the_newest_year_first() -> None:
    months = [(JANUARY + 13, 1), (JANUARY + 12, 2), (JANUARY + 5, 3), (NO_MONTH, 4)]
    assert navigation.years(months) == [
        (2025, [(JANUARY + 12, 2), (JANUARY + 13, 1)]),
        (2024, [(JANUARY + 5, 3)]),
        (0, [(NO_MONTH, 4)]),
    ]


def test_collections_are_a_group_where_there_are_any(tmp_path: Path) -> None:
    write(tmp_path, "a.md", publishedDateTime="2024-01-01")
    for name in ("One", "Two"):
        write(tmp_path, f"{name}.md", webUrl=None, title=name, type="collection", items=["a"])
    store = loaded(tmp_path)
    one, two = (FeedLink(Scope(collection=n.lower()), n, 1, "", 1704067200) for n in ("One", "Two"))
    with store.read() as reader:
        assert navigation.index(reader)[-1] == FeedGroup("collections", "Collections", [one, two])
        other = FeedGroup("collections", "Other collections", [two])
        assert navigation.around(reader, one.scope) == [other]
    for name in ("One", "Two"):
        (tmp_path / f"{name}.md").unlink()
    with loaded(tmp_path).read() as reader:
        assert [group.id for group in navigation.index(reader)] == ["topics", "providers", "types"]


def test_a_shelf_is_sorted_by_name_whatever_the_case() -> None:
    places = [FeedLink(Scope(topic=name.lower()), name, 1) for name in ("Web", "ai", "C++")]
    assert [place.name for place in FeedGroup("topics", "Topics", places).by_name] == [
        "ai",
        "C++",
        "Web",
    ]
