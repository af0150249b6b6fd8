"""One point of a plan: a trial, a duplicate or rejected."""

from search_spaces.registry import SPACES
from tune_app.planning.parsed_point import (
    Duplicate,
    PlannedTrial,
    PointRules,
    Rejected,
    plan_point,
    whole_point,
)


def test_one_point_is_a_trial_then_a_duplicate_or_rejected_with_the_reason() -> None:
    sweep = SPACES["low_rank"]
    rules = PointRules({"precision": "fp32", "classes": 10}, max_parameters=100_000)
    point = whole_point(sweep, {"rank_divisor": 30, "weight_decay_scaling": 0}, seed=2)
    trial = plan_point(point, rules, id_of_name={})
    assert isinstance(trial, PlannedTrial)
    assert (trial.config.precision, trial.config.seed) == ("fp32", 2)
    again = plan_point(point, rules, trial.names)
    assert again == Duplicate(point, trial.trial_id, trial.trial_id)
    large = plan_point({**point, "rank_divisor": 2}, rules, {})
    assert isinstance(large, Rejected)
    assert "--max-parameters" in large.reason
    wrong = plan_point({**point, "rank_divisor": 0, "epochs": 0}, rules, {})
    assert isinstance(wrong, Rejected)
    assert "rank_divisor" in wrong.reason
    assert "epochs" in wrong.reason


def test_a_precision_given_by_hand_is_kept() -> None:
    rules = PointRules({"precision": "bf16"})
    trial = plan_point({"layer": "dense", "precision": "fp32"}, rules, {})
    assert isinstance(trial, PlannedTrial)
    assert trial.config.precision == "fp32"
