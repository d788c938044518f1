"""gunicorn, which runs the application. Its settings were chosen by measurement: docs/speed.md."""

from __future__ import annotations

import ctypes
import errno
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import nullcontext, suppress
from importlib import import_module
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from gunicorn import systemd
from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter

from feeds.config import Config, ConfigError
from feeds.serving import operator
from feeds.serving.app import assemble, starting
from feeds.serving.follower_process import FollowerProcess
from feeds.setting_types import is_loopback
from feeds.telemetry import log, log_setup, metrics, multiprocess

_EVENT_LOOP: Final = {  # where its parts are installed
    "worker_class": "feeds.serving.worker.EventLoopWorker",
    # For what isn't prepared: more than two documents are never made at a time, others wait
    # for the store. More threads would keep the event loop from the processor.
    "threads": 32,
}
_UNPRIVILEGED: Final = 8000  # added to a port that is root's: 8080, 8443
_TRIED: Final = 20  # ports, for one that is free
_MALLOC: Final = {  # options of mallopt (malloc.h)
    -8: 1,  # M_ARENA_MAX: one heap, not one for each of many threads
    -3: 128 * 1024,  # M_MMAP_THRESHOLD: documents apart from it; fixed, or it grows
    # M_TRIM_THRESHOLD: what is free at its end goes back, when it is much:
    # taking it again costs a request more than the work it is for.
    -1: 8 * 1024 * 1024,
}


# gunicorn's settings however it is started, each with its reason.
COMMON: Final[Mapping[str, Any]] = {
    # Under `feeds serve`, the event loop takes its place. Threads keep connections
    # alive, which the sync worker can't. A request is read by the thread that
    # answers it, so a client that sends a byte a second holds one: there must be
    # more of them than slow clients. An idle thread costs a few kilobytes, and
    # none is started before it is needed.
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
    "secure_scheme_headers": {},  # it would believe whoever comes in at a Unix socket
    "forwarder_headers": "",
    "logger_class": log_setup.OfGunicorn,
}


def settings(config: Config, *, reload: bool = False) -> dict[str, Any]:
    """Gunicorn's settings under `feeds serve`."""
    return {
        **COMMON,
        **_event_loop(),
        "bind": [address for address in (config.bind, config.metrics_address) if address],
        "workers": config.workers,
        "reload": reload,
        "loglevel": "warning",
        "errorlog": "-",
        "accesslog": None,
        "proc_name": "feeds",
    }


def _event_loop() -> Mapping[str, Any]:
    """The settings of our own worker; none, and a line in the log, where it can't run."""
    try:
        import_module("feeds.serving.worker")
    except ImportError as error:
        log.warn(f"{error}; gunicorn's threads answer instead of an event loop, more slowly")
        return {}
    return _EVENT_LOOP


class _Arbiter(Arbiter):  # type: ignore[misc]
    """gunicorn's master, with a follower beside its workers."""

    def __init__(self, app: BaseApplication, follower: FollowerProcess | None) -> None:
        self._follower = follower
        self._forks = True
        super().__init__(app)

    def init_signals(self) -> None:
        super().init_signals()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})  # one during the first load

    def manage_workers(self) -> None:
        try:
            super().manage_workers()
            self._forks = True
        except OSError as error:  # no more processes, or no memory: gunicorn would end
            if self._forks:
                log.warn(f"a worker can't be started ({error}); it is tried again")
            self._forks = False
        if self._follower is not None:
            self._follower.tend()

    def handle_hup(self) -> None:
        """The folder is loaded; the workers see it by themselves."""
        if self._follower is not None:
            self._follower.load()
        else:
            log.info("nothing is loaded here (FEEDS_LOAD is off), but where feeds follow runs")

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
        self._started = starting()  # for all workers
        super().__init__()

    def load_config(self) -> None:
        for name, value in self._options.items():
            self.cfg.set(name, value)

    def load(self) -> Callable[..., Iterable[bytes]]:
        bound_memory()
        log_setup.configure(self._config.log_format, "worker")
        app = assemble(self._config, followed=True, started=self._started)
        pages: operator.OperatorPages | None = app.extensions.get(operator.EXTENSION)
        if pages is None:
            return app
        if pages.counter is not None:
            pages.counter.start()  # before the first request
        if not self._config.metrics_address:
            return app
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


def run(config: Config, *, reload: bool = False, loading: float | None = None) -> None:
    """Serve until a signal ends it; `loading` are the seconds that the first load took."""
    log_setup.configure(config.log_format, "server")
    with nullcontext() if config.metrics == "off" else multiprocess.directory():
        shared = metrics.shared()
        if shared is not None and loading is not None:
            shared.loaded("changed", loading)
        Server(config, settings(config, reload=reload)).run()


