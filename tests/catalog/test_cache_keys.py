"""Which keys documents carry, and that those of what a load changed are just those that differ."""

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs

import pytest

from feeds.catalog import addresses, archives, cache_keys
from feeds.catalog.addresses import NotFound, RedirectTo
from feeds.follower import changed_keys
from feeds.loading import loader
from feeds.selection import Filters, SavedFilter
from feeds.serving.document_store import DocumentStore
from feeds.serving.documents import Document
from feeds.store.database import Store
from tests.helpers.databases import databases
from tests.helpers.server import application, call, get, news
from tests.helpers.support import CONFIG, write

pytestmark = pytest.mark.usefixtures("either")

START: Final = datetime(2026, 3, 1, 23, 45, tzinfo=UTC)  # a day ends soon, and is closed
SMALL: Final = replace(CONFIG, limit=5, window=0)
TOPICS: Final = ("AI", "Robots", "Space")
SAVED: Final = {"good": SavedFilter("Good", "", Filters(topic=("ai", "space"), min_quality=3))}
PROVIDERS: Final = (("Example Times", "times.example"), ("Daily", "daily.example"))


def keys_of(document: Document) -> set[str]:
    said = dict(document.headers)
    assert said["Surrogate-Key"] == said["xkey"]
    return set(said["xkey"].split())


class Site:
    """A folder that changes, the documents made of it, and the keys of what a load changed."""

    def __init__(self, folder: Path, window: int = 0) -> None:
        self.config = replace(SMALL, window=window)
        self.pause = timedelta(minutes=40 if window else 1)  # between loads
        self.folder = folder
        folder.mkdir()
        self.store = Store(databases.fresh())
        self.site = DocumentStore(self.store, self.config)
        self.now = START
        self.rows: dict[str, dict[str, Any]] = {}

    def put(self, name: str, **said: Any) -> None:
        self.rows[name] = self.rows.get(name, {"title": f"Story {name}"}) | said
        write(self.folder, f"{name}.md", **self.rows[name])

    def enlist(self, names: list[str]) -> None:
        write(self.folder, "list.md", title="List", type="collection", items=names)

    def drop(self, name: str) -> None:
        del self.rows[name]
        (self.folder / f"{name}.md").unlink()

    def load(self) -> set[str]:
        """Loads, and returns the keys of what that changed."""
        with self.store.read() as reader:
            before = reader.state().loaded
        self.now += self.pause
        loader.load(self.store, self.folder, now=self.now, saved=SAVED)
        self.site.watch.look_again()
        with self.store.read() as reader:
            return changed_keys.changed(reader, before, self.config)

    def document(self, address: str) -> Document | None:
        path, _, parameters = address.partition("?")
        try:
            return self.site.document(self.site.addresses.parse(path, parse_qs(parameters)))
        except (NotFound, RedirectTo):
            return None

    def addresses(self) -> Iterator[str]:
        scopes = ["/", *(f"/topics/{t.lower()}/" for t in TOPICS), "/types/articles/"]
        scopes += [f"/providers/{key}/" for _, key in PROVIDERS]
        scopes += [f"/topics/ai/providers/{key}/" for _, key in PROVIDERS]
        scopes += ["/collections/good/", "/collections/list/"]
        for scope in scopes:
            yield from (f"{scope}{file}" for file in ("rss.xml", "feed.json"))
            yield from (f"{scope}atom.xml{more}" for more in ("", "?page=2", "?limit=2"))
            yield from (f"{scope}2024/{month:02}/atom.xml" for month in range(1, 6))
            periods = [f"2024-{month:02}" for month in range(1, 6)]
            periods += ["2024-02-14", "2026-03-01", "2026-03-02", "2026-03"]
            yield from (f"{scope}archive/{period}/atom.xml" for period in periods)
            yield f"{scope}archive/2026-03-01/1-of-2/atom.xml"
            yield from (f"{scope}rss.xml?{more}" for more in ("min_quality=5", "per_provider=1"))
            yield f"{scope}atom.xml?content=title"
            yield from (f"{scope}digest/{digest}/atom.xml" for digest in addresses.DIGESTS)
            yield f"/embed{scope}"
        yield from ("/", "/topics/ai/", "/feeds.opml", "/feeds.json", "/sitemap.xml", "/about/")
        yield "/amp/topics/ai/rss.xml"

    def documents(self) -> dict[str, Document]:
        found = {address: self.document(address) for address in self.addresses()}
        return {address: document for address, document in found.items() if document}


def shown(document: Document) -> tuple[bytes, str, str | None]:
    return document.body, document.last_modified, dict(document.headers).get("Link")


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """One whose feeds have no window."""
    return Site(tmp_path / "news")


@pytest.fixture(params=[0, 2], ids=["no window", "two hours"])
def any_site(tmp_path: Path, request: pytest.FixtureRequest) -> Site:
    return Site(tmp_path / "news", request.param)


