#!/usr/bin/env bash
# nh3 0.3.8 takes an empty line off the beginning of a <pre> each time that it cleans it.
#
# One would guess: what is clean stays as it is, so cleaning twice is cleaning once; allowed elements keep their text.
#
# What happens: HTML drops a line feed right behind <pre>, so that the first line may begin on a line of its own. The
# parser does so, and the serialiser doesn't write another one. The second line feed, a blank line that browsers
# show, stands right behind <pre> then, and isn't shown any more; with the next cleaning it is gone.
# lxml_html_clean 0.4.6 keeps them. With <pre><code> nothing is lost, for <code> stands between.
#
# Why it matters to feeds: bodies are cleaned when they are stored, when they are shown and by each reader, so poems,
# ASCII drawings and diffs that begin with blank lines move up at each station; and who compares digests
# of cleaned bodies takes an entry that was only read again for a changed one. Compare what came, not what is clean.
set -euo pipefail
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
python3 -m venv "$scratch/venv" || exit 77
"$scratch/venv/bin/pip" install -q nh3==0.3.8 lxml_html_clean==0.4.6
cat >"$scratch/probe.py" <<'PYTHON'
from importlib.metadata import version

import nh3
from lxml_html_clean import clean_html

print(*(f"{name} {version(name)}" for name in ("nh3", "lxml_html_clean")), sep=", ")
changed = False
for name, clean, html, lines in (  # the line feeds at the beginning, as written and after one to three times
    ("nh3", nh3.clean, "<pre>\n\n\nOne\nTwo\n</pre>", [3, 2, 1, 0]),
    ("nh3", nh3.clean, "<pre>\nOne\nTwo\n</pre>", [1, 0, 0, 0]),
    ("nh3", nh3.clean, "<pre><code>\n\n\nOne\nTwo\n</code></pre>", [3, 3, 3, 3]),
    ("lxml_html_clean", clean_html, "<pre>\n\n\nOne\nTwo\n</pre>", [3, 3, 3, 3]),
):
    got, cleaned = [], html
    for _ in lines:
        got.append(cleaned.partition("One")[0].count("\n"))
        cleaned = clean(cleaned)
    print(f"    {name:15} {html!r} {got} (expected {lines})")
    changed |= got != lines
raise SystemExit("CHANGED" if changed else print("AS DESCRIBED"))
PYTHON
"$scratch/venv/bin/python" "$scratch/probe.py"
