"""Reading many files: by several processes when there are many."""

from __future__ import annotations

import os
from collections.abc import Generator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from feeds.processes import in_order
from feeds.records.outcome import (
    FileReading,
    Interpret,
    interpret,
    no_garbage_collection,
    read_file,
)
from feeds.records.parser import PLAIN, Options

# Fewer files than this are read before other processes would be up.
_WORTH_PROCESSES: Final = 400
_BATCH: Final = 50  # files

Batch = list[tuple[str, bytes]]  # paths, each with the digest of a content that is known


def read_all(
    folder: Path,
    paths: Sequence[str],
    known: Mapping[str, bytes],
    options: Options = PLAIN,
    interpret: Interpret = interpret,
) -> Generator[list[FileReading], None, None]:
    """Read the files at `paths`, relative to `folder`, in batches and in their order.

    `known` has, by path, the digests of contents that needn't be parsed again;
    `interpret` is a function at the top of a module.
    Who may stop before the end closes it, which ends the other processes.
    """
    batches = (
        [(path, known.get(path, b"")) for path in paths[start : start + _BATCH]]
        for start in range(0, len(paths), _BATCH)
    )
    # As many as processors: this one writes what they read, and waits for them half of the time.
    processes = os.cpu_count() or 1
    read = partial(_read, folder, options, interpret)
    with no_garbage_collection():
        if processes > 1 and len(paths) >= _WORTH_PROCESSES:
            yield from in_order(read, batches, processes)
        else:
            yield from map(read, batches)


def _read(folder: Path, options: Options, interpret: Interpret, batch: Batch) -> list[FileReading]:
    return [read_file(folder, path, known, options, interpret) for path, known in batch]
