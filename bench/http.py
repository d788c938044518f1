"""How fast this program answers, beside others, in one run: `python -m bench.http`.

Starts everything itself on loopback and stops it again. The contestants take
turns, round after round, so that a machine that gets slower gets slower for
all of them. Needs wrk (apt install wrk); nginx takes part where it is installed,
another build of this program with `--base` and the Python that has it.
"""

from __future__ import annotations

import importlib.util
import itertools
import json
import os
import platform
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, date, datetime
from importlib import metadata
from pathlib import Path
from statistics import median
from typing import Any, Final, NamedTuple

import click

from bench import load, others, records
from bench.servers import (
    FEED,
    HOST,
    BenchError,
    Server,
    free_port,
    listens,
    processor,
    python,
    resident,
    running,
    workers,
)
from feeds import urls
from feeds.catalog import builder
from feeds.catalog.addresses import FeedQuery
from feeds.config import Config, environment, read
from feeds.loading import loader
from feeds.model import Entry, Feed
from feeds.rendering.formats.content import content
from feeds.serving.document_store import DocumentStore
from feeds.serving.server import COMMON
from feeds.store.database import Store

GZIP: Final = {"Accept-Encoding": "gzip"}
_MEETINGS: Final = 12  # times that is asked, to meet every worker
BEHIND, FALLS = "200, one state behind", "falls through to Flask"
CASES: Final = ("200 gzip", "304", BEHIND, "226 delta", FALLS)
DISTINCT: Final = 100_000  # query strings of the memory run
_SLOW_CLIENTS: Final = 300
_IDLE: Final = 1500
_BOUND: Final = 240  # seconds of the memory run, at most
# MiB that a worker may grow beside its cache: what it imports late, pages of
# the store for each connection, two documents in the making, fragmentation.
_BESIDE: Final = 40
_NGINX: Final = ("/usr/sbin", "/usr/local/sbin")

OURS, BASE, BARE = "feeds", "feeds, the other build", "bare callable, gunicorn's threads"
PLAIN, NGINX = "Flask + feedgen, gunicorn's threads", "nginx, prepared files"

# The one that feeds is measured against, and the least ratio that is asked for in each case.
TARGETS: Final[Mapping[str, Mapping[str, float | None]]] = {
    BASE: {"200 gzip": 8, "304": 8, BEHIND: 1, "226 delta": None, FALLS: 0.95},
    NGINX: {"200 gzip": 0.4, "304": 0.25},
    BARE: {"200 gzip": None, "304": None},
    PLAIN: {"200 gzip": 25, "304": 25},
}


class Bench(NamedTuple):
    """What all measurements share: a folder to work in, a collection, and how long to measure."""

    folder: Path
    config: Config
    paths: list[Path]
    rounds: int
    seconds: int
    connections: int
    base: str  # the Python of another build; empty for none

    def variables(self, bind: str = "", **settings: object) -> dict[str, str]:
        """FEEDS_* variables for a server of this collection."""
        found = environment(self.config) | {"FEEDS_BIND": bind} if bind else {}
        return found | {f"FEEDS_{name.upper()}": str(value) for name, value in settings.items()}

    @contextmanager
    def serve(self, name: str = OURS, **settings: object) -> Iterator[Server]:
        """`feeds serve`, with the feed prepared; of the other build with a store of its own."""
        port = free_port()
        python = sys.executable if name == OURS else self.base
        if name == BASE:
            settings["database_url"] = f"sqlite:///{self.folder / 'base.db'}"
        variables = self.variables(f"{HOST}:{port}", **settings)
        if name == BASE:
            variables["PYTHONPATH"] = ""  # it may name this build
        with running([python, "-m", "feeds", "serve"], port, self.folder, variables) as started:
            started.get(FEED, GZIP)
            yield started

    @property
    def builds(self) -> tuple[str, ...]:
        """Our own, and the other where there is one."""
        return (OURS, BASE) if self.base else (OURS,)


class Contestant(NamedTuple):
    """A server and one request that it answers over and over."""

    name: str
    case: str
    server: Server
    headers: Mapping[str, str]
    path: str = FEED


