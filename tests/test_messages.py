from itertools import pairwise

import pytest
from sqlalchemy.exc import OperationalError

from feeds.messages import counted, first_line, printable, root_cause, without_passwords


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("no URL, e@mail and a=b", "no URL, e@mail and a=b"),
        ("https://hub.example:8443/x was told", "https://hub.example:8443/x was told"),
        ("http://a.example:80/me@here", "http://a.example:80/me@here"),
        ("ftp://user@a.example/", "ftp://user@a.example/"),
        ("at s3://key:secret@a.example/b: no", "at s3://key:***@a.example/b: no"),
        ("a://b:secret@c and d://e:secret@f", "a://b:***@c and d://e:***@f"),
        ("a://b:se@cret@c", "a://b:***@c"),
        ("host=db password=secret failed", "host=db password=*** failed"),
        ("host=db password='se cret' failed", "host=db password=*** failed"),
        ("a?sslpassword=se'cret&x=1", "a?sslpassword=***&x=1"),
        ("'a?PASSWD=secret'", "'a?PASSWD=***'"),
        ("secret=secret", "secret=***"),
    ],
)
def test_passwords_are_hidden(text: str, shown: str) -> None:
    assert without_passwords(text) == shown


def test_in_one_url_a_password_may_hold_anything() -> None:
    wrong = "postgresql://feeds:se/c r@e\nt@db.example:port/feeds?password=secret"
    shown = "postgresql://feeds:***@db.example:port/feeds?password=***"
    assert without_passwords(wrong, one_url=True) == shown


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("Zürich.md", "Zürich.md"),
        ("a\nb\t\x1b[31m", "a\\nb\\t\\x1b[31m"),
        ("a\u202eb\udcff", "a\\u202eb\\udcff"),
    ],
)
def test_a_text_is_one_line_that_shows_all(text: str, line: str) -> None:
    assert printable(text) == line


def test_the_first_line_is_enough() -> None:
    assert first_line(ValueError("\n it is wrong\nin detail\n")) == "it is wrong"


def _chained(*errors: Exception) -> Exception:
    """The first of these, which came from the next one, and so on."""
    for error, cause in pairwise(errors):
        error.__cause__ = cause
    return errors[0]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ValueError("wrong\nvery"), "wrong"),
        (ValueError(), "ValueError"),
        (FileNotFoundError(2, "No such file or directory", "/x"), "No such file or directory"),
        (_chained(ValueError("late"), OSError(111, "Connection refused")), "Connection refused"),
        (_chained(ValueError("late"), ValueError("early"), KeyError()), "early"),
        (OperationalError("SELECT 1", None, Exception("disk full")), "disk full"),
    ],
)
def test_the_root_cause_is_what_the_system_says(error: Exception, said: str) -> None:
    assert root_cause(error) == said


def test_a_number_has_its_noun_in_the_singular_where_it_is_one() -> None:
    assert [counted(n, "feed") for n in (0, 1, 2_000)] == ["0 feeds", "1 feed", "2,000 feeds"]
    assert [counted(n, "entry", "entries") for n in (1, 2)] == ["1 entry", "2 entries"]
