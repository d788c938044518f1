"""Commands that tell others what changed: ping, purge."""

from __future__ import annotations

import sys

import click

from feeds.catalog import cache_keys
from feeds.cli.common import settings, warn
from feeds.config import Config, ConfigError
from feeds.follower import purging, websub


@click.command()
@settings("seeds", "database_url", "base_url")
def ping(config: Config) -> None:
    """Tell the WebSub hubs once which feeds changed.

    `feeds serve` and `feeds follow` do this by themselves after each load. The next
    `feeds ping` tries again what a hub didn't accept; the exit status is 1 until then.
    """
    if not config.hubs:
        raise ConfigError("FEEDS_HUBS names no hub; it accepts WebSub hub URLs")
    left = websub.once(config, click.echo)
    for hub, number in left.items():
        warn(f"{number:,} pings of hub {hub} wait for another try")
    sys.exit(1 if left else 0)


@click.command()
@settings("seeds", "database_url", "base_url")
@click.argument("keys", nargs=-1, metavar="[KEY]...")
@click.option("--changed", is_flag=True, help="Only what changed since the last purge.")
def purge(config: Config, keys: tuple[str, ...], changed: bool) -> None:
    """Tell the caches in front to forget documents.

    All of them, or those with any of the KEYs.

    `feeds serve` and `feeds follow` do this by themselves after each load.
    Keys are such as topic/ai, provider/example.com or /topics/ai/. The exit
    status is 1 when a cache couldn't be told.
    """
    if not config.purge:
        raise ConfigError("FEEDS_PURGE names no cache; it accepts URLs of caches")
    if changed:
        if keys:
            raise click.UsageError("--changed finds out the keys by itself")
        sys.exit(1 if purging.changed(config, click.echo) else 0)
    purged = cache_keys.with_crowded(map(cache_keys.checked, keys)) or [cache_keys.ALL]
    failed = 0
    for cache in config.purge:
        try:
            purging.purge(cache, purged)
        except purging.PurgeError as error:
            failed += 1
            warn(f"cache {cache} could not be purged ({error})")
        else:
            click.echo(f"cache {cache} was purged of {' '.join(purged)}")
    sys.exit(1 if failed else 0)
