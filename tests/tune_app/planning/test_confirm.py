"""A confirmation: the best of a real record, fresh seeds, every training image."""

import dataclasses
import json
from pathlib import Path

import pytest
from PIL import Image

from analysis.study.best import best_configuration
from analysis.study.size_steps import size_step
from analysis.study.study import load_study
from search_spaces.registry import SPACES
from tests.image_folder import write_images
from tests.ledger import append_rows, ended_trial, write_ledger
from trainables.config.trial_id import trial_id
from tune_app.command.errors import UsageError
from tune_app.command.options import RunOptions
from tune_app.planning.confirm import confirm_options, make_confirm_plan
from tune_app.planning.identity import study_identity
from tune_app.planning.parsed_point import PlannedTrial
from tune_app.planning.plan import Plan, make_plan
from tune_app.planning.rows import planned_row

SPACE = SPACES["quickstart"]


def record(results: Path, gain: float) -> Path:
    """Three seeds of every quickstart point, better the larger the network; one failed."""
    options = RunOptions(space="quickstart", results_dir=results, seeds=3)
    rows = []
    for trial in make_plan(options, SPACE).trials:
        failed = trial.config.layer == "dense" and trial.config.seed == 1
        accuracy = 0.5 + gain * trial.size.parameters + 0.001 * trial.config.seed
        rows += ended_trial(trial, accuracy, status="failed" if failed else "finished")
    return write_ledger(results / "quickstart", *rows)


@pytest.fixture
def study(tmp_path: Path) -> Path:
    return record(tmp_path, gain=1 / 300_000)


def confirmed(study: Path, **options) -> Plan:
    given = {"confirm": 3, "top": 2, **options}
    return make_confirm_plan(
        RunOptions(space="quickstart", results_dir=study.parent, **given), SPACE
    )


def test_the_best_run_again_on_fresh_seeds_with_every_training_image(study: Path) -> None:
    plan = confirmed(study)
    assert len(plan.trials) == 6
    assert plan.seeds == (1000, 1001, 1002)  # what is found on them is evidence
    assert {trial.config.seed for trial in plan.trials} == {1000, 1001, 1002}
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
    plan = confirmed(write_ledger(tmp_path / "quickstart", *ended_trial(trial, 0.8)), top=1)
    assert {one.config.train_images for one in plan.trials} == {None}


def test_more_than_have_finished_cannot_be_confirmed(study: Path) -> None:
    with pytest.raises(UsageError, match="--top 20: 8 configurations"):
        confirmed(study, top=20)


