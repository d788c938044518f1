import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from feeds.model import Hidden, RecordError
from feeds.records import parser, related_block

SEVEN = b"---\ntitle: A\nwebUrl: https://example.com/a\n"


OPTIONS = parser.Options("Europe/Berlin", now=1_750_000_000)  # in 2025


def outcome(data: bytes, *, fast: bool) -> object:
    try:
        reading = parser.parse_record("a.md", data, OPTIONS, fast=fast)
    except (RecordError, parser.NotARecord) as error:
        return str(error)
    return reading.record, [str(note) for note in reading.notes], reading.until


def assert_same(data: bytes) -> None:
    """Cutting changes nothing, but that what is wrong inside a hidden record's blocks is passed."""
    quick, slow = outcome(data, fast=True), outcome(data, fast=False)
    if isinstance(slow, str) and isinstance(quick, tuple):
        assert isinstance(quick[0], Hidden), slow
        return
    assert quick == slow


# -- what is cut ------------------------------------------------------------


def test_related_is_cut_and_lines_keep_their_numbers() -> None:
    front = (
        b'title: "A"\nrelated:\n  - title: B\n    type: article\n\n  - title: "C"\n'
        b'secured: "x+/="\ntype: article\n'
    )
    parts = related_block.extract_related(front)
    assert parts is not None
    assert parts.without_related == b'title: "A"\n\n\n\n\n\nsecured: "x+/="\ntype: article\n'
    assert [item.text("title") for item in parts.items] == ["B", "C"]
    assert [item.text("type") for item in parts.items] == ["article", ""]


def test_the_last_block_ends_with_the_front_matter() -> None:
    parts = related_block.extract_related(b"title: A\nrelated:\n  - title: B\n")
    assert parts is not None
    assert (parts.without_related, len(parts.items)) == (b"title: A\n\n\n", 1)


@pytest.mark.parametrize(
    "front",
    [
        b"title: A\n",
        b"related: []\n",
        b"related:\n  - title: B\n",  # there is no line before it
        b"---\na: b\n---\nrelated:\n  - title: B\n",  # it is in the body
        b"---\na: b\n---\n\nrelated:\n  - title: B\n",
        b"---\n---\nrelated:\n  - title: B\n",
    ],
)
def test_where_there_is_nothing_to_cut_the_text_is_left_whole(front: bytes) -> None:
    assert related_block.extract_related(front) == related_block.RecordParts(front, [])


@pytest.mark.parametrize(
    "front", [b"secured: x\n", b'a: b\nsecured: "x\n  y"\n', b'a: b\nsecured: "\\u0041"\n']
)
def test_secured_is_left_in_the_text_where_it_may_be_something_else(front: bytes) -> None:
    assert related_block.unsecured(front) == front


def test_nothing_of_secured_is_parsed() -> None:
    assert related_block.unsecured(b'a: b\nsecured: "x+/="\nc: d\n') == b'a: b\nsecured: ""\nc: d\n'


FULL = (
    b'  - title: "A"\n    excerpt: "B \xe2\x80\x98c\xe2\x80\x99"\n'
    b"    publishedDateTime: 2024-02-28T23:59:59Z\n    originalUrl: https://example.org/b\n"
    b'    webUrl: "https://example.org/a"\n    ampWebUrl: "x"\n    cdnAmpWebUrl: "y"\n'
    b"    type: article\n    provider:\n      name: P\n      domain: example.org\n"
    b'    quality: 57\n    images:\n      - url: "z"\n        width: 5\n        height: 6\n'
    b'        isCached: true\n      - url: "z"\n'
)


