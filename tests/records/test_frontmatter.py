from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds.records.frontmatter import (
    MAX_DEPTH,
    MAX_ITEMS,
    FrontMatterError,
    Mapping,
    Node,
    Scalar,
    Value,
    parse,
    split,
)


def plainly(node: Node) -> object:
    """The node as dicts, lists and texts with their lines."""
    match node:
        case Scalar():
            return node.text, node.line
        case Mapping():
            return {name: plainly(value) for name, value in node.items()}
        case _:
            return [plainly(item) for item in node]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("---\na: 1\n---\nBody\n", ("a: 1\n", "Body\n")),
        ("---\na: 1\n...\nBody\n", ("a: 1\n", "Body\n")),
        ("---  \na: 1\n--- \t\nBody", ("a: 1\n", "Body")),
        ("---\na: 1\n---", ("a: 1\n", "")),
        ("---\n---\n\nBody", ("", "\nBody")),
        ("---\na: '---'\n ---\n----\n---\n---\n", ("a: '---'\n ---\n----\n", "---\n")),
    ],
)
def test_a_fence_parts_front_matter_and_body(text: str, expected: tuple[str, str]) -> None:
    front, body = split(text.encode())
    assert (front.decode(), body.decode()) == expected


@pytest.mark.parametrize("text", ["---", "---\n", "---\na: 1\n", "---\na: 1\n ---\n--- a\n"])
def test_front_matter_that_is_not_closed_is_refused(text: str) -> None:
    with pytest.raises(FrontMatterError) as caught:
        split(text.encode())
    message = "1: front matter: is never closed; end it with a line that says ---"
    assert str(caught.value) == message


def test_every_value_knows_its_line() -> None:
    source = "a: 1\nb:\n  - c\n  - d: e\n\n# note\nf: {g: h}\ni: |\n  j\n  k\nl: m\n"
    mapping = parse(source)
    assert plainly(mapping) == {
        "a": ("1", 2),
        "b": [("c", 4), {"d": ("e", 5)}],
        "f": {"g": ("h", 8)},
        "i": ("j\nk\n", 9),
        "l": ("m", 12),
    }
    assert mapping.lines == {"a": 2, "b": 3, "f": 8, "i": 9, "l": 12}


def test_a_line_is_what_editors_count_as_one() -> None:
    assert plainly(parse('a: "b\u2028c\u2029d\x85e"\nf: g')) == {"a": ("b c d e", 2), "f": ("g", 3)}


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("text", "text"),
        ("", None),
        ("~", None),
        ("null", None),
        ("true", True),
        ("No", False),
        ("off", False),
        ("'No'", "No"),
        ('"2021"', "2021"),
        ("2021", 2021),
        ("0x1F", 31),
        ("1:30", 90),
        ("1.5", 1.5),
        ("2023-09-02", date(2023, 9, 2)),
        ("2023-09-02T16:03:00Z", datetime(2023, 9, 2, 16, 3, tzinfo=UTC)),
        ("=", "="),
        ("|\n  true", "true"),
        ("1" * 64, int("1" * 64)),
        ("1" * 65, "1" * 65),
        (":".join(["1"] + ["0"] * 500_000), ":".join(["1"] + ["0"] * 500_000)),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_an_unquoted_scalar_means_what_yaml_says(written: str, expected: Value) -> None:
    node = parse(f"a: {written}")["a"]
    assert isinstance(node, Scalar)
    value = node.value()
    assert (type(value), value) == (type(expected), expected)


@pytest.mark.parametrize("written", ["2023-02-30", "2023-13-01T00:00:00Z", "0b_", "0x_"])
def test_an_impossible_scalar_is_a_value_error(written: str) -> None:
    node = parse(f"a: {written}")["a"]
    assert isinstance(node, Scalar)
    with pytest.raises(ValueError, match=r"month|day|invalid literal"):
        node.value()


PYTHON_TAG = "tag:yaml.org,2002:python/object/apply:os.system"
BOMB = "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\n"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("", "2: front matter: is empty; it needs a title and a URL"),
        ("# nothing\n", "2: front matter: is empty; it needs a title and a URL"),
        ("- a\n", "2: front matter: is not a mapping; write 'key: value' lines"),
        ("a\n", "2: front matter: is not a mapping; write 'key: value' lines"),
        ("\na: &b c\nd: *b\n", "4: front matter: has an alias (*name); write the value out"),
        (BOMB, "3: front matter: has an alias (*name); write the value out"),
        ("a: b\n*c : d\n", "3: front matter: has an alias (*name); write the value out"),
        ("a: !b c\n", "2: front matter: has a tag (!...); leave it out"),
        ("a: !!str 1\n", "2: front matter: has a tag (!...); leave it out"),
        (
            "a: !!python/object/apply:os.system [b]\n",
            "2: front matter: has a tag (!...); leave it out",
        ),
        ("a: !b%0Ac d\n", "2: front matter: has a tag (!...); leave it out"),
        ("a: {<<: {b: c}}\n", "2: front matter: has a merge key (<<); write the values out"),
        ("? [a]\n: b\n", "2: front matter: has a key that isn't plain text"),
        ("a: 1\n--- \nb: 2\n", "3: front matter: holds a second YAML document; keep one"),
        (
            "é: é\n\na: \x01\nb: c\n",
            "4: front matter: holds the character U+0001, which YAML forbids; remove it",
        ),
    ],
)
def test_front_matter_that_is_refused_says_where_and_why(source: str, message: str) -> None:
    with pytest.raises(FrontMatterError) as caught:
        parse(source)
    assert str(caught.value) == message


