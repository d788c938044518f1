from feeds.rendering import navigation
from feeds.rendering.navigation import ActivityChart, FeedGroup, FeedLink
from feeds.selection import Scope

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
    assert navigation.sketch([(JANUARY, 3)]) is None


def test_months_are_listed_by_year_the_newest_year_first() -> None:
    months = [(JANUARY + 13, 1), (JANUARY + 12, 2), (JANUARY + 5, 3)]
    assert navigation.years(months) == [
        (2025, [(JANUARY + 12, 2), (JANUARY + 13, 1)]),
        (2024, [(JANUARY + 5, 3)]),
    ]


def test_a_shelf_is_sorted_by_name_whatever_the_case() -> None:
    places = [FeedLink(Scope(topic=name.lower()), name, 1) for name in ("Web", "ai", "C++")]
    assert [place.name for place in FeedGroup("topics", "Topics", places).by_name] == [
        "ai",
        "C++",
        "Web",
    ]
