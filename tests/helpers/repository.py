"""Git repositories, made without git."""

from pathlib import Path

import pygit2
from pygit2.enums import FileMode


class Repository:
    """A git repository and its files, to which tests commit at moments of their choice."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.git = pygit2.init_repository(str(folder), initial_head="main")

    def commit(
        self, moment: int, files: dict[str, str | None], *more: str, onto: str | None = "HEAD"
    ) -> str:
        """Commit files (None removes one) on HEAD; `more` are further parents."""
        parents = [str(self.git.revparse_single(onto).id)] if onto and self._has(onto) else []
        index = pygit2.Index()
        if parents:
            index.read_tree(self.git[parents[0]].peel(pygit2.Tree))
        for path, text in files.items():
            there = self.folder / path
            if text is None:
                index.remove(path)
                there.unlink()
            else:
                there.parent.mkdir(exist_ok=True)
                there.write_text(text)
                content = self.git.create_blob(text.encode())
                index.add(pygit2.IndexEntry(path, content, FileMode.BLOB))
        who = pygit2.Signature("Editor", "editor@example.com", moment, 0)
        tree = index.write_tree(self.git)
        made = self.git.create_commit(None, who, who, "Change", tree, [*parents, *more])
        self.git.references.create("refs/heads/main", made, force=True)
        return str(made)

    def _has(self, name: str) -> bool:
        try:
            return bool(self.git.revparse_single(name))
        except KeyError:
            return False
