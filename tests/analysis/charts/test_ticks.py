"""Ticks of an axis: enough of them, and none that reads like another."""

import pytest

from analysis.charts import parallel
from analysis.charts.labels import log_ticks, tick_format


def test_ticks_that_lie_close_together_read_differently():
    ticks = log_ticks([1.23401, 1.23409])
    form = tick_format(ticks)
    assert form == ".5~s"
    assert tick_format([10_000, 79_248]) == ".3~s"
    assert parallel._ticks([0.94011, 0.94012], "accuracy") == ["94.011%", "94.012%"]
    assert parallel._ticks([61_001.0, 61_002.0], "parameters") == ["61001", "61002"]


@pytest.mark.parametrize("values", [[40_000, 7_000_000], [31, 49], [41, 44]])
def test_a_logarithmic_axis_has_ticks_however_narrow_it_is(values):
    ticks = log_ticks(values)
    assert 2 <= len(ticks) <= 7
    assert all(min(values) / 1.2 <= tick <= max(values) * 1.2 for tick in ticks)


def test_an_axis_of_one_size_has_one_tick_since_two_would_lie_on_each_other():
    assert log_ticks([4_360, 4_360]) == [4_360]