def test_a_key_that_stands_twice_is_kept_with_its_line_beside_the_first() -> None:
    mapping = parse("a: 1\nb:\n  c: 2\n  'c': [3]\na: 4\na: 5\n")
    assert plainly(mapping) == {"a": ("1", 2), "b": {"c": ("2", 4)}}
    again = [(name, plainly(node), line) for name, node, line in mapping.repeated]
    assert again == [("a", ("4", 6), 6), ("a", ("5", 7), 7)]
    inner = mapping["b"]
    assert isinstance(inner, Mapping)
    assert [(name, plainly(node), line) for name, node, line in inner.repeated] == [
        ("c", [("3", 5)], 5)
    ]
    assert mapping.lines == {"a": 2, "b": 3}


def test_keys_that_stand_twice_count_as_keys() -> None:
    with pytest.raises(FrontMatterError, match=r"has a mapping of more than 2000 keys"):
        parse("a: b\n" * (MAX_ITEMS + 1))


@pytest.mark.parametrize("value", ["'text'", "text", '"text"', "|\n  text"])
def test_the_plain_tag_says_that_a_value_is_text(value: str) -> None:
    node = parse(f"a: ! {value}")["a"]
    assert isinstance(node, Scalar)
    assert (node.text.strip(), node.plain) == ("text", False)


# What follows is in the words of libyaml or PyYAML.
@pytest.mark.parametrize(
    ("source", "line"),
    [
        ("a: 'b\n\n", 2),
        ("a: b\nc: d: e\n", 3),
        ("a: b\n\tc: d\n", 3),
        ("a: [b\n\nc d\n", 5),
        ("a: b\nc: %\nd: @\n", 3),
    ],
)
def test_broken_yaml_is_refused_where_it_breaks(source: str, line: int) -> None:
    with pytest.raises(FrontMatterError, match=rf"^{line}: front matter: is not YAML: [a-z]"):
        parse(source)


def test_a_quoted_merge_key_and_an_anchor_nobody_uses_are_text() -> None:
    assert plainly(parse("'<<': a\nb: &c d\n")) == {"<<": ("a", 2), "b": ("d", 3)}


def test_nesting_is_bounded() -> None:
    levels = MAX_DEPTH - 1
    assert parse("a: " + "[" * levels + "]" * levels)
    with pytest.raises(FrontMatterError, match="is nested deeper than 16 levels"):
        parse("a: " + "[" * (levels + 1) + "]" * (levels + 1))


@pytest.mark.parametrize("opening", ["[", "{", "- ", "? ", "[{a: "])
def test_hostile_nesting_is_refused_before_it_hurts(opening: str) -> None:
    with pytest.raises(FrontMatterError, match="is nested deeper than 16 levels"):
        parse("a:\n  " + opening * 500_000)


def test_the_length_of_lists_and_mappings_is_bounded() -> None:
    assert len(parse("a: [" + "b, " * MAX_ITEMS + "]")["a"]) == MAX_ITEMS  # type: ignore[arg-type]
    with pytest.raises(FrontMatterError, match=r"has a list of more than 2000 items"):
        parse("a: [" + "b, " * (MAX_ITEMS + 1) + "]")
    lines = [f"a{number}: b\n" for number in range(MAX_ITEMS + 1)]
    assert len(parse("".join(lines[:-1]))) == MAX_ITEMS
    with pytest.raises(FrontMatterError, match=r"^2002: .* has a mapping of more than 2000 keys"):
        parse("".join(lines))


_MARKUP = [
    "a", "b: ", "- ", "? ", ": ", "\n", "\n  ", "[", "]", "{", "}", ",", "'", '"', "|\n", ">-\n",
    "#", "&a ", "*a", "!b ", "!!", "<<: ", "%", "@", "---\n", "...\n", "\t", "\\x", "null",
    "2023-02-30", "1:60",
]  # fmt: skip
_PIECES = st.sampled_from(_MARKUP)
# A record's line ends are all \n before it is parsed.
_ANYTHING = st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\r"), max_size=3)
_YAML = st.lists(st.one_of(_PIECES, _ANYTHING)).map("".join)


@given(_YAML)
def test_any_text_is_parsed_or_refused_in_one_line(source: str) -> None:
    last_line = source.count("\n") + 3
    message = ""
    try:
        lines = list(parse(source + "\n").lines.values())
    except FrontMatterError as error:
        lines, message = [error.line], str(error)
    assert all(2 <= line <= last_line for line in lines)
    assert "\n" not in message
