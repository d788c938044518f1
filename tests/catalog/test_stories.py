"""Stories, by the addresses of their feeds."""

from pathlib import Path
from typing import Any

import pytest

from feeds import urls
from feeds.catalog import stories
from feeds.catalog.addresses import NotFound, RedirectTo
from feeds.store.database import Store
from tests.helpers.support import feed, loaded, write

pytestmark = pytest.mark.usefixtures("either")


def url(name: str) -> str:
    return f"https://news.example.com/{name}"


def id_of(name: str) -> str:
    return stories.story_id(urls.entry_id(urls.identity(url(name))))


def listed(name: str, quality: int = 1, day: str = "2024-01-02", **more: Any) -> dict[str, Any]:
    return {
        "title": f"About {name}",
        "webUrl": url(name),
        "quality": quality,
        "publishedDateTime": f"{day}T00:00:00Z",
    } | more


def story(store: Store, name: str, parameters: str = "") -> list[str]:
    """The last segments of the links of a story's entries."""
    entries = feed(store, f"/stories/{id_of(name)}/rss.xml{parameters}").entries
    return [urls.select(e.record, "canonical").rpartition("/")[2] for e in entries]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    folder = tmp_path_factory.mktemp("stories")
    write(folder, "lead.md", quality=9, related=[listed("second"), listed("x", 5), listed("y", 7)])
    write(folder, "second.md", quality=5, related=[listed("lead"), listed("third"), listed("z", 6)])
    write(folder, "third.md", quality=7, related=[listed("second"), listed("x", 9)])
    write(folder, "loner.md", quality=9, related=[listed("lead", 3)])  # which doesn't list it
    write(folder, "hidden.md", published=False, title="Secret", related=[listed("lead", 9)])
    write(
        folder,
        "old.md",
        related=[
            listed("hidden", 5, title="As others say"),
            listed("before", 9, "2023-06-01"),
            listed("after", 8, "2024-06-01"),
            listed("undated", 2, publishedDateTime=None),
        ],
    )
    write(folder, "alone.md")
    return loaded(folder)


def test_records_that_list_each_other_share_a_story_the_best_leads(store: Store) -> None:
    assert story(store, "lead") == ["lead", "third", "second", "y", "z", "x"]


@pytest.mark.parametrize("member", ["second", "third"])
def test_a_story_has_one_address(store: Store, member: str) -> None:
    with pytest.raises(RedirectTo) as elsewhere:
        story(store, member)
    assert elsewhere.value.query.story == id_of("lead")


def test_one_that_is_not_listed_back_has_a_story_of_its_own(store: Store) -> None:
    assert story(store, "loner") == ["loner", "lead"]


def test_coverage_is_windowed_by_date(store: Store) -> None:
    assert story(store, "old") == ["old", "hidden", "undated"]


def test_a_hidden_record_lends_nothing_of_its_own(store: Store) -> None:
    entry = feed(store, f"/stories/{id_of('old')}/rss.xml").entries[1]
    assert (entry.record.title, entry.record.excerpt) == ("As others say", "")
    with pytest.raises(NotFound):
        story(store, "hidden")


def test_coverage_has_the_id_that_its_record_would_have(store: Store) -> None:
    entries = feed(store, f"/stories/{id_of('old')}/rss.xml").entries
    assert [stories.story_id(entry.id) for entry in entries] == list(
        map(id_of, ["old", "hidden", "undated"])
    )


def test_a_story_may_be_its_lead_alone(store: Store) -> None:
    assert story(store, "alone") == ["alone"]


def test_a_story_turns_pages(store: Store) -> None:
    assert story(store, "lead", "?limit=4&page=2") == ["z", "x"]
    with pytest.raises(NotFound):
        story(store, "lead", "?limit=4&page=3")


def test_coverage_is_capped(tmp_path: Path) -> None:
    others = [f"{part}{n}" for part in "abc" for n in range(12)]
    for part in "abc":
        ring = [listed(other, 9) for other in "abc" if other != part]
        write(tmp_path, f"{part}.md", related=[*ring, *(listed(f"{part}{n}") for n in range(12))])
    found = story(loaded(tmp_path), _leader(tmp_path))
    assert len(found) == stories.MOST
    assert set(found) <= {"a", "b", "c", *others}
    assert len(set(found)) == len(found)


def _leader(folder: Path) -> str:
    store = loaded(folder)
    try:
        story(store, "a")
    except RedirectTo as elsewhere:
        for name in "bc":
            if elsewhere.query.story == id_of(name):
                return name
    return "a"


def test_an_unknown_story_is_not_found(store: Store) -> None:
    with pytest.raises(NotFound):
        feed(store, f"/stories/{id_of('nowhere')}/rss.xml")


def test_a_story_has_a_title_of_its_own(store: Store) -> None:
    found = feed(store, f"/stories/{id_of('lead')}/atom.xml")
    assert found.title == "A title – Example News"
    assert found.id == found.links[0].href
    assert found.page == f"https://feeds.example.org/stories/{id_of('lead')}/"
