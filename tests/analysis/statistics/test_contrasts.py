"""The contrast covers what it claims, whether or not architectures differ in what they like."""

import warnings

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from scipy import stats

from analysis.statistics.contrasts import BETWEEN, GENERALISES, WITHIN, effect_of_blocks, estimate
from analysis.statistics.multiple_tests import hochberg, holm

STUDIES = 1_200
ERROR = (0.05 * 0.95 / STUDIES) ** 0.5
"""The standard error of a rate of 5 % over so many studies: .63 points."""
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
    """The effects of many studies, a column a number: effect, low, high, p."""
    count = np.full(values.shape[1:3], values.shape[-1])
    found = [
        effect_of_blocks(study.mean(axis=-1), study.var(axis=-1, ddof=1), count) for study in values
    ]
    return np.array([(one.effect, one.low, one.high, one.p) for one in found]).T


@pytest.mark.parametrize(("blocks", "between"), DESIGNS)
@pytest.mark.parametrize("n", RUNS)
def test_nominal_intervals_cover_the_effect(n, blocks, between):
    _, low, high, _ = effects(simulate(n, blocks, between, effect=0.7))
    assert 0.93 < ((low <= 0.7) & (high >= 0.7)).mean() < (0.99 if blocks < GENERALISES else 0.97)


@pytest.mark.parametrize(("blocks", "between"), DESIGNS)
@pytest.mark.parametrize("n", RUNS)
def test_without_an_effect_one_study_in_twenty_shows_one_at_most(n, blocks, between):
    p = effects(simulate(n, blocks, between))[3]
    assert (p < 0.05).mean() < 0.05 + 2.5 * ERROR
    if blocks >= GENERALISES:  # over 4,000 studies each of these nine designs has 4.6 to 5.2 %
        assert (p < 0.05).mean() > 0.05 - 3 * ERROR


UNEQUAL = {  # runs and spread of (baseline, treatment), a row a block
    "two noisy runs against twenty quiet ones": [((2, 0.6), (20, 0.1))],
    "three noisy runs against three quiet ones": [((3, 1.0), (3, 0.1))],
    "four blocks, the smallest six times noisier": [((3, 6.0), (3, 6.0))]
    + [((3, 1.0), (3, 1.0))] * 3,
    "four blocks, one cell six times noisier": [((3, 6.0), (3, 1.0))] + [((3, 1.0), (3, 1.0))] * 3,
    "six blocks, the smallest six times noisier": [((3, 6.0), (3, 6.0))]
    + [((3, 1.0), (3, 1.0))] * 5,
}


@pytest.mark.parametrize("design", UNEQUAL)
def test_unequal_spreads_and_numbers_of_runs_show_nothing_that_is_not_there(design):
    rng = np.random.default_rng(1)
    shown = 0
    for _ in range(1_000):
        cell = [[rng.normal(0, sd, n) for n, sd in block] for block in UNEQUAL[design]]
        mean, variance, count = (
            np.array([[f(one) for one in block] for block in cell])
            for f in (np.mean, lambda one: np.var(one, ddof=1), len)
        )
        shown += effect_of_blocks(mean, variance, count.astype(float)).p < 0.05
    assert shown / 1_000 < 0.065


@pytest.mark.parametrize(("blocks", "n"), [(4, 5), (8, 3), (28, 3)])
def test_one_skewed_and_noisy_arm_shows_nothing_that_is_not_there(blocks, n):
    rng = np.random.default_rng(3)
    values = np.stack(
        [rng.normal(size=(600, blocks, n)), 6 - 6 * rng.exponential(size=(600, blocks, n))], axis=2
    )
    assert (effects(values)[3] < 0.05).mean() < 0.066


def test_where_one_arm_spreads_further_interval_and_p_count_the_chance_of_error_double():
    values = 0.01 * simulate(8, 4, between=0.0, studies=1)[0]
    wide = values.copy()
    wide[:, 1] += 5 * (wide[:, 1] - wide[:, 1].mean(axis=-1, keepdims=True))
    alike, apart = (estimate(runs(one)) for one in (values, wide))
    assert alike.spread == 1
    assert apart.spread == pytest.approx(6, rel=0.4)
    assert apart.high - apart.low == pytest.approx(2 * stats.t.ppf(0.9875, apart.df) * apart.se)
    assert apart.p == pytest.approx(
        min(1, 4 * stats.t.sf(abs(apart.effect) / apart.se, apart.df)), rel=1e-6
    )


