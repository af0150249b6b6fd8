"""The words of a contrast agree with its numbers where an arm diverges or seeds pair."""

import itertools
import re

import numpy as np
import pytest

from analysis.claims.answers import answer, answers_to
from analysis.claims.comparison import named_contrast, secondary_comparisons
from analysis.statistics.multiple_tests import holm
from analysis.study.study import load_study
from benchmarks.calibration.design import noisy
from benchmarks.calibration.missing import _family_plan
from benchmarks.calibration.simulated import choice, plan, space, two_stages
from search_spaces.grammar.space_json import questions
from tests.analysis import spaces
from tests.analysis.model import Model
from tests.analysis.simulation import Fate, write_study

QUESTION = {"kind": "contrast", "key": "learning_rate", "baseline": 0.2, "treatment": 0.8}
SPACE = {
    **spaces.DECAY,
    "questions": [QUESTION],
    "keys": {
        "rank": spaces._choice(8, 16),
        "learning_rate": spaces._choice(0.2, 0.8),
    },
}
CONFIGS = [
    {"layer": "low_rank", "rank": rank, "learning_rate": rate, "epochs": 4, "seed": seed}
    for rank in (8, 16)
    for rate in (0.2, 0.8)
    for seed in range(4)
]


class Ahead(Model):
    """The higher rate is a point better, where it learns anything."""

    def draw(self, config, size, rng):
        return 0.9 + 0.01 * (config.learning_rate > 0.5) + 0.001 * rng.normal()


@pytest.mark.parametrize(("lost", "verdict"), [(3, "cannot_say"), (2, "not_shown")])
def test_an_interval_of_no_difference_holds_zero_and_runs_that_are_not_there_say_nothing(
    lost, verdict, tmp_path
):
    def fates(number):
        config = CONFIGS[number]
        fails = config["learning_rate"] > 0.5 and config["seed"] < lost
        return (Fate("diverged", 2),) if fails else (Fate(),)

    claim = answer(
        load_study(write_study(tmp_path, CONFIGS, space=SPACE, model=Ahead(), fates=fates))
    )
    assert claim.verdict == verdict
    assert "diverged or learned nothing" in claim.words
    if verdict == "not_shown":
        assert claim.p == 1
        assert claim.low < 0 < claim.high
    else:
        assert claim.words.startswith("Runs that learned something are too few to say whether")
        assert "interval" not in claim.words


def test_pairs_that_the_design_makes_are_named_and_are_no_finding(tmp_path):
    configs = [{**config, "data_seed": -1} for config in CONFIGS]
    space = {**SPACE, "fixed": {**SPACE["fixed"], "data_seed": -1}}
    study = load_study(write_study(tmp_path, configs, space=space, model=Ahead()))
    found = answers_to(study, questions(study.space)[0])
    assert "compared seed by seed" in found[0].words
    assert len(found) == 1


class Split(Model):
    """Each seed's images are easier or harder, for both treatments alike."""

    def draw(self, config, size, rng):
        return 0.8 + 0.02 * config.seed + 0.003 * rng.normal()


def test_pairs_need_as_many_runs_as_their_differences_ask_for(tmp_path):
    configs = [{**config, "data_seed": -1} for config in CONFIGS]
    space = {**SPACE, "fixed": {**SPACE["fixed"], "data_seed": -1}}
    study = load_study(write_study(tmp_path, configs, space=space, model=Split()))
    found = named_contrast(study)
    assert found.claim.verdict == "not_shown"
    runs = int(re.search(r"takes about (\d+) runs of each", found.claim.words)[1])
    assert 5 <= runs <= 20
    assert found.power.set_index("difference")["runs"][0.005] == runs


class Alike(Model):
    """Every run reaches the same, as of networks that are beyond a small test."""

    def draw(self, config, size, rng):
        return 0.96


def test_runs_that_came_out_alike_do_not_say_how_many_would_show_a_difference(tmp_path):
    study = load_study(write_study(tmp_path, CONFIGS, space=SPACE, model=Alike()))
    found = named_contrast(study)
    assert found.claim.verdict == "not_shown"
    assert "p = 1.000" in found.claim.words
    assert "runs of each" not in found.claim.words  # it advised "about 0 runs"
    assert found.power.empty


