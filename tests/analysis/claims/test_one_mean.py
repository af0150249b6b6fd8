"""Which runs judge what was not tuned, so that a configuration has one mean on a page."""

import numpy as np

from analysis.claims.answers import answers_to, best_claim
from benchmarks.calibration.contrasts import RANK_KEYS, SCALING
from benchmarks.calibration.design import ESTIMATING
from benchmarks.calibration.simulated import choice, plan, space
from search_spaces.grammar.space_json import questions

SCALED = [{"layer": "low_rank", "rank": 8, "weight_decay_scaling": one} for one in (0.0, 1.0)]


def test_of_equal_arms_a_select_names_the_one_that_is_best_everywhere():
    keys = {"compression": choice(0.1, 0.2), "label_smoothing": choice(0.0, 0.1)}
    asks = {"kind": "select", "key": "label_smoothing", "within": "compression"}
    configs = [
        {"layer": "low_rank", "compression": share, "label_smoothing": value, "seed": seed}
        for share in (0.1, 0.2)
        for value in (0.0, 0.1)
        for seed in (0, 1, 1000, 1001)
    ]
    ours = plan(space(keys, [asks]), configs)
    values = [0.8, 0.8, 0.91, 0.92, 0.9, 0.9, 0.92, 0.91]  # the second one chose higher
    study = ours.study(np.array([*values, *(value - 0.2 for value in values)]))
    _, selected, _ = answers_to(study, questions(study.space)[0])
    best = best_claim(study)
    assert "label_smoothing 0 (" in selected.words
    assert "label_smoothing 0 (" in best.words
    assert "91.50 % validation accuracy (n = 2 fresh seeds;" in selected.words
    assert "91.50 % validation accuracy (95 %" in best.words


def test_more_runs_of_what_came_out_highest_do_not_count_in_a_contrast_that_tunes_nothing():
    configs = [{**one, "seed": seed} for one in SCALED for seed in (0, 1, 2)]
    configs += [{**SCALED[1], "seed": seed} for seed in ESTIMATING]
    ours = plan(space(RANK_KEYS, [SCALING]), configs)
    found = answers_to(ours.study(np.full(len(configs), 0.9)), questions(ours.space)[0])[0]
    assert "n = 6 runs" in found.words


def test_no_interval_of_a_difference_reaches_beyond_a_hundred_points():
    ours = plan(space(RANK_KEYS, [SCALING]), [{**c, "seed": s} for c in SCALED for s in (0, 1)])
    claim, *_ = answers_to(ours.study(np.array([0.2, 0.9, 0.3, 0.95])), questions(ours.space)[0])
    assert (claim.low, claim.high) == (-1, 1)
    assert "-100.00 to +100.00" in claim.words
