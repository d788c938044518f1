#!/usr/bin/env bash
# atoma 0.0.17 refuses a whole Atom feed for one entry whose content has a media type, and drops all XHTML.
#
# One would guess: the type of content is "text", "html", "xhtml" or a media type (RFC 4287 4.1.3.1); a library that
# can't show "image/png" or content elsewhere (src) gives that entry without content, and where it can't go on it
# raises FeedParseError, as its documentation has it.
#
# What happens: a media type is looked up among the three words, and ValueError comes through parse_atom_bytes: the
# other entries are lost too, and "except atoma.FeedParseError" doesn't catch it. XHTML is read as the text
# before the first tag, which a div that begins with its tag doesn't have: the content is None.
#
# Why it matters to feeds: link blogs and picture feeds have content with src, beside a summary as the RFC wants it.
# One such entry among hundreds ends the subscription until it has left the feed. A server that wants all of its
# readers writes content of type html only, and files as enclosures.
set -euo pipefail
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
python3 -m venv "$scratch/venv" || exit 77
"$scratch/venv/bin/pip" install -q atoma==0.0.17
cat >"$scratch/probe.py" <<'PYTHON'
from importlib.metadata import version

import atoma

ATOM = """<feed xmlns="http://www.w3.org/2005/Atom"><title>Labs</title><id>tag:example.com,2024:f</id>
<updated>2024-05-06T07:08:09Z</updated><author><name>Labs</name></author>
<entry><title>One</title><id>tag:example.com,2024:1</id><updated>2024-05-06T07:08:09Z</updated>
<link href="https://example.com/1"/><summary>Summary</summary>{}</entry>
<entry><title>Two</title><id>tag:example.com,2024:2</id><updated>2024-05-06T07:08:09Z</updated>
<link href="https://example.com/2"/><content type="html">Two</content></entry></feed>"""

def read(content):
    try:
        return [entry.content and entry.content.value for entry in atoma.parse_atom_bytes(ATOM.format(content).encode()).entries]
    except atoma.FeedParseError:
        return "FeedParseError"
    except ValueError as error:
        return f"ValueError: {error}"

print("atoma", version("atoma"))
changed = False
for content, expected in (
    ('<content type="html">One</content>', ["One", "Two"]),
    ('<content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml">One <em>only</em></div></content>', [None, "Two"]),
    ('<content type="image/png">aGk=</content>', "ValueError: 'image/png' is not a valid AtomTextType"),
    ('<content type="audio/mpeg" src="https://example.com/1.mp3"/>', "ValueError: 'audio/mpeg' is not a valid AtomTextType"),
):
    got = read(content)
    print(f"    {content[:28]}... {got} (expected {expected})")
    changed |= got != expected
raise SystemExit("CHANGED" if changed else print("AS DESCRIBED"))
PYTHON
"$scratch/venv/bin/python" "$scratch/probe.py"
