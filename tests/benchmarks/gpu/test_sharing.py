"""Processes train together, and the Multi-Process Service is used only where it is there."""

import pytest
import torch

from benchmarks.gpu.concurrency.mps import CONTROL, MpsUnavailable, mps
from benchmarks.gpu.concurrency.process_pool import process_pool
from benchmarks.gpu.deadline import Deadline
from benchmarks.gpu.setting import Setting
from benchmarks.gpu.stages.sharing import summarise

FAKE = """#!/bin/sh
echo "$* $(cat) $CUDA_MPS_PIPE_DIRECTORY" >> {log}
{body}
"""


@pytest.fixture
def control(tmp_path, monkeypatch):
    """Puts a program in the place of NVIDIA's; its calls are in the returned file."""

    def install(body=""):
        log = tmp_path / "calls"
        program = tmp_path / CONTROL
        program.write_text(FAKE.format(log=log, body=body))
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
        return log

    return install


@pytest.fixture
def setting(tmp_path):
    return Setting(torch.device("cpu"), True, tmp_path, Deadline(3600))


def test_processes_train_together_and_end(setting):
    config = setting.config(epochs=10**6, validation_images=0)
    with process_pool(setting, config, 2, {}) as pool:
        assert pool.size == 2
        both = pool.train(2, 0.3)
        assert both.images_per_second > 0
        assert pool.train(3, 0.3) is None


def test_a_process_that_cannot_start_is_heard_of(setting):
    config = setting.config(epochs=10**6, validation_images=0, train_images=10**6)
    with pytest.raises(RuntimeError, match="training images"), process_pool(setting, config, 1, {}):
        pass


def test_where_the_service_is_not_installed_that_is_the_reason(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MpsUnavailable, match="not installed"), mps():
        pass


def test_the_service_is_started_and_ended_with_folders_of_its_own(control):
    log = control("echo 4711")
    with mps() as running:
        pipe = running.environment["CUDA_MPS_PIPE_DIRECTORY"]
        running.check_clients()
    start, asked, ended = log.read_text().splitlines()
    assert (start.split(), asked.split(), ended.split()) == (
        ["-d", pipe],
        ["get_server_list", pipe],
        ["quit", pipe],
    )


def test_a_service_that_no_process_reaches_or_that_refuses_is_unavailable(control):
    control()
    with mps() as running, pytest.raises(MpsUnavailable, match="no process reached"):
        running.check_clients()
    control("echo 'not permitted' >&2; exit 1")
    with pytest.raises(MpsUnavailable, match="not permitted"), mps():
        pass


def test_a_choice_far_from_the_best_is_said():
    cell = {
        "images_per_second": {"1": 100.0, "2": 150.0, "3": 300.0},
        "chosen": 2,
        "best": 3,
        "chosen_of_best": 0.5,
        "best_over_alone": 3.0,
        "bytes_each": 2**30,
        "fitted": 3,
    }
    summary = summarise({"dense, without MPS": cell, "dense, with MPS": {"unavailable": "no"}})
    assert summary.rows == [
        ["dense, without MPS", "100", "3", "300", "3.00", "2", "0.50", "1.00", "3"]
    ]
    assert summary.misses == [
        "dense, without MPS: auto chose 2, 3 is the best",
        "dense, with MPS: no",
    ]
