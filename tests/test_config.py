import sys
from dataclasses import FrozenInstanceError, replace
from pathlib import Path
from typing import Any, Final

import pytest
from flask import Flask
from sqlalchemy import make_url

from feeds import setting_types
from feeds.config import FILE, Config, ConfigError, read, settings, unknown_variables, variable
from feeds.store.database import Store

# Of every setting: what the environment says and what it means; the same in
# feeds.toml; values that are wrong. A new setting needs a line here.
GOOD: Final[dict[str, tuple[str, str, Any]]] = {
    "seeds": ("news", '"news"', Path("news")),
    "database_url": ("sqlite:///x.db", '"sqlite:///x.db"', "sqlite:///x.db"),
    "base_url": (
        "HTTPS://Feeds.Example.org:443/news/",
        '"HTTPS://Feeds.Example.org:443/news/"',
        "https://feeds.example.org/news",
    ),
    "title": ("  The \t News ", '"The  News"', "The News"),
    "description": ("What is new", '"What is new"', "What is new"),
    "language": ("pt-BR", '"pt-BR"', "pt-BR"),
    "history": ("off", '"off"', "off"),
    "links": ("amp-cache", '"amp-cache"', "amp-cache"),
    "content": ("title", '"title"', "title"),
    "limit": ("200", "200", 200),
    "window": ("0", "0", 0),
    "pictures": ("off", '"off"', "off"),
    "parameters": ("off", '"off"', "off"),
    "hubs": (
        "https://hub.example.org https://hub.example.net/x https://hub.example.org/",
        '["https://hub.example.org", "https://hub.example.net/x"]',
        ("https://hub.example.org/", "https://hub.example.net/x"),
    ),
    "max_age": ("0", "0", 0),
    "archive_max_age": ("60", "60", 60),
    "stale_while_revalidate": ("60", "60", 60),
    "stale_if_error": ("31536000", "31536000", 31_536_000),
    "surrogate_keys": ("off", '"off"', "off"),
    "purge": (
        "http://127.0.0.1:6081 http://cache.example.org/x",
        '["http://127.0.0.1:6081", "http://cache.example.org/x"]',
        ("http://127.0.0.1:6081/", "http://cache.example.org/x"),
    ),
    "cache_mb": ("1", "1", 1),
    "bind": ("[::1]:80", '"[::1]:80"', "[::1]:80"),
    "proxies": (
        "127.0.0.1 10.0.0.0/8 unix 127.0.0.1",
        '["127.0.0.1", "10.0.0.0/8", "unix"]',
        ("127.0.0.1/32", "10.0.0.0/8", "unix"),
    ),
    "workers": ("64", "64", 64),
    "watch": ("poll", '"poll"', "poll"),
    "load": ("off", '"off"', "off"),
    "metrics": ("127.0.0.1:9100", '"127.0.0.1:9100"', "127.0.0.1:9100"),
    "log_format": ("json", '"json"', "json"),
    "log_requests": ("on", '"on"', "on"),
    "timezone": ("Europe/Berlin", '"Europe/Berlin"', "Europe/Berlin"),
    "future": ("show", '"show"', "show"),
    "profile": ("hugo", '"hugo"', "hugo"),
    "site": ("https://a.example/b/", '"https://a.example/b/"', "https://a.example/b"),
    "ids": ("own", '"own"', "own"),
    "icon": (
        "https://a.example/i.png?s=9",
        '"https://a.example/i.png?s=9"',
        "https://a.example/i.png?s=9",
    ),
}
BAD: Final[dict[str, list[Any]]] = {
    "seeds": [" ", 1, ["news"]],
    "database_url": [
        "feeds.db",
        "nosuch://x",
        "sqlite+nosuch:///x",
        "mysql://x/y",
        "postgresql+pg8000://x/y",
        1,
    ],
    "base_url": ["feeds.example.org", "ftp://example.org", "https://a.example/?q", "https://", 1],
    "icon": ["icon.png", "data:image/png;base64,AA", 1],
    "title": [" ", 1, True],
    "description": [" ", []],
    "language": ["english", "e", "en_GB", "en-", 1],
    "history": ["on", "svn", True],
    "links": ["AMP", "", "web", 1],
    "content": ["body", "", 1],
    "limit": ["0", "201", "many", "5.0", 5.0, True, None],
    "window": ["-1", "8785", "two days", 48.0, True],
    "pictures": ["yes", "OFF", False, 0],
    "parameters": ["no", "Off", False, 0],
    "hubs": ["hub.example.org", ["https://hub.example.org", ""], [1], 1],
    "max_age": ["-1", "31536001", "an hour"],
    "archive_max_age": ["-1", "a week"],
    "stale_while_revalidate": ["-1", True],
    "stale_if_error": ["31536001", "x"],
    "surrogate_keys": ["no", "ON", False, 0],
    "purge": ["cache.example.org", ["http://cache.example.org", ""], [1], 1],
    "cache_mb": ["0", "65537", "64M"],
    "bind": ["8000", "localhost", "localhost:port", "localhost:65536", "[::1]:0", "unix:", 8000],
    "proxies": ["proxy.example.org", "10.0.0.1/8", "unix:/run/x", [""], [1], 1],
    "workers": ["0", "65", "two"],
    "watch": ["on", "AUTO", True, 1],
    "load": ["no", "ON", False, 0],
    "metrics": ["yes", "9100", "unix:/run/metrics", "localhost:65536", True, 1],
    "log_format": ["text", "JSON", True],
    "log_requests": ["yes", "ON", True, 1],
    "timezone": [" ", 1, "Berlin", "+02:00", "../etc/passwd", "/etc/passwd", "Europe", "a\0b"],
    "future": ["hide", "Show", True, 1],
    "profile": ["wordpress", "Jekyll", 1],
    "site": ["a.example", "ftp://a.example", "https://a.example/?q", 1],
    "ids": ["ours", 1],
}


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in settings():
        monkeypatch.delenv(variable(name), raising=False)
    monkeypatch.chdir(tmp_path)


