import re
from itertools import product
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from feeds import urls
from feeds.model import Record
from feeds.records import parser
from tests.helpers.support import SEEDS

ORIGINAL = "https://example.org/original?ref=a"
WEB = "https://example.com/web?utm_source=b"
AMP = "https://amp.example.com/amp?ref=c"
CACHE = "https://cache.example.net/amp-cache"
CANONICAL = "https://example.com/web"


class Urls(NamedTuple):
    original: str = ""
    web: str = ""
    amp: str = ""
    amp_cache: str = ""


# Which of the four URLs a record has -> what each policy links, in the order of POLICIES.
POLICY_TABLE: list[tuple[Urls, tuple[str, str, str, str]]] = [
    (Urls(ORIGINAL, WEB, AMP, CACHE), (CANONICAL, ORIGINAL, AMP, CACHE)),
    (Urls(ORIGINAL, WEB, AMP, ""), (CANONICAL, ORIGINAL, AMP, AMP)),
    (Urls(ORIGINAL, WEB, "", CACHE), (CANONICAL, ORIGINAL, CANONICAL, CACHE)),
    (Urls(ORIGINAL, WEB, "", ""), (CANONICAL, ORIGINAL, CANONICAL, CANONICAL)),
    (Urls(ORIGINAL, "", AMP, CACHE), ("https://example.org/original", ORIGINAL, AMP, CACHE)),
    (Urls(ORIGINAL, "", AMP, ""), ("https://example.org/original", ORIGINAL, AMP, AMP)),
    (
        Urls(ORIGINAL, "", "", CACHE),
        ("https://example.org/original", ORIGINAL, "https://example.org/original", CACHE),
    ),
    (
        Urls(ORIGINAL, "", "", ""),
        (
            "https://example.org/original",
            ORIGINAL,
            "https://example.org/original",
            "https://example.org/original",
        ),
    ),
    (Urls("", WEB, AMP, CACHE), (CANONICAL, WEB, AMP, CACHE)),
    (Urls("", WEB, AMP, ""), (CANONICAL, WEB, AMP, AMP)),
    (Urls("", WEB, "", CACHE), (CANONICAL, WEB, CANONICAL, CACHE)),
    (Urls("", WEB, "", ""), (CANONICAL, WEB, CANONICAL, CANONICAL)),
    (
        Urls("", "", AMP, CACHE),
        ("https://amp.example.com/amp", "https://amp.example.com/amp", AMP, CACHE),
    ),
    (
        Urls("", "", AMP, ""),
        ("https://amp.example.com/amp", "https://amp.example.com/amp", AMP, AMP),
    ),
    (Urls("", "", "", CACHE), (CACHE, CACHE, CACHE, CACHE)),
]


def test_the_policy_table_has_every_combination_of_urls() -> None:
    possible = {tuple(c) for c in product((True, False), repeat=4) if any(c)}
    assert {tuple(map(bool, urls)) for urls, _ in POLICY_TABLE} == possible


@pytest.mark.parametrize(("record", "expected"), POLICY_TABLE)
def test_a_policy_selects_its_url_or_the_next_best(
    record: Urls, expected: tuple[str, str, str, str]
) -> None:
    assert tuple(urls.select(record, policy) for policy in urls.POLICIES) == expected


