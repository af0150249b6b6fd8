"""A study through Ray: every searcher, every scheduler, failures answered, growth."""

import os
import shutil
import threading
import time
from pathlib import Path

import pytest

from analysis.record.rows import Alias, Closed, Ended, Epoch, Infeasible, Planned, Started
from analysis.study.study import load_study
from search_spaces.grammar.domains import Float
from search_spaces.grammar.key import Key
from tests.tune_app.ray_engine import Engine
from tests.tune_app.workload import plan_of, planned, some_trials, space
from trainables.config.installation import command_here
from tune_app.command.errors import UsageError
from tune_app.command.schedulers import SCHEDULERS
from tune_app.command.searchers import SEARCHERS, Points
from tune_app.planning.plan import Duplicate, Rejected
from tune_app.record.lease import Lease
from tune_app.session.watchdog import HangTimeouts

pytestmark = pytest.mark.ray


@pytest.fixture(scope="module")
def finished(ray_here, tmp_path_factory) -> Path:
    """The results folder of three finished trials, to be copied."""
    results = tmp_path_factory.mktemp("finished")
    assert Engine(results).run(plan_of(some_trials(3))).exit_code == 0
    return results


@pytest.fixture
def known(finished, tmp_path) -> Engine:
    """A study in which ``some_trials(3)`` have finished."""
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True)
    return Engine(tmp_path)


@pytest.mark.parametrize(
    ("search", "scheduler"),
    [(search, "none") for search in SEARCHERS]
    + [("random", scheduler) for scheduler in SCHEDULERS if scheduler != "none"],
)
def test_every_searcher_and_every_scheduler_drives_a_full_search(engine, search, scheduler):
    proposed = SEARCHERS[search].points is Points.PROPOSED
    trials = [] if proposed else some_trials(10)
    plan = plan_of(trials, search=search, scheduler=scheduler, open_ended=0 if trials else 10)
    outcome = engine.run(plan)
    assert outcome.exit_code == 0, engine.lines
    assert sum(engine.statuses.values()) == 10
    assert set(engine.statuses) <= {"finished", "stopped"}
    if scheduler == "none":
        assert engine.statuses == {"finished": 10}
    assert outcome.best in {row.trial_id for row in engine.of(Planned)}
    assert isinstance(engine.rows[-1], Closed)


def test_asha_stops_trials_after_the_warm_up_and_lets_the_best_finish(engine):
    trials = some_trials(16)
    outcome = engine.run(plan_of(trials, scheduler="asha"), slots=2)
    assert outcome.exit_code == 0
    stopped = [row for row in engine.of(Ended) if row.status == "stopped"]
    assert stopped
    assert all(row.epoch >= 2 for row in stopped)  # dawn's rate rises for 9 × 5/24 epochs
    rates = {trial.trial_id: trial.config.learning_rate for trial in trials}
    assert rates[outcome.best] > sorted(rates.values())[8]


def break_when_written(ledger: Path, size: int) -> None:
    """Once the ledger has so many bytes, its writer's descriptor takes no more."""
    while not (ledger.exists() and ledger.stat().st_size > size):
        time.sleep(0.02)
    for entry in Path("/proc/self/fd").iterdir():
        if entry.is_symlink() and entry.readlink() == ledger:
            os.dup2(os.open(ledger, os.O_RDONLY), int(entry.name))


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="finds the ledger in /proc")
def test_a_record_that_cannot_be_written_ends_the_search_and_the_next_run_goes_on(engine):
    plan, ledger = plan_of(some_trials(2)), engine.folder / "ledger.jsonl"
    striker = threading.Thread(target=break_when_written, args=(ledger, 6000))
    striker.start()
    assert engine.run(plan, {"seconds": 0.1}).exit_code == 1
    striker.join()
    told = f"the record cannot be written: {ledger}: Bad file descriptor"
    assert any(told in line for line in engine.lines), engine.lines
    assert engine.lines[-1].startswith("to continue: ")
    assert not engine.of(Closed)
    assert engine.run(plan).exit_code == 0
    assert engine.statuses == {"finished": 2}
    epochs = [(row.trial_id, row.epoch) for row in engine.of(Epoch)]
    assert len(epochs) == len(set(epochs)) == 2 * 9


