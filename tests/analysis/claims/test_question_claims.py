"""Claims of each kind of question: words and tag agree, and what cannot be known is not claimed."""

import numpy as np
import pytest

from analysis.claims.answers import answer, answers_to, best_claim
from analysis.claims.arm import Arm
from analysis.claims.selection import Sized, best_by_budget
from analysis.study.study import load_study
from benchmarks.calibration import simulated
from benchmarks.calibration.contrasts import RANK_KEYS, SCALING, scaled_configs
from benchmarks.calibration.design import ESTIMATING, noisy
from benchmarks.calibration.missing import SHARES, _contrast_plan, _family_plan
from benchmarks.calibration.questions import _smallest_plan
from benchmarks.calibration.simulated import as_study, choice, space, two_stages
from benchmarks.calibration.trends import DECAYS, decay_mean, decay_plan
from benchmarks.study.records import PUBLISHED, unpack
from search_spaces.grammar.space_json import questions

QUIET = 0.0005
SCALED = [{"layer": "low_rank", "rank": 8, "weight_decay_scaling": one} for one in (0.0, 1.0)]


def told(plan, mean, status=None, staged=True):
    """What is said of the plan's first question, its answer first."""
    study = plan.study(noisy(plan, mean, QUIET, np.random.default_rng(0)), status)
    asked = questions(plan.space)
    return answers_to(two_stages(plan, study, asked) if staged else study, asked[0])


def families(leads, larger=False):
    plan = _family_plan(larger)
    return plan, [
        0.9
        + leads.get(one["layer"], 0.0)
        + leads.get("above", 0.0) * (one["budget_side"] == "above")
        for one in plan.configs
    ]


def test_a_trend_is_shown_where_the_best_value_follows_the_size():
    plan = decay_plan(True, ("trend",))
    (claim,) = told(plan, decay_mean(plan, 1.0, -1.9, "a parabola"))
    assert claim.verdict == "shown"
    assert claim.low <= 1 <= claim.high
    assert claim.p < 0.05
    assert f"α̂ = {claim.effect:.2f}" in claim.words


def test_a_trend_that_is_not_there_is_not_shown():
    plan = decay_plan(True, ("trend",))
    (claim,) = told(plan, decay_mean(plan, 0.0, -3.3, "a parabola"))
    assert claim.verdict == "not_shown"
    assert "is not shown to follow" in claim.words


def test_scalings_that_follow_no_common_curve_give_no_common_exponent():
    """The decay of the weights that are no factors decides, which no scaling changes."""
    plan = decay_plan(True, ("trend",))
    decay = np.log10(plan.trials["weight_decay"].to_numpy(dtype=float))
    together, plain = told(plan, 0.9 - 0.01 * (decay + 3.3) ** 2)
    assert together.verdict == "cannot_say"
    assert together.words.startswith("No one exponent holds for every weight_decay_scaling")
    assert plain.verdict == "not_shown"
    assert "at weight_decay_scaling 0" in plain.words
    assert plain.low <= 0 <= plain.high
    assert plain.n < together.n


def test_what_breaks_training_at_one_decay_for_all_is_no_exponent():
    plan = decay_plan(True, ("trend",))
    trials = plan.trials
    share = np.log10(trials["compression"].to_numpy(dtype=float))
    decay = np.log10(trials["weight_decay"].to_numpy(dtype=float))
    decay = decay + share * trials["weight_decay_scaling"].to_numpy(dtype=float)
    slope = 0.3 * np.clip(decay + 2.8, 0, None)
    mean = decay_mean(plan, 1.0, -2.2, "a parabola") - slope
    study = plan.study(noisy(plan, mean, 0.003, np.random.default_rng(0)))
    two = as_study(plan.space, study.trials[study.trials["seed"] < 2])
    claim = answers_to(two, questions(plan.space)[0])[0]
    assert claim.verdict == "cannot_say"
    assert "something else than the place of the best value decides" in claim.words


def test_where_all_but_one_run_of_an_arm_failed_no_seed_is_blamed():
    plan = _contrast_plan()
    treated = [one for one, config in enumerate(plan.configs) if config["weight_decay_scaling"]]
    status = np.full(len(plan.configs), "finished", dtype=object)
    status[treated[1:]] = "diverged"
    said = told(plan, 0.9 - 0.01 * np.isin(np.arange(len(status)), treated), status, staged=False)
    assert said[0].verdict == "cannot_say"
    assert said[0].words.startswith("Runs that learned something are too few to say whether")


@pytest.mark.parametrize(("shift", "way"), [(-1.0, "upwards"), (-6.0, "downwards")])
def test_a_carry_whose_value_lies_at_an_end_of_the_grid_says_which_way_to_widen(shift, way):
    plan = decay_plan(True, ("carry",))
    compared, *each = told(plan, decay_mean(plan, 0.0, shift, "a parabola"))
    assert compared.verdict == "cannot_say"
    at_zero = next(claim for claim in each if "scaling 0:" in claim.words)
    assert at_zero.verdict == "cannot_say"
    assert f"widen weight_decay {way}" in at_zero.words


