#!/usr/bin/env bash
# minify_html 0.18.1 joins words: the space between two links goes, unless they stand in a paragraph.
#
# One would guess: a minifier that "handles whitespace by context" takes spaces away where no browser shows them. The one
# between <b>Do</b> and <i>not</i> is shown, wherever they stand: both are inline elements.
#
# What happens: spaces between elements are kept in p, li, td, h2, span and others that hold text. In div, blockquote,
# section, article, figure, and at the top of a fragment, they are taken away, also beside text: "See <a>this</a>
# <a>that</a>" is "See <a>this</a><a>that</a>". No option prevents it.
#
# Why it matters to feeds: contents of entries are fragments, and few have a p around a line of links or a byline:
# "by Ann Bo" with two links is "by AnnBo", and "Read more Comments" is one word, in every reader. A page of the
# site looks right, for there most of it is in paragraphs. Feeds are small once compressed: leave HTML as it is.
set -euo pipefail
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
python3 -m venv "$scratch/venv" || exit 77
"$scratch/venv/bin/pip" install -q minify-html==0.18.1 nh3==0.3.8
cat >"$scratch/probe.py" <<'PYTHON'
import re
from importlib.metadata import version

import minify_html
import nh3

print(*(f"{name} {version(name)}" for name in ("minify-html", "nh3")), sep=", ")
LINE = "<b>Do</b> <i>not</i> <u>press</u>"
changed = False
for before, after, expected in (
    ("<p>", "</p>", "Do not press"),
    ("<h2>", "</h2>", "Do not press"),
    ("<span>", "</span>", "Do not press"),
    ("", "", "Donotpress"),
    ("Please: ", "", "Please: Donotpress"),
    ("<div>", "</div>", "Donotpress"),
    ("<blockquote>", "</blockquote>", "Donotpress"),
    ("<article>", "</article>", "Donotpress"),
):
    html = before + LINE + after
    got, other = (re.sub("<[^>]*>", "", clean(html)) for clean in (minify_html.minify, nh3.clean))
    print(f"    {before or '(nothing)':13} {got} (expected {expected})")
    changed |= got != expected or other != re.sub("<[^>]*>", "", html)
raise SystemExit("CHANGED" if changed else print("AS DESCRIBED"))
PYTHON
"$scratch/venv/bin/python" "$scratch/probe.py"
