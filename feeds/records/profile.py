"""How the records of a folder are read: the settings, and whose folder it is."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple, Self
from urllib.parse import urlsplit

import msgspec
from blake3 import blake3

from feeds import sanitize
from feeds.config import OF_SITE, Config, settings
from feeds.records.fields import MAX_TITLE
from feeds.records.parser import Options
from feeds.records.profiles.detect import find_site


class Profile(NamedTuple):
    """The settings that say how records are read.

    `name` is that of a tool, `auto` or `own`; `url` the address of the site, `table`
    the rest of [records] in feeds.toml.
    """

    name: str = "own"
    url: str = ""
    timezone: str = "UTC"
    hold: bool = True
    own_ids: bool = False
    table: Mapping[str, object] | None = None

    @classmethod
    def of(cls, config: Config) -> Self:
        """The profile of these settings."""
        return cls(
            config.profile,
            config.site,
            config.timezone,
            config.future == "hold",
            config.ids == "own",
            config.records or None,
        )

    def options(self, folder: Path, now: datetime) -> Options:
        """How the files of a folder are read at a moment.

        Raises FolderError where the configuration of its tool can't be read.
        """
        site: Any = None
        table = None
        if self.table:
            from feeds.records.profiles.table_settings import from_table

            table = from_table(self.table)
        if self.name != "own":
            site = find_site(folder, self.name, self.url, self.timezone, table=table)
            site = site or find_site(folder, "links", self.url, self.timezone)
        options = Options(self.timezone, int(now.timestamp()), self.hold, site, self.own_ids)
        if table is not None:
            options = options._replace(skip=table.passed_over, public_if=table.public_word)
        return options


def site_names(options: Options) -> dict[str, str]:
    """Title, description and language of a folder's site, where settings would accept them.

    A site without a title has the name of its host.
    """
    names: dict[str, str] = {}
    if options.site is None:
        return names
    for name in OF_SITE:
        written = sanitize.plain(getattr(options.site, name))
        if name == "title":
            written = written or urlsplit(options.site.base_url).hostname or ""
        elif name == "language":
            written = written.replace("_", "-")
        with suppress(ValueError):
            names[name] = settings()[name].parse(written[:MAX_TITLE])
    return names


def version(options: Options) -> str:
    """Tells ways of reading apart, whatever the moment."""
    encoded = msgspec.json.encode((type(options.site).__name__, options._replace(now=None)))
    return blake3(encoded).hexdigest(16)