def test_an_item_may_have_all_that_the_collections_give_it() -> None:
    parts = related_block.extract_related(b"a: b\nrelated:\n" + FULL + b"\n" + FULL + b"c: d\n")
    assert parts is not None
    expected = {
        "title": "A",
        "excerpt": "B ‘c’",
        "originalUrl": "https://example.org/b",
        "webUrl": "https://example.org/a",
        "type": "article",
        "name": "",
    }
    for item in parts.items:
        assert {name: item.text(name) for name in expected} == expected
        assert item.moment("publishedDateTime") == datetime(2024, 2, 28, 23, 59, 59, tzinfo=UTC)
        assert item.number("quality") == 57
        assert item.provider_name() == "P"
    assert len(parts.items) == 2


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'title: "A"\n', b'title: "A"\n    title: "A"\n'),
        (b'title: "A"\n', b'title: "A" \n'),
        (b'title: "A"\n', b'title: "A" x"\n'),
        (b'title: "A"\n', b'title: "A\n'),
        (b'title: "A"\n', b'title: "x: "y"\n'),
        (b'title: "A"\n', b'title: "x\n      y"\n'),
        (b'title: "A"\n', b'title: "\\q"\n'),
        (b'title: "A"\n', b'title: "\\"\n'),
        (b'title: "A"\n', b'title: "a" b\\"\n'),
        (b'title: "A"\n', b'title: "a\\" b" c"\n'),
        (b'title: "A"\n', b'title: "a\\\\" b"\n'),
        (b'"A"', b'"\x01\\n"'),
        (b'title: "A"\n', b"title: 'A'\n"),
        (b'title: "A"\n', b"title: a: b\n"),
        (b'title: "A"\n', b"title: a:\n"),
        (b'title: "A"\n', b"title: a #b\n"),
        (b'title: "A"\n', b"title: a #\n"),
        (b'title: "A"\n', b"title: a \n"),
        (b'title: "A"\n', b'title: a "b"\n'),
        (b'title: "A"\n', b"title: a\n      b\n"),
        (b'title: "A"\n', b"title: &x a\n"),
        (b'title: "A"\n', b"title: !x a\n"),
        (b'title: "A"\n', b"title: *x\n"),
        (b'title: "A"\n', b"title: |\n      a\n"),
        (b'title: "A"\n', b"title: [a]\n"),
        (b'title: "A"\n', b"title:\n"),
        (b'title: "A"\n', b"\ttitle: a\n"),
        (b'"A"', b'"\x07"'),
        (b'"A"', b'"\xc2\x85"'),
        (b'"A"', b'"\xe2\x80\xa8"'),
        (b'"A"', b'"\xef\xbb\xbf"'),
        (b"2024-02-28", b"2024-02-30"),
        (b"2024-02-28", b"1970-01-01"),
        (b"23:59:59Z", b"24:59:59Z"),
        (b"23:59:59Z", b"23:59:59+01:00"),
        (b"quality: 57", b"quality: 010"),
        (b"quality: 57", b"quality: 1.5"),
        (b"quality: 57", b"quality: high"),
        (b"quality: 57", b"quality: 1\n    quality: 2"),
        (b"      name: P\n      domain: example.org\n", b""),
        (b"      name: P\n", b"      name: P\n      name: P\n"),
        (b"    type", b"    published: false\n    type"),
        (b"    type", b"    deleted: true\n    type"),
        (b"    type", b"   type"),
        (b"    type", b"     type"),
        (b"    type", b"  # type"),
        (b"  - title", b"- title"),
        (b"  - title", b" - title"),
        (b'      - url: "z"\n        width', b'      - url: "z"\n      width'),
    ],
)
def test_an_item_in_doubt_leaves_its_list_to_the_parser(old: bytes, new: bytes) -> None:
    assert old in FULL
    changed = FULL.replace(old, new, 1)
    assert (
        related_block.extract_related(b"a: b\nrelated:\n" + FULL + changed + FULL + b"c: d\n")
        is None
    )
    assert_same(SEVEN + b"related:\n" + FULL + changed + FULL + b"c: d\n---\n")


def test_escapes_are_read_without_the_parser() -> None:
    for said in (b'"\\"A\\" b\\r\\n"', b'"\\\\"', b'"a\\/\\t \\\\\\""', b"a\\", b"a\\\\r"):
        item = FULL.replace(b'"A"', said, 1)
        parts = related_block.extract_related(b"a: b\nrelated:\n" + FULL + item + b"c: d\n")
        assert parts is not None
        assert len(parts.items) == 2
        assert_same(SEVEN + b"related:\n" + FULL + item + b"c: d\n---\n")


@pytest.mark.parametrize("rest", [b"- title: B\n", b"  x\n", b"    x: y\n"])
def test_a_list_that_goes_on_after_its_items_is_left_whole(rest: bytes) -> None:
    assert related_block.extract_related(b"a: b\nrelated:\n" + FULL + rest) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"---\na: b\npublished: false\nrelated:\n  - id: 1\n---\n", b"a: b\npublished: false\n"),
        (b"---\na: b\npublished: false\n---\nremoved: true\n", b"a: b\npublished: false\n"),
        (b"---\na: b\npublished: false\n...", b"a: b\npublished: false\n"),
        (b"---\na: b\npublished: false\n", None),  # never closed
        (b"---\na: b\npublished: false\n---x\n", None),
        (b"---\na: b\npublished: false\nremoved: true\n---\n", None),
        (b"---\na: b\npublished: false\nDeleted: true\n---\n", None),
        (b"---\na: b\npublished: false\nwebUrl : x\n---\n", None),
        (b'---\na: b\npublished: false\n"removed": true\n---\n', None),
        (b"---\na: b\npublished: false\n? removed\n---\n", None),
        (b"---\na: b\npublished: true\n---\n", None),
        (b"---\n" + b"a: b\n" * 1000 + b"published: false\n---\n", None),
    ],
)
def test_what_hides_a_record_is_enough_to_know_it_by(text: bytes, expected: bytes | None) -> None:
    assert related_block.up_to_hiding(text) == expected


