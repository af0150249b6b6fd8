"""Compressing a really trained network: what is kept, and that training goes on from there."""

import dataclasses
import json
from itertools import pairwise
from pathlib import Path

import pytest
import torch

from tests.trainables.trained_study import DENSE, train_study
from trainables.architectures.budget import InfeasibleError
from trainables.architectures.network_size import size_network
from trainables.compression.compress import Compressed, compress
from trainables.compression.evaluation import evaluate, load_data, read_images
from trainables.compression.start_writer import write_start
from trainables.compression.study_trials import TrialError
from trainables.compression.target import Target
from trainables.compression.trained import Trained, load_trained
from trainables.config import carried_files
from trainables.config.starting_point import StartingPoint
from trainables.config.train_config import ConfigError, TrainConfig
from trainables.config.trial_id import trial_id
from trainables.data.sources import DatasetError
from trainables.sizes.registry import SIZES
from trainables.sizes.spec import ConvSpec
from trainables.training.batchnorm import measure_batchnorm
from trainables.training.checkpoints.checkpoint import (
    CheckpointError,
    read_checkpoint,
    write_checkpoint,
)
from trainables.training.trainer import Trainer

SPECTRAL = [
    name
    for name, family in SIZES.items()
    if family.unfoldings(ConvSpec(1, 1), family.modes(ConvSpec(1, 1), 3))
]
FULL = 10_000  # a rank above every full one


@pytest.fixture(scope="module")
def trained(tmp_path_factory, digits) -> Trained:
    return load_trained(*train_study(tmp_path_factory.mktemp("study"), digits))


def start(folder: Path, trained: Trained, compressed: Compressed, data) -> StartingPoint:
    target = Target(compressed.size.architecture.layer, rank=1)
    after = evaluate(compressed.network, trained.config, data)
    return write_start(folder, compressed, trained, target, after, after)


def fine_tuning(start: StartingPoint, **keys) -> TrainConfig:
    return TrainConfig.from_trial(
        {"dataset": "digits", "batch_size": 64, "epochs": 1, "init": str(start.folder), **keys}
    )


@pytest.mark.parametrize("layer", ["tt_conv", "tucker2"])
def test_full_ranks_reproduce_the_trained_network(trained, digits, layer):
    compressed = compress(trained, Target(layer, rank=FULL))
    images = read_images(trained.config, digits, 64)
    with torch.inference_mode():
        wanted, got = trained.network(images), compressed.network(images)
    torch.testing.assert_close(got, wanted, atol=1e-4, rtol=1e-4)
    assert compressed.kept == pytest.approx(1)
    before = evaluate(trained.network, trained.config, digits)
    after = evaluate(compressed.network, trained.config, digits)
    assert before.accuracy > 0.5  # it has learned something to lose
    assert after.accuracy == before.accuracy


@pytest.mark.parametrize("layer", [*SPECTRAL, "cp"])
def test_a_higher_rank_never_comes_less_near(trained, layer):
    kept = [compress(trained, Target(layer, rank=rank)).kept for rank in (1, 4, 16)]
    tolerance = 0.02 if layer == "cp" else 1e-9  # alternating least squares ends where it ends
    for fewer, more in pairwise(kept):
        assert more >= fewer * (1 - tolerance)
    assert kept[-1] > 2 * kept[0]


@pytest.mark.parametrize("layer", ["low_rank", "tensor_train", "tucker", "tucker_original"])
def test_a_separable_form_at_full_rank_loses_what_separable_loses(trained, layer):
    separable = compress(trained, Target("separable"))
    full = compress(trained, Target(layer, rank=FULL))
    assert full.kept == pytest.approx(separable.kept, rel=1e-4)
    assert full.kept < 0.5  # a trained 3×3 kernel is no depthwise × pointwise one


@pytest.mark.parametrize("layer", SPECTRAL)
def test_greedy_never_keeps_less_than_uniform_within_the_same_parameters(trained, layer):
    uniform = compress(trained, Target(layer, rank=6))
    budget = uniform.size.parameters
    greedy = compress(trained, Target(layer, parameters=budget, rule="greedy"))
    assert 0.97 * uniform.size.factor_parameters <= greedy.size.factor_parameters
    assert greedy.size.parameters <= budget
    assert greedy.kept >= uniform.kept


@pytest.mark.parametrize("layer", ["tt_conv", "tucker2", "low_rank"])
def test_greedy_keeps_more_where_parameters_are_few(trained, layer):
    uniform = compress(trained, Target(layer, rank=3))
    greedy = compress(trained, Target(layer, parameters=uniform.size.parameters))
    assert greedy.rule == "greedy"
    assert greedy.kept > 1.2 * uniform.kept


