"""Read by `gunicorn wsgi:app` where it is started in this folder."""

from feeds.serving.gunicorn_conf import *  # noqa: F403 - gunicorn looks for the names of its settings