def test_a_network_without_the_treatments_key_is_no_arm_of_a_carry():
    question = {"kind": "carry", "key": "weight_decay", "treatment": "weight_decay_scaling"}
    keys = {
        "layer": choice("dense", "low_rank"),
        "weight_decay_scaling": choice(0.0, 1.0, layer=("low_rank",)),
        "weight_decay": choice(*DECAYS, role="carried"),
    }
    configs = [
        {**network, "weight_decay": decay, "seed": seed}
        for network in ({"layer": "dense"}, *SCALED)
        for decay in DECAYS
        for seed in (0, *ESTIMATING)
    ]
    plan = simulated.plan(space(keys, [question]), configs)
    compared, *each = told(plan, [0.9 - abs(np.log10(c["weight_decay"]) + 3.3) for c in configs])
    assert compared.verdict == "not_shown"
    assert [claim.words.partition(" costs")[0][-9:] for claim in each] == ["scaling 0", "scaling 1"]


def test_a_carried_value_costs_where_each_network_wants_its_own():
    plan = decay_plan(True, ("carry",))
    compared, plain, *_ = told(plan, 3 * (decay_mean(plan, 1.0, -2.4, "a parabola") - 0.9) + 0.9)
    assert plain.verdict == "shown"
    assert "at weight_decay_scaling 0 costs accuracy: +0.1" in plain.words
    assert plain.low > 0
    assert "less at 0.5 than at 0" in compared.words
    assert compared.words.startswith(
        f"One weight_decay carried over all architectures costs {100 * plain.effect:.2f} points"
    )


def test_a_select_names_the_best_at_each_budget():
    summary, *each = told(*families({"tucker2": 0.02}))
    assert summary.words.startswith("Best layer by compression: tucker2 at 0.05, 0.1.")
    assert [claim.verdict for claim in each] == ["shown", "shown"]
    assert all("tucker2" in claim.words and "is best" in claim.words for claim in each)


def test_a_select_in_one_stage_makes_no_claim_of_what_was_tuned():
    plan, mean = families({"tucker2": 0.02})
    study = plan.study(np.array(mean))
    first = study.trials[study.trials["seed"] < 1000].reset_index(drop=True)
    claim = answer(as_study(plan.space, first))
    assert claim.verdict == "cannot_say"
    assert "no runs on fresh seeds yet" in claim.words


def test_a_select_has_to_beat_the_width_above_a_budget_that_no_width_fills():
    plan, mean = families({"tucker2": 0.02, "above": 0.02}, larger=True)
    _, *each = told(plan, mean)
    assert {claim.verdict for claim in each} == {"not_shown"}
    assert all("dense, wider than the budget:" in claim.words for claim in each)


def test_runs_that_agree_at_one_budget_alone_are_taken_for_luck():
    values = {
        (1, "a"): [0.912, 0.9121, 0.9122],
        (1, "b"): [0.909, 0.9091, 0.9092],
        (2, "a"): [0.94, 0.91, 0.88],
        (2, "b"): [0.9, 0.9001, 0.9002],
    }
    budgets = {1: [], 2: []}
    for (budget, name), runs in values.items():
        arm = Arm(name, 1, np.array(runs), np.array(runs), 3)
        budgets[budget].append(Sized(arm, (name,), larger=False))
    assert best_by_budget({1: budgets[1]})[1].p < 0.001
    assert best_by_budget(budgets)[1].p > 0.05


def test_a_lead_has_one_interval_in_the_answer_and_in_what_is_best():
    plan, _ = families({})
    small = np.array([config["compression"] == SHARES[0] for config in plan.configs])
    noise = np.random.default_rng(0).normal(size=len(small))
    study = plan.study(np.where(small, 0.8 + 0.01 * noise, 0.9 + 0.001 * noise))
    asked = questions(plan.space)
    staged = two_stages(plan, study, asked)
    at_the_larger, best = answers_to(staged, asked[0])[-1], best_claim(staged)
    assert (best.effect, best.low, best.high) == pytest.approx(
        (at_the_larger.effect, at_the_larger.low, at_the_larger.high)
    )


def test_the_width_above_a_budget_wins_nothing():
    plan, mean = families({"above": 0.05}, larger=True)
    _, *each = told(plan, mean)
    assert not any("wider than the budget (" in claim.words for claim in each)
    assert {claim.verdict for claim in each} == {"not_shown"}


def test_widths_above_the_budget_are_compared_where_the_study_asks_for_no_other(tmp_path):
    unpack(PUBLISHED / "records" / "d_dense", tmp_path / "d_dense")
    first = answer(load_study(tmp_path / "d_dense"))
    assert first.words.startswith("At compression 0.03, learning_rate 0.8, wider than the budget")
    assert first.verdict == "not_shown"
    assert first.n == 15
    assert "61.14 % validation accuracy (n = 5 fresh seeds;" in first.words


