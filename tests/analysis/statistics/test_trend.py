"""The exponent's interval covers it, whatever the curve, within the grid and beyond."""

import math

import numpy as np
import pytest

from analysis.statistics.trend import Cells, below_best, exponent, exponents, near_the_best

SIZES = np.array([0.017, 0.032, 0.058, 0.108])
VALUES = np.array([5e-5, 1.6e-4, 5e-4, 1.6e-3, 5e-3, 1.6e-2, 5e-2, 0.16])
CURVES = {
    "a parabola": lambda z: -0.01 * z**2,
    "skewed": lambda z: -np.where(z < 0, 0.004, 0.02) * z**2,
    "steep": lambda z: -0.05 * np.clip(z, 0, None) ** 1.5 - 0.002 * z**2,
}
STUDIES = 100


def fit(curve, alpha, shift, rng):
    """The exponent of one study: four sizes, each with a level of its own, and eight values."""
    size, value = np.repeat(SIZES, len(VALUES)), np.tile(VALUES, len(SIZES))
    block = np.repeat(np.arange(len(SIZES)), len(VALUES))
    place = np.log10(value) - shift - alpha * (np.log10(size) + 1.4)
    mean = 0.9 + 0.01 * block + CURVES[curve](place) + 0.0015 * rng.normal(size=len(size))
    return exponent(cells(mean, value, size, block))


def cells(mean, value, size, block, variance=math.nan):
    """Settings of two runs each."""
    two, spread = np.full(len(mean), 2.0), np.broadcast_to(variance, mean.shape)
    return Cells(mean, spread, two, np.log(value), np.log(size), block)


@pytest.mark.parametrize("curve", CURVES)
@pytest.mark.parametrize("shift", [-3.3, -1.8])
def test_the_interval_covers_the_exponent(curve, shift):
    rng = np.random.default_rng(1)
    found = [fit(curve, 0.5, shift, rng) for _ in range(STUDIES)]
    assert np.mean([one.low <= 0.5 <= one.high for one in found]) >= 0.88


def test_an_exponent_is_shown_where_its_interval_leaves_zero_out():
    found = fit("a parabola", 1.0, -3.3, np.random.default_rng(2))
    assert found.low > 0
    assert found.p < 0.05
    none = fit("a parabola", 0.0, -3.3, np.random.default_rng(3))
    assert (none.low <= 0 <= none.high) == (none.p >= 0.05)


def test_where_accuracy_only_rises_in_a_line_the_interval_stays_open():
    size, value = np.repeat(SIZES, 8), np.tile(VALUES, 4)
    noise = 0.001 * np.random.default_rng(4).normal(size=32)
    mean = 0.8 + 0.02 * np.log10(value) + noise
    found = exponent(cells(mean, value, size, np.repeat(np.arange(4), 8)))
    assert math.inf in (-found.low, found.high)


@pytest.mark.parametrize("alike", [True, False])
def test_networks_whose_curves_have_another_shape_share_no_exponent(alike):
    rng = np.random.default_rng(5)
    size, value = np.repeat(SIZES, len(VALUES)), np.tile(VALUES, len(SIZES))
    place = np.log10(value) + 2 - np.log10(size) - 1.4
    narrow = np.where((size < 0.05) | alike, 1.0, 2.5)
    accuracy = 0.9 - 0.01 * narrow * place**2 + 0.003 * rng.normal(size=(2, len(size)))
    block = np.repeat(np.arange(4), 8)
    found = exponent(cells(accuracy.mean(axis=0), value, size, block, accuracy.var(axis=0, ddof=1)))
    assert found.shared == alike


def test_too_few_settings_or_one_size_give_no_exponent():
    four, twelve = np.arange(1.0, 5), np.arange(1.0, 13)
    assert math.isnan(exponent(cells(four, four, four, np.arange(4))).estimate)
    one_size = exponent(cells(twelve, twelve, np.ones(12), np.zeros(12, dtype=int)))
    assert math.isnan(one_size.estimate)


def test_what_breaks_training_at_a_fixed_value_is_not_taken_for_the_place_of_the_best():
    rng = np.random.default_rng(6)
    size, value = np.repeat(SIZES, len(VALUES)), np.tile(VALUES, len(SIZES))
    place = np.log10(value) + 1.9 - np.log10(size)
    mean = 0.9 - 0.01 * place**2 - 0.3 * np.clip(np.log10(value) + 2.3, 0, None)
    mean += 0.002 * rng.normal(size=len(size))
    near, wide = exponents(cells(mean, value, size, np.repeat(np.arange(4), 8)))
    assert near.low <= 1 <= near.high
    assert wide.high < near.low


def test_settings_far_below_the_best_of_their_network_are_left_out_while_enough_are_left():
    mean = np.array([0.9] * 6 + [0.88, 0.86, 0.3] + [0.6] * 5 + [0.56, 0.39])
    block = np.repeat([7, 2], [9, 7])
    settings = cells(mean, mean, mean, block)
    assert below_best(settings)[[6, 15]] == pytest.approx([0.02, 0.21])
    assert near_the_best(settings).sum() == 12
    few = settings.kept(np.r_[0:2, 6:16])
    assert near_the_best(few).tolist() == [True] * 4 + [False] + [True] * 6 + [False]
