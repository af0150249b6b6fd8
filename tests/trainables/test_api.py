"""The Python door, as docs/your-network.md opens it."""

import pytest
import torch
from torch import nn
from torchvision.models import resnet18, resnet34

from tests.trainables.trained_study import train_study
from trainables.api import fit, load_network, substitute, trace
from trainables.architectures.budget import InfeasibleError
from trainables.architectures.selection import SelectionError
from trainables.config.train_config import TrainConfig
from trainables.networks.network_error import NetworkError


def make_net() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(16, 32, 3, padding=1),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(32, 10),
    )


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


@pytest.mark.parametrize("make", [make_net, lambda: resnet18(num_classes=10)])
def test_a_network_is_traced_fitted_and_substituted(make) -> None:
    table = trace(make, image=(3, 64, 64))
    assert table.parameters == count(make())
    size = fit(table, layer="tucker2", rank=8)
    network = substitute(make(), size)
    assert count(network) == size.parameters < table.parameters
    network(torch.zeros(2, 3, 64, 64)).sum().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())


def test_another_network_is_refused_and_left_as_it_was() -> None:
    """resnet34 has every layer that resnet18 has, and more."""
    size = fit(trace(lambda: resnet18(num_classes=10), image=(3, 64, 64)), layer="cp", rank=4)
    other = resnet34(num_classes=10)
    before = count(other)
    with pytest.raises(NetworkError, match="which has 11,181,642"):
        substitute(other, size)
    assert count(other) == before


@pytest.mark.parametrize(
    ("size", "kind", "words"),
    [
        ({"layer": "tucker3", "rank": 2}, ValueError, "layer must be one of"),
        ({"layer": "tucker2"}, ValueError, "needs one of rank_divisor"),
        ({"layer": "tucker2", "parameters": 9}, InfeasibleError, "its smallest network has"),
        ({"layer": "tucker2", "rank": 2, "keep": "x*"}, SelectionError, "matches no layer"),
    ],
)
def test_what_cannot_be_fitted_says_why(size, kind, words) -> None:
    with pytest.raises(kind, match=words):
        fit(trace(make_net, image=(3, 32, 32)), **size)


@pytest.mark.parametrize("trained", [True, False])
def test_a_network_that_is_traced_stays_as_it_was(trained: bool) -> None:
    network = make_net().train(trained)
    network[0].requires_grad_(False)
    network[3].eval()
    before = {name: one.clone() for name, one in network.state_dict().items()}
    modes = [one.training for one in network.modules()]
    table = trace(network, image=(3, 32, 32))
    assert table == trace(lambda: network, image=(3, 32, 32), network="Sequential")
    assert [one.training for one in network.modules()] == modes
    assert [one.requires_grad for one in network.parameters()] == [False] * 2 + [True] * 4
    assert all(one.equal(before[name]) for name, one in network.state_dict().items())
    substitute(network.eval(), fit(table, layer="low_rank", rank=2))
    assert not network[2].training


@pytest.mark.parametrize(
    ("size", "words"),
    [
        ({"rank": 2.5}, "rank must be a whole number, got 2.5"),
        ({"rank": "2", "keep": ["x"]}, "rank must be a whole .*; keep must be a text"),
        ({"rank": True}, "got True"),
        ({"ranks_scale": 1, "dims": "3"}, "no 'ranks_scale': .* mean 'rank_scale'.*dims must be"),
        ({"width": 3, "rank": 1}, "fit has no 'width'"),
    ],
)
def test_sizes_of_another_kind_are_all_named(size, words) -> None:
    with pytest.raises(TypeError, match=words):
        fit(trace(make_net, image=(3, 32, 32)), layer="tucker2", **size)
    with pytest.raises(TypeError, match="table must be what trace returns, got a Sequential"):
        fit(make_net(), layer="tucker2", rank=1)


def test_what_cannot_be_substituted_says_why_and_stays() -> None:
    size = fit(trace(make_net, image=(3, 32, 32)), layer="tucker2", rank=2)
    with pytest.raises(TypeError, match=r"Module and what fit returns, got a function"):
        substitute(make_net, size)
    network = make_net()
    with torch.no_grad():
        network[2].weight[0] = float("nan")
    before = count(network)
    with pytest.raises(NetworkError, match="weights of 2 are not finite"):
        substitute(network, size)
    assert count(network) == before


@pytest.mark.seconds  # trains
def test_what_a_study_has_trained_comes_back(digits, tmp_path) -> None:
    config = TrainConfig.from_trial(
        {
            "network": f"{__file__}:make_for_a_study",
            "layer": "tucker2",
            "rank": 4,
            "dataset": "digits",
            "train_images": 128,
            "batch_size": 64,
            "epochs": 1,
        }
    )
    study, name = train_study(tmp_path, digits, config)
    network = load_network(study, name)
    assert count(network) == config.network_size().parameters
    assert not network.training


def make_for_a_study(classes: int) -> nn.Module:
    assert classes == 10
    return make_net()