def story(number: int, chosen: random.Random) -> dict[str, Any]:
    """What a record may say, by chance."""
    name, domain = chosen.choice(PROVIDERS)
    return {
        "publishedDateTime": f"2024-{1 + number // 6:02}-{1 + chosen.randrange(27):02}T00:00:00Z",
        "topics": sorted(chosen.sample(TOPICS, chosen.randrange(1, 3))),
        "provider": {"name": name, "domain": domain},
        "type": chosen.choice(["article", "video"]),
        "quality": chosen.randrange(10),
    }


def change(site: Site, chosen: random.Random, number: int) -> None:
    """One change of the folder, by chance."""
    name = chosen.choice(sorted(site.rows))
    match chosen.randrange(8):
        case 0:
            site.put(f"new-{number}", **story(28, chosen))
        case 1:
            site.put(f"old-{number}", **story(chosen.randrange(12), chosen))
        case 2:
            site.put(name, title=f"Story {name}, corrected {number}")
        case 3:
            site.drop(name)
        case 4:
            site.put(name, topics=chosen.sample(TOPICS, chosen.randrange(0, 3)))
        case 5:
            site.put(name, **story(chosen.randrange(30), chosen))
        case 6:
            site.enlist(chosen.sample(sorted(site.rows), chosen.randrange(1, 9)))
        case _:
            site.put(name, title=f"Story {name}")  # mostly as it was


