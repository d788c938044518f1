"""The WSGI application, put together from its settings."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Flask

from feeds import __version__, loader, operate, rescue, web
from feeds.audience import Audience
from feeds.config import Config, read
from feeds.delivery import Delivery
from feeds.folder import FolderError
from feeds.metrics import Metrics
from feeds.observe import Observer
from feeds.prepared import Prepared
from feeds.store import Store, StoreError, note_health
from feeds.tally import Tally


def create_app(config: Config | Mapping[str, object] | None = None) -> Flask:
    """The WSGI application, its folder of records loaded.

    `config` is a Config, or settings by name that win over the environment
    and feeds.toml. Raises ConfigError, FolderError and StoreError. Nothing is
    loaded under FEEDS_LOAD=off.
    """
    if not isinstance(config, Config):
        config = read(config)
    return assembled(config)


def assembled(config: Config, *, followed: bool = False) -> Flask:
    """The same; when `followed` by a process that loads, only what was never loaded is loaded."""
    app = Flask("feeds", static_folder=None)

    def warn(message: str) -> None:
        app.logger.warning("%s", message)

    followed = followed or config.load == "off"
    store = rescue.attach(config.database, warn) if followed else None
    if store is None or _is_to_be_loaded(store, config):
        try:
            store = rescue.attempt(config.database, warn, lambda store: _load(store, config, app))
        except (FolderError, StoreError) as error:
            if store is None:
                raise
            app.logger.error("nothing is loaded yet: %s", error)  # noqa: TRY400 - one line
    store.release()
    # Redirects are ours alone to make: Werkzeug's would name the Host header.
    app.url_map.merge_slashes = False
    app.url_map.redirect_defaults = False
    delivery = Delivery(store, config, followed=followed)
    app.extensions[web.EXTENSION] = delivery
    tally = None
    if config.metrics != "off":
        metrics, audience = Metrics(), Audience.of(config.database, warn)
        tally = Tally(metrics, audience, delivery.addresses, delivery.holds, warn)
        desk = operate.Desk(delivery, metrics, audience, tally, __version__)
        operate.register(app, desk)
    app.register_blueprint(web.blueprint)
    observer = Observer(tally, log=config.log_requests == "on")
    seen = observer if tally or observer.log else None
    app.wsgi_app = Prepared(app.wsgi_app, delivery, seen)  # type: ignore[method-assign]
    return app


def _load(store: Store, config: Config, app: Flask) -> Store:
    try:
        report = loader.load(store, config.seeds)
        app.logger.info("loaded %s: %s", config.seeds, report.summary())
    except FolderError as error:
        if _generation(store) == 0:
            raise
        app.logger.error("%s; the feeds stay as they were", error)  # noqa: TRY400 - one line
        with store.write() as connection:
            note_health(connection, str(error))
    return store


def _is_to_be_loaded(store: Store, config: Config) -> bool:
    """Whether nothing was ever loaded into a file that is this machine's to load into."""
    return config.load == "on" and store.file is not None and _generation(store) == 0


def _generation(store: Store) -> int:
    with store.read() as reader:
        return reader.state().generation
