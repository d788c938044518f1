"""Single steps of the scale bench, each in a process of its own: `python -m bench.steps STEP ...`.

Prints what it measured as one line of JSON: seconds on the clock, seconds of
processors (children included), and the most memory that was in use.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, Final

import yaml
from werkzeug.test import EnvironBuilder, run_wsgi_app

from bench import records
from bench.servers import PROJECT, BenchError
from feeds import create_app
from feeds.config import Config, environment, read
from feeds.loading.loader import Loader
from feeds.records.scanner import scan
from feeds.rendering.formats import FORMATS
from feeds.selection import Scope
from feeds.serving.app import assemble
from feeds.serving.views import EXTENSION
from feeds.store.database import Store
from feeds.urls import POLICIES

Measured = dict[str, Any]
_FEEDS: Final = 60
_SCANS: Final = 5
_RELOADS: Final = 5
_BASE_URL: Final = "https://feeds.example.org"


def configuration(folder: Path, database: Path | str, **more: object) -> Config:
    """The settings that all steps share; `database` is a file for SQLite, or an SQLAlchemy URL."""
    settings = {"seeds": str(folder), "database_url": _url(database)}
    return read({**settings, "base_url": _BASE_URL, **more}, folder.parent)


def _url(database: Path | str) -> str:
    return database if isinstance(database, str) and "://" in database else f"sqlite:///{database}"


def variables(config: Config) -> dict[str, str]:
    """The same as FEEDS_* variables."""
    return environment(config)


def clocked(work: Callable[[], Any]) -> Measured:
    """Seconds on the clock and of processors that `work` takes."""
    processor, started = _processor(), time.perf_counter()
    work()
    return {"wall": time.perf_counter() - started, "cpu": _processor() - processor}


def _processor() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _most_memory() -> float:
    """The most that this process had in use, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def load(folder: Path, database: str) -> Measured:
    """A load in a new process: cold without a database, warm with one."""
    reports = []

    def work() -> None:
        store = Store(_url(database))
        reports.append(Loader(store, folder).load())
        store.release()

    found = clocked(work)
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    report = reports[0]
    counts = {"parsed": report.parsed, "entries": report.entries, "errors": len(report.errors)}
    return found | counts | {"rss": _most_memory(), "child_rss": children}


def whole(folder: Path, listed: str) -> Measured:
    """Every listed file read whole with PyYAML's C loader, as a plain program does."""
    names = Path(listed).read_text(encoding="utf-8").splitlines()

    def work() -> None:
        for name in names:
            source = (folder / name).read_text(encoding="utf-8", errors="replace")
            front = source.split("\n---", 1)[0]
            with suppress(yaml.YAMLError):  # of real ones
                yaml.load(front, Loader=yaml.CSafeLoader)

    sizes = sum((folder / name).stat().st_size for name in names)
    return clocked(work) | {"bytes": sizes, "files": len(names)}