@pytest.mark.slow
def test_what_a_load_made_different_is_purged_and_feeds_that_are_as_they_were_are_not(
    any_site: Site, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    site = any_site
    for module in (addresses, changed_keys):
        monkeypatch.setattr(module, "MAX_LIMIT", 3)  # so that months turn pages
    monkeypatch.setattr(archives, "PART", 2)
    chosen = random.Random(seed)  # noqa: S311 - the same every time
    for number in range(24):
        site.put(f"story-{number}", **story(number, chosen))
    site.enlist(["story-9", "story-20", "story-1", "story-3", "story-4", "story-5"])
    site.load()
    different = purged_in_vain = kept = 0
    before = site.documents()
    rounds = 16 if site.store.file else 4  # PostgreSQL takes ten times as long
    for round_ in range(rounds):
        for _ in range(chosen.choice([1, 1, 2])):
            change(site, chosen, round_)
        purged = site.load()
        after = site.documents()
        for address, document in before.items():
            is_purged = bool(keys_of(document) & purged)
            now = after.get(address)
            if now is None or shown(now) != shown(document):
                assert is_purged, f"{address} differs: {keys_of(document)}, {sorted(purged)}"
                different += 1
            elif any(
                part in address for part in ("?", "/embed", "/digest")
            ) or cache_keys.ANY in keys_of(document):
                pass  # these are purged with the feed of their scope, or with any change
            else:
                purged_in_vain += is_purged
                kept += not is_purged
        before = after
    assert different > 20 * rounds
    assert purged_in_vain < kept / 10  # with pages of three entries, of which one changed


@pytest.mark.slow
def test_whatever_was_kept_since_the_mark_is_purged_when_it_differs_by_now(
    any_site: Site, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    site = any_site
    for module in (addresses, changed_keys):
        monkeypatch.setattr(module, "MAX_LIMIT", 3)
    monkeypatch.setattr(archives, "PART", 2)
    chosen = random.Random(seed)  # noqa: S311 - the same every time
    for number in range(18):
        site.put(f"story-{number}", **story(number, chosen))
    site.load()
    for round_ in range(3 if site.store.file else 1):
        with site.store.read() as reader:
            mark = reader.state().loaded
        kept = []
        for step in range(4):
            kept.append(site.documents())
            change(site, chosen, round_ * 4 + step)
            site.load()
        now = site.documents()
        with site.store.read() as reader:
            purged = changed_keys.changed(reader, mark, site.config)
        different = [
            keys_of(document)
            for documents in kept
            for address, document in documents.items()
            if address not in now or shown(now[address]) != shown(document)
        ]
        assert different
        assert all(keys & purged for keys in different)


def test_a_number_of_entries_that_was_there_between_two_loads_is_purged(site: Site) -> None:
    for number in range(1, 8):
        site.put(str(number), publishedDateTime=f"2024-01-0{number}")
    site.load()
    with site.store.read() as reader:
        mark = reader.state().loaded
    site.put("old", publishedDateTime="2023-01-01")  # below what feeds show
    site.load()
    kept = site.document("/feed.json")
    site.drop("old")
    site.load()
    now = site.document("/feed.json")
    rss = site.document("/rss.xml")
    assert kept
    assert now
    assert rss
    assert kept.body != now.body
    with site.store.read() as reader:
        purged = changed_keys.changed(reader, mark, SMALL)
    came = {"/archive/2026-03/", "/archive/2026-03-01/"}
    assert purged == {"any", "/?", "/feed.json", "/2023/01/", "/2024/01/", "/"} | came
    assert keys_of(rss) & purged  # which led to the archive of the day


def test_a_topic_that_is_called_something_else_takes_all_with_it_that_show_it(site: Site) -> None:
    for number, topics in enumerate([["AI", "Space"], ["AI"], ["AI"], ["Robots"]]):
        date = f"2024-0{number + 1}-01T00:00:00Z"
        site.put(str(number), topics=topics, publishedDateTime=date, type="article")
    site.load()
    before = site.documents()
    site.put("0", topics=["ai", "Space"])
    site.put("1", topics=["ai"])
    purged = site.load()
    assert {"topic/ai", "topics"} <= purged
    after = site.documents()
    assert after["/2024/03/atom.xml"].body != before["/2024/03/atom.xml"].body
    for address, document in before.items():
        is_same = address in after and shown(after[address]) == shown(document)
        assert is_same or keys_of(document) & purged, address
        if address.startswith(("/topics/robots/2024", "/2024/04")):
            assert is_same
            assert not keys_of(document) & purged


def test_a_load_of_very_many_changes_purges_everything(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changed_keys, "_MOST", 5)
    site.put("first")
    site.load()
    for number in range(5):
        site.put(f"some-{number}")
    assert cache_keys.ALL not in site.load()
    for number in range(6):
        site.put(f"more-{number}")
    assert site.load() == {cache_keys.ALL}


def test_documents_carry_their_scope_and_the_topics_and_providers_in_them(site: Site) -> None:
    name, domain = PROVIDERS[0]
    site.put("1", topics=["AI", "C++"], provider={"name": name, "domain": domain}, type="article")
    site.load()
    shown = {"topic/ai", "topic/c-plus-plus", f"provider/{domain}"}
    expected = {
        "/rss.xml": {"all", "/"} | shown,
        "/amp/rss.xml": {"all", "/"} | shown,
        "/feed.json": {"all", "/", "/feed.json"} | shown,
        "/rss.xml?limit=7": {"all", "/?"} | shown,
        "/rss.xml?min_quality=0&exclude_topic=space": {"all", "any", "topic/space"} | shown,
        f"/topics/ai/providers/{domain}/atom.xml": {"all", f"/topics/ai/providers/{domain}/"}
        | shown,
        "/types/articles/2024/01/atom.xml": {"all", "/types/articles/2024/01/"} | shown,
        "/types/articles/2024/01/atom.xml?limit=7": {"all", "any"} | shown,
        "/archive/2024-01/atom.xml": {"all", "/archive/2024-01/"} | shown,
        "/archive/2024-01-02/atom.xml": {"all", "/archive/2024-01-02/"} | shown,
        "/embed/topics/ai/": {"all", "/topics/ai/"} | shown,
        "/topics/ai/": {"all", "any"} | shown,
        "/feeds.opml": {"all", "any"},
        "/about/": {"all"},
        "/static/headlines.js": {"all"},
    }
    for address, keys in expected.items():
        document = site.document(address)
        assert document is not None, address
        assert keys_of(document) == keys, address


def test_the_headers_are_bounded_and_what_is_left_out_is_still_purged(site: Site) -> None:
    for number in range(5):
        topics = [f"A topic of many words, number {number}-{at}" for at in range(12)]
        site.put(str(number), topics=topics)
    site.load()
    document = site.document("/rss.xml")
    assert document is not None
    assert keys_of(document) == {"all", "/", "topics"}
    assert cache_keys.with_crowded(["topic/ai", "all"]) == ["topic/ai", "all", "topics"]


@pytest.mark.parametrize("key", ["", "two words", "a,b", "line\nbreak", "é", "x" * 300])
def test_what_is_no_key_is_refused(key: str) -> None:
    with pytest.raises(cache_keys.KeyProblem, match="is no key"):
        cache_keys.checked(key)


def test_200_and_304_carry_the_same_keys_and_so_do_redirects(tmp_path: Path) -> None:
    app = application(news(tmp_path / "news"))
    for address in ("/rss.xml", "/topics/ai/"):
        first = get(app, address)
        assert first.code == 200
        for _ in range(2):  # the long way, then from what is prepared
            again = get(app, address, if_none_match=str(first.get("ETag")))
            assert again.code == 304
            assert again.get("xkey") == first.get("xkey")
            assert again.get("Surrogate-Key") == first.get("Surrogate-Key")
    moved = get(app, "/topics/AI/rss.xml")
    assert (moved.code, moved.get("xkey")) == (308, "all any")
    assert get(app, "/oembed?url=https://feeds.example.org/").get("xkey") == "all any"
    assert call(app.wsgi_app, "/nothing.xml").get("xkey") is None


def test_a_setting_leaves_the_keys_out(tmp_path: Path) -> None:
    app = application(news(tmp_path / "news"), surrogate_keys="off")
    answer = get(app, "/rss.xml")
    assert (answer.code, answer.get("xkey"), answer.get("Surrogate-Key")) == (200, None, None)
