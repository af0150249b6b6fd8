"""What is written for TensorBoard, read back with TensorBoard's own reader and HParams backend."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from tensorboard import context
from tensorboard.backend.event_processing import data_provider, plugin_event_multiplexer
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins import base_plugin
from tensorboard.plugins.custom_scalar import layout_pb2
from tensorboard.plugins.hparams import (
    api_pb2,
    backend_context,
    get_experiment,
    list_session_groups,
)

from analysis.record.rows import Ended, Epoch, Planned
from analysis.tensorboard.events import METRICS
from analysis.tensorboard.writer import TensorBoardLog, event_file, write_tensorboard
from tests.ledger import write_ledger
from trainables.config.train_config import TrainConfig

KEYS = ("layer", "rank_scale", "seed")


def planned(seed: int = 0, **keys: object) -> Planned:
    config = TrainConfig.from_trial({"layer": "tucker", "rank_scale": 0.5, "seed": seed, **keys})
    name = f"{config.layer}-seed{seed}"
    return Planned(name, config.to_dict(), parameters=79_248, macs=4e7, compression=0.01, time=1e9)


def epoch(number: int, trial: str = "tucker-seed0", attempt: int = 1) -> Epoch:
    return Epoch(
        trial,
        attempt,
        time=1e9 + number,
        epoch=number,
        train_loss=2.0 / number,
        train_accuracy=0.5 + number / 100,
        val_loss=2.1 / number,
        val_accuracy=0.4 + number / 100,
        learning_rates={"factors": 0.4 / number, "weights": 0.4 / number, "batchnorm": 0.4},
        weight_decays={"factors": 5e-6, "weights": 5e-4, "batchnorm": 0.0},
        train_seconds=1.5,
        images_per_second=1e4,
    )


def ended(status: str = "finished", number: int = 24, trial: str = "tucker-seed0") -> Ended:
    return Ended(trial, attempt=1, time=1e9 + 99, status=status, epoch=number)  # type: ignore[arg-type]


def read(run: Path) -> EventAccumulator:
    return EventAccumulator(str(run), size_guidance={"scalars": 0}).Reload()


class HParams:
    """TensorBoard's HParams backend over a folder."""

    def __init__(self, folder: Path) -> None:
        runs = plugin_event_multiplexer.EventMultiplexer()
        runs.AddRunsFromDirectory(str(folder))
        runs.Reload()
        provider = data_provider.MultiplexerDataProvider(runs, str(folder))
        self.context = backend_context.Context(base_plugin.TBContext(data_provider=provider))

    def experiment(self) -> api_pb2.Experiment:
        return get_experiment.Handler(
            context.RequestContext(), self.context, "", api_pb2.GetExperimentRequest()
        ).run()

    def groups(self) -> list[api_pb2.SessionGroup]:
        tags = [api_pb2.MetricName(tag=tag) for tag in METRICS]
        request = api_pb2.ListSessionGroupsRequest(
            start_index=0,
            slice_size=10_000,
            allowed_statuses=[
                api_pb2.STATUS_UNKNOWN,
                api_pb2.STATUS_RUNNING,
                api_pb2.STATUS_SUCCESS,
                api_pb2.STATUS_FAILURE,
            ],
            col_params=[api_pb2.ColParams(metric=tag) for tag in tags],
        )
        handler = list_session_groups.Handler(context.RequestContext(), self.context, "", request)
        return list(handler.run().session_groups)


def test_every_scalar_of_an_epoch_is_read_back_at_its_step(tmp_path):
    log = TensorBoardLog(tmp_path)
    log.trial(planned(), KEYS)
    for number in (1, 2, 3):
        log.epoch(epoch(number))
    log.close()
    run = read(tmp_path / "tucker-seed0")
    losses = [(event.step, event.value) for event in run.Scalars("loss/train")]
    assert losses == [(1, 2.0), (2, 1.0), (3, pytest.approx(2 / 3))]
    assert set(run.Tags()["scalars"]) >= {
        "accuracy/val",
        "loss/val",
        "learning_rate/factors",
        "weight_decay/weights",
        "time/images_per_second",
    }
    assert "accuracy/test" not in run.Tags()["scalars"]


