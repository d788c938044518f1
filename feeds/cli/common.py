"""Shared by commands: options for settings, loads, messages, progress."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from functools import partial, update_wrapper
from pathlib import Path
from typing import Any

import click
from sqlalchemy import make_url
from sqlalchemy.exc import SQLAlchemyError

import feeds.config
from feeds.catalog import builder
from feeds.catalog.former_feeds import FormerFeeds
from feeds.catalog.saved_filters import saved_filters
from feeds.config import Config, ConfigError
from feeds.loading import loader
from feeds.loading.arrivals import HistoryReader
from feeds.loading.report import Progress, Report
from feeds.model import FeedsError
from feeds.records.profile import Profile
from feeds.records.scanner import FolderError
from feeds.rendering import site_documents
from feeds.selection import Scope
from feeds.store import recovery
from feeds.store.database import Store, StoreError, note_health
from feeds.store.engines import sqlite_file
from feeds.telemetry import log

INTERVAL = 5.0  # seconds between plain progress lines
_PATIENCE = 1.0  # seconds before a load says how far it is
WRITTEN, SAME, KEPT = "written", "same", "kept"  # outcomes of writing a file
_OF_SITES = ("_drafts", "_posts")  # folders whose names say something of a file
_Show = Callable[[str, int, int, float], None]  # unit, done, total, seconds

_OPTIONS = {
    "seeds": ("--seeds", "FOLDER"),
    "database_url": ("--database-url", "URL"),
    "base_url": ("--base-url", "URL"),
    "bind": ("--bind", "ADDRESS"),
    "workers": ("--workers", "N"),
}


class WriteError(FeedsError):
    """A file that can't be written."""


