"""Pages that other sites frame: a feed's headlines, small, without scripts; pictures on request.

Pure functions. The accent colour is the one thing that an address says about
the looks; it becomes a style of a few declarations, which the policy of the
page names by its hash (CSP 3, 6.7.3.3), so that no other style can get in.
"""

from __future__ import annotations

import base64
import hashlib
from typing import Final

from feeds.catalog.addresses import Addresses, EmbedStyle, FeedQuery
from feeds.config import Config
from feeds.rendering import security_headers

# What a frame is given where nobody says otherwise, in pixels: room for headlines of two lines.
WIDTH: Final = 400
_AROUND: Final = 104  # heading and button of embed.css
_HEADLINE: Final = 85
_TALLEST: Final = 1000  # which scrolls

LIGHT: Final = "ffffff"  # the backgrounds of embed.css
DARK: Final = "161715"
_BLACK: Final = "000000"
_READABLE: Final = 4.5  # WCAG 2.2, 1.4.3
_LINEAR: Final = 0.04045  # WCAG 2.2, relative luminance
_STEPS: Final = 40


def height(query: FeedQuery) -> int:
    """The height of a frame that shows its headlines without scrolling, in pixels."""
    return min(_AROUND + _HEADLINE * query.limit, _TALLEST)


def framed(query: FeedQuery, addresses: Addresses) -> FeedQuery:
    """The framed page of a feed or page: of its newest entries, in the default style."""
    style = query.style or EmbedStyle()
    limit = query.limit if query.style else addresses.default_limit(None, style)
    return query._replace(file="", month=None, period=None, page=1, style=style, limit=limit)


def unframed(query: FeedQuery, addresses: Addresses) -> FeedQuery:
    """The page that a framed page is of."""
    return query._replace(file="", style=None, limit=addresses.limit)


def headers(query: FeedQuery, addresses: Addresses, config: Config) -> list[tuple[str, str]]:
    """The headers of a framed page; the page that it is of is the canonical one (RFC 6596)."""
    link = ("Link", f'<{addresses.url(unframed(query, addresses))}>; rel="canonical"')
    style = query.style or EmbedStyle()
    hashed = style_hash(declarations(style.accent))
    return [link, *security_headers.of_framed_page(hashed, pictures=has_pictures(style, config))]


def has_pictures(style: EmbedStyle, config: Config) -> bool:
    """Whether a framed page shows pictures: its address asks for them, and the setting lets."""
    return "on" == style.pictures == config.pictures


def declarations(accent: str) -> str:
    """The declarations of a colour RRGGBB; empty without one.

    The colour itself is for surfaces; for text it is made as much darker or
    lighter as a background needs.
    """
    if not accent:
        return ""
    colours = {
        "accent": accent,
        "on-accent": max(LIGHT, _BLACK, key=lambda text: contrast(text, accent)),
        "link-light": readable(accent, LIGHT),
        "link-dark": readable(accent, DARK),
    }
    said = "".join(f"--{name}:#{colour};" for name, colour in colours.items())
    return f":root{{{said}}}"


def style_hash(text: str) -> str:
    """The CSP source of an inline style with exactly this text; empty for none."""
    if not text:
        return ""
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def readable(colour: str, background: str) -> str:
    """The colour, as much darker or lighter as text of it on a background needs."""
    end = _BLACK if contrast(_BLACK, background) > contrast(LIGHT, background) else LIGHT
    mixes = (_mixed(colour, end, step / _STEPS) for step in range(_STEPS + 1))
    return next(mixed for mixed in mixes if contrast(mixed, background) >= _READABLE)


def contrast(one: str, other: str) -> float:
    """The contrast ratio of two colours RRGGBB, from 1 to 21 (WCAG 2.2)."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    red, green, blue = (
        part / 12.92 if part <= _LINEAR else ((part + 0.055) / 1.055) ** 2.4
        for part in (channel / 255 for channel in bytes.fromhex(colour))
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _mixed(colour: str, end: str, share: float) -> str:
    pairs = zip(bytes.fromhex(colour), bytes.fromhex(end), strict=True)
    return bytes(round(a + (b - a) * share) for a, b in pairs).hex()