# -- the table ---------------------------------------------------------------


def throughput(bench: Bench) -> dict[str, Any]:
    """Requests a second of every contestant."""
    with ExitStack() as stack:
        contestants = list(_contestants(bench, stack))
        measured: dict[str, dict[str, list[float]]] = {}
        processors: dict[str, dict[str, list[float]]] = {}
        failures: dict[str, int] = {}
        turns = [(turn, c) for turn in range(bench.rounds) for c in contestants]
        for number, (turn, contestant) in enumerate(turns, 1):
            _say(f"{number} of {len(turns)}: {contestant.name}, {contestant.case}")
            before = processor(contestant.server)
            rate = load.hammer(
                contestant.server,
                contestant.path,
                contestant.headers,
                seconds=bench.seconds,
                connections=bench.connections,
            )
            used = (processor(contestant.server) - before) / (rate.requests * bench.seconds)
            for into, value in ((measured, rate.requests), (processors, used * 1e6)):
                cases = into.setdefault(contestant.name, {})
                cases.setdefault(contestant.case, [0.0] * bench.rounds)[turn] = value
            if rate.failures:
                failures[f"{contestant.name}, {contestant.case}"] = rate.failures
    return {"requests": measured, "processors": processors, "failures": failures}


def _contestants(bench: Bench, stack: ExitStack) -> Iterator[Contestant]:
    """Starts them all, and makes sure that each gives the answer it is measured for."""
    ours = {name: stack.enter_context(bench.serve(name)) for name in bench.builds}
    before = {name: server.get(FEED, GZIP).header("ETag") for name, server in ours.items()}
    _change_one(bench)
    for name, server in ours.items():
        _wait_for_change(server, before[name])
    full = {name: server.get(FEED, GZIP) for name, server in ours.items()}
    others.write_answers(
        bench.folder / "answers.json",
        full[OURS],
        ours[OURS].get(FEED, _conditional(full[OURS].header("ETag"))),
    )
    servers = ours | dict(_others(bench, stack, full[OURS].body))
    for name, server in servers.items():
        answer = server.get(FEED, GZIP)
        same = name in (PLAIN, BASE) or answer.body == full[OURS].body
        _expect(same and answer.status == 200, name, "the body of feeds", answer.status)
        yield Contestant(name, "200 gzip", server, GZIP)
        conditional = _conditional(answer.header("ETag"))
        _expect(server.get(FEED, conditional).status == 304, name, "304", answer.status)
        yield Contestant(name, "304", server, conditional)
        if name in before:
            behind = _conditional(before[name])
            _expect(server.get(FEED, behind).status == 200, name, "200", answer.status)
            yield Contestant(name, BEHIND, server, behind)
            yield Contestant(name, FALLS, server, GZIP, f"{FEED}?utm_source=a")
            delta = _conditional(before[name]) | {"A-IM": "feed"}
            status = server.get(FEED, delta).status
            _expect(status == 226, name, "226", status)
            yield Contestant(name, "226 delta", server, delta)


def _others(bench: Bench, stack: ExitStack, compressed: bytes) -> Iterator[tuple[str, Server]]:
    def start(module_arguments: Sequence[str], **variables: str) -> Server:
        port = free_port()
        command, *arguments = module_arguments
        run = python("bench.others", command, f"{HOST}:{port}", *arguments)
        variables["FEEDS_WORKERS"] = str(bench.config.workers)
        return stack.enter_context(running(run, port, bench.folder, variables))

    answers = {others.ANSWERS: str(bench.folder / "answers.json")}
    yield BARE, start(["bare"], **answers)
    entries = bench.folder / "entries.json"
    entries.write_text(json.dumps(_entries(bench)), encoding="utf-8")
    yield PLAIN, start(["plain", str(entries)])
    nginx = _nginx()
    if nginx:
        port = free_port()
        command = _prepare_nginx(bench, nginx, port, compressed)
        yield NGINX, stack.enter_context(running(command, port, bench.folder))