def toml(text: str) -> None:
    Path(FILE).write_text(text, encoding="utf-8")


def test_every_setting_has_examples() -> None:
    assert GOOD.keys() == BAD.keys() == settings().keys()


def test_without_settings_there_are_defaults() -> None:
    assert read() == Config()
    assert read().sources == {}
    assert (Config().title, Config().limit, Config().links) == ("News", 50, "canonical")


@pytest.mark.parametrize("name", settings())
def test_a_setting_comes_from_the_environment(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    given, _, meant = GOOD[name]
    monkeypatch.setenv(variable(name), given)
    assert read() == replace(Config(), **{name: meant}, sources={name: "environment"})


@pytest.mark.parametrize("prefix", ["", "FEEDS_"])
@pytest.mark.parametrize("name", settings())
def test_a_setting_comes_from_the_file(name: str, prefix: str) -> None:
    _, given, meant = GOOD[name]
    toml(f"{prefix}{name.upper() if prefix else name} = {given}\n")
    assert read() == replace(Config(), **{name: meant}, sources={name: FILE})


@pytest.mark.parametrize("name", settings())
def test_a_setting_comes_from_overrides(name: str) -> None:
    given, _, meant = GOOD[name]
    assert read({name: given}) == replace(Config(), **{name: meant}, sources={name: "command line"})


def test_overrides_win_over_the_environment_and_that_over_the_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    toml('title = "file"\ndescription = "file"\nlanguage = "de"\n')
    monkeypatch.setenv("FEEDS_TITLE", "environment")
    monkeypatch.setenv("FEEDS_DESCRIPTION", "environment")
    found = read({"FEEDS_TITLE": "override"})
    assert (found.title, found.description, found.language) == ("override", "environment", "de")
    assert found.sources == {
        "title": "command line",
        "description": "environment",
        "language": FILE,
    }


@pytest.mark.parametrize("name", settings())
def test_an_empty_variable_is_unset(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    _, given, meant = GOOD[name]
    toml(f"{name} = {given}\n")
    monkeypatch.setenv(variable(name), "")
    assert read() == replace(Config(), **{name: meant}, sources={name: FILE})


def test_variables_that_are_no_setting_are_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEEDS_OF_ANOTHER_PROGRAM", "1")
    monkeypatch.setenv("FEEDSTITLE", "no")
    assert read() == Config()


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in BAD.items() for value in values]
)
def test_a_wrong_value_says_what_is_accepted(name: str, value: Any) -> None:
    with pytest.raises(ConfigError) as error:
        read({name: value})
    accepts = settings()[name].accepts
    assert str(error.value) == f"{variable(name)} is {value!r}; it accepts {accepts}"
    assert "\n" not in str(error.value)


