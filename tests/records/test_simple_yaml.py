import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from feeds.records import frontmatter, simple_yaml
from feeds.records.frontmatter import Mapping, Node, Scalar, Sequence


def seen(node: Node) -> object:
    """A node with all that can be asked of it, its lines included."""
    if isinstance(node, Scalar):
        return node.text, node.plain, node.line
    if isinstance(node, Sequence):
        return node.line, [seen(item) for item in node]
    return node.line, node.lines, [(key, seen(value)) for key, value in node.items()]


def outcome(source: str) -> object:
    try:
        return seen(frontmatter.parse(source, 5))
    except frontmatter.FrontMatterError as error:
        return str(error)


def assert_same(source: str) -> Mapping | None:
    """What is read without a parser is what the parser reads; never anything it refuses."""
    found = simple_yaml.parse(source.encode(), 5)
    if found is not None:
        assert seen(found) == outcome(source)
    return found


RECORD = """\
category: news
title: "A \\"B\\" \\\\ C\\/D\\n\\r\\t: # é日😀"

publishedDateTime: 2023-09-02T16:03:00Z
webUrl: https://example.org/a#b:c?d=[e]&f={g}
empty:
quality: 57


provider:
  name: The Guardian, and 'others' "too"
  none:
  images:
    - url: "https://example.org/a.jpg"
      width: 50

    - url: ""
topics:
- Computer Vision
- "a: b"
- http://example.org/
- key: 1
  nested:
    deeper: true
  list:
  - a
  - b
last:
"""


def test_a_record_is_read_as_the_parser_reads_it() -> None:
    assert assert_same(RECORD) is not None


@pytest.mark.parametrize(
    "lines",
    [
        "a: b\n  c\n",
        "a: b\n c: d\n",
        "a: b\n\n  c\n",
        "a: b: c\n",
        "a: b:\n",
        "a: b #c\n",
        "a: b #\n",
        "a:\n- b #\n",
        "a: #c\n",
        "a: # c\n  b: 1\n",
        "a: b \n",
        'a: "b" \n',
        'a: "b"\n  c: d\n',
        'a: "b\n  c"\n',
        'a: "\\q"\n',
        'a: "\\u0041"\n',
        'a: "b" c\n',
        "a: 'b'\n",
        "a: [b]\n",
        "a: {b: c}\n",
        "a: |\n  b\n",
        "a: >-\n  b\n",
        "a: &x b\n",
        "a: *x\n",
        "a: !b c\n",
        "a: - b\n",
        "a: @b\n",
        "a: `b\n",
        "a: %b\n",
        "a: ?b\n",
        "a: -1\n",
        "a:b\n",
        "a : b\n",
        "a:  b\n",
        '"a": b\n',
        "a\n",
        "? a\n: b\n",
        "<<: b\n",
        "a: 1\na: 2\n",
        "b:\n  a: 1\n  a: 2\n",
        "- a\n",
        "  a: 1\n",
        "a:\n  b: 1\n c: 2\n",
        "a:\n  b: 1\n    c: 2\n",
        "a:\n  - b\n   - c\n",
        "a:\n  - b\n - c\n",
        "a:\n  - b\n  c: d\n",
        "a:\n  - b: 1\n   c: 2\n",
        "a:\n  - b: 1\n    - c\n",
        "a: 1\n- b\n",
        "a:\n  b: 1\n  - c\n",
        "a:\n- b\n  c\n",
        "a:\n- - b\n",
        "a:\n-\n",
        "a:\n  b\n",
        "- a: 1\nb: 2\n",
        "a: b\n---\nc: d\n",
        "--- a: b\n",
        "a: b\n...\n",
        "a: b\n# c\n",
        "a: b\n\t\n",
        "a: b\n \n",
        "a:\tb\n",
        "a: b\tc\n",
        "a: b\x85c\n",
        "a: b\u2028c\n",
        'a: "b\u2029c"\n',
        "a: b\x07\n",
        "a: b\x7f\n",
        "a: b\ufeff\n",
        "\ufeffa: b\n",
        "a: \ufffeb\n",
        "a: b",
        "",
        "\n\n",
        f"{'k' * 100}: v\n",
        f"{'k' * 1100}: v\n",
        "".join(f"{' ' * depth}a:\n" for depth in range(20)) + " " * 20 + "a: b\n",
        "a:\n" + "- b\n" * (frontmatter.MAX_ITEMS + 1),
    ],
)
def test_whatever_is_unusual_is_left_to_the_parser(lines: str) -> None:
    assert simple_yaml.parse(lines.encode()) is None


