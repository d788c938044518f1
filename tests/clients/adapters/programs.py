"""What newsboat, rss2email and sfeed read of the documents named on the command line, as JSON.

Those that aren't installed are left out.
"""

import configparser
import json
import mailbox
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import closing
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

Fields = dict[str, Any]


def run(*command: str | Path, home: Path, text: str = "") -> str:
    """What a program prints, with a home of its own."""
    variables = {"HOME": str(home), "XDG_RUNTIME_DIR": str(home), "LC_ALL": "C.UTF-8"}
    done = subprocess.run(
        command, env=os.environ | variables, input=text, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise ChildProcessError(done.stderr)
    return done.stdout


def with_newsboat(path: Path, home: Path) -> Fields:
    (home / "urls").write_text(f"file://{path}\n")
    (home / "config").touch()
    cache = home / "cache.db"
    files = ("-u", home / "urls", "-C", home / "config", "-c", cache)
    run("newsboat", *files, "-x", "reload", home=home)
    with closing(sqlite3.connect(cache)) as connection:
        connection.row_factory = sqlite3.Row
        head = connection.execute("select * from rss_feed").fetchone()
        items = connection.execute("select * from rss_item order by pubDate desc").fetchall()
    return {
        "feed title": head["title"],
        "feed page": head["url"],
        "entries": [
            {
                "title": item["title"],
                "link": item["url"],
                "id": item["guid"],
                "published": item["pubDate"],
                "authors": item["author"],
                "content": item["content"],
                "no false file": [item["enclosure_url"]] if item["enclosure_url"] else [],
            }
            for item in items
        ],
    }


def with_rss2email(path: Path, home: Path) -> Fields:
    def r2e(*arguments: str) -> None:
        run("r2e", "-c", home / "config", "-d", home / "data.json", *arguments, home=home)

    inbox = mailbox.Maildir(home / "inbox")
    r2e("new", "reader@example.org")
    settings = configparser.ConfigParser(interpolation=None)
    settings.read(home / "config")
    settings["DEFAULT"].update(
        {
            "email-protocol": "maildir",
            "maildir-path": str(home),
            "maildir-mailbox": "inbox",
            "html-mail": "True",
            "date-header": "True",
        }
    )
    with (home / "config").open("w") as file:
        settings.write(file)
    r2e("add", "example", str(path))
    r2e("run")
    entries = []
    for key in inbox.keys():  # noqa: SIM118 - a mailbox goes through its messages
        message = message_from_bytes(inbox.get_bytes(key), policy=policy.default)
        body = message.get_content()
        entries.append(
            {
                "title": str(message["Subject"]),
                "link": message["X-RSS-URL"],
                "id": message["X-RSS-ID"],
                "published": message["Date"].datetime.isoformat(),
                "authors": message["From"].addresses[0].display_name.partition(": ")[2],
                "categories": [tag for tag in (message["X-RSS-TAGS"] or "").split(",") if tag],
                "content": re.split(r'<div[^>]*id="body"[^>]*>', body)[-1].split("</div>")[0],
            }
        )
    return {"entries": sorted(entries, key=lambda entry: entry["published"], reverse=True)}


def with_sfeed(path: Path, home: Path) -> Fields:
    lines = run("sfeed", home=home, text=path.read_text(encoding="utf-8")).splitlines()
    entries = []
    for line in lines:
        stamp, title, link, content, _, name, author, file, categories = line.split("\t")
        entries.append(
            {
                "title": title,
                "link": link,
                "id": name,
                "published": int(stamp),
                "authors": author,
                "categories": categories.split("|") if categories else [],
                "content": content.replace("\\n", "\n").replace("\\t", "\t").replace("\\\\", "\\"),
                "no false file": [file] if file else [],
            }
        )
    return {"entries": entries}


CLIENTS: dict[str, tuple[str, str, Callable[[Path, Path], Fields]]] = {
    "newsboat": ("newsboat", "newsboat", with_newsboat),
    "rss2email": ("r2e", "rss2email", with_rss2email),
    "sfeed": ("sfeed", "sfeed", with_sfeed),
}


def documents(read: Callable[[Path, Path], Fields], paths: list[Path]) -> dict[str, Fields | str]:
    """What one client reads of each feed, or the error that its user meets."""
    answers: dict[str, Fields | str] = {}
    for path in paths:
        if path.suffix == ".xml":
            with tempfile.TemporaryDirectory() as home:
                try:
                    answers[str(path)] = read(path, Path(home))
                except Exception as error:  # any: it is the client's
                    answers[str(path)] = f"{type(error).__name__}: {error}"
    return answers


def main(paths: list[Path]) -> None:
    """Print the answer of every client."""
    answers = {}
    for name, (program, package, read) in CLIENTS.items():
        if shutil.which(program):
            version = ["dpkg-query", "-Wf", "${Version}", package]
            told = subprocess.run(version, capture_output=True, text=True, check=False).stdout
            answers[name] = {"version": told, "documents": documents(read, paths)}
    json.dump(answers, sys.stdout)


if __name__ == "__main__":
    main([Path(argument) for argument in sys.argv[1:]])
