"""Eleventy's permalinks: templates in Liquid or Nunjucks, its two slug filters, page addresses.

Pure functions. A template may have `{{ variable | filter }}` alone, with the
filters of `_FILTERS`; no tag, and nothing that a configuration may add.
https://www.11ty.dev/docs/permalinks/ and https://www.11ty.dev/docs/filters/
"""

from __future__ import annotations

import posixpath
import re
import unicodedata
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, tzinfo
from functools import lru_cache
from typing import Final, NamedTuple
from urllib.parse import quote

from feeds.records.dates import parse_date

Value = str | datetime
Lookup = Callable[[str], Value | None]


class PermalinkError(ValueError):
    """A template that can't be filled in; the message says why."""


class Filter(NamedTuple):
    """A filter and its arguments as written: quoted texts, numbers or names."""

    name: str
    arguments: tuple[str, ...]


class Expression(NamedTuple):
    """What stands in `{{ }}`."""

    operand: str
    filters: tuple[Filter, ...]


_OUTPUT: Final = re.compile(r"\{\{-?(.*?)-?\}\}", re.DOTALL)
_LONGEST: Final = 2_000
_QUOTED: Final = r"\"[^\"]*\"|'[^']*'"
_OPERAND: Final = re.compile(rf"(?:{_QUOTED}|-?\d+|[A-Za-z_][\w-]*(?:\.[A-Za-z_][\w-]*)*)\Z")
_PIPES: Final = re.compile(rf"((?:{_QUOTED}|[^|\"'])*)(?:\||\Z)")
_COMMAS: Final = re.compile(rf"((?:{_QUOTED}|[^,\"'])*)(?:,|\Z)")
_FILTER: Final = re.compile(r"(\w+)\s*(?::(.*)|\((.*)\))?\Z", re.DOTALL)
_DIRECTIVE: Final = re.compile(r"%([-_0^]?)([A-Za-z%])")
_CONTRACTION: Final = re.compile(r"([a-z\d]+)'([ts])(\s|\Z)", re.ASCII)
_NO_SLUG: Final = re.compile(r"[^a-z0-9]+")
_NO_OLD_SLUG: Final = re.compile(r"[^\w\s$*+~.()'\"!\-:@]+", re.ASCII)
_DATED: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}-(.*)")

# Written out, as those of Python's calendar hang on the locale.
_MONTHS: Final = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip
_DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def _letters(pairs: str) -> dict[str, str]:
    """Letters and what they are written as: `"æ ae, ø o"`."""
    return {pair[0]: pair[2:] for pair in pairs.split(", ")}


_BOTH: Final = _letters(
    "æ ae, ð d, ø o, þ th, ß ss, đ d, ł l, ı i, "
    "α a, γ g, δ d, ε e, ζ z, ι i, κ k, λ l, μ m, ν n, ο o, π p, ρ r, σ s, ς s, τ t, υ y, φ f, "
    "χ x, ψ ps, ω o, а a, б b, в v, г g, д d, е e, ж zh, з z, и i, й y, к k, л l, м m, н n, о o, "
    "п p, р r, с s, т t, у u, ф f, х kh, ц ts, ч ch, ш sh, щ sch, ъ, ы y, ь, э e, ю yu, я ya, "
    "ё yo, є ye, і i, ї yi, љ lj, њ nj, ґ g"
)
_NEW: Final = _BOTH | _letters(
    "ä ae, ö oe, ü ue, ħ h, ĳ ij, β v, η i, θ th, ξ ks, ќ kj, € e, ¢ c, ¥ y"
)
_OLD: Final = _BOTH | _letters(
    "$ dollar, % percent, & and, < less, > greater, | or, ¢ cent, £ pound, ¤ currency, ¥ yen, "
    "€ euro, © (c), ® (r), ª a, º o, đ dj, œ oe, ə e, ƒ f, β b, η h, θ 8, ξ 3, ω w, й j, х h, "
    "ц c, щ sh, ъ u, ђ dj, ј j, ћ c, џ dz, ғ gh, қ kh, ң ng, ү ue, ұ u, һ h, ә ae, ө oe, "
    '™ tm, † +, • *, … ..., –  , ‘ \', ’ \', “ ", ” ", „ ", '
    "∞ infinity, ♥ love, ₹ indian-rupee, ₽ russian-ruble"
)
_DIGITS: Final = frozenset("٠١٢٣٤٥٦٧٨٩۰۱۲۳۴۵۶۷۸۹")
_CYRILLIC: Final = "\u0400"  # from here on, a letter with a mark is not one without
# Letters with marks that the older filter leaves out.
_UNKNOWN_TO_OLD: Final = frozenset("ĉċĕĝġĥĭĵĺŏŗŝŭǎǐǒǔǖǘǚǜǧǩǫǭǰǵǹǻȁȃȅȇȉȋȍȏȑȓȕȗȟȧȩȫȭȯȱȳ")
# Armenian to Thaana (but Hebrew and Syriac) and Georgian: written in Latin letters in ways of
# their own. All scripts that are in neither table are left out, as the tool does.
_OTHER_SCRIPTS: Final = re.compile("[Ա-և\u0620-\u064a\u066e-\u06d5ހ-ޱა-ჿ]")


