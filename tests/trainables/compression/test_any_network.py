"""Compressing a network that nobody here wrote: biases, windows of any shape, no BatchNorm."""

import copy
import dataclasses
import json
import re
import shutil

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from tests.trainables.networks.foreign import SHORT, TEN_LINES
from tests.trainables.trained_study import train_study
from trainables.__main__ import main
from trainables.api import load_network
from trainables.architectures.budget import InfeasibleError
from trainables.compression.compress import compress
from trainables.compression.evaluation import evaluate, read_images
from trainables.compression.start_writer import write_start
from trainables.compression.study_trials import TrialError
from trainables.compression.target import Target
from trainables.compression.trained import from_weights, load_trained
from trainables.config.train_config import ConfigError, TrainConfig
from trainables.layers.registry import LAYERS
from trainables.networks.registry import make_module
from trainables.networks.substitute import factorized_layers
from trainables.networks.weights import WeightsError, load_weights, read_weights
from trainables.sizes.registry import SIZES
from trainables.training.batchnorm import measure_batchnorm
from trainables.training.trainer import Trainer

KEYS = {**SHORT, "train_images": 640}
CONFIG = TrainConfig.from_trial(KEYS)


@pytest.fixture(scope="module")
def study(tmp_path_factory, digits):
    return train_study(tmp_path_factory.mktemp("study"), digits, CONFIG)


@pytest.fixture(scope="module")
def trained(study):
    return load_trained(*study)


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


@pytest.mark.parametrize("layer", [name for name in LAYERS if name != "dense"])
def test_every_family_has_the_counted_parameters_and_the_biases_that_were_trained(trained, layer):
    target = Target(layer, rank=2) if SIZES[layer].ranked else Target(layer)
    compressed = compress(trained, target)
    assert count(compressed.network) == compressed.size.parameters < trained.size.parameters
    factors = factorized_layers(compressed.network)
    # a separable 1x1 window is the matrix that it was
    assert len(factors) == compressed.size.factorized == (2 if layer == "separable" else 3)
    for name, one in factors.items():
        assert torch.equal(one.bias, trained.network.get_submodule(name).bias)


@pytest.mark.parametrize("layer", ["tt_conv", "tucker2"])
def test_at_full_ranks_every_layer_stays_what_it_was(trained, digits, layer):
    compressed = compress(trained, Target(layer, rank=10_000))
    assert compressed.size.factorized == 0  # factors would be more numbers
    images = read_images(CONFIG, digits, 32)
    with torch.inference_mode():
        assert torch.equal(compressed.network(images), trained.network(images))


@pytest.mark.parametrize(
    ("layer", "rule"), [("tt_conv", "greedy"), ("tucker2", "energy"), ("low_rank", "greedy")]
)
def test_a_budget_is_filled_layer_by_layer(trained, layer, rule):
    compressed = compress(trained, Target(layer, compression=0.5, rule=rule))
    size = compressed.size
    budget = int(0.5 * trained.size.parameters)
    assert 0.97 * budget <= size.parameters <= budget
    if rule == "greedy":
        uniform = compress(trained, Target(layer, compression=0.5, rule="uniform"))
        assert compressed.kept >= uniform.kept


def test_a_budget_below_what_stays_is_told_as_it_was_given_with_what_stays(trained):
    kept = trained.size.fixed_parameters
    smallest = compress(trained, Target("tucker2", rank=1)).size.parameters
    words = f"tucker2 cannot have {kept - 1:,} parameters or fewer: its smallest network has "
    words += f"{smallest:,}, of which {kept:,} are not in the replaced layers"
    with pytest.raises(InfeasibleError, match=re.escape(words)):
        compress(trained, Target("tucker2", parameters=kept - 1))


