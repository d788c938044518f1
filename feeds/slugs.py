"""Names of topics, providers and types as slugs in URLs. Pure functions.

A slug depends on the name alone, never on what else is in the collection or
on the order of loading, so that addresses stay for ever.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from functools import lru_cache

from slugify import slugify

from feeds.urls import host

MAX_LENGTH = 80

# Names whose punctuation is the name: C++20, Notepad++, Disney+; C#, F#; .NET, ASP.NET.
_SPELLED_OUT = (
    (re.compile(r"\+(?=\+)|(?<=\+)\+|(?<=\w)\+(?=\W|$)"), " plus "),
    (re.compile(r"(?<=\b\w)[#♯](?=[\W\d]|$)"), " sharp "),
    (re.compile(r"\.(?=net(?![^\W\d]))", re.I), " dot "),
)

# Segments that mean something in a feed's address.
_RESERVED = frozenset({"all", "rss", "atom", "feed", "feeds", "index", "topics", "providers"})
_Y_AFTER_CONSONANT = re.compile(r"[^aeiou-]y\Z")
_RESERVED_FORM = re.compile(r"\d{1,4}\Z")


@lru_cache(maxsize=8192)
def slug(name: str) -> str:
    """The key of a topic, and its segment in URLs: `[a-z0-9-]+`.

    Case, spaces and punctuation don't part names, but C++, C# and .NET are
    spelled out. A name whose slug would be empty, reserved, too long, or not
    its own (another script, transliterated) gets a stable suffix.
    """
    spelled = unicodedata.normalize("NFKC", name)
    for pattern, words in _SPELLED_OUT:
        spelled = pattern.sub(words, spelled)
    base = slugify(spelled, max_length=MAX_LENGTH, word_boundary=True)
    if not base or reserved(base) or _lossy(spelled):
        folded = " ".join(re.findall(r"\w+", spelled.casefold())) or name.strip()
        digest = hashlib.sha256(folded.encode("utf-8", "replace")).hexdigest()[:6]
        return f"{base or 'x'}-{digest}"
    return base


def reserved(segment: str) -> bool:
    """Whether a segment means something else in an address, so that no slug is spelled so."""
    return segment in _RESERVED or _RESERVED_FORM.match(segment) is not None


def _lossy(name: str) -> bool:
    """Whether transliteration or cutting could give two really different names one slug."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", name) if not unicodedata.combining(c))
    return len(name) > MAX_LENGTH or any(c.isalnum() and not c.isascii() for c in plain)


def type_slug(name: str) -> str:
    """The plural slug of a type: article -> articles, video -> videos."""
    base = slug(name)
    if base.endswith("s"):
        return base
    if _Y_AFTER_CONSONANT.search(base):
        return base[:-1] + "ies"
    return base + ("es" if base.endswith(("x", "z", "ch", "sh")) else "s")


@lru_cache(maxsize=8192)
def provider_key(name: str, domain: str) -> str:
    """The domain as a key (lower case, punycode, without `www.`), else the name's slug.

    Raises ValueError when the domain can't be one.
    """
    if not domain:
        return slug(name)
    key = host(domain)
    while key.startswith("www.") and key.count(".") > 1:
        key = key.removeprefix("www.")
    if "." not in key or key.startswith("["):
        raise ValueError("is not a domain; write one such as example.com")
    return key