def test_a_wrong_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEEDS_LIMIT", "1000")
    message = "^FEEDS_LIMIT is '1000'; it accepts a whole number from 1 to 200$"
    with pytest.raises(ConfigError, match=message):
        read()


def test_a_wrong_value_in_the_file_names_the_file() -> None:
    toml("limit = 0\n")
    message = "^limit in feeds.toml is 0; it accepts a whole number from 1 to 200$"
    with pytest.raises(ConfigError, match=message):
        read()


def test_a_name_in_the_file_that_is_no_setting_is_an_error() -> None:
    toml('titel = "News"\n')
    with pytest.raises(ConfigError) as error:
        read()
    assert str(error.value) == "titel in feeds.toml is no setting; did you mean title?"


@pytest.mark.parametrize(
    ("name", "meant"), [("TITEL", "TITLE"), ("SEED", "SEEDS"), ("DATABASE", "DATABASE_URL")]
)
def test_a_variable_that_is_nearly_a_setting_is_an_error(
    name: str, meant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"FEEDS_{name}", "")
    read()
    monkeypatch.setenv(f"FEEDS_{name}", "x")
    with pytest.raises(ConfigError) as error:
        read()
    assert str(error.value) == f"FEEDS_{name} is no setting; did you mean FEEDS_{meant}?"


def test_other_variables_are_told_but_for_those_of_platforms(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("FEEDS_PORT", "FEEDS_PORT_8000_TCP_ADDR", "FEEDS_SERVICE_HOST", "FEEDS_LIMIT"):
        monkeypatch.setenv(name, "7")
    read()
    assert unknown_variables() == ""
    monkeypatch.setenv("FEEDS_OF_ANOTHER_PROGRAM", "1")
    monkeypatch.setenv("FEEDS_ANOTHER", "1")
    read()
    monkeypatch.setenv("FEEDS_PROXY", "127.0.0.1")
    told = (
        "FEEDS_ANOTHER, FEEDS_OF_ANOTHER_PROGRAM, FEEDS_PROXY (FEEDS_PROXIES?); "
        "feeds config prints those there are"
    )
    assert unknown_variables() == f"no setting, and passed over: {told}"


def test_a_name_in_overrides_that_is_no_setting_is_an_error() -> None:
    with pytest.raises(ConfigError, match=r"^FEEDS_XYZ is no setting; there are seeds, "):
        read({"xyz": "News"})


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b'title = "News\n', "line 1"),
        (b"title = News\n", "line 1"),
        (b'title = "\xff"\n', "utf-8"),
    ],
)
def test_a_broken_file_is_one_line(content: bytes, reason: str) -> None:
    Path(FILE).write_bytes(content)
    with pytest.raises(ConfigError, match=f"^feeds.toml can't be read: .*{reason}") as error:
        read()
    assert "\n" not in str(error.value)


def test_a_folder_called_like_the_file_is_an_error() -> None:
    Path(FILE).mkdir()
    with pytest.raises(ConfigError, match=r"^feeds.toml can't be read: .*Is a directory"):
        read()


def test_the_file_is_looked_for_in_a_given_folder(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / FILE).write_text('title = "Elsewhere"')
    assert read(folder=tmp_path / "etc").title == "Elsewhere"
    assert read().title == "News"


@pytest.mark.parametrize(
    ("given", "root"),
    [
        ({"base_url": "https://feeds.example.org/news/"}, "https://feeds.example.org/news"),
        ({"bind": "127.0.0.1:8000"}, "http://127.0.0.1:8000"),
        ({"bind": "0.0.0.0:8000"}, "http://localhost:8000"),
        ({"bind": "[::]:8000"}, "http://localhost:8000"),
        ({"bind": "[::1]:8000"}, "http://[::1]:8000"),
        ({"bind": ":8000"}, "http://localhost:8000"),
        ({"bind": "news.example.com:80"}, "http://news.example.com"),
        ({"bind": "unix:/run/feeds.sock"}, "http://localhost"),
        ({"bind": ":80", "base_url": "https://feeds.example.org"}, "https://feeds.example.org"),
    ],
)
def test_the_root_is_the_base_url_or_the_address_served_on(
    given: dict[str, str], root: str
) -> None:
    assert read(given).root == root