def test_an_unknown_policy_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"^no link policy is called 'AMP'; there are canonical, "):
        urls.select(Urls(web=WEB), "AMP")


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("https://example.com", "https://example.com/"),
        ("https://example.com?a=1", "https://example.com/?a=1"),
        ("https://example.com/?", "https://example.com/"),
        ("https://example.com/#", "https://example.com/"),
        ("https://example.com/a#b c", "https://example.com/a#b%20c"),
        (" https://example.com/a\n", "https://example.com/a"),
        ("HTTPS://Example.COM/Path", "https://example.com/Path"),
        ("https://example.com./a", "https://example.com/a"),
        ("https://example.com/a b", "https://example.com/a%20b"),
        ("https://example.com/\"a\"'b'", "https://example.com/%22a%22'b'"),
        (
            "https://example.com/<a>[b]{c}|d^e`f",
            "https://example.com/%3Ca%3E%5Bb%5D%7Bc%7D%7Cd%5Ee%60f",
        ),
        ("https://example.com/é?ü=ñ#ß", "https://example.com/%C3%A9?%C3%BC=%C3%B1#%C3%9F"),
        ("https://example.com/日本", "https://example.com/%E6%97%A5%E6%9C%AC"),
        ("https://example.com/a\u202eb", "https://example.com/a%E2%80%AEb"),
        ("https://example.com/100%", "https://example.com/100%25"),
        ("https://example.com/%zz%2", "https://example.com/%25zz%252"),
        ("https://example.com/%?a=%#b", "https://example.com/%25?a=%25#b"),
        ("https://example.com/a?b=%#c", "https://example.com/a?b=%25#c"),
        ("https://example.com/a%20b%e9", "https://example.com/a%20b%e9"),
        ("https://bücher.example/", "https://xn--bcher-kva.example/"),
        ("https://BÜCHER.example/", "https://xn--bcher-kva.example/"),
        ("https://ß.example/", "https://xn--zca.example/"),
        ("https://例え。example/", "https://xn--r8jz45g.example/"),
        ("https://xn--bcher-kva.example/", "https://xn--bcher-kva.example/"),
        ("https://example.com:443/", "https://example.com/"),
        ("http://example.com:80/", "http://example.com/"),
        ("https://example.com:80/", "https://example.com:80/"),
        ("http://example.com:8080/a", "http://example.com:8080/a"),
        ("https://example.com:/a", "https://example.com/a"),
        ("https://192.0.2.1/", "https://192.0.2.1/"),
        ("https://[2001:DB8::1]:8443/", "https://[2001:db8::1]:8443/"),
        ("https://a_b.example/", "https://a_b.example/"),
        ("https://example.com/a?utm_source=b&ref=c", "https://example.com/a?utm_source=b&ref=c"),
        ("https://example.com/a/../b", "https://example.com/a/../b"),
        ("https://example.com//a;b=c", "https://example.com//a;b=c"),
    ],
)
def test_a_url_is_made_a_valid_uri(raw: str, expected: str) -> None:
    assert urls.clean(raw) == expected


NOT_WEB = "is not a web address; it must begin with https:// or http://"
CONTROLS = "has control characters or backslashes; percent-encode them"
CREDENTIALS = "carries credentials; leave out what stands before the @"
BAD_HOST = "has an impossible host name; write one such as example.com"


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ("", NOT_WEB),
        ("story", NOT_WEB),
        ("/story", NOT_WEB),
        ("//example.com/story", NOT_WEB),
        ("example.com/story", NOT_WEB),
        ("http:example.com", NOT_WEB),
        ("https://", NOT_WEB),
        ("https:///story", NOT_WEB),
        ("javascript:alert(1)", NOT_WEB),
        ("JavaScript://example.com/%0aalert(1)", NOT_WEB),
        ("data:text/html,<script>alert(1)</script>", NOT_WEB),
        ("ftp://example.com/", NOT_WEB),
        ("feed:https://example.com/", NOT_WEB),
        ("mailto:desk@example.com", NOT_WEB),
        ("https://user:secret@example.com/", CREDENTIALS),
        ("https://user@example.com/", CREDENTIALS),
        ("https://@example.com/", CREDENTIALS),
        ("https://example.com/a\tb", CONTROLS),
        ("https://example.com/a\r\nb", CONTROLS),
        ("java\nscript:alert(1)", CONTROLS),
        ("\x01https://example.com/", CONTROLS),
        ("https://example.com/\x00", CONTROLS),
        ("https://example.com/\x7f", CONTROLS),
        ("https://example.com/\x85", CONTROLS),
        ("https://example.com/\ud800", CONTROLS),
        ("https://example.com\\@example.org/", CONTROLS),
        ("https://exa mple.com/", BAD_HOST),
        ("https://exa%6dple.com/", BAD_HOST),
        ("https://-a.example/", BAD_HOST),
        ("https://a..example/", BAD_HOST),
        ("https://.example.com/", BAD_HOST),
        ("https://a'b.example/", BAD_HOST),
        (f"https://{'a' * 64}.example/", BAD_HOST),
        (f"https://{'a.' * 127}example/", BAD_HOST),
        ("https://[v1.x]/", BAD_HOST),
        ("https://[fe80::1%eth0]/", BAD_HOST),
        ('https://[fe80::1%"><b>]/', BAD_HOST),
    ],
)
def test_what_is_no_web_address_is_refused(raw: str, message: str) -> None:
    with pytest.raises(ValueError, match=rf"^{re.escape(message)}\Z"):
        urls.clean(raw)