def _conditional(tag: str) -> dict[str, str]:
    return {**GZIP, "If-None-Match": tag}


def _expect(truth: object, name: str, what: str, status: int) -> None:
    if not truth:
        raise BenchError(f"{name} should give {what}; its status is {status}")


def _change_one(bench: Bench) -> None:
    """Load another title of the newest entry, and wait until the servers have seen it."""
    newest = next(p for p in bench.paths if "\npublished: true\n" in p.read_text("utf-8"))
    records.edit(newest, 1)
    store = Store(bench.config.database)
    loader.load(store, bench.config.seeds)
    store.release()


def _wait_for_change(server: Server, tag: str) -> None:
    until = time.monotonic() + 30
    # Each worker sees the change for itself, and any of them may answer.
    while tag in {server.get(FEED, GZIP).header("ETag") for _ in range(_MEETINGS)}:
        if time.monotonic() > until:
            raise BenchError("a change should have been served")
        time.sleep(0.1)


def _entries(bench: Bench) -> list[dict[str, Any]]:
    """What the plain program is told of the entries of the feed of everything."""
    store = Store(bench.config.database)
    documents = DocumentStore(store, bench.config)
    query = FeedQuery(file=FEED.strip("/"), limit=bench.config.limit)
    with store.read() as reader:
        feed = builder.feed(reader, query, documents.addresses, documents.config, date.max)
        entries = [_plain_entry(entry, feed) for entry in feed.entries]
    store.release()
    return entries


def _plain_entry(entry: Entry, feed: Feed) -> dict[str, Any]:
    record = entry.record
    return {
        "id": entry.id,
        "title": record.title,
        "link": urls.select(record, feed.policy),
        "summary": record.excerpt,
        "content": content(entry, feed.policy),
        "author": record.provider.name if record.provider else feed.site,
        "published": entry.published.isoformat() if entry.published else "",
        "updated": entry.updated.isoformat(),
        "categories": [
            {"term": label.slug, "label": label.name, "scheme": f"{feed.root}/{kind}/"}
            for kind, labels in (("topics", entry.topics), ("types", [entry.type]))
            for label in labels
            if label
        ],
        "images": [
            {
                "url": image.url,
                "width": str(image.width or "") or None,
                "height": str(image.height or "") or None,
            }
            for image in record.images
        ],
    }


def _nginx() -> str | None:
    return shutil.which("nginx", path=os.pathsep.join([os.environ.get("PATH", ""), *_NGINX]))


