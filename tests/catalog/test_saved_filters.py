"""The collections of feeds.toml."""

import tomllib

import pytest

from feeds.catalog.saved_filters import saved_filters
from feeds.config import ConfigError
from feeds.selection import Filters, SavedFilter


def test_tables_are_filters_with_names() -> None:
    assert saved_filters(
        tomllib.loads("""
            [security]
            title = "Security  and privacy"
            description = "What to mend"
            topic = ["Privacy", "security"]
            exclude_topic = "C++"
            provider = "www.Times.example.com"
            type = "video"
            min_quality = 50
            since = 2026-05-19
            q = "leak"
            [hot-news]
            min_heat = "9"
        """)
    ) == {
        "security": SavedFilter(
            "Security and privacy",
            "What to mend",
            Filters(
                topic=("privacy", "security"),
                provider=("times.example.com",),
                type=("videos",),
                exclude_topic=("c-plus-plus",),
                min_quality=50,
                since="2026-05-19",
                q="leak",
            ),
        ),
        "hot-news": SavedFilter("Hot news", "", Filters(min_heat=9)),
    }


_KNOWN = (
    "title, description, topic, provider, type, exclude_topic, exclude_provider, "
    "exclude_type, min_quality, min_heat, since, until, q"
)


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        ("a = 1", "collections.a in feeds.toml is no table; write [collections.a] above its keys"),
        (
            '["AI news"]\nq = "x"',
            (
                "collections.AI news in feeds.toml can't be a name in addresses; "
                "collections.ai-news would be right"
            ),
        ),
        (
            '[2026]\nq = "x"',
            (
                "collections.2026 in feeds.toml can't be a name in addresses; "
                "collections.2026-158a32 would be right"
            ),
        ),
        (
            '[a]\ntopics = "x"',
            "collections.a.topics in feeds.toml is no key of a collection; did you mean topic?",
        ),
        (
            '[a]\nzzz = "x"',
            f"collections.a.zzz in feeds.toml is no key of a collection; there are {_KNOWN}",
        ),
        (
            "[a]\nmin_quality = 1.5",
            "collections.a.min_quality in feeds.toml accepts a text, a number or a list of these",
        ),
        (
            "[a]\nmin_quality = -1",
            (
                "collections.a in feeds.toml has a wrong filter: "
                "min_quality accepts a whole number from 0 to 1,000,000"
            ),
        ),
        (
            '[a]\nsince = "7d"',
            "collections.a.since in feeds.toml accepts a date such as 2026-05-19 here, no days",
        ),
        (
            '[a]\ntitle = "A"',
            "collections.a in feeds.toml lets everything pass; write one of "
            + _KNOWN.removeprefix("title, description, "),
        ),
        ("[a]\nq = 'x'\ntitle = 5", "collections.a.title in feeds.toml accepts a line of text"),
    ],
)
def test_what_is_wrong_is_named_with_what_would_be_right(toml: str, message: str) -> None:
    with pytest.raises(ConfigError) as raised:
        saved_filters(tomllib.loads(toml))
    assert str(raised.value) == message