def test_borrowed_runs_of_another_side_of_the_budget_are_no_other_arm(tmp_path):
    unpack(PUBLISHED / "records" / "d_decays", tmp_path / "d_decays")
    claim = answer(load_study(tmp_path / "d_decays"))
    assert "cp (12,376 parameters) is best: 62.40 %" in claim.words
    assert "best of 4 settings" in claim.words
    assert "ahead of dense, wider than the budget by +1.26 points" in claim.words
    assert (claim.verdict, claim.n) == ("shown", 10)


def test_a_rival_without_fresh_runs_keeps_a_family_from_being_called_best():
    plan, mean = families({"tucker2": 0.02, "tt_conv": 0.03})
    status = [
        "failed" if one["layer"] == "tt_conv" and one["seed"] >= 1000 else "finished"
        for one in plan.configs
    ]
    summary, *each = told(plan, mean, status)
    assert summary.verdict == "not_shown"
    assert all("cannot be compared" in claim.words for claim in each)


def test_the_smallest_network_within_the_margin_is_named():
    plan = _smallest_plan()
    mean = [0.9 - 0.03 * (one.get("rank") in (2, 4, 8)) for one in plan.configs]
    (claim,) = told(plan, mean)
    assert claim.verdict == "shown"
    assert claim.words.split()[2] in ("16", "24", "32", "48")
    assert "fresh runs" in claim.words


def test_the_smallest_is_not_named_without_fresh_runs():
    plan = _smallest_plan()
    status = ["failed" if one["seed"] >= 1000 else "finished" for one in plan.configs]
    (claim,) = told(plan, [0.9] * len(plan.configs), status)
    assert claim.verdict == "cannot_say"


def test_runs_that_a_machine_lost_stand_beside_those_that_finished():
    plan = _smallest_plan()
    lost = {("dense", 1000), ("dense", 1001)}
    status = [
        "failed" if (one["layer"], one["seed"]) in lost else "finished" for one in plan.configs
    ]
    (claim,) = told(plan, [0.9] * len(plan.configs), status)
    assert "planned)" in claim.words


def test_a_family_that_lost_every_run_has_not_been_beaten():
    plan, mean = families({"tucker2": 0.02})
    status = ["failed" if one["layer"] == "tt_conv" else "finished" for one in plan.configs]
    summary, *each = told(plan, mean, status)
    assert summary.verdict == "not_shown"
    assert all("1 rival without two runs cannot be compared" in claim.words for claim in each)
    stopped = ["stopped" if one["layer"] == "tt_conv" else "finished" for one in plan.configs]
    assert told(plan, mean, stopped)[0].verdict == "shown"


def test_a_select_says_which_grid_ends_were_chosen():
    plan, mean = families({"tucker2": 0.02})
    rates = [0.001 * (one["learning_rate"] == 0.4) for one in plan.configs]
    _, *each = told(plan, np.array(mean) + rates)
    families_ = "widen learning_rate upwards ("
    assert all(families_ in claim.words and claim.verdict == "shown" for claim in each)


def test_nothing_is_within_the_margin_of_a_network_that_learned_nothing():
    plan = _smallest_plan()
    status = ["diverged" if one["layer"] == "dense" else "finished" for one in plan.configs]
    (claim,) = told(plan, [0.9] * len(plan.configs), status)
    assert claim.verdict == "cannot_say"
    assert "5 runs diverged or learned nothing" in claim.words


def test_runs_that_a_scheduler_let_finish_are_no_evidence():
    seeds = (0, 1, 2, *ESTIMATING)
    staged = simulated.plan(space(RANK_KEYS, [SCALING]), scaled_configs(range(4, 8), seeds))
    mean = [
        0.9 + 0.01 * (one["weight_decay_scaling"] and one["seed"] < 1000) for one in staged.configs
    ]
    status = ["stopped" if one["seed"] == 0 else "finished" for one in staged.configs]
    claim, *_ = told(staged, mean, status)
    assert claim.verdict == "not_shown"  # on fresh seeds there is no difference
    assert "n = 40 fresh runs" in claim.words
    first = [one["seed"] < 1000 for one in staged.configs]
    study = staged.study(np.array(mean), status)
    study = as_study(staged.space, study.trials[first].reset_index(drop=True))
    assert answer(study).verdict == "cannot_say"
    assert "fresh seeds" in answer(study).words


def test_a_carried_value_is_judged_seed_by_seed_where_each_seed_holds_out_other_images():
    whole = decay_plan(True, ("carry",))
    split = simulated.plan(whole.space, [{**one, "data_seed": -1} for one in whole.configs])
    mean = 3 * (decay_mean(split, 1.0, -2.4, "a parabola") - 0.9) + 0.85
    luck = np.random.default_rng(1).normal(size=2000)[[one["seed"] for one in split.configs]]
    _, plain, *_ = told(split, mean + 0.01 * luck)
    assert plain.verdict == "shown"
    _, unpaired, *_ = told(whole, mean + 0.01 * luck)
    assert unpaired.high - unpaired.low > 2 * (plain.high - plain.low)