@pytest.mark.parametrize(
    "raw",
    [
        "https://example.com:99999/",
        "https://example.com:a/",
        "https://example.com:+80/",
        "https://[::1",
        "https://[::zz]/",
        "https://a℀b.example/",
    ],
)
def test_what_cannot_be_parsed_is_no_url(raw: str) -> None:
    with pytest.raises(ValueError, match=r"^is not a URL \("):
        urls.clean(raw)


def test_an_impossible_international_host_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^has an impossible host name \(.*U\+1F600"):
        urls.clean("https://😀.example/")


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("/a", "https://example.com/a"),
        ("a b.png", "https://example.com/news/a%20b.png"),
        ("../a", "https://example.com/a"),
        ("?a=1", "https://example.com/news/story?a=1"),
        ("#a", "https://example.com/news/story?q=1#a"),
        ("//example.org/a", "https://example.org/a"),
        ("http://example.org", "http://example.org/"),
        ("", "https://example.com/news/story?q=1"),
    ],
)
def test_a_relative_url_is_joined_to_its_base(raw: str, expected: str) -> None:
    assert urls.clean(raw, "https://example.com/news/story?q=1") == expected


@pytest.mark.parametrize(
    ("raw", "message"),
    [("javascript:alert(1)", NOT_WEB), ("//[", "is not a URL (Invalid IPv6 URL)")],
)
def test_a_base_makes_no_bad_url_good(raw: str, message: str) -> None:
    with pytest.raises(ValueError, match=rf"^{re.escape(message)}\Z"):
        urls.clean(raw, "https://example.com/")


# Pieces that URLs trip over, so that random text is not all refused at once.
_PIECES = st.sampled_from(
    ["https://", "http://", "//", "example.com", "é", "%", "%2", "%20", "?", "#", "/", "..", "@",
     ":", ":80", ":443", "[", "]", "::1", "&", "=", " ", "\t", "\\", "\x00", "\ud800", "。", "."]
)  # fmt: skip
_URLS = st.one_of(
    st.text(),
    st.lists(st.one_of(_PIECES, st.text(max_size=3))).map("".join),
    st.lists(st.one_of(_PIECES, st.text(max_size=3))).map(
        lambda pieces: "https://example.com" + "".join(pieces)
    ),
)


@given(_URLS)
@example("https://example.com/\ud800")
@example("https://[v1.x]/")
def test_cleaning_twice_is_cleaning_once(raw: str) -> None:
    try:
        once = urls.clean(raw)
    except ValueError:
        return
    assert urls.clean(once) == once


@given(_URLS, st.sampled_from(["", "https://example.com/a/b?c#d"]))
def test_a_clean_url_has_only_characters_that_a_uri_may_have(raw: str, base: str) -> None:
    try:
        cleaned = urls.clean(raw, base)
    except ValueError:
        return
    assert cleaned.startswith(("https://", "http://"))
    assert cleaned.isascii()
    assert cleaned.isprintable()
    assert not set(cleaned) & set(' "<>\\^`{|}')


