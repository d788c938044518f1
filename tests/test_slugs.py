import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds import slugs


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("AI", "ai"),
        ("Management Tools", "management-tools"),
        ("  management   tools ", "management-tools"),
        ("R&D", "r-d"),
        ("o'clock", "o-clock"),
        ("naïve Café", "naive-cafe"),
        ("feed.xml", "feed-xml"),
        ("NUL", "nul"),
        ("nul\x00x", "nul-x"),
        ("../../etc/passwd", "etc-passwd"),
        ("%2e%2e", "2e-2e"),
        ("No", "no"),
        ("12345", "12345"),
        ("C", "c"),
        ("C++", "c-plus-plus"),
        ("c++", "c-plus-plus"),
        ("C＋＋", "c-plus-plus"),
        ("C++20", "c-plus-plus-20"),
        ("C++/CLI", "c-plus-plus-cli"),
        ("Objective-C++", "objective-c-plus-plus"),
        ("Notepad++", "notepad-plus-plus"),
        ("A+", "a-plus"),
        ("Disney+ shows", "disney-plus-shows"),
        ("A + B", "a-b"),
        ("C#", "c-sharp"),
        ("C♯", "c-sharp"),
        ("C# 12", "c-sharp-12"),
        ("C#12", "c-sharp-12"),
        ("F#", "f-sharp"),
        ("Issue #7", "issue-7"),
        (".NET", "dot-net"),
        (".NET Core", "dot-net-core"),
        (".NET8", "dot-net8"),
        ("ASP.NET", "asp-dot-net"),
        ("C#.NET", "c-sharp-dot-net"),
        ("a.network", "a-network"),
        ("NET", "net"),
        ("Node.js", "node-js"),
        # A slug that is empty, reserved, cut or transliterated has a suffix.
        ("", "x-e3b0c4"),
        ("..", "x-5ec1f7"),
        ("😀", "x-f0443a"),
        ("😁", "x-cd8f04"),
        ("all", "all-5ef5ef"),
        ("ALL", "all-5ef5ef"),
        ("Topics", "topics-f013aa"),
        ("2021", "2021-1bea20"),
        ("日本語", "ri-ben-yu-77710a"),
        ("Привет", "privet-e58f1e"),
        ("x" * 100, "x" * 80 + "-09ecb6"),
        ("\ud800", "x-8a8de8"),
    ],
)
def test_a_name_has_one_slug_for_ever(name: str, expected: str) -> None:
    assert slugs.slug(name) == expected


@given(st.one_of(st.text(), st.text(alphabet="aC+#.nNeEtT 1&;xé😀_-")))
def test_a_slug_is_a_safe_segment_and_its_own_slug(name: str) -> None:
    slug = slugs.slug(name)
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", slug)
    assert len(slug) <= slugs.MAX_LENGTH + 7
    if len(slug) <= slugs.MAX_LENGTH:
        assert slugs.slug(slug) == slug


@given(st.text(alphabet=st.characters(codec="ascii")))
def test_case_and_spaces_part_no_names(name: str) -> None:
    assert slugs.slug(name.upper()) == slugs.slug(name.lower())
    assert slugs.slug(f" {name}  ") == slugs.slug(name)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("article", "articles"), ("Video", "videos"), ("courses", "courses"), ("", "x-e3b0c4s")],
)
def test_a_type_has_a_plural_slug(name: str, expected: str) -> None:
    assert slugs.type_slug(name) == expected


@pytest.mark.parametrize(
    ("name", "domain", "expected"),
    [
        ("The Example", "example.com", "example.com"),
        ("The Example", "WWW.Example.COM", "example.com"),
        ("The Example", "example.com.", "example.com"),
        ("The Example", "news.example.com", "news.example.com"),
        ("The Example", "bücher.example", "xn--bcher-kva.example"),
        ("The Example", "", "the-example"),
    ],
)
def test_a_provider_is_its_domain_or_else_its_name(name: str, domain: str, expected: str) -> None:
    assert slugs.provider_key(name, domain) == expected


@pytest.mark.parametrize(
    ("domain", "message"),
    [
        ("localhost", "is not a domain; write one such as example.com"),
        ("::1", "is not a domain; write one such as example.com"),
        ("..", "has an impossible host name; write one such as example.com"),
        ("example.com:8080", "has an impossible host name; write one such as example.com"),
        ("https://example.com/", "has an impossible host name; write one such as example.com"),
        ("example.com/a", "has an impossible host name; write one such as example.com"),
        ("example..com", "has an impossible host name; write one such as example.com"),
    ],
)
def test_what_is_no_domain_is_refused(domain: str, message: str) -> None:
    with pytest.raises(ValueError, match=rf"^{re.escape(message)}\Z"):
        slugs.provider_key("The Example", domain)
