"""What `feeds stats` prints: whole outputs, of the same polls."""

from datetime import UTC, datetime
from io import StringIO
from typing import Final

from rich.console import Console

from feeds.statistics import poll_report, table
from tests.statistics.samples import HOURS, NOW

READERSHIP: Final = poll_report.last_24_hours(HOURS, NOW)
SINCE: Final = datetime(2024, 10, 3, 1, tzinfo=UTC)
UNTIL: Final = datetime(2024, 10, 4, 0, 30, tzinfo=UTC)
TABLE: Final = """
2024-10-03 01:00 to 2024-10-04 00:30 UTC

 Feed         At least   Polls   304   Delta      Sent     Saved   Subscribers by reader
 ───────────────────────────────────────────────────────────────────────────────────────
 /rss.xml           19      22   68%     14%   2.01 kB   18.1 kB   Feedly 18, Newsboat 1
 /atom.xml?          0       1    0%      0%       5 B       0 B

 All                19      23   65%     13%   2.02 kB   18.1 kB

"""


def test_a_terminal_has_a_table() -> None:
    output = StringIO()
    Console(file=output, width=100).print(table.table(READERSHIP, SINCE, UNTIL))
    assert [line.rstrip() for line in output.getvalue().splitlines()] == TABLE.split("\n")[1:-1]


def test_a_pipe_has_lines_with_a_header() -> None:
    header = "path subscribers_at_least polls not_modified deltas bytes_sent bytes_saved readers"
    assert table.lines(READERSHIP) == [
        tuple(header.split()),
        ("/rss.xml", "19", "22", "15", "3", "2010", "18090", "Feedly 18, Newsboat 1"),
        ("/atom.xml?", "0", "1", "0", "0", "5", "0", ""),
    ]


def test_a_program_has_all_of_it() -> None:
    def numbers(*values: int) -> dict[str, int]:
        names = ("subscribers_at_least", "polls", "not_modified", "deltas", "bytes_sent")
        return dict(zip((*names, "bytes_saved"), values, strict=True))

    feedly = {"name": "Feedly"} | numbers(18, 20, 15, 1, 2000, 18000)
    newsboat = {"name": "Newsboat"} | numbers(1, 2, 0, 2, 10, 90)
    crawlers = {"name": "Crawlers"} | numbers(0, 1, 0, 0, 5, 0)
    assert table.as_json(READERSHIP, SINCE, UNTIL) == {
        "since": "2024-10-03T01:00:00Z",
        "until": "2024-10-04T00:30:00Z",
        **numbers(19, 23, 15, 3, 2015, 18090),
        "feeds": [
            {"path": "/rss.xml"}
            | numbers(19, 22, 15, 3, 2010, 18090)
            | {"readers": [feedly, newsboat]},
            {"path": "/atom.xml?"} | numbers(0, 1, 0, 0, 5, 0) | {"readers": [crawlers]},
        ],
        "readers": [feedly, newsboat, crawlers],
    }