def test_each_folder_of_records_has_a_database_of_its_own(tmp_path: Path) -> None:
    folders = [tmp_path / "a/news", tmp_path / "b/news", tmp_path / "a/more news"]
    urls = [read({"seeds": str(folder)}).database for folder in folders]
    assert len(set(urls)) == 3
    names = [url.removeprefix(f"sqlite:///{setting_types.state_folder()}/") for url in urls]
    assert [name.rpartition("-")[0] for name in names] == ["news", "news", "more-news"]


@pytest.mark.parametrize(
    ("package", "prefix", "once", "folder"),
    [
        ("src/feeds", "src/.venv", "", "src/instance"),
        ("src/feeds", "src/.venv", "src/.venv/var/feeds-instance", "src/instance"),
        ("venv/lib/python3.11/site-packages/feeds", "venv", "", "state/feeds"),
        (
            "venv/lib/python3.11/site-packages/feeds",
            "venv",
            "venv/var/feeds-instance",
            "venv/var/feeds-instance",
        ),
        ("user/lib/python3.11/site-packages/feeds", "usr", "", "state/feeds"),
        (
            "user/lib/python3.11/site-packages/feeds",
            "usr",
            "user/var/feeds-instance",
            "user/var/feeds-instance",
        ),
        ("usr/lib/python3/dist-packages/feeds", "usr", "", "state/feeds"),
    ],
)
def test_state_is_beside_a_checkout_or_in_the_users_folder(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    package: str,
    prefix: str,
    once: str,
    folder: str,
) -> None:
    if once:
        (tmp_path / once).mkdir(parents=True)
    monkeypatch.setattr(setting_types, "__file__", str(tmp_path / package / "config.py"))
    monkeypatch.setattr("sys.prefix", str(tmp_path / prefix))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    assert setting_types.state_folder() == tmp_path / folder
    assert not (tmp_path / folder).exists() or folder == once


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have other folders")
def test_state_is_where_flask_kept_it() -> None:
    assert setting_types.state_folder() == Path(Flask("feeds").instance_path)


def test_other_ways_to_a_folder_lead_to_the_same_database(tmp_path: Path) -> None:
    (tmp_path / "news").mkdir()
    (tmp_path / "link").symlink_to("news")
    ways = ["news", "news/", "./news", "link", str(tmp_path / "news"), "link/../news"]
    assert len({read({"seeds": way}).database for way in ways}) == 1


