"""How loading and serving grow with the collection: `python -m bench.scale`.

Invents collections of the real shape, and measures each: cold load beside
reading every file whole with yaml.load(..., CSafeLoader), warm start, reload,
the time to the first feed, latencies and memory. Every step runs in a process
of its own. Loads and whole readings take turns, so that a machine that gets
slower gets slower for both; whole readings are of a sample of files, scaled by
their bytes. Files come from the page cache.
"""

from __future__ import annotations

import itertools
import json
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from statistics import median
from typing import Any, Final, NamedTuple

import click

from bench import records, steps
from bench.servers import (
    HOST,
    BenchError,
    Connection,
    free_port,
    resident,
    running,
    workers,
)
from feeds.records.scanner import scan
from feeds.rendering.formats import FORMATS
from feeds.selection import SORTS
from feeds.urls import POLICIES

MILLION: Final = 1_000_000
_BYTES: Final = 36_000  # of disk that a record and what is derived from it take
_SAMPLE: Final = 500  # files read whole in a turn
_SEARCHES: Final = 3  # of each format, link policy and order
_TURNS: Final = ((2_000, 5), (20_000, 3), (200_000, 2))  # most records, cold loads

Measured = dict[str, Any]


class Collection(NamedTuple):
    """A folder of records to measure, and one to work in."""

    number: int
    folder: Path
    work: Path
    other: Path | None = None  # the checkout of another build, whose loads are measured too

    @property
    def database(self) -> Path:
        return self.work / "feeds.db"

    def without_database(self) -> None:
        for part in self.work.glob("feeds.db*"):
            part.unlink()

    def step(self, name: str, argument: Path | None = None) -> Measured:
        """What a step in a process of its own measured."""
        return steps.run(name, self.folder, argument or self.database)


def _medians(runs: Iterable[Measured], keys: Iterable[str]) -> Measured:
    listed = list(runs)
    return {key: median(run[key] for run in listed) for key in keys}


def measure(collection: Collection) -> Measured:
    """Everything about one collection."""
    found: Measured = {"records": collection.number}
    files = scan(collection.folder)
    found["files"] = len(files)
    found["mib"] = sum(state.size for state in files.values()) / 2**20
    found |= _loads(collection, sorted(files), sum(state.size for state in files.values()))
    _say(f"{collection.number:,}: warm starts")
    warm = [collection.step("load") for _ in range(3)]
    if any(run["parsed"] for run in warm):
        raise BenchError("a warm start should parse nothing")
    found["warm"] = _medians(warm, ("wall", "cpu", "rss"))
    _say(f"{collection.number:,}: reloads")
    found["reload"] = collection.step("reload")
    if collection.other:
        database = collection.work / "other.db"
        found["other"] = steps.run("reload", collection.folder, database, collection.other)
        again = collection.step("reload")  # so that neither is the one that comes first
        for name in ("scan", "none", "one", "many"):
            found["reload"][name] = _medians((found["reload"][name], again[name]), ("wall", "cpu"))
    _say(f"{collection.number:,}: first feed and latencies")
    taken = [_first_feed(collection) for _ in range(3)]
    found["first"] = median(taken)
    found["latency"] = collection.step("latency")
    found["serving"] = _serving(collection)
    return found


def _loads(collection: Collection, names: list[str], size: int) -> Measured:
    """Cold loads, and whole readings of a sample before, between and after them."""
    chance = random.Random(collection.number)  # noqa: S311 - the same sample every time
    listed = collection.work / "sample"
    chosen = chance.sample(names, min(_SAMPLE, len(names)))
    listed.write_text("\n".join(chosen), encoding="utf-8")
    turns = next((turns for most, turns in _TURNS if collection.number <= most), 1)
    cold, whole = [], []
    for turn in range(turns):
        _say(f"{collection.number:,}: cold load {turn + 1} of {turns}")
        whole.append(collection.step("whole", listed))
        collection.without_database()
        cold.append(collection.step("load"))
    whole.append(collection.step("whole", listed))
    scale = size / whole[0]["bytes"]
    return {
        "cold": _medians(cold, ("wall", "cpu", "rss", "child_rss", "entries", "errors")),
        "whole": {key: scale * median(run[key] for run in whole) for key in ("wall", "cpu")},
        "sampled": len(chosen),
    }


