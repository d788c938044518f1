"""Who polls what, as the command and the operator's page show it."""

import json
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import html5lib
import pytest
from axe_playwright_python.sync_playwright import Axe

from feeds.statistics import page, plots, poll_report
from feeds.statistics.poll_report import Row, share, size
from feeds.statistics.poll_store import DAY, HOUR, Day, Key, PollBucket, Polls, PollStore
from tests.helpers.browser import OpenWindow
from tests.helpers.server import Served, application, feeds, get, news, until

NOW: Final = 480_000 * HOUR + 1800.0
H: Final = 480_000
HEADER: Final = "path subscribers_at_least polls not_modified deltas bytes_sent bytes_saved readers"
FEEDLY = "Feedly/1.0 (+http://www.feedly.com/fetcher.html; {} subscribers; like X)"


def key(hour: int = H, feed: str = "/rss.xml", reader: str = "Feedly", source: str = "") -> Key:
    return Key(hour, feed, reader, source)


HOURS: Final = {
    key(): PollBucket(Polls(10, 7, 1, 1000, 9000), 16),
    key(H - 23): PollBucket(Polls(10, 8, 0, 1000, 9000), 18),
    key(H - 24): PollBucket(Polls(99, 0, 0, 0, 0), 99),
    key(reader="Newsboat", source="aa"): PollBucket(Polls(2, 0, 2, 10, 90), 0, is_personal=True),
    key(feed="/atom.xml", reader="Crawlers"): PollBucket(Polls(1, 0, 0, 5, 0)),
}


def test_the_last_24_hours_are_told_by_feed_and_by_reader() -> None:
    found = poll_report.last_24_hours(HOURS, NOW)
    feedly = Row("Feedly", 18, Polls(20, 15, 1, 2000, 18000))
    newsboat = Row("Newsboat", 1, Polls(2, 0, 2, 10, 90))
    crawlers = Row("Crawlers", 0, Polls(1, 0, 0, 5, 0))
    assert found.feeds == [
        Row("/rss.xml", 19, Polls(22, 15, 3, 2010, 18090), (feedly, newsboat)),
        Row("/atom.xml", 0, Polls(1, 0, 0, 5, 0), (crawlers,)),
    ]
    assert found.readers == [feedly, newsboat, crawlers]
    assert found.all == Row("", 19, Polls(23, 15, 3, 2015, 18090))


def test_of_several_days_the_best_counts() -> None:
    days = {
        (1, "/rss.xml", "Feedly"): Day(Polls(1, 0, 0, 0, 0), 16),
        (2, "/rss.xml", "Feedly"): Day(Polls(2, 0, 0, 0, 0), 15),
    }
    assert poll_report.over_days(days).feeds[0].subscribers == 16
    assert poll_report.over_days(days).feeds[0].polls.polls == 3


def test_hours_and_days_without_polls_are_shown_too() -> None:
    hours = poll_report.by_hour(HOURS, NOW)
    assert len(hours) == 48
    assert hours[-1] == (datetime.fromtimestamp(H * HOUR, UTC), Polls(13, 7, 3, 1015, 9090))
    today = H // 24
    days = {(today - 3, "/rss.xml", "Feedly"): Day(Polls(1, 0, 0, 0, 0), 16)}
    assert [day.subscribers for _, day in poll_report.by_day(days, NOW)] == [16, 0, 0, 0]
    assert len(poll_report.by_day({(1, "/", "x"): Day(Polls(), 0)}, NOW)) == 90
    assert len(poll_report.by_day({}, NOW)) == 1


@pytest.mark.parametrize(
    ("most", "levels"),
    [
        (0, [0, 1]),
        (1, [0, 1]),
        (3, [0, 1, 2, 3]),
        (4.2, [0, 2, 4, 6]),
        (37, [0, 10, 20, 30, 40]),
        (1000, [0, 500, 1000]),
    ],
)
def test_axes_have_round_numbers(most: float, levels: list[int]) -> None:
    assert plots.scale(most) == levels


def test_bars_stand_on_each_other_and_reach_what_they_count() -> None:
    plot = plots.bars("T", "A", [("a", "x"), ("b", "y")], [(1, 3), (0, 0)], [(0, "one")])
    tops = [[float(y) for y in re.findall(r"V([\d.]+)h", s.path)] for s in plot.series]
    heights = {line.label: line.at for line in plot.lines}
    assert tops == [[heights["1"]], [heights["4"]]]
    assert plot.marks[0].label == "one"


@pytest.mark.parametrize(
    ("number", "said"), [(0, "0 B"), (999, "999 B"), (1000, "1 kB"), (27_400_000, "27.4 MB")]
)
def test_sizes_are_for_people(number: int, said: str) -> None:
    assert size(number) == said


def test_shares_are_never_rounded_to_all_or_nothing() -> None:
    parts = {0: "0%", 0.001: "<1%", 0.5: "50%", 0.999: ">99%", 1: "100%"}
    assert {part: share(part) for part in parts} == parts


def test_one_of_a_kind_is_called_so() -> None:
    assert [page._counted(number, "poll") for number in (0, 1, 1200)] == [
        "0 polls",
        "1 poll",
        "1,200 polls",
    ]


# -- as it is served ----------------------------------------------------------------


