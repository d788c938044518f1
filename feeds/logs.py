"""The log of a server: one form for all of its processes and libraries, for people or as JSON.

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
import threading
from collections.abc import Mapping, MutableMapping
from contextlib import AbstractContextManager, suppress
from datetime import UTC, datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final

import structlog
from gunicorn.glogging import Logger as GunicornLogger
from structlog.contextvars import bound_contextvars, merge_contextvars
from structlog.stdlib import ProcessorFormatter

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

    from feeds.tally import Answer

HUMAN: Final = "human"
JSON: Final = "json"
FORMATS: Final = (HUMAN, JSON)
HEADER: Final = "X-Request-ID"
_SANE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/+=@-]{0,127}\Z")
_LONGEST: Final = 10_000  # characters of a value; a traceback is the longest
_SHOWN_PATH: Final = 200
_PASSWORDS: Final = (
    (re.compile(r"(\b[A-Za-z][A-Za-z0-9+.-]{0,30}://[^/\s:@]{0,200}:)[^/\s@]{1,500}@"), r"\1***@"),
    (re.compile(r"(\b(?:password|passwd|secret)=)[^\s&]+", re.I), r"\1***"),
)
# What every line has for itself, beside what happened.
_COMMON: Final = ("timestamp", "level", "process", "pid", "logger", "request_id", "exception")

Event = MutableMapping[str, Any]
_process: dict[str, str] = {}
_handlers: list[logging.StreamHandler[Any]] = []


def configure(form: str, process: str) -> None:
    """Have all that this process logs go to stderr, in one form; `process` is what it is called."""
    _process.update(form=form, name=process)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter(form))
    handler.set_name("feeds")
    root = logging.getLogger()
    for other in [other for other in root.handlers if other.get_name() == "feeds"]:
        root.removeHandler(other)
    root.addHandler(handler)
    _handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("feeds").setLevel(logging.INFO)
    logging.raiseExceptions = False  # a log on a full disk stops nothing
    logging.captureWarnings(capture=True)
    structlog.configure(
        processors=[*_SHARED, ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    sys.excepthook = _uncaught
    threading.excepthook = _uncaught_in_thread


def is_on() -> bool:
    """Whether this process logs, rather than talks to who started it."""
    return bool(_process)


def is_json() -> bool:
    """Whether it logs for programs."""
    return _process.get("form") == JSON


def get() -> Any:
    """The logger of this program."""
    return structlog.get_logger("feeds")


def warn(message: str) -> None:
    """Log what somebody should look at."""
    get().warning(message)


def info(message: str) -> None:
    """Log what happened."""
    get().info(message)


def bound(**fields: object) -> AbstractContextManager[None]:
    """Have every line of a `with` block say so too, where they are for programs."""
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


def request(method: str, path: str, answer: Answer, id_: str) -> None:
    """Log one request: a line like all others, on a way that is ten times as short."""
    if len(path) > _SHOWN_PATH:
        path = path[:_SHOWN_PATH] + "..."
    event = {
        "timestamp": datetime.now(UTC).isoformat(timespec="microseconds")[:26] + "Z",
        "level": "info",
        "event": "request",
        "method": method,
        "path": _without_passwords(path),
        "status": answer.status,
        "bytes": answer.sent,
        "seconds": round(answer.seconds, 6),
        "coding": answer.coding,
        "outcome": answer.outcome,
        "agent": _without_passwords(answer.agent),
        "request_id": id_,
        "process": _process.get("name", "feeds"),
        "pid": os.getpid(),
    }
    line = _as_json(None, "", event) if is_json() else _for_people(None, "", event)
    handler = _handlers[-1] if _handlers else logging.StreamHandler(sys.stderr)
    handler.acquire()
    try:
        with suppress(OSError):  # a log on a full disk stops nothing
            handler.stream.write(line + "\n")
            handler.flush()
    finally:
        handler.release()


# -- the form -----------------------------------------------------------------------


def formatter(form: str = "") -> ProcessorFormatter:
    """What makes a line of anything that is logged, by us or by a library."""
    form = form or _process.get("form", HUMAN)
    return ProcessorFormatter(
        foreign_pre_chain=_SHARED,
        processors=[
            ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            _clean,
            _as_json if form == JSON else _for_people,
        ],
    )


def _where(_: Any, __: str, event: Event) -> Event:
    """The process, its pid, and the library where the line isn't ours."""
    record = event.get("_record")
    event["process"] = _process.get("name", "feeds")
    event["pid"] = os.getpid()
    if record is not None and record.name != "feeds":
        event["logger"] = record.name
    return event


