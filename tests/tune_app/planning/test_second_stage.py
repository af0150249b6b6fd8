"""The second stage is planned from the record: what each arm chose, on seeds of its own."""

import dataclasses
import json
from pathlib import Path

import pytest

from analysis.record.rows import Alias
from analysis.study.study import load_study
from search_spaces.grammar.domains import Choice
from search_spaces.grammar.key import Key
from search_spaces.grammar.question import Contrast, Select
from search_spaces.grammar.space import SearchSpace
from search_spaces.grammar.space_json import space_json
from tests.ledger import ended_trial, write_ledger
from tune_app.command.options import RunOptions
from tune_app.planning.plan import Plan, make_plan
from tune_app.planning.rows import planned_row
from tune_app.planning.second_stage import second_stage
from tune_app.preview.evidence import most_chosen
from tune_app.preview.plan_json import plan_json
from tune_app.preview.plan_view import plan_text
from tune_app.preview.progress import StudyProgress, read_progress

FIXED = {"dataset": "digits", "width": 8, "epochs": 2, "batch_size": 64}
RATES = {0.1: -0.02, 0.2: 0.0, 0.4: -0.01}
"""What each rate takes from the accuracy; low-rank networks like .4 better."""


def space(**changes) -> SearchSpace:
    fields = {
        "name": "tuned",
        "question": "Which family?",
        "source": "",
        "fixed": FIXED,
        "keys": {
            "layer": Key(Choice(("dense", "separable", "low_rank"))),
            "rank": Key(Choice((2, 4)), when={"layer": ("low_rank",)}),
            "learning_rate": Key(Choice(tuple(RATES)), role="nuisance"),
        },
        "seeds": 2,
        "estimating_seeds": 3,
        "questions": (Contrast("layer", "dense", "separable"),),
    }
    return SearchSpace(**{**fields, **changes})


def accuracy(config) -> float:
    base = {"dense": 0.9, "separable": 0.85, "low_rank": 0.8}[config.layer]
    best = 0.05 if config.layer == "low_rank" and config.learning_rate == 0.4 else 0.0
    return base + RATES[config.learning_rate] + best + 0.001 * config.seed + (config.rank or 0) / 99


def record(options: RunOptions, asked: SearchSpace, plan: Plan, ended: int | None = None) -> Path:
    """A study of the plan's trials, the first ``ended`` of which have finished."""
    rows = []
    for number, trial in enumerate(plan.trials):
        if ended is None or number < ended:
            rows += ended_trial(trial, accuracy(trial.config), epochs=2, seconds=5)
        else:
            rows.append(planned_row(trial, time=0.0))
    rows += [Alias(duplicate.config, duplicate.same_as) for duplicate in plan.duplicates]
    folder = write_ledger(options.results_dir / asked.name, *rows)
    document = {"space": space_json(plan.space)}
    (folder / "study.json").write_text(json.dumps(document), encoding="utf-8")
    return folder


@pytest.fixture
def options(tmp_path: Path) -> RunOptions:
    return RunOptions(space="tuned", results_dir=tmp_path)


def test_what_each_arm_chose_runs_on_estimating_seeds(options: RunOptions) -> None:
    asked = space()
    plan = make_plan(options, asked)
    stage = second_stage(plan, load_study(record(options, asked, plan)))
    chosen = {(one.config.layer, one.config.rank, one.config.learning_rate) for one in stage.trials}
    assert ("dense", None, 0.2) in chosen  # the best of all
    assert {one.config.seed for one in stage.trials} == {1000, 1001, 1002}
    assert [one.config.seed for one in stage.trials] == sorted(
        one.config.seed for one in stage.trials
    )
    assert len(stage.trials) == 3 * stage.configurations
    first = {one.config.with_values(seed=0) for one in plan.trials}
    assert {one.config.with_values(seed=0) for one in stage.trials} <= first


def test_a_selection_estimates_the_best_of_every_arm_within_every_budget(
    options: RunOptions,
) -> None:
    asked = space(
        keys={
            "layer": Key(Choice(("low_rank", "tensor_train"))),
            "rank": Key(Choice((2, 4))),
            "learning_rate": Key(Choice((0.1, 0.2)), role="nuisance"),
        },
        questions=(Select("layer", "rank"),),
    )
    plan = make_plan(options, asked)
    rows = []
    for trial in plan.trials:
        value = 0.5 + trial.config.rank / 99 + 0.01 * (trial.config.learning_rate == 0.1)
        rows += ended_trial(trial, value, epochs=2)
    folder = write_ledger(options.results_dir / asked.name, *rows)
    stage = second_stage(plan, load_study(folder))
    arms = {(one.config.layer, one.config.rank, one.config.learning_rate) for one in stage.trials}
    assert arms == {(layer, rank, 0.1) for layer in ("low_rank", "tensor_train") for rank in (2, 4)}
    assert stage.configurations == 4 == most_chosen(plan) - 1


def test_what_exceeds_a_limit_is_not_chosen(options: RunOptions) -> None:
    asked = space()
    whole = make_plan(options, asked)
    folder = record(options, asked, whole)
    largest = max(trial.size.parameters for trial in whole.trials)
    rules = dataclasses.replace(whole.rules, max_parameters=largest - 1)
    limited = dataclasses.replace(whole, rules=rules)
    stage = second_stage(limited, load_study(folder))
    assert stage.trials
    assert max(trial.size.parameters for trial in stage.trials) < largest


def test_a_plan_says_both_stages_and_then_which_runs_the_second_has(options: RunOptions) -> None:
    asked = space()
    plan = make_plan(options, asked)
    before = plan_text(plan, StudyProgress())
    assert "stage 1, to choose: every point on 2 seeds" in before
    assert "stage 2, to estimate: what each arm chose, on 3 fresh seeds: at most" in before
    record(options, asked, plan)
    progress = read_progress(plan, options)
    assert progress.estimating
    after = plan_text(plan, progress)
    assert f"fresh seeds: {len(progress.estimating)} runs" in " ".join(after.split())
    assert "stage 2, the chosen configurations:" in after
    assert all(trial.trial_id in after for trial in progress.estimating)
    assert f"{len(progress.estimating)} trials left to run" in " ".join(after.split())
    assert max(map(len, after.splitlines())) <= 80
    document = json.loads(plan_json(plan, progress))
    assert [one["id"] for one in document["estimating"]] == [
        one.trial_id for one in progress.estimating
    ]


def test_nothing_is_chosen_before_the_first_stage_has_ended(options: RunOptions) -> None:
    asked = space()
    plan = make_plan(options, asked)
    record(options, asked, plan, ended=5)
    assert read_progress(plan, options).estimating == ()


def test_a_study_in_one_stage_says_so(tmp_path: Path) -> None:
    options = RunOptions(space="tuned", results_dir=tmp_path, estimating_seeds=0)
    plan = make_plan(options, space())
    text = " ".join(plan_text(plan, StudyProgress()).split())
    assert "one stage: the best of several is not run again on fresh seeds" in text
    assert "stage 2" not in text
    record(options, space(), plan)
    assert read_progress(plan, options).estimating == ()
