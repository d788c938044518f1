#!/usr/bin/env bash
# feedparser-rs 0.7.1 hands on the links and categories of Atom with "&amp;" where the feed has "&".
#
# One would guess: it has "a feedparser-compatible API", so an address with two parameters, which is
# written href="...?a=1&amp;b=2" in XML, is read as "...?a=1&b=2", as feedparser and every XML parser do
# and as feedparser-rs itself does in RSS. What it escapes, sanitize_html=False would leave alone.
#
# What happens: attributes of Atom keep their references: link, enclosure, next, self and category term.
# It is no matter of sanitizing, for sanitize_html=False changes nothing. Ids, which are texts, are right.
# (Titles hold "&amp;" too, in both formats: that is sanitizing, and goes with sanitize_html=False.)
#
# Why it matters to feeds: links to articles lead elsewhere ("amp;b" is the parameter then), and who
# follows "next" asks for "amp;page", which no server knows, so a feed in pages ends at page one.
# Who reads with it takes RSS or JSON Feed, or passes what it gives of Atom through html.unescape.
set -euo pipefail
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
python3 -c 'import sys; sys.exit(sys.version_info < (3, 10))' && python3 -m venv "$scratch/venv" || exit 77
"$scratch/venv/bin/pip" install -q feedparser-rs==0.7.1 feedparser==6.0.14
cat >"$scratch/probe.py" <<'PYTHON'
from importlib.metadata import version

import feedparser
import feedparser_rs

ATOM = """<feed xmlns="http://www.w3.org/2005/Atom"><id>tag:example.com,2024:f</id><title>Labs</title>
<updated>2024-05-06T07:08:09Z</updated><author><name>Labs</name></author>
<link rel="self" href="https://example.com/atom.xml?a=1&amp;b=2"/>
<link rel="next" href="https://example.com/atom.xml?a=1&amp;b=2&amp;page=2"/>
<entry><id>https://example.com/?a=1&amp;b=2</id><title>One</title><updated>2024-05-06T07:08:09Z</updated>
<link href="https://example.com/1?a=1&amp;b=2"/><category term="R&amp;D"/></entry></feed>"""
RSS = """<rss version="2.0" xmlns:atom="http://www.w3.org/2005/Atom"><channel><title>Labs</title>
<link>https://example.com/</link><description>Labs</description>
<atom:link rel="self" href="https://example.com/rss.xml?a=1&amp;b=2"/>
<atom:link rel="next" href="https://example.com/rss.xml?a=1&amp;b=2&amp;page=2"/>
<item><title>One</title><link>https://example.com/1?a=1&amp;b=2</link><category>R&amp;D</category>
<guid isPermaLink="false">https://example.com/?a=1&amp;b=2</guid></item></channel></rss>"""
print(*(f"{name} {version(name)}" for name in ("feedparser-rs", "feedparser")), sep=", ")
changed = False
for name, parse, escaped in (
    ("feedparser", feedparser.parse, False),
    ("feedparser-rs", feedparser_rs.parse, True),
    ("not sanitized", lambda feed: feedparser_rs.parse(feed, sanitize_html=False), True),
):
    for form, feed in (("Atom", ATOM), ("RSS", RSS)):
        parsed = parse(feed)
        entry, links = parsed.entries[0], {link.rel: link.href for link in parsed.feed.links}
        assert entry.id == "https://example.com/?a=1&b=2"
        got = [entry.link, links["self"], links["next"], entry.tags[0].term]
        expected = escaped and form == "Atom"
        print(f"    {name:13} {form:4} (expected {'&amp;' if expected else '&'})", *got)
        changed |= any(("&amp;" in value) != expected for value in got)
raise SystemExit("CHANGED" if changed else print("AS DESCRIBED"))
PYTHON
"$scratch/venv/bin/python" "$scratch/probe.py"
