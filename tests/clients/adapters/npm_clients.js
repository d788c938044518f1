// What npm's parsers read of the documents named on the command line, as JSON.
// A field that a client has no word for is left out; undefined ones are null in the answer.
"use strict";
const fs = require("fs");
const http = require("http");

const list = (value) => (value === undefined || value === null ? [] : [].concat(value));
const text = (value) => (value && typeof value === "object" ? value["#text"] ?? value.text ?? value.$text ?? value._ : value);
const attempt = (take) => {
  try { return take(); } catch (error) { return String(error); }
};
const related = (links) => list(links).filter((link) => link.rel === "related").map((link) => link.href);
const alternate = (links) => list(links).find((link) => link.rel === "alternate")?.href;

const byRssParser = async (xml) => {
  const Parser = require("rss-parser");
  const read = await new Parser().parseString(xml);
  const atom = xml.includes("<feed");
  return {
    "feed title": read.title, "feed page": read.link,
    ...(atom ? {} : { "feed description": read.description, "feed language": read.language, "feed icon": read.image?.url }),
    entries: read.items.map((item) => ({
      title: item.title, link: item.link, id: item.guid ?? item.id, published: item.isoDate,
      authors: item.creator ?? item.author,
      ...(atom ? {} : { categories: list(item.categories).map(text) }),
      content: item["content:encoded"] ?? item.content,
      summary: atom ? item.summary : item.content,
    })),
  };
};

const byRowanmanning = (xml) => {
  const read = require("@rowanmanning/feed-parser").parseFeed(xml);
  return {
    "feed title": read.title, "feed page": read.url, "feed description": read.description,
    "feed language": read.language, "feed icon": read.image?.url,
    entries: read.items.map((item) => ({
      title: item.title, link: item.url, id: item.id, published: item.published, updated: item.updated,
      authors: item.authors.map((author) => author.name), categories: item.categories.map((one) => one.label),
      content: item.content ?? item.description, summary: item.description, picture: item.image?.url,
    })),
  };
};

const byFeedsmith = (source, suffix) => {
  const { feed, format } = require("feedsmith").parseFeed(source);
  if (format === "json") return {
    "feed title": feed.title, "feed page": feed.home_page_url, "feed description": feed.description,
    "feed language": feed.language, "feed icon": feed.icon,
    entries: feed.items.map((item) => ({
      title: item.title, link: item.url, id: item.id, published: item.date_published, updated: item.date_modified,
      authors: list(item.authors).map((author) => author.name), categories: list(item.tags),
      content: item.content_html, summary: item.summary, picture: item.image,
    })),
  };
  const atom = format === "atom";
  const media = (item) => ({
    picture: attempt(() => item.media.contents[0].url),
    video: attempt(() => item.media.contents.find((one) => one.player).player.url),
  });
  if (atom) return {
    "feed title": feed.title.value, "feed page": alternate(feed.links), "feed description": feed.subtitle?.value,
    "feed language": feed.xml?.lang, "feed icon": feed.icon,
    entries: feed.entries.map((item) => ({
      title: item.title.value, link: alternate(item.links), id: item.id, published: item.published,
      updated: item.updated, authors: item.authors.map((author) => author.name),
      categories: list(item.categories).map((one) => one.term), content: item.content.value,
      summary: item.summary?.value, related: related(item.links), ...media(item),
    })),
  };
  return {
    "feed title": feed.title, "feed page": feed.link, "feed description": feed.description,
    "feed language": feed.language, "feed icon": feed.image?.url,
    entries: feed.items.map((item) => ({
      title: item.title, link: item.link, id: item.guid.value, published: item.pubDate,
      updated: item.atom?.updated, authors: item.dc.creators, categories: list(item.categories).map((one) => one.name),
      content: item.content?.encoded ?? item.description, summary: item.description,
      related: related(item.atom?.links), ...media(item),
    })),
  };
};

const outlinesOfFeedsmith = (source) => {
  const read = require("feedsmith").parseOpml(source);
  const listed = read.body.outlines.flatMap((one) => (one.outlines ? one.outlines.map((inner) => [one.text, inner]) : [["", one]]));
  return {
    "list title": read.head.title,
    listed: listed.map(([group, one]) => ({ title: one.text, url: one.xmlUrl, page: one.htmlUrl, group })),
  };
};

const byExtractus = (source, suffix) => {
  const { extractFromXml, extractFromJson } = require("@extractus/feed-extractor");
  const read = suffix === "json" ? extractFromJson(JSON.parse(source)) : extractFromXml(source);
  return {
    "feed title": read.title, "feed page": read.link, "feed description": read.description, "feed language": read.language,
    entries: read.entries.map((item) => ({
      title: item.title, link: item.link, id: item.id, published: item.published, summary: item.description,
    })),
  };
};

const ofNodeFeedparser = (meta, items) => ({
  "feed title": meta.title, "feed page": meta.link, "feed description": meta.description,
  "feed language": meta.language, "feed icon": meta.favicon ?? meta.image?.url,
  ...(meta["at:deleted-entry"] ? { "withdrawn entries": list(meta["at:deleted-entry"]).map((one) => one["@"].ref).sort() } : {}),
  entries: items.map((item) => ({
    title: item.title, link: item.link, id: item.guid, published: item.pubdate, updated: item.date,
    authors: item.author, categories: item.categories, content: item.description, summary: item.summary,
    picture: attempt(() => item.enclosures[0].url),
  })),
});

