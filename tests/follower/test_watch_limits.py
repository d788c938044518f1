"""A server whose user has used up what the system lets it watch: in a user namespace."""

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.helpers.server import FEEDS, Served, news, until
from tests.helpers.support import write

pytestmark = pytest.mark.servers
_LIMITED = 'echo "$1" > "/proc/sys/user/max_inotify_$0" && shift && exec "$@"'
Serve = Callable[[str, int], Served]


@pytest.fixture(name="serve")
def _serve(tmp_path: Path) -> Iterator[Serve]:
    """Starts a server with a limit: of `watches` or `instances`."""
    started = []

    def serve(what: str, number: int) -> Served:
        limited = ("unshare", "-Ur", "sh", "-c", _LIMITED, what, str(number))
        done = subprocess.run([*limited, "true"], capture_output=True, check=False)
        if done.returncode:
            pytest.skip(f"there are no user namespaces: {done.stderr.decode()}")
        folder = tmp_path / "news"
        started.append(Served(folder, tmp_path / "home", command=(*limited, FEEDS, "serve")))
        return started[0].start()

    yield serve
    for server in started:
        server.stop()


def _entries(server: Served) -> int:
    return server.get("/rss.xml").body.count(b"<item>")


@pytest.mark.parametrize(
    ("what", "number", "remedy"),
    [
        ("watches", 2, "raise fs.inotify.max_user_watches"),
        ("instances", 0, "raise fs.inotify.max_user_instances"),
    ],
)
def test_used_up_watches_are_told_with_a_remedy_and_the_folder_is_looked_at(
    tmp_path: Path, serve: Serve, what: str, number: int, remedy: str
) -> None:
    folder = news(tmp_path / "news", 1)
    for name in ("one", "two", "three"):
        write(folder, f"{name}/{name}.md")
    server = serve(what, number)
    until(lambda: _entries(server) == 4)
    write(folder, "three/more.md")
    until(lambda: _entries(server) == 5)
    told = [line for line in server.log.splitlines() if "can't be watched" in line]
    assert len(told) == 1
    assert f"{remedy}; it is looked at every second" in told[0]
    why = json.loads(server.get("/readyz").body)["why"]
    assert why == "the system doesn't watch the folder any more; it is looked at every second"


def test_a_subfolder_that_comes_and_cannot_be_watched_is_looked_at(
    tmp_path: Path, serve: Serve
) -> None:
    folder = news(tmp_path / "news", 1)
    server = serve("watches", 2)
    until(lambda: _entries(server) == 1)
    write(folder, "one/a.md")
    until(lambda: _entries(server) == 2)
    assert "can't be watched" not in server.log
    write(folder, "two/a.md", webUrl="https://news.example.com/two")
    until(lambda: _entries(server) == 3)
    write(folder, "two/b.md")
    until(lambda: _entries(server) == 4)
    assert server.log.count("raise fs.inotify.max_user_watches") == 1