def test_only_cp_has_ranks_but_no_matrices_that_have_them():
    ranked = [name for name, family in SIZES.items() if family.ranked]
    without = [name for name in ranked if name not in SPECTRAL]
    assert without == ["cp"], "a family whose ranks are those of matrices states its unfoldings"


@pytest.mark.parametrize("energy", [0.5, 0.95])
@pytest.mark.parametrize("layer", ["tt_conv", "tucker2", "tensor_train", "tucker"])
def test_an_energy_is_kept_in_every_layer(trained, layer, energy):
    compressed = compress(trained, Target(layer, energy=energy, dims=4))
    form = "separable" if SIZES[layer].reshapes else "dense"
    for decomposed, whole in zip(compressed.layers, _whole(trained, form), strict=True):
        assert 1 - decomposed.relative_error**2 >= energy * whole - 1e-6


def _whole(trained: Trained, form: str) -> list[float]:
    """The share of each kernel that the form can represent."""
    if form == "dense":
        return [1.0] * 7
    layers = compress(trained, Target("separable")).layers
    return [1 - layer.relative_error**2 for layer in layers]


@pytest.mark.parametrize("rule", ["energy", "greedy"])
def test_a_budget_is_filled_and_not_exceeded(trained, rule):
    for compression in (0.15, 0.3):
        size = compress(trained, Target("tt_conv", compression=compression, rule=rule)).size
        assert 0.97 * compression <= size.compression <= compression
        assert size == size_network(size.architecture)


def test_measuring_batchnorm_anew_brings_accuracy_back(trained, digits):
    compressed = compress(trained, Target("tt_conv", compression=0.4))
    before = evaluate(compressed.network, trained.config, digits)
    measure_batchnorm(compressed.network, trained.config, digits, images=512)
    after = evaluate(compressed.network, trained.config, digits)
    assert after.loss < before.loss


def test_fine_tuning_starts_where_compression_ended(trained, digits, tmp_path):
    compressed = compress(trained, Target("tt_conv", compression=0.4))
    config = fine_tuning(start(tmp_path, trained, compressed, digits), train_images=640)
    trainer = Trainer(config, digits, threads=1)
    assert evaluate(trainer.network, config, digits) == evaluate(
        compressed.network, trained.config, digits
    )
    tuned = trainer.train_epoch()
    fresh = Trainer(config.with_values(init=""), digits, threads=1).train_epoch()
    assert tuned.train_loss < fresh.train_loss


def test_a_trial_is_named_by_what_its_starting_point_holds_not_by_where_it_lies(
    trained, digits, tmp_path
):
    compressed = compress(trained, Target("tt_conv", compression=0.4))
    here, there = (start(tmp_path / name, trained, compressed, digits) for name in ("a", "b"))
    other = start(tmp_path / "c", trained, compress(trained, Target("tt_conv", rank=3)), digits)
    with torch.no_grad():
        compressed.network.classifier.weight[0, 0] += 1e-3
    nudged = start(tmp_path / "d", trained, compressed, digits)
    names = []
    for point in (here, there, other, nudged):
        config = fine_tuning(point)
        names.append(trial_id(config, config.network_size()))
    assert names[0] == names[1]
    assert len(set(names)) == 3
    assert trial_id(config.with_values(init=""), config.network_size()) not in names


def test_a_configuration_with_a_starting_point_needs_the_folder_only_once(
    trained, digits, tmp_path
):
    compressed = compress(trained, Target("tt_conv", rank=3))
    config = fine_tuning(start(tmp_path / "a", trained, compressed, digits))
    (tmp_path / "a").rename(tmp_path / "moved")
    assert TrainConfig.from_trial(config.to_dict()) == config
    assert config.network_size().parameters == compressed.size.parameters


def test_a_starting_point_travels_to_a_machine_that_lacks_its_folder(
    trained, digits, tmp_path, monkeypatch
):
    monkeypatch.setattr(carried_files, "_received", {})
    monkeypatch.setattr(carried_files, "_copies", {})
    compressed = compress(trained, Target("tt_conv", rank=3))
    config = fine_tuning(start(tmp_path / "a", trained, compressed, digits))
    starts = carried_files.read_starts([config, config.with_values(init="")])
    (tmp_path / "a").rename(tmp_path / "on-the-driver")
    with pytest.raises(CheckpointError, match="is missing"):
        Trainer(config, digits, threads=1)
    carried_files.register_starts(starts)
    state = Trainer(config, digits, threads=1).network.state_dict()
    wanted = compressed.network.state_dict()
    assert all(tensor.equal(wanted[name]) for name, tensor in state.items())
    starts[str(tmp_path / "a")]["state.json"][100] += 1
    carried_files._copies.clear()
    with pytest.raises(CheckpointError):
        Trainer(config, digits, threads=1)


