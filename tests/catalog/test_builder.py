import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from feeds import selection, urls
from feeds.catalog import builder
from feeds.catalog.addresses import NotFound
from feeds.catalog.builder import Listed
from feeds.model import UNKNOWN_TIME, Image, Link
from feeds.rendering.assets import ASSETS
from feeds.selection import Scope
from feeds.store.database import Store
from feeds.urls import POLICIES
from tests.helpers.support import CONFIG, SEEDS, feed, loaded, write

pytestmark = pytest.mark.usefixtures("either")

TIMES = {"name": "Example Times", "domain": "www.times.example.com"}
LEARN = {"name": "Example", "domain": "learn.example.org"}
SCHOOL = {"name": "Example School", "domain": "learn.example.org"}


@pytest.fixture(scope="module")
def news(tmp_path_factory: pytest.TempPathFactory) -> Store:
    folder = tmp_path_factory.mktemp("records")
    day = "2024-01-{:02}T00:00:00Z".format
    write(
        folder,
        "a.md",
        type="article",
        provider=TIMES,
        topics=["AI"],
        publishedDateTime=day(1),
        updatedDateTime=day(9),
    )
    write(
        folder,
        "b.md",
        type="article",
        provider=TIMES,
        topics=["ai", "C++"],
        publishedDateTime=day(2),
    )
    write(folder, "c.md", type="video", provider=LEARN, topics=["AI"], publishedDateTime=day(3))
    write(folder, "d.md", type="open event", provider=SCHOOL, publishedDateTime=day(4))
    write(folder, "e.md", provider={"name": "Nobody's News"}, publishedDateTime=day(5))
    write(
        folder,
        "hidden.md",
        type="secret",
        provider={"name": "Hidden"},
        topics=["Hidden"],
        published=False,
    )
    return loaded(folder)  # fmt: skip


def paths(news: Store, address: str) -> list[str]:
    return [entry.record.path for entry in feed(news, address).entries]


@pytest.mark.parametrize(
    ("folder", "title", "entries"),
    [
        ("/", "Example News", ["e.md", "d.md", "c.md", "b.md", "a.md"]),
        ("/topics/ai/", "AI – Example News", ["c.md", "b.md", "a.md"]),
        ("/topics/c-plus-plus/", "C++ – Example News", ["b.md"]),
        ("/providers/times.example.com/", "Example Times – Example News", ["b.md", "a.md"]),
        ("/providers/nobody-s-news/", "Nobody's News – Example News", ["e.md"]),
        ("/providers/learn.example.org/", "learn.example.org – Example News", ["d.md", "c.md"]),
        ("/providers/learn.example.org/example/", "Example – Example News", ["c.md"]),
        (
            "/providers/learn.example.org/example-school/",
            "Example School – Example News",
            ["d.md"],
        ),
        (
            "/topics/ai/providers/times.example.com/",
            "AI from Example Times – Example News",
            ["b.md", "a.md"],
        ),
        (
            "/topics/ai/providers/learn.example.org/example/",
            "AI from Example – Example News",
            ["c.md"],
        ),
        ("/types/articles/", "Articles – Example News", ["b.md", "a.md"]),
        ("/types/open-events/", "Open events – Example News", ["d.md"]),
    ],
)
@pytest.mark.parametrize("file", ["rss.xml", "atom.xml", "feed.json", ""])
def test_a_feed_has_the_title_address_and_entries_of_its_scope(
    news: Store, folder: str, title: str, entries: list[str], file: str
) -> None:
    found = feed(news, folder + file)
    media_type = {
        "rss.xml": "application/rss+xml",
        "atom.xml": "application/atom+xml",
        "feed.json": "application/feed+json",
    }
    assert found.title == title
    assert [entry.record.path for entry in found.entries] == entries
    assert found.total == len(entries)
    assert found.id == CONFIG.base_url + folder + file
    assert found.page == CONFIG.base_url + folder
    assert found.links[0] == Link("self", found.id, media_type.get(file, "text/html"))
    assert found.language == "en"
    assert found.description == (
        CONFIG.description if folder == "/" else f"{title}: {CONFIG.description}"
    )


