#!/usr/bin/env bash
# opml 0.5.8 and opmltojs 0.4.14 of npm write OPML that they can't read, if its title has "&" or "<".
#
# One would guess: what opml.parse() reads, opml.stringify() writes so that it can be read again; so do
# parse() and opmlify() of opmltojs. Both are by the author of OPML, and escape attributes of outlines.
#
# What happens: in the head nothing is escaped. "R&amp;D", read as "R&D", is written <title>R&D</title>,
# which is no XML: each refuses what it wrote.
#
# Why it matters to feeds: a list of feeds has the title of its site. Tools that merge, sort or rename
# subscriptions with these packages write a list that every reader refuses to import; the list that the
# server wrote was right. A title without "&" and "<", such as "R and D", comes through.
set -euo pipefail
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
command -v npm node >/dev/null || exit 77
cd "$scratch"
echo '{"private": true, "type": "module"}' >package.json
npm install --silent --no-audit --no-fund opml@0.5.8 opmltojs@0.4.14
cat >probe.mjs <<'JS'
import opml from "opml";
import opmltojs from "opmltojs";
const document = (title) => `<?xml version="1.0"?><opml version="2.0"><head><title>${title}</title></head><body>
<outline text="${title}" type="rss" xmlUrl="https://example.com/rss.xml?a=1&amp;b=2"/></body></opml>`;
const read = (text) => new Promise((end) => opml.parse(text, (error, tree) => end(error ? undefined : tree)));
const readOther = (text) => new Promise((end) => opmltojs.parse(text, end));
let changed = false;
for (const [title, written, readable] of [
  ["R and D", "R and D", true],
  ["R&amp;D", "R&D", false],
  ["1 &lt; 2", "1 < 2", false],
]) {
  const texts = {
    opml: opml.stringify(await read(document(title))),
    opmltojs: opmltojs.opmlify(await readOther(document(title))),
  };
  for (const [name, text] of Object.entries(texts)) {
    const got = text.match(/<title>(.*)<\/title>/)[1];
    const again = Boolean(await read(text));
    console.log(`    ${name.padEnd(8)} ${title} -> ${got}, can be read: ${again} (expected ${written}, ${readable})`);
    changed ||= got !== written || again !== readable;
  }
}
console.log(changed ? "CHANGED" : "AS DESCRIBED");
process.exit(changed ? 1 : 0);
JS
npm ls --depth=0
node probe.mjs
