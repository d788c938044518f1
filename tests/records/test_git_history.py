from pathlib import Path

import pytest

from feeds.model import Record
from feeds.records.git_history import head_of, read_history
from feeds.records.history import Fact, History, NoHistory
from feeds.records.parser import PLAIN, parse_record
from tests.helpers.repository import Repository
from tests.helpers.server import PROJECT, feeds

NOW = 2_000_000_000


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "site")


def record(name: str, **fields: object) -> str:
    lines = {"title": name, "webUrl": f"https://example.com/{name}"} | fields
    return "".join(["---\n", *(f"{key}: {value}\n" for key, value in lines.items()), "---\n"])


def key(name: str) -> str:
    parsed = parse_record("x.md", record(name).encode()).record
    assert isinstance(parsed, Record)
    return parsed.key


def told(history: History) -> dict[str, Fact]:
    """What is told, by the names of the records."""
    names = {key(name): name for name in "abcde"}
    return {names[found]: fact._replace(first="", dated=0) for found, fact in history.facts.items()}


def read(repository: Repository, since: str = "", until: int = 0, within: str = "") -> History:
    return read_history(repository.folder / within, PLAIN, NOW, since, until)


def test_records_come_when_they_are_first_public(repository: Repository) -> None:
    repository.commit(900, {"README.md": "Read me"})
    repository.commit(1000, {"a.md": record("a"), "b.md": record("b", published="false")})
    repository.commit(2000, {"c.md": record("c", published="false")})
    repository.commit(3000, {"b.md": record("b"), "notes/d.md": record("d")})
    head = repository.commit(
        4000, {"b.md": record("b", excerpt="More"), "c.md": record("c"), "x.md": "Nothing"}
    )
    history = read(repository)
    assert (history.head, history.since, history.until) == (head, "", 4000)
    assert head_of(repository.folder) == head
    assert told(history) == {
        "a": Fact(1000, initial=True, changed=1000),
        "b": Fact(3000, initial=False, changed=4000),
        "c": Fact(4000, initial=False, changed=4000),
        "d": Fact(3000, initial=False, changed=3000),
    }


def test_a_record_that_moves_stays_the_same_and_one_that_is_back_came_then(
    repository: Repository,
) -> None:
    repository.commit(1000, {"a.md": record("a")})
    repository.commit(2000, {"a.md": None, "old/a.md": record("a", excerpt="Again")})
    assert told(read(repository)) == {"a": Fact(1000, initial=True, changed=2000)}
    repository.commit(3000, {"old/a.md": None})
    repository.commit(4000, {"new/a.md": record("a")})
    assert told(read(repository)) == {"a": Fact(4000, initial=False, changed=4000)}


def test_only_what_feeds_show_changes_a_record(repository: Repository) -> None:
    repository.commit(1000, {"a.md": record("a"), "b.md": record("b"), "c.md": record("c")})
    repository.commit(2000, {"a.md": record("a", secured="x"), "b.md": None, "d.md": record("b")})
    edited = repository.commit(3000, {"c.md": record("c", heat=3)})
    later = read(repository, edited, 3000)
    assert later.facts == {}
    repository.commit(4000, {"a.md": record("a", secured="y"), "c.md": None, "e.md": record("c")})
    changed = {name: fact.changed for name, fact in told(read(repository)).items()}
    assert changed == {"a": 1000, "b": 1000, "c": 4000}


def test_records_come_later_to_what_they_get_later(repository: Repository) -> None:
    future = "1970-01-01T01:00:00Z"
    said = {"b": {"publishedDateTime": future}, "c": {"type": "video"}}
    repository.commit(1000, {f"{n}.md": record(n, topics="[AI]", **said.get(n, {})) for n in "abc"})
    repository.commit(2000, {"a.md": record("a", topics="[AI, C++]"), "c.md": record("c")})
    since = repository.commit(4000, {"b.md": record("b", topics="[AI, Go]")})
    assert told(read(repository)) == {
        "a": Fact(1000, initial=True, changed=2000, topics={"c-plus-plus": 2000}),
        "b": Fact(3600, initial=True, changed=4000, topics={"go": 4000}),
        "c": Fact(1000, initial=True, changed=2000, moved=2000),
    }
    repository.commit(
        5000, {"d.md": record("a", topics="[Go]", id="tag:a.example,2026:a"), "a.md": None}
    )
    later = told(read(repository, since, 4000))
    assert later == {"a": Fact(changed=5000, moved=5000, topics={"go": 5000})}


def test_records_that_are_hidden_removed_or_deleted_are_withdrawn(repository: Repository) -> None:
    repository.commit(1000, {f"{name}.md": record(name) for name in "abcd"})
    repository.commit(2000, {"a.md": record("a", removed="true"), "b.md": None})
    repository.commit(3000, {"c.md": record("c", draft="true"), "d.md": "---\ntitle: [\n---\n"})
    withdrawn = {name: fact.withdrawn for name, fact in told(read(repository)).items()}
    assert withdrawn == {"a": 2000, "b": 2000, "c": 3000, "d": 0}


