"""A confirmation of what the questions chose asks them again, of its own runs."""

import json
from math import log10
from pathlib import Path

import msgspec
import pytest

from analysis.claims.answers import claims
from analysis.record.rows import Alias, AnyRow, Epoch
from analysis.study.study import Study, load_study
from search_spaces.grammar.space import SearchSpace
from search_spaces.grammar.space_json import space_json
from search_spaces.registry import SPACES
from tests.ledger import append_rows, ended_trial, write_ledger
from tune_app.command.errors import UsageError
from tune_app.command.options import RunOptions
from tune_app.planning.confirm import make_confirm_plan
from tune_app.planning.parsed_point import PlannedTrial
from tune_app.planning.plan import Plan, make_plan
from tune_app.planning.second_stage import second_stage

NARROW = {"width": (16,), "weight_decay": (5e-4,), "learning_rate": (0.2, 0.4)}
ASKED = {
    "equal_budget": NARROW | {"layer": ("dense", "cp", "tucker2"), "compression": (0.03, 0.1)},
    "weight_decay": {"width": (16,), "rank_scale": (0.25, 0.5, 1.0)},
    "tucker": {"width": (16,), "dims": (2,)},
    "low_rank": {"width": (16,), "rank_divisor": (2, 4, 8)},
}
ANSWERS = {
    "equal_budget": "Best layer and dims by compression: tucker2 at 0.03, 0.1.",
    "weight_decay": "One weight_decay carried over all architectures costs",
    "tucker": "is the smallest network shown to lose at most 1.00 points against",
    "low_rank": "weight_decay_scaling 1 raises test accuracy against weight_decay_scaling 0: +1.0",
}


def accuracy(trial: PlannedTrial) -> float:
    """Wider is better, and so are tucker2, a decay near 1e-3, and scaled decay."""
    config = trial.config
    size = 0.03 * log10(trial.size.compression)
    decay = 0.01 * (log10(config.weight_decay) + 3) ** 2
    noise = 0.001 * (config.seed * 7 % 5)
    lead = 0.03 * (config.layer == "tucker2") + 0.01 * config.weight_decay_scaling
    return 0.85 + size - decay + lead + noise


def ended(plan: Plan, *, tested: bool) -> list[AnyRow]:
    rows = [row for trial in plan.trials for row in ended_trial(trial, accuracy(trial))]
    rows += [Alias(double.config, double.same_as) for double in plan.duplicates]
    if not tested:
        return rows
    on_test = {"val_accuracy": None, "val_loss": None}
    return [
        msgspec.structs.replace(row, test_accuracy=row.val_accuracy, **on_test)
        if isinstance(row, Epoch)
        else row
        for row in rows
    ]


def searched(results: Path, name: str, **settings) -> Study:
    """Both stages of a search, on record."""
    asked = ASKED[name] | settings
    options = RunOptions(space=name, results_dir=results, seeds=2, settings=asked)
    plan = make_plan(options, SPACES[name])
    folder = write_ledger(results / name, *ended(plan, tested=False))
    document(folder, plan.space)
    append_rows(folder, *ended(second_stage(plan, load_study(folder)), tested=False))
    return load_study(folder)


def document(folder: Path, space: SearchSpace, **options) -> None:
    about = {"space": space_json(space), "options": options}
    (folder / "study.json").write_text(json.dumps(about))


def confirmation(results: Path, name: str, **options) -> Plan:
    given = {"confirm": 4, "confirm_what": "question", **options}
    return make_confirm_plan(RunOptions(space=name, results_dir=results, **given), SPACES[name])


@pytest.mark.parametrize("name", ASKED)
def test_every_question_that_chooses_is_answered_by_its_confirmation(tmp_path, name) -> None:
    searched(tmp_path, name)
    plan = confirmation(tmp_path, name)
    folder = write_ledger(tmp_path / f"{name}-confirm", *ended(plan, tested=True))
    document(folder, plan.space, confirm=4)
    answer, *others = claims(load_study(folder))
    assert ANSWERS[name] in answer.words
    assert answer.verdict != "cannot_say"
    assert answer.n == len(plan.trials)
    assert any(claim.words.startswith(f"{name} had said: ") for claim in others)
    assert not any("no runs on fresh seeds" in claim.words for claim in others)


def test_a_confirmation_of_each_family_compares_nothing_that_was_not_retrained(tmp_path) -> None:
    searched(tmp_path, "equal_budget")
    plan = confirmation(tmp_path, "equal_budget", confirm_what="families")
    folder = write_ledger(tmp_path / "equal_budget-confirm", *ended(plan, tested=True))
    document(folder, plan.space, confirm=4)
    said = claims(load_study(folder))
    assert said
    assert not any("against layer" in claim.words for claim in said)


def test_one_network_that_two_arms_chose_trains_once_and_counts_for_both(tmp_path) -> None:
    """Low-rank layers are a tensor train of two dims; one width of dense lies between budgets."""
    families = ("dense", "low_rank", "tensor_train")
    searched(
        tmp_path,
        "equal_budget",
        layer=families,
        dims=(2,),
        compression=(0.03, 0.05),
        learning_rate=(0.2,),
    )
    plan = confirmation(tmp_path, "equal_budget")
    sizes = [trial.size.parameters for trial in plan.trials if trial.config.seed == plan.seeds[0]]
    assert len(sizes) == len(set(sizes))
    twins = {double.config["layer"] for double in plan.duplicates}
    assert twins == {"dense", "tensor_train"}
    folder = write_ledger(tmp_path / "equal_budget-confirm", *ended(plan, tested=True))
    document(folder, plan.space, confirm=4)
    said = " ".join(claim.words for claim in claims(load_study(folder)))
    assert "without two runs" not in said


def test_an_untuned_contrast_is_confirmed_as_a_whole(tmp_path) -> None:
    searched(tmp_path, "low_rank")
    assert len(confirmation(tmp_path, "low_rank").trials) == 4 * 3 * 2


def test_a_confirmation_without_its_study_says_that_it_cannot_say(tmp_path) -> None:
    study = searched(tmp_path, "low_rank")
    plan = confirmation(tmp_path, "low_rank")
    folder = write_ledger(tmp_path / "low_rank-confirm", *ended(plan, tested=True))
    document(folder, plan.space, confirm=4)
    study.folder.rename(tmp_path / "elsewhere")
    answer = claims(load_study(folder))[0]
    assert answer.verdict == "cannot_say"
    assert "which does not lie beside it" in answer.words


def test_what_the_questions_chose_may_lie_outside_the_limits(tmp_path) -> None:
    searched(tmp_path, "tucker")
    with pytest.raises(UsageError, match="within --max-parameters 9,000 the questions chose none"):
        confirmation(tmp_path, "tucker", max_parameters=9_000)
