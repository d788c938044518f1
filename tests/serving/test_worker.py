"""The worker on an event loop, over sockets."""

import re
import socket
import struct
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Final
from unittest.mock import Mock

import pytest
from gunicorn.config import Config

from feeds.serving.connection import Connection
from feeds.serving.request_head import HeadParser
from feeds.serving.worker import EventLoopWorker
from feeds.serving.wsgi_call import Listener
from tests.helpers.server import PATIENCE, Served, free_port, news, until

Serve = Callable[..., Served]
OWN: Final = "feeds.serving.worker.EventLoopWorker"
APPLICATION: Final = """
import os, time

def app(environ, start_response):
    if environ["PATH_INFO"] == "/slow":
        open("begun", "w").close()
        while not os.path.exists("go"):
            time.sleep(0.01)
    if environ["PATH_INFO"] == "/broken":
        raise ValueError("broken")
    body = b"x" * int(environ.get("HTTP_X_LENGTH", 2))
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
"""


def gunicorn(home: Path, worker: str, *arguments: str, app: str = "feeds:create_app()") -> Served:
    port = free_port()
    command = (
        sys.executable, "-m", "gunicorn", "-c", "python:feeds.serving.gunicorn_conf",
        "-k", worker, "--bind", f"127.0.0.1:{port}", *arguments, app,
    )  # fmt: skip
    variables = {
        "FEEDS_BASE_URL": "https://feeds.example.org",
        "FEEDS_METRICS": "off",
        "PYTHONHASHSEED": "0",
        "FEEDS_DATABASE_URL": f"sqlite:///{home / 'news.db'}",
    }
    return Served(home / "news", home / f"{port}", variables, command, port)


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, Served]]:
    """Our worker and gunicorn's threads, over the same news."""
    home = tmp_path_factory.mktemp("both")
    news(home / "news", 60)
    servers = gunicorn(home, OWN), gunicorn(home, "gthread")
    try:
        yield servers[0].start(), servers[1].start()
    finally:
        for server in servers:
            server.stop()


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Callable[..., Served]]:
    """Starts another application under our worker."""
    started: list[Served] = []

    def start(*arguments: str) -> Served:
        server = gunicorn(tmp_path, OWN, *arguments, app="application:app")
        server.home.mkdir()
        (server.home / "application.py").write_text(APPLICATION)
        started.append(server)
        return server.start()

    yield start
    for server in started:
        (server.home / "go").touch()
        server.stop()


@pytest.fixture
def opened() -> Iterator[ExitStack]:
    """Closes connections in the end."""
    with ExitStack() as stack:
        yield stack


def connect(server: Served) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE)


def received(connection: socket.socket) -> bytes:
    """All that the server sends until it closes."""
    return b"".join(iter(lambda: connection.recv(65536), b""))


def undated(answer: bytes) -> bytes:
    """Without when it was sent, and when its server was started, which pages were modified at."""
    return re.sub(rb"(Date|Last-Modified): [^\r]*", b"", answer)


def request(
    target: str = "/rss.xml", *fields: str, method: str = "GET", version: str = "1.1"
) -> bytes:
    return "\r\n".join([f"{method} {target} HTTP/{version}", "Host: x", *fields, "", ""]).encode()


FIELDS: Final = (
    (),
    ("Accept-Encoding: gzip",),
    ("Accept-Encoding: zstd;q=0.5, br",),
    ("Accept-Encoding: identity;q=0",),
    ("If-None-Match: *",),
    ("If-None-Match: *", "Accept-Encoding: gzip", "User-Agent: a", "User-Agent: b"),
    ('If-Match: "a"',),
    ("If-Modified-Since: Sat, 01 Jan 2050 00:00:00 GMT",),
    ("A-IM: feed", 'If-None-Match: "a"'),
    ("Sec-Fetch-Dest: document", "Sec-Fetch-Mode: navigate"),
    ("Connection: keep-alive",),
    ("Connection: close, TE", "TE: trailers"),
    (
        "Connection: Upgrade, HTTP2-Settings",
        "Upgrade: h2c",
        "HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA",
    ),
    ("Expect: something",),
    ("X-Request-ID: abc-1", "Accept: text/html"),
    ("X_Request_ID: abc-1",),
    ("Content-Length: 0",),
    ("Range: bytes=0-9",),
    tuple(f"X-{number}: a" for number in range(63)),
    tuple(f"X-{number}: a" for number in range(64)),
    (f"X-A: {'a' * 8180}",),
    (f"X-A: {'a' * 8190}",),
)
TARGETS: Final = (
    "/rss.xml", "/", "/nothing/", "/healthz", "/rss%2Exml", "/topics/c-plus-plus/rss.xml?limit=2",
    "/rss.xml?", "/rss.xml#a", "//rss.xml", "/%ff", "/topics/AI/", "http://evil.example/rss.xml",
    "http://evil.example", "*", "nothing", "/" + "a" * 4090,
)  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("fields", FIELDS, ids=lambda fields: ", ".join(fields)[:40] or "none")
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "OPTIONS", "CONNECT"])
def test_responses_are_those_of_gunicorns_threads(
    both: tuple[Served, Served], method: str, fields: tuple[str, ...]
) -> None:
    ours, theirs = both
    for target in TARGETS if not fields else TARGETS[:3]:
        for version in ("1.1", "1.0"):
            asked = request(target, *fields, method=method, version=version)
            for server in both if target == "/rss.xml" and method == "GET" else ():
                server.raw(asked)  # from now on it is prepared
            expected = undated(theirs.raw(asked))
            found = undated(ours.raw(asked))
            if b" 400 " in expected[:20]:  # the words may differ
                assert found[:80] == expected[:80]
            else:
                assert found == expected.removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n")


