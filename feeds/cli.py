"""The `feeds` command."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial, update_wrapper
from pathlib import Path
from threading import Event
from typing import Any

import click
import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text
from sqlalchemy.exc import SQLAlchemyError

from feeds import (
    catalog,
    config,
    loader,
    logs,
    metrics,
    purging,
    readership,
    rescue,
    spare,
    surrogates,
    walk,
    websub,
)
from feeds import export as exporting
from feeds import publish as publishing
from feeds.audience import DAYS_KEPT, Audience
from feeds.delivery import Delivery
from feeds.folder import FolderError
from feeds.follow import Follower
from feeds.formats import FORMATS, MEDIA_TYPES
from feeds.links import POLICIES
from feeds.model import FeedsError, Problem
from feeds.query import Addresses, FeedQuery
from feeds.report import Report
from feeds.scope import Scope
from feeds.server import SERVERS, run
from feeds.store import Store, StoreError, is_in_memory, note_health

_PATIENCE = 1.0  # seconds before a load says how far it is
_INTERVAL = 5.0  # seconds between plain progress lines
_SHOWN = 20  # problems that `serve` and `load` print


class _Group(click.Group):
    """Turns every FeedsError into one line on stderr and exit status 2."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except FeedsError as error:
            raise _Failure(str(error)) from None


class _Failure(click.ClickException):
    exit_code = 2

    def show(self, file: Any = None) -> None:  # noqa: ARG002 - click's signature
        if logs.is_json():
            logs.get().error(self.message)
        else:
            click.echo(f"feeds: {self.message}", err=True)


_OPTIONS = {
    "seeds": ("--seeds", "FOLDER"),
    "database_url": ("--database-url", "URL"),
    "base_url": ("--base-url", "URL"),
    "bind": ("--bind", "ADDRESS"),
    "workers": ("--workers", "N"),
}


