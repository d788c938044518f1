"""The WSGI application, put together from its settings."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from importlib.metadata import version

from flask import Flask

from feeds.catalog.saved_filters import saved_filters
from feeds.config import Config, read
from feeds.loading import loader
from feeds.loading.arrivals import HistoryReader
from feeds.records.profile import Profile
from feeds.records.scanner import FolderError
from feeds.serving import operator, views
from feeds.serving.document_store import DocumentStore, Timing
from feeds.serving.fast_path import FastPath
from feeds.statistics.counter import RequestCounter
from feeds.statistics.poll_store import PollStore
from feeds.store import recovery
from feeds.store.database import Store, StoreError, note_health
from feeds.telemetry.metrics import Metrics
from feeds.telemetry.observer import Observer


def create_app(config: Config | Mapping[str, object] | None = None) -> Flask:
    """The WSGI application, its folder of records loaded.

    `config` is a Config, or settings by name that win over the environment
    and feeds.toml. Raises ConfigError, FolderError and StoreError. Nothing is
    loaded under FEEDS_LOAD=off.
    """
    if not isinstance(config, Config):
        config = read(config)
    return assemble(config)


def starting() -> datetime:
    """When a server that starts now may have sent its first answer.

    That is the next whole second: of this one, another configuration may have sent something.
    """
    return datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=1)


def assemble(
    config: Config,
    timing: Timing | None = None,
    *,
    followed: bool = False,
    started: datetime | None = None,
) -> Flask:
    """The same of a Config. `followed` by a process that loads, it loads only into an empty store.

    `started` is when the server of several such applications did, see `starting`.
    Raises FolderError and StoreError when nothing was ever loaded, and nothing can be.
    """
    app = Flask("feeds", static_folder=None)

    def warn(message: str) -> None:
        app.logger.warning("%s", message)

    followed = followed or config.load == "off"
    store = recovery.open_for_reading(config.database, warn) if followed else None
    if store is None or _is_to_be_loaded(store, config):
        try:
            store = recovery.with_recovery(
                config.database, warn, lambda store: _load(store, config, app)
            )
        except (FolderError, StoreError) as error:
            if store is None:
                raise
            app.logger.error("nothing is loaded yet: %s", error)  # noqa: TRY400 - one line
    store.release()
    # Redirects are ours alone to make: Werkzeug's would name the Host header.
    app.url_map.merge_slashes = False
    app.url_map.redirect_defaults = False
    documents = DocumentStore(
        store, config, timing, followed=followed, started=started or starting()
    )
    app.extensions[views.EXTENSION] = documents
    counter = None
    if config.metrics != "off":
        metrics, poll_store = Metrics(), PollStore.of(config.database, warn)
        counter = RequestCounter(
            metrics, poll_store, documents.addresses, documents.cache.usage, warn
        )
        pages = operator.OperatorPages(documents, metrics, poll_store, counter, version("feeds"))
        operator.register(app, pages)
    app.register_blueprint(views.blueprint)
    observer = Observer(counter.note if counter else None, log=config.log_requests == "on")
    seen = observer if counter or observer.log else None
    app.wsgi_app = FastPath(app.wsgi_app, documents, seen)  # type: ignore[method-assign]
    return app


def _load(store: Store, config: Config, app: Flask) -> Store:
    try:
        saved = saved_filters(config.collections)
        history = HistoryReader(config.seeds, wait=False) if config.history == "git" else None
        profile = Profile.of(config)
        report = loader.load(store, config.seeds, profile=profile, saved=saved, history=history)
        for line, _ in report.told(report.errors + report.shared):
            app.logger.warning("%s", line)
        app.logger.info("%s: %s", report.place, report.summary())
    except FolderError as error:
        if _generation(store) == 0:
            raise
        app.logger.error("%s; the feeds stay as they were", error)  # noqa: TRY400 - one line
        with store.write() as connection:
            note_health(connection, error.public)
    return store


def _is_to_be_loaded(store: Store, config: Config) -> bool:
    """Whether nothing was ever loaded into a file that is this machine's to load into."""
    return config.load == "on" and store.file is not None and _generation(store) == 0


def _generation(store: Store) -> int:
    with store.read() as reader:
        return reader.state().generation