# Frozen: ids of entries that readers know are made from these. A line may be
# added here, never changed.
IDENTITIES = [
    ("https://example.com/a", "https://example.com/a"),
    ("https://example.com/a/", "https://example.com/a/"),
    ("https://www.example.com/a", "https://www.example.com/a"),
    ("http://example.com/a", "http://example.com/a"),
    ("https://example.com/a#top", "https://example.com/a#top"),
    ("https://example.com/?b=2&a=1", "https://example.com/?b=2&a=1"),
    ("https://example.com/?a=1&a=1", "https://example.com/?a=1&a=1"),
    ("https://example.com/?a&b=", "https://example.com/?a&b="),
    ("https://example.com/?&a=1&&b=2&", "https://example.com/?a=1&b=2"),
    ("https://example.com/?ref=x", "https://example.com/"),
    ("https://example.com/?REF=x&a=1", "https://example.com/?a=1"),
    ("https://example.com/?ref", "https://example.com/"),
    ("https://example.com/?a=ref", "https://example.com/?a=ref"),
    ("https://example.com/?reference=x", "https://example.com/?reference=x"),
    ("https://example.com/?xref=x", "https://example.com/?xref=x"),
    ("https://example.com/?a=1&utm_source=x&utm_medium=y#b", "https://example.com/?a=1#b"),
    ("https://example.com/?utm_source=x#b", "https://example.com/#b"),
    ("https://example.com/?utm=x", "https://example.com/?utm=x"),
    ("https://example.com/?itm_campaign=x", "https://example.com/"),
    ("https://example.com/?fbclid=x&gclid=x&gclsrc=x&dclid=x", "https://example.com/"),
    ("https://example.com/?msclkid=x&yclid=x&igshid=x", "https://example.com/"),
    ("https://example.com/?mc_cid=x&mc_eid=x", "https://example.com/"),
    ("https://example.com/?gbraid=x", "https://example.com/?gbraid=x"),
    ("https://example.com/?wbraid=x&twclid=x", "https://example.com/?wbraid=x&twclid=x"),
    ("https://example.com/?ttclid=x&li_fat_id=x", "https://example.com/?ttclid=x&li_fat_id=x"),
    ("https://example.com/?_hsenc=x&_hsmi=x", "https://example.com/?_hsenc=x&_hsmi=x"),
    ("https://example.com/?mkt_tok=x&vero_id=x", "https://example.com/?mkt_tok=x&vero_id=x"),
    ("https://example.com/?oly_enc_id=x", "https://example.com/?oly_enc_id=x"),
    ("https://example.com/a#?ref=x", "https://example.com/a#?ref=x"),
]


@pytest.mark.parametrize(("url", "expected"), IDENTITIES)
def test_identities_are_frozen(url: str, expected: str) -> None:
    assert urls.identity(urls.clean(url)) == expected


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://example.com/?utm_source=x&a=1&ref=y", "https://example.com/?a=1"),
        ("https://example.com/?gbraid=x&wbraid=x&twclid=x&ttclid=x", "https://example.com/"),
        ("https://example.com/?li_fat_id=x&_hsenc=x&_hsmi=x&mkt_tok=x", "https://example.com/"),
        ("https://example.com/?vero_id=x&oly_enc_id=x#a", "https://example.com/#a"),
        ("https://example.com/?a=1;ref=2", "https://example.com/?a=1;ref=2"),
    ],
)
def test_a_link_loses_every_known_tracking_parameter(url: str, expected: str) -> None:
    assert urls.untracked(url) == expected


@pytest.mark.parametrize(
    ("identity", "expected"),
    [
        ("https://example.com/", "urn:uuid:dd2c1780-811a-5296-81c5-178a0ef488bc"),
        ("https://example.com/a", "urn:uuid:6639460f-3425-5329-8097-a58f06127860"),
        (
            "https://xn--bcher-kva.example/%C3%A9?a=1",
            "urn:uuid:9581f570-70e6-53d3-a74f-fba25e7c250b",
        ),
    ],
)
def test_entry_ids_are_frozen(identity: str, expected: str) -> None:
    assert urls.entry_id(identity) == expected


def _owners_record() -> Record:
    path = next(Path(SEEDS, "news").glob("2023-09-02-*.md"))
    record = parser.parse_record(f"news/{path.name}", path.read_bytes()).record
    assert isinstance(record, Record)
    return record


def test_the_id_of_the_owners_record_is_frozen() -> None:
    assert _owners_record().id == "urn:uuid:5e396a5b-8ad9-5d9c-90a9-c9d57d14396e"


def test_each_policy_links_its_url_of_the_owners_record() -> None:
    record = _owners_record()
    path = (
        "/technology/2023/sep/02"
        "/home-office-accused-of-secret-lobbying-for-facial-recognition-spy-company"
    )
    assert [urls.select(record, policy) for policy in urls.POLICIES] == [
        f"https://www.theguardian.com{path}",
        f"https://www.theguardian.com{path}?ref=biztoc.com",
        f"https://amp.theguardian.com{path}",
        f"https://amp-theguardian-com.cdn.ampproject.org/c/s/amp.theguardian.com{path}",
    ]
