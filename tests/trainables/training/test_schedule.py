"""Rates at steps, against the numbers of the recipes."""

from itertools import pairwise

import pytest

from trainables.training.schedule import SCHEDULES, learning_rate


@pytest.mark.parametrize(
    ("epoch", "rate"), [(1, 0.08), (2.5, 0.2), (5, 0.4), (14.5, 0.2), (24, 0.0)]
)
def test_dawn_rises_to_its_peak_at_epoch_5_of_24_and_falls_to_nothing(epoch, rate):
    assert learning_rate("dawn", 0.4, round(epoch * 96), 24 * 96) == pytest.approx(rate)


@pytest.mark.parametrize(("epoch", "rate"), [(0, 0.2), (32, 0.1707107), (64, 0.1), (128, 0.0)])
def test_cosine_falls_from_the_start_without_warm_up(epoch, rate):
    assert learning_rate("cosine", 0.2, epoch * 97, 128 * 97) == pytest.approx(rate)


@pytest.mark.parametrize("steps", [7, 24, 1000])
def test_dawn_peaks_at_the_same_share_of_any_number_of_steps(steps):
    rates = [learning_rate("dawn", 1.0, step, steps) for step in range(1, steps + 1)]
    assert abs(rates.index(max(rates)) + 1 - steps * 5 / 24) <= 1


@pytest.mark.parametrize("name", SCHEDULES)
def test_every_schedule_stays_within_its_peak_changes_at_every_step_and_ends_at_zero(name):
    rates = [learning_rate(name, 0.3, step, 500) for step in range(1, 501)]
    assert all(0 <= rate <= 0.3 for rate in rates)
    assert all(a != b for a, b in pairwise(rates))
    assert rates[-1] == pytest.approx(0.0)
