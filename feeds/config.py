"""Settings, from `FEEDS_*` variables and an optional feeds.toml.

Read once, checked, frozen, passed as an argument. The environment wins over
the file; an empty variable counts as unset.
"""

from __future__ import annotations

import hashlib
import os
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Final

from feeds import urls
from feeds.messages import did_you_mean, nearest, without_passwords
from feeds.model import CONTENTS, FeedsError
from feeds.setting_types import (
    METRICS,
    ON_OR_OFF,
    TABLES,
    FormerNames,
    Setting,
    choice,
    is_loopback,
    parse_address,
    parse_base_url,
    parse_database,
    parse_folder,
    parse_integer,
    parse_language,
    parse_metrics,
    parse_peers,
    parse_text,
    parse_timezone,
    parse_url,
    parse_url_list,
    reachable,
    setting,
    state_folder,
)

FILE: Final = "feeds.toml"
HISTORIES: Final = ("git", "off")
MAX_WINDOW: Final = 24 * 366  # hours
MAX_LIMIT: Final = 200
WATCH: Final = ("auto", "poll", "off")
PROFILES: Final = (
    "auto", "own", "jekyll", "hugo", "eleventy", "obsidian", "astro", "docusaurus", "links",
    "table",
)  # fmt: skip
IDS: Final = ("site", "own")
_OF_RECORDS: Final = ("profile", "site", "ids", "timezone", "future")  # in [records] of feeds.toml
# What the configuration of the folder's site says, where they don't.
OF_SITE: Final = ("title", "description", "language")
FUTURE: Final = ("hold", "show")
LOG_FORMATS: Final = ("human", "json")
_YEAR: Final = 31_536_000
_SECONDS: Final = f"a whole number of seconds from 0 to {_YEAR}"
_PREFIX: Final = "FEEDS_"
_OF_PLATFORMS: Final = re.compile(r"FEEDS_(?:PORT|SERVICE)(?:_|\Z)")  # for a service named feeds
_NEAR: Final = 0.8  # how much a variable is like a setting that it was meant to be


