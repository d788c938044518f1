"""Varnish and nginx in front of a server of ours, as the files in deploy/ have them."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from tests.helpers.server import PROJECT, Served, free_port, news, program, until

DEPLOY: Final = PROJECT / "deploy"
KINDS: Final = ("varnish", "nginx")
NGINX: Final = """\
daemon off;
master_process off;
pid {home}/nginx.pid;
error_log stderr;
events {{}}
http {{
    access_log off;
    client_body_temp_path {home}/body;
    proxy_temp_path {home}/proxy;
    fastcgi_temp_path {home}/fastcgi;
    uwsgi_temp_path {home}/uwsgi;
    scgi_temp_path {home}/scgi;
    include {home}/feeds.conf;
}}
"""


def _written(source: str, file: Path, *changes: tuple[str, str]) -> Path:
    """A file of deploy/ with other addresses: each is there just once."""
    text = (DEPLOY / source).read_text(encoding="utf-8")
    for old, new in changes:
        assert text.count(old) == 1, f"{source} has {old!r} {text.count(old)} times"
        text = text.replace(old, new)
    file.write_text(text, encoding="utf-8")
    return file


def varnish(origin: int, home: Path, *changes: tuple[str, str]) -> Served:
    """Varnish in front of a port, not started yet."""
    port = free_port()
    address = ('.port = "8000"', f'.port = "{origin}"')
    vcl = _written("varnish.vcl", home / "feeds.vcl", address, *changes)
    listen = ("-a", f"127.0.0.1:{port}", "-T", "none")
    command = (program("varnishd"), "-F", "-j", "none", "-n", home / "work", *listen)
    storage = ("-f", vcl, "-s", "malloc,64m")
    return Served(home, home, command=(*command, *storage), port=port)


def nginx(origin: int, home: Path) -> Served:
    """nginx in front of a port, not started yet."""
    port = free_port()
    _written(
        "nginx-cache.conf",
        home / "feeds.conf",
        ("127.0.0.1:8000", f"127.0.0.1:{origin}"),
        ("listen 80;", f"listen 127.0.0.1:{port};"),
        ("/var/cache/nginx-feeds", f"{home}/cache"),
    )
    main = home / "nginx.conf"
    main.write_text(NGINX.format(home=home), encoding="utf-8")
    return Served(home, home, command=(program("nginx"), "-c", main, "-p", home), port=port)


class Front(NamedTuple):
    """A server of ours over a folder of records, and a cache in front of it; both run."""

    kind: str
    folder: Path
    origin: Served
    cache: Served

    def is_hit(self, address: str, **headers: str) -> bool:
        """Whether the cache answers by itself."""
        answer = self.cache.get(address, **headers)
        assert answer.code == 200, answer
        return answer.get("X-Cache") == "hit"


@contextmanager
def in_front(
    home: Path, *changes: tuple[str, str], **variables: str
) -> Iterator[Mapping[str, Front]]:
    """A server with a folder of its own and these settings, and a cache of each kind in front.

    `changes` are of the VCL.
    """
    folder = news(home / "news", 60)
    origin = Served(folder, home / "origin", variables)
    for kind in KINDS:
        (home / kind).mkdir()
    caches = {
        "varnish": varnish(origin.port, home / "varnish", *changes),
        "nginx": nginx(origin.port, home / "nginx"),
    }
    variables["FEEDS_PURGE"] = caches["varnish"].url
    try:
        origin.start()
        for cache in caches.values():
            cache.start()
        until(lambda: "was purged of what changed (all)" in origin.log)
        yield {kind: Front(kind, folder, origin, cache) for kind, cache in caches.items()}
    finally:
        for server in (*caches.values(), origin):
            server.stop()