@pytest.mark.parametrize("blocks", [1, 8])
def test_runs_that_are_all_alike_differ_by_nothing(blocks):
    found = estimate(runs(np.full((blocks, 2, 3), 0.9)))
    assert (found.effect, found.low, found.high, found.p) == pytest.approx((0, 0, 0, 1))


def test_a_thin_cell_loses_weight_and_not_the_study_its_voice():
    frame = runs(simulate(3, 28, 0.0, effect=2.0, studies=1)[0])
    thin = frame[~((frame["block"] == 3) & frame["treated"] & (frame["seed"] > 0))]
    assert estimate(thin).p < 0.001
    assert estimate(thin).blocks == 28


def test_families_are_the_unit_where_their_blocks_are_alike():
    rng = np.random.default_rng(2)
    shown = {"blocks": 0, "families": 0}
    for _ in range(300):
        liking = np.repeat(rng.normal(0, 0.2, 6), 4)[:, None]  # six families of four budgets
        values = rng.normal(0, 0.1, (24, 2, 3))
        values[:, 1] += liking
        frame = runs(values)
        owner = pd.Series(np.repeat(np.arange(6), 4), index=range(24))
        shown["blocks"] += estimate(frame).p < 0.05
        shown["families"] += estimate(frame, unit=owner).p < 0.05
    assert shown["blocks"] > 60
    assert shown["families"] < 24


def test_few_architectures_speak_for_themselves_alone():
    values = simulate(5, 3, between=0.0)
    values[:, :, 1] += np.array([1.4, 0.4, -0.6])[:, None]  # what each likes; their average is 0.4
    _, low, high, _ = effects(values)
    assert 0.93 < ((low <= 0.4) & (high >= 0.4)).mean() < 0.98


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


def test_one_architecture_is_as_careful_as_welchs_test():
    values = simulate(4, 1, 0.0, studies=1)[0]
    ours = estimate(runs(values))
    test = stats.ttest_ind(values[0, 1], values[0, 0], equal_var=False)
    assert ours.effect / ours.se == pytest.approx(test.statistic)
    assert 3 <= ours.df <= test.df + 1e-9
    assert ours.p >= test.pvalue - 1e-12
    assert ours.method == WITHIN


@pytest.mark.parametrize("blocks", [1, GENERALISES])
def test_unequal_numbers_of_runs_are_told_and_used(blocks):
    frame = runs(0.01 * simulate(3, blocks, 0.0, studies=1)[0]).iloc[1:]
    effect = estimate(frame)
    assert (effect.n, effect.seeds) == (6 * blocks - 1, 2 if blocks == 1 else 3)
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


def test_hochberg_names_all_where_each_is_below_the_level():
    assert max(hochberg([0.04, 0.03, 0.049])) < 0.05
    assert hochberg([0.01, float("nan"), 0.9])[0] == 0.02
    assert (np.array(hochberg([0.01, 0.2, 0.03])) <= holm([0.01, 0.2, 0.03])).all()


def test_of_few_architectures_one_with_a_single_run_is_left_out_and_told():
    mean = np.array([[0.90, 0.91], [0.90, 0.91], [0.90, 0.95]])
    variance = np.array([[1e-6, 1e-6], [1e-6, 1e-6], [np.nan, 1e-6]])
    found = effect_of_blocks(mean, variance, np.array([[3, 3], [3, 3], [1, 3]]))
    assert (found.blocks, found.left_out, found.n) == (2, 1, 12)
    assert found.effect == pytest.approx(0.01)


def test_runs_that_pair_are_compared_seed_by_seed():
    rows = [
        {"block": block, "treated": treated, "seed": seed,
         "value": 0.9 + 0.03 * (seed % 3) + (0.01 + 0.0005 * seed) * treated}
        for block in range(2) for treated in (False, True) for seed in range(5)
    ]  # fmt: skip
    runs = pd.DataFrame(rows)
    assert estimate(runs).p > 0.3
    paired = estimate(runs, paired=True)
    assert paired.p < 0.001
    assert (paired.n, paired.blocks, paired.seeds) == (20, 2, 5)
