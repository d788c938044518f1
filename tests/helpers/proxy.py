"""A TCP address that leads to one of several servers, as that of a database with fail-over does."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from select import select
from socketserver import BaseRequestHandler, ThreadingTCPServer
from threading import Thread


class Proxy(ThreadingTCPServer):
    """New connections lead to the socket file `target`; those that are open stay where they are."""

    daemon_threads = True

    def __init__(self, target: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.target = target
        self.port: int = self.server_address[1]


class _Handler(BaseRequestHandler):
    server: Proxy

    def handle(self) -> None:
        with socket.socket(socket.AF_UNIX) as server, suppress(OSError):
            server.connect(str(self.server.target))
            other = {self.request: server, server: self.request}
            while True:
                for one in select(list(other), [], [])[0]:
                    data = one.recv(1 << 16)
                    if not data:
                        return
                    other[one].sendall(data)


@contextmanager
def proxied(target: Path) -> Iterator[Proxy]:
    """A proxy that runs."""
    with Proxy(target) as proxy:
        Thread(target=proxy.serve_forever, args=(0.02,), daemon=True).start()
        yield proxy
        proxy.shutdown()