def test_pipelined_requests_are_answered_in_their_order(both: tuple[Served, Served]) -> None:
    ours, theirs = both
    targets = ["/nothing/", "/rss.xml", "/healthz", "/atom.xml", "/rss.xml?limit=3", "/rss.xml"] * 9
    asked = b"".join(map(request, targets)) + request("/", "Connection: close")
    answer = undated(ours.raw(asked + request("/late")))
    assert answer == undated(theirs.raw(asked))
    assert answer.count(b"HTTP/1.1 ") == len(targets) + 1


def test_room_to_send_between_two_turns_lets_nothing_overtake_a_thread() -> None:
    """A turn ends with more than is sent at once, there is room before the next, and a miss."""
    answer = Mock(status="200 OK", fields=b"", body=b"hit")
    path = Mock(**{"prepared.side_effect": lambda _, target, __: answer if target == "/" else None})
    worker = Mock(parser=HeadParser(8190, 100), limit_line=4094, keepalive=5, nr=0)
    worker.loop.time.return_value = 0.0
    transport = Mock(**{"is_closing.return_value": False})
    connection = Connection(worker, Listener(None, Mock(), path))
    connection.connection_made(transport)
    sent = transport.writelines

    def send(_: object) -> None:
        if sent.call_count == 16:
            connection.pause_writing()

    sent.side_effect = send
    connection.data_received(request("/") * 16 + request("/miss") + request("/"))
    connection.resume_writing()
    for turn in worker.loop.call_soon.call_args_list:
        turn.args[0]()
    assert (sent.call_count, worker.call.call_count) == (16, 1)
    connection.take([b"answer"], keeps=True)
    assert [call.args[0][-1] for call in sent.call_args_list[-2:]] == [b"answer", b"hit"]


@pytest.mark.parametrize("fields", [("Transfer-Encoding: chunked",), ("Content-Length: 9",)])
def test_what_is_wrong_is_400_and_nothing_after_it_is_answered(
    both: tuple[Served, Served], fields: tuple[str, ...]
) -> None:
    with connect(both[0]) as connection:
        connection.sendall(request() + request("/rss.xml", *fields) + request())
        answers = received(connection)  # it closes, though the client doesn't
    assert re.findall(rb"HTTP/1\.1 (\d+)", answers) == [b"200", b"400"]


def test_a_body_is_left_unread_and_the_connection_closes(both: tuple[Served, Served]) -> None:
    with connect(both[0]) as connection:
        head = request("/", "Content-Length: 35", "Expect: 100-continue", method="POST")
        connection.sendall(head + b"GET /rss.xml HTTP/1.1\r\nHost: x\r\n\r\n")
        answers = received(connection)
    assert re.findall(rb"HTTP/1\.1 (\d+)", answers) == [b"405"]
    assert b"Connection: close\r\n" in answers


def test_a_head_may_come_byte_by_byte_after_one_empty_line(both: tuple[Served, Served]) -> None:
    with connect(both[0]) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in b"\r\n" + request("/healthz", "Connection: close"):
            connection.sendall(bytes([byte]))
        assert received(connection).startswith(b"HTTP/1.1 200 OK")


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GET /" + b"a" * 5000, b"414"),
        (b"GET / HTTP/1.1\r\n" + b"X-A: a\r\n" * 9000, b"431"),
        (b"GET / HTTP/1.1\r\nX-A: " + b"a" * 66_000, b"431"),
        (b"GET / HTTP/1.1\n", b"400"),
        (b"\r\n\r\n", b"400"),
    ],
)
def test_a_head_that_never_ends_is_refused_before(
    both: tuple[Served, Served], sent: bytes, status: bytes
) -> None:
    with connect(both[0]) as connection:
        connection.sendall(sent)
        assert received(connection).split(b" ")[1] == status


