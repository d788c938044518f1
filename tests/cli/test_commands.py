import errno
import json
import re
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from feeds.cli.common import counting
from feeds.cli.main import COMMANDS, main
from feeds.config import Config, ConfigError
from feeds.serving.server import check_addresses
from tests.helpers.server import PATIENCE, Served, feeds, free_port, news, until
from tests.helpers.support import write


def run(*arguments: str, typed: str | None = None) -> Result:
    return CliRunner().invoke(main, arguments, typed)


def test_load_reports_what_there_is_and_then_that_nothing_changed() -> None:
    news(Path("seeds"), 3)
    write(Path("seeds"), "hidden.md", published=False)
    first, second = run("load"), run("load")
    counts = (
        "seeds: 3 public (0 merged), 1 hidden (1 published is not true), 0 left out, "
        "0 not records; "
    )
    assert first.output == counts + "4 files parsed, 3 entries changed\n"
    assert second.output == counts + "0 files parsed, 0 entries changed\n"
    assert (first.exit_code, second.exit_code) == (0, 0)


def test_how_many_records_are_held_is_in_every_summary(monkeypatch: pytest.MonkeyPatch) -> None:
    write(Path("seeds"), "a.md")
    write(Path("seeds"), "b.md", publishedDateTime="2100-01-01 01:00:00")
    write(Path("seeds"), "c.md", publishedDateTime="2150-01-01 00:00:00")
    held = "1 public (0 merged), 2 hidden (2 dated in the future), 0 left out, 0 not records"
    assert held in run("load").stdout
    assert held in run("check").stdout
    assert json.loads(run("check", "--json").stdout)["counts"]["held"] == 2
    monkeypatch.setenv("FEEDS_FUTURE", "show")
    assert "3 public (0 merged), 0 hidden, 0 left out" in run("load").stdout
    assert "3 public (0 merged), 0 hidden, 0 left out" in run("check").stdout


