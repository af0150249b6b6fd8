"""A plan of a study that has begun knows what is left and how long it takes."""

import json
from pathlib import Path

import pytest

from analysis.record import Ended, Epoch, Opened, Run, Started, encode
from search_spaces.registry import SPACES
from tune_app.forecast import forecast
from tune_app.identity import study_identity
from tune_app.options import RunOptions
from tune_app.plan import Plan, make_plan
from tune_app.plan_view import plan_json, plan_text
from tune_app.rows import planned_row
from tune_app.standing import Standing, read_standing

SPACE = SPACES["quickstart"]


@pytest.fixture
def options(tmp_path: Path) -> RunOptions:
    return RunOptions(space="quickstart", results_dir=tmp_path)


@pytest.fixture
def plan(options: RunOptions) -> Plan:
    return make_plan(options, SPACE)


@pytest.fixture
def begun(options: RunOptions, plan: Plan) -> Path:
    """Of eight trials the first finished its six epochs, the second stopped for good after two."""
    first, second = plan.trials[0].trial_id, plan.trials[1].trial_id
    rows = [Opened(format=1, name="quickstart", time=0.0), Run(0.0, "run_tune.py", slots=4)]
    rows += [planned_row(trial, time=0.0) for trial in plan.trials]
    for name, epochs in ((first, 6), (second, 2)):
        rows.append(Started(name, 1, 0.0))
        rows += [
            Epoch(name, 1, 1.0, n + 1, 0.1, 0.9, train_seconds=50, eval_seconds=10)
            for n in range(epochs)
        ]
    rows += [Ended(first, 1, 2.0, "finished", 6), Ended(second, 1, 2.0, "interrupted", 2)]
    folder = options.results_dir / "quickstart"
    folder.mkdir()
    (folder / "ledger.jsonl").write_bytes(encode(rows))
    document = {"identity": study_identity(plan)}
    (folder / "study.json").write_text(json.dumps(document), encoding="utf-8")
    return folder


def test_without_a_study_nothing_has_run(options: RunOptions, plan: Plan) -> None:
    assert read_standing(plan, options) == Standing()
    assert len(Standing().left(plan)) == 8
    assert forecast(plan).slot_seconds is None


@pytest.mark.usefixtures("begun")
def test_what_is_on_record_is_not_left_to_run(options: RunOptions, plan: Plan) -> None:
    standing = read_standing(plan, options)
    assert standing.counts(plan) == {"finished": 1, "interrupted": 1}
    left = {trial.trial_id: epochs for trial, epochs in standing.left(plan)}
    assert plan.trials[0].trial_id not in left
    assert left[plan.trials[1].trial_id] == 4
    assert sorted(left.values()) == [4, 6, 6, 6, 6, 6, 6]


@pytest.mark.usefixtures("begun")
def test_measured_epochs_forecast_the_time_that_is_left(options: RunOptions, plan: Plan) -> None:
    cost = forecast(plan, read_standing(plan, options))
    assert (cost.slots, cost.slot_seconds) == (4, (4 + 6 * 6) * 60)
    assert "about 10 minutes at 4 trials at once" in cost.lines()[1]


@pytest.mark.usefixtures("begun")
def test_both_views_say_where_the_study_stands(options: RunOptions, plan: Plan) -> None:
    standing = read_standing(plan, options)
    text = plan_text(plan, standing)
    assert "on record: 1 finished, 1 interrupted; 7 trials left to run" in text
    statuses = [trial["status"] for trial in json.loads(plan_json(plan, standing))["trials"]]
    assert statuses == ["finished", "interrupted", *["never_ran"] * 6]


@pytest.mark.usefixtures("begun")
def test_another_study_of_that_name_is_told_beforehand(options: RunOptions) -> None:
    other = RunOptions(
        space="quickstart", results_dir=options.results_dir, settings={"epochs": (3,)}
    )
    changed = make_plan(other, SPACE)
    text = plan_text(changed, read_standing(changed, other))
    assert "a study of that name asks something else" in text
    assert "epochs was 6, is 3" in text


@pytest.mark.usefixtures("begun")
def test_a_fresh_start_counts_nothing(options: RunOptions, plan: Plan) -> None:
    fresh = RunOptions(space="quickstart", results_dir=options.results_dir, fresh=True)
    assert read_standing(plan, fresh) == Standing()