def reload(folder: Path, database: str) -> Measured:
    """Loads of one Loader, as the follower has it, after changes; scans of the folder between."""
    store = Store(_url(database))
    loader = Loader(store, folder)
    loader.load()
    paths = [folder / name for name in sorted(scan(folder)) if "/" not in name]
    shown = [p for p in paths if "\npublished: true\n" in p.read_text(encoding="utf-8")[:4000]]
    many = min(1000, len(paths) // 2)
    runs: dict[str, list[Measured]] = {"scan": [], "none": [], "one": [], "many": []}
    for number in range(_RELOADS):
        runs["scan"] += [clocked(lambda: scan(folder)) for _ in range(2)]
        runs["none"].append(clocked(loader.load))
        changed = shown[number % len(shown)]
        records.edit(changed, number)
        runs["one"].append(clocked(partial(loader.load, touched={changed.name})))
        if number < 3:
            for path in paths[number :: max(len(paths) // many, 1)][:many]:
                records.edit(path, number)
            runs["many"].append(clocked(loader.load))
    store.release()
    found: Measured = {"changed": many, "rss": _most_memory()}
    for name, measured in runs.items():
        found[name] = {key: median(run[key] for run in measured) for key in ("wall", "cpu")}
    return found


def first(folder: Path, database: str) -> Measured:
    """The first byte of a feed from an application just made."""
    app = create_app(configuration(folder, database))
    body, status, _ = run_wsgi_app(app.wsgi_app, EnvironBuilder("/rss.xml").get_environ())
    if not status.startswith("200"):
        raise BenchError(f"/rss.xml answers {status}")
    return {"first": next(iter(body))[:1] == b"<"}


def addresses(config: Config) -> list[str]:
    """Feeds that are full: so many entries as a feed has at most, under all link policies."""
    store = Store(config.database)
    with store.read() as reader:
        scopes = {"": Scope()}
        scopes |= {f"/topics/{t.slug}": Scope(topic=t.slug) for t in reader.labels("topic")}
        providers = reader.labels("provider")
        scopes |= {f"/providers/{p.slug}": Scope(provider=p.slug) for p in providers}
        scopes |= {f"/types/{t.slug}": Scope(type=t.slug) for t in reader.labels("type")}
        full = [at for at, scope in scopes.items() if reader.count(scope) >= config.limit]
    store.release()
    policies = ["" if policy == config.links else f"/{policy}" for policy in POLICIES]
    found = [f"{policy}{at}/{file}" for policy in policies for file in FORMATS for at in full]
    step = max(len(found) / _FEEDS, 1)
    return [found[int(n * step)] for n in range(min(_FEEDS, len(found)))]


def latency(folder: Path, database: str) -> Measured:
    """Feeds asked for for the first time, by a worker that made none before, and again."""
    config = configuration(folder, database)
    took: dict[str, list[float]] = {"uncached": [], "shared": [], "cached": []}

    def request(app: Any, address: str) -> float:
        headers = [("Accept-Encoding", "gzip")]
        environ = EnvironBuilder(address, headers=headers).get_environ()
        started = time.perf_counter()
        body, status, _ = run_wsgi_app(app.wsgi_app, environ)
        b"".join(body)
        if not status.startswith("200"):
            raise BenchError(f"{address} answers {status}")
        return (time.perf_counter() - started) * 1000

    found = addresses(config)
    kept = assemble(config, followed=True)
    for address in found:
        app = assemble(config, followed=True)
        with app.extensions[EXTENSION].store.read() as reader:  # a connection is open
            reader.state()
        took["uncached"].append(request(app, address))
        took["shared"].append(request(kept, address))
        took["cached"] += [request(kept, address) for _ in range(3)]
        app.extensions[EXTENSION].store.release()
    measured: Measured = {name: median(values) for name, values in took.items()}
    return measured | {"feeds": len(found), "slowest": max(took["uncached"])}


def run(name: str, folder: Path, argument: Path | str, checkout: Path = PROJECT) -> Measured:
    """What a step in a process of its own measured. Raises BenchError.

    `checkout` is that of another build, with what it needs in its `.venv`.
    """
    python = sys.executable if checkout == PROJECT else str(checkout / ".venv/bin/python")
    command = [python, "-m", "bench.steps", name, str(folder), str(argument)]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("FEEDS_")}
    if checkout != PROJECT:
        environment.pop("PYTHONPATH", None)
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # else each process compiles it all
    done = subprocess.run(
        command, cwd=checkout, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise BenchError(f"the step {name} failed:\n{done.stderr[-2000:]}")
    found: Measured = json.loads(done.stdout)
    return found


_STEPS: Final[dict[str, Callable[[Path, str], Measured]]] = {
    "load": load,
    "whole": whole,
    "reload": reload,
    "first": first,
    "latency": latency,
}


if __name__ == "__main__":
    print(json.dumps(_STEPS[sys.argv[1]](Path(sys.argv[2]), sys.argv[3])))  # noqa: T201
