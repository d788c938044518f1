"""Commands that load the folder: serve, load, follow."""

from __future__ import annotations

import os
import signal
import sys
import time
from threading import Event

import click

from feeds.cli.common import (
    feeds_of_last_load,
    load_folder,
    say,
    settings,
    show,
    stored_feeds,
    warn,
)
from feeds.config import Config, ConfigError
from feeds.follower.follower import FolderFollower
from feeds.messages import counted
from feeds.records.scanner import FolderError
from feeds.rendering.formats import FORMATS
from feeds.serving.server import check_addresses, listening, lost_links, run
from feeds.store import recovery, spare
from feeds.store.engines import is_in_memory
from feeds.telemetry import log, log_setup, metrics
from feeds.urls import POLICIES


@click.command()
@settings("seeds", "database_url", "base_url", "bind", "workers", logs_as="server")
@click.option("--reload", is_flag=True, help="Restart the workers when the program changes.")
def serve(config: Config, reload: bool) -> None:
    """Load the folder, serve its feeds, and follow its changes."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})  # it waits for `server.run`
    check_addresses(config)
    loading = None
    if is_in_memory(config.database):
        raise ConfigError(
            "FEEDS_DATABASE_URL names a database in memory, which processes can't share; "
            "name a file, such as sqlite:////tmp/feeds.db"
        )
    try:
        if config.load == "off":
            listed, entries = stored_feeds(config)
        else:
            started = time.monotonic()
            report, listed, entries = load_folder(config, wait=False)
            loading = time.monotonic() - started
            show(report, loading)
    except FolderError as error:
        listed, entries = feeds_of_last_load(config, error)
        warn(f"{error}; what was loaded last is served")
    topics = sum(1 for feed in listed if feed.scope.topic and not feed.scope.provider)
    providers = sum(
        1 for f in listed if f.scope.provider and not f.scope.topic and not f.scope.name
    )
    *others, last = (kind.label for kind in FORMATS.values())
    kinds = f"{', '.join(others)} and {last}, {len(POLICIES)} link policies"
    say(
        f"{counted(entries, 'entry', 'entries')}, {counted(topics, 'topic')}, "
        f"{counted(providers, 'provider')}: {counted(len(listed), 'feed')}, each as {kinds}"
    )
    addresses, no_metrics = listening(config)
    differs = config.base_url or addresses != [config.bind]
    at = f", listening at {' '.join(addresses)}" if differs and addresses else ""
    say(f"Serving at {config.root}/{at} (Ctrl-C stops)")
    for line in filter(None, (lost_links(config, addresses), no_metrics)):
        warn(line)
    sys.stdout.flush()
    run(config, reload=reload, loading=loading)


@click.command()
@settings("seeds", "database_url")
@click.option(
    "--accept-removals", is_flag=True, help="Load even if more than half of the records are gone."
)
def load(config: Config, accept_removals: bool) -> None:
    """Load what changed in the folder into the store, and report."""
    report, _, _ = load_folder(config, accept_removals=accept_removals)
    show(report)
    copying = recovery.keep_spare(config.database, spare.Keeper(warn))
    if copying is not None:
        copying.join()


@click.command()
@settings("seeds", "database_url", logs_as="follower")
@click.option("--parent", type=int, metavar="PID", help="End when this process has ended.")
def follow(config: Config, parent: int | None) -> None:
    """Load the folder whenever it changes, without serving it.

    For servers that share the store. `feeds serve` follows by itself. SIGHUP loads at once.
    """
    log_setup.configure(config.log_format, "follower")
    shared = metrics.shared() if config.metrics != "off" else None
    stop, follower = Event(), FolderFollower(config, warn, shared, log.info)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    signal.signal(signal.SIGHUP, lambda *_: follower.answer())
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})  # one that waited for this
    follower.run(stop, lambda: parent is None or os.getppid() == parent)
