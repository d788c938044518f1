"""What a load or a check did, for people, logs and programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol

from feeds.messages import counted
from feeds.model import Problem
from feeds.records.hiding import HELD

_SHOWN: Final = 20  # problems that are told one by one


class Progress(Protocol):
    """Is told how far a load is: how many of the files, or of what `unit` says, are read."""

    def __call__(self, done: int, total: int, unit: str = "files") -> object: ...


class SharedId(NamedTuple):
    """That the record at `path` doesn't have its `id`; `owner` is the path of the one that has."""

    id: str
    path: str
    owner: str


class Unshown(NamedTuple):
    """A file that is no error and has no entry: `hidden` or `passed over`, and why."""

    path: str
    state: str
    reason: str


@dataclass(slots=True)
class Report:
    """What a load did.

    Every file is counted once among public, collections, hidden, errors and passed over.

    `copies` are the public records that entries are made of, those included
    whose file is in error now and whose last good version is kept;
    `suppressed` are those of them that a removed copy removes. `due` is when the
    next record is held no more, or expires, in seconds since 1970. `shared` are the
    notes about ids that several records have. `renamed` are the topics, by slug, that all
    entries left in this load, each for the same other one. `unshown` are the files that are
    hidden and passed over, which a check alone names. `history` says why the history
    of the folder isn't known; `learns` that this load was the first to know it. `turned`
    are the files that this load found to be bad, hidden, passed over or good again, which
    they weren't before; of a first load the bad ones.
    `differing` are the paths of all that weren't as the store knew them. A load that looked at
    some paths alone has no `problems`, which are those of all files.
    """

    folder: Path
    profile: str = ""
    history: str = ""
    learns: bool = False
    generation: int = 0
    parsed: int = 0
    public: int = 0
    collections: int = 0
    hidden: Counter[str] = field(default_factory=Counter)
    left_out: int = 0
    passed_over: int = 0
    kept: int = 0
    copies: int = 0
    suppressed: int = 0
    entries: int = 0
    changed: int = 0
    due: int | None = None
    problems: list[Problem] = field(default_factory=list)
    shared: list[Problem] = field(default_factory=list)
    renamed: dict[str, str] = field(default_factory=dict)
    unshown: list[Unshown] = field(default_factory=list)
    turned: list[Problem] = field(default_factory=list)
    differing: set[str] = field(default_factory=set)

    def note_shared(self, several: Iterable[SharedId]) -> None:
        """Note each record that doesn't have its id, because another one has it."""
        for shared, path, owner in sorted(several):
            reason = f"is that of {owner}, which came first" if owner else "was that of another"
            message = f"{shared} {reason}; this record has one made from its URL: write another"
            self.shared.append(Problem(path, 1, "id", message, "note", shared))
        self.problems += self.shared

    def located(self, problem: Problem) -> str:
        """A problem in one line: where, what, and what would be right."""
        return f"{self.folder / problem.path}:{problem.line}: {problem.field}: {problem.message}"

    def told(self, problems: Sequence[Problem]) -> list[tuple[str, bool]]:
        """Problems in a line each, errors first, 20 at most, then how many more there are.

        Each line with whether it is about an error.
        """
        lines = [(self.located(p), p.severity == "error") for p in problems]
        lines.sort(key=lambda line: not line[1])
        if more := lines[_SHOWN:]:
            count = f"... and {len(more):,} more; feeds check shows them all"
            lines[_SHOWN:] = [(count, more[0][1])]
        return lines

    @property
    def place(self) -> str:
        """The folder, and whose it is where it is that of a tool."""
        return f"{self.folder} ({self.profile})" if self.profile else str(self.folder)

    @property
    def errors(self) -> list[Problem]:
        """What keeps files out: at least one for each that was left out."""
        return [p for p in self.problems if p.severity == "error"]

    @property
    def notes(self) -> list[Problem]:
        """Oddities of files that were read all the same."""
        return [p for p in self.problems if p.severity == "note"]

    @property
    def merged(self) -> int:
        """Public records that are copies of another one."""
        return self.copies - self.suppressed - self.entries

    def counts(self) -> dict[str, Any]:
        """The numbers by name, for programs."""
        return {
            "public": self.public,
            "collections": self.collections,
            "hidden": self.hidden.total(),
            "held": self.hidden[HELD],
            "hidden_by_reason": dict(sorted(self.hidden.items())),
            "merged": self.merged,
            "suppressed": self.suppressed,
            "errors": self.left_out,
            "kept": self.kept,
            "passed_over": self.passed_over,
            "entries": self.entries,
        }

    def figures(self) -> dict[str, int]:
        """The same without reasons, and what the load did: for a line of a log."""
        numbers = {name: n for name, n in self.counts().items() if isinstance(n, int)}
        done = {"generation": self.generation, "parsed": self.parsed, "changed": self.changed}
        return numbers | done

    def counts_line(self) -> str:
        """What became of the files, in one line."""
        reasons = ", ".join(f"{n:,} {reason}" for reason, n in sorted(self.hidden.items()))
        kept = f" ({self.kept:,} served as last read)" if self.kept else ""
        lists = f"{counted(self.collections, 'collection')}, " if self.collections else ""
        gone = f", {self.suppressed:,} removed by a copy" if self.suppressed else ""
        return (
            f"{self.public:,} public ({self.merged:,} merged{gone}), "
            f"{lists}{self.hidden.total():,} hidden{f' ({reasons})' if reasons else ''}, "
            f"{self.left_out:,} left out{kept}, "
            f"{counted(self.passed_over, 'not a record', 'not records')}"
        )

    def summary(self) -> str:
        """What became of the files and what the load did, in one line."""
        return (
            f"{self.counts_line()}; {counted(self.parsed, 'file')} parsed, "
            f"{counted(self.changed, 'entry', 'entries')} changed"
            f"{', for the git history is known by now' if self.learns else ''}"
        )