def settings(
    *names: str, logs_as: str = ""
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Options that override settings; the command gets the Config.

    One that `logs_as` a process of a server does so from its first line on, where that is JSON;
    else what comes before the first request is for people.
    """

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        def run(**options: Any) -> None:
            overrides = {name: options.pop(name) for name in names}
            config = feeds.config.read({k: v for k, v in overrides.items() if v is not None})
            if logs_as and config.log_format == log.JSON:
                from feeds.telemetry import log_setup  # takes its time, and other commands talk

                log_setup.configure(config.log_format, logs_as)
            if "database_url" in names:
                check_database(config)
            # What is wrong in tables is said at once.
            saved_filters(config.collections)
            FormerFeeds(config, site_documents.addresses_of(config))
            unknown = feeds.config.unknown_variables()
            if unknown and not options.get("parent"):  # which told of it
                warn(unknown)
            command(config, **options)

        wrapped: Callable[..., None] = update_wrapper(run, command)
        for name in reversed(names):
            flag, metavar = _OPTIONS[name]
            about = feeds.config.settings()[name].about
            default = getattr(Config(), name)
            also = feeds.config.variable(name) + (f", by default {default}" if default else "")
            text = f"{about[:1].upper()}{about[1:]} ({also})."
            wrapped = click.option(flag, name, metavar=metavar, help=text)(wrapped)
        return wrapped

    return decorate


def check_database(config: Config) -> None:
    """Raise ConfigError where the database is to be a file in a folder that isn't there."""
    file = sqlite_file(make_url(config.database_url)) if config.database_url else None
    if file is not None and not file.parent.is_dir():
        raise ConfigError(
            f"FEEDS_DATABASE_URL names a file in {file.parent}, which is no folder; make it "
            f"(mkdir -p {file.parent}), or name another"
        )


def say(message: str) -> None:
    """Print a result: on stdout, or in a log that is JSON."""
    if log.is_json():
        log.info(message)
    else:
        click.echo(message)


def warn(message: str) -> None:
    """Print a problem: on stderr, or in the log."""
    if log.is_on():
        log.warn(message)
        return
    with suppress(OSError):  # a log on a full disk
        click.echo(f"feeds: {message}", err=True)


def load_folder(
    config: Config, *, accept_removals: bool = False, wait: bool = True
) -> tuple[Report, list[builder.Listed], int]:
    """Load the folder; returns the report, all feeds, and the number of entries.

    The whole of its git history is read, unless who follows the folder will (not `wait`).
    Raises FolderError and StoreError.
    """

    def work(store: Store) -> tuple[Report, list[builder.Listed], int]:
        with counting("Loading") as progress:
            report = loader.load(
                store,
                config.seeds,
                progress,
                profile=Profile.of(config),
                saved=saved_filters(config.collections),
                history=HistoryReader(config.seeds, wait=wait) if config.history == "git" else None,
                accept_removals=accept_removals,
            )
        return report, *_listed(store)

    return recovery.with_recovery(config.database, warn, work)


def _listed(store: Store) -> tuple[list[builder.Listed], int]:
    with store.read() as reader:
        listed, entries = builder.scopes(reader), reader.count(Scope())
    store.release()
    return listed, entries


def stored_feeds(config: Config) -> tuple[list[builder.Listed], int]:
    """All feeds and the number of entries that another process loaded; none before its first."""
    store = recovery.open_for_reading(config.database, warn)
    try:
        with store.read() as reader:
            if reader.state().generation:
                return _listed(store)
        warn(f"nothing has been loaded into {store.name} yet")
    except SQLAlchemyError as error:
        warn(f"{StoreError.of(store.name, error)}; what it holds is served when it answers")
    finally:
        store.release()
    return [], 0


def feeds_of_last_load(config: Config, error: FolderError) -> tuple[list[builder.Listed], int]:
    """All feeds and the number of entries of the last load. Raises `error` where there was none."""
    store = recovery.open_for_reading(config.database, warn)
    with store.read() as reader:
        if not reader.state().generation:
            raise error
    with store.write() as connection:
        note_health(connection, error.public)
    return _listed(store)


def problem_lines(report: Report) -> list[str]:
    """What a load says is wrong: the first of its errors and shared ids."""
    return [line for line, _ in report.told(report.errors + report.shared)]


def show(report: Report, seconds: float = 0.0) -> None:
    """Print the summary of a load, and the first of its errors and shared ids."""
    tell = log.warn if log.is_json() else partial(click.echo, err=True)
    for line in problem_lines(report):
        tell(line)
    for old, new in report.renamed.items():
        tell(
            f"all entries of the topic {old} have {new} now; to lead its readers on, write "
            f'{old} = "{new}" below [topics.aliases] in {feeds.config.FILE}'
        )
    with log.bound(**report.figures(), seconds=round(seconds, 3)):
        say(f"{report.place}: {report.summary()}")
    if report.history:
        say(f"history: {report.history}; records count as new when they are first loaded")


def folder_of(config: Config, file: Path) -> Path:
    """The folder that a file is a record of: the seeds, or a site's whose draft or post it is."""
    whole = file.absolute()
    if whole.is_relative_to(config.seeds.absolute()):
        return config.seeds
    for parent in whole.parents:
        if parent.name in _OF_SITES:
            return Path(os.path.relpath(parent.parent))
    return file.parent


@contextmanager
def counting(verb: str) -> Iterator[Progress]:
    """Tell how far a long load is: a bar on a terminal, a line now and then elsewhere."""
    shown, started = "files", time.monotonic()
    last = started
    with _bar(verb) if sys.stderr.isatty() else nullcontext(_lines(verb)) as show:

        def update(done: int, total: int, unit: str = "files") -> None:
            nonlocal shown, started, last
            if unit != shown:
                shown, started = unit, last
            last = time.monotonic()
            show(unit, done, total, last - started)

        yield update


def _lines(verb: str) -> _Show:
    reported = time.monotonic()

    def line(unit: str, done: int, total: int, seconds: float) -> None:
        nonlocal reported
        if time.monotonic() - reported < INTERVAL:
            return
        reported = time.monotonic()
        rate = done / max(seconds, 0.001)
        click.echo(
            f"{verb}: {done:,} of {total:,} {unit}, {rate:,.0f} a second, "
            f"{(total - done) / rate:,.0f} s left",
            err=True,
        )

    return line


@contextmanager
def _bar(verb: str) -> Iterator[_Show]:
    # Rich takes its time to import, and isn't needed by who isn't a person.
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]:,.0f} a second"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=False) as bar:
        task = bar.add_task(verb, total=None, visible=False, rate=0)

        def update(unit: str, done: int, total: int, seconds: float) -> None:
            bar.update(
                task,
                description=f"{verb} {unit}",
                completed=done,
                total=total,
                visible=seconds > _PATIENCE,
                rate=done / max(seconds, 0.001),
            )

        yield update


def write_file(folder: Path, name: str, data: bytes, *, force: bool) -> str:
    """Write a file whole or not at all; one that is there is replaced with `force` alone.

    Returns WRITTEN, SAME or KEPT. Raises WriteError.
    """
    path = folder / name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if os.path.lexists(path):
            if path.is_file() and path.read_bytes() == data:
                return SAME
            if not force:
                return KEPT
        new = folder / f".{name}.new"
        new.unlink(missing_ok=True)
        with new.open("xb") as file:  # which follows no link
            file.write(data)
        new.replace(path)
    except OSError as error:
        raise WriteError(f"{path}: {error.strerror or error}") from None
    return WRITTEN
