#!/usr/bin/env bash
# reader 3.26, installed today, takes no feed: what it never asked for by name isn't there any more.
#
# One would guess: a package that pip installs without a complaint, with versions that it allows, works;
# "pip check" would tell what is missing.
#
# What happens: reader has a copy of feedparser of its own, which imports sgmllib. That is no part of Python 3;
# it came with sgmllib3k, which the real feedparser required, which reader requires. feedparser 6.0.14 requires
# feedparser-sgmllib instead, whose module has another name. So add_feed() of any address, also one that was
# never asked for, raises ModuleNotFoundError, while make_reader() and "pip check" are content. 3.26 is the
# newest reader for Python 3.11. It works beside feedparser 6.0.11, or with sgmllib3k installed by hand.
#
# Why it matters to feeds: reader is the library of choice for feed readers in Python. One that was deployed
# last year runs on; the same one built anew subscribes to nothing. Who builds it pins sgmllib3k too.
set -euo pipefail
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' && python3 -m venv "$scratch/venv" || exit 77
cat >"$scratch/probe.py" <<'PYTHON'
import sys
from importlib.metadata import version

from reader import make_reader

expected = sys.argv[1]
reader = make_reader(":memory:")
try:
    reader.add_feed("http://feeds.example/rss.xml")
    got = "added"
except ModuleNotFoundError as error:
    got = str(error)
print(f"    beside feedparser {version('feedparser')}: {got} (expected {expected})")
sys.exit(got != expected)
PYTHON
"$scratch/venv/bin/pip" install -q reader==3.26 feedparser==6.0.14
"$scratch/venv/bin/pip" list 2>/dev/null | grep -E "^(reader|feedparser|sgmllib)"
"$scratch/venv/bin/pip" check
"$scratch/venv/bin/python" "$scratch/probe.py" "No module named 'sgmllib'" || { echo CHANGED && exit 1; }
"$scratch/venv/bin/pip" install -q feedparser==6.0.11
"$scratch/venv/bin/python" "$scratch/probe.py" added || { echo CHANGED && exit 1; }
echo AS DESCRIBED
