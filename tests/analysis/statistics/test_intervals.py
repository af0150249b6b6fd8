"""Nominal 95 % intervals cover 93–97 % of simulated studies, for as few runs as three."""

import numpy as np
import pytest
from scipy import stats

from analysis.statistics.intervals import pooled_sd, t_half_width, t_p_value

STUDIES = 20_000


@pytest.mark.parametrize("n", [2, 3, 5, 10])
def test_t_intervals_cover_what_they_claim(n):
    runs = np.random.default_rng(n).normal(0.9, 0.003, (STUDIES, n))
    half = t_half_width(runs.std(axis=1, ddof=1), n)
    covered = np.abs(runs.mean(axis=1) - 0.9) <= half
    assert 0.93 < covered.mean() < 0.97


@pytest.mark.parametrize("n", [3, 5, 10])
def test_null_p_values_are_uniform(n):
    runs = np.random.default_rng(n).normal(0, 1, (STUDIES, n))
    p = t_p_value(runs.mean(axis=1), runs.std(axis=1, ddof=1) / np.sqrt(n), n - 1)
    assert stats.kstest(p, "uniform").pvalue > 0.01


@pytest.mark.parametrize("n", [3, 5])
def test_a_bootstrap_would_not_cover(n):
    rng = np.random.default_rng(n)
    runs = rng.normal(0, 1, (2000, n))
    means = runs[:, rng.integers(0, n, (500, n))].mean(axis=2)  # (studies, resamples)
    low, high = np.quantile(means, [0.025, 0.975], axis=1)
    assert ((low <= 0) & (high >= 0)).mean() < 0.87


def test_one_run_has_no_interval_and_two_have_a_wide_one():
    assert np.isnan(t_half_width(np.nan, 1))
    assert t_half_width(np.std([0.9, 0.91], ddof=1), 2) == pytest.approx(12.706 * 0.005, rel=1e-3)


def test_the_interval_is_scipys():
    values = [0.91, 0.92, 0.95]
    expected = stats.ttest_1samp(values, 0).confidence_interval()
    half = t_half_width(np.std(values, ddof=1), len(values))
    assert np.mean(values) + half == pytest.approx(expected.high)


def test_a_pooled_sd_leaves_single_runs_out():
    sd, df = pooled_sd([0.1, np.nan, 0.3], [3, 1, 5])
    assert (sd, df) == (pytest.approx(np.sqrt((2 * 0.01 + 4 * 0.09) / 6)), 6)
    assert pooled_sd([np.nan], [1])[1] == 0