def _settings(*names: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Options that override settings; the command is given the Config."""

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        def run(**given: Any) -> None:
            overrides = {name: given.pop(name) for name in names}
            found = config.read({k: v for k, v in overrides.items() if v is not None})
            command(found, **given)

        wrapped: Callable[..., None] = update_wrapper(run, command)
        for name in reversed(names):
            flag, metavar = _OPTIONS[name]
            about = config.settings()[name].about
            wrapped = click.option(
                flag, name, metavar=metavar, help=about[:1].upper() + about[1:] + "."
            )(wrapped)
        return wrapped

    return decorate


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="feeds")
def main() -> None:
    """Syndicate a folder of news records as RSS, Atom and JSON feeds.

    Settings come from FEEDS_* variables and feeds.toml; `feeds config` shows them.
    """


@main.command()
@_settings("seeds", "database_url", "base_url", "bind", "workers")
@click.option("--server", type=click.Choice(SERVERS), default="gunicorn", show_default=True)
@click.option("--reload", is_flag=True, help="Restart the workers when the program changes.")
def serve(found: config.Config, server: str, reload: bool) -> None:
    """Load the folder and serve its feeds, following what changes in it."""
    if found.log_format == logs.JSON:  # else what comes before the first request is for people
        logs.configure(found.log_format, "server")
    loading = None
    if is_in_memory(found.database):
        raise config.ConfigError(
            "FEEDS_DATABASE_URL names a database in memory, which processes can't share; "
            "name a file, such as sqlite:////tmp/feeds.db"
        )
    try:
        if found.load == "off":
            listed, entries = _held(found)
        else:
            started = time.monotonic()
            report, listed, entries = _load(found)
            loading = time.monotonic() - started
            _show(report, loading)
    except FolderError as error:
        listed, entries = _last_good(found, error)
        _warn(f"{error}; what was loaded last is served")
    topics = sum(1 for feed in listed if feed.scope.topic and not feed.scope.provider)
    providers = sum(
        1 for f in listed if f.scope.provider and not f.scope.topic and not f.scope.name
    )
    *others, last = (kind.label for kind in FORMATS.values())
    kinds = f"{', '.join(others)} and {last}, {len(POLICIES)} link policies"
    _say(
        f"{entries:,} entries, {topics:,} topics, {providers:,} providers: "
        f"{len(listed):,} feeds, each as {kinds}"
    )
    listening = f", listening at {found.bind}" if found.base_url else ""
    _say(f"Serving at {found.root}/{listening} (Ctrl-C stops)")
    sys.stdout.flush()
    run(found, server=server, reload=reload, loading=loading)


@main.command()
@_settings("seeds", "database_url")
@click.option("--accept-removals", is_flag=True, help="Even if most records are gone.")
def load(found: config.Config, accept_removals: bool) -> None:
    """Bring the store up to the folder, and report."""
    report, _, _ = _load(found, accept_removals=accept_removals)
    _show(report)
    copying = rescue.keep_spare(found.database, spare.Keeper(_warn))
    if copying is not None:
        copying.join()


@main.command()
@_settings("seeds", "database_url")
@click.option("--parent", type=int, metavar="PID", help="End when this process has ended.")
def follow(found: config.Config, parent: int | None) -> None:
    """Load the folder whenever it changes, for servers that share its store.

    `feeds serve` does this by itself. SIGHUP loads at once.
    """
    logs.configure(found.log_format, "follower")
    shared = metrics.shared() if found.metrics != "off" else None
    stop, follower = Event(), Follower(found, _warn, shared)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    signal.signal(signal.SIGHUP, lambda *_: follower.wanted.set())
    follower.run(stop, lambda: parent is None or os.getppid() == parent)


@main.command()
@_settings("seeds", "database_url", "base_url")
def ping(found: config.Config) -> None:
    """Tell the hubs which feeds changed, where no `feeds follow` or `feeds serve` does.

    What a hub doesn't take is tried again by the next `feeds ping` that finds
    it due; the exit status is 1 while anything waits.
    """
    if not found.hubs:
        raise config.ConfigError("FEEDS_HUBS names no hub; it accepts WebSub hub URLs")
    left = websub.once(found, click.echo)
    for hub, number in left.items():
        _warn(f"{number:,} pings of hub {hub} wait for another try")
    sys.exit(1 if left else 0)


@main.command()
@_settings("seeds", "database_url", "base_url")
@click.argument("keys", nargs=-1, metavar="[KEY]...")
@click.option("--changed", is_flag=True, help="What changed since the last purge, instead.")
def purge(found: config.Config, keys: tuple[str, ...], changed: bool) -> None:
    """Have the caches in front forget everything, or what carries any of the KEYs.

    `feeds serve` and `feeds follow` do this by themselves after each load.
    Keys are such as topic/ai, provider/example.com or /topics/ai/. The exit
    status is 1 when a cache couldn't be told.
    """
    if not found.purge:
        raise config.ConfigError("FEEDS_PURGE names no cache; it accepts URLs of caches")
    if changed:
        if keys:
            raise click.UsageError("--changed finds out the keys by itself")
        sys.exit(1 if purging.changed(found, click.echo) else 0)
    given = surrogates.with_crowded(map(surrogates.checked, keys)) or [surrogates.ALL]
    failed = 0
    for cache in found.purge:
        try:
            purging.purge(cache, given)
        except purging.Unpurged as error:
            failed += 1
            _warn(f"cache {cache} could not be purged ({error})")
        else:
            click.echo(f"cache {cache} was purged of {' '.join(given)}")
    sys.exit(1 if failed else 0)


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
        _warn(
            "FEEDS_PARAMETERS is on: there are forms and links that files can't answer; "
            "turn it off for a site without a server"
        )

    def work(store: Store) -> Store:
        with _progress("Loading") as progress:
            report = loader.load(store, found.seeds, progress)
        _show(report)
        return store

    store = None
    if found.load == "on":
        try:
            store = rescue.attempt(found.database, _warn, work)
        except FolderError as error:
            _last_good(found, error)
            _warn(f"{error}; what was loaded last is taken")
    return Delivery(store or rescue.attach(found.database, _warn), found), asked


@contextmanager
def _counted(verb: str) -> Iterator[Callable[[int], None]]:
    """Tell now and then how many documents there were; and in the end, how long it took."""
    said = started = time.monotonic()

    def count(done: int) -> None:
        nonlocal said
        now = time.monotonic()
        if now - said >= _INTERVAL:
            said = now
            click.echo(f"{verb}: {done:,} documents, {now - started:,.0f} s", err=True)

    yield count


@main.command()
@_settings("seeds", "database_url", "base_url")
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


@main.command()
@_settings("seeds", "database_url", "base_url")
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
        click.echo(f"{url}: {publishing.publish(delivery, url, wanted, coding, progress)}")


def _say(message: str) -> None:
    if logs.is_json():
        logs.info(message)
    else:
        click.echo(message)


def _warn(message: str) -> None:
    if logs.is_on():
        logs.warn(message)
        return
    with suppress(OSError):  # a log on a full disk
        click.echo(f"feeds: {message}", err=True)


def _load(
    found: config.Config, *, accept_removals: bool = False
) -> tuple[Report, list[catalog.Listed], int]:
    """The report of a load, all feeds, and how many entries there are."""

    def work(store: Store) -> tuple[Report, list[catalog.Listed], int]:
        with _progress("Loading") as progress:
            report = loader.load(store, found.seeds, progress, accept_removals=accept_removals)
        return report, *_listed(store)

    return rescue.attempt(found.database, _warn, work)


def _listed(store: Store) -> tuple[list[catalog.Listed], int]:
    with store.read() as reader:
        listed, entries = catalog.scopes(reader), reader.count(Scope())
    store.release()
    return listed, entries


def _held(found: config.Config) -> tuple[list[catalog.Listed], int]:
    """What another process loaded; nothing, when that is still to come."""
    store = rescue.attach(found.database, _warn)
    try:
        with store.read() as reader:
            if reader.state().generation:
                return _listed(store)
        _warn(f"nothing has been loaded into {store.name} yet")
    except SQLAlchemyError as error:
        _warn(f"{StoreError.of(store.name, error)}; what it holds is served when it answers")
    finally:
        store.release()
    return [], 0


def _last_good(found: config.Config, error: FolderError) -> tuple[list[catalog.Listed], int]:
    """What the store has from before; `error`, where that is nothing."""
    store = rescue.attach(found.database, _warn)
    with store.read() as reader:
        if not reader.state().generation:
            raise error
    with store.write() as connection:
        note_health(connection, str(error))
    return _listed(store)


def _show(report: Report, seconds: float = 0.0) -> None:
    tell = logs.warn if logs.is_json() else partial(click.echo, err=True)
    for problem in report.errors[:_SHOWN]:
        tell(_located(report, problem))
    if len(report.errors) > _SHOWN:
        more = len(report.errors) - _SHOWN
        tell(f"... and {more:,} more; feeds check shows them all")
    with logs.bound(**report.figures(), seconds=round(seconds, 3)):
        _say(f"{report.folder}: {report.summary()}")


def _located(report: Report, problem: Problem) -> str:
    return f"{report.folder / problem.path}:{problem.line}: {problem.field}: {problem.message}"


@main.command()
@_settings("seeds")
@click.argument("path", required=False, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON, for programs.")
def check(found: config.Config, path: Path | None, as_json: bool) -> None:
    """Read every record of PATH (by default the seeds folder) and report what is wrong.

    Exits with status 1 when a record had to be left out.
    """
    with _progress("Checking") as progress:
        report = loader.check(path or found.seeds, progress)
    if as_json:
        problems = [msgspec.to_builtins(problem) for problem in report.problems]
        said = {"folder": str(report.folder), "counts": report.counts(), "problems": problems}
        click.echo(json.dumps(said, indent=2))
    elif sys.stdout.isatty():
        _show_in_colours(report)
    else:
        for problem in report.problems:
            mark = "" if problem.severity == "error" else " (note)"
            click.echo(_located(report, problem) + mark)
        click.echo(report.standing())
    sys.exit(1 if report.errors else 0)


def _show_in_colours(report: Report) -> None:
    console = Console(highlight=False, soft_wrap=True)
    for problem in report.problems:
        colour = "red" if problem.severity == "error" else "yellow"
        line = Text(f"{report.folder / problem.path}:{problem.line}: ", "bold")
        line.append(f"{problem.field}: ", f"not bold {colour}")
        console.print(line.append(problem.message, "not bold"))
    console.print(Text(report.standing(), "bold red" if report.errors else "bold green"))


@main.command()
@_settings("seeds", "database_url")
@click.option(
    "--days",
    type=click.IntRange(1, DAYS_KEPT),
    default=1,
    show_default=True,
    help="Days with today; 1 is the last 24 hours.",
)
@click.option("--json", "as_json", is_flag=True, help="Print all there is as JSON, for programs.")
def stats(found: config.Config, days: int, as_json: bool) -> None:
    """Print who polls which feed: subscribers at least, polls, what 304 and deltas saved."""
    audience = Audience.of(found.database, _warn)
    if audience is None:
        raise config.ConfigError("FEEDS_DATABASE_URL names a database in memory, which has none")
    try:
        readers, since, until = readership.of_period(audience, days, time.time())
    except (SQLAlchemyError, ImportError, OSError) as error:
        raise StoreError.of(Store.described(found.database), error) from None
    if as_json:
        click.echo(json.dumps(readership.told(readers, since, until), indent=2))
    elif sys.stdout.isatty():
        Console(highlight=False).print(readership.table(readers, since, until))
    else:
        for line in readership.lines(readers):
            click.echo("\t".join(line))


@main.command(name="list")
@_settings("seeds", "database_url", "base_url")
def list_(found: config.Config) -> None:
    """Print every feed: its URL, its number of entries, its title."""
    try:
        listed, _ = _held(found) if found.load == "off" else _load(found)[1:]
    except FolderError as error:
        listed, _ = _last_good(found, error)
    addresses = Addresses(found.root, found.links, found.limit, MEDIA_TYPES)
    for feed in listed:
        for file in FORMATS:
            for policy in POLICIES:
                url = addresses.url(FeedQuery(feed.scope, policy, file, found.limit))
                click.echo(f"{url}\t{feed.entries}\t{feed.title}")


@main.command(name="config")
def config_() -> None:
    """Print the settings in force, and where each comes from."""
    found = config.read()
    for name in config.settings():
        value = getattr(found, name)
        source = found.sources.get(name, "default")
        if name == "database_url":
            value = Store.described(found.database)
        elif name == "base_url":
            value = found.root
        elif isinstance(value, tuple):
            value = " ".join(value)
        click.echo(f"{config.variable(name)} = {value}  ({source})")


@contextmanager
def _progress(verb: str) -> Iterator[loader.Progress]:
    """Tell how far a long load is: a bar on a terminal, a line now and then elsewhere."""
    started = time.monotonic()
    if not sys.stderr.isatty():
        said = started

        def line(done: int, total: int) -> None:
            nonlocal said
            now = time.monotonic()
            if now - said >= _INTERVAL:
                said = now
                rate = done / (now - started)
                left = (total - done) / rate
                click.echo(
                    f"{verb}: {done:,} of {total:,} files, {rate:,.0f} a second, "
                    f"{left:,.0f} s left",
                    err=True,
                )

        yield line
        return
    rate = TextColumn("{task.fields[rate]:,.0f} a second")
    columns = (TextColumn(verb), BarColumn(), MofNCompleteColumn(), rate, TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=False) as bar:
        task = bar.add_task(verb, total=None, visible=False, rate=0)

        def update(done: int, total: int) -> None:
            taken = time.monotonic() - started
            bar.update(
                task,
                completed=done,
                total=total,
                visible=taken > _PATIENCE,
                rate=done / max(taken, 0.001),
            )

        yield update
