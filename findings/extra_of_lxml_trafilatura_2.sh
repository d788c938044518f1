#!/usr/bin/env bash
# trafilatura 2.3.1 can't be imported where pip 23.2 or older installed it: an underscore in an extra's name.
#
# One would guess: "pip install trafilatura" brings all that it imports, with the pip that comes with Python 3.11 (23.2.1) or
# Debian 12 (23.0.1) as with the newest; a name with "_" and one with "-" are the same to pip.
#
# What happens: trafilatura needs justext, justext 3.0.2 needs lxml[html_clean], and lxml 6.1.3 calls that extra
# html-clean. For pip 23.3 and later these are one name; older ones warn that lxml "does not provide the extra", with -q
# too, and go on without it. lxml_html_clean isn't there then, which is imported with trafilatura: ImportError at once.
# "pip check" finds nothing, old or new.
#
# Why it matters to feeds: trafilatura is what fetches the full text for feeds of excerpts, and finds feeds of pages. The same
# requirements file gives a program that runs on a laptop and one that doesn't start in a container of Python 3.11.
# Who pins lxml_html_clean in it has one that runs on both.
set -euo pipefail
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
changed=
probe() { # pip's version, more to install, and what is expected of the import
    rm -rf "$scratch/venv"
    python3 -m venv "$scratch/venv" || exit 77
    "$scratch/venv/bin/pip" install -q "pip==$1"
    "$scratch/venv/bin/pip" install -q trafilatura==2.3.1 justext==3.0.2 lxml==6.1.3 $2 2>&1 | grep -o "lxml 6.1.3 does not provide .*" || true
    "$scratch/venv/bin/pip" check
    got=$("$scratch/venv/bin/python" -c 'import trafilatura; print("trafilatura", trafilatura.__version__)' 2>&1 | grep -oE '^(ImportError|trafilatura .*)') || true
    echo "    pip $1 $2: $got (expected $3)"
    [ "$got" = "$3" ] || changed=yes
}
python3 -c 'import sys; sys.exit(not (3, 10) <= sys.version_info < (3, 13))' || exit 77
probe 23.2.1 "" ImportError
probe 23.2.1 lxml_html_clean==0.4.6 "trafilatura 2.3.1"
probe 23.3 "" "trafilatura 2.3.1"
[ -z "$changed" ] && echo AS DESCRIBED || { echo CHANGED && exit 1; }