const byNodeFeedparser = (xml) => new Promise((resolve, reject) => {
  const FeedParser = require("feedparser");
  const parser = new FeedParser();
  const items = [];
  parser.on("error", reject);
  parser.on("readable", () => { for (let item; (item = parser.read()); ) items.push(item); });
  parser.on("end", () => resolve(ofNodeFeedparser(parser.meta, items)));
  parser.end(xml);
});

const byDavefeedread = (xml) => new Promise((resolve, reject) => {
  require("davefeedread").parseString(xml, undefined, (error, read) =>
    error ? reject(error) : resolve(ofNodeFeedparser(read.head, read.items)));
});

const byHtmlparser2 = (xml) => {
  const read = require("htmlparser2").parseFeed(xml);
  return {
    "feed title": read.title, "feed page": read.link, "feed description": read.description,
    entries: read.items.map((item) => ({
      title: item.title, link: item.link, id: item.id, published: item.pubDate, content: item.description,
      picture: attempt(() => item.media[0].url),
    })),
  };
};

const byFeedme = (source, suffix) => {
  const FeedMe = require("feedme");
  const parser = new FeedMe(true);
  parser.end(source);
  const read = parser.done();
  const json = suffix === "json";
  const atom = read.type.startsWith("atom");
  const links = (one) => (atom ? alternate(one.link) : text(one.link));
  return {
    "feed title": text(read.title), "feed page": json ? read.home_page_url : links(read),
    "feed description": text(atom ? read.subtitle : read.description),
    ...(atom ? {} : { "feed language": read.language }),
    ...(atom ? { "withdrawn entries": list(read["at:deleted-entry"]).map((one) => one.ref).sort() } : {}),
    ...(json ? { "withdrawn entries": list(read._feeds?.withdrawn).map((one) => one.id).sort() } : {}),
    "feed icon": atom || json ? read.icon : read.image?.url,
    entries: read.items.map((item) => json ? {
      title: item.title, link: item.url, id: item.id, published: item.date_published, updated: item.date_modified,
      authors: list(item.authors).map((author) => author.name), categories: list(item.tags),
      content: item.content_html, summary: item.summary, picture: item.image,
    } : {
      title: text(item.title), link: links(item), id: text(item.guid ?? item.id), published: item.published ?? item.pubdate,
      updated: item.updated ?? item["atom:updated"],
      authors: atom ? list(item.author).map((author) => author.name) : list(item["dc:creator"]),
      categories: list(item.category).map((one) => one.term ?? text(one)),
      content: text(item.content ?? item["content:encoded"] ?? item.description),
      summary: text(item.summary ?? item.description),
      picture: attempt(() => list(item["media:content"])[0].url),
      video: attempt(() => list(item["media:content"]).find((one) => one["media:player"])["media:player"].url),
      related: related(item.link?.[0]?.rel ? item.link : item["atom:link"]),
    }),
  };
};

const byReactNative = async (xml) => {
  const read = await require("react-native-rss-parser").parse(xml);
  return {
    "feed title": read.title, "feed page": read.links[0]?.url, "feed description": read.description,
    ...(xml.includes("<feed") ? {} : { "feed language": read.language }),
    "feed icon": read.image?.url,
    entries: read.items.map((item) => ({
      title: item.title, link: item.links[0]?.url, id: item.id, published: item.published,
      authors: item.authors.map((author) => author.name), categories: item.categories.map((one) => one.name),
      content: item.content ?? item.description, summary: item.description,
    })),
  };
};

// It reads addresses alone.
const byRssToJson = async (xml) => {
  const server = http.createServer((_, response) => response.setHeader("content-type", "application/xml").end(xml));
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    const read = await require("rss-to-json").parse(`http://127.0.0.1:${server.address().port}/`);
    return {
      "feed title": read.title, "feed page": read.link, "feed description": read.description, "feed icon": read.image,
      entries: read.items.map((item) => ({
        title: item.title, link: item.link, id: item.id, published: item.published, authors: item.author,
        categories: list(item.category).map(text), content: item.content ?? item.description,
        picture: attempt(() => list(item.media.thumbnail)[0].url ?? list(item.media.thumbnail)[0]),
      })),
    };
  } finally {
    server.close();
  }
};

const CLIENTS = {
  "rss-parser": [byRssParser, ["xml"]],
  "@rowanmanning/feed-parser": [byRowanmanning, ["xml"]],
  feedsmith: [(source, suffix) => (suffix === "opml" ? outlinesOfFeedsmith : byFeedsmith)(source, suffix), ["xml", "json", "opml"]],
  "@extractus/feed-extractor": [byExtractus, ["xml", "json"]],
  feedparser: [byNodeFeedparser, ["xml"]],
  davefeedread: [byDavefeedread, ["xml"]],
  htmlparser2: [byHtmlparser2, ["xml"]],
  feedme: [byFeedme, ["xml", "json"]],
  "react-native-rss-parser": [byReactNative, ["xml"]],
  "rss-to-json": [byRssToJson, ["xml"]],
};

(async () => {
  const answers = {};
  for (const [name, [read, suffixes]] of Object.entries(CLIENTS)) {
    const documents = {};
    for (const path of process.argv.slice(2)) {
      const suffix = path.split(".").pop();
      if (!suffixes.includes(suffix)) continue;
      try {
        documents[path] = await read(fs.readFileSync(path, "utf8"), suffix);
      } catch (error) {
        documents[path] = String(error);
      }
    }
    const installed = JSON.parse(fs.readFileSync(`node_modules/${name}/package.json`, "utf8"));
    answers[name === "feedparser" ? "feedparser (npm)" : name] = { version: installed.version, documents };
  }
  process.stdout.write(JSON.stringify(answers, (_, value) => (value === undefined ? null : value)), () => process.exit());
})();
