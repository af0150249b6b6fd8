"""Training a network that nobody here wrote."""

import json
import random
import shutil

import pytest
import torch

from tests.trainables.networks.foreign import DRAWN, FILE, FORGETFUL, SHORT, TEN_LINES
from tests.trainables.trained_study import train_study
from tests.trainables.training.test_trainer import after, assert_same, trained, untimed
from trainables.api import load_network
from trainables.config.train_config import ConfigError, TrainConfig
from trainables.config.trial_id import trial_id
from trainables.exporting.export import export
from trainables.layers.registry import LAYERS
from trainables.networks.substitute import factorized_layers
from trainables.sizes.registry import SIZES
from trainables.training.trainer import Trainer

KEYS = {**SHORT, "train_images": 256, "validation_images": 100}


def config(**keys) -> TrainConfig:
    return TrainConfig.from_trial({**KEYS, **keys})


@pytest.fixture
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("layer", LAYERS)
def test_every_family_trains_and_every_parameter_moves(digits, layer):
    keys = {"layer": layer, "rank": 3} if SIZES[layer].ranked else {"layer": layer}
    trainer = Trainer(config(**keys), digits)
    before = {name: one.detach().clone() for name, one in trainer.network.named_parameters()}
    metrics = trainer.train_epoch()
    assert metrics.train_loss == pytest.approx(2.303, abs=0.3)  # of ten classes, at the start
    still = [
        name for name, one in trainer.network.named_parameters() if torch.equal(one, before[name])
    ]
    assert not still
    count = sum(one.numel() for one in trainer.network.parameters())
    assert count == trainer.size.parameters
    assert len(factorized_layers(trainer.network)) == trainer.size.factorized


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize(
    "keys",
    [
        {},
        {"network": f"{DRAWN}:make_drawn", "optimizer": "adamw", "learning_rate": 0.01},
        {"network": f"{DRAWN}:make_drawn", "micro_batch": 40, "class_weights": "balanced"},
        {"network": f"{DRAWN}:make_skipping", "layer": "low_rank", "rank": 1},
    ],
    ids=["dropout", "stochastic depth, adamw", "stochastic depth, parts", "Python and numpy"],
)
def test_a_network_that_draws_goes_on_bit_for_bit(digits, tmp_path, keys):
    chosen = config(**{"layer": "tucker2", "rank": 3, **keys})
    straight = trained(chosen, digits)
    torch.manual_seed(7)  # whatever ran in the process before
    random.seed(7)
    stopped = Trainer(chosen, digits)
    assert stopped.train_epoch(after(2)) is None
    stopped.save(tmp_path / "checkpoint")
    torch.manual_seed(99)
    resumed = Trainer(chosen, digits)
    resumed.load(tmp_path / "checkpoint")
    while not resumed.finished:
        resumed.train_epoch()
    assert_same(resumed, straight)
    assert untimed(straight.history) != untimed(trained(config(), digits).history)


@pytest.mark.parametrize(
    ("made", "words"),
    [
        ("make_attribute", "from a checkpoint it answers differently"),
        ("make_buffer", "from a checkpoint it answers differently"),
        ("make_while_it_trains", "from a checkpoint it trains differently"),
    ],
)
@pytest.mark.parametrize("epochs", [1, 2])
def test_a_network_that_learns_outside_of_its_state_is_refused_after_an_epoch(
    digits, made, words, epochs
):
    trainer = Trainer(config(network=f"{FORGETFUL}:{made}", epochs=epochs), digits)
    with pytest.raises(ConfigError, match=words):
        trainer.train_epoch()


def test_a_state_that_is_no_tensor_is_refused_before_anything_is_trained():
    with pytest.raises(ConfigError, match=r"keeps _extra_state in its state_dict, a dict"):
        config(network=f"{FORGETFUL}:make_extra")


def test_what_its_file_says_decides_the_trial_and_not_where_it_lies(tmp_path):
    copy = shutil.copy(FILE, tmp_path)
    first, second = config(), config(network=f"{copy}:make_net")
    name = trial_id(first, first.network_size())
    assert trial_id(second, second.network_size()) == name
    assert name.startswith("make_net-dense-")
    other = config(network=f"{TEN_LINES}(dropout=0.5)")
    assert other.network_size().parameters == first.network_size().parameters
    assert trial_id(other, other.network_size()) != name


def test_a_configuration_survives_json_and_needs_the_file_no_more(tmp_path, digits):
    copy = shutil.copy(FILE, tmp_path)
    chosen = config(network=f"{copy}:make_net(channels=12)")
    (tmp_path / FILE.name).unlink()
    again = TrainConfig.from_trial(json.loads(json.dumps(chosen.to_dict())))
    assert again == chosen
    assert Trainer(again, digits).train_epoch().train_loss > 0


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"width": 8}, "width is resnet9's, got 8"),
        ({"protocol": "original_tt"}, "repeats what the 2018 study did with resnet9"),
        ({"replace": "convs.*"}, "replace 'convs.*' matches no layer"),
        ({"network": "torchvision:resnet"}, "did you mean"),
        ({"network": "resnet9", "keep": "last"}, "resnet9 replaces its seven"),
        ({"network": "resnet9", "image_size": 64}, "resnet9 takes images of 32 pixels, got 64"),
    ],
)
def test_what_cannot_be_meant_is_refused(keys, words):
    with pytest.raises(ConfigError, match=words):
        config(**keys)


def test_a_trained_trial_comes_back_as_a_module(digits, tmp_path):
    chosen = config(layer="tucker2", rank=3, epochs=1)
    study, name = train_study(tmp_path, digits, chosen)
    network = load_network(study, name)
    assert len(factorized_layers(network)) == chosen.network_size().factorized
    assert network(torch.zeros(2, 3, 32, 32)).shape == (2, 10)


OF_A_LINE = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.conv = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3))
        self.head = nn.Linear(4, classes)

    def forward(self, x):
        {line}
        return self.head(self.conv(x).mean((2, 3))){end}
"""


def test_a_network_that_changes_its_images_in_place_is_trained_and_exported(digits, tmp_path):
    """As one that normalises them itself: the images of a check were others at its second call."""
    file = tmp_path / "net.py"
    file.write_text(OF_A_LINE.format(line="x.sub_(0.5).mul_(2)", end=""))
    trainer = Trainer(config(network=f"{file}:Net"), digits)
    metrics = trainer.train_epoch()
    assert metrics.train_loss == pytest.approx(2.303, abs=0.3)
    trainer.save(tmp_path / "checkpoint")
    images = torch.randn(4, 3, 32, 32)
    exported = export(trainer.network.eval(), trainer.size, images, batch=1, seconds=0.01)
    with torch.no_grad():
        expected = trainer.network(images.clone())
        assert torch.allclose(exported.chosen.module(images.clone()), expected, atol=1e-4)


def test_a_network_without_gradients_says_what_to_leave_out(digits, tmp_path):
    (tmp_path / "net.py").write_text(OF_A_LINE.format(line="", end=".detach()"))
    trainer = Trainer(config(network=f"{tmp_path / 'net.py'}:Net"), digits)
    with pytest.raises(ConfigError, match="nothing of the network can be trained"):
        trainer.train_epoch()
