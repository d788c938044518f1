"""Commands that show what there is: list, stats, config."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import click
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text
from sqlalchemy.exc import SQLAlchemyError

import feeds.config
from feeds.catalog.addresses import Addresses, FeedQuery, kind_of
from feeds.cli.common import (
    feeds_of_last_load,
    load_folder,
    settings,
    stored_feeds,
    warn,
)
from feeds.config import Config, ConfigError
from feeds.model import FeedsError
from feeds.records.profile import Profile, site_names
from feeds.records.profiles.detect import describe
from feeds.records.scanner import FolderError
from feeds.rendering.formats import FORMATS, MEDIA_TYPES
from feeds.statistics import poll_report, table
from feeds.statistics.poll_store import DAYS_KEPT, PollStore
from feeds.store.database import Store, StoreError
from feeds.urls import POLICIES

_PAGE: Final = 20  # feeds
_FILES = {kind_of(file): file for file in FORMATS}


def _is_for_people() -> bool:
    return sys.stdout.isatty()


def _folder_of(config: Config) -> tuple[str, dict[str, str]]:
    """Whose folder it is that is there now, and what its configuration calls the site."""
    try:
        options = Profile.of(config).options(config.seeds, datetime.now(UTC))
    except FeedsError as error:
        return str(error), {}
    return describe(options.site), site_names(options)


@click.command()
@settings("seeds", "database_url")
@click.option(
    "--days",
    type=click.IntRange(1, DAYS_KEPT),
    default=1,
    show_default=True,
    help="How many days, with today; 1 is the last 24 hours.",
)
@click.option("--json", "as_json", is_flag=True, help="Print all there is as JSON, for programs.")
def stats(config: Config, days: int, as_json: bool) -> None:
    """Print who polls which feed, and how many subscribe.

    Subscribers are a lower bound. Saved is what answers with 304 and deltas spared.
    """
    poll_store = PollStore.of(config.database, warn)
    if poll_store is None:
        raise ConfigError("FEEDS_DATABASE_URL names a database in memory, which has none")
    try:
        readers, since, until = poll_report.over_period(poll_store, days, time.time())
    except (SQLAlchemyError, ImportError, OSError) as error:
        raise StoreError.of(Store.described(config.database), error) from None
    if as_json:
        click.echo(json.dumps(table.as_json(readers, since, until), indent=2))
    elif _is_for_people():
        Console(highlight=False).print(table.table(readers, since, until))
    else:
        for line in table.lines(readers):
            click.echo("\t".join(line))


@click.command(name="list")
@settings("seeds", "database_url", "base_url")
@click.option(
    "--formats",
    metavar="LIST",
    default="rss",
    show_default=True,
    help=f"Any of {', '.join(_FILES)}, with commas between.",
)
@click.option(
    "--links",
    metavar="LIST",
    help=f"Any of {', '.join(POLICIES)}, with commas between; by default FEEDS_LINKS.",
)
@click.option("--all", "whole", is_flag=True, help="Print all of them to a terminal, too.")
@click.option("--json", "as_json", is_flag=True, help="Print all of them as JSON, for programs.")
def list_(config: Config, formats: str, links: str | None, *, whole: bool, as_json: bool) -> None:
    """Print the feeds: URL, number of entries, title.

    A page of them to a terminal; elsewhere all, in lines with tabs.
    """
    from feeds.export.plan import parse_words  # which takes long to import

    files = [_FILES[word] for word in parse_words("--formats", formats, list(_FILES))]
    policies = parse_words("--links", config.links if links is None else links, POLICIES)
    try:
        listed, _ = (
            stored_feeds(config) if config.load == "off" else load_folder(config, wait=False)[1:]
        )
    except FolderError as error:
        listed, _ = feeds_of_last_load(config, error)
    addresses = Addresses(config.root, config.links, config.limit, MEDIA_TYPES)
    rows = [
        (addresses.url(FeedQuery(feed.scope, policy, file, config.limit)), feed.entries, feed.title)
        for feed in listed
        for file in files
        for policy in policies
    ]
    if as_json:
        named = [dict(zip(("url", "entries", "title"), row, strict=True)) for row in rows]
        click.echo(json.dumps(named, indent=2, ensure_ascii=False))
    elif _is_for_people():
        _print_feeds(rows if whole else rows[:_PAGE], len(rows))
    else:
        for url, entries, title in rows:
            click.echo(f"{url}\t{entries}\t{title}")


def _print_feeds(rows: Sequence[tuple[str, int, str]], number: int) -> None:
    """Print feeds to a terminal, and how to see the others, where there are."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("Feed", overflow="fold")
    table.add_column("Entries", justify="right", no_wrap=True)
    table.add_column("Title", overflow="fold")
    for url, entries, title in rows:
        table.add_row(Text(url), f"{entries:,}", Text(title))
    Console(highlight=False).print(table)
    if len(rows) < number:
        click.echo(f"{len(rows)} of {number:,} feeds; --all prints all of them")


@click.command(name="config")
@settings("seeds")
def config_(config: Config) -> None:
    """Print the settings, and where each comes from."""
    tool, names = _folder_of(config)
    for name in feeds.config.settings():
        value = getattr(config, name)
        source = config.sources.get(name, "default")
        if name == "database_url":
            value = Store.described(config.database)
        elif name == "base_url":
            value = config.root
        elif name == "profile" and value == "auto":
            value = f"auto: {tool}"
        elif name in names and name in config.left_to_site:
            value, source = names[name], f"{tool.partition(',')[0]}'s configuration"
        elif isinstance(value, tuple):
            value = " ".join(value)
        click.echo(f"{feeds.config.variable(name)} = {value}  ({source})")
