"""A folder's git history -> when each record came, and when it was withdrawn.

Objects are read by libgit2: no hook, filter or command that a repository's configuration
names is run, and it doesn't matter whose the folder is. Of HEAD only the line of first parents
counts: a merge brings what it brings when it is there. A commit counts as no earlier than
those before it, and no later than now, whatever its clock said.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import Final, NamedTuple, TypeVar

from feeds import slugs
from feeds.config import MAX_WINDOW
from feeds.model import decode_record
from feeds.records.hiding import HELD
from feeds.records.history import Fact, Gone, History, Left, NoHistory
from feeds.records.outcome import interpret
from feeds.records.parser import Options
from feeds.records.scanner import ignored
from feeds.selection import scopes_of

try:
    import pygit2
    from pygit2.enums import FileMode, Option, SortMode
except Exception as error:  # an error of its own, which can't be imported either
    raise NoHistory(
        f"libgit2 can't be loaded: {error}; it needs the system's certificates (ca-certificates)"
    ) from error

Kind = TypeVar("Kind")

_LOOKED_AT: Final = (FileMode.TREE, FileMode.BLOB, FileMode.BLOB_EXECUTABLE)


def head_of(folder: Path) -> str:
    """The commit that is checked out in the git repository of a folder. Raises NoHistory."""
    return str(_open(folder)[0].head.target)


def read_history(
    folder: Path,
    options: Options,
    now: int,
    since: str = "",
    until: int = 0,
    progress: Callable[[int, int], object] | None = None,
) -> History:
    """The history of `folder`, which is a git work tree or within one; `now` in seconds.

    With the commit `since`, of the moment `until`, only what came after it is read, unless history
    was rewritten and it isn't on the line that leads to HEAD any more. `progress` is told
    how many of the commits are read, after each file. Raises NoHistory.
    """
    repository, prefix = _open(folder)
    head = str(repository.head.target)
    commits = _line(repository, head, since) if since else []
    if commits or (since and since == head):
        history, tree = History(head, since, until), _folder(repository[since], prefix)
    else:
        history, tree = History(head), None
        commits = _line(repository, head)
    reading = _Reading(options, history)
    for done, commit in enumerate(commits, 1):
        history.until = max(history.until, min(commit.commit_time, now))
        before, tree = tree, _folder(commit, prefix)
        if before is None or tree is None or before.id != tree.id:
            history.moments.append(history.until)
            reading.initial = not (history.since or history.facts)
            # What is at another path by now didn't go.
            changes = sorted(_changed(before, tree), key=lambda change: change[2] is not None)
            reading.begin((path, was) for path, was, _ in changes if was)
            for path, was, content in changes:
                reading.note(path, was, content)
                if progress:
                    progress(done, len(commits))
            reading.end()
    if not history.since:
        history.gone = reading.gone(history.until - MAX_WINDOW * 3600)
        history.left = reading.left(repository)
    return history


def _open(folder: Path) -> tuple[pygit2.Repository, PurePosixPath]:
    """The repository that the folder is in, and where in it."""
    pygit2.option(Option.SET_OWNER_VALIDATION, False)
    folder = folder.resolve()
    try:
        found = pygit2.discover_repository(str(folder))
        repository = pygit2.Repository(found) if found else None
    except pygit2.GitError:
        raise NoHistory(
            "the git repository of the folder can't be read; `git status` there says why"
        ) from None
    if repository is None:
        raise NoHistory("the folder is in no git repository")
    if repository.is_shallow:
        raise NoHistory("the folder is a shallow clone; `git fetch --unshallow` brings its history")
    if repository.workdir is None or repository.head_is_unborn:
        raise NoHistory("the folder is in a git repository without commits")
    return repository, PurePosixPath(folder.relative_to(Path(repository.workdir).resolve()))


def _line(repository: pygit2.Repository, head: str, after: str = "") -> list[pygit2.Commit]:
    """The commits on the line of first parents that leads to `head`, the oldest first.

    Those after the commit `after`; none where that isn't on the line.
    """
    walk = repository.walk(head, SortMode.TOPOLOGICAL | SortMode.REVERSE)
    walk.simplify_first_parent()
    if not after:
        return list(walk)
    try:
        walk.hide(after)
    except (KeyError, ValueError, pygit2.GitError):  # gone since
        return []
    commits = list(walk)
    return commits if commits and [*map(str, commits[0].parent_ids[:1])] == [after] else []


def _folder(commit: pygit2.Object | pygit2.Commit, prefix: PurePosixPath) -> pygit2.Tree | None:
    """The tree of the folder in a commit; None where it isn't there."""
    tree: pygit2.Object = commit.peel(pygit2.Tree)
    for name in prefix.parts:
        if not isinstance(tree, pygit2.Tree) or name not in tree:
            return None
        tree = tree[name]
    return tree if isinstance(tree, pygit2.Tree) else None