@pytest.mark.parametrize(
    "lines",
    [
        "a:\n",
        "a:\nb:\n",
        "a:\n\n\nb:\n  c:\n\n  d:\ne:\n",
        "a:\n- b:\n- c:\n  d:\n-  e\n",
        "a:\n- b:\n  - c\n  - d: 1\n    e: 2\n- f: 3\n",
        "a:\n- b:\n    c: d\n- e\n",
        "a:\n        b: c\n        d: e\nf: g\n",
        "\n\na: b\n\n\n",
        "a: b#c:d:e\n",
        "a: b--- ...\n",
        'a: ""\n',
        "a: éà日 😀\n",
        "a: \u00a0b\u00a0\n",
        "a: 日本\n",
        f"a: {'v' * 3000}\n",
        f'a: "{"v" * 3000}"\n',
        f"a:\n- {'v' * 3000}\n",
        f"{'k' * 99}: v\n",
    ],
)
def test_plain_lines_in_any_order_are_read_alike(lines: str) -> None:
    found = assert_same(lines)
    assert (found is None) == ("-  e" in lines or "\u00a0b" in lines)


WORDS = st.text(
    st.sampled_from("ab1 :-#'\"\\,[]{}|>&*!%@`?~=/.é日😀\x85\u2028\u00a0\ufeff"), max_size=8
)
VALUES = st.one_of(
    st.sampled_from(
        ["x", "12", "x y", "a:b", "a#b", "~", "null", "2024-01-01", "é", "http://a/?b#c"]
    ),
    st.sampled_from(["x", "12", "x y"]).map(json.dumps),
    WORDS,
    WORDS.map(lambda text: json.dumps(text, ensure_ascii=False)),
    WORDS.map(lambda text: f'"{text}"'),
)
KEYS = st.sampled_from(
    ["a", "b", "c", "d", "e", "f", "g"] * 3 + ["<<", "a b", "é", '"a"', "-", "?", "---"]
)


@st.composite
def trees(draw: st.DrawFn, depth: int = 0) -> list[str]:
    """The lines of a mapping as a program writes it."""
    lines: list[str] = []
    step = " " * draw(st.sampled_from([2, 2, 2, 1, 4]))
    for key in draw(st.lists(KEYS, min_size=1, max_size=4, unique=True)):
        kind = draw(st.integers(0, 5 if depth < 4 else 2))
        if kind < 2:
            lines.append(f"{key}: {draw(VALUES)}")
        elif kind == 2:
            lines.append(f"{key}:")
        elif kind == 3:
            lines += [f"{key}:", *(step + line for line in draw(trees(depth + 1)))]
        else:
            indent = draw(st.sampled_from([step, ""]))
            lines.append(f"{key}:")
            for _ in range(draw(st.integers(1, 3))):
                item = draw(trees(depth + 1)) if draw(st.booleans()) else [draw(VALUES)]
                lines += [
                    f"{indent}{'  ' if index else '- '}{line}" for index, line in enumerate(item)
                ]
    return lines


@st.composite
def near_misses(draw: st.DrawFn) -> str:
    """Such a mapping with a few lines moved, changed, doubled or lost."""
    lines = draw(trees())
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(lines) - 1))
        line = lines[at]
        lines[at : at + 1] = draw(
            st.sampled_from(
                [
                    [" " + line],
                    [line.removeprefix(" ")],
                    ["  " + line],
                    [line.removeprefix("  ")],
                    [line + " "],
                    [line + ":"],
                    [line + " # b"],
                    [line, ""],
                    [line, line],
                    [line, "  " + line],
                    [line.replace("- ", "", 1)],
                    [line.replace("- ", "  ", 1)],
                    [line.replace(": ", ":\n  ", 1)],
                    ["- " + line],
                    [line.replace(":", ": |", 1)],
                    ["---", line],
                    ["..."],
                    [" ", line],
                    [line.replace('"', "'")],
                    [line.replace('"', "", 1)],
                    [],
                ]
            )
        )
        if not lines:
            break
    return "\n".join(lines) + draw(st.sampled_from(["\n", "\n", "\n\n", ""]))


@pytest.mark.slow
@settings(max_examples=300)
@given(near_misses())
@example("a:\n- b: 1\n  c: 2\n  - d\n")
@example("a:\n  b:\n  - c\n  d: e\n")
def test_no_text_is_read_otherwise_than_by_the_parser(source: str) -> None:
    assert_same(source)


@settings(max_examples=100)
@given(trees())
def test_most_of_what_programs_write_needs_no_parser(lines: list[str]) -> None:
    source = "".join(f"{line}\n" for line in lines)
    tame = all(line.isascii() and not set(line) & set("#'\\[]{}|>&*!%@`?~=,<") for line in lines)
    if tame and '"' not in source and ": -" not in source and "- -" not in source:
        assert_same(source)