def test_what_an_epoch_did_not_measure_is_left_out(tmp_path):
    log = TensorBoardLog(tmp_path)
    log.trial(planned(), KEYS)
    log.epoch(Epoch("tucker-seed0", 1, 1e9, epoch=1, train_loss=None, train_accuracy=0.1))
    tags = read(tmp_path / "tucker-seed0").Tags()["scalars"]
    assert "accuracy/train" in tags
    assert not {"loss/train", "loss/val", "accuracy/val"} & set(tags)


def test_the_hparams_table_has_only_searched_keys_and_the_fixed_metrics(tmp_path):
    log = TensorBoardLog(tmp_path)
    for seed in (0, 1):
        log.trial(planned(seed), KEYS)
        log.epoch(epoch(1, f"tucker-seed{seed}"))
    hparams = HParams(tmp_path)
    experiment = hparams.experiment()
    assert {info.name for info in experiment.hparam_infos} == set(KEYS)
    assert [info.name.tag for info in experiment.metric_infos] == list(METRICS)
    rows = {group.name: group for group in hparams.groups()}
    assert set(rows) == {"tucker-seed0", "tucker-seed1"}
    values = rows["tucker-seed1"].hparams
    assert set(values) == set(KEYS)
    assert values["layer"].string_value == "tucker"
    assert (values["rank_scale"].number_value, values["seed"].number_value) == (0.5, 1)
    metrics = {value.name.tag: value.value for value in rows["tucker-seed1"].metric_values}
    assert metrics["accuracy/val"] == pytest.approx(0.41)
    assert metrics["size/parameters"] == 79_248


def test_the_schema_stays_the_same_however_many_trials_come(tmp_path):
    log = TensorBoardLog(tmp_path)
    log.trial(planned(0), KEYS)
    before = (tmp_path / event_file.NAME).read_bytes()
    for seed in range(1, 30):
        log.trial(planned(seed, rank_scale=1 / (seed + 1)), KEYS)
    TensorBoardLog(tmp_path).trial(planned(30, layer="dense", rank_scale=None), KEYS)
    assert (tmp_path / event_file.NAME).read_bytes() == before


def test_a_key_that_a_trial_does_not_have_leaves_its_cell_empty(tmp_path):
    TensorBoardLog(tmp_path).trial(planned(layer="dense", rank_scale=None), KEYS)
    (row,) = HParams(tmp_path).groups()
    assert set(row.hparams) == {"layer", "seed"}


@pytest.mark.parametrize(
    ("status", "shown"),
    [
        ("finished", api_pb2.STATUS_SUCCESS),
        ("stopped", api_pb2.STATUS_SUCCESS),
        ("diverged", api_pb2.STATUS_FAILURE),
        ("failed", api_pb2.STATUS_FAILURE),
        ("interrupted", api_pb2.STATUS_UNKNOWN),
    ],
)
def test_the_status_of_a_trial_is_that_of_its_session(tmp_path, status, shown):
    log = TensorBoardLog(tmp_path)
    log.trial(planned(), KEYS)
    log.ended(ended(status))
    (group,) = HParams(tmp_path).groups()
    assert group.sessions[0].status == shown


def test_a_continued_trial_repeats_no_step_and_takes_its_end_back(tmp_path):
    first = TensorBoardLog(tmp_path)
    first.trial(planned(), KEYS)
    first.epoch(epoch(1))
    first.epoch(epoch(2))
    first.ended(ended("failed", 2))
    second = TensorBoardLog(tmp_path)
    second.trial(planned(), KEYS)
    for number in (2, 3, 3):
        second.epoch(epoch(number, attempt=2))
    second.ended(ended("finished", 3))
    steps = [event.step for event in read(tmp_path / "tucker-seed0").Scalars("loss/train")]
    assert steps == [1, 2, 3]
    (group,) = HParams(tmp_path).groups()
    assert group.sessions[0].status == api_pb2.STATUS_SUCCESS
    assert len(list((tmp_path / "tucker-seed0").iterdir())) == 1


