"""Bodies that a site generator fills in: what is left of them without running anything.

Liquid and Nunjucks (`{% ... %}`, `{{ ... }}`), Hugo's shortcodes (`{{< ... >}}`),
MDX (imports, components, `{expressions}`) and Obsidian's links. Raw text and code stay as they
are, a few values are known (`site.url`, `page.title`); all else leaves a hole,
and what a hole makes wrong goes with it: the target of a link, a line, a
paragraph, an item of a list. No reader sees a tag.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final

_HOLE: Final = "\x00"
_KEPT: Final = "\x01"  # stands for text that is kept as it is
_MARKS: Final = re.compile("[\x00\x01]")

# What opens a tag, a value or a comment; `{#id}` is the anchor of a heading.
_LIQUID: Final = re.compile(r"\{%-?\s*+(?P<tag>\w++|#)|\{\{-?|\{#(?![\w-]+\})")
_SHORTCODE: Final = re.compile(
    r"\{\{(?P<sign>[<%])\s*+(?:/\*(?P<literal>.{0,499}?)\*/|(?P<close>/)?\s*+(?P<tag>[\w./-]++)"
    r"(?P<arguments>(?>[^>%]|[>%](?!\}\}))*+))[>%]\}\}",
    re.DOTALL,
)
_NAMED: Final = re.compile(r"\b(\w+)=([\"`])([^\"`\n]*)\2")
# Blocks whose content hangs on what isn't known here.
_CONDITIONAL: Final = frozenset(
    {
        "if", "unless", "for", "case", "capture", "tablerow", "macro", "call", "set", "switch",
        "asyncEach", "asyncAll", "filter", "block", "ifAsync", "comment",
    }
)  # fmt: skip
_LIQUID_END: Final = re.compile(r"\{%-?\s*end(\w+)")
_SHORTCODE_END: Final = re.compile(r"\{\{[<%]\s*/\s*([\w./-]+)\s*[>%]\}\}")
_KNOWN: Final = re.compile(r"\s*([\w.]+|\"[^\"|]*\"|'[^'|]*')\s*((?:\|\s*\w+\s*)*)\Z")
_FILTERS: Final = frozenset({"", "escape", "strip", "relative_url", "absolute_url", "url", "safe"})

_LINK: Final = re.compile(
    rf"(!?)\[((?:[^\[\]]|\[[^\[\]]{{0,300}}\]){{0,500}})\]\([^()]{{0,500}}{_HOLE}[^()]{{0,500}}\)"
)
_TAG: Final = re.compile(r"<[A-Za-z/][^<>]*+>")
_FENCE: Final = re.compile(r"[ \t]*(```+|~~~+)")
_ITEM: Final = re.compile(r"[ \t]*(?:[-*+|]|\d+[.)])")

# A program, which ends at a blank line outside of its braces.
_MDX_PROGRAM: Final = re.compile(
    r"import\s*(?:['\"{*]|[\w$]+\s*(?:,|from\s*['\"]))|export\s+(?:[{*]|(?:const|let|var|default|"
    r"async|function|class)\b)"
)
# In code they are text; one that isn't closed goes on to the end.
_MDX_COMMENT: Final = re.compile(
    r"^[ \t>]*+(?P<fence>`{3,}+|~{3,}+)[^\n]*\n.*?(?:^[ \t>]*(?P=fence)[`~]*[ \t]*$|\Z)"
    r"|`+[^`\n]*`+|(?P<comment>\{/\*.*?(?:\*/\}|\Z))",
    re.DOTALL | re.MULTILINE,
)
_COMPONENT: Final = re.compile(
    r"</?[A-Z][\w.]*+(?>\"[^\"]{0,500}\"|'[^']{0,500}'|\{[^{}]{0,500}\}|[^<>{}\"'])*+>"
)
_EXPRESSION: Final = re.compile(r"\{[^{}\n]*\}")
_ANCHOR: Final = re.compile(r"(?<=\S)[ \t]*\{#[\w-]+\}[ \t]*\Z")
_ADMONITION: Final = re.compile(r"\A[ \t]*:{3,}(?:\w+(?:\[(.*)\]|[ \t]+(.*))?)?[ \t]*\Z")

# Comments aren't closed in every note; nobody but the author sees what follows.
_WIKI: Final = re.compile(
    r"^[ \t>]*+(?P<fence>`{3,}+|~{3,}+)(?P<language>[^\n`]*+)\n"
    r".*?(?:^[ \t>]*(?P=fence)[`~]*[ \t]*$|\Z)"
    r"|(?P<code>`+[^`\n]*`+)|(?P<comment>%%.*?(?:%%|\Z))|(?P<embed>!\[\[[^\[\]\n]{0,500}\]\])"
    r"|\[\[(?P<target>[^\[\]\n|]{0,500}?)(?:\\?\|(?P<alias>[^\[\]\n]{0,500}))?\]\]"
    r"|^(?P<quote>[ \t>]*>[ \t]*)\[![\w-]{1,40}(?:\|[^\]\n]{0,40})?\][-+]?[ \t]*(?P<callout>[^\n]*)"
    r"|(?P<anchor>[ \t]\^[\w-]{1,60}[ \t]*$)",
    re.DOTALL | re.MULTILINE,
)
_WIKI_TAG: Final = re.compile(r"(?<!\S)#([\w/-]*[^\W\d_][\w/-]*)")
_QUERIES: Final = frozenset({"dataview", "dataviewjs", "query", "tasks", "button", "meta-bind"})


def without_liquid(body: str, values: Mapping[str, str], lost: list[str]) -> str:
    """A body of Jekyll or Eleventy; `values` are those known by name (`site.url`).

    Tags that leave a hole are appended to `lost`.
    """
    return _filled(body, lambda text, _: _liquid(text, values, lost))


def without_shortcodes(body: str, lost: list[str]) -> str:
    """A body of Hugo; shortcodes that leave a hole are appended to `lost`."""
    return _filled(body, lambda text, kept: _shortcodes(text, kept, lost))


def without_jsx(body: str, lost: list[str]) -> str:
    """A body in MDX, of Astro or Docusaurus; what leaves a hole is appended to `lost`."""
    return _filled(body, lambda text, _: _jsx(text, lost))


def without_wiki(body: str) -> str:
    """A note of Obsidian: links without brackets; no embeds, comments, queries and anchors."""
    return _WIKI.sub(_plain_wiki, body)


def wiki_tags(body: str) -> list[str]:
    """The tags in the text of a note of Obsidian, as #harbour or #harbour/night; none is a number.

    https://help.obsidian.md/tags has the rule.
    """
    return _WIKI_TAG.findall(_WIKI.sub(" ", body))


def _plain_wiki(match: re.Match[str]) -> str:
    if match["fence"]:
        language = match["language"].split()
        return "" if language and language[0].lower() in _QUERIES else match[0]
    if match["code"]:
        return match[0]
    if match["alias"]:
        return match["alias"].strip()
    if match["target"]:
        page, mark, part = match["target"].partition("#")
        if not mark or part.startswith("^"):
            return page
        return f"{page} > {part}" if page else part
    if match["quote"]:
        title = match["callout"].strip()
        return match["quote"] + (f"**{title}**" if title else "")
    return ""


def _filled(body: str, replace: Callable[[str, list[str]], str]) -> str:
    kept: list[str] = []
    text = replace(_MARKS.sub("", body), kept)
    if _HOLE in text:
        text = _LINK.sub(lambda link: "" if link[1] else link[2], text)
        text = _TAG.sub(lambda tag: "" if _HOLE in tag[0] else tag[0], text)
        text = "".join(map(_without_holes, _blocks(text)))
    restored = iter(kept)
    return re.sub(_KEPT, lambda _: next(restored), text) if len(kept) == text.count(_KEPT) else text


def _liquid(text: str, values: Mapping[str, str], lost: list[str]) -> str:
    ends = {end[1]: end.start() for end in _LIQUID_END.finditer(text)}  # the last of each
    parts: list[str] = []
    last = {closing: text.rfind(closing) for closing in ("%}", "}}", "#}")}
    at = 0
    while match := _LIQUID.search(text, at):
        closing = "%}" if match["tag"] else "}}" if match[0].startswith("{{") else "#}"
        if last[closing] < match.end():
            parts.append(text[at : match.end()])
            at = match.end()
            continue
        parts.append(text[at : match.start()])
        at = text.index(closing, match.end()) + len(closing)
        tag, arguments = match["tag"], text[match.end() : at - len(closing)].removesuffix("-")
        if closing == "}}":
            parts.append(_value(arguments, values))
        elif tag in {"raw", "verbatim", "highlight"}:
            content, at = _content(text, at, tag)
            language = arguments.split()
            parts.append(_code(content, language) if tag == "highlight" else content)
        elif tag in _CONDITIONAL:
            is_inline_set = tag == "set" and "=" in arguments
            if not is_inline_set:
                at = _end(text, at, tag)
            parts.append("" if tag == "comment" or is_inline_set else _HOLE)
        elif tag not in {None, "#"} and not tag.startswith("end") and ends.get(tag, -1) < at:
            parts.append("" if tag in {"assign", "layout", "import"} else _HOLE)
        if parts[-1] == _HOLE:
            lost.append(f"{match[0]}{arguments}{closing}")
    parts.append(text[at:])
    return "".join(parts)


def _value(written: str, values: Mapping[str, str]) -> str:
    match = _KNOWN.match(written)
    if match is None:
        return _HOLE
    filters = [name.strip() for name in match[2].split("|")]
    if not _FILTERS.issuperset(filters):
        return _HOLE
    name = match[1]
    value = name[1:-1] if name[0] in "\"'" else values.get(name)
    if value is None:
        return _HOLE
    if "://" in value:
        return value
    if "absolute_url" in filters or "relative_url" in filters:
        host = values.get("site.url", "") if "absolute_url" in filters else ""
        return f"{host}{values.get('site.baseurl', '')}/{value.lstrip('/')}"
    is_path = "url" in filters and value.startswith("/")
    return values.get("site.baseurl", "") + value if is_path else value


def _content(text: str, at: int, tag: str) -> tuple[str, int]:
    """What stands before the end of a block that has no blocks of its kind in it, and its end."""
    end = re.compile(rf"\{{%-?\s*end{tag}\s*-?%\}}").search(text, at)
    return (text[at : end.start()], end.end()) if end else (text[at:], len(text))


def _end(text: str, at: int, tag: str) -> int:
    """Where a block ends, with those of its kind in it."""
    depth = 1
    for match in re.compile(rf"\{{%-?\s*(end)?{tag}\b.{{0,499}}?%\}}", re.DOTALL).finditer(
        text, at
    ):
        depth += -1 if match[1] else 1
        if not depth:
            return match.end()
    return len(text)


def _code(content: str, language: list[str]) -> str:
    fence = "`" * max(3, max(map(len, re.findall("`+", content)), default=0) + 1)
    name = language[0] if language and language[0].isalnum() else ""
    return f"\n{fence}{name}\n{content.strip(chr(10))}\n{fence}\n"


def _shortcodes(text: str, kept: list[str], lost: list[str]) -> str:
    ends = {end[1]: end for end in _SHORTCODE_END.finditer(text)}  # the last of each
    parts: list[str] = []
    at, last = 0, max(text.rfind(closing) for closing in (">}}", "%}}")) + 3
    while match := _SHORTCODE.search(text, at, last):
        parts.append(text[at : match.start()])
        at = match.end()
        tag, sign = match["tag"], match["sign"]
        arguments = (match["arguments"] or "").rstrip()
        if match["literal"] is not None:
            parts.append(_KEPT)
            kept.append(f"{{{{{sign}{match['literal']}{'>' if sign == '<' else '%'}}}}}")
        elif not match["close"]:
            if tag == "figure" and (picture := _figure(arguments)):
                parts.append(picture)
            elif tag not in ends or ends[tag].start() < at or arguments.endswith("/"):
                parts.append(_HOLE)
                lost.append(match[0])
            elif tag in {"highlight", "comment"}:
                closing = next(end for end in _SHORTCODE_END.finditer(text, at) if end[1] == tag)
                if tag == "highlight":
                    parts.append(_code(text[at : closing.start()], arguments.split()))
                at = closing.end()
    parts.append(text[at:])
    return "".join(parts)


def _figure(arguments: str) -> str:
    """The picture, in Markdown, of Hugo's `figure`; empty without `src`."""
    named = {match[1]: match[3] for match in _NAMED.finditer(arguments)}
    source, caption = named.get("src", "").strip(), named.get("caption", "")
    if not source or "<" in source or ">" in source:
        return ""
    shown = named.get("alt") or caption or named.get("title", "")
    below = f"\n\n{caption}" if caption else ""
    return f"![{re.sub(r'[][]', '', shown)}](<{source}>){below}"


