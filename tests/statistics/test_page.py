"""Who polls what, as the command and the operator's page show it."""

import json
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import html5lib
import pytest
from axe_playwright_python.sync_playwright import Axe

from feeds.statistics import page
from feeds.statistics.poll_store import PollStore
from feeds.statistics.polls import HOUR, Key, Polls
from tests.helpers.browser import OpenWindow
from tests.helpers.server import Served, application, documents, feeds, get, news, until
from tests.statistics.samples import HOURS, NOW, H

HEADER: Final = "path subscribers_at_least polls not_modified deltas bytes_sent bytes_saved readers"
FEEDLY = "Feedly/1.0 (+http://www.feedly.com/fetcher.html; {} subscribers; like X)"


def test_the_page_shows_what_it_did(tmp_path: Path, golden: Callable[[str, bytes], None]) -> None:
    poll_store = PollStore(f"sqlite:///{tmp_path / 'news.db'}", print)
    poll_store.write(HOURS, NOW)
    pages = documents(application(news(tmp_path / "news"))).pages
    shown = page.stats_page(pages, poll_store, NOW)
    golden("statistics/page.html", re.sub(rb"\?v=\w+|\s+(?=<)", b"", shown).strip())


def test_hours_and_days_without_polls_are_shown_too() -> None:
    hours = page._by_hour(HOURS, NOW)
    assert len(hours) == 48
    assert hours[-1] == (datetime(2024, 10, 4, tzinfo=UTC), Polls(13, 7, 3, 1015, 9090, 17))
    days = {(H // 24 - 3, "/rss.xml", "Feedly"): Polls(1, subscribers=16)}
    assert [polls.subscribers for _, polls in page._by_day(days, NOW)] == [16, 0, 0, 0]
    assert len(page._by_day({(1, "/", "x"): Polls()}, NOW)) == 90
    assert len(page._by_day({}, NOW)) == 1


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
    stats = server.get("/stats/")
    assert stats.code == 200
    html5lib.HTMLParser(strict=True).parse(stats.body.decode())
    assert b"<script" not in stats.body
    assert b"private" not in stats.body
    assert b"Feedly <b>18</b>" in stats.body
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
    stats = get(application(news(tmp_path / "news"), metrics="on"), "/stats/").body
    assert b"Nothing yet." in stats
    assert b"<svg" not in stats


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
    for back in (0, 3, 30, 200):
        hour = int(time.time()) // HOUR - back
        poll_store.write({
            Key(hour, "/rss.xml", "Feedly"): Polls(10 + back, 7, 1, 1000, 9000, 16),
            Key(hour, "/rss.xml", "Newsboat", "a", is_personal=True): Polls(2, subscribers=1),
            Key(hour, "/topics/ai/rss.xml?", "Feedly"): Polls(3, 1, 1, 50, 60, 5),
        }, time.time())  # fmt: skip


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [1280, 360])
def test_the_page_can_be_used_by_everybody(
    tmp_path: Path, serve: Callable[..., Served], window: OpenWindow, dark: bool, width: int
) -> None:
    filled(tmp_path)
    database = f"sqlite:///{tmp_path / 'news.db'}"
    server = serve(news(tmp_path / "news"), variables={"FEEDS_DATABASE_URL": database})
    shown = window(dark=dark, width=width)
    shown.goto(f"{server.url}/stats/")
    found = Axe().run(shown)
    assert found.violations_count == 0, found.generate_report()
    assert shown.evaluate("document.documentElement.scrollWidth") <= width
    plot = shown.get_by_role("img", name="Polls by hour")
    assert plot.count() == 1
    shown.get_by_text("As a table").nth(1).click()
    row = shown.get_by_role("row", name=f"{datetime.now(UTC):%Y-%m-%d}").first
    assert row.is_visible()


def test_days_are_marked_without_crowding() -> None:
    days = [(datetime(2026, 1, 1, tzinfo=UTC) + timedelta(n), Polls()) for n in range(90)]
    for number in (1, 2, 7, 46, 90):
        marks = page._day_marks(days[:number], 5)
        assert 1 <= len(marks) <= 10
        assert all(0 <= at < number for at, _ in marks)