def _first_feed(collection: Collection) -> float:
    """Seconds from the start of a process until it has the first byte of a feed."""
    started = time.perf_counter()
    collection.step("first")
    return time.perf_counter() - started


def _serving(collection: Collection) -> Measured:
    """Memory of a worker that answered feeds, and of the follower beside it, in MiB.

    And milliseconds that searches take, see `_searching`.
    """
    port = free_port()
    config = steps.configuration(collection.folder, collection.database, workers=1)
    variables = steps.variables(config) | {"FEEDS_BIND": f"{HOST}:{port}"}
    command = [sys.executable, "-m", "feeds", "serve"]
    addresses = steps.addresses(config)
    with running(command, port, collection.work, variables) as server:
        for address in addresses * 2:
            answer = server.get(address, {"Accept-Encoding": "gzip"})
            if answer.status != 200:
                raise BenchError(f"{address} answers {answer.status}")
        searching = _searching(server.port, collection.number)
        time.sleep(2)  # until the follower has looked at everything
        children = workers(server)
        following = {pid for pid in children if b"follow" in _command(pid)}
        answering = max(resident(pid) for pid in children if pid not in following)
        return searching | {
            "worker": answering,
            "follower": max((resident(pid) for pid in following), default=0.0),
            "master": resident(server.pid),
        }


def _searching(port: int, seed: int) -> Measured:
    """Milliseconds over one connection: searches nobody made before, and a feed that is prepared.

    They take turns, so that a moment in which the machine is busy is one for both;
    and the searches are of all formats and link policies, which share no entries.
    """
    chance = random.Random(seed)  # noqa: S311 - the same words every time
    connection, headers = Connection(port), {"Accept-Encoding": "gzip"}
    took: dict[str, list[float]] = {"cached": [], **{sort: [] for sort in SORTS}}
    pairs = list(itertools.combinations(records.WORDS, 2))
    kinds = list(itertools.product(SORTS, POLICIES, FORMATS))
    for (sort, policy, file), (one, other) in zip(
        kinds * _SEARCHES, chance.sample(pairs, len(kinds) * _SEARCHES), strict=True
    ):
        took["cached"] += [connection.clocked("/rss.xml", headers) for _ in range(5)]
        search = f"/{policy}/{file}?q={one}+{other}&sort={sort}".replace("/canonical", "")
        took[sort].append(connection.clocked(search, headers))
    connection.close()
    found = {f"search_{name}": median(times) for name, times in took.items()}
    return found | {"search": median(time for sort in SORTS for time in took[sort])}


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


# -- what it must show -------------------------------------------------------


class Verdict(NamedTuple):
    """A target, what was measured, and whether it was met."""

    what: str
    wanted: str
    measured: str
    met: bool


def verdicts(found: list[Measured]) -> list[Verdict]:
    """The targets that can be judged by these sizes."""
    sizes = {row["records"]: row for row in found}
    small, large = sizes.get(1_000), sizes.get(100_000)
    judged = []
    for row in found:
        ratio = row["whole"]["wall"] / row["cold"]["wall"]
        what, met = f"cold load, {row['records']:,}", ratio >= 20
        judged.append(Verdict(what, ">= 20x CSafeLoader", f"{ratio:.1f}x", met))
    for number, part in ((1_000, 5), (100_000, 50)):
        if number in sizes:
            row = sizes[number]
            ratio = row["cold"]["wall"] / row["warm"]["wall"]
            judged.append(
                Verdict(
                    f"warm start, {number:,}",
                    f"<= 1/{part} of cold",
                    f"1/{ratio:.1f}",
                    ratio >= part,
                )
            )
    if large and "other" in large:
        ratio = large["other"]["one"]["wall"] / large["reload"]["one"]["wall"]
        what = "load after one change, 100,000"
        judged.append(Verdict(what, ">= 10x the other build", f"{ratio:.1f}x", ratio >= 10))
    few = sizes.get(10_000)
    for row in found if few else []:
        if row["records"] > 10_000 and few:
            ratio = row["reload"]["one"]["wall"] / few["reload"]["one"]["wall"]
            what = f"load after one change, {row['records']:,} / 10,000"
            judged.append(Verdict(what, "<= 1.5x", f"{ratio:.2f}x", ratio <= 1.5))
    if large:
        served = large["serving"]
        ratio = served["search"] / served["search_cached"]
        what = "search over 100,000 : cached feed, HTTP"
        judged.append(Verdict(what, "<= 50x", f"{ratio:.0f}x", ratio <= 50))
    if small and large:
        for what, step, key, limit in (
            ("worker memory, 100,000 / 1,000", "serving", "worker", 1.5),
            ("uncached latency, 100,000 / 1,000", "latency", "uncached", 2.0),
        ):
            ratio = large[step][key] / small[step][key]
            judged.append(Verdict(what, f"<= {limit}x", f"{ratio:.2f}x", ratio <= limit))
    return judged