def test_each_failure_is_answered_in_its_way_and_takes_no_other_trial_along(engine):
    trials = some_trials(8)
    stumbles, fails, diverges, grows, dies, hangs, *healthy = trials
    faults = {
        stumbles: {"1": ["raise", 3]},
        fails: {str(number): ["raise", 4] for number in range(1, 9)},
        diverges: {"1": ["nan", 5]},
        grows: {"1": ["oom", 2]},
        dies: {"1": ["kill", 6]},
        hangs: {"1": ["hang", 4]},
    }
    script = {
        "seconds": 0.02,
        "faults": {trial.trial_id: one for trial, one in faults.items()},
    }
    timeouts = HangTimeouts(factor=10, floor=10.0, first=120.0)
    outcome = engine.run(plan_of(trials), script, slots=2, setting={"timeouts": timeouts})
    assert outcome.exit_code == 1
    assert engine.statuses == {"finished": 6, "failed": 1, "diverged": 1}, engine.lines

    assert [end.kind for end in engine.ends(stumbles)] == ["exception", None]
    assert engine.epochs(stumbles) == list(range(1, 10))

    assert [end.retry for end in engine.ends(fails)] == [True, True, False]
    assert "scripted failure" in engine.ends(fails)[-1].error
    assert engine.epochs(fails) == [1, 2, 3]

    assert engine.ends(diverges)[-1].status == "diverged"
    assert "epoch 5" in engine.ends(diverges)[-1].error

    assert [end.kind for end in engine.ends(grows)] == ["out_of_memory", None]
    assert [end.kind for end in engine.ends(dies)] == ["lost_worker", None]
    assert [end.kind for end in engine.ends(hangs)] == ["timeout", None]
    for trial in healthy:
        assert engine.attempts(trial) == 1
    assert all(count == 1 for key, count in engine.trained.items() if key[0] == healthy[0].trial_id)


def test_a_lost_workers_slot_is_filled_though_trials_are_shorter_than_a_workers_start(engine):
    dies, *others = some_trials(40)
    script = {"seconds": 0.05, "faults": {dies.trial_id: {"1": ["kill", 5]}}}
    assert engine.run(plan_of([dies, *others]), script, slots=2).exit_code == 0
    last = load_study(engine.folder).attempts.sort_values("started").tail(10)
    busy = (last["ended"] - last["started"]).sum()
    assert busy > 1.5 * (last["ended"].max() - last["started"].min())  # two at a time again


def test_the_same_command_again_runs_nothing(known):
    before = known.trained
    rows = len(known.rows)
    assert known.run(plan_of(some_trials(3))).exit_code == 0
    assert known.trained == before
    assert len(known.rows) == rows + 2  # this run began, and was closed


def test_a_checkpoint_ahead_of_the_ledger_reports_its_epochs_again(known):
    """The worker had trained on when the driver was killed: what it saved is not trained again."""
    trials = some_trials(3)
    ledger = known.folder / "ledger.jsonl"
    lines = ledger.read_bytes().splitlines(keepends=True)
    last = trials[2].trial_id.encode()
    cut = next(n for n, line in enumerate(lines) if last in line and b'"epoch":4,' in line)
    ledger.write_bytes(b"".join(lines[:cut]))
    assert known.run(plan_of(trials)).exit_code == 0
    assert known.epochs(trials[2]) == list(range(1, 10))
    assert set(known.trained.values()) == {1}
    assert known.of(Started)[-1].epoch == 3


def test_a_study_grows_by_points_and_by_a_kinder_scheduler(engine):
    trials = some_trials(12)
    engine.run(plan_of(trials, scheduler="asha"))
    stopped = {row.trial_id for row in engine.of(Ended) if row.status == "stopped"}
    assert stopped
    more = [*trials, planned(learning_rate=0.5), planned(learning_rate=0.6)]
    outcome = engine.run(plan_of(more, scheduler="none"))
    assert outcome.exit_code == 0
    assert engine.statuses == {"finished": 14}
    assert set(engine.trained.values()) == {1}  # a stopped trial went on where it was
    for trial in more:
        assert engine.epochs(trial) == list(range(1, 10))


