import re
from datetime import UTC, datetime

import pytest

from feeds.statistics import plots


@pytest.mark.parametrize(
    ("most", "levels"),
    [
        (0, [0, 1]),
        (1, [0, 1]),
        (3, [0, 1, 2, 3]),
        (4.2, [0, 2, 4, 6]),
        (37, [0, 10, 20, 30, 40]),
        (1000, [0, 500, 1000]),
    ],
)
def test_axes_have_round_numbers(most: float, levels: list[int]) -> None:
    assert plots.scale(most) == levels


def test_bars_stand_on_each_other_and_reach_what_they_count() -> None:
    days = [datetime(2026, 3, day, tzinfo=UTC) for day in (4, 5)]
    columns = list(zip(days, [(1, 3), (0, 0)], strict=True))
    plot = plots.plot("T", "A", [("a", "x"), ("b", "y")], columns, [(0, "one")])
    tops = [[float(y) for y in re.findall(r"V([\d.]+)h", path)] for _, _, path in plot.series]
    heights = {label: at for at, label in plot.lines}
    assert tops == [[heights["1"]], [heights["4"]]]
    assert plot.rows == [("2026-03-05", "0", "0"), ("2026-03-04", "1", "3")]
    assert plot.marks == [(161.0, "one")]
