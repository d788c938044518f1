from urllib.parse import parse_qs, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds import names
from feeds.config import MAX_LIMIT
from feeds.links import POLICIES
from feeds.query import MAX_PAGE, Addresses, BadParameter, FeedQuery, NotFound
from feeds.store import Scope

FILES = {"rss.xml": "application/rss+xml", "atom.xml": "application/atom+xml"}
ROOT = "https://feeds.example.org/news"
ADDRESSES = Addresses(ROOT, "canonical", 50, FILES)


def parse(address: str, addresses: Addresses = ADDRESSES) -> FeedQuery:
    path, _, parameters = address.partition("?")
    return addresses.parse(unquote(path), parse_qs(parameters, keep_blank_values=True))


slugs = st.from_regex(r"[a-z0-9]{1,5}(-[a-z0-9]{1,5}){0,2}", fullmatch=True)
topics = slugs.filter(lambda slug: not names.reserved(slug))  # such names get a suffix
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
    st.builds(lambda kind: Scope(type=names.type_slug(kind)), topics),
)
queries = st.builds(
    FeedQuery,
    scope=scopes,
    policy=st.sampled_from(POLICIES),
    file=st.sampled_from(["", *FILES]),
    limit=st.integers(1, MAX_LIMIT),
    page=st.integers(1, MAX_PAGE),
    month=st.none() | st.integers(1970 * 12, 2199 * 12 + 11),
)


@given(queries, st.sampled_from(POLICIES), st.integers(1, MAX_LIMIT))
def test_parse_and_path_are_inverse(query: FeedQuery, policy: str, limit: int) -> None:
    addresses = Addresses(ROOT, policy, limit, FILES)
    assert parse(addresses.path(query), addresses) == query


@given(queries)
def test_a_path_is_ascii_that_needs_no_encoding(query: FeedQuery) -> None:
    path = ADDRESSES.path(query)
    assert path.isascii()
    assert unquote(path) == path
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
        ("/original/types/videos/", FeedQuery(Scope(type="videos"), "original")),
        ("/rss.xml?limit=10", FeedQuery(file="rss.xml", limit=10)),
        ("/topics/ai/?page=3", FeedQuery(TOPIC, page=3)),
        ("/rss.xml?limit=10&page=2", FeedQuery(file="rss.xml", limit=10, page=2)),
        ("/2024/01/", FeedQuery(limit=200, month=JANUARY_2024)),
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
        ("/rss.xml?limit=50&page=1", "/rss.xml"),
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
        "/types/articles/providers/example.com/",
        "/providers/",
        "/providers/example.com/name/extra/",
        "/providers/example.com/topics/ai/",
        "/types/",
        "/amp/amp/",
        "/amp/original/",
        "/AMP/",
        "/TOPICS/ai/",
        "/rss.xml/",
        "/rss.xml/rss.xml",
        "/RSS.XML",
        "/feed.rss",
        "/favicon.ico",
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
