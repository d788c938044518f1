from datetime import date
from random import Random
from urllib.parse import parse_qs, parse_qsl, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds import slugs
from feeds.catalog.addresses import (
    MAX_PAGE,
    PICTURES,
    THEMES,
    Addresses,
    EmbedStyle,
    FeedQuery,
    NotFound,
    SiteName,
    SiteQuery,
)
from feeds.catalog.parameters import BadParameter
from feeds.config import MAX_LIMIT
from feeds.selection import NONE, Filters, Period, Scope
from feeds.urls import POLICIES

FILES = {"rss.xml": "application/rss+xml", "atom.xml": "application/atom+xml"}
ROOT = "https://feeds.example.org/news"
ADDRESSES = Addresses(ROOT, "canonical", 50, FILES)


def parse(address: str, addresses: Addresses = ADDRESSES) -> FeedQuery:
    path, _, parameters = address.partition("?")
    return addresses.feed(unquote(path), parse_qs(parameters, keep_blank_values=True))


segments = st.from_regex(r"[a-z0-9]{1,5}(-[a-z0-9]{1,5}){0,2}", fullmatch=True)
topics = segments.filter(lambda slug: not slugs.reserved(slug))  # such names get a suffix
domains = st.sampled_from(
    [
        "example.com",
        "a.b.example.org",
        "xn--bcher-kva.example",
        "rss.xml",
        "10.0.0.1",
        "x_y.example",
    ]
)
providers = domains | topics
scopes = st.one_of(
    st.just(Scope()),
    st.builds(lambda topic: Scope(topic=topic), topics),
    st.builds(lambda provider: Scope(provider=provider), providers),
    st.builds(lambda p, name: Scope(provider=p, name=name), providers, topics),
    st.builds(lambda topic, p: Scope(topic=topic, provider=p), topics, providers),
    st.builds(lambda t, p, name: Scope(topic=t, provider=p, name=name), topics, providers, topics),
    st.builds(lambda kind: Scope(type=slugs.type_slug(kind)), topics),
)
several_topics = st.lists(topics, min_size=2, max_size=3, unique=True).map(sorted).map(tuple)
several = st.lists(domains, min_size=2, max_size=3, unique=True).map(sorted).map(tuple)
narrowed = st.builds(
    Filters,
    topic=st.just(()) | several_topics,
    provider=st.just(()) | several,
    type=st.sampled_from([(), ("articles", "videos")]),
    exclude_topic=st.just(()) | several_topics | topics.map(lambda topic: (topic,)),
    exclude_provider=st.just(()) | several,
    exclude_type=st.sampled_from([(), ("videos",)]),
    min_quality=st.integers(0, 1_000_000),
    min_heat=st.integers(0, 1_000_000),
    since=st.sampled_from(["", "7d", "3650d", "1970-01-01", "2199-12-31"]),
    until=st.sampled_from(["", "1970-01-01", "2199-12-31"]),
    per_provider=st.integers(0, 200),
    q=st.sampled_from(["", "a b", '"a+b" -c&d=e#f', "größe %20"]),
    sort=st.sampled_from(["newest", "heat"]),
)


def unfolded(filters: Filters, scope: Scope) -> Filters:
    """Filters without those that say what the scope says."""
    for name in ("topic", "provider", "type"):
        if getattr(scope, name) in getattr(filters, name):
            filters = filters.without(name)
    return filters


