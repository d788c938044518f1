"""Exports from cold, beside Hugo, and again, beside another build: `python -m bench.export`.

From cold: both get the same records, in a folder that neither has seen, and write one RSS
feed of the newest 50 entries for each topic and each provider, and nothing
else. Hugo has a site of the fewest kinds, no pages of records, and a template
without the HTML, pictures and related coverage of ours. What its taxonomies
need and records don't have, the provider as a list, is written into its copy
of them before, which isn't timed. They take turns. Files come from the page
cache. Memory is the most that a process had resident; of several, the most that
they had together (PSS, in which what they share counts once).

Again (`--base PYTHON`, that of the other build): each build writes the site of a collection, then
in turns after the title of one record was edited, and after nothing was.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from threading import Event, Thread
from typing import Any, Final, NamedTuple

import click

from bench import records
from bench.servers import BenchError

_FEEDS: Final = Path(sys.executable).with_name("feeds")
_ROOT: Final = "https://feeds.example.org"
_ENTRIES: Final = 50
_LOOK_EVERY: Final = 0.05  # seconds
FASTER: Final = 4.0
LEANER: Final = 8.0
AGAIN: Final = {"one record edited": 10.0, "nothing changed": 20.0}  # times as fast as the base
_SETTLED: Final = 2.5  # seconds after an edit
_WHOLE: Final = {
    "one link policy": ["--links", "canonical"],
    "four link policies": ["--links", "canonical,original,amp,amp-cache"],
}
_PROVIDER: Final = re.compile(r"^provider:\n  name: .*\n  domain: (\S+)$", re.M)

_SITE: Final = f"""\
baseURL: {_ROOT}/
title: News
languageCode: en
taxonomies: {{topic: topics, provider: providers}}
disableKinds: [home, section, taxonomy, sitemap, robotsTXT, "404"]
ignoreErrors: ["error-disable-taxonomy"]
outputs: {{term: [RSS]}}
frontmatter: {{date: [publishedDateTime]}}
cascade:
  - _build: {{render: never, list: always}}
    _target: {{kind: page}}
"""

_TEMPLATE: Final = f"""\
{{{{ printf "<?xml version=\\"1.0\\" encoding=\\"utf-8\\"?>" | safeHTML }}}}
<rss version="2.0" xmlns:atom="http://www.w3.org/2005/Atom" \
xmlns:dc="http://purl.org/dc/elements/1.1/">
<channel>
<title>{{{{ .Title }}}} – {{{{ .Site.Title }}}}</title>
<link>{{{{ .Permalink }}}}</link>
<description>News</description>
{{{{- with .OutputFormats.Get "RSS" }}}}
<atom:link href="{{{{ .Permalink }}}}" rel="self" type="application/rss+xml"/>
{{{{- end }}}}
{{{{- range first {_ENTRIES} .Pages }}}}
<item>
<title>{{{{ .Title }}}}</title>
<link>{{{{ .Params.weburl | default .Params.originalurl }}}}</link>
<guid isPermaLink="false">{{{{ .Params.weburl | default .Params.originalurl }}}}</guid>
<pubDate>{{{{ .Date.Format "Mon, 02 Jan 2006 15:04:05 -0700" | safeHTML }}}}</pubDate>
<description>{{{{ .Params.excerpt }}}}</description>
<dc:creator>{{{{ .Params.provider.name }}}}</dc:creator>
{{{{- range .Params.topics }}}}
<category>{{{{ . }}}}</category>
{{{{- end }}}}
</item>
{{{{- end }}}}
</channel>
</rss>
"""


class Run(NamedTuple):
    """What a program took: seconds, seconds of processors, MiB."""

    wall: float
    cpu: float
    memory: float


class Program(NamedTuple):
    """One of those that take turns; `prepare` leaves nothing of the turn before."""

    name: str
    command: Sequence[str | Path]
    prepare: Callable[[], None]
    feeds: Callable[[], list[int]]


def measure(command: Sequence[str | Path], folder: Path, **variables: str) -> Run:
    """Run a program to its end. Raises BenchError when that isn't good."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("FEEDS_", "HUGO_"))}
    kept.pop("PYTHONDONTWRITEBYTECODE", None)  # else each process compiles it all
    kept |= variables
    with (folder / "log").open("w+b") as log:
        started = time.perf_counter()
        process = subprocess.Popen(
            [str(part) for part in command], cwd=folder, env=kept, stdout=log, stderr=log
        )
        over, together = Event(), [0.0]

        def look() -> None:
            while not over.wait(_LOOK_EVERY):
                tree = _tree(process.pid)
                if len(tree) > 1:
                    together.append(sum(map(_share, tree)))

        looking = Thread(target=look)
        looking.start()
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - started
        over.set()
        looking.join()
        process.returncode = os.waitstatus_to_exitcode(status)
        log.seek(0)
        said = log.read().decode(errors="replace")
    if process.returncode:
        raise BenchError(f"{command[0]} failed:\n{said[-2000:]}")
    return Run(wall, usage.ru_utime + usage.ru_stime, max(*together, usage.ru_maxrss / 1024))


