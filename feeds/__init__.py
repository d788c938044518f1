"""feeds: a folder of news records, syndicated as feeds per topic and per provider."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Flask

from feeds import config as _config
from feeds import loader as _loader
from feeds import operate as _operate
from feeds import rescue as _rescue
from feeds import web as _web
from feeds.audience import Audience as _Audience
from feeds.delivery import Delivery as _Delivery
from feeds.folder import FolderError as _FolderError
from feeds.metrics import Metrics as _Metrics
from feeds.observe import Observer as _Observer
from feeds.prepared import Prepared as _Prepared
from feeds.store import Store as _Store
from feeds.store import StoreError as _StoreError
from feeds.store import note_health as _note_health
from feeds.tally import Tally as _Tally

__all__ = ["create_app"]
__version__ = "0.1.0"


def create_app(config: _config.Config | Mapping[str, object] | None = None) -> Flask:
    """The WSGI application, its folder of records loaded.

    `config` is a Config, or settings by name that win over the environment
    and feeds.toml. Raises ConfigError, FolderError and StoreError. Nothing is
    loaded under FEEDS_LOAD=off.
    """
    if not isinstance(config, _config.Config):
        config = _config.read(config)
    return _application(config)


def _application(config: _config.Config, *, followed: bool = False) -> Flask:
    """The same; when `followed` by a process that loads, only what was never loaded is loaded."""
    app = Flask(__name__, static_folder=None)

    def warn(message: str) -> None:
        app.logger.warning("%s", message)

    followed = followed or config.load == "off"
    store = _rescue.attach(config.database, warn) if followed else None
    if store is None or _is_to_be_loaded(store, config):
        try:
            store = _rescue.attempt(config.database, warn, lambda store: _load(store, config, app))
        except (_FolderError, _StoreError) as error:
            if store is None:
                raise
            app.logger.error("nothing is loaded yet: %s", error)  # noqa: TRY400 - one line
    store.release()
    # Redirects are ours alone to make: Werkzeug's would name the Host header.
    app.url_map.merge_slashes = False
    app.url_map.redirect_defaults = False
    delivery = _Delivery(store, config, followed=followed)
    app.extensions[_web.EXTENSION] = delivery
    tally = None
    if config.metrics != "off":
        metrics, audience = _Metrics(), _Audience.of(config.database, warn)
        tally = _Tally(metrics, audience, delivery.addresses, delivery.holds, warn)
        desk = _operate.Desk(delivery, metrics, audience, tally, __version__)
        _operate.register(app, desk)
    app.register_blueprint(_web.blueprint)
    observer = _Observer(tally, log=config.log_requests == "on")
    seen = observer if tally or observer.log else None
    app.wsgi_app = _Prepared(app.wsgi_app, delivery, seen)  # type: ignore[method-assign]
    return app


def _load(store: _Store, config: _config.Config, app: Flask) -> _Store:
    try:
        report = _loader.load(store, config.seeds)
        app.logger.info("loaded %s: %s", config.seeds, report.summary())
    except _FolderError as error:
        if _generation(store) == 0:
            raise
        app.logger.error("%s; the feeds stay as they were", error)  # noqa: TRY400 - one line
        with store.write() as connection:
            _note_health(connection, str(error))
    return store


def _is_to_be_loaded(store: _Store, config: _config.Config) -> bool:
    """Whether nothing was ever loaded into a file that is this machine's to load into."""
    return config.load == "on" and store.file is not None and _generation(store) == 0


def _generation(store: _Store) -> int:
    with store.read() as reader:
        return reader.state().generation
