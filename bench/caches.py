"""What a cache in front gives, in one run: `python -m bench.caches`.

Varnish with deploy/varnish.vcl in front of `feeds serve`, beside Varnish with
its own VCL in front of an object of the same size that never changes. Needs
varnishd (apt install varnish varnish-modules) and wrk.
"""

from __future__ import annotations

import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Final, NamedTuple

import click

from bench import load, others, records
from bench.servers import (
    FEED,
    HOST,
    PROJECT,
    Answer,
    BenchError,
    Server,
    free_port,
    python,
    running,
)

GZIP: Final = {"Accept-Encoding": "gzip"}
TARGET: Final = 0.9  # of Varnish's own throughput
MAX_AGE: Final = 2  # seconds, while polls are counted
GRACE: Final = 15  # seconds, while the origin is down
_SBIN: Final = ("/usr/sbin", "/usr/local/sbin")
_KEPT: Final = {"content-type", "content-encoding", "content-length", "etag", "cache-control"}
_FEEDS: Final = ("/rss.xml", "/topics/ai/rss.xml", "/topics/security/atom.xml", "/feed.json")


class Front(NamedTuple):
    """A server of ours, Varnish in front of it, and the folder that Varnish works in."""

    origin: Server
    cache: Server
    work: Path

    def asked(self) -> int:
        """How many requests Varnish has sent to the origin so far."""
        command = [_program("varnishstat"), "-n", str(self.work), "-1", "-f", "MAIN.backend_req"]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        return int(said.split()[1])


def _program(name: str) -> str:
    path = os.pathsep.join([os.environ.get("PATH", ""), *_SBIN])
    found = shutil.which(name, path=path)
    if found is None:
        raise BenchError(f"{name} isn't installed; apt install varnish varnish-modules")
    return found


@contextmanager
def _varnish(folder: Path, work: Path, *source: str) -> Iterator[Server]:
    """Varnish with a VCL (-f FILE), or in front of a server as it comes (-b ADDRESS)."""
    port = free_port()
    command = [_program("varnishd"), "-F", "-j", "none", "-T", "none", "-n", str(work)]
    command += ["-a", f"{HOST}:{port}", "-s", "malloc,256m", *source]
    with running(command, port, folder) as started:
        yield started


@contextmanager
def _front(folder: Path, name: str, **settings: object) -> Iterator[Front]:
    """`feeds serve` with these settings, and Varnish in front of it as deploy/ has it."""
    port = free_port()
    variables = {
        "FEEDS_SEEDS": str(folder / "records"),
        "FEEDS_DATABASE_URL": f"sqlite:///{folder / 'feeds.db'}",
        "FEEDS_BASE_URL": "https://feeds.example.org",
        "FEEDS_BIND": f"{HOST}:{port}",
        "FEEDS_WORKERS": "1",
    } | {f"FEEDS_{key.upper()}": str(value) for key, value in settings.items()}
    vcl = (PROJECT / "deploy" / "varnish.vcl").read_text(encoding="utf-8")
    file = folder / f"{name}.vcl"
    file.write_text(vcl.replace('.port = "8000"', f'.port = "{port}"'), encoding="utf-8")
    work = folder / name
    serve = [sys.executable, "-m", "feeds", "serve"]
    with (
        running(serve, port, folder, variables) as origin,
        _varnish(folder, work, "-f", str(file)) as cache,
    ):
        yield Front(origin, cache, work)


# -- throughput ----------------------------------------------------------------


def throughput(folder: Path, rounds: int, seconds: int, connections: int) -> None:
    """Requests a second of a feed, and of an object of the same size, turn by turn."""
    with ExitStack() as stack:
        front = stack.enter_context(_front(folder, "ours"))
        full = front.cache.get(FEED, GZIP)
        kept = [header for header in full.headers if header[0].lower() in _KEPT]
        unchanging = Answer(full.status, kept, full.body)
        others.write_answers(folder / "answers.json", unchanging, unchanging)
        port = free_port()
        bare = python("bench.others", "bare", f"{HOST}:{port}")
        answers = {others.ANSWERS: str(folder / "answers.json"), "FEEDS_WORKERS": "1"}
        stack.enter_context(running(bare, port, folder, answers))
        plain = stack.enter_context(_varnish(folder, folder / "plain", "-b", f"{HOST}:{port}"))
        if plain.get(FEED, GZIP).body != full.body:
            raise BenchError("the object that never changes should be the feed")
        tag = {**GZIP, "If-None-Match": full.header("ETag")}
        browser = {"Accept-Encoding": "gzip, deflate"}
        cases = {
            "200, gzip": (FEED, GZIP),
            "200, ?utm_source=x": (f"{FEED}?utm_source=x&utm_medium=y", browser),
            "304": (FEED, tag),
        }
        click.echo(f"\nRequests a second of {FEED} ({len(full.body) / 1024:.0f} KiB)\n")
        click.echo("| | feeds behind Varnish | plain object | ratio, by rounds |")
        click.echo("|---|--:|--:|--:|")
        for case, (path, headers) in cases.items():
            rates: tuple[list[float], list[float]] = [], []
            for turn in range(rounds):
                servers = [(front.cache, rates[0]), (plain, rates[1])]
                for server, found in servers if turn % 2 else reversed(servers):
                    rate = load.hammer(
                        server, path, headers, seconds=seconds, connections=connections
                    )
                    if rate.failures:
                        raise BenchError(f"{rate.failures} answers failed")
                    found.append(rate.requests)
            ratio = median(a / b for a, b in zip(*rates, strict=True))
            verdict = "" if case != "200, gzip" else " ok" if ratio >= TARGET else " MISSED"
            ours, other = (f"{median(found):,.0f}" for found in rates)
            click.echo(f"| {case} | {ours} | {other} | {ratio:.2f}{verdict} |")