_ROWS: Final[tuple[tuple[str, Callable[[Measured], str]], ...]] = (
    ("files", lambda r: f"{r['files']:,}"),
    ("MiB", lambda r: f"{r['mib']:,.0f}"),
    ("entries", lambda r: f"{r['cold']['entries']:,.0f}"),
    ("whole, CSafeLoader (scaled), s", lambda r: f"{r['whole']['wall']:,.2f}"),
    ("    of processors, s", lambda r: f"{r['whole']['cpu']:,.2f}"),
    ("cold load, s", lambda r: f"{r['cold']['wall']:,.2f}"),
    ("    of processors, s", lambda r: f"{r['cold']['cpu']:,.2f}"),
    ("whole : cold", lambda r: f"{r['whole']['wall'] / r['cold']['wall']:.1f}"),
    ("    of processors", lambda r: f"{r['whole']['cpu'] / r['cold']['cpu']:.1f}"),
    ("warm start, s", lambda r: f"{r['warm']['wall']:.3f}"),
    ("    of processors, s", lambda r: f"{r['warm']['cpu']:.3f}"),
    ("scan of the folder, s", lambda r: f"{r['reload']['scan']['wall']:.3f}"),
    ("reload, nothing changed, s", lambda r: f"{r['reload']['none']['wall']:.3f}"),
    ("reload, 1 changed, s", lambda r: f"{r['reload']['one']['wall']:.3f}"),
    ("    of processors, s", lambda r: f"{r['reload']['one']['cpu']:.3f}"),
    ("    of the other build, s", lambda r: f"{r['other']['one']['wall']:.3f}"),
    ("reload, 1,000 (at most half) changed, s", lambda r: f"{r['reload']['many']['wall']:.3f}"),
    ("first feed of a new process, s", lambda r: f"{r['first']:.2f}"),
    ("uncached feed, ms", lambda r: f"{r['latency']['uncached']:.1f}"),
    ("    with entries that others show, ms", lambda r: f"{r['latency']['shared']:.1f}"),
    ("cached feed, ms", lambda r: f"{r['latency']['cached']:.3f}"),
    ("cached feed over HTTP, ms", lambda r: f"{r['serving']['search_cached']:.2f}"),
    ("search over HTTP, uncached, ms", lambda r: f"{r['serving']['search']:.1f}"),
    *(
        (f"    {sort} first", lambda r, sort=sort: f"{r['serving'][f'search_{sort}']:.1f}")
        for sort in SORTS
    ),
    ("feeds asked for", lambda r: f"{r['latency']['feeds']}"),
    ("loader, most memory, MiB", lambda r: f"{r['cold']['rss']:.0f}"),
    ("    each of its processes", lambda r: f"{r['cold']['child_rss']:.0f}"),
    ("warm loader, most memory, MiB", lambda r: f"{r['warm']['rss']:.0f}"),
    ("worker, MiB", lambda r: f"{r['serving']['worker']:.0f}"),
    ("follower, MiB", lambda r: f"{r['serving']['follower']:.0f}"),
)


