"""Jekyll's slugs, permalink templates and addresses, as Jekyll 4.3 makes them.

Pure functions. A template knows the words of `_WORDS` and no others.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from typing import Final, NamedTuple
from urllib.parse import quote

STYLES: Final = {
    "date": "/:categories/:year/:month/:day/:title:output_ext",
    "pretty": "/:categories/:year/:month/:day/:title/",
    "ordinal": "/:categories/:year/:y_day/:title:output_ext",
    "weekdate": "/:categories/:year/W:week/:short_day/:title:output_ext",
    "none": "/:categories/:title:output_ext",
}

# Written out, as those of Python's calendar hang on the locale.
_MONTHS: Final = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip
_DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

_WORD: Final = re.compile(r":([a-z_]+)")
_NO_SLUG: Final = re.compile(r"[^A-Za-z0-9\x80-\U0010ffff]+")
_NO_TITLE: Final = re.compile(r"[^A-Za-z0-9._~!$&'()+,;=@\x80-\U0010ffff]+")
_SEGMENT: Final = "-._~!$&'()*+,;=:@"  # RFC 3986 3.3: what `pchar` allows beside letters and digits
_NO_PATH: Final = re.compile(rf"[^A-Za-z0-9{re.escape(_SEGMENT)}/\x80-\U0010ffff]")
_NO_URL: Final = re.compile(rf"%(?![0-9A-Fa-f]{{2}})|[^A-Za-z0-9{re.escape(_SEGMENT)}/?#%]")
_BEYOND_ASCII: Final = re.compile(r"[A-Za-z]?[^\x00-\x7f]+")
_SLASHES: Final = re.compile("//+")


class PermalinkError(ValueError):
    """A template that can't be filled in; the message says why."""


class Document(NamedTuple):
    """What the words of a template are made of.

    `path` is relative to its collection and begins with a slash, without the
    extension; `stem` is the last segment of it. `slug` is that of the front
    matter, or the file name's rest after its date. `moment` is the local time
    of the site, None for a document without a date.
    """

    collection: str
    path: str
    stem: str
    slug: str
    categories: tuple[str, ...]
    moment: datetime | None
    extension: str


@lru_cache(maxsize=8192)
def slug(text: str, *, title: bool = False) -> str:
    """`text` as a segment: letters, marks and digits, all else one hyphen.

    In lower case; with `title` the case stays, and what a URL's path allows
    beside letters (`:title`).
    """
    if not text.isascii():
        text = "".join(c if c < "\x80" or _is_alphanumeric(c) else " " for c in text)
    hyphenated = (_NO_TITLE if title else _NO_SLUG).sub("-", text).strip("-")
    return hyphenated if title else hyphenated.lower()


def _is_alphanumeric(character: str) -> bool:
    """Ruby's `[[:alnum:]]`: unlike Python's `isalnum` with marks, without fractions."""
    category = unicodedata.category(character)
    return category[0] in "LM" or category in {"Nd", "Nl"}


def titleized(name: str) -> str:
    """A title made of a file name: `slow-boats` is Slow Boats."""
    return " ".join(word.capitalize() for word in name.split("-") if word)


def path(template: str, document: Document) -> str:
    """The path that `template` gives `document`; ASCII escaped, other scripts not yet.

    Raises PermalinkError for an unknown word, and for one of a date where
    there is none.
    """
    parts = [
        part if function is None else _escaped(function(document))
        for part, function in _compiled(template)
    ]
    return _SLASHES.sub("/", "/" + "".join(parts).replace("..", "/").replace("./", ""))


def entry_path(page: str, name: str) -> str:
    """The path in the id that jekyll-feed gives a post: the folder of its page, and its slug."""
    return f"{page.rstrip('/').rpartition('/')[0]}/{name}"


def encoded(url: str) -> str:
    """`url` percent-encoded, other scripts in Unicode's form NFKC, as Addressable has it."""
    if not url.isascii():
        url = _BEYOND_ASCII.sub(
            lambda run: quote(unicodedata.normalize("NFKC", run[0]), safe=_SEGMENT), url
        )
    return _NO_URL.sub(lambda character: f"%{ord(character[0]):02X}", url)


def _escaped(value: str) -> str:
    return _NO_PATH.sub(lambda character: f"%{ord(character[0]):02X}", value)


@lru_cache(maxsize=1024)
def _compiled(template: str) -> tuple[tuple[str, Callable[[Document], str] | None], ...]:
    """Texts and words in their order. Raises PermalinkError."""
    pieces = _WORD.split(template)
    parts: list[tuple[str, Callable[[Document], str] | None]] = [(pieces[0], None)]
    for word, text in zip(pieces[1::2], pieces[2::2], strict=True):
        # `:year_:month`: the underscore is text where no word has it.
        name = word if word in _WORDS else word.removesuffix("_")
        if name not in _WORDS:
            raise PermalinkError(f"has the unknown word :{word}")
        parts += [(word, _WORDS[name]), (word[len(name) :] + text, None)]
    return tuple(parts)


def _dated(form: Callable[[datetime], str]) -> Callable[[Document], str]:
    def word(document: Document) -> str:
        if document.moment is None:
            raise PermalinkError("needs a date, and there is none")
        return form(document.moment)

    return word


def _categories(document: Document) -> str:
    return "/".join(dict.fromkeys(name.lower() for name in document.categories))


def _slugified_categories(document: Document) -> str:
    return "/".join(dict.fromkeys(slug(name) for name in document.categories))


_WORDS: Final[dict[str, Callable[[Document], str]]] = {
    "collection": lambda document: document.collection,
    "path": lambda document: document.path,
    "output_ext": lambda document: document.extension,
    "name": lambda document: slug(document.stem),
    "title": lambda document: slug(document.slug, title=True),
    "slug": lambda document: slug(document.slug),
    "categories": _categories,
    "slugified_categories": _slugified_categories,
    "year": _dated(lambda moment: f"{moment.year:04}"),
    "short_year": _dated(lambda moment: f"{moment.year % 100:02}"),
    "month": _dated(lambda moment: f"{moment.month:02}"),
    "i_month": _dated(lambda moment: str(moment.month)),
    "short_month": _dated(lambda moment: _MONTHS[moment.month - 1][:3]),
    "long_month": _dated(lambda moment: _MONTHS[moment.month - 1]),
    "day": _dated(lambda moment: f"{moment.day:02}"),
    "i_day": _dated(lambda moment: str(moment.day)),
    "y_day": _dated(lambda moment: f"{moment.timetuple().tm_yday:03}"),
    "short_day": _dated(lambda moment: _DAYS[moment.weekday()][:3]),
    "long_day": _dated(lambda moment: _DAYS[moment.weekday()]),
    "week": _dated(lambda moment: f"{moment.isocalendar().week:02}"),
    "w_year": _dated(lambda moment: f"{moment.isocalendar().year:04}"),
    "w_day": _dated(lambda moment: str(moment.isoweekday())),
    "hour": _dated(lambda moment: f"{moment.hour:02}"),
    "minute": _dated(lambda moment: f"{moment.minute:02}"),
    "second": _dated(lambda moment: f"{moment.second:02}"),
}
