"""A training that the deadline stops goes on at the next call, and ends as if it had not."""

import dataclasses

import pytest
import torch

from benchmarks.gpu.deadline import Deadline
from benchmarks.gpu.setting import Setting
from benchmarks.gpu.stage import Postponed
from benchmarks.gpu.stages.accuracy import summarise
from benchmarks.gpu.whole_run import UNFINISHED, train


class AfterBatches(Deadline):
    """Passes when it has been asked so often."""

    def __init__(self, batches):
        super().__init__(3600)
        self._asked, self._batches = 0, batches

    def passed(self):
        self._asked += 1
        return self._asked > self._batches


@pytest.fixture
def setting(tmp_path):
    return Setting(torch.device("cpu"), True, tmp_path, Deadline(3600))


def test_a_run_in_three_calls_equals_a_run_in_one(setting):
    config = setting.config(epochs=3, layer="tensor_train", rank=2)
    straight = train(config, setting)
    for _ in range(2):
        with pytest.raises(Postponed):
            train(config, dataclasses.replace(setting, deadline=AfterBatches(5)))
        assert len(list((setting.out / UNFINISHED).iterdir())) == 1
    resumed = train(config, dataclasses.replace(setting, deadline=AfterBatches(5)))
    for one, other in zip(resumed.network.parameters(), straight.network.parameters(), strict=True):
        assert torch.equal(one, other)
    assert not (setting.out / UNFINISHED).exists()


def test_an_accuracy_below_its_aim_or_over_too_few_seeds_is_said():
    def cell(accuracy):
        return {"test_accuracy": accuracy, "train_seconds": 6.5}

    good = {f"dense dawn-24 seed {n}": cell(0.940 + n * 1e-4) for n in range(10)}
    bad = {f"separable dawn-24 seed {n}": cell(0.90 + n * 1e-2) for n in range(3)}
    summary = summarise({**good, **bad})
    assert [row[0] for row in summary.rows] == ["dense dawn-24", "separable dawn-24"]
    assert summary.figures["dense dawn-24"]["sd"] == pytest.approx(3.03e-4, rel=0.01)
    assert summary.misses == [
        "separable dawn-24: mean test accuracy 0.9100, aim 0.92",
        "separable dawn-24: 3 seeds of 10",
    ]