def check_addresses(config: Config) -> None:
    """Raise ConfigError where nothing can listen at FEEDS_BIND or FEEDS_METRICS.

    gunicorn finds out after the load, tries for five seconds, and shows its own words for it.
    """
    if config.metrics_address and _port(config.metrics_address) == _port(config.bind):
        raise ConfigError(
            f"FEEDS_METRICS is {config.metrics!r}; it accepts another port than that of FEEDS_BIND"
        )
    if _of_systemd():  # which listens already
        return
    addresses = {"FEEDS_BIND": config.bind, "FEEDS_METRICS": config.metrics_address}
    for variable, address in addresses.items():
        try:
            _try_to_bind(address)
        except OSError as error:
            remedy = "; name another address"
            if other := _alternative(address, error):
                ends = "end what listens there, or " if error.errno == errno.EADDRINUSE else ""
                remedy = f"; {ends}set {variable}={other}"
            raise ConfigError(
                f"{variable} is {address!r}: {error.strerror or error}{remedy}"
            ) from None


def listening(config: Config) -> tuple[list[str], str]:
    """The addresses at which feeds are served, and what to tell of a setting that has no socket.

    They are those of sockets that systemd hands over (sd_listen_fds(3)), if it does.
    """
    given, at = _of_systemd(), config.metrics_address
    if not given:
        return [config.bind], ""
    ours = [address for address in given if not at or _port(address) != _port(at)]
    lacks = [("FEEDS_BIND", config.bind)] if not ours else []
    lacks += [("FEEDS_METRICS", at)] if at and ours == given else []
    return ours, "; ".join(
        f"systemd gives no socket for {variable}: add ListenStream={address}"
        for variable, address in lacks
    )


def _of_systemd() -> list[str]:
    addresses = []
    first = systemd.SD_LISTEN_FDS_START
    for number in range(first, first + systemd.listen_fds(unset_environment=False)):
        with socket.socket(fileno=os.dup(number)) as one:
            addresses.append(as_text(one.getsockname()))
    return addresses


def as_text(address: Any) -> str:
    """An address of a socket, or of gunicorn's settings, as FEEDS_BIND has it."""
    if isinstance(address, tuple):
        return f"[{address[0]}]:{address[1]}" if ":" in address[0] else f"{address[0]}:{address[1]}"
    return f"unix:{address}"


def _alternative(address: str, error: OSError) -> str:
    """An address like one that is used, or is root's, at which something can listen."""
    if error.errno not in (errno.EADDRINUSE, errno.EACCES):
        return ""
    start, _, end = address.rpartition(":")
    if start == "unix":
        return f"{address}-2" if error.errno == errno.EADDRINUSE else ""
    first = int(end) + (1 if error.errno == errno.EADDRINUSE else _UNPRIVILEGED)
    for port in range(first, min(first + _TRIED, 1 << 16)):
        with suppress(OSError):
            _try_to_bind(f"{start}:{port}")
            return f"{start}:{port}"
    return ""


def _try_to_bind(address: str) -> None:
    """Raise OSError where no socket can have an address; an empty one is none."""
    if address.startswith("unix:"):
        path = Path(address.removeprefix("unix:"))
        if not path.parent.is_dir():
            raise FileNotFoundError(errno.ENOENT, f"{path.parent} is no folder")
        if path.exists() and not path.is_socket():  # gunicorn would say so after the load
            raise FileExistsError(errno.EEXIST, "is no socket")
        with socket.socket(socket.AF_UNIX) as tried, suppress(ConnectionError, FileNotFoundError):
            tried.connect(str(path))  # or gunicorn would take it from who listens
            raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
    elif address:
        host, _, port = address.rpartition(":")
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family) as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            tried.bind((host.strip("[]"), int(port)))


def lost_links(config: Config, addresses: Iterable[str]) -> str:
    """What to tell where feeds that are served at `addresses` link one that nobody reaches."""
    host = urlsplit(config.root).hostname or ""
    is_reached = config.is_local or not (host == "localhost" or is_loopback(host))
    if config.base_url or (is_reached and all(address == config.bind for address in addresses)):
        return ""
    return (
        f"the feeds link {config.root}/, which their readers may not reach; "
        "set FEEDS_BASE_URL to the address at which they do"
    )


def _port(address: str) -> str:
    return "" if address.startswith("unix:") else address.rpartition(":")[2]
