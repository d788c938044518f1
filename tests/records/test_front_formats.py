"""TOML and JSON front matter."""

import pytest

from feeds.records.front_formats import parse_toml, split_json, split_toml
from feeds.records.frontmatter import FrontMatterError, Mapping, Scalar


def scalar(mapping: Mapping, name: str) -> tuple[str, bool, int]:
    node = mapping[name]
    assert isinstance(node, Scalar)
    return node.text, node.plain, node.line


def test_toml_gives_the_nodes_that_yaml_gives() -> None:
    front, body = split_toml(
        '+++\ntitle = "true"\ndraft = true\ndate = 2024-05-06T01:02:03Z\n'
        'tags = ["a", "b"]\n\n[params]\nheat = 1.5\n+++\nThe body.\n'
    )
    mapping = parse_toml(front)
    assert scalar(mapping, "title") == ("true", False, 2)
    assert scalar(mapping, "draft") == ("true", True, 3)
    assert scalar(mapping, "date") == ("2024-05-06T01:02:03+00:00", True, 4)
    assert mapping["tags"] == [Scalar("a", False, 5), Scalar("b", False, 5)]
    assert mapping.lines == {"title": 2, "draft": 3, "date": 4, "tags": 5, "params": 7}
    assert body == "The body.\n"


def test_json_ends_where_its_object_does() -> None:
    mapping, body = split_json('{\n  "title": "x",\n  "draft": false, "none": null\n}\nThe body.\n')
    assert scalar(mapping, "title") == ("x", False, 2)
    assert scalar(mapping, "draft") == ("false", True, 3)
    assert scalar(mapping, "none") == ("null", True, 3)
    assert body == "The body.\n"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("+++\ntitle = 1\n", "1: front matter: is never closed; end it with a line that says +++"),
        ("+++", "1: front matter: is never closed; end it with a line that says +++"),
        ("+++\na = 1\nb =\n+++\n", "3: front matter: is not TOML: Invalid value; quote the text"),
        ("+++\na = 1\na = 2\n+++\n", "is not TOML: Cannot overwrite a value"),
    ],
)
def test_toml_that_cannot_be_read_says_where(source: str, expected: str) -> None:
    with pytest.raises(FrontMatterError) as raised:
        parse_toml(split_toml(source)[0])
    assert expected in str(raised.value)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ('{"a": 1,\n "b": }', "2: front matter: is not JSON"),
        ('{"a": 1, "a": 2}', "has the key 'a' twice"),
        ('{"a":' * 20 + "1" + "}" * 20, "is nested deeper than 16 levels"),
    ],
)
def test_json_that_cannot_be_read_says_where(source: str, expected: str) -> None:
    with pytest.raises(FrontMatterError) as raised:
        split_json(source)
    assert expected in str(raised.value)
