"""The study's trials are those of the plans, and its projection is of what was measured."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from benchmarks.gpu.concurrency.trial_queue import TrialQueue
from benchmarks.gpu.deadline import Deadline
from benchmarks.gpu.setting import Setting
from benchmarks.gpu.stage import Postponed
from benchmarks.gpu.stages.study import SWEEPS, plans, projection, sample

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def setting(tmp_path):
    return Setting(torch.device("cpu"), True, tmp_path, Deadline(3600))


def test_the_full_plans_are_the_study_of_2018(tmp_path):
    full = plans(Setting(torch.device("cpu"), False, tmp_path, Deadline(1)))
    assert sum(SWEEPS.values()) == 189
    for name, configs in full.items():
        assert 0.8 * SWEEPS[name] < len(set(configs)) == len(configs) <= SWEEPS[name]
        assert {config.layer for config in configs} == {name}
        assert {(config.epochs, config.width, config.precision) for config in configs} == {
            (128, 64, "bf16")
        }


def test_a_projection_is_the_sampled_time_over_what_sharing_brings():
    samples = {
        name: {"trials": 10, "alone_seconds": seconds}
        for name, seconds in zip(SWEEPS, (600.0, 900.0, 1500.0), strict=True)
    }
    assert projection({"low_rank": samples["low_rank"]}, []) == {}
    assert projection(samples, [])["projected_minutes"] == 50
    # four at a time take 120 s each, 30 s of the card, where one alone takes 60
    shared = projection(samples, [{"seconds": 120.0, "together": 4}])
    assert shared["sharing_gain"] == 2
    assert shared["projected_minutes"] == 25


def test_a_sample_times_three_networks_of_a_sweep(setting):
    found = sample(setting, plans(setting)["tensor_train"])
    assert len(found["epoch_seconds"]) == 3
    assert found["alone_seconds"] > 0


QUEUE = """
import sys, time
from pathlib import Path

import torch

from benchmarks.gpu.concurrency.trial_queue import TrialQueue
from benchmarks.gpu.deadline import Deadline
from benchmarks.gpu.setting import Setting

if __name__ == "__main__":
    setting = Setting(torch.device("cpu"), True, Path(sys.argv[1]), Deadline(3600))
    config = setting.config(epochs=1)
    with TrialQueue(setting, [config], together=1) as queue:
        queue.result(config)
        print(*queue._executor._processes, flush=True)
        time.sleep(3600)
"""


def test_processes_of_a_queue_end_with_a_stage_that_is_killed(tmp_path):
    script = tmp_path / "stage.py"
    script.write_text(QUEUE)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(script), str(tmp_path)]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as stage:
        pids = stage.stdout.readline().split()
        stage.kill()
    assert pids
    until = time.monotonic() + 30
    while alive := [pid for pid in pids if Path("/proc", pid).exists()]:
        assert time.monotonic() < until, alive
        time.sleep(0.1)


def test_a_queue_runs_trials_and_postpones_what_there_is_no_time_for(setting, tmp_path):
    configs = plans(setting)["low_rank"][:2]
    with TrialQueue(setting, configs, together=2) as queue:
        results = [queue.result(config) for config in configs]
    assert [result["epochs"] for result in results] == [config.epochs for config in configs]
    assert len({result["trial_id"] for result in results}) == 2
    late = Setting(torch.device("cpu"), True, tmp_path, Deadline(0))
    with TrialQueue(late, configs, together=1) as queue, pytest.raises(Postponed):
        queue.result(configs[0])


@pytest.mark.ray
@pytest.mark.slow
def test_the_first_part_runs_with_ray_where_it_is_installed(tmp_path):
    command = [sys.executable, "-m", "benchmarks.gpu", "study", "--rehearse", "--out", tmp_path]
    assert subprocess.run(command, timeout=600).returncode == 0
    cells = json.loads((tmp_path / "study.json").read_text())["cells"]
    assert cells["with Ray"]["finished"] == 4
