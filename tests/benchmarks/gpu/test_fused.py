"""Trainers on streams train as alone, and the table says what would be worth building."""

import gc

import pytest
import torch

from benchmarks.gpu.concurrency.streams import Streams
from benchmarks.gpu.deadline import Deadline
from benchmarks.gpu.setting import Setting
from benchmarks.gpu.stages.fused import ENDLESS, equal, replicas, summarise
from trainables.training.trainer import Trainer


@pytest.fixture
def setting(tmp_path):
    return Setting(torch.device("cpu"), True, tmp_path, Deadline(3600))


def test_trainers_that_take_turns_are_what_they_would_be_alone(setting):
    found = equal(setting)
    assert found["deviations"] == [0.0, 0.0, 0.0]
    assert found["sound"]
    assert found["bit_equal"]


def test_replicas_are_gone_when_the_next_number_of_them_is_made(setting):
    config = setting.config(width=2, validation_images=0, epochs=ENDLESS)
    gc.collect()
    gc.disable()  # or it may come by chance
    try:
        found = replicas(setting, config)
        alive = [one for one in gc.get_objects() if type(one) is Trainer]
    finally:
        gc.enable()
    assert found["images_per_second"].keys() == {1, 2}
    assert alive == []


def test_one_that_is_finished_or_dropped_is_left_out(setting):
    short, long, dropped = (
        Trainer(setting.config(epochs=epochs), setting.data, threads=1) for epochs in (1, 2, 2)
    )
    turns = Streams([short, long, dropped])
    assert turns.train_batch() == 3
    turns.drop(dropped)
    counts = [turns.train_batch() for _ in range(5)]
    assert counts == [2, 2, 2, 1, 1]
    assert (short.finished, long.epochs_done, dropped.batches_done) == (True, 1, 1)


def test_a_gain_of_half_as_much_again_is_worth_building_and_less_is_not():
    def cell(*speeds):
        return {"images_per_second": {str(2**n): speed for n, speed in enumerate(speeds)}}

    found = {
        "streams equal training alone": {"sound": True, "deviations": [0.0]},
        "small: streams": cell(100.0, 200.0, 310.0),
        "small: replicas": cell(100.0, 180.0),
        "small: processes": cell(100.0, 200.0),
        "small: processes with MPS": {"unavailable": "not installed"},
        "large: streams": cell(1000.0),
    }
    summary = summarise(found)
    assert summary.figures["verdict"] == "worth building: small: streams"
    assert summary.figures["ways"]["small: streams"] == {"best": 4, "over_processes": 1.55}
    assert summary.figures["ways"]["large: streams"]["over_processes"] is None
    assert summary.misses == ["small: processes with MPS: not installed"]
    slower = summarise({**found, "small: streams": cell(100.0, 290.0)})
    assert slower.figures["verdict"] == "not worth building"
