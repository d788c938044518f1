"""The configuration of a Hugo site, and what in it can't be read."""

from pathlib import Path

import pytest

from feeds.records.profiles.hugo import find
from feeds.records.scanner import FolderError
from tests.records.profiles.hugo_sites import PLAIN, found_at, paths, post, site, write


def test_a_folder_of_configurations_is_merged(tmp_path: Path) -> None:
    folder = write(
        tmp_path,
        {
            "config/_default/hugo.yaml": "title: Pier\nbaseURL: https://wrong.example\n",
            "config/_default/permalinks.toml": 'posts = "/:year/:slug"\n',
            "config/_default/params.toml": 'baseURL = "no"\n',
            "config/_default/languages.toml": '[en]\ntitle = "English"\n',
            "config/_default/languages.fr.json": '{"title": "French"}',
            "config/production/config.toml": 'baseURL = "https://harbour.example"\n',
            "config/staging/config.toml": 'baseURL = "https://staging.example"\n',
            "content/posts/x.md": post("title: X", "date: 2024-01-02"),
            "content/posts/y.fr.md": post("title: Y", "date: 2024-01-02"),
        },
    )
    assert paths(folder) == {"posts/x.md": "/2024/x/", "posts/y.fr.md": "/fr/2024/y/"}
    assert found_at(folder).title == "English"


@pytest.mark.parametrize(
    ("name", "config"),
    [
        ("hugo.toml", 'BASEURL = "https://harbour.example/"'),
        ("config.yml", "baseURL: https://harbour.example/"),
        ("config.json", '{"baseurl": "//harbour.example"}'),
    ],
)
def test_a_configuration_has_one_of_the_names(tmp_path: Path, name: str, config: str) -> None:
    assert paths(site(tmp_path, {"a.md": post("title: A")}, config, name)) == {"a.md": "/a/"}


def test_what_lacks_content_or_base_url_is_no_site_of_hugo(tmp_path: Path) -> None:
    other = site(tmp_path / "other", {}, "title: x\n", "config.yaml")
    bare = write(tmp_path / "bare", {"hugo.toml": PLAIN, "posts/x.md": "x"})
    broken = write(tmp_path / "broken", {"config.toml": "= no", "posts/x.md": "x"})
    named = write(tmp_path / "named", {"hugo.toml": PLAIN + 'contentDir = "src"\n', "src/x.md": ""})
    assert [find(folder) for folder in (other, bare, bare / "posts", broken, broken / "posts")] == [
        None, None, None, None, None,
    ]  # fmt: skip
    assert paths(named) == {}
    assert find(named / "src") is not None


ERRORS = {
    "baseURL = ": "hugo.toml: 1: is not TOML: Invalid value; quote the text",
    PLAIN + 'timeZone = "Mars/Olympus"': (
        "hugo.toml: 2: timezone: 'Mars/Olympus' is no time zone that is known; "
        "Europe/Berlin would be right"
    ),
    PLAIN + 'ignoreFiles = ["(a+)+$"]': (
        "hugo.toml: 2: ignorefiles: '(a+)+$' is no pattern that is read; "
        r"'\.draft\.md$' would be right"
    ),
    PLAIN + 'ignoreFiles = ["a?a?a?aaa"]': (
        "hugo.toml: 2: ignorefiles: 'a?a?a?aaa' is no pattern that is read; "
        r"'\.draft\.md$' would be right"
    ),
    PLAIN + '[cascade]\ndraft = true\n[cascade._target]\npath = "/*/*/*/*/*/*/*"': (
        "hugo.toml: 2: cascade: has a path that is too long, or has more than 4 stars"
    ),
}


@pytest.mark.parametrize(("config", "message"), ERRORS.items())
def test_a_configuration_that_cannot_be_read_says_where(
    tmp_path: Path, config: str, message: str
) -> None:
    site(tmp_path, {}, config + "\n")
    for folder in (tmp_path, tmp_path / "content"):
        with pytest.raises(FolderError) as caught:
            find(folder)
        assert str(caught.value) == f"{tmp_path}/{message}"


def test_a_configuration_that_is_too_long_is_not_read(tmp_path: Path) -> None:
    site(tmp_path, {}, PLAIN + "#" * 1024 * 1024)
    with pytest.raises(FolderError, match="is longer than 1,048,576 bytes"):
        find(tmp_path)
