#!/usr/bin/env bash
# @extractus/feed-extractor 8.0.3 makes ids that two entries share, and that change with the date.
#
# One would guess: an entry that has no guid or id gets an id that no other entry has, and that stays, such as its
# link, which the RSS specification allows in place of guid and which is there.
#
# What happens: the id is a short hash of the link, and the time of the entry. It is the hash in which a letter
# weighs 31 times the next one: "as" and "c5", "at" and "c6" are the same, wherever they stand, so /2024/gas and
# /2024/gc5 of one moment are one id. Where a correction moves pubDate, the id is another one.
#
# Why it matters to feeds: static sites date posts to the day, so those of one day have one time, and pages whose
# addresses are short codes collide: who stores entries by id loses one of them. And every corrected date makes a
# new entry. A server does well to write a guid for each item, always; who reads feeds of others takes the link.
set -euo pipefail
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
command -v node >/dev/null && command -v npm >/dev/null || exit 77
cd "$scratch"
echo '{"private": true, "type": "module"}' >package.json
npm install --silent --no-audit --no-fund @extractus/feed-extractor@8.0.3
cat >probe.mjs <<'JS'
import { extractFromXml } from "@extractus/feed-extractor";
const read = (guids, hour, ...paths) =>
  extractFromXml(`<rss version="2.0"><channel><title>Labs</title><link>https://example.com/</link><description>Labs</description>
${paths.map((path) => `<item><title>${path}</title><link>https://example.com/${path}</link>
${guids ? `<guid>https://example.com/${path}</guid>` : ""}<pubDate>Mon, 06 May 2024 0${hour}:00:00 GMT</pubDate></item>`).join("")}
</channel></rss>`).entries.map((entry) => entry.id);
let changed = false;
for (const [what, guids, [first, second], same] of [
  ["other pages", false, read(false, 7, "2024/gas", "2024/gat"), false],
  ["gas and gc5", false, read(false, 7, "2024/gas", "2024/gc5"), true],
  ["bat and bc6", false, read(false, 7, "p/bat/photos", "p/bc6/photos"), true],
  ["another time", false, [...read(false, 7, "one"), ...read(false, 8, "one")], false],
  ["with guid: gas and gc5", true, read(true, 7, "2024/gas", "2024/gc5"), false],
  ["with guid: another time", true, [...read(true, 7, "one"), ...read(true, 8, "one")], true],
]) {
  console.log(`    ${what.padEnd(25)} ${first} ${second}, the same: ${first === second} (expected ${same})`);
  changed ||= (first === second) !== same;
}
console.log(changed ? "CHANGED" : "AS DESCRIBED");
process.exit(changed ? 1 : 0);
JS
npm ls --depth=0
node probe.mjs