def _prepare_nginx(bench: Bench, nginx: str, port: int, compressed: bytes) -> list[str]:
    """Files and settings for nginx; the command that runs it."""
    folder = bench.folder / "nginx"
    folder.mkdir()
    (folder / f"{FEED.strip('/')}.gz").write_bytes(compressed)
    (folder / FEED.strip("/")).write_bytes(b"the one without a coding isn't asked for")
    user = "user root;" if os.getuid() == 0 else ""  # the folder is ours alone
    settings = folder / "nginx.conf"
    temporary = "".join(
        f"{kind}_temp_path {folder}/{kind};"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    settings.write_text(
        f"{user} daemon off; worker_processes {bench.config.workers}; pid {folder}/pid;"
        f"error_log {folder}/error.log; events {{ worker_connections 1024; }}"
        f"http {{ {temporary} access_log off; sendfile on; tcp_nopush on;"
        " keepalive_requests 1000000000; open_file_cache max=100; etag on; gzip_static on;"
        " types { application/rss+xml xml; } charset utf-8; charset_types application/rss+xml;"
        ' add_header Vary Accept-Encoding; add_header Cache-Control "public, max-age=300";'
        " add_header X-Content-Type-Options nosniff; add_header Access-Control-Allow-Origin *;"
        f" server {{ listen {HOST}:{port}; root {folder}; }} }}"
    )
    return [nginx, "-c", str(settings), "-e", f"{folder}/error.log"]


def show_throughput(found: dict[str, Any]) -> None:
    """Medians, then ratios with their targets."""
    measured, processors = found["requests"], found["processors"]
    for title, of, form in (
        ("Requests a second", measured, ",.0f"),
        ("Microseconds of a processor that a request takes the server", processors, ",.1f"),
    ):
        click.echo(f"\n{title} (median of the rounds)\n")
        rows = [
            [name, *(f"{median(cases[case]):{form}}" if case in cases else "" for case in CASES)]
            for name, cases in of.items()
        ]
        _table(["", *CASES], rows)
    click.echo("\nRatios (median of the ratios in each round)\n")
    rows = []
    for other, targets in TARGETS.items():
        for case, target in targets.items():
            if other in measured and case in measured[other]:
                ratio = _ratio(measured[OURS][case], measured[other][case])
                less = _ratio(processors[other][case], processors[OURS][case])
                row = [f"{OURS} : {other}, {case}", _judged(ratio, target), f"{less:.2f}"]
                rows.append([*row, f"{target:g}" if target else ""])
    _table(["", "requests", "the other's processor time : ours", "target"], rows)
    for name, number in found["failures"].items():
        click.echo(f"FAILED requests, {name}: {number:,}")


def _ratio(ours: Sequence[float], other: Sequence[float]) -> float:
    return median(a / b for a, b in zip(ours, other, strict=True))


def _judged(ratio: float, target: float | None) -> str:
    verdict = "" if target is None else " ok" if ratio >= target else " MISSED"
    return f"{ratio:.2f}{verdict}"


# -- slow clients ------------------------------------------------------------


def slow_clients(bench: Bench) -> dict[str, Any]:
    """An honest poller beside clients that send a byte a second for 30 s."""
    found = {}
    for name in bench.builds:
        _say(f"{_SLOW_CLIENTS} slow clients for 30 s, {name}")
        with bench.serve(name) as server:
            found[name] = load.beside_slow_clients(server, FEED, _SLOW_CLIENTS, 32)._asdict()
    return found


def show_slow_clients(found: dict[str, Any]) -> None:
    """A row for each server."""
    click.echo(f"\nAn honest poller beside {_SLOW_CLIENTS} clients that send a byte a second, ms\n")
    _table(
        ["feeds serve", "requests", "p50", "p99", "max", "lost", "p99 under 20 ms"],
        [
            [
                server,
                *_latency(row),
                "ok" if row["p99"] < 20 and not row["lost"] else "MISSED",
            ]
            for server, row in found.items()
        ],
    )


def _latency(row: Mapping[str, float]) -> list[str]:
    times = (f"{row[name]:,.1f}" for name in ("p50", "p99", "slowest"))
    return [f"{row['requests']:,}", *times, f"{row['lost']}"]


# -- idle connections --------------------------------------------------------


def idle(bench: Bench) -> dict[str, Any]:
    """What a worker grows by with each connection that polled once and stays, in KiB."""
    found: dict[str, list[float]] = {name: [] for name in bench.builds}
    for turn, name in itertools.product(range(bench.rounds), bench.builds):
        _say(f"round {turn + 1} of {bench.rounds}: {_IDLE:,} idle connections, {name}")
        with bench.serve(name) as server:
            load.hammer(server, FEED, GZIP, seconds=2, connections=64)  # all that is made once
            answering = [pid for pid in workers(server) if listens(pid)]
            before = sum(map(resident, answering))
            with load.idle(server, FEED, _IDLE):
                found[name].append((sum(map(resident, answering)) - before) * 1024 / _IDLE)
    return found


def show_idle(found: dict[str, Any]) -> None:
    """A row for each build, and the ratio."""
    click.echo(f"\nMemory that each of {_IDLE:,} idle connections adds, KiB (median)\n")
    _table(["feeds serve", "KiB"], [[name, f"{median(row):.1f}"] for name, row in found.items()])
    if BASE in found:
        ratio = median(found[BASE]) / max(median(found[OURS]), 0.1)
        click.echo(f"\n{BASE} : {OURS}: {_judged(ratio, 4)}, target 4")


# -- settings of gunicorn ----------------------------------------------------


def worker_classes(bench: Bench) -> dict[str, Any]:
    """Our program under several worker classes and numbers of threads."""
    choices: dict[str, dict[str, object]] = {
        "event loop, 8 threads": {"threads": 8},
        "event loop, 32 threads": {"threads": 32},
        "event loop, 256 threads": {"threads": 256},
        "sync": {"worker_class": "sync", "threads": 1},
        "gthread, 8 threads": {"worker_class": "gthread", "threads": 8},
        "gthread, 64 threads": {"worker_class": "gthread", "threads": 64},
        "gthread, 256 threads": {"worker_class": "gthread", "threads": 256},
        "gthread, 1000 threads": {"worker_class": "gthread", "threads": 1000},
    }
    # gunicorn takes its C parser by itself where that is installed.
    choices = {name: {"http_parser": "python", **options} for name, options in choices.items()}
    optional: dict[str, dict[str, object]] = {
        "gevent": {"worker_class": "gevent", "http_parser": "python"},
        "gunicorn_h1c": {**COMMON, "http_parser": "fast"},  # and the threads of settings()
    }
    for name, options in optional.items():
        if importlib.util.find_spec(name):
            choices[name] = options
        else:
            click.echo(f"{name} isn't installed and takes no part", err=True)
    found: dict[str, Any] = {name: {"200 gzip": [], "304": [], "p99": []} for name in choices}
    with ExitStack() as stack:
        servers = {}
        for name, options in choices.items():
            port = free_port()
            bind = f"{HOST}:{port}"
            run = python("bench.others", "feeds", bind, json.dumps(options))
            variables = bench.variables(bind)
            servers[name] = stack.enter_context(running(run, port, bench.folder, variables))
        tags = {name: server.get(FEED, GZIP).header("ETag") for name, server in servers.items()}
        for turn, (name, server) in itertools.product(range(bench.rounds), servers.items()):
            for case, headers in (("200 gzip", GZIP), ("304", _conditional(tags[name]))):
                _say(f"round {turn + 1} of {bench.rounds}: {name}, {case}")
                rate = load.hammer(
                    server, FEED, headers, seconds=bench.seconds, connections=bench.connections
                )
                found[name][case].append(rate.requests)
                if case == "304":
                    found[name]["p99"].append(rate.p99)
        for name, server in servers.items():
            _say(f"slow clients for 10 s: {name}")
            slow = load.beside_slow_clients(server, FEED, _SLOW_CLIENTS, 12)
            found[name]["slow"] = slow._asdict()
            found[name]["rss"] = sum(map(resident, workers(server)))
    return found


def show_worker_classes(found: dict[str, Any]) -> None:
    """A row for each choice."""
    click.echo(
        f"\nWorker classes: requests a second, ms, and an honest poller beside"
        f" {_SLOW_CLIENTS} slow clients\n"
    )
    _table(
        ["", "200 gzip", "304", "p99 of 304", "slow: p50", "slow: p99", "lost", "MiB"],
        [
            [
                name,
                f"{median(row['200 gzip']):,.0f}",
                f"{median(row['304']):,.0f}",
                f"{median(row['p99']):.1f}",
                f"{row['slow']['p50']:,.1f}",
                f"{row['slow']['p99']:,.1f}",
                f"{row['slow']['lost']} of {row['slow']['requests']}",
                f"{row['rss']:.0f}",
            ]
            for name, row in found.items()
        ],
    )


# -- memory ------------------------------------------------------------------


def memory(bench: Bench) -> dict[str, Any]:
    """RSS of each worker along a mixed load with 100,000 distinct unknown query strings."""
    bound = 32
    seen: list[dict[str, float]] = []
    with bench.serve(cache_mb=bound, workers=2) as server:

        def look(sent: int) -> None:
            _say(f"{sent:,} requests sent")
            sizes = {str(pid): resident(pid) for pid in answering}
            seen.append({"requests": sent, **sizes})

        for _ in range(20):  # each worker has answered
            server.get(FEED, GZIP)
        # Its other children, which load, listen at no port and don't answer.
        answering = [pid for pid in workers(server) if listens(pid)]
        look(0)
        requests = _mixed()
        mixed = load.mix(server, requests, connections=16, seconds=_BOUND, every=look, step=10_000)
        time.sleep(1)
        look(mixed.requests)
    return {
        "bound": bound,
        "seen": seen,
        "requests": mixed.requests,
        "statuses": {str(status): n for status, n in sorted(mixed.statuses.items())},
        "lost": mixed.lost,
        "seconds": mixed.seconds,
    }


def _mixed() -> Iterator[tuple[str, str]]:
    """Paths and codings: as pollers do, mostly few feeds, and sometimes any of hundreds.

    Each has a parameter that nobody has sent before, but for one in twenty,
    which has known ones, some of them out of bounds.
    """
    chance = random.Random(1)  # noqa: S311 - no secret, and must repeat
    topics = ("", "/topics/ai", "/topics/security", "/topics/c-plus-plus", "/types/articles")
    policies = ("", "/amp", "/amp-cache", "/original")
    months = ("", "/2026/05", "/2026/04", "/2026/03")
    files = ("rss.xml", "atom.xml", "")
    known = [
        f"{policy}{topic}{month}/{file}"
        for month, policy, topic, file in itertools.product(months, policies, topics, files)
    ]
    codings = ("gzip", "gzip, deflate, br, zstd", "br", "zstd", "", "*;q=0")
    weights = (60, 25, 5, 5, 4, 1)
    for number in range(DISTINCT):
        path = known[min(int(chance.expovariate(1 / 4)), len(known) - 1)]
        if number % 100 == 0:
            path = chance.choice(known)
        (coding,) = chance.choices(codings, weights)
        if number % 20 == 0:
            yield f"{path}?limit={chance.randrange(220)}&page={chance.randrange(4)}", coding
        yield f"{path}?utm_source={number}", coding


def show_memory(found: dict[str, Any]) -> None:
    """A row for each look at the workers, the statuses, then the verdicts."""
    click.echo(f"\nMemory of each worker along a mixed load, FEEDS_CACHE_MB={found['bound']}\n")
    pids = [key for key in found["seen"][0] if key != "requests"]
    _table(
        ["requests", *(f"worker {n + 1}, MiB" for n in range(len(pids)))],
        [
            [f"{row['requests']:,}", *(f"{row.get(pid, 0):.1f}" for pid in pids)]
            for row in found["seen"]
        ],
    )
    statuses = ", ".join(f"{status}: {number:,}" for status, number in found["statuses"].items())
    click.echo(
        f"\n{found['requests']:,} requests in {found['seconds']:.0f} s, {DISTINCT:,} distinct"
        f" unknown parameters; statuses {statuses}; {found['lost']} connections lost"
    )
    if found["seconds"] >= _BOUND:
        click.echo("The run was cut short by its bound in time")
    fives = sum(n for status, n in found["statuses"].items() if status.startswith("5"))
    click.echo(f"Answers that are a 5xx: {fives} {'MISSED' if fives else 'ok'}")
    grown = max(row.get(pid, 0) - found["seen"][0][pid] for row in found["seen"] for pid in pids)
    within = grown <= found["bound"] + _BESIDE
    click.echo(
        f"A worker grew by {grown:.0f} MiB at most; the bound is FEEDS_CACHE_MB and {_BESIDE},"
        f" {found['bound'] + _BESIDE} MiB: {'ok' if within else 'MISSED'}"
    )


# -- the command -------------------------------------------------------------


def _table(head: list[str], rows: list[list[str]]) -> None:
    """A Markdown table that is readable as it is."""
    widths = [max(len(row[n]) for row in [head, *rows]) for n in range(len(head))]
    for row in [head, None, *rows]:
        if row is None:
            cells = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
        else:
            first, *others_ = zip(row, widths, strict=True)
            cells = [first[0].ljust(first[1]), *(text.rjust(width) for text, width in others_)]
        click.echo(f"| {' | '.join(cells)} |")


def _say(text: str) -> None:
    """What is being measured, on stderr."""
    end = "\r" if sys.stderr.isatty() else "\n"
    click.echo(f"{text[:78]:78}{end}", err=True, nl=False)


def _machine() -> dict[str, Any]:
    packages = ("feeds", "gunicorn", "uvloop", "httptools", "flask", "werkzeug", "feedgen", "lxml")
    found = {}
    for name in packages:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    model = ""
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        model = next((x.partition(": ")[2] for x in lines if x.startswith("model name")), "")
    pages = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "cores": os.cpu_count(),
        "model": model or platform.machine(),
        "memory_gib": round(pages / 2**30),
        "python": platform.python_version(),
        "packages": found,
    }