def test_a_clock_that_goes_back_takes_nothing_back(repository: Repository) -> None:
    repository.commit(5000, {"a.md": record("a")})
    repository.commit(3000, {"b.md": record("b")})
    repository.commit(NOW + 9, {"c.md": record("c")})
    repository.commit(6000, {"d.md": record("d")})
    facts = told(read(repository))
    assert [facts[name].came for name in "abcd"] == [5000, 5000, NOW, NOW]


def test_what_is_dated_in_the_future_comes_then(repository: Repository) -> None:
    future = "1970-01-01T01:00:00Z"
    held = {f"{name}.md": record(name, publishedDateTime=future) for name in "abc"}
    repository.commit(1000, {**held})
    repository.commit(2000, {"b.md": record("b"), "c.md": None})
    assert told(read(repository)) == {
        "a": Fact(3600, initial=True, changed=3600),
        "b": Fact(2000, initial=False, changed=2000),
    }


def test_a_merge_brings_what_it_brings_when_it_is_there(repository: Repository) -> None:
    base = repository.commit(1000, {"a.md": record("a")})
    branch = repository.commit(2000, {"b.md": record("b")})
    repository.commit(3000, {"c.md": record("c")}, onto=base)
    repository.commit(4000, {"b.md": record("b")}, branch)
    came = {name: fact.came for name, fact in told(read(repository)).items()}
    assert came == {"a": 1000, "c": 3000, "b": 4000}


def test_only_what_came_after_a_commit_is_read(repository: Repository) -> None:
    since = repository.commit(1000, {"a.md": record("a"), "b.md": record("b")})
    assert told(read(repository, since, 1500)) == {}
    repository.commit(1400, {"a.md": None, "c.md": record("c")})
    head = repository.commit(3000, {"b.md": record("b", draft="true")})
    history = read(repository, since, 1500)
    assert (history.head, history.since, history.until) == (head, since, 3000)
    assert told(history) == {
        "a": Fact(withdrawn=1500),
        "b": Fact(withdrawn=3000),
        "c": Fact(1500, initial=False, changed=1500),
    }


@pytest.mark.parametrize("is_gone", [True, False])
def test_history_that_was_rewritten_is_read_anew(repository: Repository, is_gone: bool) -> None:
    base = repository.commit(1000, {"a.md": record("a")})
    since = repository.commit(2000, {"b.md": record("b")})
    repository.commit(3000, {"b.md": record("b"), "c.md": record("c")}, onto=base)
    history = read(repository, "0" * 40 if is_gone else since, 2000)
    assert history == read(repository)
    assert history.facts[key("b")].came == 3000


def test_a_folder_within_a_repository_has_its_own_history(repository: Repository) -> None:
    repository.commit(1000, {"posts/a.md": record("a"), "b.md": record("b")})
    repository.commit(2000, {"posts/.c.md": record("c"), "posts/d.md": record("d")})
    came = {name: fact.came for name, fact in told(read(repository, within="posts")).items()}
    assert came == {"a": 1000, "d": 2000}


def test_where_there_is_no_history_it_is_said_why(tmp_path: Path, repository: Repository) -> None:
    with pytest.raises(NoHistory, match="without commits"):
        read(repository)
    with pytest.raises(NoHistory, match="is in no git repository"):
        read_history(tmp_path, PLAIN, NOW)
    commit = repository.commit(1000, {"a.md": record("a")})
    (repository.folder / ".git/shallow").write_text(commit + "\n")
    with pytest.raises(NoHistory, match="is a shallow clone"):
        read(repository)


WITHOUT = """
import ssl
ssl.get_default_verify_paths = lambda: ssl.DefaultVerifyPaths(None, None, "", "", "", "")
"""


def test_a_machine_without_certificates_has_no_history_and_loads(tmp_path: Path) -> None:
    """libgit2 can't be loaded there."""
    (tmp_path / "sitecustomize.py").write_text(WITHOUT)
    Repository(tmp_path / "site").commit(1_700_000_000, {"a.md": record("a")})
    done = feeds(
        "load",
        cwd=tmp_path,
        FEEDS_SEEDS=str(tmp_path / "site"),
        FEEDS_DATABASE_URL=f"sqlite:///{tmp_path / 'news.db'}",
        PYTHONPATH=f"{tmp_path}:{PROJECT}",
    )
    assert done.returncode == 0, done.stderr
    assert "1 public" in done.stdout
    assert "libgit2 can't be loaded: OpenSSL error: failed to load certificates" in done.stdout
