import io
import json
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from feeds.telemetry import log, log_setup
from feeds.telemetry.log import RequestRecord
from tests.helpers.server import Served, application, call, feeds, free_port, news, until
from tests.helpers.support import write

Said = Callable[[], list[str]]


@pytest.fixture(params=log.FORMATS)
def said(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Said]:
    """Logs in each form; the lines that were written. All is as before in the end."""
    root, ours = logging.getLogger(), logging.getLogger("feeds")
    before = (root.level, ours.level, list(root.handlers))
    hooks = (sys.excepthook, threading.excepthook, logging.raiseExceptions)
    into = io.StringIO()
    monkeypatch.setattr(sys, "stderr", into)
    log_setup.configure(request.param, "worker")
    yield lambda: into.getvalue().splitlines()
    root.setLevel(before[0])
    ours.setLevel(before[1])
    root.handlers[:] = before[2]
    sys.excepthook, threading.excepthook, logging.raiseExceptions = hooks
    logging.captureWarnings(capture=False)
    log.process.clear()
    log.request_logger.cache_clear()


HOSTILE = 'a"b\\\n2026-01-01T00:00:00Z critical server[1]: forged\r\x1b[31m\u202e\u2028\x85'


def answer(**fields: Any) -> RequestRecord:
    usual = RequestRecord("/rss.xml", 304, "gzip", "not modified", 0, 900, 0.00004, "newsboat/2.21")
    return usual._replace(**fields)


def test_a_request_is_one_line(said: Said) -> None:
    log.request("GET", "/rss.xml", answer(), "abc-1")
    [line] = said()
    if log.is_json():
        found = json.loads(line)
        assert found.pop("timestamp").endswith("Z")
        assert found == {
            "level": "info", "event": "request", "method": "GET", "path": "/rss.xml",
            "status": 304, "bytes": 0, "seconds": 0.00004, "coding": "gzip",
            "outcome": "not modified", "agent": "newsboat/2.21", "request_id": "abc-1",
            "process": "worker", "pid": os.getpid(),
        }  # fmt: skip
    else:
        assert line[24:] == (
            f" info worker[{os.getpid()}]: GET /rss.xml 304 0 B 0.04 ms, gzip, not modified, "
            '"newsboat/2.21", abc-1'
        )


def test_what_strangers_send_forges_no_line(said: Said) -> None:
    log.request(HOSTILE, HOSTILE, answer(agent=HOSTILE), "x")
    log.warn(HOSTILE)
    logging.getLogger("gunicorn.error").warning("Invalid request: %s", HOSTILE)
    with log.bound(request_id=HOSTILE):
        log.warn("x")
    lines = said()
    assert len(lines) == 4
    assert all(line.isprintable() for line in lines)
    if log.is_json():
        assert json.loads(lines[0])["agent"] == HOSTILE
        assert all(line.isascii() for line in lines)
    else:
        assert '"a\\"b\\\\\\n2026' in lines[0]


def test_a_traceback_is_told_apart_from_other_lines(said: Said) -> None:
    try:
        int(HOSTILE)
    except ValueError:
        logging.getLogger("feeds").exception("it failed")
    first, *more = said()
    if log.is_json():
        assert more == []
        assert "ValueError" in json.loads(first)["exception"]
    else:
        assert first.endswith("it failed")
        assert all(line.startswith("    ") for line in more)
        assert any("ValueError" in line for line in more)


@pytest.mark.parametrize(
    "text",
    [
        "can't reach postgresql+psycopg://feeds:hunter2@db.example.org/feeds: no",
        "https://user:hunter2@hub.example.org/x was told",
        "connection to host=db password=hunter2 failed",
    ],
)
def test_passwords_are_left_out(said: Said, text: str) -> None:
    log.warn(text)
    log.request("GET", "/" + text, answer(agent=text), "x")
    for line in said():
        assert "hunter2" not in line
        assert "***" in line


def test_values_end(said: Said) -> None:
    log.warn("x" * 1_000_000)
    log.request("GET", "/" + "x" * 100_000, answer(), "x")
    assert max(map(len, said())) < 11_000


def test_threads_and_libraries_log_in_the_same_form(said: Said) -> None:
    def fail() -> None:
        raise ValueError("in a thread")

    thread = threading.Thread(target=fail, name="websub")
    thread.start()
    thread.join()
    assert "websub ends of an error" in said()[0]


