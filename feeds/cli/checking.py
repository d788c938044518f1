"""The command `check`: what is wrong in a folder, and as it would be right."""

from __future__ import annotations

import difflib
import json
import os
import sys
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click
import msgspec
from rich.console import Console
from rich.text import Text

from feeds.cli.common import counting, folder_of, settings, warn
from feeds.config import Config
from feeds.loading.checking import check as check_folder
from feeds.loading.report import Report
from feeds.messages import printable
from feeds.records import fixing, scanner
from feeds.records.parser import MAX_BYTES
from feeds.records.profile import Profile
from feeds.records.scanner import FolderError

_SHOWN: Final = 10  # files of one reason, on a terminal

Fixes = list[tuple[Path, bytes, bytes]]  # files, each with what it holds and what it would


@click.command()
@settings("seeds")
@click.argument("path", required=False, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON, for programs.")
@click.option("--strict", is_flag=True, help="Exit with status 1 on notes, too.")
@click.option("--fix", is_flag=True, help="Write the values that are safe to write.")
@click.option("--yes", is_flag=True, help="Let --fix write without a question.")
def check(
    config: Config, path: Path | None, *, as_json: bool, strict: bool, fix: bool, yes: bool
) -> None:
    """Report what is wrong in a folder or file.

    PATH is by default the seeds folder. Nothing is stored. Exits with status 1 when a
    record had to be left out.
    """
    folder, only = _place(config, path)
    profile = Profile.of(config)
    with counting("Checking") as progress:
        report = check_folder(folder, progress, profile, only=only)
    if fix:
        fixes = _fixes(report, profile)
        for file, before, after in fixes:
            click.echo(_difference(file, before, after), nl=False, err=as_json)
        if fixes and _may_write(len(fixes), yes=yes):
            _write(fixes)
            report = check_folder(folder, profile=profile, only=only)
    if as_json:
        click.echo(json.dumps(_for_programs(report), indent=2))
    else:
        console = Console(highlight=False, soft_wrap=True)
        for line in _lines(report, _SHOWN if console.is_terminal else None):
            console.print(line)
    sys.exit(1 if report.errors or (strict and report.problems) else 0)


def _place(config: Config, path: Path | None) -> tuple[Path, str]:
    """The folder to check, and the one file in it, if any. Raises FolderError."""
    if path is None:
        return config.seeds, ""
    if path.is_file():
        folder = folder_of(config, path)
        return folder, Path(os.path.relpath(path, folder)).as_posix()
    try:
        os.scandir(path).close()
    except OSError as error:
        raise FolderError(f"{path}: {error.strerror}") from None
    return path, ""


def _for_programs(report: Report) -> dict[str, object]:
    unshown: defaultdict[str, list[dict[str, str]]] = defaultdict(list)
    for one in report.unshown:
        unshown[one.state].append({"path": printable(one.path), "reason": one.reason})
    return {
        "folder": str(report.folder),
        "profile": report.profile,
        "counts": report.counts(),
        "problems": [msgspec.structs.asdict(problem) for problem in report.problems],
        "hidden": unshown["hidden"],
        "passed_over": unshown["passed over"],
    }


def _lines(report: Report, most: int | None) -> Iterator[Text]:
    """The report for people; of the files of one reason `most` are named."""
    for problem in report.problems:
        is_error = problem.severity == "error"
        where, _, message = report.located(problem).partition(f": {problem.field}: ")
        line = Text(f"{where}: ", "bold")
        line.append(f"{problem.field}: ", f"not bold {'red' if is_error else 'yellow'}")
        yield line.append(message + ("" if is_error else " (note)"), "not bold")
    files: defaultdict[str, list[str]] = defaultdict(list)
    for one in report.unshown:
        files[f"{one.state}, {one.reason}: "].append(printable(one.path))
    for reason, names in sorted(files.items()):
        more = f" and {len(names) - most:,} more" if most and len(names) > most else ""
        yield Text(reason, "bold").append(", ".join(names[:most]) + more, "not bold")
    counts = report.counts_line()
    conclusion = f"{report.place}: {counts}" if report.profile else counts
    yield Text(conclusion, "bold red" if report.errors else "bold green")


def _fixes(report: Report, profile: Profile) -> Fixes:
    """The files that hold a value that would be right in another form."""
    options = profile.options(report.folder, datetime.now(UTC))
    fixes: Fixes = []
    targets = set()
    for path in dict.fromkeys(p.path for p in report.problems if p.value and p.suggestion):
        file = report.folder / path
        try:
            before = scanner.read_file(report.folder, path, MAX_BYTES + 1)
        except OSError:  # its name isn't what is shown of it
            continue
        after = fixing.fix(path, before, options)
        target = os.path.realpath(file)  # of a link, too
        if after != before and target not in targets:
            targets.add(target)
            fixes.append((file, before, after))
    return fixes


def _difference(file: Path, before: bytes, after: bytes) -> str:
    """A unified difference without context, which may be secret; what doesn't print is escaped."""
    old, new = (data.decode().splitlines() for data in (before, after))
    lines = difflib.unified_diff(old, new, str(file), str(file), lineterm="", n=0)
    return "".join(f"{printable(line)}\n" for line in lines)


def _may_write(number: int, *, yes: bool) -> bool:
    files = "this file" if number == 1 else f"these {number:,} files"
    if yes:
        return True
    if _is_asked():
        return click.confirm(f"Write {files}?", err=True)
    warn(f"nothing is written without --yes; it writes {files}")
    return False


def _is_asked() -> bool:
    """Whether somebody is there who can answer."""
    return sys.stdin.isatty()


def _write(fixes: Fixes) -> None:
    for file, before, after in fixes:
        try:
            if not fixing.replace(file, before, after):
                warn(f"{file}: changed since it was read; not written")
        except OSError as error:
            warn(f"{file}: can't be written: {error.strerror or error}")