def test_a_starting_point_that_was_written_again_is_not_trained_from(trained, digits, tmp_path):
    config = fine_tuning(
        start(tmp_path, trained, compress(trained, Target("tt_conv", rank=3)), digits)
    )
    start(tmp_path, trained, compress(trained, Target("tt_conv", rank=4)), digits)
    with pytest.raises(CheckpointError, match="has changed since the trial was planned"):
        Trainer(config, digits, threads=1)


def test_a_configuration_that_contradicts_its_starting_point_is_told_all_of_it(
    trained, digits, tmp_path
):
    point = start(tmp_path, trained, compress(trained, Target("tt_conv", rank=3)), digits)
    with pytest.raises(ConfigError) as error:
        fine_tuning(point, layer="tucker2", width=64, rank=4)
    told = "\n".join(error.value.problems)
    for part in (
        "of layer tt_conv",
        "of width 8: no other",
        "rank must not be given (--set rank=none",
    ):
        assert part in told


def test_a_folder_that_is_no_starting_point_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"compress` wrote, got .* \(it has no state.json\)"):
        TrainConfig.from_trial({"init": str(tmp_path)})


def test_a_starting_point_that_was_edited_is_refused_in_words(trained, digits, tmp_path):
    start(tmp_path / "a", trained, compress(trained, Target("tt_conv", rank=3)), digits)
    tensors, state = read_checkpoint(tmp_path / "a")
    del state["source"]["config"], state["json_blake2b"]
    write_checkpoint(tmp_path / "b", tensors, state)
    with pytest.raises(TrialError, match="b holds no checkpoint that this version can read"):
        load_trained(tmp_path / "b")


def test_a_network_that_is_not_dense_is_refused(tmp_path, digits):
    small = DENSE.with_values(layer="low_rank", rank=2, epochs=1)
    other = load_trained(*train_study(tmp_path, digits, small))
    with pytest.raises(TrialError, match="the family low_rank; compress takes a trained"):
        compress(other, Target("tt_conv", rank=3))


def test_a_budget_below_the_smallest_network_is_refused(trained):
    for rule in ("uniform", "energy", "greedy"):
        with pytest.raises(InfeasibleError, match="its smallest network has"):
            compress(trained, Target("tt_conv", parameters=1500, rule=rule))


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"layer": "dense", "rank": 2}, "--layer must be one of separable"),
        ({"layer": "tt_conv"}, "give one of parameters, compression, rank, energy, got none"),
        ({"layer": "tt_conv", "rank": 2, "energy": 0.9}, "got rank and energy"),
        ({"layer": "tt_conv", "rank": 2, "rule": "greedy"}, "greedy takes compression or param"),
        ({"layer": "cp", "rule": "greedy", "compression": 0.1}, "its --ranks must be uniform"),
        ({"layer": "separable", "rank": 2}, "separable has no rank, got rank"),
        ({"layer": "tt_conv", "compression": 1.5}, r"compression must lie in \(0, 1\]"),
        ({"layer": "tt_conv", "rank": 3, "dims": 0}, "dims must be at least 1, got 0"),
    ],
)
def test_a_target_that_cannot_be_meant_is_refused(keys, told):
    with pytest.raises(ValueError, match=told):
        Target(**keys)


def test_an_unknown_trial_is_told_with_the_nearest(trained, tmp_path, digits):
    study, known = train_study(tmp_path, digits, DENSE.with_values(epochs=1))
    with pytest.raises(TrialError, match=f"the nearest are {known}"):
        load_trained(study, known[:-2])
    with pytest.raises(TrialError, match="is no folder"):
        load_trained(tmp_path / "nothing", known)


def test_checkpoints_are_found_where_the_study_put_them(tmp_path, digits):
    study, trial = train_study(tmp_path / "study", digits, DENSE.with_values(width=2, epochs=1))
    (tmp_path / "elsewhere").mkdir()
    (study / "checkpoints").rename(tmp_path / "elsewhere" / "study")
    information = {"name": "study", "storage": str(tmp_path / "elsewhere")}
    (study / "study.json").write_text(json.dumps(information))
    assert load_trained(study, trial).trial_id == trial


def test_other_images_than_the_trials_are_refused(trained, digits):
    other = dataclasses.replace(trained, dataset_checksum="0" * 32)
    with pytest.raises(DatasetError, match="was trained on other images of 'digits'"):
        load_data(other, None)
    assert load_data(trained, None).checksum == digits.checksum