@pytest.mark.parametrize(
    ("given", "known"),
    [
        ("abc-1", True),
        ("0af7651916cd43dd8448eb211c80319c", True),
        ("Root=1-67891233-abcdef012345678912345678", True),
        ("", False),
        ("a b", False),
        ("a\nb", False),
        ('a"b', False),
        ("-x", False),
        ("é", False),
        ("x" * 129, False),
    ],
)
def test_ids_are_taken_where_they_are_sane(given: str, known: bool) -> None:
    assert log.known_id({"HTTP_X_REQUEST_ID": given}) == (given if known else "")
    assert log.request_id({"HTTP_X_REQUEST_ID": given}) != ""


def test_errors_carry_the_id_and_nothing_that_caches_keep(tmp_path: Path) -> None:
    wsgi = application(news(tmp_path / "news")).wsgi_app
    asked = {"X-Request-ID": "abc-1"}
    assert call(wsgi, "/nothing/", asked).get("X-Request-ID") == "abc-1"
    assert call(wsgi, "/nothing/").get("X-Request-ID") is None
    for _ in range(2):
        found = call(wsgi, "/rss.xml", asked)
        assert found.get("X-Request-ID") is None
    tag = str(found.get("ETag"))
    assert call(wsgi, "/rss.xml", asked | {"If-None-Match": tag}).get("X-Request-ID") is None


@pytest.mark.slow
def test_all_processes_of_a_server_log_in_one_form(
    tmp_path: Path, serve: Callable[..., Served]
) -> None:
    folder = news(tmp_path / "news", 3)
    (folder / "bad.md").write_text("---\ntitle: [\nsecured: hunter2\n---\nThe body: hunter2\n")
    running = serve(
        folder,
        variables={"FEEDS_LOG_FORMAT": "json", "FEEDS_LOG_REQUESTS": "on", "FEEDS_WORKERS": "2"},
    )
    headers = {"Authorization": "Bearer hunter2", "Cookie": "session=hunter2"}
    running.get("/rss.xml?token=hunter2&limit=2", X_Request_ID="abc-1", **headers)
    running.get("/nothing%0aforged?token=hunter2", **headers)
    running.raw(b"GARBAGE\r\n\r\n")
    write(folder, "new.md", title="Secret title", body="A body.")
    until(lambda: '"follower"' in running.log)
    assert running.process is not None
    running.process.send_signal(signal.SIGHUP)
    until(lambda: '"/nothing\\nforged"' in running.log)
    running.stop()
    lines = [json.loads(line) for line in running.log.splitlines()]
    assert {"server", "worker", "follower"} <= {line["process"] for line in lines}
    assert "hunter2" not in running.log
    assert "Secret title" not in running.log
    [first] = [line for line in lines if line.get("request_id") == "abc-1"]
    assert (first["path"], first["status"], first["outcome"]) == (
        "/rss.xml?limit=2",
        200,
        "made",
    )
    [load] = [line for line in lines if line["process"] == "follower" and "changed" in line]
    assert (load["changed"], load["entries"], load["errors"]) == (1, 4, 1)
    assert load["seconds"] >= 0


def test_a_start_that_fails_is_told_in_the_same_form(tmp_path: Path) -> None:
    form = {"FEEDS_LOG_FORMAT": "json", "FEEDS_OTHER": "x"}
    form["FEEDS_BIND"] = f"127.0.0.1:{free_port()}"  # else 8000, which may be in use
    done = feeds("serve", cwd=tmp_path, FEEDS_SEEDS="missing", **form)
    assert done.returncode == 2
    unknown, line = (json.loads(line)["event"] for line in done.stderr.splitlines())
    assert unknown.startswith("no setting, and passed over: FEEDS_OTHER")
    assert line.startswith("missing: No such file or directory")
    file = f"sqlite:///{tmp_path}/none/x.db"
    for command in ("serve", "follow"):
        done = feeds(command, cwd=tmp_path, FEEDS_DATABASE_URL=file, **form)
        [line] = (json.loads(line)["event"] for line in done.stderr.splitlines())
        assert line.startswith("FEEDS_DATABASE_URL names a file")


def test_metrics_need_a_port_of_their_own(tmp_path: Path) -> None:
    port = free_port()
    done = feeds(
        "serve",
        cwd=tmp_path,
        FEEDS_SEEDS=str(news(tmp_path / "news", 1)),
        FEEDS_DATABASE_URL=f"sqlite:///{tmp_path / 'x.db'}",
        FEEDS_BIND=f"127.0.0.1:{port}",
        FEEDS_METRICS=f"127.0.0.1:{port}",
    )
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].endswith("it accepts another port than that of FEEDS_BIND")


def test_commands_print_for_people_whatever_the_form(tmp_path: Path) -> None:
    folder = news(tmp_path / "news", 1)
    done = feeds("check", str(folder), cwd=tmp_path, FEEDS_LOG_FORMAT="json")
    assert (done.returncode, done.stdout.splitlines()[-1][:8]) == (0, "1 public")
