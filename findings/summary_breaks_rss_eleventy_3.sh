#!/usr/bin/env bash
# @11ty/eleventy-plugin-rss 3.0.0 writes RSS that is no XML as soon as one post has a summary; its JSON has "&amp;".
#
# One would guess: feedPlugin, which makes rss.xml, atom.xml and feed.json without a template of one's own, writes
# feeds that can be read for any post. "summary" is a field that its own template looks for.
#
# What happens: for a post with a summary the RSS has content:encoded, and its prefix is declared nowhere, so XML
# parsers refuse the whole file from that line on; without summaries it is well. Titles in JSON Feed, which are text,
# are escaped as HTML: "Q&A" is "Q&amp;A" there, and "C:\new" is "C:&#92;new". Atom of the same posts is right.
#
# Why it matters to feeds: one line in the front matter of one post ends all subscriptions to the RSS feed until that
# post has left it, and the site builds without a warning. Who moves such a site takes the Atom.
set -euo pipefail
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
command -v node >/dev/null && command -v npm >/dev/null || exit 77
cd "$scratch"
echo '{"private": true, "type": "module"}' >package.json
npm install --silent --no-audit --no-fund @11ty/eleventy@3.1.8 @11ty/eleventy-plugin-rss@3.0.0
cat >eleventy.config.js <<'JS'
import { feedPlugin } from "@11ty/eleventy-plugin-rss";
export default (config) => {
  const metadata = { language: "en", title: "Labs", subtitle: "News", base: "https://example.com/", author: { name: "Labs" } };
  for (const [type, outputPath] of [["rss", "/rss.xml"], ["atom", "/atom.xml"], ["json", "/feed.json"]])
    config.addPlugin(feedPlugin, { type, outputPath, collection: { name: "post" }, metadata });
};
JS
cat >read.py <<'PYTHON'
import json
import xml.etree.ElementTree as etree
from pathlib import Path

site = Path("_site")
def read(name, title):
    try:
        return title((site / name).read_text())
    except (etree.ParseError, json.JSONDecodeError) as error:
        return str(error).split(":")[0]

print(read("rss.xml", lambda text: etree.fromstring(text).findtext("channel/item/title")), end=" | ")
print(read("atom.xml", lambda text: etree.fromstring(text).findtext("{*}entry/{*}title")), end=" | ")
print(ascii(read("feed.json", lambda text: json.loads(text)["items"][0]["title"])))
PYTHON
changed=
probe() { # the front matter, and what is expected of the titles in RSS, Atom and JSON Feed
    rm -rf _site
    printf -- '---\ntags: post\ndate: 2024-05-06\n%s\n---\n<p>One</p>\n' "$1" >one.html
    npx eleventy --quiet >/dev/null
    got=$(python3 read.py)
    printf '    %-32s %s (expected %s)\n' "${1/$'\n'/, }" "$got" "$2"
    [ "$got" = "$2" ] || changed=yes
}
npm ls --depth=0 | grep @11ty
probe "title: One" "One | One | 'One'"
probe $'title: One\nsummary: Short' "unbound prefix | One | 'One'"
probe "title: Q&A" "Q&A | Q&A | 'Q&amp;A'"
probe 'title: C:\new' 'C:\new | C:\new | '"'C:&#92;new'"
[ -z "$changed" ] && echo AS DESCRIBED || { echo CHANGED && exit 1; }
