import pytest

from feeds.statistics import poll_report
from feeds.statistics.poll_report import Row, share, size
from feeds.statistics.polls import Polls
from tests.statistics.samples import HOURS, NOW


def test_the_last_24_hours_are_told_by_feed_and_by_reader() -> None:
    found = poll_report.last_24_hours(HOURS, NOW)
    feedly = Row("Feedly", Polls(20, 15, 1, 2000, 18000, 18))
    newsboat = Row("Newsboat", Polls(2, 0, 2, 10, 90, 1))
    crawlers = Row("Crawlers", Polls(1, 0, 0, 5, 0))
    assert found.feeds == [
        Row("/rss.xml", Polls(22, 15, 3, 2010, 18090, 19), (feedly, newsboat)),
        Row("/atom.xml?", Polls(1, 0, 0, 5, 0), (crawlers,)),
    ]
    assert found.readers == [feedly, newsboat, crawlers]
    assert found.all == Polls(23, 15, 3, 2015, 18090, 19)


def test_of_several_days_the_best_counts() -> None:
    days = {(day, "/rss.xml", "Feedly"): Polls(day, subscribers=17 - day) for day in (1, 2)}
    assert poll_report.over_days(days).all == Polls(3, subscribers=16)


@pytest.mark.parametrize(
    ("number", "said"), [(0, "0 B"), (999, "999 B"), (1000, "1 kB"), (27_400_000, "27.4 MB")]
)
def test_sizes_are_for_people(number: int, said: str) -> None:
    assert size(number) == said


def test_shares_are_never_rounded_to_all_or_nothing() -> None:
    parts = {0: "0%", 1: "<1%", 500: "50%", 999: ">99%", 1000: "100%"}
    assert {part: share(part, 1000) for part in parts} == parts
    assert share(0, 0) == "0%"
