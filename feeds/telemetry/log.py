"""What a process logs, and what a line says. `feeds.telemetry.log_setup` has it come out.

What strangers send can't forge a line: whatever doesn't print is written as
an escape. Passwords in URLs are left out. Bodies of records, cookies, other
headers and parameters that aren't known are never given to it.
"""

from __future__ import annotations

import json
import logging
import os
import re
import secrets
import sys
from collections.abc import Mapping, MutableMapping
from contextlib import AbstractContextManager, nullcontext, suppress
from datetime import UTC, datetime
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
# What every line has for itself, beside what happened.
_COMMON: Final = ("timestamp", "level", "process", "pid", "logger", "request_id", "exception")

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
handlers: list[logging.StreamHandler[Any]] = []


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


def get() -> Any:
    """The logger of this program."""
    import structlog  # takes its time, and most commands have nothing to log

    return structlog.get_logger("feeds")


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
    from structlog.contextvars import bound_contextvars

    return bound_contextvars(**fields)


# -- requests -----------------------------------------------------------------------


def known_id(environ: WSGIEnvironment) -> str:
    """The id that a proxy or client gave a request, if it is a sane one."""
    given: str = environ.get("HTTP_X_REQUEST_ID", "")
    return given if _SANE.match(given) else ""


def new_id() -> str:
    """An id for a request that has none."""
    return secrets.token_hex(8)


def request_id(environ: WSGIEnvironment) -> str:
    """The id of a request."""
    return known_id(environ) or new_id()


def request(method: str, path: str, answer: RequestRecord, id_: str) -> None:
    """Log one request: a line like all others, on a way that is ten times as short."""
    if len(path) > _SHOWN_PATH:
        path = path[:_SHOWN_PATH] + "..."
    event = {
        "timestamp": datetime.now(UTC).isoformat(timespec="microseconds")[:26] + "Z",
        "level": "info",
        "event": "request",
        "method": method,
        "path": without_passwords(path),
        "status": answer.status,
        "bytes": answer.sent,
        "seconds": round(answer.seconds, 6),
        "coding": answer.coding,
        "outcome": answer.outcome,
        "agent": without_passwords(answer.agent),
        "request_id": id_,
        "process": process.get("name", "feeds"),
        "pid": os.getpid(),
    }
    line = as_json(None, "", event) if is_json() else for_people(None, "", event)
    handler = handlers[-1] if handlers else logging.StreamHandler(sys.stderr)
    handler.acquire()
    try:
        with suppress(OSError):  # a log on a full disk stops nothing
            handler.stream.write(line + "\n")
            handler.flush()
    finally:
        handler.release()


# -- lines ----------------------------------------------------------------------------


def as_json(_: Any, __: str, event: Event) -> str:
    """JSON in ASCII: whatever doesn't print, and whatever turns text around, is an escape."""
    first = {name: event.pop(name) for name in ("timestamp", "level", "event") if name in event}
    return json.dumps({**first, **event})


def for_people(_: Any, __: str, event: Event) -> str:
    """A line to read; whatever doesn't print is an escape."""
    said = str(event["event"])
    if said == "request" and "outcome" in event:
        said = _request_line(event)
    where = f"{event['process']}[{event['pid']}]"
    line = printable(f"{event['timestamp'][:23]}Z {event['level']} {where}: {said}")
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
