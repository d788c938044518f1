import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from gunicorn.config import Config as GunicornConfig

from feeds.config import Config
from feeds.serving import server
from feeds.serving.server import Server, settings
from feeds.serving.worker import EventLoopWorker
from feeds.telemetry import log_setup
from tests.helpers.server import PROJECT, Served, free_port, news
from tests.helpers.support import write


def test_gunicorn_takes_every_setting() -> None:
    made = Server(Config(), settings(Config(bind="127.0.0.1:8123", workers=3)))
    assert isinstance(made.cfg, GunicornConfig)
    assert made.cfg.address == [("127.0.0.1", 8123)]
    assert made.cfg.workers == 3
    assert made.cfg.worker_class is EventLoopWorker
    assert made.cfg.reload is False


WORKER = """
import sys
from werkzeug.test import Client
from feeds.config import read
from feeds.serving import server
from feeds.telemetry import log_setup
log_setup.configure("human", "worker")
client = Client(server.Server(read(), {}).load())
assert client.get("/rss.xml").status_code == 200
assert client.get("/stats/").status_code == 200
assert client.get("/metrics").status_code == 200
assert "structlog" in sys.modules
print(sorted(name for name in sys.modules if name.partition(".")[0] in ("rich", "pygments")))
import rich.console  # it is there, and whoever wants it still has it
"""


def test_a_worker_has_no_use_for_rich(tmp_path: Path) -> None:
    variables = {
        "FEEDS_SEEDS": str(news(tmp_path / "news")),
        "FEEDS_DATABASE_URL": f"sqlite:///{tmp_path / 'news.db'}",
        "FEEDS_LOG_REQUESTS": "on",
        "FEEDS_METRICS": "on",
    }
    done = subprocess.run(
        [sys.executable, "-c", WORKER],
        cwd=tmp_path, env=os.environ | variables, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "[]\n"), done.stderr
    assert "GET /rss.xml 200" in done.stderr


def test_slow_clients_have_more_threads_than_they_can_hold_where_threads_read() -> None:
    assert server.COMMON["threads"] > 200


def test_without_the_parts_of_the_event_loop_threads_serve_and_the_log_says_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delitem(sys.modules, "feeds.serving.worker")
    monkeypatch.setitem(sys.modules, "uvloop", None)
    found = settings(Config())
    assert (found["worker_class"], found["threads"]) == ("gthread", 256)
    [line] = caplog.messages
    assert line.endswith("; gunicorn's threads answer instead of an event loop, more slowly")


def test_requests_are_bounded_and_no_forwarded_header_counts() -> None:
    found = settings(Config(), reload=True)
    assert found["limit_request_line"] == 4094
    assert (found["forwarded_allow_ips"], found["secure_scheme_headers"]) == ("", {})
    assert found["reload"] is True


def alone(home: Path, *arguments: str, conf: Path = PROJECT / "gunicorn.conf.py") -> Served:
    """`gunicorn wsgi:app` over some news, started in the project's folder as the README says."""
    port = free_port()
    command = (sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{port}", *arguments)
    folder = news(home / "news")
    chdir = ("--chdir", str(PROJECT), "-c", str(conf), "wsgi:app")
    return Served(folder, home / "home", {}, (*command, *chdir), port)


def test_gunicorn_alone_reads_requests_by_threads(tmp_path: Path) -> None:
    """A client that never finishes its request keeps nobody else waiting."""
    server = alone(tmp_path)
    try:
        server.start()
        with socket.create_connection(("127.0.0.1", server.port)) as slow:
            slow.sendall(b"GET /rss.xml HTTP/1.1\r\n")
            assert server.get("/atom.xml").code == 200
        assert "WORKER TIMEOUT" not in server.log  # which would have freed it
    finally:
        server.stop()


SCHEMES = {"X-Forwarded-Proto": "https", "X-Forwarded-Ssl": "off"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("worker", "has_conf", "forged"),
    [
        ("gthread", True, SCHEMES),
        ("sync", True, SCHEMES),
        ("feeds.serving.worker.EventLoopWorker", True, SCHEMES),
        ("gthread", False, {}),  # gunicorn itself refuses schemes that disagree
        ("feeds.serving.worker.EventLoopWorker", False, {}),
    ],
)
def test_gunicorn_alone_trusts_no_forwarded_header(
    tmp_path: Path, worker: str, *, has_conf: bool, forged: dict[str, str]
) -> None:
    """Neither at a port nor at a Unix socket, at which gunicorn trusts everybody."""
    path = tmp_path / "socket"
    conf = PROJECT / "gunicorn.conf.py" if has_conf else Path(os.devnull)
    server = alone(tmp_path, "-k", worker, "--bind", f"unix:{path}", conf=conf)
    every = {"SCRIPT_NAME": "/topics/ai", "PATH_INFO": "/rss.xml", "X-Forwarded-Host": "x.example"}
    lines = "".join(f"{name}: {value}\r\n" for name, value in (every | forged).items())
    request = "GET /topics/ai/rss.xml HTTP/1.0\r\nAccept-Encoding: gzip\r\n"
    try:
        server.start()
        plain = server.raw(f"{request}\r\n".encode())
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(path))
            connection.sendall(f"{request}{lines}\r\n".encode())
            at_socket = b"".join(iter(lambda: connection.recv(65536), b""))
        for answer in (server.raw(f"{request}{lines}\r\n".encode()), at_socket):
            headers, _, body = answer.partition(b"\r\n\r\n")
            assert headers.startswith(b"HTTP/1.0 200")
            assert body == plain.partition(b"\r\n\r\n")[2]
    finally:
        server.stop()