def test_results_of_another_study_are_taken_over(engine, tmp_path):
    trials = some_trials(4)
    Engine(tmp_path, "first").run(plan_of(trials[:3]))
    outcome = engine.run(plan_of(trials), reuse_from=(tmp_path / "first",))
    assert outcome.exit_code == 0
    assert engine.statuses == {"finished": 4}
    assert {name for name, _ in engine.trained} == {trials[3].trial_id}


def test_another_identity_is_refused_with_the_difference_or_begins_anew(known):
    (trial,) = some_trials(1)
    wider = plan_of([trial], space=space(fixed={"layer": "low_rank", "rank": 4, "width": 16}))
    with pytest.raises(UsageError, match="width was 8, is 16"):
        known.run(wider)
    assert known.run(wider, fresh=True).exit_code == 0
    (aside,) = known.results.glob("scripted.until-*")
    assert (aside / "ledger.jsonl").is_file()
    assert known.epochs(trial) == list(range(1, 10))


def test_a_second_driver_is_told_who_holds_the_study(engine):
    with Lease(engine.folder), pytest.raises(UsageError, match="in use by process"):
        engine.run(plan_of(some_trials(1)))
    assert not (engine.folder / "ledger.jsonl").exists()


def test_a_time_budget_ends_the_search_and_accounts_for_the_rest(engine):
    trials = some_trials(12)
    began = time.monotonic()
    outcome = engine.run(plan_of(trials), {"seconds": 0.2}, time_budget_seconds=4.0)
    assert time.monotonic() - began < 34
    assert outcome.exit_code == 0
    assert outcome.counts["never_ran"] > 0
    assert "time budget" in outcome.reason
    assert engine.lines[-1] == f"to continue: {command_here()} again"
    assert engine.run(plan_of(trials), {"seconds": 0.0}).counts == {"finished": 12}


def test_duplicates_and_infeasible_points_are_on_record_once(engine):
    (trial,) = some_trials(1)
    plan = plan_of(
        [trial],
        duplicates=(Duplicate({"rank_divisor": 2}, trial.trial_id),),
        infeasible=(Rejected({"rank": 999}, "rank 999 is above the channels"),),
    )
    for _ in range(2):
        assert engine.run(plan).exit_code == 0
    assert engine.of(Alias) == [Alias({"rank_divisor": 2}, trial.trial_id)]
    assert engine.of(Infeasible) == [Infeasible({"rank": 999}, "rank 999 is above the channels")]


def test_a_trial_that_fits_no_node_is_refused_and_nothing_starts(engine):
    with pytest.raises(UsageError, match="at most 2 on one node"):
        engine.run(plan_of(some_trials(1)), cpus_per_trial=5)
    with pytest.raises(UsageError, match="no GPU here"):
        engine.run(plan_of(some_trials(1)), gpus_per_trial=0.5)
    assert not (engine.folder / "ledger.jsonl").exists()


def test_a_search_in_chunks_runs_every_trial_once(engine):
    trials = some_trials(7)
    outcome = engine.run(plan_of(trials), setting={"attempts_per_fit": 4})
    assert outcome.counts == {"finished": 7}
    assert len(engine.of(Started)) == 7


def test_asha_continued_after_each_few_trials_ends_as_one_that_ran_through(engine, tmp_path):
    """At one slot the order is the plan's: decisions must be equal, not only the rungs."""
    trials = some_trials(12)
    engine.run(plan_of(trials, scheduler="asha"))
    pieces = Engine(tmp_path, "pieces")
    for count in (5, 12):
        pieces.run(plan_of(trials[:count], scheduler="asha"))

    def ends(one):
        return {row.trial_id: (row.status, row.epoch) for row in one.of(Ended)}

    assert ends(pieces) == ends(engine)
    assert {status for status, _ in ends(engine).values()} == {"finished", "stopped"}


def test_optuna_optimises_two_objectives_to_the_end(engine):
    keys = {"learning_rate": Key(Float(0.01, 1.0, log=True))}
    plan = plan_of([], space=space(keys=keys), search="optuna", scheduler="asha", open_ended=6)
    outcome = engine.run(plan, slots=2, objective=("val_accuracy", "parameters"))
    assert outcome.exit_code == 0
    assert sum(outcome.counts.values()) == 6
    assert engine.of(Epoch)
