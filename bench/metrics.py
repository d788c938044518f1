"""What counting costs: `python -m bench.metrics`.

The same poll of a prepared feed, answered with FEEDS_METRICS off, on, and on
with a line of the log for each request: microseconds of the call in one
process, then requests a second of `feeds serve`. They take turns. The second
part needs wrk.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any, Final

import click

from bench import load, records
from bench.servers import HOST, BenchError, free_port, running
from feeds import create_app
from feeds.config import Config, environment, read
from feeds.serving.operator import EXTENSION, OperatorPages

FEED: Final = "/rss.xml"
_AGENT: Final = "Feedly/1.0 (+http://www.feedly.com/fetcher.html; 16 subscribers)"
WAYS: Final[dict[str, dict[str, str]]] = {
    "off": {"metrics": "off"},
    "on": {"metrics": "on"},
    "on, each request logged": {"metrics": "on", "log_requests": "on"},
}
_CALLS: Final = 20_000


def _poll(wsgi: Any, environ: Mapping[str, Any]) -> None:
    for _ in wsgi(dict(environ), lambda *_: None):
        pass


def microseconds(config: Config, rounds: int) -> dict[str, float]:
    """Of one poll that 304 answers, in this process, adding up included; the median of rounds."""
    apps = {}
    for name in ("off", "on"):
        app = create_app(replace(config, metrics=name))
        environ = {
            "REQUEST_METHOD": "GET",
            "PATH_INFO": FEED,
            "QUERY_STRING": "",
            "HTTP_USER_AGENT": _AGENT,
            "HTTP_ACCEPT_ENCODING": "gzip",
            "SERVER_NAME": HOST,
            "SERVER_PORT": "80",
            "wsgi.url_scheme": "http",
        }
        answer = app.test_client().get(FEED, headers={"Accept-Encoding": "gzip"})
        apps[name] = app, environ | {"HTTP_IF_NONE_MATCH": answer.headers["ETag"]}
    took: dict[str, list[float]] = {name: [] for name in apps}
    for _ in range(rounds):
        for name, (app, environ) in apps.items():
            started = time.perf_counter()
            for _ in range(_CALLS):
                _poll(app.wsgi_app, environ)
            pages: OperatorPages | None = app.extensions.get(EXTENSION)
            if pages is not None and pages.counter is not None:
                pages.counter.fold()
            took[name].append((time.perf_counter() - started) / _CALLS * 1e6)
    return {name: median(found) for name, found in took.items()}


def throughput(folder: Path, config: Config, rounds: int, seconds: int) -> dict[str, list[float]]:
    """Requests a second of each way, by rounds: 304 over 16 connections, one worker."""
    with ExitStack() as stack:
        servers = {}
        for name, way in WAYS.items():
            port = free_port()
            bind = f"{HOST}:{port}"
            command = [sys.executable, "-m", "feeds", "serve"]
            variables = environment(config) | {"FEEDS_BIND": bind, "FEEDS_WORKERS": "1"}
            variables |= {f"FEEDS_{key.upper()}": value for key, value in way.items()}
            started = running(command, port, folder, variables)
            servers[name] = stack.enter_context(started)
        found: dict[str, list[float]] = {name: [] for name in servers}
        headers = {"Accept-Encoding": "gzip", "User-Agent": _AGENT}
        for turn in range(rounds):
            for name, one in servers.items():
                click.echo(f"round {turn + 1} of {rounds}: {name}", err=True)
                tag = one.get(FEED, headers).header("ETag")
                asked = headers | {"If-None-Match": tag}
                rate = load.hammer(one, FEED, asked, seconds=seconds, connections=16)
                found[name].append(rate.requests)
    return found


@click.command()
@click.option("--rounds", default=5, show_default=True)
@click.option("--seconds", default=3, show_default=True, help="Of each measurement with wrk.")
@click.option("--records", "number", default=200, show_default=True)
def main(rounds: int, seconds: int, number: int) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory(prefix="feeds-bench-") as made:
        folder = Path(made)
        records.write(folder / "records", number)
        settings = {
            "seeds": str(folder / "records"),
            "database_url": f"sqlite:///{folder / 'feeds.db'}",
            "base_url": "https://feeds.example.org",
        }
        config = read(settings, folder)
        calls = microseconds(config, rounds)
        click.echo(f"a poll in one process: off {calls['off']:.1f} us, on {calls['on']:.1f} us")
        try:
            found = throughput(folder, config, rounds, seconds)
            for name, rates in found.items():
                against = [a / b for a, b in zip(rates, found["off"], strict=True)]
                click.echo(f"{name}: {median(rates):,.0f} a second, {median(against):.2f}")
        except BenchError as error:
            raise click.ClickException(str(error)) from None


if __name__ == "__main__":
    os.environ.pop("PROMETHEUS_MULTIPROC_DIR", None)
    main()