def _tree(pid: int) -> list[int]:
    """A process and those below it (Linux only)."""
    found = [pid]
    for one in found:
        try:
            children = Path(f"/proc/{one}/task/{one}/children").read_text(encoding="ascii")
        except OSError:
            continue
        found += map(int, children.split())
    return found


def _share(pid: int) -> float:
    """The memory of a process, in MiB; what it shares with others, divided by them (PSS)."""
    try:
        said = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="utf-8")
    except OSError:
        return 0.0
    found = re.search(r"^Pss:\s+(\d+) kB$", said, re.M)
    return int(found[1]) / 1024 if found else 0.0


def _ours(folder: Path, made: Path) -> Program:
    out, database = folder / "ours", folder / "feeds.db"
    # 0.111 of Hugo keeps nothing between runs here; we would.
    command: list[str | Path] = [
        _FEEDS, "export", out, "--seeds", made, "--database-url", f"sqlite:///{database}",
        "--base-url", _ROOT, "--formats", "rss", "--links", "canonical",
        "--scopes", "topics,providers",
    ]  # fmt: skip

    def prepare() -> None:
        shutil.rmtree(out, ignore_errors=True)
        for part in folder.glob("feeds.db*"):
            part.unlink()

    return Program("feeds", command, prepare, lambda: _items(out, "rss.xml"))


def _hugo(folder: Path, made: Path) -> Program:
    program = shutil.which("hugo")
    if program is None:
        raise BenchError("hugo isn't installed; apt install hugo")
    site, out = folder / "site", folder / "hugo"
    for name, text in (("config.yaml", _SITE), ("layouts/_default/rss.xml", _TEMPLATE)):
        (site / name).parent.mkdir(parents=True, exist_ok=True)
        (site / name).write_text(text, encoding="utf-8")
    (site / "content").mkdir()
    for path in made.iterdir():
        text = path.read_text(encoding="utf-8")
        domain = _PROVIDER.search(text)
        if domain is None:
            raise BenchError(f"{path} has no provider")
        start = f"---\nproviders: [{domain[1]}]\n"
        (site / "content" / path.name).write_text(start + text.removeprefix("---\n"), "utf-8")
    cache = folder / "cache"
    command: list[str | Path] = [
        program,
        "--quiet",
        "--source",
        site,
        "--destination",
        out,
        "--cacheDir",
        cache,
    ]

    def prepare() -> None:
        for place in (out, cache):
            shutil.rmtree(place, ignore_errors=True)

    return Program("hugo", command, prepare, lambda: _items(out, "index.xml"))


def _items(out: Path, name: str) -> list[int]:
    """The numbers of entries of all feeds, in order."""
    return sorted(path.read_bytes().count(b"<item>") for path in out.rglob(name))


def compare(number: int, rounds: int, *, published: bool) -> dict[str, Any]:
    """Both on one collection, taking turns; `published` is whether all of its records are."""
    with tempfile.TemporaryDirectory(prefix="feeds-bench-") as name:
        folder = Path(name)
        made = folder / "records"
        paths = records.write(made, number)
        if published:
            for path in paths:
                text = path.read_text(encoding="utf-8")
                said = text.replace("\npublished: false\n", "\npublished: true\n", 1)
                path.write_text(said, encoding="utf-8")
        size = sum(path.stat().st_size for path in paths) / 2**20
        _say(f"{number:,} records, {size:.0f} MiB" + (", all published" if published else ""))
        programs = [_hugo(folder, made), _ours(folder, made)]
        runs: dict[str, list[Run]] = {program.name: [] for program in programs}
        for turn in range(rounds):
            for program in programs:
                program.prepare()
                runs[program.name].append(measure(program.command, folder))
                _say(f"round {turn + 1}, {program.name}: {runs[program.name][-1].wall:.2f} s")
            hugo, ours = (program.feeds() for program in programs)
            if hugo != ours or not ours:
                raise BenchError(f"they made other feeds: {len(hugo)} and {len(ours)}")
    pairs = list(zip(runs["hugo"], runs["feeds"], strict=True))
    return {
        "records": number,
        "mib": size,
        "published": published,
        "feeds": len(ours),
        "runs": {name: [run._asdict() for run in several] for name, several in runs.items()},
        "faster": median(theirs.wall / mine.wall for theirs, mine in pairs),
        "leaner": median(theirs.memory / mine.memory for theirs, mine in pairs),
    }


