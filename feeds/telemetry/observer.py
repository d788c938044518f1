"""Sees every request pass: has it counted and, if asked to, logged.

What only the view knows of an answer, it says in a `Note` in the request's
environment. Without one that asks, nothing is noted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

from feeds.telemetry import log
from feeds.telemetry.log import DELTA, ERROR, NOT_MODIFIED, OTHER, PREPARED, REDIRECT, RequestRecord

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_NOTE: Final = "feeds.note"
_OF_STATUS: Final = {226: DELTA, 304: NOT_MODIFIED}


@dataclass(slots=True)
class Note:
    """A view's answer, as the view alone knows it: see `feeds.telemetry.log.RequestRecord`."""

    address: str = ""
    outcome: str = OTHER
    coding: str = "identity"
    whole: int = 0


def note(environ: WSGIEnvironment) -> Note:
    """The note of a request, for the view to fill in; one with the defaults, if it was none."""
    result: Note = environ.setdefault(_NOTE, Note())
    return result


class Observer:
    """Counts and logs the requests of one application; without `count`, only logs."""

    def __init__(self, count: Callable[[RequestRecord], None] | None, *, log: bool) -> None:
        self.count = count
        self.log = log

    def hit(
        self,
        environ: WSGIEnvironment,
        address: str,
        status: int,
        coding: str,
        whole: int,
        started: float,
        outcome: str = PREPARED,
    ) -> None:
        """A document of `whole` bytes, prepared or made now, is sent, or not modified.

        Costs a request about a microsecond.
        """
        answer = RequestRecord(
            address,
            status,
            coding,
            outcome if status != 304 else NOT_MODIFIED,  # noqa: PLR2004 - RFC 9110 15.4.5
            0 if status == 304 or environ["REQUEST_METHOD"] == "HEAD" else whole,  # noqa: PLR2004
            whole,
            perf_counter() - started,
            environ.get("HTTP_USER_AGENT", "")[: log.LONGEST_AGENT],
        )
        self._tell(environ, answer, log.request_id(environ) if self.log else "")

    def long_way(
        self,
        application: WSGIApplication,
        environ: WSGIEnvironment,
        start_response: StartResponse,
        started: float,
    ) -> Iterable[bytes]:
        """The answer of the application. Log lines meanwhile carry the request's id."""
        view = note(environ)
        known = log.known_id(environ)
        id_ = known or log.new_id()
        response: list[tuple[str, list[tuple[str, str]]]] = []

        def start(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
            # Caches would keep it with an answer that is good, and show it to others.
            if status >= "4" and (known or self.log):
                headers = [*headers, (log.HEADER, id_)]
            response[:] = [(status, headers)]
            return start_response(status, headers, *more)

        with log.bound(request_id=id_):
            body = application(environ, start)
        if response:
            answer = _answer(environ, view, *response[0], perf_counter() - started)
            self._tell(environ, answer, id_)
        return body

    def _tell(self, environ: WSGIEnvironment, answer: RequestRecord, id_: str) -> None:
        if self.count is not None:
            self.count(answer)
        if self.log:
            path = answer.address or environ.get("PATH_INFO", "")
            log.request(environ["REQUEST_METHOD"], path, answer, id_)


def _answer(
    environ: WSGIEnvironment,
    view: Note,
    status_line: str,
    headers: list[tuple[str, str]],
    seconds: float,
) -> RequestRecord:
    status = int(status_line[:3])
    values = {name.lower(): value for name, value in headers}
    sent = int(values.get("content-length", 0))
    if environ["REQUEST_METHOD"] == "HEAD" or status == 304:  # noqa: PLR2004 - RFC 9110 15.4.5
        sent = 0
    outcome = _OF_STATUS.get(status) or (
        ERROR if status >= 400 else REDIRECT if status >= 300 else view.outcome  # noqa: PLR2004 - RFC 9110 15
    )
    return RequestRecord(
        view.address,
        status,
        values.get("content-encoding", view.coding),
        outcome,
        sent,
        view.whole,
        seconds,
        environ.get("HTTP_USER_AGENT", "")[: log.LONGEST_AGENT],
    )