@pytest.mark.parametrize("layer", ["tucker2", "tensor_train"])
@pytest.mark.parametrize("rule", ["greedy", "energy"])
def test_a_budget_is_filled_or_the_one_that_is_named_instead_is(trained, layer, rule):
    smallest = compress(trained, Target(layer, rank=1)).size.parameters
    refusals = 0
    for budget in range(smallest, 2 * smallest, 97):
        try:
            size = compress(trained, Target(layer, parameters=budget, rule=rule)).size
        except InfeasibleError as refused:
            named = int(re.search(r"--parameters (\d+)", str(refused))[1])
            assert named < 0.97 * budget
            size = compress(trained, Target(layer, parameters=named, rule=rule)).size
            assert size.parameters == named
            refusals += 1
        else:
            assert 0.97 * budget <= size.parameters <= budget
    assert bool(refusals) == (rule == "energy")


@pytest.mark.parametrize("layer", ["tucker2", "tensor_train", "separable"])
def test_a_compressed_network_is_loaded_wherever_its_folder_lies(
    trained, tmp_path, monkeypatch, layer
):
    target = Target(layer, rank=2) if SIZES[layer].ranked else Target(layer)
    compressed = compress(trained, target)
    write_start(tmp_path / "start", compressed, trained, target, None, None)
    (tmp_path / "start").rename(tmp_path / "moved")
    monkeypatch.chdir(tmp_path)
    network = load_network("moved")
    x = torch.randn(2, 3, 32, 32)
    torch.testing.assert_close(network(x), compressed.network(x))
    assert count(network) == compressed.size.parameters
    assert not network.training
    with pytest.raises(TrialError, match="moved holds one network, not 'another'"):
        load_network("moved", "another")
    next((tmp_path / "moved").glob("*.safetensors")).unlink()
    with pytest.raises(TrialError, match="moved holds no network"):
        load_network("moved")


def test_a_study_that_was_moved_gives_its_networks(study, trained, tmp_path, monkeypatch):
    folder, name = study
    shutil.copytree(folder, tmp_path / "moved")
    monkeypatch.chdir(tmp_path)
    x = torch.randn(2, 3, 32, 32)
    assert torch.equal(load_network("moved", name)(x), trained.network(x))
    assert torch.equal(load_network("moved")(x), trained.network(x))
    with pytest.raises(TrialError, match="elsewhere is no folder"):
        load_network("elsewhere", name)
    (checkpoint,) = (tmp_path / "moved").rglob(f"{name}/*/state.json")
    shutil.copytree(checkpoint.parent, "best")  # as ``analysis best`` copies it
    assert torch.equal(load_network("best")(x), trained.network(x))


def test_fine_tuning_starts_where_compression_ended(trained, digits, tmp_path):
    target = Target("tucker2", compression=0.5)
    compressed = compress(trained, target)
    after = evaluate(compressed.network, CONFIG, digits)
    start = write_start(tmp_path, compressed, trained, target, after, after)
    config = TrainConfig.from_trial(
        {"init": str(start.folder), "dataset": "digits", "batch_size": 64, "epochs": 1}
    )
    assert config.network == CONFIG.network
    trainer = Trainer(config, digits, threads=1)
    assert evaluate(trainer.network, CONFIG, digits) == after
    assert trainer.train_epoch().train_loss > 0
    with pytest.raises(ConfigError, match="for images of 32 pixels, got image_size 64"):
        TrainConfig.from_trial({"init": str(start.folder), "image_size": 64})
    with pytest.raises(ConfigError, match="init brings a network of network"):
        TrainConfig.from_trial({"init": str(start.folder), "network": "torchvision:resnet18"})


def test_a_network_without_batchnorm_has_none_to_measure(trained, digits):
    before = {name: one.clone() for name, one in trained.network.state_dict().items()}
    measure_batchnorm(trained.network, CONFIG, digits, 64)
    assert all(torch.equal(one, before[n]) for n, one in trained.network.state_dict().items())


@pytest.mark.parametrize("sizes", [{"rank": 2}, {"compression": 0.5}, {"energy": 0.9}], ids=str)
@pytest.mark.parametrize("layer", ["tucker2", "tensor_train"])
def test_every_layer_that_cannot_be_decomposed_is_named(trained, layer, sizes):
    network = copy.deepcopy(trained.network)
    first, *_, last = trained.size.names
    nn.init.zeros_(network.get_submodule(first).weight)
    nn.init.constant_(network.get_submodule(last).weight, torch.nan)
    told = rf"layer {first} of .* all zeros.*; layer {last} of .* not finite"
    with pytest.raises(TrialError, match=told):
        compress(dataclasses.replace(trained, network=network), Target(layer, **sizes))


