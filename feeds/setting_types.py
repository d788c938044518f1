"""What a setting accepts: parsers of values, each of which raises ValueError or TypeError."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import partial
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import platformdirs
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from feeds import slugs, urls

ON_OR_OFF: Final = ("on", "off")
METRICS: Final = ("auto", *ON_OR_OFF)
_DATABASES: Final = ("sqlite+pysqlite", "postgresql+psycopg")
_POSTGRESQL: Final = ("postgresql", "postgres")  # as libpq calls it
_HOSTS: Final = re.compile(r"^(postgres[^:]*://(?:[^/?]*@)?)([^@/?]*,[^@/?]*)")
_MAX_PORT: Final = 65_535
_UNIX: Final = "unix"
# RFC 5646 2.1, without its grandfathered tags.
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*\Z")
_BIND = re.compile(r"(?:\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]*):\d{1,5}\Z|unix:.+\Z")


def parse_text(value: object) -> str:
    """A line of text, its white space folded."""
    if not isinstance(value, str) or not value.strip():
        raise ValueError
    return " ".join(value.split())


def parse_integer(least: int, most: int) -> Callable[[object], int]:
    """A parser of whole numbers within bounds."""

    def parse(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int | str):
            raise TypeError
        number = int(value)
        if not least <= number <= most:
            raise ValueError
        return number

    return parse


def parse_folder(value: object) -> Path:
    """A path, `~` being the home of the user."""
    return Path(parse_text(value)).expanduser()


def parse_database(value: object) -> str:
    """The SQLAlchemy URL of a SQLite or PostgreSQL database, its driver named.

    Several hosts with ports may be as libpq has them: `//one:5432,two:5432/name`.
    """
    text = parse_text(value)
    hosts = _HOSTS.match(text)
    try:
        url = make_url(_HOSTS.sub(r"\1", text))
        if hosts:
            url = url.update_query_dict({"host": hosts[2].split(",")})
        if url.drivername in _POSTGRESQL:  # else the driver depends on SQLAlchemy's version
            url = url.set(drivername="postgresql+psycopg")
        dialect = url.get_dialect()
    except (ArgumentError, NoSuchModuleError, ImportError) as error:
        raise ValueError(str(error)) from None
    if f"{dialect.name}+{dialect.driver}" not in _DATABASES:
        raise ValueError
    return url.render_as_string(hide_password=False)


def parse_base_url(value: object) -> str:
    """A clean http(s) URL without parameters and without a slash at its end."""
    url = urls.clean(parse_text(value)).rstrip("/")
    if "?" in url or "#" in url:
        raise ValueError
    return url


def parse_url(value: object) -> str:
    """A clean http(s) URL."""
    return urls.clean(parse_text(value))


def parse_language(value: object) -> str:
    """A language tag (RFC 5646 2.1)."""
    if not _LANGUAGE.match(parse_text(value)):
        raise ValueError
    return parse_text(value)


def parse_timezone(value: object) -> str:
    """The name of a time zone (IANA)."""
    name = parse_text(value)
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, OSError):  # a folder of them is an OSError
        raise ValueError from None
    return name


def parse_url_list(value: object) -> tuple[str, ...]:
    """Clean http(s) URLs, of a list or of a line with spaces, each once."""
    listed = value.split() if isinstance(value, str) else value
    if not isinstance(listed, list | tuple):
        raise TypeError
    return tuple(dict.fromkeys(urls.clean(parse_text(url)) for url in listed))


def parse_address(value: object) -> str:
    """host:port, or unix:path."""
    address = parse_text(value)
    if not _BIND.match(address):
        raise ValueError
    if not address.startswith("unix:") and not 0 < int(address.rpartition(":")[2]) <= _MAX_PORT:
        raise ValueError
    return address


def parse_peers(value: object) -> tuple[str, ...]:
    """Addresses and networks, or `unix`, of a list or of a line with spaces, each once."""
    listed = value.split() if isinstance(value, str) else value
    if not isinstance(listed, list | tuple):
        raise TypeError
    peers = map(parse_text, listed)
    return tuple(dict.fromkeys(one if one == _UNIX else str(ip_network(one)) for one in peers))


def is_among(client: str, peers: tuple[str, ...]) -> bool:
    """Whether the address of a client is one of `peers`; at a Unix socket, it is empty."""
    try:
        address = ip_address(client)
    except ValueError:
        return not client and _UNIX in peers
    mapped = getattr(address, "ipv4_mapped", None)  # as a socket for IPv6 has those of IPv4
    networks = [ip_network(peer) for peer in peers if peer != _UNIX]
    return any(address in network or (mapped and mapped in network) for network in networks)


def parse_metrics(value: object) -> str:
    """auto, on, off, or host:port."""
    if value in METRICS:
        return str(value)
    address = parse_address(value)
    if address.startswith("unix:"):
        raise ValueError
    return address


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting: how it is read, what it accepts and what it is for."""

    parse: Callable[[object], Any]
    accepts: str
    about: str


