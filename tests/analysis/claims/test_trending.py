"""What is said of an exponent."""

import math

import numpy as np

from analysis.claims.answers import answers_to
from analysis.claims.trending import _open
from analysis.statistics.trend import Exponent
from benchmarks.calibration.design import noisy
from benchmarks.calibration.trends import decay_plan
from search_spaces.grammar.space_json import questions


def test_runs_that_rule_out_no_exponent_say_so_in_words():
    plan = decay_plan(True, ("trend",))
    mean = np.full(len(plan.configs), 0.9)
    study = plan.study(noisy(plan, mean, 0.0005, np.random.default_rng(0)))
    (claim,) = answers_to(study, questions(plan.space)[0])
    assert claim.verdict == "cannot_say"
    assert "cannot be told: no exponent lies outside its 95 % interval" in claim.words
    assert "more runs, or values further apart, may tell" in claim.words


def test_an_interval_that_is_open_at_one_end_names_the_other():
    assert "begins at 0.50 and has no upper end" in _open(Exponent(1.0, 0.5, math.inf))
    assert "ends at 2.00 and has no lower end" in _open(Exponent(1.0, -math.inf, 2.0))
