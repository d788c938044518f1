"""The files of a Hugo site: where its content lies, what each file is, and bundles of pages.

https://gohugo.io/content-management/page-bundles/
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from feeds.records import front_formats, frontmatter
from feeds.records.frontmatter import FrontMatterError, Mapping, Sequence
from feeds.records.profiles import hugo_config
from feeds.records.profiles.hugo_cascade import Cascade, read_cascades
from feeds.records.scanner import FolderError, read_file

ENDINGS: Final = frozenset({"md", "markdown", "mdown", "html", "htm", "org"})
_MOST_BYTES: Final = 256 * 1024
_FENCE: Final = "---"


class Root(msgspec.Struct, frozen=True):
    """A folder of content: `folder` of the files is `target` of the site.

    Both are empty or end with a slash.
    """

    folder: str
    target: str
    language: str


class Layout(msgspec.Struct, frozen=True):
    """Where content lies.

    `bundles` are folders with an `index.md` beside which other files stand
    that would be pages; `sections` are those with an `_index.md`. Both are
    paths of the content with a slash at their end.
    """

    roots: tuple[Root, ...]
    languages: tuple[str, ...]
    default: str
    bundles: tuple[str, ...] = ()
    sections: tuple[str, ...] = ()
    cascades: tuple[Cascade, ...] = ()


class File(NamedTuple):
    """A file of content: `path` from the content's root, `name` without language and ending.

    `folder` is empty or ends with a slash.
    """

    path: str
    folder: str
    name: str
    ending: str
    language: str


def locate(layout: Layout, path: str) -> File | None:
    """What the file at `path` is; None where no content lies there."""
    for root in layout.roots:
        if path.startswith(root.folder):
            inner = root.target + path[len(root.folder) :]
            folder, slash, base = inner.rpartition("/")
            stem, _, ending = base.rpartition(".")
            name, _, language = stem.rpartition(".")
            if not name or language.lower() not in layout.languages:
                name, language = stem, root.language
            return File(inner, folder + slash, name, ending.lower(), language.lower())
    return None


def passed_over(layout: Layout, path: str) -> str:
    """Why there is no page of the file at `path`; empty where there may be one."""
    file = locate(layout, path)
    if file is None:
        return "outside of the site's content"
    if file.ending not in ENDINGS:
        return "no page: its name doesn't end in .md, .html or .org"
    if any(part.startswith(".") for part in path.split("/")):
        return "hidden file"
    if file.name == "_index":
        return "the page of a section"
    for bundle in layout.bundles:
        if file.path.startswith(bundle) and (file.folder != bundle or file.name != "index"):
            return f"part of the page {bundle or 'index.md'}"
    return ""


def explore(folder: Path, layout: Layout) -> Layout:
    """`layout` with the bundles, sections and cascades that `folder` has. Raises FolderError."""
    bundles: set[str] = set()
    mixed: set[str] = set()
    sections: set[str] = set()
    cascades: list[Cascade] = []
    for root in layout.roots:
        for where, names, files in os.walk(folder / root.folder):
            names[:] = sorted(name for name in names if not name.startswith("."))
            under = Path(where).relative_to(folder).as_posix()
            prefix = "" if under == "." else under + "/"
            found = [
                (name, file)
                for name in sorted(files)
                if not name.startswith(".") and (file := locate(layout, prefix + name))
            ]
            pages = [(name, file) for name, file in found if file.ending in ENDINGS]
            for name, file in pages:
                if file.name == "index":
                    bundles.add(file.folder)
                elif file.name == "_index":
                    sections.add(file.folder)
                    cascades += _cascades(folder, prefix + name, file, layout)
            for _, file in pages:
                parts = file.folder.split("/")
                outer = ("/".join(parts[:end]) + "/" for end in range(1, len(parts)))
                bundle = next((one for one in ("", *outer) if one in bundles), None)
                if bundle is not None and (file.folder != bundle or file.name != "index"):
                    mixed.add(bundle)
    cascades.sort(key=lambda cascade: -cascade.folder.count("/"))
    return msgspec.structs.replace(
        layout,
        bundles=tuple(sorted(mixed)),
        sections=tuple(sorted(sections)),
        cascades=(*dict.fromkeys(cascades), *layout.cascades),
    )


def _cascades(folder: Path, path: str, file: File, layout: Layout) -> tuple[Cascade, ...]:
    """What the page of a section sets for those below it. Raises FolderError."""
    if not os.path.realpath(folder / path).startswith(f"{folder}{os.sep}"):
        return ()  # a link that leaves the folder is never opened
    try:
        text = read_file(folder, path, _MOST_BYTES).decode("utf-8-sig", "replace")
    except OSError as error:
        raise FolderError(f"{folder / path}: {error.strerror or error}") from None
    if "cascade" not in text.lower():
        return ()
    language = file.language if len(layout.languages) > 1 else ""
    try:
        front = front_of(text.replace("\r\n", "\n"))
        node = next((node for name, node in front.items() if name.lower() == "cascade"), None)
        return read_cascades(node, file.folder, language)
    except FrontMatterError as error:
        # It may be what hides all pages below.
        raise FolderError(
            f"{folder / path}: {error.line}: {error.field}: {error.message}"
        ) from None


def front_of(text: str) -> Mapping:
    """The front matter of a text, whatever its form; empty where it has none.

    Raises FrontMatterError.
    """
    if text.startswith("+++"):
        return front_formats.parse_toml(front_formats.split_toml(text)[0])
    if text.startswith("{"):
        return front_formats.split_json(text)[0]
    if not text.startswith(_FENCE):
        return Mapping()
    front = frontmatter.split(text.encode())[0].decode()
    return frontmatter.parse(front) if front.strip() else Mapping()


def roots(config: hugo_config.Config, prefix: str) -> tuple[Root, ...]:
    """The folders of content, longest first.

    `prefix` is the named folder's name where the configuration stands in its
    parent, with a slash; else empty.
    """
    settings = config.settings
    default = hugo_config.text(settings.get("defaultcontentlanguage")) or "en"
    main = hugo_config.text(settings.get("contentdir")) or "content"
    mounts = hugo_config.mapping(settings.get("module")).get("mounts")
    found: list[tuple[str, str, str]] = []
    for mount in mounts if isinstance(mounts, Sequence) else ():
        items = hugo_config.mapping(mount).items()
        values = {name.lower(): hugo_config.text(node) for name, node in items}
        target = _folder(values.get("target", ""))
        if target.startswith("content/"):
            language = values.get("lang", default)
            found.append((values.get("source", ""), target[len("content/") :], language))
    if not found:
        languages = hugo_config.mapping(settings.get("languages"))
        for name, node in languages.items():
            own = hugo_config.text(hugo_config.mapping(node).get("contentdir"))
            found.append((own or main, "", name if own else default))
        found = found or [(main, "", default)]
    return tuple(
        Root(_folder(source)[len(prefix) :], target, language.lower())
        for source, target, language in sorted(dict.fromkeys(found), key=lambda one: -len(one[0]))
        if _folder(source).startswith(prefix)
    )


def _folder(text: str) -> str:
    parts = [part for part in text.replace("\\", "/").split("/") if part not in {"", ".", ".."}]
    return "/".join(parts) + "/" if parts else ""
