"""Ticks of an axis: enough of them, and none that reads like another."""

import re

import altair as alt
import pandas as pd
import pytest
import vl_convert

from analysis.charts import parallel, size_accuracy
from analysis.charts.labels import accuracy_axis, key_format, log_ticks, short, tick_format


def test_ticks_that_lie_close_together_read_differently():
    ticks = log_ticks([1.23401, 1.23409])
    form = tick_format(ticks)
    assert form == ".5~g"
    assert tick_format([10_000, 79_248]) == ".3~s"
    assert parallel._ticks([0.94011, 0.94012], "accuracy") == ["94.011%", "94.012%"]
    assert parallel._ticks([61_001.0, 61_002.0], "parameters") == ["61001", "61002"]


@pytest.mark.parametrize("values", [[40_000, 7_000_000], [31, 49], [41, 44], [14.5, 19]])
def test_a_logarithmic_axis_has_ticks_however_narrow_it_is(values):
    ticks = log_ticks(values)
    assert 2 <= len(ticks) <= 7
    assert sum(min(values) <= tick <= max(values) for tick in ticks) >= 2
    assert all(min(values) / 1.2 <= tick <= max(values) * 1.2 for tick in ticks)


def test_an_axis_of_one_size_has_one_tick_since_two_would_lie_on_each_other():
    assert log_ticks([4_360, 4_360]) == [4_360]


@pytest.mark.parametrize(
    ("form", "ticks", "drawn"),
    [
        (tick_format, [0.25, 0.5], ["0.25", "0.5"]),  # seconds: 250m would be milliseconds
        (tick_format, [50_000, 2_000_000], ["50k", "2M"]),
        (tick_format, [0.5, 1200], ["0.5", "1200"]),
        (key_format, [512, 1024, 4096], ["512", "1,024", "4,096"]),
        (key_format, [50_000, 100_000], ["50k", "100k"]),
        (key_format, [5e-4, 0.25], ["0.0005", "0.25"]),
        (key_format, [1, 2, 32], ["1", "2", "32"]),
    ],
)
def test_numbers_are_drawn_as_people_write_them(form, ticks, drawn):
    axis = alt.Axis(values=ticks, format=form(ticks), labelOverlap=False)
    x = alt.X("x:Q", scale=alt.Scale(type="log"), axis=axis)
    chart = alt.Chart(alt.Data(values=[{"x": tick} for tick in ticks])).mark_point().encode(x=x)
    assert texts(chart) == drawn


@pytest.mark.parametrize("values", [(0.1, 0.99), (0.901, 0.909), (0.94, 0.9401), (0.9, 0.900001)])
@pytest.mark.parametrize("count", [6, 12])
def test_ticks_of_accuracy_differ_however_alike_the_accuracies_are(values, count):
    frame = pd.DataFrame({"accuracy": values, "low": values, "note": "x"})
    chart = alt.Chart(frame).mark_point().encode(y=accuracy_axis(frame, "x", tickCount=count))
    drawn = texts(chart.properties(height=400))
    assert len(drawn) == len(set(drawn)) > 1
    assert all(text.endswith("%") for text in drawn)


def texts(chart: alt.Chart) -> list[str]:
    """What is drawn, but for titles."""
    svg = vl_convert.vegalite_to_svg(chart.to_dict())
    return [text for text in re.findall(r"<text[^>]*>([^<]+)<", svg) if text != "x"]


def test_a_value_that_is_missing_is_a_dash():
    assert short(pd.NA) == short(float("nan")) == "–"


@pytest.mark.parametrize(("crowded", "end"), [(1000, "right"), (9000, "left")])
def test_the_name_of_the_dense_line_stands_where_fewer_points_are(crowded, end):
    frame = pd.DataFrame({"size": [1000, 9000, crowded], "accuracy": [0.2, 0.9, 0.61]})
    frame = frame.assign(dense=False, on_front=True)
    assert size_accuracy._free_end(frame, 0.6) == end
