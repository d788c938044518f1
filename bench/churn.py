"""Loads while people poll: `python -m bench.churn`.

A real `feeds serve` with two workers answers a steady load of polls while the
folder changes at random: records are changed, added, broken, removed and
restored, reload after reload. In the end the feeds served must be those of a
fresh load of the folder by a store that is told when its records came. With
--kill, workers, the follower and loaders are killed meanwhile, the folder is
moved away and back, and, where a small file system can be mounted (root on
Linux), the disk of the database fills up.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median, quantiles
from typing import Any, Final

import click
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.test import EnvironBuilder, run_wsgi_app

from bench import records, steps
from bench.polls import Polls, poll
from bench.scale import table
from bench.servers import HOST, BenchError, Server, free_port, running, workers
from feeds.catalog import builder
from feeds.catalog.addresses import Addresses, FeedQuery
from feeds.config import Config
from feeds.loading import loader
from feeds.model import FeedsError
from feeds.rendering.formats import FORMATS, MEDIA_TYPES
from feeds.serving.app import assemble
from feeds.store import memory, recovery
from feeds.store.database import Store
from feeds.store.schema import state
from feeds.urls import POLICIES

_POLLED: Final = 36  # feeds
_LIMIT: Final = 20  # entries of a feed, so that many are full
_LEFT_OUT: Final = 0.15  # of the files may be broken or gone at a time
_SETTLES: Final = 30.0  # seconds until the last changes must be served
_SERVED_BY: Final = 12  # times that a feed is asked for in the end, to meet every worker
_DISK: Final = "48m"

_BROKEN: Final[tuple[Callable[[bytes], bytes], ...]] = (
    lambda data: data[: len(data) // 2],  # half written
    lambda data: data.replace(b"title: ", b"title: [", 1),
    lambda data: data.replace(b"title: ", b"title: \xff", 1),
    lambda data: data.replace(b"webUrl: ", b"webUrl: javascript:", 1).replace(
        b"originalUrl: ", b"originalUrl: data:", 1
    ),
    lambda data: data.replace(b"category: ", b"category: &a *a\nx: ", 1),
    lambda _: b"",
    lambda data: data.replace(b"published: ", b"title: twice\npublished: ", 1),
)


class Folder:
    """A collection that changes at random, and how it should be in the end."""

    def __init__(self, folder: Path, number: int, seed: int) -> None:
        self.folder = folder
        self.chance = random.Random(seed)  # noqa: S311 - no secret, and must repeat
        self.paths = records.write(folder, number)
        self.out: dict[Path, bytes] = {}  # broken or removed: what they were
        self.done: Counter[str] = Counter()
        self.lock = threading.Lock()  # held while the folder is away
        self._next = number

    def change(self) -> None:
        """One to five changes."""
        with self.lock:
            for _ in range(self.chance.choice((1, 1, 1, 2, 5))):
                name = self.chance.choice(("change", "change", "add", "break", "remove", "restore"))
                if name in ("break", "remove") and len(self.out) > _LEFT_OUT * len(self.paths):
                    name = "restore"
                if name == "restore" and not self.out:
                    name = "change"
                self.done[name] += 1
                getattr(self, f"_{name}")()

    def _good(self) -> Path:
        while (path := self.chance.choice(self.paths)) in self.out:
            pass
        return path

    def _change(self) -> None:
        path = self._good()
        before = path.read_bytes()
        records.edit(path, self.chance.randrange(10_000))
        after = path.read_bytes()
        path.write_bytes(before)
        self._put(path, after)

    def _add(self) -> None:
        self._next += 1
        published = datetime(2026, 6, 1, tzinfo=UTC) + timedelta(minutes=self._next)
        path = self.folder / f"{published:%Y-%m-%d}-{self._next:05}.md"
        text = records.text(self.chance, self._next, published).encode()
        self.paths.append(path)
        self._put(path, text)

    def _break(self) -> None:
        path = self._good()
        self.out[path] = path.read_bytes()
        # Broken records stay served as they last were, but hidden ones hide.
        self._put(path, self.chance.choice(_BROKEN)(self.out[path]))

    def _remove(self) -> None:
        path = self._good()
        self.out[path] = path.read_bytes()
        path.unlink()

    def _restore(self) -> None:
        path = self.chance.choice(sorted(self.out))
        self._put(path, self.out.pop(path))

    def restore_all(self) -> None:
        """Mend what is broken; what was removed stays so."""
        with self.lock:
            for path in sorted(self.out):
                if path.exists():
                    self._put(path, self.out.pop(path))

    def _put(self, path: Path, data: bytes) -> None:
        """Write a file as programs do: in its place, in two halves, or by renaming another."""
        how = self.chance.randrange(3)
        if how == 0:
            path.write_bytes(data)
        elif how == 1:
            with path.open("wb", buffering=0) as file:
                file.write(data[: len(data) // 2])
                time.sleep(0.002)
                file.write(data[len(data) // 2 :])
        else:
            beside = path.with_name(f".{path.name}.tmp")
            beside.write_bytes(data)
            beside.rename(path)


class Loads:
    """Brings the database up to the folder, from this process or by waiting for the follower."""

    def __init__(self, config: Config, *, follower: bool) -> None:
        self.config = config
        self.follower = follower
        self.took: list[float] = []
        self.failed: Counter[str] = Counter()

    def load(self) -> None:
        started = time.monotonic()
        try:
            if self.follower:
                self._wait(started)
            else:
                recovery.with_recovery(self.config.database, self._warn, self._load)
        except (FeedsError, SQLAlchemyError, OSError) as error:
            self.failed[_kind(str(error))] += 1
        else:
            self.took.append(time.monotonic() - started)

    def _load(self, store: Store) -> None:
        try:
            loader.load(store, self.config.seeds)
        finally:
            store.release()

    def _warn(self, message: str) -> None:
        self.failed[_kind(message)] += 1

    def _wait(self, started: float) -> None:
        """Until the store was written to since; nothing to write is no change."""
        store = Store(self.config.database)
        try:
            before = _writes(store)
            while _writes(store) == before:
                if time.monotonic() - started > _SETTLES:
                    self.failed["the follower wrote nothing"] += 1
                    return
                time.sleep(0.05)
        finally:
            store.release()


def _writes(store: Store) -> int:
    with store.read() as reader:
        return int(reader.connection.execute(select(state.c.writes)).scalar_one())


def _kind(message: str) -> str:
    """A message without what differs each time."""
    return " ".join(word for word in message.split() if not word.replace(",", "").isdigit())[:90]


class Killer(threading.Thread):
    """Does what operators fear, at random, until it is stopped."""

    def __init__(self, server: Server, folder: Folder, config: Config, disk: Path | None) -> None:
        super().__init__(daemon=True)
        self.stop = threading.Event()
        self.done: Counter[str] = Counter()
        self._server = server
        self._folder = folder
        self._config = config
        self._disk = disk
        self._chance = random.Random(7)  # noqa: S311 - no secret

    def run(self) -> None:
        choices = ["worker", "worker", "follower", "loader", "folder"]
        choices += ["disk"] * (self._disk is not None)
        while not self.stop.wait(self._chance.uniform(0.3, 2.5)):
            name = self._chance.choice(choices)
            with suppress(ProcessLookupError):
                getattr(self, f"_hit_{name}")()
                self.done[name] += 1

    def _hit_worker(self) -> None:
        found = [pid for pid in workers(self._server) if not _follows(pid)]
        if len(found) > 1:  # a server all of whose workers are killed can't answer
            os.kill(self._chance.choice(found), signal.SIGKILL)

    def _hit_follower(self) -> None:
        for pid in workers(self._server):
            if _follows(pid):
                os.kill(pid, signal.SIGKILL)

    def _hit_loader(self) -> None:
        started = subprocess.Popen(
            [sys.executable, "-m", "feeds", "load"],
            env={**os.environ, **steps.variables(self._config)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self.stop.wait(self._chance.uniform(0, 1.5))
        started.kill()
        started.wait()

    def _hit_folder(self) -> None:
        away = self._folder.folder.with_name("away")
        with self._folder.lock:
            self._folder.folder.rename(away)
            try:
                self.stop.wait(self._chance.uniform(0.1, 3))
            finally:
                away.rename(self._folder.folder)

    def _hit_disk(self) -> None:
        if self._disk is None:
            return
        filler = self._disk / "filler"
        try:
            with suppress(OSError), filler.open("wb", buffering=0) as file:
                while True:
                    file.write(bytes(65536))
            self.stop.wait(self._chance.uniform(0.5, 3))
        finally:
            filler.unlink(missing_ok=True)


def _follows(pid: int) -> bool:
    try:
        return b"follow" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


@contextmanager
def _small_disk(at: Path) -> Iterator[Path | None]:
    """A small file system to fill; None where none can be mounted."""
    at.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={_DISK}", "tmpfs", str(at)]
    mounted = (
        shutil.which("mount") is not None
        and subprocess.run(command, capture_output=True, check=False).returncode == 0
    )
    try:
        yield at if mounted else None
    finally:
        if mounted:
            subprocess.run(["umount", "-l", str(at)], check=False)  # noqa: S607


# -- what is served in the end -----------------------------------------------


def _expected(config: Config, work: Path) -> dict[str, bytes]:
    """Every feed and page by its address, of a fresh load that is told when records came."""
    anew = work / "fresh.db"
    fresh = steps.configuration(config.seeds, anew, limit=_LIMIT, base_url=config.root)
    served, store = Store(config.database), Store(fresh.database)
    with served.read() as reader:
        remembered = memory.recall(reader.connection)
    served.release()
    loader.load(store, fresh.seeds, recall=lambda: remembered)
    app = assemble(fresh, followed=True)
    grammar = Addresses(fresh.root, fresh.links, fresh.limit, MEDIA_TYPES)
    with store.read() as reader:
        scopes = [listed.scope for listed in builder.scopes(reader)]
    store.release()
    found = {}
    for scope in scopes:
        for policy in POLICIES:
            for file in FORMATS:
                address = grammar.path(FeedQuery(scope, policy, file, fresh.limit))
                body, _, _ = run_wsgi_app(app.wsgi_app, EnvironBuilder(address).get_environ())
                found[address] = b"".join(body)
    return found


def _differing(server: Server, expected: dict[str, bytes]) -> list[str]:
    """The addresses at which a worker answers something else."""
    found = []
    for number, (address, body) in enumerate(expected.items()):
        times = _SERVED_BY if number % 20 == 0 else 2
        if any(server.get(address).body != body for _ in range(times)):
            found.append(address)
    return found


# -- the run -----------------------------------------------------------------


def churn(
    work: Path, *, reloads: int, seconds: float, number: int, rate: float, kill: bool, follow: bool
) -> dict[str, Any]:
    """What came of it all."""
    folder = Folder(work / "records", number, seed=11)
    with _small_disk(work / "disk") as disk:
        place = disk if kill and disk else work
        port = free_port()
        config = steps.configuration(folder.folder, place / "feeds.db", workers=2, limit=_LIMIT)
        variables = steps.variables(config) | {"FEEDS_BIND": f"{HOST}:{port}"}
        command = [sys.executable, "-m", "feeds", "serve"]
        with running(command, port, work, variables) as server:
            found = _churn(server, folder, config, reloads, seconds, rate, kill=kill, follow=follow)
            if kill:
                found["disk"] = disk is not None
            folder.restore_all()
            Loads(config, follower=False).load()
            expected = _expected(config, work)
            until = time.monotonic() + _SETTLES
            while (differing := _differing(server, expected)) and time.monotonic() < until:
                time.sleep(1)
            found |= {"compared": len(expected), "differing": differing}
        log = (work / f"{port}.log").read_text(encoding="utf-8", errors="replace")
        found["tracebacks"] = log.count("Traceback")
        found["log"] = log[-4000:] if found["tracebacks"] else ""
    return found


def _churn(
    server: Server,
    folder: Folder,
    config: Config,
    reloads: int,
    seconds: float,
    rate: float,
    *,
    kill: bool,
    follow: bool,
) -> dict[str, Any]:
    polled = steps.addresses(config)[:_POLLED]
    for address in polled:
        server.get(address)
    ours, theirs = multiprocessing.Pipe()
    context = multiprocessing.get_context("spawn")
    arguments = (server.port, polled, 8, rate, theirs)
    process = context.Process(target=poll, args=arguments, daemon=True)
    process.start()
    loads = Loads(config, follower=follow)
    killer = Killer(server, folder, config, config_disk(config) if kill else None)
    if kill:
        killer.start()
    started, done = time.monotonic(), 0
    while done < reloads and time.monotonic() - started < seconds:
        folder.change()
        loads.load()
        done += 1
        if done % 100 == 0:
            click.echo(f"{done:,} reloads in {time.monotonic() - started:.0f} s", err=True)
    lasted = time.monotonic() - started
    killer.stop.set()
    if kill:
        killer.join()
    ours.send("stop")
    polls: Polls = ours.recv()
    process.join()
    percentiles = quantiles(polls.took, n=100) if len(polls.took) > 1 else [0.0] * 99
    return {
        "reloads": done,
        "seconds": lasted,
        "changes": dict(folder.done),
        "load": median(loads.took) if loads.took else 0.0,
        "slowest_load": max(loads.took, default=0.0),
        "failed_loads": dict(loads.failed),
        "killed": dict(killer.done),
        "polls": sum(polls.statuses.values()),
        "statuses": dict(sorted(polls.statuses.items())),
        "errors": dict(polls.errors),
        "bodies": polls.bodies,
        "bad": polls.bad,
        "p50": percentiles[49],
        "p99": percentiles[98],
        "slowest": max(polls.took, default=0.0),
    }


def config_disk(config: Config) -> Path | None:
    """The small file system that the database is on, if it is."""
    place = Path(config.database.removeprefix("sqlite:///")).parent
    return place if place.name == "disk" else None


def verdicts(found: dict[str, Any], *, kill: bool) -> list[tuple[str, str, bool]]:
    """What it must show, what it did, and whether that is enough."""
    statuses, errors = found["statuses"], found["errors"]
    failed = {s: n for s, n in statuses.items() if s >= 500}
    refused = errors.get("ConnectionRefusedError", 0)
    lost = sum(errors.values()) - refused
    judged = [
        ("no 5xx", str(failed or "none"), not failed),
        ("only 200, 226 and 304", str(statuses), set(statuses) <= {200, 226, 304}),
        ("no connection refused", str(refused), refused == 0),
        ("p99 under 250 ms", f"{found['p99']:.1f} ms", found["p99"] < 250),
        (
            "every body a whole feed",
            f"{found['bodies']:,} different bodies, {len(found['bad'])} bad",
            not found["bad"],
        ),
        (
            "feeds equal those of a fresh load",
            f"{found['compared']:,} compared, {len(found['differing'])} differ",
            not found["differing"],
        ),
        ("no traceback in the log", str(found["tracebacks"]), found["tracebacks"] == 0),
    ]
    if kill:  # those on a worker that is killed are lost
        killed = found["killed"].get("worker", 0)
        judged.append(("lost connections", f"{lost}, {killed} workers killed", lost <= killed * 8))
    else:
        judged.append(("no connection lost", str(errors or "none"), lost == 0))
    return judged


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--reloads", default=1000, show_default=True, type=click.IntRange(1))
@click.option("--seconds", default=3600.0, show_default=True, help="End earlier after so many.")
@click.option("--records", "number", default=400, show_default=True, type=click.IntRange(50))
@click.option("--rate", default=150.0, show_default=True, help="Polls a second, of 8 clients.")
@click.option("--kill", is_flag=True, help="Kill processes and move the folder meanwhile.")
@click.option("--follow", is_flag=True, help="Have the server's own follower make the loads.")
@click.option("--json", "as_json", is_flag=True, help="Print what was measured as JSON.")
def main(
    reloads: int,
    seconds: float,
    number: int,
    rate: float,
    kill: bool,
    follow: bool,
    as_json: bool,
) -> None:
    """Change the folder while its feeds are polled, and check what is served."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory(prefix="feeds-churn-") as name:
        try:
            found = churn(
                Path(name),
                reloads=reloads,
                seconds=seconds,
                number=number,
                rate=rate,
                kill=kill,
                follow=follow,
            )
        except BenchError as error:
            raise click.ClickException(str(error)) from None
    judged = verdicts(found, kill=kill)
    if as_json:
        click.echo(json.dumps(found | {"verdicts": judged}, indent=1))
    else:
        click.echo(
            f"{found['reloads']:,} reloads in {found['seconds']:.0f} s "
            f"(median {found['load']:.3f} s, slowest {found['slowest_load']:.3f} s); "
            f"changes {found['changes']}; loads that failed {found['failed_loads'] or 'none'}; "
            f"killed {found['killed'] or 'nothing'}"
        )
        click.echo(
            f"{found['polls']:,} polls: p50 {found['p50']:.1f} ms, p99 {found['p99']:.1f} ms, "
            f"slowest {found['slowest']:.0f} ms\n"
        )
        rows = [[what, did, "met" if met else "MISSED"] for what, did, met in judged]
        table([["target", "measured", ""], *rows])
        for line in [*found["bad"][:5], *found["differing"][:5], found["log"]]:
            click.echo(line)
    sys.exit(0 if all(met for _, _, met in judged) else 1)


if __name__ == "__main__":
    main()
