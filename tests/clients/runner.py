"""Installs real clients of feeds, and has them read documents of ours."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from tests.clients import samples
from tests.helpers.server import clean_environment

_HERE: Final = Path(__file__).parent
_ADAPTERS: Final = _HERE / "adapters"
_JARS: Final = ("rome", "rome-utils", "jdom2", "slf4j-api", "slf4j-nop")
_ALL: Final = (".xml", ".json", ".opml")
DOCUMENTS: Final = ("rss.xml", "atom.xml", "feed.json", "feeds.opml")


class Family(NamedTuple):
    """Clients with one adapter: how they are installed in a folder, and the adapter's command."""

    install: Callable[[Path], None]
    command: Callable[[Path], list[str | Path]]
    suffixes: tuple[str, ...] = (".xml",)


def run(*command: str | Path, cwd: Path, **variables: str) -> str:
    """What a command prints. Raises CalledProcessError where it fails."""
    done = subprocess.run(
        command, cwd=cwd, env=clean_environment(cwd) | variables, stdout=subprocess.PIPE, check=True
    )
    return done.stdout.decode()


def _install_python(folder: Path) -> None:
    run(sys.executable, "-m", "venv", folder / "venv", cwd=folder)
    pip = folder / "venv" / "bin" / "pip"
    run(pip, "install", "--quiet", "--requirement", _HERE / "requirements.txt", cwd=folder)


def _install_npm(folder: Path) -> None:
    for file in (_HERE / "package.json", _ADAPTERS / "npm_clients.js"):
        shutil.copy(file, folder)
    quiet = ("--silent", "--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts")
    run("npm", "install", *quiet, cwd=folder)


def _install_c(folder: Path) -> None:
    run("cc", "-o", folder / "mrss", _ADAPTERS / "mrss.c", "-lmrss", cwd=folder)


def _by(*command: str) -> Family:
    return Family(lambda _: None, lambda _: [*command[:-1], _ADAPTERS / command[-1]])


FAMILIES: Final = {
    "python": Family(
        _install_python,
        lambda folder: [folder / "venv" / "bin" / "python", "-I", _ADAPTERS / "python_clients.py"],
        _ALL,
    ),
    "npm": Family(_install_npm, lambda _: ["node", "npm_clients.js"], _ALL),
    "programs": _by(sys.executable, "programs.py"),
    "php": _by("php", "simplepie.php"),
    "ruby": _by("ruby", "rss.rb"),
    "perl": _by("perl", "feeds.pl"),
    "c": Family(_install_c, lambda folder: [folder / "mrss"]),
    "java": _by(
        "java", "-cp", ":".join(f"/usr/share/java/{jar}.jar" for jar in _JARS), "Rome.java"
    ),
}
IN_CI: Final = ("python", "npm", "programs")


def install(families: Iterable[str], folder: Path) -> None:
    """Install each family in a folder of its own; what is there stays."""
    for name in families:
        if not (folder / name).exists():
            (folder / name).mkdir(parents=True)
            FAMILIES[name].install(folder / name)


def read(families: Iterable[str], folder: Path, paths: Sequence[Path]) -> dict[str, Any]:
    """By client its version, and what it reads of each document."""
    answers: dict[str, Any] = {}
    for name in families:
        family = FAMILIES[name]
        given = [path for path in paths if path.suffix in family.suffixes]
        printed = run(*family.command(folder / name), *given, cwd=folder / name)
        answers |= json.loads(printed)
    return answers


def export(python: str | Path, folder: Path) -> list[Path]:
    """The documents of the samples, by the `feeds` of a Python, once some were withdrawn."""
    (folder / "records").mkdir(parents=True)
    variables = samples.SETTINGS | {
        "FEEDS_SEEDS": str(samples.write_records(folder / "records")),
        "FEEDS_DATABASE_URL": f"sqlite:///{folder / 'feeds.db'}",
        "FEEDS_PARAMETERS": "off",
    }
    options = ("--formats", "rss,atom,json", "--links", "canonical", "--scopes", "everything,site")
    export = (python, "-m", "feeds", "export", *options, folder / "site")
    withdrawn = samples.write_withdrawn(folder / "records")
    run(*export, cwd=folder, **variables)
    for path in withdrawn:
        path.unlink()
    run(*export, cwd=folder, **variables)
    return [folder / "site" / name for name in DOCUMENTS]
