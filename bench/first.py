"""The first request after a load that changed one of a feed's entries: `python -m bench.first`.

This build and another one (`--base PYTHON`) take turns, load after load, each in a process of
its own that counts the milliseconds of a processor which the request takes, and no load.
"""

from __future__ import annotations

import itertools
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from subprocess import PIPE, Popen
from typing import Any, Final, NamedTuple

import click
from werkzeug.test import EnvironBuilder, run_wsgi_app

from bench import records

CASES: Final = (
    ("/rss.xml", "identity"),
    ("/rss.xml", "gzip"),
    ("/atom.xml", "identity"),
    ("/feed.json", "identity"),
    ("/", "identity"),
)
_LOOKS: Final = 0.6  # seconds after which a worker has looked for a new generation
_CHANGED: Final = 20  # of the 50 entries, in turn


def serve(folder: str) -> None:
    """Load, and answer the first request, for each number of a case; prints milliseconds."""
    from feeds import create_app

    if find_spec("feeds.loading"):
        from feeds.loading import loader
        from feeds.store.database import Store
    else:  # a build without rooms
        from feeds import loader  # type: ignore[attr-defined, no-redef]
        from feeds.store import Store  # type: ignore[attr-defined, no-redef]

    database, seeds = f"sqlite:///{folder}/feeds.db", Path(folder) / "seeds"
    app = create_app(
        {
            "seeds": str(seeds),
            "database_url": database,
            "base_url": "https://f.example",
        }
    )
    store = Store(database)

    def request(path: str, coding: str) -> float:
        environ = EnvironBuilder(path, headers=[("Accept-Encoding", coding)]).get_environ()
        started = time.process_time()
        body, status, _ = run_wsgi_app(app.wsgi_app, environ)
        if not (b"".join(body) and status.startswith("200")):
            raise SystemExit(f"{path} answers {status}")
        return (time.process_time() - started) * 1000

    for case in CASES:
        request(*case)
    click.echo("ready")
    for line in sys.stdin:
        if loader.load(store, seeds).changed != 1:
            raise SystemExit("a load should have changed one entry")
        time.sleep(_LOOKS)
        click.echo(request(*CASES[int(line)]))


class Build(NamedTuple):
    """A process of one build, and the files of its newest published entries."""

    process: Any  # of subprocess.Popen
    newest: list[Path]


def start(python: str, folder: Path, number: int) -> Build:
    """A build that serves `number` records of its own."""
    paths = records.write(folder / "seeds", number)
    published = [path for path in paths if "published: false" not in path.read_text("utf-8")]
    program = "import runpy, sys; runpy.run_path(sys.argv[1])['serve'](sys.argv[2])"
    command = [python, "-c", program, __file__, str(folder)]
    # PYTHONPATH may name this build.
    env = None if python == sys.executable else {"PATH": os.environ["PATH"]}
    process: Any = Popen(command, stdin=PIPE, stdout=PIPE, text=True, env=env, cwd=folder)
    process.stdout.readline()  # all is loaded, and nothing changed yet
    return Build(process, published[:_CHANGED])


def measure(pythons: list[str], number: int, rounds: int) -> Iterator[list[list[float]]]:
    """For each case the milliseconds of each build, round by round."""
    edition = itertools.count()
    with tempfile.TemporaryDirectory() as folder:
        builds = [start(python, Path(folder) / str(n), number) for n, python in enumerate(pythons)]
        for case in range(len(CASES)):
            took: list[list[float]] = [[] for _ in builds]
            for turn in range(rounds):
                for times, build in zip(took, builds, strict=True):
                    records.edit(build.newest[turn % _CHANGED], next(edition))
                    print(case, file=build.process.stdin, flush=True)
                    times.append(float(build.process.stdout.readline()))
            yield took
        for build in builds:
            build.process.communicate()


@click.command()
@click.option("--base", default="", help="The Python that has another build, for comparison.")
@click.option("--records", "number", default=1400, show_default=True)
@click.option("--rounds", default=9, show_default=True)
def main(base: str, number: int, rounds: int) -> None:
    """Prints the medians, and of the ratios by rounds."""
    pythons = [sys.executable, *([base] if base else [])]
    for (path, coding), took in zip(CASES, measure(pythons, number, rounds), strict=True):
        figures = "  ".join(f"{median(times):6.2f}" for times in took)
        ratio = f"{median(b / a for a, b in zip(*took, strict=True)):.2f} x" if base else ""
        click.echo(f"{path:12} {coding:9} {figures} ms  {ratio}")


if __name__ == "__main__":
    main()