plain_queries = st.builds(
    FeedQuery,
    scope=scopes,
    policy=st.sampled_from(POLICIES),
    file=st.sampled_from(["", *FILES]),
    limit=st.integers(1, MAX_LIMIT),
    page=st.integers(1, MAX_PAGE),
    month=st.none() | st.integers(1970 * 12, 2199 * 12 + 11),
    story=st.just(""),
    filters=st.just(NONE),
    style=st.none(),
    exact=st.just(False),
    content=st.just(""),
    digest=st.just(""),
    period=st.none(),
)
queries = st.one_of(
    plain_queries,
    st.builds(
        FeedQuery,
        scope=scopes,
        policy=st.sampled_from(POLICIES),
        file=st.sampled_from([*FILES]),
        limit=st.just(50),
        page=st.just(1),
        month=st.none(),
        story=st.just(""),
        filters=st.just(NONE),
        style=st.none(),
        exact=st.just(False),
        content=st.sampled_from(["", "title"]),
        digest=st.sampled_from(["daily", "weekly"]),
        period=st.none(),
    ),
    st.builds(
        lambda query, filters: query._replace(filters=unfolded(filters, query.scope)),
        plain_queries,
        narrowed,
    ),
    st.builds(
        lambda query, story: query._replace(scope=Scope(), month=None, story=str(story)),
        plain_queries,
        st.uuids(),
    ),
    st.builds(
        lambda query, filters, style: query._replace(
            filters=unfolded(filters, query.scope), style=style, file="", page=1, month=None
        ),
        plain_queries,
        narrowed,
        st.builds(
            EmbedStyle,
            theme=st.sampled_from(THEMES),
            accent=st.sampled_from(["", "0a6e5c", "ffffff"]),
            pictures=st.sampled_from(PICTURES),
        ),
    ),
)


@given(queries, st.sampled_from(POLICIES), st.integers(1, MAX_LIMIT))
def test_parse_and_path_are_inverse(query: FeedQuery, policy: str, limit: int) -> None:
    addresses = Addresses(ROOT, policy, limit, FILES)
    query = query._replace(limit=limit) if query.digest else query
    assert parse(addresses.path(query), addresses) == query


@given(queries, st.randoms(use_true_random=False))
def test_an_address_is_canonical_in_its_own_order_alone(query: FeedQuery, random: Random) -> None:
    path, _, parameters = ADDRESSES.path(query).partition("?")
    asked = parse_qsl(parameters)
    assert ADDRESSES.is_canonical(query, path, [("utm_x", ""), *asked, ("x", "y")])
    shuffled = random.sample(asked, len(asked))
    assert ADDRESSES.is_canonical(query, path, shuffled) == (shuffled == asked)
    assert not ADDRESSES.is_canonical(query, path, [*asked, ("page", "1")])
    assert not ADDRESSES.is_canonical(query, f"{path}/", asked)


@given(
    scopes,
    st.sampled_from(POLICIES),
    st.sampled_from([*FILES]),
    st.dates(),
    st.booleans(),
    st.integers(0, 20),
    st.data(),
)
def test_archives_have_addresses_of_their_own(
    scope: Scope, policy: str, file: str, day: date, is_day: bool, bits: int, data: st.DataObject
) -> None:
    part = data.draw(st.integers(1, 1 << bits))
    period = Period(day.year, day.month, day.day if is_day else 0, part, 1 << bits)
    query = FeedQuery(scope, policy, file, ADDRESSES.limit, period=period)
    if (period.year, period.month, is_day) != (9999, 12, False):
        assert parse(ADDRESSES.path(query)) == query


@given(queries)
def test_a_path_is_ascii_that_needs_no_encoding(query: FeedQuery) -> None:
    path = ADDRESSES.path(query)
    assert path.isascii()
    assert unquote(path.partition("?")[0]) == path.partition("?")[0]
    assert ADDRESSES.url(query) == ROOT + path


@given(st.text() | st.from_regex(r"(/(topics|providers|types|amp|\.\.|2024|01|[^/]{0,9})){1,5}/?"))
def test_any_path_is_understood_or_not_found(path: str) -> None:
    try:
        query = ADDRESSES.parse(path, {})
    except NotFound:
        return
    assert parse(ADDRESSES.path(query)) == query


TOPIC, PROVIDER = Scope(topic="ai"), Scope(provider="example.com")
JANUARY_2024 = 2024 * 12


