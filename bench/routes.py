"""Ways from a folder of records to those who poll: servers, caches in front of them, exports."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from http import HTTPStatus
from pathlib import Path
from typing import Final, NamedTuple

from bench.pollers import FEED, ROOT, get
from bench.servers import HOST, BenchError, Server, free_port, running

MAX_AGE: Final = 3  # seconds
_PATIENCE: Final = 120.0  # seconds
_SBIN: Final = "/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin"
_NGINX: Final = """\
daemon off; master_process off; pid {home}/nginx.pid; error_log stderr;
events {{}}
http {{
    access_log off;
    client_body_temp_path {home}/body; proxy_temp_path {home}/proxy;
    fastcgi_temp_path {home}/fastcgi; uwsgi_temp_path {home}/uwsgi; scgi_temp_path {home}/scgi;
    include {home}/feeds.conf;
}}
"""
_STOCK: Final = """\
proxy_cache_path {home}/cache keys_zone=stock:10m;
server {{
    listen {listen};
    location / {{ proxy_pass http://{origin}; proxy_cache stock; proxy_cache_revalidate on; }}
}}
"""


class Route(NamedTuple):
    """What is between records and pollers: a `cache`, and what happens `half_way`."""

    name: str
    cache: str = ""
    half_way: str = ""
    is_export: bool = False

    @property
    def tells_edits(self) -> bool:
        """Whether deltas come through, or else what changed in archives at once."""
        return not self.is_export and not self.cache.startswith("nginx")


ROUTES: Final = (
    Route("direct"),
    Route("restarted half way", half_way="restart"),
    Route("store deleted half way", half_way="lose"),
    Route("another server half way", half_way="leave"),
    Route("Varnish, deploy/", "varnish"),
    Route("nginx, deploy/", "nginx"),
    Route("nginx, proxy_cache", "nginx as it comes"),
    Route("export, fresh stores", is_export=True),
)


class Build(NamedTuple):
    """A checkout of the program, and the Python that runs it."""

    project: Path
    python: str

    def command(self, *arguments: str | Path) -> list[str]:
        return [self.python, "-m", "feeds", *map(str, arguments)]

    def variables(self, seeds: Path, home: Path, **more: object) -> dict[str, str]:
        """The environment of the program, its store in `home`."""
        own = {"seeds": seeds, "base_url": ROOT, "workers": 1, "watch": "off", "max_age": MAX_AGE}
        own |= {"database_url": f"sqlite:///{home / 'feeds.db'}", "stale_while_revalidate": 1}
        found = {f"FEEDS_{name.upper()}": str(value) for name, value in (own | more).items()}
        return found | {"PYTHONPATH": str(self.project)}

    @contextmanager
    def serve(self, seeds: Path, home: Path, **settings: object) -> Iterator[Server]:
        """`feeds serve`, which loads at its start and on SIGHUP."""
        port = free_port()
        variables = self.variables(seeds, home, bind=f"{HOST}:{port}", **settings)
        with running(self.command("serve"), port, home, variables) as server:
            wait_for(lambda: get(f"http://{HOST}:{port}{FEED}").status == HTTPStatus.OK)
            yield server

    def export(self, seeds: Path, home: Path) -> None:
        """An export by a store that is made for it."""
        for file in home.glob("feeds.db*"):
            file.unlink()
        chosen = ("--formats", "rss,atom", "--links", "canonical")
        subprocess.run(
            self.command("export", home / "files", *chosen),
            env=os.environ | self.variables(seeds, home, parameters="off"),
            cwd=home,
            check=True,
            capture_output=True,
        )


class Site:
    """A route that is there; `base` is where to ask, `origin` the server. `close` it in the end."""

    def __init__(
        self, build: Build, route: Route, seeds: Path, home: Path, **settings: object
    ) -> None:
        self.route, self.base, self.origin = route, "", ""
        self._settings = settings
        self._build, self._seeds, self._home = build, seeds, home
        self._stack = ExitStack()
        self._origin: Server | None = None
        home.mkdir(parents=True)

    def open(self) -> None:
        """Have it answer."""
        if self.route.is_export:
            self._build.export(self._seeds, self._home)
            listen = f"{HOST}:{free_port()}"
            self._nginx(f"server {{ listen {listen}; root {self._home}/files; }}", listen)
            return
        front = f"{HOST}:{free_port()}"
        settings = {"purge": f"http://{front}"} if self.route.cache == "varnish" else {}
        serve = self._build.serve(self._seeds, self._home, **settings, **self._settings)
        self._origin = self._stack.enter_context(serve)
        origin = f"{HOST}:{self._origin.port}"
        self.origin = f"http://{origin}"
        if self.route.cache == "varnish":
            self._varnish(front, self._origin.port)
        elif self.route.cache == "nginx":
            text = (self._build.project / "deploy" / "nginx-cache.conf").read_text()
            text = text.replace("127.0.0.1:8000", origin).replace("listen 80;", f"listen {front};")
            self._nginx(text.replace("/var/cache/nginx-feeds", f"{self._home}/cache"), front)
        elif self.route.cache:
            self._nginx(_STOCK.format(home=self._home, listen=front, origin=origin), front)
        else:
            self.base = self.origin

    def half_way(self) -> None:
        """What happens when half of the changes are there."""
        if self.route.half_way:
            self.close()
            if self.route.half_way == "leave":
                self._home /= "second"
                self._home.mkdir()
            if self.route.half_way == "lose":
                for file in self._home.glob("feeds.db*"):
                    file.unlink()
            self.open()
        elif not self.route.is_export:
            self.update()

    def update(self) -> None:
        """Bring it up to the records."""
        if self._origin is not None:
            os.kill(self._origin.pid, signal.SIGHUP)
        else:
            self._build.export(self._seeds, self._home)

    def close(self) -> None:
        self._stack.close()

    def _varnish(self, listen: str, origin: int) -> None:
        vcl = (self._build.project / "deploy" / "varnish.vcl").read_text()
        file = self._home / "feeds.vcl"
        file.write_text(vcl.replace('.port = "8000"', f'.port = "{origin}"'))
        work = ("-n", self._home / "work", "-s", "malloc,256m", "-T", "none")
        self._start(["varnishd", "-F", "-j", "none", "-a", listen, "-f", file, *work], listen)

    def _nginx(self, text: str, listen: str) -> None:
        (self._home / "feeds.conf").write_text(text)
        main = self._home / "nginx.conf"
        main.write_text(_NGINX.format(home=self._home))
        self._start(["nginx", "-c", main, "-p", self._home], listen)

    def _start(self, command: Sequence[str | Path], listen: str) -> None:
        program = shutil.which(command[0], path=_SBIN)
        if program is None:
            raise BenchError(f"{command[0]} isn't installed")
        started = running([program, *map(str, command[1:])], int(listen.split(":")[1]), self._home)
        self._stack.enter_context(started)
        self.base = f"http://{listen}"


def wait_for(what: Callable[[], object]) -> float:
    """Seconds until something is true. Raises BenchError when it never is."""
    begun = time.monotonic()
    while time.monotonic() - begun < _PATIENCE:
        with suppress(OSError):
            if what():
                return time.monotonic() - begun
        time.sleep(0.05)
    raise BenchError(f"it wasn't true after {_PATIENCE:.0f} seconds")
