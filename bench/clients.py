"""What real clients read of our feeds, as a table: `python -m bench.clients`.

Renders sample records, has the clients of `tests/clients` read them, and counts
the cells that are right. `--write` puts the table into tests/clients/table.json
and docs/readers.md: for that, each other form of `bench.forms` is tried too, so
that a wrong cell is known to be wrong by our form or whatever we write.
`--python` takes the feeds of another installation, such as that of an older
commit. Of Debian it needs php-cli, libphp-simplepie, ruby, libxml-feed-perl,
libxml-feedpp-perl, libmrss0-dev, librome-java, default-jdk-headless, npm,
newsboat, rss2email and sfeed.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from bench import forms
from bench.forms import Form
from tests.clients import runner, table

Results = Mapping[tuple[str, str], Mapping[str, bool]]


def write_forms(documents: Iterable[Path], folder: Path) -> dict[Path, Form]:
    """The documents in each other form, that have it not yet; each under its own name."""
    others = {}
    for document in documents:
        for number, form in enumerate(forms.FORMS):
            path = folder / str(number) / document.name
            if form.document == document.name and forms.write(form, document, path):
                others[path] = form
    return others


def build(
    answers: Mapping[str, Any],
    results: Results,
    documents: Iterable[Path],
    others: Mapping[Path, Form],
) -> dict[str, Any]:
    """The table: cells that are right, wrong by our form (and which mends it), wrong anyhow."""
    clients: dict[str, Any] = {}
    effects: list[dict[str, Any]] = [
        {"form": form.name, "document": form.document, "mends": 0, "breaks": 0}
        for form in others.values()
    ]
    for client in sorted(answers, key=str.casefold):
        rows: dict[str, Any] = {}
        for document in documents:
            if (client, str(document)) not in results:
                continue
            own = results[client, str(document)]
            mended: dict[str, str] = {}
            for effect, (path, form) in zip(effects, others.items(), strict=True):
                if form.document == document.name:
                    other = results[client, str(path)]
                    mends = [name for name in own if not own[name] and other.get(name)]
                    effect["mends"] += len(mends)
                    effect["breaks"] += sum(own[name] and not other.get(name) for name in own)
                    mended |= dict.fromkeys(mends, form.name)
            wrong = [name for name in own if not own[name] and name not in mended]
            right = [name for name in own if own[name]]
            rows[document.name] = {"right": right, "form": mended, "client": wrong}
        clients[client] = {"version": answers[client]["version"], "documents": rows}
    return {"date": f"{datetime.now(UTC):%Y-%m-%d}", "clients": clients, "forms": effects}


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--python", default=sys.executable, help="Whose feeds are read.")
@click.option("--into", type=click.Path(path_type=Path), help="A folder for the clients, kept.")
@click.option("--write", is_flag=True, help="Write the table and the page.")
@click.argument("families", nargs=-1, type=click.Choice(list(runner.FAMILIES)))
def main(python: str, into: Path | None, write: bool, families: tuple[str, ...]) -> None:
    """Have clients read our feeds; of some FAMILIES, or all."""
    chosen = families or tuple(runner.FAMILIES)
    if python != sys.executable:
        os.environ.pop("PYTHONPATH", None)  # it may name the feeds of this checkout
    with tempfile.TemporaryDirectory(prefix="feeds-clients-") as work:
        home = into.absolute() if into else Path(work)
        runner.install(chosen, home)
        documents = runner.export(python, Path(work) / "documents")
        others = write_forms(documents, Path(work) / "forms")
        answers = runner.read(chosen, home, [*documents, *others])
        made = build(answers, table.results(answers), documents, others)
    for client, told in made["clients"].items():
        for document, row in told["documents"].items():
            wrong = ", ".join([*(f"{name} (form)" for name in row["form"]), *row["client"]])
            click.echo(f"{client} {told['version']} {document}: {len(row['right'])} right; {wrong}")
    for effect in made["forms"]:
        click.echo("{form} ({document}): mends {mends}, breaks {breaks}".format(**effect))
    click.echo("{right} right, {form} wrong by form, {client} wrong".format(**table.counts(made)))
    if write:
        table.write(made)


if __name__ == "__main__":
    main()
