"""gunicorn's settings for `gunicorn wsgi:app`: `gunicorn.conf.py` beside wsgi.py has it.

Elsewhere: `gunicorn -c python:feeds.serving.gunicorn_conf ...`. With it, workers count
together (`feeds.telemetry.multiprocess`), all processes log in one form, requests are read
by threads, and no forwarded header is trusted. `feeds serve` does this by itself.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any, Final

from feeds.config import read, unknown_variables
from feeds.model import FeedsError
from feeds.serving import server
from feeds.telemetry import log, log_setup, multiprocess

globals().update(server.COMMON)  # gunicorn reads settings by the names in this module
_until_exit: Final = ExitStack()


def on_starting(arbiter: Any) -> None:
    """Before there are workers. Raises SystemExit for a wrong setting."""
    try:
        config = read()
    except FeedsError as error:
        raise SystemExit(f"feeds: {error}") from None
    log_setup.configure(config.log_format, "server")
    if unknown := unknown_variables():
        log.warn(unknown)
    if lost := server.lost_links(config, map(server.as_text, arbiter.cfg.address)):
        log.warn(lost)
    if config.metrics != "off":
        _until_exit.enter_context(multiprocess.directory())


def post_fork(_: Any, __: Any) -> None:
    """In each worker."""
    log_setup.configure(read().log_format, "worker")


def on_exit(_: Any) -> None:
    """When the last one has ended."""
    _until_exit.close()
