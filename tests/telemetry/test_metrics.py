"""What /metrics says, of one process and of several."""

import os
import signal
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from bench.servers import Server
from bench.servers import workers as children
from feeds import create_app
from feeds.serving.operator import ByPort
from feeds.store.database import note_health
from feeds.telemetry import metrics
from tests.helpers.server import (
    Served,
    application,
    call,
    documents,
    free_port,
    get,
    load,
    news,
    until,
)
from tests.helpers.support import write

Figures = dict[tuple[str, ...], float]


def parsed(body: bytes) -> Figures:
    """Samples by name and the values of their labels, by the name of the label."""
    families = text_string_to_metric_families(body.decode())
    samples = [sample for family in families for sample in family.samples]
    return {(s.name, *(v for _, v in sorted(s.labels.items()))): s.value for s in samples}


def scraped(server: Served, port: int = 0) -> Figures:
    usual, server.port = server.port, port or server.port
    try:
        answer = server.get("/metrics")
    finally:
        server.port = usual
    assert answer.code == 200
    return parsed(answer.body)


def requests(found: Figures, *labels: str) -> float:
    """All requests with these labels."""
    return sum(
        value
        for name, value in found.items()
        if name[0] == "feeds_requests_total" and set(labels) <= set(name)
    )


def is_timed(found: Figures) -> bool:
    """Whether each request that is counted has its time, which another instant adds."""
    times = (v for name, v in found.items() if name[0] == "feeds_request_duration_seconds_count")
    return sum(times) == requests(found)


def workers(server: Served) -> list[int]:
    """The processes that answer."""
    return [pid for pid in beside(server) if b"follow" not in read(pid, "cmdline")]


def is_replaced(server: Served, killed: int) -> bool:
    """Whether there are two workers, and one isn't among them."""
    now = workers(server)
    return len(now) == 2 and killed not in now


def beside(server: Served) -> list[int]:
    """The processes that a server started."""
    assert server.process is not None
    return children(Server(server.process.pid, server.port))