def test_the_correction_of_secondary_comparisons_covers_the_tests_of_each_family(tmp_path):
    families = ("tensor_train", "tucker")
    keys = {
        "layer": spaces._choice(*families),
        "compression": spaces._choice(0.005, 0.01),
        "dims": spaces._choice(2, 3, 4, layer=families),
    }
    configs = [
        {"layer": layer, "compression": share, "dims": dims, "epochs": 1, "seed": seed}
        for layer in families
        for share in (0.005, 0.01)
        for dims in (2, 3, 4)
        for seed in range(3)
    ]
    space = {**spaces.FAMILIES, "keys": keys}
    found = secondary_comparisons(load_study(write_study(tmp_path, configs, space=space)))
    of_dims = [one for one in found if one.key == "dims"]
    assert [len(one.tests) for one in of_dims] == [2, 2, 2]
    adjusted = holm([p for one in found for p in one.tests])
    assert [claim.p for one in of_dims for claim in one.claims] == adjusted[-6:]
    assert min(adjusted) == pytest.approx(min(1, len(adjusted) * min(min(o.tests) for o in found)))


def test_one_budget_of_several_is_told_in_the_singular():
    plan = _family_plan(False)
    one = str(plan.trials["compression_budget"].dropna().iloc[0])
    lead = plan.trials["layer"].eq("tucker2") & plan.trials["compression_budget"].astype(str).eq(
        one
    )
    study = plan.study(noisy(plan, 0.9 + 0.02 * lead.to_numpy(), 0.001, np.random.default_rng(0)))
    asked = questions(plan.space)
    words = answers_to(two_stages(plan, study, asked), asked[0])[0].words
    assert "It is ahead of every rival" in words


def test_a_comparison_that_is_made_alone_is_not_corrected_for_others(tmp_path):
    space = {**SPACE, "questions": []}
    (alone,) = secondary_comparisons(
        load_study(write_study(tmp_path, CONFIGS, space=space, model=Ahead()))
    )
    assert alone.claim.p == alone.effect.p
    assert "Holm" not in alone.claim.words


def _points(**keys):
    return [
        {"layer": "low_rank", **dict(zip(keys, values, strict=True)), "seed": seed}
        for values in itertools.product(*keys.values())
        for seed in (0, 1, 2)
    ]


RATES = {"learning_rate": (0.1, 0.2), "rank": (4, 8)}
FAMILIES = {"layer": ("low_rank", "cp"), "compression": (0.1, 0.2)}


@pytest.mark.parametrize(
    ("configs", "finished", "reason"),
    [
        (_points(**RATES), lambda c: c["learning_rate"] < 0.2,
         "no run of learning_rate 0.2 has finished"),
        (_points(**RATES), lambda c: False, "no run of learning_rate 0.2 or 0.1 has finished"),
        (_points(**RATES), lambda c: (c["learning_rate"] < 0.2) == (c["rank"] == 4),
         "finished networks that differ in it differ in rank, too"),
        (_points(**RATES, epochs=(2, 3)),
         lambda c: (c["learning_rate"] < 0.2) == (c["rank"] == 4) == (c["epochs"] == 2),
         "finished networks that differ in it differ in rank and epochs, too"),
        (_points(**FAMILIES), lambda c: c["layer"] == "cp",
         "no run of layer low_rank has finished"),
        (_points(**FAMILIES), lambda c: (c["layer"] == "cp") == (c["compression"] == 0.1),
         "no two finished networks of equal size (within 3%) differ in it alone"),
        (_points(**FAMILIES, epochs=(2, 3)), lambda c: (c["layer"] == "cp") == (c["epochs"] == 2),
         "finished networks of equal size (within 3%) that differ in it differ in epochs, too"),
        (_points(**FAMILIES, learning_rate=(0.1, 0.2)),
         lambda c: (c["layer"] == "cp") == (c["compression"] == 0.1),
         "no two finished networks of equal size (within 3%) differ in it alone"),
    ],
)  # fmt: skip
def test_where_nothing_can_be_compared_the_true_reason_is_said(configs, finished, reason):
    key, baseline, treatment = (
        ("layer", "low_rank", "cp") if "compression" in configs[0] else ("learning_rate", 0.1, 0.2)
    )
    question = {"kind": "contrast", "key": key, "baseline": baseline, "treatment": treatment}
    keys = {
        name: choice(
            *dict.fromkeys(config[name] for config in configs),
            role="nuisance" if name == "learning_rate" != key else "scientific",
        )
        for name in configs[0]
        if name != "seed"
    }
    ours = plan(space(keys, [question]), configs)
    status = ["finished" if finished(config) else "failed" for config in configs]
    claim = answer(ours.study(np.full(len(configs), 0.9), status))
    assert claim.verdict == "cannot_say"
    assert claim.words.endswith(f": {reason}.")
