"""What a check says of a file, and what it would write there."""

from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from feeds.model import Problem
from feeds.records import checking, fixing
from feeds.records.hiding import WORDS
from feeds.records.outcome import FileReading
from feeds.records.parser import PLAIN, Options
from feeds.records.profiles.table import LINKS
from feeds.records.record_fields import READ

GOOD = "title: A\nwebUrl: https://a.example/b\n"
NOW = Options(now=int(datetime(2026, 12, 1, tzinfo=UTC).timestamp()))
IN_LINKS = NOW._replace(site=LINKS)


def examined(front: str, options: Options = NOW, path: str = "a.md") -> FileReading:
    return checking.examine(path, f"---\n{front}---\n".encode(), b"", options)


def told(front: str, options: Options = NOW) -> list[tuple[int, str, str, str, str]]:
    return [
        (p.line, p.field, p.severity, p.value, p.suggestion)
        for p in examined(front, options).problems
    ]


@pytest.mark.parametrize(
    ("key", "near"),
    [
        ("Title", "title"),
        ("weburl", "webUrl"),
        ("web_url", "webUrl"),
        ("publishedDatetime", "publishedDateTime"),
        ("publishedDate", "publishedDateTime"),
        ("topic", "topics"),
        ("excrept", "excerpt"),
        *((key, "") for key in sorted(READ)),
        *((key, "") for key in ("layout", "permalink", "author", "tags", "date", "created")),
        *((key, "") for key in ("Published", "DRAFT", "comments", "series", "x", "ids")),
    ],
)
def test_a_key_is_taken_for_the_one_that_it_is_close_to(key: str, near: str) -> None:
    known = READ | WORDS
    assert checking.nearest(key, known) == near


@pytest.mark.parametrize(
    ("front", "expected"),
    [
        (GOOD + "layout: post\nauthor: A\npermalink: /a\n", []),
        (GOOD + "Title: B\nweburl: c\n", []),  # the right ones are there, too
        (GOOD + "publshed: false\n", [(4, "publshed", "note", "", "published")]),
        (
            GOOD + "provider: {Name: B}\nimages:\n  - uri: https://a.example/c.png\n",
            [
                (4, "provider.Name", "note", "", "name"),
            ],
        ),
        (
            GOOD + "publishedDateTime: 19/05/2026\n",
            [(4, "publishedDateTime", "note", "19/05/2026", "2026-05-19T00:00:00Z")],
        ),
        (
            GOOD + "updatedDateTime: 05.19.2026 10:30 +0200\npublishedDateTime: 2026-05-01\n",
            [(4, "updatedDateTime", "note", "05.19.2026 10:30 +0200", "2026-05-19T08:30:00Z")],
        ),
        (
            GOOD + "publishedDateTime: 05/06/2026\n",
            [(4, "publishedDateTime", "note", "05/06/2026", "")],
        ),
        (
            "title: “A” is back\nwebUrl: “https://a.example/b”\ntype: “article”\ntopics: [“AI”]\n",
            [
                (3, "webUrl", "error", "“https://a.example/b”", "https://a.example/b"),
                (4, "type", "note", "“article”", "article"),
                (5, "topics", "note", "“AI”", "AI"),
            ],
        ),
        (GOOD + "published: “true”\n", [(4, "published", "note", "“true”", "true")]),
        ("title: “A”\nwebUrl: https://a.example/b\n", []),
        (
            "title: A: b\nwebUrl: www.a.example\nexcerpt: “a: b”\nheat: hot\ndescription: @me\n",
            [
                (2, "front matter", "error", "A: b", '"A: b"'),
                (3, "webUrl", "error", "www.a.example", "https://www.a.example"),
                (4, "front matter", "error", "“a: b”", '"a: b"'),
                (5, "heat", "note", "hot", ""),
                (6, "front matter", "error", "@me", '"@me"'),
            ],
        ),
        (
            "title: [\nwebUrl: www.a.example\n",
            [(4, "front matter", "error", "", "")],
        ),
        (
            "Title: A\nweburl: www.a.example\n",
            [
                (1, "title", "error", "", ""),
                (1, "webUrl", "error", "", ""),
                (2, "Title", "note", "", "title"),
                (3, "webUrl", "error", "www.a.example", "https://www.a.example"),
                (3, "weburl", "note", "", "webUrl"),
            ],
        ),
    ],
    ids=range(13),
)
def test_a_check_tells(front: str, expected: list[tuple[int, str, str, str, str]]) -> None:
    assert told(front) == expected


