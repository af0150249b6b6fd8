"""A confirmation: the best of a real record, fresh seeds, every training image."""

from pathlib import Path

import pytest

from analysis.record.record import Ended, Epoch, Opened, encode
from search_spaces.registry import SPACES
from tune_app.command.errors import UsageError
from tune_app.command.options import RunOptions
from tune_app.planning.confirm import confirm_options, make_confirm_plan
from tune_app.planning.plan import Plan, make_plan
from tune_app.planning.rows import planned_row

SPACE = SPACES["quickstart"]


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """Two seeds of every quickstart point, better the larger the network; one failed."""
    options = RunOptions(space="quickstart", results_dir=tmp_path, seeds=2)
    rows = [Opened(format=1, name="quickstart", time=0.0)]
    for trial in make_plan(options, SPACE).trials:
        name, parameters = trial.trial_id, trial.size.parameters
        failed = trial.config.layer == "dense" and trial.config.seed == 1
        accuracy = 0.5 + parameters / 300_000 + 0.001 * trial.config.seed
        rows += [
            planned_row(trial, time=0.0),
            Epoch(name, 1, 1.0, 6, 0.1, 0.9, 0.2, accuracy),
            Ended(name, 1, 2.0, "failed" if failed else "finished", 6),
        ]
    folder = tmp_path / "quickstart"
    folder.mkdir()
    (folder / "ledger.jsonl").write_bytes(encode(rows))
    return folder


def confirmed(study: Path, **options) -> Plan:
    given = {"confirm": 3, "top": 2, **options}
    return make_confirm_plan(
        RunOptions(space="quickstart", results_dir=study.parent, **given), SPACE
    )


def test_the_best_run_again_on_fresh_seeds_with_every_training_image(study: Path) -> None:
    plan = confirmed(study)
    assert len(plan.trials) == 6
    assert plan.seeds == (2, 3, 4)
    assert {trial.config.seed for trial in plan.trials} == {2, 3, 4}
    assert {trial.config.validation_images for trial in plan.trials} == {0}
    assert {trial.config.layer for trial in plan.trials} == {"dense", "tucker2"}
    assert {trial.config.rank_scale for trial in plan.trials} == {None, 0.5}
    assert {trial.config.epochs for trial in plan.trials} == {6}


def test_a_failed_seed_does_not_count(study: Path) -> None:
    best = confirmed(study, top=1).trials[0].config
    assert best.layer == "dense"


def test_nothing_stops_a_confirmation_early_and_its_question_says_what_it_is(study: Path) -> None:
    plan = confirmed(study)
    assert (plan.search, plan.scheduler) == ("grid", "none")
    assert plan.space.name == "quickstart-confirm"
    assert "test set" in plan.space.question
    assert plan.space.fixed["validation_images"] == 0
    assert plan.space.fixed["dataset"] == "digits"
    assert plan.space.keys["layer"].domain.grid == ("dense", "tucker2")


def test_it_has_a_study_folder_of_its_own() -> None:
    assert confirm_options(RunOptions(space="quickstart"), SPACE).name == "quickstart-confirm"
    assert confirm_options(RunOptions(space="quickstart", name="x"), SPACE).name == "x-confirm"


def test_a_subset_of_the_training_images_is_not_confirmed_as_a_subset(tmp_path: Path) -> None:
    options = RunOptions(
        space="quickstart", results_dir=tmp_path, settings={"train_images": (100,)}
    )
    trial = make_plan(options, SPACE).trials[0]
    rows = [
        planned_row(trial, time=0.0),
        Epoch(trial.trial_id, 1, 1.0, 6, 0.1, 0.9, 0.2, 0.8),
        Ended(trial.trial_id, 1, 2.0, "finished", 6),
    ]
    (tmp_path / "quickstart").mkdir()
    (tmp_path / "quickstart" / "ledger.jsonl").write_bytes(encode(rows))
    plan = confirmed(tmp_path / "quickstart", top=1)
    assert {one.config.train_images for one in plan.trials} == {None}


def test_more_than_have_finished_cannot_be_confirmed(study: Path) -> None:
    with pytest.raises(UsageError, match="--top 20: 8 configurations"):
        confirmed(study, top=20)


def test_there_is_nothing_to_confirm_without_a_study(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--confirm retrains the best of a finished study"):
        confirmed(tmp_path / "quickstart")


def test_options_that_shape_a_search_have_no_place_beside_it(study: Path) -> None:
    with pytest.raises(UsageError) as caught:
        confirmed(study, settings={"epochs": (2,)}, seeds=2, search="random", preset="quick")
    flags = [problem.split(" shapes")[0] for problem in caught.value.problems]
    assert flags == ["--set", "--preset quick", "--seeds", "--search"]
