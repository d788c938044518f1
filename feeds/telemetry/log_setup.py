"""One form for the log of all processes and libraries of a server, for people or as JSON."""

from __future__ import annotations

import logging
import os
import sys
import threading
from types import TracebackType
from typing import Any, Final

import structlog
from gunicorn.glogging import Logger as GunicornLogger
from structlog.contextvars import merge_contextvars
from structlog.stdlib import ProcessorFormatter

from feeds.messages import without_passwords
from feeds.telemetry import log

_LONGEST: Final = 10_000  # characters of a value; a traceback is the longest


def configure(form: str, process: str) -> None:
    """Have all that this process logs go to stderr, in one form; `process` is what it is called."""
    log.process.update(form=form, name=process)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter(form))
    handler.set_name("feeds")
    root = logging.getLogger()
    for other in [other for other in root.handlers if other.get_name() == "feeds"]:
        root.removeHandler(other)
    root.addHandler(handler)
    log.handlers[:] = [handler]
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


def formatter(form: str = "") -> ProcessorFormatter:
    """What makes a line of anything that is logged, by us or by a library."""
    form = form or log.process.get("form", log.HUMAN)
    return ProcessorFormatter(
        foreign_pre_chain=_SHARED,
        processors=[
            ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            _clean,
            log.as_json if form == log.JSON else log.for_people,
        ],
    )


def _where(_: Any, __: str, event: log.Event) -> log.Event:
    """The process, its pid, and the library where the line isn't ours."""
    record = event.get("_record")
    event["process"] = log.process.get("name", "feeds")
    event["pid"] = os.getpid()
    if record is not None and record.name != "feeds":
        event["logger"] = record.name
    return event


def _clean(_: Any, __: str, event: log.Event) -> log.Event:
    """Without passwords, and with nothing that is without end."""
    for name, value in event.items():
        if isinstance(value, str):
            event[name] = without_passwords(value[:_LONGEST])
        elif not isinstance(value, int | float | None):
            event[name] = without_passwords(str(value)[:_LONGEST])
    return event


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
        "formatters": {
            "feeds": {
                "()": "feeds.telemetry.log_setup.formatter",
                "form": log.process.get("form", ""),
            }
        },
        "handlers": {
            "feeds": {
                "class": "logging.StreamHandler",
                "formatter": "feeds",
                "stream": "ext://sys.stderr",
            }
        },
        "loggers": {"_granian": {"handlers": ["feeds"], "level": "WARNING", "propagate": False}},
    }