@pytest.mark.parametrize(
    "secret", ["secured: a: KEY\n", "Secured:\n  - @KEY\n", "'secured': “KEY: x”\n"]
)
def test_of_what_is_secured_nothing_is_shown(secret: str) -> None:
    reading = examined(GOOD + secret)
    assert reading.outcome == "error"
    assert "KEY" not in repr(reading)


def test_typographic_quotes_are_named() -> None:
    problems = examined("title: “A: b”\nwebUrl: “https://a.example/b”\n").problems
    assert ["typographic quote" in problem.message for problem in problems] == [True, True]


def test_in_a_folder_of_links_a_record_in_error_may_be_of_either_form() -> None:
    (missing, key) = examined("title: A\nLink: https://a.example/b\n", IN_LINKS).problems
    assert (missing.field, key.field, key.suggestion) == ("webUrl", "Link", "link")


def test_what_a_file_is_passed_over_for_is_told() -> None:
    reading = checking.examine("a.md", b"\n---\ntitle: A\n---\n", b"", NOW)
    assert (reading.outcome, reading.reason) == ("other", "a blank stands before its ---")


def test_a_check_finds_the_outcome_of_a_load() -> None:
    assert examined("draft: yes\nTitle: “A”\n").problems == ()
    assert examined("draft: yes\ntitle: A\n").outcome == "hidden"
    assert examined(GOOD).outcome == "public"


WRONG = {
    "webUrl": ["www.a.example", "a.example/b c", "//a.example/b", "http:/a.example",
               "ttps://a.example", "<https://a.example>", "[a](https://a.example/b)",
               "“www.a.example”", "https//a.example"],
    "publishedDateTime": ["19/05/2026", "2026-19-05", "the 19th of May 2026", "1716100000000",
                          "“2026-05-19”", "19.05.2026 10:30 PM"],
    "length": ["14m50s", "pt14m50s", "1 h"],
    "title": ["a: b", "@a", "%a", "'It's'", '"A" b', "“a: b”", "- a", "a: 'b"],
    "type": ["“article”", "«a»"],
    "draft": ["no"],
    "provider": ["{name: A, domain: 'https://www.a.example/b'}"],
    "images": ["www.a.example/b.png", "[{url: '//'}, {url: 'http:a.example/b.png'}]"],
}  # fmt: skip


def with_suggestions(data: bytes, problems: tuple[Problem, ...]) -> bytes:
    """The file as somebody writes it who follows all suggestions."""
    for problem in problems:
        if problem.value:
            data = fixing.with_suggestion(data, problem)
        elif problem.suggestion:
            key = problem.field.rpartition(".")[2]
            data = data.replace(f"{key}:".encode(), f"{problem.suggestion}:".encode(), 1)
    return data


@given(
    st.fixed_dictionaries(
        {name: st.sampled_from(values) for name, values in WRONG.items()},
    ),
    st.sampled_from(["webUrl", "weburl", "web_url", "WebURL"]),
    st.sampled_from(["title", "Title", "titel"]),
)
@example({"title": "a: b", "webUrl": "www.a.example"}, "weburl", "title")
def test_no_suggestion_leads_to_the_next_complaint(
    values: dict[str, str], url: str, title: str
) -> None:
    names = {"webUrl": url, "title": title}
    front = "".join(f"{names.get(name, name)}: {value}\n" for name, value in values.items())
    data = f"---\n{front}---\n".encode()
    problems = checking.examine("a.md", data, b"", NOW).problems
    lines = {problem.line for problem in problems if problem.suggestion}
    followed = with_suggestions(data, problems)
    again = checking.examine("a.md", followed, b"", NOW).problems
    assert not [problem for problem in again if problem.line in lines], (data, followed)


@given(st.text(max_size=40))
@example("{}")
def test_no_text_has_a_suggestion_that_is_wrong(text: str) -> None:
    for line in ("webUrl: ", "publishedDateTime: ", "type: “", "title: “", "title: '", "Topic"):
        front = f"{GOOD.replace('webUrl', 'originalUrl')}{line}{text}: a\n"
        data = f"---\n{front if line == 'Topic' else front[:-4]}\n---\n".encode(errors="replace")
        for problem in checking.examine("a.md", data, b"", PLAIN).problems:
            assert str(problem).isprintable()
            followed = fixing.with_suggestion(data, problem) if problem.value else data
            if followed != data:
                again = checking.examine("a.md", followed, b"", PLAIN).problems
                places = {(one.line, one.field) for one in again}
                assert (problem.line, problem.field) not in places, (data, followed)
