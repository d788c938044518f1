"""The RSS feeds of a Jekyll folder from cold, beside Jekyll: `python -m bench.jekyll`.

Both get the same posts. feeds writes the RSS feeds of everything, of topics and providers, with
and without their archives by month; Jekyll builds its site, with the theme and the plugins that
`jekyll new` chooses. They take turns, and keep nothing between them.
"""

from __future__ import annotations

import random
import shutil
import signal
import sys
import tempfile
from datetime import date, timedelta
from pathlib import Path
from statistics import median
from typing import Final

import click

from bench.export import Run, measure
from bench.servers import BenchError

_FEEDS: Final = Path(sys.executable).with_name("feeds")
SHARE: Final = 0.1  # of Jekyll's time, at most
_TAGS: Final = 30
_CONFIG: Final = """\
title: A Harbour
url: https://harbour.example
permalink: pretty
theme: minima
plugins: [jekyll-feed]
"""
_PROSE: Final = (
    "the tide was low and boats lay on sand while a pilot read old charts of every channel "
    "between two lights that nobody had lit since winter, and gulls went over them to the wall."
)
_MARKED: Final = ("**low water**", "`depth = 3`", "[the wall](/wall/)")  # one of each a paragraph


def write(folder: Path, number: int) -> None:
    """A Jekyll site of so many posts, the same each time."""
    chance = random.Random(number)  # noqa: S311 - no secret, and must repeat
    words = _PROSE.split()
    (folder / "_posts").mkdir(parents=True)
    (folder / "_config.yml").write_text(_CONFIG, encoding="utf-8")
    for each in range(number):
        day = date(2010, 1, 1) + timedelta(days=each // 2)
        tags = ", ".join(f"tag {tag}" for tag in chance.sample(range(_TAGS), 2))
        paragraphs = (" ".join([*chance.choices(words, k=60), *_MARKED]) for _ in range(6))
        body = "\n\n".join([*paragraphs, "## Channels", "- one\n- two", "{{ page.title }}"])
        (folder / "_posts" / f"{day}-post-{each}.md").write_text(
            f"---\nlayout: post\ntitle: Post {each}\ntags: [{tags}]\n---\n{body}\n",
            encoding="utf-8",
        )


def compare(number: int, rounds: int) -> dict[str, list[Run]]:
    """The runs of each. Raises BenchError."""
    jekyll = shutil.which("jekyll")
    if jekyll is None:
        raise BenchError("jekyll isn't installed; apt install jekyll ruby-jekyll-feed")
    with tempfile.TemporaryDirectory(prefix="feeds-bench-") as name:
        folder = Path(name)
        site, files, built = folder / "site", folder / "files", folder / "built"
        write(site, number)
        export: list[str | Path] = [
            _FEEDS, "export", files, "--seeds", site, "--formats", "rss", "--links", "canonical",
            "--base-url", "https://feeds.example.org",
            "--database-url", f"sqlite:///{folder}/feeds.db",
        ]  # fmt: skip
        commands: dict[str, list[str | Path]] = {
            "Jekyll": [
                jekyll, "build", "--quiet", "--disable-disk-cache", "-s", site, "-d", built
            ],
            "feeds, no archives": [*export, "--scopes", "everything,topics,providers,both,types"],
            "feeds": export,
        }  # fmt: skip
        runs: dict[str, list[Run]] = {program: [] for program in commands}
        for turn in range(rounds):
            for program, command in commands.items():
                for place in (files, built):
                    shutil.rmtree(place, ignore_errors=True)
                for part in folder.glob("feeds.db*"):
                    part.unlink()
                runs[program].append(measure(command, folder))
                took = runs[program][-1].wall
                click.echo(f"round {turn + 1}, {program}: {took:.2f} s", err=True)
                feed = (built if program == "Jekyll" else files).glob("*.xml")
                if not any(path.stat().st_size for path in feed):
                    raise BenchError(f"{program} wrote no feed")
    return runs


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--posts", default=5000, show_default=True, type=click.IntRange(1))
@click.option("--rounds", default=3, show_default=True, type=click.IntRange(1, 100))
def main(posts: int, rounds: int) -> None:
    """Export all RSS feeds of a Jekyll folder, beside `jekyll build`.

    The exit status is 1 if feeds takes more than a tenth of Jekyll's time.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        runs = compare(posts, rounds)
    except BenchError as error:
        raise click.ClickException(str(error)) from None
    click.echo("| | seconds | of processors | MiB | : Jekyll |\n|---|--:|--:|--:|--:|")
    for name, several in runs.items():
        wall, cpu, memory = (median(values) for values in zip(*several, strict=True))
        share = median(
            mine.wall / theirs.wall for mine, theirs in zip(several, runs["Jekyll"], strict=True)
        )
        click.echo(f"| {name} | {wall:.1f} | {cpu:.1f} | {memory:,.0f} | {share:.2f} |")
    if share > SHARE:
        click.echo(f"\nMISSED: at most {SHARE} is wanted")
        sys.exit(1)


if __name__ == "__main__":
    main()
