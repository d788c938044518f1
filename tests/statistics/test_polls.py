from feeds.statistics.polls import Key, Polls, subscribers_at_least


def test_a_fetcher_counts_once_for_each_of_its_feeds_as_the_most_it_said() -> None:
    key = Key(1, "/rss.xml", "Feedbin", "1")
    assert subscribers_at_least({
        key: Polls(subscribers=10),
        key._replace(hour=2): Polls(subscribers=12),
        key._replace(hour=3): Polls(subscribers=11),
        key._replace(hour=3, source="2"): Polls(subscribers=5),
    }) == 17  # fmt: skip


def test_programs_count_as_many_as_differ_within_an_hour() -> None:
    def newsboat(hour: int, source: str) -> Key:
        return Key(hour, "/rss.xml", "Newsboat", source, is_personal=True)

    polls = dict.fromkeys(map(newsboat, (1, 2, 3), ("2.20", "2.21", "2.22")), Polls(subscribers=1))
    assert subscribers_at_least(polls) == 1  # who updates isn't two
    assert subscribers_at_least(polls | {newsboat(2, "2.19"): Polls(subscribers=1)}) == 2
