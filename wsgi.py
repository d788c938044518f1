"""The application for `gunicorn wsgi:app` and any other WSGI server."""

import sys

from feeds import create_app
from feeds.model import FeedsError
from feeds.telemetry import log

try:
    app = create_app()
except FeedsError as error:
    if log.is_json():
        log.get().error(str(error))
    else:
        sys.stderr.write(f"feeds: {error}\n")
    raise SystemExit(4) from None  # gunicorn's "failed to load": it doesn't try again
