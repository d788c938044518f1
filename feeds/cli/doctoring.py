"""The command `doctor`: looks at all that a server needs, and says what to mend."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final, NamedTuple

import click
import urllib3
from sqlalchemy import make_url

from feeds.cli.common import counting, settings
from feeds.config import Config
from feeds.follower import purging, websub
from feeds.loading.checking import check as check_folder
from feeds.messages import counted, root_cause
from feeds.model import FeedsError
from feeds.records.profile import Profile
from feeds.serving.document_store import DocumentStore
from feeds.serving.readiness import readiness
from feeds.serving.server import lost_links
from feeds.store import recovery
from feeds.store.database import Store
from feeds.store.engines import sqlite_file

_PATIENCE: Final = 5.0  # seconds for a request
_READ: Final = 1 << 20  # bytes of a response
_NO_KEY: Final = "feeds-doctor"  # that no document has
_NO_RESPONSE: Final = (urllib3.exceptions.HTTPError, OSError, ValueError)


class Finding(NamedTuple):
    """What is so about a part, and what mends it where it is wrong."""

    part: str
    text: str
    remedy: str = ""


@click.command()
@settings("seeds", "database_url", "base_url", "bind")
def doctor(config: Config) -> None:
    """Check settings, folder, store, public address, hubs and caches.

    Says what to mend, and exits with status 1 where there is something. Nothing is loaded.
    Each request takes five seconds at most.
    """
    is_well = True
    for part, text, remedy in findings(config):
        click.echo(f"{'mend' if remedy else 'ok  '}  {part}: {text}{remedy and f'; {remedy}'}")
        is_well &= not remedy
    sys.exit(0 if is_well else 1)


def findings(config: Config) -> Iterator[Finding]:
    """One finding for each part, in the order in which they depend on each other."""
    own = f"{counted(len(config.sources), 'setting')} of your own"
    yield Finding("settings", own, lost_links(config, [config.bind]))
    if config.load == "on":
        yield _folder(config)
    yield _store(config)
    yield _feeds(config)
    for hub in config.hubs:
        yield _hub(hub)
    for cache in config.purge:
        yield _cache(cache)


def _folder(config: Config) -> Finding:
    try:
        with counting("Checking") as progress:
            report = check_folder(config.seeds, progress, Profile.of(config))
    except FeedsError as error:
        return Finding("folder", str(config.seeds), str(error))
    remedy = "" if report.public else "no file is public; feeds check says why"
    if report.errors:
        remedy = "feeds check says what is wrong in the files that are left out"
    return Finding("folder", f"{report.place}: {report.counts_line()}", remedy)


def _store(config: Config) -> Finding:
    name, file = Store.described(config.database), sqlite_file(make_url(config.database))
    if file is not None and not os.access(file if file.exists() else file.parent, os.W_OK):
        text = f"{file} can't be written by who runs this"
        return Finding("store", name, f"{text}; let them, or name another in FEEDS_DATABASE_URL")
    if file is not None and not file.exists():  # which looking would make
        return Finding("store", name, "nothing has been loaded yet; feeds serve loads")
    warnings: list[str] = []
    try:
        store = recovery.open_for_reading(config.database, warnings.append)
        try:
            state = readiness(DocumentStore(store, config), datetime.now(UTC))
            with store.write():
                pass  # that it can be
        finally:
            store.release()
    except FeedsError as error:
        return Finding("store", name, str(error))
    text = f"{name}: {counted(state['entries'], 'entry', 'entries')}"
    text += f", loaded at {state['loaded']}" if state["loaded"] else ""
    return Finding("store", text, "; ".join([*warnings, *filter(None, [state["why"]])]))


def _feeds(config: Config) -> Finding:
    """Whether the public address leads to feeds that are at it by their own account."""
    health, feed = f"{config.root}/healthz", f"{config.root}/rss.xml"
    address = "or set FEEDS_BASE_URL to the public address"
    start = f"start feeds serve and what is in front of it, {address}"
    look = f"look at what is in front, {address}"
    for url, expected in ((health, b"ok"), (feed, f'href="{feed}"'.encode())):
        try:
            status, body = _get(url)
        except _NO_RESPONSE as error:
            return Finding("feeds", f"{url}: {root_cause(error)}", start)
        if status != 200:  # noqa: PLR2004 - RFC 9110 15.3.1
            return Finding("feeds", f"{url} answers {status}", look)
        if expected not in body:
            say = f"{url} answers something else than feeds under this address"
            return Finding("feeds", say, look)
    return Finding("feeds", f"{feed} answers")


def _hub(hub: str) -> Finding:
    try:
        status, _ = _get(hub)
    except _NO_RESPONSE as error:
        return Finding("hub", f"{hub}: {root_cause(error)}", "see FEEDS_HUBS")
    return Finding("hub", f"{hub} answers {status}")  # to GET, which no hub has to know


def _cache(cache: str) -> Finding:
    try:
        purging.purge(cache, [_NO_KEY])
    except purging.PurgeError as error:
        return Finding("cache", f"{cache}: {error}", "see FEEDS_PURGE, and who may purge there")
    return Finding("cache", f"{cache} takes purges")


def _get(url: str) -> tuple[int, bytes]:
    """The status, and the body as far as it comes in time. Raises one of _NO_RESPONSE."""
    end, body = time.monotonic() + _PATIENCE, b""
    timeout = urllib3.Timeout(total=_PATIENCE)
    response = websub.client(url).request(
        "GET", url, timeout=timeout, retries=False, preload_content=False
    )
    while len(body) < _READ and time.monotonic() < end and (part := response.read1(_READ)):
        body += part
    response.close()
    return response.status, body