@lru_cache(maxsize=8192)
def slugify(text: str) -> str:
    """The filter `slugify`. Raises PermalinkError for scripts that it writes in its own way."""
    latin = _transliterated(text.replace("&", " and ").replace("♥", " love "), _NEW)
    kept = "".join(c for c in latin if not _is_diacritic(c))
    return _NO_SLUG.sub("-", _CONTRACTION.sub(r"\1\2\3", kept)).strip("-")


@lru_cache(maxsize=8192)
def slug(text: str) -> str:
    """The older filter `slug`. Raises PermalinkError for scripts that it writes in its own way."""
    known = "".join(
        c for c in unicodedata.normalize("NFC", text) if c.lower() not in _UNKNOWN_TO_OLD
    )
    latin = _transliterated(re.sub(r"[\s-]", " ", known), _OLD)
    return re.sub(r"\s+", "-", _NO_OLD_SLUG.sub("", latin).strip())


def _transliterated(text: str, letters: dict[str, str]) -> str:
    """`text` in lower case, its letters by a table, else without their marks; digits as ASCII."""
    text = unicodedata.normalize("NFC", text).lower()
    if text.isascii() and letters is _NEW:
        return text
    if script := _OTHER_SCRIPTS.search(text):
        raise PermalinkError(f"makes a slug of a script that is not known here: {script[0]}")
    parts = []
    for character in text:
        written = letters.get(character)
        if written is None and character > "\x7f":
            base = unicodedata.normalize("NFD", character)[0]
            written = letters.get(base, base) if character < _CYRILLIC else base
            if written in _DIGITS:
                written = str(unicodedata.decimal(written))
        parts.append(character if written is None else written)
    return "".join(parts)


def _is_diacritic(character: str) -> bool:
    return character in "^`·" or (
        character > "\x7f" and unicodedata.category(character) in {"Mn", "Lm", "Sk"}
    )


def undated(name: str) -> str:
    """A name of a file or folder without its date and all that stands before it."""
    dated = _DATED.search(name)
    return dated[1] if dated else name


def default_path(stem: str) -> str:
    """The address of a page without permalink; `stem` is its path without extension."""
    folder, _, name = stem.rpartition("/")
    if name == "index" or name == folder.rpartition("/")[2]:
        return f"/{folder}/" if folder else "/"
    return f"/{stem}/"


def page_path(permalink: str) -> str:
    """The address of the page that is written to `permalink`."""
    path = posixpath.normpath("/" + permalink.strip().lstrip("/"))
    path += "/" if permalink.rstrip().endswith("/") and path != "/" else ""
    for index in ("/index.html", "/index/", "/index"):
        if path.endswith(index):
            return path.removesuffix(index) + "/"
    return path


def encoded(url: str, *, safe: str = "") -> str:
    """`url` percent-encoded; `safe` are characters that stay beside those of paths."""
    return quote(url, safe="/:@!$&'()*+,;=~" + safe)


def render(template: str, lookup: Lookup, zone: tzinfo, *, lenient: bool = False) -> str:
    """What `template` gives with the variables of `lookup`; dates are shown in `zone`.

    With `lenient`, unknown variables are empty. Raises PermalinkError.
    """
    if "{{" not in template and "{%" not in template:
        return template
    parts = []
    for part in _compiled(template):
        if isinstance(part, str):
            parts.append(part)
            continue
        value = _value(part.operand, lookup)
        for name, arguments in part.filters:
            function = _FILTERS[name]
            values = [_value(argument, lookup) for argument in arguments]
            value = function(value, [_text(argument) for argument in values], zone)
        if value is None and not lenient:
            raise PermalinkError(f"needs {part.operand}, and there is none")
        parts.append(_text(value))
    return "".join(parts)


@lru_cache(maxsize=1024)
def _compiled(template: str) -> tuple[str | Expression, ...]:
    """Texts and expressions in their order. Raises PermalinkError."""
    if len(template) > _LONGEST:
        raise PermalinkError(f"is longer than {_LONGEST:,} characters")
    if "{%" in template:
        raise PermalinkError("has a template tag ({% %}), and those are not run")
    parts: list[str | Expression] = []
    for index, piece in enumerate(_OUTPUT.split(template)):
        parts.append(_expression(piece) if index % 2 else piece)
    return tuple(parts)


