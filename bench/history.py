"""Reading the git history of generated records: `python -m bench.history [FILES [COMMITS]]`.

Printed are the CPU's seconds and the memory of the whole of it, and the seconds of its last commit
alone, with records in folders of a thousand and all in one. git makes the repositories.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from feeds.records.git_history import head_of, read_history
from feeds.records.profile import Profile

_BEGIN: Final = 1_640_995_200  # of the first commit, one a day
_RECORD: Final = """---
title: Record {number}
webUrl: https://example.com/articles/{number}
publishedDateTime: 2023-05-{day:02}T00:00:00Z
excerpt: What it says in a sentence or two of ordinary length{edited}.
topics: [AI, Topic {topic}]
type: Article
---
"""


def commits(files: int, number: int, folder: str) -> Iterator[bytes]:
    """A stream for `git fast-import`: new records in each commit, and five edited ones."""
    for turn in range(number):
        when = _BEGIN + turn * 86_400
        yield b"commit refs/heads/main\ncommitter A <a@example.com> %d +0000\ndata 1\nx\n" % when
        new = range(turn * files // number, (turn + 1) * files // number)
        edited = {(turn * 7919 + n * 104_729) % new.start for n in range(5)} if new.start else set()
        for record in (*new, *edited):
            about = f", edited {turn}" if record in edited else ""
            text = _RECORD.format(
                number=record, day=record % 28 + 1, topic=record % 40, edited=about
            ).encode()
            path = folder.format(record // 1000) + f"{record}.md"
            yield b"M 100644 inline %s\ndata %d\n%s\n" % (path.encode(), len(text), text)


def measure(files: int, number: int, folder: str) -> None:
    """Print how long it takes, and the most memory so far."""
    with tempfile.TemporaryDirectory() as place:
        subprocess.run(["git", "init", "-q", "-b", "main", place], check=True)  # noqa: S607
        stream = b"".join(commits(files, number, folder))
        subprocess.run(["git", "-C", place, "fast-import", "--quiet"], input=stream, check=True)  # noqa: S607
        del stream
        root, now = Path(place), int(time.time())
        options = Profile().options(root, datetime.now(UTC))
        started = time.process_time()
        whole = read_history(root, options, now)
        read = time.process_time()
        line = subprocess.run(
            ["git", "-C", place, "rev-parse", "HEAD~1"],  # noqa: S607
            check=True, capture_output=True, text=True,
        )  # fmt: skip
        again = time.process_time()
        read_history(root, options, now, line.stdout.strip(), whole.until - 1)
        end = time.process_time()
        assert whole.head == head_of(root) and len(whole.facts) == files  # noqa: S101, PT018
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        sys.stdout.write(
            f"{files:,} files, {number:,} commits, in {folder or 'one folder'}: "
            f"{read - started:.1f} s of CPU, {most} MiB; "
            f"the last commit alone {end - again:.3f} s\n"
        )


if __name__ == "__main__":
    size = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    count = int(sys.argv[2]) if len(sys.argv) > 2 else size // 100
    for layout in ("{}/", ""):
        measure(size, count, layout)