class ConfigError(FeedsError):
    """A setting with a wrong value; names the setting and what it accepts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """The settings in force. `sources` tells where each comes from."""

    seeds: Path = setting(parse_folder, "a folder", "the folder of records", Path("seeds"))
    database_url: str = setting(
        parse_database,
        "an SQLAlchemy URL such as sqlite:////var/lib/feeds/feeds.db or "
        "postgresql+psycopg://feeds@db.example.org/feeds",
        "the database that is made from the records; by default an SQLite file in the checkout's "
        "instance/, else in ~/.local/state/feeds",
        "",
    )
    base_url: str = setting(
        parse_base_url,
        "an absolute URL such as https://feeds.example.org",
        "the public address of the feeds, which every absolute URL begins with",
        "",
    )
    title: str = setting(parse_text, "a line of text", "the name of the collection", "News")
    description: str = setting(
        parse_text, "a line of text", "what the collection is about", "News by topic and provider"
    )
    language: str = setting(
        parse_language, "a language tag such as en or pt-BR", "the language of the records", "en"
    )
    icon: str = setting(
        parse_url,
        "an absolute URL such as https://example.org/icon.png",
        "the icon of feeds and pages, a square picture; by default one of ours",
        "",
    )
    timezone: str = setting(
        parse_timezone,
        "a time zone such as Europe/Berlin",
        "the time zone of dates that have none",
        "UTC",
    )
    future: str = choice(
        FUTURE, "whether records dated in the future are held until then, or shown", "hold"
    )
    profile: str = choice(PROFILES, "which tool's folder it is; auto finds out", "auto")
    site: str = setting(
        parse_base_url,
        "an absolute URL such as https://example.org/blog",
        "the address of the site, where the tool's own configuration doesn't name it",
        "",
    )
    ids: str = choice(
        IDS, "whether entries have the ids of the site's own feed, or ids of ours", "site"
    )
    history: str = choice(
        HISTORIES, "whether the folder's git history tells when records came", "git"
    )
    links: str = choice(
        urls.POLICIES,
        "which of a record's URLs entries link where the address doesn't say",
        "canonical",
    )
    content: str = choice(
        CONTENTS,
        "what entries of feeds have where the address doesn't say: all, no body, or a title alone",
        "full",
    )
    limit: int = setting(
        parse_integer(1, MAX_LIMIT),
        f"a whole number from 1 to {MAX_LIMIT}",
        "entries in a feed",
        50,
    )
    window: int = setting(
        parse_integer(0, MAX_WINDOW),
        f"a whole number of hours from 0 to {MAX_WINDOW}",
        "feeds also have what came so many hours before the newest arrival",
        48,
    )
    pictures: str = choice(
        ON_OR_OFF,
        "whether pages show the pictures of records, which browsers load from other hosts",
        "on",
    )
    parameters: str = choice(
        ON_OR_OFF,
        "whether addresses take parameters; off, where they are files that can't answer any",
        "on",
    )
    hubs: tuple[str, ...] = setting(
        parse_url_list,
        "WebSub hub URLs, separated by spaces",
        "WebSub hubs, announced in every feed",
        (),
    )
    max_age: int = setting(
        parse_integer(0, _YEAR), _SECONDS, "how long caches keep a feed, in seconds", 420
    )
    archive_max_age: int = setting(
        parse_integer(0, _YEAR),
        _SECONDS,
        "how long caches keep an archive that is closed, in seconds",
        604800,
    )
    stale_while_revalidate: int = setting(
        parse_integer(0, _YEAR),
        _SECONDS,
        "how long they may show an old one while fetching",
        60,
    )
    stale_if_error: int = setting(
        parse_integer(0, _YEAR),
        _SECONDS,
        "how long they may show an old one when we are down",
        604800,
    )
    surrogate_keys: str = choice(
        ON_OR_OFF,
        "whether documents carry the keys that caches in front forget them by",
        "on",
    )
    purge: tuple[str, ...] = setting(
        parse_url_list,
        "URLs of caches, separated by spaces",
        "caches in front, which are told to forget what a load changed",
        (),
    )
    cache_mb: int = setting(
        parse_integer(1, 65536),
        "a whole number from 1 to 65536",
        "memory for prepared documents in each worker, in MiB",
        64,
    )
    bind: str = setting(
        parse_address,
        "host:port, such as 127.0.0.1:8001, or unix:path",
        "the address that feeds serve listens at",
        "127.0.0.1:8000",
    )
    proxies: tuple[str, ...] = setting(
        parse_peers,
        "addresses or networks such as 127.0.0.1 10.0.0.0/8, separated by spaces, or unix",
        "web servers in front, whose X-Forwarded-For is believed",
        (),
    )
    workers: int = setting(
        parse_integer(1, 64),
        "a whole number from 1 to 64",
        "processes that answer requests",
        min(os.cpu_count() or 1, 8),
    )
    watch: str = choice(
        WATCH,
        "how feeds serve follows the folder: by what the file system tells, by looking, or not",
        "auto",
    )
    load: str = choice(
        ON_OR_OFF,
        "whether a server loads and follows the folder; off, where feeds follow does elsewhere",
        "on",
    )
    metrics: str = setting(
        parse_metrics,
        f"one of {', '.join(METRICS)}, or host:port",
        "where /metrics and /stats/ answer: to this machine where no other is served, to all, "
        "nowhere (and nothing is counted), or at an address of their own",
        "auto",
    )
    log_format: str = choice(
        LOG_FORMATS,
        "the form of a server's log: lines for people, or JSON",
        "human",
    )
    log_requests: str = choice(
        ON_OR_OFF,
        "whether each request is a line of the log",
        "off",
    )
    # The rest of [records] in feeds.toml: a profile of one's own.
    records: Mapping[str, object] = field(default_factory=dict)
    collections: Mapping[str, object] = field(default_factory=dict)  # tables of feeds.toml
    topics: FormerNames = FormerNames()
    providers: FormerNames = FormerNames()
    redirects: Mapping[str, str] = field(default_factory=dict)  # paths to paths
    sources: Mapping[str, str] = field(default_factory=dict)

    @property
    def left_to_site(self) -> set[str]:
        """Of the title, description and language those that nobody set."""
        defaults = Config()
        return {
            name
            for name in OF_SITE
            if name not in self.sources and getattr(self, name) == getattr(defaults, name)
        }

    @property
    def metrics_address(self) -> str:
        """The address that metrics have for themselves; empty where they have none."""
        return "" if self.metrics in METRICS else self.metrics

    @property
    def is_local(self) -> bool:
        """Whether nobody but this machine is served: it is so until somebody says otherwise."""
        host = self.bind.rpartition(":")[0].strip("[]")
        return not self.base_url and (host == "localhost" or is_loopback(host))

    @property
    def root(self) -> str:
        """The URL that all addresses begin with, without a slash at its end."""
        return self.base_url or f"http://{reachable(self.bind)}"

    @property
    def database(self) -> str:
        """The SQLAlchemy URL of the store."""
        if self.database_url:
            return self.database_url
        folder = self.seeds.resolve()
        digest = hashlib.sha256(os.fsencode(folder)).hexdigest()[:8]
        name = re.sub(r"[^A-Za-z0-9]+", "-", folder.name).strip("-") or "seeds"
        return f"sqlite:///{state_folder() / f'{name}-{digest}.db'}"


def settings() -> dict[str, Setting]:
    """Every setting by its field name, in the order of the documentation."""
    return {f.name: f.metadata["setting"] for f in fields(Config) if "setting" in f.metadata}


def variable(name: str) -> str:
    """The environment variable of a setting."""
    return _PREFIX + name.upper()


def environment(config: Config) -> dict[str, str]:
    """The variables that make `read` find the same settings in another process."""
    values = {name: getattr(config, name) for name in config.sources}
    return {
        variable(name): " ".join(value) if isinstance(value, tuple) else str(value)
        for name, value in values.items()
    }


def read(
    overrides: Mapping[str, object] | None = None,
    folder: Path | None = None,
    *,
    file: bool = True,
) -> Config:
    """The settings in force: overrides, else `FEEDS_*`, else feeds.toml, else defaults.

    feeds.toml is looked for in `folder`, by default the current one, unless `file` is
    false. Raises ConfigError for a wrong value, for a name in the file or in `overrides` that
    is no setting, and for a variable that is nearly one (others: `unknown_variables`).
    """
    in_file = _from_file((folder or Path.cwd()) / FILE) if file else {}
    records, collections = _table(in_file, "records"), _table(in_file, "collections")
    in_file |= {name: records.pop(name) for name in _OF_RECORDS if name in records}
    tables = {name: _table(in_file, name, parse) for name, parse in TABLES.items()}
    in_file = _flat(in_file)
    config = replace(Config(), records=records, collections=collections, **tables)
    config = _apply(config, in_file, FILE, lambda name: f"{name} in {FILE}")
    config = _apply(config, _from_environment(os.environ), "environment", variable)
    return _apply(config, _flat(overrides or {}), "command line", variable)


def _table(values: dict[str, object], name: str, parse: Callable[[Any], Any] = dict) -> Any:
    """Take a table out of values, parsed; an empty one where there is none. Raises ConfigError."""
    table = values.pop(name, {})
    if not isinstance(table, dict):
        raise ConfigError(f"{name} in {FILE} is no table; write [{name}] above its keys")
    try:
        return parse(table)
    except ValueError as error:
        key, _, right = str(error).partition(" ")
        raise ConfigError(f"{name}.{key} in {FILE} {right}") from None


def _from_file(file: Path) -> dict[str, object]:
    try:
        with file.open("rb") as opened:
            return tomllib.load(opened)
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{FILE} can't be read: {error}") from None


def _from_environment(environ: Mapping[str, str]) -> dict[str, object]:
    values: dict[str, object] = {}
    for name, value in _flat({k: v for k, v in environ.items() if k.startswith(_PREFIX)}).items():
        setting, parts, _ = name.partition("__")
        if setting not in settings() and value:
            near = not _OF_PLATFORMS.match(variable(name)) and nearest(name, settings(), _NEAR)
            if near:
                raise ConfigError(f"{variable(name)} is no setting; did you mean {variable(near)}?")
        if setting not in settings() or value == "":
            continue
        if parts:
            raise ConfigError(f"{variable(name)} is no setting; none of them has parts")
        values[setting] = value
    return values


def unknown_variables() -> str:
    """What to tell of `FEEDS_*` variables that are no setting, and that no platform sets."""
    names = {name for name, value in os.environ.items() if name.startswith(_PREFIX) and value}
    names -= {*map(variable, settings()), *filter(_OF_PLATFORMS.match, names)}
    hints = ((name, nearest(name.removeprefix(_PREFIX), settings())) for name in sorted(names))
    listed = ", ".join(f"{name} ({variable(near)}?)" if near else name for name, near in hints)
    return listed and f"no setting, and passed over: {listed}; feeds config prints those there are"


def _flat(values: Mapping[str, object]) -> dict[str, object]:
    return {name.lower().removeprefix(_PREFIX.lower()): value for name, value in values.items()}


def _apply(
    config: Config, values: Mapping[str, object], source: str, called: Callable[[str], str]
) -> Config:
    known = settings()
    for name, value in values.items():
        if name not in known:
            raise ConfigError(f"{called(name)} is no setting; {did_you_mean(name, known)}")
        try:
            parsed = known[name].parse(value)
        except (ValueError, TypeError):
            raise ConfigError(
                f"{called(name)} is {without_passwords(repr(value), one_url=True)}; "
                f"it accepts {known[name].accepts}"
            ) from None
        config = replace(config, **{name: parsed}, sources={**config.sources, name: source})
    return config
