"""The systemd unit and the Containerfile: what of them can be checked without their programs."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final
from zipfile import ZipFile

import click
import pytest

from feeds import config
from feeds.cli.main import main
from tests.helpers.caches import DEPLOY
from tests.helpers.server import FEEDS, PROJECT, Served, free_port, program

UNIT: Final = (DEPLOY / "feeds.service").read_text()
CONTAINER: Final = re.sub(r"\\\n\s*", "", (DEPLOY / "Containerfile").read_text())


def lines(name: str) -> list[str]:
    """What the unit says under a name."""
    return re.findall(rf"^{name}=(.*)$", UNIT, re.M)


def instructions(name: str) -> list[str]:
    """What the Containerfile says under an instruction."""
    return re.findall(rf"^{name} (.*)$", CONTAINER, re.M)


def is_understood(arguments: list[str]) -> bool:
    """Whether our command line takes these arguments."""
    name, *rest = arguments
    command = main.get_command(click.Context(main), name)
    assert command is not None
    try:
        command.make_context(name, rest)
    except click.UsageError:
        return False
    return True


@pytest.mark.servers
def test_the_unit_is_one_that_systemd_understands(tmp_path: Path) -> None:
    unit = tmp_path / "feeds.service"
    unit.write_text(UNIT.replace("/opt/feeds/bin/feeds", str(FEEDS)))
    analyze = program("systemd-analyze")
    done = subprocess.run(
        [analyze, "verify", "--man=no", unit], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    exposed = subprocess.run(
        [analyze, "security", "--offline=yes", "--threshold=20", unit],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert exposed.returncode == 0, exposed.stdout


def test_the_unit_starts_our_command_and_reloads_it_with_the_signal_that_loads() -> None:
    (start,) = lines("ExecStart")
    path, *arguments = start.split()
    assert Path(path).name == "feeds"
    assert is_understood(arguments)
    assert not is_understood(["serve", "--no-such-option"])
    assert lines("ExecReload") == ["/bin/kill -HUP $MAINPID"]


def test_what_the_unit_and_the_container_set_are_settings(tmp_path: Path) -> None:
    said = dict(pair.split("=", 1) for line in lines("Environment") for pair in line.split())
    assert said
    (state,) = lines("StateDirectory")
    assert said["FEEDS_DATABASE_URL"].startswith(f"sqlite:////var/lib/{state}/")
    (environment,) = instructions("ENV")
    contained = dict(pair.split("=", 1) for pair in environment.split())
    (volume,) = instructions("VOLUME")
    assert contained["FEEDS_DATABASE_URL"].startswith(f"sqlite:///{volume}/")
    for values in (said, contained):
        found = config.read(values, tmp_path)
        assert {config.variable(name) for name in found.sources} >= set(values)
    (exposed,) = instructions("EXPOSE")
    assert contained["FEEDS_BIND"] == f"0.0.0.0:{exposed}"


def test_the_container_is_of_an_image_of_no_host_in_particular_and_not_of_root() -> None:
    (image,) = instructions("FROM")
    assert re.fullmatch(r"python:3\.\d+-slim", image)
    (user,) = instructions("USER")
    assert f"--uid {user} " in CONTAINER
    (command,) = instructions("CMD")
    name, *arguments = json.loads(command)
    assert name == "feeds"
    assert is_understood(arguments)


def test_the_health_check_tells_a_server_that_answers_from_one_that_does_not(
    served: Served,
) -> None:
    (said,) = instructions("HEALTHCHECK CMD")
    (port,) = instructions("EXPOSE")
    assert said.count(f"127.0.0.1:{port}") == 1
    for there, code in ((served.port, 0), (free_port(), 1)):
        _, *arguments = json.loads(said.replace(f":{port}", f":{there}"))
        done = subprocess.run([sys.executable, *arguments], capture_output=True, check=False)
        assert done.returncode == code, done.stderr


def test_what_the_container_copies_is_all_that_its_installation_needs(tmp_path: Path) -> None:
    source, target = tmp_path / "src", tmp_path / "installed"
    for copied in instructions("COPY"):
        *names, to = copied.split()
        for name in names:
            at = tmp_path / to.strip("/")
            if (PROJECT / name).is_dir():
                shutil.copytree(PROJECT / name, at, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                at.mkdir(exist_ok=True)
                shutil.copy(PROJECT / name, at)
    install, remove = instructions("RUN")[0].split(" && ")
    assert remove == "rm -r /src"
    command = shlex.split(install)
    assert command[:2] == ["pip", "install"]
    assert command[command.index("-c") + 1] == "/src/constraints.txt"
    assert (source / "constraints.txt").exists()
    extras = re.fullmatch(r"/src\[(.*)\]", command[-1])
    assert extras
    # What pip does without dependencies: it has the package built, and unpacks it.
    build = "import flit_core.buildapi as b, sys; print(b.build_wheel(sys.argv[1]))"
    done = subprocess.run(
        [sys.executable, "-c", build, tmp_path],
        cwd=source, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    with ZipFile(tmp_path / done.stdout.strip()) as wheel:
        wheel.extractall(target)
    (metadata,) = target.glob("*.dist-info/METADATA")
    assert {f"Provides-Extra: {extra}" for extra in extras[1].split(",")} <= {
        *metadata.read_text(encoding="utf-8").splitlines()
    }
    shown = subprocess.run(
        [sys.executable, "-c", "import feeds.cli.main as c; print(c.__file__); c.main()", "check"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(target), "FEEDS_SEEDS": str(PROJECT / "seeds")},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert shown.stdout.startswith(str(target)), shown.stderr
    assert shown.returncode == 0
    templates = Path("feeds", "rendering", "templates")
    installed = {path.name for path in (target / templates).iterdir()}
    assert installed == {path.name for path in (PROJECT / templates).iterdir()}
