"""`feeds doctor`: what it finds right, and what it says of everything that is wrong."""

import os
import re
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from click.testing import CliRunner, Result

from feeds.cli.main import main
from feeds.store.database import Store, note_health
from tests.helpers.server import Served, free_port, news
from tests.helpers.support import write


class _Handler(BaseHTTPRequestHandler):
    """Answers to GET with nothing, and takes purges."""

    def do_PURGE(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_PURGE  # noqa: N815 - http.server's name

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its signature
        pass


@pytest.fixture
def host() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def lines(result: Result) -> list[str]:
    """The lines of the output, numbers of seconds left out."""
    return re.sub(r"[0-9,]+ seconds|loaded at \S+Z", "...", result.stdout).splitlines()


def test_a_server_that_is_well_has_nothing_to_mend(
    home: Path, serve: Callable[..., Served], host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve(news(home / "news", 3))
    hosts = {"FEEDS_HUBS": f"{host}/hub", "FEEDS_PURGE": f"{host}/", "no_proxy": "127.0.0.1"}
    for name, value in {**server.settings(), **hosts}.items():
        monkeypatch.setenv(name, value)
    result = CliRunner().invoke(main, ["doctor"])
    assert lines(result) == [
        "ok    settings: 6 settings of your own",
        f"ok    folder: {home}/news: 3 public (0 merged), 0 hidden, 0 left out, 0 not records",
        f"ok    store: sqlite:///{home}/home/served.db: 3 entries, ...",
        f"ok    feeds: {server.url}/rss.xml answers",
        f"ok    hub: {host}/hub answers 200",
        f"ok    cache: {host}/ takes purges",
    ]
    assert result.exit_code == 0


def test_all_that_is_wrong_is_told_with_what_to_do(
    home: Path, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = free_port()
    away = f"http://127.0.0.1:{port}"
    monkeypatch.setenv("FEEDS_HUBS", f"{away}/")
    monkeypatch.setenv("FEEDS_PURGE", f"{away}/")
    monkeypatch.setenv("FEEDS_BIND", f"0.0.0.0:{port}")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    result = CliRunner().invoke(main, ["doctor"])
    address = "or set FEEDS_BASE_URL to the public address"
    start = f"start feeds serve and what is in front of it, {address}"
    lost = "which their readers may not reach; set FEEDS_BASE_URL to the address at which they do"
    next_step = "FEEDS_SEEDS names a folder of records, and feeds init FOLDER writes a feeds.toml"
    assert lines(result) == [
        f"mend  settings: 4 settings of your own; the feeds link http://localhost:{port}/, {lost}",
        f"mend  folder: seeds; seeds: No such file or directory; {next_step} for one",
        f"mend  store: sqlite:///{home}/feeds.db; nothing has been loaded yet; feeds serve loads",
        f"mend  feeds: http://localhost:{port}/healthz: Connection refused; {start}",
        f"mend  hub: {away}/: Connection refused; see FEEDS_HUBS",
        f"mend  cache: {away}/: Connection refused; see FEEDS_PURGE, and who may purge there",
    ]
    assert result.exit_code == 1
    assert not (home / "feeds.db").exists()
    with monkeypatch.context() as patched:
        patched.setattr(os, "access", lambda path, _: Path(path) != home)
        _, _, store, *_ = lines(CliRunner().invoke(main, ["doctor"]))
        said = f"{home}/feeds.db can't be written by who runs this"
        assert store.endswith(f"; {said}; let them, or name another in FEEDS_DATABASE_URL")
    CliRunner().invoke(main, ["list"])  # which makes the store
    _, _, store, *_ = lines(CliRunner().invoke(main, ["doctor"]))
    assert store.endswith("/feeds.db: 0 entries; nothing has been loaded yet")
    write(Path("seeds"), "bad.md", title=None)
    CliRunner().invoke(main, ["load"])
    with Store(f"sqlite:///{home}/feeds.db").write() as connection:
        note_health(connection, "the folder is gone")
    result = CliRunner().invoke(main, ["doctor", "--base-url", host])
    _, folder, store, feeds, *_ = lines(result)
    assert folder.startswith("mend  folder: seeds: 0 public")
    assert folder.endswith("; feeds check says what is wrong in the files that are left out")
    assert store == f"mend  store: sqlite:///{home}/feeds.db: 0 entries, ...; the folder is gone"
    what = f"{host}/healthz answers something else than feeds under this address"
    assert feeds == f"mend  feeds: {what}; look at what is in front, {address}"
