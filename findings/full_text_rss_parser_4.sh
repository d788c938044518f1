#!/usr/bin/env bash
# rss-parser 4.4.1 (of Python) makes JSON Feeds without the full text, and reports that nothing is dropped.
#
# One would guess: to_json_feed(), which comes with "a report of what was dropped or omitted", makes
# content:encoded, and Atom's content of any type, the item's content_html, and description its summary;
# a link without rel is "alternate" (RFC 4287 4.2.7.2) and gives the url; relative ones are resolved, for
# JSON Feed has no base. What it can't convert is counted in the report.
#
# What happens: the parsed item has content:encoded, but content_html is made of the description, so the
# excerpt stands for the article. So it does for XHTML of Atom, where it is content_text. An entry whose
# link has no rel has no url. Links that xml:base completes stay relative. The report counts nothing.
#
# Why it matters to feeds: RSS is written with the excerpt in description and the article in
# content:encoded, as the content module has it; of a full-text feed what is left is the excerpts, and
# nobody is told. Who wants JSON Feed takes the one of the server; and a server does well to write its
# Atom with HTML, rel="alternate" and absolute addresses, which come through whole.
set -euo pipefail
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
python3 -c 'import sys; sys.exit(sys.version_info < (3, 10))' && python3 -m venv "$scratch/venv" || exit 77
"$scratch/venv/bin/pip" install -q rss-parser==4.4.1
cat >"$scratch/probe.py" <<'PYTHON'
from importlib.metadata import version

from rss_parser import parse, to_json_feed

RSS = """<rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/"><channel>
<title>Labs</title><link>https://example.com/</link><description>Labs</description><item><title>One</title>
<link>https://example.com/1</link><guid>https://example.com/1</guid><description>Excerpt</description>
<content:encoded>&lt;p&gt;Whole article&lt;/p&gt;</content:encoded></item></channel></rss>"""
ATOM = """<feed xmlns="http://www.w3.org/2005/Atom" xml:base="https://example.com/"><title>Labs</title>
<id>tag:example.com,2024:f</id><updated>2024-05-06T07:08:09Z</updated><author><name>Labs</name></author>
<entry><title>One</title><id>tag:example.com,2024:1</id><updated>2024-05-06T07:08:09Z</updated>
<link {link}/><summary>Excerpt</summary>{content}</entry></feed>"""
HTML = '<content type="html">&lt;p&gt;Whole article&lt;/p&gt;</content>'
XHTML = """<content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml"><p>Whole <em>article</em></p></div>
</content>"""
LINK = 'rel="alternate" href="https://example.com/1"'
ONE, WHOLE = "https://example.com/1", "<p>Whole article</p>"
print("rss-parser", version("rss-parser"))
changed = False
for name, feed, expected in (  # (url, content_html, content_text, summary)
    ("RSS", RSS, (ONE, "Excerpt", None, None)),
    ("Atom, HTML", ATOM.format(link=LINK, content=HTML), (ONE, WHOLE, None, "Excerpt")),
    ("Atom, XHTML", ATOM.format(link=LINK, content=XHTML), (ONE, None, "Excerpt", None)),
    ("Atom, no rel", ATOM.format(link=LINK[16:], content=HTML), (None, WHOLE, None, "Excerpt")),
    ("Atom, relative", ATOM.format(link='rel="alternate" href="1"', content=HTML), ("1", WHOLE, None, "Excerpt")),
):
    document, report = to_json_feed(parse(feed))
    item = document["items"][0]
    got = tuple(item.get(key) for key in ("url", "content_html", "content_text", "summary"))
    dropped = report.dropped_items + report.dropped_attachments + report.unparsed_dates
    print(f"    {name:14} {got}, dropped {dropped} (expected {expected}, 0)")
    changed |= got != expected or dropped != 0
raise SystemExit("CHANGED" if changed else print("AS DESCRIBED"))
PYTHON
"$scratch/venv/bin/python" "$scratch/probe.py"
