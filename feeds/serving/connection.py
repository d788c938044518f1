"""One connection of the event-loop worker: requests in, responses out, in their order."""

from __future__ import annotations

import asyncio
import typing
from asyncio import AbstractEventLoop, BaseTransport, Transport
from time import perf_counter
from typing import Final

from gunicorn.http import errors

from feeds.serving.request_head import END, HeadParser
from feeds.serving.wsgi_call import Listener, Outbox

_TURN: Final = 16  # requests of one connection before the others have their turn
_LONGEST: Final = 65_536  # bytes of a head, and of what is thrown away before a close
_HEAD_TIME: Final = 30.0  # seconds for the whole head of a request
_STALL: Final = 60.0  # seconds that a client may read nothing of what is sent
_DRAIN_TIME: Final = 2.0  # seconds for a client to take the last response, and to close

READING, ANSWERING, DRAINING = range(3)


class Worker(typing.Protocol):
    """What a connection needs of the worker that it belongs to."""

    alive: bool
    nr: int  # requests
    keepalive: int  # seconds between requests
    limit_line: int  # bytes of a request line; 0 for any number
    loop: AbstractEventLoop
    parser: HeadParser
    connections: set[Connection]

    def admit(self, connection: Connection) -> None: ...
    def status_lines(self, status: str, *, is_1_1: bool, keeps: bool) -> bytes: ...
    def call(self, connection: Connection, head: bytes, *, is_last: bool) -> None: ...
    def handle_error(self, req: object, client: Outbox, addr: object, exc: Exception) -> None: ...


class Connection(asyncio.Protocol):
    """Answers prepared documents at once, and has threads of the worker answer all else.

    Meanwhile, and while the client leaves unread what is sent, nothing more is received.
    `deadline` is when the worker closes it, by the clock of the event loop, in seconds.
    """

    __slots__ = (
        "_drained", "_has_begun", "_is_full", "_rest", "_transport",
        "_unsent", "_worker", "client", "deadline", "listener", "state",
    )  # fmt: skip
    _transport: Transport

    def __init__(self, worker: Worker, listener: Listener) -> None:
        self._worker = worker
        self.listener = listener
        self.client: object = ""
        self._rest = b""  # received, and not answered yet
        self._has_begun = True  # a head to come, in time
        self._is_full = False  # more waits to be sent than should
        self._unsent = self._drained = 0  # bytes, when last looked at; thrown away
        self.state = READING
        self.deadline = 0.0

    def connection_made(self, transport: BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]
        self.client = transport.get_extra_info("peername") or ""
        self.deadline = self._worker.loop.time() + _HEAD_TIME
        self._worker.admit(self)

    def connection_lost(self, _: Exception | None) -> None:
        self._worker.connections.discard(self)

    def pause_writing(self) -> None:
        self._is_full = True

    def resume_writing(self) -> None:
        self._is_full = False
        if self.state == READING:
            self._go_on()

    def data_received(self, data: bytes) -> None:
        if self.state == DRAINING:
            self._drained += len(data)
            if self._drained > _LONGEST:
                self._transport.abort()
            return
        self._rest += data
        self._go_on()

    # The end of what a client sends closes the connection, by the default of `eof_received`:
    # all requests before it are answered, since none is received while another isn't.

    # -- requests -----------------------------------------------------------------------

    def _go_on(self) -> None:
        """Answer what was received, in order, as far as that is possible at once."""
        transport = self._transport
        for _ in range(_TURN):
            if self.state != READING or transport.is_closing():  # called twice: turn, and room
                return
            if self._is_full:
                transport.pause_reading()
                return
            rest = self._rest
            end = rest.find(END) + len(END)
            if end < len(END):
                self._wait(rest)
                return
            self._rest = rest[end:]
            if not self._answer(rest[:end]):
                return
        if not transport.is_closing():
            transport.pause_reading()
            self._worker.loop.call_soon(self._go_on)

    def _wait(self, rest: bytes) -> None:
        """Wait for more, after a head that isn't whole yet; refuse one that never will be."""
        now, limit = self._worker.loop.time(), self._worker.limit_line
        if not rest:
            self._has_begun = False
            self.deadline = now + self._worker.keepalive
        elif not self._has_begun:
            self._has_begun = True
            self.deadline = now + _HEAD_TIME
        if rest.count(b"\n") != rest.count(b"\r\n"):
            self._refuse(errors.InvalidRequestLine("bare LF as line terminator"))
        elif limit and len(rest) - 2 > limit and b"\r\n" not in rest[: limit + 2]:
            self._refuse(errors.LimitRequestLine(len(rest), limit))
        elif len(rest) > _LONGEST:
            self._refuse(errors.LimitRequestHeaders("max buffer headers"))
        else:
            self._transport.resume_reading()

    def _answer(self, head: bytes) -> bool:
        """Answer one request; False unless the next can be answered now."""
        started = perf_counter()
        worker, fast_path = self._worker, self.listener.fast_path
        if head.startswith(b"\r\n"):  # one empty line is let pass (RFC 9112 2.2)
            head = head[2:]
        worker.nr += 1
        answer = None
        try:
            request = worker.parser.read(head)
            if fast_path is not None and request.is_plain and fast_path.watch.is_known():
                answer = fast_path.prepared(request.environ, request.target, started)
        except Exception as error:  # noqa: BLE001 - gunicorn answers and logs whatever it is
            self._refuse(error)
            return False
        if answer is not None:
            keeps = request.keeps_alive and worker.alive
            status = worker.status_lines(answer.status, is_1_1=request.is_1_1, keeps=keeps)
            self._transport.writelines((status, answer.fields, answer.body))
            if not keeps:
                self._drain() if self._rest else self._transport.close()
            return keeps
        self.state = ANSWERING
        self._transport.pause_reading()
        worker.call(self, head, is_last=request.has_body or not worker.alive)
        return False

    def take(self, response: list[bytes], *, keeps: bool) -> None:
        """Send the response of the application, and go on, or close."""
        if self._transport.is_closing():
            return
        self.state = READING
        self._transport.writelines(response)
        if keeps:
            self._go_on()
        else:
            self._drain()

    # -- the end ------------------------------------------------------------------------

    def _refuse(self, error: Exception) -> None:
        """Answer as gunicorn does what is no request of HTTP, or an error of ours, and close."""
        outbox = Outbox(self.listener.name)
        self._worker.handle_error(None, outbox, self.client, error)
        self._transport.writelines(outbox.sent)
        self._drain()

    def _drain(self) -> None:
        """Close once the client has; until then, its system may forget the response (9.6)."""
        self.state, self._rest = DRAINING, b""
        self.deadline = self._worker.loop.time() + _DRAIN_TIME
        if not self._transport.is_closing():
            self._transport.write_eof()
            self._transport.resume_reading()

    def look(self, now: float) -> None:
        """Close if it is time to."""
        if self.state == ANSWERING:
            return
        unsent = self._transport.get_write_buffer_size()
        if unsent != self._unsent and self.state != DRAINING:
            self._unsent = unsent
            self.deadline = now + (_STALL if unsent else self._worker.keepalive)
        elif now >= self.deadline:
            self.close()

    def close(self) -> None:
        """Close now, whatever still waits to be sent."""
        self._transport.abort()

    @property
    def is_waiting(self) -> bool:
        """Whether it is for the client to send something, or to close."""
        return self.state != ANSWERING and not self._transport.get_write_buffer_size()
