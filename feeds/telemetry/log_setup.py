"""One form for the log of all processes and libraries of a server, for people or as JSON."""

from __future__ import annotations

import logging
import sys
import threading
from types import TracebackType
from typing import Any, Final

from gunicorn.glogging import Logger as GunicornLogger

from feeds.messages import without_passwords
from feeds.telemetry import log

with log.without_rich():
    from structlog.contextvars import merge_contextvars
    from structlog.processors import JSONRenderer, TimeStamper, add_log_level, format_exc_info
    from structlog.stdlib import ProcessorFormatter

_LONGEST: Final = 10_000  # characters of a value; a traceback is the longest


def configure(form: str, process: str) -> None:
    """Have all that this process logs go to stderr, in one form; `process` is what it is called."""
    log.process.update(form=form, name=process)
    log.request_logger.cache_clear()
    log.request_logger()
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter(form))
    handler.set_name("feeds")
    root = logging.getLogger()
    for other in [other for other in root.handlers if other.get_name() == "feeds"]:
        root.removeHandler(other)
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    logging.getLogger("feeds").setLevel(logging.INFO)
    logging.raiseExceptions = False  # a log on a full disk stops nothing
    logging.captureWarnings(capture=True)
    sys.excepthook = _uncaught
    threading.excepthook = _uncaught_in_thread


def formatter(form: str = "") -> ProcessorFormatter:
    """The formatter of all that is logged, by us or by a library, one line each."""
    form = form or log.process.get("form", log.HUMAN)
    return ProcessorFormatter(
        processors=[
            merge_contextvars,
            add_log_level,
            TimeStamper(fmt="iso", utc=True),
            log.with_process,
            _with_logger,
            ProcessorFormatter.remove_processors_meta,
            format_exc_info,
            _clean,
            JSONRenderer() if form == log.JSON else log.for_people,
        ]
    )


def _with_logger(_: Any, __: str, event: log.Event) -> log.Event:
    """Add the library that logs, where the line isn't ours."""
    if event["_record"].name != "feeds":
        event["logger"] = event["_record"].name
    return event


def _clean(_: Any, __: str, event: log.Event) -> log.Event:
    """Without passwords, and with nothing that is without end; time and level first."""
    event = {"timestamp": None, "level": None, **event}
    for name, value in event.items():
        if not isinstance(value, int | float | None):
            event[name] = without_passwords(str(value)[:_LONGEST])
    return event


def _uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        return
    logging.getLogger("feeds").critical("it ends of an error", exc_info=(kind, error, trace))


def _uncaught_in_thread(args: threading.ExceptHookArgs) -> None:
    if args.exc_value is None or issubclass(args.exc_type, SystemExit):
        return
    name = args.thread.name if args.thread else "a thread"
    exception = (args.exc_type, args.exc_value, args.exc_traceback)
    logging.getLogger("feeds").error("%s ends of an error", name, exc_info=exception)


# -- the servers' own -----------------------------------------------------------------


class OfGunicorn(GunicornLogger):  # type: ignore[misc]
    """gunicorn's messages, in the form of ours."""

    def setup(self, cfg: Any) -> None:
        self.cfg = cfg
        self._access_log_enabled = False
        self.loglevel = self.LOG_LEVELS.get(cfg.loglevel.lower(), logging.INFO)
        self.error_log.setLevel(self.loglevel)
        self.error_log.propagate = True