def _clean(_: Any, __: str, event: Event) -> Event:
    """Without passwords, and with nothing that is without end."""
    for name, value in event.items():
        if isinstance(value, str):
            event[name] = _without_passwords(value[:_LONGEST])
        elif not isinstance(value, int | float | None):
            event[name] = _without_passwords(str(value)[:_LONGEST])
    return event


def _without_passwords(text: str) -> str:
    if "=" not in text and "://" not in text:
        return text
    for pattern, instead in _PASSWORDS:
        text = pattern.sub(instead, text)
    return text


def _as_json(_: Any, __: str, event: Event) -> str:
    """JSON in ASCII: whatever doesn't print, and whatever turns text around, is an escape."""
    first = {name: event.pop(name) for name in ("timestamp", "level", "event") if name in event}
    return json.dumps({**first, **event})


def _for_people(_: Any, __: str, event: Event) -> str:
    said = str(event["event"])
    if said == "request" and "outcome" in event:
        said = _request_line(event)
    where = f"{event['process']}[{event['pid']}]"
    line = _printable(f"{event['timestamp'][:23]}Z {event['level']} {where}: {said}")
    if event["event"] != "request" and "request_id" in event:
        line += _printable(f" (request {event['request_id']})")
    if traceback := event.get("exception"):
        lines = str(traceback).splitlines()
        line += "".join(f"\n    {_printable(one)}" for one in lines)
    return line


def _request_line(event: Mapping[str, Any]) -> str:
    agent = event["agent"].replace("\\", "\\\\").replace('"', '\\"')
    return (
        f"{event['method']} {event['path']} {event['status']} {event['bytes']} B "
        f"{event['seconds'] * 1000:.2f} ms, {event['coding']}, {event['outcome']}, "
        f'"{agent}", {event["request_id"]}'
    )


def _printable(text: str) -> str:
    """One line that says no more than it shows."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


_SHARED: Final[list[Any]] = [
    merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.stdlib.PositionalArgumentsFormatter(),
    structlog.processors.StackInfoRenderer(),
    _where,
]


def _uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        return
    logging.getLogger("feeds").critical("it ends of an error", exc_info=(kind, error, trace))


def _uncaught_in_thread(found: threading.ExceptHookArgs) -> None:
    if found.exc_value is None or issubclass(found.exc_type, SystemExit):
        return
    name = found.thread.name if found.thread else "a thread"
    told = (found.exc_type, found.exc_value, found.exc_traceback)
    logging.getLogger("feeds").error("%s ends of an error", name, exc_info=told)


# -- the servers' own -----------------------------------------------------------------


class OfGunicorn(GunicornLogger):  # type: ignore[misc]
    """gunicorn's messages, in the form of ours."""

    def setup(self, cfg: Any) -> None:
        self.cfg = cfg
        self._access_log_enabled = False
        self.loglevel = self.LOG_LEVELS.get(cfg.loglevel.lower(), logging.INFO)
        self.error_log.setLevel(self.loglevel)
        self.error_log.propagate = True


def of_granian() -> dict[str, Any]:
    """Granian's messages, in the form of ours: a configuration for logging."""
    return {
        "formatters": {"feeds": {"()": "feeds.logs.formatter", "form": _process.get("form", "")}},
        "handlers": {
            "feeds": {
                "class": "logging.StreamHandler",
                "formatter": "feeds",
                "stream": "ext://sys.stderr",
            }
        },
        "loggers": {"_granian": {"handlers": ["feeds"], "level": "WARNING", "propagate": False}},
    }