# -- equal to the whole parse -----------------------------------------------

words = st.text(
    st.sampled_from("ab 10:,-#'\"\\[]{}|>&*!%@`?~=<.éß日😀\t\x85\u2028\u00a0\ufeff\x07"),
    max_size=12,
)
plain = st.sampled_from(
    ["x", "12", "true", "no", "~", "null", "2024-02-30", "a: b", "a #b", "a:", "- x", "? y", "@x"]
) | st.text(st.sampled_from("abc 012é-."), min_size=1, max_size=8)


def double_quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


@st.composite
def scalars(draw: st.DrawFn) -> str:
    """A scalar in any form of YAML, also ones that reach column 0, or are wrong."""
    text = draw(words)
    single = "'" + text.replace("'", "''") + "'"
    reaching = "\n".join(draw(st.lists(st.sampled_from([*KEYS, "  x", "x", ""]), max_size=3)))
    return draw(
        st.sampled_from(
            [
                double_quoted(text),
                double_quoted(text),
                draw(plain),
                single,
                f'"{text}"',
                f'"{text}\n{reaching}\n  {text}"',
                f"'{reaching}\n'",
                f"|\n  {reaching}",
                f">-\n  {text}\n  y",
                f"[{text}]",
                f"[a,\n{reaching}\nb]",
                f"{{a: {text}}}",
                f"&x {text}",
                "*x",
                f"!!str {text}",
                f"{text} # {text}",
                "",
            ]
        )
    )


KEYS = [
    "title: T",
    "related:",
    "secured: s",
    "published: false",
    "published: true",
    "removed: true",
    "Removed: yes",
    "draft: true",
    "Draft: 'False'",
    "status: Draft",
    "published: 2030-01-01",
    "expiryDate: 2024-01-01",
    "publishedDateTime: 05/06/2024",
    "publishedDateTime: 2030-01-01",
    "provider: The Times",
    "heat: hot",
    "webUrl: https://example.org/x",
    "---",
    "...",
    "# related:",
    "related: []",
    '"related":',
    "quality: 5",
]


@st.composite
def items(draw: st.DrawFn, tame: bool) -> str:
    """One item of `related`: as the collections have them, or in any form."""
    values = (
        st.sampled_from(["x", '"x"', '"a \\"b\\": c"', "a\\\\", '"‘a’\\r\\n"', '"\\\\"', "5"])
        if tame
        else scalars()
    )
    indent = "" if tame else draw(st.sampled_from(["", "", " ", "  "]))
    number = draw(st.integers(0, 9))
    quality = st.just(str(number)) if tame else st.sampled_from([str(number), "~", "x", "1.5", ""])
    lines = [
        f"title: {draw(values)}",
        f"excerpt: {draw(values)}",
        f"publishedDateTime: 2024-01-0{draw(st.integers(1, 9))}T00:00:00Z",
        f"webUrl: https://example.org/{draw(st.integers(0, 12))}",
        "provider:\n      name: P\n      domain: example.org",
        f"quality: {draw(quality)}",
        "images:\n      - url: https://example.org/i.png\n        width: 5",
        "images:\n    - url: https://example.org/i.png",
    ]
    chosen = draw(st.lists(st.sampled_from(lines), min_size=1, max_size=6, unique=tame))
    if tame:
        chosen.sort(key=lines.index)
    text = "\n    ".join(chosen)
    return f"{indent}  - {text}"


@st.composite
def blocks(draw: st.DrawFn) -> str:
    """A top-level key with its value."""
    tame = draw(st.booleans())
    related = draw(st.lists(items(tame), max_size=14))
    return draw(
        st.sampled_from(
            [
                "related:\n" + "\n".join(related),
                "related:\n" + "\n".join(related),
                "related:\n" + "\n".join(item[2:] for item in related),
                "related: " + draw(scalars()),
                'secured: "c2VjcmV0"',
                "secured: " + draw(scalars()),
                draw(st.sampled_from(KEYS)),
                f"{draw(st.sampled_from(['title', 'excerpt', 'x', 'quality']))}: {draw(scalars())}",
                f"topics:\n  - {draw(scalars())}\n- AI",
                "",
            ]
        )
    )


