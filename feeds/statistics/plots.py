"""Plots as SVG paths, with what an axis needs; the template draws them. Pure functions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import accumulate, count
from math import ceil
from typing import Final, NamedTuple

from feeds.statistics.poll_report import unit_of

_WIDE: Final = 1040
_WIDTH: Final = 500  # of two beside each other
_HEIGHT: Final = 180
_LEFT: Final = 48  # of the plot, where the numbers stand
_TOP: Final = 8
_GAP: Final = 0.22  # between bars, of their width
_LINES: Final = 4  # across the plot, at most
_SPARK: Final = (96, 20)

Point = tuple[float, float]


class Plot(NamedTuple):
    """A plot of `width` by `height`, which begins at `left`, and the same as a table.

    `series` are shapes, each of one colour: its class, label and path. `lines` across the
    plot and `marks` below it are the places of labels.
    """

    title: str
    about: str
    headings: tuple[str, ...]
    rows: list[tuple[str, ...]]
    series: list[tuple[str, str, str]]
    lines: list[tuple[float, str]]
    marks: list[tuple[float, str]]
    width: int
    height: int = _HEIGHT
    left: int = _LEFT


def scale(most: float) -> list[int]:
    """Round numbers from 0 up to `most` or a little more, for the lines across a plot."""
    steps = (by * 10**power for power in count() for by in (1, 2, 5))
    step = next(step for step in steps if step * _LINES >= most)
    return [0, *range(step, max(ceil(most), 1) + step, step)]


def plot(
    title: str,
    about: str,
    styles: Sequence[tuple[str, str]],
    columns: Sequence[tuple[datetime, Sequence[int]]],
    marks: Sequence[tuple[int, str]],
    time: tuple[str, str] = ("Day", "%Y-%m-%d"),
    cell: Callable[[int], str] = "{:,}".format,
    unit: int = 1,
) -> Plot:
    """Stacked bars; where a column has one number, a line over a tinted area.

    A column, of at least one, has a number for each of `styles` (class and label), lowest
    first. `marks` are labels by the number of a column; the axis is told in units. A row of
    the table has the same in `cell`s; `time` is the heading and the form of its moments.
    """
    width = _WIDTH if len(styles) > 1 else _WIDE
    levels = scale(max(sum(numbers) for _, numbers in columns) / unit)
    wide, high = (width - _LEFT) / len(columns), levels[-1] * unit
    # The heights at which the parts of each column end, from the axis on.
    ends = [[_y(end, high) for end in accumulate(parts, initial=0)] for _, parts in columns]
    if len(styles) > 1:
        series = [
            (style, label, _bars([end[at : at + 2] for end in ends], wide))
            for at, (style, label) in enumerate(styles)
        ]
    else:
        points = [(_LEFT + (at + 0.5) * wide, top) for at, (_, top) in enumerate(ends)]
        if len(points) == 1:  # a day is no line yet
            points = [(_LEFT, points[0][1]), (width, points[0][1])]
        line, right, left = _line(points), points[-1][0], points[0][0]
        area = f"{line}L{right:.1f} {_HEIGHT}L{left:.1f} {_HEIGHT}z"
        series = [("area", "", area), ("line", styles[0][1], line)]
    return Plot(
        title,
        about,
        (time[0], *(label for _, label in styles)),
        [(f"{at:{time[1]}}", *map(cell, numbers)) for at, numbers in reversed(columns)],
        series,
        [(round(_y(level, levels[-1]), 1), _short(level)) for level in levels],
        [(round(_LEFT + (at + 0.5) * wide, 1), label) for at, label in marks],
        width,
    )


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


def _bars(ends: Sequence[Sequence[float]], wide: float) -> str:
    shapes = []
    for at, (low, up) in enumerate(ends):
        left = _LEFT + (at + _GAP / 2) * wide
        if up < low:
            shapes.append(f"M{left:.1f} {low:.1f}V{up:.1f}h{wide * (1 - _GAP):.1f}V{low:.1f}z")
    return "".join(shapes)


def _y(value: float, high: float) -> float:
    return _HEIGHT - value / high * (_HEIGHT - _TOP)


def _short(number: int) -> str:
    """A number as an axis has room for it."""
    unit, prefix = unit_of(number)
    return f"{number / unit:.4g} {prefix}".rstrip()


def _line(points: Sequence[Point]) -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