def again(number: int, rounds: int, base: str, shape: str) -> dict[str, Any]:
    """Exports of one collection by this build and another one, taking turns; medians of ratios."""
    with tempfile.TemporaryDirectory(prefix="feeds-bench-") as name:
        folder = Path(name)
        paths = records.write(folder / "records", number)
        edited = next(path for path in paths if "published: false" not in path.read_text("utf-8"))
        title = re.compile(r"^title: .*$", re.M)
        runs: dict[str, dict[str, list[Run]]] = {what: {} for what in AGAIN}

        def run(build: str) -> Run:
            begin = [_FEEDS] if build == "feeds" else [base, "-m", "feeds"]
            command = [
                *begin, "export", folder / build, "--seeds", folder / "records",
                "--database-url", f"sqlite:///{folder / build}.db", "--base-url", _ROOT,
                *_WHOLE[shape],
            ]  # fmt: skip
            path = {} if build == "feeds" else {"PYTHONPATH": ""}
            return measure(command, folder, FEEDS_PARAMETERS="off", **path)

        cold = {build: run(build)._asdict() for build in ("feeds", "base")}
        for turn in range(rounds):
            text = edited.read_text(encoding="utf-8")
            edited.write_text(title.sub(f"title: Edited for turn {turn}", text), "utf-8")
            time.sleep(_SETTLED)
            for what, several in runs.items():
                for build in cold:
                    several.setdefault(build, []).append(run(build))
                    _say(f"{shape}, {what}, {build}: {several[build][-1].wall:.2f} s")
    faster = {
        what: median(
            b.wall / f.wall for f, b in zip(several["feeds"], several["base"], strict=True)
        )
        for what, several in runs.items()
    }
    shown = {
        what: {build: [one._asdict() for one in ones] for build, ones in several.items()}
        for what, several in runs.items()
    }
    return {"records": number, "shape": shape, "cold": cold, "runs": shown, "faster": faster}


def show_again(found: Sequence[dict[str, Any]]) -> None:
    """The table of docs/speed.md."""
    click.echo("\n| again | base | feeds | base : feeds | wanted |\n|---|--:|--:|--:|--:|")
    for one in found:
        for what, several in one["runs"].items():
            cells = (
                " / ".join(
                    f"{median(run[key] for run in several[build]):.2f}" for key in ("wall", "cpu")
                )
                for build in ("base", "feeds")
            )
            faster, wanted = one["faster"][what], AGAIN[what]
            missed = "" if faster >= wanted else ", missed"
            click.echo(
                f"| {one['records']:,} records, {one['shape']}, {what} | {' | '.join(cells)} "
                f"| {faster:.1f} | {wanted:.0f}{missed} |"
            )


def show(found: Sequence[dict[str, Any]]) -> None:
    """The tables of docs/speed.md."""
    for one in found:
        shape = "all published" if one["published"] else "3 in 10 published"
        click.echo(f"\n{one['records']:,} records, {shape}, {one['feeds']:,} feeds\n")
        click.echo("| | seconds | of processors | MiB |\n|---|--:|--:|--:|")
        for name, runs in one["runs"].items():
            wall, cpu, memory = (
                median(run[key] for run in runs) for key in ("wall", "cpu", "memory")
            )
            click.echo(f"| {name} | {wall:.2f} | {cpu:.2f} | {memory:,.0f} |")
        click.echo(
            f"\n{one['faster']:.1f} times as fast (at least {FASTER:.0f} is wanted), "
            f"1/{one['leaner']:.1f} of the memory (1/{LEANER:.0f})"
        )


def _say(line: str) -> None:
    click.echo(line, err=True)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--records", "number", default=5000, show_default=True, type=click.IntRange(1))
@click.option("--rounds", default=5, show_default=True, type=click.IntRange(1, 100))
@click.option("--base", metavar="PYTHON", help="Of another build, beside which to export again.")
@click.option("--again", "smaller", default=300, show_default=True, help="Records of that.")
@click.option("--hugo/--no-hugo", "with_hugo", default=True, help="Export from cold beside Hugo.")
@click.option("--json", "as_json", is_flag=True, help="Print what was measured as JSON.")
def main(
    number: int, rounds: int, base: str | None, smaller: int, with_hugo: bool, as_json: bool
) -> None:
    """Export all RSS feeds of topics and providers, beside Hugo, and sites again.

    Once of a collection of the real shape, of which 3 records in 10 are
    published, and once of one that is published whole. The exit status is 1
    while what is wanted isn't reached.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        shapes = (False, True) if with_hugo else ()
        found = [compare(number, rounds, published=published) for published in shapes]
        repeated = [again(smaller, rounds, base, shape) for shape in _WHOLE] if base else []
    except BenchError as error:
        raise click.ClickException(str(error)) from None
    if as_json:
        click.echo(json.dumps({"cold": found, "again": repeated}, indent=1))
    else:
        show(found)
        if repeated:
            show_again(repeated)
    is_fast = all(one["faster"][what] >= AGAIN[what] for one in repeated for what in AGAIN)
    if not is_fast or any(one["faster"] < FASTER or one["leaner"] < LEANER for one in found):
        sys.exit(1)


if __name__ == "__main__":
    main()
