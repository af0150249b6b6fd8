"""What came out highest: its interval holds its mean, and ties and thin rivals prove nothing."""

import math

import numpy as np
import pytest

from analysis.claims.arm import Arm
from analysis.claims.best import interval_of_best, winner


def arm(name, values, seeds=()):
    runs = np.array(values, dtype=float)
    return Arm(name, 1, runs, runs, len(runs), 1, tuple(seeds), tuple(seeds))


def test_the_interval_of_the_best_holds_its_mean_even_in_a_tie():
    values = [0.951, 0.944, 0.951]
    low, high = interval_of_best([arm("a", values), arm("b", values), arm("c", [0.9, 0.91, 0.92])])
    assert low < np.mean(values) < high <= 1


def test_the_more_might_have_won_the_further_down_the_interval_reaches():
    rng = np.random.default_rng(0)
    arms = sorted((arm(str(i), 0.9 + 0.01 * rng.normal(size=4)) for i in range(30)),
                  key=lambda one: -one.mean)  # fmt: skip
    assert interval_of_best(arms).low < interval_of_best(arms[:1]).low


def test_a_winner_that_spreads_further_than_all_others_is_judged_by_its_own_spread():
    rng = np.random.default_rng(2)
    quiet = [arm(str(i), 0.9 + 0.001 * rng.normal(size=3)) for i in range(30)]
    values = [0.93, 0.92, 0.90]
    low, _ = interval_of_best([arm("noisy", values), *quiet])
    assert low < np.mean(values) - 4.30 * np.std(values, ddof=1) / 3**0.5  # two degrees of freedom


@pytest.mark.parametrize("runs", [2, 3])
def test_runs_that_came_out_alike_on_few_images_show_no_best(runs):
    found = winner([arm("a", [137 / 143] * runs), arm("b", [136 / 143] * runs)])
    assert found.p > 0.01


def test_a_rival_that_nobody_can_judge_keeps_the_best_from_being_called_so():
    best, rival = arm("a", [0.95, 0.951, 0.952]), arm("b", [0.9, 0.901, 0.902])
    assert winner([best, rival]).p < 0.05
    assert winner([best, rival], [arm("c", [])]).p == 1
    assert winner([best, rival], [arm("c", [])]).unknown == ("c",)


def test_one_thin_rival_among_many_is_no_veto():
    rng = np.random.default_rng(1)
    arms = [arm("best", 0.96 + 0.001 * rng.normal(size=3))]
    arms += [arm(str(i), 0.9 + 0.001 * rng.normal(size=3)) for i in range(8)]
    assert winner(arms, [arm("thin", [0.9])]).p < 0.05
    assert winner(arms, [arm("thin", [0.97])]).p == 1


def test_the_best_is_not_best_where_a_rivals_good_runs_are_better():
    rival = Arm("b", 1, np.array([0.1, 0.1, 0.1, 0.97, 0.971]), np.array([0.97, 0.971]), 5)
    found = winner([arm("a", [0.95, 0.951, 0.952]), rival])
    assert found.p == 1
    assert found.hardest[0].collapsed == 3


def test_runs_that_held_out_other_images_pair_by_their_seed():
    split = np.array([0.0, 0.02, -0.02, 0.03, -0.03])
    seeds = range(1000, 1005)
    better = arm("a", 0.912 + split + [0, 0.001, 0, -0.001, 0], seeds)
    worse = arm("b", 0.9 + split, seeds)
    assert winner([better, worse]).p < 0.001
    apart = winner([arm("a", better.outcomes), arm("b", worse.outcomes)])
    assert apart.p > 0.3
    assert math.isclose(apart.hardest[1].effect, 0.012)


def test_a_winner_whose_runs_agree_by_chance_has_no_narrow_interval():
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(200):
        runs = 0.9 + 0.01 * rng.choice([-1, 1], size=(10, 3)) + 0.001 * rng.normal(size=(10, 3))
        arms = sorted((arm(str(i), one) for i, one in enumerate(runs)), key=lambda a: -a.mean)
        low, high = interval_of_best(arms)
        covered += low <= 0.9 <= high
    assert covered > 180
