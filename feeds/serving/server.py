"""The servers that run the application: gunicorn, and granian as an option.

gunicorn's settings were chosen by measurement; docs/speed.md has figures.
"""

from __future__ import annotations

import ctypes
import errno
import os
import socket
import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import nullcontext
from pathlib import Path
from threading import Event, Thread
from typing import Any, Final

from flask import Flask
from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter

from feeds.config import Config, ConfigError, environment, read
from feeds.serving import operator
from feeds.serving.app import assemble
from feeds.serving.follower_process import FollowerProcess
from feeds.telemetry import log, log_setup, metrics, multiprocess

SERVERS = ("gunicorn", "granian")
_MALLOC: Final = {  # options of mallopt (malloc.h)
    -8: 1,  # M_ARENA_MAX: one heap, not one for each of many threads
    -3: 128 * 1024,  # M_MMAP_THRESHOLD: documents apart from it; fixed, or it grows
    # M_TRIM_THRESHOLD: what is free at its end goes back, when it is much:
    # taking it again costs a request more than the work it is for.
    -1: 8 * 1024 * 1024,
}


# gunicorn's settings however it is started, each with its reason.
COMMON: Final[Mapping[str, Any]] = {
    # Threads keep connections alive, which the sync worker can't. A request is
    # read by the thread that answers it, so a client that sends a byte a
    # second holds one: there must be more of them than slow clients. An idle
    # thread costs a few kilobytes, and none is started before it is needed.
    "worker_class": "gthread",
    "threads": 256,
    "worker_connections": 2000,
    # Aggregators poll many feeds of one host in a row.
    "keepalive": 5,
    # A worker that hasn't answered the arbiter for a minute is stuck.
    "timeout": 60,
    "graceful_timeout": 10,
    # No address of ours is longer; anything else is refused early.
    "limit_request_line": 4094,
    "limit_request_fields": 64,
    "limit_request_field_size": 8190,
    # Nothing is controlled through a socket, and no forwarded header changes
    # an answer: absolute URLs come from FEEDS_BASE_URL alone. By default
    # gunicorn takes SCRIPT_NAME and PATH_INFO from clients of its own machine,
    # as a cache in front is one.
    "control_socket_disable": True,
    "forwarded_allow_ips": "",
    "forwarder_headers": "",
    "logger_class": log_setup.OfGunicorn,
}


def settings(config: Config, *, reload: bool = False) -> dict[str, Any]:
    """Gunicorn's settings under `feeds serve`."""
    return {
        **COMMON,
        "bind": [address for address in (config.bind, config.metrics_address) if address],
        "workers": config.workers,
        "reload": reload,
        "loglevel": "warning",
        "errorlog": "-",
        "accesslog": None,
        "proc_name": "feeds",
    }


class _Arbiter(Arbiter):  # type: ignore[misc]
    """gunicorn's master, with a follower beside its workers."""

    def __init__(self, app: BaseApplication, follower: FollowerProcess | None) -> None:
        self._follower = follower
        super().__init__(app)

    def manage_workers(self) -> None:
        super().manage_workers()
        if self._follower is not None:
            self._follower.tend()

    def handle_hup(self) -> None:
        """The folder is loaded; the workers see it by themselves."""
        if self._follower is not None:
            self._follower.load()

    def stop(self, graceful: bool = True) -> None:
        if self._follower is not None:
            self._follower.end()
        super().stop(graceful)
        if self._follower is not None:
            self._follower.wait()


class Server(BaseApplication):  # type: ignore[misc]
    """gunicorn started from Python, without its command line and files."""

    def __init__(self, config: Config, options: Mapping[str, Any]) -> None:
        self._config = config
        self._options = options
        super().__init__()

    def load_config(self) -> None:
        for name, value in self._options.items():
            self.cfg.set(name, value)

    def load(self) -> Callable[..., Iterable[bytes]]:
        bound_memory()
        log_setup.configure(self._config.log_format, "worker")
        app = _with_counter(assemble(self._config, followed=True))
        if not self._config.metrics_address:
            return app
        pages: operator.OperatorPages = app.extensions[operator.EXTENSION]
        return operator.ByPort(app, operator.application(pages), self._config.metrics_address)

    def run(self) -> None:
        """Serve until a signal ends it."""
        try:
            _Arbiter(self, FollowerProcess.of(self._config)).run()
        except RuntimeError as error:
            log.get().critical(str(error))
            sys.exit(1)


def bound_memory() -> None:
    """Have this process give back what it frees, where its C library is glibc.

    Otherwise every thread that ever made a document keeps memory of its own
    for the next one: a worker grows to several times FEEDS_CACHE_MB.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, TypeError, AttributeError):
        return
    for option, value in _MALLOC.items():
        mallopt(option, value)


def application() -> Flask:
    """The application of each of granian's workers. Raises ConfigError and StoreError."""
    bound_memory()
    config = read()
    log_setup.configure(config.log_format, "worker")
    return _with_counter(assemble(config, followed=True))


