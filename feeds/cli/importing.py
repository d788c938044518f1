"""The command `import`: what another program exported, as records of our own form."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Final

import click

from feeds.cli.common import KEPT, SAME, WRITTEN, settings, warn, write_file
from feeds.config import Config
from feeds.records import wxr

_OUTCOMES: Final = {
    WRITTEN: "written",
    SAME: "as they were",
    KEPT: "kept as changed here",
}
_PASSED: Final = 20  # names shown


@click.group(name="import")
def import_() -> None:
    """Write what another program exported as records."""


@import_.command(name="wxr")
@settings("seeds")
@click.argument(
    "paths", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE... [DIR]"
)
@click.option("--force", is_flag=True, help="Replace files that were changed in DIR, too.")
def wxr_(config: Config, paths: tuple[Path, ...], force: bool) -> None:
    """Write the published posts of a WordPress export.

    The export is one or several FILEs; DIR, where records are written, is by default the
    seeds folder. A post is the file DATE-slug.md; one that is there and says something else
    is kept.
    """
    *files, folder = paths if _is_folder(paths) else (*paths, config.seeds)
    outcomes: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    names: set[str] = set()
    told = 0
    for post in wxr.read(files):
        if isinstance(post, wxr.LeftOut):
            reasons[post.reason] += 1
            told += post.published
            if post.published and told <= _PASSED:
                warn(f"{post.title or 'a post'}: {post.reason}")
            continue
        name = post.file_name
        number = 1
        while name in names:
            number += 1
            name = f"{post.file_name.removesuffix('.md')}-{number}.md"
        names.add(name)
        outcome = write_file(folder, name, post.record(), force=force)
        outcomes[outcome] += 1
        if outcome == KEPT and outcomes[KEPT] <= _PASSED:
            warn(f"{folder / name} was changed and is kept; --force writes it anew")
    parts = [f"{outcomes[outcome]:,} {text}" for outcome, text in _OUTCOMES.items()]
    click.echo(f"{folder}: posts: {', '.join(parts)}")
    if reasons:
        why = ", ".join(f"{times:,} {reason}" for reason, times in sorted(reasons.items()))
        click.echo(f"left out: {why}")


def _is_folder(paths: tuple[Path, ...]) -> bool:
    """Whether the last of several paths is where to write, rather than an export."""
    last = paths[-1]
    return len(paths) > 1 and (last.is_dir() or not (last.exists() or last.suffix == ".xml"))
