"""Plots as SVG paths, with what an axis needs; the template draws them. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, count
from math import ceil
from typing import Final, NamedTuple

WIDE: Final = 1040
WIDTH: Final = 500  # of two beside each other
HEIGHT: Final = 180
_LEFT: Final = 48  # of the plot, where the numbers stand
_TOP: Final = 8
_GAP: Final = 0.22  # between bars, of their width
_LINES: Final = 4  # across the plot, at most
_SPARK: Final = (96, 20)

Point = tuple[float, float]


class Series(NamedTuple):
    """The marks of one colour: `style` is its class, `path` the shape."""

    style: str
    label: str
    path: str


class Tick(NamedTuple):
    """A line across the plot, or a place below it, and what stands there."""

    at: float
    label: str


class Plot(NamedTuple):
    """A plot of `width` by `height`, its axis at `base`; it has `title` and `about` for all."""

    title: str
    about: str
    series: list[Series]
    lines: list[Tick]
    marks: list[Tick]
    width: int
    height: int = HEIGHT
    base: int = HEIGHT
    left: int = _LEFT


def scale(most: float) -> list[int]:
    """Round numbers from 0 up to `most` or a little more, for the lines across a plot."""
    steps = (by * 10**power for power in count() for by in (1, 2, 5))
    step = next(step for step in steps if step * _LINES >= most)
    return [0, *range(step, max(ceil(most), 1) + step, step)]


def bars(
    title: str,
    about: str,
    styles: Sequence[tuple[str, str]],
    columns: Sequence[Sequence[float]],
    marks: Sequence[tuple[int, str]],
    unit: float = 1,
    width: int = WIDTH,
) -> Plot:
    """Stacked bars: a column has a number for each of `styles` (class and label), lowest first.

    `marks` are labels by the number of a column; the axis is told in units.
    """
    levels = scale(max(map(sum, columns), default=0) / unit)
    high = levels[-1] * unit
    wide = (width - _LEFT) / max(len(columns), 1)
    shapes: list[list[str]] = [[] for _ in styles]
    for at, column in enumerate(columns):
        left = _LEFT + (at + _GAP / 2) * wide
        for number, (bottom, top) in enumerate(_stacked(column)):
            if top > bottom:
                low, up = _y(bottom, high), _y(top, high)
                shapes[number].append(
                    f"M{left:.1f} {low:.1f}V{up:.1f}h{wide * (1 - _GAP):.1f}V{low:.1f}z"
                )
    series = [
        Series(style, label, "".join(shape))
        for (style, label), shape in zip(styles, shapes, strict=True)
    ]
    places = [Tick(round(_LEFT + (at + 0.5) * wide, 1), label) for at, label in marks]
    return Plot(title, about, series, _lines(levels), places, width)


def steps(
    title: str,
    about: str,
    style: tuple[str, str],
    numbers: Sequence[float],
    marks: Sequence[tuple[int, str]],
    width: int = WIDE,
) -> Plot:
    """A line from number to number over a tinted area."""
    levels = scale(max(numbers, default=0))
    wide = (width - _LEFT) / max(len(numbers), 1)
    points = [
        (_LEFT + (at + 0.5) * wide, _y(number, levels[-1])) for at, number in enumerate(numbers)
    ]
    if len(points) == 1:  # a day is no line yet
        points = [(_LEFT, points[0][1]), (width, points[0][1])]
    name, label = style
    series = [
        Series(f"{name} area", "", _area(points, HEIGHT)),
        Series(f"{name} line", label, _line(points)),
    ]
    places = [Tick(round(_LEFT + (at + 0.5) * wide, 1), text) for at, text in marks]
    return Plot(title, about, series, _lines(levels), places, width)


def spark(numbers: Sequence[float]) -> str:
    """The path of a small line without an axis, as wide as a word; empty for one number."""
    if len(numbers) < 2:  # noqa: PLR2004 - one is no course of things
        return ""
    wide, high = _SPARK
    most = max(*numbers, 1)
    return _line([
        (at * wide / (len(numbers) - 1), high - 1 - number / most * (high - 2))
        for at, number in enumerate(numbers)
    ])  # fmt: skip


def _stacked(column: Sequence[float]) -> list[tuple[float, float]]:
    tops = list(accumulate(column))
    return list(zip([0.0, *tops[:-1]], tops, strict=True))


def _y(value: float, high: float) -> float:
    return HEIGHT - value / high * (HEIGHT - _TOP)


def _lines(levels: Sequence[float]) -> list[Tick]:
    return [Tick(round(_y(level, levels[-1]), 1), _short(level)) for level in levels]


def _short(number: float) -> str:
    """A number as an axis has room for it."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:.4g} {letter}"
    return f"{number:.4g}"


def _line(points: Sequence[Point]) -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)


def _area(points: Sequence[Point], base: float) -> str:
    if not points:
        return ""
    return f"{_line(points)}L{points[-1][0]:.1f} {base}L{points[0][0]:.1f} {base}z"
