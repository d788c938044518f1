#!/usr/bin/env bash
# PyYAML 6.0.4 reads front matter with a tab in it or refuses it, by whether it was built with libyaml.
#
# One would guess: CSafeLoader is the same as SafeLoader, only faster, so what takes the one that there is, as
# python-frontmatter 1.3.0 does, reads the same everywhere.
#
# What happens: a tab between a key and its value, before a comment, behind a value or between items of a list, where YAML
# allows white space of any kind, is read by libyaml and is a ScannerError of the loader in Python. Behind the dash of
# a list neither takes it. In "{at: http://example.com/?a=1,b}" the comma ends the address for both, but what
# follows is a key without a value for libyaml and an error in Python.
#
# Why it matters to feeds: tabs come with editors and with front matter that a script lined up. Such a post is in the feed
# that a Linux machine made, and is missing, or an error, where the wheel has no libyaml: PyPy, or a system for which
# PyYAML is built from source. Checks that run in one of them say nothing of the other.
set -euo pipefail
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
python3 -c 'import sys; sys.exit(sys.version_info < (3, 10))' && python3 -m venv "$scratch/venv" || exit 77
"$scratch/venv/bin/pip" install -q PyYAML==6.0.4 python-frontmatter==1.3.0
"$scratch/venv/bin/python" -c 'import yaml; yaml.CSafeLoader' 2>/dev/null || exit 77
cat >"$scratch/probe.py" <<'PYTHON'
from importlib.metadata import version

import yaml
from frontmatter.default_handlers import SafeLoader as of_frontmatter

def read(text, loader):
    try:
        return yaml.load(text, loader)
    except yaml.YAMLError as error:
        return type(error).__name__

print(*(f"{name} {version(name)}" for name in ("PyYAML", "python-frontmatter")), sep=", ")
assert of_frontmatter is yaml.CSafeLoader
ONE = {"title": "One"}
changed = False
for text, with_libyaml, without in (
    ("title: One # comment", ONE, ONE),
    ("title:\tOne", ONE, "ScannerError"),
    ("title: One\t# comment", ONE, "ScannerError"),
    ("title: One\t", ONE, "ScannerError"),
    ("tags: [a,\tb]", {"tags": ["a", "b"]}, "ScannerError"),
    ("tags:\n-\ta", "ScannerError", "ScannerError"),
    ("link: {at: http://example.com/?a=1,b}", {"link": {"at": "http://example.com/?a=1", "b": None}}, "ParserError"),
):
    got = read(text, yaml.CSafeLoader), read(text, yaml.SafeLoader)
    expected = with_libyaml, without
    print(f"    {text!r}\n        {got}\n        (expected {expected})")
    changed |= got != expected
raise SystemExit("CHANGED" if changed else print("AS DESCRIBED"))
PYTHON
"$scratch/venv/bin/python" "$scratch/probe.py"
