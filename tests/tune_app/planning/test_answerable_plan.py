"""A question that a limit leaves without an arm is refused or not asked, with the way out."""

import dataclasses
import re
from pathlib import Path

import pytest

from search_spaces.grammar.domains import Choice
from search_spaces.grammar.key import Key
from search_spaces.grammar.question import Contrast, Select
from search_spaces.registry import SPACES
from tests.tune_app.workload import space
from tune_app.command.errors import UsageError
from tune_app.command.options import RunOptions
from tune_app.planning.plan import make_plan

FAMILIES = space(
    keys={
        "layer": Key(Choice(("dense", "separable", "low_rank"))),
        "width": Key(Choice((4, 8))),
        "rank": Key(Choice((1, 2)), when={"layer": ("low_rank",)}),
    },
    fixed={"epochs": 1},
    questions=(Contrast("layer", baseline="dense", treatment="low_rank"),),
)
SELECTED = dataclasses.replace(FAMILIES, questions=(Select("layer", within="width"),))
TRIED = [
    (FAMILIES, 20_000, "compares layer=dense with low_rank, and dense cannot run"),
    (SELECTED, 2_100, "compares layer within width, and one alone can run"),
    (SPACES["quickstart"], 10_000, "measures against layer=dense, which cannot run"),
    (SPACES["weight_decay"], 120_000, "needs networks of 3 sizes, and 1 can run"),
    (SPACES["weight_decay"], 120_000, "carries weight_decay over networks, and one alone can run"),
    (SPACES["dense"], 500_000, "measures against width=64, which cannot run"),
]


def options(tmp_path: Path, **changes) -> RunOptions:
    return RunOptions(space="", dataset="digits", results_dir=tmp_path, **changes)


def without_answer(asked, limit: int, tmp_path: Path) -> list[str]:
    """Why the questions are not asked: what refuses the plan, or what it says instead."""
    try:
        plan = make_plan(options(tmp_path, max_parameters=limit), asked)
    except UsageError as refused:
        return list(refused.problems)
    assert len(plan.space.questions) < len(asked.questions)
    assert plan.trials
    return [note for note in plan.notes if "is not asked" in note]


@pytest.mark.parametrize(("asked", "limit", "words"), TRIED, ids=lambda one: str(one)[:9])
def test_a_question_without_an_arm_is_named_and_the_limit_that_it_names_lets_it_be_asked(
    asked, limit, words, tmp_path
):
    assert make_plan(options(tmp_path), asked).space.questions == asked.questions
    told = without_answer(asked, limit, tmp_path)
    (problem,) = [one for one in told if words in one]
    assert f"--max-parameters {limit:,}" in problem
    assert "raise --max-parameters to" in problem
    raised = max(map(int, re.findall(r"raise --max-parameters to (\d+)", "".join(told))))
    plan = make_plan(options(tmp_path, max_parameters=raised), asked)
    assert plan.space.questions == asked.questions


def test_the_search_that_leaves_the_question_out_runs(tmp_path):
    with pytest.raises(UsageError) as caught:
        make_plan(options(tmp_path, max_parameters=20_000), FAMILIES)
    assert "--set layer=separable,low_rank" in str(caught.value)
    without = options(
        tmp_path, max_parameters=20_000, settings={"layer": ("separable", "low_rank")}
    )
    plan = make_plan(without, FAMILIES)
    assert plan.space.questions == ()
    assert plan.trials


def test_a_limit_that_leaves_nothing_is_told_by_what_it_leaves_out(tmp_path):
    plan = make_plan(options(tmp_path, max_parameters=10), FAMILIES)
    assert plan.trials == ()
    assert plan.infeasible


def dims_of_a_tensor_train(budget: float):
    """At width 8 a tensor train of two dims is low rank; three dims fill less than 20 %."""
    return space(
        keys={
            "layer": Key(Choice(("dense", "low_rank", "tensor_train"))),
            "compression": Key(Choice((0.1, budget)), when={"layer": ("low_rank", "tensor_train")}),
            "dims": Key(Choice((2, 3)), when={"layer": ("tensor_train",)}),
        },
        fixed={"epochs": 1, "width": 8},
        questions=(Contrast("dims", baseline=2, treatment=3),),
    )


def test_an_arm_that_is_the_network_of_another_family_can_run(tmp_path):
    asked = dims_of_a_tensor_train(0.5)
    plan = make_plan(options(tmp_path), asked)
    assert {point.config["dims"] for point in plan.duplicates} == {2}
    assert all(trial.config.dims == 3 for trial in plan.trials)
    assert plan.space.questions == asked.questions


def test_a_key_that_does_not_exist_for_a_network_is_no_arm(tmp_path):
    only = {"settings": {"compression": (0.2,)}}
    with pytest.raises(UsageError, match="compares dims=2 with 3, and 3 cannot run"):
        make_plan(options(tmp_path, **only), dims_of_a_tensor_train(0.2))
    selected = dataclasses.replace(
        dims_of_a_tensor_train(0.2), questions=(Select("dims", within="compression"),)
    )
    plan = make_plan(options(tmp_path, **only), selected)
    assert plan.trials
    assert any("one alone can run" in note for note in plan.notes)
