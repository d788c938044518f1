"""Commands that write the site as files: export, publish."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from feeds import config
from feeds.cli.common import INTERVAL, counting, last_good, settings, show, warn
from feeds.export import directory as exporting
from feeds.export import object_store as publishing
from feeds.export import plan, remote
from feeds.loading import loader
from feeds.records.scanner import FolderError
from feeds.serving.document_store import DocumentStore
from feeds.store import recovery
from feeds.store.database import Store
from feeds.urls import POLICIES


def _asked(command: Callable[..., None]) -> Callable[..., None]:
    """Options that say which documents of a site are meant; the command is given them all."""
    for name, accepted, about in (
        ("scopes", plan.SCOPES, "Of what."),
        ("links", POLICIES, "Under which link policies."),
        ("formats", plan.FORMS, "In which formats."),
    ):
        told = f"{about} Some of {','.join(accepted)}; all of them by default."
        command = click.option(f"--{name}", metavar="LIST", help=told)(command)
    return command


def _site(
    found: config.Config, scopes: str | None, links: str | None, formats: str | None
) -> tuple[DocumentStore, plan.SiteSelection]:
    """The site that the folder makes, loaded, and what is asked for of it."""
    asked = plan.SiteSelection(
        plan.chosen("--formats", formats, plan.FORMS),
        plan.chosen("--links", links, POLICIES),
        plan.chosen("--scopes", scopes, plan.SCOPES),
    )
    if not found.base_url:
        raise config.ConfigError(
            "FEEDS_BASE_URL isn't set; a site of files needs the URL that it is published at"
        )
    if found.parameters == "on" and {plan.PAGE, plan.ARCHIVES} & {*asked.formats, *asked.scopes}:
        warn(
            "FEEDS_PARAMETERS is on: there are forms and links that files can't answer; "
            "turn it off for a site without a server"
        )

    def work(store: Store) -> Store:
        with counting("Loading") as progress:
            report = loader.load(store, found.seeds, progress)
        show(report)
        return store

    store = None
    if found.load == "on":
        try:
            store = recovery.with_recovery(found.database, warn, work)
        except FolderError as error:
            last_good(found, error)
            warn(f"{error}; what was loaded last is taken")
    return DocumentStore(store or recovery.open_for_reading(found.database, warn), found), asked


@contextmanager
def _counted(verb: str) -> Iterator[Callable[[int], None]]:
    """Tell now and then how many documents there were; and in the end, how long it took."""
    said = started = time.monotonic()

    def count(done: int) -> None:
        nonlocal said
        now = time.monotonic()
        if now - said >= INTERVAL:
            said = now
            click.echo(f"{verb}: {done:,} documents, {now - started:,.0f} s", err=True)

    yield count


@click.command()
@settings("seeds", "database_url", "base_url")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@_asked
@click.option("--precompress", is_flag=True, help="Write .gz and .br beside each file.")
def export(found: config.Config, folder: Path, precompress: bool, **asked: str | None) -> None:
    """Load the folder and write its site into DIR as files, with the bytes that a server sends.

    Only what changed is written; of files that an export wrote, those that
    are no more are removed.
    """
    documents, wanted = _site(found, **asked)
    codings = exporting.CODINGS if precompress else ()
    with _counted("Exporting") as progress:
        click.echo(f"{folder}: {exporting.export(documents, folder, wanted, codings, progress)}")


@click.command()
@settings("seeds", "database_url", "base_url")
@click.argument("url", metavar="URL")
@_asked
@click.option(
    "--coding",
    type=click.Choice(publishing.CODINGS),
    default=publishing.CODINGS[0],
    show_default=True,
    help="The content coding of every object.",
)
def publish(found: config.Config, url: str, coding: str, **asked: str | None) -> None:
    """Load the folder and bring the site at URL up to it: s3://, gs://, az://, sftp://, ...

    Only what changed is uploaded; of what was published there, what is no
    more is removed.
    """
    documents, wanted = _site(found, **asked)
    with _counted("Publishing") as progress:
        outcome = publishing.publish(documents, url, wanted, coding, progress)
    click.echo(f"{remote.shown(url)}: {outcome}")