def test_the_database_may_be_given(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/x.db"
    assert read({"database_url": url}).database == url
    secret = "feeds:p%40ss@db.example.org/feeds"
    for scheme in ("postgresql", "postgres", "postgresql+psycopg"):
        found = read({"database_url": f"{scheme}://{secret}"}).database
        assert found == f"postgresql+psycopg://{secret}"


@pytest.mark.parametrize("password", ["", ":se%2Ccret"])
@pytest.mark.parametrize(
    ("hosts", "connected"),
    [
        ("a.example,b.example", {"host": "a.example,b.example", "port": ","}),
        ("a.example:1,b.example:2", {"host": "a.example,b.example", "port": "1,2"}),
        ("?host=a.example:1&host=b.example:2", {"host": "a.example,b.example", "port": "1,2"}),
    ],
)
def test_a_database_may_have_several_hosts(
    hosts: str, connected: dict[str, str], password: str
) -> None:
    several = f"{hosts}/feeds?" if "?" not in hosts else f"/feeds{hosts}&"
    given = f"postgresql://feeds{password}@{several}target_session_attrs=read-write"
    url = make_url(read({"database_url": given}).database)
    _, options = url.get_dialect()().create_connect_args(url)
    expected = {"dbname": "feeds", "user": "feeds", "target_session_attrs": "read-write"}
    assert options == expected | connected | ({"password": "se,cret"} if password else {})
    assert "cret" not in Store.described(url.render_as_string(hide_password=False))


@pytest.mark.parametrize(
    "url",
    [
        "mysql://feeds:secret@db.example.org/feeds",
        "postgresql://feeds:se/secret@cr@db.example.org:port/feeds",
        "postgresql+nosuch://feeds@db.example.org/feeds?password=secret",
    ],
)
def test_a_wrong_value_is_shown_without_its_password(url: str) -> None:
    with pytest.raises(ConfigError, match=r"\AFEEDS_DATABASE_URL is '[^']*\*\*\*") as error:
        read({"database_url": url})
    assert "secret" not in str(error.value)


def test_settings_are_frozen() -> None:
    found = read()
    with pytest.raises(FrozenInstanceError):
        found.limit = 1  # type: ignore[misc]


def test_settings_of_records_may_stand_in_a_table_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    table = 'url = "https://a.example/{slug}/"\nfields = {title = ["headline"]}\n'
    settings_there = 'profile = "table"\nsite = "https://a.example"\ntimezone = "Europe/Berlin"\n'
    (tmp_path / "feeds.toml").write_text(f'title = "N"\n[records]\n{settings_there}{table}')
    found = read()
    assert (found.title, found.profile, found.site) == ("N", "table", "https://a.example")
    assert found.timezone == "Europe/Berlin"
    assert found.records == {"url": "https://a.example/{slug}/", "fields": {"title": ["headline"]}}


def test_records_that_are_no_table_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "feeds.toml").write_text('records = "news"\n')
    with pytest.raises(ConfigError, match=r"records in feeds.toml is no table; write \[records\]"):
        read()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[topics]\nretire = []", "topics.retire in feeds.toml is no key here; there are retired"),
        ("[topics]\nretired = 'old'", "topics.retired in feeds.toml accepts a list of names, such"),
        ("[providers.aliases]\nold = 1", "providers.aliases in feeds.toml accepts lines such as"),
        (
            "[topics.aliases]\na = 'b'\nb = 'c'",
            "topics.aliases.a in feeds.toml accepts a name",
        ),
        (
            "[topics]\nretired = ['b']\naliases = {b = 'a'}",
            "topics.aliases.b in feeds.toml",
        ),
        (
            "[redirects]\n'/a' = 'b'",
            'redirects."/a" in feeds.toml accepts lines such as "/old',
        ),
        ("redirects = 1", "redirects in feeds.toml is no table"),
    ],
)
def test_wrong_tables_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "feeds.toml").write_text(text)
    with pytest.raises(ConfigError) as raised:
        read()
    assert str(raised.value).startswith(message)


def test_names_are_read_in_any_spelling(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "feeds.toml").write_text(
        "[topics]\nretired = ['Old News']\n[topics.aliases]\n'C plus' = 'C++'\n"
        "[providers.aliases]\n'www.Old.example' = 'The Post'\n[redirects]\n'/a' = '/rss.xml'\n"
    )
    found = read()
    assert found.topics == (frozenset({"old-news"}), {"c-plus": "c-plus-plus"})
    assert found.providers == (frozenset(), {"old.example": "the-post"})
    assert found.redirects == {"/a": "/rss.xml"}


@pytest.mark.parametrize(
    ("client", "peers", "expected"),
    [
        ("127.0.0.1", ("127.0.0.0/8",), True),
        ("::ffff:127.0.0.1", ("127.0.0.0/8",), True),  # at a socket for IPv6
        ("::ffff:127.0.0.1", ("::ffff:7f00:1/128",), True),
        ("::ffff:192.0.2.1", ("127.0.0.0/8", "::1/128", "unix"), False),
        ("::1", ("127.0.0.0/8", "::1/128"), True),
        ("", ("unix",), True),
        ("", ("0.0.0.0/0",), False),
    ],
)
def test_an_address_of_ipv4_is_the_same_at_a_socket_for_ipv6(
    client: str, peers: tuple[str, ...], expected: bool
) -> None:
    assert setting_types.is_among(client, peers) is expected
    assert setting_types.is_loopback(client) is client.endswith(("127.0.0.1", "::1"))
