"""A plan of a study that has begun knows what is left and how long it takes."""

import dataclasses
import json
import math
from pathlib import Path

import msgspec
import pytest

import run_tune
from analysis.record.rows import Ended, Epoch, Run, Started
from search_spaces.registry import SPACES
from tests.ledger import write_ledger
from tune_app.command.options import RunOptions
from tune_app.planning.identity import study_identity
from tune_app.planning.plan import Plan, make_plan
from tune_app.planning.rows import planned_row
from tune_app.preview.evidence import most_chosen
from tune_app.preview.forecast import forecast
from tune_app.preview.plan_json import plan_json
from tune_app.preview.plan_view import plan_text
from tune_app.preview.progress import StudyProgress, read_progress
from tune_app.preview.speed_cache import MAX_NETWORKS, load_speeds, save_speeds
from tune_app.record.history import History
from tune_app.record.lease import Lease

SPACE = SPACES["quickstart"]


@pytest.fixture
def options(tmp_path: Path) -> RunOptions:
    return RunOptions(space="quickstart", results_dir=tmp_path, seeds=1, estimating_seeds=0)


@pytest.fixture
def plan(options: RunOptions) -> Plan:
    return make_plan(options, SPACE)


@pytest.fixture
def begun(options: RunOptions, plan: Plan) -> Path:
    """Of eight trials the first finished its six epochs, the second stopped for good after two."""
    first, second = plan.trials[0].trial_id, plan.trials[1].trial_id
    rows = [Run(0.0, "run_tune.py", slots=4)]
    rows += [planned_row(trial, time=0.0) for trial in plan.trials]
    for name, epochs in ((first, 6), (second, 2)):
        rows.append(Started(name, 1, 0.0))
        rows += [
            Epoch(name, 1, 1.0, n + 1, 0.1, 0.9, train_seconds=50, eval_seconds=10)
            for n in range(epochs)
        ]
    rows += [Ended(first, 1, 2.0, "finished", 6), Ended(second, 1, 2.0, "interrupted", 2)]
    folder = write_ledger(options.results_dir / "quickstart", *rows)
    document = {"identity": study_identity(plan)}
    (folder / "study.json").write_text(json.dumps(document), encoding="utf-8")
    return folder


def test_without_a_study_nothing_has_run(options: RunOptions, plan: Plan) -> None:
    assert read_progress(plan, options) == StudyProgress()
    assert len(StudyProgress().remaining(plan)) == 8
    assert forecast(plan).slot_seconds is None


@pytest.mark.usefixtures("begun")
def test_what_is_on_record_is_not_left_to_run(options: RunOptions, plan: Plan) -> None:
    progress = read_progress(plan, options)
    assert progress.counts(plan) == {"finished": 1, "interrupted": 1}
    left = {trial.trial_id: epochs for trial, epochs in progress.remaining(plan)}
    assert plan.trials[0].trial_id not in left
    assert left[plan.trials[1].trial_id] == 4
    assert sorted(left.values()) == [4, 6, 6, 6, 6, 6, 6]


@pytest.mark.usefixtures("begun")
def test_measured_epochs_forecast_the_time_that_is_left(options: RunOptions, plan: Plan) -> None:
    cost = forecast(plan, read_progress(plan, options))
    macs = [trial.size.macs(trial.config.batch_size) for trial in plan.trials]
    left = [0, 4, 6, 6, 6, 6, 6, 6]
    nearest = [min(macs[:2], key=lambda known: abs(math.log(known / one))) for one in macs]
    expected = sum(
        epochs * 60 * max(1.0, one / known)
        for epochs, one, known in zip(left, macs, nearest, strict=True)
    )
    assert cost.slots == 4
    assert cost.slot_seconds == pytest.approx(expected)
    assert f"about {expected / 4 / 60:.0f} minutes at 4 trials at once" in cost.lines()[1]


@pytest.mark.usefixtures("begun")
def test_the_hours_count_what_the_second_stage_may_come_to(options: RunOptions, plan: Plan) -> None:
    first = read_progress(plan, options).slot_seconds(plan)
    longer = dataclasses.replace(plan, estimating_seeds=(1000, 1001))
    both = read_progress(longer, options).slot_seconds(longer)
    macs = [trial.size.macs(trial.config.batch_size) for trial in plan.trials]
    nearest = [min(macs[:2], key=lambda known: abs(math.log(known / one))) for one in macs]
    mean = sum(6 * 60 * max(1.0, a / b) for a, b in zip(macs, nearest, strict=True)) / len(macs)
    assert both - first == pytest.approx(mean * 2 * most_chosen(longer))


@pytest.mark.usefixtures("begun")
def test_both_views_say_where_the_study_stands(options: RunOptions, plan: Plan) -> None:
    progress = read_progress(plan, options)
    text = plan_text(plan, progress)
    assert "on record: 1 finished, 1 interrupted; 7 trials left to run" in text
    statuses = [trial["status"] for trial in json.loads(plan_json(plan, progress))["trials"]]
    assert statuses == ["finished", "interrupted", *["never_ran"] * 6]


