"""Settings, from `FEEDS_*` variables and an optional feeds.toml.

Read once, checked, frozen, passed as an argument. The environment wins over
the file; an empty variable counts as unset.
"""

from __future__ import annotations

import hashlib
import os
import re
import sys
import tomllib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, fields, replace
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final

import platformdirs
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from feeds import urls
from feeds.messages import without_passwords
from feeds.model import FeedsError

FILE: Final = "feeds.toml"
MAX_LIMIT: Final = 200
WATCH: Final = ("auto", "poll", "off")
ON_OR_OFF: Final = ("on", "off")
METRICS: Final = ("auto", *ON_OR_OFF)
LOG_FORMATS: Final = ("human", "json")
_DATABASES: Final = ("sqlite+pysqlite", "postgresql+psycopg")
_POSTGRESQL: Final = ("postgresql", "postgres")  # as libpq calls it
_YEAR: Final = 31_536_000
_SECONDS: Final = f"a whole number of seconds from 0 to {_YEAR}"
_PREFIX: Final = "FEEDS_"
_MAX_PORT: Final = 65_535
# RFC 5646 2.1, without its grandfathered tags.
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*\Z")
_BIND = re.compile(r"(?:\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]*):\d{1,5}\Z|unix:.+\Z")


class ConfigError(FeedsError):
    """A setting with a wrong value; names the setting and what it accepts."""