@pytest.mark.parametrize(
    ("address", "query"),
    [
        ("/", FeedQuery()),
        ("/rss.xml", FeedQuery(file="rss.xml")),
        ("/atom.xml", FeedQuery(file="atom.xml")),
        ("/topics/ai/", FeedQuery(TOPIC)),
        ("/topics/ai/rss.xml", FeedQuery(TOPIC, file="rss.xml")),
        ("/topics/c-plus-plus/", FeedQuery(Scope(topic="c-plus-plus"))),
        ("/providers/example.com/atom.xml", FeedQuery(PROVIDER, file="atom.xml")),
        ("/providers/nobody-s-news/", FeedQuery(Scope(provider="nobody-s-news"))),
        ("/providers/example.com/learn/", FeedQuery(PROVIDER._replace(name="learn"))),
        ("/topics/ai/providers/example.com/", FeedQuery(TOPIC._replace(provider="example.com"))),
        (
            "/topics/ai/providers/example.com/learn/rss.xml",
            FeedQuery(Scope("ai", "example.com", "learn"), file="rss.xml"),
        ),
        ("/types/articles/", FeedQuery(Scope(type="articles"))),
        ("/amp/", FeedQuery(policy="amp")),
        ("/amp-cache/topics/ai/rss.xml", FeedQuery(TOPIC, "amp-cache", "rss.xml")),
        ("/collections/start-here/", FeedQuery(Scope(collection="start-here"))),
        (
            "/collections/a-b/2024/01/",
            FeedQuery(Scope(collection="a-b"), limit=200, month=JANUARY_2024),
        ),
        ("/original/types/videos/", FeedQuery(Scope(type="videos"), "original")),
        ("/rss.xml?limit=10", FeedQuery(file="rss.xml", limit=10)),
        ("/topics/ai/?page=3", FeedQuery(TOPIC, page=3)),
        ("/rss.xml?limit=50", FeedQuery(file="rss.xml", exact=True)),
        ("/rss.xml?limit=10&page=2", FeedQuery(file="rss.xml", limit=10, page=2)),
        ("/2024/01/", FeedQuery(limit=200, month=JANUARY_2024)),
        ("/archive/2024-01/rss.xml", FeedQuery(file="rss.xml", period=Period(2024, 1))),
        ("/amp/topics/archive/archive/2024-01-31/3-of-16/rss.xml",
         FeedQuery(Scope("archive"), "amp", "rss.xml", period=Period(2024, 1, 31, 3, 16))),
        ("/providers/archive/2024-01/rss.xml",
         FeedQuery(Scope(provider="archive", name="2024-01"), file="rss.xml")),
        ("/amp/topics/ai/2024/12/rss.xml",
         FeedQuery(TOPIC, "amp", "rss.xml", limit=200, month=JANUARY_2024 + 11)),
    ],
)  # fmt: skip
def test_each_address_means_one_feed_which_has_that_address(address: str, query: FeedQuery) -> None:
    assert parse(address) == query
    assert ADDRESSES.path(query) == address