def read(pid: int, name: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:
        return b"follow"  # it has ended


def directory(server: Served) -> Path:
    """Where its processes count."""
    [follower] = [pid for pid in beside(server) if b"follow" in read(pid, "cmdline")]
    said = dict(one.partition(b"=")[::2] for one in read(follower, "environ").split(b"\0"))
    return Path(os.fsdecode(said[b"PROMETHEUS_MULTIPROC_DIR"]))


# -- one process ------------------------------------------------------------------


def test_a_poll_is_counted_with_what_came_of_it(tmp_path: Path) -> None:
    folder = news(tmp_path / "news")
    app = application(folder, metrics="on", workers=1)
    made = get(app, "/rss.xml", accept_encoding="gzip")
    get(app, "/rss.xml", accept_encoding="gzip")
    get(app, "/rss.xml", accept_encoding="gzip", if_none_match=str(made.get("ETag")))
    write(folder, "new.md")
    load(app, folder)
    changed = {"if_none_match": str(made.get("ETag")), "a_im": "feed"}
    assert get(app, "/rss.xml", accept_encoding="gzip", **changed).code == 226
    assert get(app, "/topics/nothing/").code == 404
    assert get(app, "/topics/AI/").code == 308
    call(app.wsgi_app, "/atom.xml", method="HEAD")
    found = parsed(get(app, "/metrics").body)
    for outcome, status in {
        "made": "200", "prepared": "200", "not modified": "304", "delta": "226",
    }.items():  # fmt: skip
        assert requests(found, "rss", "gzip", outcome, status) == 1, outcome
    assert requests(found, "error", "404", "page") == 1
    assert requests(found, "redirect", "308", "page") == 1
    assert requests(found, "atom") == 1
    assert found["feeds_sent_bytes_total", "identity", "atom"] == 0
    assert found["feeds_saved_bytes_total", "not modified"] == len(made.body)
    assert found["feeds_generation",] == 2
    assert found["feeds_records", "public"] == 6
    assert found["feeds_entries",] == 6
    assert found["feeds_degraded",] == found["feeds_trouble", "load"] == 0
    with documents(app).store.write() as connection:
        note_health(connection, "the folder is gone")
    documents(app).watch.look_again()
    found = parsed(get(app, "/metrics").body)
    assert found["feeds_degraded",] == found["feeds_trouble", "load"] == 1
    assert found["feeds_trouble", "silence"] == 0
    assert found["feeds_store_up",] == 1


def test_labels_are_of_closed_lists_whatever_is_asked_for(tmp_path: Path) -> None:
    app = application(news(tmp_path / "news"), metrics="on")
    for number in range(50):
        get(app, f"/rss.xml?q=word{number}")
        get(app, f"/made-up-{number}/rss.xml", user_agent=f"Agent{number}/1")
        get(app, "/rss.xml", accept_encoding=f"x{number}")
        call(app.wsgi_app, "/rss.xml", method=f"VERB{number}")
    found = parsed(get(app, "/metrics").body)
    labels = {label for name in found for label in name[1:]}
    assert not [one for one in labels if "word" in one or "made-up" in one or "Agent" in one]
    assert len([name for name in found if name[0] == "feeds_requests_total"]) < 12


@pytest.mark.parametrize(
    ("settings", "client", "code"),
    [
        ({"metrics": "on"}, "203.0.113.9", 200),
        ({"metrics": "off"}, "127.0.0.1", 404),
        ({"metrics": "auto"}, "127.0.0.1", 404),  # a base URL is set: others are served
        ({"metrics": "auto", "base_url": "http://x.example"}, "127.0.0.1", 404),
        ({"metrics": "127.0.0.1:9"}, "127.0.0.1", 404),
    ],
)
@pytest.mark.parametrize("path", ["/metrics", "/stats/"])
def test_the_setting_says_who_is_answered(
    tmp_path: Path, path: str, settings: dict[str, Any], client: str, code: int
) -> None:
    app = application(news(tmp_path / "news"), **settings)
    answer = app.test_client().get(path, environ_base={"REMOTE_ADDR": client})
    assert answer.status_code == code
    if code == 200:
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Robots-Tag"] == "noindex, nofollow"


def test_by_default_this_machine_alone_is_answered(tmp_path: Path) -> None:
    database = f"sqlite:///{tmp_path / 'news.db'}"
    app = create_app({"seeds": str(news(tmp_path / "news")), "database_url": database})
    for client, code in {"127.0.0.1": 200, "::1": 200, "192.0.2.1": 404, "": 404}.items():
        answer = app.test_client().get("/metrics", environ_base={"REMOTE_ADDR": client})
        assert answer.status_code == code


@pytest.mark.slow
@pytest.mark.parametrize(
    ("host", "code"),
    [
        ("localhost:8000", 200),
        ("LOCALHOST", 200),
        ("127.0.0.1:8000", 200),
        ("127.1.2.3", 200),
        ("[::1]:8000", 200),
        ("evil.example", 404),
        ("evil.example:8000", 404),
        ("localhost.evil.example", 404),
        ("127.0.0.1.evil.example", 404),
        ("localhost@evil.example", 404),
        ("192.0.2.1", 404),
        ("[::1", 404),
        ("", 404),
    ],
)
@pytest.mark.parametrize("path", ["/metrics", "/stats/"])
def test_by_default_a_name_that_leads_here_from_elsewhere_is_refused(
    tmp_path: Path, path: str, host: str, code: int
) -> None:
    """DNS rebinding: the browser of who runs the server is led here by another site's name."""
    database = f"sqlite:///{tmp_path / 'news.db'}"
    app = create_app({"seeds": str(news(tmp_path / "news")), "database_url": database})
    for forwarded in ({}, {"X-Forwarded-Host": "localhost", "Forwarded": "host=localhost"}):
        answer = app.test_client().get(path, headers={"Host": host} | forwarded)
        assert answer.status_code == code


def test_the_host_of_a_whole_url_prevails_and_no_redirect_names_one(tmp_path: Path) -> None:
    database = f"sqlite:///{tmp_path / 'news.db'}"
    app = create_app({"seeds": str(news(tmp_path / "news")), "database_url": database})

    def ask(path: str, host: str, target: str) -> tuple[int, str | None]:
        here = {"REMOTE_ADDR": "127.0.0.1", "RAW_URI": target}
        answer = app.test_client().get(path, headers={"Host": host}, environ_overrides=here)
        return answer.status_code, answer.headers.get("Location")

    for path in ("/metrics", "/stats/"):
        assert ask(path, "localhost", f"http://evil.example{path}") == (404, None)
        assert ask(path, "evil.example", f"http://localhost{path}") == (200, None)
    assert ask("/stats", "localhost", "/stats") == (308, "stats/")
    assert ask("/stats", "evil.example", "/stats") == (404, None)


def test_nothing_is_counted_where_it_is_off(tmp_path: Path) -> None:
    app = application(news(tmp_path / "news"), metrics="off")
    assert app.wsgi_app.observer is None  # type: ignore[attr-defined]
    assert documents(app).cache.prepared("/rss.xml") is None


def test_a_hub_and_a_cache_are_called_by_their_hosts_alone() -> None:
    found = metrics.Metrics()
    found.pinged("https://user:secret@hub.example.org/x?key=secret", "done")
    found.purged("https://user:secret@cache.example.org/x?key=secret", "again")
    body = found.render()
    assert b"secret" not in body
    assert parsed(body)["feeds_hub_pings_total", "hub.example.org", "done"] == 1
    assert parsed(body)["feeds_cache_purges_total", "cache.example.org", "again"] == 1


# -- several processes --------------------------------------------------------------


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """`feeds serve` with two workers, the metrics at an address of their own; and its port."""
    home = tmp_path_factory.mktemp("two")
    port = free_port()
    server = Served(
        news(home / "news"),
        home / "home",
        {"FEEDS_WORKERS": "2", "FEEDS_METRICS": f"127.0.0.1:{port}"},
    )
    try:
        yield server.start(), port
    finally:
        server.stop()


@pytest.mark.slow
def test_two_workers_are_told_as_one(two: tuple[Served, int]) -> None:
    server, port = two
    until(lambda: scraped(server, port).get(("feeds_workers",)) == 2)
    before = requests(scraped(server, port), "atom")
    for _ in range(40):
        assert server.get("/atom.xml").code == 200
    until(lambda: requests(scraped(server, port), "atom", "200") == before + 40)
    until(lambda: is_timed(scraped(server, port)))
    found = scraped(server, port)
    assert found["feeds_loads_total", "changed"] == 1
    assert found["feeds_load_duration_seconds_count", "changed"] == 1


def test_they_are_at_their_own_address_alone(two: tuple[Served, int]) -> None:
    server, port = two
    assert server.get("/metrics").code == 404
    asked = f"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n"
    assert b" 404 " in server.raw(asked.encode()).splitlines()[0]
    assert server.get("/stats/").code == 404
    usual, server.port = server.port, port
    try:
        assert server.get("/rss.xml").code == 404
        page = server.get("/stats/")
        assert (page.code, server.get("/").get("Location")) == (200, "stats/")
        assert server.get("/static/stats.css").code == 200
    finally:
        server.port = usual


@pytest.mark.slow
def test_a_worker_that_is_killed_leaves_its_counts_and_no_gauge(tmp_path: Path, serve: Any) -> None:
    server = serve(news(tmp_path / "news"), variables={"FEEDS_WORKERS": "2"})
    until(lambda: scraped(server).get(("feeds_workers",)) == 2)
    for _ in range(30):
        server.get("/atom.xml")
    until(lambda: requests(scraped(server), "atom") == 30)
    shared = directory(server)
    assert shared.stat().st_mode & 0o777 == 0o700
    for _ in range(2):
        killed = workers(server)[0]
        os.kill(killed, signal.SIGKILL)
        until(partial(is_replaced, server, killed))
        until(lambda: scraped(server).get(("feeds_workers",)) == 2)
    assert requests(scraped(server), "atom") == 30
    server.get("/atom.xml")
    until(lambda: requests(scraped(server), "atom") == 31)
    assert len(list(shared.glob("counter_*.db"))) <= 4  # server, follower and two workers
    server.stop()
    assert not shared.exists()


@pytest.mark.slow
def test_gunicorn_alone_counts_together_with_the_file_beside_wsgi(tmp_path: Path) -> None:
    port = free_port()
    server = Served(
        news(tmp_path / "news"),
        tmp_path / "home",
        {"FEEDS_LOG_FORMAT": "json"},
        (
            sys.executable, "-m", "gunicorn", "-c", "python:feeds.serving.gunicorn_conf",
            "--workers", "2", "--bind", f"127.0.0.1:{port}", "feeds:create_app()",
        ),
        port,
    )  # fmt: skip
    try:
        server.start()
        for _ in range(20):
            server.get("/atom.xml")
        until(lambda: requests(scraped(server), "atom") == 20)
    finally:
        server.stop()


@pytest.mark.parametrize(
    ("listens_at", "port", "answers"),
    [(("127.0.0.1", 9100), "9100", "private"), ("/run/feeds.sock", "9100", "public")],
)
def test_a_host_header_opens_no_door(listens_at: object, port: str, answers: str) -> None:
    """gunicorn takes the port from the Host header where it listens at a file."""

    class Connection:
        def getsockname(self) -> object:
            return listens_at

    doors = ByPort(lambda *_: [b"public"], lambda *_: [b"private"], "127.0.0.1:9100")
    environ = {"SERVER_PORT": port, "gunicorn.socket": Connection()}
    found: Any = doors(environ, lambda *_: lambda _: None)
    assert list(found) == [answers.encode()]
