"""Exporting networks that nobody here wrote."""

import json

import pytest
import torch
from torch import nn

from tests.trainables.networks.foreign import DRAWN, TEN_LINES, table_of
from tests.trainables.trained_study import train_study
from trainables.__main__ import main
from trainables.architectures.architecture import Architecture
from trainables.architectures.network_size import NetworkSize, size_network
from trainables.config.train_config import TrainConfig
from trainables.exporting.batchnorm_pairs import batchnorm_pairs
from trainables.exporting.export import ExportError, _export, export, images_at_once
from trainables.exporting.plain_convs import FACTORS, FOLDED, make_plain, plain_macs
from trainables.layers.base import FactorizedConv2d
from trainables.layers.registry import LAYERS
from trainables.networks.build import build_network
from trainables.sizes.registry import SIZES


def built(name: str, layer: str) -> tuple[nn.Module, NetworkSize]:
    ranked = {"rank": 3, "dims": 4} if SIZES[layer].ranked else {}
    size = size_network(Architecture(layer, table=table_of(name), **ranked))
    network = build_network(size, batch=8, seed=1).train()
    with torch.no_grad():
        network(torch.randn(8, 3, 32, 32) + 0.5)
    return network.eval(), size


def assert_equal_and_counted(network, size, form) -> nn.Module:
    plain = make_plain(network, size, form=form)
    counted = []

    def count(module, inputs, output):
        weight = module.weight
        places = output[0].numel() // weight.shape[0]
        counted.append(weight.numel() * places)

    for module in plain.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            module.register_forward_hook(count)
    images = torch.randn(4, 3, 32, 32)
    with torch.inference_mode():
        torch.testing.assert_close(plain(images), network(images), atol=1e-5, rtol=1e-5)
        counted.clear()
        plain(images[:1])
    if not any(isinstance(module, FactorizedConv2d) for module in plain.modules()):
        assert plain_macs(plain, size, 8) == sum(counted)
    if form == FACTORS:
        assert sum(one.numel() for one in plain.parameters()) <= size.parameters
    return plain


@pytest.mark.parametrize("form", [FACTORS, FOLDED])
@pytest.mark.parametrize("layer", LAYERS)
def test_every_family_in_a_network_with_biases_and_any_window(layer, form):
    assert_equal_and_counted(*built(TEN_LINES, layer), form)


@pytest.mark.parametrize(
    ("name", "layer"),
    [
        ("torchvision:resnet18", "tucker2"),
        ("torchvision:resnet18", "tensor_train"),
        ("torchvision:mobilenet_v2", "low_rank"),
        ("torchvision:mobilenet_v2", "dense"),
    ],
)
def test_every_batchnorm_of_a_traceable_network_becomes_part_of_its_convolution(name, layer):
    network, size = built(name, layer)
    plain = assert_equal_and_counted(network, size, FOLDED)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in plain.modules())


def test_a_batchnorm_that_is_not_alone_with_its_convolution_stays():
    class Shared(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.norm = nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4)
            self.own, self.without = nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4, affine=False)
            self.late = nn.Conv2d(4, 4, 1)

        def forward(self, x):
            x = self.conv(x)
            x = self.without(self.own(x + self.norm(x)))
            return self.norm(self.late(x))

    assert batchnorm_pairs(Shared()) == {"own": "without"}


def test_a_network_that_cannot_be_followed_keeps_its_batchnorms():
    class Branching(nn.Sequential):
        def forward(self, x):
            return super().forward(x if x.sum() > 0 else -x)

    assert batchnorm_pairs(Branching(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4))) == {}


def test_a_network_that_judges_images_by_each_other_is_refused_for_that():
    network, size = built(f"{DRAWN}:make_normalized", "dense")
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.track_running_stats, module.running_mean, module.running_var = False, None, None
    with pytest.raises(ExportError, match="a BatchNorm with track_running_stats=False"):
        export(network, size, torch.randn(4, 3, 32, 32), batch=1, seconds=0.01)


def test_a_network_that_is_no_program_for_any_batch_is_refused_with_torchs_words():
    class Branching(nn.Module):
        def forward(self, x):
            return x if x.sum() > 0 else -x

    with pytest.raises(ExportError, match="cannot write the network as one program"):
        _export(Branching(), torch.zeros(2, 3, 8, 8))


def test_larger_images_are_run_fewer_at_once():
    assert [images_at_once(side) for side in (32, 64, 224, 1024)] == [512, 128, 10, 1]


@pytest.mark.slow
def test_the_command_exports_every_file_of_a_network_of_ones_own(digits, tmp_path, capsys):
    config = TrainConfig.from_trial(
        {
            "network": TEN_LINES,
            "layer": "tucker2",
            "compression": 0.5,
            "batch_size": 64,
            "epochs": 1,
            "learning_rate": 0.05,
            "dataset": "digits",
            "train_images": 256,
            "precision": "fp32",
        }
    )
    study, trial = train_study(tmp_path / "study", digits, config)
    words = ["--seconds", "0.01", "--out", str(tmp_path / "files"), "--int8"]
    assert main(["export", str(study), trial, *words]) == 0
    assert "outputs        within" in capsys.readouterr().out
    card = json.loads((tmp_path / "files" / "card.json").read_text())
    assert card["exported_parameters"] == card["parameters"] == config.network_size().parameters
    assert max(card["largest_difference"], card["onnx"]["model.onnx"]["difference"]) <= 1e-5
    assert set(card["onnx"]) == {"model.onnx", "model.int8.onnx"}
    assert "def preprocess" in card["input"]["preprocess"]
    program = torch.export.load(tmp_path / "files" / "model.pt2").module()
    for batch in (1, 5):
        assert program(torch.zeros(batch, *card["input"]["shape"][1:])).shape == (batch, 10)
