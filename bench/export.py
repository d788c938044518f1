"""All RSS feeds of a collection from cold, beside Hugo: `python -m bench.export`.

Both get the same records, in a folder that neither has seen, and write one RSS
feed of the newest 50 entries for each topic and each provider, and nothing
else. Hugo has a site of the fewest kinds, no pages of records, and a template
without the HTML, pictures and related coverage of ours. What its taxonomies
need and records don't have, the provider as a list, is written into its copy
of them before, which isn't timed. They take turns. Files come from the page
cache. Memory is the most that a process had resident; of several, the most that
they had together (PSS, in which what they share counts once).
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


def measure(command: Sequence[str | Path], folder: Path) -> Run:
    """Run a program to its end. Raises BenchError when that isn't good."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("FEEDS_", "HUGO_"))}
    kept.pop("PYTHONDONTWRITEBYTECODE", None)  # else each process compiles it all
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
@click.option("--json", "as_json", is_flag=True, help="Print what was measured as JSON.")
def main(number: int, rounds: int, as_json: bool) -> None:
    """Export all RSS feeds of topics and providers, beside Hugo.

    Once of a collection of the real shape, of which 3 records in 10 are
    published, and once of one that is published whole. The exit status is 1
    while what is wanted isn't reached.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        found = [compare(number, rounds, published=published) for published in (False, True)]
    except BenchError as error:
        raise click.ClickException(str(error)) from None
    if as_json:
        click.echo(json.dumps(found, indent=1))
    else:
        show(found)
    if not all(one["faster"] >= FASTER and one["leaner"] >= LEANER for one in found):
        sys.exit(1)


if __name__ == "__main__":
    main()