@pytest.mark.parametrize(
    ("spelling", "canonical"),
    [
        ("", "/"),
        ("/topics/ai", "/topics/ai/"),
        ("/topics/AI/", "/topics/ai/"),
        ("/topics/Open Data/rss.xml", "/topics/open-data/rss.xml"),
        ("/topics/C++/", "/topics/c-plus-plus/"),
        ("/topics/C%23/atom.xml", "/topics/c-sharp/atom.xml"),
        ("/topics/.NET/", "/topics/dot-net/"),
        ("/providers/WWW.Example.COM/", "/providers/example.com/"),
        ("/providers/example.com./", "/providers/example.com/"),
        ("/providers/bücher.example/", "/providers/xn--bcher-kva.example/"),
        ("/providers/Nobody's News/", "/providers/nobody-s-news/"),
        ("/providers/example.com/Example Learn/", "/providers/example.com/example-learn/"),
        ("/types/Articles/", "/types/articles/"),
        ("/canonical/topics/ai/", "/topics/ai/"),
        ("/rss.xml?limit=050&page=1", "/rss.xml?limit=50"),
        ("/rss.xml?limit=9&content=title", "/rss.xml?content=title&limit=9"),
        ("/rss.xml?content=full", "/rss.xml"),
        ("/?content=title", "/"),
        ("/amp/topics/AI/digest/daily/rss.xml?page=2", "/amp/topics/ai/digest/daily/rss.xml"),
        ("/digest/weekly/", "/"),
        ("/?limit=50&page=1", "/"),
        ("/rss.xml?page=2&limit=010", "/rss.xml?limit=10&page=2"),
        ("/rss.xml?utm_source=x&page=2&nobody=knows", "/rss.xml?page=2"),
        ("/topics/ai/2024/01/rss.xml?limit=200", "/topics/ai/2024/01/rss.xml"),
    ],
)
def test_another_spelling_leads_to_the_canonical_address(spelling: str, canonical: str) -> None:
    assert ADDRESSES.path(parse(spelling)) == canonical


def test_the_default_policy_and_limit_are_not_said() -> None:
    addresses = Addresses(ROOT, "amp", 20, FILES)
    assert addresses.path(FeedQuery(policy="amp", limit=20)) == "/"
    assert addresses.path(FeedQuery(policy="canonical", limit=50)) == "/canonical/?limit=50"
    assert parse("/amp/topics/ai/", addresses) == parse("/topics/ai/", addresses)


LIMIT = "limit accepts a whole number from 1 to 200"
PAGE = "page accepts a whole number from 1 to 100,000"


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ("limit=0", LIMIT),
        ("limit=201", LIMIT),
        ("limit=-1", LIMIT),
        ("limit=", LIMIT),
        ("limit=all", LIMIT),
        ("limit=1.5", LIMIT),
        ("limit=%2B5", LIMIT),
        ("limit=5%0A", LIMIT),
        ("limit=%D9%A5", LIMIT),
        ("limit=" + "9" * 5000, LIMIT),
        ("content=body", "content accepts full, excerpt or title"),
        ("page=0", PAGE),
        ("page=100001", PAGE),
        ("page=two", PAGE),
        ("page=1&page=2", "page is given 2 times; give it once"),
        ("limit=5&limit=5&limit=5", "limit is given 3 times; give it once"),
    ],
)
def test_a_bad_parameter_is_refused_with_what_it_accepts(parameters: str, message: str) -> None:
    with pytest.raises(BadParameter) as raised:
        parse(f"/rss.xml?{parameters}")
    assert str(raised.value) == message


@pytest.mark.parametrize(
    "path",
    [
        "//",
        "/topics",
        "/topics/",
        "/topics//",
        "/topics//rss.xml",
        "/topics/ai//",
        "//topics/ai/",
        "/topics/ai/extra/",
        "/topics/ai/types/articles/",
        "/topics/ai/digest/monthly/",
        "/2024/01/digest/daily/rss.xml",
        "/embed/digest/daily/",
        "/types/articles/providers/example.com/",
        "/providers/",
        "/providers/example.com/name/extra/",
        "/providers/example.com/topics/ai/",
        "/types/",
        "/collections/",
        "/collections/a/topics/ai/",
        "/topics/ai/collections/a/",
        "/amp/amp/",
        "/amp/original/",
        "/AMP/",
        "/TOPICS/ai/",
        "/rss.xml/",
        "/rss.xml/rss.xml",
        "/RSS.XML",
        "/feed.rss",
        "/favicon.gif",
        "/..",
        "/../../etc/passwd",
        "/topics/ai/../../x/y",
        "/\x00",
        "/topics/ai/\r\nX: y/",
        "/" + "a" * 10_000,
        "/topics/" + "a" * 10_000 + "/",
        "/x" * 5_000,
        "/2024/",
        "/2024/1/",
        "/2024/13/",
        "/2024/00/",
        "/0001/01/",
        "/2024/01/topics/ai/",
        "/2024/01/2024/01/",
    ],
    ids=lambda path: ascii(path[:30]),
)
def test_a_hostile_or_unknown_path_is_not_found(path: str) -> None:
    with pytest.raises(NotFound):
        ADDRESSES.parse(path, {})