@st.composite
def files(draw: st.DrawFn) -> bytes:
    parts = draw(st.lists(blocks(), max_size=6))
    if draw(st.booleans()):
        parts.insert(0, "title: T")
        parts.insert(draw(st.integers(0, len(parts))), 'webUrl: "https://example.org/x"')
    text = "---\n" + "\n".join(parts) + draw(st.sampled_from(["\n---\n", "\n---\nBody\n", "\n"]))
    ending = draw(st.sampled_from(["\n"] * 4 + ["\r\n", "\r"]))
    mark = draw(st.sampled_from([b""] * 4 + [b"\xef\xbb\xbf"]))
    return mark + text.replace("\n", ending).encode("utf-8", "surrogatepass")


@pytest.mark.slow
@settings(max_examples=150)
@given(files())
@example(b'---\ntitle: "x\nrelated:\n - a"\nwebUrl: https://example.com/a\n---\n')
@example(SEVEN + b"related:\n  - title: B\n    title: C\n---\n")
@example(SEVEN + b"published: false\nrelated:\n  - title: B\n    title: C\n---\n")
@example(SEVEN + b'related:\n  - a: 1\n"related":\n  - b: 1\n---\n')
@example(SEVEN + b'secured: "a"\n b\n---\n')
@example(SEVEN + b'---\nsecured: "a"\nrelated:\n  - title: B\n---\n')
@example(SEVEN + b"published: true\n---\n\nrelated:\n  - title: B\n")
@example(SEVEN + b"related:\n  - title: B\n...\nrelated:\n  - title: B\n")
@example(SEVEN + b"related:\n  - title: B\n")
@example(SEVEN + b'secured: "\\q"\nrelated:\n  - title: B\n---\n')
def test_cutting_changes_no_outcome(data: bytes) -> None:
    assert_same(data)


def related(number: int, **changes: Any) -> str:
    fields: dict[str, Any] = {
        "title": f'"Story {number}"',
        "publishedDateTime": "2024-01-01T00:00:00Z",
        "webUrl": f'"https://example.org/{number}"',
        "type": "article",
        "quality": number,
    }
    lines = [f"{name}: {value}" for name, value in (fields | changes).items() if value is not None]
    return "  - " + "\n    ".join(lines) + "\n"


TWENTY = range(20)


@pytest.mark.parametrize(
    "listed",
    [
        [related(n) for n in TWENTY],
        [related(n, quality=5) for n in TWENTY],
        [related(n, quality=n // 7) for n in TWENTY],
        [related(n, webUrl="https://example.org/same") for n in TWENTY],
        [related(n, webUrl="https://example.com/a") for n in TWENTY],
        [related(n, quality=None) for n in TWENTY],
        [related(n, quality="high" if n == 3 else n) for n in TWENTY],
        [related(n, publishedDateTime="2024-02-31T00:00:00Z" if n == 3 else None) for n in TWENTY],
        [related(n, title="2021" if n == 3 else '"x"') for n in TWENTY],
        [related(n, title="2021" if n == 19 else '"x"') for n in TWENTY],
        [related(n, webUrl='"javascript:x"' if n % 2 else '"https://x.example"') for n in TWENTY],
        [related(n, webUrl=f'"{"" if n == 15 else "https://example.org"}/{n}"') for n in TWENTY],
        [related(n).replace("    q", "   q" if n == 3 else "    q") for n in TWENTY],
        [related(n, title='"\\q"' if n == 3 else "x") for n in TWENTY],
        [related(n, title="a: b" if n == 3 else "x") for n in TWENTY],
        [related(n) + ("    quality: 3\n" if n == 3 else "") for n in TWENTY],
    ],
)
def test_the_best_of_a_long_list_are_the_same(listed: list[str]) -> None:
    assert_same(SEVEN + b"related:\n" + "".join(listed).encode() + b"---\n")


def test_a_record_of_the_real_shape_needs_no_parser(monkeypatch: pytest.MonkeyPatch) -> None:
    listed = "".join(related(n) for n in TWENTY)
    data = SEVEN + f'related:\n{listed}secured: "aGk="\n---\n'.encode()
    expected = outcome(data, fast=False)
    monkeypatch.delattr(parser, "parse")
    assert outcome(data, fast=True) == expected
    hidden = data.replace(b"\nrelated", b"\npublished: false\nrelated")
    assert isinstance(parser.parse_record("a.md", hidden).record, Hidden)
