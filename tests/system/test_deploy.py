"""The systemd unit, the container and the compose files do what docs/operating.md says of them."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path
from typing import Final

import click
import pytest
import yaml

from feeds import config
from feeds.cli.main import main
from tests.helpers.caches import DEPLOY
from tests.helpers.repository import Repository
from tests.helpers.server import FEEDS, PROJECT, Served, free_port, news, program, until

UNIT: Final = (DEPLOY / "feeds.service").read_text()
CONTAINER: Final = re.sub(r"\\\n\s*", "", (DEPLOY / "Containerfile").read_text())
VARNISH: Final = (DEPLOY / "Containerfile.varnish").read_text()
COMPOSE: Final = {path.name: yaml.safe_load(path.read_text()) for path in DEPLOY.glob("*.yaml")}
OPERATING: Final = (PROJECT / "docs" / "operating.md").read_text(encoding="utf-8")
PACKAGES: Final = Path(sysconfig.get_path("purelib"))  # of the environment that the tests run in


def lines(name: str) -> list[str]:
    """What the unit says under a name."""
    return re.findall(rf"^{name}=(.*)$", UNIT, re.M)


def instructions(name: str, text: str = CONTAINER) -> list[str]:
    """What a Containerfile says under an instruction."""
    return re.findall(rf"^{name} (.*)$", text, re.M)


def settings_of_the_docs() -> str:
    """The feeds.toml of a service."""
    (text,) = re.findall(r"feeds\.toml <<END\n(.*?)^ +END$", OPERATING, re.M | re.S)
    return re.sub(r"^ +", "", text, flags=re.M)


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


# -- the unit -----------------------------------------------------------------------


@pytest.mark.servers
def test_the_unit_is_one_that_systemd_understands(tmp_path: Path) -> None:
    unit = tmp_path / "feeds.service"
    unit.write_text(UNIT.replace("ExecStart=feeds", f"ExecStart={FEEDS}"))
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


def test_the_settings_of_a_service_are_where_its_unit_looks(tmp_path: Path) -> None:
    assert lines("WorkingDirectory") == [f"/etc/{lines('ConfigurationDirectory')[0]}"]
    assert f"cat > {lines('WorkingDirectory')[0]}/{config.FILE} <<END" in OPERATING
    (tmp_path / config.FILE).write_text(settings_of_the_docs())
    found = config.read(folder=tmp_path)
    assert found.database == f"sqlite:////var/lib/{lines('StateDirectory')[0]}/feeds.db"
    assert f"cp -r seeds {found.seeds} " in OPERATING


def environment(folder: Path) -> Path:
    """An empty virtual environment that sees the packages of ours, so that nothing is fetched."""
    venv.create(folder, symlinks=True)
    (found,) = folder.glob("lib/python3*/site-packages")
    (found / "others.pth").write_text(f"{PACKAGES}\n")
    return folder / "bin" / "python"


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["wheel", "checkout"])
def test_the_unit_serves_a_wheel_and_a_checkout(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As docs/operating.md says, in another root, without systemd and an index."""
    monkeypatch.delenv("PYTHONPATH", raising=False)
    opt, clone = tmp_path / "opt" / "feeds", tmp_path / "clone"
    offline = (
        "-q",
        "--no-index",
        "--no-deps",
        "--no-build-isolation",
        "--disable-pip-version-check",
    )
    source = opt if kind == "checkout" else clone
    shutil.copytree(PROJECT / "feeds", source / "feeds")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(PROJECT / name, source)
    python = environment(opt / ".venv" if kind == "checkout" else opt)
    pip = (sys.executable, "-m", "pip")
    installed: tuple[str | Path, ...] = ("-e", opt)
    if kind == "wheel":
        subprocess.run([*pip, "wheel", *offline, "-w", tmp_path, clone], check=True)
        installed = (next(tmp_path.glob("*.whl")),)
    subprocess.run([*pip, "--python", python, "install", *offline, *installed], check=True)

    home, state = tmp_path / "etc", tmp_path / "state"
    home.mkdir()
    state.mkdir()
    said = settings_of_the_docs().replace("/srv/seeds", str(news(tmp_path / "news")))
    (home / config.FILE).write_text(said.replace("/var/lib/feeds", str(state)))
    (path,), (start,), (reload,) = map(lines, ("ExecSearchPath", "ExecStart", "ExecReload"))
    found, *arguments = shlex.split(start)
    places = path.replace("/opt/feeds", str(opt)).split(":")
    command = (next(str(p) for place in places if (p := Path(place, found)).exists()), *arguments)
    unset = {"FEEDS_SEEDS": "", "FEEDS_DATABASE_URL": ""}
    server = Served(home, home, unset, command)
    try:
        server.start()
        assert b"https://feeds.example.org/rss.xml" in server.get("/rss.xml").body
        assert [path.name for path in state.glob("*.db")] == ["feeds.db"]
        assert server.process is not None
        subprocess.run(shlex.split(reload.replace("$MAINPID", str(server.process.pid))), check=True)
        until(lambda: "0 files parsed, 0 entries changed" in server.log)
        server.process.terminate()
        assert server.process.wait(int(lines("TimeoutStopSec")[0])) == 0
    finally:
        server.stop()
    shown = "import feeds; print(feeds.__file__)"
    where = subprocess.check_output([python, "-c", shown], cwd=home, text=True)
    assert where.startswith(str(opt))