# -- pollers -------------------------------------------------------------------


def pollers(folder: Path, seconds: int) -> None:
    """How many requests reach the origin, of 10 pollers and of 100."""
    asked = {}
    click.echo(f"\nRequests to the origin in {seconds} s, max-age {MAX_AGE} s, 4 feeds\n")
    click.echo("| pollers | polls | to the origin |\n|--:|--:|--:|")
    for number in (10, 100):
        with _front(folder, f"polled-{number}", max_age=MAX_AGE) as front:
            for path in _FEEDS:
                front.cache.get(path, GZIP)
            before, end = front.asked(), time.monotonic() + seconds
            with ThreadPoolExecutor(number) as pool:
                polls = sum(pool.map(lambda n, f=front, e=end: _poll(f.cache, n, e), range(number)))
            asked[number] = front.asked() - before
            click.echo(f"| {number} | {polls:,} | {asked[number]} |")
    grew = asked[100] > asked[10] * 1.25 + 4  # of chance
    click.echo(f"\nThey don't grow with the number of pollers: {'MISSED' if grew else 'ok'}")


def _poll(server: Server, number: int, end: float) -> int:
    """One poller, five times a second until `end`; how often it did."""
    tags: dict[str, str] = {}
    polls = 0
    while time.monotonic() < end:
        path = _FEEDS[(number + polls) % len(_FEEDS)]
        known = {"If-None-Match": tags[path]} if path in tags else {}
        answer = server.get(path, GZIP | known)
        if answer.status not in (200, 304):
            raise BenchError(f"a poll was answered with {answer.status}")
        tags[path] = answer.header("ETag")
        polls += 1
        time.sleep(0.2)
    return polls


# -- the origin killed ---------------------------------------------------------


def killed(folder: Path) -> None:
    """How long feeds are answered after the origin was killed."""
    settings = {"max_age": 1, "stale_if_error": GRACE}
    with _front(folder, "killed", **settings) as front:
        held = {path: front.cache.get(path, GZIP).body for path in _FEEDS}
        os.killpg(front.origin.pid, signal.SIGKILL)
        started = time.monotonic()
        polls = 0
        while all(front.cache.get(path, GZIP).body == body for path, body in held.items()):
            polls += len(held)
            time.sleep(0.1)
        lasted = time.monotonic() - started
    verdict = "ok" if lasted >= GRACE else "MISSED"
    click.echo(
        f"\nThe origin killed: {polls:,} polls answered for {lasted:.1f} s, of max-age 1 s and"
        f" stale-if-error {GRACE} s: {verdict}"
    )


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--rounds", default=5, show_default=True, type=click.IntRange(1, 100))
@click.option("--seconds", default=3, show_default=True, type=click.IntRange(1, 60))
@click.option("--connections", default=16, show_default=True, type=click.IntRange(1, 1000))
@click.option("--records", "number", default=1500, show_default=True, help="In the collection.")
def main(rounds: int, seconds: int, connections: int, number: int) -> None:
    """Measure feeds behind Varnish, on loopback, in one run."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    click.echo(
        f"{datetime.now(UTC).date()}: {os.cpu_count()} cores, Python {platform.python_version()},"
        f" {connections} connections, {rounds} rounds of {seconds} s"
    )
    with tempfile.TemporaryDirectory(prefix="feeds-bench-") as name:
        folder = Path(name)
        records.write(folder / "records", number)
        try:
            throughput(folder, rounds, seconds, connections)
            pollers(folder, 10)
            killed(folder)
        except BenchError as error:
            raise click.ClickException(str(error)) from None


if __name__ == "__main__":
    main()