def test_a_folder_is_published_as_it_is_exported_and_no_link_in_it_is_followed(
    monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    monkeypatch.setenv("FEEDS_BASE_URL", "https://feeds.example.org")
    news(Path("seeds"), 1)
    wanted = (f"file://{home}/site", "--formats", "rss", "--scopes", "everything")
    done = run("publish", *wanted)
    assert (done.exit_code, done.stdout[-26:]) == (0, "1 file written, 0 removed\n")
    (home / "elsewhere").mkdir()
    (home / "site" / "topics").symlink_to(home / "elsewhere")
    done = run("publish", *wanted[:-1], "everything,topics")
    assert done.exit_code == 2
    assert "site/topics is a link; an export writes into no other folder" in done.stderr
    assert list((home / "elsewhere").iterdir()) == []


def test_export_from_an_empty_store_goes_on_from_the_manifest(
    monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    monkeypatch.setenv("FEEDS_BASE_URL", "https://feeds.example.org")
    monkeypatch.setenv("FEEDS_PARAMETERS", "off")
    export = ("export", "site", "--formats", "rss,atom", "--scopes", "everything")
    write(Path("seeds"), "a.md", publishedDateTime=None)
    assert run(*export).exit_code == 0
    write(Path("seeds"), "new.md", publishedDateTime=None)
    assert run(*export).exit_code == 0
    feed = Path("site/rss.xml").read_bytes()
    for file in home.glob("feeds.db*"):
        file.unlink()
    assert run(*export).stdout.endswith("documents: 0 files written, 0 removed\n")
    assert Path("site/rss.xml").read_bytes() == feed
    assert feed.count(b"<pubDate>") == 1
    Path("seeds/new.md").unlink()
    for file in home.glob("feeds.db*"):
        file.unlink()
    assert run(*export).exit_code == 0
    assert Path("site/atom.xml").read_bytes().count(b"deleted-entry") == 1


def test_export_tells_when_the_next_record_is_due(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEEDS_BASE_URL", "https://feeds.example.org")
    monkeypatch.setenv("FEEDS_PARAMETERS", "off")
    export = ("export", "site", "--formats", "rss", "--scopes", "everything")
    write(Path("seeds"), "a.md")
    assert "appears or expires" not in run(*export).stdout
    write(Path("seeds"), "b.md", publishedDateTime="2100-01-01 01:00:00")
    write(Path("seeds"), "c.md", expiryDate="2150-01-01")
    due = "the next record appears or expires at {}: export again then\n"
    assert due.format("2100-01-01T01:00:00Z") in run(*export).stdout
    monkeypatch.setenv("FEEDS_TIMEZONE", "Europe/Berlin")
    assert due.format("2100-01-01T00:00:00Z") in run(*export).stdout
    monkeypatch.setenv("FEEDS_FUTURE", "show")
    assert due.format("2149-12-31T23:00:00Z") in run(*export).stdout


def test_load_names_what_is_left_out_and_goes_on() -> None:
    news(Path("seeds"), 1)
    write(Path("seeds"), "bad.md", title=["no", "text"])
    result = run("load")
    assert result.exit_code == 0
    assert result.stderr.startswith("seeds/bad.md:3: title: is a list, not text")
    assert "1 public" in result.stdout
    assert "1 left out" in result.stdout


def test_load_shows_twenty_problems_and_says_how_many_more() -> None:
    for number in range(25):
        write(Path("seeds"), f"{number}.md", title=None)
    result = run("load")
    assert result.stderr.count(": title: ") == 20
    assert result.stderr.endswith("... and 5 more; feeds check shows them all\n")


def test_list_prints_a_line_for_each_feed() -> None:
    news(Path("seeds"), 2)
    lines = run("list", "--base-url", "https://feeds.example.org/").stdout.splitlines()
    assert len(lines) == 7
    assert lines[0] == "https://feeds.example.org/rss.xml\t2\tEverything"


def test_list_prints_a_page_to_a_terminal_and_json_to_programs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for number in range(24):
        write(Path("seeds"), f"{number}.md", topics=[f"Topic {number}"])
    whole = json.loads(run("list", "--json").stdout)
    assert whole[0] == {
        "url": "http://127.0.0.1:8000/rss.xml",
        "entries": 24,
        "title": "Everything",
    }
    assert len(whole) == len(run("list").stdout.splitlines()) > 20
    monkeypatch.setattr("feeds.cli.showing._is_for_people", lambda: True)
    page = run("list").stdout.splitlines()
    assert page[-1] == f"20 of {len(whole)} feeds; --all prints all of them"
    assert sum("http://127.0.0.1:8000/" in line for line in page) == 20
    rest = run("list", "--all").stdout
    assert rest.count("http://127.0.0.1:8000/") == len(whole)
    assert "--all" not in rest


def test_a_shell_completes_commands(home: Path) -> None:
    words = {"COMP_WORDS": "feeds do", "COMP_CWORD": "1", "_FEEDS_COMPLETE": "bash_complete"}
    assert feeds(cwd=home, **words).stdout == "plain,doctor\n"
    assert "complete -o nosort" in feeds(cwd=home, _FEEDS_COMPLETE="bash_source").stdout


def test_list_prints_the_formats_and_policies_that_are_asked_for() -> None:
    news(Path("seeds"), 2)
    wanted = ("--formats", "atom,rss,json", "--links", "canonical,original,amp,amp-cache")
    result = run("list", "--base-url", "https://feeds.example.org/", *wanted)
    lines = [line.split("\t") for line in result.stdout.splitlines()]
    root = "https://feeds.example.org"
    assert result.exit_code == 0
    assert [f"{root}/rss.xml", "2", "Everything"] in lines
    assert [f"{root}/amp-cache/topics/c-plus-plus/atom.xml", "1", "C++"] in lines
    assert [f"{root}/original/types/articles/feed.json", "2", "Articles"] in lines
    assert [f"{root}/topics/ai/providers/times.example.com/rss.xml", "2",
            "AI from Example Times"] in lines  # fmt: skip
    urls = [url for url, _, _ in lines]
    assert len(urls) == len(set(urls)) == 7 * 3 * 4


def test_list_has_collections_of_files_and_of_feeds_toml() -> None:
    write(Path("seeds"), "a.md", topics=["AI"])
    write(Path("seeds"), "list.md", webUrl=None, title="List", type="collection", items=["a"])
    Path("feeds.toml").write_text('[collections.on-ai]\ntopic = "AI"\n')
    lines = run("list", "--formats", "rss", "--links", "canonical").stdout.splitlines()
    assert [line.partition("/collections/")[2] for line in lines][-2:] == [
        "list/rss.xml\t1\tList",
        "on-ai/rss.xml\t1\tOn ai",
    ]


def test_config_prints_each_setting_and_where_it_comes_from(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FEEDS_LIMIT", "7")
    monkeypatch.setenv("FEEDS_DATABASE_URL", "sqlite:///x.db")
    Path("feeds.toml").write_text('title = "Harbour news"\nhubs = ["https://hub.example.net/"]\n')
    lines = run("config").stdout.splitlines()
    assert "FEEDS_LIMIT = 7  (environment)" in lines
    assert "FEEDS_TITLE = Harbour news  (feeds.toml)" in lines
    assert "FEEDS_HUBS = https://hub.example.net/  (feeds.toml)" in lines
    assert "FEEDS_DATABASE_URL = sqlite:///x.db  (environment)" in lines
    assert "FEEDS_BASE_URL = http://127.0.0.1:8000  (default)" in lines


def test_config_prints_what_the_folders_site_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("blog/_posts").mkdir(parents=True)
    Path("blog/_config.yml").write_text("title: Mill\nlang: da\n")
    monkeypatch.setenv("FEEDS_LANGUAGE", "en")
    lines = run("config", "--seeds", "blog").stdout.splitlines()
    assert "FEEDS_TITLE = Mill  (Jekyll's configuration)" in lines
    assert "FEEDS_DESCRIPTION = News by topic and provider  (default)" in lines
    assert "FEEDS_LANGUAGE = en  (environment)" in lines


@pytest.mark.parametrize(
    ("arguments", "variables", "message"),
    [
        (["load"], {}, "seeds: No such file or directory; FEEDS_SEEDS names a folder"),
        (["list", "--seeds", "nowhere"], {}, "nowhere: No such file or directory"),
        (
            ["list", "--formats", "page"],
            {},
            "--formats is 'page'; it accepts some of rss,atom",
        ),
        (["list", "--links", ""], {}, "--links is ''; it accepts some of canonical,original,amp"),
        (
            ["load"],
            {"FEEDS_DATABASE_URL": "sqlite:////nowhere/x.db"},
            "FEEDS_DATABASE_URL names a file in /nowhere, which is no folder; make it (mkdir",
        ),
        (["config"], {"FEEDS_BASEURL": "x"}, "FEEDS_BASEURL is no setting; did you mean FEEDS_BA"),
        (["check", "nowhere"], {}, "nowhere: No such file or directory"),
        (["serve", "--bind", "here"], {}, "FEEDS_BIND is 'here'; it accepts host:port, such as"),
        (["serve", "--workers", "0"], {}, "FEEDS_WORKERS is '0'; it accepts a whole number from"),
        (["config"], {"FEEDS_LIMIT": "many"}, "FEEDS_LIMIT is 'many'; it accepts a whole number"),
        (
            ["config"],
            {"WRONG": ""},
            "collections.a.topics in feeds.toml is no key of a collection;",
        ),
        (["load"], {"FEEDS_DATABASE_URL": "nonsense"}, "FEEDS_DATABASE_URL is 'nonsense'; it acc"),
    ],
)
def test_what_is_wrong_is_one_line_and_exit_status_2(
    arguments: list[str],
    variables: dict[str, str],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    if "WRONG" in variables:
        Path("feeds.toml").write_text('[collections.a]\ntopics = "AI"\n')
    result = run(*arguments)
    assert result.exit_code == 2
    assert result.stderr.startswith(f"feeds: {message}")
    assert (result.stdout, result.stderr.count("\n")) == ("", 1)


@pytest.mark.parametrize("arguments", [["nothing"], ["load", "--nothing"], ["serve", "--server=x"]])
def test_a_wrong_command_line_is_exit_status_2(arguments: list[str]) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert result.stderr.startswith("Usage: ")


def test_every_command_explains_itself() -> None:
    for name in ("", *main.commands):
        result = run(*([name] if name else []), "-h")
        assert result.exit_code == 0
        assert "Usage: " in result.stdout


def test_the_command_is_installed(home: Path) -> None:
    done = feeds("--version", cwd=home)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("feeds, version ")


def test_serve_says_what_it_found_and_where_it_is_and_ends_on_a_signal(
    home: Path, serve: Callable[..., Served]
) -> None:
    folder = news(home / "records", 3)
    write(folder, "bad.md", title=None)
    server = serve(folder)
    problem, *lines = server.log.splitlines()
    counts = (
        "3 public (0 merged), 0 hidden, 1 left out, 0 not records; "
        "4 files parsed, 3 entries changed"
    )
    assert problem.startswith(f"{folder}/bad.md:")
    kinds = "RSS, Atom and JSON Feed"
    assert lines == [
        f"{folder}: {counts}",
        f"3 entries, 2 topics, 1 provider: 7 feeds, each as {kinds}, 4 link policies",
        f"Serving at {server.url}/ (Ctrl-C stops)",
    ]
    process = server.process
    assert process is not None
    process.send_signal(signal.SIGINT)
    assert process.wait(PATIENCE) == 0
    assert "Traceback" not in server.log


def test_serve_without_a_folder_fails_at_once(home: Path) -> None:
    bind = f"127.0.0.1:{free_port()}"
    done = feeds("serve", cwd=home, FEEDS_DATABASE_URL=f"sqlite:///{home}/x.db", FEEDS_BIND=bind)
    assert done.returncode == 2
    assert done.stderr.startswith("feeds: seeds: No such file or directory")


@pytest.mark.slow
def test_serve_on_a_socket_in_the_file_system(home: Path) -> None:
    path = home / "s"

    class OnSocket(Served):
        def _answers(self) -> bool:
            assert self.process is not None
            assert self.process.poll() is None, self.log
            return path.exists()

    server = OnSocket(news(home / "records"), home / "unix", {"FEEDS_BIND": f"unix:{path}"})
    try:
        server.start()
        assert until(lambda: "Serving at http://localhost/" in server.log)
    finally:
        server.stop()


def test_load_takes_the_loss_of_most_records_only_when_told_to() -> None:
    news(Path("seeds"), 5)
    run("load")
    for number in range(4):
        Path(f"seeds/00{number}.md").unlink()
    refused = run("load")
    assert refused.exit_code == 2
    assert "lost 4 of 5 records at once" in refused.stderr
    taken = run("load", "--accept-removals")
    assert (taken.exit_code, taken.stdout[:15]) == (0, "seeds: 1 public")


def test_no_line_of_the_list_of_commands_is_cut() -> None:
    text = run("--help").stdout
    assert "..." not in text.partition("Commands:")[2]
    assert [line.split()[0] for line in text.partition("Commands:\n")[2].splitlines()] == [
        *COMMANDS
    ]


@pytest.mark.parametrize("command", COMMANDS)
def test_help_breaks_no_word(command: str) -> None:
    """click cuts a word that is longer than its column, as a list without blanks is."""
    columns = (line.rpartition("  ")[2] for line in run(command, "--help").stdout.splitlines())
    assert not [text for text in columns if re.fullmatch(r"\S{45,}", text)]


@pytest.mark.parametrize("variable", ["FEEDS_BIND", "FEEDS_METRICS"])
def test_a_used_port_is_one_line_before_anything_is_loaded(
    variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    news(Path("seeds"), 1)
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        monkeypatch.setenv("FEEDS_BIND", "127.0.0.1:1")
        monkeypatch.setenv(variable, f"127.0.0.1:{port}")
        if variable == "FEEDS_METRICS":
            monkeypatch.setenv("FEEDS_BIND", "unix:feeds.sock")
        result = run("serve")
    assert (result.exit_code, result.stdout) == (2, "")
    used, _, other_port = result.stderr.rpartition(":")
    assert used == (
        f"feeds: {variable} is '127.0.0.1:{port}': Address already in use; end what listens "
        f"there, or set {variable}=127.0.0.1"
    )
    assert port < int(other_port) <= port + 20  # others may listen at the next one


@pytest.mark.parametrize("kind", ["busy", "left over", "a file"])
def test_a_busy_socket_is_one_line_and_stays_with_who_listens(kind: str, home: Path) -> None:
    path = home / "s"
    other = socket.socket(socket.AF_UNIX)
    if kind == "a file":
        path.touch()
    else:
        other.bind(str(path))
    if kind == "busy":
        other.listen()
    lines = []
    try:
        check_addresses(Config(bind=f"unix:{path}"))
    except ConfigError as error:
        lines.append(str(error).removeprefix(f"FEEDS_BIND is 'unix:{path}': "))
    other.close()
    busy = f"Address already in use; end what listens there, or set FEEDS_BIND=unix:{path}-2"
    assert lines == {
        "busy": [busy], "left over": [], "a file": ["is no socket; name another address"]
    }[kind]  # fmt: skip


def test_a_port_that_is_roots_is_one_line_with_one_that_is_free(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Refusing(socket.socket):
        def bind(self, address: Any) -> None:
            if address[1] < 1024:
                raise PermissionError(errno.EACCES, "Permission denied")
            if address[1] == 8443:
                raise OSError(errno.EADDRINUSE, "Address already in use")

    monkeypatch.setattr(socket, "socket", Refusing)
    with pytest.raises(ConfigError) as error:
        check_addresses(Config(bind="0.0.0.0:443"))
    assert str(error.value) == (
        "FEEDS_BIND is '0.0.0.0:443': Permission denied; set FEEDS_BIND=0.0.0.0:8444"
    )


def test_variables_that_are_no_settings_are_one_line_of_warning(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FEEDS_OF_ANOTHER_PROGRAM", "1")
    assert run("config").stderr == (
        "feeds: no setting, and passed over: FEEDS_OF_ANOTHER_PROGRAM; feeds config prints those "
        "there are\n"
    )


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("192.0.2.1:8000", "Cannot assign requested address"),
        ("nowhere.invalid:8000", "Name or service not known"),
        ("unix:/nowhere/feeds.sock", "/nowhere is no folder"),
    ],
)
def test_an_address_that_nothing_can_listen_at_is_one_line(address: str, reason: str) -> None:
    result = run("serve", "--bind", address)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == (f"feeds: FEEDS_BIND is '{address}': {reason}; name another address\n")


def test_progress_counts_commits_and_files_apart(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("feeds.cli.common.INTERVAL", 0)
    seconds = iter([0.0, 0.0, *[time for time in (10.0, 20.0, 22.0) for _ in range(3)]])
    monkeypatch.setattr("feeds.cli.common.time.monotonic", lambda: next(seconds))
    with counting("Loading") as progress:
        progress(2, 4, "commits")
        progress(4, 4, "commits")
        progress(20, 60)
    assert capsys.readouterr().err == (
        "Loading: 2 of 4 commits, 0 a second, 10 s left\n"
        "Loading: 4 of 4 commits, 0 a second, 0 s left\n"
        "Loading: 20 of 60 files, 10 a second, 4 s left\n"
    )


def test_a_misspelled_command_is_answered_with_the_nearest_one() -> None:
    result = run("sreve")
    assert result.exit_code == 2
    assert result.stderr.endswith("Error: No such command 'sreve'; did you mean serve?\n")
