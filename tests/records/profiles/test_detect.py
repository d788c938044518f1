"""Which tool a folder is of."""

from __future__ import annotations

import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from feeds.records.frontmatter import Mapping, Scalar
from feeds.records.profiles.detect import FINDERS, NAMES, describe, find_site
from feeds.records.profiles.table import LINKS, TableSite
from feeds.records.profiles.table_settings import from_table
from feeds.records.scanner import FolderError
from feeds.records.site_record import is_page_of

SITES = {
    "hugo": ("hugo.toml", "baseURL = 'https://x.example/'\n", "content/posts"),
    "jekyll": ("_config.yml", "url: https://x.example\ntimezone: Europe/Rome\n", "_posts"),
    "obsidian": (".obsidian/app.json", "{}", "Notes"),
    "astro": ("astro.config.mjs", "export default { site: 'https://x.example' }", "src/content/b"),
    "docusaurus": (
        "docusaurus.config.js",
        "module.exports = {\n url: 'https://x.example',\n baseUrl: '/' };\n",
        "blog",
    ),
}


def build(root: Path, tool: str) -> Path:
    name, text, content = SITES[tool]
    (root / content).mkdir(parents=True)
    (root / name).parent.mkdir(exist_ok=True)
    (root / name).write_text(text)
    return root


@pytest.mark.parametrize(
    ("tool", "expected"),
    [
        ("jekyll", "Jekyll, https://x.example, Europe/Rome"),
        ("hugo", "Hugo, https://x.example, UTC"),
        ("obsidian", "Obsidian, no address of the site (FEEDS_SITE), UTC"),
        ("astro", "Astro, https://x.example, UTC"),
        ("docusaurus", "Docusaurus, https://x.example, UTC"),
    ],
)
def test_the_folder_tells_its_tool(tmp_path: Path, tool: str, expected: str) -> None:
    build(tmp_path, tool)
    assert describe(find_site(tmp_path)) == expected
    assert describe(find_site(tmp_path, tool)) == expected
    inner = tmp_path / SITES[tool][2].partition("/")[0]
    assert describe(find_site(inner)) == expected
    deep = inner / "one"
    deep.mkdir()
    assert find_site(deep) is None  # a configuration two floors up is another's


def test_settings_fill_what_the_folder_does_not_say(tmp_path: Path) -> None:
    for tool, expected in (
        ("jekyll", "Jekyll, https://x.example, Europe/Rome"),
        ("obsidian", "Obsidian, https://y.example/a, Asia/Tokyo"),
        ("docusaurus", "Docusaurus, https://y.example/a, Asia/Tokyo"),
    ):
        site = find_site(
            build(tmp_path / tool, tool), url="https://y.example/a/", timezone="Asia/Tokyo"
        )
        assert describe(site) == expected


def test_the_first_tool_is_taken(tmp_path: Path) -> None:
    for tool in reversed(SITES):
        build(tmp_path, tool)
        assert describe(find_site(tmp_path)).lower().startswith(tool)


@pytest.mark.parametrize("profile", ["auto", "own"])
def test_a_plain_folder_is_no_site(tmp_path: Path, profile: str) -> None:
    if profile == "own":
        build(tmp_path, "jekyll")
    assert find_site(tmp_path, profile) is None
    assert describe(None) == "our own form, or links"


def test_links_and_tables_are_taken_as_named(tmp_path: Path) -> None:
    jekyll = build(tmp_path / "jekyll", "jekyll")
    table = from_table({"url": "https://z.example/{slug}", "timezone": "Europe/Oslo"})
    assert find_site(jekyll, "links") == LINKS
    own = msgspec.structs.replace(table, base_url="https://y.example")
    keys = {"url": "https://z.example/{slug}", "timezone": "Europe/Oslo"}
    assert find_site(tmp_path, url="https://y.example", table=keys) == own
    for folder, profile in ((tmp_path, "auto"), (jekyll, "table")):
        assert find_site(folder, profile, "https://y.example", "Asia/Tokyo", table=table) == own


