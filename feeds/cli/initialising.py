"""The command `init`: a feeds.toml for a folder, from a look at it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

import click

import feeds.config
from feeds import urls
from feeds.catalog.entries import of_rows
from feeds.cli.common import KEPT, WriteError, counting, write_file
from feeds.config import FILE, OF_SITE, Config, ConfigError
from feeds.loading import loader
from feeds.loading.report import Progress, Report
from feeds.messages import printable
from feeds.model import Entry
from feeds.records.parser import Options
from feeds.records.profile import Profile, site_names
from feeds.records.profiles.detect import describe, evidence, profile_of
from feeds.records.profiles.page import Site
from feeds.selection import Scope
from feeds.store.database import Store

_SHOWN: Final = 3  # entries


class Look(NamedTuple):
    """What a look at a folder found: whose it is, what a load of it gave, its newest entries."""

    config: Config
    options: Options
    report: Report
    entries: Sequence[Entry]


@click.command()
@click.argument(
    "folder",
    metavar="[DIR]",
    required=False,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
)
@click.option("--print", "shown", is_flag=True, help="Print it instead of writing it.")
@click.option("--force", is_flag=True, help="Replace the feeds.toml that is there.")
def init(folder: Path | None, shown: bool, force: bool) -> None:
    """Look at a folder and write a feeds.toml that serves it.

    DIR is by default the seeds folder; feeds.toml is written here. It says whose folder it
    is, and how its entries will look. What FEEDS_SITE and other variables say goes into it.
    A feeds.toml that is there isn't read.
    """
    config = feeds.config.read({"seeds": str(folder)} if folder else {}, file=False)
    if folder and config.seeds != folder:  # settings fold blanks
        raise ConfigError(f"{folder} has a name that {FILE} can't say; rename the folder")
    with counting("Looking") as progress:
        found = look(config, progress)
        text = written(found)
    try:
        data = text.encode()
    except UnicodeEncodeError:
        raise ConfigError(f"{str(folder)!a} has a name that is not UTF-8; rename it") from None
    if shown:
        click.echo(data, nl=False)
        return
    if write_file(Path(), FILE, data, force=force) == KEPT:
        raise WriteError(f"{FILE} is there already; --force replaces it, --print shows another")
    report, site = found.report, found.options.site
    click.echo(f"{config.seeds} ({describe(site)}): {report.counts_line()}")
    click.echo(f"{FILE} is written; {_next_step(report, site)}")


def _next_step(report: Report, site: Site | None) -> str:
    """What to do after `init`, in a few words."""
    if report.public:
        return "feeds serve serves the folder"
    if report.errors and site is not None and not (site.base_url or site.is_links):
        return "write the address of your site into it (site), then feeds serve"
    return "no file is public yet; feeds check says why"


def look(config: Config, progress: Progress | None = None) -> Look:
    """Load the folder of the settings into memory. Raises FolderError."""
    store, profile = Store("sqlite://"), Profile.of(config)
    report = loader.load(store, config.seeds, progress, profile=profile)
    with store.read() as reader:
        entries = of_rows(reader, reader.page(Scope(), _SHOWN))
        for entry in entries:
            entry.source()  # while the view is open
    return Look(config, profile.options(config.seeds, datetime.now(UTC)), report, entries)


def written(look: Look) -> str:
    """The feeds.toml of a folder, with comments."""
    config, options, report, entries = look
    site, profile = options.site, profile_of(options.site)
    tool, shown_by = describe(site), ""
    if profile != "auto":
        tool = tool.partition(",")[0]
        shown_by = f", as {evidence(config.seeds, profile) or 'FEEDS_PROFILE'} shows"
    names = site_names(options)
    lines = [
        _comment("Written by feeds init. feeds config prints the settings in force."),
        _comment(f"The folder is of {tool}{shown_by}:"),
        _comment(report.counts_line()),
        _comment("feeds check says which files are hidden or left out, and why."),
        "",
        f"seeds = {_quoted(str(config.seeds))}",
        "",
        _comment("The public address of the feeds, once they have one:"),
        _line("base_url", config, "https://feeds.example.org"),
        "",
        _comment("The title of the feeds, what they are about, their language:"),
        *(_name_line(name, config, names, tool) for name in OF_SITE),
        "",
        "[records]",
        f"profile = {_quoted(profile)}",
        *_site_lines(config, site, tool),
        _comment(f"Addresses of pages whose files name none: {_url_rule(site)}"),
        _line("timezone", config, getattr(site, "timezone", config.timezone)),
        _line("ids", config, config.ids),
        _line("future", config, config.future),
        "",
        _comment("The newest entries, as they will look:" if entries else "There are no entries."),
    ]
    for entry in entries:
        lines += _shown(entry, config)
    return "\n".join(lines) + "\n"


def _name_line(name: str, config: Config, names: Mapping[str, str], tool: str) -> str:
    """The title, description or language, and whether the tool's configuration says it."""
    line = _line(name, config, names.get(name, getattr(config, name)))
    says = name in names and name not in config.sources
    return f"{line}  # as {tool}'s configuration says" if says else line


def _url_rule(site: Site | None) -> str:
    if site is None or site.is_links:
        return "webUrl, originalUrl, link or url of each record"
    return site.url_rule


def _site_lines(config: Config, site: Site | None, tool: str) -> list[str]:
    """The address of the site, or that it is to be written."""
    if "site" in config.sources:
        return [_line("site", config, "")]
    if site is None or site.is_links:
        return []
    if site.base_url:
        return [_comment(f"The site is {site.base_url}, as {tool}'s configuration says.")]
    return [
        _comment("Remove the # and write the address of the site: pages have none without it."),
        _line("site", config, "https://example.org"),
    ]


def _shown(entry: Entry, config: Config) -> list[str]:
    """An entry in lines of comments."""
    record = entry.record
    is_dated = record.published or record.dated
    date = f"{entry.published:%Y-%m-%dT%H:%M:%SZ}" if is_dated else "none"
    return [
        "#",
        _comment(record.title),
        _comment(f"  link: {urls.select(record, config.links)}"),
        _comment(f"  date: {date}"),
        _comment(f"  id: {entry.id}"),
        _comment(f"  topics: {', '.join(topic.name for topic in entry.topics) or 'none'}"),
    ]


def _line(name: str, config: Config, value: str) -> str:
    """A setting: as it was set, else the value as a comment."""
    if name in config.sources:
        return f"{name} = {_quoted(getattr(config, name))}"
    return _comment(f"{name} = {_quoted(value)}")


def _quoted(text: str) -> str:
    """A text as TOML has it."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007F")


def _comment(text: str) -> str:
    return f"# {printable(text)}".rstrip()
