"""Read by `gunicorn wsgi:app` where it is started in this folder."""

from feeds.gunicorn_conf import (  # noqa: F401 - gunicorn looks for these names
    control_socket_disable,
    logger_class,
    on_exit,
    on_starting,
    post_fork,
)
