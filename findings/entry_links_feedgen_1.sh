#!/usr/bin/env bash
# feedgen 1.0.0 writes the links of Atom entries without rel, type, title and length: files become the article.
#
# One would guess: entry.link(href=..., rel="enclosure", type="audio/mpeg", length="5") is written as it is passed;
# entry.link() gives back just that, the RSS of the same entry has the enclosure, and links of the feed are right.
#
# What happens: all that stays is <link href="..."/>. Without rel a link is "alternate" (RFC 4287 4.2.7.2), so an
# entry with a page and a file has two pages. In the code the loop's variable is the link, then the element that is
# made of it, so every look at the link's other fields finds an element without them. In RSS the <link> of the
# channel, the site, is the last link that the feed was given: often the feed's own address.
# feedgen2 2.0.1 writes entries right; it is another package with the same module, "feedgen", and replaces its files.
#
# Why it matters to feeds: podcasts in Atom have no audio, and a reader that takes the last alternate opens the
# file, "replies" or "via" instead of the article. Who writes Atom with feedgen 1.0.0 adds links by an extension,
# and passes the site's link last.
set -euo pipefail
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
python3 -m venv "$scratch/venv" || exit 77
cat >"$scratch/probe.py" <<'PYTHON'
import sys
from importlib.metadata import version

from feedgen.feed import FeedGenerator
from lxml import etree

package, *expected = sys.argv[1:]
SITE, SELF, PAGE, FILE = (f"https://example.com/{path}" for path in ("", "atom.xml", "1", "1.mp3"))
ATOM = "{http://www.w3.org/2005/Atom}"
feed = FeedGenerator()
feed.id(SITE)
feed.title("Labs")
feed.description("News")
feed.link(href=SITE, rel="alternate")
feed.link(href=SELF, rel="self", type="application/atom+xml")
entry = feed.add_entry()
entry.id("tag:example.com,2024:1")
entry.title("One")
entry.link(href=PAGE, rel="alternate", type="text/html")
entry.link(href=FILE, rel="enclosure", type="audio/mpeg", length="5")
atom, rss = etree.fromstring(feed.atom_str()), etree.fromstring(feed.rss_str())
assert [link.get("rel") for link in atom.findall(f"{ATOM}link")] == ["alternate", "self"]
assert dict(rss.find("channel/item/enclosure").attrib) == {"url": FILE, "length": "5", "type": "audio/mpeg"}
links = atom.findall(f"{ATOM}entry/{ATOM}link")
got = [" ".join(f"{key}={value}" for key, value in sorted(link.attrib.items()) if key != "href") for link in links]
got.append(rss.findtext("channel/link"))
print(package, version(package))
for what, value, wanted in zip(("page in Atom", "file in Atom", "link of the RSS channel"), got, expected, strict=True):
    print(f"    {what:23} {value!r} (expected {wanted!r})")
sys.exit(got != expected)
PYTHON
probe() { "$scratch/venv/bin/python" "$scratch/probe.py" "$@" || { echo CHANGED && exit 1; }; }
"$scratch/venv/bin/pip" install -q feedgen==1.0.0
probe feedgen "" "" https://example.com/atom.xml
"$scratch/venv/bin/pip" install -q feedgen2==2.0.1
probe feedgen2 "rel=alternate type=text/html" "length=5 rel=enclosure type=audio/mpeg" https://example.com/atom.xml
echo AS DESCRIBED
