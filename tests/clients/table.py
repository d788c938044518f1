"""The table of clients and cells that is checked in, and the page that shows it to people."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from tests.clients.comparison import cells

FILE: Final = Path(__file__).parent / "table.json"
PAGE: Final = Path(__file__).parent.parent.parent / "docs" / "readers.md"
_FORMATS: Final = {
    "rss.xml": "RSS", "atom.xml": "Atom", "feed.json": "JSON Feed", "feeds.opml": "OPML",
}  # fmt: skip
_MARK: Final = "<!-- what follows is written by: python -m bench.clients --write -->\n"
_COUNTED: Final = """
On {date} {number} clients were asked {cells:,} questions. {right:,} answers are right.
{form:,} are wrong and would be right in another form, which mends less than it breaks (below).
{client:,} are wrong whatever we write.

## By question

How many of the clients that can tell it are right, and which aren't.
"""
_BY_CLIENT: Final = """
## By client

What it gets wrong; in italics what another form would mend.
"""
_FORMS: Final = """
## Other forms

Each was tried on every client: how many answers it would mend, and how many it would break.

| form | in | mends | breaks |
|---|---|---|---|
"""


def load() -> dict[str, Any]:
    """The table as it is checked in."""
    table: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    return table


def write(table: Mapping[str, Any]) -> None:
    """Check in a table, a client a line, and the page."""
    clients = [f"{json.dumps(name)}: {json.dumps(told)}" for name, told in table["clients"].items()]
    rest = {name: value for name, value in table.items() if name != "clients"}
    head = json.dumps(rest).removesuffix("}")
    FILE.write_text(f'{head}, "clients": {{\n' + ",\n".join(clients) + "\n}}\n", encoding="utf-8")
    PAGE.write_text(page(table), encoding="utf-8")


def results(answers: Mapping[str, Any]) -> dict[tuple[str, str], dict[str, bool]]:
    """The cells of each client and path, from what the adapters print."""
    return {
        (client, path): cells(answer, Path(path).name)
        for client, told in answers.items()
        for path, answer in told["documents"].items()
    }


def _rows(table: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    for client, told in table["clients"].items():
        for document, row in told["documents"].items():
            yield client, document, row


def counts(table: Mapping[str, Any]) -> dict[str, int]:
    """How many cells are right, wrong by a form of ours, and wrong whatever we write."""
    rows = [row for _, _, row in _rows(table)]
    return {kind: sum(len(row[kind]) for row in rows) for kind in ("right", "form", "client")}


def page(table: Mapping[str, Any]) -> str:
    """docs/readers.md: its beginning as it is, then what the table says."""
    written, mark, _ = PAGE.read_text(encoding="utf-8").partition(_MARK)
    number = counts(table)
    of_all = {"date": table["date"], "number": len(table["clients"]), "cells": sum(number.values())}
    forms = (
        "| {form} | {kind} | {mends} | {breaks} |\n".format(**form, kind=_FORMATS[form["document"]])
        for form in table["forms"]
        if form["mends"] or form["breaks"]
    )
    counted = _COUNTED.format(**of_all, **number)
    by_cell, by_client = "\n".join(_by_cell(table)), "\n".join(_by_client(table))
    parts = (written, mark, counted, "\n", by_cell, "\n", _BY_CLIENT, "\n", by_client, "\n", _FORMS)
    return "".join([*parts, *forms])


def _by_cell(table: Mapping[str, Any]) -> Iterator[str]:
    names: dict[str, None] = {}
    for _, _, row in _rows(table):
        names |= dict.fromkeys([*row["right"], *row["form"], *row["client"]])
    yield f"| | {' | '.join(_FORMATS.values())} |\n|---|{'---|' * len(_FORMATS)}"
    for name in names:
        shown = []
        for document in _FORMATS:
            rows = [(client, row) for client, kind, row in _rows(table) if kind == document]
            right = sum(name in row["right"] for _, row in rows)
            wrong = [client for client, row in rows if name in {*row["form"], *row["client"]}]
            told = f" ({', '.join(wrong)})" if wrong else ""
            shown.append(f"{right} of {right + len(wrong)}{told}" if right + len(wrong) else "")
        yield f"| {_code(name)} | {' | '.join(shown)} |"


def _by_client(table: Mapping[str, Any]) -> Iterator[str]:
    yield "| client | version | wrong |\n|---|---|---|"
    for client, told in table["clients"].items():
        wrong = [
            f"{_FORMATS[document]}: "
            + ", ".join([*(f"*{_code(name)}*" for name in row["form"]), *map(_code, row["client"])])
            for document, row in told["documents"].items()
            if row["form"] or row["client"]
        ]
        yield f"| {client} | {told['version']} | {'; '.join(wrong)} |"


def _code(name: str) -> str:
    """The name of a cell in Markdown."""
    return name.replace("& in", "`&` in").replace("< in", "`<` in")
