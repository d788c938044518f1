"""Link policies, URL cleaning, entry ids. Pure functions.

A record has up to four URLs. `select` picks the one an entry links under a
link policy; `clean` makes a valid URI of what a record says (RFC 3986), and
`identity` is the form that entry ids are made from.
"""

from __future__ import annotations

import hashlib
import ipaddress
import re
import uuid
from contextlib import suppress
from typing import Protocol
from urllib.parse import quote, urljoin, urlsplit, urlunsplit

POLICIES = ("canonical", "original", "amp", "amp-cache")

# Stands in records for the address of the feeds, such as for the pictures of the samples.
# No host can have this name (RFC 6761 6.5).
HERE = "https://feeds.example/"

# Frozen: entry ids are made from URLs without these. Never add to it, never
# take from it; a parameter that links should lose as well goes in the second.
_IDENTITY_PARAMETERS = re.compile(
    r"(utm_\w*|itm_\w*|ref|fbclid|gclid|gclsrc|dclid|msclkid|yclid|igshid|mc_cid|mc_eid)\Z", re.I
)
_LINK_PARAMETERS = re.compile(
    r"(gbraid|wbraid|twclid|ttclid|li_fat_id|_hsenc|_hsmi|mkt_tok|vero_id|oly_enc_id)\Z", re.I
)

# RFC 3986 2: what may stand in a URI; "%" stays, so that nothing is encoded
# twice, and a "%" that begins no escape is encoded below.
_SAFE = "!$&'()*+,;=:@/?-._~%"
_BARE_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
# RFC 1035 2.3.4; the first without what begins and ends the wire form.
_MAX_HOST = 253
_HOST_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\Z")
_IMPOSSIBLE_HOST = "has an impossible host name; write one such as example.com"


_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
# Atomic, for it is repeated possessively: with (?:...)*+ Python before 3.11.5
# keeps what a round read before it failed, such as a "%" that begins no escape.
_CHARACTERS = r"(?>[A-Za-z0-9!$&'()*+,;=:@/._~-]++|%[0-9A-Fa-f]{2})"
# What `clean` would leave as it is; nearly all URLs are of this form.
_CLEAN = re.compile(
    rf"https?://(?=[^/]{{1,{_MAX_HOST}}}/){_LABEL}(?>\.{_LABEL})*+"
    rf"/{_CHARACTERS}*+(?:\?(?>{_CHARACTERS}|\?)++)?(?:#(?>{_CHARACTERS}|\?)++)?\Z"
)


_AMP_CACHE = re.compile(
    r"https?://(?:[a-z0-9-]+\.)?(?:cdn\.ampproject\.org|bing-amp\.com)/[cv]/(?:s/)?"
)

# RFC 9562 4.1: the two upper bits of this digit are 10.
_VARIANTS = {digit: "89ab"[int(digit, 16) % 4] for digit in "0123456789abcdef"}
_NAMESPACE = uuid.NAMESPACE_URL.bytes


class HasUrls(Protocol):
    """The four URLs of a record; an unset one is the empty string."""

    @property
    def original(self) -> str: ...
    @property
    def web(self) -> str: ...
    @property
    def amp(self) -> str: ...
    @property
    def amp_cache(self) -> str: ...


def clean(raw: str, base: str = "") -> str:
    """The absolute http(s) URI that `raw` means.

    Spaces, quotes and non-ASCII are percent-encoded, an international host
    becomes punycode, scheme and host lower case, a default port and an empty
    fragment go (RFC 3986 6.2). Raises ValueError, with a message that says
    what a right URL looks like, for anything that isn't a web address.
    """
    url = raw.strip(" \t\r\n\f")
    if _CLEAN.match(url):
        return url
    if _CONTROL.search(url) or "\\" in url:
        raise ValueError("has control characters or backslashes; percent-encode them")
    try:
        parts = urlsplit(urljoin(base, url))
        port = parts.port
    except ValueError as error:
        raise ValueError(f"is not a URL ({error})") from None
    scheme = parts.scheme.lower()
    if scheme not in ("http", "https") or not parts.netloc:
        raise ValueError("is not a web address; it must begin with https:// or http://")
    if "@" in parts.netloc:
        raise ValueError("carries credentials; leave out what stands before the @")
    if "[" in parts.netloc and ":" not in (parts.hostname or ""):
        raise ValueError(_IMPOSSIBLE_HOST)  # RFC 3986 3.2.2: an IP address of the future
    authority = host(parts.hostname or "")
    if port is not None and port != {"http": 80, "https": 443}[scheme]:
        authority += f":{port}"
    path, query, fragment = map(_encode, (parts.path, parts.query, parts.fragment))
    return urlunsplit((scheme, authority, path or "/", query, fragment))


