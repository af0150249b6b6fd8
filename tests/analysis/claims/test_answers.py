"""What is said in words carries its numbers, and does not go beyond them."""

import re

import numpy as np
import pytest

from analysis.claims.answers import answer, best_claim, claims
from analysis.claims.claim import p_cell, p_words, points
from analysis.claims.comparison import (
    compare_values,
    contrast_runs,
    named_contrast,
    secondary_comparisons,
)
from analysis.record.record import RecordError
from analysis.study.study import load_study
from tests.analysis import spaces, studies
from tests.analysis.model import Model
from tests.analysis.simulation import write_study
from tests.analysis.studies import STUDIES


@pytest.mark.parametrize("name", STUDIES)
def test_every_claim_that_is_shown_has_n_interval_and_p(study, name):
    for claim in claims(study(name)):
        if claim.verdict == "shown":
            assert re.search(r"interval .* to .*p [=<]", claim.words)
            assert claim.n > 0
            assert claim.low < claim.effect < claim.high
            assert claim.p < 0.05


@pytest.mark.parametrize("name", ["empty", "all_failed"])
def test_where_nothing_finished_nothing_is_said(study, name):
    claim = answer(study(name))
    assert claim.verdict == "cannot_say"
    assert claim.words.startswith("Nothing can be said: no trial has finished")


@pytest.mark.parametrize("name", ["one", "one_seed", "asha", "many"])
def test_one_seed_cannot_say_which_is_best(study, name):
    claim = answer(study(name))
    assert claim.verdict == "cannot_say"
    assert claim.words.startswith("One seed cannot say which is best")
    assert np.isnan(claim.p)


def test_one_seed_cannot_say_whether_a_treatment_helps(tmp_path):
    contrast = named_contrast(load_study(studies.seeds(tmp_path, replicates=1)))
    assert contrast.claim.verdict == "cannot_say"
    assert contrast.claim.words.startswith("One seed cannot say whether weight_decay_scaling 1")


def test_a_named_contrast_is_the_answer(study):
    contrast = named_contrast(study("seeds"))
    assert answer(study("seeds")) == contrast.claim
    assert contrast.claim.words.startswith("weight_decay_scaling 1 raises validation accuracy")
    assert (contrast.effect.n, contrast.effect.blocks, contrast.effect.seeds) == (60, 6, 5)
    assert contrast.effect.low < 0.004 < contrast.effect.high
    assert len(contrast.blocks) == 6


def test_where_nothing_is_shown_it_says_how_many_runs_would(tmp_path):
    contrast = named_contrast(load_study(studies.seeds(tmp_path, effect=0.0, replicates=3)))
    assert contrast.claim.verdict == "not_shown"
    assert re.search(r"0\.50 points on one architecture takes about \d+ runs", contrast.claim.words)


def test_a_contrast_that_never_ran_says_so(study):
    contrast = compare_values(study("twelve"), "weight_decay_scaling", 0.0, 1.0)
    assert contrast.effect.blocks == 0
    assert "Nothing can be said" in contrast.claim.words


def test_a_study_that_names_no_contrast_says_what_it_asks(study):
    with pytest.raises(RecordError, match="names no contrast; its space asks"):
        named_contrast(study("twelve"))


def test_families_are_compared_at_equal_parameters_never_at_equal_rank(tmp_path):
    low = [{"layer": "low_rank", "rank": rank} for rank in (8, 16, 32, 64)]
    train = [{"layer": "tensor_train", "rank": rank} for rank in range(4, 41)]
    configs = [{**config, "epochs": 2, "seed": seed} for config in low + train for seed in (0, 1)]
    ours = load_study(write_study(tmp_path, configs, space=spaces.FAMILIES))
    contrast = compare_values(ours, "layer", "low_rank", "tensor_train")
    assert contrast.effect.blocks >= 3
    sizes = ours.trials.set_index("trial_id")["parameters"]
    runs = contrast_runs(ours, "layer", "low_rank", "tensor_train")
    spread = runs.groupby("block")["parameters"].agg(["min", "max"])
    assert (spread["max"] / spread["min"]).max() <= 1.03
    assert runs["parameters"].tolist() == sizes.loc[runs["trial_id"]].tolist()


def test_stopped_trials_are_in_no_contrast(study):
    contrast = compare_values(study("asha"), "layer", "low_rank", "tensor_train")
    finished = (study("asha").trials["status"] == "finished").sum()
    assert contrast.effect.n <= finished


def tuned_contrast(folder, seeds, effect=0.01):
    configs = [
        {
            "layer": "low_rank",
            "rank": 8,
            "weight_decay_scaling": scaling,
            "learning_rate": rate,
            "epochs": 2,
            "seed": seed,
        }
        for scaling in (0.0, 1.0)
        for rate in (0.04, 0.4)
        for seed in seeds
    ]
    space = {**spaces.DECAY, "keys": {**spaces.DECAY["keys"], **spaces.RATES["keys"]}}
    return load_study(write_study(folder, configs, space=space, model=Model(effect=effect)))


