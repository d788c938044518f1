import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds.statistics import user_agents
from feeds.statistics.user_agents import MOST, Agent, read, takes_deltas


@pytest.mark.parametrize(
    ("agent", "expected"),
    [
        (
            "Feedly/1.0 (+http://www.feedly.com/fetcher.html; 16 subscribers; like Google)",
            Agent("Feedly", subscribers=16),
        ),
        ("Feedbin feed-id:123 - 10 subscribers", Agent("Feedbin", "123", 10)),
        (
            "Mozilla/5.0 (compatible; inoreader.com; 5 subscribers)",
            Agent("Inoreader", subscribers=5),
        ),
        (
            "NewsBlur Feed Fetcher - 3 subscribers - http://www.newsblur.com/site/77/x (Safari/5)",
            Agent("NewsBlur", "77", 3),
        ),
        (
            "Bloglovin/1.0 (http://www.bloglovin.com; 1 subscribers)",
            Agent("Bloglovin", subscribers=1),
        ),
        (
            "Mozilla/5.0 (compatible; theoldreader.com; 2 subscribers; feed-id=0AbC)",
            Agent("The Old Reader", "0abc", 2),
        ),
        ("BazQux/2.4 (+https://bazqux.com/fetcher; 1,234 subscribers)", Agent("BazQux", "", 1234)),
        ("AolReader/1.0 (x; Subscriber Count:7)", Agent("AolReader", "", 7, known=False)),
        ("Paper Reader/2.1 (readers: 3)", Agent("Paper Reader", "", 3, known=False)),
        ("12 subscribers", Agent("Unnamed", "", 12, known=False)),
    ],
)
def test_fetchers_say_for_how_many_and_for_which_feed(agent: str, expected: Agent) -> None:
    assert read(agent) == expected


@pytest.mark.parametrize(
    "agent",
    [
        "X/1 (99999999999 subscribers)",
        f"X/1 ({MOST + 1} subscribers)",
        "X/1 (12345678901234567890123 subscribers)",
        "X/1 (-5 subscribers)",
        "X/1 (1e9 subscribers)",
        "X/1 (3.5 subscribers)",
        "X/1 (0x10 subscribers)",
        "X/1 (٣ subscribers)",
        "X/1 (1,2,3 subscribers)",
        "X/1 (many subscribers)",
        "X/1 (5 subscriptions)",
        "X/1" + " " * 290 + "(9 subscribers)",
    ],
)
def test_absurd_numbers_are_no_claim(agent: str) -> None:
    found = read(agent)
    assert (found.name, found.subscribers, found.is_personal) == ("X", 0, False)


def test_the_most_that_is_believed_is_believed() -> None:
    assert read(f"X/1 ({MOST} subscribers)").subscribers == MOST


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        ("newsboat/2.21 (Linux 5.10 x86_64)", "Newsboat"),
        ("NetNewsWire (RSS Reader; https://netnewswire.com/)", "NetNewsWire"),
        ("Mozilla/5.0 (X11; rv:115.0) Gecko/20100101 Thunderbird/115.4", "Thunderbird"),
        ("rss2email/3.14 (https://github.com/rss2email/rss2email)", "rss2email"),
        ("Tiny Tiny RSS/21.05 (http://tt-rss.org/)", "Tiny Tiny RSS"),
        ("FreshRSS/1.21.0 (Linux; https://freshrss.org)", "FreshRSS"),
    ],
)
def test_programs_of_one_person_are_told_apart_by_all_that_they_say(agent: str, name: str) -> None:
    found, other = read(agent), read(agent + " ")
    assert (found.name, found.is_personal, found.subscribers) == (name, True, 1)
    assert other.name == name
    assert found.source != other.source
    assert len(found.source) == 8


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        ("", "Unnamed"),
        ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "Crawlers"),
        ("curl/7.88.1", "Scripts"),
        ("python-requests/2.31", "Scripts"),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:120.0) Gecko/20100101 Firefox/120.0", "Browsers"),
        ("Feedly/1.0", "Feedly"),
        ("Some Thing 3.2", "Some Thing"),
        ("SomethingElse/1.0 (+https://x.example)", "SomethingElse"),
    ],
)
def test_others_are_nobody(agent: str, name: str) -> None:
    found = read(agent)
    assert (found.name, found.subscribers, found.is_personal) == (name, 0, False)


def test_a_stranger_cannot_take_the_name_of_a_group_for_others_to_be_counted_in() -> None:
    assert read("Crawlers/1.0 (5 subscribers)").known is False


@given(st.text(max_size=500))
def test_whatever_is_said_becomes_a_short_printable_name(agent: str) -> None:
    found = read(agent)
    assert 0 < len(found.name) <= 32
    assert found.name.isascii()
    assert found.name.isprintable()
    assert len(found.source) <= 40
    assert 0 <= found.subscribers <= MOST


@given(st.text(alphabet="0123456789,; subcriber(:=)-fedi", max_size=400))
def test_numbers_and_ids_stay_within_bounds(agent: str) -> None:
    found = read(agent)
    assert 0 <= found.subscribers <= MOST
    assert len(found.source) <= 40


@pytest.mark.parametrize(
    ("agent", "takes"),
    [
        ("rss2email/3.14 (https://example.org)", False),
        ("feedparser/6.0.10 +https://example.org/", None),
        ("reader/3.9 (+https://example.org/)", True),
        ("newsboat/2.21", True),
        ("", True),
    ],
)
def test_who_takes_deltas_is_told_by_the_agent(agent: str, takes: bool | None) -> None:
    assert takes_deltas(agent) is takes


def test_a_huge_agent_takes_no_longer_than_its_beginning() -> None:
    user_agents.read.cache_clear()
    assert read("9" * 1_000_000 + " subscribers").subscribers == 0
    assert read(("1," * 500_000) + "subscribers").subscribers == 0
