"""From when on a scheduler may judge, and below what accuracy it judges nobody."""

import math
from pathlib import Path

import pytest

from search_spaces.registry import SPACES
from tune_app.command.command_line import parse_options
from tune_app.command.errors import UsageError
from tune_app.command.options import RunOptions
from tune_app.planning.horizon import Horizon, earliest_rung
from tune_app.planning.plan import Plan, make_plan
from tune_app.preview.plan_view import plan_text
from tune_app.preview.progress import StudyProgress


@pytest.fixture(autouse=True)
def _empty_results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def plan(space: str, **options) -> Plan:
    return make_plan(RunOptions(space=space, scheduler="asha", **options), SPACES[space])


@pytest.mark.parametrize(
    ("schedule", "epochs", "first"),
    [
        ("dawn", 24, 5),  # its warm-up
        ("dawn", 48, 10),
        ("dawn", 9, 3),
        ("dawn", 4, 1),
        ("cosine", 128, 32),
        ("cosine", 24, 6),
        ("cosine", 3, 1),
    ],
)
def test_the_first_rung_is_past_the_warm_up_and_a_quarter_under_cosine_or_in_short_schedules(
    schedule: str, epochs: int, first: int
) -> None:
    assert earliest_rung(schedule, epochs) == first


def test_the_longest_trial_decides() -> None:
    made = plan("low_rank", settings={"epochs": (8, 40)})
    assert (made.horizon.max_t, made.horizon.grace_period) == (40, 10)


@pytest.mark.parametrize(
    ("options", "floor"),
    [
        ({}, 0.1 + 2 * (0.09 / 5000) ** 0.5),
        ({"settings": {"validation_images": (900,)}}, 0.1 + 2 * (0.09 / 900) ** 0.5),
        ({"settings": {"protocol": ("original_tt",)}}, 0.1 + 2 * (0.09 / 10_000) ** 0.5),
    ],
)
def test_the_floor_is_two_standard_errors_above_chance(options: dict, floor: float) -> None:
    assert plan("tensor_train", **options).horizon.noise_floor == pytest.approx(floor)


def test_the_plan_prints_the_rungs_and_the_rule() -> None:
    made = plan("weight_decay", grace_period=6, reduction_factor=2.0)
    text = " ".join(plan_text(made, StudyProgress()).split())
    assert "asha: rungs at epochs 6, 12, where one trial in 2 continues" in text
    assert "stops no trial while its cut-off is at most 10.8%, two standard errors" in text


@pytest.mark.parametrize("grace", [1, 4, 25])
def test_a_grace_period_inside_the_warm_up_or_beyond_the_end_is_refused(grace: int) -> None:
    with pytest.raises(UsageError, match=f"--grace-period {grace}: .* name 5 to 24"):
        plan("weight_decay", grace_period=grace)


def test_what_no_scheduler_reads_is_refused() -> None:
    options = RunOptions(space="weight_decay", grace_period=6, reduction_factor=2.0)
    with pytest.raises(UsageError) as caught:
        make_plan(options, SPACES["weight_decay"])
    assert [problem.split()[0] for problem in caught.value.problems] == [
        "--grace-period",
        "--reduction-factor",
    ]


def test_both_are_options() -> None:
    given = parse_options(
        ["--space", "cp", "--scheduler=asha", "--grace-period=40", "--reduction-factor", "2.5"]
    )
    assert (given.grace_period, given.reduction_factor) == (40, 2.5)
    with pytest.raises(UsageError, match=r"takes a number of at least 1\.1"):
        parse_options(["--space", "cp", "--reduction-factor", "1"])


@pytest.mark.parametrize("reduction_factor", [2.0, 2.5, 3.0, 10.0])
@pytest.mark.parametrize("epochs", [1, 2, 3, 24, 81])
@pytest.mark.parametrize("schedule", ["dawn", "cosine"])
def test_the_printed_rungs_are_those_at_which_asha_judges(
    schedule: str, epochs: int, reduction_factor: float
) -> None:
    from tune_app.deciding.asha import Asha

    horizon = Horizon(epochs, earliest_rung(schedule, epochs), reduction_factor)
    judged = {
        math.ceil(rung[0]) for bracket in Asha(horizon)._brackets for rung in bracket._rungs
    } - {epochs}
    assert set(horizon.rungs) == judged
    words = horizon.words("asha")
    assert all(f" {rung}" in words for rung in judged)
    assert ("no rung before the last epoch" in words) == (not judged)
