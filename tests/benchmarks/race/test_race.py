"""The race: what it counts, and a rehearsal of it."""

import fcntl
import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import torch

from benchmarks.race.__main__ import main, outcome, summarise, table
from benchmarks.race.contestants import CONTESTANTS, trained_by_script
from benchmarks.race.optuna_script import open_study, optimize
from benchmarks.race.process_tree import run
from benchmarks.race.task import Task, read_task
from benchmarks.race.usual_training import UsualTraining, note_epoch

TASK = Task("digits", None, 256, 100, 4, 64, epochs=2, rates=(0.1, 0.2))


def test_a_task_is_read_as_it_was_written(tmp_path):
    TASK.write(tmp_path / "task.json")
    assert read_task(tmp_path / "task.json") == TASK


def test_epochs_that_were_trained_twice_are_counted_and_unfinished_trials_refused(tmp_path):
    contestant, log = CONTESTANTS["optuna_fp32"], tmp_path / "epochs.jsonl"
    for rate, epoch, accuracy in [(0.1, 1, 0.3), (0.2, 1, 0.2), (0.2, 1, 0.2), (0.2, 2, 0.4)]:
        note_epoch(log, rate, epoch, accuracy)
    with pytest.raises(RuntimeError, match="1 trials finished"):
        outcome(contestant, TASK, tmp_path)
    note_epoch(log, 0.1, 2, 0.5)
    assert outcome(contestant, TASK, tmp_path) == {"best_accuracy": 0.5, "epochs_trained_twice": 1}
    assert len(trained_by_script(tmp_path)) == 5


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_rival_goes_on_from_its_checkpoint(tmp_path, precision):
    first = UsualTraining(TASK, 0.1, 0, precision)
    assert 0 < next(first.epochs()) <= 1
    first.save(tmp_path / "state.pt")
    second = UsualTraining(TASK, 0.1, 0, precision)
    second.load(tmp_path / "state.pt")
    assert len(list(second.epochs())) == 1
    assert second.epochs_done == TASK.epochs


@pytest.fixture
def _threads_as_before():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("_threads_as_before")
def test_a_process_of_the_optuna_script_takes_a_trial_only_in_its_turn(tmp_path):
    TASK.write(tmp_path / "task.json")
    study = open_study(tmp_path)
    for rate in TASK.rates:
        study.enqueue_trial({"rate": rate})
    process = threading.Thread(target=optimize, args=(tmp_path, 0, "fp32"))
    with (tmp_path / "turn").open("a") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        process.start()
        process.join(3)
        assert {trial.state.name for trial in study.trials} == {"WAITING"}
    process.join(300)
    assert {trial.state.name for trial in study.trials} == {"COMPLETE"}
    assert len(trained_by_script(tmp_path)) == TASK.all_epochs


def test_a_command_is_measured_with_what_it_starts_and_killed_with_it(tmp_path):
    spend = "import time; end = time.process_time() + 0.7\nwhile time.process_time() < end: pass"
    child = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {spend!r}])"
    cost = run([sys.executable, "-c", child], tmp_path)
    assert 0.2 < cost.core_seconds <= cost.wall_seconds
    assert cost.peak_memory_mib > 0
    assert not cost.killed
    started = tmp_path / "started"
    endless = f"import pathlib, time; pathlib.Path({str(started)!r}).touch(); time.sleep(600)"
    child = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {endless!r}])"
    cost = run([sys.executable, "-c", child], tmp_path, kill_when=started.exists)
    assert cost.killed
    assert cost.wall_seconds < 300
    with pytest.raises(RuntimeError, match="exit status 3"):
        run([sys.executable, "-c", "raise SystemExit(3)"], tmp_path)


def test_ratios_are_taken_within_a_seed():
    def calm(name, seed, wall):
        figures = {"wall_seconds": wall, "core_seconds": 1, "peak_memory_mib": 1}
        return {"contestant": name, "seed": seed, "calm": {**figures, "best_accuracy": 0.5}}

    runs = [calm("ranktune", 0, 10), calm("ranktune", 1, 20), calm("ray_fp32", 1, 60)]
    summary = summarise(runs)
    assert summary["ray_fp32"]["times_ranktunes_wall"] == [3.0]
    assert summary["ranktune"]["wall_seconds"] == 15
    assert "ray_fp32" in table(summary)


@pytest.mark.ray
@pytest.mark.slow
def test_a_rehearsal_runs_kills_and_finishes(tmp_path, capsys):
    out = tmp_path / "race.json"
    given = ["--small", "--seeds", "1", "--out", str(out)]
    given += ["--contestants", "ranktune", "ray_fp32", "optuna_bf16"]
    main(given)
    figures = json.loads(out.read_text())
    ranktune = figures["summary"]["ranktune"]
    assert ranktune["epochs_trained_twice"] == 0
    assert figures["summary"]["optuna_bf16"]["epochs_trained_twice"] > 0
    assert "ray_fp32" in capsys.readouterr().out.splitlines()[-4]
    main(given)  # everything is there already
    assert json.loads(out.read_text())["runs"] == figures["runs"]


def test_without_data_it_says_what_it_needs():
    project = Path(__file__).resolve().parents[3]
    command = [sys.executable, "-m", "benchmarks.race"]
    ended = subprocess.run(command, cwd=project, capture_output=True, text=True)
    assert ended.returncode == 2
    assert "--data-dir is needed" in ended.stderr
