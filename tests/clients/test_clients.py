import sys
from pathlib import Path
from typing import Any

import pytest

from tests.clients import runner, samples, table
from tests.clients.comparison import CELLS, cells
from tests.helpers.server import program


def perfect() -> dict[str, Any]:
    """What a client without fault reads."""
    entries = samples.entries()
    for entry in entries:
        text, picture = entry.pop("content", ("", ""))
        entry["content"] = f"<p>{text.replace('<', '&lt;')}</p><img src='{picture}'>"
    return samples.FEED | {"entries": entries}


def test_a_client_without_fault_is_right_everywhere() -> None:
    assert cells(perfect(), "atom.xml") == dict.fromkeys(
        ["reads it", *samples.FEED, *(cell.name for cell in CELLS)], True
    )


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: cell.name)
def test_a_wrong_value_is_wrong_and_a_missing_one_is_no_cell(cell: Any) -> None:
    names, right = list(samples.SAMPLES), cells(perfect(), "atom.xml")
    answer = perfect()
    entry = answer["entries"][names.index(cell.sample) if cell.sample else 0]
    entry[cell.field] = "another"
    wrong = cells(answer, "atom.xml")
    assert {name for name in right if wrong[name] != right[name]} == {cell.name}
    del entry[cell.field]
    assert right.keys() - cells(answer, "atom.xml").keys() == {cell.name}


def test_a_client_that_fails_or_loses_entries_is_wrong() -> None:
    assert cells("KeyError: 'url'", "rss.xml") == {"reads it": False}
    assert not cells(perfect() | {"entries": []}, "rss.xml")["reads it"]


def test_the_page_for_people_is_that_of_the_table() -> None:
    assert table.PAGE.read_text(encoding="utf-8") == table.page(table.load())


@pytest.mark.servers
def test_no_client_reads_anything_worse_than_the_table_says(tmp_path: Path) -> None:
    for needed in ("npm", "newsboat", "r2e", "sfeed"):
        program(needed)
    documents = runner.export(sys.executable, tmp_path)
    runner.install(runner.IN_CI, tmp_path)
    found = table.results(runner.read(runner.IN_CI, tmp_path, documents))
    known = table.load()["clients"]
    worse = {}
    for (client, path), right in found.items():
        was = known[client]["documents"][Path(path).name]["right"]
        if lost := [name for name in was if not right.get(name)]:
            worse[client, Path(path).name] = lost
    assert worse == {}
    assert {"feedparser", "feedparser (npm)", "newsboat", "rss2email"} <= {c for c, _ in found}
