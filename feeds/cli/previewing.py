"""The command `preview`: one record, as its readers get it."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

import click

from feeds.catalog.entries import of_rows
from feeds.cli.common import folder_of, settings, warn
from feeds.config import Config
from feeds.loading import loader
from feeds.loading.report import Report
from feeds.model import Entry
from feeds.records.profile import Profile
from feeds.rendering.formats import FORMATS
from feeds.selection import Scope
from feeds.store.database import Store

_NAMES = [kind.name for kind in FORMATS.values()]


@click.command()
@settings("seeds")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--format", "name", type=click.Choice(_NAMES), help="Print this format alone.")
def preview(config: Config, file: Path, name: str | None) -> None:
    """Print the entry that readers get of a file.

    In each format; or why it has none. FILE may lie outside the seeds folder.
    Exits with status 1 where it has no entry.
    """
    report, entry = load_file(config, file)
    for problem in report.problems:
        warn(report.located(problem))
    if entry is None:
        if not report.errors:
            click.echo(f"{file} {_why(report)}")
        sys.exit(1)
    for kind in FORMATS.values():
        if name in {None, kind.name}:
            if name is None:
                click.echo(f"{kind.label}:")
            click.echo(kind.entry(entry, config.links, config.root))


def load_file(config: Config, file: Path) -> tuple[Report, Entry | None]:
    """The entry of a file, as a load of that alone makes it; None where it has none.

    Raises FolderError where the configuration of its folder can't be read.
    """
    folder, path = folder_of(config, file).resolve(), file.parent.resolve() / file.name
    store = Store("sqlite://")
    report = loader.load(
        store, folder, profile=Profile.of(config), only=path.relative_to(folder).as_posix()
    )
    with store.read() as reader:
        entry = next(iter(of_rows(reader, reader.page(Scope(), 1))), None)
        if entry is not None:
            entry.source()  # while the view is open
    return report, entry


def _why(report: Report) -> str:
    """Why a file that is no error has no entry."""
    if report.collections:
        return "is a collection, whose records have entries"
    if not report.hidden:
        return "is no record and passed over"
    until = ""
    if report.due:
        until = f", until {datetime.fromtimestamp(report.due, UTC):%Y-%m-%dT%H:%M:%SZ}"
    return f"is hidden because: {', '.join(report.hidden)}{until}"
