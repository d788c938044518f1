"""One call of the WSGI application for a request that was read whole, by gunicorn's own means.

gunicorn parses the head once more and frames the response: statuses, headers and limits are those
of its other workers. What it sends is collected, so that no thread waits for who reads slowly.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from gunicorn.http import RequestParser, wsgi

from feeds.serving.fast_path import FastPath

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication
    from gunicorn.workers.base import Worker


class Listener(NamedTuple):
    """A socket that the worker listens at, and the application that answers there."""

    name: object
    application: WSGIApplication
    fast_path: FastPath | None


class Outbox:
    """Takes what gunicorn sends, in the place of a socket. Bodies aren't copied."""

    def __init__(self, listens_at: object) -> None:
        self.sent: list[bytes] = []
        self._listens_at = listens_at

    def sendall(self, data: bytes) -> None:
        self.sent.append(data)

    def send(self, data: bytes) -> int:
        """Leave out `100 Continue`: the final response comes as soon (RFC 9110 10.1.1)."""
        return len(data)

    def getsockname(self) -> object:
        return self._listens_at

    def gettimeout(self) -> float:
        return 0.0


def call(
    worker: Worker, listener: Listener, head: bytes, client: object, *, is_last: bool
) -> tuple[list[bytes], bool]:
    """What to send, and whether the connection goes on; it doesn't after `is_last`.

    Whatever goes wrong is answered, and logged, as gunicorn does.
    """
    outbox = Outbox(listener.name)
    request = None
    try:
        request = next(RequestParser(worker.cfg, [head], client))
        response, environ = wsgi.create(request, outbox, client, listener.name, worker.cfg)
        environ["wsgi.multithread"] = True
        if is_last:
            response.force_close()
        _write(response, listener.application(environ, response.start_response))
    except (Exception, SystemExit) as error:  # noqa: BLE001 - an answer to whatever it is
        outbox.sent.clear()
        worker.handle_error(request, outbox, client, error)
        return outbox.sent, False
    return outbox.sent, not response.should_close()


def _write(response: Any, body: Any) -> None:
    try:
        for part in body:
            response.write(part)
        response.close()
    finally:
        getattr(body, "close", lambda: None)()
