/* <feed-headlines src="https://.../feed.json" count="5"><a href="...">Without scripts</a></feed-headlines>

   The newest headlines of a JSON Feed (https://jsonfeed.org/version/1.1).
   Attributes: src, where rss.xml, atom.xml or a folder stands for the feed.json
   there; count, 5 by default; pictures, to show them; heading, the feed's title by default,
   none when empty; target of the links; theme: light, dark or auto for a card
   with colours of its own, otherwise those of the page around it.
   Style it with --feed-accent, --feed-ground, --feed-ink, --feed-quiet,
   --feed-line, and ::part(heading), ::part(list), ::part(item), ::part(link),
   ::part(picture), ::part(meta), ::part(status), ::part(more).
   Nothing of a feed is ever taken for HTML, and only http and https are linked. */
(() => {
  "use strict";
  if (!window.customElements || customElements.get("feed-headlines")) return;

  const MOST = 50;
  const PATIENCE = 20000; // milliseconds
  const CSS = `
:host { display: block; font: inherit; color: inherit; text-align: start; overflow-wrap: anywhere }
:host([hidden]) { display: none }
section {
  --ink: var(--feed-ink, currentcolor); --quiet: var(--feed-quiet, currentcolor);
  --line: var(--feed-line, color-mix(in srgb, currentcolor 22%, transparent));
  --link: var(--feed-accent, currentcolor);
  background: var(--feed-ground, transparent); color: var(--ink) }
:host(:is([theme=light], [theme=dark], [theme=auto])) section {
  padding: .9em 1em; border: 1px solid var(--line); border-radius: 8px }
:host(:is([theme=light], [theme=auto])) section {
  color-scheme: light; --ink: var(--feed-ink, #1c1b19); --quiet: var(--feed-quiet, #5e5a53);
  --line: var(--feed-line, #e3dfd6); --link: var(--feed-accent, #0b5d52);
  background: var(--feed-ground, #fff) }
:host([theme=dark]) section {
  color-scheme: dark; --ink: var(--feed-ink, #ebe8e1); --quiet: var(--feed-quiet, #aaa69c);
  --line: var(--feed-line, #31332f); --link: var(--feed-accent, #7cd0bf);
  background: var(--feed-ground, #161715) }
@media (prefers-color-scheme: dark) {
  :host([theme=auto]) section {
    color-scheme: dark; --ink: var(--feed-ink, #ebe8e1); --quiet: var(--feed-quiet, #aaa69c);
    --line: var(--feed-line, #31332f); --link: var(--feed-accent, #7cd0bf);
    background: var(--feed-ground, #161715) } }
h2 { margin: 0 0 .3em; font-size: 1.05em; line-height: 1.3 }
h2 a, .more a { color: var(--link) }
ol { list-style: none; margin: 0; padding: 0 }
li { padding: .55em 0; display: flow-root }
li img { float: inline-end; width: 4em; height: 4em; margin-inline-start: .75em; border-radius: 4px; object-fit: cover }
li:first-child { padding-top: .2em }
li:last-child { padding-bottom: .2em }
li + li { border-top: 1px solid var(--line) }
a { color: inherit; text-decoration: none }
a:hover { text-decoration: underline; text-underline-offset: .15em }
.more a { text-decoration: underline; text-underline-offset: .15em }
li a { font-weight: 600; line-height: 1.35 }
li a:hover { color: var(--link) }
a:focus-visible { outline: 2px solid; outline-offset: 2px; border-radius: 2px }
p { margin: .15em 0 0; font-size: .875em; line-height: 1.4; color: var(--quiet) }
[hidden] { display: none }`;

  let sheet;
  try {
    sheet = new CSSStyleSheet();
    sheet.replaceSync(CSS);
  } catch {
    sheet = null; // an old browser: without style
  }

  const element = (name, part, text) => {
    const made = document.createElement(name);
    if (part) made.setAttribute("part", part);
    if (text) made.textContent = text;
    return made;
  };

  const web = (value, base) => {
    if (typeof value !== "string" || !value.trim()) return null;
    try {
      const url = new URL(value, base);
      return /^https?:$/.test(url.protocol) ? url : null;
    } catch {
      return null;
    }
  };

  const words = (value) => (typeof value === "string" ? value.replace(/\s+/g, " ").trim() : "");

  class FeedHeadlines extends HTMLElement {
    static observedAttributes = ["src", "count", "heading", "target", "pictures"];

    #root = this.attachShadow({ mode: "open" });
    #status = element("p", "status");
    #body = element("div");
    #section = element("section", "box");
    #fetching = null; // what aborts the fetch under way
    #feed = null; // what was fetched
    #from = ""; // and where
    #isShown = false;

    constructor() {
      super();
      if (sheet) this.#root.adoptedStyleSheets = [sheet];
      this.#status.setAttribute("role", "status");
      this.#section.append(this.#body, this.#status);
      this.#root.append(this.#section);
    }

    connectedCallback() {
      this.#isShown = true;
      this.#load();
    }

    disconnectedCallback() {
      this.#isShown = false;
      this.#stop();
    }

    attributeChangedCallback(name, before, after) {
      if (!this.#isShown || before === after) return;
      if (name === "src") this.#load();
      else if (this.#feed) this.#render();
    }

    #stop() {
      this.#fetching?.abort();
      this.#fetching = null;
    }

    async #load() {
      this.#stop();
      const src = web(this.getAttribute("src"), document.baseURI);
      if (!src) {
        this.#fail(null);
        return;
      }
      src.pathname = src.pathname.replace(/\/(rss\.xml|atom\.xml)?$/, "/feed.json");
      if (this.#feed && this.#from === src.href) {
        this.#render(); // moved within its document
        return;
      }
      this.#feed = null;
      this.#body.replaceChildren();
      this.#say("Loading headlines…");
      const fetching = new AbortController();
      this.#fetching = fetching;
      const timer = setTimeout(() => fetching.abort(), PATIENCE);
      let feed = null;
      try {
        const response = await fetch(src.href, {
          credentials: "omit",
          signal: fetching.signal,
        });
        if (response.ok) feed = await response.json();
      } catch {
        feed = null; // the network, or no JSON
      }
      clearTimeout(timer);
      if (this.#fetching !== fetching) return; // another was begun since
      this.#fetching = null;
      this.#from = src.href;
      if (!feed || !Array.isArray(feed.items)) {
        console.warn(`feed-headlines: there is no JSON Feed at ${src.href}; src takes its address`);
        this.#fail(src);
        return;
      }
      this.#feed = feed;
      this.#render();
    }

    #say(text, ...more) {
      this.#status.hidden = !text;
      this.#status.replaceChildren(text, ...more);
      this.#section.setAttribute("aria-busy", String(this.#fetching !== null));
    }

    #link(url, part, text) {
      if (!url) return element("span", part, text);
      const made = element("a", part, text);
      made.href = url.href;
      made.rel = "noopener";
      const target = this.getAttribute("target");
      if (target) made.target = target;
      return made;
    }

    #fail(src) {
      this.#feed = null;
      this.#body.replaceChildren();
      this.#section.removeAttribute("aria-labelledby");
      const more = [];
      if (src?.pathname.endsWith("/feed.json")) { // it lies beside its page
        const page = new URL(src.href);
        page.pathname = page.pathname.slice(0, -"feed.json".length);
        const link = element("span");
        link.className = "more";
        link.append(" ", this.#link(page, "more", "Open their page"), ".");
        more.push(link);
      }
      this.#say("The headlines can’t be shown right now.", ...more);
    }

    #render() {
      const feed = this.#feed;
      const children = [];
      const heading = this.getAttribute("heading") ?? words(feed.title);
      this.#section.removeAttribute("aria-labelledby");
      if (heading) {
        const title = element("h2", "heading");
        title.id = "heading";
        title.append(this.#link(web(feed.home_page_url, this.#from), "", heading));
        this.#section.setAttribute("aria-labelledby", title.id);
        children.push(title);
      }
      const count = this.getAttribute("count") ?? "5";
      const most = /^\d+$/.test(count) ? Math.min(Math.max(Number(count), 1), MOST) : 5;
      const list = element("ol", "list");
      list.setAttribute("role", "list"); // Safari forgets it where there are no bullets
      if (typeof feed.language === "string") list.lang = feed.language;
      const items = feed.items.filter((item) => item && typeof item === "object");
      list.append(...items.slice(0, most).map((item) => this.#item(item)));
      if (list.childElementCount) children.push(list);
      this.#body.replaceChildren(...children);
      this.#say(list.childElementCount ? "" : "There are no headlines yet.");
    }

    #item(item) {
      const made = element("li", "item");
      const url = web(item.url, this.#from);
      const title = words(item.title) || words(item.summary ?? item.content_text).slice(0, 140);
      const link = this.#link(url, "link", title || url?.host || "Untitled");
      link.dir = "auto";
      const picture = this.hasAttribute("pictures") && web(item.image, this.#from);
      if (picture) {
        const image = element("img", "picture");
        Object.assign(image, { loading: "lazy", alt: "", width: 64, height: 64, src: picture.href });
        made.append(image);
      }
      made.append(link);
      const authors = Array.isArray(item.authors) ? item.authors : [];
      const names = authors.map((author) => words(author?.name)).filter(Boolean);
      const date = new Date(typeof item.date_published === "string" ? item.date_published : NaN);
      const meta = element("p", "meta", names.join(", "));
      if (!Number.isNaN(date.getTime())) {
        const time = element("time");
        time.dateTime = date.toISOString();
        const said = this.closest("[lang]")?.lang || "en";
        const language = /^en\b/.test(said) ? "en-GB" : said; // dates as in frames
        const shown = { day: "numeric", month: "long", year: "numeric", timeZone: "UTC" };
        try {
          time.textContent = date.toLocaleDateString(language, shown);
        } catch {
          time.textContent = date.toLocaleDateString(undefined, shown); // no language of this world
        }
        meta.append(names.length ? " · " : "", time);
      }
      if (meta.hasChildNodes()) made.append(meta);
      return made;
    }
  }

  customElements.define("feed-headlines", FeedHeadlines);
})();
