"""What PostgreSQL costs and gives, in one run: `python -m bench.fleet`.

The steps of the scale bench over one collection, in a SQLite file and in a
PostgreSQL of its own with Debian's settings, turn by turn. Then three servers
on that PostgreSQL, and one that loads: how long after a record was written all
three show it. Needs PostgreSQL (apt install postgresql).
"""

from __future__ import annotations

import os
import platform
import signal
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from statistics import median
from typing import Final

import click

from bench import records, steps
from bench.scale import table
from bench.servers import HOST, BenchError, Server, free_port, running
from tests.helpers.databases import PostgreSQL

SERVERS: Final = 3
_PATIENCE: Final = 30.0  # seconds for a change to be shown
_LOOK: Final = 0.02  # seconds between looks for it
_ROWS: Final = {
    "cold load, s": "{:.2f}",
    "start with nothing changed, s": "{:.2f}",
    "load after one change, s": "{:.2f}",
    "a feed not prepared, ms": "{:.1f}",
    "a prepared one, ms": "{:.3f}",
}


def _measured(folder: Path, database: str) -> Iterator[float]:
    """One figure for each row, of a database that is empty."""
    yield steps.run("load", folder, database)["wall"]
    yield steps.run("load", folder, database)["wall"]
    yield steps.run("reload", folder, database)["one"]["wall"]
    latency = steps.run("latency", folder, database)
    yield latency["uncached"]
    yield latency["cached"]


def beside(folder: Path, cluster: PostgreSQL, rounds: int) -> None:
    """The figures of both databases as a table: medians, and the median ratio."""
    taken: dict[str, list[tuple[float, ...]]] = defaultdict(list)
    for turn in range(rounds):
        click.echo(f"{time.strftime('%H:%M:%S')} round {turn + 1} of {rounds}", err=True)
        at = {
            "sqlite": f"sqlite:///{folder.parent / f'{turn}.db'}",
            "postgresql": cluster.database(empty=True),
        }
        for name in sorted(at, reverse=bool(turn % 2)):
            taken[name].append(tuple(_measured(folder, at[name])))
        cluster.drop(at["postgresql"])
    rows = [["", "SQLite", "PostgreSQL", "ratio, by rounds"]]
    for number, (name, form) in enumerate(_ROWS.items()):
        one, other = ([run[number] for run in taken[kind]] for kind in ("sqlite", "postgresql"))
        ratio = median(b / a for a, b in zip(one, other, strict=True))
        rows.append([name, form.format(median(one)), form.format(median(other)), f"{ratio:.1f}"])
    table(rows)


@contextmanager
def _fleet(folder: Path, database: str) -> Iterator[list[Server]]:
    """A server that loads, which is the first, and others that only read."""
    with ExitStack() as stack:
        found = []
        for number in range(SERVERS + 1):
            port = free_port()
            config = steps.configuration(
                folder, database, workers=1, load="off" if number else "on"
            )
            work = folder.parent / f"server-{number}"
            work.mkdir()
            serve = [sys.executable, "-m", "feeds", "serve"]
            variables = steps.variables(config) | {"FEEDS_BIND": f"{HOST}:{port}"}
            found.append(stack.enter_context(running(serve, port, work, variables)))
        yield found


def changes(folder: Path, cluster: PostgreSQL, number: int) -> None:
    """Seconds until all servers show a record that was written."""
    database = cluster.database(empty=True)
    took = []
    with _fleet(folder, database) as servers:
        _until(lambda: all(server.get("/rss.xml").status == 200 for server in servers))
        for turn in range(number):
            title = f"Written while served, {turn}"
            when = datetime.now(UTC).isoformat(timespec="seconds")
            (folder / f"written-{turn}.md").write_text(
                f"---\ntitle: {title}\npublishedDateTime: {when}\n"
                f"webUrl: https://www.example.com/written/{turn}\n---\n",
                encoding="utf-8",
            )
            started = time.monotonic()
            _until(partial(_shown, servers[1:], title))
            took.append(time.monotonic() - started)
            tags = {server.get("/rss.xml").header("ETag") for server in servers}
            if len(tags) > 1:
                raise BenchError("the servers should answer with the same ETag")
    cluster.drop(database)
    click.echo(
        f"\nA record that is written is shown by all of {SERVERS} servers after"
        f" {median(took):.1f} s ({min(took):.1f} to {max(took):.1f} s, {number} times)"
    )


def _shown(servers: list[Server], title: str) -> bool:
    return all(title.encode() in server.get("/rss.xml").body for server in servers)


def _until(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end:
        with suppress(OSError):
            if is_so():
                return
        time.sleep(_LOOK)
    raise BenchError(f"the servers don't show it after {_PATIENCE:.0f} s")


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--rounds", default=3, show_default=True, type=click.IntRange(1, 100))
@click.option("--changes", "number", default=10, show_default=True, type=click.IntRange(1, 1000))
@click.option("--records", "size", default=10_000, show_default=True, help="In the collection.")
def main(rounds: int, number: int, size: int) -> None:
    """Measure PostgreSQL beside SQLite, and a fleet, on this machine, in one run."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    cluster = PostgreSQL(durable=True)
    try:
        cluster.start()
        click.echo(
            f"{datetime.now(UTC).date()}: {os.cpu_count()} cores, Python"
            f" {platform.python_version()}, {size:,} records, {rounds} rounds\n"
        )
        with tempfile.TemporaryDirectory(prefix="feeds-bench-") as name:
            folder = Path(name) / "records"
            records.write(folder, size)
            beside(folder, cluster, rounds)
            changes(folder, cluster, number)
    except BenchError as error:
        raise click.ClickException(str(error)) from None
    finally:
        cluster.remove()


if __name__ == "__main__":
    main()