def test_the_command_compresses_a_trial_and_prints_every_layer(study, tmp_path, capsys):
    words = ["--layer", "tucker2", "--compression", "0.5", "--out", str(tmp_path / "start")]
    assert main(["compress", str(study[0]), study[1], *words]) == 0
    output = capsys.readouterr().out
    assert [one for one in output.splitlines() if len(one) > 80 and str(tmp_path) not in one] == []
    assert "validation     accuracy" in output
    assert main(["compress", *map(str, study), *words, "--keep", "2", "--json"]) == 0
    layers = json.loads(capsys.readouterr().out)["layers"]
    assert [layer["name"] for layer in layers] == ["5", "10"]


@pytest.fixture(scope="module")
def weights(trained, tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "net.safetensors"
    save_file({name: one.contiguous() for name, one in trained.network.state_dict().items()}, path)
    return path


def test_the_command_takes_a_network_with_a_file_of_weights(weights, tmp_path, capsys):
    words = ["--network", TEN_LINES, "--weights", str(weights), "--layer", "tucker2"]
    words += ["--compression", "0.5", "--out", str(tmp_path), "--json"]
    assert main(["compress", *words]) == 0
    blind = json.loads(capsys.readouterr().out)
    assert blind["held_out"] == {}
    judging = [f"--set={key}={KEYS[key]}" for key in ("dataset", "train_images", "batch_size")]
    assert main(["compress", *words, *judging]) == 0
    seen = json.loads(capsys.readouterr().out)
    assert seen["layers"] == blind["layers"]
    assert seen["held_out"]["before"]["accuracy"] > seen["held_out"]["after"]["accuracy"] - 1
    assert TrainConfig.from_trial({"init": str(tmp_path)}).network == CONFIG.network


def test_weights_are_those_of_the_trial(weights, trained, digits):
    again = from_weights(CONFIG, weights)
    assert evaluate(again.network, CONFIG, digits) == evaluate(trained.network, CONFIG, digits)


@pytest.mark.parametrize("wrap", [lambda s: s, lambda s: {"state_dict": s, "epoch": 3}])
def test_a_state_dict_of_torch_is_read_and_runs_no_code(trained, tmp_path, wrap):
    state = trained.network.state_dict()
    path = tmp_path / "net.pt"
    torch.save(wrap({f"module.{name}": one for name, one in state.items()}), path)
    assert read_weights(path).keys() == state.keys()
    torch.save(nn.Linear(1, 1), path)
    with pytest.raises(WeightsError, match="not a whole module"):
        read_weights(path)


def test_weights_that_do_not_fit_are_named_all_at_once():
    module = make_module(CONFIG.table)
    state = dict(module.state_dict())
    before = {name: one.clone() for name, one in state.items()}
    state["12.weight"] = torch.zeros(7, 64)
    state["extra.weight"] = state.pop("0.weight")
    with pytest.raises(WeightsError) as error:
        load_weights(module, state, "net.pt")
    told = "\n".join(error.value.problems)
    for part in ("has no 0.weight", "extra.weight", "12.weight is (7, 64), the network has (10"):
        assert part in told
    assert all(torch.equal(one, before[name]) for name, one in module.state_dict().items())


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--network", TEN_LINES], "--network NAME --weights FILE"),
        (["--network", TEN_LINES, "--weights", "nothing.pt"], "No such file"),
        (["STUDY", "--weights", "w.pt"], "drop --network, --weights and --set"),
        (["--network", TEN_LINES, "--weights", "W", "--batchnorm-images", "9"], "needs images"),
        (
            ["--network", TEN_LINES, "--weights", "W", "--set=dataset=digits", "--set=classes=7"],
            "digits has 10 classes",
        ),
    ],
)
def test_what_cannot_be_meant_is_told(weights, capsys, words, told):
    words = [str(weights) if word == "W" else word for word in words]
    assert main(["compress", *words, "--layer", "tucker2", "--rank", "2"]) == 2
    assert told in capsys.readouterr().err
