from pathlib import Path
from typing import Any

from tests.cli.test_commands import run
from tests.helpers.wordpress import export, item


def test_an_import_writes_posts_once_and_keeps_what_was_changed() -> None:
    export(
        Path("a.xml"),
        item(),
        item(wp__post_name="boats", link="https://blog.example.com/boats/"),
        item(wp__status="draft"),
        item(wp__status="draft"),
        item(title="", wp__post_name="untitled"),
    )
    left_out = "left out: 2 with status draft, 1 without title\n"
    first = run("import", "wxr", "a.xml", "posts")
    assert first.stderr == "feeds: https://blog.example.com/2024/01/ferries/: without title\n"
    assert first.stdout == (
        f"posts: posts: 2 written, 0 as they were, 0 kept as changed here\n{left_out}"
    )
    ferries, boats = Path("posts/2024-01-02-ferries.md"), Path("posts/2024-01-02-boats.md")
    assert sorted(Path("posts").iterdir()) == [boats, ferries]
    written = ferries.read_bytes()
    boats.write_text("changed")
    second = run("import", "wxr", "a.xml", "posts")
    assert "posts: 0 written, 1 as they were, 1 kept" in second.stdout
    assert f"feeds: {boats} was changed and is kept; --force writes it anew\n" in second.stderr
    assert boats.read_text() == "changed"
    assert (
        "1 written, 1 as they were, 0 kept"
        in run("import", "wxr", "a.xml", "posts", "--force").stdout
    )
    assert boats.read_bytes() != b"changed"
    assert ferries.read_bytes() == written
    assert "2 public (0 merged), 0 hidden, 0 left out" in run("check", "posts").stdout


def test_an_export_of_several_files_goes_into_the_seeds_folder() -> None:
    export(Path("a.xml"), item(meta={"_thumbnail_id": "9"}))
    picture: dict[str, Any] = {
        "wp__post_id": "9",
        "wp__attachment_url": "https://blog.example.com/a.jpg",
    }
    export(Path("b.xml"), item(wp__post_type="attachment", **picture), item(title="Same slug"))
    assert run("import", "wxr", "a.xml", "b.xml").exit_code == 0
    first = Path("seeds/2024-01-02-ferries.md").read_text()
    assert "images:\n- https://blog.example.com/a.jpg\n" in first
    assert "title: Same slug\n" in Path("seeds/2024-01-02-ferries-2.md").read_text()


def test_a_link_in_the_folder_leads_no_file_out_of_it() -> None:
    export(Path("a.xml"), item())
    Path("outside").write_text("mine")
    Path("posts").mkdir()
    for name in ("2024-01-02-ferries.md", ".2024-01-02-ferries.md.new"):
        (Path("posts") / name).symlink_to(Path("outside").absolute())
    assert "1 kept" in run("import", "wxr", "a.xml", "posts").stdout
    assert "1 written" in run("import", "wxr", "a.xml", "posts", "--force").stdout
    assert Path("outside").read_text() == "mine"
    assert not Path("posts/2024-01-02-ferries.md").is_symlink()


def test_nothing_is_written_of_an_export_that_breaks_off() -> None:
    export(Path("a.xml"), item())
    Path("b.xml").write_text(Path("a.xml").read_text()[:-20])
    result = run("import", "wxr", "a.xml", "b.xml", "posts")
    assert result.exit_code == 2
    assert result.stderr.startswith("feeds: b.xml:")
    assert "is not XML" in result.stderr
    assert not Path("posts").exists()


def test_what_is_missing_is_named() -> None:
    for arguments in (["no.xml"], ["no.xml", "posts"], ["also-no.xml", "no.xml"]):
        result = run("import", "wxr", *arguments)
        assert result.exit_code == 2
        assert result.stderr.endswith("no.xml: No such file or directory\n")