# -- the container ------------------------------------------------------------------

# What stands in for the image python:3-slim: this machine's programs, and an environment whose
# pip asks no index.
SHARED: Final = [str(path) for path in {Path("/usr"), Path(sys.base_prefix), PACKAGES}]
PIP: Final = """#!/bin/sh
command=$1; shift
exec python -m pip "$command" --no-index --no-build-isolation "$@"
"""


class Buildah:
    """Runs buildah with a storage of its own, and no more of the kernel's help than chroot."""

    def __init__(self, home: Path) -> None:
        storage = ("--root", home / "root", "--runroot", home / "run", "--storage-driver", "vfs")
        self._command: Final = (program("buildah"), *storage)
        self.chroot: Final = (
            "--isolation=chroot",
            *(f"--volume={path}:{path}:ro" for path in SHARED),
        )

    def command(self, *arguments: str | Path) -> tuple[str | Path, ...]:
        return (*self._command, *arguments)

    def __call__(self, *arguments: str | Path) -> str:
        done = subprocess.run(self.command(*arguments), capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()


@pytest.fixture(scope="module")
def buildah(tmp_path_factory: pytest.TempPathFactory) -> Buildah:
    """With the image `feeds`, of our Containerfile."""
    if os.geteuid():
        pytest.skip("only root may change its root")
    home = tmp_path_factory.mktemp("buildah")
    base = home / "base"
    environment(base / "opt" / "python")
    pip = base / "opt" / "python" / "bin" / "pip"
    pip.write_text(PIP)
    pip.chmod(0o755)
    (base / "etc").mkdir()
    for name in ("passwd", "group", "login.defs", "ld.so.cache"):
        shutil.copy(Path("/etc", name), base / "etc")
    shutil.copytree("/etc/ssl/certs", base / "etc" / "ssl" / "certs")
    (base / "tmp").mkdir(mode=0o1777)
    for link in Path("/").iterdir():
        if link.is_symlink() and link.resolve().is_relative_to("/usr"):
            (base / link.name).symlink_to(link.readlink())
    run = Buildah(home)
    container = run("from", "scratch")
    run("copy", "--quiet", container, base, "/")
    path = "/opt/python/bin:/usr/local/bin:/usr/bin:/usr/sbin"
    run("config", "--env", f"PATH={path}", container)
    run("commit", "--quiet", container, "localhost/base")
    run(
        "bud", "--quiet", "--format", "docker", "--from", "localhost/base", *run.chroot,
        "-f", DEPLOY / "Containerfile", "-t", "feeds", PROJECT,
    )  # fmt: skip
    return run


@pytest.mark.servers
def test_the_container_serves_without_root_and_without_a_volume(
    buildah: Buildah, tmp_path: Path
) -> None:
    container = buildah("from", "--pull-never", "localhost/feeds")
    found = json.loads(buildah("inspect", container))["Docker"]["config"]
    assert (found["User"], found["ExposedPorts"], found["Cmd"]) == (
        "10001",
        {"8000/tcp": {}},
        ["feeds", "serve"],
    )
    assert not found.get("Volumes")
    repository = Repository(tmp_path / "news")
    record = "---\ntitle: A\nwebUrl: https://news.example.com/a\n---\n"
    repository.commit(1_700_000_000, {"a.md": record})
    port = free_port()
    run = ("run", *buildah.chroot, f"--volume={repository.folder}:/seeds:ro")
    serve = buildah.command(
        *run, f"--env=FEEDS_BIND=127.0.0.1:{port}", container, "--", *found["Cmd"]
    )
    server = Served(tmp_path, tmp_path / "home", {}, serve, port)
    try:
        server.start()
        assert (
            buildah("run", *buildah.chroot, container, "--", "/usr/bin/id", "-u") == found["User"]
        )
        until(lambda: json.loads(server.get("/readyz").body)["history"] == "git")
        (check,) = instructions("HEALTHCHECK .*?CMD")
        assert found["Healthcheck"]["Test"] == ["CMD", *json.loads(check)]
        for there, code in ((port, 0), (free_port(), 1)):
            _, *arguments = json.loads(check.replace(":8000", f":{there}"))
            done = subprocess.run([sys.executable, *arguments], capture_output=True, check=False)
            assert done.returncode == code, done.stderr
    finally:
        server.stop()


def test_what_the_container_and_compose_files_set_are_settings(tmp_path: Path) -> None:
    (image,) = instructions("FROM")
    assert re.fullmatch(r"python:3\.\d+-slim", image)  # of no host, and no architecture
    (line,) = instructions("ENV")
    contained = dict(pair.split("=", 1) for pair in line.split())
    (exposed,) = instructions("EXPOSE")
    assert contained["FEEDS_BIND"] == f"0.0.0.0:{exposed}"
    assert contained["FEEDS_DATABASE_URL"].startswith(f"sqlite:///{instructions('WORKDIR')[0]}/")
    for services in COMPOSE.values():
        values = contained | services["services"]["feeds"]["environment"]
        found = config.read(values, tmp_path)
        assert {config.variable(name) for name in found.sources} >= set(values)


@pytest.mark.servers
@pytest.mark.parametrize("name", COMPOSE)
def test_a_compose_file_is_one_and_publishes_what_listens(name: str) -> None:
    done = subprocess.run(
        [program("docker-compose"), "-f", DEPLOY / name, "config", "--quiet"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    services = COMPOSE[name]["services"]
    assert re.search(rf"docker compose -f deploy/{name} up", (DEPLOY / name).read_text())
    for service in services.values():
        build = service["build"]
        assert (DEPLOY / build["context"] / build["dockerfile"]).is_file()
    ports = [port for service in services.values() for port in service.get("ports", ())]
    listens = "8080" if "varnish" in services else instructions("EXPOSE")[0]
    assert [port.rpartition(":")[2] for port in ports] == [listens]


@pytest.mark.servers
def test_varnish_of_the_compose_file_serves_the_feeds_beside_it_and_is_purged(
    tmp_path: Path,
) -> None:
    variables = COMPOSE["compose-varnish.yaml"]["services"]["feeds"]["environment"]
    (line,) = instructions("CMD", VARNISH)
    (copied,) = instructions("COPY", VARNISH)
    source, target = copied.split()
    origin = Served(news(tmp_path / "news"), tmp_path / "origin", variables)
    cache = Served(tmp_path, tmp_path / "cache")
    vcl = (PROJECT / source).read_text()
    host, _, port = variables["FEEDS_BIND"].rpartition(":")
    assert (f'.host = "{host}";' in vcl, f'.port = "{port}";' in vcl) == (True, True)
    (tmp_path / "vcl").write_text(vcl.replace(f'.port = "{port}"', f'.port = "{origin.port}"'))
    here = {target: f"{tmp_path}/vcl", "/tmp/varnish": f"{tmp_path}/work"}  # noqa: S108 - in the file
    here |= {":8080": f"127.0.0.1:{cache.port}"}
    first, *rest = (here.get(word, word) for word in json.loads(line))
    cache.command = (program(first), *rest)
    purge = variables["FEEDS_PURGE"].replace(":8080", f":{cache.port}")
    origin.variables = variables | {
        "FEEDS_BIND": f"127.0.0.1:{origin.port}",
        "FEEDS_PURGE": purge,
    }
    try:
        origin.start()
        cache.start()
        assert cache.get("/rss.xml").body == origin.get("/rss.xml").body
        until(lambda: "was purged of what changed (all)" in origin.log)
    finally:
        cache.stop()
        origin.stop()
