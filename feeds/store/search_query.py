"""Full text: the terms of a search, and the score of an entry.

Words are runs of letters and digits, without case and accents, made so here
and not by the database, so that every database finds the same, in the same
order. `feeds.store.fulltext` is the index they are looked up in.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from typing import Final, NamedTuple

MAX_LENGTH: Final = 200
MAX_WORDS: Final = 12
RANKED: Final = 1_000  # the newest matches, of which the best come first
COUNTED: Final = 10_000  # entries that filters let pass, and not more

# Names whose punctuation is the name, as words of their own; what they have in lower case.
# A version may follow at once: C++20, .NET8. ASP.NET is found as .NET too, example.net isn't.
_SPELLED_OUT: Final = (
    ("++", re.compile(r"(?<=\w)\+\+"), "plusplus "),
    ("#", re.compile(r"\b([A-Za-z])#"), r"\1sharp "),
    ("♯", re.compile(r"\b([A-Za-z])♯"), r"\1sharp "),
    (".net", re.compile(r"(?<![\w.])\.net(?![^\W\d])", re.I), "dotnet "),
    (".net", re.compile(r"\b(\w+(?=\.N)|(?i:asp|ado|vb))\.(?i:net)\b(?!\.?\w)"), r"\1 net dotnet "),
)
_TERM: Final = re.compile(r'(-?)(?:"([^"]*)"?|(\S+))')
_NO_WORD: Final = re.compile(r"[^\w]+|_+")
_NOT_ASCII: Final = re.compile(r"[^\x00-\x7f]+")


class Term(NamedTuple):
    """Words that stand side by side, the last one whole or only its beginning."""

    words: tuple[str, ...]
    beginning: bool = False
    wanted: bool = True


def folded(written: str) -> str:
    """`written` as words with a space between them."""
    low = written.casefold()
    for sign, pattern, words in _SPELLED_OUT:
        if sign in low:
            written = pattern.sub(words, written)
    if not written.isascii():
        written = _NOT_ASCII.sub(_unaccented, written)
    return _NO_WORD.sub(" ", written.casefold()).strip()


def _unaccented(run: re.Match[str]) -> str:
    marked = unicodedata.normalize("NFKD", run[0])
    return "".join(c for c in marked if not unicodedata.combining(c))


def parse(written: str) -> list[Term]:
    """The terms of a search: `word "some words" begin* -without`.

    Raises ValueError, which says what is accepted.
    """
    if len(written) > MAX_LENGTH:
        raise ValueError(f"accepts at most {MAX_LENGTH} characters")
    terms = []
    for minus, phrase, word in _TERM.findall(written):
        words = tuple(folded(phrase or word).split())
        if words:
            terms.append(Term(words, word.endswith("*") and len(words[-1]) > 1, not minus))
    if sum(len(term.words) for term in terms) > MAX_WORDS:
        raise ValueError(f"accepts at most {MAX_WORDS} words")
    if not any(term.wanted for term in terms):
        raise ValueError("needs a word to look for, of letters or digits")
    return terms


# -- how well an entry matches -----------------------------------------------------

_IN_TITLE: Final = 8
_IN_NAMES: Final = 4
_IN_EXCERPT: Final = 2
_AGAIN: Final = 1  # more, when it is in the excerpt more than once


def scoring(written: str) -> Callable[[str, str, str], int]:
    """The function that scores an entry by its folded words: title, excerpt, names.

    Each term that is looked for counts once in each of them, most in the title.
    """
    wanted = [f" {' '.join(t.words)}" + " " * (not t.beginning) for t in parse(written) if t.wanted]

    def score(title: str, excerpt: str, names: str) -> int:
        title, excerpt, names = f" {title} ", f" {excerpt} ", f" {names} "
        total = 0
        for term in wanted:
            total += _IN_TITLE * (term in title) + _IN_NAMES * (term in names)
            first = excerpt.find(term)
            if first >= 0:
                total += _IN_EXCERPT + _AGAIN * (excerpt.find(term, first + 1) >= 0)
        return total

    return score
