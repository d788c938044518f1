"""Commands that write the site as files: export, publish."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import click
from sqlalchemy import make_url

from feeds.catalog.saved_filters import saved_filters
from feeds.cli import export_note
from feeds.cli.common import (
    INTERVAL,
    counting,
    feeds_of_last_load,
    problem_lines,
    say,
    settings,
    show,
    warn,
)
from feeds.config import Config, ConfigError, unknown_variables
from feeds.export import directory, object_store, plan
from feeds.export.directory import Folder
from feeds.export.object_store import ObjectStore
from feeds.export.writer import Outcome, Target, memory_of, write
from feeds.loading import loader
from feeds.loading.arrivals import HistoryReader
from feeds.loading.report import Report
from feeds.records.profile import Profile
from feeds.records.scanner import FolderError
from feeds.serving.document_store import DocumentStore
from feeds.store import recovery
from feeds.store.database import Store
from feeds.store.engines import sqlite_file
from feeds.telemetry import log
from feeds.urls import POLICIES


def _selection_options(command: Callable[..., None]) -> Callable[..., None]:
    """Options that select a part of the site; the command is given them all."""
    for name, accepted, about, default in (
        ("scopes", plan.SCOPES, "Of what.", plan.ALL),
        ("links", POLICIES, "Under which link policies.", "FEEDS_LINKS"),
        ("formats", plan.FORMS, "In which formats.", plan.ALL),
    ):
        words = ", ".join((*accepted, plan.ALL))
        text = f"{about} Any of {words}, with commas between; by default {default}."
        command = click.option(f"--{name}", metavar="LIST", help=text)(command)
    return command


Site = tuple[DocumentStore, plan.SiteSelection, Report | None]


def _site(
    config: Config, target: Target, scopes: str | None, links: str | None, formats: str | None
) -> Site:
    """The site of the folder, the report of its load, if it was loaded, and the selected part.

    An empty store goes on from what the target remembers. Raises ConfigError without a base
    URL, SelectionError, FolderError, StoreError, ExportError and ManifestError.
    """
    selection = plan.SiteSelection(
        plan.parse_words("--formats", formats, plan.FORMS),
        plan.parse_words("--links", config.links if links is None else links, POLICIES),
        plan.parse_words("--scopes", scopes, plan.SCOPES),
    )
    if not config.base_url:
        raise ConfigError(
            "FEEDS_BASE_URL isn't set; a site of files needs the URL that it is published at"
        )
    if text := _warning(config, selection):
        warn(text)
    reports: list[Report] = []

    def work(store: Store) -> Store:
        with counting("Loading") as progress:
            report = loader.load(
                store,
                config.seeds,
                progress,
                profile=Profile.of(config),
                saved=saved_filters(config.collections),
                history=HistoryReader(config.seeds) if config.history == "git" else None,
                recall=partial(memory_of, target),
            )
        show(report)
        reports.append(report)
        if report.due:
            say(_due(report.due))
        return store

    store = None
    if config.load == "on":
        try:
            store = recovery.with_recovery(config.database, warn, work)
        except FolderError as error:
            feeds_of_last_load(config, error)
            warn(f"{error}; what was loaded last is taken")
    store = store or recovery.open_for_reading(config.database, warn)
    site = DocumentStore(store, config, policies=selection.links)
    return site, selection, reports[-1] if reports else None


def _warning(config: Config, selection: plan.SiteSelection) -> str:
    if config.parameters == "off" or set(selection.formats) == {plan.EMBED}:
        return ""
    return (
        "FEEDS_PARAMETERS is on: pages and feeds link addresses with parameters, which files "
        "can't answer; set FEEDS_PARAMETERS=off for a site without a server"
    )


def _due(moment: int) -> str:
    due = datetime.fromtimestamp(moment, UTC).isoformat().replace("+00:00", "Z")
    return f"the next record appears or expires at {due}: export again then"


def _write_note(config: Config, target: Path, sources: str, site: Site, outcome: Outcome) -> None:
    """Note what a repeated export would print, where sizes and times can tell what that is."""
    documents, selection, report = site
    database = documents.store.file
    is_usual = database and database == sqlite_file(make_url(config.database))
    if not (report and database and is_usual) or report.profile or report.history:
        return
    if log.is_json() or unknown_variables():
        return
    again = replace(report, parsed=0, changed=0)
    lines = [(f"feeds: {text}", True)] if (text := _warning(config, selection)) else []
    lines += [(line, True) for line in problem_lines(again)]
    lines.append((f"{again.place}: {again.summary()}", False))
    lines += [(_due(report.due), False)] if report.due else []
    lines.append((f"{target}: {outcome._replace(written=0, removed=0)}", False))
    export_note.write(target, sources, config.seeds, database, report.due, lines)


def _document_counter(verb: str) -> Callable[[int], None]:
    """A function that says now and then how many documents are done, and for how long it runs."""
    last = started = time.monotonic()

    def count(done: int) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= INTERVAL:
            last = now
            click.echo(f"{verb}: {done:,} documents, {now - started:,.0f} s", err=True)

    return count


@click.command()
@settings("seeds", "database_url", "base_url")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@_selection_options
@click.option("--precompress", is_flag=True, help="Write .gz and .br beside each file.")
def export(config: Config, folder: Path, precompress: bool, **selected: str | None) -> None:
    """Load the folder and write its site as files into DIR.

    The files have the bytes that a server sends. --base-url or FEEDS_BASE_URL is needed.
    Only what changed is written; of files that an export wrote, those that
    are no more are removed.
    """
    sources = ""
    with suppress(OSError, export_note.UnclearError):
        sources = export_note.sources_digest(sys.argv[1:], str(config.seeds))
    target = Folder(folder, directory.CODINGS if precompress else ())
    site = documents, selection, _ = _site(config, target, **selected)
    outcome = write(target, documents, selection, _document_counter("Exporting"))
    click.echo(f"{folder}: {outcome}")
    if sources:
        _write_note(config, folder, sources, site, outcome)


@click.command()
@settings("seeds", "database_url", "base_url")
@click.argument("url", metavar="URL")
@_selection_options
@click.option(
    "--coding",
    type=click.Choice(object_store.CODINGS),
    default=object_store.CODINGS[0],
    show_default=True,
    help="The content coding of every object.",
)
def publish(config: Config, url: str, coding: str, **selected: str | None) -> None:
    """Load the folder and write its site into object storage.

    URL is s3://, gs://, az://, sftp://, ... --base-url or FEEDS_BASE_URL is needed. Only
    what changed is uploaded; of what was published there, what is no more is removed.
    """
    place = ObjectStore(url, coding)
    target = Folder(place.folder) if place.folder else place
    documents, selection, _ = _site(config, target, **selected)
    outcome = write(target, documents, selection, _document_counter("Publishing"))
    click.echo(f"{place.name}: {outcome}")