@pytest.mark.parametrize(
    "segment", ["..", ".", "%2e%2e", "\x00", "a\nb", "<script>", "' OR 1=1", "\udcff", "[::1]", "@"]
)
def test_a_hostile_name_becomes_a_harmless_slug(segment: str) -> None:
    for path in (f"/topics/{segment}/", f"/providers/{segment}/", f"/types/{segment}/"):
        canonical = ADDRESSES.path(ADDRESSES.parse(path, {}))
        assert set(canonical) <= set("abcdefghijklmnopqrstuvwxyz0123456789-/")


SINCE = "since accepts a date such as 2026-05-19, or days up to 3650d, such as 7d"
STORY = "6fa459ea-ee8a-5ca4-894e-db77e160355e"


@pytest.mark.parametrize(
    ("address", "canonical"),
    [
        ("/?topic=AI", "/topics/ai/"),
        ("/rss.xml?topic=ai&provider=Example.com", "/topics/ai/providers/example.com/rss.xml"),
        ("/?type=video", "/types/videos/"),
        ("/?type=video&topic=ai", "/topics/ai/?type=videos"),
        ("/types/videos/?type=video&type=article", "/types/videos/"),
        ("/types/videos/?topic=ai", "/types/videos/?topic=ai"),
        ("/collections/Start%20here/?topic=ai", "/collections/start-here/?topic=ai"),
        ("/topics/ai/?topic=robotics&topic=ai", "/topics/ai/"),
        ("/topics/ai/?topic=robotics", "/topics/ai/?topic=robotics"),
        ("/?topic=b&topic=A", "/?topic=a&topic=b"),
        ("/?sort=newest&min_quality=0&since=&q=", "/"),
        ("/?utm_source=x&min_heat=10&min_quality=5", "/?min_quality=5&min_heat=10"),
        ("/?q=++Solar%20%20power+", "/?q=Solar+power"),
        (
            "/?per_provider=03&q=a&until=2024-02-29&exclude_type=Video&min_heat=1",
            "/?exclude_type=videos&min_heat=1&until=2024-02-29&q=a&per_provider=3",
        ),
        ("/?exclude_topic=C%2B%2B", "/?exclude_topic=c-plus-plus"),
        ("/?since=2024-02-29", "/?since=2024-02-29"),
        (f"/stories/{STORY.upper()}/atom.xml?min_quality=9", f"/stories/{STORY}/atom.xml"),
        ("/embed/topics/ai/?theme=auto&accent=%23FFaa00", "/embed/topics/ai/?accent=ffaa00"),
        ("/embed/amp/?page=3&limit=5", "/embed/amp/"),
    ],
)
def test_filters_have_one_form(address: str, canonical: str) -> None:
    assert ADDRESSES.path(parse(address)) == canonical


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ("min_quality=x", "min_quality accepts a whole number from 0 to 1,000,000"),
        ("min_heat=-1", "min_heat accepts a whole number from 0 to 1,000,000"),
        ("min_heat=1&min_heat=2", "min_heat is given 2 times; give it once"),
        ("sort=oldest", "sort accepts newest, heat or relevance"),
        ("sort=relevance", "sort=relevance needs q, the words to look for"),
        ("since=2023-02-29", SINCE),
        ("since=0d", SINCE),
        ("until=7d", "until accepts a date such as 2026-05-19"),
        ("per_provider=201", "per_provider accepts a whole number from 0 to 200"),
        ("since=9999d", SINCE),
        ("q=...", "q needs a word to look for, of letters or digits"),
        ("q=-out", "q needs a word to look for, of letters or digits"),
        ("q=" + "a" * 201, "q accepts at most 200 characters"),
        ("q=" + "+".join("abcdefghijklm"), "q accepts at most 12 words"),
        (
            "&".join(f"topic=t{n}" for n in range(21)),
            "topic is given 21 times; at most 20 are accepted",
        ),
        ("provider=" + "p" * 256, "provider accepts names of at most 255 characters"),
    ],
)  # fmt: skip
def test_a_bad_filter_says_what_is_accepted(parameters: str, message: str) -> None:
    with pytest.raises(BadParameter) as error:
        parse("/rss.xml?" + parameters)
    assert str(error.value) == message