@pytest.mark.slow
def test_what_is_polled_is_told_by_the_command_and_the_page(
    tmp_path: Path, serve: Callable[..., Served]
) -> None:
    server = serve(news(tmp_path / "news"), variables={"FEEDS_WORKERS": "2"})
    known = str(server.get("/topics/ai/rss.xml").get("ETag"))
    for number in (16, 18, 17):
        agent = FEEDLY.format(number)
        assert server.get("/topics/ai/rss.xml", User_Agent=agent).code == 200
        same = server.get("/topics/ai/rss.xml", User_Agent=agent, If_None_Match=known)
        assert same.code == 304
    hostile = "<script>alert(1)</script>/1 (99999999999 subscribers)"
    server.get("/topics/ai/atom.xml", User_Agent=hostile)
    server.get("/topics/ai/atom.xml", User_Agent="<b>Bold/1 (3 subscribers)" + "x" * 4000)
    server.get("/rss.xml?q=private", User_Agent="newsboat/2.21")

    def told() -> dict[str, Any]:
        done = feeds("stats", "--json", cwd=server.home, **server.settings())
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return {feed["path"]: feed for feed in found["feeds"]}

    until(lambda: told().get("/topics/ai/rss.xml", {}).get("polls") == 7)
    found = told()
    feed = found["/topics/ai/rss.xml"]
    assert (feed["subscribers_at_least"], feed["not_modified"], feed["deltas"]) == (18, 3, 0)
    assert feed["bytes_saved"] == 3 * feed["bytes_sent"] // 4
    assert [one["name"] for one in feed["readers"]] == ["Feedly", "Unnamed"]
    assert found["/rss.xml?"]["subscribers_at_least"] == 1
    page = server.get("/stats/")
    assert page.code == 200
    html5lib.HTMLParser(strict=True).parse(page.body.decode())
    assert b"<script" not in page.body
    assert b"private" not in page.body
    assert b"Feedly <b>18</b>" in page.body
    lines = feeds("stats", "--days", "2", cwd=server.home, **server.settings()).stdout.splitlines()
    assert lines[0].split("\t") == HEADER.split()
    assert lines[1].split("\t")[:2] == ["/topics/ai/rss.xml", "18"]
    database = server.home / "served.db"
    server.stop()
    for part in ("", "-wal", "-shm"):
        Path(f"{database}{part}").unlink(missing_ok=True)  # it is derived
    assert told()["/topics/ai/rss.xml"]["subscribers_at_least"] == 18
    kept = b"".join(path.read_bytes() for path in server.home.glob("served.db.stats*"))
    assert b"127.0.0.1" not in kept
    assert b"private" not in kept


def test_before_anybody_polls_there_is_nothing_to_tell(tmp_path: Path) -> None:
    settings = {"FEEDS_DATABASE_URL": f"sqlite:///{tmp_path / 'feeds.db'}"}
    done = feeds("stats", cwd=tmp_path, **settings)
    assert (done.returncode, done.stdout, done.stderr) == (0, HEADER.replace(" ", "\t") + "\n", "")
    assert list(tmp_path.iterdir()) == []
    page = get(application(news(tmp_path / "news"), metrics="on"), "/stats/").body
    assert b"Nothing yet." in page
    assert b"<svg" not in page


def test_the_page_says_so_when_it_cannot_be_read(tmp_path: Path) -> None:
    app = application(news(tmp_path / "news"), metrics="on")
    file = tmp_path / "news.db.stats"
    file.write_bytes(b"no database " * 500)
    answer = get(app, "/stats/")
    assert answer.code == 200
    assert "can’t be read right now" in answer.body.decode()


def test_the_page_is_not_listed_anywhere(tmp_path: Path) -> None:
    app = application(news(tmp_path / "news"), metrics="on")
    for address in ("/", "/about/", "/sitemap.xml", "/feeds.json", "/robots.txt"):
        assert b"stats" not in get(app, address).body.replace(b"static", b"")
    policy = str(get(app, "/stats/").get("Content-Security-Policy"))
    assert policy.startswith("default-src 'none'; style-src 'self'")


def filled(folder: Path) -> None:
    poll_store = PollStore(f"sqlite:///{folder / 'news.db'}", print)
    hour = int(time.time()) // HOUR
    for back in (0, 3, 30, 200):
        poll_store.write({
            key(hour - back): PollBucket(Polls(10 + back, 7, 1, 1000, 9000), 16),
            key(hour - back, reader="Newsboat", source="a"): PollBucket(Polls(2), is_personal=True),
            key(hour - back, feed="/topics/ai/rss.xml?"): PollBucket(Polls(3, 1, 1, 50, 60), 5),
        })  # fmt: skip


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [1280, 360])
def test_the_page_can_be_used_by_everybody(
    tmp_path: Path, serve: Callable[..., Served], window: OpenWindow, dark: bool, width: int
) -> None:
    filled(tmp_path)
    database = f"sqlite:///{tmp_path / 'news.db'}"
    server = serve(news(tmp_path / "news"), variables={"FEEDS_DATABASE_URL": database})
    page = window(dark=dark, width=width)
    page.goto(f"{server.url}/stats/")
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    plot = page.get_by_role("img", name="Polls by hour")
    assert plot.count() == 1
    page.get_by_text("As a table").nth(1).click()
    row = page.get_by_role("row", name=f"{datetime.now(UTC):%Y-%m-%d}").first
    assert row.is_visible()


def test_days_are_marked_without_crowding() -> None:
    days = [datetime.fromtimestamp(n * DAY, UTC) for n in range(90)]
    for number in (1, 2, 7, 46, 90):
        marks = page._day_marks(days[:number], 5)
        assert 1 <= len(marks) <= 10
        assert all(0 <= at < number for at, _ in marks)