@pytest.mark.parametrize("profile", ["auto", "obsidian"])
def test_a_vault_stays_private_under_a_table(tmp_path: Path, profile: str) -> None:
    build(tmp_path, "obsidian")
    site = find_site(tmp_path, profile, table={"url": "https://z.example/{slug}"})
    assert site is not None
    now = datetime(2026, 1, 1, tzinfo=UTC)
    front = Mapping()
    front["title"] = Scalar("Fog", True, 1)
    assert site.page("Fog.md", front, "", now).hidden == "publish is not true"
    front["publish"] = Scalar("true", True, 1)
    shown = site.page("Fog.md", front, "", now)
    assert (shown.hidden, shown.url) == ("", "https://z.example/fog")


def test_a_table_goes_over_the_table_of_a_tool(tmp_path: Path) -> None:
    build(tmp_path, "astro")
    table = from_table({"url": "/posts/{slug}", "fields": {"title": ["name"]}})
    plain = find_site(tmp_path, "astro")
    site = find_site(tmp_path, "astro", table=table)
    assert isinstance(plain, TableSite)
    assert site == msgspec.structs.replace(
        plain, pattern="/posts/{slug}", names=msgspec.structs.replace(plain.names, title=("name",))
    )
    front = Mapping()
    front["name"] = Scalar("Fog", True, 1)
    shown = site.page("src/content/b/Fog.md", front, "", datetime(2026, 1, 1, tzinfo=UTC))
    assert (shown.url, shown.title) == ("https://x.example/posts/fog", "Fog")


def test_a_content_folder_of_astro_may_be_named(tmp_path: Path) -> None:
    folder = build(tmp_path, "astro") / "src" / "content"
    for path, name in ((folder, "b/x.md"), (folder / "b", "x.md")):
        site = find_site(path, "astro", "https://y.example")
        assert site is not None
        shown = site.page(name, Mapping(), "", datetime(2026, 1, 1, tzinfo=UTC))
        assert (site.passes_over(name), shown.url) == ("", "https://y.example/b/x/")


@pytest.mark.parametrize(
    ("profile", "message"),
    [
        ("jekyl", f"there is no profile 'jekyl'; there are {', '.join(NAMES)}"),
        ("table", "the profile 'table' is described by nothing; write url = or fields ="),
        *((name, f"is not of {name}: neither it nor its parent has a") for name in FINDERS),
    ],
)
def test_a_profile_that_is_not_there_says_what_would_be_right(
    tmp_path: Path, profile: str, message: str
) -> None:
    with pytest.raises(FolderError, match=re.escape(message)):
        find_site(tmp_path, profile)


def test_a_table_does_not_go_over_a_tool_with_rules_of_its_own(tmp_path: Path) -> None:
    table = from_table({"url": "https://z.example/{slug}"})
    with pytest.raises(
        FolderError, match="Europe/Rome: has fields and addresses of its own; leave"
    ):
        find_site(build(tmp_path, "jekyll"), table=table)


def test_templates_that_cannot_be_read_say_where(tmp_path: Path) -> None:
    build(tmp_path, "obsidian")
    (tmp_path / ".obsidian" / "templates.json").write_text("{")
    with pytest.raises(FolderError, match=r"templates\.json: 1: is not JSON; choose the folder"):
        find_site(tmp_path)


def test_a_body_that_quotes_a_field_of_ours_makes_no_record_of_ours(tmp_path: Path) -> None:
    site = find_site(build(tmp_path, "jekyll"))
    assert site is not None
    post = b"---\ntitle: x\n---\nWrite it so:\n\nwebUrl: https://a.example/\n"
    assert is_page_of(site, post)
    assert not is_page_of(site, b"---\ntitle: x\nwebUrl: https://a.example/\n---\nText.\n")


def test_a_folder_of_no_tool_imports_no_tool(tmp_path: Path) -> None:
    program = (
        "import sys\nfrom pathlib import Path\nfrom feeds.loading import loader\n"
        "from feeds.records.profile import Profile\n"
        "from datetime import UTC, datetime\n"
        f"Profile('auto').options(Path({str(tmp_path)!r}), datetime.now(UTC))\n"
        "print(*(name.rpartition('.')[2] for name in sorted(sys.modules) if '.profiles.' in name))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["detect", "hiding", "page", "table", "table_address"]