def setting(parse: Callable[[object], Any], accepts: str, about: str, default: Any) -> Any:
    """The field of a setting in a dataclass."""
    return field(default=default, metadata={"setting": Setting(parse, accepts, about)})


def choice(accepted: Collection[str], about: str, default: str) -> Any:
    """The field of a setting that is one of a few words."""

    def parse(value: object) -> str:
        if value not in accepted:
            raise ValueError
        return str(value)

    return setting(parse, f"one of {', '.join(accepted)}", about, default)


def is_loopback(host: str) -> bool:
    """Whether an IP address is one of this machine alone."""
    try:
        address = ip_address(host)
    except ValueError:
        return False
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback


def reachable(bind: str) -> str:
    """The host, and port, at which who is bound to an address is reached from this machine."""
    if bind.startswith("unix:"):
        return "localhost"
    name, _, port = bind.rpartition(":")
    if name in ("", "0.0.0.0", "[::]"):  # noqa: S104 - read here, not bound to
        name = "localhost"
    return name if port == "80" else f"{name}:{port}"


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


# -- tables of feeds.toml; their errors begin with the key, and say what is right ------


class FormerNames(NamedTuple):
    """Topics, or providers, that no record is to have any more, by slug.

    `aliases` lead to others; `retired` are gone for good.
    """

    retired: frozenset[str] = frozenset()
    aliases: Mapping[str, str] = {}  # which, unlike a proxy, other processes can be given


def parse_former_names(table: Mapping[str, object], slug: Callable[[str], str]) -> FormerNames:
    """The table of topics or of providers; `slug` makes that of a name."""
    retired, aliases = table.get("retired", []), table.get("aliases", {})
    for key in table:
        if key not in FormerNames._fields:
            raise ValueError(f"{key} is no key here; there are retired and aliases")
    if not isinstance(retired, list) or not all(_is_name(name) for name in retired):
        raise ValueError('retired accepts a list of names, such as ["old"]')
    if not isinstance(aliases, Mapping) or not all(map(_is_name, aliases.values())):
        raise ValueError('aliases accepts lines such as old = "new"')
    names = FormerNames(
        frozenset(map(slug, retired)), {slug(old): slug(new) for old, new in aliases.items()}
    )
    for old, new in names.aliases.items():
        if old in names.retired or new in names.retired or new in names.aliases:
            raise ValueError(f"aliases.{old} accepts a name that is neither retired nor an alias")
    return names


def parse_redirects(table: Mapping[str, object]) -> dict[str, str]:
    """The table of redirects: paths of another site's feeds, and of those that they lead to."""
    for old, new in table.items():
        if not isinstance(new, str) or not (old.startswith("/") and new.startswith("/")):
            raise ValueError(f'"{old}" accepts lines such as "/old.xml" = "/topics/ai/rss.xml"')
    return {old: str(new) for old, new in table.items()}


def _provider_key(name: str) -> str:
    try:
        return slugs.provider_key("", name)
    except ValueError:
        return slugs.slug(name)


def _is_name(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


TABLES: Final[Mapping[str, Callable[[Any], Any]]] = {
    "topics": partial(parse_former_names, slug=slugs.slug),
    "providers": partial(parse_former_names, slug=_provider_key),
    "redirects": parse_redirects,
}