def show(found: list[Measured]) -> None:
    """The measurements and verdicts as Markdown tables."""
    head = ["", *(f"{row['records']:,}" for row in found)]
    shown = [
        (name, cell) for name, cell in _ROWS if "other build" not in name or "other" in found[0]
    ]
    table([head, *([name, *(cell(row) for row in found)] for name, cell in shown)])
    sampled = max(row["sampled"] for row in found)
    click.echo(f"\nWhole readings are of {sampled} files at most, scaled by bytes; medians.\n")
    judged = [[v.what, v.wanted, v.measured, "met" if v.met else "MISSED"] for v in verdicts(found)]
    table([["target", "wanted", "measured", ""], *judged])


def table(rows: list[list[str]]) -> None:
    """A Markdown table that is readable as it is; the first row is its head."""
    widths = [max(len(row[n]) for row in rows) for n in range(len(rows[0]))]
    for number, row in enumerate(rows):
        first, *others = zip(row, widths, strict=True)
        cells = [first[0].ljust(first[1]), *(text.rjust(width) for text, width in others)]
        click.echo(f"| {' | '.join(cells)} |")
        if number == 0:
            marks = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
            click.echo(f"| {' | '.join(marks)} |")


def _say(text: str) -> None:
    """What is being done, on stderr."""
    click.echo(f"{time.strftime('%H:%M:%S')} {text}", err=True)


# -- the command -------------------------------------------------------------


def _sizes(_: object, __: object, value: str) -> list[int]:
    try:
        return sorted({int(number) for number in value.split(",")})
    except ValueError:
        raise click.BadParameter("numbers, such as 1000,10000") from None


def _generate(folder: Path, number: int, shared: Path | None) -> Path:
    """A collection of `number` invented records, and the real ones; one that is there is kept."""
    made = folder / f"records-{number}"
    if len(list(made.glob("*.md"))) != number:
        _say(f"{number:,}: inventing records")
        shutil.rmtree(made, ignore_errors=True)
        records.write(made, number)
    real = made / "shared"
    shutil.rmtree(real, ignore_errors=True)
    if shared is not None:
        shutil.copytree(shared, real, ignore_dangling_symlinks=True)
    return made


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--records", "sizes", default="1000,10000,100000", show_default=True, callback=_sizes)
@click.option("--million", is_flag=True, help="A million records too; needs 36 GB of disk.")
@click.option(
    "--shared", type=click.Path(exists=True, path_type=Path), help="Real records to add to each."
)
@click.option(
    "--against", type=click.Path(exists=True, path_type=Path), help="A checkout with a .venv."
)
@click.option("--folder", type=click.Path(path_type=Path), help="Keep the collections here.")
@click.option("--keep", is_flag=True, help="Don't delete the collections, and say where they are.")
@click.option("--json", "as_json", is_flag=True, help="Print what was measured as JSON.")
def main(
    sizes: list[int],
    million: bool,
    shared: Path | None,
    against: Path | None,
    folder: Path | None,
    keep: bool,
    as_json: bool,
) -> None:
    """Measure loading and serving of collections of several sizes."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sizes += [MILLION] * (million and MILLION not in sizes)
    within = folder or Path(tempfile.mkdtemp(prefix="feeds-scale-"))
    within.mkdir(parents=True, exist_ok=True)
    found = []
    try:
        for number in sizes:
            free = shutil.disk_usage(within).free
            if free < number * _BYTES:
                raise click.ClickException(
                    f"{number:,} records need {number * _BYTES / 1e9:.0f} GB in {within}, "
                    f"which has {free / 1e9:.0f} GB; --folder names another place"
                )
            made = _generate(within, number, shared)
            with tempfile.TemporaryDirectory(prefix="work-", dir=within) as work:
                found.append(measure(Collection(number, made, Path(work), against)))
            if not (keep or folder):
                shutil.rmtree(made)
    except BenchError as error:
        raise click.ClickException(str(error)) from None
    finally:
        if not (keep or folder):
            shutil.rmtree(within, ignore_errors=True)
        elif keep and not folder:
            _say(f"the collections are in {within}")
    if as_json:
        judged = [verdict._asdict() for verdict in verdicts(found)]
        click.echo(json.dumps({"sizes": found, "verdicts": judged}, indent=1))
    else:
        show(found)
    if not all(verdict.met for verdict in verdicts(found)):
        sys.exit(1)


if __name__ == "__main__":
    main()
