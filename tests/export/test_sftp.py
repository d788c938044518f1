"""A site published over SFTP, to OpenSSH's server."""

import os
import re
import subprocess
from collections.abc import Iterator
from getpass import getuser
from pathlib import Path
from typing import Final, NamedTuple

import pytest
from flask import Flask
from fsspec.registry import _registry, known_implementations

from feeds.export.plan import SiteSelection
from feeds.export.writer import ExportError, Outcome
from tests.helpers import collection
from tests.helpers.server import PATIENCE, free_port, load, program, until
from tests.helpers.support import write

pytestmark = pytest.mark.servers
RSS: Final = SiteSelection(("page", "rss"), ("canonical",), ("everything", "topics", "site"))
SSHD: Final = "/usr/sbin/sshd"  # it wants to be called by its whole path
APART: Final = Path("/run/sshd")  # which it wants to be there where it is started as root


class Server(NamedTuple):
    """An SSH server, and the home of somebody who may enter and knows it."""

    port: int
    home: Path


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    command = program(SSHD)
    home = tmp_path_factory.mktemp("ssh")
    keys = home / ".ssh"
    keys.mkdir(0o700)
    for key in ("id_ed25519", "host"):
        subprocess.run(
            [program("ssh-keygen"), "-qt", "ed25519", "-N", "", "-f", keys / key], check=True
        )
    port = free_port()
    kind, public, *_ = (keys / "host.pub").read_text().split()
    (keys / "known_hosts").write_text(f"[127.0.0.1]:{port} {kind} {public}\n")
    (home / "conf").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {keys}/host\nStrictModes no\n"
        f"AuthorizedKeysFile {keys}/id_ed25519.pub\nPidFile none\nUsePAM no\n"
        "Subsystem sftp internal-sftp\n"
    )
    if os.geteuid() == 0:
        APART.mkdir(exist_ok=True)
    with (home / "log").open("wb") as log:
        process = subprocess.Popen([command, "-D", "-e", "-f", home / "conf"], stderr=log)

    def answers() -> bool:
        said = (home / "log").read_text()
        assert process.poll() is None, said
        return "Server listening" in said

    try:
        until(answers)
        yield Server(port, home)
    finally:
        process.terminate()
        process.wait(PATIENCE)


@pytest.fixture
def url(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A place that isn't there yet, for who has that home."""
    monkeypatch.setenv("HOME", str(server.home))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    return f"sftp://{getuser()}@127.0.0.1:{server.port}{tmp_path}/published"


def files(folder: Path) -> dict[str, bytes]:
    there = {str(path.relative_to(folder)): path for path in folder.rglob("*") if path.is_file()}
    return {name: path.read_bytes() for name, path in there.items() if name[0] != "."}


def test_files_are_those_of_an_export(url: str, app: Flask, records: Path, tmp_path: Path) -> None:
    published, exported = tmp_path / "published", tmp_path / "exported"
    outcome = collection.publish(app, url, RSS)
    assert outcome == collection.export(app, exported, RSS)
    assert files(published) == files(exported)
    assert collection.publish(app, url, RSS) == Outcome(outcome.documents, 0, 0)
    write(records, "e.md", removed=True, topics=["Ünïcode"])  # of which alone it is a topic
    load(app, records)
    assert collection.publish(app, url, RSS).removed == 2
    collection.export(app, exported, RSS)
    assert files(published) == files(exported)
    assert [path.name for path in (published / ".feeds").iterdir()] == ["manifest.json"]


@pytest.mark.parametrize("protocol", ["sftp", "ssh"])
def test_what_else_is_installed_for_sftp_is_not_used(
    url: str, app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, protocol: str
) -> None:
    """As sshfs is: its entry points take both names, and it knows no policy of paramiko's."""
    other = {"class": "fsspec.implementations.memory.MemoryFileSystem"}
    monkeypatch.delitem(_registry, protocol, raising=False)
    monkeypatch.setitem(known_implementations, protocol, other)
    collection.publish(app, url.replace("sftp://", f"{protocol}://"), RSS)
    assert files(tmp_path / "published")


def test_a_server_that_ssh_does_not_know_is_told_nothing(
    url: str, app: Flask, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stranger = tmp_path / "home"
    (stranger / ".ssh").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(stranger))
    wanted = r"can't be reached: .*/\.ssh/known_hosts doesn't have its ssh-ed25519 key; connect"
    with pytest.raises(ExportError, match=wanted):
        collection.publish(app, url, RSS)
    known = (server.home / ".ssh" / "known_hosts").read_text()
    other = (server.home / ".ssh" / "id_ed25519.pub").read_text().split()[1]
    (stranger / ".ssh" / "known_hosts").write_text(re.sub(r"\S+$", other, known))
    with pytest.raises(ExportError, match=wanted):
        collection.publish(app, url, RSS)
    assert not (tmp_path / "published").exists()


def test_a_password_that_is_refused_is_not_told(
    url: str, app: Flask, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keyless = tmp_path / "home"
    (keyless / ".ssh").mkdir(parents=True)
    (keyless / ".ssh" / "known_hosts").write_bytes(
        (server.home / ".ssh" / "known_hosts").read_bytes()
    )
    monkeypatch.setenv("HOME", str(keyless))
    with pytest.raises(ExportError, match=r":\*\*\*@127.* can't be reached: ") as caught:
        collection.publish(app, url.replace("@", ":secret@"), RSS)
    assert "secret" not in str(caught.value)