@pytest.mark.parametrize("bad", ["accent=red", "accent=12345g", "theme=pink"])
def test_a_bad_look_says_what_is_accepted(bad: str) -> None:
    with pytest.raises(BadParameter, match=r"^(accent|theme) accepts "):
        parse("/embed/?" + bad)


@pytest.mark.parametrize("path", ["/stories/", "/stories/x/", f"/stories/{STORY}/2024/01/"])
def test_other_addresses_of_stories_are_not_found(path: str) -> None:
    with pytest.raises(NotFound):
        parse(path)


SITE = {
    "feeds.opml": SiteName(policy=True, format=True, filters=True),
    "robots.txt": SiteName(),
}


@pytest.mark.parametrize(
    ("address", "query", "canonical"),
    [
        ("/feeds.opml", SiteQuery("feeds.opml"), "/feeds.opml"),
        ("/amp/feeds.opml", SiteQuery("feeds.opml", "amp"), "/amp/feeds.opml"),
        (
            "/feeds.opml?format=atom&x=y",
            SiteQuery("feeds.opml", format="atom.xml"),
            "/feeds.opml?format=atom",
        ),
        ("/canonical/feeds.opml", SiteQuery("feeds.opml"), "/feeds.opml"),
        (
            "/feeds.opml?format=atom&since=7d&type=Video&min_quality=050&page=3",
            SiteQuery(
                "feeds.opml",
                format="atom.xml",
                filters=Filters(type=("videos",), min_quality=50, since="7d"),
            ),
            "/feeds.opml?type=videos&min_quality=50&since=7d&format=atom",
        ),
        ("/robots.txt?format=atom", SiteQuery("robots.txt"), "/robots.txt"),
        ("/robots.txt?min_quality=x", SiteQuery("robots.txt"), "/robots.txt"),
    ],
)
def test_documents_about_the_feeds_have_addresses(
    address: str, query: SiteQuery, canonical: str
) -> None:
    addresses = Addresses(ROOT, "canonical", 50, FILES, SITE)
    path, _, parameters = address.partition("?")
    assert addresses.parse(path, parse_qs(parameters)) == query
    assert addresses.path(query) == canonical


def test_a_format_that_no_feed_has_is_refused() -> None:
    addresses = Addresses(ROOT, "canonical", 50, FILES, SITE)
    with pytest.raises(BadParameter, match="format accepts rss or atom"):
        addresses.parse("/feeds.opml", {"format": ["xml"]})
    with pytest.raises(BadParameter, match="min_heat accepts a whole number"):
        addresses.parse("/feeds.opml", {"min_heat": ["hot"]})
    with pytest.raises(NotFound):
        addresses.parse("/amp/robots.txt", {})


def test_json_feeds_are_listed_by_the_name_of_their_form() -> None:
    files = FILES | {"feed.json": "application/feed+json"}
    addresses = Addresses(ROOT, "canonical", 50, files, SITE)
    query = SiteQuery("feeds.opml", format="feed.json")
    assert addresses.parse("/feeds.opml", {"format": ["json"]}) == query
    assert addresses.path(query) == "/feeds.opml?format=json"