def test_who_reads_slowly_gets_all_and_keeps_nobody_waiting(both: tuple[Served, Served]) -> None:
    ours, _ = both
    whole = ours.raw(request())
    many = 400
    with connect(ours) as slow:
        slow.sendall(request() * (many - 1) + request("/rss.xml", "Connection: close"))
        slow.shutdown(socket.SHUT_WR)  # it may send no more, and reads on
        for _ in range(50):
            assert ours.get("/rss.xml").code == 200
        answers = received(slow)
    assert len(whole) * many > 20_000_000
    assert len(answers) == len(whole) * many - len("keep-alive") + len("close")


def test_an_application_that_fails_is_500_and_closes(other: Callable[..., Served]) -> None:
    server = other()
    answer = server.raw(request("/broken") + request())
    assert re.findall(rb"HTTP/1\.1 (\d+)", answer) == [b"500"]
    assert "ValueError: broken" in server.log


def test_a_stop_waits_for_what_runs_and_for_nobody_else(
    other: Callable[..., Served], opened: ExitStack
) -> None:
    server = other("--graceful-timeout", "60", "--keep-alive", "60")
    silent, half, idle, running = (opened.enter_context(connect(server)) for _ in range(4))
    half.sendall(b"GET / HTTP/1.1\r\n")
    idle.sendall(request("/"))
    idle.recv(65536)
    running.sendall(request("/slow"))
    until((server.home / "begun").exists)
    process = server.process
    assert process is not None
    process.terminate()
    for connection in (silent, half, idle):
        assert received(connection) == b""
    assert process.poll() is None
    (server.home / "go").touch()
    answer = received(running)
    assert answer.startswith(b"HTTP/1.1 200 OK")
    process.wait(10)


@pytest.mark.slow
def test_a_thread_that_is_blocked_is_told_and_in_the_end_its_worker_replaced(
    other: Callable[..., Served],
) -> None:
    server = other("--threads", "1", "--timeout", "2")
    with connect(server) as blocked:
        blocked.sendall(request("/slow?token=secret"))
        until(lambda: "GET /slow: no answer for 1.0 s; it keeps a thread" in server.log)
        until(lambda: "WORKER TIMEOUT" in server.log)
        (server.home / "go").touch()
        until(lambda: server.get("/rss.xml").code == 200)
    assert "secret" not in server.log


@pytest.mark.slow
def test_where_connections_are_many_those_that_wait_longest_make_room(
    other: Callable[..., Served], opened: ExitStack
) -> None:
    server = other("--worker-connections", "8", "--keep-alive", "60")
    waiting = [opened.enter_context(connect(server)) for _ in range(8)]
    for _ in range(3):
        with connect(server) as one:
            one.sendall(request("/", "Connection: close"))
            assert received(one).endswith(b"xx")
    assert any(connection.recv(1) == b"" for connection in waiting)


def test_an_idle_connection_is_closed_after_a_while(other: Callable[..., Served]) -> None:
    server = other("--keep-alive", "1")
    with connect(server) as idle:
        idle.sendall(request("/"))
        started = time.monotonic()
        assert received(idle).endswith(b"xx")
        assert 0.5 < time.monotonic() - started < PATIENCE / 2


def test_clients_that_vanish_leave_nothing_in_the_log(both: tuple[Served, Served]) -> None:
    server, _ = both
    for number in range(1, 200):
        with connect(server) as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.sendall(request() * number)
            connection.recv(1 if number % 2 else 400_000)
    assert server.get("/rss.xml").code == 200
    assert "Traceback" not in server.log


def test_there_is_no_tls() -> None:
    config = Config()
    config.set("certfile", __file__)
    with pytest.raises(RuntimeError, match="speaks no TLS"):
        EventLoopWorker.check_config(config, None)


@pytest.mark.slow
def test_a_long_answer_to_a_half_closed_client_is_whole(other: Callable[..., Served]) -> None:
    server = other()
    with connect(server) as connection:
        connection.sendall(request("/", "X-Length: 30000000"))
        connection.shutdown(socket.SHUT_WR)
        assert len(received(connection).partition(b"\r\n\r\n")[2]) == 30_000_000