def _jsx(text: str, lost: list[str]) -> str:
    def expression(match: re.Match[str]) -> str:
        lost.append(match[0])
        return _HOLE

    text = _MDX_COMMENT.sub(lambda match: "" if match["comment"] else match[0], text)
    lines = []
    depth = 0  # of braces in a program
    for block in _blocks(text):
        if depth > 0 or _MDX_PROGRAM.match(block):
            depth += block.count("{") - block.count("}")
            continue
        if _FENCE.match(block):
            lines.append(block)
            continue
        kept_lines = [
            _ADMONITION.sub(_heading, _ANCHOR.sub("", line)) for line in block.split("\n")
        ]
        shown = _COMPONENT.sub("", "\n".join(kept_lines))
        spans = re.split(r"(`+[^`]*`+)", shown)  # code within a line stays
        spans[::2] = [_EXPRESSION.sub(expression, span) for span in spans[::2]]
        lines.append("".join(spans))
    return "".join(lines)


def _heading(admonition: re.Match[str]) -> str:
    title = (admonition[1] or admonition[2] or "").strip()
    return f"**{title}**\n" if title else ""


def _blocks(text: str) -> Iterator[str]:
    """Paragraphs with the blank lines after them; fenced code is one, whatever is in it."""
    block: list[str] = []
    fence = ""
    for line in text.splitlines(keepends=True):
        opening = _FENCE.match(line)
        if fence:
            block.append(line)
            if opening and opening[1].startswith(fence) and not line.strip().strip(fence[0]):
                yield "".join(block)
                block, fence = [], ""
        elif opening:
            if block:
                yield "".join(block)
            block, fence = [line], opening[1]
        elif block and not block[-1].strip() and line.strip():
            yield "".join(block)
            block = [line]
        else:
            block.append(line)
    if block:
        yield "".join(block)


def _without_holes(block: str) -> str:
    """A block without what a hole makes wrong in it."""
    if _HOLE not in block:
        return block
    if _FENCE.match(block):
        return ""
    lines = [
        line
        for line in block.splitlines(keepends=True)
        if line.strip(_HOLE + " \t\r\n:") or _HOLE not in line
    ]
    if not any(_HOLE in line for line in lines):
        return "".join(lines)
    if all(_ITEM.match(line) for line in lines if line.strip()):
        return "".join(line for line in lines if _HOLE not in line)
    return "\n"