def _text(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError
    return " ".join(value.split())


def _integer(least: int, most: int) -> Callable[[object], int]:
    def parse(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int | str):
            raise TypeError
        number = int(value)
        if not least <= number <= most:
            raise ValueError
        return number

    return parse


def _folder(value: object) -> Path:
    return Path(_text(value)).expanduser()


def _database(value: object) -> str:
    try:
        url = make_url(_text(value))
        if url.drivername in _POSTGRESQL:  # else the driver depends on SQLAlchemy's version
            url = url.set(drivername="postgresql+psycopg")
        dialect = url.get_dialect()
    except (ArgumentError, NoSuchModuleError, ImportError) as error:
        raise ValueError(str(error)) from None
    if f"{dialect.name}+{dialect.driver}" not in _DATABASES:
        raise ValueError
    return url.render_as_string(hide_password=False)


def _base_url(value: object) -> str:
    url = urls.clean(_text(value)).rstrip("/")
    if "?" in url or "#" in url:
        raise ValueError
    return url


def _language(value: object) -> str:
    if not _LANGUAGE.match(_text(value)):
        raise ValueError
    return _text(value)


def _urls(value: object) -> tuple[str, ...]:
    listed = value.split() if isinstance(value, str) else value
    if not isinstance(listed, list | tuple):
        raise TypeError
    return tuple(dict.fromkeys(urls.clean(_text(url)) for url in listed))


def _bind(value: object) -> str:
    address = _text(value)
    if not _BIND.match(address):
        raise ValueError
    if not address.startswith("unix:") and int(address.rpartition(":")[2]) > _MAX_PORT:
        raise ValueError
    return address


def _metrics(value: object) -> str:
    if value in METRICS:
        return str(value)
    address = _bind(value)
    if address.startswith("unix:"):
        raise ValueError
    return address


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting: how it is read, what it accepts and what it is for."""

    parse: Callable[[object], Any]
    accepts: str
    about: str


def _setting(parse: Callable[[object], Any], accepts: str, about: str, default: Any) -> Any:
    return field(default=default, metadata={"setting": Setting(parse, accepts, about)})


def _choice(accepted: Collection[str], about: str, default: str) -> Any:
    def parse(value: object) -> str:
        if value not in accepted:
            raise ValueError
        return str(value)

    return _setting(parse, f"one of {', '.join(accepted)}", about, default)


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """The settings in force. `sources` tells where each comes from."""

    seeds: Path = _setting(_folder, "a folder", "the folder of records", Path("seeds"))
    database_url: str = _setting(
        _database,
        "an SQLAlchemy URL such as sqlite:////var/lib/feeds/feeds.db or "
        "postgresql+psycopg://feeds@db.example.org/feeds",
        "the store; by default a file in the folder for state, named after the seeds folder",
        "",
    )
    base_url: str = _setting(
        _base_url,
        "an absolute URL such as https://feeds.example.org",
        "where the feeds are published, for every absolute URL; by default the address served on",
        "",
    )
    title: str = _setting(_text, "a line of text", "the name of the collection", "News")
    description: str = _setting(
        _text, "a line of text", "what the collection is about", "News by topic and provider"
    )
    language: str = _setting(
        _language, "a language tag such as en or pt-BR", "the language of the records", "en"
    )
    links: str = _choice(
        urls.POLICIES,
        "which of a record's URLs entries link where the address doesn't say",
        "canonical",
    )
    limit: int = _setting(
        _integer(1, MAX_LIMIT), f"a whole number from 1 to {MAX_LIMIT}", "entries in a feed", 50
    )
    pictures: str = _choice(
        ON_OR_OFF,
        "whether pages show the pictures of records, which browsers load from other hosts",
        "on",
    )
    parameters: str = _choice(
        ON_OR_OFF,
        "whether addresses take parameters; off, where they are files that can't answer any",
        "on",
    )
    hubs: tuple[str, ...] = _setting(
        _urls, "WebSub hub URLs, separated by spaces", "WebSub hubs, announced in every feed", ()
    )
    max_age: int = _setting(
        _integer(0, _YEAR), _SECONDS, "how long caches keep a feed, in seconds", 300
    )
    archive_max_age: int = _setting(
        _integer(0, _YEAR),
        _SECONDS,
        "how long caches keep a month that is over, in seconds",
        604800,
    )
    stale_while_revalidate: int = _setting(
        _integer(0, _YEAR), _SECONDS, "how long they may show an old one while fetching", 3600
    )
    stale_if_error: int = _setting(
        _integer(0, _YEAR), _SECONDS, "how long they may show an old one when we are down", 604800
    )
    surrogate_keys: str = _choice(
        ON_OR_OFF,
        "whether documents carry the keys that caches in front forget them by",
        "on",
    )
    purge: tuple[str, ...] = _setting(
        _urls,
        "URLs of caches, separated by spaces",
        "caches in front, which are told to forget what a load changed",
        (),
    )
    cache_mb: int = _setting(
        _integer(1, 65536),
        "a whole number from 1 to 65536",
        "memory for prepared documents in each worker, in MiB",
        64,
    )
    bind: str = _setting(
        _bind, "host:port or unix:path", "the address that feeds serve listens at", "127.0.0.1:8000"
    )
    workers: int = _setting(
        _integer(1, 64),
        "a whole number from 1 to 64",
        "processes that answer requests",
        min(os.cpu_count() or 1, 8),
    )
    watch: str = _choice(
        WATCH,
        "how feeds serve follows the folder: by what the file system tells, by looking, or not",
        "auto",
    )
    load: str = _choice(
        ON_OR_OFF,
        "whether a server loads and follows the folder; off, where feeds follow does elsewhere",
        "on",
    )
    metrics: str = _setting(
        _metrics,
        f"one of {', '.join(METRICS)}, or host:port",
        "where /metrics and /stats/ answer: to this machine where no other is served, to all, "
        "nowhere (and nothing is counted), or at an address of their own",
        "auto",
    )
    log_format: str = _choice(
        LOG_FORMATS,
        "the form of a server's log: lines for people, or JSON",
        "human",
    )
    log_requests: str = _choice(
        ON_OR_OFF,
        "whether each request is a line of the log",
        "off",
    )
    sources: Mapping[str, str] = field(default_factory=dict)

    @property
    def metrics_address(self) -> str:
        """The address that metrics have for themselves; empty where they have none."""
        return "" if self.metrics in METRICS else self.metrics

    @property
    def is_local(self) -> bool:
        """Whether nobody but this machine is served: it is so until somebody says otherwise."""
        host = self.bind.rpartition(":")[0].strip("[]")
        return not self.base_url and (host == "localhost" or _is_loopback(host))

    @property
    def root(self) -> str:
        """The URL that all addresses begin with, without a slash at its end."""
        return self.base_url or f"http://{_reachable(self.bind)}"

    @property
    def database(self) -> str:
        """The SQLAlchemy URL of the store."""
        if self.database_url:
            return self.database_url
        folder = self.seeds.resolve()
        digest = hashlib.sha256(os.fsencode(folder)).hexdigest()[:8]
        name = re.sub(r"[^A-Za-z0-9]+", "-", folder.name).strip("-") or "seeds"
        return f"sqlite:///{state_folder() / f'{name}-{digest}.db'}"


def state_folder() -> Path:
    """The folder of what the program keeps for itself, unless a setting says otherwise.

    Of a checkout, `instance` in it. Installed, the user's folder for state; but
    the one within the Python that it was in once, for as long as that is there.
    """
    home = Path(__file__).absolute().parent.parent
    if home.is_relative_to(sys.prefix):
        once = Path(sys.prefix)
    elif home.name in {"site-packages", "dist-packages"}:
        once = home.parents[2]  # of lib/python3.x/site-packages
    else:
        return home / "instance"
    once = once / "var" / "feeds-instance"
    return once if once.is_dir() else platformdirs.user_state_path("feeds", appauthor=False)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _reachable(bind: str) -> str:
    if bind.startswith("unix:"):
        return "localhost"
    name, _, port = bind.rpartition(":")
    if name in ("", "0.0.0.0", "[::]"):  # noqa: S104 - read here, not bound to
        name = "localhost"
    return name if port == "80" else f"{name}:{port}"


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


def read(overrides: Mapping[str, object] | None = None, folder: Path | None = None) -> Config:
    """The settings in force: overrides, else `FEEDS_*`, else feeds.toml, else defaults.

    feeds.toml is looked for in `folder`, by default the current one. Raises
    ConfigError for a wrong value, and for a name in the file or in
    `overrides` that is no setting. Variables that are no setting are passed
    over: other programs own names that begin alike.
    """
    in_file = _flat(_from_file((folder or Path.cwd()) / FILE))
    config = _apply(Config(), in_file, FILE, lambda name: f"{name} in {FILE}")
    config = _apply(config, _from_environment(os.environ), "environment", variable)
    return _apply(config, _flat(overrides or {}), "command line", variable)


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
        if setting not in settings() or value == "":
            continue
        if parts:
            raise ConfigError(f"{variable(name)} is no setting; none of them has parts")
        values[setting] = value
    return values


def _flat(values: Mapping[str, object]) -> dict[str, object]:
    return {name.lower().removeprefix(_PREFIX.lower()): value for name, value in values.items()}


def _apply(
    config: Config, values: Mapping[str, object], source: str, called: Callable[[str], str]
) -> Config:
    known = settings()
    for name, value in values.items():
        if name not in known:
            raise ConfigError(f"{called(name)} is no setting; there are {', '.join(known)}")
        try:
            parsed = known[name].parse(value)
        except (ValueError, TypeError):
            raise ConfigError(
                f"{called(name)} is {without_passwords(repr(value), one_url=True)}; "
                f"it accepts {known[name].accepts}"
            ) from None
        config = replace(config, **{name: parsed}, sources={**config.sources, name: source})
    return config
