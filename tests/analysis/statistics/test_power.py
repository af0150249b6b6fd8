"""The runs asked for show the difference they are asked for."""

import math

import numpy as np
import pytest
from scipy import stats

from analysis.statistics.power import runs_needed, runs_table


@pytest.mark.parametrize(("difference", "sd"), [(0.005, 0.003), (0.003, 0.003), (0.002, 0.003)])
def test_so_many_runs_show_it_four_times_in_five_and_one_fewer_do_not(difference, sd):
    n = runs_needed(difference, sd)
    rng = np.random.default_rng(0)
    shown = {}
    for runs in (n - 1, n):
        a, b = rng.normal(0, sd, (2, 20_000, runs))
        shown[runs] = (stats.ttest_ind(a + difference, b, axis=1).pvalue < 0.05).mean()
    assert shown[n] >= 0.79
    assert shown[n - 1] < 0.81


def test_so_many_pairs_show_it_four_times_in_five_and_one_fewer_do_not():
    n = runs_needed(0.003, 0.003, paired=True)
    assert n < runs_needed(0.003, 0.003)
    rng = np.random.default_rng(0)
    shown = {
        runs: (stats.ttest_1samp(rng.normal(0.003, 0.003, (20_000, runs)), 0, axis=1).pvalue < 0.05)
        for runs in (n - 1, n)
    }
    assert shown[n].mean() >= 0.79
    assert shown[n - 1].mean() < 0.81


def test_a_smaller_difference_takes_more_runs():
    runs = runs_table(0.003)["runs"].tolist()
    assert runs == sorted(runs, reverse=True)
    assert runs[-1] == 2


def test_without_a_spread_there_is_nothing_to_work_out():
    assert len(runs_table(math.nan)) == 0
    assert runs_needed(0.01, 0.0) == 0
    with pytest.raises(ValueError, match="known standard deviation, got nan"):
        runs_needed(0.01, math.nan)
    with pytest.raises(ValueError, match="above 0, got 0"):
        runs_needed(0, 0.003)