@pytest.mark.parametrize(
    ("policy", "title"),
    [
        ("original", "AI – Example News (original links)"),
        ("amp", "AI – Example News (AMP)"),
        ("amp-cache", "AI – Example News (AMP cache)"),
    ],
)
def test_a_feed_under_another_policy_says_so(news: Store, policy: str, title: str) -> None:
    found = feed(news, f"/{policy}/topics/ai/rss.xml")
    assert (found.title, found.policy) == (title, policy)
    assert found.id == f"{CONFIG.base_url}/{policy}/topics/ai/rss.xml"


def test_the_default_policy_goes_without_saying(news: Store) -> None:
    config = replace(CONFIG, links="amp")
    found = feed(news, "/topics/ai/rss.xml", config)
    assert (found.title, found.policy) == ("AI – Example News", "amp")
    assert found.id == f"{CONFIG.base_url}/topics/ai/rss.xml"


@pytest.mark.parametrize("policy", POLICIES)
def test_a_policy_changes_no_entry(news: Store, policy: str) -> None:
    assert feed(news, f"/{policy}/rss.xml").entries == feed(news).entries


def test_hubs_are_announced_after_self(news: Store) -> None:
    hubs = ("https://hub.example.org/", "https://hub.example.net/")
    links = feed(news, "/rss.xml", replace(CONFIG, hubs=hubs)).links
    assert [link.rel for link in links[:3]] == ["self", "hub", "hub"]
    assert tuple(link.href for link in links[1:3]) == hubs


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("/topics/none/rss.xml", "there is no topic called none"),
        ("/topics/hidden/rss.xml", "there is no topic called hidden"),
        ("/providers/none.example/rss.xml", "there is no provider called none.example"),
        ("/providers/hidden/rss.xml", "there is no provider called hidden"),
        (
            "/providers/learn.example.org/none/rss.xml",
            "there is no provider called learn.example.org/none",
        ),
        ("/types/secrets/rss.xml", "there is no type called secrets"),
        ("/types/sonnets/rss.xml", "there is no type called sonnets"),
        (
            "/topics/none/providers/times.example.com/rss.xml",
            "there is no topic called none",
        ),
        (
            "/topics/c-plus-plus/providers/learn.example.org/rss.xml",
            "no entry has both C++ and learn.example.org",
        ),
        (
            "/topics/ai/providers/learn.example.org/example-school/rss.xml",
            "no entry has both AI and Example School",
        ),
        ("/rss.xml?page=2", "page 2 is past the last; there are 5 entries"),
        ("/topics/ai/rss.xml?page=4&limit=1", "page 4 is past the last; there are 3 entries"),
    ],
)
def test_what_nobody_has_is_not_found_by_its_name(news: Store, address: str, message: str) -> None:
    with pytest.raises(NotFound) as raised:
        feed(news, address)
    assert str(raised.value) == message


@pytest.mark.parametrize(
    ("address", "entries"),
    [
        ("/rss.xml?limit=2", ["e.md", "d.md"]),
        ("/rss.xml?limit=2&page=2", ["c.md", "b.md"]),
        ("/rss.xml?limit=2&page=3", ["a.md"]),
        ("/topics/ai/rss.xml?limit=1&page=3", ["a.md"]),
    ],
)
def test_a_page_goes_on_where_the_one_before_it_ends(
    news: Store, address: str, entries: list[str]
) -> None:
    assert paths(news, address) == entries


def test_a_page_says_which_it_is(news: Store) -> None:
    assert feed(news, "/rss.xml?limit=2&page=3").title == "Example News, page 3"
    assert feed(news, "/amp/rss.xml?limit=2&page=2").title == "Example News (AMP), page 2"


def test_a_feed_is_as_new_as_its_newest_update(news: Store) -> None:
    found = feed(news, "/topics/ai/rss.xml")
    assert found.updated.isoformat() == "2024-01-09T00:00:00+00:00"
    assert found.updated == max(entry.updated for entry in found.entries)


def test_an_empty_collection_has_an_empty_feed(tmp_path: Path) -> None:
    found = feed(loaded(tmp_path))
    assert (found.entries, found.total, found.updated) == ((), 0, UNKNOWN_TIME)