def _with_counter(app: Flask) -> Flask:
    """The application of a worker, its counter started before the first request."""
    pages: operator.OperatorPages | None = app.extensions.get(operator.EXTENSION)
    if pages is not None and pages.counter is not None:
        pages.counter.start()
    return app


def run(
    config: Config, *, server: str = "gunicorn", reload: bool = False, loading: float | None = None
) -> None:
    """Serve until a signal ends it; `loading` are the seconds that the first load took.

    Raises ConfigError when the server isn't installed.
    """
    log_setup.configure(config.log_format, "server")
    with nullcontext() if config.metrics == "off" else multiprocess.directory():
        shared = metrics.shared()
        if shared is not None and loading is not None:
            shared.loaded("changed", loading)
        if server == "granian":
            _run_granian(config, reload=reload)
        else:
            Server(config, settings(config, reload=reload)).run()


def check_addresses(config: Config) -> None:
    """Raise ConfigError where nothing can listen at FEEDS_BIND or FEEDS_METRICS.

    gunicorn finds out after the load, tries for five seconds, and shows its own words for it.
    """
    if config.metrics_address and _port(config.metrics_address) == _port(config.bind):
        raise ConfigError(
            f"FEEDS_METRICS is {config.metrics!r}; it accepts another port than that of FEEDS_BIND"
        )
    if "LISTEN_FDS" in os.environ:  # systemd listens already (sd_listen_fds(3))
        return
    addresses = {"FEEDS_BIND": config.bind, "FEEDS_METRICS": config.metrics_address}
    for variable, address in addresses.items():
        try:
            _try_to_bind(address)
        except OSError as error:
            remedy = "; name another address"
            if error.errno == errno.EADDRINUSE:
                host, _, port = address.rpartition(":")
                remedy = f"; end what listens there, or set {variable}={host}:{int(port) + 1}"
            raise ConfigError(
                f"{variable} is {address!r}: {error.strerror or error}{remedy}"
            ) from None


def _try_to_bind(address: str) -> None:
    """Raise OSError where no socket can have an address; an empty one is none."""
    if address.startswith("unix:"):
        folder = Path(address.removeprefix("unix:")).parent
        if not folder.is_dir():
            raise FileNotFoundError(errno.ENOENT, f"{folder} is no folder")
    elif address:
        host, _, port = address.rpartition(":")
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family) as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            tried.bind((host.strip("[]"), int(port)))


def _port(address: str) -> str:
    return "" if address.startswith("unix:") else address.rpartition(":")[2]


def granian_settings(config: Config) -> dict[str, Any]:
    """Granian's settings, each with its reason."""
    from granian.constants import HTTPModes, Interfaces
    from granian.http import HTTP1Settings
    from granian.log import LogLevels

    host, _, port = config.bind.rpartition(":")
    return {
        "factory": True,
        "interface": Interfaces.WSGI,
        "address": host.strip("[]") or "0.0.0.0",  # noqa: S104 - what an empty host means
        "port": int(port),
        "workers": config.workers,
        # Requests are read and answers written outside Python: slow clients
        # hold no thread, and more threads would only wait for the GIL.
        "blocking_threads": 2,
        "http": HTTPModes.http1,  # proxies and aggregators speak no other without TLS
        "http1_settings": HTTP1Settings(header_read_timeout=30_000),
        "respawn_failed_workers": True,
        "websockets": False,
        "log_level": LogLevels.warning,
        "log_dictconfig": log_setup.of_granian(),
    }


def _serve_operator_pages(config: Config) -> None:
    """Answer at the address of the metrics, in a thread of this process."""
    try:
        listening = operator.listen(config.metrics_address, operator.operator_app(config, log.warn))
    except OSError as error:
        raise ConfigError(f"FEEDS_METRICS is {config.metrics!r}: {error}") from None
    Thread(target=listening.serve_forever, name="metrics", daemon=True).start()


def _run_granian(config: Config, *, reload: bool) -> None:
    try:
        from granian import Granian
    except ImportError:
        raise ConfigError("granian isn't installed; pip install 'feeds[granian]'") from None
    if config.bind.startswith("unix:"):
        raise ConfigError("granian listens at host:port; FEEDS_BIND names a socket")
    os.environ.update(environment(config))  # its workers are processes that read it again
    granian = Granian("feeds.serving.server:application", **granian_settings(config), reload=reload)
    if config.metrics_address:  # granian listens at one address
        _serve_operator_pages(config)
    follower, stop = FollowerProcess.of(config), Event()
    if follower is None:
        granian.serve()
        return

    def keep_running(follower: FollowerProcess) -> None:
        while not stop.wait(0.5):
            follower.tend()

    granian.on_startup(Thread(target=keep_running, args=(follower,), daemon=True).start)
    granian.on_reload(follower.load)
    try:
        granian.serve()
    finally:
        stop.set()
        follower.end()
        follower.wait()
