"""Values that sections and the configuration set for pages."""

from pathlib import Path

import pytest

from feeds.records.frontmatter import FrontMatterError, parse
from feeds.records.profiles.hugo_cascade import read_cascades
from tests.records.profiles.hugo_sites import PLAIN, paths, post, site


def test_the_nearest_value_stands_and_the_page_s_own_first(tmp_path: Path) -> None:
    files = {
        "_index.md": post(
            "cascade:", "- _target: {path: '/posts/a*'}", "  slug: hit", "- slug: far"
        ),
        "k/_index.md": post("cascade: {Slug: near}"),
        "k/x.md": post("title: X"),
        "k/own.md": post("title: Own", "slug: own"),
        "posts/ab.md": post("title: AB"),
        "posts/deep/ac.md": post("title: AC"),
        "b.md": post("title: B"),
    }  # fmt: skip
    assert paths(site(tmp_path, files)) == {
        "k/x.md": "/k/near/",
        "k/own.md": "/k/own/",
        "posts/ab.md": "/posts/hit/",
        "posts/deep/ac.md": "/posts/deep/far/",
        "b.md": "/far/",
    }


def test_the_configuration_sets_values_for_all(tmp_path: Path) -> None:
    config = PLAIN + (
        '[[cascade]]\nslug = "s"\n[cascade._target]\nlang = "fr"\n'
        '[[cascade]]\nslug = "t"\n[cascade._target]\nkind = "{home,section}"\n'
        "[languages.en]\n[languages.fr]\n"
    )
    files = {"a.md": post("title: A"), "a.fr.md": post("title: A")}
    assert paths(site(tmp_path, files, config)) == {"a.md": "/a/", "a.fr.md": "/fr/s/"}


@pytest.mark.parametrize(
    ("glob", "matched"),
    [
        ("/posts/**", ["/posts/a.md", "/posts/b/c.md"]),
        ("/posts/*", ["/posts/a.md"]),
        ("/posts/a", ["/posts/a.md"]),
        ("/{posts,docs}/?.md", ["/posts/a.md", "/docs/d.md"]),
        ("{/posts/**,/docs/**}", ["/posts/a.md", "/posts/b/c.md", "/docs/d.md"]),
        ("/[!p]*/d", ["/docs/d.md"]),
        ("{/POSTS/a,x", []),
    ],
)
def test_a_path_with_stars_names_pages(tmp_path: Path, glob: str, matched: list[str]) -> None:
    names = ["/posts/a.md", "/posts/b/c.md", "/docs/d.md"]
    config = PLAIN + f'[[cascade]]\nslug = "hit"\n[cascade._target]\npath = "{glob}"\n'
    made = paths(site(tmp_path, {name[1:]: post("title: A") for name in names}, config))
    assert [name for name in names if made[name[1:]].endswith("/hit/")] == matched


def test_a_path_that_could_take_long_is_refused() -> None:
    front = parse("cascade: {_target: {path: '/**/*a*b*c*d*'}, draft: true}\n")
    with pytest.raises(
        FrontMatterError, match="2: cascade: has a path that is too long, or has more than 4 stars"
    ):
        read_cascades(front["cascade"], "")
