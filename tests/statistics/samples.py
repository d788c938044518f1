"""Polls of one feed by a service and a program, and of another one by nobody."""

from typing import Final

from feeds.statistics.polls import HOUR, Key, Polls

H: Final = 480_000
NOW: Final = H * HOUR + 1800.0
HOURS: Final = {
    Key(H, "/rss.xml", "Feedly"): Polls(10, 7, 1, 1000, 9000, 16),
    Key(H - 23, "/rss.xml", "Feedly"): Polls(10, 8, 0, 1000, 9000, 18),
    Key(H - 24, "/rss.xml", "Feedly"): Polls(99, 0, 0, 0, 0, 99),
    Key(H, "/rss.xml", "Newsboat", "aa", is_personal=True): Polls(2, 0, 2, 10, 90, 1),
    Key(H, "/atom.xml?", "Crawlers"): Polls(1, 0, 0, 5, 0),
}
