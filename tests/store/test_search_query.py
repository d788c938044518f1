"""What words find, through the address of a feed."""

from pathlib import Path
from urllib.parse import quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds.loading import loader
from feeds.selection import Filters, Scope
from feeds.store import page_statements, search_query
from feeds.store.database import Store
from feeds.store.search_query import Term
from tests.helpers.support import LOADED, dump, feed, loaded, write

pytestmark = pytest.mark.usefixtures("either")


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("Größe, Ärger & Café", "große arger cafe"),
        ("C++20 isn't C# or .NET", "cplusplus 20 isn t csharp or dotnet"),
        ("snake_case half-time 1.5", "snake case half time 1 5"),
        ("ﬁne ①", "fine 1"),
        ("", ""),
        ("…", ""),
    ],
)
def test_words_have_neither_case_nor_accents(written: str, words: str) -> None:
    assert search_query.folded(written) == words.replace("große", "grosse")


@pytest.mark.parametrize(
    ("written", "terms"),
    [
        ("solar Power", [Term(("solar",)), Term(("power",))]),
        ('"solar power" grid', [Term(("solar", "power")), Term(("grid",))]),
        ("batter* -lead", [Term(("batter",), beginning=True), Term(("lead",), wanted=False)]),
        ('-"old news" new', [Term(("old", "news"), wanted=False), Term(("new",))]),
        ("half-time", [Term(("half", "time"))]),
        ('open "quote', [Term(("open",)), Term(("quote",))]),
        ("a* b", [Term(("a",)), Term(("b",))]),
        ("AND OR NOT", [Term(("and",)), Term(("or",)), Term(("not",))]),
    ],
)
def test_what_is_looked_for(written: str, terms: list[Term]) -> None:
    assert search_query.parse(written) == terms


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    folder = tmp_path_factory.mktemp("search")
    texts = {
        "a": ("Solar power for the harbour", "Batteries too", ["Energy"], "The Times"),
        "b": ("Harbour ferries", "They run on solar power at last", ["Travel"], "The Times"),
        "c": (
            "Power cuts",
            "The solar panels of the café lay in the dark",
            ["Energy"],
            "Café News",
        ),
        "d": ("Why C++ is not C", "A story of two names", ["C++"], "Ports & Code"),
    }
    for day, (name, (title, excerpt, topics, provider)) in enumerate(texts.items(), 1):
        write(
            folder,
            f"{name}.md",
            title=title,
            excerpt=excerpt,
            topics=topics,
            provider={"name": provider, "domain": f"{name}.example"},
            publishedDateTime=f"2024-01-0{day}T00:00:00Z",
            quality=day,
            heat=10 - day,
        )
    return loaded(folder)


def found(store: Store, query: str) -> str:
    """The names of the files that are found, in order."""
    entries = feed(store, f"/rss.xml?{query}").entries
    return "".join(entry.record.path.removesuffix(".md") for entry in entries)


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ("solar", "cba"),
        ("SOLAR power", "cba"),
        ('"solar power"', "ba"),
        ('"power solar"', ""),
        ("harb*", "ba"),
        ("harb", ""),
        ("power -harbour", "c"),
        ("cafe", "c"),
        ("café", "c"),
        ("times", "ba"),  # a provider
        ("energy", "ca"),  # a topic
        ("c++", "d"),
        ("c", "d"),
        ("nothing", ""),
        ("title:solar", ""),  # the syntax of FTS5 has no meaning here
        ("solar OR ferries", ""),
    ],
)
def test_search_finds_words_of_titles_excerpts_and_names(
    store: Store, words: str, names: str
) -> None:
    assert found(store, "q=" + quote_plus(words)) == names


def test_a_search_may_be_sorted_and_narrowed(store: Store) -> None:
    assert found(store, "q=solar&sort=heat") == "abc"
    assert found(store, "q=solar&sort=relevance")[0] == "a"  # in the title
    assert found(store, "q=solar&min_quality=2") == "cb"
    assert found(store, "q=power&topic=energy&topic=travel&exclude_provider=c.example") == "ba"
    assert found(store, "q=solar&since=2024-01-02") == "cb"
    assert [e.record.path for e in feed(store, "/topics/energy/rss.xml?q=solar").entries] == [
        "c.md",
        "a.md",
    ]
    assert found(store, "q=solar&limit=1&page=2") == "b"
    assert [e.record.path for e in feed(store, "/2024/01/rss.xml?q=harbour").entries] == [
        "b.md",
        "a.md",
    ]


def test_the_best_matches_fill_all_pages_that_there_are(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search_query, "RANKED", 2)
    page_statements.newest_matches.cache_clear()
    best = feed(store, "/rss.xml?q=solar&sort=relevance&limit=1")
    page_statements.newest_matches.cache_clear()
    pages = [link.href.partition("page=")[2] for link in best.links if link.rel == "last"]
    assert (pages, best.total, len(best.entries)) == (["2"], 2, 1)


def test_names_of_signs_are_found_whatever_stands_beside_them(tmp_path: Path) -> None:
    titles = ["ASP.NET Core", "What C++23 brings", "C#13 in .NET9", "A Node.js", "The site x.net"]
    for name, title in zip("abcde", titles, strict=True):
        write(tmp_path, f"{name}.md", title=title, webUrl=f"https://{name}.example/")
    store = loaded(tmp_path)
    words = (".net", "asp.net", '"ASP.NET core"', ".NET9", "c++", "c++23", "c#", "node.js", "x.net")
    found_by = {one: "".join(sorted(found(store, f"q={quote_plus(one)}"))) for one in words}
    assert list(found_by.values()) == ["ac", "a", "a", "c", "b", "b", "c", "d", "e"]


def test_the_index_follows_what_changes(tmp_path: Path) -> None:
    write(tmp_path, "a.md", title="Old words")
    write(tmp_path, "b.md", title="Other words")
    store = loaded(tmp_path)
    assert found(store, "q=words") in ("ab", "ba")
    write(tmp_path, "a.md", title="New names", publishedDateTime="2025-01-01T00:00:00Z")
    (tmp_path / "b.md").unlink()
    loader.load(store, tmp_path, now=LOADED, accept_removals=True)
    assert found(store, "q=words") == ""
    assert found(store, "q=new+names") == "a"
    assert {name: rows for name, rows in dump(store).items() if name == "topics"} == {"topics": []}


@given(st.text(max_size=60))
def test_whatever_is_looked_for_is_refused_or_answered(store: Store, text: str) -> None:
    try:
        search_query.parse(text)
    except ValueError as error:
        assert str(error).startswith(("accepts at most", "needs a word"))  # noqa: PT017 - either
        return
    with store.read() as reader:
        reader.count(Scope(), filters=Filters(q=text))
