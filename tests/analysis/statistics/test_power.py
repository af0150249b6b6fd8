"""The runs asked for show the difference they are asked for."""

import math

import numpy as np
import pytest
from scipy import stats

from analysis.statistics.contrasts import effect_of_blocks
from analysis.statistics.freedom import weighted_freedom
from analysis.statistics.power import runs_needed, runs_table


def shown(runs: int, difference: float, sd: float) -> float:
    """In which share of studies the report shows the difference."""
    rng = np.random.default_rng(runs)
    count = np.full((1, 2), float(runs))
    verdicts = []
    for _ in range(1_500):
        values = 0.8 + sd * rng.normal(size=(1, 2, runs))
        values[:, 1] += difference
        found = effect_of_blocks(values.mean(axis=2), values.var(axis=2, ddof=1), count)
        verdicts.append(found.p < 0.05)
    return float(np.mean(verdicts))


@pytest.mark.parametrize("sd", [0.0006, 0.0012, 0.002, 0.003, 0.006])
def test_so_many_runs_show_it_four_times_in_five_and_one_fewer_do_not(sd):
    runs = runs_needed(0.005, sd)
    assert shown(runs, 0.005, sd) > 0.76
    assert shown(runs - 1, 0.005, sd) < 0.84


def test_so_many_pairs_show_it_four_times_in_five_and_one_fewer_do_not():
    n = runs_needed(0.003, 0.003, paired=True)
    assert n < runs_needed(0.003, 0.003)
    rng = np.random.default_rng(0)
    found = {
        runs: (stats.ttest_1samp(rng.normal(0.003, 0.003, (20_000, runs)), 0, axis=1).pvalue < 0.05)
        for runs in (n - 1, n)
    }
    assert found[n].mean() >= 0.79
    assert found[n - 1].mean() < 0.81


def test_a_smaller_difference_takes_more_runs():
    runs = runs_table(0.003)["runs"].tolist()
    assert runs == sorted(runs, reverse=True)
    assert runs[-1] == 3  # two runs of each have one degree of freedom


def test_without_a_spread_there_is_nothing_to_work_out():
    assert len(runs_table(math.nan)) == 0
    assert len(runs_table(0.0)) == 0
    for unknown in (math.nan, 0.0):
        with pytest.raises(ValueError, match="known standard deviation above 0, got"):
            runs_needed(0.01, unknown)
    with pytest.raises(ValueError, match="must be above 0, got 0"):
        runs_needed(0, 0.003)


def test_a_mean_of_equal_shares_has_one_degree_of_freedom_fewer_and_of_uneven_ones_less():
    assert weighted_freedom([1 / 6] * 6) == pytest.approx(5)
    assert 1 < weighted_freedom([1 / 14] * 4 + [10 / 14]) < 2