def _changed(
    old: pygit2.Tree | None, new: pygit2.Tree | None, at: str = ""
) -> Iterator[tuple[str, pygit2.Blob | None, pygit2.Blob | None]]:
    """The files that differ between two trees: path, content before, content after."""
    before, after = _listed(old), _listed(new)
    for name in sorted(before.keys() | after.keys()):
        was, now = before.get(name), after.get(name)
        if was is not None and now is not None and was.id == now.id:
            continue
        if isinstance(was, pygit2.Tree) or isinstance(now, pygit2.Tree):
            yield from _changed(_as(pygit2.Tree, was), _as(pygit2.Tree, now), f"{at}{name}/")
        content, content_now = _as(pygit2.Blob, was), _as(pygit2.Blob, now)
        if content or content_now:
            yield at + name, content, content_now


def _as(kind: type[Kind], item: pygit2.Object | None) -> Kind | None:
    return item if isinstance(item, kind) else None


def _listed(tree: pygit2.Tree | None) -> dict[str, pygit2.Object]:
    """What a tree has that the scanner would look at."""
    found = {}
    for item in tree or ():
        name = (item.raw_name or b"").decode("utf-8", "backslashreplace")
        if item.filemode in _LOOKED_AT and not ignored(name):
            found[name] = item
    return found


class _Place(NamedTuple):
    """The provider, type and id of a record, as `selection.scopes_of` takes them."""

    provider: str = ""
    provider_slug: str = ""
    type: str = ""
    own_id: str = ""


class _Version(NamedTuple):
    """What one content of a file says: the record's page, whether public, and from when on.

    `shown` is a digest of what feeds may show, `key` that of the record. Its date, if it has one
    (`dated`, in seconds), `place`, `topics` (by slug) and `source` (path and blob) are known of
    what is public now.
    """

    page: str = ""
    public: bool = False
    starts: int = 0
    shown: bytes = b""
    key: str = ""
    dated: int = 0
    place: _Place | None = None
    topics: frozenset[str] = frozenset()
    source: tuple[str, pygit2.Oid | str] = ("", "")

    def scopes(self) -> set[str]:
        """The keys of the scopes in which feeds show it now."""
        return scopes_of(self.place, self.topics) if self.place else set()