def test_there_is_nothing_to_confirm_without_a_study(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--confirm retrains the best of a finished study"):
        confirmed(tmp_path / "quickstart")


def test_another_preset_than_the_studys_is_refused(study: Path) -> None:
    (study / "study.json").write_text(json.dumps({"options": {"preset": "full"}}))
    with pytest.raises(UsageError, match="--preset quick: the study was run with preset full"):
        confirmed(study, name="quickstart", preset="quick")


def test_no_option_is_dropped_without_a_word() -> None:
    """Each changes the confirmation, is refused, or says where and how it runs."""
    refused = {
        *("settings", "seeds", "estimating_seeds", "num_samples", "search", "search_seed"),
        *("scheduler", "grace_period", "reduction_factor", "objective", "dataset"),
    }
    honoured = {"confirm", "confirm_what", "top", "max_parameters", "max_macs", "preset", "name"}
    runs = {
        *("space", "data_dir", "download", "skip_unreadable", "gpus_per_trial", "cpus_per_trial"),
        *(
            "max_concurrent",
            "max_failures",
            "time_budget_seconds",
            "results_dir",
            "storage",
            "study_id",
            "checkpoint_seconds",
            "epochs_per_report",
            "accelerator_type",
            "resources",
            "keep",
        ),
        *("address", "reuse_from", "fresh", "plan_only", "as_json", "list_spaces", "command"),
    }
    assert {one.name for one in dataclasses.fields(RunOptions)} == refused | honoured | runs


def test_a_limit_of_size_is_kept(study: Path) -> None:
    limited = confirmed(study, top=1, max_parameters=20_000)
    assert {trial.size.parameters <= 20_000 for trial in limited.trials} == {True}
    assert {trial.config.layer for trial in confirmed(study, top=1).trials} == {"dense"}
    few = confirmed(study, top=2, max_macs=1.3e6)
    assert all(trial.size.macs(64) <= 1.3e6 for trial in few.trials)
    with pytest.raises(
        UsageError, match=r"--top 2: 0 .* within --max-parameters 100; of .* is 4,506 p"
    ):
        confirmed(study, max_parameters=100)
    with pytest.raises(UsageError, match=r"within --max-macs 10,000; .* the least is 721,536 m"):
        confirmed(study, max_macs=10_000.0)


def test_the_best_at_each_size_and_of_each_family(study: Path) -> None:
    every = {trial.config.with_values(seed=0): trial.size for trial in quickstart(study).trials}
    sizes = confirmed(study, top=1, confirm_what="sizes")
    steps = {size_step(size.parameters) for size in every.values()}
    assert {size_step(trial.size.parameters) for trial in sizes.trials} == steps
    assert len(sizes.trials) == 3 * len(steps)
    for step in steps:  # the record says: better, the larger
        (best,) = {
            one.size.parameters for one in sizes.trials if size_step(one.size.parameters) == step
        }
        within = [size.parameters for size in every.values() if size_step(size.parameters) == step]
        assert best == max(within)
    families = confirmed(study, top=1, confirm_what="families")
    assert len(families.trials) == 3 * 5
    assert {one.config.layer for one in families.trials} == set(SPACE.keys["layer"].domain.grid)
    assert len(confirmed(study, top=2, confirm_what="families").trials) == 3 * 8
    assert "the best of each family of quickstart on the test set" in families.space.question


def test_what_the_questions_chose_is_confirmed_and_asked_again(tmp_path: Path) -> None:
    study = record(tmp_path, gain=1e-8)
    plan = confirmed(study, top=1, confirm_what="question")
    assert "dense" in {trial.config.layer for trial in plan.trials}
    assert plan.space.questions == SPACE.questions
    assert (
        plan.space.question == "How good is what the questions chose of quickstart on the test set?"
    )
    assert confirmed(study, top=1).space.questions == ()


def test_the_best_is_the_one_that_the_reports_name(study: Path) -> None:
    """What was chosen competes by its estimating seeds; what was not comes after it."""
    chosen = next(one for one in quickstart(study).trials if one.config.layer == "low_rank")
    for seed in (1000, 1001, 1002):
        config = chosen.config.with_values(seed=seed)
        trial = PlannedTrial(trial_id(config, chosen.size), config, chosen.size)
        append_rows(study, *ended_trial(trial, 0.4))
    best = best_configuration(load_study(study))
    two = confirmed(study, top=2, confirm=1)
    assert [trial.config.layer for trial in two.trials] == ["low_rank", "dense"]
    assert best["layer"] == "low_rank"
    assert best["parameters"] == two.trials[0].size.parameters
    assert two.seeds == (1003,)


def test_another_data_set_is_not_confirmed(study: Path) -> None:
    with pytest.raises(UsageError, match="--dataset cifar10: the study trains on digits"):
        confirmed(study, dataset="cifar10")
    assert confirmed(study, dataset="digits").trials


def test_a_confirmation_that_was_begun_with_lower_seeds_goes_on_with_them(study: Path) -> None:
    begun = confirmed(study).trials[0].config.with_values(seed=3)
    size = begun.network_size()
    planned = planned_row(PlannedTrial(trial_id(begun, size), begun, size), time=0.0)
    write_ledger(study.parent / "quickstart-confirm", planned)
    assert confirmed(study).seeds == (3, 4, 5)


def test_a_presets_study_is_confirmed_by_the_command_that_began_it(study: Path) -> None:
    study.rename(study.parent / "quickstart-quick")
    assert confirmed(study, preset="quick").trials
    options = RunOptions(space="quickstart", results_dir=study.parent, preset="quick")
    assert confirm_options(options, SPACE).name == "quickstart-quick-confirm"


def quickstart(study: Path) -> Plan:
    return make_plan(RunOptions(space="quickstart", results_dir=study.parent, seeds=1), SPACE)


def test_images_that_the_command_named_are_those_that_are_confirmed_on(tmp_path: Path) -> None:
    """The space itself names another data set."""
    photos = write_images(tmp_path / "photos", {".": 20})
    options = RunOptions(
        space="quickstart",
        dataset="folder",
        data_dir=photos,
        results_dir=tmp_path,
        settings={"batch_size": (8,)},
    )
    plan = make_plan(options, SPACE)
    folder = write_ledger(tmp_path / "quickstart", *ended_trial(plan.trials[0], 0.8))
    (folder / "study.json").write_text(json.dumps({"identity": study_identity(plan)}))
    confirming = confirmed(folder, top=1, data_dir=photos)
    assert {one.config.dataset for one in confirming.trials} == {"folder"}
    Image.new("RGB", (9, 9), (1, 2, 3)).save(photos / "cat" / "01.png")
    with pytest.raises(UsageError, match="trained on other images"):
        confirmed(folder, top=1, data_dir=photos)