def test_a_plan_refuses_another_study_of_that_name_as_the_run_does(
    begun: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    ask = ["--space=quickstart", f"--results-dir={begun.parent}", "--set=epochs=3", "--plan"]
    assert run_tune.main(ask) == 2
    told = capfd.readouterr()
    assert f"error: {begun} is another study" in told.err
    assert "error:   epochs was 6, is 3" in told.err
    assert "without --plan the same command would be refused here" in told.out
    assert run_tune.main([*ask, "--json"]) == 2
    listed = json.loads(capfd.readouterr().out)
    assert "  epochs was 6, is 3" in listed["problems"]
    assert {trial["status"] for trial in listed["trials"]} == {"never_ran"}
    assert run_tune.main([*ask, "--fresh"]) == 0


def test_a_plan_refuses_a_record_that_the_run_could_not_read(
    begun: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    newer = '{"type":"opened","format":99,"name":"quickstart","time":0.0}\n'
    (begun / "ledger.jsonl").write_text(newer, encoding="utf-8")
    ask = ["--space=quickstart", f"--results-dir={begun.parent}", "--plan"]
    assert run_tune.main(ask) == 2
    assert "was written in format 99" in capfd.readouterr().err


def test_a_plan_says_that_a_study_is_in_use(begun: Path, capfd: pytest.CaptureFixture[str]) -> None:
    ask = ["--space=quickstart", f"--results-dir={begun.parent}", "--seeds=1", "--plan"]
    with Lease(begun):
        assert run_tune.main(ask) == 2
        assert "is in use by process" in capfd.readouterr().err
        assert run_tune.main([*ask, "--fresh"]) == 2
    capfd.readouterr()
    assert run_tune.main(ask) == 0


def test_what_another_study_has_finished_is_not_left_to_run(begun: Path, tmp_path: Path, capsys):
    ask = ["--space", "quickstart", "--seeds", "1", "--estimating-seeds", "0", "--plan"]
    elsewhere = [*ask, "--results-dir", str(tmp_path / "elsewhere"), "--reuse-from", str(begun)]
    assert run_tune.main(elsewhere) == 0
    told = "on record: 1 finished, 1 of them by --reuse-from; 7 trials left to run"
    assert told in " ".join(capsys.readouterr().out.split())
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.usefixtures("begun")
def test_a_fresh_start_counts_nothing(options: RunOptions, plan: Plan) -> None:
    fresh = RunOptions(space="quickstart", results_dir=options.results_dir, fresh=True)
    assert read_progress(plan, fresh) == StudyProgress()


def test_a_plan_that_has_not_begun_takes_its_hours_from_studies_beside_it(
    options: RunOptions, plan: Plan, tmp_path: Path
) -> None:
    """Quickstart trains on 1,290 digits: at 0.01 s an image, 13 s an epoch of the same network."""
    trial = plan.trials[0]
    row = Epoch(
        trial.trial_id, 1, 1.0, 1, 0.1, 0.9,
        train_seconds=40, eval_seconds=10, images_per_second=125,
    )  # fmt: skip
    save_speeds(tmp_path, History([planned_row(trial, time=0.0), row]), slots=4)
    progress = read_progress(plan, options)
    assert (progress.slots, progress.elsewhere, progress.statuses) == (4, True, {})
    macs = {one.trial_id: one.size.macs(one.config.batch_size) for one in plan.trials}
    same = macs[trial.trial_id]
    expected = sum(
        one.config.epochs * 12.9 * max(1.0, macs[one.trial_id] / same) for one in plan.trials
    )
    assert progress.slot_seconds(plan) == pytest.approx(expected, rel=0.001)
    lines = forecast(plan, progress).lines()
    assert "at 4 trials at once, as studies beside it ran" in lines[1]
    assert lines[2].startswith("  done on ")


def test_the_speeds_that_are_kept_are_those_measured_last(plan: Plan, tmp_path: Path) -> None:
    trial = plan.trials[0]
    row = Epoch(trial.trial_id, 1, 1.0, 1, 0.1, 0.9, train_seconds=4, images_per_second=100)
    for macs in (*range(1, MAX_NETWORKS + 1), 1, MAX_NETWORKS + 1):
        planned = msgspec.structs.replace(planned_row(trial, time=0.0), macs=macs)
        save_speeds(tmp_path, History([planned, row]), slots=1)
    kept = [*load_speeds(tmp_path)[0]]
    assert kept == [*range(3, MAX_NETWORKS + 1), 1, MAX_NETWORKS + 1]


def test_what_cannot_be_read_or_written_is_no_memory(options: RunOptions, plan: Plan) -> None:
    (options.results_dir / ".speeds.json").write_text("{")
    assert read_progress(plan, options) == StudyProgress()
    save_speeds(options.results_dir / "absent", History(), slots=1)
    assert load_speeds(options.results_dir / "absent") == ({}, 0)