def _expression(source: str) -> Expression:
    operand, *filters = [piece.strip() for piece in _pieces(_PIPES, source)] or [""]
    if not _OPERAND.match(operand):
        raise PermalinkError(f"has an expression that is not known here: {operand[:40]}")
    return Expression(operand, tuple(_filter(written) for written in filters))


def _filter(source: str) -> Filter:
    match = _FILTER.match(source)
    if match is None or match[1] not in _FILTERS:
        raise PermalinkError(f"has a filter that is not known here: {source[:40]}")
    arguments = [piece.strip() for piece in _pieces(_COMMAS, match[2] or match[3] or "")]
    if not all(map(_OPERAND.match, arguments)):
        raise PermalinkError(f"has a filter that is not known here: {source[:40]}")
    return Filter(match[1], tuple(arguments))


def _pieces(separator: re.Pattern[str], source: str) -> list[str]:
    pieces = [match[1] for match in separator.finditer(source)]
    return pieces[:-1] if pieces and not pieces[-1] else pieces


def _value(operand: str, lookup: Lookup) -> Value | None:
    if operand[0] in "\"'":
        return operand[1:-1]
    return operand if operand.lstrip("-").isdecimal() else lookup(operand)


def _text(value: Value | None) -> str:
    if isinstance(value, datetime):
        raise PermalinkError("shows a date without the filter date")
    return value or ""


def _date(value: Value | None, arguments: Sequence[str], zone: tzinfo) -> str:
    """The filter `date` of Liquid, with the directives of strftime."""
    if isinstance(value, str):
        try:
            value = parse_date(value, UTC)
        except (ValueError, OverflowError):
            value = None
    if value is None:
        raise PermalinkError("needs a date, and there is none")
    if not arguments or "%" not in arguments[0]:
        raise PermalinkError("has a form of dates that is not known here")
    moment = value.astimezone(zone)

    def directive(match: re.Match[str]) -> str:
        form = _DIRECTIVES.get(match[2])
        if form is None:
            raise PermalinkError(f"has a form of dates that is not known here: {match[0]}")
        shown, flag = form(moment), match[1]
        if flag == "^":
            return shown.upper()
        if flag == "-":
            return shown.lstrip("0 ") or "0"
        return shown.replace(" ", "0") if flag == "0" else shown

    return _DIRECTIVE.sub(directive, arguments[0])


_DIRECTIVES: Final[dict[str, Callable[[datetime], str]]] = {
    "Y": lambda moment: f"{moment.year:04}",
    "y": lambda moment: f"{moment.year % 100:02}",
    "m": lambda moment: f"{moment.month:02}",
    "d": lambda moment: f"{moment.day:02}",
    "e": lambda moment: f"{moment.day:2}",
    "j": lambda moment: f"{moment.timetuple().tm_yday:03}",
    "H": lambda moment: f"{moment.hour:02}",
    "M": lambda moment: f"{moment.minute:02}",
    "S": lambda moment: f"{moment.second:02}",
    "F": lambda moment: moment.date().isoformat(),
    "B": lambda moment: _MONTHS[moment.month - 1],
    "b": lambda moment: _MONTHS[moment.month - 1][:3],
    "A": lambda moment: _DAYS[moment.weekday()],
    "a": lambda moment: _DAYS[moment.weekday()][:3],
    "s": lambda moment: str(int(moment.timestamp())),
    "%": lambda _: "%",
}


def _plain(function: Callable[..., str], arguments: int = 0) -> Callable[..., Value | None]:
    """A filter of a text; nothing stays nothing."""

    def apply(value: Value | None, given: Sequence[str], _: tzinfo) -> Value | None:
        if len(given) < arguments:
            raise PermalinkError("has a filter without what it needs")
        return None if value is None else function(_text(value), *given[:arguments])

    return apply


def _default(value: Value | None, given: Sequence[str], _: tzinfo) -> Value | None:
    return value or (given[0] if given else None)


_FILTERS: Final[dict[str, Callable[..., Value | None]]] = {
    "date": _date,
    "default": _default,
    "slugify": _plain(slugify),
    "slug": _plain(slug),
    "append": _plain(lambda text, more: text + more, 1),
    "prepend": _plain(lambda text, more: more + text, 1),
    "remove": _plain(lambda text, part: text.replace(part, ""), 1),
    "replace": _plain(lambda text, old, new: text.replace(old, new), 2),
    "replace_first": _plain(lambda text, old, new: text.replace(old, new, 1), 2),
    "capitalize": _plain(str.capitalize),
    **dict.fromkeys(("downcase", "lower"), _plain(str.lower)),
    **dict.fromkeys(("upcase", "upper"), _plain(str.upper)),
    **dict.fromkeys(("strip", "trim"), _plain(str.strip)),
    **dict.fromkeys(("safe", "url", "string"), _plain(str)),
}