def host(name: str) -> str:
    """`name` as a host in a URI: lower case, punycode (IDNA 2008, UTS 46).

    Raises ValueError for what isn't a host name or an IP address.
    """
    name = name.rstrip(".").lower()
    if ":" in name:
        try:
            address = ipaddress.IPv6Address(name)
        except ValueError:
            raise ValueError(_IMPOSSIBLE_HOST) from None
        if address.scope_id is not None:  # names an interface of one machine
            raise ValueError(_IMPOSSIBLE_HOST)
        return f"[{address}]"
    if not name.isascii():
        import idna  # it is large, and few hosts need it

        try:
            name = idna.encode(name, uts46=True).decode("ascii")
        except idna.IDNAError as error:
            raise ValueError(f"has an impossible host name ({error})") from None
    if len(name) > _MAX_HOST or not all(_HOST_LABEL.match(label) for label in name.split(".")):
        raise ValueError(_IMPOSSIBLE_HOST)
    return name


def _encode(part: str) -> str:
    return quote(_BARE_PERCENT.sub("%25", part), safe=_SAFE)


def _without(url: str, *patterns: re.Pattern[str]) -> str:
    """`url` without the query parameters whose names match, the others as they were."""
    if "?" not in url:
        return url
    url, hash_, fragment = url.partition("#")
    head, _, query = url.partition("?")
    kept = [
        pair
        for pair in query.split("&")
        if pair and not any(p.match(pair.partition("=")[0]) for p in patterns)
    ]
    return head + ("?" + "&".join(kept) if kept else "") + hash_ + fragment


def identity(url: str) -> str:
    """The identity URL: `url`, already clean, without tracking parameters. Frozen."""
    return _without(url, _IDENTITY_PARAMETERS)


def page(url: str) -> str:
    """The page of `url`, already clean: under https, and out of the cache of AMP pages."""
    if cached := _AMP_CACHE.match(url):
        with suppress(ValueError):
            return clean(f"https://{url[cached.end() :]}")
    return f"https{url[4:]}" if url.startswith("http:") else url


def page_key(url: str, key: str = "") -> str:
    """What copies of a record have in common: the entry id of its page.

    `url` is clean, `key` its own entry id where that is known. Empty without a URL.
    """
    if key and url.startswith("https:") and "amp" not in url:  # nearly always
        return key
    shown = page(url)
    return key if key and shown == url else entry_id(identity(shown)) if url else ""


def untracked(url: str) -> str:
    """`url`, already clean, as entries link it: without any known tracking parameter."""
    return _without(url, _IDENTITY_PARAMETERS, _LINK_PARAMETERS)


def is_tracking(name: str) -> bool:
    """Whether a query parameter of this name only tells where a click came from."""
    return bool(_IDENTITY_PARAMETERS.match(name) or _LINK_PARAMETERS.match(name))


def entry_id(identity_url: str) -> str:
    """`urn:uuid:` version 5 (RFC 9562 5.5) of the identity URL."""
    digest = hashlib.sha1(_NAMESPACE + identity_url.encode(), usedforsecurity=False).hexdigest()
    variant = _VARIANTS[digest[16]]
    return (
        f"urn:uuid:{digest[:8]}-{digest[8:12]}-5{digest[13:16]}"
        f"-{variant}{digest[17:20]}-{digest[20:32]}"
    )


def canonical_url(urls: HasUrls) -> str:
    """The page of a record before tracking parameters go: web, else original, else AMP."""
    return urls.web or urls.original or urls.amp or urls.amp_cache


def select(urls: HasUrls, policy: str) -> str:
    """The URL that an entry links under `policy`. Raises ValueError for an unknown one."""
    canonical = untracked(canonical_url(urls))
    match policy:
        case "canonical":
            return canonical
        case "original":
            return urls.original or urls.web or canonical
        case "amp":
            return urls.amp or canonical
        case "amp-cache":
            return urls.amp_cache or urls.amp or canonical
    raise ValueError(f"no link policy is called {policy!r}; there are {', '.join(POLICIES)}")
