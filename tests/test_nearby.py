from feeds import nearby
from feeds.nearby import Place, Shelf, Sketch
from feeds.scope import Scope

JANUARY = 2024 * 12


def test_a_sketch_has_a_bar_for_each_month_with_entries_up_to_the_newest() -> None:
    assert nearby.sketch([(JANUARY + 3, 4), (JANUARY + 1, 1), (JANUARY, 2)]) == Sketch(
        "M4 40v-20M12 40v-10M28 40v-40",
        32,
        40,
        "Entries by month, January 2024 to April 2024; 4 at most",
    )


def test_a_sketch_shows_two_years_at_most_and_a_few_entries_among_many() -> None:
    found = nearby.sketch([(JANUARY, 1000), (JANUARY - 23, 1), (JANUARY - 24, 5)])
    assert found is not None
    assert (found.path, found.width) == ("M4 40v-2M188 40v-40", 24 * 8)


def test_one_month_is_no_activity_to_sketch() -> None:
    assert nearby.sketch([]) is None
    assert nearby.sketch([(JANUARY, 3)]) is None


def test_months_are_listed_by_year_the_newest_year_first() -> None:
    months = [(JANUARY + 13, 1), (JANUARY + 12, 2), (JANUARY + 5, 3)]
    assert nearby.years(months) == [
        (2025, [(JANUARY + 12, 2), (JANUARY + 13, 1)]),
        (2024, [(JANUARY + 5, 3)]),
    ]


def test_a_shelf_is_sorted_by_name_whatever_the_case() -> None:
    places = [Place(Scope(topic=name.lower()), name, 1) for name in ("Web", "ai", "C++")]
    assert [place.name for place in Shelf("topics", "Topics", places).by_name] == [
        "ai",
        "C++",
        "Web",
    ]