def test_entries_of_one_second_keep_their_order_wherever_their_files_are(tmp_path: Path) -> None:
    def ids(name: Callable[[int], str]) -> list[str]:
        folder = tmp_path / name(0)
        for number in range(20):
            write(folder, name(number), webUrl=f"https://news.example.com/{number}")
        return [entry.id for entry in feed(loaded(folder)).entries]

    forwards, backwards = ids("{:02}.md".format), ids(lambda number: f"{99 - number}.md")
    assert forwards == backwards
    assert forwards == sorted(forwards, key=lambda id_: -selection.position(0, id_))
    assert len(set(forwards)) == 20


def test_copies_of_one_url_are_one_entry(tmp_path: Path) -> None:
    url = "https://news.example.com/story"
    write(tmp_path, "a.md", webUrl=f"{url}?utm_source=x", quality=1)
    write(tmp_path, "b.md", webUrl=url, quality=2)
    assert paths(loaded(tmp_path), "/rss.xml") == ["b.md"]


def test_a_topic_has_the_name_that_most_records_give_it(tmp_path: Path) -> None:
    for number, spelling in enumerate(["open data", "Open Data", "Open Data"]):
        write(tmp_path, f"{number}.md", topics=[spelling])
    found = feed(loaded(tmp_path), "/topics/open-data/rss.xml")
    assert found.title == "Open Data – Example News"
    assert {label.name for entry in found.entries for label in entry.topics} == {"Open Data"}


def test_an_entry_lists_its_topics_in_the_order_of_its_record(tmp_path: Path) -> None:
    write(tmp_path, "a.md", topics=["Zoo", "C++", "AI", "c++"])
    (entry,) = feed(loaded(tmp_path)).entries
    assert [label.slug for label in entry.topics] == ["zoo", "c-plus-plus", "ai"]


def related(*names: str) -> list[dict[str, Any]]:
    return [{"title": name, "webUrl": f"https://news.example.com/{name}"} for name in names]


def test_removed_coverage_is_not_listed_as_related(tmp_path: Path) -> None:
    write(tmp_path, "lead.md", related=related("good", "gone"))
    before = feed(loaded(tmp_path)).entries[0]
    write(tmp_path, "gone.md", removed=True)
    (after,) = feed(loaded(tmp_path)).entries
    assert [link.title for link in before.record.related] == ["good", "gone"]
    assert [link.title for link in after.record.related] == ["good"]
    assert after.id == before.id
    assert after.version != before.version


def test_an_entry_has_another_version_when_the_name_of_a_topic_changes(tmp_path: Path) -> None:
    write(tmp_path, "a.md", topics=["open data"])
    before = feed(loaded(tmp_path)).entries[0]
    for number in range(2):
        write(tmp_path, f"{number}.md", topics=["Open Data"], publishedDateTime="2023-01-01")
    after = feed(loaded(tmp_path)).entries[0]
    assert (before.id, before.record) == (after.id, after.record)
    assert before.version != after.version


def test_the_catalogue_lists_every_feed_with_its_entries(news: Store) -> None:
    with news.read() as reader:
        found = builder.scopes(reader)
    times, learn = "times.example.com", "learn.example.org"

    def day(number: int) -> int:
        return int(datetime(2024, 1, number, tzinfo=UTC).timestamp())

    assert found == [
        Listed(Scope(), "Everything", 5, day(5)),
        Listed(Scope(topic="ai"), "AI", 3, day(3)),
        Listed(Scope(topic="c-plus-plus"), "C++", 1, day(2)),
        Listed(Scope(provider=times), "Example Times", 2, day(2)),
        Listed(Scope(provider=learn), "learn.example.org", 2, day(4)),
        Listed(Scope(provider=learn, name="example"), "Example", 1, day(3)),
        Listed(Scope(provider=learn, name="example-school"), "Example School", 1, day(4)),
        Listed(Scope(provider="nobody-s-news"), "Nobody's News", 1, day(5)),
        Listed(Scope(topic="ai", provider=learn), "AI from learn.example.org", 1, day(3)),
        Listed(Scope(topic="ai", provider=learn, name="example"), "AI from Example", 1, day(3)),
        Listed(Scope(topic="ai", provider=times), "AI from Example Times", 2, day(2)),
        Listed(Scope(topic="c-plus-plus", provider=times), "C++ from Example Times", 1, day(2)),
        Listed(Scope(type="articles"), "Articles", 2, day(2)),
        Listed(Scope(type="open-events"), "Open events", 1, day(4)),
        Listed(Scope(type="videos"), "Videos", 1, day(3)),
    ]