def test_a_hangup_where_nothing_is_loaded_is_answered(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    hangup: Callable[[Any], None] = server._Arbiter.handle_hup
    hangup(SimpleNamespace(_follower=None))
    assert caplog.messages == [
        "nothing is loaded here (FEEDS_LOAD is off), but where feeds follow runs"
    ]


def test_gunicorn_alone_names_what_is_left_out_and_tells_of_its_load(tmp_path: Path) -> None:
    server = alone(tmp_path)
    server.variables["FEEDS_BIND"] = "127.0.0.1:8000"  # which gunicorn doesn't read
    write(server.folder, "bad.md", title=None)
    try:
        server.start()
        lines = [re.sub(r"^\S+ (\w+) \w+\[\d+\]: ", r"\1: ", s) for s in server.log.splitlines()]
        assert [s for s in lines if s.startswith(f"warning: {server.folder}/bad.md:1: title: ")]
        assert len([s for s in lines if "the feeds link http://127.0.0.1:8000/, which" in s]) == 1
        assert [s for s in lines if s.startswith(f"info: {server.folder}: 5 public (0 merged)")]
    finally:
        server.stop()


@pytest.mark.parametrize(
    ("settings", "address", "linked"),
    [
        ({}, "127.0.0.1:8000", ""),
        ({"bind": "0.0.0.0:8000"}, "0.0.0.0:8000", "http://localhost:8000/"),
        ({"bind": "unix:/run/feeds"}, "unix:/run/feeds", "http://localhost/"),
        ({"bind": "192.0.2.1:80"}, "192.0.2.1:80", ""),
        ({}, "127.0.0.1:9000", "http://127.0.0.1:8000/"),  # gunicorn was bound elsewhere
        ({"base_url": "https://feeds.example.org", "bind": "[::]:1"}, "[::]:1", ""),
    ],
)
def test_feeds_that_link_an_address_that_nobody_reaches_are_told(
    settings: dict[str, str], address: str, linked: str
) -> None:
    told = server.lost_links(Config(**settings), [address])  # type: ignore[arg-type]
    expected = (
        f"the feeds link {linked}, which their readers may not reach; "
        "set FEEDS_BASE_URL to the address at which they do"
    )
    assert told == (expected if linked else "")


def test_gunicorn_is_run(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[Any] = []
    monkeypatch.setattr(log_setup, "configure", lambda *_: None)
    monkeypatch.setattr(Server, "run", lambda self: ran.append(self.cfg.bind))
    server.run(Config(bind="127.0.0.1:8123"))
    assert ran == [["127.0.0.1:8123"]]


def test_a_worker_that_cannot_be_started_ends_no_server(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """gunicorn ends, with a traceback, when the system has no more processes."""
    arbiter = server._Arbiter.__new__(server._Arbiter)
    arbiter._follower, arbiter._forks = None, True
    refusals = [BlockingIOError("no more processes")] * 3

    def manage(_: object) -> None:
        if refusals:
            raise refusals.pop()

    monkeypatch.setattr("gunicorn.arbiter.Arbiter.manage_workers", manage)
    for _ in range(5):
        arbiter.manage_workers()
    assert caplog.messages == ["a worker can't be started (no more processes); it is tried again"]


def test_sockets_of_systemd_are_told_and_what_they_lack(monkeypatch: pytest.MonkeyPatch) -> None:
    config = Config(metrics="127.0.0.1:9100")
    assert server.listening(config) == (["127.0.0.1:8000"], "")
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("", 0)) as other:
        monkeypatch.setattr("gunicorn.systemd.SD_LISTEN_FDS_START", 700)
        monkeypatch.setattr("gunicorn.systemd.listen_fds", lambda **_: 2)
        for number, handle in enumerate((one.fileno(), other.fileno())):
            os.dup2(handle, 700 + number)
        try:
            ports = [one.getsockname()[1], other.getsockname()[1]]
            addresses = [f"127.0.0.1:{ports[0]}", f"0.0.0.0:{ports[1]}"]
            lacks = "systemd gives no socket for FEEDS_METRICS: add ListenStream=127.0.0.1:9100"
            assert server.listening(config) == (addresses, lacks)
            assert server.listening(Config()) == (addresses, "")
            config = Config(metrics=addresses[0])
            assert server.listening(config) == (addresses[1:], "")
            monkeypatch.setattr("gunicorn.systemd.listen_fds", lambda **_: 1)
            lacks = "systemd gives no socket for FEEDS_BIND: add ListenStream=127.0.0.1:8000"
            assert server.listening(config) == ([], lacks)
            assert "set FEEDS_BASE_URL" in server.lost_links(config, addresses[1:])
        finally:
            os.close(700)
            os.close(701)
