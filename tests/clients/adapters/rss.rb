# What Ruby's rss reads of the documents named on the command line, as JSON.
require "json"
require "rss"

def moment(time) = time&.iso8601
def content(element) = element&.content

answers = ARGV.to_h do |path|
  read = RSS::Parser.parse(File.read(path), false)
  entries = read.items.map do |item|
    if read.is_a?(RSS::Atom::Feed)
      { title: content(item.title), link: item.link.href, id: content(item.id),
        published: moment(content(item.published)), updated: moment(content(item.updated)),
        authors: item.authors.map { |one| content(one.name) }, categories: item.categories.map(&:term),
        content: content(item.content), summary: content(item.summary),
        related: item.links.select { |one| one.rel == "related" }.map(&:href) }
    else
      { title: item.title, link: item.link, id: content(item.guid), published: moment(item.pubDate),
        authors: item.dc_creators.map { |one| content(one) }, categories: item.categories.map { |one| content(one) },
        content: item.content_encoded || item.description, summary: item.description }
    end
  end
  head =
    if read.is_a?(RSS::Atom::Feed)
      { "feed title": content(read.title), "feed page": read.link.href,
        "feed description": content(read.subtitle), "feed language": read.lang, "feed icon": content(read.icon) }
    else
      { "feed title": read.channel.title, "feed page": read.channel.link,
        "feed description": read.channel.description, "feed language": read.channel.language,
        "feed icon": read.channel.image&.url }
    end
  [path, head.merge(entries:)]
rescue StandardError => e
  [path, e.to_s]
end
puts JSON.generate("Ruby rss" => { version: RSS::VERSION, documents: answers })