@pytest.mark.parametrize("cut", [1, 7, 30, 200])
def test_a_record_torn_by_a_killed_driver_hides_nothing_that_follows(tmp_path, cut):
    log = TensorBoardLog(tmp_path)
    log.trial(planned(), KEYS)
    log.epoch(epoch(1))
    log.epoch(epoch(2))
    path = tmp_path / "tucker-seed0" / event_file.NAME
    path.write_bytes(path.read_bytes()[:-cut])
    after = TensorBoardLog(tmp_path)
    after.epoch(epoch(2))
    after.epoch(epoch(3))
    steps = [event.step for event in read(path.parent).Scalars("loss/train")]
    assert steps == [1, 2, 3]


def test_an_event_file_of_24_epochs_is_smaller_than_50_kilobytes(tmp_path):
    log = TensorBoardLog(tmp_path)
    log.trial(planned(), tuple(TrainConfig().to_dict()))
    for number in range(1, 25):
        log.epoch(epoch(number))
    log.ended(ended())
    assert (tmp_path / "tucker-seed0" / event_file.NAME).stat().st_size < 50_000


def test_no_file_is_held_open(tmp_path):
    log = TensorBoardLog(tmp_path)
    before = len(list(Path("/proc/self/fd").iterdir()))
    for seed in range(200):
        log.trial(planned(seed), KEYS)
        log.epoch(epoch(1, f"tucker-seed{seed}"))
    assert len(list(Path("/proc/self/fd").iterdir())) <= before


def test_losses_accuracies_and_rates_have_charts_of_their_own(tmp_path):
    TensorBoardLog(tmp_path).trial(planned(), KEYS)
    tensor = read(tmp_path).Tensors("custom_scalars__config__")[0].tensor_proto
    layout = layout_pb2.Layout.FromString(tensor.string_val[0])
    assert [category.title for category in layout.category] == ["Losses", "Accuracies", "Rates"]


def test_replicates_are_told_apart_by_their_seed_whatever_the_space_names(tmp_path):
    TensorBoardLog(tmp_path).trial(planned(seed=3), ("layer",))
    (row,) = HParams(tmp_path).groups()
    assert row.hparams["seed"].number_value == 3


def test_rebuilding_from_the_ledger_gives_what_the_search_wrote(tmp_path):
    rows = [planned(0), *map(epoch, (1, 2)), ended("stopped", 2), planned(1)]
    live = TensorBoardLog(tmp_path / "live")
    for row in rows:
        match row:
            case Planned():
                live.trial(row, KEYS)
            case Epoch():
                live.epoch(row)
            case Ended():
                live.ended(row)
    write_ledger(tmp_path, *rows)
    keys = {"layer": {"role": "scientific"}, "rank_scale": {"role": "scientific"}}
    study = SimpleNamespace(folder=tmp_path, info={"space": {"keys": keys}})
    (tmp_path / "tensorboard" / "stale").mkdir(parents=True)
    folder = write_tensorboard(study)  # type: ignore[arg-type]
    written = {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*tfevents*")}
    expected = tmp_path / "live"
    assert written == {
        path.relative_to(expected): path.read_bytes() for path in expected.rglob("*tfevents*")
    }
    assert not (folder / "stale").exists()


def test_neither_torch_nor_tensorflow_nor_tensorboardx_is_imported():
    code = (
        "import analysis.tensorboard.writer, sys; "
        "heavy = {'torch', 'tensorflow', 'tensorboardX', 'ray'};"
        "print({name.split('.')[0] for name in sys.modules} & heavy)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
