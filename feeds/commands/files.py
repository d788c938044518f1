"""Commands that write the site as files: export, publish."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from feeds import config, loader, remote, rescue, walk
from feeds import export as exporting
from feeds import publish as publishing
from feeds.commands.common import INTERVAL, counting, last_good, settings, show, warn
from feeds.delivery import Delivery
from feeds.folder import FolderError
from feeds.links import POLICIES
from feeds.store import Store


def _asked(command: Callable[..., None]) -> Callable[..., None]:
    """Options that say which documents of a site are meant; the command is given them all."""
    for name, accepted, about in (
        ("scopes", walk.SCOPES, "Of what."),
        ("links", POLICIES, "Under which link policies."),
        ("formats", walk.FORMS, "In which formats."),
    ):
        told = f"{about} Some of {','.join(accepted)}; all of them by default."
        command = click.option(f"--{name}", metavar="LIST", help=told)(command)
    return command


def _site(
    found: config.Config, scopes: str | None, links: str | None, formats: str | None
) -> tuple[Delivery, walk.Asked]:
    """The site that the folder makes, loaded, and what is asked for of it."""
    asked = walk.Asked(
        walk.chosen("--formats", formats, walk.FORMS),
        walk.chosen("--links", links, POLICIES),
        walk.chosen("--scopes", scopes, walk.SCOPES),
    )
    if not found.base_url:
        raise config.ConfigError(
            "FEEDS_BASE_URL isn't set; a site of files needs the URL that it is published at"
        )
    if found.parameters == "on" and {walk.PAGE, walk.ARCHIVES} & {*asked.formats, *asked.scopes}:
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
            store = rescue.attempt(found.database, warn, work)
        except FolderError as error:
            last_good(found, error)
            warn(f"{error}; what was loaded last is taken")
    return Delivery(store or rescue.attach(found.database, warn), found), asked


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
    delivery, wanted = _site(found, **asked)
    codings = exporting.CODINGS if precompress else ()
    with _counted("Exporting") as progress:
        click.echo(f"{folder}: {exporting.export(delivery, folder, wanted, codings, progress)}")


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
    delivery, wanted = _site(found, **asked)
    with _counted("Publishing") as progress:
        outcome = publishing.publish(delivery, url, wanted, coding, progress)
    click.echo(f"{remote.shown(url)}: {outcome}")
