#!/usr/bin/env bash
# mkdocs-rss-plugin 1.19.0 writes RSS that is no XML if the site's name or a tag has "&"; without an image it links "None".
#
# One would guess: titles, categories and names are escaped, as the titles of items and of the channel are; JSON Feed
# of the same pages has the same text; what isn't there is left out.
#
# What happens: the name of the site is written three times, as title of the channel, of its image, and as the source
# of each item: escaped the first time only. Tags aren't escaped at all. So a site "R&D", or one page with the tag
# "Q&A", makes both RSS files unreadable. A site without an image has one all the same: its url is "None". In JSON
# Feed a page's description, which is text, is content_html: "a < b" opens a tag.
#
# Why it matters to feeds: docs with "&" in a tag are common, the build ends without a warning, and what readers say
# is "not well-formed". Who moves such a site takes its JSON Feed, which has the tags as they are.
set -euo pipefail
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
python3 -c 'import sys; sys.exit(sys.version_info < (3, 10))' && python3 -m venv "$scratch/venv" || exit 77
"$scratch/venv/bin/pip" install -q mkdocs==1.6.1 mkdocs-rss-plugin==1.19.0
cd "$scratch"
mkdir docs
cat >probe.py <<'PYTHON'
import json
import subprocess
import sys
import xml.etree.ElementTree as etree
from importlib.metadata import version
from pathlib import Path

def build(name, tag, description):
    Path("mkdocs.yml").write_text(f"""site_name: {name}
site_description: News
site_url: https://example.com/
plugins: [{{rss: {{use_git: false, categories: [tags], date_from_meta: {{as_creation: date}}}}}}]
""")
    Path("docs/index.md").write_text(f"---\ntitle: One & two\ndate: 2024-05-06\ntags: [{tag}]\ndescription: {description}\n---\nOne\n")
    subprocess.run([sys.executable, "-m", "mkdocs", "build", "-q"], check=True, capture_output=True)
    (item,) = json.loads(Path("site/feed_json_created.json").read_text())["items"]
    try:
        channel = etree.parse("site/feed_rss_created.xml").find("channel")
        rss = channel.findtext("item/title"), channel.findtext("item/category"), channel.findtext("image/url")
    except etree.ParseError as error:
        rss = str(error).split(":")[0]
    return rss, (item["title"], *item["tags"], item["content_html"])

print(*(f"{name} {version(name)}" for name in ("mkdocs", "mkdocs-rss-plugin")), sep=", ")
TITLE, BROKEN = "One & two", "not well-formed (invalid token)"
changed = False
for arguments, rss, item in (
    (("Labs", "news", "Short"), (TITLE, "news", "None"), (TITLE, "news", "Short")),
    (("R&D", "news", "Short"), BROKEN, (TITLE, "news", "Short")),
    (("Labs", "Q&A", "Short"), BROKEN, (TITLE, "Q&A", "Short")),
    (("Labs", "news", "a < b"), (TITLE, "news", "None"), (TITLE, "news", "a < b")),
):
    got, expected = build(*arguments), (rss, item)
    print(f"    site, tag, description {arguments}:\n        {got}\n        (expected {expected})")
    changed |= got != expected
raise SystemExit("CHANGED" if changed else print("AS DESCRIBED"))
PYTHON
venv/bin/python probe.py
