"""The contrast covers what it claims, whether or not architectures differ in what they like."""

import warnings

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from scipy import stats

from analysis.statistics.contrasts import (
    BETWEEN,
    GENERALISES,
    WITHIN,
    effect_of_blocks,
    estimate,
    holm,
)

STUDIES = 5_000
RUNS = (3, 5, 10)
DESIGNS = [  # architectures, sd of the treatment's effect between them, in units of the runs' sd
    pytest.param(1, 0.0, id="one architecture"),
    pytest.param(3, 0.0, id="three"),
    pytest.param(6, 0.0, id="six"),
    pytest.param(6, 1.0, id="six that differ"),
    pytest.param(28, 0.5, id="sweep A"),
]


def simulate(n, blocks, between, effect=0.0, seed_share=0.0, studies=STUDIES, seed=0):
    """Accuracies (studies, blocks, 2, n) with a standard deviation of 1 from run to run."""
    rng = np.random.default_rng([seed, n, blocks])
    own = rng.normal(0, 1, (studies, blocks, 2, n))
    shared = rng.normal(0, 1, (studies, blocks, 1, n))
    values = np.sqrt(1 - seed_share) * own + np.sqrt(seed_share) * shared
    values += rng.normal(0, 5, (studies, blocks, 1, 1))
    values[:, :, 1] += effect + rng.normal(0, between, (studies, blocks, 1))
    return values


def effects(values):
    count = np.full(values.shape[1:3], values.shape[-1])
    return effect_of_blocks(values.mean(axis=-1), values.var(axis=-1, ddof=1), count)


@pytest.mark.parametrize(("blocks", "between"), DESIGNS)
@pytest.mark.parametrize("n", RUNS)
def test_nominal_intervals_cover_the_effect(n, blocks, between):
    _, low, high, *_ = effects(simulate(n, blocks, between, effect=0.7))
    assert 0.93 < ((low <= 0.7) & (high >= 0.7)).mean() < 0.97


@pytest.mark.parametrize(("blocks", "between"), DESIGNS)
@pytest.mark.parametrize("n", RUNS)
def test_null_p_values_are_uniform(n, blocks, between):
    p = effects(simulate(n, blocks, between))[3]
    assert stats.kstest(p, "uniform").pvalue > 0.01


def test_few_architectures_speak_for_themselves_alone():
    values = simulate(5, 3, between=0.0)
    values[:, :, 1] += np.array([1.4, 0.4, -0.6])[:, None]  # what each likes; their average is 0.4
    _, low, high, *_ = effects(values)
    assert 0.93 < ((low <= 0.4) & (high >= 0.4)).mean() < 0.97


def test_seeds_that_pair_make_the_interval_shorter_where_architectures_are_the_unit():
    loose, tight = (effects(simulate(5, 8, 0.0, seed_share=share)) for share in (0.0, 0.8))
    assert (tight[2] - tight[1]).mean() < 0.6 * (loose[2] - loose[1]).mean()
    assert 0.93 < ((tight[1] <= 0) & (tight[2] >= 0)).mean() < 0.97


def runs(values):
    """(blocks, 2, n) accuracies as a frame of runs."""
    index = pd.MultiIndex.from_product([range(size) for size in values.shape])
    frame = pd.DataFrame({"value": values.ravel()}, index=index).reset_index(
        names=["block", "treated", "seed"]
    )
    return frame.assign(treated=frame["treated"].astype(bool))


def test_it_is_the_mixed_model_with_a_random_effect_per_architecture():
    values = simulate(4, 12, between=1.5, effect=1.0, studies=1)[0]
    ours = estimate(runs(values))
    frame = runs(values).assign(treated=lambda frame: frame["treated"].astype(float))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = smf.mixedlm("value ~ treated", frame, groups="block", re_formula="1 + treated")
        fitted = model.fit(reml=True)
    assert ours.method == BETWEEN
    assert ours.effect == pytest.approx(fitted.params["treated"], abs=1e-4)
    assert ours.se == pytest.approx(fitted.bse["treated"], rel=0.01)


def test_one_architecture_gives_students_t_test():
    values = simulate(4, 1, 0.0, studies=1)[0]
    ours, test = estimate(runs(values)), stats.ttest_ind(values[0, 1], values[0, 0])
    interval = test.confidence_interval()
    assert (ours.p, ours.df) == (pytest.approx(test.pvalue), 6)
    assert (ours.low, ours.high) == (pytest.approx(interval.low), pytest.approx(interval.high))
    assert ours.method == WITHIN


@pytest.mark.parametrize("blocks", [1, GENERALISES])
def test_unequal_numbers_of_runs_are_told_and_used(blocks):
    frame = runs(simulate(3, blocks, 0.0, studies=1)[0]).iloc[1:]
    effect = estimate(frame)
    assert (effect.n, effect.seeds) == (6 * blocks - 1, 2)
    assert effect.low < effect.effect < effect.high


def test_an_architecture_without_one_arm_is_left_out():
    frame = runs(simulate(3, 6, 0.0, studies=1)[0])
    without = frame[~((frame["block"] == 2) & frame["treated"])]
    assert (estimate(frame).blocks, estimate(without).blocks) == (6, 5)


def test_nothing_to_compare_gives_no_number():
    frame = runs(simulate(3, 2, 0.0, studies=1)[0])
    assert estimate(frame.iloc[:0]).blocks == 0
    assert np.isnan(estimate(frame[frame["treated"]]).effect)


def test_holm_multiplies_the_smallest_by_all_and_passes_over_what_is_not_known():
    adjusted = holm([0.04, float("nan"), 0.01, 0.03])
    assert np.isnan(adjusted[1])
    assert [adjusted[0], *adjusted[2:]] == pytest.approx([0.06, 0.03, 0.06])
    assert holm([]) == []
