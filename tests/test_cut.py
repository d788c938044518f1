import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from feeds import cut, seeds
from feeds.model import Hidden, RecordError

SEVEN = b"---\ntitle: A\nwebUrl: https://example.com/a\n"


def outcome(data: bytes, *, whole: bool) -> object:
    try:
        reading = seeds.read("a.md", data, whole=whole)
    except (RecordError, seeds.NotARecord) as error:
        return str(error)
    return reading.record, [str(note) for note in reading.notes]


def assert_same(data: bytes) -> None:
    """Cutting changes nothing, but that what is wrong inside a hidden record's blocks is passed."""
    quick, slow = outcome(data, whole=False), outcome(data, whole=True)
    if isinstance(slow, str) and isinstance(quick, tuple):
        assert isinstance(quick[0], Hidden), slow
        return
    assert quick == slow


# -- what is cut ------------------------------------------------------------


def test_both_blocks_are_cut_and_lines_keep_their_numbers() -> None:
    front = (
        b'title: "A"\nrelated:\n  - title: B\n    type: article\n\n  - title: C\n'
        b'secured: "x"\ntype: article\n'
    )
    assert cut.cut(front) == cut.Cut(
        b'title: "A"\n\n\n\n\n\n\ntype: article\n',
        b"related:\n  - title: B\n    type: article\n\n  - title: C\n",
        3,
    )


def test_the_last_block_ends_with_the_front_matter() -> None:
    found = cut.cut(b"title: A\nrelated:\n- title: B\n")
    assert found == cut.Cut(b"title: A\n\n\n", b"related:\n- title: B\n", 3)


@pytest.mark.parametrize(
    "front",
    [
        b"title: A\n",
        b'title: "A\nrelated:\n  x"\n',
        b"title: 'A\nrelated:\n  x'\n",
        b"title: [A,\nrelated:\n  x]\n",
        b"title: |\n  A\nrelated:\n  - a\n",
        b"title: A # x\n# y\nrelated:\n  - a\n",
        b"related:\n  - a: &x 1\n",
        b"related:\n  - a: *x\n",
        b"related:\n  - !x a\n",
        b"related:\n\t- a\n",
        b"related:\n  - a\nrelated:\n  - b\n",
        b"title: a\xc2\x81b\nrelated:\n  - a\n",
        b"title: a\xef\xbb\xbfb\nrelated:\n  - a\n",
        b"title: a\x01\nrelated:\n  - a\n",
        b"related: []\n",
        b"--- x\nrelated:\n  - a\n",
        b"secured: a: b\n",
        b'secured: "\\q"\n',
        b'secured: "a"\n b\n',
        b'secured: "a"\n- b\n',
        b"secured: a #b\n  c\n",
    ],
)
def test_what_is_in_doubt_is_left_whole(front: bytes) -> None:
    assert cut.cut(front) is None


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
    values = st.sampled_from(["x", '"x"', '"a \\"b\\": c"', "5"]) if tame else scalars()
    indent = "" if tame else draw(st.sampled_from(["", "", " ", "  "]))
    number = draw(st.integers(0, 9))
    lines = [
        f"title: {draw(values)}",
        f"webUrl: https://example.org/{draw(st.integers(0, 12))}",
        f"quality: {draw(st.sampled_from([str(number)] * 4 + ['~', 'x', '1.5', '']))}",
        f"publishedDateTime: 2024-01-0{draw(st.integers(1, 9))}T00:00:00Z",
        f"excerpt: {draw(values)}",
        "provider:\n      name: P\n      domain: example.org",
        "images:\n      - url: https://example.org/i.png\n        width: 5",
        "images:\n    - url: https://example.org/i.png",
    ]
    chosen = draw(st.lists(st.sampled_from(lines), min_size=1, max_size=6, unique=tame))
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


@settings(max_examples=150)
@given(files())
@example(b'---\ntitle: "x\nrelated:\n - a"\nwebUrl: https://example.com/a\n---\n')
@example(SEVEN + b"related:\n  - title: B\n    title: C\n---\n")
@example(SEVEN + b"published: false\nrelated:\n  - title: B\n    title: C\n---\n")
@example(SEVEN + b'related:\n  - a: 1\n"related":\n  - b: 1\n---\n')
@example(SEVEN + b'secured: "a"\n b\n---\n')
@example(SEVEN + b'secured: "\\q"\nrelated:\n  - title: B\n---\n')
def test_cutting_changes_no_outcome(data: bytes) -> None:
    assert_same(data)


def related(number: int, **changes: Any) -> str:
    fields: dict[str, Any] = {
        "title": f'"Story {number}"',
        "webUrl": f'"https://example.org/{number}"',
        "quality": number,
        "publishedDateTime": "2024-01-01T00:00:00Z",
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


def test_of_a_long_list_only_the_best_are_parsed() -> None:
    block = b"related:\n" + "".join(related(n) for n in range(20)).encode()
    kept = cut.best(block, 8)
    assert kept is not None
    assert kept.count(b"title") == 8
    assert kept.count(b"\n") == block.count(b"\n")
    assert b"Story 12" in kept
    assert b"Story 11" not in kept