class _Reading:
    """Notes in a history what the contents of files tell, one after another.

    `initial` says that the first commit with records is being read.
    """

    def __init__(self, options: Options, history: History) -> None:
        self.initial = False
        self._options = options
        self._history = history
        self._paths: dict[str, set[str]] = {}  # where records are public, by their keys
        self._versions: dict[tuple[str, bytes], _Version | None] = {}
        self._before: dict[str, _Version] = {}  # what was public of records, by page
        self._now: dict[str, _Version] = {}  # and what is, of those that a commit changed
        self._gone: dict[str, tuple[str, pygit2.Blob, bool]] = {}
        self._left: dict[str, dict[str, tuple[_Version, int]]] = {}  # by key of a scope, page

    def gone(self, since: int) -> dict[str, Gone]:
        """What was withdrawn after a moment, and isn't back, by page."""
        facts = self._history.facts
        return {
            page: Gone(path, content.data, is_hidden)
            for page, (path, content, is_hidden) in self._gone.items()
            if page in facts and facts[page].withdrawn > since
        }

    def left(self, repository: pygit2.Repository) -> dict[str, Left]:
        """What left each scope last, by the key of the scope; of the hidden only if all are."""
        facts, found = self._history.facts, {}
        was_there = {page for page, (*_, is_hidden) in self._gone.items() if not is_hidden}
        for scope, by_page in self._left.items():
            known = [
                (not facts[page].withdrawn or page in was_there, moment, page)
                for page, (_, moment) in by_page.items()
                if page in facts
            ]
            if not known:
                continue
            is_shown, moment, page = max(known)
            path, blob = by_page[page][0].source
            content = repository[blob].peel(pygit2.Blob).data
            found[scope] = Left(page, moment, Gone(path, content, not is_shown))
        return found

    def begin(self, files: Iterable[tuple[str, pygit2.Blob]]) -> None:
        """Begin with a commit: `files` are those that change in it, as they were."""
        versions = (self._version(path, content) for path, content in files)
        self._before = {one.page: one for one in versions if one and one.public}
        self._now = {}

    def end(self) -> None:
        """Note what the files of a commit left by it."""
        moment = self._history.until
        for page, was in self._before.items():
            fact, now = self._history.facts.get(page), self._now.get(page, _Version())
            if fact and (fact.withdrawn or page in self._now):
                for scope in was.scopes() - now.scopes():
                    self._left.setdefault(scope, {})[page] = was, moment

    def note(self, path: str, before: pygit2.Blob | None, after: pygit2.Blob | None) -> None:
        """Note that the content of a file became another at the history's moment."""
        facts, moment = self._history.facts, self._history.until
        was, version = self._version(path, before), self._version(path, after)
        if version is None:  # what it said when it could last be read stays
            return
        if version.public:
            fact = facts.get(version.page)
            if fact is None or fact.came > moment:  # which it was held until
                came = max(moment, version.starts)
                dated = (version.dated or came) if self.initial else 0
                fact = Fact(came, self.initial, first=version.key, dated=dated)
            elif 0 < fact.withdrawn < moment:  # and it is back
                fact = fact._replace(came=max(moment, version.starts), initial=False)
            self._paths.setdefault(version.page, set()).add(path)
            shown = self._before.get(version.page)
            if shown is None or shown.shown != version.shown:
                fact = fact._replace(changed=max(moment, version.starts))
            if shown and shown.place and version.place:
                gained = dict.fromkeys(version.topics - shown.topics, moment)
                moved = fact.moved if shown.place == version.place else moment
                fact = fact._replace(moved=moved, topics={**fact.topics, **gained})
            facts[version.page] = fact._replace(withdrawn=0)
            self._now[version.page] = version
        for old in (was, version):
            if old is None or not old.page or (version.public and old.page == version.page):
                continue
            copies = self._paths.get(old.page, set())
            copies.discard(path)
            if copies:
                continue
            fact = facts.get(old.page)
            if fact is not None and fact.came > moment:
                del facts[old.page]
            elif old.public or (fact is not None and not fact.withdrawn):
                facts[old.page] = (fact or Fact())._replace(withdrawn=moment)
                if old.public and before is not None:
                    self._gone[old.page] = path, before, version.page == old.page

    def _version(self, path: str, content: pygit2.Blob | None) -> _Version | None:
        """What a content says; None where it can't be read."""
        if content is None:
            return _Version()
        key = path, content.id.raw
        known = self._versions.get(key)
        is_due = known is not None and 0 < known.starts <= self._history.until
        if is_due or key not in self._versions:
            known = self._versions[key] = self._parse(path, content)
        return known

    def _parse(self, path: str, content: pygit2.Blob) -> _Version | None:
        options = self._options._replace(now=self._history.until)
        found = interpret(path, content.data, options=options)
        if found.outcome == "public":
            shown = found.render_digest + b"%d" % (found.published or 0)
            record = decode_record(found.data)
            kind = slugs.type_slug(record.type) if record.type else ""
            provider = (record.provider.key, record.provider.slug) if record.provider else ("", "")
            place = _Place(*provider, kind, found.own_id)
            return _Version(
                found.page,
                public=True,
                shown=shown,
                key=found.key,
                dated=found.published or 0,
                place=place,
                topics=frozenset(map(slugs.slug, record.topics)),
                source=(path, content.id),
            )
        if found.outcome == "error":
            return _Version() if found.hides else None
        if found.outcome != "hidden":  # of a collection no feed has an entry
            return _Version()
        is_held = found.reason == HELD and found.due > 0
        return _Version(found.page, is_held, found.due, key=found.key)
