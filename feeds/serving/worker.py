"""gunicorn's worker that answers prepared documents from an event loop, all else by threads.

`feeds serve` uses it where uvloop and httptools are installed; for gunicorn alone it is
`-k feeds.serving.worker.EventLoopWorker`.
"""

from __future__ import annotations

import asyncio
import gc
import os
import resource
import signal
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from socket import AF_UNIX, socket
from threading import get_ident
from typing import Any, Final

import uvloop
from gunicorn.util import http_date
from gunicorn.workers import base

from feeds.serving import wsgi_call
from feeds.serving.connection import ANSWERING, Connection
from feeds.serving.fast_path import FastPath
from feeds.serving.generation_watch import GenerationWatch
from feeds.serving.operator import ByPort
from feeds.serving.request_head import HeadParser
from feeds.serving.wsgi_call import Listener

_TICK: Final = 0.4  # seconds; less than a generation of the store is known for
_LINGER: Final = 0.3  # seconds that a worker that stops takes requests on their way
_FILES: Final = 200  # that a worker has open beside its connections
_PLAIN, _FIELDS = 4094, 64  # bytes and fields of a head, where gunicorn's settings don't say
_PART: Final = 16  # one of so many connections makes room where there are too many


class EventLoopWorker(base.Worker):  # type: ignore[misc]
    """An event loop that has all connections, and `threads` that call the application."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.keepalive = self.cfg.keepalive  # looked up once, which takes a microsecond
        self.limit_line = self.cfg.limit_request_line
        longest = min(self.limit_line or _PLAIN, self.cfg.limit_request_field_size or _PLAIN)
        self.parser = HeadParser(longest, self.cfg.limit_request_fields or _FIELDS)
        self.connections: set[Connection] = set()
        self._seen = 0  # of the requests (`nr`), at the last tick
        self._statuses: dict[tuple[str, bool, bool], bytes] = {}
        self._calls: dict[int, tuple[float, bytes]] = {}  # by thread: since when, what is asked
        self._logged: set[tuple[float, bytes]] = set()
        self._watch: GenerationWatch | None = None
        self._look: Future[None] | None = None
        self._is_quick = False

    @staticmethod
    def check_config(cfg: Any, _: Any) -> None:
        """Raise RuntimeError for settings of gunicorn's under which it would do something else."""
        if cfg.is_ssl:
            raise RuntimeError("the event loop speaks no TLS; have a proxy in front do it")

    def init_process(self) -> None:
        """Load the application, and serve."""
        self.loop = uvloop.new_event_loop()
        self._stopped = asyncio.Event()
        self._threads = ThreadPoolExecutor(self.cfg.threads, "answers")
        self._looker = ThreadPoolExecutor(1, "generation")  # not kept waiting by requests
        super().init_process()

    def init_signals(self) -> None:
        """Have the event loop called by signals."""
        for number in self.SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        self.loop.add_signal_handler(signal.SIGTERM, self._stop)
        for number in (signal.SIGINT, signal.SIGQUIT):
            self.loop.add_signal_handler(number, partial(self._stop, is_quick=True))
        self.loop.add_signal_handler(signal.SIGUSR1, self.log.reopen_files)
        self.loop.add_signal_handler(signal.SIGWINCH, lambda: None)
        signal.signal(signal.SIGABRT, self.handle_abort)

    def run(self) -> None:
        """Serve until a signal ends it, or the master is gone."""
        self._most = _most_connections(self.cfg.worker_connections)
        gc.freeze()  # of what there is, nothing is garbage; to look through it takes 50 ms
        self.loop.run_until_complete(self._serve())
        for pool in (self._threads, self._looker):
            pool.shutdown(wait=False, cancel_futures=True)

    async def _serve(self) -> None:
        servers = [await self._listen(one.sock) for one in self.sockets]
        while self.alive:
            self._tick()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopped.wait(), _TICK)
        for server in servers:
            server.close()
        await self._end()

    async def _end(self) -> None:
        """Let what runs end, and close what waits."""
        now = self.loop.time()
        until, idle_until = now + self.cfg.graceful_timeout, now + _LINGER
        while self.connections and now < until and not self._is_quick:
            self.notify()
            if now >= idle_until:
                for connection in [one for one in self.connections if one.is_waiting]:
                    connection.close()
            await asyncio.sleep(0.02)
            now = self.loop.time()

    def _stop(self, *, is_quick: bool = False) -> None:
        self.alive, self._is_quick = False, is_quick
        self._stopped.set()
        if is_quick:
            self.cfg.worker_int(self)

    # -- connections --------------------------------------------------------------------

    async def _listen(self, bound: socket) -> Any:
        name = bound.getsockname()
        application = self.wsgi.at(name) if isinstance(self.wsgi, ByPort) else self.wsgi
        wrapped = getattr(application, "wsgi_app", application)
        fast_path = wrapped if isinstance(wrapped, FastPath) else None
        self._watch = fast_path.watch if fast_path else self._watch
        make = partial(Connection, self, Listener(name, application, fast_path))
        loop, is_unix = self.loop, bound.family == AF_UNIX
        create: Callable[..., Any] = loop.create_unix_server if is_unix else loop.create_server
        return await create(make, sock=bound, backlog=self.cfg.backlog)

    def admit(self, connection: Connection) -> None:
        """Keep a new connection; where there are too many, those that wait longest make room."""
        if len(self.connections) >= self._most:
            waiting = [one for one in self.connections if one.state != ANSWERING]
            waiting.sort(key=lambda one: (not one.is_waiting, one.deadline))
            for one in waiting[: len(waiting) // _PART + 1] or [connection]:
                one.close()
        self.connections.add(connection)

    def status_lines(self, status: str, *, is_1_1: bool, keeps: bool) -> bytes:
        """The lines of a response that gunicorn writes, up to the application's own fields."""
        key = status, is_1_1, keeps
        lines = self._statuses.get(key)
        if lines is None:
            text = (
                f"HTTP/1.{int(is_1_1)} {status}\r\nServer: gunicorn\r\nDate: {http_date()}\r\n"
                f"Connection: {'keep-alive' if keeps else 'close'}\r\n"
            )
            lines = self._statuses[key] = text.encode()
        return lines

    def call(self, connection: Connection, head: bytes, *, is_last: bool) -> None:
        """Have a thread call the application, and the connection take the response."""
        self._threads.submit(self._call, connection, head, is_last)

    def _call(self, connection: Connection, head: bytes, is_last: bool) -> None:
        thread = get_ident()
        self._calls[thread] = time.monotonic(), head.partition(b"\r\n")[0].partition(b"?")[0]
        try:
            response, keeps = wsgi_call.call(
                self, connection.listener, head, connection.client, is_last=is_last
            )
        finally:
            del self._calls[thread]
        self.loop.call_soon_threadsafe(partial(connection.take, response, keeps=keeps))

    # -- now and then -------------------------------------------------------------------

    def _tick(self) -> None:
        """Whatever is to be done every so often."""
        self._statuses.clear()  # they have the date
        now = self.loop.time()
        for connection in tuple(self.connections):
            connection.look(now)
        if self._watch and self.nr > self._seen and (not self._look or self._look.done()):
            self._look = self._looker.submit(self._watch.look_ahead)
        self._seen = self.nr
        if self.nr >= self.max_requests or self.ppid != os.getppid():
            self.alive = False
        if self._is_well():
            self.notify()

    def _is_well(self) -> bool:
        """Whether a thread is left that can answer; the master replaces a worker that has none."""
        now, timeout = time.monotonic(), self.cfg.timeout
        calls = set(self._calls.values())
        for call in calls - self._logged:
            if now - call[0] > timeout / 2 > 0:
                self._logged.add(call)
                what = call[1].decode("latin-1")
                self.log.warning("%s: no answer for %s s; it keeps a thread", what, timeout / 2)
        self._logged &= calls
        stuck = sum(now - since > timeout > 0 for since, _ in calls)
        return bool(stuck < self.cfg.threads)


def _most_connections(wanted: int) -> int:
    """How many connections the system lets this process have; more than by default, if it may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted + _FILES:
        soft = wanted + _FILES if hard == resource.RLIM_INFINITY else min(wanted + _FILES, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return max(min(wanted, soft - _FILES), 1)
