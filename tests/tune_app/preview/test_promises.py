"""A plan promises of each question what its report can claim, and says where that is nothing."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from analysis.claims.comparison import named_contrast
from analysis.record.rows import Alias
from analysis.statistics.least_lead import smallest_lead
from analysis.study.study import Study, load_study
from search_spaces.grammar.domains import Choice
from search_spaces.grammar.key import Key
from search_spaces.grammar.question import Carry, Contrast, Question, Select, Smallest, Trend
from search_spaces.grammar.space import SearchSpace
from search_spaces.grammar.space_json import space_json
from tests.ledger import ended_trial, write_ledger
from tune_app.command.options import RunOptions
from tune_app.planning.plan import Plan, make_plan
from tune_app.preview.evidence import evidence_lines
from tune_app.preview.promises import promise_lines

FIXED = {"dataset": "digits", "width": 8, "epochs": 2, "batch_size": 64}
RANK = Key(Choice((2, 4)), when={"layer": ("low_rank", "tucker2", "cp")})
DIVISORS = Key(Choice((2, 4, 100, 200)))
"""Two of them leave rank 1, and so one network."""


def choice(*values, role: str = "scientific", **when) -> Key:
    return Key(Choice(values), role=role, when=when)


def planned(question: Question | None, keys: dict[str, Key], seeds: int = 2, **options) -> Plan:
    fixed = {key: value for key, value in {**FIXED, "layer": "low_rank"}.items() if key not in keys}
    space = SearchSpace(
        name="asked", question="", source="", fixed=fixed, keys=keys, seeds=seeds,
        questions=(question,) if question else (),
    )  # fmt: skip
    return make_plan(RunOptions(space="asked", **options), space)


def finished(plan: Plan, folder: Path) -> Study:
    rng = np.random.default_rng(0)
    rows = [row for one in plan.trials for row in ended_trial(one, rng.normal(0.9, 0.01), epochs=2)]
    rows += [Alias(one.config, one.same_as) for one in plan.duplicates]
    write_ledger(folder, *rows)
    text = json.dumps({"space": space_json(plan.space)})
    (folder / "study.json").write_text(text, encoding="utf-8")
    return load_study(folder)


@pytest.mark.parametrize(("runs", "blocks"), [(2, 5), (3, 8), (5, 28), (1_000, 1)])
def test_a_least_lead_is_shown_four_times_in_five(runs: int, blocks: int) -> None:
    lead = smallest_lead(runs, blocks)
    freedom = blocks - 1 if blocks >= 5 else 2 * (runs - 1)
    shown = stats.nct.sf(stats.t.ppf(0.975, freedom), freedom, lead * (runs * blocks / 2) ** 0.5)
    assert shown == pytest.approx(0.8, abs=0.005)


def test_the_more_rivals_tests_and_families_the_larger_a_lead_has_to_be() -> None:
    assert smallest_lead(5, rivals=15) > 1.3 * smallest_lead(5)
    assert smallest_lead(5, level=0.05 / 7) > smallest_lead(5)
    alike, uneven = (6,) * 5, (1, 1, 1, 1, 26)
    leads = [smallest_lead(5, 30, units=units) for units in (None, alike, uneven)]
    assert leads == sorted(set(leads))
    assert smallest_lead(2) > 10  # the report takes two runs against two for one degree of freedom
    assert smallest_lead(1, 10) == float("inf")


@pytest.mark.parametrize(
    ("question", "words"),
    [
        (Contrast("layer", "low_rank", "tucker2"), "contrast: a lead of"),
        (Select("layer", within="rank"), "select: a lead of"),
        (Smallest(0.01, {"rank": 4}), "smallest: a loss that is below the margin by"),
        (None, "best: a lead of"),
    ],
)
def test_the_plan_says_what_each_question_can_show(question: Question | None, words: str) -> None:
    keys = {
        "layer": choice("low_rank", "tucker2"),
        "rank": RANK,
        "label_smoothing": choice(0.0, 0.1),
    }
    if isinstance(question, Contrast):
        keys["rank"] = choice(*range(2, 9))  # of which some are of equal size
    lines = evidence_lines(planned(question, keys), spread=0.002)
    assert words in lines[2]
    assert "points at the 0.2 on record" in lines[2]


RATES = choice(0.1, 0.2, role="nuisance")


@pytest.mark.parametrize(
    ("question", "keys", "options", "words"),
    [
        (Contrast("learning_rate", 0.1, 0.2),
         {"rank": choice(2, 4), "learning_rate": choice(0.1, 0.2)}, {"seeds": 1},
         "contrast: nothing, since one run of each says nothing about chance; --seeds 3 or more"),
        (Contrast("learning_rate", 0.1, 0.2),
         {"rank": choice(2), "learning_rate": choice(0.1, 0.2), "label_smoothing": RATES},
         {"estimating_seeds": 1}, "--estimating-seeds 3 or more"),
        (Contrast("layer", "dense", "low_rank"),
         {"layer": choice("dense", "low_rank"), "rank": choice(2, layer=("low_rank",))}, {},
         "no two different networks of equal size (within 3%) differ in layer alone"),
        (Contrast("learning_rate", 0.1, 0.2),
         {"rank": choice(2, 4), "learning_rate": choice(0.1, 0.2),
          "label_smoothing": choice(0.05, 0.1, learning_rate=(0.1,))}, {},
         "no network runs with both learning_rate=0.1 and 0.2"),
        (Select("label_smoothing", within="rank"),
         {"layer": choice("low_rank", "cp"), "rank": choice(2, 4, layer=("low_rank",)),
          "compression": choice(0.1, layer=("cp",)),
          "label_smoothing": choice(0.0, 0.1, layer=("cp",))}, {},
         "select: nothing, since no rank has two values of label_smoothing"),
        (Smallest(0.01, {"rank": 2}), {"rank": choice(2, 4)}, {},
         "smallest: nothing, since no network is smaller than the reference"),
        (Select("layer", within="rank"), {"layer": choice("low_rank", "cp"), "rank": RANK},
         {"estimating_seeds": 1}, "select: nothing, since one run of each"),
        (None, {"rank": choice(2, 4)}, {"seeds": 1}, "best: nothing, since one run of each"),
        (None, {"rank": choice(2)}, {}, "best: nothing, since one configuration has no rival"),
    ],
)  # fmt: skip
def test_a_plan_says_of_what_it_can_show_nothing_and_what_helps(
    question: Question | None, keys: dict[str, Key], options: dict[str, int], words: str
) -> None:
    (promise,) = promise_lines(planned(question, keys, **options))
    assert words in promise
    assert "lead of" not in promise


@pytest.mark.parametrize(
    ("question", "keys"),
    [
        (Contrast("learning_rate", 0.1, 0.2),
         {"rank_divisor": DIVISORS, "learning_rate": choice(0.1, 0.2)}),
        (Contrast("layer", "low_rank", "tucker2"),
         {"layer": choice("low_rank", "tucker2"), "rank": choice(*range(2, 12))}),
        (Contrast("dims", 2, 3),
         {"layer": choice("tensor_train", "low_rank"), "rank": choice(*range(2, 12)),
          "dims": choice(2, 3, layer=("tensor_train",))}),
        (Contrast("width", 8, 9), {"width": choice(8, 9), "rank": choice(*range(2, 12))}),
    ],
)  # fmt: skip
def test_a_plan_counts_the_pairs_that_its_report_compares(
    question: Contrast, keys: dict[str, Key], tmp_path: Path
) -> None:
    plan = planned(question, keys)
    blocks = named_contrast(finished(plan, tmp_path)).effect.blocks
    assert blocks > 1
    assert f" over {blocks} architectures" in promise_lines(plan)[0]


def test_families_that_are_judged_alone_need_a_larger_lead_each() -> None:
    keys = {
        "layer": choice("low_rank", "tucker2"), "rank": choice(2, 4),
        "learning_rate": choice(0.1, 0.2),
    }  # fmt: skip
    (promise,) = promise_lines(planned(Contrast("learning_rate", 0.1, 0.2), keys))
    assert "over 2 architectures in any of 2 families, each judged alone" in promise
    assert f"{smallest_lead(2, 2, level=0.025):.2g} standard deviations" in promise


def test_budgets_share_one_correction() -> None:
    keys = {"layer": choice("low_rank", "tucker2", "cp"), "rank": RANK}
    (promise,) = promise_lines(planned(Select("layer", within="rank"), keys))
    assert f"{smallest_lead(5, rivals=2, level=0.025):.2g} standard deviations" in promise
    assert "over 2 rivals at any of 2 values of rank" in promise


def test_without_a_question_the_seeds_that_choose_tell_how_far_the_best_is_ahead() -> None:
    (promise,) = promise_lines(planned(None, {"rank": choice(2, 4, 6)}, seeds=3))
    assert f"{smallest_lead(3, rivals=2):.2g} standard deviations" in promise


def test_a_contrast_is_judged_on_fresh_seeds_where_something_was_tuned() -> None:
    keys = {"rank": choice(2), "learning_rate": choice(0.1, 0.2)}
    question = Contrast("learning_rate", 0.1, 0.2)
    (plain,) = promise_lines(planned(question, keys))
    (tuned,) = promise_lines(planned(question, {**keys, "label_smoothing": RATES}))
    assert f"{smallest_lead(2):.2g} standard" in plain
    assert f"{smallest_lead(5):.2g} standard" in tuned


def test_runs_that_are_compared_seed_by_seed_are_pairs() -> None:
    keys = {"rank": choice(2), "learning_rate": choice(0.1, 0.2)}
    plan = planned(Contrast("learning_rate", 0.1, 0.2), keys, seeds=4)
    by_seed = dataclasses.replace(
        plan,
        trials=tuple(
            dataclasses.replace(one, config=one.config.with_values(data_seed=-1))
            for one in plan.trials
        ),
    )
    assert f"{smallest_lead(4, paired=True):.2g} standard" in promise_lines(by_seed)[0]


def test_a_trend_promises_no_lead() -> None:
    keys = {
        "rank": choice(2, 4, 6),
        "weight_decay": choice(1e-4, 3e-4, 1e-3, 3e-3, 1e-2, role="carried"),
    }
    assert "trend: an exponent" in promise_lines(planned(Trend("weight_decay"), keys))[0]


def test_a_carry_counts_the_networks_that_differ() -> None:
    keys = {
        "rank_divisor": DIVISORS, "weight_decay": choice(1e-4, 1e-3, 1e-2, role="carried"),
        "learning_rate": choice(0.1, 0.2),
    }  # fmt: skip
    (promise,) = promise_lines(planned(Carry("weight_decay", "learning_rate"), keys))
    assert "over 3 architectures" in promise


def test_where_a_search_proposes_points_the_plan_says_of_what_its_lead_is() -> None:
    keys = {"rank": choice(2, 4), "learning_rate": choice(0.1, 0.2)}
    plan = planned(Contrast("learning_rate", 0.1, 0.2), keys, search="optuna", num_samples=4)
    (promise,) = promise_lines(plan)
    assert promise.endswith("between seeds, of one pair that the search proposes")
