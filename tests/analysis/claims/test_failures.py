"""How runs that diverged or learned nothing count, and that the sentence says so."""

import numpy as np

from analysis.claims.answers import answers_to
from analysis.claims.comparison import compare_values
from benchmarks.calibration.design import noisy
from benchmarks.calibration.missing import _family_plan
from benchmarks.calibration.questions import _smallest_plan
from search_spaces.grammar.space_json import questions


def test_an_arm_of_which_every_run_failed_is_beaten_in_every_sentence():
    plan = _family_plan(False)
    first, second = plan.space["keys"]["layer"]["domain"]["values"][:2]
    status = ["diverged" if c["layer"] == first else "finished" for c in plan.configs]
    accuracy = noisy(plan, np.full(len(plan.configs), 0.9), 0.001, np.random.default_rng(0))
    study = plan.study(accuracy, status)
    contrast = compare_values(study, "layer", first, second)
    assert contrast.claim.verdict == "shown"
    assert "at chance in the arm of which no run learned anything" in contrast.claim.words
    assert contrast.effect.effect > 0.7


def test_the_smallest_network_says_which_runs_failed():
    plan = _smallest_plan()
    status = [
        "diverged" if one["layer"] == "dense" and one["seed"] == 1001 else "finished"
        for one in plan.configs
    ]
    mean = np.full(len(plan.configs), 0.9)
    accuracy = noisy(plan, mean, 0.0005, np.random.default_rng(0))
    (claim,) = answers_to(plan.study(accuracy, status), questions(plan.space)[0])
    assert claim.verdict == "shown"
    assert "1 of the reference's 5 runs diverged or learned nothing and is left out" in claim.words
