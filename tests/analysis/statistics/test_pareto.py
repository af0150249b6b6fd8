"""The front's probabilities hold on fresh seeds."""

import numpy as np
import pandas as pd
import pytest

from analysis.record.tables import TableError
from analysis.statistics.pareto import pareto
from analysis.study.replicates import pareto_front

NOISE = 0.003


def truth(rng, count, scatter):
    """Sizes and true means of a simulated study: a rising curve, and a scatter about it."""
    size = np.sort(10 ** rng.uniform(4.5, 6.8, count))
    return size, 0.94 - 0.012 * np.log10(6.57e6 / size) ** 2 + rng.normal(0, scatter, count)


def measured(rng, size, mean, n):
    """What ``replicates`` would hold of ``n`` runs each."""
    runs = mean[:, None] + rng.normal(0, NOISE, (len(mean), n))
    sd = runs.std(axis=1, ddof=1) if n > 1 else np.full(len(mean), np.nan)
    return pd.DataFrame({"parameters": size, "mean": runs.mean(axis=1), "sd": sd, "n": n})


def claims(n, count, scatter, studies=60):
    """(said to be on the front, was on fresh seeds), one each a configuration and study."""
    rng = np.random.default_rng([n, count, int(scatter * 1e4)])
    said, held = [], []
    for _ in range(studies):
        size, mean = truth(rng, count, scatter)
        shown = pareto(measured(rng, size, mean, n), "parameters", draws=400)
        fresh = pareto(measured(rng, size, mean, n), "parameters", draws=1)
        said.append(shown["probability"].iloc[1:])
        held.append(fresh["on_front"].iloc[1:])
    return np.concatenate(said), np.concatenate(held)


@pytest.mark.parametrize("n", [2, 3, 5])
@pytest.mark.parametrize(("count", "scatter"), [(8, 0.002), (8, 0.01), (40, 0.002), (40, 0.01)])
def test_claims_at_ninety_percent_hold_on_fresh_seeds(n, count, scatter):
    said, held = claims(n, count, scatter)
    surely = np.concatenate([held[said >= 0.9], ~held[said <= 0.1]])
    assert len(surely) > 50
    assert surely.mean() >= 0.85


def test_on_a_smooth_curve_everything_is_on_the_front_and_it_says_so():
    said, held = claims(3, 12, 0.0, studies=80)
    assert held[said >= 0.9].mean() >= 0.85
    assert said.mean() > 0.5


def test_the_band_holds_the_true_front():
    rng = np.random.default_rng(5)
    covered = []
    for _ in range(60):
        size, mean = truth(rng, 20, 0.005)
        frame = pareto(measured(rng, size, mean, 3), "parameters", draws=1000)
        front = np.maximum.accumulate(mean)
        covered.append((frame["front_low"] <= front) & (frame["front_high"] >= front))
    assert np.mean(covered) >= 0.93


def frame(**columns):
    return pd.DataFrame({"n": 3, "sd": 0.001, **columns})


def test_of_equal_sizes_only_the_better_is_on_the_front():
    shown = pareto(frame(parameters=[10, 10, 20], mean=[0.8, 0.9, 0.95]), "parameters")
    assert shown["on_front"].tolist() == [False, True, True]
    assert shown["front"].tolist() == [0.9, 0.9, 0.95]


def test_single_runs_borrow_the_spread_of_replicated_ones():
    one = frame(parameters=[10, 20, 30], mean=[0.8, 0.9, 0.95]).assign(
        n=[1, 3, 3], sd=[np.nan, 0.01, 0.01]
    )
    assert pareto(one, "parameters")["probability"].between(0, 1).all()


def test_where_equal_runs_gave_equal_numbers_the_front_is_sure():
    ours = pareto(
        frame(parameters=[1.0, 2.0, 3.0], mean=[0.8, 0.9, 0.85], sd=[0.0] * 3, n=[2] * 3),
        "parameters",
    )
    assert ours["probability"].tolist() == [1.0, 1.0, 0.0]
    assert ours["front_low"].tolist() == pytest.approx([0.8, 0.9, 0.9])


def test_where_nothing_was_replicated_nobody_knows():
    alone = frame(parameters=[10, 20], mean=[0.8, 0.9]).assign(n=1, sd=np.nan)
    shown = pareto(alone, "parameters")
    assert shown["on_front"].tolist() == [True, True]
    assert shown[["probability", "front_low", "front_high"]].isna().all(axis=None)


def test_an_empty_study_has_an_empty_front(study):
    shown = pareto_front(study("empty"))
    assert len(shown) == 0
    assert {"probability", "on_front", "front_low", "front_high"} <= set(shown)


def test_an_unknown_axis_is_answered_with_those_there_are(study):
    with pytest.raises(TableError, match=r"no numeric column 'latency'.*parameters, macs"):
        pareto_front(study("twelve"), x="latency")
    with pytest.raises(TableError, match=r"no numeric column 'bleu' in trials; there are"):
        pareto_front(study("twelve"), y="bleu")


def test_multiply_adds_and_training_time_are_axes_too(study):
    for x in ("macs", "train_seconds"):
        assert pareto_front(study("twelve"), x=x)[x].is_monotonic_increasing