SCENARIOS: Final = {
    "throughput": (throughput, show_throughput),
    "slow": (slow_clients, show_slow_clients),
    "idle": (idle, show_idle),
    "workers": (worker_classes, show_worker_classes),
    "memory": (memory, show_memory),
}


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--rounds", default=5, show_default=True, type=click.IntRange(1, 100))
@click.option("--seconds", default=3, show_default=True, type=click.IntRange(1, 60))
@click.option("--connections", default=16, show_default=True, type=click.IntRange(1, 1000))
@click.option("--processes", default=1, show_default=True, help="Workers of each server.")
@click.option("--records", "number", default=1500, show_default=True, help="In the collection.")
@click.option("--slow", is_flag=True, help="Instead: an honest poller beside slow clients.")
@click.option("--idle", is_flag=True, help="Instead: memory of idle connections.")
@click.option("--base", default="", help="The Python that has another build, for comparison.")
@click.option("--workers", is_flag=True, help="Instead: gunicorn's worker classes and threads.")
@click.option("--memory", is_flag=True, help="Instead: memory along a mixed load.")
@click.option("--json", "as_json", is_flag=True, help="Print what was measured as JSON.")
def main(
    rounds: int,
    seconds: int,
    connections: int,
    processes: int,
    number: int,
    base: str,
    as_json: bool,
    **chosen: bool,
) -> None:
    """Measure this program beside others, on loopback, in one run."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    names = [name for name, wanted in chosen.items() if wanted] or ["throughput"]
    if not shutil.which(load.WRK) and {"throughput", "workers"} & set(names):
        click.echo("wrk isn't installed (apt install wrk): no throughput", err=True)
        names = [name for name in names if name not in ("throughput", "workers")]
    if not _nginx():
        click.echo("Not installed, and takes no part: nginx (apt install nginx-light)", err=True)
    result: dict[str, Any] = {"machine": _machine(), "started": f"{datetime.now(UTC):%H:%M:%S}Z"}
    with tempfile.TemporaryDirectory(prefix="feeds-bench-") as name:
        folder = Path(name)
        paths = records.write(folder / "records", number)
        _say(f"{number:,} records, {sum(p.stat().st_size for p in paths) / 2**20:.0f} MiB")
        config = read(
            {
                "seeds": str(folder / "records"),
                "database_url": f"sqlite:///{folder / 'feeds.db'}",
                "base_url": "https://feeds.example.org",
                "workers": processes,
            },
            folder,
        )
        bench = Bench(folder, config, paths, rounds, seconds, connections, base)
        try:
            for scenario in names:
                result[scenario] = SCENARIOS[scenario][0](bench)
        except BenchError as error:
            raise click.ClickException(str(error)) from None
    if as_json:
        click.echo(json.dumps(result, indent=1))
        return
    machine = result["machine"]
    click.echo(
        f"{machine['date']}: {machine['cores']} cores of {machine['model']},"
        f" {machine['memory_gib']} GiB, Python {machine['python']},"
        f" {', '.join(f'{n} {v}' for n, v in machine['packages'].items())};"
        f" {processes} worker each, {connections} connections, {rounds} rounds of {seconds} s"
    )
    for scenario in names:
        SCENARIOS[scenario][1](result[scenario])


if __name__ == "__main__":
    main()