def test_what_was_tuned_is_judged_by_fresh_seeds_at_its_best(tmp_path):
    ours = tuned_contrast(tmp_path, (0, 1, 1000, 1001, 1002, 1003))
    effect = named_contrast(ours).effect
    runs = contrast_runs(ours, "weight_decay_scaling", 0.0, 1.0)
    assert (effect.n, effect.blocks) == (8, 1)
    assert set(runs["learning_rate"]) == {0.4}
    assert runs["seed"].min() == 1000
    assert "fresh runs" in named_contrast(ours).claim.words


def test_a_study_in_one_stage_makes_no_tuned_claim(tmp_path):
    claim = named_contrast(tuned_contrast(tmp_path, range(4))).claim
    assert claim.verdict == "cannot_say"
    assert "no runs on fresh seeds yet" in claim.words


def test_the_best_is_not_called_best_when_it_may_be_luck(tmp_path):
    configs = [
        {"layer": "low_rank", "rank": 8, "weight_decay_scaling": scaling / 4, "seed": seed}
        for scaling in range(5)
        for seed in range(3)
    ]
    ours = load_study(write_study(tmp_path, configs, space=spaces.FAMILIES))
    claim = best_claim(ours)
    assert claim.verdict == "not_shown"
    assert "came out highest" in claim.words
    assert "is not shown to be better than" in claim.words
    assert re.search(r"to show a lead of 0\.50 points takes about \d+ runs of each", claim.words)


def test_secondary_comparisons_carry_holms_correction(tmp_path):
    configs = [
        {"layer": "low_rank", "rank_divisor": divisor, "weight_decay_scaling": a, "seed": seed}
        for divisor in (2, 4, 8, 16, 24, 31)
        for a in (0.0, 0.5, 1.0)
        for seed in range(3)
    ]
    ours = load_study(write_study(tmp_path, configs, space=spaces.DECAY, model=Model(effect=0.02)))
    others = secondary_comparisons(ours)
    assert [(one.baseline, one.treatment) for one in others] == [(0.0, 0.5), (0.5, 1.0)]
    assert all(one.p_holm >= one.effect.p for one in others)
    assert all("after Holm's correction" in one.claim.words for one in others)
    assert all((one.claim.verdict == "shown") == (one.p_holm < 0.05) for one in others)


def test_test_accuracy_judges_where_no_images_were_held_out(tmp_path):
    configs = [
        {"layer": layer, "validation_images": 0, "epochs": 2, "seed": seed}
        for layer in ("dense", "separable")
        for seed in range(3)
    ]
    ours = load_study(write_study(tmp_path, configs, space=spaces.FAMILIES))
    assert ours.metric == "test_accuracy"
    assert "% test accuracy" in answer(ours).words


def test_a_difference_is_told_with_enough_digits_that_it_is_not_zero():
    told = [points(one, signed=True) for one in (0.0031, 0.00003, -0.00003, 4e-6, 0.0, -1e-17)]
    assert told == ["+0.31", "+0.003", "-0.003", "+0.0004", "+0.00", "+0.00"]


@pytest.mark.parametrize(
    ("p", "told"),
    [(0.0496, "p = .0496"), (0.05004, "p = .05004"), (0.05, "p = .050"), (0.2, "p = .200")],
)
def test_a_p_value_is_told_with_enough_digits_that_its_side_of_the_level_is_seen(p, told):
    assert p_words(p) == told
    assert p_cell(p) == told.removeprefix("p ").removeprefix("= ")


class Close(Model):
    """Rank 8 leads by .003 points, which is far more than its runs differ by."""

    def draw(self, config, size, rng):
        return 0.9 + 3e-5 * (config.rank == 8) + 1e-7 * config.seed


def test_a_lead_below_a_hundredth_of_a_point_is_told_as_what_it_is(tmp_path):
    configs = [
        {"layer": "low_rank", "rank": rank, "seed": seed} for rank in (4, 8) for seed in range(5)
    ]
    ours = load_study(write_study(tmp_path, configs, space=spaces.FAMILIES, model=Close()))
    claim = best_claim(ours)
    assert claim.verdict == "shown"
    assert "by +0.003 points (95 % interval +0.003 to +0.003, p < .001)" in claim.words


class Alike(Model):
    def draw(self, config, size, rng):
        return 0.9


def test_runs_that_ended_alike_are_not_called_one_seed(tmp_path):
    configs = [
        {"layer": "low_rank", "rank": rank, "seed": seed} for rank in (4, 8) for seed in range(5)
    ]
    ours = load_study(write_study(tmp_path, configs, space=spaces.FAMILIES, model=Alike()))
    claim = best_claim(ours)
    assert claim.words.startswith("Chance cannot be judged, since the runs of each network ended")
    assert claim.words.endswith("came out highest, 90.00 % validation accuracy (n = 5).")
    assert (claim.verdict, claim.n) == ("cannot_say", 10)
