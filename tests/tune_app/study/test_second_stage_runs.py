"""The second stage of a study through Ray: it follows the first, also after an interrupt."""

import pytest

from analysis.record.rows import Planned
from analysis.study.study import load_study
from tests.tune_app.workload import plan_of, planned, some_trials

pytestmark = pytest.mark.ray


@pytest.mark.parametrize("search", ["grid", "optuna"])
def test_one_command_goes_on_from_choosing_to_estimating(engine, search):
    trials = some_trials(6) if search == "grid" else []
    stages = {"search": search, "scheduler": "asha", "estimating_seeds": (1000, 1001)}
    plan = plan_of(trials, open_ended=0 if trials else 6, **stages)
    outcome = engine.run(plan)
    assert outcome.exit_code == 0, engine.lines
    ran = {row.trial_id: row.config for row in engine.of(Planned)}
    estimating = {name: config for name, config in ran.items() if config["seed"] >= 1000}
    assert sorted(config["seed"] for config in estimating.values()) == [1000, 1001]
    study = load_study(engine.folder)
    status = study.trials.set_index("trial_id")["status"]
    assert set(status[list(estimating)]) == {"finished"}  # no scheduler stops an estimate
    finished = study.trials[(study.trials["seed"] < 1000) & (study.trials["status"] == "finished")]
    best = finished.sort_values("val_accuracy_last").iloc[-1]
    assert {config["learning_rate"] for config in estimating.values()} == {best["learning_rate"]}
    assert any("stage 2: 1 chosen," in line for line in engine.lines)
    before = engine.trained
    assert (engine.run(plan).exit_code, engine.trained) == (0, before)


def test_the_second_stage_goes_on_after_an_interrupt(engine):
    plan = plan_of(some_trials(2), estimating_seeds=(1000, 1001))
    ends = [planned(learning_rate=rate, seed=1001) for rate in (0.01, 0.0109)]
    faults = {one.trial_id: {str(n): ["raise", 4] for n in range(1, 9)} for one in ends}
    assert engine.run(plan, {"faults": faults}).exit_code == 1
    assert engine.statuses == {"finished": 3, "failed": 1}, engine.lines
    assert engine.run(plan).exit_code == 0
    assert engine.statuses == {"finished": 4}


def test_the_second_stage_takes_the_workers_of_the_first(engine):
    """Each that was let go left its slot empty for the seconds that another took to start."""
    plan = plan_of(some_trials(2), estimating_seeds=(1000, 1001))
    assert engine.run(plan, {"together": 2, "seconds": 0.3}, slots=2).exit_code == 0
    logs = (engine.folder / "checkpoints").glob("*/worker.log")
    workers = {line.split()[-1] for log in logs for line in log.read_text().splitlines()}
    assert engine.statuses == {"finished": 4}
    assert len(workers) == 2
