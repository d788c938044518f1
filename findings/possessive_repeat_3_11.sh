#!/usr/bin/env bash
# Possessive repeats of groups match too much before Python 3.11.5.
#
# One would guess: Python has possessive quantifiers since 3.11, its documentation
# says that x*+, x++ and x?+ are equivalent to (?>x*), (?>x+) and (?>x?), so a
# program that "requires Python 3.11 or later" may use them.
#
# What happens: in 3.11.0 to 3.11.4, where x is a group, what its last round had
# read before it failed stays read. (?!a)?+, which can match nothing but the empty
# text, matches "a"; (?:ab?c)*+ matches "a". No error, no warning. Whether it shows
# depends on what the round tried last: a plain character that differs does no harm,
# a repeat, an alternative or a lookaround before it does. This is python/cpython
# #106052 (and #100061); mended in 3.11.5 and 3.12.0. The number of the version
# doesn't tell: distributions keep "3.11.2" and mend it in place. Debian 12 did so in
# 3.11.2-6+deb12u9 (October 2026); up to deb12u8 its python3 has the fault.
#
# Why it matters to a feed program: fast paths that read front matter, or tell a URL
# that needs no cleaning, by one possessive pattern take what they should leave to
# the parser. "quality: 65 " before a blank line is no number then, and its record is
# refused; "title: Power #" keeps a "#" that is a comment in YAML; and
# "https://example.org/%?a" passes for a valid URI. The feeds are wrong on some
# machines only, where tests that ran on a later Python had passed. The cure costs
# next to nothing: repeat atomic groups, (?>ab?c)*+.
#
# What it does: runs the patterns on each Python from 3.11 up that it finds, or that
# PYTHONS names. Where none has the fault, and apt lists an older package of Debian
# 12's Python, that is unpacked in a temporary directory; nothing is installed.
# Exits 0 if all is as described, 1 if not, 77 if no Python with the fault is to be had.
set -euo pipefail

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

cat >"$scratch/probe.py" <<'PYTHON'
import re
import sys

# What is matched at the start of a text: possessively, and by what the
# documentation calls equivalent; then what a Python with the fault matches.
CASES = [
    ("(?!a)?+", "(?>(?!a)?)", "a", "a"),
    ("(?:ab?c)*+", "(?>(?:ab?c)*)", "a", "a"),
    (r"(?:date: (?:19|20)\d\d\n)?+", r"(?>(?:date: (?:19|20)\d\d\n)?)", "date: 20\n", "date: "),
    (r"(?:[^ \n]++| (?!#))++\n", r"(?>(?:[^ \n]++| (?!#))+)\n", "Power #\n", "Power #\n"),
    (r"/(?:\w++|%[0-9A-F]{2})*+\?", r"/(?>(?:\w++|%[0-9A-F]{2})*)\?", "/%?a", "/%?"),
]
CURED = ["(?>(?!a))?+", "(?>ab?c)*+", r"(?>date: (?:19|20)\d\d\n)?+", r"(?>[^ \n]++| (?!#))++\n",
         r"/(?>\w++|%[0-9A-F]{2})*+\?"]


def matched(pattern, text):
    found = re.match(pattern, text)
    return found and found[0]


wrong = 0
for (possessive, atomic, text, kept), cured in zip(CASES, CURED):
    right, actual = matched(atomic, text), matched(possessive, text)
    print(f"    {possessive:34} on {text!r:12} matches {actual!r:12}", "" if actual == right else f"not {right!r}")
    if actual not in (right, kept):
        print("    unexpected, for it matched", repr(kept))
        sys.exit(1)
    if matched(cured, text) != right:
        print("    unexpected:", cured, "matches", repr(matched(cured, text)))
        sys.exit(1)
    wrong += actual != right
early = sys.version_info < (3, 11, 5)
if wrong == 0:
    print("    right" + (", mended by who built it" if early else ""))
    sys.exit(10)
if wrong == len(CASES) and early:
    print("    the fault is in it")
    sys.exit(20)
print("    unexpected:", wrong, "of", len(CASES), "are wrong")
sys.exit(1)
PYTHON

right=0 faulty=0 changed=0
declare -A seen=()

probe() {
    local python=$1 status=0 version
    "$python" -ISc 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || return 0
    version=$("$python" -ISc 'import sys; print(sys.version.replace("\n", " "))')
    [ -z "${seen[$version]:-}" ] || return 0
    seen[$version]=1
    echo "Python $version"
    "$python" -IS "$scratch/probe.py" || status=$?
    case $status in
        10) right=$((right + 1)) ;;
        20) faulty=$((faulty + 1)) ;;
        *) changed=$((changed + 1)) ;;
    esac
}

if [ -n "${PYTHONS:-}" ]; then
    for python in $PYTHONS; do probe "$python"; done
else
    for name in python3 python3.11 python3.12 python3.13 python3.14; do
        while read -r python; do probe "$python"; done < <(type -aP "$name" || true)
    done
    for python in "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.1[1-9].*/bin/python3; do
        [ ! -x "$python" ] || probe "$python"
    done
fi

# Debian 12's Python as it was: the newest listed version that isn't mended yet.
older() {
    apt-cache madison python3.11-minimal | grep -Eom1 '3\.11\.2-6(\+deb12u[0-8])?( |$)'
}
if [ "$faulty" = 0 ] && [ -z "${PYTHONS:-}" ] && command -v apt-get dpkg >/dev/null; then
    version=$(older 2>/dev/null | tr -d ' ') || version=
    if [ -n "$version" ] && (cd "$scratch" && apt-get -qq download \
        "python3.11-minimal=$version" "libpython3.11-minimal=$version") >/dev/null 2>&1; then
        for package in "$scratch"/*.deb; do dpkg -x "$package" "$scratch/debian"; done
        echo "Debian's package $version:"
        probe "$scratch/debian/usr/bin/python3.11"
    fi
fi

if [ "$changed" -gt 0 ]; then
    echo "CHANGED: $changed of these Pythons behave in another way than described"
    exit 1
fi
if [ "$faulty" = 0 ] || [ "$right" = 0 ]; then
    echo "NOT HERE: needs a Python with the fault ($faulty found) and one without ($right found)"
    exit 77
fi
echo "AS DESCRIBED: $faulty with the fault, $right without"
