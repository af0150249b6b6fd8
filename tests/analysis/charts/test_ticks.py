"""Ticks of an axis: enough of them, and none that reads like another."""

import re

import altair as alt
import numpy as np
import pandas as pd
import pytest
import vl_convert

from analysis.charts import parallel, size_accuracy
from analysis.charts.heat_map import heat_map
from analysis.charts.labels import (
    accuracy_axis,
    distinct,
    key_format,
    log_ticks,
    short,
    tick_format,
)
from analysis.charts.losses import losses
from analysis.charts.rank_accuracy import FEW, rank_accuracy
from analysis.report.trial_table import trial_table
from analysis.study.study import load_study
from tests.analysis import spaces
from tests.analysis.simulation import Fate, write_study
from trainables.text.count import short_count


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


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        ([0.1, 0.1001, 0.1], ["0.1", "0.1001", "0.1"]),
        ([500_000, 500_900], ["500000", "500900"]),
        ([1_000_000, 1_000_001], ["1000000", "1000001"]),
        ([0, 2.0**53 - 1, 2.0**53], ["0", "9007199254740991", "9007199254740992"]),
        ([1e-12, 3e-12, None], ["1e-12", "3e-12", "–"]),
        ([0.3, 0.1 + 0.2], ["0.3", "0.30000000000000004"]),
        ([True, False], ["True", "False"]),
    ],
)
def test_labels_tell_values_apart(values, labels):
    assert distinct(pd.Series(values)) == labels


def test_the_ticks_of_parallel_axes_are_written_whatever_their_size():
    assert parallel._ticks([0.0, 2.0**53], "data_seed") == ["0", "9.01e15"]
    assert parallel._ticks([1024.0, 4096.0], "width") == ["1,024", "4,096"]
    assert parallel._ticks([5e5, 501_900.0], "parameters_budget") == ["500k", "502k"]
    assert parallel._ticks([5e5, 500_633.0, 501_267.0], "x") == ["500000", "500633", "501267"]
    assert short_count(6.2e12) == "6.2T"


@pytest.mark.parametrize("value", [0.0, 0.1, 0.3, 1.0])
def test_an_axis_of_accuracies_that_are_equal_but_for_rounding_has_ticks(value):
    frame = pd.DataFrame({"accuracy": [value, np.nextafter(value, 0.5)]})
    drawn = texts(alt.Chart(frame).mark_point().encode(y=accuracy_axis(frame, "x")))
    assert len(drawn) == len(set(drawn)) > 1
    assert all(0 <= float(text.removesuffix("%")) <= 100 for text in drawn)


def near_rates(folder, count):
    """A study whose learning rates differ in the sixth digit; every fifth trial diverged."""
    rates = [0.1 + i * 1e-6 for i in range(count)]
    keys = {
        "rank": spaces._number("int", 4, 8, log=False, role="scientific"),
        "learning_rate": spaces._choice(*rates),
    }
    configs = [
        {"layer": "low_rank", "rank": rank, "learning_rate": rate, "epochs": 2, "seed": seed}
        for rank in (4, 8)
        for rate in rates
        for seed in (0, 1)
    ]
    space = {**spaces.FAMILIES, "keys": keys}
    return load_study(
        write_study(
            folder,
            configs,
            space=space,
            fates=lambda trial: (Fate("diverged", 1) if trial % 5 == 0 else Fate(),),
        )
    )


@pytest.mark.parametrize("count", [3, 9])
def test_values_that_are_near_each_other_are_not_taken_for_one(tmp_path, count):
    study = near_rates(tmp_path / "study", count)
    groups = losses(study)
    assert groups[groups["kind"] == "learning rate"]["group"].nunique() == min(count, 5)
    assert groups.groupby(["kind", "status"])["count"].sum().loc[:, "diverged"].nunique() == 1
    points = rank_accuracy(study).groupby(["curve", "rank"]).size()
    assert points.max() == 1
    assert len(points) == (2 * count if count <= FEW else 2)
    cells = [row.cells for row in trial_table(study)[1]]
    names = [column.name for column in trial_table(study)[0]]
    assert len({row[names.index("learning_rate")].text for row in cells}) == count


def test_a_heat_map_has_a_row_for_each_budget(tmp_path):
    budgets = (500_000, 500_900, 501_900)
    configs = [
        {"layer": "tensor_train", "parameters": budget, "dims": dims, "epochs": 2, "seed": 0}
        for budget in budgets
        for dims in (3, 4)
    ]
    keys = {"parameters": spaces._choice(*budgets), "dims": spaces._choice(3, 4)}
    space = {**spaces.FAMILIES, "keys": keys}
    study = load_study(write_study(tmp_path / "study", configs, space=space))
    assert heat_map(study)["rank"].nunique() == 3


def test_a_table_writes_whole_numbers_in_full(tmp_path):
    seeds = (1_234_567, 1_234_568, 2**63 - 1)
    configs = [{"layer": "dense", "epochs": 2, "seed": seed} for seed in seeds]
    study = load_study(write_study(tmp_path / "study", configs, space=spaces.FAMILIES))
    columns, rows = trial_table(study)
    at = [column.name for column in columns].index("seed")
    assert {(row.cells[at].text, row.cells[at].value) for row in rows} == {
        (str(seed), str(seed)) for seed in seeds
    }


def test_a_value_that_is_missing_is_a_dash():
    assert short(pd.NA) == short(float("nan")) == "–"


@pytest.mark.parametrize(("crowded", "end"), [(1000, "right"), (9000, "left")])
def test_the_name_of_the_dense_line_stands_where_fewer_points_are(crowded, end):
    frame = pd.DataFrame({"size": [1000, 9000, crowded], "accuracy": [0.2, 0.9, 0.61]})
    frame = frame.assign(dense=False, on_front=True)
    assert size_accuracy._free_end(frame, 0.6) == end