def test_no_two_feeds_have_one_title(news: Store) -> None:
    with news.read() as reader:
        titles = [feed.title for feed in builder.scopes(reader)]
    assert len(set(titles)) == len(titles)


def test_only_domains_that_several_share_have_providers_by_name(news: Store) -> None:
    with news.read() as reader:
        found = builder.names_by_provider(reader)
    assert {key: [name.name for name in several] for key, several in found.items()} == {
        "learn.example.org": ["Example", "Example School"]
    }


@pytest.fixture(scope="module")
def of_few(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Two in three entries of one provider, a few of others, some of none."""
    folder = tmp_path_factory.mktemp("few")
    for number in range(40):
        host = "times" if number % 3 else "abcd"[number % 4]
        provider = {"name": host.title(), "domain": f"{host}.example"} if number % 8 else None
        fields = {"provider": provider} if provider else {}
        write(
            folder,
            f"{number:02}.md",
            title=f"Story {number}" if number % 5 else f"A story, a story {number}",
            topics=["AI"] if number % 2 else ["Space"],
            heat=number * 7 % 40,
            publishedDateTime=f"2024-0{1 + number % 2}-{1 + number // 2:02}T00:00:00Z",
            **fields,
        )
    names = [f"{number:02}" for number in range(30)]
    write(folder, "l.md", type="collection", items=names, webUrl=None, title="List")
    return loaded(folder)


@pytest.mark.parametrize("number", [1, 2, 30])
@pytest.mark.parametrize(
    "asked",
    [
        "/rss.xml?",
        "/rss.xml?sort=heat&",
        "/topics/ai/rss.xml?",
        "/providers/times.example/rss.xml?sort=heat&",
        "/2024/02/rss.xml?",
        "/rss.xml?q=story&since=2024-01-05&until=2024-02-10&",
        "/topics/space/rss.xml?q=story&sort=relevance&",
        "/collections/list/rss.xml?",
        "/collections/list/rss.xml?sort=heat&exclude_topic=ai&",
    ],
)
def test_all_pages_together_have_a_providers_first_entries(
    of_few: Store, asked: str, number: int
) -> None:
    found: dict[str, int] = {}
    expected = []
    for entry in feed(of_few, f"{asked}limit=200").entries:
        found[entry.provider] = found.get(entry.provider, 0) + 1
        if not entry.provider or found[entry.provider] <= number:
            expected.append(entry.record.path)
    assert expected
    pages = range(1, -(-len(expected) // 3) + 1)
    turned = [feed(of_few, f"{asked}per_provider={number}&limit=3&page={page}") for page in pages]
    assert [entry.record.path for page in turned for entry in page.entries] == expected
    assert {page.total for page in turned} == {len(expected)}
    with pytest.raises(NotFound):
        feed(of_few, f"{asked}per_provider={number}&limit=3&page={len(pages) + 1}")


def test_days_and_types_may_be_left_out(news: Store) -> None:
    assert paths(news, "/rss.xml?until=2024-01-03") == ["c.md", "b.md", "a.md"]
    assert paths(news, "/rss.xml?since=2024-01-02&until=2024-01-02") == ["b.md"]
    assert paths(news, "/2024/01/rss.xml?until=2024-01-01") == ["a.md"]
    assert paths(news, "/rss.xml?exclude_type=Article&exclude_type=videos") == ["e.md", "d.md"]
    with pytest.raises(NotFound):
        feed(news, "/2024/01/rss.xml?until=2023-12-31")


def test_a_record_can_name_what_lies_beside_the_feeds(tmp_path: Path) -> None:
    write(tmp_path, "a.md", images=[{"url": "https://feeds.example/static/sample-eye.svg"}])
    config = replace(CONFIG, base_url="https://example.org/news")
    (entry,) = feed(loaded(tmp_path), "/rss.xml", config).entries
    assert entry.record.images == (Image("https://example.org/news/static/sample-eye.svg"),)


def test_the_pictures_of_the_samples_are_there() -> None:
    texts = [path.read_text(encoding="utf-8") for path in SEEDS.rglob("*.md")]
    named = {name for text in texts for name in re.findall(f'{urls.HERE}([^"]+)', text)}
    assert named == {name for name in ASSETS if name.startswith("static/sample-")}
