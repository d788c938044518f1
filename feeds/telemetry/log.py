"""Lines of the log and their fields; `feeds.telemetry.log_setup` has them written.

Strangers can't forge a line: characters that don't print are written as
escapes. Passwords in URLs are left out. Bodies of records, cookies, other
headers and parameters that aren't known are never given to it.
"""

from __future__ import annotations

import logging
import os
import re
import secrets
import sys
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from feeds.messages import printable, without_passwords

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

HUMAN: Final = "human"
JSON: Final = "json"
FORMATS: Final = (HUMAN, JSON)
HEADER: Final = "X-Request-ID"
_SANE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/+=@-]{0,127}\Z")
_SHOWN_PATH: Final = 200
LONGEST_AGENT: Final = 300  # characters of a User-Agent that are kept

# What became of a request.
PREPARED: Final = "prepared"
MADE: Final = "made"
NOT_MODIFIED: Final = "not modified"
DELTA: Final = "delta"
REDIRECT: Final = "redirect"
ERROR: Final = "error"
OTHER: Final = "other"

Event = MutableMapping[str, Any]
process: dict[str, str] = {}  # its `form` and `name`, once it logs


class RequestRecord(NamedTuple):
    """One request that was answered.

    `address` is the canonical one, empty for what isn't a document; `sent` are
    the bytes of the body, `whole` those that the document has in this coding.
    """

    address: str
    status: int
    coding: str
    outcome: str
    sent: int
    whole: int
    seconds: float
    agent: str


def is_on() -> bool:
    """Whether this process logs, rather than talks to who started it."""
    return bool(process)


def is_json() -> bool:
    """Whether it logs for programs."""
    return process.get("form") == JSON


@contextmanager
def without_rich() -> Iterator[None]:
    """Have structlog be imported without `rich`, which it would only use to show tracebacks.

    It takes 45 ms of the start of a worker, and 4 MB of its memory.
    """
    modules: dict[str, ModuleType | None] = sys.modules  # type: ignore[assignment]
    if "rich" in modules:
        yield
        return
    modules["rich"] = None  # which makes importing it an ImportError
    try:
        yield
    finally:
        del modules["rich"]


def get() -> logging.Logger:
    """The logger of this program."""
    return logging.getLogger("feeds")


def warn(message: str) -> None:
    """Log what somebody should look at."""
    get().warning(message)


def info(message: str) -> None:
    """Log what happened."""
    get().info(message)


def bound(**fields: object) -> AbstractContextManager[None]:
    """Have every line of a `with` block say so too, where they are for programs."""
    if not is_on():
        return nullcontext()
    from structlog.contextvars import bound_contextvars  # `log_setup` has imported it

    return bound_contextvars(**fields)


# -- requests -----------------------------------------------------------------------


def known_id(environ: WSGIEnvironment) -> str:
    """The id that a proxy or client gave a request, if it is a sane one."""
    value: str = environ.get("HTTP_X_REQUEST_ID", "")
    return value if _SANE.match(value) else ""


def new_id() -> str:
    """An id for a request that has none."""
    return secrets.token_hex(8)


def request_id(environ: WSGIEnvironment) -> str:
    """The id of a request."""
    return known_id(environ) or new_id()


def request(method: str, path: str, answer: RequestRecord, id_: str) -> None:
    """Log one request. `path` is shortened to 200 characters.

    The line goes from structlog to stderr, past `logging`: in a quarter of the
    time, 9 us instead of 34.
    """
    if len(path) > _SHOWN_PATH:
        path = path[:_SHOWN_PATH] + "..."
    with suppress(OSError):  # a log on a full disk stops nothing
        request_logger().info(
            "request",
            method=method,
            path=without_passwords(path),
            status=answer.status,
            bytes=answer.sent,
            seconds=round(answer.seconds, 6),
            coding=answer.coding,
            outcome=answer.outcome,
            agent=without_passwords(answer.agent),
            request_id=id_,
        )


@cache
def request_logger() -> Any:
    """A logger of structlog's that writes lines of requests to what is stderr at the first call."""
    with without_rich():
        import structlog  # takes its time, and most commands have nothing to log
    return structlog.wrap_logger(
        structlog.WriteLogger(sys.stderr),
        [
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            with_process,
            structlog.processors.JSONRenderer() if is_json() else for_people,
        ],
        structlog.make_filtering_bound_logger(logging.INFO),
        timestamp=None,  # first in the line
        level=None,
        event=None,
    ).bind()


# -- lines ----------------------------------------------------------------------------


def with_process(_: Any, __: str, event: Event) -> Event:
    """Add the process that logs, and its pid."""
    event["process"] = process.get("name", "feeds")
    event["pid"] = os.getpid()
    return event


def for_people(_: Any, __: str, event: Event) -> str:
    """A line to read; whatever doesn't print is an escape, and tracebacks are indented.

    structlog's ConsoleRenderer does neither, and takes ten times as long: 8 us instead of 0.8.
    """
    message = str(event["event"])
    if message == "request" and "outcome" in event:
        message = _request_line(event)
    where = f"{event['process']}[{event['pid']}]"
    line = printable(f"{event['timestamp'][:23]}Z {event['level']} {where}: {message}")
    if event["event"] != "request" and "request_id" in event:
        line += printable(f" (request {event['request_id']})")
    if traceback := event.get("exception"):
        lines = str(traceback).splitlines()
        line += "".join(f"\n    {printable(one)}" for one in lines)
    return line


def _request_line(event: Mapping[str, Any]) -> str:
    agent = event["agent"].replace("\\", "\\\\").replace('"', '\\"')
    return (
        f"{event['method']} {event['path']} {event['status']} {event['bytes']} B "
        f"{event['seconds'] * 1000:.2f} ms, {event['coding']}, {event['outcome']}, "
        f'"{agent}", {event["request_id"]}'
    )
